//! P6 and N11: calls ring in time, sound when answered, on one bearer, and end; emergencies never meet data.

use super::Violation;
use crate::history::{Entry, History, Word};
use std::collections::{BTreeMap, BTreeSet};

/// Slack for a ring to stop after its expiry: one timer's granularity and the offset's error on a bad link, in milliseconds.
const RING_SLACK_MS: i64 = 3_000;

pub(super) fn check(history: &History, broken: &mut Vec<Violation>) {
    calls_have_one_bearer(history, broken);
    sound_waits_for_the_answer(history, broken);
    rings_obey_their_expiry(history, broken);
    emergency_stays_off_data(history, broken);
}

fn calls_have_one_bearer(history: &History, broken: &mut Vec<Violation>) {
    let mut sound: BTreeMap<usize, BTreeSet<[u8; 16]>> = BTreeMap::new();
    let mut carrier: BTreeSet<usize> = BTreeSet::new();
    for Entry { at_ms, phone, word } in &history.entries {
        match word {
            Word::DataSound { call, on: true } => {
                let live = sound.entry(*phone).or_default();
                live.insert(*call);
                if live.len() > 1 {
                    broken.push(Violation {
                        promise: "P6",
                        what: format!("phone {phone} has two data calls with sound at {at_ms}"),
                    });
                }
            }
            Word::DataSound { call, on: false } => {
                sound.entry(*phone).or_default().remove(call);
            }
            Word::CarrierActive { on: true } => {
                carrier.insert(*phone);
            }
            Word::CarrierActive { on: false } => {
                carrier.remove(phone);
            }
            Word::Killed => {
                sound.remove(phone);
            }
            _ => continue,
        }
        // The data leg may sound until the carrier leg is answered; the machine then has this one input to silence it.
        let both = carrier.contains(phone) && sound.get(phone).is_some_and(|live| !live.is_empty());
        let just_answered = matches!(word, Word::CarrierActive { on: true });
        if both && !just_answered {
            broken.push(Violation {
                promise: "P6",
                what: format!("phone {phone} has sound on data and carrier at {at_ms}"),
            });
        }
    }
}

/// Sound goes into a call only once somebody picked up: at the end of the millisecond in which it was let in, the call is
/// shown as one in which people can talk.
fn sound_waits_for_the_answer(history: &History, broken: &mut Vec<Violation>) {
    let mut states: BTreeMap<(usize, [u8; 16]), &'static str> = BTreeMap::new();
    let mut let_in: Vec<(u64, usize, [u8; 16])> = Vec::new();
    for Entry { at_ms, phone, word } in &history.entries {
        let due: Vec<_> = let_in.iter().filter(|(since, _, _)| since < at_ms).copied().collect();
        let_in.retain(|(since, _, _)| since >= at_ms);
        for (since, phone, call) in due {
            let state = states.get(&(phone, call)).copied().unwrap_or("unknown");
            if !["connecting", "active", "reconnecting"].contains(&state) {
                let what = format!("phone {phone} let sound into a call that was {state}, at {since}");
                broken.push(Violation { promise: "P6", what });
            }
        }
        match word {
            Word::Call { call, state, .. } => {
                states.insert((*phone, *call), state);
            }
            Word::DataSound { call, on: true } => let_in.push((*at_ms, *phone, *call)),
            Word::DataSound { call, on: false } => let_in.retain(|(_, at, of)| !(at == phone && of == call)),
            Word::Killed => let_in.retain(|(_, at, _)| at != phone),
            _ => {}
        }
    }
}

fn rings_obey_their_expiry(history: &History, broken: &mut Vec<Violation>) {
    let mut ringing: BTreeMap<(usize, [u8; 16]), i64> = BTreeMap::new();
    for Entry { phone, word, .. } in &history.entries {
        match word {
            Word::Call { call, state, outgoing: false, server_ms, ring_until: Some(until), .. }
                if *state == "ringing" =>
            {
                if *server_ms > until + RING_SLACK_MS {
                    broken.push(Violation {
                        promise: "P6",
                        what: format!("phone {phone} began to ring {} ms too late", server_ms - until),
                    });
                }
                ringing.insert((*phone, *call), *until);
            }
            Word::Call { call, server_ms, .. } => {
                if let Some(until) = ringing.remove(&(*phone, *call))
                    && *server_ms > until + RING_SLACK_MS
                {
                    broken.push(Violation {
                        promise: "P6",
                        what: format!("phone {phone} rang {} ms past the expiry", server_ms - until),
                    });
                }
            }
            Word::Killed => ringing.retain(|(at, _), _| at != phone),
            _ => {}
        }
    }
    for ((phone, _), _) in ringing {
        broken.push(Violation { promise: "P6", what: format!("phone {phone} rings for ever") });
    }
}

fn emergency_stays_off_data(history: &History, broken: &mut Vec<Violation>) {
    let mut open: Option<(u64, usize, String)> = None;
    for Entry { at_ms, phone, word } in &history.entries {
        if let Some((since, at, _)) = &open
            && at_ms > since
        {
            broken.push(Violation {
                promise: "N11",
                what: format!("an emergency call of phone {at} was not dialed at once"),
            });
            open = None;
        }
        match word {
            Word::Dialed { digits, emergency: true } => open = Some((*at_ms, *phone, digits.clone())),
            Word::ModemDialed { digits }
                if open.as_ref().is_some_and(|(_, at, dialed)| at == phone && dialed == digits) =>
            {
                open = None;
            }
            Word::CallFrameLeft { .. } => {
                if let Some((_, at, _)) = &open
                    && at == phone
                {
                    broken.push(Violation {
                        promise: "N11",
                        what: format!("an emergency call of phone {phone} went to data"),
                    });
                }
            }
            _ => {}
        }
    }
}
