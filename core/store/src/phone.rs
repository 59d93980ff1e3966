//! The store of one phone: one file, one writer, several transactions under one sync.

use crate::ballast::Ballast;
use crate::lock::Lock;
use crate::outcome::{Failure, Outcome, RowStore, StoreError};
use crate::read::PhoneReader;
use crate::{restore, write};
use rusqlite::{Connection, ErrorCode};
use std::path::{Path, PathBuf};
use tandem_model::matching::MatchingChange;
use tandem_model::rows::{Change, Restored};

/// Transactions under one sync: 64 give most of what group commit can, 512 are slower again.
pub const GROUP_MAX: usize = 64;

/// Bytes of bodies under one sync, so that the ballast stays larger than the WAL can grow.
pub const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// What SQLite reports when the shared-memory file cannot grow: a full disk by another name (`SQLITE_IOERR_SHMSIZE`).
const SHARED_MEMORY_FULL: i32 = 10 | (19 << 8);

/// The phone's database.
pub struct PhoneStore {
    conn: Connection,
    path: PathBuf,
    ballast: Ballast,
    room: Room,
    /// The last to go.
    _lock: Lock,
}

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// The ballast stands.
    Enough,
    /// The ballast was given back: nothing that makes the database grow is taken until it stands again.
    Tight,
    /// A write or sync failed. What is on the disk is unknown until the file is opened again.
    Broken,
}

impl PhoneStore {
    pub(crate) fn new(conn: Connection, path: &Path, ballast: Ballast, lock: Lock) -> PhoneStore {
        let room = if ballast.fill().is_ok() { Room::Enough } else { Room::Tight };
        PhoneStore { conn, path: path.to_owned(), ballast, room, _lock: lock }
    }

    /// A second connection, for reading history beside the writer.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be opened.
    pub fn reader(&self) -> Result<PhoneReader, StoreError> {
        PhoneReader::open(&self.path)
    }

    /// One group, under one sync.
    fn apply_group(&mut self, group: &[Vec<Change>]) -> Vec<Outcome> {
        if self.room == Room::Tight && group.iter().any(|set| grows(set)) && self.ballast.fill().is_ok() {
            self.room = Room::Enough;
        }
        match self.room {
            Room::Broken => fail_all(group, Failure::Broken),
            Room::Tight => self.apply_tight(group),
            Room::Enough => match self.try_group(group, true) {
                Ok(outcomes) => outcomes,
                Err(Failure::Full) => {
                    self.make_room();
                    self.apply_tight(group)
                }
                Err(Failure::Broken) => fail_all(group, Failure::Broken),
            },
        }
    }

    /// Without the ballast only what does not grow is taken: ends, acknowledgements, deletions.
    fn apply_tight(&mut self, group: &[Vec<Change>]) -> Vec<Outcome> {
        match self.try_group(group, false) {
            Ok(outcomes) => outcomes,
            Err(failure) => fail_all(group, failure),
        }
    }

    fn make_room(&mut self) {
        self.room = Room::Tight;
        // Either may fail on a disk that is full to the last byte; the next attempt says so again.
        drop(self.ballast.release());
        drop(self.checkpoint());
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn try_group(&mut self, group: &[Vec<Change>], growth: bool) -> Result<Vec<Outcome>, Failure> {
        let written = self.write_group(group, growth);
        if !self.conn.is_autocommit() {
            // A failed statement or commit may leave the transaction open.
            drop(self.conn.execute_batch("ROLLBACK"));
        }
        written.map_err(|error| match severity(&error) {
            Severity::Full => Failure::Full,
            Severity::Refused => Failure::Broken,
            Severity::Broken => {
                self.room = Room::Broken;
                Failure::Broken
            }
        })
    }

    fn write_group(&self, group: &[Vec<Change>], growth: bool) -> rusqlite::Result<Vec<Outcome>> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut outcomes = Vec::with_capacity(group.len());
        for changes in group {
            outcomes.push(if growth || !grows(changes) {
                self.write_one(changes)?
            } else {
                Outcome::Failed(Failure::Full)
            });
        }
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(outcomes)
    }

    /// One transaction as a savepoint. A change the schema refuses takes only its own transaction with it.
    fn write_one(&self, changes: &[Change]) -> rusqlite::Result<Outcome> {
        self.conn.prepare_cached("SAVEPOINT changes")?.execute([])?;
        let outcome = match self.write_changes(changes) {
            Ok(duplicates) => Outcome::Committed { duplicates },
            Err(error) if severity(&error) == Severity::Refused => {
                self.conn.prepare_cached("ROLLBACK TO changes")?.execute([])?;
                Outcome::Failed(Failure::Broken)
            }
            Err(error) => return Err(error),
        };
        self.conn.prepare_cached("RELEASE changes")?.execute([])?;
        Ok(outcome)
    }

