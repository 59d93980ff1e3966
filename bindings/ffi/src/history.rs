//! What the phone keeps: threads and the call log, page by page.

use crate::core::Core;
use crate::errors::TandemError;
use crate::texts::{ArrivedText, TextId};
use tandem_engine::{ThreadItem as Item, ThreadText};
use tandem_model::rows::{IncomingRow, LogLeg as Leg, LogPeer as Peer, LogRow, OutgoingRow};
use tandem_model::{Bearer, CallEnd, CallId, Line, Msisdn, TextBody, TextStatus, WallMillis, WhyNotData};

#[uniffi::export]
impl Core {
    /// Everybody there are texts with, contact or not, whoever had the newest first: those whose newest stands before a position
    /// (absent: all), at most 500. What an app shows first, and where it finds texts that came before it listened. Throws
    /// `HistoryUnavailable`.
    pub async fn conversations(&self, before: Option<u64>, limit: u32) -> Result<Vec<Conversation>, TandemError> {
        let page = self.engine.conversations(before, limit as usize).await?;
        Ok(page.into_iter().map(Conversation::from).collect())
    }

    /// The newest texts with a peer before a position (absent: of all), newest first, at most 500. Throws
    /// `HistoryUnavailable`, `BadNumber`.
    pub async fn thread(&self, peer: Msisdn, before: Option<u64>, limit: u32) -> Result<Vec<ThreadItem>, TandemError> {
        let items = self.engine.thread(peer, before, limit as usize).await?;
        Ok(items.into_iter().map(ThreadItem::from).collect())
    }

    /// Texts of mine that still wait for something, oldest first. Throws `HistoryUnavailable`.
    pub async fn open_texts(&self) -> Result<Vec<WrittenText>, TandemError> {
        let rows = self.engine.texts_open().await?;
        Ok(rows.into_iter().map(WrittenText::from).collect())
    }

    /// The newest entries of the call log before an id (absent: of all), newest first, at most 500. Throws
    /// `HistoryUnavailable`.
    pub async fn call_log(&self, before: Option<u64>, limit: u32) -> Result<Vec<LogEntry>, TandemError> {
        let rows = self.engine.log(before, limit as usize).await?;
        Ok(rows.into_iter().map(LogEntry::from).collect())
    }
}

/// Somebody there are texts with.
#[derive(Clone, uniffi::Record)]
pub struct Conversation {
    /// Who.
    pub peer: Msisdn,
    /// The newest text; pages are asked for by its position.
    pub newest: ThreadItem,
    /// Texts of theirs that were not marked read yet.
    pub unread: u64,
}

/// One text of a conversation.
#[derive(Clone, uniffi::Record)]
pub struct ThreadItem {
    /// Its place among all texts of this phone; pages are asked for by it.
    pub position: u64,
    /// The text.
    pub text: ThreadEntry,
}

/// Whose text it is.
#[derive(Clone, uniffi::Enum)]
pub enum ThreadEntry {
    /// Mine.
    Written {
        /// The text.
        text: WrittenText,
    },
    /// The peer's.
    Received {
        /// The text.
        text: ArrivedText,
        /// When it was received here.
        received_at: WallMillis,
        /// Read by the user.
        read: bool,
    },
}

/// A text of mine, as it is kept.
#[derive(Clone, uniffi::Record)]
pub struct WrittenText {
    /// Its id for ever.
    pub id: TextId,
    /// The SIM it is sent as.
    pub line: Line,
    /// To whom.
    pub to: Msisdn,
    /// The words.
    pub body: TextBody,
    /// When the user sent it.
    pub written_at: WallMillis,
    /// Where it stands.
    pub status: TextStatus,
}

/// One conversation in the call log, across legs.
#[derive(Clone, uniffi::Record)]
pub struct LogEntry {
    /// Grows with every conversation; pages are asked for by it.
    pub id: u64,
    /// The data call it belongs to, if it had one.
    pub call: Option<CallId>,
    /// The SIM.
    pub line: Line,
    /// The other side.
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
#[derive(Clone, uniffi::Enum)]
pub enum LogPeer {
    /// A subscriber.
    Number {
        /// In E.164.
        number: Msisdn,
    },
    /// Dialed digits that are no subscriber's: emergency and short numbers.
    Dialed {
        /// As dialed.
        digits: String,
    },
}

/// One leg of a conversation.
#[derive(Clone, uniffi::Record)]
pub struct LogLeg {
    /// What carried it.
    pub bearer: Bearer,
    /// How long both could talk on it, in milliseconds.
    pub talked_ms: u64,
    /// Why it was not, or no longer, data.
    pub why: Option<WhyNotData>,
}

impl From<tandem_engine::Conversation> for Conversation {
    fn from(from: tandem_engine::Conversation) -> Conversation {
        Conversation { peer: from.peer, newest: from.newest.into(), unread: from.unread }
    }
}

impl From<Item> for ThreadItem {
    fn from(from: Item) -> ThreadItem {
        let text = match from.text {
            ThreadText::Written(row) => ThreadEntry::Written { text: row.into() },
            ThreadText::Received(row) => {
                let (received_at, read) = (row.received_at, row.read);
                ThreadEntry::Received { text: row.into(), received_at, read }
            }
        };
        ThreadItem { position: from.position, text }
    }
}

impl From<OutgoingRow> for WrittenText {
    fn from(row: OutgoingRow) -> WrittenText {
        WrittenText {
            id: row.id.into(),
            line: row.line,
            to: row.to,
            body: row.body,
            written_at: row.written_at,
            status: row.status,
        }
    }
}

impl From<IncomingRow> for ArrivedText {
    fn from(row: IncomingRow) -> ArrivedText {
        ArrivedText {
            line: row.line,
            sender: row.from,
            id: row.id.into(),
            body: row.body,
            gap_before: row.gap_before,
            bearer: row.bearer,
            sent_at: row.sent_at,
        }
    }
}

impl From<LogRow> for LogEntry {
    fn from(row: LogRow) -> LogEntry {
        LogEntry {
            id: row.id,
            call: row.call,
            line: row.line,
            peer: match row.peer {
                Peer::Number(number) => LogPeer::Number { number },
                Peer::Dialed(digits) => LogPeer::Dialed { digits: digits.into_inner() },
            },
            outgoing: row.outgoing,
            started_at: row.started_at,
            legs: row.legs.into_iter().map(LogLeg::from).collect(),
            end: row.end,
        }
    }
}

impl From<Leg> for LogLeg {
    fn from(leg: Leg) -> LogLeg {
        LogLeg { bearer: leg.bearer, talked_ms: leg.talked_ms, why: leg.why }
    }
}
