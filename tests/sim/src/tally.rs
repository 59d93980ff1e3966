//! What a run was made of, counted from its history: a simulation in which nothing rings proves nothing about rings.

use crate::history::{Entry, History, Word};
use std::collections::{BTreeMap, BTreeSet};

/// Counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
    /// Why users were asked about a call: carrier, or quit.
    asked: BTreeMap<String, u64>,
    /// How calls ended, each side for itself.
    ended: BTreeMap<String, u64>,
}

/// What a phone shows of its calls.
#[derive(Default)]
struct Shown {
    states: BTreeMap<(usize, [u8; 16]), &'static str>,
    seen: BTreeSet<(usize, [u8; 16], &'static str)>,
}

impl Shown {
    fn is_in_call(&self, phone: usize) -> bool {
        self.states.range((phone, [0; 16])..=(phone, [255; 16])).any(|(_, state)| is_live(state))
    }

    /// True the first time.
    fn first(&mut self, phone: usize, call: [u8; 16], what: &'static str) -> bool {
        self.seen.insert((phone, call, what))
    }
}

fn is_live(state: &str) -> bool {
    !["ended", "asking", "carrier"].contains(&state)
}

impl Tally {
    /// Counts one history.
    #[must_use]
    pub fn of(history: &History) -> Tally {
        let mut tally = Tally::default();
        let mut shown = Shown::default();
        for Entry { phone, word, .. } in &history.entries {
            tally.count(*phone, word, &mut shown);
        }
        tally
    }

    fn count(&mut self, phone: usize, word: &Word, shown: &mut Shown) {
        match word {
            Word::Wrote { .. } => self.add("texts"),
            Word::SmsLeft { .. } => self.add("SMS of people"),
            Word::RegistrationOver => self.add("unregistered"),
            Word::Guessed { .. } => self.add("codes guessed"),
            Word::LostDatabase => self.add("databases lost"),
            Word::Dialed { emergency: true, .. } => self.add("emergencies"),
            Word::Dialed { .. } => self.add("dialed"),
            Word::Call { call, state, outgoing, held, .. } => {
                shown.states.insert((phone, *call), state);
                if shown.first(phone, *call, state) {
                    self.stage(state, *outgoing);
                }
                if *held && shown.first(phone, *call, "held") {
                    self.add("held");
                }
            }
            Word::CallOver { end, .. } => *self.ended.entry(end.clone()).or_default() += 1,
            Word::CallAsked { why, .. } => *self.asked.entry(why.clone()).or_default() += 1,
            Word::CarrierActive { on: true } if shown.is_in_call(phone) => self.add("carrier call in the middle"),
            Word::Killed => {
                if shown.is_in_call(phone) {
                    self.add("phone crashed in a call");
                }
                shown.states.retain(|(of, _), _| *of != phone);
            }
            Word::ServerKilled if shown.states.values().any(|state| is_live(state)) => {
                self.add("server crashed in a call");
            }
            _ => {}
        }
    }

    fn stage(&mut self, state: &'static str, outgoing: bool) {
        match (state, outgoing) {
            ("checking", true) => self.add("data calls"),
            ("ringing", false) => self.add("rang"),
            ("active", false) => self.add("talked"),
            ("reconnecting", _) => self.add("media broke"),
            ("carrier", true) => self.add("went to the carrier"),
            _ => {}
        }
    }

    fn add(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// How often something was counted.
    #[must_use]
    pub fn get(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// How many sides of calls ended so.
    #[must_use]
    pub fn ended(&self, end: &str) -> u64 {
        self.ended.get(end).copied().unwrap_or(0)
    }

    /// Adds another run's counts.
    pub fn absorb(&mut self, other: &Tally) {
        let pairs =
            [(&mut self.counts, &other.counts), (&mut self.asked, &other.asked), (&mut self.ended, &other.ended)];
        for (mine, theirs) in pairs {
            for (what, count) in theirs {
                *mine.entry(what.clone()).or_default() += count;
            }
        }
    }

    /// A line for what happened, one for why users were asked, one for how calls ended.
    #[must_use]
    pub fn lines(&self) -> [String; 3] {
        let line = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
        };
        [
            format!("seen: {}", line(&self.counts)),
            format!("asked: {}", line(&self.asked)),
            format!("ended, each side: {}", line(&self.ended)),
        ]
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "seen": self.counts, "asked": self.asked, "ended": self.ended })
    }
}
