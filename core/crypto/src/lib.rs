//! Keys at work: what stands behind [`tandem_model::vault`].
//!
//! | type | is |
//! |---|---|
//! | [`SeededRandom`] | ChaCha20 over a seed of 32 bytes; the shell takes the seed from the OS |
//! | [`DeviceVault`] | the phone's keys: Ed25519 and HPKE |
//! | [`ServerNotary`] | the server's verifying and keyed hashing |
//! | [`oprf`] | numbers blinded, evaluated and hashed to tokens, for private matching |
//! | [`fake`] | fast and insecure stand-ins for the simulation, which agree with each other |
//!
//! Nothing here does I/O, reads a clock or asks the OS for entropy.

mod blob;
mod device_vault;
pub mod fake;
mod notary;
pub mod oprf;
mod pad;
mod random;
mod seal;

pub use blob::BlobError;
pub use device_vault::{DeviceVault, SEALING_KEYS_MAX};
pub use notary::ServerNotary;
pub use pad::padded_len;
pub use random::SeededRandom;
pub use seal::{HPKE_SUITE, sealed_len};
