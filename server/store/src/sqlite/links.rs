//! Links between owners, and the marks that follow from them.

use super::owners::is_number_present;
use super::row::{Bits, Num, Rows, next_generation, next_link, number};
use rusqlite::{Connection, OptionalExtension, params};
use tandem_logic::matching::{Doubt, LinkId, LinkVerdict, PendingLink};
use tandem_logic::store_answer::Settled;
use tandem_model::{MarkKeyId, MarkToken, Msisdn};

/// Both told the token of their pair: each sees the other. The smaller number stands first. Stored: never renumber.
pub(crate) const PAIR: i64 = 0;
/// The first told the token of the second's number, who opened it: the first sees the second. Stored: never renumber.
pub(crate) const OPEN: i64 = 1;

/// Not confirmed yet. Stored, as those below: never renumber.
pub(crate) const PENDING: i64 = 0;
/// Confirmed.
pub(crate) const STANDS: i64 = 1;
/// Confirmed, and to be confirmed again because something was blocked since: what showed goes on showing until then.
pub(crate) const AGAIN: i64 = 2;
/// The second blocked the first.
pub(crate) const BLOCKED: i64 = 3;

/// A link that is to be.
pub(crate) struct NewLink {
    pub(crate) token: MarkToken,
    pub(crate) key: MarkKeyId,
    pub(crate) kind: i64,
    pub(crate) a: Msisdn,
    pub(crate) b: Msisdn,
    pub(crate) by: Msisdn,
}

/// Makes a link where there is none by this token yet. One by the token of a number stands at once where its owner blocked nobody.
pub(crate) fn make(conn: &Connection, link: &NewLink, settled: &mut Settled) -> rusqlite::Result<()> {
    let (a, b) = if link.kind == PAIR && link.b < link.a { (link.b, link.a) } else { (link.a, link.b) };
    let there = conn.prepare_cached("SELECT 1 FROM links WHERE token = ?1 AND a = ?2 AND b = ?3")?.exists(params![
        link.token.0,
        number(a),
        number(b)
    ])?;
    if there {
        return Ok(());
    }
    let stands = link.kind == OPEN && !has_blocked(conn, b)?;
    let state = if stands { STANDS } else { PENDING };
    conn.prepare_cached(
        "INSERT INTO links (id, a, b, token, key, kind, state, by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        next_link(conn)?,
        number(a),
        number(b),
        link.token.0,
        link.key.0,
        link.kind,
        state,
        number(link.by)
    ])?;
    settled.pending |= !stands;
    if stands { refresh(conn, a, b, &mut settled.viewers) } else { Ok(()) }
}

fn has_blocked(conn: &Connection, of: Msisdn) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM owners JOIN tokens INDEXED BY tokens_blocked ON tokens.reg = owners.reg AND tokens.kind = 1
         WHERE owners.number = ?1 AND owners.ended = 0",
    )?
    .exists([number(of)])
}

/// What somebody blocked, under every key.
fn blocked_of(conn: &Connection, of: Msisdn) -> rusqlite::Result<Vec<MarkToken>> {
    conn.prepare_cached(
        "SELECT tokens.token FROM owners JOIN tokens INDEXED BY tokens_blocked ON tokens.reg = owners.reg AND tokens.kind = 1
         WHERE owners.number = ?1 AND owners.ended = 0 ORDER BY tokens.key, tokens.token",
    )?
    .query_map([number(of)], |row| row.get(0).map(MarkToken))?
    .collect()
}

/// A row as it is acted on.
#[derive(Clone, Copy)]
pub(crate) struct LinkRow {
    pub(crate) id: i64,
    pub(crate) a: Msisdn,
    pub(crate) b: Msisdn,
    pub(crate) kind: i64,
    pub(crate) state: i64,
}

const LINK: &str = "SELECT id, a, b, kind, state FROM links";

fn row_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<LinkRow> {
    let (Num(a), Num(b)) = (row.get(1)?, row.get(2)?);
    Ok(LinkRow { id: row.get(0)?, a, b, kind: row.get(3)?, state: row.get(4)? })
}

fn rows(conn: &Connection, rest: &str, of: impl rusqlite::Params) -> rusqlite::Result<Vec<LinkRow>> {
    conn.prepare_cached(&format!("{LINK} {rest}"))?.query_map(of, row_of)?.collect()
}

/// Ends a link, and what showed by it alone.
pub(crate) fn end(conn: &Connection, link: LinkRow, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM links WHERE id = ?1")?.execute([link.id])?;
    refresh_link(conn, link, viewers)
}

fn refresh_link(conn: &Connection, link: LinkRow, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    refresh(conn, link.a, link.b, viewers)?;
    if link.kind == PAIR { refresh(conn, link.b, link.a, viewers) } else { Ok(()) }
}

/// A link goes on in another state, under another name: whatever was asked about it before says nothing any more.
fn renew(conn: &Connection, link: LinkRow, state: i64, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE links SET id = ?2, state = ?3 WHERE id = ?1")?.execute(params![
        link.id,
        next_link(conn)?,
        state
    ])?;
    refresh_link(conn, link, viewers)
}

/// Somebody tells a token no more, or blocks by it: what it held up falls.
pub(crate) fn end_by_token(conn: &Connection, token: &MarkToken, me: Msisdn, settled: &mut Settled) -> Rows<()> {
    let mine = if token.is_of_number() {
        rows(conn, "WHERE token = ?1 AND a = ?2 AND kind = 1", params![token.0, number(me)])?
    } else {
        rows(conn, "WHERE token = ?1 AND (a = ?2 OR b = ?2)", params![token.0, number(me)])?
    };
    for link in mine {
        end(conn, link, &mut settled.viewers)?;
    }
    Ok(())
}

