//! The store an operator chose: opened once, held alone, and opened again when a sync failed.

use crate::config::house;
use crate::feed_open;
use crate::private_files::{self, LOCK_NAME};
use crate::server_key::{self, KeyError};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tandem_logic::{StoreAnswer, StoreFault, StoreOp};
use tandem_model::{Secret, ServerMillis};
use tandem_resolver::{Bindings, Changes};
use tandem_server_store::sqlite::Filler;
use tandem_server_store::{
    FeedLog, FeedLogError, MemoryStore, OpenError, Refusal, SqliteConfig, SqliteStore, Store, keep_attached, private,
    serve_batch,
};
use tracing::{error, info};

/// After a failed sync the file is opened again, no more often than this.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StoreOpenError {
    /// Not a store of this build. Only the kind is shown: the rest may hold a password.
    #[error("store.dsn: there is no store of kind `{0}`; it must be `sqlite:FILE` or `memory:`")]
    UnknownDsn(String),
    /// The data directory cannot be made, read or written.
    #[error("store.data_dir: cannot use {}: {why}", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// Another server runs on this data.
    #[error("store.data_dir: another tandem-server uses {}", .0.display())]
    InUse(PathBuf),
    /// The database cannot be opened.
    #[error("store.dsn: {}: {why}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: OpenError,
    },
    /// What the access network reported before cannot be read.
    #[error("store.dsn: the sessions of the access network cannot be read: {0}")]
    Attached(StoreFault),
    /// The log of those cannot be used.
    #[error("store.data_dir: {0}")]
    Feed(#[from] FeedLogError),
    /// There is no database that misses a key: a start makes one with its database.
    #[error("store.data_dir: --make-key is for a filled database whose server.key is lost, and there is none in {}", .0.display())]
    NoKeyMissed(PathBuf),
    /// The server's own secret cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A store and the secret that goes with its data.
pub struct Opened {
    /// The store.
    pub keeper: Keeper,
    /// The server's own secret.
    pub key: Secret<[u8; 32]>,
    /// The directory of everything that is kept; `None` when nothing is.
    pub dir: Option<PathBuf>,
}

/// A store that can be served from.
pub struct Keeper {
    kept: Kept,
    feed: Option<FeedLog>,
    _alone: Option<File>,
}

enum Kept {
    Other(Box<dyn Store + Send>),
    Sqlite(Box<Reopened>),
}

/// A database that is opened again when a sync failed.
struct Reopened {
    config: SqliteConfig,
    store: Option<SqliteStore>,
    next_try: Instant,
}

/// Opens what `store.dsn` names, or takes the one given.
///
/// # Errors
/// [`StoreOpenError`] names the key and the file; nothing of a file that is not ours is changed.
pub fn open(section: &house::Store, given: Option<Box<dyn Store + Send>>) -> Result<Opened, StoreOpenError> {
    if let Some(store) = given {
        return Ok(Opened { keeper: Keeper::other(store), key: Secret::new(server_key::random_bytes()?), dir: None });
    }
    match chosen(section)? {
        Some(config) => open_sqlite(section, config),
        None => {
            let store = Box::new(MemoryStore::new());
            Ok(Opened { keeper: Keeper::other(store), key: Secret::new(server_key::random_bytes()?), dir: None })
        }
    }
}

/// Whether a start could open what `store.dsn` names. Nothing is made and nothing changed.
///
/// # Errors
/// As [`open`].
pub fn inspect(section: &house::Store) -> Result<(), StoreOpenError> {
    let Some(config) = chosen(section)? else { return Ok(()) };
    let data_dir = &section.data_dir;
    let parent = data_dir.ancestors().find(|path| path.as_os_str().is_empty() || path.exists());
    if parent.is_some_and(|parent| parent.is_file()) {
        return Err(StoreOpenError::DataDir { path: data_dir.clone(), why: io::ErrorKind::NotADirectory });
    }
    if !data_dir.exists() {
        return Ok(());
    }
    let _alone = match File::options().write(true).open(data_dir.join(LOCK_NAME)) {
        Ok(file) => {
            file.try_lock().map_err(|error| cannot_lock(section, error))?;
            Some(file)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot_lock(section, TryLockError::Error(error))),
    };
    let holds =
        SqliteStore::inspect(&config).map_err(|why| StoreOpenError::Database { path: config.path.clone(), why })?;
    match server_key::load(data_dir)? {
        None if holds => Err(KeyError::Lost(data_dir.join(server_key::FILE_NAME)).into()),
        None | Some(_) => Ok(()),
    }
}

/// Whether a start could read what the access network reported before. Nothing is made and nothing changed.
///
/// # Errors
/// As [`Keeper::restore`].
pub fn inspect_feed(section: &house::Store) -> Result<(), StoreOpenError> {
    let Some(config) = chosen(section)? else { return Ok(()) };
    Ok(FeedLog::inspect(&feed_directory(&config))?)
}

/// Beside the database.
fn feed_directory(config: &SqliteConfig) -> PathBuf {
    config.path.with_extension("feed")
}

/// Makes a new key beside a database whose key is lost, which ends open attempts and what is known of IMSIs. A key that is
/// there stays.
///
/// # Errors
/// [`StoreOpenError`] names the key and the file.
pub fn make_key(section: &house::Store) -> Result<(), StoreOpenError> {
    let Some(mut config) = chosen(section)? else { return Ok(()) };
    if !section.data_dir.exists() {
        return Err(StoreOpenError::NoKeyMissed(section.data_dir.clone()));
    }
    let _alone = lock(&section.data_dir).map_err(|error| cannot_lock(section, error))?;
    // A key alone would be taken for the sign of a database that is gone.
    config.signs_of_life.clear();
    match SqliteStore::inspect(&config) {
        Ok(true) => server_key::load_or_make(&section.data_dir, true).map(drop).map_err(StoreOpenError::from),
        Ok(false) => Err(StoreOpenError::NoKeyMissed(section.data_dir.clone())),
        Err(why) => Err(StoreOpenError::Database { path: config.path.clone(), why }),
    }
}

/// Fills the database that `store.dsn` names, for a benchmark. Memory is not filled.
///
/// # Errors
/// As [`open`].
pub fn fill(section: &house::Store, filler: &Filler) -> Result<(), StoreOpenError> {
    let Some(config) = chosen(section)? else { return Ok(()) };
    let _alone = lock(&section.data_dir).map_err(|error| cannot_lock(section, error))?;
    SqliteStore::fill(&config, filler).map_err(|why| StoreOpenError::Database { path: config.path.clone(), why })
}

/// The database that `store.dsn` names; `None` for memory.
fn chosen(section: &house::Store) -> Result<Option<SqliteConfig>, StoreOpenError> {
    match section.dsn.split_once(':') {
        Some(("memory", "")) => Ok(None),
        Some(("sqlite", file)) if !file.is_empty() && !file.starts_with("//") => {
            let mut config = SqliteConfig::new(section.data_dir.join(file));
            config.ballast_bytes = u64::from(section.ballast_kib) * 1024;
            config.max_bytes = (section.size_max_mib > 0).then(|| u64::from(section.size_max_mib) * 1024 * 1024);
            config.signs_of_life.push(section.data_dir.join(server_key::FILE_NAME));
            Ok(Some(config))
        }
        Some((kind, _)) => Err(StoreOpenError::UnknownDsn(kind.to_owned())),
        None => Err(StoreOpenError::UnknownDsn(section.dsn.chars().take(16).collect())),
    }
}

fn cannot_lock(section: &house::Store, error: TryLockError) -> StoreOpenError {
    match error {
        TryLockError::WouldBlock => StoreOpenError::InUse(section.data_dir.clone()),
        TryLockError::Error(error) => StoreOpenError::DataDir { path: section.data_dir.clone(), why: error.kind() },
    }
}

fn open_sqlite(section: &house::Store, config: SqliteConfig) -> Result<Opened, StoreOpenError> {
    let unusable = |error: io::Error| StoreOpenError::DataDir { path: section.data_dir.clone(), why: error.kind() };
    make_private(&section.data_dir).map_err(unusable)?;
    let alone = lock(&section.data_dir).map_err(|error| cannot_lock(section, error))?;
    let named = |why| StoreOpenError::Database { path: config.path.clone(), why };
    let store = SqliteStore::open(&config).map_err(named)?;
    // A first start that was killed before it made the key left an empty database: its key is made now.
    let filled = store.holds_registrations().map_err(named)?;
    let key = server_key::load_or_make(&section.data_dir, !filled)?;
    // Only now: the files are known to be a server's.
    private_files::narrow(&section.data_dir, &config.path);
    let kept = Kept::Sqlite(Box::new(Reopened { config, store: Some(store), next_try: Instant::now() }));
    let dir = Some(section.data_dir.clone());
    Ok(Opened { keeper: Keeper { kept, feed: None, _alone: Some(alone) }, key, dir })
}

/// What could not be read of what the access network reported.
pub fn unreadable(refusal: Refusal) -> StoreOpenError {
    match refusal {
        Refusal::Fault(fault) => StoreOpenError::Attached(fault),
        // Sessions of subscribers have no owner to fence against.
        Refusal::Fenced => StoreOpenError::Attached(StoreFault::Broken),
    }
}

/// A directory that is made here is its owner's alone: the database names every registered number.
fn make_private(data_dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data_dir)
}

