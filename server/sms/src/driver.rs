//! What the server asks of any SMS driver, and what comes back.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::number::E164Digits;

/// One text to send.
#[derive(Clone, PartialEq, Eq)]
pub struct SmsSubmit {
    /// The server's own id of this text. It stays the same when the text is sent again, and receipts come back under it.
    pub message_ref: u64,
    /// Who gets it.
    pub to: E164Digits,
    /// What it says: GSM-7 characters, one segment (see [`crate::gsm7`]).
    pub body: String,
    /// How long the SMSC keeps trying, at most 63 weeks by the wire format; also how long the driver itself keeps a
    /// throttled text before giving it back.
    pub validity: Duration,
}

impl fmt::Debug for SmsSubmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmsSubmit")
            .field("message_ref", &self.message_ref)
            .field("to", &self.to)
            .field("body", &"<text>")
            .field("validity", &self.validity)
            .finish()
    }
}

/// What became of a submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The SMSC took it under its own id. A receipt may follow.
    Accepted {
        /// The id the SMSC gave, as it wrote it; empty when a gateway gives none.
        smsc_id: String,
    },
    /// The network said "too fast" until the driver's patience was used up. Nothing was sent.
    Throttled {
        /// The least time to wait before trying again.
        retry_after: Duration,
    },
    /// The network refused this text or number for good. Nothing was sent, and the same text will be refused again.
    Permanent {
        /// Why, from a closed list.
        reason: PermanentReason,
    },
    /// Nothing was sent, and the same submit may work later.
    Temporary,
    /// The text may or may not have been taken: the connection was lost, or no answer came, while it was outstanding.
    /// Sending it again may deliver it twice.
    Unknown,
}

/// Why a text was refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PermanentReason {
    /// The destination is not a number the network can reach (`ESME_RINVDSTADR`).
    InvalidDestination,
    /// The sender id is not allowed here (`ESME_RINVSRCADR`).
    InvalidSender,
    /// The network did not accept the form of the message (length, coding, parameters) or did not know the command.
    Malformed,
    /// Any other refusal, by the number the network gave: an SMPP `command_status` or an HTTP status.
    Other(u32),
}

/// Why a submit was not even queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitRefused {
    /// The queue holds as many texts as it may. Try later, or shed load.
    #[error("the SMS queue is full")]
    QueueFull,
    /// The text has characters outside the GSM 7-bit alphabet.
    #[error("the text has characters outside the GSM 7-bit alphabet")]
    NotGsm7,
    /// The text needs more than one segment.
    #[error("the text does not fit one SMS segment")]
    TooLong,
    /// The driver is shut down.
    #[error("the SMS driver is shut down")]
    ShutDown,
}

/// How far a text got, as a delivery receipt says (SMPP 3.4, 5.2.28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReceiptState {
    /// On its way; more receipts will follow.
    Enroute,
    /// Read by somebody on the subscriber's behalf, as customer service does; more may follow.
    Accepted,
    /// On the phone.
    Delivered,
    /// Its validity ended first.
    Expired,
    /// Deleted at the SMSC.
    Deleted,
    /// It cannot be delivered.
    Undeliverable,
    /// Refused by the network.
    Rejected,
    /// The SMSC itself does not know.
    Unknown,
}

impl ReceiptState {
    /// Whether no other receipt will follow this one.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Enroute | Self::Accepted => false,
            Self::Delivered | Self::Expired | Self::Deleted | Self::Undeliverable | Self::Rejected | Self::Unknown => {
                true
            }
        }
    }
}

/// Something that happened outside any one submit.
#[derive(Clone, PartialEq, Eq)]
pub enum SmsEvent {
    /// A delivery receipt for a text this driver sent. Each state of a text is told once.
    Receipt {
        /// The reference the text was submitted under.
        message_ref: u64,
        /// How far it got.
        state: ReceiptState,
    },
    /// A text from a phone. The sender is what the network says and proves nothing by itself.
    Incoming {
        /// The number it came from.
        from: E164Digits,
        /// The number or short code it was sent to, as the network wrote it.
        to: String,
        /// What it says.
        text: String,
    },
    /// The driver can send.
    LinkUp,
    /// The driver cannot send for now, and is trying to get back.
    LinkDown {
        /// Why.
        reason: LinkDownReason,
    },
}

impl fmt::Debug for SmsEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipt { message_ref, state } => {
                f.debug_struct("Receipt").field("message_ref", message_ref).field("state", state).finish()
            }
            Self::Incoming { .. } => f.write_str("Incoming { <number>, <text> }"),
            Self::LinkUp => f.write_str("LinkUp"),
            Self::LinkDown { reason } => f.debug_struct("LinkDown").field("reason", reason).finish(),
        }
    }
}

/// Why the link to the SMSC is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkDownReason {
    /// No connection could be made, or TLS failed.
    ConnectFailed,
    /// The SMSC refused the bind. Somebody has to look at the configuration; the driver tries again slowly.
    BindRefused(BindRefusal),
    /// The SMSC did not answer the bind in time.
    BindTimeout,
    /// The SMSC did not answer `enquire_link` in time.
    LinkSilent,
    /// The SMSC closed the session by `unbind`.
    PeerUnbound,
    /// The connection was lost.
    ConnectionLost,
    /// The gateway refuses this account (HTTP 401 or 403). Somebody has to look at the configuration.
    AccountRefused,
    /// The SMSC sent something that is not SMPP.
    ProtocolError,
    /// This side is shutting down.
    ShutDown,
}

/// Why an SMSC refused a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindRefusal {
    /// `ESME_RBINDFAIL`.
    BindFailed,
    /// `ESME_RINVPASWD`.
    InvalidPassword,
    /// `ESME_RINVSYSID`.
    InvalidSystemId,
    /// `ESME_RALYBND`: another session of this account is still bound.
    AlreadyBound,
    /// Any other `command_status`.
    Other(u32),
}

/// A way to send texts and hear about them.
#[async_trait]
pub trait SmsDriver: Send + Sync {
    /// Sends one text and waits for what became of it. The wait is bounded by the driver's configuration and the text's
    /// validity. Dropping the future does not take the text back.
    async fn submit(&self, sms: SmsSubmit) -> Result<SubmitOutcome, SubmitRefused>;

    /// The events of this driver, bounded. The first caller gets them; later callers get `None`.
    ///
    /// When they are not read, the driver asks the network to deliver receipts and texts again later, so none is lost
    /// while it is willing to.
    fn take_events(&self) -> Option<mpsc::Receiver<SmsEvent>>;

    /// Stops taking texts, gives back what is queued as [`SubmitOutcome::Temporary`], waits a bounded time for what is
    /// outstanding, and leaves the network properly.
    async fn shutdown(&self);
}
