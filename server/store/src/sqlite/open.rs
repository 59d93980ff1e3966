//! Opening the file: what it is, whether it is whole, which version, and whether every setting really holds.

use super::SqliteStore;
use super::ballast::Ballast;
use super::schema::{APPLICATION_ID, MIGRATIONS};
use crate::private;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteConfig {
    /// The database file; made when it is not there, for its owner alone. Beside it stand its log and the ballast.
    pub path: PathBuf,
    /// Size of the ballast. Default 16 MiB: the log of one full group of the longest texts, and its checkpoint.
    pub ballast_bytes: u64,
    /// New texts are refused from this size of the database on, and nothing at all is written from there and the
    /// ballast's size on. Default none: the disk decides.
    pub max_bytes: Option<u64>,
    /// How long to wait for another process that holds the file. Default 2 s.
    pub busy_wait: Duration,
    /// Files that only a server that had its database leaves behind. Beside one of them, as beside a log or a ballast, a
    /// database that is missing or empty was lost, and no new one takes its place. Default none.
    pub signs_of_life: Vec<PathBuf>,
}

impl SqliteConfig {
    /// The defaults, for a file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> SqliteConfig {
        SqliteConfig {
            path: path.into(),
            ballast_bytes: 16 * 1024 * 1024,
            max_bytes: None,
            busy_wait: Duration::from_secs(2),
            signs_of_life: Vec::new(),
        }
    }
}

/// Why a file cannot be opened. The server does not start, and says which.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read or made.
    #[error("the database file cannot be opened: {0}")]
    Unreadable(std::io::Error),
    /// It is something else.
    #[error("the file is not an SQLite database")]
    NotADatabase,
    /// It is another program's.
    #[error("the file is an SQLite database of another program")]
    Foreign,
    /// A newer server wrote it. Run that one; this one changed nothing.
    #[error("the database has version {found}, and this server knows versions up to {known}")]
    Newer {
        /// The file's version.
        found: i64,
        /// The newest version of this build.
        known: i64,
    },
    /// It is damaged or truncated. Restore it; nothing was changed.
    #[error("the database is damaged or truncated")]
    Damaged,
    /// It is missing or empty, and was not always: registrations, epochs, texts and budgets are gone. Nothing was changed.
    #[error(
        "the database is missing or empty, but {} shows that a server kept its registrations here: put the backup back, \
         or, to begin anew without them, move the whole directory away",
        sign.display()
    )]
    Lost {
        /// What shows it.
        sign: PathBuf,
    },
    /// Another process uses it.
    #[error("another process uses the database")]
    Busy,
    /// The disk has no room for the ballast.
    #[error("the disk has no room for the ballast of {bytes} bytes")]
    NoRoom {
        /// Its size.
        bytes: u64,
    },
    /// A setting that keeps acknowledged texts does not hold here.
    #[error("the setting {name} is {found} instead of {wanted}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it must be.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// Anything else that SQLite reports.
    #[error("the database failed ({0:?})")]
    Sqlite(Option<ErrorCode>),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::NotADatabase,
            Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Busy,
            other => OpenError::Sqlite(other),
        }
    }
}

/// Every setting, and what it must read as afterwards.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("journal_mode", "wal", "wal"),
    ("synchronous", "full", "2"),
    ("wal_autocheckpoint", "100", "100"),
    // Inner pages of tables of tokens that a country told stay in memory: a new token touches the leaves alone.
    ("cache_size", "-65536", "-65536"),
    ("journal_size_limit", "1048576", "1048576"),
    ("foreign_keys", "on", "1"),
    ("trusted_schema", "off", "0"),
    ("cell_size_check", "on", "1"),
    ("secure_delete", "on", "1"),
    #[cfg(target_vendor = "apple")]
    ("fullfsync", "on", "1"),
    #[cfg(target_vendor = "apple")]
    ("checkpoint_fullfsync", "on", "1"),
];

impl SqliteStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`OpenError`] names what is wrong; a file that is not ours, is newer or is damaged is left as it is.
    pub fn open(config: &SqliteConfig) -> Result<SqliteStore, OpenError> {
        let sign = sign_of_life(config);
        if !check_header(&config.path)? {
            refuse_lost(sign.clone().or_else(|| lone_log(config)).as_deref())?;
        }
        make_private(&config.path).map_err(OpenError::Unreadable)?;
        let mut conn = Connection::open(&config.path)?;
        conn.busy_timeout(config.busy_wait)?;
        conn.set_prepared_statement_cache_capacity(128);
        let version = check_kind(&conn)?;
        if version == 0 {
            refuse_lost(sign.as_deref())?;
        }
        check_whole(&conn)?;
        apply_settings(&conn)?;
        sync_log(&config.path).map_err(OpenError::Unreadable)?;
        migrate(&mut conn, version)?;
        limit_size(&conn, config)?;
        let ballast = Ballast::new(beside(&config.path, ".ballast"), config.ballast_bytes);
        // A server that was full when it stopped starts full: it takes acknowledgements until there is room again. A new
        // one has nothing to acknowledge.
        let full = !ballast.put_back();
        if full && version == 0 {
            return Err(OpenError::NoRoom { bytes: config.ballast_bytes });
        }
        Ok(SqliteStore { conn, ballast, full, broken: false, max_bytes: config.max_bytes, over_max: false })
    }
}

