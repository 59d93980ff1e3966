//! Numbers that the access network reported detached, until that has lasted: then their marks are not to read as if they were there.
//!
//! Kept in memory only: what a restart forgets ends with its lease.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tandem_model::{Mono, Msisdn};

/// Numbers watched at once; a lease beyond them ends by itself.
const WATCHED_MAX: usize = 1_000_000;

/// Numbers told at once.
const TOLD_AT_ONCE: usize = 64;

/// Who is away, and from when on that counts.
#[derive(Debug)]
pub struct Detached {
    after: Duration,
    due: BTreeSet<(Mono, Msisdn)>,
    since: BTreeMap<Msisdn, Mono>,
}

impl Detached {
    /// Nobody yet; it counts after so long.
    #[must_use]
    pub const fn new(after: Duration) -> Detached {
        Detached { after, due: BTreeSet::new(), since: BTreeMap::new() }
    }

    /// A session of a number changed: it holds an address somewhere, or none any more.
    pub fn seen(&mut self, number: Msisdn, attached: bool, now: Mono) {
        if attached {
            if let Some(at) = self.since.remove(&number) {
                self.due.remove(&(at, number));
            }
        } else if !self.since.contains_key(&number) && self.since.len() < WATCHED_MAX {
            let at = now.after(self.after);
            self.since.insert(number, at);
            self.due.insert((at, number));
        }
    }

    /// When the next of them is due.
    #[must_use]
    pub fn next(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Those that are due now, some at a time. Each is given once.
    pub fn take_due(&mut self, now: Mono) -> Vec<Msisdn> {
        let mut due = Vec::new();
        while due.len() < TOLD_AT_ONCE
            && let Some((at, number)) = self.due.first().copied()
            && at <= now
        {
            self.due.remove(&(at, number));
            self.since.remove(&number);
            due.push(number);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u64) -> Msisdn {
        Msisdn::try_from(491_510_000_000 + n).unwrap()
    }

    #[test]
    fn a_number_counts_as_away_once_it_has_been_for_long_and_not_before() {
        let mut detached = Detached::new(Duration::from_secs(60));
        detached.seen(number(1), false, Mono(1_000));
        detached.seen(number(1), false, Mono(30_000));
        assert_eq!(detached.next(), Some(Mono(61_000)), "from its first end on");
        assert!(detached.take_due(Mono(60_999)).is_empty());
        assert_eq!(detached.take_due(Mono(61_000)), vec![number(1)]);
        assert!(detached.take_due(Mono(99_000)).is_empty(), "once");
    }

    #[test]
    fn a_number_that_comes_back_is_not_away() {
        let mut detached = Detached::new(Duration::from_secs(60));
        detached.seen(number(1), false, Mono(1_000));
        detached.seen(number(1), true, Mono(2_000));
        assert_eq!((detached.next(), detached.take_due(Mono(99_000))), (None, vec![]));
    }

    #[test]
    fn many_are_told_a_few_at_a_time() {
        let mut detached = Detached::new(Duration::from_secs(60));
        (0..100).for_each(|n| detached.seen(number(n), false, Mono(0)));
        assert_eq!(detached.take_due(Mono(60_000)).len(), 64);
        assert_eq!(detached.take_due(Mono(60_000)).len(), 36);
    }
}
