//! How much one relay carries.

use std::time::Duration;

use tandem_model::Mono;

/// A bucket of bytes that fills at a steady rate.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    bytes_per_second: u64,
    most: u64,
    /// Thousandths of a byte, so that a millisecond fills exactly.
    level_milli: u64,
    filled_at: Mono,
}

impl Bucket {
    /// A full bucket.
    pub(crate) const fn new(bytes_per_second: u64, most: u64, now: Mono) -> Self {
        Self { bytes_per_second, most, level_milli: most.saturating_mul(1_000), filled_at: now }
    }

    /// Takes the bytes when they are there; otherwise takes nothing.
    pub(crate) fn take(&mut self, bytes: usize, now: Mono) -> bool {
        let passed: Duration = now.since(self.filled_at);
        let gained = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_mul(self.bytes_per_second);
        self.level_milli = self.level_milli.saturating_add(gained).min(self.most.saturating_mul(1_000));
        self.filled_at = self.filled_at.max(now);
        let cost = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(1_000);
        let enough = cost <= self.level_milli;
        if enough {
            self.level_milli -= cost;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_only_the_rate() {
        let mut bucket = Bucket::new(1_000, 500, Mono(0));
        assert!(bucket.take(500, Mono(0)));
        assert!(!bucket.take(1, Mono(0)));
        assert!(!bucket.take(100, Mono(99)));
        assert!(bucket.take(100, Mono(100)));
        assert!(!bucket.take(501, Mono(1_000_000)));
        assert!(bucket.take(500, Mono(1_000_000)));
    }

    #[test]
    fn a_clock_that_stands_still_or_runs_back_fills_nothing() {
        let mut bucket = Bucket::new(1_000, 500, Mono(1_000));
        assert!(bucket.take(500, Mono(1_000)));
        assert!(!bucket.take(1, Mono(0)));
        assert!(!bucket.take(1, Mono(1_000)));
    }
}
