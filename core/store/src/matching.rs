//! Private matching of contacts in tables: keys, pseudonyms, told tokens, blocked numbers.

use crate::codes;
use crate::outcome::StoreError;
use crate::restore::{each, number, there};
use crate::write::int;
use rusqlite::{Connection, Result, params};
use tandem_model::matching::{MatchingChange, MatchingRows, ToldKind, ToldToken};
use tandem_model::{Line, MarkKeyId, MarkPublicKey, MarkToken, Msisdn, Pseudonym};

fn column(number: Msisdn) -> i64 {
    int(number.as_u64())
}

/// Writes one change.
pub(crate) fn change(conn: &Connection, change: &MatchingChange) -> Result<()> {
    match change {
        MatchingChange::PutKey { key, public } => {
            conn.prepare_cached("INSERT OR REPLACE INTO mark_key (id, public) VALUES (?1, ?2)")?
                .execute(params![key.0, public.0])?;
        }
        MatchingChange::PutPseudonyms { key, pseudonyms } => put_pseudonyms(conn, *key, pseudonyms)?,
        MatchingChange::DropPseudonyms { key, numbers } => {
            let mut delete = conn.prepare_cached("DELETE FROM pseudonym WHERE key = ?1 AND number = ?2")?;
            for number in numbers {
                delete.execute(params![key.0, column(*number)])?;
            }
        }
        MatchingChange::RetireKey(key) => {
            conn.prepare_cached("DELETE FROM pseudonym WHERE key = ?1")?.execute([key.0])?;
            conn.prepare_cached("DELETE FROM told WHERE key = ?1")?.execute([key.0])?;
        }
        MatchingChange::PutTold { line, key, told, untold } => put_told(conn, (*line, *key), told, untold)?,
        MatchingChange::DropTold { line, key: Some(key) } => {
            conn.prepare_cached("DELETE FROM told WHERE line = ?1 AND key = ?2")?.execute(params![line.0, key.0])?;
        }
        MatchingChange::DropTold { line, key: None } => {
            conn.prepare_cached("DELETE FROM told WHERE line = ?1")?.execute([line.0])?;
        }
        MatchingChange::PutBlocked { added, removed } => put_blocked(conn, added, removed)?,
    }
    Ok(())
}

fn put_pseudonyms(conn: &Connection, key: MarkKeyId, pseudonyms: &[(Msisdn, Pseudonym)]) -> Result<()> {
    let mut insert =
        conn.prepare_cached("INSERT OR REPLACE INTO pseudonym (key, number, value) VALUES (?1, ?2, ?3)")?;
    for (number, pseudonym) in pseudonyms {
        insert.execute(params![key.0, column(*number), pseudonym.0])?;
    }
    Ok(())
}

fn put_told(
    conn: &Connection,
    (line, key): (Line, MarkKeyId),
    told: &[ToldToken],
    untold: &[(Msisdn, ToldKind)],
) -> Result<()> {
    let mut delete =
        conn.prepare_cached("DELETE FROM told WHERE line = ?1 AND key = ?2 AND number = ?3 AND kind = ?4")?;
    for (number, kind) in untold {
        delete.execute(params![line.0, key.0, column(*number), codes::told(*kind)])?;
    }
    let mut insert = conn
        .prepare_cached("INSERT OR REPLACE INTO told (line, key, number, kind, token) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for row in told {
        insert.execute(params![line.0, key.0, column(row.number), codes::told(row.kind), row.token.0])?;
    }
    Ok(())
}

fn put_blocked(conn: &Connection, added: &[Msisdn], removed: &[Msisdn]) -> Result<()> {
    let mut delete = conn.prepare_cached("DELETE FROM blocked WHERE number = ?1")?;
    for number in removed {
        delete.execute([column(*number)])?;
    }
    let mut insert = conn.prepare_cached("INSERT OR IGNORE INTO blocked (number) VALUES (?1)")?;
    for number in added {
        insert.execute([column(*number)])?;
    }
    Ok(())
}

/// Reads all of it.
pub(crate) fn restored(conn: &Connection) -> Result<MatchingRows, StoreError> {
    let keys = each(conn, "SELECT id, public FROM mark_key", [], |row| {
        Ok((MarkKeyId(row.get(0)?), MarkPublicKey(row.get(1)?)))
    })?;
    let blocked = each(conn, "SELECT number FROM blocked", [], |row| number(row, 0))?;
    let mut rows = MatchingRows {
        keys: keys.into_iter().collect(),
        blocked: blocked.into_iter().collect(),
        ..MatchingRows::default()
    };
    for (key, number, pseudonym) in each(conn, "SELECT key, number, value FROM pseudonym", [], |row| {
        Ok((MarkKeyId(row.get(0)?), number(row, 1)?, Pseudonym(row.get(2)?)))
    })? {
        rows.pseudonyms.entry(key).or_default().insert(number, pseudonym);
    }
    for (place, told, token) in each(conn, "SELECT line, key, number, kind, token FROM told", [], |row| {
        let kind = there(codes::told_from(row.get(3)?))?;
        Ok(((Line(row.get(0)?), MarkKeyId(row.get(1)?)), (number(row, 2)?, kind), MarkToken(row.get(4)?)))
    })? {
        rows.told.entry(place).or_default().insert(told, token);
    }
    Ok(rows)
}
