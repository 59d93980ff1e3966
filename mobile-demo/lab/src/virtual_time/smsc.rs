//! The SMSC in virtual time, with the server's driver before it: it loses, doubles, delays and throttles as it is told.

use crate::scenario::Verb;
use std::time::Duration;
use tandem_logic::SmsOutcome;
use tandem_model::Random;

/// How long the network takes for anything, in milliseconds. An SMS takes it once, the answer to the server twice: there and
/// back.
const NETWORK_MS: u64 = 3;
/// The driver's pauses after "throttled", which double, and its tries (`[smpp]` in the server's configuration).
const PAUSE_FIRST_MS: u64 = 250;
const PAUSE_MAX_MS: u64 = 30_000;
const TRIES: u32 = 8;

/// An SMSC and its knobs.
#[derive(Debug, Default)]
pub(super) struct VirtualSmsc {
    lose: u32,
    double: u32,
    delay_ms: u64,
    throttle: u32,
}

/// What becomes of one SMS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Submitted {
    /// What the server's driver says, and after how long.
    pub(super) outcome: SmsOutcome,
    pub(super) outcome_ms: u64,
    /// How often it arrives, and after how long.
    pub(super) copies: u32,
    pub(super) arrives_ms: u64,
}

impl VirtualSmsc {
    /// Turns the knobs.
    pub(super) fn turn(&mut self, verb: &Verb) {
        if let Verb::Smsc { lose, double, delay_ms, throttle, misroute_to: _ } = verb {
            (self.lose, self.double, self.delay_ms, self.throttle) = (*lose, *double, *delay_ms, *throttle);
        }
    }

    /// The server submits an SMS.
    pub(super) fn submit(&mut self, chance: &mut impl Random) -> Submitted {
        let (mut outcome_ms, mut bound) = (2 * NETWORK_MS, PAUSE_FIRST_MS);
        for tries in 1.. {
            if !strike(&mut self.throttle) {
                break;
            }
            let pause = chance.below(bound + 1);
            if tries >= TRIES {
                let outcome = SmsOutcome::Unavailable { retry_after: Duration::from_millis(pause.max(PAUSE_FIRST_MS)) };
                return Submitted { outcome, outcome_ms, copies: 0, arrives_ms: 0 };
            }
            outcome_ms += pause + 2 * NETWORK_MS;
            bound = (bound * 2).min(PAUSE_MAX_MS);
        }
        let lost = strike(&mut self.lose);
        let twice = strike(&mut self.double);
        let copies = if lost { 0 } else { 1 + u32::from(twice) };
        let arrives_ms = outcome_ms - NETWORK_MS + self.delay_ms;
        Submitted { outcome: SmsOutcome::Accepted, outcome_ms, copies, arrives_ms }
    }
}

fn strike(left: &mut u32) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::random::SplitMix64;

    fn smsc(lose: u32, double: u32, delay_ms: u64, throttle: u32) -> VirtualSmsc {
        VirtualSmsc { lose, double, delay_ms, throttle }
    }

    #[test]
    fn it_loses_and_doubles_as_many_as_it_was_told_and_then_works() {
        let (mut smsc, mut chance) = (smsc(1, 2, 0, 0), SplitMix64(1));
        let copies: Vec<u32> = (0..3).map(|_| smsc.submit(&mut chance).copies).collect();
        assert_eq!(copies, [0, 2, 1]);
    }

    #[test]
    fn a_throttled_sms_is_late_and_one_throttled_without_end_is_given_back() {
        let mut chance = SplitMix64(1);
        let late = smsc(0, 0, 0, 2).submit(&mut chance);
        assert_eq!((late.outcome, late.copies), (SmsOutcome::Accepted, 1));
        assert!(late.outcome_ms > 6 * NETWORK_MS);
        let given_back = smsc(0, 0, 0, 100).submit(&mut chance);
        assert!(matches!(given_back.outcome, SmsOutcome::Unavailable { .. }));
        assert_eq!(given_back.copies, 0);
    }
}
