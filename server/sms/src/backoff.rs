//! Exponential back-off with full jitter, from a seed.

use std::time::Duration;

use tandem_model::Random;
use tandem_model::random::SplitMix64;

/// Waits that grow from `first` to `longest`, each drawn evenly from zero to its bound so that many clients spread out.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: SplitMix64,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, random: SplitMix64(seed) }
    }

    /// Counts one failure and draws the wait before the next try.
    pub(crate) fn fail(&mut self) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        let millis = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.random.below(millis.saturating_add(1)))
    }

    /// The longest wait the next failure may draw.
    pub(crate) fn bound(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures.min(31)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// Jumps to the longest waits at once, for failures that only a person can mend.
    pub(crate) fn give_up_hope(&mut self) {
        self.failures = 31;
    }

    /// Something worked: the next failure starts from the first wait.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_success() {
        let mut backoff = Backoff::new(SECOND, 10 * SECOND, 1);
        for bound in [1, 2, 4, 8, 10, 10] {
            assert_eq!(backoff.bound(), bound * SECOND);
            assert!(backoff.fail() <= bound * SECOND);
        }
        backoff.reset();
        assert_eq!(backoff.bound(), SECOND);
    }

    #[test]
    fn the_same_seed_draws_the_same_waits_and_they_are_spread() {
        let draw = |seed| {
            let mut backoff = Backoff::new(SECOND, 60 * SECOND, seed);
            (0..12).map(|_| backoff.fail()).collect::<Vec<_>>()
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
    }

    #[test]
    fn countless_failures_stay_within_the_longest_wait() {
        let mut backoff = Backoff::new(SECOND, 60 * SECOND, 2);
        for _ in 0..100 {
            assert!(backoff.fail() <= 60 * SECOND);
        }
        backoff.give_up_hope();
        assert_eq!(backoff.bound(), 60 * SECOND);
    }
}
