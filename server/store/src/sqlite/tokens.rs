//! What phones tell of their books, and whom it links.

use super::links::{self, NewLink, OPEN, PAIR};
use super::opens::is_live;
use super::owners::{charge, number_of, present_reg};
use super::row::{Num, Rows};
use rusqlite::{Connection, OptionalExtension, params};
use tandem_logic::matching::{SyncTokens, ToldTokens};
use tandem_logic::store_answer::{Settled, TokensOutcome};
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{MarkKeyId, MarkToken, Msisdn, ServerMillis, TokenDigest};

/// A contact's. Stored: never renumber.
const CONTACT: i64 = 0;
/// A blocked number's. Stored: never renumber.
const BLOCKED: i64 = 1;

/// The token of a pair has two honest holders. Of more that tell it, so many are looked at: whoever wanted to hide a pair from
/// itself would need as many registrations that know both numbers.
const HOLDERS_MAX: u32 = 16;

/// An owner under one key, and what changes.
struct Book<'a> {
    conn: &'a Connection,
    key: MarkKeyId,
    reg: i64,
    me: Msisdn,
    told: Told,
    settled: Settled,
}

/// Kind and round of a token that is held.
type Found = Option<(i64, i64)>;

/// What is told under one key, in sums.
#[derive(Clone, Copy, Default)]
struct Told {
    count: u32,
    digest: TokenDigest,
    round: i64,
    syncing: bool,
    named_pairs: u32,
    named_numbers: u32,
    named_blocked: u32,
}

impl Told {
    fn read(conn: &Connection, key: MarkKeyId, reg: i64) -> rusqlite::Result<Option<Told>> {
        conn.prepare_cached(
            "SELECT count, digest, round, syncing, named_pairs, named_numbers, named_blocked FROM told
             WHERE key = ?1 AND reg = ?2",
        )?
        .query_row(params![key.0, reg], |row| {
            Ok(Told {
                count: row.get(0)?,
                digest: TokenDigest(row.get(1)?),
                round: row.get(2)?,
                syncing: row.get(3)?,
                named_pairs: row.get(4)?,
                named_numbers: row.get(5)?,
                named_blocked: row.get(6)?,
            })
        })
        .optional()
    }

    fn write(&self, conn: &Connection, key: MarkKeyId, reg: i64) -> rusqlite::Result<()> {
        conn.prepare_cached("INSERT OR REPLACE INTO told VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(
            params![
                key.0,
                reg,
                self.count,
                self.digest.0,
                self.round,
                self.syncing,
                self.named_pairs,
                self.named_numbers,
                self.named_blocked
            ],
        )?;
        Ok(())
    }

    /// Where tokens of this kind are counted that were named in the present round.
    const fn named(&mut self, token: &MarkToken, kind: i64) -> &mut u32 {
        match (kind, token.is_of_number()) {
            (BLOCKED, _) => &mut self.named_blocked,
            (_, true) => &mut self.named_numbers,
            (_, false) => &mut self.named_pairs,
        }
    }

    fn toggle(&mut self, token: &MarkToken, comes: bool) {
        self.digest.toggle(token);
        self.count = if comes { self.count.saturating_add(1) } else { self.count.saturating_sub(1) };
    }
}

