//! README's examples are the sources that are compiled and run elsewhere.

#![expect(clippy::expect_used, reason = "helpers of tests stand outside test functions")]

fn read(file: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(file)).expect("a file of the repository")
}

/// What stands between two lines, both left out.
fn between(text: &str, begin: &str, end: &str) -> Vec<String> {
    let inside = text.lines().skip_while(|line| *line != begin).skip(1).take_while(|line| *line != end);
    inside.map(str::to_owned).collect()
}

fn is_shown(language: &str, source: &str) {
    let example = between(&read(source), "// bind-it", "// end");
    assert!((1..=25).contains(&example.len()), "{source} has {} lines", example.len());
    assert_eq!(between(&read("README.md"), &format!("```{language}"), "```"), example, "README's {language}");
}

#[test]
fn the_kotlin_of_the_readme_is_what_is_run() {
    is_shown("kotlin", "bindings/kotlin/src/test/kotlin/org/tandem/BindIt.kt");
}

#[test]
fn the_swift_of_the_readme_is_what_is_checked() {
    is_shown("swift", "bindings/swift/Snippets/BindIt.swift");
}
