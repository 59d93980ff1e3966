//! Fixed scripts, crashed at each commit that anybody makes: right before it is durable and right after.

use tandem_sim::plan::Act;
use tandem_sim::run::{Outcome, Setup, script};
use tandem_sim::tally::Tally;
use tandem_sim::world::CrashAt;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

/// One script: its seed, which decides what its people answer, its acts, and when it ends.
struct Script {
    seed: u64,
    acts: Vec<(u64, usize, Act)>,
    end_ms: u64,
}

impl Script {
    fn play(&self, crash_at_commit: Option<CrashAt>) -> Outcome {
        script(Setup { crash_at_commit, ..Setup::seed(self.seed) }, 2, &self.acts, self.end_ms)
    }

    /// Plays it whole, then with each crash. What the whole one was made of is given back.
    fn survives_every_crash(&self) -> Tally {
        let whole = self.play(None);
        assert_eq!(whole.violations, []);
        for commit in 1..=whole.commits {
            for durable in [false, true] {
                let crashed = self.play(Some(CrashAt { commit, durable }));
                assert_eq!(crashed.violations, [], "a crash at commit {commit}, durable: {durable}");
            }
        }
        Tally::of(&whole.history)
    }
}

#[test]
fn registering_and_unregistering_survive_a_crash_at_any_commit() {
    let acts = vec![
        (5 * MINUTE, 0, Act::Text(1)),
        (6 * MINUTE, 1, Act::Unregister),
        (6 * MINUTE + 20, 0, Act::Text(1)),
        (30 * MINUTE, 1, Act::Register),
        (40 * MINUTE, 0, Act::Text(1)),
        (41 * MINUTE, 0, Act::Unregister),
    ];
    let seen = Script { seed: 1, acts, end_ms: 50 * MINUTE }.survives_every_crash();
    assert!(seen.get("texts") >= 2, "{seen:?}");
    assert!(seen.get("unregistered") >= 2, "{seen:?}");
}

#[test]
fn texts_that_wait_become_sms_are_taken_back_and_read_survive_a_crash_at_any_commit() {
    let acts = vec![
        (5 * MINUTE, 0, Act::Text(1)),
        (5 * MINUTE + 40, 0, Act::Text(1)),
        (6 * MINUTE, 1, Act::Text(0)),
        (7 * MINUTE, 1, Act::NetworkOff),
        (8 * MINUTE, 0, Act::Text(1)),
        (9 * MINUTE, 0, Act::ToSms),
        (10 * MINUTE, 0, Act::Text(1)),
        (11 * MINUTE, 0, Act::Cancel),
        (11 * MINUTE + 30 * SECOND, 0, Act::Text(1)),
        (12 * MINUTE, 1, Act::NetworkOn),
        (20 * MINUTE, 1, Act::Text(0)),
    ];
    let seen = Script { seed: 4, acts, end_ms: 35 * MINUTE }.survives_every_crash();
    assert_eq!((seen.get("texts"), seen.get("SMS of people")), (7, 1));
}

#[test]
fn calls_that_ring_are_answered_refused_and_crossed_survive_a_crash_at_any_commit() {
    let acts = vec![
        (5 * MINUTE, 0, Act::Call(1)),
        (15 * MINUTE, 1, Act::Call(0)),
        (25 * MINUTE, 0, Act::Call(1)),
        (25 * MINUTE + 100, 1, Act::Call(0)),
        (35 * MINUTE, 0, Act::Call(1)),
        (35 * MINUTE + 40 * SECOND, 1, Act::NetworkOff),
        (36 * MINUTE, 1, Act::NetworkOn),
        (45 * MINUTE, 0, Act::Call(1)),
        (45 * MINUTE + 10 * SECOND, 1, Act::Emergency),
    ];
    let seen = Script { seed: 3, acts, end_ms: 60 * MINUTE }.survives_every_crash();
    assert!(seen.get("rang") >= 4, "{seen:?}");
    assert!(seen.get("talked") >= 2, "{seen:?}");
    assert_eq!(seen.get("emergencies"), 1);
}