fn lock(data_dir: &Path) -> Result<File, TryLockError> {
    let opened = private::options().truncate(false).open(data_dir.join(LOCK_NAME));
    let file = opened.map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

impl Keeper {
    fn other(store: Box<dyn Store + Send>) -> Keeper {
        Keeper { kept: Kept::Other(store), feed: None, _alone: None }
    }

    /// Reads everything that was kept for the resolver into its bindings. Beside a database it is kept in a log of its own.
    ///
    /// # Errors
    /// [`StoreOpenError::Attached`].
    pub fn restore(&mut self, bindings: &mut Bindings) -> Result<(), StoreOpenError> {
        match &mut self.kept {
            Kept::Other(store) => feed_open::restore(&mut **store, bindings),
            Kept::Sqlite(file) => {
                let directory = feed_directory(&file.config);
                let store = file.store.as_mut().ok_or(StoreOpenError::Attached(StoreFault::Broken))?;
                self.feed = Some(feed_open::open(&directory, store, bindings)?);
                Ok(())
            }
        }
    }

    /// What the resolver keeps goes there, when there is a log for it; it is given once.
    pub fn take_feed(&mut self) -> Option<FeedLog> {
        self.feed.take()
    }

    /// Makes the resolver's changes durable.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of them was kept.
    pub fn keep_attached(&mut self, changes: &Changes) -> Result<(), StoreFault> {
        match &mut self.kept {
            Kept::Other(store) => keep_attached(&mut **store, changes),
            Kept::Sqlite(file) => {
                file.open_again_if_broken();
                file.store.as_mut().map_or(Err(StoreFault::Broken), |store| keep_attached(store, changes))
            }
        }
    }

    /// Does operations in order, durable when this returns.
    pub fn serve(&mut self, ops: Vec<(ServerMillis, StoreOp)>) -> Vec<StoreAnswer> {
        match &mut self.kept {
            Kept::Other(store) => serve_batch(&mut **store, ops),
            Kept::Sqlite(file) => {
                file.open_again_if_broken();
                match &mut file.store {
                    Some(store) => serve_batch(store, ops),
                    None => vec![StoreAnswer::Failed(StoreFault::Broken); ops.len()],
                }
            }
        }
    }
}

impl Reopened {
    /// After a failed sync nobody knows what is on the disk: the file is opened again and looked through, never synced
    /// again.
    fn open_again_if_broken(&mut self) {
        if self.store.as_ref().is_some_and(|store| !store.is_broken()) || Instant::now() < self.next_try {
            return;
        }
        self.next_try = Instant::now() + REOPEN_INTERVAL;
        // Closed before it is opened: closing the old one later would take the new one's file locks with it.
        self.store = None;
        match SqliteStore::open(&self.config) {
            Ok(opened) => {
                info!("the database was opened again after a failed sync");
                self.store = Some(opened);
            }
            Err(why) => error!(%why, "the database cannot be opened again after a failed sync"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(directory: &Path, dsn: &str) -> house::Store {
        house::Store {
            data_dir: directory.to_owned(),
            dsn: dsn.to_owned(),
            ballast_kib: 1_024,
            ..house::Store::default()
        }
    }

    fn refusal(section: &house::Store) -> String {
        open(section, None).err().expect("refused").to_string()
    }

    #[test]
    fn an_unknown_dsn_is_named_without_what_may_be_its_password() {
        let directory = tempfile::tempdir().unwrap();
        let told = refusal(&section(directory.path(), "postgres://tandem:hunter2@db/tandem"));
        assert!(told.contains("`postgres`") && !told.contains("hunter2"), "{told}");
        for dsn in ["", "sqlite:", "sqlite", "memory:x", "sqlite://x"] {
            assert!(refusal(&section(directory.path(), dsn)).contains("store.dsn"), "{dsn}");
        }
    }

    #[test]
    fn two_servers_do_not_share_a_directory_and_the_second_may_follow_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let section = section(directory.path(), "sqlite:server.db");
        let first = open(&section, None).unwrap();
        assert!(refusal(&section).contains("another tandem-server"));
        let key = first.key.clone();
        drop(first);
        assert_eq!(open(&section, None).unwrap().key, key);
    }

    #[test]
    fn a_foreign_or_truncated_file_is_named_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.db");
        fs::write(&path, b"these are my holiday notes, not a database").unwrap();
        let told = refusal(&section(directory.path(), "sqlite:server.db"));
        assert!(told.contains("server.db") && told.contains("not an SQLite database"), "{told}");
        assert_eq!(fs::read(&path).unwrap(), b"these are my holiday notes, not a database");
    }

    #[test]
    fn a_check_reads_the_log_of_what_was_reported_as_a_start_would() {
        let directory = tempfile::tempdir().unwrap();
        let section = section(directory.path(), "sqlite:server.db");
        inspect_feed(&section).unwrap();
        let mut bindings = Bindings::new(tandem_resolver::BindingsConfig::default(), 1);
        open(&section, None).unwrap().keeper.restore(&mut bindings).unwrap();
        inspect_feed(&section).unwrap();
        let segment = fs::read_dir(directory.path().join("server.feed")).unwrap().next().unwrap().unwrap().path();
        fs::write(&segment, b"these are my holiday notes, no log").unwrap();
        let told = inspect_feed(&section).unwrap_err().to_string();
        assert!(told.contains("server.feed") && told.contains("is damaged"), "{told}");
        let started = open(&section, None).unwrap().keeper.restore(&mut bindings).unwrap_err().to_string();
        assert_eq!(told, started);
        assert_eq!(fs::read(&segment).unwrap(), b"these are my holiday notes, no log");
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_made_here_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let made = parent.path().join("deep/data");
        open(&section(&made, "sqlite:server.db"), None).unwrap();
        assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[cfg(unix)]
    fn modes(directory: &Path) -> Vec<(String, u32)> {
        use std::os::unix::fs::PermissionsExt;
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        let mode = |entry: fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777)
        };
        let mut modes: Vec<_> = entries.map(mode).collect();
        modes.sort();
        modes
    }

    #[cfg(unix)]
    fn private(names: &[&str]) -> Vec<(String, u32)> {
        names.iter().map(|name| ((*name).to_owned(), 0o600)).collect()
    }

    #[cfg(unix)]
    const WHILE_IT_RUNS: [&str; 6] =
        ["server.db", "server.db-shm", "server.db-wal", "server.db.ballast", "server.key", "server.lock"];

    #[cfg(unix)]
    #[test]
    fn every_file_made_in_a_directory_that_others_may_read_is_the_servers_users_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let _opened = open(&section(directory.path(), "sqlite:server.db"), None).unwrap();
        assert_eq!(modes(directory.path()), private(&WHILE_IT_RUNS));
    }

    #[cfg(unix)]
    #[test]
    fn files_that_others_could_read_are_narrowed_at_the_start_also_those_a_killed_server_left() {
        use std::os::unix::fs::PermissionsExt;
        let directory = lived_in();
        let opened = open(&section(directory.path(), "sqlite:server.db"), None).unwrap();
        let killed = tempfile::tempdir().unwrap();
        for name in WHILE_IT_RUNS {
            fs::copy(directory.path().join(name), killed.path().join(name)).unwrap();
            fs::set_permissions(killed.path().join(name), fs::Permissions::from_mode(0o664)).unwrap();
        }
        drop(opened);
        let opened = open(&section(killed.path(), "sqlite:server.db"), None).unwrap();
        assert_eq!(modes(killed.path()), private(&WHILE_IT_RUNS));
        drop(opened);
        // And what is made anew beside a narrowed file is as narrow.
        let _opened = open(&section(killed.path(), "sqlite:server.db"), None).unwrap();
        assert_eq!(modes(killed.path()), private(&WHILE_IT_RUNS));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_not_a_servers_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.db");
        fs::write(&path, b"these are my holiday notes, not a database").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        refusal(&section(directory.path(), "sqlite:server.db"));
        assert!(modes(directory.path()).contains(&("server.db".to_owned(), 0o644)));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a-file");
        fs::write(&file, b"").unwrap();
        let told = refusal(&section(&file, "sqlite:server.db"));
        assert!(told.contains("store.data_dir"), "{told}");
    }

    /// A directory as a server leaves it that registered somebody, with the database closed.
    fn lived_in() -> tempfile::TempDir {
        use tandem_server_store::conformance::bench;
        let directory = tempfile::tempdir().unwrap();
        let mut opened = open(&section(directory.path(), "sqlite:server.db"), None).unwrap();
        let start = StoreOp::StartRegistration(bench::start(7, 1, 1));
        let answers = opened.keeper.serve(vec![(bench::START, start)]);
        assert!(matches!(answers.as_slice(), [StoreAnswer::Started(_)]), "{answers:?}");
        directory
    }

    fn files(directory: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        let mut files: Vec<_> = entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect();
        files.sort();
        files
    }

    #[test]
    fn a_database_that_is_gone_from_a_lived_in_directory_is_never_replaced_by_a_new_one() {
        let forget_it: fn(&Path) = |path| fs::remove_file(path).unwrap();
        let empty_it: fn(&Path) = |path| fs::write(path, b"").unwrap();
        for lose in [forget_it, empty_it] {
            for sign in ["server.key", "server.db.ballast"] {
                let directory = lived_in();
                lose(&directory.path().join("server.db"));
                let other = if sign == "server.key" { "server.db.ballast" } else { "server.key" };
                fs::remove_file(directory.path().join(other)).unwrap();
                let (section, before) = (section(directory.path(), "sqlite:server.db"), files(directory.path()));
                let told = refusal(&section);
                assert!(
                    told.contains("server.db:") && told.contains(sign) && told.contains("move the whole"),
                    "{told}"
                );
                assert_eq!(inspect(&section).unwrap_err().to_string(), told, "a check says the same");
                assert!(files(directory.path()) == before, "nothing is changed");
            }
        }
    }

    #[test]
    fn a_key_that_is_gone_from_a_filled_database_is_made_anew_only_when_asked() {
        let directory = lived_in();
        let section = section(directory.path(), "sqlite:server.db");
        fs::remove_file(directory.path().join("server.key")).unwrap();
        let told = refusal(&section);
        assert!(told.contains("server.key is missing") && told.contains("--make-key"), "{told}");
        assert_eq!(inspect(&section).unwrap_err().to_string(), told);
        make_key(&section).unwrap();
        inspect(&section).unwrap();
        open(&section, None).unwrap();
    }

    #[test]
    fn a_first_start_that_was_killed_before_its_key_was_made_starts_again() {
        let directory = tempfile::tempdir().unwrap();
        let section = section(directory.path(), "sqlite:server.db");
        drop(open(&section, None).unwrap());
        fs::remove_file(directory.path().join("server.key")).unwrap();
        inspect(&section).unwrap();
        open(&section, None).unwrap();
    }

    #[test]
    fn an_inspection_makes_and_changes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        inspect(&section(&parent.path().join("not/yet"), "sqlite:server.db")).unwrap();
        assert!(files(parent.path()).is_empty());
        let directory = lived_in();
        let before = files(directory.path());
        inspect(&section(directory.path(), "sqlite:server.db")).unwrap();
        assert!(files(directory.path()) == before);
        // As kill -9 leaves it: the log holds what the file does not.
        let opened = open(&section(directory.path(), "sqlite:server.db"), None).unwrap();
        let killed = tempfile::tempdir().unwrap();
        for name in ["server.db", "server.db-wal", "server.key"] {
            fs::copy(directory.path().join(name), killed.path().join(name)).unwrap();
        }
        assert!(inspect(&section(directory.path(), "sqlite:server.db")).unwrap_err().to_string().contains("another"));
        drop(opened);
        let before = files(killed.path());
        inspect(&section(killed.path(), "sqlite:server.db")).unwrap();
        assert!(files(killed.path()) == before);
    }
}
