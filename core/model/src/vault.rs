//! Cryptography as seen by the machines: two small traits, so that keys stay behind the host's key store and the
//! simulation can run thousands of device-days a minute.
//!
//! Every operation is a pure computation that returns at once; keys are named by [`KeyHandle`] and never seen.

use crate::keys::{DeviceKey, ImsiToken, KeyedImsiKey, SealedBody, SealingKey, SealingKeyId, Signature};
use crate::pseudonym::{MarkToken, Pseudonym};
use crate::sim::Imsi;
use serde::{Deserialize, Serialize};

/// Names a device key behind the key store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct KeyHandle(pub u64);

/// What a key operation can fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The handle names no key: forgotten, or lost with the key store. Register again.
    #[error("the key is gone")]
    KeyGone,
    /// The key store cannot be used now (locked before first unlock, say). Try later.
    #[error("the key store is locked")]
    Locked,
    /// The bytes do not open: forged, damaged, or sealed to another key.
    #[error("the body does not open")]
    DoesNotOpen,
    /// The peer's public key is no valid point.
    #[error("the peer's key is invalid")]
    BadPeerKey,
}

/// The phone's keys: one device key per registration and the sealing keys under it.
pub trait Vault: Send {
    /// Makes a device key for a new registration.
    ///
    /// # Errors
    /// [`VaultError::Locked`].
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError>;

    /// The public half of a device key.
    ///
    /// # Errors
    /// [`VaultError::KeyGone`], [`VaultError::Locked`].
    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError>;

    /// Forgets a device key and the sealing keys under it. Forgetting twice is fine.
    fn forget(&mut self, key: KeyHandle);

    /// Signs canonical bytes from [`signed`].
    ///
    /// # Errors
    /// [`VaultError::KeyGone`], [`VaultError::Locked`].
    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError>;

    /// Whether `signature` is by `by` over `message`.
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool;

    /// Makes the next sealing key under a device key and signs it. Older ones go on opening.
    ///
    /// # Errors
    /// [`VaultError::KeyGone`], [`VaultError::Locked`].
    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError>;

