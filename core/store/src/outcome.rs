//! How writing and opening end.

use tandem_model::rows::{Change, Restored};

/// What became of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Committed {
        /// Positions of the inserts that were there already, in order.
        duplicates: Vec<usize>,
    },
    /// Nothing of it is durable.
    Failed(Failure),
}

/// Why a transaction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Failure {
    /// No space: nothing of it was kept; the same again may succeed once there is room.
    #[error("the storage is full")]
    Full,
    /// The database cannot be trusted to keep anything until it is opened again.
    #[error("the database is broken")]
    Broken,
}

/// Why a database does not open. A damaged one is none of these: it is set aside and a new one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A database, but not one of Tandem's: the path is wrong. It is left as it is.
    #[error("the database file belongs to another application")]
    Foreign,
    /// Written by a newer build: install that one again. It is left as it is.
    #[error("the database has version {found}, and this build knows {known}")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest this build knows.
        known: i64,
    },
    /// SQLite did not take a setting on which durability rests.
    #[error("the database does not accept the setting {pragma}")]
    Setting {
        /// Its name.
        pragma: &'static str,
    },
    /// Another process holds it: try again.
    #[error("the database is locked")]
    Locked,
    /// There is no space to open it.
    #[error("the storage is full")]
    Full,
    /// What is in it cannot be read: damaged.
    #[error("the database is damaged")]
    Damaged,
    /// The file cannot be opened, read or written: a wrong path or right, or a broken disk.
    #[error("the database file cannot be used")]
    Io,
}

/// What every implementation of a phone's rows does.
pub trait RowStore {
    /// Makes transactions durable, in order, and says of each how it ended. A failed one leaves nothing behind.
    fn apply(&mut self, batch: &[Vec<Change>]) -> Vec<Outcome>;

    /// What a machine gets at boot.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when a row cannot be read.
    fn restore(&self) -> Result<Restored, StoreError>;
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked,
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged,
            Some(_) => StoreError::Io,
            // Not SQLite's: a column of another type or out of range than what was written.
            None => StoreError::Damaged,
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> StoreError {
        if error.kind() == std::io::ErrorKind::StorageFull { StoreError::Full } else { StoreError::Io }
    }
}