/// Each once, in the order of the table.
pub(crate) fn tidy(tokens: &[MarkToken]) -> Vec<MarkToken> {
    let mut tokens = tokens.to_vec();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

pub(crate) fn sync_tokens(conn: &Connection, at: ServerMillis, op: &SyncTokens) -> Rows<TokensOutcome> {
    let reg = present_reg(conn, op.owner)?;
    if !is_live(conn, op.key)? {
        return Ok(TokensOutcome::UnknownKey);
    }
    let told = Told::read(conn, op.key, reg)?.unwrap_or_default();
    let mut book = Book { conn, key: op.key, reg, me: op.owner.number, told, settled: Settled::default() };
    if op.replace {
        let round = book.told.round.saturating_add(1);
        book.told = Told { round, syncing: true, named_pairs: 0, named_numbers: 0, named_blocked: 0, ..book.told };
    }
    let (added, blocked) = (tidy(&op.added), tidy(&op.blocked));
    let found = book.find_all(added.iter().chain(&blocked))?;
    let (new, kept) = book.count(&found, &added, &blocked);
    if kept.pairs > op.contacts_max || kept.numbers > op.contacts_max || kept.blocked > op.blocked_max {
        return Ok(TokensOutcome::TooMany);
    }
    let units = new.pairs.saturating_add(new.blocked).max(new.numbers);
    if units > 0
        && let Some(spent) = charge(conn, at, &[Charge { units, ..op.new_tokens }])?
    {
        return Ok(TokensOutcome::Spent(spent));
    }
    for (token, found) in added.iter().zip(found) {
        book.add(token, found)?;
    }
    for token in &blocked {
        book.block(token)?;
    }
    for token in op.removed.iter().filter(|token| !added.contains(token)) {
        book.forget(token, CONTACT)?;
    }
    for token in op.unblocked.iter().filter(|token| !blocked.contains(token)) {
        book.forget(token, BLOCKED)?;
    }
    if op.last && book.told.syncing {
        book.forget_stale()?;
        book.told.syncing = false;
    }
    book.told.write(conn, op.key, reg)?;
    let Settled { mut viewers, pending, .. } = book.settled;
    viewers.sort_unstable();
    viewers.dedup();
    Ok(TokensOutcome::Synced { viewers, pending })
}

/// How many of each.
#[derive(Default)]
struct Counts {
    pairs: u32,
    numbers: u32,
    blocked: u32,
}

impl Counts {
    fn one(&mut self, token: &MarkToken, kind: i64) {
        let count = match (kind, token.is_of_number()) {
            (BLOCKED, _) => &mut self.blocked,
            (_, true) => &mut self.numbers,
            (_, false) => &mut self.pairs,
        };
        *count = count.saturating_add(1);
    }
}

impl Book<'_> {
    fn find(&self, token: &MarkToken) -> rusqlite::Result<Found> {
        self.conn
            .prepare_cached("SELECT kind, round FROM tokens WHERE key = ?1 AND reg = ?2 AND token = ?3")?
            .query_row(params![self.key.0, self.reg, token.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    }

    fn find_all<'t>(&self, tokens: impl Iterator<Item = &'t MarkToken>) -> rusqlite::Result<Vec<Found>> {
        tokens.map(|token| self.find(token)).collect()
    }

    /// How many are new, and how many there will be that count.
    fn count(&self, found: &[Found], added: &[MarkToken], blocked: &[MarkToken]) -> (Counts, Counts) {
        let mut new = Counts::default();
        let mut kept =
            Counts { pairs: self.told.named_pairs, numbers: self.told.named_numbers, blocked: self.told.named_blocked };
        let tokens = added.iter().map(|token| (token, CONTACT)).chain(blocked.iter().map(|token| (token, BLOCKED)));
        for ((token, kind), found) in tokens.zip(found) {
            if found.is_none() {
                new.one(token, kind);
            }
            if *found != Some((kind, self.told.round)) {
                kept.one(token, kind);
            }
        }
        (new, kept)
    }

    fn put(&mut self, token: &MarkToken, kind: i64) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO tokens (key, reg, token, kind, round) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![self.key.0, self.reg, token.0, kind, self.told.round])?;
        let named = self.told.named(token, kind);
        *named = named.saturating_add(1);
        Ok(())
    }

    /// Takes a row out of the sums.
    fn uncount(&mut self, token: &MarkToken, kind: i64, round: i64) {
        if kind == CONTACT {
            self.told.toggle(token, false);
        }
        if round == self.told.round {
            let named = self.told.named(token, kind);
            *named = named.saturating_sub(1);
        }
    }

    fn hold(&self, token: &MarkToken) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT OR IGNORE INTO holders (token, key, reg) VALUES (?1, ?2, ?3)")?
            .execute(params![token.0, self.key.0, self.reg])?;
        Ok(())
    }

    fn add(&mut self, token: &MarkToken, found: Found) -> Rows<()> {
        match found {
            Some((CONTACT, round)) if round == self.told.round => return Ok(()),
            Some((CONTACT, _)) => return Ok(self.put(token, CONTACT)?),
            Some((kind, round)) => {
                self.uncount(token, kind, round);
                self.put(token, CONTACT)?;
                links::unblocked(self.conn, self.me, &mut self.settled)?;
            }
            None => {
                self.put(token, CONTACT)?;
                self.hold(token)?;
            }
        }
        self.told.toggle(token, true);
        self.link(token)
    }

    fn link(&mut self, token: &MarkToken) -> Rows<()> {
        let (kind, others) =
            if token.is_of_number() { (OPEN, self.openers(token)?) } else { (PAIR, self.holders(token)?) };
        for other in others {
            let link = NewLink { token: *token, key: self.key, kind, a: self.me, b: other, by: self.me };
            links::make(self.conn, &link, &mut self.settled)?;
        }
        Ok(())
    }

    /// Who else tells the token as a contact's.
    fn holders(&self, token: &MarkToken) -> rusqlite::Result<Vec<Msisdn>> {
        let regs: Vec<i64> = self
            .conn
            .prepare_cached("SELECT reg FROM holders WHERE token = ?1 AND key = ?2 AND reg <> ?3 LIMIT ?4")?
            .query_map(params![token.0, self.key.0, self.reg, HOLDERS_MAX], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut others = Vec::new();
        for reg in regs {
            if is_contact(self.conn, self.key, reg, token)?
                && let Some(other) = number_of(self.conn, reg)?
            {
                others.push(other);
            }
        }
        Ok(others)
    }

    /// Whose number's token it is, of those who opened it.
    fn openers(&self, token: &MarkToken) -> rusqlite::Result<Vec<Msisdn>> {
        self.conn
            .prepare_cached(
                "SELECT owners.number FROM opens JOIN owners ON owners.reg = opens.reg AND owners.ended = 0
                 WHERE opens.token = ?1 AND opens.key = ?2 AND opens.reg <> ?3 LIMIT ?4",
            )?
            .query_map(params![token.0, self.key.0, self.reg, HOLDERS_MAX], |row| {
                row.get::<_, Num>(0).map(|Num(other)| other)
            })?
            .collect()
    }

    fn block(&mut self, token: &MarkToken) -> Rows<()> {
        match self.find(token)? {
            Some((BLOCKED, round)) if round == self.told.round => return Ok(()),
            Some((BLOCKED, _)) => return Ok(self.put(token, BLOCKED)?),
            Some((kind, round)) => {
                self.uncount(token, kind, round);
                links::end_by_token(self.conn, token, self.me, &mut self.settled)?;
            }
            None => self.hold(token)?,
        }
        self.put(token, BLOCKED)?;
        let told = self.holders(token)?;
        links::blocked(self.conn, self.me, &told, &mut self.settled)
    }

    fn forget(&mut self, token: &MarkToken, wanted: i64) -> Rows<()> {
        let Some((kind, round)) = self.find(token)?.filter(|(kind, _)| *kind == wanted) else { return Ok(()) };
        self.uncount(token, kind, round);
        delete(self.conn, self.key, self.reg, token)?;
        if kind == BLOCKED {
            links::unblocked(self.conn, self.me, &mut self.settled)
        } else {
            links::end_by_token(self.conn, token, self.me, &mut self.settled)
        }
    }

    /// The end of a full sync: what was not named is gone.
    fn forget_stale(&mut self) -> Rows<()> {
        let stale: Vec<(MarkToken, i64)> = self
            .conn
            .prepare_cached("SELECT token, kind FROM tokens WHERE key = ?1 AND reg = ?2 AND round < ?3")?
            .query_map(params![self.key.0, self.reg, self.told.round], |row| Ok((MarkToken(row.get(0)?), row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (token, kind) in stale {
            self.forget(&token, kind)?;
        }
        Ok(())
    }
}

pub(crate) fn is_contact(conn: &Connection, key: MarkKeyId, reg: i64, token: &MarkToken) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM tokens WHERE key = ?1 AND reg = ?2 AND token = ?3 AND kind = 0")?
        .exists(params![key.0, reg, token.0])
}

fn delete(conn: &Connection, key: MarkKeyId, reg: i64, token: &MarkToken) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM tokens WHERE key = ?1 AND reg = ?2 AND token = ?3")?
        .execute(params![key.0, reg, token.0])?;
    conn.prepare_cached("DELETE FROM holders WHERE token = ?1 AND key = ?2 AND reg = ?3")?
        .execute(params![token.0, key.0, reg])?;
    Ok(())
}

pub(crate) fn told(conn: &Connection, owner: Owner) -> Rows<(bool, Vec<ToldTokens>)> {
    let reg = present_reg(conn, owner)?;
    let open = conn
        .prepare_cached("SELECT open FROM owners WHERE reg = ?1 AND ended = 0")?
        .query_row([reg], |row| row.get(0))?;
    let keys: Vec<u32> = conn
        .prepare_cached("SELECT id FROM mark_keys WHERE state = 1 ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut held = Vec::new();
    for key in keys.into_iter().map(MarkKeyId) {
        if let Some(told) = Told::read(conn, key, reg)?.filter(|told| told.count > 0) {
            held.push(ToldTokens { key, count: told.count, digest: told.digest });
        }
    }
    Ok((open, held))
}

/// Forgets some tokens of a key, or of a registration under it; how many there were. Their links are gone already.
pub(crate) fn forget_some(conn: &Connection, key: u32, reg: Option<i64>, limit: u32) -> rusqlite::Result<usize> {
    let (least, most) = reg.map_or((i64::MIN, i64::MAX), |reg| (reg, reg));
    let some: Vec<(i64, [u8; 16])> = conn
        .prepare_cached("SELECT reg, token FROM tokens WHERE key = ?1 AND reg BETWEEN ?2 AND ?3 LIMIT ?4")?
        .query_map(params![key, least, most, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (reg, token) in &some {
        delete(conn, MarkKeyId(key), *reg, &MarkToken(*token))?;
    }
    conn.prepare_cached(
        "DELETE FROM told WHERE (key, reg) IN (SELECT key, reg FROM told WHERE key = ?1 AND reg BETWEEN ?2 AND ?3
           AND NOT EXISTS (SELECT 1 FROM tokens WHERE tokens.key = told.key AND tokens.reg = told.reg) LIMIT ?4)",
    )?
    .execute(params![key, least, most, limit])?;
    Ok(some.len())
}
