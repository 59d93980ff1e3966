//! What a machine gets back at boot.

use crate::codes;
use crate::outcome::StoreError;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use tandem_model::rows::{
    IncomingRow, LogLeg, LogPeer, LogRow, MetaRow, OutgoingRow, PreferenceRow, RegistrationPhase, RegistrationRow,
    Restored, SettingsRow,
};
use tandem_model::vault::KeyHandle;
use tandem_model::{
    CallId, DeviceEpoch, DeviceKey, ImsiToken, KeyedImsiKey, Line, Mark, MarkGeneration, MarkState, Msisdn,
    NumberEpoch, RegistrationId, SealingKey, SealingKeyId, Secret, SenderSeq, ServerMillis, Signature, TextBody,
    TextId, WallMillis,
};

type Read<T> = Result<T, StoreError>;

pub(crate) fn restored(conn: &Connection) -> Read<Restored> {
    let meta = meta(conn)?;
    let sequences = match meta {
        Some(meta) => sequences(conn, meta.device_epoch)?,
        None => Vec::new(),
    };
    Ok(Restored {
        meta,
        registrations: registrations(conn)?,
        open_texts: open_texts(conn)?,
        sequences,
        received: received(conn)?,
        receipts_owed: receipts_owed(conn)?,
        marks: marks(conn)?,
        contacts: contacts(conn)?,
        matching: crate::matching::restored(conn)?,
        preferences: preferences(conn)?,
        open_logs: open_logs(conn)?,
        settings: settings(conn)?,
    })
}

/// Runs a query and reads every row; a row that cannot be what it says is damage.
pub(crate) fn each<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn meta(conn: &Connection) -> Read<Option<MetaRow>> {
    Ok(conn
        .query_row("SELECT device_epoch, next_text, next_log FROM meta", [], |row| {
            Ok(MetaRow {
                device_epoch: DeviceEpoch(unsigned(row, 0)?),
                next_text: unsigned(row, 1)?,
                next_log: unsigned(row, 2)?,
            })
        })
        .optional()?)
}

fn registrations(conn: &Connection) -> Read<Vec<RegistrationRow>> {
    each(
        conn,
        "SELECT line, number, device_key, sealing_key, typed, imsi_token, phase, registration_id, expires_at, imsi_key,
             epoch, since
         FROM registration ORDER BY line",
        [],
        |row| {
            let imsi_key = row.get::<_, Option<[u8; 32]>>(9)?.map(|key| KeyedImsiKey(Secret::new(key)));
            let epoch = unsigned_if(row, 10)?.map(NumberEpoch);
            let phase = match row.get::<_, i64>(6)? {
                0 => RegistrationPhase::Asking,
                1 => RegistrationPhase::Proving {
                    id: RegistrationId(row.get(7)?),
                    expires_at: ServerMillis(row.get(8)?),
                    imsi_key: there(imsi_key)?,
                },
                2 => RegistrationPhase::Registered {
                    epoch: there(epoch)?,
                    imsi_key: there(imsi_key)?,
                    since: WallMillis(row.get(11)?),
                },
                3 => {
                    let epoch = there(epoch)?;
                    RegistrationPhase::Unregistering { epoch: (epoch != NumberEpoch(0)).then_some(epoch) }
                }
                _ => return Err(StoreError::Damaged),
            };
            Ok(RegistrationRow {
                line: Line(row.get(0)?),
                number: number(row, 1)?,
                key: KeyHandle(unsigned(row, 2)?),
                sealing_key: SealingKeyId(row.get(3)?),
                typed: row.get(4)?,
                imsi: row.get::<_, Option<[u8; 32]>>(5)?.map(ImsiToken),
                phase,
            })
        },
    )
}

/// The columns [`outgoing_row`] reads, from index 1; index 0 is the position.
pub(crate) const OUTGOING_COLUMNS: &str = "position, device_epoch, counter, line, recipient, to_epoch, seq, body, \
     written_at, status, ending, seen, stored_at";

pub(crate) fn open_texts(conn: &Connection) -> Read<Vec<OutgoingRow>> {
    each(
        conn,
        &format!(
            "SELECT {OUTGOING_COLUMNS} FROM thread JOIN outgoing USING (position) WHERE status IN (0, 1, 3) ORDER BY position"
        ),
        [],
        outgoing_row,
    )
}

