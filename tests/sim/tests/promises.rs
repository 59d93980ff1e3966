//! The simulation keeps its promises on known seeds, finds what is planted, and replays.

use tandem_sim::plan::Act;
use tandem_sim::planted::Planted;
use tandem_sim::run::{Setup, run, script};

/// Seeds that once failed, and what they found. They stay.
const ONCE_FAILED: [(u64, &str); 8] = [
    (0, "a registration that ended made up an end for texts the server still had"),
    (1, "a text was taken back under another number than it was sent from"),
    (2, "a read receipt was shown over the first end of a text"),
    (5, "an open text of an ended registration came back at the next start"),
    (9, "an SMS copy left from another number and was not folded"),
    (12, "the same, from the other side"),
    (19, "the same, after a swap of SIMs"),
    (31, "two ends for one text after an SMS sent while offline"),
];

#[test]
fn seeds_that_once_failed_keep_every_promise() {
    for (seed, story) in ONCE_FAILED {
        assert_eq!(run(Setup::seed(seed)).violations, [], "seed {seed}: {story}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte_and_another_does_not() {
    for seed in [3, 15] {
        let traced = |seed| run(Setup { trace: true, ..Setup::seed(seed) }).trace.unwrap();
        let first = traced(seed);
        assert!(first.len() > 10_000, "a trace with something in it");
        assert!(first == traced(seed), "seed {seed} gave two traces");
        assert!(first != traced(seed + 1));
    }
}

#[test]
fn the_planted_bugs_that_can_be_caught_are_caught() {
    let caught = |planted| {
        (0..300).any(|seed| !run(Setup { planted: Some(planted), ..Setup::seed(seed) }).violations.is_empty())
    };
    let missed: Vec<Planted> = Planted::CAUGHT.into_iter().filter(|planted| !caught(*planted)).collect();
    assert_eq!(missed, [], "not found in 300 seeds");
}

#[test]
fn a_crash_at_any_commit_of_a_fixed_script_breaks_nothing() {
    const MINUTE: u64 = 60_000;
    let acts = [
        (5 * MINUTE, 0, Act::Text(1)),
        (5 * MINUTE + 40, 0, Act::Text(1)),
        (6 * MINUTE, 1, Act::Text(0)),
        (7 * MINUTE, 1, Act::NetworkOff),
        (8 * MINUTE, 0, Act::Text(1)),
        (9 * MINUTE, 0, Act::ToSms),
        (10 * MINUTE, 0, Act::Text(1)),
        (11 * MINUTE, 0, Act::Cancel),
        (12 * MINUTE, 1, Act::NetworkOn),
        (13 * MINUTE, 0, Act::Call(1)),
        (20 * MINUTE, 1, Act::Emergency),
        (21 * MINUTE, 1, Act::Text(0)),
        (22 * MINUTE, 1, Act::Unregister),
    ];
    let whole = script(Setup::seed(1), 2, &acts, 30 * MINUTE);
    assert_eq!(whole.violations, []);
    assert!(whole.commits > 40, "{} commits", whole.commits);
    for commit in 1..=whole.commits {
        let setup = Setup { crash_at_commit: Some(commit), ..Setup::seed(1) };
        assert_eq!(script(setup, 2, &acts, 30 * MINUTE).violations, [], "a crash at commit {commit}");
    }
}
