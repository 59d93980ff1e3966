//! The committed bytes of every message: one snapshot each, and one file for clients in other languages.

mod common;

use std::path::PathBuf;

use common::{Root, hex, samples_server};
use serde_json::{Value, json};

#[test]
fn the_bytes_of_every_message_are_the_committed_ones() {
    for (name, message, _) in samples_server::all() {
        let bytes = hex(&message.encode());
        let lines: Vec<&str> = bytes.as_bytes().chunks(96).map(|line| std::str::from_utf8(line).unwrap()).collect();
        insta::assert_snapshot!(name, format!("{message:#?}\n\n{}", lines.join("\n")));
    }
}

#[test]
fn there_is_a_sample_of_every_kind_in_the_schema() {
    let schema = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/proto/tandem_v1.proto")).unwrap();
    for root in Root::ALL {
        let (_, after) = schema.split_once(&format!("message {} {{", root.name())).unwrap();
        let (_, after) = after.split_once("oneof kind {").unwrap();
        let (kinds, _) = after.split_once('}').unwrap();
        for line in kinds.lines().filter(|line| line.contains('=')) {
            let kind = line.split_whitespace().nth(1).unwrap();
            let sampled = samples_server::all()
                .iter()
                .any(|(_, message, says)| message.root() == root && says.get(kind).is_some());
            assert!(sampled, "{}.{kind}", root.name());
        }
    }
}

/// `TANDEM_UPDATE_VECTORS=1` writes the file, for when the schema grows.
#[test]
fn the_vectors_for_other_clients_are_the_committed_ones() {
    let vectors: Vec<Value> = samples_server::all()
        .into_iter()
        .map(|(name, message, says)| {
            json!({ "name": name, "message": message.root().name(), "hex": hex(&message.encode()), "says": says })
        })
        .collect();
    let fresh = json!({ "wire": 1, "vectors": vectors });
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/wire_v1.json");
    if std::env::var_os("TANDEM_UPDATE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&fresh).unwrap() + "\n").unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(fresh == committed, "the vectors are old: run this test with TANDEM_UPDATE_VECTORS=1");
}
