//! What people read: one short sentence for each state, failure and reason, saying whose side it is on and what to do.
//!
//! English, as the key an integrator translates from. No number, name or word of a person is ever in it.

use crate::view::{
    Budget, CallState, Choice, Notice, PromptAbout, RegistrationFailure, RegistrationState, ResendRefusal,
};
use tandem_model::{CallEnd, TerminalState, TextStatus, WhyNotData};

impl RegistrationState {
    /// For the user.
    #[must_use]
    pub fn user_text(self) -> String {
        match self {
            RegistrationState::Unregistered => "This SIM is not registered.".into(),
            RegistrationState::NumberNeeded => "This SIM does not tell its number. Please type it.".into(),
            RegistrationState::Asking => "Asking for the SMS…".into(),
            RegistrationState::AwaitingSms { came_to_other_sim: false, .. } => "Waiting for the SMS.".into(),
            RegistrationState::AwaitingSms { came_to_other_sim: true, .. } => {
                RegistrationFailure::SmsToOtherSim.user_text()
            }
            RegistrationState::AwaitingUserConfirm => "The SMS came. Please confirm that this is your number.".into(),
            RegistrationState::Confirming => "Confirming your number…".into(),
            RegistrationState::Registered => "Registered. Your contacts can reach you over data.".into(),
            RegistrationState::Unregistering => "Unregistering…".into(),
            RegistrationState::Failed(why) => why.user_text(),
        }
    }
}

impl RegistrationFailure {
    /// For the user: what happened, and what to do.
    #[must_use]
    pub fn user_text(self) -> String {
        match self {
            RegistrationFailure::NoSim => "There is no SIM in this slot.".into(),
            RegistrationFailure::BadNumber => "This is not a phone number. Please check what you typed.".into(),
            RegistrationFailure::Offline => {
                "The server cannot be reached. Please try again when you are online.".into()
            }
            RegistrationFailure::SmsNeverCame => "No SMS came. Please check the number and try again.".into(),
            RegistrationFailure::SmsToOtherSim => {
                "The SMS came to your other SIM. Please register that one, or type this SIM's number.".into()
            }
            RegistrationFailure::WrongCode { tries_left: 1 } => "This code is wrong. One try is left.".into(),
            RegistrationFailure::WrongCode { tries_left } => {
                format!("This code is wrong. {tries_left} tries are left.")
            }
            RegistrationFailure::TriesUsedUp => "Too many wrong codes. Please start again.".into(),
            RegistrationFailure::Expired => "This registration is over. Please register again.".into(),
            RegistrationFailure::TooMany { wait_ms, of: Budget::Number } => {
                format!("Too many SMS were asked for with this number. Please try again in {}.", wait_text(wait_ms))
            }
            // Whose attempts filled these is nobody's to know.
            RegistrationFailure::TooMany { wait_ms, of: Budget::Prefix | Budget::Source } => {
                format!("The service is busy. Please try again in {}.", wait_text(wait_ms))
            }
            RegistrationFailure::SmsUnavailable => "The SMS cannot be sent now. Please try again later.".into(),
            RegistrationFailure::NumberUnreachable => "This number cannot receive SMS. Please check the number.".into(),
            RegistrationFailure::NotServed => "Your operator does not offer this for your number.".into(),
            RegistrationFailure::RegisteredElsewhere => {
                "This number was registered on another phone. If that was not you, register it here again.".into()
            }
            RegistrationFailure::SimChanged => "The SIM was taken out or changed, so its registration ended.".into(),
            RegistrationFailure::KeyLost => "This phone lost its key. Please register again.".into(),
            RegistrationFailure::StoreFailed => {
                "This phone cannot save now. Please free some space, unlock it, and try again.".into()
            }
            RegistrationFailure::Refused => {
                "The server did not accept the request. Please update and try again.".into()
            }
        }
    }
}

impl ResendRefusal {
    /// For the user: why no other SMS comes. When to ask again is the app's to show ([`crate::view::Resend::from`]).
    #[must_use]
    pub fn user_text(self) -> &'static str {
        match self {
            ResendRefusal::TooMany { of: Budget::Number } => {
                "No other SMS yet: too many were asked for with this number."
            }
            // Whose attempts filled these is nobody's to know.
            ResendRefusal::TooMany { of: Budget::Prefix | Budget::Source } => "No other SMS yet: the service is busy.",
            ResendRefusal::SmsUnavailable => "No other SMS can be sent now. Please try again later.",
            ResendRefusal::NumberUnreachable => "This number cannot receive SMS. Please check the number.",
            ResendRefusal::NotServed => "Your operator does not offer this for your number.",
            ResendRefusal::Offline => "The server cannot be reached. Please try again when you are online.",
            ResendRefusal::Refused => "The server did not accept the request. Please update and try again.",
        }
    }
}

