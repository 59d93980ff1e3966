//! Stand-ins for the simulation: fast, the same for the same seed, and **not secure at all**.
//!
//! Anybody who knows a public key can sign and open for it. What they keep is everything a test can notice: a changed byte,
//! another key, another context or a forgotten key fails here as it does with real cryptography, lengths are the same, and
//! a sealed body does not show its text.

use std::collections::BTreeMap;

use tandem_model::random::SplitMix64;
use tandem_model::vault::{KeyHandle, signed};
use tandem_model::{
    DeviceKey, Imsi, ImsiToken, KeyedImsiKey, MarkToken, Notary, Pseudonym, Random as _, SealedBody, SealingKey,
    SealingKeyId, Signature, Vault, VaultError,
};

mod oprf;

pub use oprf::{FakeBlindJob, FakeEvaluator, blind, open_token, pair_token};

use crate::SEALING_KEYS_MAX;
use crate::pad::{pad, unpad};
use crate::seal;

/// Names the stand-in in the first byte of a sealed body; no phone sends or opens it.
pub const FAKE_SUITE: u8 = 0xF0;

const ENCAPSULATED: usize = 32;
const TAG: usize = 16;

/// A keyed hash, without any strength against an adversary.
fn hash<const N: usize>(domain: &str, parts: &[&[u8]]) -> [u8; N] {
    let mut state = 0x243F_6A88_85A3_08D3_u64;
    for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
        state = stir(state, u64::try_from(part.len()).unwrap_or(u64::MAX));
        for chunk in part.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            state = stir(state, u64::from_le_bytes(word));
        }
    }
    let mut out = [0; N];
    SplitMix64(state).fill(&mut out);
    out
}

const fn stir(state: u64, word: u64) -> u64 {
    let mixed = (state ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

fn sign(by: &DeviceKey, message: &[u8]) -> Signature {
    Signature(hash("sign", &[&by.0, message]))
}

/// Both directions: the stream depends on the recipient's key and the nonce only.
fn scramble(public: &[u8; 32], nonce: &[u8], text: &mut [u8]) {
    let mut stream = SplitMix64(u64::from_le_bytes(hash("stream", &[public, nonce])));
    let mut mask = vec![0; text.len()];
    stream.fill(&mut mask);
    text.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

/// Stands in for [`crate::DeviceVault`]. A clone is the key store that outlives a killed phone.
#[derive(Clone, Debug)]
pub struct FakeVault {
    devices: BTreeMap<KeyHandle, (DeviceKey, BTreeMap<SealingKeyId, [u8; 32]>)>,
    random: SplitMix64,
    locked: bool,
}

impl FakeVault {
    /// An empty vault.
    #[must_use]
    pub const fn new(seed: u64) -> FakeVault {
        FakeVault { devices: BTreeMap::new(), random: SplitMix64(seed), locked: false }
    }

    /// Locks the key store, as before the first unlock after a boot, or unlocks it.
    pub const fn set_locked(&mut self, locked: bool) {
        self.locked = locked;
    }

    /// As [`crate::DeviceVault::forget_sealing_before`].
    pub fn forget_sealing_before(&mut self, key: KeyHandle, id: SealingKeyId) {
        if let Some((_, sealing)) = self.devices.get_mut(&key) {
            *sealing = sealing.split_off(&id);
        }
    }

    fn random_key(&mut self) -> [u8; 32] {
        let mut key = [0; 32];
        self.random.fill(&mut key);
        key
    }

    const fn unlocked(&self) -> Result<(), VaultError> {
        if self.locked { Err(VaultError::Locked) } else { Ok(()) }
    }
}

impl Vault for FakeVault {
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError> {
        self.unlocked()?;
        let public = DeviceKey(self.random_key());
        let handle = KeyHandle(self.random.next_u64() >> 1);
        self.devices.insert(handle, (public, BTreeMap::new()));
        Ok((handle, public))
    }

    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError> {
        self.devices.get(&key).map(|(public, _)| *public).ok_or(VaultError::KeyGone)
    }

    fn forget(&mut self, key: KeyHandle) {
        self.devices.remove(&key);
    }

    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError> {
        self.unlocked()?;
        let (public, _) = self.devices.get(&key).ok_or(VaultError::KeyGone)?;
        Ok(sign(public, message))
    }

    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        sign(by, message) == *signature
    }

    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError> {
        self.unlocked()?;
        let fresh = self.random_key();
        let (device_key, sealing) = self.devices.get_mut(&key).ok_or(VaultError::KeyGone)?;
        let public = *sealing.entry(id).or_insert(fresh);
        let signature = sign(device_key, &signed::sealing_key(id, &public));
        while sealing.len() > SEALING_KEYS_MAX {
            sealing.pop_first();
        }
        Ok(SealingKey { id, public, signature })
    }

    fn seal(&mut self, to: &SealingKey, context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError> {
        if to.public == [0; 32] {
            return Err(VaultError::BadPeerKey);
        }
        let header = seal::header(FAKE_SUITE, to.id);
        let nonce = self.random_key();
        let mut text = pad(plain).to_vec();
        let tag: [u8; TAG] = hash("seal", &[&to.public, &header, &nonce, context, &text]);
        scramble(&to.public, &nonce, &mut text);
        Ok(SealedBody([&header, nonce.as_slice(), &text, &tag].concat()))
    }

    fn open(&self, key: KeyHandle, context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError> {
        self.unlocked()?;
        let (_, sealing) = self.devices.get(&key).ok_or(VaultError::KeyGone)?;
        let open = || {
            let (suite, id, rest) = seal::split_header(sealed)?;
            let public = sealing.get(&id).filter(|_| suite == FAKE_SUITE)?;
            let (nonce, rest) = rest.split_at_checked(ENCAPSULATED)?;
            let (text, tag) = rest.split_last_chunk::<TAG>()?;
            let mut text = text.to_vec();
            scramble(public, nonce, &mut text);
            let header = seal::header(FAKE_SUITE, id);
            let right: [u8; TAG] = hash("seal", &[public, &header, nonce, context, &text]);
            if right == *tag { unpad(&text) } else { None }
        };
        open().ok_or(VaultError::DoesNotOpen)
    }

    fn imsi_token(&self, key: &KeyedImsiKey, imsi: &Imsi) -> ImsiToken {
        ImsiToken(hash("imsi", &[key.0.expose(), imsi.digits().as_bytes()]))
    }

    fn pair_token(&self, one: &Pseudonym, other: &Pseudonym) -> MarkToken {
        pair_token(one, other)
    }

    fn open_token(&self, of: &Pseudonym) -> MarkToken {
        open_token(of)
    }
}

/// Stands in for [`crate::ServerNotary`]; verifies what [`FakeVault`] signs.
#[derive(Clone, Copy, Debug)]
pub struct FakeNotary(u64);

impl FakeNotary {
    /// With the server's secret.
    #[must_use]
    pub const fn new(secret: u64) -> FakeNotary {
        FakeNotary(secret)
    }
}

impl Notary for FakeNotary {
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        sign(by, message) == *signature
    }

    fn digest(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        hash("digest", &[&self.0.to_be_bytes(), &signed::canonical(domain, parts)])
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        a == b
    }
}
