//! Texts on their way to the server and from it.

use tandem_model::{Msisdn, NumberEpoch, SealedBody, SenderSeq, ServerMillis, TextId, Ticket};

/// A text handed to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendText {
    /// Echoed in [`ServerFrame::TextStored`](super::ServerFrame::TextStored).
    pub ticket: Ticket,
    /// Unique with my number; the same again on every retry.
    pub id: TextId,
    /// The recipient.
    pub to: Msisdn,
    /// The owner of the number it is meant for.
    pub to_epoch: NumberEpoch,
    /// Its place among my texts to that number.
    pub seq: SenderSeq,
    /// Only the recipient can open it.
    pub sealed: SealedBody,
}

/// A text for me.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverText {
    /// The sender.
    pub from: Msisdn,
    /// The owner of the sender's number.
    pub from_epoch: NumberEpoch,
    /// Its id at the sender.
    pub id: TextId,
    /// Its place among the sender's texts to me.
    pub seq: SenderSeq,
    /// Sealed to a key of mine.
    pub sealed: SealedBody,
    /// When the server stored it.
    pub stored_at: ServerMillis,
}
