//! The names and labels of what the logic counts.

use tandem_logic::{Metric, Unseen};
use tandem_model::{GateVerdict, TerminalState};
use tandem_wire::RefuseReason;
use tandem_wire::frame::GoodbyeReason;

pub(super) type Labels = Option<(&'static str, &'static str)>;

/// A counter's name and its one label, where it has one.
pub(super) const fn name_of(metric: Metric) -> (&'static str, Labels) {
    match metric {
        Metric::SessionOpened => ("tandem_sessions_opened_total", None),
        Metric::SessionWelcomed => ("tandem_sessions_welcomed_total", None),
        Metric::SessionEnded(reason) => ("tandem_sessions_ended_total", Some(("reason", goodbye(reason)))),
        Metric::SessionSilent => ("tandem_sessions_silent_total", None),
        Metric::RegistrationStarted => ("tandem_registrations_started_total", None),
        Metric::RegistrationConfirmed => ("tandem_registrations_confirmed_total", None),
        Metric::RegistrationRefused => ("tandem_registrations_refused_total", None),
        Metric::RegistrationEnded => ("tandem_registrations_ended_total", None),
        Metric::SmsAccepted => ("tandem_sms_total", Some(("outcome", "accepted"))),
        Metric::SmsRefused => ("tandem_sms_total", Some(("outcome", "refused"))),
        Metric::SmsDelivered => ("tandem_sms_total", Some(("outcome", "delivered"))),
        Metric::SmsUndelivered => ("tandem_sms_total", Some(("outcome", "undelivered"))),
        Metric::SmsIncoming => ("tandem_sms_incoming_total", None),
        Metric::GateAnswered(verdict) => ("tandem_gate_answers_total", Some(("verdict", gate(verdict)))),
        Metric::CalleeProbed => ("tandem_gate_probes_total", None),
        Metric::CallStarted => ("tandem_calls_started_total", None),
        Metric::CallAnswered => ("tandem_calls_answered_total", None),
        Metric::CallEnded => ("tandem_calls_ended_total", None),
        Metric::TextStored => ("tandem_texts_stored_total", None),
        Metric::TextDuplicate => ("tandem_texts_duplicate_total", None),
        Metric::TextRefused => ("tandem_texts_refused_total", None),
        Metric::TextEnded(state) => ("tandem_texts_ended_total", Some(("state", end(state)))),
        Metric::Resent => ("tandem_resent_total", None),
        Metric::Refused(reason) => ("tandem_requests_refused_total", Some(("reason", refusal(reason)))),
        Metric::StoreFailed => ("tandem_store_failures_total", None),
        Metric::KeyHolderHere => ("tandem_key_holder_total", Some(("turn", "here"))),
        Metric::KeyHolderAway => ("tandem_key_holder_total", Some(("turn", "away"))),
        Metric::KeyChanged => ("tandem_key_holder_total", Some(("turn", "other_key"))),
        Metric::KeyHolderFailed => ("tandem_key_holder_failures_total", None),
        Metric::PairForged => ("tandem_pairs_forged_total", None),
        Metric::LeaseEnded(Unseen::Detached) => ("tandem_leases_ended_total", Some(("why", "detached"))),
        Metric::LeaseEnded(Unseen::PushGone) => ("tandem_leases_ended_total", Some(("why", "push_gone"))),
        Metric::LateResult => ("tandem_late_results_total", None),
    }
}

const fn goodbye(reason: GoodbyeReason) -> &'static str {
    match reason {
        GoodbyeReason::ShuttingDown => "shutting_down",
        GoodbyeReason::NotRegistered => "not_registered",
        GoodbyeReason::RegisteredElsewhere => "registered_elsewhere",
        GoodbyeReason::Displaced => "displaced",
        GoodbyeReason::Version => "version",
        GoodbyeReason::Protocol => "protocol",
        GoodbyeReason::Busy => "busy",
        GoodbyeReason::TooSlow => "too_slow",
    }
}

const fn gate(verdict: GateVerdict) -> &'static str {
    match verdict {
        GateVerdict::Ok => "ok",
        GateVerdict::OkLowRate => "ok_low_rate",
        GateVerdict::UseCarrier => "use_carrier",
        GateVerdict::Later => "later",
        GateVerdict::NotAvailable => "not_available",
    }
}

const fn end(state: TerminalState) -> &'static str {
    match state {
        TerminalState::Delivered => "delivered",
        TerminalState::Expired => "expired",
        TerminalState::Cancelled => "cancelled",
        TerminalState::HandedToSms => "handed_to_sms",
        TerminalState::RecipientChanged => "recipient_changed",
    }
}

const fn refusal(reason: RefuseReason) -> &'static str {
    match reason {
        RefuseReason::Budget => "budget",
        RefuseReason::Storage => "storage",
        RefuseReason::NotAvailable => "not_available",
        RefuseReason::RecipientChanged => "recipient_changed",
        RefuseReason::MailboxFull => "mailbox_full",
        RefuseReason::Invalid => "invalid",
        RefuseReason::NoSuchCall => "no_such_call",
        RefuseReason::ShuttingDown => "shutting_down",
        RefuseReason::BadSignature => "bad_signature",
    }
}

/// One of each kind, for the test that every series is documented.
#[cfg(test)]
pub(super) const ALL: &[Metric] = &[
    Metric::SessionOpened,
    Metric::SessionWelcomed,
    Metric::SessionEnded(GoodbyeReason::Busy),
    Metric::SessionSilent,
    Metric::RegistrationStarted,
    Metric::RegistrationConfirmed,
    Metric::RegistrationRefused,
    Metric::RegistrationEnded,
    Metric::SmsAccepted,
    Metric::SmsRefused,
    Metric::SmsDelivered,
    Metric::SmsUndelivered,
    Metric::SmsIncoming,
    Metric::GateAnswered(GateVerdict::Ok),
    Metric::CalleeProbed,
    Metric::CallStarted,
    Metric::CallAnswered,
    Metric::CallEnded,
    Metric::TextStored,
    Metric::TextDuplicate,
    Metric::TextRefused,
    Metric::TextEnded(TerminalState::Expired),
    Metric::Resent,
    Metric::Refused(RefuseReason::Budget),
    Metric::StoreFailed,
    Metric::KeyHolderHere,
    Metric::KeyHolderFailed,
    Metric::PairForged,
    Metric::LeaseEnded(Unseen::Detached),
    Metric::LateResult,
];
