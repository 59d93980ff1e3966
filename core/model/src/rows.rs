//! What a phone keeps: rows that a machine asks to be committed and gets back at boot.
//!
//! The machine decides, the store writes: one [`Vec<Change>`] is one transaction, durable before it is reported committed.

use crate::call::{Bearer, CallEnd, CallId, WhyNotData};
use crate::clock::{ServerMillis, WallMillis};
use crate::ids::{DeviceEpoch, Line, NumberEpoch, RegistrationId, SenderSeq, TextId};
use crate::keys::{ImsiToken, KeyedImsiKey, SealingKeyId};
use crate::mark::{Mark, MarkGeneration};
use crate::matching::{MatchingChange, MatchingRows};
use crate::msisdn::Msisdn;
use crate::text::{TerminalState, TextBody, TextStatus};
use crate::vault::KeyHandle;

/// One write. Order within a transaction is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets the counters that never go back.
    PutMeta(MetaRow),
    /// Inserts or replaces the registration of a line.
    PutRegistration(RegistrationRow),
    /// Removes the registration of a line.
    DropRegistration(Line),
    /// Inserts a text of mine together with the sequence number it took. A text of that id that is already there stays
    /// as it is and is reported as a duplicate.
    InsertOutgoing(OutgoingRow),
    /// Updates the status of a text of mine. Never replaces an end by anything but the same end (`read` may turn true); one
    /// that therefore does not apply, or whose text is not there, is reported as a duplicate.
    SetOutgoingStatus {
        /// Which.
        id: TextId,
        /// Its new status.
        status: TextStatus,
        /// When the server stored it, once known.
        stored_at: Option<ServerMillis>,
    },
    /// Inserts a received text; one with the same sender, device epoch and counter is reported as a duplicate.
    InsertIncoming(IncomingRow),
    /// Marks received texts as read, and remembers that a receipt is owed where `receipt` is true.
    MarkRead {
        /// Sender of the texts.
        from: Msisdn,
        /// Which.
        ids: Vec<TextId>,
        /// Owe the sender a receipt.
        receipt: bool,
    },
    /// The server has the read receipts of these texts.
    ReceiptsSent {
        /// Sender of the texts.
        from: Msisdn,
        /// Which.
        ids: Vec<TextId>,
    },
    /// Inserts or replaces marks seen by a line, and the generation they bring it to.
    PutMarks {
        /// Whose view.
        line: Line,
        /// Generation this line has now seen.
        generation: MarkGeneration,
        /// What changed.
        marks: Vec<Mark>,
    },
    /// Forgets all marks of a line.
    DropMarks(Line),
    /// Replaces what is known of the phone's contacts' numbers.
    PutContacts {
        /// Added numbers.
        added: Vec<Msisdn>,
        /// Removed numbers.
        removed: Vec<Msisdn>,
    },
    /// Changes what is kept for the private matching of contacts.
    Matching(MatchingChange),
    /// Remembers which number of a contact is meant.
    PutPreference(PreferenceRow),
    /// Inserts or replaces the log entry of a conversation.
    PutLog(LogRow),
    /// Sets the user's settings.
    PutSettings(SettingsRow),
}

/// Counters that never go back, and the life of this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaRow {
    /// Made with the database.
    pub device_epoch: DeviceEpoch,
    /// The counter the next text takes.
    pub next_text: u64,
    /// The id the next log entry takes.
    pub next_log: u64,
}

/// What is known of the registration of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRow {
    /// The SIM.
    pub line: Line,
    /// The number being or having been registered.
    pub number: Msisdn,
    /// The device key of this registration.
    pub key: KeyHandle,
    /// The newest sealing key made under it.
    pub sealing_key: SealingKeyId,
    /// Whether the number was typed by the user rather than read from the SIM.
    pub typed: bool,
    /// Token of the IMSI it was registered with: a changed SIM ends it.
    pub imsi: Option<ImsiToken>,
    /// How far it is.
    pub phase: RegistrationPhase,
}

/// How far a registration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationPhase {
    /// The key exists and the server is about to be asked, or was asked without an answer yet: ask again with the same key.
    Asking,
    /// The server was asked and an SMS is on its way.
    Proving {
        /// The attempt.
        id: RegistrationId,
        /// The server forgets the attempt then.
        expires_at: ServerMillis,
        /// Key for the IMSI token.
        imsi_key: KeyedImsiKey,
    },
    /// Registered.
    Registered {
        /// The owner's epoch.
        epoch: NumberEpoch,
        /// Key for the IMSI token.
        imsi_key: KeyedImsiKey,
        /// When.
        since: WallMillis,
    },
    /// It is to end; the server must still hear it.
    Unregistering {
        /// The owner's epoch; absent where a proof was sent and the server's word on it never came.
        epoch: Option<NumberEpoch>,
    },
}

/// A text of mine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRow {
    /// Its id for ever.
    pub id: TextId,
    /// The SIM it is sent as.
    pub line: Line,
    /// To whom.
    pub to: Msisdn,
    /// The owner of the number it is meant for; absent for plain SMS.
    pub to_epoch: Option<NumberEpoch>,
    /// Its place among all texts of this device epoch to that number; absent for plain SMS.
    pub seq: Option<SenderSeq>,
    /// The words.
    pub body: TextBody,
    /// When the user sent it.
    pub written_at: WallMillis,
    /// Where it stands.
    pub status: TextStatus,
    /// When the server stored it.
    pub stored_at: Option<ServerMillis>,
}

