//! Marks as they are read: what is visible was worked out when something changed (see [`super::links`]).

use super::links::is_visible;
use super::owners::{charge, fence, present};
use super::row::{Num, Rows, number};
use crate::store::MarksChanged;
use rusqlite::Connection;
use tandem_logic::store_answer::Admission;
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{Mark, MarkGeneration, MarkState, Msisdn, NumberEpoch, ServerMillis};

const VIEWERS: &str = "SELECT viewer FROM marks WHERE seen = ?1 AND visible = 1 ORDER BY viewer";

/// Who sees a number's mark.
pub(crate) fn viewers_of(conn: &Connection, of: Msisdn) -> rusqlite::Result<Vec<Msisdn>> {
    conn.prepare_cached(VIEWERS)?.query_map([number(of)], |row| row.get::<_, Num>(0).map(|Num(other)| other))?.collect()
}

pub(crate) fn marks_since(conn: &Connection, viewer: Owner, since: MarkGeneration) -> Rows<MarksChanged> {
    fence(conn, viewer)?;
    let mut newest = since.0;
    let mut marks = Vec::new();
    let mut select =
        conn.prepare_cached("SELECT seen, visible, generation FROM marks WHERE viewer = ?1 ORDER BY seen")?;
    let mut rows = select.query([number(viewer.number)])?;
    while let Some(row) = rows.next()? {
        let (Num(seen), visible, changed) = (row.get(0)?, row.get::<_, bool>(1)?, row.get::<_, i64>(2)?);
        let owner = if visible { present(conn, seen)? } else { None };
        let generation = owner.as_ref().map_or(changed, |owner| owner.generation.max(changed)).cast_unsigned();
        if generation <= since.0 {
            continue;
        }
        newest = newest.max(generation);
        let state = match owner {
            Some(owner) => MarkState::Marked {
                epoch: owner.epoch,
                device_key: owner.device_key,
                sealing_key: owner.sealing_key,
                lease_until: owner.lease_until,
            },
            // Who was told nothing needs not be told that it is over.
            None if since.0 == 0 => continue,
            None => MarkState::Unmarked,
        };
        marks.push(Mark { number: seen, generation: MarkGeneration(generation), state });
    }
    Ok((MarkGeneration(newest), marks))
}

pub(crate) fn admit_gate(
    conn: &Connection,
    at: ServerMillis,
    caller: Owner,
    callee: Msisdn,
    charges: &[Charge],
) -> Rows<Admission> {
    fence(conn, caller)?;
    if let Some(spent) = charge(conn, at, charges)? {
        return Ok(Admission::Spent(spent));
    }
    Ok(match visible_epoch(conn, caller.number, callee)? {
        Some(epoch) => Admission::Permitted { epoch },
        None => Admission::Stranger,
    })
}

/// The epoch of a number's owner, for whoever sees its mark.
pub(crate) fn visible_epoch(conn: &Connection, viewer: Msisdn, seen: Msisdn) -> rusqlite::Result<Option<NumberEpoch>> {
    if !is_visible(conn, viewer, seen)? {
        return Ok(None);
    }
    Ok(present(conn, seen)?.map(|owner| owner.epoch))
}
