//! What happens to the server, by origin: connections, registration over HTTPS, the store, SMS, TURN, the operator.

use crate::key_question::{KeyAnswer, LiveKey};
use crate::lookups::Place;
use crate::store_answer::StoreAnswer;
use std::fmt;
use tandem_model::{Mono, MonoMicros, Msisdn, Secret, ServerMillis, Ticket};
use tandem_wire::frame::Capability;
use tandem_wire::{ClientFrame, RegisterRequest};

/// Both clocks of the server, read together by the shell just before it feeds an input.
///
/// `server` should follow `mono` from a reading taken at start, so that a corrected wall clock does not jump under running
/// rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ServerNow {
    /// Owns deadlines.
    pub mono: Mono,
    /// What phones agree on, and what is stored.
    pub server: ServerMillis,
}

/// One connection of this process's life. Never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ConnId(pub u64);

/// Where a request comes from, for budgets: an IPv4 address, or an IPv6 network of 64 bits, as one number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Source(pub u128);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(..)")
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A phone connected. The server challenges it.
    SessionOpened {
        /// The new connection.
        conn: ConnId,
        /// Where from.
        source: Source,
    },
    /// A frame was read and decoded.
    Frame {
        /// On which connection.
        conn: ConnId,
        /// The frame.
        frame: ClientFrame,
        /// When its last byte was read, on the clock of [`ServerNow::mono`].
        at: MonoMicros,
        /// The whole frame as it stood on the socket, in bytes.
        wire_bytes: u32,
    },
    /// Bytes that are no frame: the connection is refused by name.
    BadFrame {
        /// On which connection.
        conn: ConnId,
    },
    /// The connection's bounded send queue is full: the phone reads too slowly.
    SendQueueFull {
        /// Which.
        conn: ConnId,
    },
    /// The connection is gone, whoever closed it.
    SessionClosed {
        /// Which.
        conn: ConnId,
    },
    /// A registration request over HTTPS.
    Register {
        /// Names the reply; chosen by the shell, unique while open.
        ticket: Ticket,
        /// Where from.
        source: Source,
        /// What is asked.
        request: RegisterRequest,
    },
    /// The store answered. Answers come in the order of their questions, and a change is durable when its answer comes.
    StoreAnswer {
        /// From [`crate::Effect::Store`].
        ticket: Ticket,
        /// What it says.
        answer: StoreAnswer,
    },
    /// What became of [`crate::Effect::SendSms`].
    SmsOutcome {
        /// From the effect.
        message_ref: u64,
        /// What became of it.
        outcome: SmsOutcome,
    },
    /// A delivery receipt of an SMS.
    SmsReceipt {
        /// From the effect.
        message_ref: u64,
        /// Whether it reached the phone, once that is final.
        delivered: bool,
    },
    /// A phone sent an SMS. The sender is what the network says and proves nothing by itself.
    SmsIncoming {
        /// The number it came from.
        from: Msisdn,
        /// What it says.
        text: Secret<String>,
    },
    /// What became of [`crate::Effect::GrantTurn`].
    TurnGranted {
        /// From the effect.
        ticket: Ticket,
        /// The servers and the credentials; `None` when TURN cannot serve now.
        grant: Option<TurnGrant>,
    },
    /// The key holder came, went, or has other keys.
    KeyHolder {
        /// All that live; `None` when it is away.
        keys: Option<Vec<LiveKey>>,
    },
    /// What the key holder says.
    KeyAnswer {
        /// From [`crate::Effect::KeyAsk`].
        ticket: Ticket,
        /// What it says.
        answer: KeyAnswer,
    },
    /// A phone is known to be out of reach, by somebody other than its session: its lease ends now. One that is connected is
    /// in reach, whatever is said.
    Unseen {
        /// Which.
        number: Msisdn,
        /// Why.
        why: Unseen,
    },
    /// The answer to [`crate::Effect::Locate`].
    Located {
        /// From the question.
        lookup: u64,
        /// Where; `None` when it is nowhere, or is told to nobody.
        place: Option<Place>,
    },
    /// A node shows a capability that a phone handed it. Answered by [`crate::Effect::Redeemed`].
    Redeem {
        /// Names the answer; chosen by the shell, unique while open.
        ticket: Ticket,
        /// What is shown.
        capability: Capability,
    },
    /// The operator wants an end. Ends with [`crate::Effect::Stopped`].
    Shutdown,
}

/// Why a phone counts as out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// The access network has reported it detached for long.
    Detached,
    /// Its push service says that its token is dead.
    PushGone,
}

/// What became of an SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmsOutcome {
    /// The network took it.
    Accepted,
    /// The network cannot take it now, and nothing was sent.
    Unavailable {
        /// Worth another try after this.
        retry_after: std::time::Duration,
    },
    /// The number cannot get an SMS, ever.
    Unreachable,
    /// The operator does not serve this number.
    NotServed,
    /// It may or may not have been sent.
    Unknown,
}

/// STUN and TURN for one party of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnGrant {
    /// `stun:` and `turn:` addresses.
    pub urls: Vec<String>,
    /// TURN user name.
    pub username: String,
    /// TURN password.
    pub password: Secret<String>,
}
