//! What two phones say to each other about a call, by way of the server.

use crate::roap::Roap;
use tandem_model::{CallId, Msisdn, ServerMillis, Signature, Ticket};

/// A call's signalling (DESIGN S1): who, which call, until when, and one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnvelope {
    /// The call.
    pub call: CallId,
    /// The sender. The server replaces it by the session's own number, so it cannot be forged.
    pub from: Msisdn,
    /// The receiver.
    pub to: Msisdn,
    /// The one expiry of the ring both sides obey, in server time. Set by the server on the first offer.
    pub ring_until: ServerMillis,
    /// What is said.
    pub body: CallBody,
}

/// What is said in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallBody {
    /// A ROAP object. OFFER and ANSWER carry the signature over the DTLS fingerprint in their SDP.
    Roap {
        /// The object.
        roap: Roap,
        /// Over [`tandem_model::vault::signed::fingerprint`] by the sender's device key; required with an SDP.
        fingerprint_signature: Option<Signature>,
    },
    /// The callee's phone rings.
    Alerting,
    /// A trickled ICE candidate (the `a=candidate` line's value), or the end of candidates when empty.
    Candidate(String),
    /// The call is over, and how the sender sees it. Always accepted.
    End(CallOver),
    /// On hold, or back from hold.
    Hold {
        /// True on hold.
        on: bool,
    },
}

/// Why a peer ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallOver {
    /// Hung up after the answer.
    HungUp,
    /// The caller gave up before an answer.
    Cancelled,
    /// The callee refused.
    Refused,
    /// The callee is in another call.
    Busy,
    /// The ring expired.
    NoAnswer,
    /// This attempt lost against the one the other way round.
    Superseded,
    /// The sender's media failed.
    MediaFailed,
    /// The server lost the peer's session for too long.
    PeerLost,
    /// The conversation goes on through the carrier.
    ToCarrier,
    /// The server does not let it through (gate not passed, expired, unknown).
    Rejected,
}

/// STUN and TURN for one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ice {
    /// From the question.
    pub ticket: Ticket,
    /// The call the credentials are bound to.
    pub call: CallId,
    /// `stun:` and `turn:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// TURN user name.
    pub username: String,
    /// TURN password.
    pub password: tandem_model::Secret<String>,
    /// The credentials end then.
    pub valid_until: ServerMillis,
}
