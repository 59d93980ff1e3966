//! The provider's token: one for all pushes, renewed after 50 minutes. APNs refuses tokens older than an hour, and
//! providers that change theirs more than once in 20 minutes.

use std::sync::{Mutex, PoisonError};

use serde_json::json;
use tandem_model::Secret;

use crate::jwt::Es256;
use crate::outgoing::ConfigError;

/// Seconds a token is used.
const USED_FOR: u64 = 50 * 60;

/// Seconds between two tokens at least.
const APART: u64 = 20 * 60;

pub(super) struct Provider {
    key: Es256,
    key_id: String,
    team_id: String,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    token: Secret<String>,
    made_at: u64,
}

impl Provider {
    pub(super) fn new(pem: &str, key_id: &str, team_id: &str) -> Result<Provider, ConfigError> {
        let key = Es256::from_pem(pem)?;
        Ok(Provider { key, key_id: key_id.to_owned(), team_id: team_id.to_owned(), kept: Mutex::new(None) })
    }

    /// The token to push with, in Unix seconds. `None` only when the system has no randomness.
    pub(super) fn token(&self, now: u64) -> Option<Secret<String>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes a token of the future, which APNs does not take.
        match kept.as_ref().filter(|kept| now >= kept.made_at && now - kept.made_at < USED_FOR) {
            Some(kept) => Some(kept.token.clone()),
            None => self.make(&mut kept, now),
        }
    }

    /// A token in place of one that APNs calls expired. `None` when the last change is too recent for another.
    pub(super) fn renewed(&self, expired: &Secret<String>, now: u64) -> Option<Secret<String>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref() {
            Some(kept) if kept.token != *expired => Some(kept.token.clone()),
            Some(kept) if now.abs_diff(kept.made_at) < APART => None,
            Some(_) | None => self.make(&mut kept, now),
        }
    }

    fn make(&self, kept: &mut Option<Kept>, now: u64) -> Option<Secret<String>> {
        let header = json!({ "alg": "ES256", "kid": self.key_id });
        let token = Secret::new(self.key.token(&header, &json!({ "iss": self.team_id, "iat": now }))?);
        *kept = Some(Kept { token: token.clone(), made_at: now });
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
        Provider::new(&pem, "ABC123DEFG", "DEF123GHIJ").unwrap()
    }

    #[test]
    fn a_token_is_used_for_fifty_minutes_and_not_a_second_longer() {
        let provider = provider();
        let first = provider.token(10_000).unwrap();
        assert_eq!(provider.token(10_000 + USED_FOR - 1), Some(first.clone()));
        let second = provider.token(10_000 + USED_FOR).unwrap();
        assert_ne!(second, first);
    }

    #[test]
    fn a_token_called_expired_is_renewed_once_in_twenty_minutes() {
        let provider = provider();
        let first = provider.token(10_000).unwrap();
        assert_eq!(provider.renewed(&first, 10_000 + APART - 1), None);
        let second = provider.renewed(&first, 10_000 + APART).unwrap();
        assert_eq!(provider.renewed(&first, 10_000 + APART + 1), Some(second.clone()), "a late refusal of the old one");
        assert_eq!(provider.renewed(&second, 10_000 + APART + 1), None);
    }

    #[test]
    fn a_clock_set_back_gets_a_token_of_its_own_time() {
        let provider = provider();
        let first = provider.token(10_000).unwrap();
        assert_ne!(provider.token(5_000), Some(first));
    }
}
