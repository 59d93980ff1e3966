//! Texts: bodies and how they end.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest text, in bytes of UTF-8 (64 KiB); longer ones are refused by name before anything is stored.
pub const TEXT_BODY_MAX: usize = 64 * 1024;

/// What one person wrote to another. Redacts itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextBody(String);

impl TextBody {
    /// Takes 1 to [`TEXT_BODY_MAX`] bytes; `None` for an empty or an oversized text.
    #[must_use]
    pub fn new(body: impl Into<String>) -> Option<TextBody> {
        let body = body.into();
        (!body.is_empty() && body.len() <= TEXT_BODY_MAX).then_some(TextBody(body))
    }

    /// The words. Never log them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TextBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextBody({} bytes)", self.0.len())
    }
}

/// The one end of an accepted text (N2). Exactly one reaches the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TerminalState {
    /// The recipient's phone holds it durably.
    Delivered,
    /// It waited as long as it may.
    Expired,
    /// The sender took it back before it was delivered.
    Cancelled,
    /// The sender turned it into an SMS before it was delivered.
    HandedToSms,
    /// The number belongs to somebody else now.
    RecipientChanged,
}

impl TerminalState {
    /// Every end there is, for tests and tables.
    pub const ALL: [TerminalState; 5] = [
        TerminalState::Delivered,
        TerminalState::Expired,
        TerminalState::Cancelled,
        TerminalState::HandedToSms,
        TerminalState::RecipientChanged,
    ];
}

/// Where a text of mine stands, as its sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TextStatus {
    /// Durable on this phone, not yet acknowledged by the server.
    Pending,
    /// Durable on the server: "sent".
    Stored,
    /// It ended. `read` turns true when the recipient says so, which only a delivered text can be.
    Ended {
        /// How.
        state: TerminalState,
        /// Shown to have been read.
        read: bool,
    },
    /// Sent as plain SMS through the carrier, never stored at the server.
    CarrierSms,
    /// The carrier refused the SMS; the user may try again.
    SmsFailed,
    /// Refused by the server for good before it was ever stored, or given up because its sender's registration was over and
    /// nobody can tell what became of it. The user is told why.
    Refused,
    /// Stored at the server under a registration that is over. The server goes on with it; its end cannot be learned here.
    LeftBehind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_neither_empty_nor_oversized_and_hides_its_words() {
        assert!(TextBody::new("").is_none());
        assert!(TextBody::new("x".repeat(TEXT_BODY_MAX)).is_some());
        assert!(TextBody::new("x".repeat(TEXT_BODY_MAX + 1)).is_none());
        assert_eq!(format!("{:?}", TextBody::new("dear")), "Some(TextBody(4 bytes))");
    }
}
