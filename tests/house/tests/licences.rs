//! deny.toml's licences and bans hold over everything that is linked.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests stand outside test functions")]

use cargo_metadata::MetadataCommand;
use std::collections::BTreeSet;

fn deny_table() -> toml::Table {
    let root = MetadataCommand::new().no_deps().exec().expect("cargo metadata runs").workspace_root;
    std::fs::read_to_string(root.join("deny.toml")).expect("deny.toml").parse().expect("valid TOML")
}

fn allowed() -> BTreeSet<String> {
    let table = deny_table();
    let allow = table["licenses"]["allow"].as_array().expect("a list");
    allow.iter().map(|licence| licence.as_str().expect("a name").to_owned()).collect()
}

fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // Old manifests write "/" for "OR".
    let expression = expression.replace('/', " OR ");
    spdx::Expression::parse_mode(&expression, spdx::ParseMode::LAX)
        .is_ok_and(|parsed| parsed.evaluate(|requirement| allowed.contains(&requirement.to_string())))
}

#[test]
fn everything_linked_is_under_an_allowed_licence() {
    let allowed = allowed();
    let metadata = MetadataCommand::new().exec().expect("cargo metadata runs");
    let wrong: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| !package.license.as_deref().is_some_and(|text| is_allowed(text, &allowed)))
        .map(|package| format!("{} {}: {:?}", package.name, package.version, package.license))
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn nothing_banned_is_in_the_graph() {
    let table = deny_table();
    let banned: BTreeSet<&str> = table["bans"]["deny"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|ban| ban["crate"].as_str().expect("a name"))
        .collect();
    let metadata = MetadataCommand::new()
        .other_options(["--filter-platform".to_owned(), "x86_64-unknown-linux-gnu".to_owned()])
        .exec()
        .expect("cargo metadata runs");
    let resolved: BTreeSet<_> = metadata.resolve.expect("a graph").nodes.into_iter().map(|node| node.id).collect();
    let found: Vec<_> = metadata
        .packages
        .iter()
        .filter(|p| resolved.contains(&p.id) && banned.contains(p.name.as_str()))
        .map(|p| p.name.to_string())
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn copyleft_and_unknown_licences_are_refused() {
    let allowed = allowed();
    assert!(is_allowed("MIT OR Apache-2.0", &allowed));
    assert!(is_allowed("MIT/Apache-2.0", &allowed));
    assert!(is_allowed("GPL-3.0 OR MIT", &allowed));
    assert!(!is_allowed("GPL-3.0", &allowed));
    assert!(!is_allowed("AGPL-3.0-only", &allowed));
    assert!(!is_allowed("MIT AND AGPL-3.0", &allowed));
    assert!(!is_allowed("Some-Other", &allowed));
}
