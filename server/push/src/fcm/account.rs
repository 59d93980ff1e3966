//! A service account and what it signs for an access token (RFC 7523).

use reqwest::Url;
use serde::Deserialize;
use serde_json::json;
use tandem_model::Secret;

use crate::jwt::Rs256;
use crate::oauth::form;
use crate::outgoing::{ConfigError, base};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

/// The longest life an assertion may have, in seconds.
const LIFE: u64 = 3_600;

/// A service account, read from its key file.
pub(super) struct Account {
    pub(super) project: String,
    pub(super) token_url: Url,
    email: String,
    key_id: String,
    key: Rs256,
}

#[derive(Deserialize)]
struct File {
    project_id: String,
    private_key_id: String,
    private_key: String,
    client_email: String,
    token_uri: String,
}

impl Account {
    pub(super) fn parse(file: &str) -> Result<Account, ConfigError> {
        let file: File = serde_json::from_str(file).map_err(|_| ConfigError::Key)?;
        if file.project_id.is_empty() || file.client_email.is_empty() {
            return Err(ConfigError::Name);
        }
        Ok(Account {
            token_url: base(&file.token_uri, &["https"])?,
            key: Rs256::from_pem(&file.private_key)?,
            project: file.project_id,
            email: file.client_email,
            key_id: file.private_key_id,
        })
    }

    /// The form that is exchanged for an access token.
    pub(super) fn assertion(&self, now: u64) -> Option<Secret<String>> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_url.as_str(),
            "iat": now,
            "exp": now.saturating_add(LIFE),
        });
        let assertion = self.key.token(&header, &claims)?;
        Some(form(&[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)]))
    }
}
