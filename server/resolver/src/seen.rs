//! Requests that came a moment ago: the same one again gets the same answer, and does nothing (RFC 5080, 2.2.2).
//!
//! They stand in a queue in the order they came, each with a number of its own, and chains by hash run through it backwards:
//! what left the queue ends every chain that comes to it, so that nothing needs to be taken out of one.

use crate::intake::Origin;
use crate::table::mix;
use std::collections::VecDeque;
use std::time::Duration;
use tandem_model::Mono;

/// What tells a request from every other: where from, its identifier and its authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestKey {
    pub(crate) origin: Origin,
    pub(crate) identifier: u8,
    pub(crate) authenticator: [u8; 16],
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its effect is not kept yet.
    Waiting,
    /// It was answered. What it was answered with follows from the request.
    Answered,
}

/// A request's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Came(u64);

/// The requests of the last moments.
#[derive(Debug)]
pub(crate) struct Seen {
    hold: Duration,
    max: usize,
    seed: u64,
    queue: VecDeque<Request>,
    /// The number of the first in the queue; the first there ever was has 1.
    first: u64,
    /// The last of each chain; 0 where there is none.
    last: Vec<u64>,
}

#[derive(Debug)]
struct Request {
    key: RequestKey,
    fate: Fate,
    until: Mono,
    /// The one before it in its chain; 0 where there is none.
    before: u64,
}

impl Seen {
    /// None yet. The seed makes chains that nobody else can foresee.
    pub(crate) const fn new(hold: Duration, max: usize, seed: u64) -> Seen {
        Seen { hold, max, seed, queue: VecDeque::new(), first: 1, last: Vec::new() }
    }

    pub(crate) fn fate(&self, key: &RequestKey) -> Option<Fate> {
        let mut at = self.last.get(self.chain(key)).copied()?;
        while let Some(request) = self.queue.get(self.index(at)?) {
            if request.key == *key {
                return Some(request.fate);
            }
            at = request.before;
        }
        None
    }

    /// A new one. When there are too many, the oldest is forgotten: then the event within says that it is known.
    pub(crate) fn came(&mut self, key: RequestKey, now: Mono) -> Came {
        self.forget(now);
        if self.last.is_empty() {
            // Most chains are empty: what was not there is mostly known without a look at the queue.
            self.last = vec![0; self.max.saturating_mul(4).next_power_of_two()];
        }
        while self.queue.len() >= self.max.max(1) {
            self.leave();
        }
        let number = self.first.saturating_add(self.queue.len() as u64);
        let chain = self.chain(&key);
        let before = self.last.get_mut(chain).map_or(0, |last| std::mem::replace(last, number));
        self.queue.push_back(Request { key, fate: Fate::Waiting, until: now.after(self.hold), before });
        Came(number)
    }

    pub(crate) fn answered(&mut self, Came(number): Came) {
        if let Some(request) = self.index(number).and_then(|index| self.queue.get_mut(index)) {
            request.fate = Fate::Answered;
        }
    }

    pub(crate) fn forget(&mut self, now: Mono) {
        while self.queue.front().is_some_and(|request| request.until <= now) {
            self.leave();
        }
    }

    fn leave(&mut self) {
        if self.queue.pop_front().is_some() {
            self.first = self.first.saturating_add(1);
        }
    }

    /// `None` for one that left, or never was.
    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    fn chain(&self, key: &RequestKey) -> usize {
        let [a, b, c, d, e, f, g, h, ..] = key.authenticator;
        let hash = mix(u64::from_le_bytes([a, b, c, d, e, f, g, h]), self.seed);
        usize::try_from(hash & (self.last.len() as u64).saturating_sub(1)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(identifier: u8) -> RequestKey {
        RequestKey { origin: Origin::Datagram("127.0.0.1:9".parse().unwrap()), identifier, authenticator: [0; 16] }
    }

    fn seen(max: usize) -> Seen {
        Seen::new(Duration::from_secs(30), max, 7)
    }

    #[test]
    fn a_request_is_remembered_until_its_time_and_not_longer() {
        let mut seen = seen(9);
        assert_eq!(seen.fate(&key(1)), None);
        let came = seen.came(key(1), Mono(0));
        assert_eq!(seen.fate(&key(1)), Some(Fate::Waiting));
        seen.answered(came);
        seen.forget(Mono(29_999));
        assert_eq!((seen.fate(&key(1)), seen.fate(&key(2))), (Some(Fate::Answered), None));
        seen.forget(Mono(30_000));
        assert_eq!(seen.fate(&key(1)), None);
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten_and_what_is_said_of_it_later_is_of_nobody_else() {
        let mut seen = seen(2);
        let came: Vec<Came> = (0..3).map(|identifier| seen.came(key(identifier), Mono(0))).collect();
        seen.answered(came[0]);
        assert_eq!(seen.fate(&key(0)), None);
        assert_eq!((seen.fate(&key(1)), seen.fate(&key(2))), (Some(Fate::Waiting), Some(Fate::Waiting)));
        seen.answered(came[2]);
        assert_eq!((seen.fate(&key(1)), seen.fate(&key(2))), (Some(Fate::Waiting), Some(Fate::Answered)));
    }

    #[test]
    fn each_of_many_is_told_from_every_other_whatever_has_left_before() {
        let mut seen = seen(1_000);
        let key = |n: u64| {
            let mut key = key(0);
            key.authenticator[..8].copy_from_slice(&(n / 3).to_le_bytes());
            RequestKey { identifier: u8::try_from(n % 3).unwrap(), ..key }
        };
        for n in 0..10_000_u64 {
            assert_eq!(seen.fate(&key(n)), None);
            let came = seen.came(key(n), Mono(n));
            if n.is_multiple_of(2) {
                seen.answered(came);
            }
            for back in [0, 1, 2, 500, 999] {
                let fate = if (n - back.min(n)).is_multiple_of(2) { Fate::Answered } else { Fate::Waiting };
                assert_eq!(seen.fate(&key(n - back.min(n))), Some(fate), "{n} {back}");
            }
            assert!(n < 1_000 || seen.fate(&key(n - 1_000)).is_none());
        }
    }
}
