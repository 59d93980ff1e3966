//! One writer for a database, in this process or another.
//!
//! SQLite lets two connections take turns, and two cores on one file would give the same ids to different texts.

use crate::ballast::with_suffix;
use crate::outcome::StoreError;
use crate::private;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

/// Held for as long as the database is open; let go by the OS whatever becomes of the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: Option<File>,
}

impl Lock {
    /// Takes the lock beside a database. A file system that knows no locks has none to take.
    pub(crate) fn beside(database: &Path) -> Result<Lock, StoreError> {
        let file = private::options().truncate(false).open(with_suffix(database, ".lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _held: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(Lock { _held: None }),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
