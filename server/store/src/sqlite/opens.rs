//! Keys that live, and tokens of owners' own numbers, by which whoever holds the number sees its mark.

use super::links::{self, NewLink, OPEN};
use super::owners::{number_of, present_reg, reg_of};
use super::row::{Bits, Rows, number, owner};
use super::tokens::{forget_some, is_contact};
use rusqlite::{Connection, OptionalExtension, params};
use tandem_logic::config::MarkPolicy;
use tandem_logic::matching::Showing;
use tandem_logic::store_answer::{KeysOutcome, Settled};
use tandem_logic::store_op::Owner;
use tandem_model::{MarkKeyId, MarkPublicKey, MarkToken, Msisdn};

/// Retired, and being forgotten. Stored, as those below: never renumber.
const RETIRED: i64 = 0;
/// Lives.
const LIVES: i64 = 1;
/// Retired, and nothing is left of it.
const FORGOTTEN: i64 = 2;

/// Everybody was looked at.
const FILLED: i64 = i64::MAX;
/// All holders are linked.
const LINKED: i64 = -1;

pub(crate) fn showing(conn: &Connection) -> rusqlite::Result<Showing> {
    conn.prepare_cached("SELECT policy, opening FROM meta")?.query_row([], |row| {
        let policy = if row.get::<_, i64>(0)? == 1 { MarkPolicy::Registered } else { MarkPolicy::Reciprocal };
        Ok(Showing { policy, opening: row.get(1)? })
    })
}

