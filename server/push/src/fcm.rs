//! FCM HTTP v1: data messages, so that the phone's own code decides what a person sees.

mod account;
mod error;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Response, Url};
use serde_json::{Value, json};
use tandem_model::Secret;

use crate::answer::{asked_wait, no_answer, throttled};
use crate::driver::{PAYLOAD_MAX, PermanentReason, PushDriver, PushKind, PushMessage, PushOutcome, PushToken};
use crate::oauth::{NoToken, TokenCache};
use crate::outgoing::{ConfigError, Outgoing, base, below, read_bounded, unix_seconds};
use account::Account;
use error::FcmError;

/// What an operator says about FCM.
#[derive(Debug, Clone)]
pub struct FcmConfig {
    /// The service account's key file, as JSON.
    pub service_account: Secret<String>,
    /// Where messages go.
    pub url: String,
    /// How the service is reached.
    pub outgoing: Outgoing,
}

impl FcmConfig {
    /// The service's own address, with nothing but a key to add.
    #[must_use]
    pub fn new(service_account: Secret<String>) -> Self {
        Self { service_account, url: "https://fcm.googleapis.com".to_owned(), outgoing: Outgoing::default() }
    }
}

/// The FCM driver.
pub struct Fcm {
    client: Client,
    url: Url,
    account: Account,
    tokens: TokenCache,
}

impl Fcm {
    /// Checks the configuration and makes the client.
    ///
    /// # Errors
    /// [`ConfigError`] of what cannot hold.
    pub fn new(config: &FcmConfig) -> Result<Self, ConfigError> {
        let account = Account::parse(config.service_account.expose())?;
        let (url, guard) = (base(&config.url, &["https"])?, &config.outgoing.guard);
        if !guard.allows_url(&url) || !guard.allows_url(&account.token_url) {
            return Err(ConfigError::Url);
        }
        Ok(Self {
            client: config.outgoing.client()?,
            url: below(&url, ["v1", "projects", &account.project, "messages:send"]),
            account,
            tokens: TokenCache::new(),
        })
    }

    async fn bearer(&self) -> Result<HeaderValue, PushOutcome> {
        let form = || self.account.assertion(unix_seconds());
        self.tokens.bearer(&self.client, &self.account.token_url, form).await.map_err(|why| match why {
            NoToken::Refused => PushOutcome::Permanent(PermanentReason::Credentials),
            NoToken::NotReachable => PushOutcome::Permanent(PermanentReason::EndpointRefused),
            NoToken::Throttled(asked) => throttled(asked),
            NoToken::Away => PushOutcome::Temporary,
        })
    }

    /// One request. `None` when the access token is not taken, which is then forgotten.
    async fn send(&self, body: &Value) -> Result<Option<PushOutcome>, PushOutcome> {
        let bearer = self.bearer().await?;
        let request = self.client.post(self.url.clone()).header(AUTHORIZATION, &bearer).json(body);
        let response = request.send().await.map_err(|error| no_answer(&error))?;
        let outcome = judge(response).await;
        if outcome.is_none() {
            self.tokens.forget(&bearer).await;
        }
        Ok(outcome)
    }
}

#[async_trait]
impl PushDriver for Fcm {
    async fn push(&self, to: &PushToken, message: &PushMessage) -> PushOutcome {
        let PushToken::Fcm(token) = to else { return PushOutcome::Permanent(PermanentReason::WrongDriver) };
        if message.payload.len() > PAYLOAD_MAX {
            return PushOutcome::Permanent(PermanentReason::TooLarge);
        }
        let body = body(token.expose(), message);
        for _ in 0..2 {
            match self.send(&body).await {
                Ok(Some(outcome)) | Err(outcome) => return outcome,
                Ok(None) => {}
            }
        }
        PushOutcome::Permanent(PermanentReason::Credentials)
    }
}

fn body(token: &str, message: &PushMessage) -> Value {
    let mut android = json!({
        "priority": match message.kind {
            PushKind::Call | PushKind::Alert => "high",
            PushKind::Background => "normal",
        },
        "ttl": format!("{}s", message.ttl.as_secs()),
    });
    if let (Some(topic), Some(android)) = (&message.topic, android.as_object_mut()) {
        android.insert("collapse_key".to_owned(), topic.as_str().into());
    }
    let payload = BASE64URL_NOPAD.encode(&message.payload);
    json!({ "message": { "token": token, "data": { "t": payload }, "android": android } })
}

/// `None`: the access token is not taken.
async fn judge(response: Response) -> Option<PushOutcome> {
    let (status, asked) = (response.status().as_u16(), asked_wait(&response));
    match status {
        200..=299 => return Some(PushOutcome::Accepted),
        300..=399 => return Some(PushOutcome::Permanent(PermanentReason::Redirected)),
        _ => {}
    }
    let octets = read_bounded(response).await.unwrap_or_default();
    let outcome = match (FcmError::read(&octets), status) {
        (Some(FcmError::Unregistered), _) => PushOutcome::Gone { since: None },
        (Some(FcmError::SenderIdMismatch), _) => PushOutcome::Permanent(PermanentReason::WrongSender),
        (Some(FcmError::QuotaExceeded), _) | (None, 429) => throttled(asked),
        (Some(FcmError::InvalidArgument), _) | (None, 400) => PushOutcome::Permanent(PermanentReason::Malformed),
        (Some(FcmError::ThirdPartyAuth), _) | (None, 403) => PushOutcome::Permanent(PermanentReason::Credentials),
        (None, 401) => return None,
        (None, 413) => PushOutcome::Permanent(PermanentReason::TooLarge),
        (Some(FcmError::Unavailable | FcmError::Internal), _) | (None, 500..=599) => {
            asked.map_or(PushOutcome::Temporary, |wait| throttled(Some(wait)))
        }
        (None, other) => PushOutcome::Permanent(PermanentReason::Other(other)),
    };
    Some(outcome)
}
