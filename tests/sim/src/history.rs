//! What happened, in plain words and numbers. Shares no type with the code under test, so that a mistake there cannot hide
//! itself here.

use serde::Serialize;

/// A text's id as plain numbers: device epoch and counter.
pub type Id = (u64, u64);

/// One thing that happened at one phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Word {
    /// The phone holds a number in an epoch from now on.
    Registered { number: u64, epoch: u64 },
    /// The phone's registration is over, or about to be: what was stored for others goes on without it.
    RegistrationOver,
    /// The user wrote a text and the phone said it is kept.
    Wrote { id: Id, to: u64, to_epoch: Option<u64>, body: String },
    /// The phone showed a text of its own as sent: the server has it.
    ShownAsSent { id: Id },
    /// The phone showed the end of a text of its own.
    ShownEnd { id: Id, end: &'static str },
    /// The phone's modem sent an SMS.
    SmsLeft { to: u64, body: String },
    /// The phone showed a text it received.
    ShownText { from: u64, id: Id, body: Option<String>, carrier: bool },
    /// The phone shows a data call.
    Call {
        call: [u8; 16],
        peer: u64,
        state: &'static str,
        outgoing: bool,
        held: bool,
        server_ms: i64,
        ring_until: Option<i64>,
    },
    /// The phone shows why a data call is over.
    CallOver { call: [u8; 16], end: String },
    /// The phone asks its user about a data call: carrier, or quit.
    CallAsked { call: [u8; 16], why: String },
    /// Sound was let into a data call.
    DataSound { call: [u8; 16], on: bool },
    /// A carrier call of this phone is active or not.
    CarrierActive { on: bool },
    /// The user dialed digits.
    Dialed { digits: String, emergency: bool },
    /// The modem dialed.
    ModemDialed { digits: String },
    /// A question about, or signalling of, a data call left the phone.
    CallFrameLeft { to: u64 },
    /// The phone's log of calls has this entry, durably.
    Logged { entry: u64, call: Option<[u8; 16]>, over: bool },
    /// Somebody who does not hold a number guessed its code, and heard this.
    Guessed { attempt: [u8; 16], answer: &'static str },
    /// The server's store was told that a phone has this text.
    TakenAtServer { id: Id },
    /// The server's store was told that a sender takes this text back.
    TakenBackAtServer { id: Id },
    /// The server ordered a verification SMS.
    SmsOrdered { to: u64 },
    /// The core reported a fault of its own.
    Fault { what: String },
    /// The phone's database is gone, and with it all it knew.
    LostDatabase,
    /// The phone was killed.
    Killed,
    /// The server was killed.
    ServerKilled,
    /// The phone started.
    Started,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// True time, in milliseconds since the run began.
    pub at_ms: u64,
    /// Which phone, by its place.
    pub phone: usize,
    /// What.
    pub word: Word,
}

/// Everything that happened, in order.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The entries.
    pub entries: Vec<Entry>,
}

impl History {
    /// Adds one.
    pub fn add(&mut self, at_ms: u64, phone: usize, word: Word) {
        self.entries.push(Entry { at_ms, phone, word });
    }
}
