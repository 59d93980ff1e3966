//! Texts: writing, taking back, reading.

use crate::calls::{Mode, Target};
use crate::core::{Core, Outcome};
use crate::errors::TandemError;
use tandem_engine::{Command, view};
use tandem_model::{Bearer, DeviceEpoch, Line, Msisdn, Secret, TerminalState, TextBody, TextStatus, WallMillis};

#[uniffi::export]
impl Core {
    /// Writes a text of 1 to 64 KiB of UTF-8. `Outcome::Text` is durable on this phone and goes its way by itself, whatever
    /// loses power; `Outcome::Asking` asks the user first, and nothing was sent; `Outcome::Done` was handed to the carrier as an SMS that
    /// is kept nowhere: to what is no subscriber's number, or from a phone that cannot store. Throws `BadNumber`, `BadBody`, `CarrierOnly`,
    /// `NoSuchLine`, `StoreFailed`.
    pub async fn send_text(
        &self,
        target: Target,
        line: Option<Line>,
        body: String,
        mode: Mode,
    ) -> Result<Outcome, TandemError> {
        self.outcome(Command::SendText { target: target.into(), line, body: Secret::new(body), mode }).await
    }

    /// Turns a text that waits for its recipient into an SMS. Throws `Stale` when it has its end, `NotRegistered`, `Offline`.
    pub async fn text_to_sms(&self, id: TextId) -> Result<Outcome, TandemError> {
        self.outcome(Command::TextToSms { id: id.into() }).await
    }

    /// Takes back a text that waits for its recipient. Throws `Stale` when it has its end, `NotRegistered`, `Offline`.
    pub async fn cancel_text(&self, id: TextId) -> Result<(), TandemError> {
        self.done(Command::CancelText { id: id.into() }).await
    }

    /// The user has read these texts of a sender. Throws `BadNumber` for what is no sender's number, `StoreFailed`.
    pub async fn mark_read(&self, sender: Msisdn, ids: Vec<TextId>) -> Result<(), TandemError> {
        self.done(Command::MarkRead { from: sender, ids: ids.into_iter().map(Into::into).collect() }).await
    }
}

/// Names a text for ever: unique with its sender's number.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct TextId {
    /// The database that made it.
    pub device_epoch: u64,
    /// From 1, never reused within the device epoch.
    pub counter: u64,
}

impl From<tandem_model::TextId> for TextId {
    fn from(id: tandem_model::TextId) -> TextId {
        TextId { device_epoch: id.device_epoch.0, counter: id.counter }
    }
}

impl From<TextId> for tandem_model::TextId {
    fn from(id: TextId) -> tandem_model::TextId {
        tandem_model::TextId { device_epoch: DeviceEpoch(id.device_epoch), counter: id.counter }
    }
}

/// A text of mine, as shown.
#[derive(Clone, uniffi::Record)]
pub struct TextView {
    /// Which.
    pub id: TextId,
    /// To whom.
    pub to: Msisdn,
    /// Where it stands.
    pub status: TextStatus,
}

/// Where a text of mine stands.
#[uniffi::remote(Enum)]
pub enum TextStatus {
    /// Durable on this phone, not yet acknowledged by the server.
    Pending,
    /// Durable on the server: "sent".
    Stored,
    /// It ended.
    Ended {
        /// How.
        state: TerminalState,
        /// Shown to have been read, which only a delivered text can be.
        read: bool,
    },
    /// Sent as plain SMS through the carrier, never stored at the server.
    CarrierSms,
    /// The carrier refused the SMS; the user may try again.
    SmsFailed,
    /// Refused by the server for good before it was ever stored, or given up because its registration was over.
    Refused,
    /// Stored at the server under a registration that is over; its end cannot be learned here.
    LeftBehind,
}

/// Where a text of mine stands, for the user, in English: words to translate from.
#[uniffi::export]
pub fn text_status_text(status: TextStatus) -> String {
    tandem_engine::status_text(status).to_owned()
}

/// The one end of an accepted text. Exactly one reaches the sender.
#[uniffi::remote(Enum)]
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

/// A text for me, as shown.
#[derive(Clone, uniffi::Record)]
pub struct ArrivedText {
    /// To which SIM.
    pub line: Line,
    /// From whom.
    pub sender: Msisdn,
    /// Its id at the sender.
    pub id: TextId,
    /// The words; absent when they could not be opened, which is to be shown as such.
    pub body: Option<TextBody>,
    /// Missing texts just before it.
    pub gap_before: u64,
    /// How it came.
    pub bearer: Bearer,
    /// When it was sent, as far as is known.
    pub sent_at: WallMillis,
}

impl From<view::TextView> for TextView {
    fn from(from: view::TextView) -> TextView {
        TextView { id: from.id.into(), to: from.to, status: from.status }
    }
}

impl From<view::ArrivedText> for ArrivedText {
    fn from(from: view::ArrivedText) -> ArrivedText {
        ArrivedText {
            line: from.line,
            sender: from.from,
            id: from.id.into(),
            body: from.body,
            gap_before: from.gap_before,
            bearer: from.bearer,
            sent_at: from.sent_at,
        }
    }
}