impl CallState {
    /// For the user.
    #[must_use]
    pub fn user_text(self) -> &'static str {
        match self {
            CallState::Checking => "Checking the connection…",
            CallState::Asking => "Waiting for your choice.",
            CallState::Calling => "Calling…",
            CallState::Ringing => "Ringing…",
            CallState::Connecting => "Connecting…",
            CallState::Active => "Connected.",
            CallState::Reconnecting => "Reconnecting…",
            CallState::Carrier => "Call through the carrier.",
            CallState::Ended(end) => end_text(end),
        }
    }
}

/// Where a text of mine stands, for the user.
#[must_use]
pub fn status_text(status: TextStatus) -> &'static str {
    match status {
        TextStatus::Pending => "Sending…",
        TextStatus::Stored => "Sent.",
        TextStatus::Ended { state: TerminalState::Delivered, read: false } => "Delivered.",
        TextStatus::Ended { state: TerminalState::Delivered, read: true } => "Read.",
        TextStatus::Ended { state: TerminalState::Expired, .. } => "Not delivered: it waited too long.",
        TextStatus::Ended { state: TerminalState::Cancelled, .. } => "Taken back.",
        TextStatus::Ended { state: TerminalState::HandedToSms, .. } | TextStatus::CarrierSms => "Sent as SMS.",
        TextStatus::Ended { state: TerminalState::RecipientChanged, .. } => {
            "Not delivered: this number belongs to somebody else now."
        }
        TextStatus::SmsFailed => "The SMS was not sent. Please try again.",
        TextStatus::Refused => "Not sent.",
        TextStatus::LeftBehind => "Sent before this number was registered anew; what became of it is not known.",
    }
}

impl PromptAbout {
    /// For the user: why they are asked.
    #[must_use]
    pub fn user_text(&self) -> String {
        match self {
            PromptAbout::Call { why, .. } => format!("{} Call through the carrier?", why_text(*why)),
            PromptAbout::Text { why, may_double, .. } => {
                let doubt = if *may_double { " It may arrive twice." } else { "" };
                format!("{} Send it as SMS?{doubt}", why_text(*why))
            }
            PromptAbout::WhichNumber { .. } => "Which number do you mean?".into(),
        }
    }
}

impl Choice {
    /// For a button. A number is the app's to show.
    #[must_use]
    pub fn user_text(self) -> &'static str {
        match self {
            Choice::Carrier => "Carrier",
            Choice::Quit => "Quit",
            Choice::Wait => "Wait",
            Choice::Number(_) => "This number",
        }
    }
}

impl Notice {
    /// For the user.
    #[must_use]
    pub fn user_text(self) -> &'static str {
        match self {
            Notice::StoreRecovered => "The message history could not be read and was set aside. Calls and texts go on.",
            Notice::StorageFull => "This phone cannot save texts now. Please free some space.",
            Notice::StoreUnavailable => "This phone cannot save or show texts now. Calls go on.",
            Notice::Resync => "Please look again: something may have been missed.",
            Notice::MarkKeyChanged => {
                "The server's key for finding contacts is not the one it was. Contacts are not looked for with it."
            }
            Notice::Stopped { .. } => "Calls and texts over data stopped. The carrier still works.",
        }
    }
}

/// Why it cannot go over data: the side first, then the reason.
#[must_use]
pub fn why_text(why: WhyNotData) -> &'static str {
    match why {
        WhyNotData::OwnOffline => "Your phone is not connected.",
        WhyNotData::OwnTooSlow => "Your connection is too slow.",
        WhyNotData::OwnUnmeasured => "Your connection could not be measured in time.",
        WhyNotData::PeerTooSlow => "Their connection is too slow.",
        WhyNotData::PeerOffline => "Their phone is not connected.",
        WhyNotData::PeerNotSeenLately => "Their phone was not seen lately.",
        WhyNotData::PeerNotAvailable => "This number cannot be reached over data.",
        WhyNotData::NoAnswerInTime => "The server did not answer in time.",
        WhyNotData::MediaFailed => "The connection between you failed.",
        WhyNotData::NotRegistered => "Your number is not registered.",
        WhyNotData::StoreFailed => "Your phone cannot save now.",
    }
}

/// How a call ended.
#[must_use]
pub fn end_text(end: CallEnd) -> &'static str {
    match end {
        CallEnd::HungUp => "You hung up.",
        CallEnd::PeerHungUp => "They hung up.",
        CallEnd::Cancelled => "The call was cancelled.",
        CallEnd::Refused => "The call was declined.",
        CallEnd::Busy => "They are in another call.",
        CallEnd::NoAnswer => "Nobody answered.",
        CallEnd::Missed => "Missed call.",
        CallEnd::Superseded => "Both of you called; the other call went on.",
        CallEnd::Quit => "You chose not to call.",
        CallEnd::Carrier => "The call went through the carrier.",
        CallEnd::MediaLost => "The connection broke.",
        CallEnd::PeerLost => "Their phone could not be reached any more.",
        CallEnd::Rejected => "The call could not be placed over data.",
        CallEnd::CarrierFailed => "The carrier could not place the call.",
    }
}

