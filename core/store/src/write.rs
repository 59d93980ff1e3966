//! One change as SQL. Runs inside a savepoint of [`crate::PhoneStore`].

use crate::codes;
use rusqlite::{Connection, OptionalExtension, Result, named_params, params};
use tandem_model::rows::{
    Change, IncomingRow, LogPeer, LogRow, MetaRow, OutgoingRow, PreferenceRow, RegistrationPhase, RegistrationRow,
    SettingsRow,
};
use tandem_model::{Line, Mark, MarkGeneration, MarkState, Msisdn, ServerMillis, TextBody, TextId, TextStatus};

/// SQLite's integers are signed; counters and epochs keep all their bits.
pub(crate) const fn int(value: u64) -> i64 {
    value.cast_signed()
}

fn number(number: Msisdn) -> i64 {
    int(number.as_u64())
}

/// Writes one change; true when it was an insert of what is already there.
pub(crate) fn change(conn: &Connection, change: &Change) -> Result<bool> {
    match change {
        Change::PutMeta(row) => put_meta(conn, *row)?,
        Change::PutRegistration(row) => put_registration(conn, row)?,
        Change::DropRegistration(line) => drop_registration(conn, *line)?,
        Change::InsertOutgoing(row) => return insert_outgoing(conn, row),
        Change::SetOutgoingStatus { id, status, stored_at } => {
            return set_outgoing_status(conn, *id, *status, *stored_at);
        }
        Change::InsertIncoming(row) => return insert_incoming(conn, row),
        Change::MarkRead { from, ids, receipt } => mark_read(conn, *from, ids, *receipt)?,
        Change::ReceiptsSent { from, ids } => receipts_sent(conn, *from, ids)?,
        Change::PutMarks { line, generation, marks } => put_marks(conn, *line, *generation, marks)?,
        Change::DropMarks(line) => drop_marks(conn, *line)?,
        Change::PutContacts { added, removed } => put_contacts(conn, added, removed)?,
        Change::Matching(change) => crate::matching::change(conn, change)?,
        Change::PutPreference(row) => put_preference(conn, row)?,
        Change::PutLog(row) => put_log(conn, row)?,
        Change::PutSettings(row) => put_settings(conn, *row)?,
    }
    Ok(false)
}

fn put_meta(conn: &Connection, row: MetaRow) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO meta (id, device_epoch, next_text, next_log) VALUES (1, ?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET
             next_text = CASE WHEN device_epoch = excluded.device_epoch
                 THEN max(next_text, excluded.next_text) ELSE excluded.next_text END,
             next_log = max(next_log, excluded.next_log),
             device_epoch = excluded.device_epoch",
    )?
    .execute(params![int(row.device_epoch.0), int(row.next_text), int(row.next_log)])?;
    Ok(())
}

fn put_registration(conn: &Connection, row: &RegistrationRow) -> Result<()> {
    let (phase, id, expires_at, imsi_key, epoch, since) = match &row.phase {
        RegistrationPhase::Asking => (0, None, None, None, None, None),
        RegistrationPhase::Proving { id, expires_at, imsi_key } => {
            (1, Some(id.0), Some(expires_at.0), Some(imsi_key), None, None)
        }
        RegistrationPhase::Registered { epoch, imsi_key, since } => {
            (2, None, None, Some(imsi_key), Some(epoch.0), Some(since.0))
        }
        RegistrationPhase::Unregistering { epoch } => {
            (3, None, None, None, Some(epoch.map_or(0, |epoch| epoch.0)), None)
        }
    };
    conn.prepare_cached(
        "INSERT OR REPLACE INTO registration (line, number, device_key, sealing_key, typed, imsi_token, phase,
             registration_id, expires_at, imsi_key, epoch, since)
         VALUES (:line, :number, :device_key, :sealing_key, :typed, :imsi_token, :phase,
             :registration_id, :expires_at, :imsi_key, :epoch, :since)",
    )?
    .execute(named_params! {
        ":line": row.line.0,
        ":number": number(row.number),
        ":device_key": int(row.key.0),
        ":sealing_key": row.sealing_key.0,
        ":typed": row.typed,
        ":imsi_token": row.imsi.map(|token| token.0),
        ":phase": phase,
        ":registration_id": id,
        ":expires_at": expires_at,
        ":imsi_key": imsi_key.map(|key| *key.0.expose()),
        ":epoch": epoch.map(int),
        ":since": since,
    })?;
    Ok(())
}

fn drop_registration(conn: &Connection, line: Line) -> Result<()> {
    conn.prepare_cached("DELETE FROM registration WHERE line = ?1")?.execute([line.0])?;
    Ok(())
}

/// Takes the next place in the conversation with `peer`, with these words.
fn append(conn: &Connection, peer: Msisdn, body: Option<&TextBody>) -> Result<i64> {
    conn.prepare_cached("INSERT INTO thread (peer, body) VALUES (?1, ?2)")?
        .insert(params![number(peer), body.map(TextBody::as_str)])
}

