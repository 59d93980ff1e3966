//! P1 to P4 and P11: texts are not lost, come once, in order, to their owner, and end.

use super::Violation;
use crate::history::{Entry, History, Id, Word};
use std::collections::{BTreeMap, BTreeSet};

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
    /// How often each phone shows it, on the database it has.
    shown_here: BTreeMap<usize, u32>,
    /// The server knows that its recipient has it.
    known_taken: bool,
    /// It was taken back while the server could not know that: the word of it was lost on its way. Only time could tell
    /// the sender better, and a person who takes a text back is not kept waiting for a phone that may be off.
    taken_back_blindly: bool,
    /// Some phone that showed it lost its database since, and could not tell anybody any more.
    forgotten: bool,
    /// The number it was shown to be from: another SIM is another conversation.
    shown_from: u64,
    order: u64,
}

pub(super) fn check(history: &History, broken: &mut Vec<Violation>) {
    let texts = texts(history, broken);
    texts_end_once(&texts, broken);
    texts_keep_their_order(&texts, broken);
    texts_stay_with_their_owner(history, &texts, broken);
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
                    *text.shown_here.entry(*phone).or_default() += 1;
                    text.shown_from = *from;
                }
                if !carrier && !texts.contains_key(id) {
                    let what = format!("phone {phone} showed text {id:?}, which nobody wrote");
                    broken.push(Violation { promise: "P2", what });
                }
            }
            Word::TakenAtServer { id } => {
                texts.entry(*id).and_modify(|text| text.known_taken = true);
            }
            Word::TakenBackAtServer { id } => {
                texts.entry(*id).and_modify(|text| text.taken_back_blindly |= !text.known_taken);
            }
            // What was not synced the server knows no more.
            Word::ServerKilled => texts.values_mut().for_each(|text| text.known_taken = false),
            Word::LostDatabase => {
                for text in texts.values_mut() {
                    text.left |= text.sender == *phone && text.ends.is_empty();
                    // What was shown went with the database: the same phone is another reader from now on.
                    text.forgotten |= text.shown.iter().any(|(_, shown_on, _)| shown_on == phone);
                    text.shown_here.remove(phone);
                }
            }
            _ => {}
        }
    }
    sms_before_the_swap(&texts, &sms_left, broken);
    handed_over_texts_leave(&texts, &sms_left, broken);
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

/// Handed over, only the phone can bring a text to its recipient: its SMS leaves, whatever crashed in between.
fn handed_over_texts_leave(
    texts: &BTreeMap<Id, Text>,
    left: &BTreeMap<String, Vec<(u64, usize)>>,
    broken: &mut Vec<Violation>,
) {
    for (id, text) in texts.iter().filter(|(_, text)| text.ends.contains("handed-to-sms") && !text.left) {
        if !left.contains_key(&text.body) {
            broken.push(Violation { promise: "P1", what: format!("text {id:?} was handed to SMS and none left") });
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
        if text.shown_here.values().any(|times| *times > 1) {
            broken.push(Violation { promise: "P2", what: format!("text {id:?} was shown {} times", text.shown.len()) });
        }
        let never_reached = ["expired", "recipient-changed", "cancelled"];
        let asked_too_early = |end: &&str| *end == "cancelled" && text.taken_back_blindly;
        if let Some(end) = never_reached
            .iter()
            .find(|end| text.ends.contains(**end) && !asked_too_early(end))
            .filter(|_| !text.shown.is_empty() && !text.forgotten)
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
