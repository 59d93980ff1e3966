//! The words for what the core shows: one for each state, reason, end and mark.

use tandem_machine::end_text;
use tandem_machine::view::{
    Budget, CallState, Choice, MarkShown, Notice, RegistrationFailure, RegistrationState, Resend, ResendRefusal,
};
use tandem_model::{Bearer, CallEnd, TerminalState, TextStatus};

/// The word of a choice; numbers are all called `number`.
pub(crate) fn choice_word(choice: Choice) -> &'static str {
    match choice {
        Choice::Carrier => "carrier",
        Choice::Quit => "quit",
        Choice::Wait => "wait",
        Choice::Number(_) => "number",
    }
}

/// How far a registration is, and why it failed.
pub(crate) fn registration(state: RegistrationState) -> (&'static str, Option<String>) {
    match state {
        RegistrationState::Unregistered => ("unregistered", None),
        RegistrationState::NumberNeeded => ("number-needed", None),
        RegistrationState::Asking => ("asking", None),
        RegistrationState::AwaitingSms { .. } => ("awaiting-sms", None),
        RegistrationState::AwaitingUserConfirm => ("awaiting-user-confirm", None),
        RegistrationState::Confirming => ("confirming", None),
        RegistrationState::Registered => ("registered", None),
        RegistrationState::Unregistering => ("unregistering", None),
        RegistrationState::Failed(why) => ("failed", Some(failure(why))),
    }
}

/// Why a registration failed.
pub(crate) fn failure(why: RegistrationFailure) -> String {
    match why {
        RegistrationFailure::WrongCode { .. } => "wrong-code".to_owned(),
        RegistrationFailure::TooMany { of, .. } => match of {
            Budget::Number => "too-many".to_owned(),
            Budget::Prefix => "too-many-of-prefix".to_owned(),
            Budget::Source => "too-many-of-source".to_owned(),
        },
        RegistrationFailure::NoSim
        | RegistrationFailure::BadNumber
        | RegistrationFailure::Offline
        | RegistrationFailure::SmsNeverCame
        | RegistrationFailure::SmsToOtherSim
        | RegistrationFailure::TriesUsedUp
        | RegistrationFailure::Expired
        | RegistrationFailure::SmsUnavailable
        | RegistrationFailure::NumberUnreachable
        | RegistrationFailure::NotServed
        | RegistrationFailure::RegisteredElsewhere
        | RegistrationFailure::SimChanged
        | RegistrationFailure::KeyLost
        | RegistrationFailure::StoreFailed
        | RegistrationFailure::Refused => kebab(&format!("{why:?}")),
    }
}

/// Whether another SMS is being asked for, or why none came.
pub(crate) fn resend(resend: Resend) -> Option<String> {
    match (resend.asking, resend.refused) {
        (true, _) => Some("asking".to_owned()),
        (false, None) => None,
        (false, Some(ResendRefusal::TooMany { of })) => Some(failure(RegistrationFailure::TooMany { wait_ms: 0, of })),
        (
            false,
            Some(
                why @ (ResendRefusal::SmsUnavailable
                | ResendRefusal::NumberUnreachable
                | ResendRefusal::NotServed
                | ResendRefusal::Offline
                | ResendRefusal::Refused),
            ),
        ) => Some(kebab(&format!("{why:?}"))),
    }
}

/// What a mark shows.
pub(crate) fn shown(mark: MarkShown) -> &'static str {
    match mark {
        MarkShown::Marked => "marked",
        MarkShown::NotSeenLately => "not-seen-lately",
        MarkShown::Unmarked => "none",
    }
}

/// What carries it.
pub(crate) fn bearer(bearer: Bearer) -> &'static str {
    match bearer {
        Bearer::Data => "data",
        Bearer::Carrier => "carrier",
    }
}

/// What a call does, and how it ended.
pub(crate) fn call_state(state: CallState) -> (&'static str, Option<String>) {
    match state {
        CallState::Checking => ("checking", None),
        CallState::Asking => ("asking", None),
        CallState::Calling => ("calling", None),
        CallState::Ringing => ("ringing", None),
        CallState::Connecting => ("connecting", None),
        CallState::Active => ("active", None),
        CallState::Reconnecting => ("reconnecting", None),
        CallState::Carrier => ("carrier", None),
        CallState::Ended(end) => ("ended", Some(end_word(end))),
    }
}

/// What the user is told of a call that is over.
pub(crate) fn end_says(state: CallState) -> Option<&'static str> {
    match state {
        CallState::Ended(end) => Some(end_text(end)),
        CallState::Checking
        | CallState::Asking
        | CallState::Calling
        | CallState::Ringing
        | CallState::Connecting
        | CallState::Active
        | CallState::Reconnecting
        | CallState::Carrier => None,
    }
}

/// How a call ended.
pub(crate) fn end_word(end: CallEnd) -> String {
    kebab(&format!("{end:?}"))
}

/// Where a text stands, and whether it was read.
pub(crate) fn text_status(status: TextStatus) -> (&'static str, Option<bool>) {
    match status {
        TextStatus::Pending => ("pending", None),
        TextStatus::Stored => ("stored", None),
        TextStatus::Ended { state, read } => (terminal(state), Some(read)),
        TextStatus::CarrierSms => ("carrier-sms", None),
        TextStatus::SmsFailed => ("sms-failed", None),
        TextStatus::Refused => ("refused", None),
        TextStatus::LeftBehind => ("left-behind", None),
    }
}

/// The word of a text's status.
pub(crate) fn status_word(status: TextStatus) -> &'static str {
    text_status(status).0
}

/// How a text ended.
pub(crate) fn terminal(state: TerminalState) -> &'static str {
    match state {
        TerminalState::Delivered => "delivered",
        TerminalState::Expired => "expired",
        TerminalState::Cancelled => "cancelled",
        TerminalState::HandedToSms => "handed-to-sms",
        TerminalState::RecipientChanged => "recipient-changed",
    }
}

/// What the user must know.
pub(crate) fn notice_word(notice: Notice) -> &'static str {
    match notice {
        Notice::StoreRecovered => "store-recovered",
        Notice::StorageFull => "storage-full",
        Notice::MarkKeyChanged => "mark-key-changed",
        Notice::StoreUnavailable => "store-unavailable",
        Notice::Resync => "resync",
        Notice::Stopped { .. } => "stopped",
    }
}

/// `PeerTooSlow` becomes `peer-too-slow`.
pub(crate) fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
