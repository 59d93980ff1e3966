//! Judges a history by the promises. Knows only [`crate::history`]: plain words and numbers.
//!
//! The history must end in a long calm, so that everything that must end has ended.

use crate::history::{Entry, History, Id, Word};
use std::collections::{BTreeMap, BTreeSet};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
}

/// Slack for a ring to stop after its expiry: one timer's granularity and the offset's error on a bad link, in milliseconds.
const RING_SLACK_MS: i64 = 3_000;

#[derive(Default)]
struct Text {
    sender: usize,
    to: u64,
    to_epoch: Option<u64>,
    body: String,
    sent: bool,
    /// Its sender's registration ended after it was written: nobody is left to be told.
    left: bool,
    ends: BTreeSet<&'static str>,
    shown: Vec<(u64, usize, bool)>,
    /// The number it was shown to be from: another SIM is another conversation.
    shown_from: u64,
    order: u64,
}

/// Checks everything; an empty list is a good run.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let mut broken = Vec::new();
    let texts = texts(history, &mut broken);
    texts_end_once(&texts, &mut broken);
    texts_keep_their_order(&texts, &mut broken);
    texts_stay_with_their_owner(history, &texts, &mut broken);
    calls_have_one_bearer(history, &mut broken);
    sound_waits_for_the_answer(history, &mut broken);
    rings_obey_their_expiry(history, &mut broken);
    emergency_stays_off_data(history, &mut broken);
    for entry in &history.entries {
        if let Word::Fault { what } = &entry.word {
            broken.push(Violation { promise: "P16", what: format!("phone {}: {what}", entry.phone) });
        }
    }
    broken
}

fn texts(history: &History, broken: &mut Vec<Violation>) -> BTreeMap<Id, Text> {
    let mut texts: BTreeMap<Id, Text> = BTreeMap::new();
    let mut sms_left: BTreeMap<String, Vec<(u64, usize)>> = BTreeMap::new();
    let mut by_body: BTreeMap<String, Id> = BTreeMap::new();
    for (order, Entry { at_ms, phone, word }) in history.entries.iter().enumerate() {
        match word {
            Word::Wrote { id, to, to_epoch, body } => {
                let text = texts.entry(*id).or_default();
                if !text.body.is_empty() {
                    broken.push(Violation { promise: "P2", what: format!("text id {id:?} was given twice") });
                }
                *text = Text {
                    sender: *phone,
                    to: *to,
                    to_epoch: *to_epoch,
                    body: body.clone(),
                    order: order as u64,
                    ..Text::default()
                };
                by_body.insert(body.clone(), *id);
            }
            Word::RegistrationOver => {
                texts
                    .values_mut()
                    .filter(|text| text.sender == *phone && text.ends.is_empty())
                    .for_each(|text| text.left = true);
            }
            Word::ShownAsSent { id } => texts.entry(*id).or_default().sent = true,
            Word::ShownEnd { id, end } => {
                texts.entry(*id).or_default().ends.insert(end);
            }
            Word::SmsLeft { body, .. } => sms_left.entry(strip(body)).or_default().push((*at_ms, *phone)),
            Word::ShownText { id, body, carrier, from } => {
                let known =
                    body.as_ref().and_then(|body| by_body.get(&strip(body))).or(texts.contains_key(id).then_some(id));
                if let Some(text) = known.copied().and_then(|id| texts.get_mut(&id)) {
                    text.shown.push((*at_ms, *phone, *carrier));
                    text.shown_from = *from;
                }
            }
            Word::Registered { .. }
            | Word::Call { .. }
            | Word::DataSound { .. }
            | Word::CarrierActive { .. }
            | Word::Dialed { .. }
            | Word::ModemDialed { .. }
            | Word::CallFrameLeft { .. }
            | Word::Fault { .. }
            | Word::Killed
            | Word::Started => {}
        }
    }
    sms_before_the_swap(&texts, &sms_left, broken);
    texts
}

