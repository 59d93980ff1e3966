//! The server's verifying and keyed hashing.

use std::fmt;

use subtle::ConstantTimeEq as _;
use tandem_model::vault::signed::canonical;
use tandem_model::{DeviceKey, Notary, Secret, Signature};
use zeroize::Zeroizing;

use crate::device_vault::{hmac_sha256, verify};

/// Verifies phones' signatures and keys digests under the server's secret.
#[derive(Clone)]
pub struct ServerNotary(Zeroizing<[u8; 32]>);

impl ServerNotary {
    /// With the server's secret. Every node of one server has the same; losing it ends attempts to register and IMSI
    /// tokens, and nothing else.
    #[must_use]
    pub fn new(secret: Secret<[u8; 32]>) -> ServerNotary {
        ServerNotary(Zeroizing::new(secret.into_inner()))
    }
}

impl Notary for ServerNotary {
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        verify(by, message, signature)
    }

    fn digest(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(self.0.as_slice(), &Zeroizing::new(canonical(domain, parts)))
    }

    /// Lengths are not secret; contents are compared without a branch.
    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        a.ct_eq(b).into()
    }
}

impl fmt::Debug for ServerNotary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerNotary(..)")
    }
}
