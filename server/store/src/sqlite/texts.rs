//! Texts from the moment they are stored until everybody knows their end.

use super::matching::visible_epoch;
use super::owners::{charge, fence};
use super::row::{Bits, End, Num, Rows, epoch, id_bits, next_order, number, owner, text_id};
use crate::store::Page;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tandem_logic::store_answer::{EndOwed, ReadOwed, SwapOutcome, TextOutcome, WaitingText};
use tandem_logic::store_op::{Owner, StoreText, SwapText};
use tandem_model::{Msisdn, NumberEpoch, SealedBody, SenderSeq, ServerMillis, TerminalState, TextId};

/// A text by sender and id.
pub(crate) type TextKey = (Msisdn, TextId);

/// Sender, device epoch and counter of a row that begins with them.
pub(crate) fn key_of(row: &Row<'_>) -> rusqlite::Result<TextKey> {
    Ok((row.get::<_, Num>(0)?.0, text_id(row.get(1)?, row.get(2)?)))
}

/// When a text was stored, and its end.
type Known = (Option<ServerMillis>, Option<(TerminalState, ServerMillis)>);

fn known(conn: &Connection, key: TextKey) -> rusqlite::Result<Option<Known>> {
    let (device_epoch, counter) = id_bits(key.1);
    conn.prepare_cached(
        "SELECT stored_at, end_state, end_at FROM texts WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3",
    )?
    .query_row(params![number(key.0), device_epoch, counter], |row| {
        let stored_at = row.get::<_, Option<i64>>(0)?.map(ServerMillis);
        let end = row.get::<_, Option<End>>(1)?.map(|End(state)| state);
        let end_at = row.get::<_, Option<i64>>(2)?.map(ServerMillis);
        Ok((stored_at, end.zip(end_at)))
    })
    .optional()
}

pub(crate) fn store_text(conn: &Connection, at: ServerMillis, op: &StoreText) -> Rows<TextOutcome> {
    fence(conn, op.sender)?;
    let me = op.sender.number;
    if let Some((stored_at, end)) = known(conn, (me, op.id))? {
        return Ok(TextOutcome::Known { stored_at, end });
    }
    if let Some(before) = op.behind
        && known(conn, (me, before))?.is_none()
    {
        return Ok(TextOutcome::Behind);
    }
    match visible_epoch(conn, me, op.to.number)? {
        None => return Ok(TextOutcome::NotAvailable),
        Some(present) if present != op.to.epoch => return Ok(TextOutcome::RecipientChanged),
        Some(_) => {}
    }
    let size = i64::try_from(op.sealed.0.len()).unwrap_or(i64::MAX);
    let (texts, bytes): (u32, i64) = conn
        .prepare_cached("SELECT texts, bytes FROM mailboxes WHERE number = ?1")?
        .query_row([number(op.to.number)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or_default();
    let full = u64::try_from(bytes.saturating_add(size)).unwrap_or(u64::MAX) > op.mailbox_bytes;
    if texts >= op.mailbox_texts || full {
        return Ok(TextOutcome::MailboxFull);
    }
    if let Some(spent) = charge(conn, at, &op.charges)? {
        return Ok(TextOutcome::Spent(spent));
    }
    let order = next_order(conn)?;
    let (device_epoch, counter) = id_bits(op.id);
    conn.prepare_cached(
        "INSERT INTO texts (sender, device_epoch, counter, sender_epoch, recipient, recipient_epoch, seq, sealed,
         stored_at, expires_at, ord) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        number(me),
        device_epoch,
        counter,
        epoch(op.sender),
        number(op.to.number),
        epoch(op.to),
        Bits(op.seq.0),
        op.sealed.0,
        at.0,
        op.expires_at.0,
        order
    ])?;
    conn.prepare_cached(
        "INSERT INTO mailboxes (number, texts, bytes) VALUES (?1, 1, ?2)
         ON CONFLICT (number) DO UPDATE SET texts = texts + 1, bytes = bytes + excluded.bytes",
    )?
    .execute(params![number(op.to.number), size])?;
    Ok(TextOutcome::Stored { order: order.cast_unsigned() })
}

