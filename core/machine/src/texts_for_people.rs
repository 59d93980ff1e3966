//! What people read: one short sentence for each state, failure and reason, saying whose side it is on and what to do.
//!
//! English, as the key an integrator translates from. No number, name or word of a person is ever in it.

use crate::view::{Choice, Notice, PromptAbout, RegistrationFailure, RegistrationState};
use tandem_model::{CallEnd, WhyNotData};

impl RegistrationState {
    /// For the user.
    #[must_use]
    pub fn user_text(self) -> String {
        match self {
            RegistrationState::Unregistered => "This SIM is not registered.".into(),
            RegistrationState::NumberNeeded => "This SIM does not tell its number. Please type it.".into(),
            RegistrationState::Asking => "Asking for the SMS…".into(),
            RegistrationState::AwaitingSms { .. } => "Waiting for the SMS.".into(),
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
            RegistrationFailure::TooMany { wait_ms } => {
                format!("Too many attempts. Please wait {}.", wait_text(wait_ms))
            }
            RegistrationFailure::SmsUnavailable => {
                "The SMS cannot be sent to this number now. Please check the number or try later.".into()
            }
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
            Notice::Resync => "Please look again: something may have been missed.",
            Notice::Stopped => "Calls and texts over data stopped. The carrier still works.",
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
    fn every_reason_says_whose_side_it_is_on() {
        assert!(why_text(WhyNotData::OwnTooSlow).starts_with("Your"));
        assert!(why_text(WhyNotData::PeerTooSlow).starts_with("Their"));
        let doubled =
            PromptAbout::Text { to: crate::bench::toy_number(1), why: WhyNotData::OwnOffline, may_double: true };
        assert!(doubled.user_text().contains("twice"));
    }
}
