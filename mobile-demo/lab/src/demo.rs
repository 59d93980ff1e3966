//! The two commands a person runs: the demo, and a scenario of their own.

use crate::real::RealStage;
use crate::report::{Report, Teller};
use crate::runner::{Outcome, run};
use crate::scenario::{Clock, Scenario, Step, Verb, read};
use crate::virtual_time::VirtualStage;
use std::path::{Path, PathBuf};

/// Plays the demo. True when every flow passed.
///
/// # Errors
/// When the lab itself cannot be set up.
pub fn demo(out: &Path, json: bool, drop_everything: bool) -> Result<bool, String> {
    let mut scenario = read(include_str!("../scenarios/demo.toml")).map_err(|e| e.to_string())?;
    if drop_everything {
        drop_everything_before_the_call(&mut scenario);
    }
    let mut report = Report::new(Some(out.to_owned()), Teller::beside(json));
    report.say("Tandem demo: one server, three phones, real sockets, real speech.");
    let mut outcome = play(&scenario, 1, Clock::Real, &mut report, out)?;
    report.say("\nAnd a world of its own, in which marks are leased for seconds instead of a day.");
    outcome.and(dead_phone(out, json)?);
    report.say(&format!("\n{} flows passed, {} failed.", outcome.passed, outcome.failed));
    report.say(&format!("What each phone heard, the sequence diagram and the events are in {}.", out.display()));
    print_json(json, &outcome)?;
    Ok(outcome.failed == 0)
}

/// A phone that dies, in its own world: nobody waits a day for a lease to end.
fn dead_phone(out: &Path, json: bool) -> Result<Outcome, String> {
    let scenario = read(include_str!("../scenarios/dead-phone.toml")).map_err(|e| e.to_string())?;
    let out = out.join(&scenario.name);
    let mut report = Report::new(Some(out.clone()), Teller::beside(json));
    play(&scenario, 1, Clock::Real, &mut report, &out)
}

/// Plays a scenario file. True when every flow passed.
///
/// # Errors
/// When the file cannot be read, names what does not exist, or the lab cannot be set up.
pub fn run_file(file: &Path, seed: u64, clock: Clock, json: bool, out: Option<PathBuf>) -> Result<bool, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let scenario = read(&text).map_err(|e| format!("{}: {e}", file.display()))?;
    scenario.plays_on(clock).map_err(|e| format!("{}: {e}", file.display()))?;
    let out = out.unwrap_or_else(|| Path::new("out").join(&scenario.name));
    let mut report = Report::new(Some(out.clone()), Teller::beside(json));
    report.say(&format!("{}: {}", scenario.name, scenario.about));
    let outcome = play(&scenario, seed, clock, &mut report, &out)?;
    report.say(&format!("\n{} flows passed, {} failed.", outcome.passed, outcome.failed));
    print_json(json, &outcome)?;
    Ok(outcome.failed == 0)
}

fn play(scenario: &Scenario, seed: u64, clock: Clock, report: &mut Report, out: &Path) -> Result<Outcome, String> {
    let outcome = match clock {
        Clock::Virtual => run(scenario, &mut VirtualStage::open(scenario, seed)?, report),
        Clock::Real => play_for_real(scenario, seed, report, out)?,
    };
    report.finish(&scenario.name, &outcome).map_err(|e| e.to_string())?;
    Ok(outcome)
}

fn play_for_real(scenario: &Scenario, seed: u64, report: &mut Report, out: &Path) -> Result<Outcome, String> {
    let folder = tempfile_in(out)?;
    let mut stage = RealStage::open(scenario, seed, &folder)?;
    let outcome = run(scenario, &mut stage, report);
    keep_recordings(&folder, out);
    if outcome.failed == 0 {
        let _left_for_the_user = std::fs::remove_dir_all(&folder);
    }
    Ok(outcome)
}

/// A fresh folder for databases and secrets under the output folder: what a failed run leaves is there to be looked at.
fn tempfile_in(out: &Path) -> Result<PathBuf, String> {
    let folder = out.join(format!("run-{}", std::process::id()));
    let _from_an_earlier_run = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(folder)
}

fn keep_recordings(from: &Path, to: &Path) {
    let files = std::fs::read_dir(from).into_iter().flatten().flatten();
    for file in files.filter(|file| file.path().extension().is_some_and(|kind| kind == "wav")) {
        let _missing_recording_fails_its_reader = std::fs::copy(file.path(), to.join(file.file_name()));
    }
}

fn print_json(json: bool, outcome: &Outcome) -> Result<(), String> {
    if json {
        println!("{}", serde_json::to_string(outcome).map_err(|e| e.to_string())?);
    }
    Ok(())
}

fn drop_everything_before_the_call(scenario: &mut Scenario) {
    let drop = crate::scenario::Link { drop_all: true, ..Default::default() };
    for flow in scenario.flows.iter_mut().filter(|flow| flow.name == "call-data") {
        flow.steps.insert(0, Step::Do { device: Some("alice".to_owned()), verb: Verb::Link(drop) });
    }
}