/// An SMS copy of a stored text may leave only once the server has handed it over, which a `delivered` end excludes.
fn sms_before_the_swap(
    texts: &BTreeMap<Id, Text>,
    left: &BTreeMap<String, Vec<(u64, usize)>>,
    broken: &mut Vec<Violation>,
) {
    for (id, text) in texts {
        let copies = left.get(&text.body).map_or(0, Vec::len);
        if copies > 0
            && text.ends.contains("delivered")
            && text.shown.iter().filter(|(_, _, carrier)| *carrier).count() > 0
        {
            broken.push(Violation {
                promise: "P2",
                what: format!("text {id:?} was delivered over data and shown from SMS too"),
            });
        }
    }
}

/// What a fold tag adds to an SMS is no part of its words.
fn strip(body: &str) -> String {
    body.rsplit_once(" ~").map_or(body, |(words, _)| words).to_owned()
}

fn texts_end_once(texts: &BTreeMap<Id, Text>, broken: &mut Vec<Violation>) {
    for (id, text) in texts {
        let data_ends: Vec<_> = text.ends.iter().collect();
        if data_ends.len() > 1 {
            broken.push(Violation { promise: "P4", what: format!("text {id:?} ended as {data_ends:?}") });
        }
        if text.sent && !text.left && data_ends.is_empty() {
            broken.push(Violation { promise: "P4", what: format!("text {id:?} was shown as sent and never ended") });
        }
        if text.ends.contains("delivered") && text.shown.is_empty() {
            broken.push(Violation {
                promise: "P1",
                what: format!("text {id:?} is said to be delivered and was never shown"),
            });
        }
        // An SMS goes to whoever holds the SIM, which may be another phone by then: twice counts on one phone.
        let mut phones: Vec<usize> = text.shown.iter().map(|(_, phone, _)| *phone).collect();
        phones.sort_unstable();
        if phones.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            broken.push(Violation { promise: "P2", what: format!("text {id:?} was shown {} times", text.shown.len()) });
        }
        let never_reached = ["expired", "cancelled", "recipient-changed"];
        if let Some(end) = never_reached.iter().find(|end| text.ends.contains(**end)).filter(|_| !text.shown.is_empty())
        {
            broken.push(Violation {
                promise: "P4",
                what: format!("text {id:?} was shown and its sender was told {end}"),
            });
        }
    }
}

fn texts_keep_their_order(texts: &BTreeMap<Id, Text>, broken: &mut Vec<Violation>) {
    let mut by_pair: BTreeMap<(u64, u64, u64), Vec<(u64, u64, Id)>> = BTreeMap::new();
    for (id, text) in texts {
        if let Some((at, _, false)) = text.shown.first() {
            by_pair.entry((text.shown_from, id.0, text.to)).or_default().push((text.order, *at, *id));
        }
    }
    for shown in by_pair.values_mut() {
        shown.sort_unstable();
        for pair in shown.windows(2) {
            if let [(_, first, a), (_, second, b)] = pair
                && second < first
            {
                broken.push(Violation { promise: "P3", what: format!("text {b:?} was shown before {a:?}") });
            }
        }
    }
}

