//! APNs' reasons ("Handling notification responses from APNs"), by what to do about them.

use serde::Deserialize;

/// What a reason asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The device token is no more.
    Gone,
    BadDeviceToken,
    /// The token belongs to another app.
    WrongTopic,
    /// A provider token older than an hour.
    ExpiredProviderToken,
    /// The key, team or certificate is refused.
    Credentials,
    TooLarge,
    /// A request that will never be right.
    Malformed,
    TooMany,
    /// The service itself fails.
    Away,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Answer {
    pub(super) reason: Option<Reason>,
    /// Since when a token is gone, in milliseconds since the Unix epoch.
    pub(super) timestamp: Option<i64>,
}

#[derive(Deserialize)]
struct Body {
    reason: String,
    timestamp: Option<i64>,
}

impl Answer {
    /// A reason that is not known leaves the decision to the status.
    pub(super) fn read(octets: &[u8]) -> Answer {
        let Ok(body) = serde_json::from_slice::<Body>(octets) else { return Answer::default() };
        let reason = match body.reason.as_str() {
            "Unregistered" | "ExpiredToken" => Some(Reason::Gone),
            "BadDeviceToken" => Some(Reason::BadDeviceToken),
            "DeviceTokenNotForTopic" => Some(Reason::WrongTopic),
            "ExpiredProviderToken" => Some(Reason::ExpiredProviderToken),
            "BadCertificate"
            | "BadCertificateEnvironment"
            | "Forbidden"
            | "InvalidProviderToken"
            | "TopicDisallowed"
            | "MissingProviderToken"
            | "UnrelatedKeyIdInToken"
            | "BadEnvironmentKeyInToken" => Some(Reason::Credentials),
            "PayloadTooLarge" => Some(Reason::TooLarge),
            "BadCollapseId" | "BadExpirationDate" | "BadMessageId" | "BadPriority" | "BadTopic"
            | "DuplicateHeaders" | "IdleTimeout" | "InvalidPushType" | "MissingDeviceToken" | "MissingTopic"
            | "PayloadEmpty" | "BadPath" | "MethodNotAllowed" => Some(Reason::Malformed),
            "TooManyRequests" | "TooManyProviderTokenUpdates" => Some(Reason::TooMany),
            "InternalServerError" | "ServiceUnavailable" | "Shutdown" => Some(Reason::Away),
            _ => None,
        };
        Answer { reason, timestamp: body.timestamp }
    }
}