fn insert_outgoing(conn: &Connection, row: &OutgoingRow) -> Result<bool> {
    let there = conn
        .prepare_cached("SELECT 1 FROM outgoing WHERE device_epoch = ?1 AND counter = ?2")?
        .query_row([int(row.id.device_epoch.0), int(row.id.counter)], |_| Ok(()))
        .optional()?;
    if there.is_some() {
        return Ok(true);
    }
    let (status, ending, seen) = codes::status(row.status);
    conn.prepare_cached(
        "INSERT INTO outgoing (position, device_epoch, counter, line, recipient, to_epoch, seq, written_at,
             status, ending, seen, stored_at)
         VALUES (:position, :device_epoch, :counter, :line, :recipient, :to_epoch, :seq, :written_at,
             :status, :ending, :seen, :stored_at)",
    )?
    .execute(named_params! {
        ":position": append(conn, row.to, Some(&row.body))?,
        ":device_epoch": int(row.id.device_epoch.0),
        ":counter": int(row.id.counter),
        ":line": row.line.0,
        ":recipient": number(row.to),
        ":to_epoch": row.to_epoch.map(|epoch| int(epoch.0)),
        ":seq": row.seq.map(|seq| int(seq.0)),
        ":written_at": row.written_at.0,
        ":status": status,
        ":ending": ending,
        ":seen": seen,
        ":stored_at": row.stored_at.map(|at| at.0),
    })?;
    if let Some(seq) = row.seq {
        conn.prepare_cached(
            "INSERT INTO sent_seq (device_epoch, recipient, seq) VALUES (?1, ?2, ?3)
             ON CONFLICT (device_epoch, recipient) DO UPDATE SET seq = max(seq, excluded.seq)",
        )?
        .execute([int(row.id.device_epoch.0), number(row.to), int(seq.0)])?;
    }
    Ok(false)
}

/// [`tandem_model::rows::status_after`] in SQL: the first end stays, and only a delivered text becomes read.
fn set_outgoing_status(
    conn: &Connection,
    id: TextId,
    status: TextStatus,
    stored_at: Option<ServerMillis>,
) -> Result<bool> {
    let (code, ending, seen) = codes::status(status);
    let applied = conn
        .prepare_cached(
            "UPDATE outgoing SET
             seen = CASE WHEN ending IS NULL THEN :seen
                 WHEN ending = 0 AND :ending IS 0 THEN max(seen, :seen)
                 ELSE seen END,
             ending = coalesce(ending, :ending),
             status = CASE WHEN ending IS NULL THEN :status ELSE status END,
             stored_at = coalesce(:stored_at, stored_at)
         WHERE device_epoch = :device_epoch AND counter = :counter
         RETURNING status = :status AND ending IS :ending AND seen >= :seen",
        )?
        .query_row(
            named_params! {
                ":status": code,
                ":ending": ending,
                ":seen": seen,
                ":stored_at": stored_at.map(|at| at.0),
                ":device_epoch": int(id.device_epoch.0),
                ":counter": int(id.counter),
            },
            |row| row.get::<_, bool>(0),
        )
        .optional()?;
    Ok(applied != Some(true))
}

fn insert_incoming(conn: &Connection, row: &IncomingRow) -> Result<bool> {
    let there = conn
        .prepare_cached("SELECT 1 FROM incoming WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3")?
        .query_row([number(row.from), int(row.id.device_epoch.0), int(row.id.counter)], |_| Ok(()))
        .optional()?;
    if there.is_some() {
        return Ok(true);
    }
    conn.prepare_cached(
        "INSERT INTO incoming (position, line, sender, device_epoch, counter, seq, gap_before, bearer, sent_at,
             received_at, seen, receipt)
         VALUES (:position, :line, :sender, :device_epoch, :counter, :seq, :gap_before, :bearer, :sent_at,
             :received_at, :seen, 0)",
    )?
    .execute(named_params! {
        ":position": append(conn, row.from, row.body.as_ref())?,
        ":line": row.line.0,
        ":sender": number(row.from),
        ":device_epoch": int(row.id.device_epoch.0),
        ":counter": int(row.id.counter),
        ":seq": row.seq.map(|seq| int(seq.0)),
        ":gap_before": int(row.gap_before),
        ":bearer": codes::bearer(row.bearer),
        ":sent_at": row.sent_at.0,
        ":received_at": row.received_at.0,
        ":seen": row.read,
    })?;
    if let Some(seq) = row.seq {
        conn.prepare_cached(
            "INSERT INTO received_seq (sender, device_epoch, seq) VALUES (?1, ?2, ?3)
             ON CONFLICT (sender, device_epoch) DO UPDATE SET seq = max(seq, excluded.seq)",
        )?
        .execute([number(row.from), int(row.id.device_epoch.0), int(seq.0)])?;
    }
    Ok(false)
}

