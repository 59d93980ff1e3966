//! The simulation keeps its promises on known seeds, finds what is planted, and replays.

use tandem_sim::planted::Planted;
use tandem_sim::run::{Setup, run};
use tandem_sim::tally::Tally;

/// Seeds that once failed, and what they found. They stay; the plan they are drawn from has grown since, and what each
/// found has a test next to the code that was mended.
const ONCE_FAILED: [(u64, &str); 13] = [
    (0, "a registration that ended made up an end for texts the server still had"),
    (1, "a text was taken back under another number than it was sent from"),
    (2, "a read receipt was shown over the first end of a text"),
    (5, "an open text of an ended registration came back at the next start"),
    (4, "a call answered while a carrier call was talked on let sound into both for a moment"),
    (7, "the same, for a call that came to the other phone"),
    (9, "an SMS copy left from another number and was not folded"),
    (12, "the same, from the other side"),
    (19, "the same, after a swap of SIMs"),
    (31, "two ends for one text after an SMS sent while offline"),
    (1388, "a log entry stayed open: what a sync keeps was not heard of before its answer, which a kill took away"),
    (2465, "an offer that came again after a crash began a second log entry of the same call"),
    (2819, "a text was taken back that its recipient had shown, before the server could know"),
];

/// Within how many seeds each planted bug must be found.
const SEEDS: u64 = 40;

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
fn every_planted_bug_is_found_by_the_promise_it_breaks() {
    let is_found = |planted: Planted| {
        let violations = |seed| run(Setup { planted: Some(planted), ..Setup::seed(seed) }).violations;
        (0..SEEDS).flat_map(violations).any(|violation| violation.promise == planted.breaks())
    };
    let missed: Vec<Planted> = Planted::ALL.into_iter().filter(|planted| !is_found(*planted)).collect();
    assert_eq!(missed, [], "not found in {SEEDS} seeds");
}

#[test]
fn with_nothing_planted_the_same_seeds_find_nothing_in_runs_full_of_everything() {
    let mut tally = Tally::default();
    let (mut acts, mut days) = (0, 0.0);
    for seed in 0..SEEDS {
        let outcome = run(Setup::seed(seed));
        assert_eq!(outcome.violations, [], "seed {seed}");
        tally.absorb(&Tally::of(&outcome.history));
        acts += outcome.acts;
        days += outcome.device_days;
    }
    assert!(acts as f64 / days > 60.0, "{acts} acts in {days} device-days");
    let seen = ["texts", "data calls", "rang", "talked", "held", "media broke", "went to the carrier", "emergencies"];
    let crashes = ["carrier call in the middle", "phone crashed in a call", "server crashed in a call"];
    let ends = ["Refused", "Cancelled", "Missed", "NoAnswer", "Superseded", "Busy", "MediaLost", "PeerHungUp"];
    for what in seen.into_iter().chain(crashes).chain(["codes guessed", "databases lost"]) {
        assert!(tally.get(what) >= SEEDS / 2, "{what}: {}", tally.get(what));
    }
    for end in ends {
        assert!(tally.ended(end) >= SEEDS / 2, "ended as {end}: {}", tally.ended(end));
    }
    assert!(tally.get("rang") * 4 > tally.get("data calls"), "one call in four rings at least");
}
