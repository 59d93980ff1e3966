//! The server's store: one SQLite file, one writer, every group synced before it is acknowledged.

mod attached;
mod ballast;
mod fill;
mod inspect;
mod links;
mod matching;
mod open;
mod opens;
mod owners;
mod row;
mod schema;
mod sweep;
mod texts;
mod tokens;

pub use fill::Filler;
pub use open::{OpenError, SqliteConfig};

use crate::store::{Attached, MarksChanged, Matching, Outcome, Page, Refusal, Store, Swept};
use ballast::Ballast;
use row::{fault, number};
use rusqlite::Connection;
use tandem_logic::StoreFault;
use tandem_logic::matching::{LinkId, LinkVerdict, PendingLink, Showing, SyncTokens, ToldTokens};
use tandem_logic::store_answer::{
    Admission, Aftermath, Attempt, ConfirmOutcome, EndOwed, KeysOutcome, ReadOwed, SessionKey, Settled, StartOutcome,
    SwapOutcome, TextOutcome, TokensOutcome, WaitingText,
};
use tandem_logic::store_op::{Charge, ConfirmRegistration, Owner, StartRegistration, StoreText, SwapText, TakeBackSms};
use tandem_model::{
    DeviceKey, MarkGeneration, MarkKeyId, MarkPublicKey, MarkToken, Msisdn, RegistrationId, SealingKey, ServerMillis,
    TextId,
};
use tandem_resolver::{Changes, Id, Reboot, Session};

/// The store in a file.
#[derive(Debug)]
pub struct SqliteStore {
    conn: Connection,
    ballast: Ballast,
    /// The disk was full; new texts and registrations are refused until the ballast is back.
    full: bool,
    /// A sync failed: what is on the disk is unknown until the file is opened again.
    broken: bool,
    /// Bytes the database may take before new texts are refused.
    max_bytes: Option<u64>,
    over_max: bool,
}

impl SqliteStore {
    /// Whether new texts are refused for want of room.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full || self.over_max
    }

    /// Whether a sync failed. Open the file again; nothing is asked of this one any more.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    const fn room(&self) -> Result<(), Refusal> {
        if self.is_full() { Err(Refusal::Fault(StoreFault::Full)) } else { Ok(()) }
    }

    /// Remembers what an error means for all that follows.
    fn note(&mut self, error: &rusqlite::Error) -> StoreFault {
        let fault = fault(error);
        if fault == StoreFault::Full {
            self.disk_is_full();
        }
        fault
    }

    fn disk_is_full(&mut self) {
        self.full = true;
        self.ballast.drop_it();
    }

    fn check_size(&mut self) -> rusqlite::Result<()> {
        let Some(max) = self.max_bytes else { return Ok(()) };
        let pragma = |name: &str| self.conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let used = pragma("page_count")?.saturating_sub(pragma("freelist_count")?);
        let bytes = used.saturating_mul(pragma("page_size")?);
        self.over_max = u64::try_from(bytes).unwrap_or(u64::MAX) >= max;
        Ok(())
    }

    fn run(&mut self, sql: &str) -> Result<(), StoreFault> {
        self.conn.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map_err(|e| self.note(&e))?;
        Ok(())
    }

    /// A use case's result, with the fault noted.
    fn noted<T>(&mut self, result: row::Rows<T>) -> Outcome<T> {
        result.map_err(|error| match error {
            row::RowError::Fenced => Refusal::Fenced,
            row::RowError::Sql(error) => Refusal::Fault(self.note(&error)),
        })
    }
}

impl Matching for SqliteStore {
    fn set_keys(&mut self, keys: &[(MarkKeyId, MarkPublicKey)]) -> Outcome<KeysOutcome> {
        let result = opens::set_keys(&self.conn, keys);
        self.noted(result)
    }

    fn told(&mut self, owner: Owner) -> Outcome<(bool, Vec<ToldTokens>)> {
        let result = tokens::told(&self.conn, owner);
        self.noted(result)
    }

    fn sync_tokens(&mut self, at: ServerMillis, op: &SyncTokens) -> Outcome<TokensOutcome> {
        self.room()?;
        let result = tokens::sync_tokens(&self.conn, at, op);
        self.noted(result)
    }

    fn set_open(&mut self, owner: Owner, open: bool) -> Outcome<Settled> {
        // Closing is never refused for want of room.
        if open {
            self.room()?;
        }
        let result = opens::set_open(&self.conn, owner, open);
        self.noted(result)
    }

