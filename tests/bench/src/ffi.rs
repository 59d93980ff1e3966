//! What the border to an app costs, in Kotlin and in Python, and whether it grows.
//!
//! Each language measures itself (`bindings/<language>/bench`) on the test kit's library, which holds the product and the
//! empty calls it is measured against:
//!
//! - `call_ratio`: `notify` over an empty call that takes and gives the same; median of the rounds.
//! - `event_ratio`: an event that is pulled over a callback that is given the same event; median of the rounds.
//! - `events_growth_bytes`: what is in use after a million events beyond what was before, C heap and the language's own.
//! - `create_close_growth_bytes`: the same after ten thousand cores were started and shut down.
//! - `command_p99_ms`: the slowest of `dial`, `accept` and `answer`, given by two phones that are registered with the real server.
//!
//! Beside it each language reports `stored_command_p99_ms`, of a command that is on disk before it answers. One sync of the disk is
//! in it, which no border makes faster, so it is told and not judged.
//!
//! A check's value is the worse of the two languages'.

use crate::built;
use crate::check::Check;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const LANGUAGES: [&str; 2] = ["kotlin", "python"];

/// 1 MB, as a growth of this much is that of one small image.
const GROWTH_MAX_BYTES: f64 = 1_000_000.0;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    /// Events before the growth is read.
    pub events: u32,
    /// Cores started and shut down before the growth is read.
    pub cycles: u32,
    /// Commands awaited.
    pub commands: u32,
    /// Rounds of which the median counts.
    pub rounds: u32,
}

/// What the issue asks for.
pub const WHOLE: Amounts = Amounts { events: 1_000_000, cycles: 10_000, commands: 10_000, rounds: 9 };

/// Enough to see that it works, and growth that is there.
pub const SHORT: Amounts = Amounts { events: 100_000, cycles: 500, commands: 2_000, rounds: 3 };

/// Runs every language's benchmark; what each printed, and the checks.
///
/// # Errors
/// A sentence on which language could not be measured.
pub fn run(root: &Path, amounts: Amounts) -> Result<(Value, Vec<Check>), String> {
    built::build(root)?;
    let measured: Vec<Value> =
        LANGUAGES.into_iter().map(|language| measure(root, language, amounts)).collect::<Result<_, _>>()?;
    let checks = checks(&measured, amounts);
    let told = LANGUAGES.into_iter().map(str::to_owned).zip(measured).collect::<serde_json::Map<_, _>>();
    Ok((Value::Object(told), checks))
}

fn measure(root: &Path, language: &str, amounts: Amounts) -> Result<Value, String> {
    let script = root.join("bindings").join(language).join("bench");
    let numbers = [
        ("--events", amounts.events),
        ("--cycles", amounts.cycles),
        ("--commands", amounts.commands),
        ("--rounds", amounts.rounds),
    ];
    let arguments = numbers.iter().flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]);
    let done = Command::new(script)
        .args(arguments)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{language} cannot be measured: {error}"))?;
    if !done.status.success() {
        return Err(format!("{language} could not be measured: {}", done.status));
    }
    let told = String::from_utf8_lossy(&done.stdout);
    let last = told.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| format!("{language} printed no figures: {error}"))
}

/// A growth is held to its share of the work, and where there is little work to what an allocator keeps for itself.
fn growth_max(done: u32, whole: u32) -> f64 {
    GROWTH_MAX_BYTES * (f64::from(done) / f64::from(whole)).max(0.25)
}

/// The worse of the languages for each figure.
fn checks(measured: &[Value], amounts: Amounts) -> Vec<Check> {
    let (events, cycles) = (growth_max(amounts.events, WHOLE.events), growth_max(amounts.cycles, WHOLE.cycles));
    let worst = |at: &str| {
        measured.iter().map(|told| told.pointer(at).and_then(Value::as_f64).unwrap_or(f64::NAN)).fold(f64::MIN, worse)
    };
    vec![
        Check::at_most("call_ratio", worst("/call/ratio/median"), 1.5),
        Check::at_most("event_ratio", worst("/event/ratio/median"), 1.5),
        Check::at_most("events_growth_bytes", worst("/events_growth_bytes"), events),
        Check::at_most("create_close_growth_bytes", worst("/create_close_growth_bytes"), cycles),
        Check::at_most("command_p99_ms", worst("/command/p99_ms"), 5.0),
    ]
}

/// The larger one; what is not a number is worse than any.
fn worse(one: f64, other: f64) -> f64 {
    if one.is_nan() || other.is_nan() { f64::NAN } else { one.max(other) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(ratio: f64) -> Value {
        json!({
            "call": {"ratio": {"median": ratio}}, "event": {"ratio": {"median": 0.5}},
            "events_growth_bytes": 0, "create_close_growth_bytes": 0, "command": {"p99_ms": 1.0},
        })
    }

    #[test]
    fn the_worse_language_decides() {
        let checks = checks(&[told(1.2), told(1.6)], WHOLE);
        assert_eq!((checks[0].name, checks[0].value, checks[0].ok), ("call_ratio", 1.6, false));
        assert!(checks[1..].iter().all(|check| check.ok));
    }

    #[test]
    fn a_figure_that_is_missing_fails_its_check() {
        let mut lacking = told(1.0);
        lacking.as_object_mut().unwrap().remove("events_growth_bytes");
        let checks = checks(&[told(1.0), lacking, told(1.0)], WHOLE);
        assert!(!checks.iter().find(|check| check.name == "events_growth_bytes").unwrap().ok);
    }
}
