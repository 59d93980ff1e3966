//! Which counters of a session were used: the newest, and those a little older that may still be on their way.

/// Counters a datagram may be behind the newest. An asker with more asks under way than this loses some of them.
pub const WINDOW: u64 = 4_096;

const WORDS: usize = 64;

/// The used ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    newest: u64,
    used: [u64; WORDS],
}

impl Window {
    pub(super) const fn new() -> Window {
        Window { newest: 0, used: [0; WORDS] }
    }

    /// Whether a counter may be used. Changes nothing: what proves the counter comes after.
    pub(super) fn is_new(&self, counter: u64) -> bool {
        if counter > self.newest {
            return true;
        }
        let behind = self.newest.saturating_sub(counter);
        counter != 0 && behind < WINDOW && self.used.get(word(counter)).is_some_and(|word| word & bit(counter) == 0)
    }

    /// Uses it up.
    pub(super) fn take(&mut self, counter: u64) {
        if counter > self.newest {
            if counter.saturating_sub(self.newest) >= WINDOW {
                self.used = [0; WORDS];
            } else {
                // The places of counters that are now too old to be used are the places of the ones up to this.
                for skipped in self.newest.saturating_add(1)..=counter {
                    if let Some(word) = self.used.get_mut(word(skipped)) {
                        *word &= !bit(skipped);
                    }
                }
            }
            self.newest = counter;
        }
        if let Some(word) = self.used.get_mut(word(counter)) {
            *word |= bit(counter);
        }
    }
}

fn word(counter: u64) -> usize {
    usize::try_from(counter / 64 % WORDS as u64).unwrap_or(0)
}

const fn bit(counter: u64) -> u64 {
    1 << (counter % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_counter_is_new_once_and_as_long_as_it_is_not_too_old() {
        let mut window = Window::new();
        assert!(!window.is_new(0), "counters begin at 1");
        for counter in [1, 3, 2, WINDOW + 1] {
            assert!(window.is_new(counter));
            window.take(counter);
            assert!(!window.is_new(counter));
        }
        assert!(!window.is_new(1) && window.is_new(4));
        window.take(WINDOW + 4);
        assert!(!window.is_new(4), "exactly too old");
        assert!(window.is_new(5), "the oldest that is not");
        window.take(u64::MAX);
        assert!(!window.is_new(u64::MAX) && window.is_new(u64::MAX - 1) && !window.is_new(u64::MAX - WINDOW));
    }

    proptest! {
        #[test]
        fn it_says_what_a_set_of_all_counters_says(steps in prop::collection::vec((any::<bool>(), 0_u64..9_000), 0..200)) {
            let (mut window, mut set, mut newest) = (Window::new(), BTreeSet::new(), 0_u64);
            for (ahead, far) in steps {
                let counter = if ahead { newest + far } else { newest.saturating_sub(far) };
                let new = counter != 0 && counter + WINDOW > newest && !set.contains(&counter);
                prop_assert_eq!(window.is_new(counter), new);
                if new {
                    window.take(counter);
                    set.insert(counter);
                    newest = newest.max(counter);
                }
            }
        }
    }
}
