//! How values stand in rows, and what errors mean.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode};
use tandem_logic::StoreFault;
use tandem_logic::store_op::Owner;
use tandem_model::{Msisdn, NumberEpoch, Signature, TerminalState, TextId};

/// Why a use case did not go through.
#[derive(Debug)]
pub(crate) enum RowError {
    /// Another owner.
    Fenced,
    /// The database.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> RowError {
        RowError::Sql(error)
    }
}

/// What a use case gives.
pub(crate) type Rows<T> = Result<T, RowError>;

/// What an error means for whoever asked.
pub(crate) fn fault(error: &rusqlite::Error) -> StoreFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreFault::Full,
        Some(_) | None => StoreFault::Broken,
    }
}

/// A number as an INTEGER.
#[derive(Clone, Copy)]
pub(crate) struct Num(pub(crate) Msisdn);

pub(crate) const fn number(number: Msisdn) -> Num {
    Num(number)
}

impl ToSql for Num {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.as_u64().cast_signed()))
    }
}

impl FromSql for Num {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Num> {
        let raw = value.as_i64()?;
        Msisdn::try_from(raw.cast_unsigned()).map(Num).map_err(|_| FromSqlError::OutOfRange(raw))
    }
}

/// An id of 64 bits as an INTEGER: the same bits, so that only equality means anything above the sign.
#[derive(Clone, Copy)]
pub(crate) struct Bits(pub(crate) u64);

impl ToSql for Bits {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.cast_signed()))
    }
}

impl FromSql for Bits {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Bits> {
        value.as_i64().map(|raw| Bits(raw.cast_unsigned()))
    }
}

pub(crate) const fn epoch(owner: Owner) -> Bits {
    Bits(owner.epoch.0)
}

pub(crate) const fn owner(number: Num, epoch: Bits) -> Owner {
    Owner { number: number.0, epoch: NumberEpoch(epoch.0) }
}

/// Device epoch and counter of a text.
pub(crate) const fn id_bits(id: TextId) -> (Bits, Bits) {
    (Bits(id.device_epoch.0), Bits(id.counter))
}

pub(crate) const fn text_id(device_epoch: Bits, counter: Bits) -> TextId {
    TextId { device_epoch: tandem_model::DeviceEpoch(device_epoch.0), counter: counter.0 }
}

/// An end as an INTEGER. The numbers are stored: never renumber them.
#[derive(Clone, Copy)]
pub(crate) struct End(pub(crate) TerminalState);

impl ToSql for End {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(match self.0 {
            TerminalState::Delivered => 1_i64,
            TerminalState::Expired => 2,
            TerminalState::Cancelled => 3,
            TerminalState::HandedToSms => 4,
            TerminalState::RecipientChanged => 5,
        }))
    }
}

impl FromSql for End {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<End> {
        Ok(End(match value.as_i64()? {
            1 => TerminalState::Delivered,
            2 => TerminalState::Expired,
            3 => TerminalState::Cancelled,
            4 => TerminalState::HandedToSms,
            5 => TerminalState::RecipientChanged,
            other => return Err(FromSqlError::OutOfRange(other)),
        }))
    }
}

/// A signature as a BLOB of 64 bytes.
pub(crate) struct Sig(pub(crate) Signature);

impl ToSql for Sig {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.0.as_slice()))
    }
}

impl FromSql for Sig {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Sig> {
        <[u8; 64]>::column_result(value).map(|bytes| Sig(Signature(bytes)))
    }
}

/// The next generation of marks.
pub(crate) fn next_generation(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("UPDATE meta SET generation = generation + 1 RETURNING generation")?
        .query_row([], |row| row.get(0))
}

/// The next name of a link.
pub(crate) fn next_link(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("UPDATE meta SET link = link + 1 RETURNING link")?.query_row([], |row| row.get(0))
}

/// The next name of a registration.
pub(crate) fn next_reg(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("UPDATE meta SET reg = reg + 1 RETURNING reg")?.query_row([], |row| row.get(0))
}

/// The next place among all that came and happened.
pub(crate) fn next_order(conn: &Connection) -> rusqlite::Result<i64> {
    conn.prepare_cached("UPDATE meta SET ord = ord + 1 RETURNING ord")?.query_row([], |row| row.get(0))
}
