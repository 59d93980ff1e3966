//! Who pushes: VAPID (RFC 8292).

use data_encoding::BASE64URL_NOPAD;
use reqwest::Url;
use serde_json::json;
use zeroize::Zeroizing;

use crate::jwt::Es256;
use crate::outgoing::ConfigError;

/// A token's life in seconds; RFC 8292 allows a day, and clocks differ.
const LIFE: u64 = 12 * 3_600;

/// This server's key and contact.
pub(super) struct Vapid {
    key: Es256,
    public: String,
    subject: String,
}

impl Vapid {
    pub(super) fn new(private: &str, public: &str, subject: &str) -> Result<Vapid, ConfigError> {
        let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| ConfigError::Key);
        if !subject.starts_with("mailto:") && !subject.starts_with("https:") {
            return Err(ConfigError::Subject);
        }
        let key = Es256::from_raw(&Zeroizing::new(decode(private)?), &decode(public)?)?;
        Ok(Vapid { key, public: public.to_owned(), subject: subject.to_owned() })
    }

    /// The header for one endpoint: its origin is the audience, so a token is of no use anywhere else.
    pub(super) fn header(&self, endpoint: &Url, now: u64) -> Option<String> {
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.saturating_add(LIFE),
            "sub": self.subject,
        });
        let token = self.key.token(&json!({ "typ": "JWT", "alg": "ES256" }), &claims)?;
        Some(format!("vapid t={token}, k={}", self.public))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    /// RFC 8292's own examples have no private key; this pair is web-push's for its tests' sake.
    const PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
    const PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

    #[test]
    fn a_header_is_signed_for_the_origin_alone_and_for_less_than_a_day() {
        let vapid = Vapid::new(PRIVATE, PUBLIC, "mailto:ops@example.net").unwrap();
        let header = vapid.header(&Url::parse("https://push.example:8443/s/secret").unwrap(), 1_000).unwrap();
        let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(key, PUBLIC);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let public = BASE64URL_NOPAD.decode(key.as_bytes()).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
            .verify(signed.as_bytes(), &BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap())
            .unwrap();
        let claims = BASE64URL_NOPAD.decode(signed.split_once('.').unwrap().1.as_bytes()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(
            claims,
            json!({ "aud": "https://push.example:8443", "exp": 1_000 + LIFE, "sub": "mailto:ops@example.net" })
        );
    }

    #[test]
    fn keys_that_do_not_belong_together_and_contacts_nobody_can_write_to_are_refused() {
        let other = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
        assert_eq!(Vapid::new(PRIVATE, other, "mailto:a@b.c").err(), Some(ConfigError::Key));
        assert_eq!(Vapid::new("", PUBLIC, "mailto:a@b.c").err(), Some(ConfigError::Key));
        assert_eq!(Vapid::new(PRIVATE, PUBLIC, "ops").err(), Some(ConfigError::Subject));
    }
}
