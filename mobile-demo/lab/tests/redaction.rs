//! What a scenario leaves in its folder names nobody's number and repeats nobody's words.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside test functions")]

use std::path::Path;
use tandem_lab::demo::run_file;
use tandem_lab::scenario::{Clock, read};

const SECRETIVE: &str = r#"
name = "secretive"
[[device]]
name = "alice"
numbers = ["+4915112345601", "0170 7654321"]
contacts = ["bob", "0800 1234567", "+1 202 555 0123"]
registered = true
[[device]]
name = "bob"
numbers = ["+4915112345602"]
contacts = ["alice", "0151 12345601"]
registered = true
[[flow]]
name = "dials"
steps = [
  { device = "alice", do = "call", to = "0800 1234567" },
  { device = "alice", see = "carrier-dialed", to = "0800 1234567" },
  { device = "alice", do = "call", to = "1-1-2" },
  { device = "alice", see = "carrier-dialed", to = "1-1-2" },
  { device = "alice", do = "call", to = "0151 12345602", over = "carrier" },
  { device = "alice", see = "carrier-dialed" },
]
[[flow]]
name = "texts"
steps = [
  { device = "alice", do = "text", to = "bob", body = "MARKED-BODY one" },
  { device = "bob", see = "arrived", body = "MARKED-BODY one" },
  { device = "bob", do = "read-all", from = "0151 12345601" },
  { device = "alice", do = "history", with = "+4915112345602" },
  { device = "alice", see = "history", with = "0151 12345602" },
  { device = "alice", do = "text", to = "+491777777777", body = "MARKED-BODY two", over = "carrier" },
  { device = "alice", see = "carrier-sms", to = "+49 177 7777777" },
]
[[flow]]
name = "changes"
steps = [
  { device = "alice", do = "contacts", add = ["+4916099999999"], remove = ["+1 202 555 0123"] },
  { do = "smsc", misroute_to = "+4915112345602" },
  { device = "bob", do = "enter-code", code = "98765432" },
  { device = "bob", do = "register", typed = "0151 00000077" },
  { device = "bob", do = "sims", numbers = ["+4916088888888"] },
  { device = "bob", see = "registration", state = "failed", why = "sim-changed" },
]
[[flow]]
name = "in vain"
steps = [
  { device = "bob", see = "arrived", from = "+4916099999999", body = "MARKED-BODY three", within_ms = 100 },
]
"#;

/// Every run of digits that would give a number of the scenario away: each is the end of all of its spellings.
const NUMBERS: [&str; 9] = [
    "15112345601",
    "1707654321",
    "8001234567",
    "2025550123",
    "15112345602",
    "1777777777",
    "16099999999",
    "16088888888",
    "15100000077",
];

fn texts_of(folder: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.display().to_string(), std::fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn no_number_in_any_spelling_and_no_word_of_a_person_is_in_what_a_scenario_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, SECRETIVE).unwrap();
    let out = folder.path().join("out");
    assert_eq!(run_file(&file, 1, Clock::Virtual, true, Some(out.clone())), Ok(false), "one flow is in vain");
    let texts = texts_of(&out);
    assert_eq!(texts.len(), 3, "events, JUnit and diagram");
    for (name, text) in &texts {
        // Punctuation hides no number, and times between digits make none.
        let plain: String = text.chars().filter(|c| !" -/().+".contains(*c)).collect();
        for secret in NUMBERS.iter().chain(&["MARKEDBODY", "98765432"]) {
            assert!(!plain.contains(secret), "{secret} is in {name}");
        }
    }
    let events = &texts.iter().find(|(name, _)| name.ends_with("events.jsonl")).unwrap().1;
    for told in ["\"to\":\"number-1\"", "\"to\":\"1-1-2\"", "\"misroute_to\":\"bob\"", "\"from\":\"alice\"", "number-3"]
    {
        assert!(events.contains(told), "{told} is in {events}");
    }
    let failed =
        texts.iter().filter(|(_, text)| text.contains("body=<redacted>") || text.contains("body=&lt;redacted&gt;"));
    assert_eq!(failed.count(), 2, "what fell short is told without its words");
}

#[test]
fn every_scenario_of_the_lab_leaves_no_number_and_no_body() {
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap() {
        let file = file.unwrap().path();
        let source = std::fs::read_to_string(&file).unwrap();
        if read(&source).unwrap().plays_on(Clock::Virtual).is_err() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        run_file(&file, 1, Clock::Virtual, true, Some(folder.path().to_owned())).unwrap();
        let bodies =
            source.split("body = \"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|b| b.len() > 3);
        let bodies: Vec<&str> = bodies.collect();
        for (name, text) in texts_of(folder.path()) {
            let is_told = |digits: &str| text.contains(digits);
            assert!(!is_told("1511234") && !is_told("1701234") && !is_told("1234567"), "a number is in {name}");
            assert!(bodies.iter().all(|body| !text.contains(body)), "a body is in {name}");
        }
    }
}
