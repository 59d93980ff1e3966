//! Sessions of subscribers, and restarts of what reports them.

use super::row::{Bits, Num, Rows};
use crate::store::Page;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params};
use tandem_model::ServerMillis;
use tandem_resolver::{
    Addresses, Changes, Epoch, Generation, Held, Id, Kind, Moment, NasKey, Prefix, Reboot, Session, SessionKey,
};

/// A prefix and what it is good for, as a BLOB of 18 bytes: its first address, its length, its kind.
struct HeldBlob(Held);

impl ToSql for HeldBlob {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let mut bytes = self.0.prefix.first().to_be_bytes().to_vec();
        bytes.extend([self.0.prefix.length(), self.0.kind as u8]);
        Ok(ToSqlOutput::from(bytes))
    }
}

impl FromSql for HeldBlob {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<HeldBlob> {
        let bytes = <[u8; 18]>::column_result(value)?;
        let read = || {
            let (first, rest) = bytes.split_first_chunk::<16>()?;
            let &[length, kind] = rest.first_chunk::<2>()?;
            Some(Held { prefix: Prefix::from_parts(u128::from_be_bytes(*first), length)?, kind: Kind::of(kind)? })
        };
        read().map(HeldBlob).ok_or(FromSqlError::InvalidType)
    }
}

pub(crate) fn keep(conn: &Connection, changes: &Changes) -> Rows<()> {
    let mut put = conn.prepare_cached(
        "INSERT OR REPLACE INTO attached (key, epoch, nas, number, start, latest, v4, v6, delegated, since, until, other,
         ended, was_last, unclear, generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    for session in &changes.sessions {
        let held = session.addresses;
        put.execute(params![
            session.key.0,
            session.epoch.0.0,
            session.nas.0,
            session.number.map(Num),
            session.start.0,
            session.latest.0,
            held.v4.map(HeldBlob),
            held.v6.map(HeldBlob),
            held.delegated.map(HeldBlob),
            session.since.0,
            session.until.0,
            session.other.0,
            session.ended.map(|at| at.0),
            session.last_of_subscriber,
            session.unclear,
            Bits(session.generation.0)
        ])?;
    }
    let mut forget = conn.prepare_cached("DELETE FROM attached WHERE key = ?1 AND epoch = ?2")?;
    for (key, epoch) in &changes.forgotten {
        forget.execute(params![key.0, epoch.0.0])?;
    }
    let mut restart = conn.prepare_cached("INSERT OR IGNORE INTO restarts (nas, at) VALUES (?1, ?2)")?;
    for reboot in &changes.reboots {
        restart.execute(params![reboot.nas.0, reboot.at.0])?;
    }
    let mut forget = conn.prepare_cached("DELETE FROM restarts WHERE nas = ?1 AND at = ?2")?;
    for reboot in &changes.forgotten_reboots {
        forget.execute(params![reboot.nas.0, reboot.at.0])?;
    }
    Ok(())
}

pub(crate) fn after(conn: &Connection, after: Option<Id>, limit: u32) -> Rows<Page<Session>> {
    let (key, epoch) = after.map_or((Vec::new(), i64::MIN), |(key, epoch)| (key.0.to_vec(), epoch.0.0));
    let items: Vec<Session> = conn
        .prepare_cached(
            "SELECT key, epoch, nas, number, start, latest, v4, v6, delegated, since, until, other, ended, was_last,
             unclear, generation FROM attached WHERE (key, epoch) > (?1, ?2) ORDER BY key, epoch LIMIT ?3",
        )?
        .query_map(params![key, epoch, limit], session)?
        .collect::<Result<_, _>>()?;
    let complete = items.len() < limit as usize;
    Ok(Page { items, complete })
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let held = |index| row.get::<_, Option<HeldBlob>>(index).map(|held| held.map(|blob| blob.0));
    Ok(Session {
        key: SessionKey(row.get(0)?),
        epoch: Epoch(ServerMillis(row.get(1)?)),
        nas: NasKey(row.get(2)?),
        number: row.get::<_, Option<Num>>(3)?.map(|number| number.0),
        start: ServerMillis(row.get(4)?),
        latest: Moment(row.get(5)?),
        addresses: Addresses { v4: held(6)?, v6: held(7)?, delegated: held(8)? },
        since: Moment(row.get(9)?),
        until: Moment(row.get(10)?),
        other: Moment(row.get(11)?),
        ended: row.get::<_, Option<i64>>(12)?.map(ServerMillis),
        last_of_subscriber: row.get(13)?,
        unclear: row.get(14)?,
        generation: Generation(row.get::<_, Bits>(15)?.0),
    })
}

pub(crate) fn restarts(conn: &Connection) -> Rows<Vec<Reboot>> {
    let read = |row: &Row<'_>| Ok(Reboot { nas: NasKey(row.get(0)?), at: ServerMillis(row.get(1)?) });
    Ok(conn
        .prepare_cached("SELECT nas, at FROM restarts ORDER BY nas, at")?
        .query_map([], read)?
        .collect::<Result<_, _>>()?)
}
