//! Where one text stands between this phone, the server and the carrier.

use crate::effect::{Refusal, Reply};
use tandem_model::{Mono, PromptId, TerminalState, Ticket};

/// Asking the server to give a text up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swap {
    pub ticket: Ticket,
    /// What the server is asked for.
    pub end: TerminalState,
    /// What the user is shown when the swap is won.
    pub shown: TerminalState,
    pub until: Mono,
}

/// Where a text stands. Each state holds what it waits for.
#[derive(Clone, Debug)]
pub(super) enum Flow {
    /// Waits for its turn and for a session, not before a time the server named.
    Queued { not_before: Mono },
    /// On its direct way to its recipient, unacknowledged.
    Direct { until: Mono },
    /// With the server, unanswered.
    Sent { ticket: Ticket, bytes: usize, sent: Mono, until: Mono },
    /// The server has it; its end is awaited.
    Stored,
    /// The user is asked what to do instead.
    AskingUser { prompt: PromptId },
    /// The server is asked to give it up.
    Swapping(Swap),
    /// The SMS is with the carrier. `tell` the server once the end is durable.
    SmsOut { order: Ticket, until: Mono, tell: bool },
    /// The carrier refused the SMS; the user may try again.
    SmsFailed,
    /// Its end is being made durable.
    Ending,
    /// Its end could not be made durable and is tried again.
    EndLater { state: TerminalState, tell: bool, at: Mono },
    /// Its refusal is being made durable.
    Leaving,
}

impl Flow {
    /// When this state must be looked at again.
    pub(super) fn due(&self) -> Option<Mono> {
        match self {
            Flow::Queued { not_before } if *not_before > Mono::ZERO => Some(*not_before),
            Flow::Direct { until } | Flow::Sent { until, .. } | Flow::SmsOut { until, .. } => Some(*until),
            Flow::EndLater { at, .. } => Some(*at),
            Flow::Swapping(swap) => Some(swap.until),
            Flow::Queued { .. }
            | Flow::Stored
            | Flow::AskingUser { .. }
            | Flow::SmsFailed
            | Flow::Ending
            | Flow::Leaving => None,
        }
    }

    /// Whether an answer of the server is awaited, which a lost session makes moot.
    pub(super) fn waits_for_server(&self) -> bool {
        match self {
            Flow::Sent { .. } | Flow::Swapping(_) => true,
            Flow::Queued { .. }
            | Flow::Direct { .. }
            | Flow::Stored
            | Flow::AskingUser { .. }
            | Flow::SmsOut { .. }
            | Flow::SmsFailed
            | Flow::Ending
            | Flow::EndLater { .. }
            | Flow::Leaving => false,
        }
    }

    /// Whether the text's course is settled and only the store or the carrier must still answer.
    pub(super) fn is_settled(&self) -> bool {
        match self {
            Flow::SmsOut { .. } | Flow::Ending | Flow::EndLater { .. } | Flow::Leaving => true,
            Flow::Queued { .. }
            | Flow::Direct { .. }
            | Flow::Sent { .. }
            | Flow::Stored
            | Flow::AskingUser { .. }
            | Flow::Swapping(_)
            | Flow::SmsFailed => false,
        }
    }
}

/// What is said to the one who asked for `wanted` when the text's end turned out to be `end`.
pub(super) fn swap_reply(wanted: TerminalState, end: TerminalState) -> Result<Reply, Refusal> {
    if wanted == end { Ok(Reply::Done) } else { Err(Refusal::Stale) }
}
