//! Judging: whether a phone is there, and whether it may be woken for what waits.

use super::terms::Allowances;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tandem_model::{Mono, Msisdn};

/// Whether a phone is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has a live session.
    Online,
    /// It has no session, but the access network says where it is.
    Attached,
    /// Neither.
    Offline,
}

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A call: seconds matter.
    Call,
    /// A text: hours do.
    Text,
}

/// Who a thing is from, as its recipient sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The recipient holds the sender's number.
    Contact,
    /// Anybody else.
    Stranger,
}

/// What a wake is counted as. A contact's call is not: it always has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Stranger,
    ContactText,
    SmsWake,
    Hint,
}

pub(super) const fn class(what: What, from: Relation) -> Option<Class> {
    match (from, what) {
        (Relation::Contact, What::Call) => None,
        (Relation::Contact, What::Text) => Some(Class::ContactText),
        (Relation::Stranger, What::Call | What::Text) => Some(Class::Stranger),
    }
}

/// Wakes within a window that slides, for each number and class, whoever asked.
#[derive(Debug, Default)]
pub(super) struct Counted {
    wakes: BTreeMap<(Msisdn, Class), VecDeque<Mono>>,
    /// When the last wake of an entry leaves the window, and the entry with it.
    ends: BTreeSet<(Mono, Msisdn, Class)>,
}

impl Counted {
    /// Takes one wake, or refuses: the limit is reached, or too many numbers are counted to know.
    pub(super) fn take(&mut self, number: Msisdn, class: Class, now: Mono, allow: &Allowances, most: usize) -> bool {
        self.forget(now);
        let limit = match class {
            Class::Stranger => allow.strangers,
            Class::ContactText => allow.contact_texts,
            Class::SmsWake => allow.sms_wakes,
            Class::Hint => allow.hints,
        };
        if self.wakes.len() >= most && !self.wakes.contains_key(&(number, class)) {
            return false;
        }
        let taken = self.wakes.entry((number, class)).or_default();
        while taken.front().is_some_and(|at| now >= at.after(allow.window)) {
            taken.pop_front();
        }
        if taken.len() >= limit {
            return false;
        }
        if let Some(last) = taken.back() {
            self.ends.remove(&(last.after(allow.window), number, class));
        }
        taken.push_back(now);
        self.ends.insert((now.after(allow.window), number, class));
        true
    }

    fn forget(&mut self, now: Mono) {
        while let Some((at, number, class)) = self.ends.first().copied() {
            if now < at {
                return;
            }
            self.ends.pop_first();
            self.wakes.remove(&(number, class));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.wakes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wake::WakeConfig;

    fn number(last: u64) -> Msisdn {
        Msisdn::from_e164(&format!("+49151123{:05}", 45_000 + last)).unwrap()
    }

    #[test]
    fn six_strangers_an_hour_and_the_seventh_when_the_first_is_an_hour_old() {
        let (mut counted, allow) = (Counted::default(), WakeConfig::default().allow);
        let mut take = |at| counted.take(number(1), Class::Stranger, Mono(at), &allow, 10);
        assert!((0..6).all(|n| take(n * 1_000)));
        assert!(!take(6_000));
        assert!(!take(3_599_999));
        assert!(take(3_600_000));
        assert!(!take(3_600_001));
        assert!(take(3_601_000));
    }

    #[test]
    fn classes_and_numbers_are_counted_apart() {
        let (mut counted, allow) = (Counted::default(), WakeConfig::default().allow);
        for _ in 0..6 {
            assert!(counted.take(number(1), Class::Stranger, Mono(0), &allow, 10));
        }
        assert!(!counted.take(number(1), Class::Stranger, Mono(0), &allow, 10));
        assert!(counted.take(number(1), Class::ContactText, Mono(0), &allow, 10));
        assert!(counted.take(number(2), Class::Stranger, Mono(0), &allow, 10));
        assert_eq!(class(What::Call, Relation::Contact), None, "a contact's call always has room");
    }

    #[test]
    fn a_full_table_refuses_whom_it_cannot_count_until_an_entry_is_an_hour_old() {
        let (mut counted, allow) = (Counted::default(), WakeConfig::default().allow);
        assert!(counted.take(number(1), Class::Stranger, Mono(0), &allow, 2));
        assert!(counted.take(number(2), Class::Stranger, Mono(5), &allow, 2));
        assert!(!counted.take(number(3), Class::Stranger, Mono(3_599_999), &allow, 2));
        assert!(counted.take(number(3), Class::Stranger, Mono(3_600_000), &allow, 2));
        assert_eq!(counted.len(), 2);
    }
}