/// Ends the links that an owner opened by a token of its own number.
pub(crate) fn end_opened(conn: &Connection, token: &MarkToken, me: Msisdn, settled: &mut Settled) -> Rows<()> {
    for link in rows(conn, "WHERE token = ?1 AND b = ?2 AND kind = 1", params![token.0, number(me)])? {
        end(conn, link, &mut settled.viewers)?;
    }
    Ok(())
}

/// Ends some links of a key. How many there were.
pub(crate) fn end_of_key(conn: &Connection, key: u32, limit: u32, viewers: &mut Vec<Msisdn>) -> Rows<usize> {
    let links = rows(conn, "WHERE key = ?1 LIMIT ?2", params![key, limit])?;
    let count = links.len();
    for link in links {
        end(conn, link, viewers)?;
    }
    Ok(count)
}

/// An owner blocked somebody: `told` are those that tell the very token and need no asking; everybody else who sees the owner
/// by its number's token is asked about again.
pub(crate) fn blocked(conn: &Connection, me: Msisdn, told: &[Msisdn], settled: &mut Settled) -> Rows<()> {
    for link in rows(conn, "WHERE b = ?1 AND kind = 1 AND state <> 3", [number(me)])? {
        let state = match link.state {
            _ if told.contains(&link.a) => BLOCKED,
            STANDS | AGAIN => AGAIN,
            _ => PENDING,
        };
        renew(conn, link, state, &mut settled.viewers)?;
        settled.pending |= state != BLOCKED;
    }
    Ok(())
}

/// An owner blocked somebody no longer: whoever was kept from seeing it is asked about again.
pub(crate) fn unblocked(conn: &Connection, me: Msisdn, settled: &mut Settled) -> Rows<()> {
    for link in rows(conn, "WHERE b = ?1 AND kind = 1 AND state = 3", [number(me)])? {
        renew(conn, link, PENDING, &mut settled.viewers)?;
        settled.pending = true;
    }
    Ok(())
}

/// All links of an owner that is no more, and all it saw.
pub(crate) fn forget(conn: &Connection, me: Msisdn, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    let mut links = rows(conn, "WHERE a = ?1", [number(me)])?;
    links.extend(rows(conn, "WHERE b = ?1", [number(me)])?);
    for link in links {
        end(conn, link, viewers)?;
    }
    conn.prepare_cached("DELETE FROM marks WHERE viewer = ?1")?.execute([number(me)])?;
    Ok(())
}

pub(crate) fn pending(conn: &Connection, after: LinkId, limit: u32) -> Rows<Vec<PendingLink>> {
    let waiting: Vec<(LinkRow, MarkToken, Num)> = conn
        .prepare_cached(
            "SELECT id, a, b, kind, state, token, by FROM links WHERE state IN (0, 2) AND id > ?1 ORDER BY id LIMIT ?2",
        )?
        .query_map(params![Bits(after.0), limit], |row| Ok((row_of(row)?, MarkToken(row.get(5)?), row.get(6)?)))?
        .collect::<Result<_, _>>()?;
    let mut links = Vec::with_capacity(waiting.len());
    for (link, token, Num(by)) in waiting {
        let doubt = if link.kind == PAIR { Doubt::Pair(token) } else { Doubt::Blocked(blocked_of(conn, link.b)?) };
        links.push(PendingLink { id: LinkId(link.id.cast_unsigned()), viewer: link.a, seen: link.b, by, doubt });
    }
    Ok(links)
}

pub(crate) fn settle(conn: &Connection, verdicts: &[(LinkId, LinkVerdict)]) -> Rows<Settled> {
    let mut settled = Settled::default();
    for (id, verdict) in verdicts {
        let found = conn
            .prepare_cached(&format!("{LINK} WHERE id = ?1 AND state IN (0, 2)"))?
            .query_row([Bits(id.0)], row_of)
            .optional()?;
        let Some(link) = found else { continue };
        match verdict {
            LinkVerdict::Stands => set_state(conn, link, STANDS, &mut settled.viewers)?,
            LinkVerdict::Falls if link.kind == PAIR => {
                settled.forged += 1;
                end(conn, link, &mut settled.viewers)?;
            }
            LinkVerdict::Falls => set_state(conn, link, BLOCKED, &mut settled.viewers)?,
        }
    }
    settled.viewers.sort_unstable();
    settled.viewers.dedup();
    Ok(settled)
}

fn set_state(conn: &Connection, link: LinkRow, state: i64, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE links SET state = ?2 WHERE id = ?1")?.execute(params![link.id, state])?;
    refresh_link(conn, link, viewers)
}

/// Works out again whether `viewer` sees `seen`, and remembers when that changed.
fn refresh(conn: &Connection, viewer: Msisdn, seen: Msisdn, viewers: &mut Vec<Msisdn>) -> rusqlite::Result<()> {
    let (viewer_sql, seen_sql) = (number(viewer), number(seen));
    let linked = conn
        .prepare_cached(
            "SELECT 1 FROM links WHERE a = ?1 AND b = ?2 AND state IN (1, 2)
             UNION ALL SELECT 1 FROM links WHERE a = ?2 AND b = ?1 AND kind = 0 AND state IN (1, 2)",
        )?
        .exists([viewer_sql, seen_sql])?;
    let visible = linked && is_number_present(conn, viewer)? && is_number_present(conn, seen)?;
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

pub(crate) fn is_visible(conn: &Connection, viewer: Msisdn, seen: Msisdn) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM marks WHERE viewer = ?1 AND seen = ?2 AND visible = 1")?
        .exists([number(viewer), number(seen)])
}