    fn pending_links(&mut self, after: LinkId, limit: u32) -> Outcome<Vec<PendingLink>> {
        let result = links::pending(&self.conn, after, limit);
        self.noted(result)
    }

    fn settle_links(&mut self, verdicts: &[(LinkId, LinkVerdict)]) -> Outcome<Settled> {
        let result = links::settle(&self.conn, verdicts);
        self.noted(result)
    }

    fn opens_due(&mut self, limit: u32) -> Outcome<(Vec<(Owner, MarkKeyId)>, bool)> {
        let result = opens::due(&self.conn, limit);
        self.noted(result)
    }

    fn put_opens(&mut self, opens: &[(Owner, MarkKeyId, MarkToken)]) -> Outcome<Settled> {
        let result = opens::put_opens(&self.conn, opens);
        self.noted(result)
    }

    fn link_opens(&mut self, limit: u32) -> Outcome<Settled> {
        let result = opens::link_opens(&self.conn, limit);
        self.noted(result)
    }

    fn marks_since(&mut self, viewer: Owner, since: MarkGeneration) -> Outcome<MarksChanged> {
        let result = matching::marks_since(&self.conn, viewer, since);
        self.noted(result)
    }

    fn admit_gate(
        &mut self,
        at: ServerMillis,
        caller: Owner,
        callee: Msisdn,
        charges: &[Charge],
    ) -> Outcome<Admission> {
        self.room()?;
        let result = matching::admit_gate(&self.conn, at, caller, callee, charges);
        self.noted(result)
    }
}

impl Attached for SqliteStore {
    fn keep_attached(&mut self, changes: &Changes) -> Outcome<()> {
        // Forgetting makes room and goes on when there is none.
        if !changes.sessions.is_empty() || !changes.reboots.is_empty() {
            self.room()?;
        }
        let result = attached::keep(&self.conn, changes);
        self.noted(result)
    }

    fn attached_after(&mut self, after: Option<Id>, limit: u32) -> Outcome<Page<Session>> {
        let result = attached::after(&self.conn, after, limit);
        self.noted(result)
    }

    fn restarts(&mut self) -> Outcome<Vec<Reboot>> {
        let result = attached::restarts(&self.conn);
        self.noted(result)
    }
}

impl Store for SqliteStore {
    fn begin(&mut self, showing: Showing) -> Outcome<()> {
        let result = opens::begin(&self.conn, showing);
        self.noted(result)
    }

    fn start_registration(&mut self, at: ServerMillis, op: &StartRegistration) -> Outcome<StartOutcome> {
        self.room()?;
        let result = owners::start_registration(&self.conn, at, op);
        self.noted(result)
    }

    fn take_back_sms(&mut self, at: ServerMillis, op: &TakeBackSms) -> Outcome<()> {
        self.room()?;
        let result = owners::take_back_sms(&self.conn, at, op);
        self.noted(result)
    }

    fn find_attempt(&mut self, at: ServerMillis, id: RegistrationId) -> Outcome<Option<Attempt>> {
        let result = owners::find_attempt(&self.conn, at, id);
        self.noted(result)
    }

    fn confirm_registration(&mut self, at: ServerMillis, op: &ConfirmRegistration) -> Outcome<ConfirmOutcome> {
        self.room()?;
        let result = owners::confirm_registration(&self.conn, at, op);
        self.noted(result)
    }

    fn end_registration(&mut self, at: ServerMillis, owner: Owner) -> Outcome<Aftermath> {
        let result = owners::end_registration(&self.conn, at, owner);
        self.noted(result)
    }

    fn withdraw_registration(
        &mut self,
        at: ServerMillis,
        number: Msisdn,
        device_key: DeviceKey,
    ) -> Outcome<Option<(Owner, Aftermath)>> {
        let result = owners::withdraw_registration(&self.conn, at, number, device_key);
        self.noted(result)
    }

    fn find_session_key(&mut self, owner: Owner) -> Outcome<SessionKey> {
        let result = owners::find_session_key(&self.conn, owner);
        self.noted(result)
    }

    fn renew_leases(&mut self, leases: &[(Owner, ServerMillis)]) -> Outcome<()> {
        let result = owners::renew_leases(&self.conn, leases);
        self.noted(result)
    }

