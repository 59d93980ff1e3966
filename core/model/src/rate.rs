//! Rates and sizes as types, so that bits and bytes are never confused.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Bits per second on the wire, headers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct DataRate {
    bits_per_second: u64,
}

impl DataRate {
    /// From bits per second.
    #[must_use]
    pub const fn bps(bits_per_second: u64) -> Self {
        Self { bits_per_second }
    }

    /// From kilobits (1000 bits) per second.
    #[must_use]
    pub const fn kbps(kilobits: u64) -> Self {
        Self { bits_per_second: kilobits.saturating_mul(1000) }
    }

    /// In bits per second.
    #[must_use]
    pub const fn as_bps(self) -> u64 {
        self.bits_per_second
    }

    /// The rate at which `size` passes in `time`; the largest rate when no time passed.
    #[must_use]
    pub fn of(size: DataSize, time: Duration) -> Self {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        match size.as_bits().saturating_mul(1_000_000).checked_div(micros) {
            Some(bits_per_second) => Self { bits_per_second },
            None => Self { bits_per_second: u64::MAX },
        }
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct DataSize {
    bytes: u64,
}

impl DataSize {
    /// From bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// In bytes.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }

    /// In bits.
    #[must_use]
    pub const fn as_bits(self) -> u64 {
        self.bytes.saturating_mul(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_kilobytes_in_a_second_are_sixty_four_kilobits() {
        assert_eq!(DataRate::of(DataSize::bytes(8_000), Duration::from_secs(1)), DataRate::kbps(64));
    }

    #[test]
    fn no_time_at_all_is_the_largest_rate_and_not_a_division_by_zero() {
        assert_eq!(DataRate::of(DataSize::bytes(1), Duration::ZERO), DataRate::bps(u64::MAX));
    }
}
