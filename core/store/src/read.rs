//! Pages of history, on a connection that only reads.

use crate::codes;
use crate::outcome::StoreError;
use crate::pragmas;
use crate::restore::{
    INCOMING_COLUMNS, LOG_COLUMNS, OUTGOING_COLUMNS, contacts, each, incoming_row, log_row, number, open_texts,
    outgoing_row, unsigned,
};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use tandem_model::Msisdn;
use tandem_model::rows::{IncomingRow, LogRow, OutgoingRow};

/// The most one page holds; asking for more gets this many.
pub const PAGE_MAX: usize = 500;

/// Reads history. One thread at a time.
pub struct PhoneReader {
    conn: Connection,
}

/// One text of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadItem {
    /// Its place among all texts of this phone; pages are asked for by it.
    pub position: u64,
    /// The text.
    pub text: ThreadText,
}

/// Whose text it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThreadText {
    /// Mine.
    Written(OutgoingRow),
    /// The peer's.
    Received(IncomingRow),
}

/// Somebody there are texts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Who.
    pub peer: Msisdn,
    /// The newest text; pages are asked for by its position.
    pub newest: ThreadItem,
    /// Texts of theirs that were not read yet.
    pub unread: u64,
}

/// From peer to peer along the index, and not through every text.
const CONVERSATIONS: &str = "
    WITH RECURSIVE
    peers (peer) AS (
        SELECT min(peer) FROM thread
        UNION ALL
        SELECT (SELECT min(peer) FROM thread WHERE peer > peers.peer) FROM peers WHERE peers.peer IS NOT NULL
    ),
    newest (peer, position) AS (
        SELECT peer, (SELECT max(position) FROM thread WHERE thread.peer = peers.peer) FROM peers WHERE peer IS NOT NULL
    ),
    page (peer, position) AS (
        SELECT peer, position FROM newest WHERE position < ?1 ORDER BY position DESC LIMIT ?2
    )
    SELECT peer, (SELECT count(*) FROM incoming WHERE sender = peer AND seen = 0) FROM page ORDER BY position DESC";

impl PhoneReader {
    pub(crate) fn open(path: &Path) -> Result<PhoneReader, StoreError> {
        let conn =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        pragmas::for_reading(&conn)?;
        Ok(PhoneReader { conn })
    }

    /// The newest texts with a peer before a position, newest first; `None` for the newest of all.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn thread(&self, peer: Msisdn, before: Option<u64>, limit: usize) -> Result<Vec<ThreadItem>, StoreError> {
        let page = (
            peer.as_u64().cast_signed(),
            before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX)),
            limit_of(limit),
        );
        // One look at the file, so that a text which comes meanwhile moves nothing.
        let snapshot = self.conn.unchecked_transaction()?;
        let items = self.texts(page)?;
        snapshot.finish()?;
        Ok(items)
    }

    /// Everybody there are texts with, whoever had the newest first, before a position; `None` for the newest of all.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn conversations(&self, before: Option<u64>, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let snapshot = self.conn.unchecked_transaction()?;
        let heads =
            each(&self.conn, CONVERSATIONS, (before, limit_of(limit)), |row| Ok((number(row, 0)?, unsigned(row, 1)?)))?;
        let mut conversations = Vec::new();
        for (peer, unread) in heads {
            let newest = self.texts((peer.as_u64().cast_signed(), i64::MAX, 1))?.into_iter().next();
            conversations.extend(newest.map(|newest| Conversation { peer, newest, unread }));
        }
        snapshot.finish()?;
        Ok(conversations)
    }

    /// Texts with a peer before a position, newest first, at most so many.
    fn texts(&self, page: (i64, i64, i64)) -> Result<Vec<ThreadItem>, StoreError> {
        let mut items = self
            .half(OUTGOING_COLUMNS, "outgoing", "recipient", page, |row| outgoing_row(row).map(ThreadText::Written))?;
        items.extend(
            self.half(INCOMING_COLUMNS, "incoming", "sender", page, |row| incoming_row(row).map(ThreadText::Received))?,
        );
        items.sort_unstable_by_key(|item| std::cmp::Reverse(item.position));
        items.truncate(usize::try_from(page.2).unwrap_or(0));
        Ok(items)
    }

    fn half(
        &self,
        columns: &str,
        table: &str,
        peer_column: &str,
        page: (i64, i64, i64),
        read: impl Fn(&rusqlite::Row<'_>) -> Result<ThreadText, StoreError>,
    ) -> Result<Vec<ThreadItem>, StoreError> {
        each(
            &self.conn,
            &format!(
                "SELECT {columns} FROM thread JOIN {table} USING (position)
                 WHERE thread.peer = ?1 AND {table}.{peer_column} = ?1 AND position < ?2
                 ORDER BY position DESC LIMIT ?3"
            ),
            page,
            |row| Ok(ThreadItem { position: unsigned(row, 0)?, text: read(row)? }),
        )
    }

    /// Texts of mine that still wait for something, in the order they were written.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn texts_open(&self) -> Result<Vec<OutgoingRow>, StoreError> {
        Ok(open_texts(&self.conn)?.into_iter().filter(|row| codes::is_open(row.status)).collect())
    }

    /// The newest entries of the call log before an id, newest first; `None` for the newest of all.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn log(&self, before: Option<u64>, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let snapshot = self.conn.unchecked_transaction()?;
        let rows = each(
            &self.conn,
            &format!("SELECT {LOG_COLUMNS} FROM log WHERE id < ?1 ORDER BY id DESC LIMIT ?2"),
            (before, limit_of(limit)),
            |row| log_row(&self.conn, row),
        )?;
        snapshot.finish()?;
        Ok(rows)
    }

    /// The contacts' numbers, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn contacts(&self) -> Result<Vec<Msisdn>, StoreError> {
        contacts(&self.conn)
    }
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit.min(PAGE_MAX)).unwrap_or(0)
}