pub(crate) fn outgoing_row(row: &Row<'_>) -> Read<OutgoingRow> {
    Ok(OutgoingRow {
        id: TextId { device_epoch: DeviceEpoch(unsigned(row, 1)?), counter: unsigned(row, 2)? },
        line: Line(row.get(3)?),
        to: number(row, 4)?,
        to_epoch: unsigned_if(row, 5)?.map(NumberEpoch),
        seq: unsigned_if(row, 6)?.map(SenderSeq),
        body: there(TextBody::new(row.get::<_, String>(7)?))?,
        written_at: WallMillis(row.get(8)?),
        status: there(codes::status_from(row.get(9)?, row.get(10)?, row.get(11)?))?,
        stored_at: row.get::<_, Option<i64>>(12)?.map(ServerMillis),
    })
}

/// The columns [`incoming_row`] reads, from index 1; index 0 is the position.
pub(crate) const INCOMING_COLUMNS: &str = "position, line, sender, device_epoch, counter, seq, gap_before, body, bearer, \
     sent_at, received_at, seen";

pub(crate) fn incoming_row(row: &Row<'_>) -> Read<IncomingRow> {
    let body = match row.get::<_, Option<String>>(7)? {
        Some(body) => Some(there(TextBody::new(body))?),
        None => None,
    };
    Ok(IncomingRow {
        line: Line(row.get(1)?),
        from: number(row, 2)?,
        id: TextId { device_epoch: DeviceEpoch(unsigned(row, 3)?), counter: unsigned(row, 4)? },
        seq: unsigned_if(row, 5)?.map(SenderSeq),
        gap_before: unsigned(row, 6)?,
        body,
        bearer: there(codes::bearer_from(row.get(8)?))?,
        sent_at: WallMillis(row.get(9)?),
        received_at: WallMillis(row.get(10)?),
        read: row.get(11)?,
    })
}

fn sequences(conn: &Connection, epoch: DeviceEpoch) -> Read<Vec<(Msisdn, SenderSeq)>> {
    each(
        conn,
        "SELECT recipient, seq FROM sent_seq WHERE device_epoch = ?1 ORDER BY recipient",
        [epoch.0.cast_signed()],
        |row| Ok((number(row, 0)?, SenderSeq(unsigned(row, 1)?))),
    )
}

fn received(conn: &Connection) -> Read<Vec<(Msisdn, DeviceEpoch, SenderSeq)>> {
    let mut all = each(conn, "SELECT sender, device_epoch, seq FROM received_seq", [], |row| {
        Ok((number(row, 0)?, DeviceEpoch(unsigned(row, 1)?), SenderSeq(unsigned(row, 2)?)))
    })?;
    // Epochs use all 64 bits, which SQLite would order as signed.
    all.sort_unstable();
    Ok(all)
}

fn receipts_owed(conn: &Connection) -> Read<Vec<(Msisdn, Vec<TextId>)>> {
    let owed = each(
        conn,
        "SELECT sender, device_epoch, counter FROM incoming WHERE receipt = 1 ORDER BY sender, position",
        [],
        |row| {
            Ok((number(row, 0)?, TextId { device_epoch: DeviceEpoch(unsigned(row, 1)?), counter: unsigned(row, 2)? }))
        },
    )?;
    let mut grouped: Vec<(Msisdn, Vec<TextId>)> = Vec::new();
    for (sender, id) in owed {
        match grouped.last_mut() {
            Some((last, ids)) if *last == sender => ids.push(id),
            Some(_) | None => grouped.push((sender, vec![id])),
        }
    }
    Ok(grouped)
}

fn marks(conn: &Connection) -> Read<Vec<(Line, MarkGeneration, Vec<Mark>)>> {
    let seen = each(conn, "SELECT line, generation FROM marks_seen ORDER BY line", [], |row| {
        Ok((Line(row.get(0)?), MarkGeneration(unsigned(row, 1)?)))
    })?;
    seen.into_iter().map(|(line, generation)| Ok((line, generation, marks_of(conn, line)?))).collect()
}

