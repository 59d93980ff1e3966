//! Scenarios in virtual time: all of them pass, replay byte for byte, and what cannot be played there is refused by name.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside test functions")]

use std::path::{Path, PathBuf};
use tandem_lab::demo::run_file;
use tandem_lab::report::{Report, Teller};
use tandem_lab::runner::{Outcome, run};
use tandem_lab::scenario::{CannotPlay, Clock, Scenario, read};
use tandem_lab::sights::fits;
use tandem_lab::virtual_time::VirtualStage;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn scenario(file: &Path) -> Scenario {
    read(&std::fs::read_to_string(file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn play(scenario: &Scenario, seed: u64, out: Option<PathBuf>) -> Outcome {
    let mut stage = VirtualStage::open(scenario, seed).unwrap();
    run(scenario, &mut stage, &mut Report::new(out, Teller::Silent))
}

fn events(scenario: &Scenario, seed: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    play(scenario, seed, Some(folder.path().to_owned()));
    std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap()
}

/// What fell short in a scenario of two registered phones, with these steps after the setup.
fn shortcomings(world: &str, alice: &str, steps: &str) -> Vec<String> {
    let text = format!(
        r#"
name = "inline"
[world]
{world}
[[device]]
name = "alice"
numbers = ["+4915112345601"]
contacts = ["bob"]
registered = true
{alice}
[[device]]
name = "bob"
numbers = ["+4915112345602"]
contacts = ["alice"]
registered = true
[[flow]]
name = "flow"
steps = [
{steps}
]
"#
    );
    let outcome = play(&read(&text).unwrap(), 7, None);
    outcome.flows.into_iter().filter(|flow| !flow.ok).map(|flow| format!("{}: {:?}", flow.name, flow.why)).collect()
}

const TALKING: &str = r#"
  { device = "alice", do = "call", to = "bob" },
  { device = "bob", see = "call", state = "ringing", outgoing = false },
  { device = "bob", do = "accept" },
  { device = "alice", see = "call", state = "active" },
  { device = "bob", see = "call", state = "active" },
"#;

#[test]
fn every_scenario_without_a_fault_of_the_shell_passes() {
    let mut short = Vec::new();
    let mut played = 0;
    for file in files() {
        let scenario = scenario(&file);
        match scenario.plays_on(Clock::Virtual) {
            Ok(()) => {
                played += 1;
                let flows = play(&scenario, 1, None).flows;
                short.extend(flows.into_iter().filter(|flow| !flow.ok).map(|flow| (scenario.name.clone(), flow)));
            }
            Err(CannotPlay::ShellFault { .. }) => {}
            Err(other) => panic!("{}: {other}", scenario.name),
        }
    }
    assert!(short.is_empty(), "{short:#?}");
    assert!(played > 40, "only {played} played");
}

#[test]
fn scenarios_pass_whatever_the_seed() {
    for file in files() {
        let scenario = scenario(&file);
        if scenario.plays_on(Clock::Virtual).is_ok() {
            for seed in 2..7 {
                let outcome = play(&scenario, seed, None);
                assert_eq!(outcome.failed, 0, "{} with seed {seed}: {:#?}", scenario.name, outcome.flows);
            }
        }
    }
}

#[test]
fn the_same_file_and_seed_give_the_same_events_byte_for_byte_and_another_seed_does_not() {
    for name in ["demo", "call-glare", "register-throttled", "text-server-killed"] {
        let file = files().into_iter().find(|file| file.file_stem().is_some_and(|stem| stem == name)).unwrap();
        let scenario = scenario(&file);
        let first = events(&scenario, 1);
        assert!(first.lines().count() > 8, "{name} has events");
        assert_eq!(first, events(&scenario, 1), "{name}");
        assert_ne!(first, events(&scenario, 2), "{name}: the seed matters");
    }
}

#[test]
fn whatever_is_shown_in_any_scenario_fits_the_table_of_what_can_be_seen() {
    let mut kinds = std::collections::BTreeSet::new();
    for file in files() {
        let scenario = scenario(&file);
        if scenario.plays_on(Clock::Virtual).is_err() {
            continue;
        }
        for line in events(&scenario, 1).lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let Some(seen) = event.get("seen").and_then(serde_json::Value::as_object) else { continue };
            assert_eq!(fits(seen), Ok(()), "{}: {line}", scenario.name);
            kinds.insert(seen["see"].as_str().unwrap().to_owned());
        }
    }
    assert!(kinds.len() > 14, "{kinds:?}");
}

#[test]
fn a_fault_of_the_shell_is_refused_by_name() {
    let file = files().into_iter().find(|file| file.ends_with("core-hangs.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = run_file(&file, 1, Clock::Virtual, false, Some(folder.path().to_owned())).unwrap_err();
    assert!(error.contains("`hang`") && error.contains("virtual clock"), "{error}");
}

#[test]
fn the_reports_are_those_of_the_real_clock() {
    let file = files().into_iter().find(|file| file.ends_with("call-refused.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run_file(&file, 1, Clock::Virtual, true, Some(folder.path().to_owned())), Ok(true));
    for report in ["events.jsonl", "junit.xml", "sequence.mmd"] {
        assert!(folder.path().join(report).metadata().unwrap().len() > 0, "{report}");
    }
}

#[test]
fn what_is_held_is_not_heard() {
    let steps = format!(
        r#"{TALKING}
  {{ device = "alice", do = "talk", ms = 4000 }},
  {{ device = "bob", do = "talk", ms = 4000 }},
  {{ wait_ms = 1000 }},
  {{ device = "alice", do = "hold", on = true }},
  {{ wait_ms = 1000 }},
  {{ device = "alice", do = "hold", on = false }},
  {{ device = "bob", see = "heard", min_similarity = 0.7, max_similarity = 0.8, min_seconds = 2.8, max_seconds = 3.2 }},
"#
    );
    assert_eq!(shortcomings("", "", &steps), Vec::<String>::new());
}

#[test]
fn a_peer_that_says_nothing_is_not_heard() {
    let steps = format!(
        r#"{TALKING}
  {{ device = "alice", do = "talk", ms = 3000 }},
  {{ device = "alice", see = "heard", max_similarity = 0.0 }},
"#
    );
    assert_eq!(shortcomings("", "", &steps), Vec::<String>::new());
}

#[test]
fn a_link_that_swallows_everything_holds_a_text_back_until_it_lets_go() {
    let steps = r#"
  { device = "bob", do = "link", drop_all = true },
  { device = "alice", do = "text", to = "bob", body = "late" },
  { device = "alice", see = "text", status = "stored" },
  { device = "bob", see = "arrived", quiet_ms = 5000 },
  { device = "bob", do = "link" },
  { device = "bob", see = "arrived", body = "late" },
  { device = "alice", see = "text", status = "delivered" },
"#;
    assert_eq!(shortcomings("", "", steps), Vec::<String>::new());
}

#[test]
fn a_lossy_trembling_link_delays_texts_and_loses_none() {
    let link = r#"link = { delay_ms = 80, jitter_ms = 40, loss = 0.2 }"#;
    let steps = r#"
  { device = "alice", do = "text", to = "bob", body = "one" },
  { device = "alice", do = "text", to = "bob", body = "two" },
  { device = "bob", see = "arrived", body = "one" },
  { device = "bob", see = "arrived", body = "two" },
  { device = "alice", see = "text", status = "delivered" },
  { device = "alice", see = "text", status = "delivered" },
"#;
    assert_eq!(shortcomings("", link, steps), Vec::<String>::new());
}

#[test]
fn the_rate_of_each_way_decides_a_call() {
    for (link, side) in [("up_kbps = 20", "own"), ("down_kbps = 20", "own"), ("delay_ms = 400", "own")] {
        let steps = format!(
            r#"
  {{ device = "alice", do = "link", {link} }},
  {{ wait_ms = 5000 }},
  {{ device = "alice", do = "call", to = "bob" }},
  {{ device = "alice", see = "prompt", about = "call", side = "{side}", within_ms = 3000 }},
"#
        );
        assert_eq!(shortcomings("", "", &steps), Vec::<String>::new(), "{link}");
    }
}

#[test]
fn another_address_breaks_the_session_and_it_comes_back() {
    let steps = r#"
  { device = "alice", do = "path-change" },
  { device = "alice", see = "online", online = true, within_ms = 15000 },
  { device = "alice", do = "text", to = "bob", body = "from elsewhere" },
  { device = "bob", see = "arrived", body = "from elsewhere" },
  { device = "bob", do = "history", with = "alice" },
  { device = "bob", see = "history", with = "alice" },
"#;
    assert_eq!(shortcomings("", "", steps), Vec::<String>::new());
}
