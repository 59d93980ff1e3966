//! FCM's error codes (REST reference, `ErrorCode`), as they stand in an answer's details.

use serde::Deserialize;

/// The type of the detail that has the code.
const DETAIL: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";

/// What FCM says went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FcmError {
    Unregistered,
    SenderIdMismatch,
    QuotaExceeded,
    InvalidArgument,
    ThirdPartyAuth,
    Unavailable,
    /// Also what FCM names no reason for.
    Internal,
}

#[derive(Deserialize)]
struct Answer {
    error: Body,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "@type", default)]
    kind: String,
    #[serde(rename = "errorCode", default)]
    code: String,
}

impl FcmError {
    /// The code of an answer. `None` when there is none or it is not known: then the status alone counts, so that no
    /// missing project or path is read as a token that is gone.
    pub(super) fn read(octets: &[u8]) -> Option<FcmError> {
        let answer: Answer = serde_json::from_slice(octets).ok()?;
        let detail = answer.error.details.iter().find(|detail| detail.kind == DETAIL)?;
        match detail.code.as_str() {
            "UNREGISTERED" => Some(FcmError::Unregistered),
            "SENDER_ID_MISMATCH" => Some(FcmError::SenderIdMismatch),
            "QUOTA_EXCEEDED" => Some(FcmError::QuotaExceeded),
            "INVALID_ARGUMENT" => Some(FcmError::InvalidArgument),
            "THIRD_PARTY_AUTH_ERROR" => Some(FcmError::ThirdPartyAuth),
            "UNAVAILABLE" => Some(FcmError::Unavailable),
            "INTERNAL" | "UNSPECIFIED_ERROR" => Some(FcmError::Internal),
            _ => None,
        }
    }
}
