//! APNs over HTTP/2 with provider tokens. A push of a call goes to PushKit's topic, everything else to the app's own:
//! since iOS 13 every VoIP push must report a call, so nothing else may ever be sent as one.

mod provider;
mod reason;

use std::time::Duration;

use async_trait::async_trait;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use reqwest::{Client, RequestBuilder, Response, Url, Version};
use serde_json::{Value, json};
use tandem_model::{Secret, ServerMillis};

use crate::answer::{asked_wait, no_answer, throttled};
use crate::driver::{PAYLOAD_MAX, PermanentReason, PushDriver, PushKind, PushMessage, PushOutcome, PushToken};
use crate::outgoing::{ConfigError, Outgoing, base, below, read_bounded, unix_seconds};
use provider::Provider;
use reason::{Answer, Reason};

/// The longest device token taken, in bytes. Apple says the length may change.
const TOKEN_MAX: usize = 100;

/// What an operator says about APNs.
#[derive(Debug, Clone)]
pub struct ApnsConfig {
    /// The signing key, PKCS #8 in PEM, as downloaded.
    pub key_pem: Secret<String>,
    /// The key's id, ten characters.
    pub key_id: String,
    /// The team's id, ten characters.
    pub team_id: String,
    /// The app's bundle id. Calls go to it with `.voip` behind.
    pub bundle_id: String,
    /// What an alert shows until the phone has opened its payload: a key of the app's own strings.
    pub alert_key: String,
    /// `https://api.push.apple.com`, or the sandbox.
    pub url: String,
    /// How the service is reached.
    pub outgoing: Outgoing,
}

/// The APNs driver.
pub struct Apns {
    client: Client,
    url: Url,
    bundle: String,
    alert_key: String,
    provider: Provider,
}

impl Apns {
    /// Checks the configuration and makes the client.
    ///
    /// # Errors
    /// [`ConfigError`] of what cannot hold.
    pub fn new(config: &ApnsConfig) -> Result<Self, ConfigError> {
        let is_name =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        if ![&config.key_id, &config.team_id, &config.bundle_id].iter().all(|text| is_name(text)) {
            return Err(ConfigError::Name);
        }
        let url = base(&config.url, &["https"])?;
        if !config.outgoing.guard.allows_url(&url) {
            return Err(ConfigError::Url);
        }
        Ok(Self {
            client: config.outgoing.client()?,
            url,
            bundle: config.bundle_id.clone(),
            alert_key: config.alert_key.clone(),
            provider: Provider::new(config.key_pem.expose(), &config.key_id, &config.team_id)?,
        })
    }

    fn request(&self, device: &[u8], message: &PushMessage, bearer: &str, now: u64) -> RequestBuilder {
        let (topic, kind, priority) = match message.kind {
            PushKind::Call => (format!("{}.voip", self.bundle), "voip", "10"),
            PushKind::Alert => (self.bundle.clone(), "alert", "10"),
            PushKind::Background => (self.bundle.clone(), "background", "5"),
        };
        let mut request = self
            .client
            .post(below(&self.url, ["3", "device", &HEXLOWER.encode(device)]))
            .version(Version::HTTP_2)
            .header("authorization", format!("bearer {bearer}"))
            .header("apns-topic", topic)
            .header("apns-push-type", kind)
            .header("apns-priority", priority)
            .header("apns-expiration", expiration(message.ttl, now))
            .json(&self.body(message));
        if let Some(topic) = &message.topic {
            request = request.header("apns-collapse-id", topic.as_str());
        }
        request
    }

    fn body(&self, message: &PushMessage) -> Value {
        let payload = BASE64URL_NOPAD.encode(&message.payload);
        let aps = match message.kind {
            PushKind::Call => json!({}),
            PushKind::Alert => json!({ "alert": { "loc-key": self.alert_key }, "mutable-content": 1 }),
            PushKind::Background => json!({ "content-available": 1 }),
        };
        json!({ "aps": aps, "t": payload })
    }

    async fn send(&self, device: &[u8], message: &PushMessage, bearer: &str) -> Sent {
        match self.request(device, message, bearer, unix_seconds()).send().await {
            Ok(response) => judge(response).await,
            Err(error) => Sent::Ended(no_answer(&error)),
        }
    }
}

/// What one request came to.
enum Sent {
    Ended(PushOutcome),
    TokenExpired,
}

#[async_trait]
impl PushDriver for Apns {
    async fn push(&self, to: &PushToken, message: &PushMessage) -> PushOutcome {
        let PushToken::Apns(device) = to else { return PushOutcome::Permanent(PermanentReason::WrongDriver) };
        if message.payload.len() > PAYLOAD_MAX {
            return PushOutcome::Permanent(PermanentReason::TooLarge);
        }
        if device.expose().is_empty() || device.expose().len() > TOKEN_MAX {
            return PushOutcome::Permanent(PermanentReason::BadToken);
        }
        let Some(bearer) = self.provider.token(unix_seconds()) else { return PushOutcome::Temporary };
        match self.send(device.expose(), message, bearer.expose()).await {
            Sent::Ended(outcome) => return outcome,
            Sent::TokenExpired => {}
        }
        let Some(renewed) = self.provider.renewed(&bearer, unix_seconds()) else {
            return PushOutcome::Permanent(PermanentReason::Credentials);
        };
        match self.send(device.expose(), message, renewed.expose()).await {
            Sent::Ended(outcome) => outcome,
            Sent::TokenExpired => PushOutcome::Permanent(PermanentReason::Credentials),
        }
    }
}

/// When the push is of no more use, in Unix seconds; 0 is now or never.
const fn expiration(ttl: Duration, now: u64) -> u64 {
    if ttl.is_zero() { 0 } else { now.saturating_add(ttl.as_secs()) }
}

async fn judge(response: Response) -> Sent {
    let (status, asked) = (response.status().as_u16(), asked_wait(&response));
    match status {
        200..=299 => return Sent::Ended(PushOutcome::Accepted),
        300..=399 => return Sent::Ended(PushOutcome::Permanent(PermanentReason::Redirected)),
        _ => {}
    }
    let answer = Answer::read(&read_bounded(response).await.unwrap_or_default());
    Sent::Ended(match (answer.reason, status) {
        (Some(Reason::ExpiredProviderToken), _) => return Sent::TokenExpired,
        (Some(Reason::Gone), _) => PushOutcome::Gone { since: answer.timestamp.map(ServerMillis) },
        (Some(Reason::BadDeviceToken), _) => PushOutcome::Permanent(PermanentReason::BadToken),
        (Some(Reason::WrongTopic), _) => PushOutcome::Permanent(PermanentReason::WrongSender),
        (Some(Reason::Credentials), _) | (None, 403) => PushOutcome::Permanent(PermanentReason::Credentials),
        (Some(Reason::TooLarge), _) | (None, 413) => PushOutcome::Permanent(PermanentReason::TooLarge),
        (Some(Reason::Malformed), _) | (None, 400) => PushOutcome::Permanent(PermanentReason::Malformed),
        (Some(Reason::TooMany), _) | (None, 429) => throttled(asked),
        (Some(Reason::Away), _) | (None, 500..=599) => {
            asked.map_or(PushOutcome::Temporary, |wait| throttled(Some(wait)))
        }
        (None, other) => PushOutcome::Permanent(PermanentReason::Other(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_or_never_is_zero_and_everything_else_a_point_in_time() {
        assert_eq!(expiration(Duration::ZERO, 1_000), 0);
        assert_eq!(expiration(Duration::from_secs(30), 1_000), 1_030);
        assert_eq!(expiration(Duration::MAX, 1_000), u64::MAX);
    }
}
