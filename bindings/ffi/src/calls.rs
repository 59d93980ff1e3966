//! Calls: placing, answering, ending.

use crate::core::{Core, Outcome};
use crate::errors::TandemError;
use tandem_engine::{Command, end_text, input, view};
use tandem_model::{Bearer, CallEnd, CallId, Line, Msisdn, Secret};

#[uniffi::export]
impl Core {
    /// Calls somebody, as a SIM (absent: the first registered one, else the first). `Outcome::Call` is an attempt over data,
    /// whose state comes as `Event::Call`; `Outcome::CarrierDialed` went to the carrier at once, as emergency and short numbers
    /// do; `Outcome::Asking` asks first: which number of the contact is meant, or what to do where data will not do. A core that is gone, or has too
    /// much to do, dials through the carrier too: only on `Stopped` the host dials by itself. Throws `BadNumber`, `NoSuchLine`,
    /// `Busy` in another call; after `NoAnswer` look at the state before dialing again.
    pub async fn dial(&self, target: Target, line: Option<Line>, mode: Mode) -> Result<Outcome, TandemError> {
        self.outcome(Command::Dial { target: target.into(), line, mode }).await
    }

    /// Picks up a ringing data call. Throws `Stale`.
    pub async fn accept(&self, call: CallId) -> Result<(), TandemError> {
        self.done(Command::Accept { call }).await
    }

    /// Refuses a ringing data call. Throws `Stale`.
    pub async fn refuse(&self, call: CallId) -> Result<(), TandemError> {
        self.done(Command::Refuse { call }).await
    }

    /// Ends a call, in any state. Throws `Stale` when it is over.
    pub async fn hang_up(&self, call: CallId) -> Result<(), TandemError> {
        self.done(Command::HangUp { call }).await
    }

    /// Puts a call on hold, or takes it back. Throws `Stale` for one in which nobody talks yet or any more.
    pub async fn hold(&self, call: CallId, on: bool) -> Result<(), TandemError> {
        self.done(Command::Hold { call, on }).await
    }

    /// Dials through the carrier past every decision and the database: for a host that must not wait for either. It waits for
    /// the host's own `TelephonyPort` only, at most 10 s. Throws `CarrierFailed` when that did not take the call.
    pub async fn dial_carrier(&self, line: Option<Line>, digits: String) -> Result<(), TandemError> {
        self.engine.dial_carrier(line, &digits).await.map_err(TandemError::from)
    }
}

/// Whom to reach.
#[derive(Clone, uniffi::Enum)]
pub enum Target {
    /// Digits as dialed or as a contact holds them.
    Number {
        /// The digits.
        digits: String,
    },
    /// A contact with its numbers; when several are marked the user is asked once.
    Contact {
        /// The host's stable id of the contact.
        contact: String,
        /// Its numbers.
        numbers: Vec<String>,
    },
}

impl From<Target> for input::Target {
    fn from(from: Target) -> input::Target {
        match from {
            Target::Number { digits } => input::Target::Number(Secret::new(digits)),
            Target::Contact { contact, numbers } => {
                input::Target::Contact { contact, numbers: numbers.into_iter().map(Secret::new).collect() }
            }
        }
    }
}

pub use input::Mode;

/// Over what.
#[uniffi::remote(Enum)]
pub enum Mode {
    /// Over data, asking when data will not do.
    Data,
    /// Through the carrier, asking nothing.
    Carrier,
}

/// A call, or an attempt at one, as shown.
#[derive(Clone, uniffi::Record)]
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
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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
    Ended {
        /// How.
        end: CallEnd,
    },
}

/// What carries a leg of a call or a text.
#[uniffi::remote(Enum)]
pub enum Bearer {
    /// Tandem's data path.
    Data,
    /// The carrier.
    Carrier,
}

/// How a call ended, as this phone saw it.
#[uniffi::remote(Enum)]
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
    /// Answered by this user's other call attempt or on another leg.
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

/// What a call does, for the user, in English: words to translate from.
#[uniffi::export]
pub fn call_state_text(state: CallState) -> String {
    view::CallState::from(state).user_text().to_owned()
}

/// How a call ended, for the user, in English: a sentence to translate from.
#[uniffi::export]
pub fn call_end_text(end: CallEnd) -> String {
    end_text(end).to_string()
}

impl From<view::CallView> for CallView {
    fn from(from: view::CallView) -> CallView {
        CallView {
            call: from.call,
            line: from.line,
            peer: from.peer,
            outgoing: from.outgoing,
            state: from.state.into(),
            bearer: from.bearer,
            held: from.held,
            held_by_peer: from.held_by_peer,
        }
    }
}

impl From<CallState> for view::CallState {
    fn from(from: CallState) -> view::CallState {
        match from {
            CallState::Checking => view::CallState::Checking,
            CallState::Asking => view::CallState::Asking,
            CallState::Calling => view::CallState::Calling,
            CallState::Ringing => view::CallState::Ringing,
            CallState::Connecting => view::CallState::Connecting,
            CallState::Active => view::CallState::Active,
            CallState::Reconnecting => view::CallState::Reconnecting,
            CallState::Carrier => view::CallState::Carrier,
            CallState::Ended { end } => view::CallState::Ended(end),
        }
    }
}

impl From<view::CallState> for CallState {
    fn from(from: view::CallState) -> CallState {
        match from {
            view::CallState::Checking => CallState::Checking,
            view::CallState::Asking => CallState::Asking,
            view::CallState::Calling => CallState::Calling,
            view::CallState::Ringing => CallState::Ringing,
            view::CallState::Connecting => CallState::Connecting,
            view::CallState::Active => CallState::Active,
            view::CallState::Reconnecting => CallState::Reconnecting,
            view::CallState::Carrier => CallState::Carrier,
            view::CallState::Ended(end) => CallState::Ended { end },
        }
    }
}
