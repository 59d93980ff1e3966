//! Ends what ran out, a bounded number at a time.

use super::opens;
use super::owners::{end_owner, silent, tidy};
use super::row::Rows;
use super::texts::{TextKey, end_text, key_of};
use crate::budget::micros;
use crate::store::Swept;
use rusqlite::{Connection, params};
use tandem_model::{ServerMillis, TerminalState};

pub(crate) fn sweep(
    conn: &Connection,
    at: ServerMillis,
    silent_before: ServerMillis,
    forget_before: ServerMillis,
    limit: u32,
) -> Rows<Swept> {
    let mut swept = Swept::default();
    let due: Vec<TextKey> = conn
        .prepare_cached(
            "SELECT sender, device_epoch, counter FROM texts WHERE end_state IS NULL AND expires_at <= ?1
             ORDER BY expires_at, ord LIMIT ?2",
        )?
        .query_map(params![at.0, limit], key_of)?
        .collect::<Result<_, _>>()?;
    swept.more |= due.len() == limit as usize;
    for key in due {
        swept.ends.extend(end_text(conn, key, TerminalState::Expired, at)?);
    }
    let gone = silent(conn, silent_before, limit)?;
    swept.more |= gone.len() == limit as usize;
    for owner in gone {
        let aftermath = end_owner(conn, at, owner, false)?;
        swept.aftermath.viewers.extend(aftermath.viewers);
        swept.aftermath.senders.extend(aftermath.senders);
        swept.owners.push(owner);
    }
    swept.more |= opens::sweep(conn, limit, &mut swept.aftermath.viewers)?;
    tidy(&mut swept.aftermath);
    conn.prepare_cached("DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE expires_at <= ?1 LIMIT ?2)")?
        .execute(params![at.0, limit])?;
    conn.prepare_cached(
        "DELETE FROM texts WHERE rowid IN
         (SELECT rowid FROM texts WHERE end_state IS NOT NULL AND end_at < ?1 ORDER BY end_at LIMIT ?2)",
    )?
    .execute(params![forget_before.0, limit])?;
    conn.prepare_cached(
        "DELETE FROM budgets WHERE (kind, a, b) IN (SELECT kind, a, b FROM budgets WHERE whole_at <= ?1 LIMIT ?2)",
    )?
    .execute(params![micros(at), limit])?;
    Ok(swept)
}