pub(crate) fn swap_text(conn: &Connection, at: ServerMillis, op: &SwapText) -> Rows<SwapOutcome> {
    fence(conn, op.sender)?;
    let key = (op.sender.number, op.id);
    match known(conn, key)? {
        Some((_, Some((end, at)))) => return Ok(SwapOutcome::End { end, at }),
        Some((_, None)) => {
            end_text(conn, key, op.end, at)?;
        }
        None => {
            if let Some(spent) = charge(conn, at, &op.charges)? {
                return Ok(SwapOutcome::Spent(spent));
            }
            let (device_epoch, counter) = id_bits(op.id);
            conn.prepare_cached(
                "INSERT INTO texts (sender, device_epoch, counter, sender_epoch, recipient, recipient_epoch, seq,
                 expires_at, ord, end_state, end_at, end_ord) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, ?6, 0, ?7, ?6, ?8)",
            )?
            .execute(params![
                number(key.0),
                device_epoch,
                counter,
                epoch(op.sender),
                number(op.to),
                at.0,
                End(op.end),
                next_order(conn)?
            ])?;
        }
    }
    Ok(SwapOutcome::End { end: op.end, at })
}

/// Ends a text that has no end yet: its body goes, its end waits for its sender.
pub(crate) fn end_text(
    conn: &Connection,
    key: TextKey,
    state: TerminalState,
    at: ServerMillis,
) -> rusqlite::Result<Option<EndOwed>> {
    let (device_epoch, counter) = id_bits(key.1);
    let waiting = conn
        .prepare_cached(
            "SELECT sender_epoch, recipient, coalesce(length(sealed), 0) FROM texts
             WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3 AND end_state IS NULL",
        )?
        .query_row(params![number(key.0), device_epoch, counter], |row| {
            Ok((row.get::<_, Bits>(0)?, row.get::<_, Num>(1)?, row.get::<_, i64>(2)?))
        })
        .optional()?;
    let Some((sender_epoch, to, size)) = waiting else { return Ok(None) };
    let order = next_order(conn)?;
    conn.prepare_cached(
        "UPDATE texts SET sealed = NULL, end_state = ?4, end_at = ?5, end_ord = ?6
         WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3",
    )?
    .execute(params![number(key.0), device_epoch, counter, End(state), at.0, order])?;
    conn.prepare_cached("UPDATE mailboxes SET texts = texts - 1, bytes = bytes - ?2 WHERE number = ?1")?
        .execute(params![to, size])?;
    conn.prepare_cached("DELETE FROM mailboxes WHERE number = ?1 AND texts <= 0")?.execute([to])?;
    let sender = owner(Num(key.0), sender_epoch);
    Ok(Some(EndOwed { order: order.cast_unsigned(), sender, id: key.1, to: to.0, state, at }))
}

pub(crate) fn take_texts(
    conn: &Connection,
    at: ServerMillis,
    who: Owner,
    texts: &[(Msisdn, TextId)],
) -> Rows<Vec<EndOwed>> {
    let mut ends = Vec::new();
    for key in texts {
        let (device_epoch, counter) = id_bits(key.1);
        let mine = conn
            .prepare_cached(
                "SELECT 1 FROM texts WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3
                 AND recipient = ?4 AND recipient_epoch = ?5 AND end_state IS NULL",
            )?
            .exists(params![number(key.0), device_epoch, counter, number(who.number), epoch(who)])?;
        if mine {
            ends.extend(end_text(conn, *key, TerminalState::Delivered, at)?);
        }
    }
    Ok(ends)
}

pub(crate) fn texts_waiting(
    conn: &Connection,
    at: ServerMillis,
    who: Owner,
    after: u64,
    limit: u32,
    bytes: usize,
) -> Rows<Page<WaitingText>> {
    fence(conn, who)?;
    let mut select = conn.prepare_cached(
        "SELECT sender, device_epoch, counter, sender_epoch, seq, sealed, stored_at, ord FROM texts
         WHERE recipient = ?1 AND end_state IS NULL AND ord > ?2 AND recipient_epoch = ?3 AND expires_at > ?4
         ORDER BY ord LIMIT ?5",
    )?;
    let more = i64::from(limit).saturating_add(1);
    let mut rows = select.query(params![number(who.number), Bits(after), epoch(who), at.0, more])?;
    let mut items = Vec::new();
    let mut size = 0_usize;
    while let Some(row) = rows.next()? {
        let sealed = SealedBody(row.get::<_, Option<Vec<u8>>>(5)?.unwrap_or_default());
        size = size.saturating_add(sealed.0.len());
        if items.len() >= limit as usize || (size > bytes && !items.is_empty()) {
            return Ok(Page { items, complete: false });
        }
        let (from, id) = key_of(row)?;
        items.push(WaitingText {
            order: row.get::<_, Bits>(7)?.0,
            from: owner(Num(from), row.get(3)?),
            id,
            seq: SenderSeq(row.get::<_, Bits>(4)?.0),
            sealed,
            stored_at: ServerMillis(row.get(6)?),
        });
    }
    Ok(Page { items, complete: true })
}

