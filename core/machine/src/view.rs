//! What the app sees: prompts, registrations, calls, texts, marks, as data.

use tandem_model::{Bearer, CallEnd, CallId, Line, Msisdn, PromptId, Side, TextId, TextStatus, WallMillis, WhyNotData};

/// A question to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// To answer it by.
    pub id: PromptId,
    /// What it is about.
    pub about: PromptAbout,
    /// What can be answered; never empty, and one of them always ends it without data.
    pub choices: Vec<Choice>,
}

impl Prompt {
    /// Whether it asks about this call.
    #[must_use]
    pub fn is_about(&self, id: CallId) -> bool {
        match self.about {
            PromptAbout::Call { call, .. } => call == id,
            PromptAbout::Text { .. } | PromptAbout::WhichNumber { .. } => false,
        }
    }
}

/// What a prompt is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptAbout {
    /// A call cannot travel over data: carrier call, or quit.
    Call {
        /// The attempt; later views of the same conversation carry it.
        call: CallId,
        /// Whom it is to.
        to: Msisdn,
        /// Why, and thereby on which side.
        why: WhyNotData,
    },
    /// A text cannot travel over data: carrier SMS, or quit (or wait, where the peer was just not seen lately).
    Text {
        /// Whom it is to.
        to: Msisdn,
        /// Why.
        why: WhyNotData,
        /// It may arrive twice, because the server cannot be asked.
        may_double: bool,
    },
    /// Several numbers of a contact are marked: which one is meant?
    WhichNumber {
        /// The host's id of the contact.
        contact: String,
    },
}

impl PromptAbout {
    /// Which side the reason speaks of, where there is one.
    #[must_use]
    pub fn side(&self) -> Option<Side> {
        match self {
            PromptAbout::Call { why, .. } | PromptAbout::Text { why, .. } => Some(why.side()),
            PromptAbout::WhichNumber { .. } => None,
        }
    }
}

/// An answer to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// Through the carrier: a call or an SMS.
    Carrier,
    /// Not at all.
    Quit,
    /// Over data all the same: let the text wait for its recipient.
    Wait,
    /// This number of the contact.
    Number(Msisdn),
}

/// A registration as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationView {
    /// The SIM.
    pub line: Line,
    /// The number, once known.
    pub number: Option<Msisdn>,
    /// How far it is.
    pub state: RegistrationState,
    /// Asking for another SMS; `None` while there is no attempt that it could be for.
    pub resend: Option<Resend>,
}

/// Where asking for another verification SMS stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// It may be asked for from then on, on this phone's own clock as that stood when this was told. A clock that is set
    /// afterwards moves nothing: [`Refusal::TooEarly`](crate::Refusal::TooEarly) has the wait that is really left.
    pub from: WallMillis,
    /// It is being asked for.
    pub asking: bool,
    /// Why none was sent when it was last asked for. The attempt goes on: the SMS before may still come.
    pub refused: Option<ResendRefusal>,
}

/// Why no other verification SMS was sent; [`Resend::from`] says when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResendRefusal {
    /// Too many were sent.
    TooMany {
        /// Whose budget is spent.
        of: Budget,
    },
    /// The SMS cannot be sent now.
    SmsUnavailable,
    /// The number cannot receive SMS.
    NumberUnreachable,
    /// The operator does not serve this number.
    NotServed,
    /// The server did not answer.
    Offline,
    /// The server refused it as malformed.
    Refused,
}

/// How far a registration is, each state with its own text for the user ([`RegistrationState::user_text`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// Not registered.
    Unregistered,
    /// The SIM does not tell its number: the user types it.
    NumberNeeded,
    /// The server is being asked.
    Asking,
    /// Waiting for the SMS.
    AwaitingSms {
        /// The attempt ends then, on this phone's own clock as that stood when it began.
        expires_at: WallMillis,
        /// A verification SMS came to the other SIM meanwhile. It may be this one's or anybody's: the right one still counts.
        came_to_other_sim: bool,
    },
    /// The SMS was read; the user confirms.
    AwaitingUserConfirm,
    /// The proof is with the server.
    Confirming,
    /// Registered.
    Registered,
    /// The end is on its way to the server.
    Unregistering,
    /// It did not work; the reason says what to do.
    Failed(RegistrationFailure),
}

