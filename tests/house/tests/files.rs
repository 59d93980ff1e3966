//! What no tracked file may hold.

#![expect(clippy::expect_used, reason = "helpers of tests stand outside test functions")]

use std::process::Command;

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

fn tracked() -> Vec<String> {
    let out = Command::new("git").arg("ls-files").current_dir(root()).output().expect("git runs");
    assert!(out.status.success(), "git ls-files failed");
    String::from_utf8(out.stdout).expect("UTF-8 names").lines().map(str::to_owned).collect()
}

fn read(file: &str) -> Option<String> {
    std::fs::read_to_string(root().join(file)).ok()
}

/// Words that would tie the repository to one machine or one registry host. Written in halves, so that this file passes.
fn foreign_words() -> Vec<String> {
    [["/wo", "rk/"], ["/ro", "ot/"], ["regis", "try.npmjs.org"], ["index.cra", "tes.io"], ["pypi.", "org/simple"]]
        .iter()
        .map(|halves| halves.concat())
        .collect()
}

#[test]
fn no_file_names_a_machine_or_a_registry_host() {
    let words = foreign_words();
    let mut found = Vec::new();
    for file in tracked().iter().filter(|file| *file != "Cargo.lock") {
        let Some(text) = read(file) else { continue };
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{file}:{}", number + 1));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn unsafe_code_stays_in_ffi_and_media() {
    let word = ["uns", "afe "].concat();
    let found: Vec<String> = tracked()
        .into_iter()
        .filter(|file| file.ends_with(".rs") && !file.starts_with("bindings/ffi") && !file.starts_with("core/media"))
        .filter(|file| {
            read(file).is_some_and(|text| {
                text.lines().any(|line| {
                    let line = line.trim_start();
                    !line.starts_with("//")
                        && [word.as_str()].iter().any(|w| {
                            line.contains(&format!("{w}{{"))
                                || line.contains(&format!("{w}fn"))
                                || line.contains(&format!("{w}impl"))
                        })
                })
            })
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn hand_written_files_stay_small_enough_to_be_one_noun() {
    let long: Vec<String> = tracked()
        .into_iter()
        .filter(|file| file.ends_with(".rs") && !file.contains("/schema/") && !file.contains("/generated/"))
        .filter_map(|file| {
            let lines = read(&file)?.lines().count();
            (lines > 700).then(|| format!("{file}: {lines} lines"))
        })
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn the_readme_names_both_commands() {
    let readme = read("README.md").expect("README.md");
    assert!(readme.contains("cargo run --release --bin lab -- demo"));
    assert!(readme.contains("tests/run"));
}