/// A receipt that was sent is never owed again, however often a text is opened.
fn mark_read(conn: &Connection, from: Msisdn, ids: &[TextId], receipt: bool) -> Result<()> {
    let mut update = conn.prepare_cached(
        "UPDATE incoming SET seen = 1, receipt = CASE WHEN receipt = 0 AND ?4 THEN 1 ELSE receipt END
         WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3",
    )?;
    for id in ids {
        update.execute(params![number(from), int(id.device_epoch.0), int(id.counter), receipt])?;
    }
    Ok(())
}

fn receipts_sent(conn: &Connection, from: Msisdn, ids: &[TextId]) -> Result<()> {
    let mut update = conn
        .prepare_cached("UPDATE incoming SET receipt = 2 WHERE sender = ?1 AND device_epoch = ?2 AND counter = ?3")?;
    for id in ids {
        update.execute([number(from), int(id.device_epoch.0), int(id.counter)])?;
    }
    Ok(())
}

fn put_marks(conn: &Connection, line: Line, generation: MarkGeneration, marks: &[Mark]) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO marks_seen (line, generation) VALUES (?1, ?2)
         ON CONFLICT (line) DO UPDATE SET generation = excluded.generation",
    )?
    .execute(params![line.0, int(generation.0)])?;
    let mut insert = conn.prepare_cached(
        "INSERT OR REPLACE INTO mark (line, number, generation, epoch, device_key, sealing_id, sealing_public,
             sealing_signature, lease_until)
         VALUES (:line, :number, :generation, :epoch, :device_key, :sealing_id, :sealing_public,
             :sealing_signature, :lease_until)",
    )?;
    for mark in marks {
        let (epoch, device_key, sealing, lease) = match &mark.state {
            MarkState::Marked { epoch, device_key, sealing_key, lease_until } => {
                (Some(int(epoch.0)), Some(device_key.0), Some(sealing_key), Some(lease_until.0))
            }
            MarkState::Unmarked => (None, None, None, None),
        };
        insert.execute(named_params! {
            ":line": line.0,
            ":number": number(mark.number),
            ":generation": int(mark.generation.0),
            ":epoch": epoch,
            ":device_key": device_key,
            ":sealing_id": sealing.map(|key| key.id.0),
            ":sealing_public": sealing.map(|key| key.public),
            ":sealing_signature": sealing.map(|key| key.signature.0),
            ":lease_until": lease,
        })?;
    }
    Ok(())
}

fn drop_marks(conn: &Connection, line: Line) -> Result<()> {
    conn.prepare_cached("DELETE FROM marks_seen WHERE line = ?1")?.execute([line.0])?;
    Ok(())
}

/// A number that is both removed and added is there afterwards.
fn put_contacts(conn: &Connection, added: &[Msisdn], removed: &[Msisdn]) -> Result<()> {
    let mut delete = conn.prepare_cached("DELETE FROM contact WHERE number = ?1")?;
    for contact in removed {
        delete.execute([number(*contact)])?;
    }
    let mut insert = conn.prepare_cached("INSERT OR IGNORE INTO contact (number) VALUES (?1)")?;
    for contact in added {
        insert.execute([number(*contact)])?;
    }
    Ok(())
}

fn put_preference(conn: &Connection, row: &PreferenceRow) -> Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO preference (contact, number) VALUES (?1, ?2)")?
        .execute(params![row.contact, number(row.number)])?;
    Ok(())
}

fn put_log(conn: &Connection, row: &LogRow) -> Result<()> {
    let (peer, dialed) = match &row.peer {
        LogPeer::Number(peer) => (Some(number(*peer)), None),
        LogPeer::Dialed(digits) => (None, Some(digits.expose().as_str())),
    };
    // The legs of an entry that is replaced go with it.
    conn.prepare_cached("DELETE FROM log WHERE id = ?1")?.execute([int(row.id)])?;
    conn.prepare_cached(
        "INSERT INTO log (id, call, line, peer, dialed, outgoing, started_at, finish)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        int(row.id),
        row.call.map(|call| call.0),
        row.line.0,
        peer,
        dialed,
        row.outgoing,
        row.started_at.0,
        row.end.map(codes::end),
    ])?;
    let mut insert =
        conn.prepare_cached("INSERT INTO log_leg (log, position, bearer, talked_ms, why) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (position, leg) in (0_i64..).zip(&row.legs) {
        insert.execute(params![
            int(row.id),
            position,
            codes::bearer(leg.bearer),
            int(leg.talked_ms),
            leg.why.map(codes::why),
        ])?;
    }
    Ok(())
}

fn put_settings(conn: &Connection, row: SettingsRow) -> Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO settings (id, standing_choice, read_receipts) VALUES (1, ?1, ?2)")?
        .execute(params![codes::standing(row.standing_choice), row.read_receipts])?;
    Ok(())
}
