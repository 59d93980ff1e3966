//! The operator's guide says what the code says. `UPDATE_DOCS=1` writes the parts that are made from the source.
#![expect(clippy::expect_used, reason = "a test's helpers stop it as it stops itself")]

use std::path::PathBuf;
use tandem_server::Config;
use tandem_server::config::schema::markdown_reference;
use tandem_server::metrics::{MetricKind, REFERENCE};

fn guide_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/operator.md")
}

fn metrics_table() -> String {
    let mut table = String::from("| metric | kind | meaning |\n|---|---|---|\n");
    for doc in REFERENCE {
        let kind = match doc.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        table.push_str(&format!("| `{}` | {kind} | {} |\n", doc.name, doc.help));
    }
    table
}

/// The guide with one part put in the place between its two marks.
fn with_part(guide: &str, name: &str, part: &str) -> String {
    let (before, rest) = guide.split_once(&format!("<!-- {name}:")).expect("the guide has a place for it");
    let (mark, rest) = rest.split_once("-->\n").expect("the mark ends");
    let (_, after) = rest.split_once(&format!("<!-- end of {name} -->")).expect("the place ends");
    format!("{before}<!-- {name}:{mark}-->\n\n{}\n\n<!-- end of {name} -->{after}", part.trim_end())
}

#[test]
fn the_operators_guide_has_every_key_and_every_metric_as_they_are() {
    let guide = std::fs::read_to_string(guide_path()).unwrap();
    let wanted = with_part(&guide, "metrics", &metrics_table());
    let wanted = with_part(&wanted, "keys", &markdown_reference(&Config::reference()));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(guide_path(), &wanted).unwrap();
    }
    let guide = std::fs::read_to_string(guide_path()).unwrap();
    assert!(guide == wanted, "docs/operator.md is behind the source: run this test with UPDATE_DOCS=1");
}

#[test]
fn the_guides_example_is_a_configuration_that_reads() {
    let guide = std::fs::read_to_string(guide_path()).unwrap();
    let example = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    // Its files are the reader's own; everything else must hold.
    let without_files = example.replace("password_file = \"/etc/tandem/smpp-password\"", "");
    Config::from_toml(&without_files, &|_| None).unwrap();
}
