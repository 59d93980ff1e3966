//! Who lets whom learn where it is: one row for each, as long as both are the owners they were.

use super::owners::{charge, fence, present};
use super::row::{Bits, Rows, epoch, number};
use rusqlite::{Connection, params};
use tandem_logic::lookup_op::LookupOutcome;
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{Msisdn, ServerMillis};

pub(crate) fn put_consent(conn: &Connection, owner: Owner, to: Msisdn, allow: bool, most: u32) -> Rows<LookupOutcome> {
    fence(conn, owner)?;
    conn.prepare_cached("DELETE FROM consents WHERE owner = ?1 AND number = ?2")?
        .execute([number(owner.number), number(to)])?;
    let Some(holder) = present(conn, to)?.filter(|_| allow) else {
        return Ok(LookupOutcome::Kept);
    };
    let given: i64 = conn
        .prepare_cached("SELECT count(*) FROM consents WHERE owner = ?1")?
        .query_row([number(owner.number)], |row| row.get(0))?;
    if given >= i64::from(most) {
        return Ok(LookupOutcome::TooMany);
    }
    conn.prepare_cached("INSERT INTO consents (owner, number, owner_epoch, number_epoch) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![number(owner.number), number(to), epoch(owner), Bits(holder.epoch.0)])?;
    Ok(LookupOutcome::Kept)
}

pub(crate) fn admit_lookup(
    conn: &Connection,
    at: ServerMillis,
    asker: Owner,
    of: Msisdn,
    by_consent: bool,
    charges: &[Charge],
) -> Rows<LookupOutcome> {
    fence(conn, asker)?;
    if let Some(spent) = charge(conn, at, charges)? {
        return Ok(LookupOutcome::Spent(spent));
    }
    let Some(owner) = present(conn, of)? else {
        return Ok(LookupOutcome::Stranger);
    };
    let consented = conn
        .prepare_cached(
            "SELECT 1 FROM consents WHERE owner = ?1 AND number = ?2 AND owner_epoch = ?3 AND number_epoch = ?4",
        )?
        .exists(params![number(of), number(asker.number), Bits(owner.epoch.0), epoch(asker)])?;
    Ok(if consented || !by_consent { LookupOutcome::Permitted { epoch: owner.epoch } } else { LookupOutcome::Stranger })
}

/// An owner is no more: what it let, and what it was let, is over.
pub(crate) fn forget(conn: &Connection, of: Msisdn) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM consents WHERE owner = ?1")?.execute([number(of)])?;
    conn.prepare_cached("DELETE FROM consents WHERE number = ?1")?.execute([number(of)])?;
    Ok(())
}