    /// Seals `plain` to a peer's sealing key; `context` is authenticated and not sent.
    ///
    /// # Errors
    /// [`VaultError::BadPeerKey`].
    fn seal(&mut self, to: &SealingKey, context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError>;

    /// Opens what was sealed to any sealing key under `key`.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`], [`VaultError::KeyGone`].
    fn open(&self, key: KeyHandle, context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError>;

    /// The keyed token of an IMSI.
    fn imsi_token(&self, key: &KeyedImsiKey, imsi: &Imsi) -> ImsiToken;

    /// The token of a pair of numbers, the same whichever comes first.
    fn pair_token(&self, one: &Pseudonym, other: &Pseudonym) -> MarkToken;

    /// The token that stands for one number, whoever tells it.
    fn open_token(&self, of: &Pseudonym) -> MarkToken;
}

/// The server's side: it verifies, and keys digests under a secret of its own. It never signs for a phone.
pub trait Notary: Send {
    /// Whether `signature` is by `by` over `message`.
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool;

    /// HMAC-SHA-256 under the server's secret over a domain and length-prefixed parts: hashes of tokens and codes, keys
    /// for IMSI tokens, pseudonyms.
    fn digest(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32];

    /// Compares in constant time.
    fn equal(&self, a: &[u8], b: &[u8]) -> bool;
}

/// Canonical bytes of everything that is signed: a domain, then each part behind its length (u32, big endian).
pub mod signed {
    use crate::call::CallId;
    use crate::clock::ServerMillis;
    use crate::ids::{NumberEpoch, RegistrationId};
    use crate::keys::{DeviceKey, ImsiToken, Nonce, SealingKeyId, SmsToken};
    use crate::msisdn::Msisdn;

    /// Joins a domain and parts so that no two different lists give the same bytes.
    #[must_use]
    pub fn canonical(domain: &str, parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::with_capacity(domain.len() + 1 + parts.iter().map(|p| p.len() + 4).sum::<usize>());
        out.extend_from_slice(domain.as_bytes());
        out.push(0);
        for part in parts {
            out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(part);
        }
        out
    }

    /// Proof of a connection: the challenge, the number and its epoch.
    #[must_use]
    pub fn session(nonce: &Nonce, number: Msisdn, epoch: NumberEpoch) -> Vec<u8> {
        canonical("tandem/1/session", &[&nonce.0, &number.as_u64().to_be_bytes(), &epoch.0.to_be_bytes()])
    }

    /// A sealing key, by the device key it belongs to.
    #[must_use]
    pub fn sealing_key(id: SealingKeyId, public: &[u8; 32]) -> Vec<u8> {
        canonical("tandem/1/sealing-key", &[&id.0.to_be_bytes(), public])
    }

    /// The start of a registration: this key asks for this number.
    #[must_use]
    pub fn register_start(number: Msisdn, key: &DeviceKey) -> Vec<u8> {
        canonical("tandem/1/register-start", &[&number.as_u64().to_be_bytes(), &key.0])
    }

    /// The confirmation of a registration by what the SMS carried: the token, or the code a person typed.
    #[must_use]
    pub fn register_confirm(id: RegistrationId, proof: RegisterProof<'_>, imsi: Option<&ImsiToken>) -> Vec<u8> {
        let (kind, bytes): (&[u8], &[u8]) = match proof {
            RegisterProof::Token(token) => (b"token", &token.0),
            RegisterProof::Code(code) => (b"code", code.as_bytes()),
        };
        canonical("tandem/1/register-confirm", &[&id.0, kind, bytes, imsi.map_or(&[], |token| &token.0)])
    }

    /// What proves the number.
    #[derive(Clone, Copy, Debug)]
    pub enum RegisterProof<'a> {
        /// The machine-read 128-bit token.
        Token(&'a SmsToken),
        /// The eight digits for a human.
        Code(&'a str),
    }

    /// The end of whatever this key may have registered of a number: it never heard which epoch.
    #[must_use]
    pub fn register_withdraw(number: Msisdn, key: &DeviceKey) -> Vec<u8> {
        canonical("tandem/1/register-withdraw", &[&number.as_u64().to_be_bytes(), &key.0])
    }

    /// The end of a registration, by its own key.
    #[must_use]
    pub fn unregister(number: Msisdn, epoch: NumberEpoch, key: &DeviceKey) -> Vec<u8> {
        canonical("tandem/1/unregister", &[&number.as_u64().to_be_bytes(), &epoch.0.to_be_bytes(), &key.0])
    }

    /// Proof of one end of a direct connection: keying material that only its two ends have (RFC 8446, 7.5), which end, who says
    /// it and to whom.
    #[must_use]
    pub fn direct(keying: &[u8; 32], role: &[u8], from: (Msisdn, NumberEpoch), to: (Msisdn, NumberEpoch)) -> Vec<u8> {
        canonical(
            "tandem/1/direct",
            &[
                keying,
                role,
                &from.0.as_u64().to_be_bytes(),
                &from.1.0.to_be_bytes(),
                &to.0.as_u64().to_be_bytes(),
                &to.1.0.to_be_bytes(),
            ],
        )
    }

    /// The DTLS fingerprint of one side of one call.
    #[must_use]
    pub fn fingerprint(call: CallId, from: Msisdn, to: Msisdn, fingerprint: &str) -> Vec<u8> {
        canonical(
            "tandem/1/fingerprint",
            &[&call.0, &from.as_u64().to_be_bytes(), &to.as_u64().to_be_bytes(), fingerprint.as_bytes()],
        )
    }

    /// A ring by push: the call, the caller, the callee, its one expiry and the caller's SHA-256 fingerprint.
    #[must_use]
    pub fn ring_push(
        call: CallId,
        from: Msisdn,
        to: Msisdn,
        expires_at: ServerMillis,
        fingerprint: &[u8; 32],
    ) -> Vec<u8> {
        let (from, to) = (from.as_u64().to_be_bytes(), to.as_u64().to_be_bytes());
        canonical("tandem/1/ring-push", &[&call.0, &from, &to, &expires_at.0.to_be_bytes(), fingerprint])
    }

    #[cfg(test)]
    mod tests {
        use super::canonical;

        #[test]
        fn moving_a_byte_between_parts_changes_the_bytes() {
            assert_ne!(canonical("d", &[b"ab", b"c"]), canonical("d", &[b"a", b"bc"]));
            assert_ne!(canonical("d", &[b"ab"]), canonical("d", &[b"ab", b""]));
        }
    }
}
