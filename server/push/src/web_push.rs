//! Web Push and UnifiedPush: RFC 8030 by RFC 8291's encryption, signed by VAPID (RFC 8292).

mod content;
mod subscription;
mod vapid;

pub use subscription::{BadSubscription, Subscription};

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, Response};
use tandem_model::Secret;

use crate::answer::{asked_wait, no_answer, throttled};
use crate::driver::{PAYLOAD_MAX, PermanentReason, PushDriver, PushKind, PushMessage, PushOutcome, PushToken};
use crate::guard::AddressGuard;
use crate::outgoing::{ConfigError, Outgoing, unix_seconds};
use vapid::Vapid;

/// What an operator says about Web Push.
#[derive(Debug, Clone)]
pub struct WebPushConfig {
    /// VAPID's private key: 32 bytes in base64url, as `web-push generate-vapid-keys` prints it.
    pub private_key: Secret<String>,
    /// VAPID's public key: 65 bytes in base64url.
    pub public_key: String,
    /// Whom a push service may write to: `mailto:` or `https:`.
    pub subject: String,
    /// How services are reached. Its guard matters here: endpoints are chosen by devices.
    pub outgoing: Outgoing,
}

/// The Web Push driver.
pub struct WebPush {
    client: Client,
    vapid: Vapid,
    guard: AddressGuard,
}

impl WebPush {
    /// Checks the configuration and makes the client.
    ///
    /// # Errors
    /// [`ConfigError`] of what cannot hold.
    pub fn new(config: &WebPushConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            client: config.outgoing.client()?,
            vapid: Vapid::new(config.private_key.expose(), &config.public_key, &config.subject)?,
            guard: config.outgoing.guard.clone(),
        })
    }

    async fn send(&self, to: &Subscription, message: &PushMessage) -> Result<Response, PushOutcome> {
        let url = to.url();
        if !self.guard.allows_url(url) {
            return Err(PushOutcome::Permanent(PermanentReason::EndpointRefused));
        }
        let body = content::encrypt(to, &message.payload).ok_or(PushOutcome::Permanent(PermanentReason::BadToken))?;
        let authorization = self.vapid.header(url, unix_seconds()).ok_or(PushOutcome::Temporary)?;
        let mut request = self
            .client
            .post(url.clone())
            .header("TTL", message.ttl.as_secs())
            .header("Urgency", urgency(message.kind))
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(AUTHORIZATION, authorization)
            .body(body);
        if let Some(topic) = &message.topic {
            request = request.header("Topic", topic.as_str());
        }
        request.send().await.map_err(|error| no_answer(&error))
    }
}

#[async_trait]
impl PushDriver for WebPush {
    async fn push(&self, to: &PushToken, message: &PushMessage) -> PushOutcome {
        let PushToken::WebPush(to) = to else { return PushOutcome::Permanent(PermanentReason::WrongDriver) };
        if message.payload.len() > PAYLOAD_MAX {
            return PushOutcome::Permanent(PermanentReason::TooLarge);
        }
        match self.send(to, message).await {
            Ok(response) => judge(&response),
            Err(outcome) => outcome,
        }
    }
}

/// RFC 8030, 5.3: what needs the phone now, and what may wait for a better moment.
const fn urgency(kind: PushKind) -> &'static str {
    match kind {
        PushKind::Call | PushKind::Alert => "high",
        PushKind::Background => "normal",
    }
}

fn judge(response: &Response) -> PushOutcome {
    match (response.status().as_u16(), asked_wait(response)) {
        (200..=299, _) => PushOutcome::Accepted,
        (300..=399, _) => PushOutcome::Permanent(PermanentReason::Redirected),
        (400, _) => PushOutcome::Permanent(PermanentReason::Malformed),
        (401 | 403, _) => PushOutcome::Permanent(PermanentReason::Credentials),
        (404 | 410, _) => PushOutcome::Gone { since: None },
        (413, _) => PushOutcome::Permanent(PermanentReason::TooLarge),
        (429, asked) => throttled(asked),
        (500..=599, Some(asked)) => throttled(Some(asked)),
        (500..=599, None) => PushOutcome::Temporary,
        (other, _) => PushOutcome::Permanent(PermanentReason::Other(other)),
    }
}
