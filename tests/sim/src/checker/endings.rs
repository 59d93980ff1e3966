//! P6 and N12: no call hangs, on either phone, and each conversation is one entry of the log, which is closed.

use super::Violation;
use crate::history::{Entry, History, Word};
use std::collections::{BTreeMap, BTreeSet};

type Call = [u8; 16];

/// How long a call may show one state, where that state has an end of its own, in milliseconds: the decision's second, the
/// question's five minutes, the ring, the media's waits, the carrier's word, each with slack for a slow link.
fn longest(state: &str) -> Option<u64> {
    match state {
        "checking" => Some(3_000),
        "asking" => Some(310_000),
        "calling" | "ringing" => Some(60_000),
        "connecting" => Some(15_000),
        "reconnecting" => Some(20_000),
        "carrier" => Some(300_000),
        _ => None,
    }
}

/// After the other side is gone, this side may go on showing people who talk for so long.
const ALONE_MAX_MS: u64 = 60_000;

#[derive(Default)]
struct Calls {
    /// What each phone shows of each call that is not over there, and since when.
    shown: BTreeMap<(Call, usize), (&'static str, u64)>,
    /// When a call was first over on some phone, and on which.
    over: BTreeMap<Call, (u64, usize)>,
}

impl Calls {
    /// A phone shows this state no longer.
    fn leave(&mut self, at: u64, phone: usize, call: Call, broken: &mut Vec<Violation>) {
        let Some((state, since)) = self.shown.remove(&(call, phone)) else { return };
        let spent = at.saturating_sub(since);
        if longest(state).is_some_and(|longest| spent > longest) {
            broken.push(Violation {
                promise: "P6",
                what: format!("phone {phone} showed a call as {state} for {spent} ms, at {since}"),
            });
        }
        let alone = self.over.get(&call).filter(|(_, by)| *by != phone);
        if let Some((gone, by)) = alone
            && ["connecting", "active", "reconnecting"].contains(&state)
            && at.saturating_sub(since.max(*gone)) > ALONE_MAX_MS
        {
            broken.push(Violation {
                promise: "P6",
                what: format!("phone {phone} showed a call as {state} until {at}, which phone {by} had left at {gone}"),
            });
        }
    }

    fn ends(&mut self, at: u64, phone: usize, call: Call) {
        self.over.entry(call).or_insert((at, phone));
    }

    fn killed(&mut self, at: u64, phone: usize) {
        let gone: Vec<Call> = self.shown.keys().filter(|(_, of)| *of == phone).map(|(call, _)| *call).collect();
        for call in gone {
            self.shown.remove(&(call, phone));
            self.ends(at, phone, call);
        }
    }
}

pub(super) fn check(history: &History, broken: &mut Vec<Violation>) {
    let mut calls = Calls::default();
    for Entry { at_ms, phone, word } in &history.entries {
        match word {
            Word::Call { call, state, .. } => {
                if calls.shown.get(&(*call, *phone)).is_some_and(|(shown, _)| shown == state) {
                    continue;
                }
                calls.leave(*at_ms, *phone, *call, broken);
                if *state == "ended" {
                    calls.ends(*at_ms, *phone, *call);
                } else {
                    calls.shown.insert((*call, *phone), (state, *at_ms));
                }
            }
            Word::Killed => calls.killed(*at_ms, *phone),
            _ => {}
        }
    }
    for ((_, phone), (state, since)) in calls.shown {
        broken.push(Violation {
            promise: "P6",
            what: format!("phone {phone} shows a call as {state} for ever, since {since}"),
        });
    }
    conversations_have_one_entry(history, broken);
}

fn conversations_have_one_entry(history: &History, broken: &mut Vec<Violation>) {
    let mut entries: BTreeMap<(usize, Call), BTreeSet<u64>> = BTreeMap::new();
    let mut open: BTreeSet<(usize, u64)> = BTreeSet::new();
    for Entry { phone, word, .. } in &history.entries {
        match word {
            Word::Logged { entry, call, over } => {
                if let Some(call) = call {
                    entries.entry((*phone, *call)).or_default().insert(*entry);
                }
                if *over {
                    open.remove(&(*phone, *entry));
                } else {
                    open.insert((*phone, *entry));
                }
            }
            Word::LostDatabase => {
                open.retain(|(of, _)| of != phone);
                entries.retain(|(of, _), _| of != phone);
            }
            _ => continue,
        }
    }
    for ((phone, _), of) in entries.into_iter().filter(|(_, of)| of.len() > 1) {
        broken.push(Violation { promise: "N12", what: format!("phone {phone} has {} entries for one call", of.len()) });
    }
    for (phone, entry) in open {
        broken.push(Violation { promise: "N12", what: format!("phone {phone} never closed entry {entry} of its log") });
    }
}