    fn write_changes(&self, changes: &[Change]) -> rusqlite::Result<Vec<usize>> {
        let mut duplicates = Vec::new();
        for (position, change) in changes.iter().enumerate() {
            if write::change(&self.conn, change)? {
                duplicates.push(position);
            }
        }
        Ok(duplicates)
    }
}

impl RowStore for PhoneStore {
    fn apply(&mut self, batch: &[Vec<Change>]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut rest = batch;
        while !rest.is_empty() {
            let (group, later) = rest.split_at(group_length(rest));
            outcomes.extend(self.apply_group(group));
            rest = later;
        }
        outcomes
    }

    fn restore(&self) -> Result<Restored, StoreError> {
        restore::restored(&self.conn)
    }
}

/// How many transactions from the front go under one sync: at least one.
fn group_length(batch: &[Vec<Change>]) -> usize {
    let mut bytes = 0_usize;
    batch
        .iter()
        .take(GROUP_MAX)
        .take_while(|changes| {
            let before = bytes;
            bytes = bytes.saturating_add(changes.iter().map(weight).sum::<usize>());
            before == 0 || bytes <= GROUP_BYTES_MAX
        })
        .count()
        .max(1)
}

/// About how many bytes a change writes.
fn weight(change: &Change) -> usize {
    match change {
        Change::InsertOutgoing(row) => 256 + row.body.as_str().len(),
        Change::InsertIncoming(row) => 256 + row.body.as_ref().map_or(0, |body| body.as_str().len()),
        Change::PutMarks { marks, .. } => 64 + 256 * marks.len(),
        Change::PutContacts { added, removed } => 64 + 16 * (added.len() + removed.len()),
        Change::Matching(change) => matching_weight(change),
        Change::MarkRead { ids, .. } | Change::ReceiptsSent { ids, .. } => 64 + 64 * ids.len(),
        Change::PutLog(row) => 256 + 64 * row.legs.len(),
        Change::PutPreference(row) => 64 + row.contact.len(),
        Change::PutMeta(_)
        | Change::PutRegistration(_)
        | Change::DropRegistration(_)
        | Change::SetOutgoingStatus { .. }
        | Change::DropMarks(_)
        | Change::PutSettings(_) => 256,
    }
}

fn matching_weight(change: &MatchingChange) -> usize {
    match change {
        MatchingChange::PutPseudonyms { pseudonyms, .. } => 64 + 64 * pseudonyms.len(),
        MatchingChange::DropPseudonyms { numbers, .. } => 64 + 16 * numbers.len(),
        MatchingChange::PutTold { told, untold, .. } => 64 + 48 * told.len() + 24 * untold.len(),
        MatchingChange::PutBlocked { added, removed } => 64 + 16 * (added.len() + removed.len()),
        MatchingChange::PutKey { .. } | MatchingChange::RetireKey(_) | MatchingChange::DropTold { .. } => 256,
    }
}

/// Whether a transaction makes the database grow for good; these wait for room, everything else is taken.
fn grows(changes: &[Change]) -> bool {
    changes.iter().any(|change| match change {
        Change::InsertOutgoing(_) | Change::InsertIncoming(_) => true,
        Change::PutMarks { marks, .. } => !marks.is_empty(),
        Change::PutContacts { added, .. } => !added.is_empty(),
        Change::Matching(MatchingChange::PutPseudonyms { .. } | MatchingChange::PutTold { .. }) => true,
        Change::PutMeta(_)
        | Change::PutRegistration(_)
        | Change::DropRegistration(_)
        | Change::SetOutgoingStatus { .. }
        | Change::MarkRead { .. }
        | Change::ReceiptsSent { .. }
        | Change::DropMarks(_)
        | Change::Matching(
            MatchingChange::PutKey { .. }
            | MatchingChange::DropPseudonyms { .. }
            | MatchingChange::RetireKey(_)
            | MatchingChange::DropTold { .. }
            | MatchingChange::PutBlocked { .. },
        )
        | Change::PutPreference(_)
        | Change::PutLog(_)
        | Change::PutSettings(_) => false,
    })
}

fn fail_all(group: &[Vec<Change>], failure: Failure) -> Vec<Outcome> {
    vec![Outcome::Failed(failure); group.len()]
}

/// What an error means for what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Severity {
    /// No space; the database is whole.
    Full,
    /// This transaction cannot be written, now or as it is; the database is whole.
    Refused,
    /// The database may not be whole.
    Broken,
}

fn severity(error: &rusqlite::Error) -> Severity {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return Severity::Refused;
    };
    #[expect(clippy::wildcard_enum_match_arm, reason = "every code not known to leave the file whole counts as broken")]
    match failure.code {
        ErrorCode::DiskFull => Severity::Full,
        ErrorCode::SystemIoFailure if failure.extended_code == SHARED_MEMORY_FULL => Severity::Full,
        ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::TooBig
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked => Severity::Refused,
        _ => Severity::Broken,
    }
}
