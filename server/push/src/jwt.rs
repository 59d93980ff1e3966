//! Signed tokens (RFC 7515, compact): ES256 for VAPID and APNs, RS256 for service accounts.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::outgoing::ConfigError;

/// A P-256 key that signs.
pub(crate) struct Es256(EcdsaKeyPair);

impl Es256 {
    /// From a private key of 32 bytes and its uncompressed public key of 65, as VAPID keys are handed around.
    pub(crate) fn from_raw(private: &[u8], public: &[u8]) -> Result<Es256, ConfigError> {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, private, public, &random)
            .map(Es256)
            .map_err(|_| ConfigError::Key)
    }

    /// From PKCS #8 in PEM, as Apple hands keys out.
    pub(crate) fn from_pem(pem: &str) -> Result<Es256, ConfigError> {
        let der = der(pem).ok_or(ConfigError::Key)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new())
            .map(Es256)
            .map_err(|_| ConfigError::Key)
    }

    /// `None` only when the system has no randomness.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> Option<String> {
        let signed = unsigned(header, claims);
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        Some(joined(&signed, signature.as_ref()))
    }
}

/// An RSA key that signs.
pub(crate) struct Rs256(rsa::KeyPair);

impl Rs256 {
    /// From PKCS #8 in PEM, as service accounts have it.
    pub(crate) fn from_pem(pem: &str) -> Result<Rs256, ConfigError> {
        let der = der(pem).ok_or(ConfigError::Key)?;
        rsa::KeyPair::from_pkcs8(&der).map(Rs256).map_err(|_| ConfigError::Key)
    }

    /// `None` only when the system has no randomness.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> Option<String> {
        let signed = unsigned(header, claims);
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(joined(&signed, &signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

fn joined(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature))
}

/// What is between the first `PRIVATE KEY` lines.
fn der(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    BASE64.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused() {
        for pem in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"] {
            assert_eq!(Es256::from_pem(pem).err(), Some(ConfigError::Key));
            assert_eq!(Rs256::from_pem(pem).err(), Some(ConfigError::Key));
        }
        assert_eq!(Es256::from_raw(&[0; 32], &[4; 65]).err(), Some(ConfigError::Key));
    }
}
