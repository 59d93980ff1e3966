//! How this server says who it is to the network: nothing, a token, or client credentials (RFC 6749, 4.4).

use reqwest::header::HeaderValue;
use reqwest::{Client, Url};
use tandem_model::Secret;

use crate::activation::{ActivationOutcome, ActivationRefusal};
use crate::answer::throttled_wait;
use crate::oauth::{NoToken, TokenCache, form};
use crate::outgoing::{ConfigError, base};

/// As the operator configures it.
#[derive(Debug, Clone)]
pub enum T8Auth {
    /// The link itself says who is there.
    Link,
    /// A token that does not run out.
    Bearer(Secret<String>),
    /// A token is fetched, and fetched again when it runs out.
    ClientCredentials {
        /// Where.
        token_url: String,
        /// The client's id.
        client_id: String,
        /// Its secret.
        client_secret: Secret<String>,
    },
}

pub(super) enum Auth {
    Link,
    Bearer(HeaderValue),
    Fetched { cache: TokenCache, url: Url, form: Secret<String> },
}

impl Auth {
    pub(super) fn new(auth: &T8Auth) -> Result<Auth, ConfigError> {
        Ok(match auth {
            T8Auth::Link => Auth::Link,
            T8Auth::Bearer(token) => {
                let value = format!("Bearer {}", token.expose());
                let mut value = HeaderValue::try_from(value).map_err(|_| ConfigError::Key)?;
                value.set_sensitive(true);
                Auth::Bearer(value)
            }
            T8Auth::ClientCredentials { token_url, client_id, client_secret } => Auth::Fetched {
                cache: TokenCache::new(),
                url: base(token_url, &["https", "http"])?,
                form: form(&[
                    ("grant_type", "client_credentials"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose()),
                ]),
            },
        })
    }

    pub(super) async fn bearer(&self, client: &Client) -> Result<Option<HeaderValue>, ActivationOutcome> {
        match self {
            Auth::Link => Ok(None),
            Auth::Bearer(value) => Ok(Some(value.clone())),
            Auth::Fetched { cache, url, form } => {
                cache.bearer(client, url, || Some(form.clone())).await.map(Some).map_err(|why| match why {
                    NoToken::Refused => ActivationOutcome::Permanent(ActivationRefusal::Credentials),
                    NoToken::NotReachable => ActivationOutcome::Permanent(ActivationRefusal::EndpointRefused),
                    NoToken::Throttled(asked) => ActivationOutcome::Throttled { retry_after: throttled_wait(asked) },
                    NoToken::Away => ActivationOutcome::Temporary,
                })
            }
        }
    }

    /// Whether another token can be had in place of one that was refused.
    pub(super) async fn forget(&self, refused: Option<&HeaderValue>) -> bool {
        match (self, refused) {
            (Auth::Fetched { cache, .. }, Some(refused)) => {
                cache.forget(refused).await;
                true
            }
            (Auth::Link | Auth::Bearer(_) | Auth::Fetched { .. }, _) => false,
        }
    }
}
