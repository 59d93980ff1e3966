//! Access tokens (RFC 6749), kept until shortly before they run out and fetched once at a time.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Url};
use serde::Deserialize;
use tandem_model::Secret;
use tokio::sync::Mutex;

use crate::answer::{asked_wait, is_refused};
use crate::outgoing::read_bounded;

/// A token is not used in its last minute, when it may run out on the way.
const MARGIN: Duration = Duration::from_secs(60);

/// The life of a token whose server does not say.
const DEFAULT_LIFE: u64 = 300;

/// The longest life believed.
const LIFE_MAX: u64 = 24 * 3_600;

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// The server refuses the account or the request.
    Refused,
    /// The address of the server must not be reached.
    NotReachable,
    /// Too many requests.
    Throttled(Option<Duration>),
    /// The server is away or talks nonsense.
    Away,
}

/// One token at a time.
pub(crate) struct TokenCache {
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    bearer: HeaderValue,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

impl TokenCache {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::new(None) }
    }

    /// The `Authorization` header, from a form posted to the server when there is no live one. Those who ask meanwhile
    /// wait for the same answer.
    pub(crate) async fn bearer(
        &self,
        client: &Client,
        url: &Url,
        form: impl FnOnce() -> Option<Secret<String>>,
    ) -> Result<HeaderValue, NoToken> {
        let mut kept = self.kept.lock().await;
        if let Some(live) = kept.as_ref().filter(|token| Instant::now() < token.until) {
            return Ok(live.bearer.clone());
        }
        let granted = ask(client, url, form().ok_or(NoToken::Away)?).await?;
        let mut bearer =
            HeaderValue::try_from(format!("Bearer {}", granted.access_token)).map_err(|_| NoToken::Away)?;
        bearer.set_sensitive(true);
        let life = Duration::from_secs(granted.expires_in.unwrap_or(DEFAULT_LIFE).min(LIFE_MAX));
        *kept = Some(Kept { bearer: bearer.clone(), until: Instant::now() + life.saturating_sub(MARGIN) });
        Ok(bearer)
    }

    /// Forgets a token the service no longer takes, unless it has been replaced meanwhile.
    pub(crate) async fn forget(&self, refused: &HeaderValue) {
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|token| token.bearer == refused) {
            *kept = None;
        }
    }
}

async fn ask(client: &Client, url: &Url, form: Secret<String>) -> Result<Granted, NoToken> {
    let request =
        client.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.into_inner());
    let response =
        request.send().await.map_err(|error| if is_refused(&error) { NoToken::NotReachable } else { NoToken::Away })?;
    match response.status().as_u16() {
        200..=299 => {
            let octets = read_bounded(response).await.ok_or(NoToken::Away)?;
            serde_json::from_slice(&octets).map_err(|_| NoToken::Away)
        }
        429 => Err(NoToken::Throttled(asked_wait(&response))),
        300..=499 => Err(NoToken::Refused),
        _ => Err(NoToken::Away),
    }
}

/// A form's body; every value is escaped.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Secret<String> {
    // Any base will do: only the query is taken.
    let Ok(mut url) = Url::parse("form:") else { return Secret::default() };
    url.query_pairs_mut().extend_pairs(pairs);
    Secret::new(url.query().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_leaves_its_place_in_a_form() {
        let body = form(&[("grant_type", "a:b"), ("client_secret", "x&y=z +%")]);
        assert_eq!(body.expose(), "grant_type=a%3Ab&client_secret=x%26y%3Dz+%2B%25");
    }
}