fn wait_text(wait_ms: u32) -> String {
    let minutes = wait_ms.div_ceil(60_000);
    match minutes {
        0 | 1 => "a minute".into(),
        2..120 => format!("{minutes} minutes"),
        _ => format!("{} hours", minutes.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_minutes_or_hours_and_never_shorter_than_it_is() {
        assert_eq!(wait_text(0), "a minute");
        assert_eq!(wait_text(60_000), "a minute");
        assert_eq!(wait_text(60_001), "2 minutes");
        assert_eq!(wait_text(7_200_000), "2 hours");
        assert_eq!(wait_text(7_200_001), "3 hours");
    }

    #[test]
    fn each_failure_of_a_registration_has_a_sentence_of_its_own() {
        use RegistrationFailure as Why;
        let wait_ms = 90_000;
        let said = [
            (Why::NoSim, "There is no SIM in this slot."),
            (Why::BadNumber, "This is not a phone number. Please check what you typed."),
            (Why::Offline, "The server cannot be reached. Please try again when you are online."),
            (Why::SmsNeverCame, "No SMS came. Please check the number and try again."),
            (
                Why::SmsToOtherSim,
                "The SMS came to your other SIM. Please register that one, or type this SIM's number.",
            ),
            (Why::WrongCode { tries_left: 1 }, "This code is wrong. One try is left."),
            (Why::WrongCode { tries_left: 4 }, "This code is wrong. 4 tries are left."),
            (Why::TriesUsedUp, "Too many wrong codes. Please start again."),
            (Why::Expired, "This registration is over. Please register again."),
            (
                Why::TooMany { wait_ms, of: Budget::Number },
                "Too many SMS were asked for with this number. Please try again in 2 minutes.",
            ),
            (Why::TooMany { wait_ms, of: Budget::Source }, "The service is busy. Please try again in 2 minutes."),
            (Why::SmsUnavailable, "The SMS cannot be sent now. Please try again later."),
            (Why::NumberUnreachable, "This number cannot receive SMS. Please check the number."),
            (Why::NotServed, "Your operator does not offer this for your number."),
            (
                Why::RegisteredElsewhere,
                "This number was registered on another phone. If that was not you, register it here again.",
            ),
            (Why::SimChanged, "The SIM was taken out or changed, so its registration ended."),
            (Why::KeyLost, "This phone lost its key. Please register again."),
            (Why::StoreFailed, "This phone cannot save now. Please free some space, unlock it, and try again."),
            (Why::Refused, "The server did not accept the request. Please update and try again."),
        ];
        for (why, sentence) in said {
            assert_eq!(why.user_text(), sentence);
            assert_eq!(RegistrationState::Failed(why).user_text(), sentence);
        }
        let sentences: std::collections::BTreeSet<&str> = said.iter().map(|(_, sentence)| *sentence).collect();
        assert_eq!(sentences.len(), said.len());
    }

    #[test]
    fn why_no_other_sms_comes_is_a_sentence_and_neither_tells_whose_budget_nor_that_it_is_all_over() {
        let said = |of| ResendRefusal::TooMany { of }.user_text();
        assert_eq!(said(Budget::Prefix), said(Budget::Source));
        for why in [
            ResendRefusal::TooMany { of: Budget::Number },
            ResendRefusal::TooMany { of: Budget::Source },
            ResendRefusal::SmsUnavailable,
            ResendRefusal::NumberUnreachable,
            ResendRefusal::NotServed,
            ResendRefusal::Offline,
            ResendRefusal::Refused,
        ] {
            assert!(why.user_text().ends_with('.') && !why.user_text().contains("start again"), "{why:?}");
        }
    }

    #[test]
    fn whether_the_prefix_or_the_source_is_over_its_budget_is_not_told() {
        let said = |of| RegistrationFailure::TooMany { wait_ms: 60_000, of }.user_text();
        assert_eq!(said(Budget::Prefix), said(Budget::Source));
    }

    #[test]
    fn who_waits_is_told_of_an_sms_at_the_other_sim_and_else_only_that_it_is_waited_for() {
        let expires_at = tandem_model::WallMillis(2);
        let waiting = |came_to_other_sim| RegistrationState::AwaitingSms { expires_at, came_to_other_sim };
        assert_eq!(waiting(false).user_text(), "Waiting for the SMS.");
        assert_eq!(waiting(true).user_text(), RegistrationFailure::SmsToOtherSim.user_text());
    }

    #[test]
    fn every_reason_says_whose_side_it_is_on() {
        assert!(why_text(WhyNotData::OwnTooSlow).starts_with("Your"));
        assert!(why_text(WhyNotData::PeerTooSlow).starts_with("Their"));
        let doubled =
            PromptAbout::Text { to: crate::bench::toy_number(1), why: WhyNotData::OwnOffline, may_double: true };
        assert!(doubled.user_text().contains("twice"));
    }
}