/// SQLite would make the file as wide as the process' mask lets it. The log and its index get the file's mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    match private::options().create_new(true).open(path) {
        Ok(_made) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// What a killed process wrote and did not live to sync is read like anything else and may be acknowledged: it must not go
/// with the power afterwards. A checkpoint would do as well, and needs room that a full disk has not.
fn sync_log(path: &Path) -> std::io::Result<()> {
    match File::options().write(true).open(beside(path, "-wal")) {
        Ok(log) => log.sync_all(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the file is there and holds something. It must begin as an SQLite database then, and be as long as it says.
pub(super) fn check_header(path: &Path) -> Result<bool, OpenError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(OpenError::Unreadable(error)),
    };
    let length = file.metadata().map_err(OpenError::Unreadable)?.len();
    if length == 0 {
        return Ok(false);
    }
    let mut header = Vec::with_capacity(100);
    file.by_ref().take(100).read_to_end(&mut header).map_err(OpenError::Unreadable)?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::NotADatabase);
    }
    let be = |from: usize, bytes: usize| {
        header.get(from..from + bytes).map(|raw| raw.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte)))
    };
    let (Some(page_size), Some(pages)) = (be(16, 2), be(28, 4)) else {
        return Err(OpenError::Damaged);
    };
    let page_size = if page_size == 1 { 65_536 } else { page_size };
    // With a log beside it the file may lag behind what its header says; then the whole is checked once it is open.
    if length < page_size.saturating_mul(pages) && !has_log(path) { Err(OpenError::Damaged) } else { Ok(true) }
}

/// A file named after the database's.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(ending);
    name.into()
}

pub(super) fn has_log(path: &Path) -> bool {
    std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// What shows that there was a database here. Each is made only after the database's own first transaction is on the disk, so
/// a first start that was killed leaves none without it.
pub(super) fn sign_of_life(config: &SqliteConfig) -> Option<PathBuf> {
    config.signs_of_life.iter().cloned().chain([beside(&config.path, ".ballast")]).find(|sign| sign.exists())
}

/// A log whose database is not there. Beside a database it says nothing: a first start that was killed leaves one without a
/// commit, and what is committed in it was read with the file.
pub(super) fn lone_log(config: &SqliteConfig) -> Option<PathBuf> {
    has_log(&config.path).then(|| beside(&config.path, "-wal"))
}

pub(super) fn refuse_lost(sign: Option<&Path>) -> Result<(), OpenError> {
    sign.map_or(Ok(()), |sign| Err(OpenError::Lost { sign: sign.to_owned() }))
}

/// Its version; zero when it holds nothing yet.
pub(super) fn check_kind(conn: &Connection) -> Result<i64, OpenError> {
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    match (application, version, tables) {
        (0, 0, 0) => Ok(0),
        (APPLICATION_ID, found, _) if found > known => Err(OpenError::Newer { found, known }),
        (APPLICATION_ID, found, _) => Ok(found),
        _ => Err(OpenError::Foreign),
    }
}

pub(super) fn check_whole(conn: &Connection) -> Result<(), OpenError> {
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Damaged) }
}

/// Sets each and reads it back: SQLite ignores what it does not know or cannot do.
fn apply_settings(conn: &Connection) -> Result<(), OpenError> {
    for (name, value, wanted) in SETTINGS {
        match conn.pragma_update_and_check(None, name, value, |_| Ok(())) {
            Ok(()) | Err(rusqlite::Error::QueryReturnedNoRows) => {}
            Err(error) => return Err(error.into()),
        }
        let found = conn.pragma_query_value(None, name, |row| row.get_ref(0).map(text_of))?;
        if found != *wanted {
            return Err(OpenError::Setting { name, wanted: (*wanted).to_owned(), found });
        }
    }
    Ok(())
}

fn text_of(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
        rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        rusqlite::types::ValueRef::Null | rusqlite::types::ValueRef::Real(_) | rusqlite::types::ValueRef::Blob(_) => {
            "nothing".to_owned()
        }
    }
}

fn limit_size(conn: &Connection, config: &SqliteConfig) -> Result<(), OpenError> {
    let Some(max) = config.max_bytes else { return Ok(()) };
    let page_size: i64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let bytes = i64::try_from(max.saturating_add(config.ballast_bytes)).unwrap_or(i64::MAX);
    let pages = bytes.checked_div(page_size).unwrap_or(i64::MAX);
    conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    Ok(())
}

/// All steps in one transaction; the version is written last.
fn migrate(conn: &mut Connection, version: i64) -> Result<(), OpenError> {
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done >= MIGRATIONS.len() {
        return Ok(());
    }
    let step = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for sql in MIGRATIONS.iter().skip(done) {
        step.execute_batch(sql)?;
    }
    step.pragma_update(None, "application_id", APPLICATION_ID)?;
    step.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    step.commit()?;
    Ok(())
}