/// A text somebody sent me.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingRow {
    /// The SIM it came to.
    pub line: Line,
    /// From whom.
    pub from: Msisdn,
    /// Its id at its sender. An SMS that carries no fold tag has an id of its own kind (device epoch 0).
    pub id: TextId,
    /// Its place among all texts of that device epoch to me; absent for SMS.
    pub seq: Option<SenderSeq>,
    /// Missing texts just before it: a gap that is shown.
    pub gap_before: u64,
    /// The words; absent when the body could not be opened, which is shown as such and never silently dropped.
    pub body: Option<TextBody>,
    /// How it came.
    pub bearer: Bearer,
    /// When the server stored it, or when the SMS came.
    pub sent_at: WallMillis,
    /// When it was received here.
    pub received_at: WallMillis,
    /// Read by the user.
    pub read: bool,
}

/// Which number of a contact is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceRow {
    /// The host's stable id of the contact.
    pub contact: String,
    /// The chosen number.
    pub number: Msisdn,
}

/// One conversation in the call log, across legs (N12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// From [`MetaRow::next_log`].
    pub id: u64,
    /// The data call it belongs to, if it had one.
    pub call: Option<CallId>,
    /// The SIM.
    pub line: Line,
    /// The other side: a number, or what was dialed when it is none (emergency and short numbers).
    pub peer: LogPeer,
    /// Placed here rather than received.
    pub outgoing: bool,
    /// When it began.
    pub started_at: WallMillis,
    /// Its legs in order.
    pub legs: Vec<LogLeg>,
    /// How it ended; absent while it goes on.
    pub end: Option<CallEnd>,
}

/// The other side of a log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPeer {
    /// A subscriber.
    Number(Msisdn),
    /// Dialed digits that never enter the data path.
    Dialed(crate::redact::Secret<String>),
}

/// One leg of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLeg {
    /// What carried it.
    pub bearer: Bearer,
    /// How long both could talk on it, in milliseconds.
    pub talked_ms: u64,
    /// Why it was not, or no longer, data.
    pub why: Option<WhyNotData>,
}

/// The user's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsRow {
    /// What to do when data will not do, instead of asking.
    pub standing_choice: StandingChoice,
    /// Send read receipts.
    pub read_receipts: bool,
}

impl Default for SettingsRow {
    /// What holds until the user says otherwise: ask each time, send receipts.
    fn default() -> Self {
        Self { standing_choice: StandingChoice::Ask, read_receipts: true }
    }
}

/// A standing answer to the carrier-or-quit prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StandingChoice {
    /// Ask each time.
    #[default]
    Ask,
    /// Dial or text through the carrier without asking.
    Carrier,
}

/// Everything a machine gets back at boot. History that nobody waits for stays in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Absent in a new database.
    pub meta: Option<MetaRow>,
    /// By line.
    pub registrations: Vec<RegistrationRow>,
    /// Texts of mine without an end, in the order they were written.
    pub open_texts: Vec<OutgoingRow>,
    /// The last sequence number used for each recipient.
    pub sequences: Vec<(Msisdn, SenderSeq)>,
    /// The highest sequence number received from each sender and device epoch.
    pub received: Vec<(Msisdn, DeviceEpoch, SenderSeq)>,
    /// Read receipts owed: sender and texts.
    pub receipts_owed: Vec<(Msisdn, Vec<TextId>)>,
    /// Marks by line, with the generation each line has seen.
    pub marks: Vec<(Line, MarkGeneration, Vec<Mark>)>,
    /// Numbers of the contacts.
    pub contacts: Vec<Msisdn>,
    /// What is kept for the private matching of contacts.
    pub matching: MatchingRows,
    /// Remembered choices.
    pub preferences: Vec<PreferenceRow>,
    /// Conversations that were going on when the process ended.
    pub open_logs: Vec<LogRow>,
    /// Absent until the user changed something.
    pub settings: Option<SettingsRow>,
}

/// How an end of mine and a late word about it combine: the first end stays.
#[must_use]
pub const fn status_after(now: TextStatus, next: TextStatus) -> TextStatus {
    match (now, next) {
        (TextStatus::Ended { state, read: _ }, TextStatus::Ended { state: same, read: true })
            if matches!((state, same), (TerminalState::Delivered, TerminalState::Delivered)) =>
        {
            TextStatus::Ended { state, read: true }
        }
        (TextStatus::Ended { state, read }, _) => TextStatus::Ended { state, read },
        (
            TextStatus::Pending
            | TextStatus::Stored
            | TextStatus::CarrierSms
            | TextStatus::SmsFailed
            | TextStatus::Refused
            | TextStatus::LeftBehind,
            next,
        ) => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_end_of_a_text_stays() {
        let delivered = TextStatus::Ended { state: TerminalState::Delivered, read: false };
        let expired = TextStatus::Ended { state: TerminalState::Expired, read: false };
        assert_eq!(status_after(TextStatus::Stored, delivered), delivered);
        assert_eq!(status_after(delivered, expired), delivered);
        assert_eq!(status_after(delivered, TextStatus::Stored), delivered);
    }

    #[test]
    fn only_a_delivered_text_becomes_read() {
        let read = TextStatus::Ended { state: TerminalState::Delivered, read: true };
        let delivered = TextStatus::Ended { state: TerminalState::Delivered, read: false };
        let cancelled = TextStatus::Ended { state: TerminalState::Cancelled, read: false };
        assert_eq!(status_after(delivered, read), read);
        assert_eq!(status_after(cancelled, read), cancelled);
    }
}
