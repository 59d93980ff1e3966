//! Randomness fit for keys, as a function of a seed.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use tandem_model::Random;

/// ChaCha20 over a seed of 32 bytes. With a seed from the OS it is fit for keys and tokens; with a fixed one it repeats.
///
/// It is not `Clone`: two copies would draw the same keys.
pub struct SeededRandom(ChaCha20Rng);

impl SeededRandom {
    /// Starts the stream of a seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> SeededRandom {
        SeededRandom(ChaCha20Rng::from_seed(seed))
    }

    /// Another stream, seeded from this one.
    #[must_use]
    pub fn fork(&mut self) -> SeededRandom {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        SeededRandom::from_seed(seed)
    }

    /// For the libraries that draw for themselves.
    pub(crate) fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

impl std::fmt::Debug for SeededRandom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeededRandom(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_stream_and_a_fork_has_another() {
        let draw = |random: &mut SeededRandom| [random.next_u64(), random.next_u64()];
        let (mut a, mut b) = (SeededRandom::from_seed([7; 32]), SeededRandom::from_seed([7; 32]));
        assert_eq!(draw(&mut a.fork()), draw(&mut b.fork()));
        assert_eq!(draw(&mut a), draw(&mut b));
        assert_ne!(draw(&mut a.fork()), draw(&mut b));
    }

    /// The first block of ChaCha20 under the zero key and nonce, with a 64-bit counter.
    #[test]
    fn the_stream_is_chacha20() {
        let mut first = [0; 8];
        SeededRandom::from_seed([0; 32]).fill(&mut first);
        assert_eq!(first, [0x76, 0xB8, 0xE0, 0xAD, 0xA0, 0xF1, 0x3D, 0x90]);
    }
}
