//! What a push carries so that a cold phone rings before it has connected (N8): sealed to the callee, signed by the caller.
//!
//! ```text
//! 1 byte   version, 1
//! 16 bytes call
//! 8 bytes  caller's number, big endian
//! 8 bytes  expiry, milliseconds of the server's clock, big endian
//! 32 bytes SHA-256 fingerprint of the caller's DTLS certificate
//! 64 bytes signature of the caller's device key
//! ```
//!
//! The callee's number is signed and sealed with it but not sent, so that a push cannot be turned to somebody else.

use crate::error::WireError;
use crate::limits::RING_MAX;
use std::time::Duration;
use tandem_model::vault::KeyHandle;
use tandem_model::vault::signed;
use tandem_model::{CallId, DeviceKey, Msisdn, SealedBody, SealingKey, ServerMillis, Signature, Vault, VaultError};

/// Names this layout in the first byte.
const VERSION: u8 = 1;

/// Bytes of the plain payload, which is always this long.
pub const RING_PUSH_LEN: usize = 1 + 16 + 8 + 8 + 32 + 64;

/// The longest sealed payload, in bytes: what every push service takes.
pub const RING_PUSH_SEALED_MAX: usize = 2_048;

/// How far a clock that the server has been asked about may be off.
const SKEW: Duration = Duration::from_secs(5);

/// What rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPush {
    /// Which call.
    pub call: CallId,
    /// Whose.
    pub from: Msisdn,
    /// When it stops ringing, on both phones, whatever happens.
    pub expires_at: ServerMillis,
    /// What the caller's DTLS certificate must hash to.
    pub fingerprint: [u8; 32],
}

/// Why a push does not ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingRefusal {
    /// The keys are not there, or the bytes are not for them.
    #[error(transparent)]
    Sealed(#[from] VaultError),
    /// It opens, and is no ring.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// Too long for a push service, before anything is opened.
    #[error("the push is too large")]
    TooLarge,
    /// No key is known of the caller: whether it rings is for the session to say.
    #[error("no key is known of the caller")]
    UnknownCaller,
    /// Not signed by the caller's device.
    #[error("the signature is not the caller's")]
    NotTheCaller,
    /// The ring is over: a missed call.
    #[error("the ring has expired")]
    Expired,
    /// It would ring for longer than any ring may.
    #[error("the expiry is too far away")]
    TooFar,
}

impl RingPush {
    /// Signs and seals it for a callee.
    ///
    /// # Errors
    /// [`VaultError`] of the caller's keys or the callee's.
    pub fn seal(
        &self,
        vault: &mut dyn Vault,
        key: KeyHandle,
        callee: Msisdn,
        to: &SealingKey,
    ) -> Result<SealedBody, VaultError> {
        let signature = vault.sign(key, &self.signed_bytes(callee))?;
        vault.seal(to, &context(callee), &self.encode(&signature))
    }

    /// Opens a push as the callee, by the server's clock. `key_of` tells the device key of a contact.
    ///
    /// # Errors
    /// [`RingRefusal`]. Only [`RingRefusal::Expired`] is of a caller who is known to have called.
    pub fn open(
        vault: &dyn Vault,
        key: KeyHandle,
        callee: Msisdn,
        sealed: &SealedBody,
        key_of: impl FnOnce(Msisdn) -> Option<DeviceKey>,
        now: ServerMillis,
    ) -> Result<RingPush, RingRefusal> {
        if sealed.0.len() > RING_PUSH_SEALED_MAX {
            return Err(RingRefusal::TooLarge);
        }
        let (push, signature) = RingPush::decode(&vault.open(key, &context(callee), sealed)?)?;
        let caller = key_of(push.from).ok_or(RingRefusal::UnknownCaller)?;
        if !vault.verify(&caller, &push.signed_bytes(callee), &signature) {
            return Err(RingRefusal::NotTheCaller);
        }
        if now >= push.expires_at {
            return Err(RingRefusal::Expired);
        }
        if push.expires_at > now.after(RING_MAX + SKEW) {
            return Err(RingRefusal::TooFar);
        }
        Ok(push)
    }

    /// The canonical bytes that are signed.
    #[must_use]
    pub fn signed_bytes(&self, callee: Msisdn) -> Vec<u8> {
        signed::ring_push(self.call, self.from, callee, self.expires_at, &self.fingerprint)
    }

    /// The plain payload, with its signature.
    #[must_use]
    pub fn encode(&self, signature: &Signature) -> Vec<u8> {
        let mut out = Vec::with_capacity(RING_PUSH_LEN);
        out.push(VERSION);
        out.extend_from_slice(&self.call.0);
        out.extend_from_slice(&self.from.as_u64().to_be_bytes());
        out.extend_from_slice(&self.expires_at.0.to_be_bytes());
        out.extend_from_slice(&self.fingerprint);
        out.extend_from_slice(&signature.0);
        out
    }

    /// Reads a plain payload. Nothing is verified yet.
    ///
    /// # Errors
    /// [`WireError::UnknownValue`] of another version, which a later one may have meant; else what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<(RingPush, Signature), WireError> {
        let (version, rest) = bytes.split_first().ok_or(WireError::Malformed)?;
        if *version != VERSION {
            return Err(WireError::UnknownValue { field: "version" });
        }
        let (call, rest) = rest.split_first_chunk::<16>().ok_or(WireError::Malformed)?;
        let (from, rest) = rest.split_first_chunk::<8>().ok_or(WireError::Malformed)?;
        let (expires_at, rest) = rest.split_first_chunk::<8>().ok_or(WireError::Malformed)?;
        let (fingerprint, rest) = rest.split_first_chunk::<32>().ok_or(WireError::Malformed)?;
        let signature: [u8; 64] = rest.try_into().map_err(|_| WireError::Malformed)?;
        let expires_at = i64::from_be_bytes(*expires_at);
        if expires_at <= 0 {
            return Err(WireError::OutOfRange { field: "expires_at" });
        }
        let push = RingPush {
            call: CallId(*call),
            from: number(u64::from_be_bytes(*from))?,
            expires_at: ServerMillis(expires_at),
            fingerprint: *fingerprint,
        };
        Ok((push, Signature(signature)))
    }
}

fn number(digits: u64) -> Result<Msisdn, WireError> {
    Msisdn::try_from(digits).map_err(|_| WireError::OutOfRange { field: "from" })
}

/// Binds a sealed push to the number it rings.
fn context(callee: Msisdn) -> Vec<u8> {
    signed::canonical("tandem/1/ring-push-sealed", &[&callee.as_u64().to_be_bytes()])
}
