//! Its directory: keys, budgets, and the lock that keeps a second one out.

use crate::server_key::{self, KeyError};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_crypto::SeededRandom;
use tandem_keyd::{Engine, KeyFile, KeyFileError, LedgerError, Limits, MemoryLedger, SqliteLedger};
use tandem_model::{Random, ServerMillis};
use tandem_server_store::private;

const LOCK: &str = "keyd.lock";
const BUDGETS: &str = "budgets.db";

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The directory cannot be made, read or written.
    #[error("cannot use {}: {why}", path.display())]
    Dir {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// Another one runs in it.
    #[error("another key holder uses {}", .0.display())]
    InUse(PathBuf),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The budgets cannot be used.
    #[error(transparent)]
    Budgets(#[from] LedgerError),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] KeyError),
    /// The system gives no thread.
    #[error("the system gives no thread")]
    Thread,
}

/// A directory that is this process's while it lasts.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
    _alone: File,
}

/// The wall clock. Budgets are counted in days of it.
fn now() -> ServerMillis {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ServerMillis(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX))
}

fn hour() -> u32 {
    u32::try_from(now().0 / 3_600_000).unwrap_or(1).max(1)
}

impl Home {
    /// Opens the directory, or makes it, and keeps others out of it.
    ///
    /// # Errors
    /// [`HomeError`] names it.
    pub fn open(dir: &Path) -> Result<Home, HomeError> {
        let unusable = |error: io::Error| HomeError::Dir { path: dir.to_owned(), why: error.kind() };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir).map_err(unusable)?;
        let alone = private::options().truncate(false).open(dir.join(LOCK)).map_err(unusable)?;
        alone.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => HomeError::InUse(dir.to_owned()),
            TryLockError::Error(error) => unusable(error),
        })?;
        Ok(Home { dir: dir.to_owned(), _alone: alone })
    }

    /// Keys and budgets at work. Both are made at the first start, budgets first; either without the other was lost.
    ///
    /// # Errors
    /// [`HomeError`] names what cannot be used.
    pub fn start(&self, limits: Limits, workers: usize) -> Result<Arc<Engine>, HomeError> {
        let path = self.dir.join(BUDGETS);
        let counted = fs::metadata(&path).is_ok_and(|file| file.len() > 0);
        let known = KeyFile::load(&self.dir)?;
        // Made for its owner alone; SQLite gives its log the same mode.
        let unusable = |error: io::Error| HomeError::Dir { path: path.clone(), why: error.kind() };
        if known.is_none() && !counted {
            drop(private::options().open(&path).map_err(unusable)?);
        }
        let ledger = SqliteLedger::open(&path, known.is_none())?;
        let keys = match known {
            Some(keys) => keys,
            // A first start that was killed between its two files leaves budgets in which nothing is counted.
            None if counted && !SqliteLedger::is_unused(&path) => return Err(KeyFile::lost(&self.dir).into()),
            None => KeyFile::make(&self.dir, server_key::random_bytes()?, server_key::random_bytes()?, hour())?,
        };
        let _unchangeable = private::narrow(&path);
        begin(&keys, Box::new(ledger), limits, workers)
    }

    /// The keys as they are in the file now.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn keys(&self) -> Result<KeyFile, HomeError> {
        keys_in(&self.dir)
    }

    /// Makes a new file of budgets where the old one is lost.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn new_budgets(&self) -> Result<(), HomeError> {
        Ok(SqliteLedger::open(&self.dir.join(BUDGETS), true).map(drop)?)
    }
}

/// The keys in a directory that another process may use.
///
/// # Errors
/// [`HomeError`].
pub fn keys_in(dir: &Path) -> Result<KeyFile, HomeError> {
    KeyFile::load(dir)?.ok_or_else(|| HomeError::Dir { path: dir.to_owned(), why: io::ErrorKind::NotFound })
}

/// Adds a key to a directory, whoever runs in it. Its name.
///
/// # Errors
/// [`HomeError`].
pub fn add_key(dir: &Path) -> Result<u32, HomeError> {
    let mut keys = keys_in(dir)?;
    let id = keys.add(server_key::random_bytes()?, hour())?;
    keys.write(dir)?;
    Ok(id)
}

/// Keys and budgets that end with the process.
///
/// # Errors
/// [`HomeError`].
pub fn in_memory(limits: Limits, workers: usize) -> Result<Arc<Engine>, HomeError> {
    let keys = KeyFile::in_memory(server_key::random_bytes()?, server_key::random_bytes()?, hour())?;
    begin(&keys, Box::new(MemoryLedger::default()), limits, workers)
}

fn begin(
    keys: &KeyFile,
    ledger: Box<dyn tandem_keyd::Ledger>,
    limits: Limits,
    workers: usize,
) -> Result<Arc<Engine>, HomeError> {
    let mut seeds = SeededRandom::from_seed(server_key::random_bytes()?);
    let random = move || {
        let mut seed = [0; 32];
        seeds.fill(&mut seed);
        Box::new(SeededRandom::from_seed(seed)) as Box<dyn Random + Send>
    };
    Engine::start(keys.keyring()?, ledger, limits, workers, now, random).map_err(|_| HomeError::Thread)
}
