//! Bugs planted on purpose, one at a time: the checker must find each of them, or it proves nothing.

use tandem_logic::StoreOp;
use tandem_logic::store_answer::StoreAnswer;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Planted {
    /// The server acknowledges before its store has synced.
    AckBeforeSync,
    /// Wrong tries are forgotten when the server restarts.
    TriesInMemory,
    /// The SMS copy of a waiting text leaves before the server was asked.
    SmsBeforeTheSwap,
}

/// What a bug makes of a question to the store; `None` for the real answer.
#[must_use]
pub fn spoil_store(_planted: Option<Planted>, _op: &StoreOp) -> Option<StoreAnswer> {
    None
}