pub(crate) fn ends_owed(conn: &Connection, who: Owner, after: u64, limit: u32) -> Rows<Page<EndOwed>> {
    let more = i64::from(limit).saturating_add(1);
    let items = conn
        .prepare_cached(
            "SELECT device_epoch, counter, recipient, end_state, end_at, end_ord FROM texts
             WHERE sender = ?1 AND end_state IS NOT NULL AND end_taken = 0 AND end_ord > ?2 AND sender_epoch = ?3
             ORDER BY end_ord LIMIT ?4",
        )?
        .query_map(params![number(who.number), Bits(after), epoch(who), more], |row| {
            Ok(EndOwed {
                order: row.get::<_, Bits>(5)?.0,
                sender: who,
                id: text_id(row.get(0)?, row.get(1)?),
                to: row.get::<_, Num>(2)?.0,
                state: row.get::<_, End>(3)?.0,
                at: ServerMillis(row.get(4)?),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(page(items, limit))
}

pub(crate) fn take_ends(conn: &Connection, who: Owner, ids: &[TextId]) -> Rows<()> {
    let mut take = conn.prepare_cached(
        "UPDATE texts SET end_taken = 1 WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3
         AND sender_epoch = ?4 AND end_state IS NOT NULL AND end_taken = 0",
    )?;
    for id in ids {
        let (device_epoch, counter) = id_bits(*id);
        take.execute(params![number(who.number), device_epoch, counter, epoch(who)])?;
    }
    Ok(())
}

pub(crate) fn store_reads(conn: &Connection, who: Owner, sender: Msisdn, ids: &[TextId]) -> Rows<Vec<ReadOwed>> {
    let mut reads = Vec::new();
    for id in ids {
        let (device_epoch, counter) = id_bits(*id);
        let unread = conn
            .prepare_cached(
                "SELECT sender_epoch FROM texts WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3
                 AND recipient = ?4 AND recipient_epoch = ?5 AND end_state = ?6 AND read_ord IS NULL",
            )?
            .query_row(
                params![
                    number(sender),
                    device_epoch,
                    counter,
                    number(who.number),
                    epoch(who),
                    End(TerminalState::Delivered)
                ],
                |row| row.get::<_, Bits>(0),
            )
            .optional()?;
        let Some(sender_epoch) = unread else { continue };
        let order = next_order(conn)?;
        conn.prepare_cached("UPDATE texts SET read_ord = ?4 WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3")?
            .execute(params![number(sender), device_epoch, counter, order])?;
        let sender = Owner { number: sender, epoch: NumberEpoch(sender_epoch.0) };
        reads.push(ReadOwed { order: order.cast_unsigned(), sender, by: who.number, id: *id });
    }
    Ok(reads)
}

pub(crate) fn reads_owed(conn: &Connection, who: Owner, after: u64, limit: u32) -> Rows<Page<ReadOwed>> {
    let more = i64::from(limit).saturating_add(1);
    let items = conn
        .prepare_cached(
            "SELECT device_epoch, counter, recipient, read_ord FROM texts
             WHERE sender = ?1 AND read_ord IS NOT NULL AND read_taken = 0 AND read_ord > ?2 AND sender_epoch = ?3
             ORDER BY read_ord LIMIT ?4",
        )?
        .query_map(params![number(who.number), Bits(after), epoch(who), more], |row| {
            Ok(ReadOwed {
                order: row.get::<_, Bits>(3)?.0,
                sender: who,
                by: row.get::<_, Num>(2)?.0,
                id: text_id(row.get(0)?, row.get(1)?),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(page(items, limit))
}

pub(crate) fn take_reads(conn: &Connection, who: Owner, by: Num, ids: &[TextId]) -> Rows<()> {
    let mut take = conn.prepare_cached(
        "UPDATE texts SET read_taken = 1 WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3
         AND sender_epoch = ?4 AND recipient = ?5 AND read_ord IS NOT NULL AND read_taken = 0",
    )?;
    for id in ids {
        let (device_epoch, counter) = id_bits(*id);
        take.execute(params![number(who.number), device_epoch, counter, epoch(who), by])?;
    }
    Ok(())
}

/// One more than the limit was asked for, to know whether there is one.
fn page<T>(mut items: Vec<T>, limit: u32) -> Page<T> {
    let complete = items.len() <= limit as usize;
    items.truncate(limit as usize);
    Page { items, complete }
}
