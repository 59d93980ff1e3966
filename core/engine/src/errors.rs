//! Why the engine gave a command, an input or a read back.

use tandem_machine::Refusal;

/// Why a command was not done. Each says what to do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The machine refuses it, and says why.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// Too many commands wait: try again.
    #[error("too many commands wait")]
    Full,
    /// The engine has stopped, and a call could not be dialed for the host either: the host dials by itself.
    #[error("the engine has stopped")]
    Stopped,
    /// The host's telephony did not take a call that was handed to it past the machine.
    #[error("the carrier did not take the call")]
    CarrierFailed,
    /// No answer in time; whether it is done is unknown. Look at the state, or ask again.
    #[error("no answer in time")]
    NoAnswer,
}

/// Why an input of the OS was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// Too many inputs wait: tell it again later.
    #[error("too many inputs wait")]
    Full,
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
}

/// Why history could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no database, or it broke: there is no history to show.
    #[error("the history cannot be read")]
    Unavailable,
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
}
