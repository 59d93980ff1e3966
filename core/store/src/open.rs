//! Opening a file that may be new, ours, older, newer, foreign, damaged, or gone.

use crate::ballast::{Ballast, with_suffix};
use crate::lock::Lock;
use crate::outcome::StoreError;
use crate::phone::PhoneStore;
use crate::{pragmas, private, restore, schema};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use tandem_model::rows::Restored;

/// Damaged files that are kept beside the new one; the oldest numbers stay, the last one is replaced.
const SET_ASIDE_MAX: u32 = 9;

/// Bytes before the first page's own content (SQLite file format, section 1.3).
const HEADER_BYTES: u64 = 100;

/// How a database is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Size of the file that holds space back, in bytes. Default 4 MiB: the WAL at its largest (400 KiB and one group of
    /// [`crate::GROUP_BYTES_MAX`]) with indexes, twice over.
    pub ballast_bytes: u64,
    /// The most the database file may grow to, in pages of 4 KiB; beyond it is as full as a full disk. Default none.
    pub pages_max: Option<u32>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { ballast_bytes: 4 * 1024 * 1024, pages_max: None }
    }
}

/// An opened database.
pub struct Opened {
    /// To write to.
    pub store: PhoneStore,
    /// What was in it.
    pub restored: Restored,
    /// The file that stood here was damaged or gone: history is lost, and the person is told.
    pub recovered: bool,
}

impl PhoneStore {
    /// Opens or makes a database. A damaged one is renamed to `<name>.damaged-<n>` and a new one begins; so it does when
    /// the file is gone though it was there before. Nothing is ever silently empty. One at a time has it open.
    ///
    /// # Errors
    /// [`StoreError`]: the file was left as it is, and there is no store.
    pub fn open(path: &Path, settings: StoreSettings) -> Result<Opened, StoreError> {
        let lock = Lock::beside(path)?;
        let ballast = Ballast::beside(path, settings.ballast_bytes);
        let is_empty = fs::metadata(path).map_or(true, |found| found.len() == 0);
        let lost = is_empty && ballast.exists();
        let (conn, restored, recovered) = match open_once(path, settings) {
            Err(StoreError::Full) => {
                ballast.release()?;
                open_once(path, settings)
            }
            Err(StoreError::Damaged) => {
                set_aside(path)?;
                open_once(path, settings).map(|(conn, restored, _)| (conn, restored, true))
            }
            other => other,
        }?;
        private::narrow(path);
        let store = PhoneStore::new(conn, path, Ballast::beside(path, settings.ballast_bytes), lock);
        Ok(Opened { store, restored, recovered: recovered || lost })
    }
}

/// The database, what is in it, and that it was not lost.
fn open_once(path: &Path, settings: StoreSettings) -> Result<(Connection, Restored, bool), StoreError> {
    check_header(path)?;
    private::make(path)?;
    let mut conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // Until the file is known to be sound, closing must not move a WAL into it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let origin = schema::origin(&conn)?;
    pragmas::for_writing(&conn)?;
    if let Some(pages) = settings.pages_max {
        conn.pragma(None, "max_page_count", pages, |_| Ok(()))?;
    }
    check(&conn)?;
    sync_log(path)?;
    schema::migrate(&mut conn, origin)?;
    let restored = restore::restored(&conn)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok((conn, restored, false))
}

/// SQLite takes a file shorter than its header for a new one and writes over it; for us it is a damaged one.
fn check_header(path: &Path) -> Result<(), StoreError> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let length = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if length == 0 {
        return Ok(());
    }
    let mut start = [0; 16];
    let whole = length >= HEADER_BYTES && fs::File::open(path)?.read_exact(&mut start).is_ok();
    if whole && start == *MAGIC { Ok(()) } else { Err(StoreError::Damaged) }
}

/// What a killed process wrote and did not live to sync is read like anything else and may be acknowledged: it must not go
/// with the power afterwards. A checkpoint would do as well, and needs room that a full disk has not.
fn sync_log(path: &Path) -> Result<(), StoreError> {
    match fs::File::options().write(true).open(with_suffix(path, "-wal")) {
        Ok(log) => Ok(log.sync_all()?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads every page and every b-tree's order.
fn check(conn: &Connection) -> Result<(), StoreError> {
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged) }
}

/// Renames a damaged database and what belongs to it, and makes the renames durable.
fn set_aside(path: &Path) -> Result<(), StoreError> {
    let aside = free_name(path);
    fs::rename(path, &aside)?;
    for companion in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, companion), with_suffix(&aside, companion)) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    private::narrow(&aside);
    #[cfg(unix)]
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn free_name(path: &Path) -> PathBuf {
    let name = |number: u32| with_suffix(path, &format!(".damaged-{number}"));
    (1..SET_ASIDE_MAX).map(name).find(|candidate| !candidate.exists()).unwrap_or_else(|| name(SET_ASIDE_MAX))
}