fn texts_stay_with_their_owner(history: &History, texts: &BTreeMap<Id, Text>, broken: &mut Vec<Violation>) {
    let owners: BTreeMap<(u64, u64), usize> = history
        .entries
        .iter()
        .filter_map(|entry| match entry.word {
            Word::Registered { number, epoch } => Some(((number, epoch), entry.phone)),
            _ => None,
        })
        .collect();
    for (id, text) in texts {
        let owner = text.to_epoch.and_then(|epoch| owners.get(&(text.to, epoch)));
        for (_, phone, _) in text.shown.iter().filter(|(_, _, carrier)| !carrier) {
            if owner.is_some_and(|owner| owner != phone) {
                broken.push(Violation {
                    promise: "P11",
                    what: format!("text {id:?} was shown on phone {phone}, not its owner's"),
                });
            }
        }
    }
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
            Word::Call { call, state, outgoing: false, server_ms, ring_until: Some(until) } if *state == "ringing" => {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn history(words: &[(u64, usize, Word)]) -> History {
        let mut history = History::default();
        for (at, phone, word) in words {
            history.add(*at, *phone, word.clone());
        }
        history
    }

    fn wrote(id: Id) -> Word {
        Word::Wrote { id, to: 7, to_epoch: Some(1), body: format!("body {}", id.1) }
    }

    fn shown(id: Id, carrier: bool) -> Word {
        Word::ShownText { from: 6, id, body: Some(format!("body {}", id.1)), carrier }
    }

    fn promises(words: &[(u64, usize, Word)]) -> Vec<&'static str> {
        check(&history(words)).into_iter().map(|violation| violation.promise).collect()
    }

    #[test]
    fn a_text_that_is_sent_shown_once_and_ends_is_fine() {
        let words = [
            (1, 0, wrote((1, 1))),
            (2, 0, Word::ShownAsSent { id: (1, 1) }),
            (3, 1, shown((1, 1), false)),
            (4, 0, Word::ShownEnd { id: (1, 1), end: "delivered" }),
        ];
        assert_eq!(promises(&words), Vec::<&str>::new());
    }

    #[test]
    fn loss_doubling_disorder_and_two_ends_are_found() {
        let delivered = |id| Word::ShownEnd { id, end: "delivered" };
        assert_eq!(promises(&[(1, 0, wrote((1, 1))), (2, 0, Word::ShownAsSent { id: (1, 1) })]), ["P4"]);
        assert_eq!(promises(&[(1, 0, wrote((1, 1))), (2, 0, delivered((1, 1)))]), ["P1"]);
        assert_eq!(
            promises(&[
                (1, 0, wrote((1, 1))),
                (2, 1, shown((1, 1), false)),
                (3, 1, shown((1, 1), true)),
                (4, 0, delivered((1, 1)))
            ]),
            ["P2"]
        );
        assert_eq!(
            promises(&[
                (1, 0, wrote((1, 1))),
                (2, 0, wrote((1, 2))),
                (3, 1, shown((1, 2), false)),
                (4, 1, shown((1, 1), false)),
                (5, 0, delivered((1, 1))),
                (5, 0, delivered((1, 2))),
            ]),
            ["P3"]
        );
        let expired = Word::ShownEnd { id: (1, 1), end: "expired" };
        assert!(
            promises(&[
                (1, 0, wrote((1, 1))),
                (2, 1, shown((1, 1), false)),
                (3, 0, delivered((1, 1))),
                (4, 0, expired)
            ])
            .contains(&"P4")
        );
    }

    #[test]
    fn a_text_on_the_wrong_phone_is_found() {
        let words = [
            (0, 1, Word::Registered { number: 7, epoch: 1 }),
            (1, 0, wrote((1, 1))),
            (2, 2, Word::Registered { number: 7, epoch: 2 }),
            (3, 2, shown((1, 1), false)),
            (4, 0, Word::ShownEnd { id: (1, 1), end: "delivered" }),
        ];
        assert_eq!(promises(&words), ["P11"]);
    }

    #[test]
    fn sound_on_both_bearers_late_rings_and_emergency_on_data_are_found() {
        let call = [1; 16];
        assert_eq!(
            promises(&[(1, 0, Word::CarrierActive { on: true }), (2, 0, Word::DataSound { call, on: true })]),
            ["P6"]
        );
        let ring = |state, server_ms| Word::Call { call, state, outgoing: false, server_ms, ring_until: Some(1_000) };
        assert_eq!(promises(&[(1, 0, ring("ringing", 9_000)), (2, 0, ring("ended", 9_001))]).len(), 2);
        assert_eq!(promises(&[(1, 0, ring("ringing", 900)), (2, 0, ring("ended", 1_001))]), Vec::<&str>::new());
        let dialed = Word::Dialed { digits: "112".into(), emergency: true };
        assert_eq!(promises(&[(1, 0, dialed.clone()), (2, 0, Word::ModemDialed { digits: "112".into() })]).len(), 1);
        assert_eq!(
            promises(&[(1, 0, dialed.clone()), (1, 0, Word::ModemDialed { digits: "112".into() })]),
            Vec::<&str>::new()
        );
        assert_eq!(
            promises(&[
                (1, 0, dialed),
                (1, 0, Word::CallFrameLeft { to: 1 }),
                (1, 0, Word::ModemDialed { digits: "112".into() })
            ]),
            ["N11"]
        );
    }
}
