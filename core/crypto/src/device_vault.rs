//! The phone's keys.

use std::collections::BTreeMap;
use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tandem_model::vault::{KeyHandle, signed};
use tandem_model::{
    DeviceKey, Imsi, ImsiToken, KeyedImsiKey, MarkToken, Pseudonym, Random as _, SealedBody, SealingKey, SealingKeyId,
    Secret, Signature, Vault, VaultError,
};
use zeroize::Zeroizing;

use crate::blob::{self, BlobError, Devices};
use crate::random::SeededRandom;
use crate::seal::{self, HPKE_SUITE, Private};

/// Sealing keys kept under one device key: two months of daily rotation. The oldest makes room.
pub const SEALING_KEYS_MAX: usize = 64;

/// One registration's keys. Both kinds are wiped from memory when dropped.
pub(crate) struct Device {
    pub signing: SigningKey,
    pub sealing: BTreeMap<SealingKeyId, Private>,
}

/// Ed25519 device keys and the HPKE sealing keys under them, in memory.
///
/// It lives as one blob behind the host's key store: [`DeviceVault::save`] after every change and before anything made with
/// the new key leaves the phone (law 4), [`DeviceVault::load`] at start. Handles are random, so a key that was made and never
/// saved is not mistaken for a later one.
pub struct DeviceVault {
    devices: Devices,
    random: SeededRandom,
}

impl DeviceVault {
    /// An empty vault, drawing keys from `random`, whose seed must come from the OS.
    #[must_use]
    pub const fn new(random: SeededRandom) -> DeviceVault {
        DeviceVault { devices: Devices::new(), random }
    }

    /// A vault as it was saved. `random` must be seeded anew: repeating a seed repeats keys.
    ///
    /// # Errors
    /// [`BlobError`] when the blob is not whole.
    pub fn load(blob: &Secret<Vec<u8>>, random: SeededRandom) -> Result<DeviceVault, BlobError> {
        Ok(DeviceVault { devices: blob::read(blob.expose())?, random })
    }

    /// All keys as one blob for the host's key store.
    #[must_use]
    pub fn save(&self) -> Secret<Vec<u8>> {
        Secret::new(blob::write(&self.devices))
    }

    /// The handles of all device keys, for dropping those no registration refers to.
    #[must_use]
    pub fn handles(&self) -> Vec<KeyHandle> {
        self.devices.keys().copied().collect()
    }

    /// Forgets the sealing keys of rotations before `id`. Call it once nothing sealed to them can still arrive, which is
    /// 60 days after they were replaced: a text waits 30 days, and its sender may have held an old mark as long.
    pub fn forget_sealing_before(&mut self, key: KeyHandle, id: SealingKeyId) {
        if let Some(device) = self.devices.get_mut(&key) {
            device.sealing = device.sealing.split_off(&id);
        }
    }

    fn device(&self, key: KeyHandle) -> Result<&Device, VaultError> {
        self.devices.get(&key).ok_or(VaultError::KeyGone)
    }

    fn seed(&mut self) -> Zeroizing<[u8; 32]> {
        let mut seed = Zeroizing::new([0; 32]);
        self.random.fill(seed.as_mut_slice());
        seed
    }
}

/// Strict verification (RFC 8032 with the checks of `verify_strict`): no malleable signature, no weak key.
pub(crate) fn verify(by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(&by.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

impl Vault for DeviceVault {
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError> {
        let signing = SigningKey::from_bytes(&self.seed());
        let public = DeviceKey(signing.verifying_key().to_bytes());
        // 63 bits, because a database may hold the handle as a signed integer.
        let mut handle = KeyHandle(self.random.next_u64() >> 1);
        while self.devices.contains_key(&handle) {
            handle = KeyHandle(self.random.next_u64() >> 1);
        }
        self.devices.insert(handle, Device { signing, sealing: BTreeMap::new() });
        Ok((handle, public))
    }

    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError> {
        Ok(DeviceKey(self.device(key)?.signing.verifying_key().to_bytes()))
    }

    fn forget(&mut self, key: KeyHandle) {
        self.devices.remove(&key);
    }

    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError> {
        Ok(Signature(self.device(key)?.signing.sign(message).to_bytes()))
    }

    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        verify(by, message, signature)
    }

    /// Asked again for an id it has, it answers with the same key: a retry publishes nothing new.
    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError> {
        let (private, _) = seal::derive(&self.seed());
        let device = self.devices.get_mut(&key).ok_or(VaultError::KeyGone)?;
        let private = device.sealing.entry(id).or_insert(private);
        let public = seal::public_of(private).ok_or(VaultError::KeyGone)?;
        let signature = Signature(device.signing.sign(&signed::sealing_key(id, &public)).to_bytes());
        while device.sealing.len() > SEALING_KEYS_MAX {
            device.sealing.pop_first();
        }
        Ok(SealingKey { id, public, signature })
    }

    fn seal(&mut self, to: &SealingKey, context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError> {
        seal::seal(&to.public, to.id, context, plain, self.random.rng())
    }

    fn open(&self, key: KeyHandle, context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError> {
        let device = self.device(key)?;
        let (suite, id, rest) = seal::split_header(sealed).ok_or(VaultError::DoesNotOpen)?;
        match (suite, device.sealing.get(&id)) {
            (HPKE_SUITE, Some(private)) => seal::open(private, id, context, rest).ok_or(VaultError::DoesNotOpen),
            (_, Some(_) | None) => Err(VaultError::DoesNotOpen),
        }
    }

    /// HMAC-SHA-256 over the IMSI's digits in ASCII.
    fn imsi_token(&self, key: &KeyedImsiKey, imsi: &Imsi) -> ImsiToken {
        ImsiToken(hmac_sha256(key.0.expose(), imsi.digits().as_bytes()))
    }

    fn pair_token(&self, one: &Pseudonym, other: &Pseudonym) -> MarkToken {
        crate::oprf::pair_token(one, other)
    }

    fn open_token(&self, of: &Pseudonym) -> MarkToken {
        crate::oprf::open_token(of)
    }
}

pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        // HMAC takes keys of any length (RFC 2104), so this arm is never taken.
        return [0; 32];
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for DeviceVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceVault({} device keys)", self.devices.len())
    }
}
