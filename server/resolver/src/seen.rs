//! Requests that came a moment ago: the same one again gets the same answer, and does nothing (RFC 5080, 2.2.2).

use crate::intake::Origin;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tandem_model::Mono;

/// What tells a request from every other: where from, its identifier and its authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestKey {
    pub(crate) origin: Origin,
    pub(crate) identifier: u8,
    pub(crate) authenticator: [u8; 16],
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its effect is not kept yet.
    Waiting,
    /// It was answered with this.
    Answered(Vec<u8>),
}

/// The requests of the last moments.
#[derive(Debug)]
pub(crate) struct Seen {
    hold: Duration,
    max: usize,
    fates: BTreeMap<RequestKey, Fate>,
    /// In the order they came.
    order: VecDeque<(Mono, RequestKey)>,
}

impl Seen {
    pub(crate) const fn new(hold: Duration, max: usize) -> Seen {
        Seen { hold, max, fates: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn fate(&self, key: &RequestKey) -> Option<&Fate> {
        self.fates.get(key)
    }

    /// A new one. When there are too many, the oldest is forgotten: then the event within says that it is known.
    pub(crate) fn came(&mut self, key: RequestKey, now: Mono) {
        self.forget(now);
        if self.order.len() >= self.max
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.fates.remove(&oldest);
        }
        self.fates.insert(key, Fate::Waiting);
        self.order.push_back((now.after(self.hold), key));
    }

    pub(crate) fn answered(&mut self, key: &RequestKey, answer: Vec<u8>) {
        if let Some(fate) = self.fates.get_mut(key) {
            *fate = Fate::Answered(answer);
        }
    }

    /// It was not taken: when it comes again it is new.
    pub(crate) fn dropped(&mut self, key: &RequestKey) {
        self.fates.remove(key);
    }

    pub(crate) fn forget(&mut self, now: Mono) {
        while let Some((_, key)) = self.order.front().copied().filter(|(until, _)| *until <= now) {
            self.order.pop_front();
            self.fates.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(identifier: u8) -> RequestKey {
        RequestKey { origin: Origin::Datagram("127.0.0.1:9".parse().unwrap()), identifier, authenticator: [0; 16] }
    }

    #[test]
    fn a_request_is_remembered_until_its_time_and_not_longer() {
        let mut seen = Seen::new(Duration::from_secs(30), 9);
        seen.came(key(1), Mono(0));
        seen.answered(&key(1), vec![5]);
        seen.forget(Mono(29_999));
        assert_eq!(seen.fate(&key(1)), Some(&Fate::Answered(vec![5])));
        seen.forget(Mono(30_000));
        assert_eq!(seen.fate(&key(1)), None);
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut seen = Seen::new(Duration::from_secs(30), 2);
        for identifier in 0..3 {
            seen.came(key(identifier), Mono(0));
        }
        assert_eq!(seen.fate(&key(0)), None);
        assert_eq!((seen.fate(&key(1)), seen.fate(&key(2))), (Some(&Fate::Waiting), Some(&Fate::Waiting)));
    }
}
