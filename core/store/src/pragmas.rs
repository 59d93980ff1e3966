//! The settings durability rests on, each read back: SQLite ignores a pragma it does not know.
//!
//! WAL with FULL lost no acknowledged row under simulated power cuts; WAL with NORMAL and the stock default both did.

use crate::outcome::StoreError;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

/// Pages in the WAL before it is moved into the database, 400 KiB: small, so that the ballast can be larger.
pub(crate) const WAL_AUTOCHECKPOINT_PAGES: i64 = 100;

/// What the WAL file may keep of the disk after a checkpoint.
const JOURNAL_SIZE_LIMIT_BYTES: i64 = 1024 * 1024;

/// How long to wait for another process that holds the file. A phone has one process.
const BUSY_TIMEOUT_MS: i64 = 250;

/// On Apple a plain fsync does not reach the disk.
const FULL_FSYNC: i64 = if cfg!(target_vendor = "apple") { 1 } else { 0 };

struct Setting {
    name: &'static str,
    value: &'static str,
    reads_back: Expected,
}

enum Expected {
    Text(&'static str),
    Number(i64),
}

const fn number(name: &'static str, value: &'static str, reads_back: i64) -> Setting {
    Setting { name, value, reads_back: Expected::Number(reads_back) }
}

const WRITER: [Setting; 13] = [
    Setting { name: "journal_mode", value: "WAL", reads_back: Expected::Text("wal") },
    number("synchronous", "FULL", 2),
    number("wal_autocheckpoint", "100", WAL_AUTOCHECKPOINT_PAGES),
    number("journal_size_limit", "1048576", JOURNAL_SIZE_LIMIT_BYTES),
    number("foreign_keys", "ON", 1),
    number("trusted_schema", "OFF", 0),
    number("cell_size_check", "ON", 1),
    number("secure_delete", "ON", 1),
    number("fullfsync", if FULL_FSYNC == 1 { "ON" } else { "OFF" }, FULL_FSYNC),
    number("checkpoint_fullfsync", if FULL_FSYNC == 1 { "ON" } else { "OFF" }, FULL_FSYNC),
    number("busy_timeout", "250", BUSY_TIMEOUT_MS),
    number("temp_store", "MEMORY", 2),
    number("mmap_size", "0", 0),
];

const READER: [Setting; 5] = [
    number("query_only", "ON", 1),
    number("trusted_schema", "OFF", 0),
    number("cell_size_check", "ON", 1),
    number("busy_timeout", "250", BUSY_TIMEOUT_MS),
    number("mmap_size", "0", 0),
];

/// Sets up the connection that writes.
pub(crate) fn for_writing(conn: &Connection) -> Result<(), StoreError> {
    apply(conn, &WRITER)
}

/// Sets up a connection that reads history.
pub(crate) fn for_reading(conn: &Connection) -> Result<(), StoreError> {
    apply(conn, &READER)
}

fn apply(conn: &Connection, settings: &[Setting]) -> Result<(), StoreError> {
    for setting in settings {
        // Some pragmas answer with a row and some with none: both are fine here, what counts is what reads back.
        conn.pragma(None, setting.name, setting.value, |_| Ok(()))?;
    }
    verify(conn, settings)
}

fn verify(conn: &Connection, settings: &[Setting]) -> Result<(), StoreError> {
    for setting in settings {
        // With no mmap compiled in, that pragma has no row to give.
        let found: Value = conn
            .query_row(&format!("PRAGMA {}", setting.name), [], |row| row.get(0))
            .optional()?
            .unwrap_or(Value::Null);
        let as_expected = match (&setting.reads_back, &found) {
            (Expected::Text(want), Value::Text(have)) => want.eq_ignore_ascii_case(have),
            (Expected::Number(want), Value::Integer(have)) => want == have,
            (Expected::Number(0), Value::Null) => true,
            _ => false,
        };
        if !as_expected {
            return Err(StoreError::Setting { pragma: setting.name });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reads_back_on_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("a.db")).unwrap();
        for_writing(&conn).unwrap();
        let reader = Connection::open(dir.path().join("a.db")).unwrap();
        for_reading(&reader).unwrap();
    }

    #[test]
    fn a_setting_that_did_not_take_is_refused_by_its_name() {
        // A database in memory has no WAL.
        let conn = Connection::open_in_memory().unwrap();
        assert_eq!(for_writing(&conn), Err(StoreError::Setting { pragma: "journal_mode" }));
    }

    #[test]
    fn a_setting_changed_behind_our_back_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("a.db")).unwrap();
        for_writing(&conn).unwrap();
        conn.pragma_update(None, "synchronous", "NORMAL").unwrap();
        assert_eq!(verify(&conn, &WRITER), Err(StoreError::Setting { pragma: "synchronous" }));
    }
}
