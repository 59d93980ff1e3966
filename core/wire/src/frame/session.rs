//! How a session begins and ends, and why something in it is refused.

use tandem_model::{MarkGeneration, Msisdn, NumberEpoch, ServerMillis, Signature};

/// Who I am.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The version chosen from the challenge's range.
    pub version: u32,
    /// My number.
    pub number: Msisdn,
    /// My epoch of it.
    pub epoch: NumberEpoch,
    /// Over [`tandem_model::vault::signed::session`].
    pub signature: Signature,
    /// The newest generation of marks I hold; the server sends what came after.
    pub marks_since: MarkGeneration,
    /// True when this device holds no texts or marks from before (a new database).
    pub fresh: bool,
}

/// The session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The server's time.
    pub now: ServerMillis,
    /// My lease ends then unless I am heard again.
    pub lease_until: ServerMillis,
    /// How often to sync marks, in milliseconds, before jitter.
    pub marks_interval_ms: u32,
    /// How often to let the session be heard when nothing else is sent, in milliseconds.
    pub keepalive_ms: u32,
    /// How long a ring lasts, in milliseconds.
    pub ring_ms: u32,
}

/// The session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye {
    /// Why.
    pub reason: GoodbyeReason,
    /// Come back no sooner than this many milliseconds from now.
    pub retry_after_ms: u32,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GoodbyeReason {
    /// The server stops for a while; come back.
    ShuttingDown,
    /// The signature or the epoch is not the one on record: register again.
    NotRegistered,
    /// The number was registered with another key since: this registration is over, and the user must know.
    RegisteredElsewhere,
    /// A newer session of the same registration took over.
    Displaced,
    /// No common version.
    Version,
    /// The phone broke the protocol or its limits.
    Protocol,
    /// Too many sessions; come back later.
    Busy,
    /// This phone reads too slowly; come back.
    TooSlow,
}

/// Why a request is refused. Each says what to do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefuseReason {
    /// Too many requests of this kind: wait as told.
    Budget,
    /// The server cannot store now: wait as told; nothing was stored.
    Storage,
    /// The recipient is not available to the sender: use the carrier.
    NotAvailable,
    /// The recipient's number has another owner since: ask for marks, ask the user.
    RecipientChanged,
    /// The recipient's mailbox is full: wait as told or use the carrier.
    MailboxFull,
    /// The request makes no sense in this state: a defect of the phone.
    Invalid,
    /// The call is unknown, over, or not permitted by the gate.
    NoSuchCall,
    /// The server is going down: send again in the next session.
    ShuttingDown,
    /// The signature does not verify.
    BadSignature,
}
