//! What every push driver is asked, and the one closed set of answers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tandem_model::{Secret, ServerMillis};

use crate::web_push::Subscription;

/// The longest payload a driver takes, in bytes: it fits every service's limit once encrypted, padded and encoded.
pub const PAYLOAD_MAX: usize = 2_048;

/// The longest [`Topic`] (RFC 8030, 5.4).
pub const TOPIC_MAX: usize = 32;

/// Where a device is pushed to, as it registered it.
#[derive(Clone, PartialEq, Eq)]
pub enum PushToken {
    /// Web Push or UnifiedPush.
    WebPush(Subscription),
    /// An FCM registration token.
    Fcm(Secret<String>),
    /// An APNs device token: the one of PushKit for calls, the app's own for everything else.
    Apns(Secret<Vec<u8>>),
}

impl fmt::Debug for PushToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WebPush(_) => "WebPush(<secret>)",
            Self::Fcm(_) => "Fcm(<secret>)",
            Self::Apns(_) => "Apns(<secret>)",
        })
    }
}

/// What a push is for. Services treat the kinds differently, and punish those who mislabel them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushKind {
    /// A call rings: at once or not at all.
    Call,
    /// Something a person is to see.
    Alert,
    /// Something the phone fetches when it suits it.
    Background,
}

/// Pushes with one topic replace each other while they wait: at most 32 characters of base64url.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Topic(String);

impl Topic {
    /// `None` when it is empty, too long or has a character outside base64url.
    #[must_use]
    pub fn new(text: &str) -> Option<Topic> {
        let fits = (1..=TOPIC_MAX).contains(&text.len());
        let clean = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (fits && clean).then(|| Topic(text.to_owned()))
    }

    /// Its characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topic(<id>)")
    }
}

/// One push.
#[derive(Clone, PartialEq, Eq)]
pub struct PushMessage {
    /// Opaque and already sealed to the device: at most [`PAYLOAD_MAX`] bytes.
    pub payload: Vec<u8>,
    /// How long the service may keep it. Zero: now or never.
    pub ttl: Duration,
    /// What it is for.
    pub kind: PushKind,
    /// What it replaces.
    pub topic: Option<Topic>,
}

impl fmt::Debug for PushMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushMessage")
            .field("payload_len", &self.payload.len())
            .field("ttl", &self.ttl)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What became of one push, as far as the service says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushOutcome {
    /// The service took it. It never means that the phone is awake, nor even that it still exists.
    Accepted,
    /// The token is no more and must not be used again.
    Gone {
        /// Since when, where the service says so. A token the device registered again after that lives.
        since: Option<ServerMillis>,
    },
    /// Nothing was sent: too much, too fast.
    Throttled {
        /// No request before this wait has passed.
        retry_after: Duration,
    },
    /// The service or the way to it is away, or did not say how far the push got. It may be tried again.
    Temporary,
    /// The same push will be refused again.
    Permanent(PermanentReason),
}

/// Why a push is refused for good. None of them ends a token: they are this side's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PermanentReason {
    /// Longer than [`PAYLOAD_MAX`], or than the service allows.
    TooLarge,
    /// The service does not understand the request.
    Malformed,
    /// The service does not know such a token, which is also what a token of its other environment looks like.
    BadToken,
    /// The token was made for another sender, key or app.
    WrongSender,
    /// The operator's key or account is refused. Somebody has to look at the configuration.
    Credentials,
    /// This driver does not serve such tokens.
    WrongDriver,
    /// The endpoint is on a host or address that must not be reached.
    EndpointRefused,
    /// The service answered with a redirect, which is never followed.
    Redirected,
    /// Any other refusal, by its HTTP status.
    Other(u16),
}

/// A way to push.
#[async_trait]
pub trait PushDriver: Send + Sync {
    /// Sends one push and waits for what the service says. The wait is bounded by the driver's configuration.
    async fn push(&self, to: &PushToken, message: &PushMessage) -> PushOutcome;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_short_base64url_or_none() {
        assert!(Topic::new(&"a".repeat(32)).is_some());
        for bad in ["", &"a".repeat(33), "with space", "a=b", "ä", "a\r\nTTL: 0"] {
            assert_eq!(Topic::new(bad), None);
        }
    }

    #[test]
    fn nothing_printed_holds_a_token_or_a_payload() {
        let message = PushMessage {
            payload: b"marked-payload".to_vec(),
            ttl: Duration::ZERO,
            kind: PushKind::Call,
            topic: Topic::new("marked-topic"),
        };
        let told = format!("{:?} {:?}", PushToken::Fcm(Secret::new("marked-token".to_owned())), message);
        assert!(!told.contains("marked"), "{told}");
    }
}
