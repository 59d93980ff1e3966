//! Where a scenario is played: real processes and sockets, or virtual time. The runner sees only this.

use crate::scenario::Verb;
use crate::seen::Seen;
use std::time::Duration;

/// One thing seen, when and where.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Since the scenario began.
    pub at: Duration,
    /// Where: a device, `carrier` or `server`.
    pub device: String,
    /// What.
    pub seen: Seen,
}

/// Why a stage cannot do what a step says.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The verb makes no sense here now, such as answering a prompt when there is none.
    #[error("{0}")]
    NotNow(String),
    /// A process or a socket failed.
    #[error("{0}")]
    Broken(String),
    /// This stage cannot play that verb.
    #[error("this clock cannot play `{0}`")]
    Unsupported(&'static str),
}

/// A stage.
pub trait Stage {
    /// Does something to a device, or to the world.
    ///
    /// # Errors
    /// [`StageError`] says why it cannot be done.
    fn act(&mut self, device: Option<&str>, verb: &Verb) -> Result<(), StageError>;

    /// Lets time pass until something is seen, at most `at_most`; returns what was seen, oldest first. Empty when the time
    /// passed without anything.
    ///
    /// # Errors
    /// [`StageError::Broken`].
    fn watch(&mut self, at_most: Duration) -> Result<Vec<Sighting>, StageError>;

    /// Whether somebody who watches has to wait for it.
    fn takes_real_time(&self) -> bool;

    /// Time since the scenario began.
    fn elapsed(&self) -> Duration;

    /// Ends everything.
    fn close(&mut self);
}
