//! Pages of history, on a connection that only reads.

use crate::codes;
use crate::outcome::StoreError;
use crate::pragmas;
use crate::restore::{
    INCOMING_COLUMNS, LOG_COLUMNS, OUTGOING_COLUMNS, contacts, each, incoming_row, log_row, open_texts, outgoing_row,
    unsigned,
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
        let mut items = self
            .half(OUTGOING_COLUMNS, "outgoing", "recipient", page, |row| outgoing_row(row).map(ThreadText::Written))?;
        items.extend(
            self.half(INCOMING_COLUMNS, "incoming", "sender", page, |row| incoming_row(row).map(ThreadText::Received))?,
        );
        snapshot.finish()?;
        items.sort_unstable_by_key(|item| std::cmp::Reverse(item.position));
        items.truncate(limit.min(PAGE_MAX));
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
