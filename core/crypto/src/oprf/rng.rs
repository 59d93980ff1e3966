//! Tandem's randomness for a library that asks by the traits of `rand_core` 0.6.

use rand_core_06::{CryptoRng, Error, RngCore};
use tandem_model::Random;

/// Hands through a source that its owner vouches for: a shell gives it a [`crate::SeededRandom`] with a seed from the OS.
pub(super) struct Rng<'a>(pub &'a mut dyn Random);

impl RngCore for Rng<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.0.fill(out);
        Ok(())
    }
}

impl CryptoRng for Rng<'_> {}
