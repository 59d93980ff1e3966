//! Rooms keep to their imports (DESIGN 3).

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests stand outside test functions")]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};
use std::collections::{BTreeMap, BTreeSet};

/// What each room may import of the other rooms. A room that is not listed here fails the test: list it, with its edges.
const ROOMS: &[(&str, &[&str])] = &[
    ("tandem-model", &[]),
    ("tandem-wire", &["tandem-model"]),
    ("tandem-wire-gen", &[]),
    ("tandem-crypto", &["tandem-model"]),
    ("tandem-machine", &["tandem-model", "tandem-wire"]),
    ("tandem-store", &["tandem-model"]),
    ("tandem-media", &["tandem-model"]),
    (
        "tandem-engine",
        &["tandem-model", "tandem-wire", "tandem-crypto", "tandem-machine", "tandem-store", "tandem-media"],
    ),
    ("tandem-ffi", &["tandem-model", "tandem-engine"]),
    ("tandem-bindgen", &[]),
    ("tandem-testkit", &["tandem-model", "tandem-engine", "tandem-ffi"]),
    ("tandem-logic", &["tandem-model", "tandem-wire"]),
    ("tandem-keyd", &["tandem-model", "tandem-crypto"]),
    ("tandem-resolver", &["tandem-model"]),
    ("tandem-server-store", &["tandem-model", "tandem-wire", "tandem-logic", "tandem-resolver"]),
    ("tandem-sms", &["tandem-model", "tandem-wire"]),
    ("tandem-turn", &["tandem-model"]),
    ("tandem-push", &["tandem-model"]),
    (
        "tandem-server",
        &[
            "tandem-model",
            "tandem-wire",
            "tandem-crypto",
            "tandem-keyd",
            "tandem-logic",
            "tandem-resolver",
            "tandem-server-store",
            "tandem-sms",
            "tandem-turn",
        ],
    ),
    ("tandem-shaper", &["tandem-media"]),
    ("tandem-smsc", &["tandem-sms"]),
    ("tandem-bench", &["tandem-engine", "tandem-machine", "tandem-model", "tandem-resolver"]),
];

/// Rooms where everything meets: they may import any room.
const MEETING_PLACES: &[&str] = &["tandem-lab", "tandem-sim", "tandem-e2e", "tandem-house"];

/// Rooms that decide and never act, and what must not even be reachable from them.
const PURE: &[&str] =
    &["tandem-model", "tandem-wire", "tandem-machine", "tandem-logic", "tandem-resolver", "tandem-crypto"];
const ACTING: &[&str] =
    &["tokio", "mio", "socket2", "reqwest", "hyper", "rusqlite", "libsqlite3-sys", "webrtc", "rtc", "uniffi", "axum"];

/// Crates that one room alone may import directly.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("webrtc", &["tandem-media"]),
    ("rtc", &["tandem-media"]),
    ("rusqlite", &["tandem-store", "tandem-server-store", "tandem-keyd"]),
    ("uniffi", &["tandem-ffi", "tandem-testkit"]),
    ("uniffi_bindgen", &["tandem-bindgen"]),
];

type Graph = BTreeMap<String, BTreeSet<String>>;

fn metadata() -> Metadata {
    MetadataCommand::new().exec().expect("cargo metadata runs")
}

/// Direct normal dependencies of every package, by name.
fn direct(metadata: &Metadata) -> Graph {
    let names: BTreeMap<&PackageId, &str> = metadata.packages.iter().map(|p| (&p.id, p.name.as_str())).collect();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let mut graph = Graph::new();
    for node in &resolve.nodes {
        let to = node
            .deps
            .iter()
            .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
            .map(|dep| names[&dep.pkg].to_owned());
        graph.entry(names[&node.id].to_owned()).or_default().extend(to);
    }
    graph
}

fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        for next in graph.get(&name).into_iter().flatten() {
            if seen.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    seen
}

/// Every broken rule, as a sentence.
fn broken_rules(graph: &Graph, members: &BTreeSet<String>) -> Vec<String> {
    let mut broken = Vec::new();
    for member in members {
        let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| room == member) else {
            if !MEETING_PLACES.contains(&member.as_str()) {
                broken.push(format!("{member} is in no table: say what it may import"));
            }
            continue;
        };
        for import in graph.get(member).into_iter().flatten().filter(|name| members.contains(*name)) {
            if !allowed.contains(&import.as_str()) {
                broken.push(format!("{member} may not import {import}"));
            }
        }
    }
    for pure in PURE {
        let reached = reachable(graph, pure);
        for acting in ACTING.iter().filter(|name| reached.contains(**name)) {
            broken.push(format!("{pure} decides and must not reach {acting}"));
        }
    }
    for (krate, rooms) in ONLY_IN {
        for member in members.iter().filter(|m| graph.get(*m).is_some_and(|deps| deps.contains(*krate))) {
            if !rooms.contains(&member.as_str()) {
                broken.push(format!("{member} may not import {krate}"));
            }
        }
    }
    broken
}

#[test]
fn every_room_keeps_to_its_imports() {
    let metadata = metadata();
    let members = metadata.workspace_packages().iter().map(|p| p.name.to_string()).collect();
    assert_eq!(broken_rules(&direct(&metadata), &members), Vec::<String>::new());
}

#[test]
fn a_forbidden_edge_is_found_wherever_it_hides() {
    let edge = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let members = BTreeSet::from(["tandem-machine".to_owned(), "tandem-store".to_owned(), "tandem-attic".to_owned()]);
    let graph = Graph::from([edge("tandem-machine", "tandem-store"), edge("tandem-store", "tokio")]);
    let broken = broken_rules(&graph, &members);
    assert!(broken.contains(&"tandem-machine may not import tandem-store".to_owned()));
    assert!(broken.contains(&"tandem-machine decides and must not reach tokio".to_owned()));
    assert!(broken.iter().any(|rule| rule.starts_with("tandem-attic is in no table")));
}

#[test]
fn every_room_inherits_the_lints() {
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("valid TOML");
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(inherits, Some(true), "{} does not inherit the workspace lints", package.name);
    }
}

#[test]
fn deciding_rooms_ban_clocks_thread_randomness_and_unordered_maps() {
    let root = metadata().workspace_root;
    for room in ["core/machine", "server/logic", "server/resolver"] {
        let path = root.join(room).join("clippy.toml");
        let rules = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        for banned in ["std::time::Instant::now", "std::time::SystemTime::now", "std::collections::HashMap"] {
            assert!(rules.contains(banned), "{path} does not ban {banned}");
        }
    }
}
