//! The ledger in a file: synced before anything is answered.

use crate::account::Account;
use crate::ledger::{Charge, Ledger, LedgerFault, Spending, When, YEAR_DAYS, judge, judge_hour};
use crate::limits::Limits;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use tandem_model::ServerMillis;
use tracing::error;

/// "TKEY": tells our files from others.
const APPLICATION_ID: i32 = 0x544B_4559;

const SCHEMA: &str = "
CREATE TABLE spent (
    account BLOB    NOT NULL,
    kind    INTEGER NOT NULL,
    key     INTEGER NOT NULL,
    day     INTEGER NOT NULL,
    units   INTEGER NOT NULL,
    PRIMARY KEY (account, kind, key, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_day ON spent (day);
CREATE TABLE hours (
    hour  INTEGER NOT NULL PRIMARY KEY,
    units INTEGER NOT NULL
) STRICT;
PRAGMA application_id = 1414219097;
PRAGMA user_version = 1;";

/// Old rows forgotten with one group at most.
const FORGET_MAX: i64 = 256;

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It is not there, and was: budgets that begin anew would be none.
    #[error("{} is missing beside keys that were used: put the backup back, or, to let every account begin anew, run once with --new-budgets", .0.display())]
    Lost(PathBuf),
    /// It is no ledger of this build, or damaged.
    #[error("{} cannot be used as the file of budgets", .0.display())]
    Unusable(PathBuf),
}

/// The ledger in a file.
#[derive(Debug)]
pub struct SqliteLedger {
    conn: Connection,
    path: PathBuf,
    forgotten_to: i64,
}

impl SqliteLedger {
    /// Opens the file, or makes it where it `may_make` one.
    ///
    /// # Errors
    /// [`LedgerError`] names the file; one that is not ours or is damaged is left as it is.
    pub fn open(path: &Path, may_make: bool) -> Result<SqliteLedger, LedgerError> {
        // Before its first transaction a file of SQLite's is empty.
        let there = std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
        if !there && !may_make {
            return Err(LedgerError::Lost(path.to_owned()));
        }
        let unusable = |_| LedgerError::Unusable(path.to_owned());
        let conn = connect(path, !there).map_err(unusable)?;
        Ok(SqliteLedger { conn, path: path.to_owned(), forgotten_to: 0 })
    }

    /// Whether nothing was ever counted in a file.
    #[must_use]
    pub fn is_unused(path: &Path) -> bool {
        let unused = |conn: &Connection| {
            conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM hours)", [], |row| row.get::<_, bool>(0))
        };
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .is_ok_and(|conn| unused(&conn).unwrap_or(false))
    }

    fn count(&mut self, charges: &[Charge], limits: &Limits, when: When) -> rusqlite::Result<Vec<Spending>> {
        let oldest = when.day.saturating_sub(YEAR_DAYS);
        let forget = self.forgotten_to < oldest;
        let group = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut outcomes = Vec::with_capacity(charges.len());
        for charge in charges {
            outcomes.push(one(&group, charge, limits, when)?);
        }
        if forget {
            let gone = group
                .prepare_cached(
                    "DELETE FROM spent WHERE (account, kind, key, day) IN
                     (SELECT account, kind, key, day FROM spent WHERE day <= ?1 LIMIT ?2)",
                )?
                .execute(params![oldest, FORGET_MAX])?;
            group.prepare_cached("DELETE FROM hours WHERE hour < ?1")?.execute([when.hour.saturating_sub(48)])?;
            if gone == 0 {
                self.forgotten_to = oldest;
            }
        }
        group.commit()?;
        Ok(outcomes)
    }
}

fn one(conn: &Connection, charge: &Charge, limits: &Limits, when: When) -> rusqlite::Result<Spending> {
    let hour: i64 = conn
        .prepare_cached("SELECT coalesce(sum(units), 0) FROM hours WHERE hour >= ?1")?
        .query_row([when.hour], |row| row.get(0))?;
    if let spent @ Spending::Spent { .. } = judge_hour(hour.cast_unsigned(), charge.weight(), limits, when) {
        return Ok(spent);
    }
    if let Some(row) = charge.row(limits) {
        let Account(account) = row.account;
        let days: Vec<(i64, u64)> = conn
            .prepare_cached("SELECT day, units FROM spent WHERE account = ?1 AND kind = ?2 AND key = ?3 AND day > ?4")?
            .query_map(params![account, row.kind, row.key, when.day.saturating_sub(YEAR_DAYS)], |found| {
                Ok((found.get(0)?, found.get::<_, i64>(1)?.cast_unsigned()))
            })?
            .collect::<Result<_, _>>()?;
        if let spent @ Spending::Spent { .. } = judge(&days, &row, when) {
            return Ok(spent);
        }
        conn.prepare_cached(
            "INSERT INTO spent (account, kind, key, day, units) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET units = units + excluded.units",
        )?
        .execute(params![account, row.kind, row.key, when.day, row.units.cast_signed()])?;
    }
    conn.prepare_cached(
        "INSERT INTO hours (hour, units) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET units = units + excluded.units",
    )?
    .execute(params![when.hour, charge.weight().cast_signed()])?;
    Ok(Spending::Counted)
}

fn connect(path: &Path, new: bool) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if new {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let conn = Connection::open_with_flags(path, flags)?;
    conn.set_prepared_statement_cache_capacity(16);
    let wrong = || rusqlite::Error::InvalidQuery;
    if new {
        conn.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?;
    }
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let whole: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if application != APPLICATION_ID || version != 1 || whole != "ok" {
        return Err(wrong());
    }
    for (name, value, wanted) in [("journal_mode", "wal", "wal"), ("synchronous", "full", "2")] {
        match conn.pragma_update_and_check(None, name, value, |_| Ok(())) {
            Ok(()) | Err(rusqlite::Error::QueryReturnedNoRows) => {}
            Err(error) => return Err(error),
        }
        let found = conn.pragma_query_value(None, name, |row| {
            Ok(match row.get_ref(0)? {
                rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                rusqlite::types::ValueRef::Null
                | rusqlite::types::ValueRef::Real(_)
                | rusqlite::types::ValueRef::Blob(_) => String::new(),
            })
        })?;
        if found != wanted {
            return Err(wrong());
        }
    }
    Ok(conn)
}

impl Ledger for SqliteLedger {
    fn spend(&mut self, charges: &[Charge], limits: &Limits, at: ServerMillis) -> Result<Vec<Spending>, LedgerFault> {
        // A file that was taken away is written on by its handle, and would be gone at the next start.
        if !self.path.exists() {
            error!("the file of budgets is gone; nothing is answered");
            return Err(LedgerFault);
        }
        self.count(charges, limits, When::of(at)).map_err(|failed| {
            error!(code = ?failed.sqlite_error_code(), "the budgets cannot be counted; nothing is answered");
            LedgerFault
        })
    }
}
