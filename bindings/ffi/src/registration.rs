//! Registering the number of a SIM.

use crate::core::Core;
use crate::errors::TandemError;
use tandem_engine::{Command, view};
use tandem_model::{Line, Msisdn, Secret, WallMillis};

#[uniffi::export]
impl Core {
    /// Registers the number of a SIM; `typed` where the SIM does not tell it, or tells a wrong one. What follows comes as
    /// `Event::Registration`. Throws `NoSuchLine`, `BadNumber`, `Busy`, `StoreFailed`.
    pub async fn register(&self, line: Line, typed: Option<String>) -> Result<(), TandemError> {
        self.done(Command::Register { line, typed: typed.map(Secret::new) }).await
    }

    /// The user confirms the registration whose SMS was read (`AwaitingUserConfirm`). Throws `Stale`.
    pub async fn confirm_registration(&self, line: Line) -> Result<(), TandemError> {
        self.done(Command::ConfirmRegistration { line }).await
    }

    /// The user typed the code of the SMS, eight digits, which confirms as well. Throws `BadNumber` for what is no code, `Busy`,
    /// `Stale`.
    pub async fn enter_code(&self, line: Line, code: String) -> Result<(), TandemError> {
        self.done(Command::EnterCode { line, code: Secret::new(code) }).await
    }

    /// Asks for the SMS again. Throws `Stale`, `Busy` while it is being asked for, `TooEarly` before `Resend.not_before`. What comes of
    /// it is in `RegistrationView.resend`.
    pub async fn resend_sms(&self, line: Line) -> Result<(), TandemError> {
        self.done(Command::ResendSms { line }).await
    }

    /// Gives up a registration that is under way. Throws `Stale`, and `Busy` while the proof is with the server.
    pub async fn cancel_registration(&self, line: Line) -> Result<(), TandemError> {
        self.done(Command::CancelRegistration { line }).await
    }

    /// Ends a registration; the mark clears everywhere. Throws `NotRegistered`.
    pub async fn unregister(&self, line: Line) -> Result<(), TandemError> {
        self.done(Command::Unregister { line }).await
    }

    /// Asks the server for marks now rather than at the next interval.
    pub async fn sync_marks(&self) -> Result<(), TandemError> {
        self.done(Command::SyncMarks).await
    }
}

/// A registration as shown.
#[derive(Clone, uniffi::Record)]
pub struct RegistrationView {
    /// The SIM.
    pub line: Line,
    /// The number, once known.
    pub number: Option<Msisdn>,
    /// How far it is.
    pub state: RegistrationState,
    /// The same for the user, in English: a sentence to translate from.
    pub text: String,
    /// Asking for another SMS; absent while there is no attempt that it could be for.
    #[uniffi(default = None)]
    pub resend: Option<Resend>,
}

/// Where asking for another verification SMS stands.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Resend {
    /// It may be asked for from then on, on this phone's own clock as that stood when this was told. A clock that is set afterwards moves
    /// nothing: `TooEarly` has the wait that is really left.
    pub not_before: WallMillis,
    /// It is being asked for.
    pub asking: bool,
    /// Why none was sent when it was last asked for. The attempt goes on: the SMS before may still come.
    pub refused: Option<ResendRefusal>,
}

pub use view::ResendRefusal;

/// Why no other verification SMS was sent.
#[uniffi::remote(Enum)]
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

/// Why no other SMS came, for the user, in English: a sentence to translate from.
#[uniffi::export]
#[must_use]
pub fn resend_text(why: ResendRefusal) -> String {
    why.user_text().to_owned()
}

/// How far a registration is.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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
        /// A verification SMS came to the other SIM meanwhile; the right one still counts.
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
    Failed {
        /// Why.
        why: RegistrationFailure,
    },
}

pub use view::{Budget, RegistrationFailure};

/// Why a registration did not work or is over.
#[uniffi::remote(Enum)]
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
#[uniffi::remote(Enum)]
pub enum Budget {
    /// This number's.
    Number,
    /// That of all numbers beside it: nobody here did anything.
    Prefix,
    /// That of where this phone is connected from, perhaps shared with others.
    Source,
}

impl From<view::RegistrationView> for RegistrationView {
    fn from(from: view::RegistrationView) -> RegistrationView {
        let text = from.state.user_text();
        let resend =
            from.resend.map(|view::Resend { from, asking, refused }| Resend { not_before: from, asking, refused });
        RegistrationView { line: from.line, number: from.number, state: from.state.into(), text, resend }
    }
}

impl From<view::RegistrationState> for RegistrationState {
    fn from(from: view::RegistrationState) -> RegistrationState {
        match from {
            view::RegistrationState::Unregistered => RegistrationState::Unregistered,
            view::RegistrationState::NumberNeeded => RegistrationState::NumberNeeded,
            view::RegistrationState::Asking => RegistrationState::Asking,
            view::RegistrationState::AwaitingSms { expires_at, came_to_other_sim } => {
                RegistrationState::AwaitingSms { expires_at, came_to_other_sim }
            }
            view::RegistrationState::AwaitingUserConfirm => RegistrationState::AwaitingUserConfirm,
            view::RegistrationState::Confirming => RegistrationState::Confirming,
            view::RegistrationState::Registered => RegistrationState::Registered,
            view::RegistrationState::Unregistering => RegistrationState::Unregistering,
            view::RegistrationState::Failed(why) => RegistrationState::Failed { why },
        }
    }
}
