//! Key material and what is made with it, as opaque bytes. The cryptography lives behind [`crate::vault`].

use crate::redact::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Public half of the Ed25519 key of one registration (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceKey(pub [u8; 32]);

/// An Ed25519 signature (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// Names one rotation of a sealing key within a registration, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SealingKeyId(pub u32);

/// Public X25519 key others seal to (HPKE, RFC 9180), with the device key's signature over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingKey {
    /// Which rotation this is.
    pub id: SealingKeyId,
    /// X25519 public key.
    pub public: [u8; 32],
    /// By the device key, over [`crate::vault::signed::sealing_key`].
    pub signature: Signature,
}

/// Random bytes the server challenges a connection with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 32]);

/// The 128-bit token of a verification SMS, bound to the device key that asked for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SmsToken(pub [u8; 16]);

/// HMAC-SHA-256 of an IMSI under a key the server gave this device: identifies, never authenticates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImsiToken(pub [u8; 32]);

/// Server-issued key an [`ImsiToken`] is made with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyedImsiKey(pub Secret<[u8; 32]>);

/// A body only its recipient can open. What sealed it is named inside the bytes, so that MLS can follow HPKE.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SealedBody(pub Vec<u8>);

/// Longest sealed body on the wire, in bytes: 64 KiB of text and its padding.
pub const SEALED_BODY_MAX: usize = 80 * 1024;

macro_rules! short_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
short_debug!(DeviceKey, Signature, Nonce, SmsToken, ImsiToken);

impl fmt::Debug for SealedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBody({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_material_never_shows_in_debug() {
        assert_eq!(format!("{:?}", SmsToken([7; 16])), "SmsToken(..)");
        assert_eq!(format!("{:?}", SealedBody(vec![1, 2, 3])), "SealedBody(3 bytes)");
    }
}
