//! The one error an app sees, and the one a port gives.

use tandem_engine::{CommandError, NotifyError, ReadError, Refusal, StartError};

/// Why something was not done. Each says what the caller should do differently; none carries text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum TandemError {
    /// The server's address, or the one registrations go to, cannot be used: fix the setting.
    #[error("The server's address cannot be used. Please check the setting.")]
    BadServer,
    /// None of the root certificates can be read, or the system has no verifier: fix the setting.
    #[error("The root certificates cannot be used. Please check the setting.")]
    BadRoots,
    /// A setting is out of its range: fix it.
    #[error("A setting is out of its range. Please check it.")]
    BadSetting,
    /// The OS gives no threads or no randomness: try again.
    #[error("The phone has no room to start this. Please try again.")]
    System,
    /// The prompt, call, text or registration is gone or in another state by now: look at the newest state.
    #[error("This is over already.")]
    Stale,
    /// The line is not registered: register first, or use the carrier.
    #[error("This SIM is not registered.")]
    NotRegistered,
    /// There is no such SIM.
    #[error("There is no SIM in this slot.")]
    NoSuchLine,
    /// What was typed is no telephone number: let the user correct it.
    #[error("This is not a phone number. Please check what you typed.")]
    BadNumber,
    /// The text is empty or longer than 64 KiB of UTF-8.
    #[error("The text is empty or too long.")]
    BadBody,
    /// Emergency, short, service and MMI numbers take no texts over data: use the carrier.
    #[error("This number can only be reached through the carrier.")]
    CarrierOnly,
    /// Too many of these at once: try again later.
    #[error("Too much is under way. Please try again.")]
    Full,
    /// This may not be asked for again yet: let the user ask when the wait is over.
    #[error("This was asked for already. Please wait a little before you ask again.")]
    TooEarly {
        /// The wait that is left, in milliseconds, from 1.
        wait_ms: u32,
    },
    /// The phone cannot store it, and nothing was sent: free some space.
    #[error("This phone cannot save now. Please free some space. Nothing was sent.")]
    StoreFailed,
    /// The server cannot be asked now: try again when online.
    #[error("The server cannot be reached. Please try again when you are online.")]
    Offline,
    /// There is no direct connection to them now; one is being looked for: ask again.
    #[error("There is no direct connection to them yet. Please try again.")]
    NotReachable,
    /// A registration is already under way on this line.
    #[error("This is under way already.")]
    Busy,
    /// The choice is none of the prompt's.
    #[error("This is no choice here.")]
    NoSuchChoice,
    /// No answer in time; whether it is done is unknown. Look at the state, or ask again.
    #[error("There was no answer in time. Please look whether it is done.")]
    NoAnswer,
    /// The core has stopped. A call must be dialed by the host itself.
    #[error("Calls and texts over data stopped. The carrier still works.")]
    Stopped,
    /// There is no database, or it broke: there is no history to show.
    #[error("The history cannot be read.")]
    HistoryUnavailable,
    /// The host's own `TelephonyPort` did not take the call: the host dials by itself.
    #[error("The carrier did not take the call.")]
    CarrierFailed,
}

/// An error for the user, in English: a sentence to translate from.
#[uniffi::export]
pub fn error_text(error: TandemError) -> String {
    error.to_string()
}

impl From<StartError> for TandemError {
    fn from(error: StartError) -> TandemError {
        match error {
            StartError::BadServer => TandemError::BadServer,
            StartError::BadRoots => TandemError::BadRoots,
            StartError::System => TandemError::System,
        }
    }
}

impl From<CommandError> for TandemError {
    fn from(error: CommandError) -> TandemError {
        match error {
            CommandError::Refused(refusal) => refusal.into(),
            CommandError::Full => TandemError::Full,
            CommandError::Stopped => TandemError::Stopped,
            CommandError::CarrierFailed => TandemError::CarrierFailed,
            CommandError::NoAnswer => TandemError::NoAnswer,
        }
    }
}

impl From<Refusal> for TandemError {
    fn from(refusal: Refusal) -> TandemError {
        match refusal {
            Refusal::Stale => TandemError::Stale,
            Refusal::NotRegistered => TandemError::NotRegistered,
            Refusal::NoSuchLine => TandemError::NoSuchLine,
            Refusal::BadNumber => TandemError::BadNumber,
            Refusal::BadBody => TandemError::BadBody,
            Refusal::CarrierOnly => TandemError::CarrierOnly,
            Refusal::Full => TandemError::Full,
            Refusal::TooEarly { wait_ms } => TandemError::TooEarly { wait_ms },
            Refusal::StoreFailed => TandemError::StoreFailed,
            Refusal::Offline => TandemError::Offline,
            Refusal::NotReachable => TandemError::NotReachable,
            Refusal::Busy => TandemError::Busy,
            Refusal::NoSuchChoice => TandemError::NoSuchChoice,
        }
    }
}

impl From<NotifyError> for TandemError {
    fn from(error: NotifyError) -> TandemError {
        match error {
            NotifyError::Full => TandemError::Full,
            NotifyError::Stopped => TandemError::Stopped,
        }
    }
}

impl From<ReadError> for TandemError {
    fn from(error: ReadError) -> TandemError {
        match error {
            ReadError::Unavailable => TandemError::HistoryUnavailable,
            ReadError::Stopped => TandemError::Stopped,
        }
    }
}

/// Why a port did not do what it was asked. Whatever else a port throws counts as `Failed`, unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum HostError {
    /// This phone cannot do it. SIMs, network and contacts are not asked for again; whatever else is asked once for each need.
    #[error("this phone cannot do that")]
    Unsupported,
    /// Not permitted, or not now (locked before first unlock): SIMs, network, contacts and keys are asked for again later.
    #[error("the phone does not allow that now")]
    Locked,
    /// It went wrong.
    #[error("the phone failed to do that")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for HostError {
    fn from(_text_that_may_hold_a_number: uniffi::UnexpectedUniFFICallbackError) -> HostError {
        HostError::Failed
    }
}

impl From<HostError> for tandem_engine::HostError {
    fn from(error: HostError) -> tandem_engine::HostError {
        match error {
            HostError::Unsupported => tandem_engine::HostError::Unsupported,
            HostError::Locked => tandem_engine::HostError::Locked,
            HostError::Failed => tandem_engine::HostError::Failed,
        }
    }
}
