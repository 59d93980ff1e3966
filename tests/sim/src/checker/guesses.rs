//! P12 and P13: a code cannot be guessed and the SMS bill has an end, whatever crashes meanwhile.

use super::Violation;
use crate::history::{Entry, History, Word};
use std::collections::BTreeMap;

/// Wrong codes a server may look at for one verification SMS.
const TRIES: u32 = 5;

/// SMS to one number in any day: what is allowed at once, and as much coming back over the day.
const SMS_A_DAY: usize = 2 * 20;

const DAY_MS: u64 = 24 * 3600 * 1000;

pub(super) fn check(history: &History, broken: &mut Vec<Violation>) {
    let mut wrong: BTreeMap<[u8; 16], u32> = BTreeMap::new();
    let mut ordered: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for Entry { at_ms, word, .. } in &history.entries {
        match word {
            Word::Guessed { answer: "right", .. } => {
                broken.push(Violation { promise: "P12", what: "a code was guessed".to_owned() });
            }
            Word::Guessed { attempt, answer: "wrong" } => *wrong.entry(*attempt).or_default() += 1,
            Word::SmsOrdered { to } => ordered.entry(*to).or_default().push(*at_ms),
            _ => {}
        }
    }
    for (attempt, tries) in wrong.into_iter().filter(|(_, tries)| *tries > TRIES) {
        let id = attempt.first().copied().unwrap_or(0);
        broken.push(Violation {
            promise: "P12",
            what: format!("{tries} wrong codes were looked at for attempt {id:02x}.."),
        });
    }
    for (to, times) in ordered {
        if let Some((first, _)) = times
            .iter()
            .zip(times.iter().skip(SMS_A_DAY))
            .find(|(first, beyond)| beyond.saturating_sub(**first) < DAY_MS)
        {
            let what = format!("more than {SMS_A_DAY} SMS to number {to} in the day from {first}");
            broken.push(Violation { promise: "P13", what });
        }
    }
}