/// Why a registration did not work or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistrationFailure {
    /// There is no such SIM.
    NoSim,
    /// What was typed is no number.
    BadNumber,
    /// No connection; try again later.
    Offline,
    /// No SMS came in time.
    SmsNeverCame,
    /// The SMS came to the other SIM.
    SmsToOtherSim,
    /// Wrong code; tries are left.
    WrongCode {
        /// How many.
        tries_left: u32,
    },
    /// Tries used up: start again.
    TriesUsedUp,
    /// The attempt is over: start again.
    Expired,
    /// Too many attempts: wait.
    TooMany {
        /// For how long, in milliseconds.
        wait_ms: u32,
        /// Whose.
        of: Budget,
    },
    /// The SMS cannot be sent now.
    SmsUnavailable,
    /// The number cannot receive SMS.
    NumberUnreachable,
    /// The operator does not serve this number.
    NotServed,
    /// The number was registered on another device since.
    RegisteredElsewhere,
    /// The SIM was taken out or swapped.
    SimChanged,
    /// The key store lost the key: register again.
    KeyLost,
    /// The device cannot store.
    StoreFailed,
    /// The server refused it as malformed.
    Refused,
}

/// Whose budget of verification SMS is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Budget {
    /// This number's.
    Number,
    /// That of all numbers beside it: nobody here did anything.
    Prefix,
    /// That of where this phone is connected from, perhaps shared with others.
    Source,
}

/// A data call, or an attempt at one, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallView {
    /// Which.
    pub call: CallId,
    /// The SIM.
    pub line: Line,
    /// The other side.
    pub peer: Msisdn,
    /// Placed here.
    pub outgoing: bool,
    /// What it does.
    pub state: CallState,
    /// What carries it now.
    pub bearer: Bearer,
    /// On hold here.
    pub held: bool,
    /// On hold by the peer.
    pub held_by_peer: bool,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallState {
    /// Both paths are being checked.
    Checking,
    /// The user is asked.
    Asking,
    /// The offer is on its way; the peer does not ring yet.
    Calling,
    /// Rings: at the peer for an outgoing call, here for an incoming one.
    Ringing,
    /// Answered; media is being connected.
    Connecting,
    /// Both can talk.
    Active,
    /// Media broke; it is being brought back.
    Reconnecting,
    /// With the carrier.
    Carrier,
    /// Over.
    Ended(CallEnd),
}

/// A text of mine, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextView {
    /// Which.
    pub id: TextId,
    /// To whom.
    pub to: Msisdn,
    /// Where it stands.
    pub status: TextStatus,
}

/// A text for me, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrivedText {
    /// To which SIM.
    pub line: Line,
    /// From whom.
    pub from: Msisdn,
    /// Its id at the sender.
    pub id: TextId,
    /// The words; `None` when they could not be opened.
    pub body: Option<tandem_model::TextBody>,
    /// Missing texts just before it.
    pub gap_before: u64,
    /// How it came.
    pub bearer: Bearer,
    /// When it was sent, as far as is known.
    pub sent_at: WallMillis,
}

/// The mark of one number, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkView {
    /// Whose.
    pub number: Msisdn,
    /// What is shown.
    pub shown: MarkShown,
}

/// What is shown beside a contact's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkShown {
    /// Reachable over data.
    Marked,
    /// Was reachable, but its lease ran out: not seen lately.
    NotSeenLately,
    /// Nothing.
    Unmarked,
}

/// Something the user must know that is no state of one call, text or registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// The database could not be read and was set aside; history is gone, the phone goes on.
    StoreRecovered,
    /// The server showed another key for matching contacts than before under the same name, which no honest one does:
    /// nothing is matched under it.
    MarkKeyChanged,
    /// Storage is full: texts cannot be kept.
    StorageFull,
    /// The database cannot be opened or written: texts cannot be kept, and calls go on.
    StoreUnavailable,
    /// Occurrences were dropped from the queue: read the rows again.
    Resync,
    /// A machine met a fault it could not go on from; the carrier still works.
    Stopped {
        /// Which.
        fault: Fault,
    },
}

/// What a machine cannot go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It panicked.
    Panic,
    /// It made no progress for longer than it may.
    Hang,
}
