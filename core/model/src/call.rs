//! Calls: ids, verdicts, reasons and ends.

use serde::{Deserialize, Serialize};

/// Names a call attempt on every phone and server that takes part. Random; when both sides call each other the lower wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct CallId(pub [u8; 16]);

/// What carries a leg of a call or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Bearer {
    /// Our data path.
    Data,
    /// The carrier.
    Carrier,
}

/// Whose side a reason speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// This phone.
    Own,
    /// The other phone.
    Peer,
    /// Between us: the server or the media path.
    Path,
}

/// The server's answer about the callee (DESIGN 7). A stranger always gets the one that tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GateVerdict {
    /// The callee's path carries full voice.
    Ok,
    /// The callee's path carries low-rate voice only.
    OkLowRate,
    /// The callee is too slow for data: use the carrier.
    UseCarrier,
    /// The callee is not connected.
    Later,
    /// Said to everyone without permission, whatever the truth is.
    NotAvailable,
}

/// Why a call or a text cannot travel over data now. Every prompt carries one, with its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WhyNotData {
    /// This phone has no connection to the server.
    OwnOffline,
    /// This phone's rate is below threshold 1.
    OwnTooSlow,
    /// This phone's measurement did not end in time.
    OwnUnmeasured,
    /// The peer's rate is below threshold 2.
    PeerTooSlow,
    /// The peer is not connected.
    PeerOffline,
    /// The peer's lease has run out: not seen lately.
    PeerNotSeenLately,
    /// The number is not registered, or does not show itself to us.
    PeerNotAvailable,
    /// The server did not answer in time.
    NoAnswerInTime,
    /// The media path could not be set up, or broke.
    MediaFailed,
    /// The phone is not registered.
    NotRegistered,
    /// The device's storage cannot keep what must be kept.
    StoreFailed,
}

impl WhyNotData {
    /// Which side the reason speaks of.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            WhyNotData::OwnOffline
            | WhyNotData::OwnTooSlow
            | WhyNotData::OwnUnmeasured
            | WhyNotData::NotRegistered
            | WhyNotData::StoreFailed => Side::Own,
            WhyNotData::PeerTooSlow
            | WhyNotData::PeerOffline
            | WhyNotData::PeerNotSeenLately
            | WhyNotData::PeerNotAvailable => Side::Peer,
            WhyNotData::NoAnswerInTime | WhyNotData::MediaFailed => Side::Path,
        }
    }
}

/// How a call ended, as this phone saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CallEnd {
    /// Hung up here after it was answered.
    HungUp,
    /// Hung up by the other side after it was answered.
    PeerHungUp,
    /// The caller gave up before an answer.
    Cancelled,
    /// The callee refused.
    Refused,
    /// The callee is in another call.
    Busy,
    /// Nobody answered before the ring expired.
    NoAnswer,
    /// Rang here and was not answered.
    Missed,
    /// Answered by this user's other call attempt (glare) or on another leg.
    Superseded,
    /// The user chose to quit at a prompt.
    Quit,
    /// Went on, or was placed, through the carrier.
    Carrier,
    /// The media path broke and did not come back.
    MediaLost,
    /// The peer vanished.
    PeerLost,
    /// The server refused it.
    Rejected,
    /// The carrier could not place it.
    CarrierFailed,
}