fn marks_of(conn: &Connection, line: Line) -> Read<Vec<Mark>> {
    each(
        conn,
        "SELECT number, generation, epoch, device_key, sealing_id, sealing_public, sealing_signature, lease_until
         FROM mark WHERE line = ?1 ORDER BY number",
        [line.0],
        |row| {
            let state = match unsigned_if(row, 2)? {
                None => MarkState::Unmarked,
                Some(epoch) => MarkState::Marked {
                    epoch: NumberEpoch(epoch),
                    device_key: DeviceKey(row.get(3)?),
                    sealing_key: SealingKey {
                        id: SealingKeyId(row.get(4)?),
                        public: row.get(5)?,
                        signature: Signature(row.get(6)?),
                    },
                    lease_until: ServerMillis(row.get(7)?),
                },
            };
            Ok(Mark { number: number(row, 0)?, generation: MarkGeneration(unsigned(row, 1)?), state })
        },
    )
}

pub(crate) fn contacts(conn: &Connection) -> Read<Vec<Msisdn>> {
    each(conn, "SELECT number FROM contact ORDER BY number", [], |row| number(row, 0))
}

fn preferences(conn: &Connection) -> Read<Vec<PreferenceRow>> {
    each(conn, "SELECT contact, number FROM preference ORDER BY contact", [], |row| {
        Ok(PreferenceRow { contact: row.get(0)?, number: number(row, 1)? })
    })
}

/// The columns [`log_row`] reads.
pub(crate) const LOG_COLUMNS: &str = "id, call, line, peer, dialed, outgoing, started_at, finish";

fn open_logs(conn: &Connection) -> Read<Vec<LogRow>> {
    each(conn, &format!("SELECT {LOG_COLUMNS} FROM log WHERE finish IS NULL ORDER BY id"), [], |row| log_row(conn, row))
}

pub(crate) fn log_row(conn: &Connection, row: &Row<'_>) -> Read<LogRow> {
    let id = unsigned(row, 0)?;
    let peer = match (unsigned_if(row, 3)?, row.get::<_, Option<String>>(4)?) {
        (Some(peer), None) => LogPeer::Number(Msisdn::try_from(peer).map_err(|_| StoreError::Damaged)?),
        (None, Some(dialed)) => LogPeer::Dialed(Secret::new(dialed)),
        (Some(_), Some(_)) | (None, None) => return Err(StoreError::Damaged),
    };
    let end = match row.get::<_, Option<i64>>(7)? {
        Some(code) => Some(there(codes::end_from(code))?),
        None => None,
    };
    let legs = each(
        conn,
        "SELECT bearer, talked_ms, why FROM log_leg WHERE log = ?1 ORDER BY position",
        [id.cast_signed()],
        |leg| {
            Ok(LogLeg {
                bearer: there(codes::bearer_from(leg.get(0)?))?,
                talked_ms: unsigned(leg, 1)?,
                why: match leg.get::<_, Option<i64>>(2)? {
                    Some(code) => Some(there(codes::why_from(code))?),
                    None => None,
                },
            })
        },
    )?;
    Ok(LogRow {
        id,
        call: row.get::<_, Option<[u8; 16]>>(1)?.map(CallId),
        line: Line(row.get(2)?),
        peer,
        outgoing: row.get(5)?,
        started_at: WallMillis(row.get(6)?),
        legs,
        end,
    })
}

fn settings(conn: &Connection) -> Read<Option<SettingsRow>> {
    each(conn, "SELECT standing_choice, read_receipts FROM settings", [], |row| {
        Ok(SettingsRow { standing_choice: there(codes::standing_from(row.get(0)?))?, read_receipts: row.get(1)? })
    })
    .map(|mut rows| rows.pop())
}

pub(crate) fn there<T>(value: Option<T>) -> Read<T> {
    value.ok_or(StoreError::Damaged)
}

pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    get::<i64>(row, column).map(i64::cast_unsigned)
}

fn unsigned_if(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    get::<Option<i64>>(row, column).map(|value| value.map(i64::cast_unsigned))
}

pub(crate) fn number(row: &Row<'_>, column: usize) -> Read<Msisdn> {
    Msisdn::try_from(unsigned(row, column)?).map_err(|_| StoreError::Damaged)
}

fn get<T: FromSql>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get(column)
}