    fn end_lease(&mut self, at: ServerMillis, number: Msisdn) -> Outcome<Vec<Msisdn>> {
        let result = owners::end_lease(&self.conn, at, number);
        self.noted(result)
    }

    fn publish_sealing_key(&mut self, owner: Owner, key: &SealingKey) -> Outcome<Vec<Msisdn>> {
        self.room()?;
        let result = owners::publish_sealing_key(&self.conn, owner, key);
        self.noted(result)
    }

    fn store_text(&mut self, at: ServerMillis, op: &StoreText) -> Outcome<TextOutcome> {
        self.room()?;
        let result = texts::store_text(&self.conn, at, op);
        self.noted(result)
    }

    fn swap_text(&mut self, at: ServerMillis, op: &SwapText) -> Outcome<SwapOutcome> {
        let result = texts::swap_text(&self.conn, at, op);
        self.noted(result)
    }

    fn take_texts(&mut self, at: ServerMillis, owner: Owner, texts: &[(Msisdn, TextId)]) -> Outcome<Vec<EndOwed>> {
        let result = texts::take_texts(&self.conn, at, owner, texts);
        self.noted(result)
    }

    fn texts_waiting(
        &mut self,
        at: ServerMillis,
        owner: Owner,
        after: u64,
        limit: u32,
        bytes: usize,
    ) -> Outcome<Page<WaitingText>> {
        let result = texts::texts_waiting(&self.conn, at, owner, after, limit, bytes);
        self.noted(result)
    }

    fn ends_owed(&mut self, owner: Owner, after: u64, limit: u32) -> Outcome<Page<EndOwed>> {
        let result = texts::ends_owed(&self.conn, owner, after, limit);
        self.noted(result)
    }

    fn take_ends(&mut self, owner: Owner, ids: &[TextId]) -> Outcome<()> {
        let result = texts::take_ends(&self.conn, owner, ids);
        self.noted(result)
    }

    fn store_reads(&mut self, owner: Owner, sender: Msisdn, ids: &[TextId]) -> Outcome<Vec<ReadOwed>> {
        let result = texts::store_reads(&self.conn, owner, sender, ids);
        self.noted(result)
    }

    fn reads_owed(&mut self, owner: Owner, after: u64, limit: u32) -> Outcome<Page<ReadOwed>> {
        let result = texts::reads_owed(&self.conn, owner, after, limit);
        self.noted(result)
    }

    fn take_reads(&mut self, owner: Owner, by: Msisdn, ids: &[TextId]) -> Outcome<()> {
        let result = texts::take_reads(&self.conn, owner, number(by), ids);
        self.noted(result)
    }

    fn sweep(
        &mut self,
        at: ServerMillis,
        silent_before: ServerMillis,
        forget_before: ServerMillis,
        limit: u32,
    ) -> Outcome<Swept> {
        if self.full && self.ballast.put_back() {
            self.full = false;
        }
        let result = sweep::sweep(&self.conn, at, silent_before, forget_before, limit);
        self.noted(result)
    }

    fn begin_group(&mut self) -> Result<(), StoreFault> {
        if self.broken {
            return Err(StoreFault::Broken);
        }
        self.check_size().map_err(|error| self.note(&error))?;
        self.run("BEGIN IMMEDIATE")
    }

    fn begin_one(&mut self) -> Result<(), StoreFault> {
        self.run("SAVEPOINT one")
    }

    fn end_one(&mut self, keep: bool) -> Result<(), StoreFault> {
        if self.conn.is_autocommit() {
            // The failure took the whole transaction with it.
            return Err(if self.full { StoreFault::Full } else { StoreFault::Broken });
        }
        if !keep {
            self.run("ROLLBACK TO one")?;
        }
        self.run("RELEASE one")
    }

    fn commit_group(&mut self) -> Result<(), StoreFault> {
        match self.run("COMMIT") {
            Ok(()) => Ok(()),
            Err(fault) => {
                // After a failed sync the pages' fate is unknown: never try again on this connection. A full disk is
                // known before anything is synced.
                self.broken |= fault != StoreFault::Full;
                Err(fault)
            }
        }
    }

    fn undo_group(&mut self) {
        if !self.conn.is_autocommit() && self.conn.execute_batch("ROLLBACK").is_err() {
            self.broken = true;
        }
    }
}