pub(crate) fn begin(conn: &Connection, wanted: Showing) -> Rows<()> {
    if showing(conn)? == wanted {
        return Ok(());
    }
    let policy = i64::from(wanted.policy == MarkPolicy::Registered);
    conn.prepare_cached("UPDATE meta SET policy = ?1, opening = ?2")?.execute(params![policy, wanted.opening])?;
    conn.prepare_cached("UPDATE mark_keys SET filled_to = 0 WHERE state = 1")?.execute([])?;
    let opened: Vec<i64> = conn
        .prepare_cached(
            "SELECT DISTINCT owners.reg FROM opens JOIN owners ON owners.reg = opens.reg WHERE NOT ?1 AND NOT (?2 AND owners.open)",
        )?
        .query_map(params![wanted.shows(false), wanted.shows(true)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut settled = Settled::default();
    for reg in opened {
        close(conn, reg, &mut settled)?;
    }
    Ok(())
}

pub(crate) fn is_live(conn: &Connection, key: MarkKeyId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM mark_keys WHERE id = ?1 AND state = 1")?.exists([key.0])
}

fn live(conn: &Connection) -> rusqlite::Result<Vec<u32>> {
    conn.prepare_cached("SELECT id FROM mark_keys WHERE state = 1 ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect()
}

pub(crate) fn set_keys(conn: &Connection, keys: &[(MarkKeyId, MarkPublicKey)]) -> Rows<KeysOutcome> {
    for (id, public) in keys {
        let known: Option<[u8; 32]> = conn
            .prepare_cached("SELECT public FROM mark_keys WHERE id = ?1")?
            .query_row([id.0], |row| row.get(0))
            .optional()?;
        if known.is_some_and(|known| known != public.0) {
            return Ok(KeysOutcome::Changed(*id));
        }
    }
    for id in live(conn)?.into_iter().filter(|id| keys.iter().all(|(key, _)| key.0 != *id)) {
        conn.prepare_cached("UPDATE mark_keys SET state = ?2 WHERE id = ?1")?.execute(params![id, RETIRED])?;
        conn.prepare_cached("DELETE FROM opens_due WHERE key = ?1")?.execute([id])?;
    }
    for (id, public) in keys {
        if !is_live(conn, *id)? {
            conn.prepare_cached(
                "INSERT OR REPLACE INTO mark_keys (id, public, state, filled_to) VALUES (?1, ?2, ?3, 0)",
            )?
            .execute(params![id.0, public.0, LIVES])?;
        }
    }
    Ok(KeysOutcome::Set)
}

/// The token of an owner's number is wanted under every key that lives and has none.
pub(crate) fn want(conn: &Connection, reg: i64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR IGNORE INTO opens_due (reg, key) SELECT ?1, id FROM mark_keys WHERE state = 1
         AND NOT EXISTS (SELECT 1 FROM opens WHERE opens.key = mark_keys.id AND opens.reg = ?1)",
    )?
    .execute([reg])?;
    Ok(())
}

/// It is wanted no more: what was made goes, and what showed by it.
fn close(conn: &Connection, reg: i64, settled: &mut Settled) -> Rows<()> {
    let own: Vec<[u8; 16]> = conn
        .prepare_cached("SELECT token FROM mark_keys CROSS JOIN opens ON opens.key = mark_keys.id AND opens.reg = ?1")?
        .query_map([reg], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if let Some(me) = number_of(conn, reg)? {
        for token in &own {
            links::end_opened(conn, &MarkToken(*token), me, settled)?;
        }
    }
    forget_open(conn, reg)?;
    Ok(())
}

/// Without a look at links.
pub(crate) fn forget_open(conn: &Connection, reg: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM opens WHERE reg = ?1 AND key IN (SELECT id FROM mark_keys)")?.execute([reg])?;
    conn.prepare_cached("DELETE FROM opens_due WHERE reg = ?1")?.execute([reg])?;
    Ok(())
}

pub(crate) fn set_open(conn: &Connection, who: Owner, open: bool) -> Rows<Settled> {
    let reg = present_reg(conn, who)?;
    conn.prepare_cached("UPDATE owners SET open = ?2 WHERE number = ?1")?.execute(params![number(who.number), open])?;
    let mut settled = Settled::default();
    if showing(conn)?.shows(open) {
        want(conn, reg)?;
    } else {
        close(conn, reg, &mut settled)?;
    }
    told(conn, settled)
}

/// With what is left to be done.
fn told(conn: &Connection, mut settled: Settled) -> Rows<Settled> {
    settled.viewers.sort_unstable();
    settled.viewers.dedup();
    settled.opens_due = conn.prepare_cached("SELECT 1 FROM opens_due")?.exists([])?;
    settled.more = conn.prepare_cached("SELECT 1 FROM opens INDEXED BY opens_unlinked WHERE linked >= 0")?.exists([])?;
    Ok(settled)
}

/// The first of those that are due, and whether more owners are to be looked at. Where few are due, owners that were there before
/// a key or before a policy are looked at, page by page.
pub(crate) fn due(conn: &Connection, limit: u32) -> Rows<(Vec<(Owner, MarkKeyId)>, bool)> {
    let showing = showing(conn)?;
    let mut more = false;
    for key in live(conn)? {
        let waiting: i64 = conn
            .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM opens_due LIMIT ?1)")?
            .query_row([limit], |row| row.get(0))?;
        more |= if waiting < i64::from(limit) { fill(conn, showing, key, limit)? } else { true };
    }
    let due: Vec<(Owner, MarkKeyId)> = conn
        .prepare_cached(
            "SELECT owners.number, owners.epoch, opens_due.key FROM opens_due JOIN owners ON owners.reg = opens_due.reg
             WHERE owners.ended = 0 LIMIT ?1",
        )?
        .query_map([limit], |row| Ok((owner(row.get(0)?, row.get(1)?), MarkKeyId(row.get(2)?))))?
        .collect::<Result<_, _>>()?;
    more |= due.len() == limit as usize;
    Ok((due, more))
}

/// Whether there are more than this page.
fn fill(conn: &Connection, showing: Showing, key: u32, limit: u32) -> rusqlite::Result<bool> {
    let from: i64 =
        conn.prepare_cached("SELECT filled_to FROM mark_keys WHERE id = ?1")?.query_row([key], |row| row.get(0))?;
    if from == FILLED {
        return Ok(false);
    }
    let sql = match (showing.shows(false), showing.shows(true)) {
        (true, _) => "SELECT number, reg FROM owners WHERE number > ?1 AND ended = 0 ORDER BY number LIMIT ?2",
        (false, true) => {
            "SELECT number, reg FROM owners WHERE number > ?1 AND open = 1 AND ended = 0 ORDER BY number LIMIT ?2"
        }
        (false, false) => "SELECT number, reg FROM owners WHERE ?1 < 0 LIMIT ?2",
    };
    let page: Vec<(i64, i64)> = conn
        .prepare_cached(sql)?
        .query_map([from, i64::from(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (_, reg) in &page {
        want(conn, *reg)?;
    }
    let to = page.last().filter(|_| page.len() == limit as usize).map_or(FILLED, |(number, _)| *number);
    conn.prepare_cached("UPDATE mark_keys SET filled_to = ?2 WHERE id = ?1")?.execute([i64::from(key), to])?;
    Ok(to != FILLED)
}

pub(crate) fn put_opens(conn: &Connection, opens: &[(Owner, MarkKeyId, MarkToken)]) -> Rows<Settled> {
    let showing = showing(conn)?;
    for (who, key, token) in opens {
        let found = conn
            .prepare_cached("SELECT reg, open FROM owners WHERE number = ?1 AND epoch = ?2 AND ended = 0")?
            .query_row(params![number(who.number), Bits(who.epoch.0)], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
            })
            .optional()?;
        let Some((reg, open)) = found else { continue };
        conn.prepare_cached("DELETE FROM opens_due WHERE reg = ?1 AND key = ?2")?.execute(params![reg, key.0])?;
        if showing.shows(open) && is_live(conn, *key)? && token.is_of_number() {
            conn.prepare_cached("INSERT OR IGNORE INTO opens (token, key, reg, linked) VALUES (?1, ?2, ?3, 0)")?
                .execute(params![token.0, key.0, reg])?;
        }
    }
    told(conn, Settled::default())
}

pub(crate) fn link_opens(conn: &Connection, limit: u32) -> Rows<Settled> {
    let mut settled = Settled::default();
    let unlinked: Vec<([u8; 16], u32, i64, i64)> = conn
        .prepare_cached(
            "SELECT token, key, reg, linked FROM opens INDEXED BY opens_unlinked WHERE linked >= 0 LIMIT ?1",
        )?
        .query_map([limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    let mut left = limit as usize;
    for (token, key, reg, linked) in unlinked {
        if left == 0 {
            break;
        }
        let token = MarkToken(token);
        let holders: Vec<i64> = conn
            .prepare_cached("SELECT reg FROM holders WHERE token = ?1 AND key = ?2 AND reg > ?3 ORDER BY reg LIMIT ?4")?
            .query_map(params![token.0, key, linked, i64::try_from(left).unwrap_or(i64::MAX)], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let next = holders.last().filter(|_| holders.len() == left).copied().unwrap_or(LINKED);
        left -= holders.len();
        if let Some(me) = number_of(conn, reg)? {
            link_holders(conn, me, &token, MarkKeyId(key), &holders, &mut settled)?;
        }
        conn.prepare_cached("UPDATE opens SET linked = ?4 WHERE token = ?1 AND key = ?2 AND reg = ?3")?
            .execute(params![token.0, key, reg, next])?;
    }
    told(conn, settled)
}

fn link_holders(
    conn: &Connection,
    me: Msisdn,
    token: &MarkToken,
    key: MarkKeyId,
    holders: &[i64],
    settled: &mut Settled,
) -> Rows<()> {
    for reg in holders {
        let Some(viewer) = number_of(conn, *reg)?.filter(|viewer| *viewer != me) else { continue };
        if is_contact(conn, key, *reg, token)? {
            let link = NewLink { token: *token, key, kind: OPEN, a: viewer, b: me, by: viewer };
            links::make(conn, &link, settled)?;
        }
    }
    Ok(())
}

/// Forgets some of what was told under retired keys and by registrations that ended. Whether more is left.
pub(crate) fn sweep(conn: &Connection, limit: u32, viewers: &mut Vec<Msisdn>) -> Rows<bool> {
    let retired: Option<u32> = conn
        .prepare_cached("SELECT id FROM mark_keys WHERE state = ?1 LIMIT 1")?
        .query_row([RETIRED], |row| row.get(0))
        .optional()?;
    if let Some(key) = retired {
        let links = links::end_of_key(conn, key, limit, viewers)?;
        let opens = conn
            .prepare_cached("DELETE FROM opens WHERE (token, key, reg) IN (SELECT token, key, reg FROM opens WHERE key = ?1 LIMIT ?2)")?
            .execute([key, limit])?;
        let tokens = forget_some(conn, key, None, limit)?;
        let told = conn.prepare_cached("SELECT 1 FROM told WHERE key = ?1")?.exists([key])?;
        if links + opens + tokens == 0 && !told {
            conn.prepare_cached("UPDATE mark_keys SET state = ?2 WHERE id = ?1")?.execute(params![key, FORGOTTEN])?;
        }
        return Ok(true);
    }
    let dead: Option<i64> =
        conn.prepare_cached("SELECT reg FROM dead_regs LIMIT 1")?.query_row([], |row| row.get(0)).optional()?;
    let Some(reg) = dead else { return Ok(false) };
    let keys: Vec<u32> = conn
        .prepare_cached("SELECT id FROM mark_keys WHERE state <> ?1")?
        .query_map([FORGOTTEN], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut some = 0;
    for key in keys {
        some += forget_some(conn, key, Some(reg), limit)?;
    }
    if some == 0 {
        conn.prepare_cached("DELETE FROM dead_regs WHERE reg = ?1")?.execute([reg])?;
    }
    Ok(true)
}

/// An owner is no more: nobody sees it, it sees nobody, and what it told is forgotten by and by.
pub(crate) fn end(conn: &Connection, who: Msisdn, viewers: &mut Vec<Msisdn>) -> Rows<()> {
    if let Some(reg) = reg_of(conn, who)? {
        forget_open(conn, reg)?;
        conn.prepare_cached("INSERT OR IGNORE INTO dead_regs (reg) VALUES (?1)")?.execute([reg])?;
    }
    Ok(links::forget(conn, who, viewers)?)
}
