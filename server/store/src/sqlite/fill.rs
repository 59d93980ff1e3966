//! Owners that stand for a country, for benchmarks: put into a database that no server uses meanwhile.

use super::open::OpenError;
use super::row::{Bits, number};
use super::{SqliteConfig, SqliteStore};
use rusqlite::{Connection, params};
use tandem_model::random::SplitMix64;
use tandem_model::{MarkToken, Msisdn, Random as _, ServerMillis};

/// Rows of one transaction.
const CHUNK: u64 = 250_000;

/// A large prime: with it, neighbouring tokens belong to owners far apart.
const SPREAD: u64 = 1_000_000_007;

/// What a database is filled with.
#[derive(Clone, Copy, Debug)]
pub struct Filler {
    /// Owners, of numbers that follow one another.
    pub owners: u64,
    /// Random tokens of pairs that each of them told, under the newest key that lives.
    pub tokens_each: u64,
    /// The first number.
    pub first: Msisdn,
    /// Until when their leases run.
    pub lease_until: ServerMillis,
}

impl Filler {
    /// The token in one place of the table of all of them, which is in order.
    fn token(&self, place: u64) -> MarkToken {
        let total = self.owners.saturating_mul(self.tokens_each).max(1);
        let stride = u64::MAX / total;
        let mut random = SplitMix64(place);
        let high = place.saturating_mul(stride).saturating_add(random.below(stride.max(1)));
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        bytes.iter_mut().zip(high.to_be_bytes()).for_each(|(to, from)| *to = from);
        MarkToken::of_pair(bytes)
    }

    /// Whose it is, from zero.
    fn owner(&self, place: u64) -> u64 {
        let spread = u128::from(place) * u128::from(SPREAD) % u128::from(self.owners.max(1));
        u64::try_from(spread).unwrap_or(0)
    }
}

impl SqliteStore {
    /// Fills a database, in the order of its tables. What is there already stays; owners of the same numbers must not be.
    ///
    /// # Errors
    /// [`OpenError`], and [`OpenError::Sqlite`] without a key that lives: a server must have run on it once.
    pub fn fill(config: &SqliteConfig, filler: &Filler) -> Result<(), OpenError> {
        drop(SqliteStore::open(config)?);
        let mut conn = Connection::open(&config.path)?;
        // The database is of no worth if the machine stops.
        conn.execute_batch("PRAGMA synchronous = off; PRAGMA cache_size = -524288; PRAGMA wal_autocheckpoint = 50000")?;
        let key: u32 = conn.query_row("SELECT max(id) FROM mark_keys WHERE state = 1", [], |row| row.get(0))?;
        let reg: i64 = conn.query_row("SELECT reg FROM meta", [], |row| row.get(0))?;
        chunks(&mut conn, filler.owners, |conn, n| put_owner(conn, filler, reg, key, n))?;
        let total = filler.owners.saturating_mul(filler.tokens_each);
        chunks(&mut conn, total, |conn, place| {
            let reg = reg.saturating_add(1).saturating_add_unsigned(filler.owner(place));
            conn.prepare_cached("INSERT INTO holders (token, key, reg) VALUES (?1, ?2, ?3)")?.execute(params![
                filler.token(place).0,
                key,
                reg
            ])?;
            Ok(())
        })?;
        // The same by owner. Sorted by SQLite, which is quicker than to look each up.
        conn.execute_batch(&format!(
            "INSERT INTO tokens (key, reg, token, kind, round) SELECT key, reg, token, 0, 0 FROM holders
             WHERE key = {key} AND reg > {reg} ORDER BY reg, token;
             UPDATE meta SET reg = reg + {}, generation = generation + 1;
             PRAGMA wal_checkpoint(truncate); ANALYZE;",
            filler.owners
        ))?;
        Ok(())
    }
}

fn put_owner(conn: &Connection, filler: &Filler, reg: i64, key: u32, n: u64) -> rusqlite::Result<()> {
    let mut random = SplitMix64(n);
    let (mut device_key, mut signature) = ([0; 32], [0; 64]);
    random.fill(&mut device_key);
    random.fill(&mut signature);
    let Ok(who) = Msisdn::try_from(filler.first.as_u64().saturating_add(n)) else {
        return Err(rusqlite::Error::InvalidQuery);
    };
    let reg = reg.saturating_add(1).saturating_add_unsigned(n);
    conn.prepare_cached(
        "INSERT INTO owners (number, epoch, device_key, sealing_id, sealing_public, sealing_signature, imsi, lease_until,
         ended, generation, reg, open) VALUES (?1, 1, ?2, 1, ?2, ?3, NULL, ?4, 0, 1, ?5, 0)",
    )?
    .execute(params![number(who), device_key, signature.as_slice(), filler.lease_until.0, reg])?;
    conn.prepare_cached("INSERT INTO told VALUES (?1, ?2, ?3, ?4, 0, 0, ?3, 0, 0)")?.execute(params![
        key,
        reg,
        Bits(filler.tokens_each),
        [0_u8; 16]
    ])?;
    Ok(())
}

fn chunks(
    conn: &mut Connection,
    count: u64,
    put: impl Fn(&Connection, u64) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut from = 0;
    while from < count {
        let to = from.saturating_add(CHUNK).min(count);
        let group = conn.transaction()?;
        for n in from..to {
            put(&group, n)?;
        }
        group.commit()?;
        from = to;
    }
    Ok(())
}
