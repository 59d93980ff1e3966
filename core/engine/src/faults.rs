//! Faults on purpose: what the lab and the tests break to show what a person gets (law 10). Not in a product's build.

use std::time::Duration;

/// What breaks, and when. Nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The machine panics there.
    pub panic_at: Option<FaultAt>,
    /// The machine never comes back from there.
    pub hang_at: Option<FaultAt>,
    /// The machine comes back from there this much later.
    pub late_at: Option<(FaultAt, Duration)>,
    /// The store fails.
    pub store: Option<StoreFault>,
}

/// A place in a run: the nth step of a kind, counted from when the fault was set, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultAt {
    /// Which kind.
    pub step: Step,
    /// Which of them, from 1.
    pub nth: u32,
}

impl FaultAt {
    /// The next step of a kind.
    #[must_use]
    pub const fn next(step: Step) -> FaultAt {
        FaultAt { step, nth: 1 }
    }
}

/// Kinds of steps a machine takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Whatever comes.
    Any,
    /// A command to call.
    Dial,
    /// A command to text.
    SendText,
    /// An answer to a prompt.
    Answer,
    /// Any other command.
    Command,
    /// Something of the OS.
    Host,
    /// A session's socket opened or closed.
    Link,
    /// A frame of the server.
    Frame,
    /// An answer to a registration request.
    Registered,
    /// An answer of the store.
    Committed,
    /// Numbers that were blinded, or pseudonyms that came of them.
    Blinded,
    /// Something of the media engine.
    Media,
    /// A deadline.
    Timer,
    /// Showing what came of a step: its orders are out, its answer is not. Not among [`Step::Any`].
    Views,
}

/// How the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// It cannot be opened at start.
    Unopenable,
    /// Every commit fails as broken.
    Broken,
    /// Every commit fails for lack of space.
    Full,
    /// Commits are never answered.
    Silent,
}
