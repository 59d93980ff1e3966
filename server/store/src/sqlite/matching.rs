//! Contacts and marks: what is visible is worked out when something changes, and kept.

use super::owners::{charge, fence, present};
use super::row::{Num, Rows, next_generation, number};
use crate::store::MarksChanged;
use rusqlite::{Connection, OptionalExtension, params};
use tandem_logic::config::MarkPolicy;
use tandem_logic::matching::SyncContacts;
use tandem_logic::store_answer::{Admission, ContactsOutcome};
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{Mark, MarkGeneration, MarkState, Msisdn, NumberEpoch, ServerMillis};

const fn policy_number(policy: MarkPolicy) -> i64 {
    match policy {
        MarkPolicy::Reciprocal => 0,
        MarkPolicy::Registered => 1,
    }
}

pub(crate) fn begin(conn: &Connection, policy: MarkPolicy) -> Rows<()> {
    let changed =
        conn.prepare_cached("UPDATE meta SET policy = ?1 WHERE policy <> ?1")?.execute([policy_number(policy)])?;
    if changed == 0 {
        return Ok(());
    }
    let pairs: Vec<(Num, Num)> = conn
        .prepare_cached("SELECT owner, contact FROM contacts ORDER BY owner, contact")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut viewers = Vec::new();
    for (viewer, seen) in pairs {
        refresh(conn, viewer.0, seen.0, &mut viewers)?;
    }
    Ok(())
}

pub(crate) fn sync_contacts(conn: &Connection, at: ServerMillis, op: &SyncContacts) -> Rows<ContactsOutcome> {
    fence(conn, op.owner)?;
    let me = op.owner.number;
    let mut added = op.added.clone();
    added.sort_unstable();
    added.dedup();
    added.retain(|contact| *contact != me);
    let (new, kept) = count(conn, me, &added, op.replace)?;
    if kept > i64::from(op.contacts_max) {
        return Ok(ContactsOutcome::TooMany);
    }
    if new > 0
        && let Some(spent) = charge(conn, at, &[Charge { units: new, ..op.new_numbers }])?
    {
        return Ok(ContactsOutcome::Spent(spent));
    }
    let mut viewers = Vec::new();
    if op.replace {
        conn.prepare_cached("UPDATE contacts SET stale = 1 WHERE owner = ?1")?.execute([number(me)])?;
    }
    for contact in added {
        conn.prepare_cached("INSERT OR REPLACE INTO contacts (owner, contact, stale) VALUES (?1, ?2, 0)")?
            .execute([number(me), number(contact)])?;
        refresh_both(conn, me, contact, &mut viewers)?;
    }
    let mut gone = if op.complete { numbers(conn, STALE, me)? } else { Vec::new() };
    gone.extend(&op.removed);
    for contact in gone {
        drop_contact(conn, me, contact, &mut viewers)?;
    }
    viewers.sort_unstable();
    viewers.dedup();
    Ok(ContactsOutcome::Synced { viewers })
}

/// How many of these are new, and how many contacts there will be.
fn count(conn: &Connection, me: Msisdn, added: &[Msisdn], replace: bool) -> rusqlite::Result<(u32, i64)> {
    let mut find = conn.prepare_cached("SELECT stale FROM contacts WHERE owner = ?1 AND contact = ?2")?;
    let (mut new, mut more) = (0_u32, 0_i64);
    for contact in added {
        let stale: Option<bool> = find.query_row([number(me), number(*contact)], |row| row.get(0)).optional()?;
        new += u32::from(stale.is_none());
        more += i64::from(stale != Some(false) || replace);
    }
    let there: i64 = conn
        .prepare_cached("SELECT count(*) FROM contacts WHERE owner = ?1 AND stale = 0")?
        .query_row([number(me)], |row| row.get(0))?;
    Ok((new, if replace { more } else { there + more }))
}

const STALE: &str = "SELECT contact FROM contacts WHERE owner = ?1 AND stale = 1 ORDER BY contact";
const HELD: &str = "SELECT contact FROM contacts WHERE owner = ?1 ORDER BY contact";
const HOLDERS: &str = "SELECT owner FROM contacts WHERE contact = ?1 ORDER BY owner";
const VIEWERS: &str = "SELECT viewer FROM marks WHERE seen = ?1 AND visible = 1 ORDER BY viewer";

fn numbers(conn: &Connection, sql: &str, of: Msisdn) -> rusqlite::Result<Vec<Msisdn>> {
    conn.prepare_cached(sql)?.query_map([number(of)], |row| row.get::<_, Num>(0).map(|Num(other)| other))?.collect()
}

fn drop_contact(conn: &Connection, me: Msisdn, contact: Msisdn, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    let dropped = conn
        .prepare_cached("DELETE FROM contacts WHERE owner = ?1 AND contact = ?2")?
        .execute([number(me), number(contact)])?;
    if dropped > 0 { refresh_both(conn, me, contact, viewers) } else { Ok(()) }
}

fn refresh_both(conn: &Connection, a: Msisdn, b: Msisdn, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    refresh(conn, a, b, viewers)?;
    refresh(conn, b, a, viewers)
}

/// Works out again whether `viewer` sees `seen`, and remembers when that changed.
fn refresh(conn: &Connection, viewer: Msisdn, seen: Msisdn, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    let (viewer_sql, seen_sql) = (number(viewer), number(seen));
    let visible = conn
        .prepare_cached(
            "SELECT 1 FROM meta
             WHERE EXISTS (SELECT 1 FROM owners WHERE number = ?1 AND ended = 0)
               AND EXISTS (SELECT 1 FROM owners WHERE number = ?2 AND ended = 0)
               AND EXISTS (SELECT 1 FROM contacts WHERE owner = ?1 AND contact = ?2)
               AND (policy = 1 OR EXISTS (SELECT 1 FROM contacts WHERE owner = ?2 AND contact = ?1))",
        )?
        .exists([viewer_sql, seen_sql])?;
    let before = is_visible(conn, viewer, seen)?;
    if visible == before {
        return Ok(());
    }
    let generation = next_generation(conn)?;
    conn.prepare_cached("INSERT OR REPLACE INTO marks (viewer, seen, visible, generation) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![viewer_sql, seen_sql, visible, generation])?;
    viewers.push(viewer);
    Ok(())
}

fn is_visible(conn: &Connection, viewer: Msisdn, seen: Msisdn) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM marks WHERE viewer = ?1 AND seen = ?2 AND visible = 1")?
        .exists([number(viewer), number(seen)])
}

/// The owner of a number came or went: whoever holds it may see it now, or no longer.
pub(crate) fn refresh_viewers_of(conn: &Connection, of: Msisdn, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    for holder in numbers(conn, HOLDERS, of)? {
        refresh(conn, holder, of, viewers)?;
    }
    Ok(())
}

/// Who sees a number's mark.
pub(crate) fn viewers_of(conn: &Connection, of: Msisdn) -> rusqlite::Result<Vec<Msisdn>> {
    numbers(conn, VIEWERS, of)
}

/// The contacts of an owner that is no more, and all it saw.
pub(crate) fn forget_contacts(conn: &Connection, me: Msisdn, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    for contact in numbers(conn, HELD, me)? {
        drop_contact(conn, me, contact, viewers)?;
    }
    conn.prepare_cached("DELETE FROM marks WHERE viewer = ?1")?.execute([number(me)])?;
    Ok(())
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
