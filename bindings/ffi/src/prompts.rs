//! Questions to the user, as data.

use crate::core::{Core, Outcome};
use crate::errors::TandemError;
use tandem_engine::{Command, view};
use tandem_model::{CallId, Msisdn, PromptId, Side, WhyNotData};

#[uniffi::export]
impl Core {
    /// Answers a prompt with one of its choices. One that is gone, or was answered before, is `Stale`; a choice that is none
    /// of its choices, `NoSuchChoice`.
    pub async fn answer(&self, prompt: PromptId, choice: Choice) -> Result<Outcome, TandemError> {
        self.outcome(Command::Answer { prompt, choice: choice.into() }).await
    }
}

/// A question to the user.
#[derive(Clone, uniffi::Record)]
pub struct Prompt {
    /// To answer it by.
    pub id: PromptId,
    /// What it is about.
    pub about: PromptAbout,
    /// What can be answered; never empty, and one of them always ends it without data.
    pub choices: Vec<Choice>,
    /// The question for the user, in English: a sentence to translate from.
    pub text: String,
}

/// What a prompt is about.
#[derive(Clone, uniffi::Enum)]
pub enum PromptAbout {
    /// A call cannot travel over data: carrier call, or quit.
    Call {
        /// The attempt; later views of the same conversation carry it.
        call: CallId,
        /// Whom it is to.
        to: Msisdn,
        /// Why.
        why: WhyNotData,
        /// On which side.
        side: Side,
    },
    /// A text cannot travel over data: carrier SMS, or quit (or wait, where the peer was just not seen lately).
    Text {
        /// Whom it is to.
        to: Msisdn,
        /// Why.
        why: WhyNotData,
        /// On which side.
        side: Side,
        /// It may arrive twice, because the server cannot be asked.
        may_double: bool,
    },
    /// Several numbers of a contact are marked: which one is meant?
    WhichNumber {
        /// The host's id of the contact.
        contact: String,
    },
}

/// An answer to a prompt.
#[derive(Clone, uniffi::Enum)]
pub enum Choice {
    /// Through the carrier: a call or an SMS.
    Carrier,
    /// Not at all.
    Quit,
    /// Over data all the same: let the text wait for its recipient.
    Wait,
    /// This number of the contact.
    Number {
        /// Which.
        number: Msisdn,
    },
}

/// Why a call or a text cannot travel over data now.
#[uniffi::remote(Enum)]
pub enum WhyNotData {
    /// This phone has no connection to the server.
    OwnOffline,
    /// This phone's rate is below threshold 1.
    OwnTooSlow,
    /// This phone's measurement did not end in time.
    OwnUnmeasured,
    /// The peer's rate is below threshold 2.
    PeerTooSlow,
    /// The peer is not connected.
    PeerOffline,
    /// The peer's lease has run out: not seen lately.
    PeerNotSeenLately,
    /// The number is not registered, or does not show itself to us.
    PeerNotAvailable,
    /// The server did not answer in time.
    NoAnswerInTime,
    /// The media path could not be set up, or broke.
    MediaFailed,
    /// The phone is not registered.
    NotRegistered,
    /// The device's storage cannot keep what must be kept.
    StoreFailed,
}

/// Whose side a reason speaks of.
#[uniffi::remote(Enum)]
pub enum Side {
    /// This phone.
    Own,
    /// The other phone.
    Peer,
    /// Between us: the server or the media path.
    Path,
}

/// Why something did not travel over data, for the user, in English: a sentence to translate from.
#[uniffi::export]
pub fn why_text(why: WhyNotData) -> String {
    tandem_engine::why_text(why).to_owned()
}

/// What a choice is called on its button, in English: words to translate from. A number is the app's to show. Throws
/// `BadNumber` for a choice that holds none.
#[uniffi::export]
pub fn choice_text(choice: Choice) -> Result<String, TandemError> {
    Ok(view::Choice::from(choice).user_text().to_owned())
}

impl From<view::Prompt> for Prompt {
    fn from(from: view::Prompt) -> Prompt {
        let text = from.about.user_text();
        Prompt {
            id: from.id,
            about: from.about.into(),
            choices: from.choices.into_iter().map(Choice::from).collect(),
            text,
        }
    }
}

impl From<view::PromptAbout> for PromptAbout {
    fn from(from: view::PromptAbout) -> PromptAbout {
        match from {
            view::PromptAbout::Call { call, to, why } => PromptAbout::Call { call, to, why, side: why.side() },
            view::PromptAbout::Text { to, why, may_double } => {
                PromptAbout::Text { to, why, side: why.side(), may_double }
            }
            view::PromptAbout::WhichNumber { contact } => PromptAbout::WhichNumber { contact },
        }
    }
}

impl From<view::Choice> for Choice {
    fn from(from: view::Choice) -> Choice {
        match from {
            view::Choice::Carrier => Choice::Carrier,
            view::Choice::Quit => Choice::Quit,
            view::Choice::Wait => Choice::Wait,
            view::Choice::Number(number) => Choice::Number { number },
        }
    }
}

impl From<Choice> for view::Choice {
    fn from(from: Choice) -> view::Choice {
        match from {
            Choice::Carrier => view::Choice::Carrier,
            Choice::Quit => view::Choice::Quit,
            Choice::Wait => view::Choice::Wait,
            Choice::Number { number } => view::Choice::Number(number),
        }
    }
}
