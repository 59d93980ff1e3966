//! ROAP objects (draft-jennings-rtcweb-signaling-01): offer and answer as JSON, one model for phones, browsers and IMS.

mod parse;

use serde::Serialize;

pub use parse::RoapFault;

/// One ROAP object. The state machine and its checks live with the call; this is the message only. [`Roap::parse`] reads it,
/// [`Roap::to_json`] writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Roap {
    /// What it is.
    pub message_type: RoapType,
    /// Chosen by the side that sends this OFFER; replies copy it.
    pub offerer_session_id: String,
    /// Chosen by the answerer; absent from the first OFFER.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answerer_session_id: Option<String>,
    /// From 1, one more for each new OFFER by either side; replies echo it.
    pub seq: u32,
    /// Full SDP; in OFFER and ANSWER.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdp: Option<String>,
    /// In an OFFER: breaks ties when offers cross. Phones choose 1 to 4294967294; 0 always loses and 4294967295 always
    /// wins, which is for gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tie_breaker: Option<u32>,
    /// In an ANSWER: provisional, another ANSWER with the same seq follows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more_coming: bool,
    /// In an ERROR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<RoapError>,
}

/// The five messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RoapType {
    /// An offer.
    Offer,
    /// An answer, provisional with `more_coming`.
    Answer,
    /// The answer was taken, or the shutdown was heard.
    Ok,
    /// The offer failed.
    Error,
    /// The session ends.
    Shutdown,
}

/// Why an offer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RoapError {
    /// The ids are unknown.
    NoMatch,
    /// No answer in time.
    Timeout,
    /// By the user or by policy.
    Refused,
    /// The offer lost against one that crossed it.
    Conflict,
    /// Tie breakers are equal; both try again.
    DoubleConflict,
    /// Anything else.
    Failed,
}

impl Roap {
    /// The object as JSON, without keys that say nothing.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and flags under fixed keys: there is nothing to fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
