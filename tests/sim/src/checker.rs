//! Judges a history by the promises. Knows only [`crate::history`]: plain words and numbers.
//!
//! The history must end in a long calm, so that everything that must end has ended.

mod calls;
mod endings;
mod guesses;
mod texts;

use crate::history::{History, Word};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub promise: &'static str,
    /// What was seen.
    pub what: String,
}

/// Checks everything; an empty list is a good run.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let mut broken = Vec::new();
    texts::check(history, &mut broken);
    calls::check(history, &mut broken);
    endings::check(history, &mut broken);
    guesses::check(history, &mut broken);
    for entry in &history.entries {
        if let Word::Fault { what } = &entry.word {
            broken.push(Violation { promise: "P16", what: format!("phone {}: {what}", entry.phone) });
        }
    }
    broken
}

#[cfg(test)]
mod tests;
