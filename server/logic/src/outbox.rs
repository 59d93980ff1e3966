//! What is owed to one phone, in windows: sent once in order, and again from the start when nobody takes it.
//!
//! The store holds what is owed; an outbox only remembers how far this session was sent it. `cursor` means: everything
//! owed up to that place was sent on this connection. Something new goes out at once when nothing lies between; otherwise
//! it is read from the store in its turn.

use std::collections::BTreeSet;
use tandem_model::Mono;

/// One direction of what is owed to a phone.
#[derive(Debug)]
pub(crate) struct Outbox<K: Ord> {
    cursor: u64,
    untaken: BTreeSet<K>,
    /// The store may hold more after the cursor.
    behind: bool,
    reading: bool,
    progress_at: Mono,
}

impl<K: Ord> Default for Outbox<K> {
    fn default() -> Self {
        Outbox { cursor: 0, untaken: BTreeSet::new(), behind: true, reading: false, progress_at: Mono::ZERO }
    }
}

impl<K: Ord> Outbox<K> {
    /// Something new is owed at this place. True when it may be sent at once, and counts as sent.
    pub(crate) fn push(&mut self, order: u64, key: K, window: usize, now: Mono) -> bool {
        if self.behind || self.reading || self.untaken.len() >= window {
            self.behind = true;
            return false;
        }
        order > self.cursor && self.sent(order, key, now)
    }

    fn sent(&mut self, order: u64, key: K, now: Mono) -> bool {
        if self.untaken.is_empty() {
            self.progress_at = now;
        }
        self.cursor = self.cursor.max(order);
        self.untaken.insert(key)
    }

    /// Something new is owed, and the store knows what.
    pub(crate) fn more_is_owed(&mut self) {
        self.behind = true;
    }

    /// Whether to read from the store now: after which place and how many. Counts as being read.
    pub(crate) fn read(&mut self, window: usize) -> Option<(u64, u32)> {
        let room = window.saturating_sub(self.untaken.len());
        if !self.behind || self.reading || room == 0 {
            return None;
        }
        self.reading = true;
        self.behind = false;
        Some((self.cursor, u32::try_from(room).unwrap_or(u32::MAX)))
    }

    /// The store gave what it holds; all of it counts as sent.
    pub(crate) fn was_read(&mut self, keys: impl Iterator<Item = (u64, K)>, complete: bool, now: Mono) {
        self.reading = false;
        self.behind |= !complete;
        for (order, key) in keys {
            self.sent(order, key, now);
        }
    }

    /// The store could not be read: a later turn tries again.
    pub(crate) fn read_failed(&mut self) {
        self.reading = false;
        self.behind = true;
    }

    /// The phone holds this.
    pub(crate) fn taken(&mut self, key: &K, now: Mono) {
        if self.untaken.remove(key) {
            self.progress_at = now;
        }
    }

    /// Something waits: to be taken, or for a store that could not be read.
    pub(crate) fn waits(&self) -> bool {
        !self.untaken.is_empty() || (self.behind && !self.reading)
    }

    /// Nothing was taken since `before`: everything counts as not sent. True when there was something.
    pub(crate) fn rewind_if_stale(&mut self, before: Mono) -> bool {
        if self.untaken.is_empty() || self.progress_at > before {
            return false;
        }
        self.rewind();
        true
    }

    /// Everything counts as not sent.
    pub(crate) fn rewind(&mut self) {
        self.untaken.clear();
        self.cursor = 0;
        self.behind = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caught_up() -> Outbox<u8> {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.read(4), Some((0, 4)));
        outbox.was_read(std::iter::empty(), true, Mono(0));
        outbox
    }

    #[test]
    fn something_new_goes_out_at_once_when_nothing_lies_between() {
        let mut outbox = caught_up();
        assert!(outbox.push(5, 1, 4, Mono(1)));
        assert!(!outbox.push(5, 1, 4, Mono(1)), "and only once");
        assert_eq!(outbox.read(4), None);
    }

    #[test]
    fn what_comes_while_the_store_is_read_waits_for_the_next_reading() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.read(4), Some((0, 4)));
        assert!(!outbox.push(9, 1, 4, Mono(1)), "the reading may or may not have seen it");
        outbox.was_read([(7, 2)].into_iter(), true, Mono(1));
        assert_eq!(outbox.read(4), Some((7, 3)));
    }

    #[test]
    fn a_full_window_sends_no_more_until_something_is_taken() {
        let mut outbox = caught_up();
        for order in 1..=4 {
            assert!(outbox.push(order, u8::try_from(order).unwrap(), 4, Mono(1)));
        }
        assert!(!outbox.push(5, 5, 4, Mono(1)));
        assert_eq!(outbox.read(4), None, "no room");
        outbox.taken(&2, Mono(2));
        assert_eq!(outbox.read(4), Some((4, 1)));
    }

    #[test]
    fn what_nobody_takes_is_sent_again_from_the_start() {
        let mut outbox = caught_up();
        assert!(outbox.push(3, 1, 4, Mono(100)));
        assert!(!outbox.rewind_if_stale(Mono(99)));
        assert!(outbox.rewind_if_stale(Mono(100)));
        assert_eq!(outbox.read(4), Some((0, 4)));
    }

    #[test]
    fn a_failed_reading_is_tried_again() {
        let mut outbox: Outbox<u8> = Outbox::default();
        assert!(outbox.read(4).is_some());
        outbox.read_failed();
        assert!(outbox.waits());
        assert!(outbox.read(4).is_some());
    }
}
