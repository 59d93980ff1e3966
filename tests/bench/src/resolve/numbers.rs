//! The numbers both servers hold, and where each is.

use std::net::Ipv4Addr;
use tandem_model::Msisdn;

/// The first of them. All have eleven digits, so that every question about one is as long as any other.
const FIRST: u64 = 15_500_000_000;

/// The one in a place.
#[must_use]
pub fn number(place: u32) -> Option<Msisdn> {
    Msisdn::try_from(FIRST + u64::from(place)).ok()
}

/// Its digits.
#[must_use]
pub fn digits(place: u32) -> String {
    (FIRST + u64::from(place)).to_string()
}

/// Its address: one for each place below 16,777,216.
#[must_use]
pub fn address(place: u32) -> Ipv4Addr {
    let [_, b, c, d] = place.to_be_bytes();
    Ipv4Addr::new(10, b, c, d)
}

/// Places in no order, the same for every run of a seed.
#[derive(Clone, Debug)]
pub struct Places {
    state: u64,
    all: u32,
}

impl Places {
    /// Of so many.
    #[must_use]
    pub const fn new(seed: u64, all: u32) -> Places {
        Places { state: seed, all }
    }
}

impl Iterator for Places {
    type Item = u32;

    /// SplitMix64, taken as a fraction of all.
    fn next(&mut self) -> Option<u32> {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        u32::try_from(((z >> 32) * u64::from(self.all)) >> 32).ok()
    }
}
