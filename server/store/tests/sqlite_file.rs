//! The file itself: what is refused and named, what a full disk leaves working, what a sync covers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers stop it as it stops itself")]

use std::fs;
use std::path::{Path, PathBuf};
use tandem_logic::StoreFault;
use tandem_logic::store_answer::{StoreAnswer, TextOutcome};
use tandem_logic::store_op::{Owner, StoreOp, StoreText};
use tandem_model::SealedBody;
use tandem_server_store::conformance::bench::{self, Bench, START, friends, text};
use tandem_server_store::{Attached as _, OpenError, SqliteConfig, SqliteStore, Store, serve_batch};
use tempfile::TempDir;

struct File {
    dir: TempDir,
    store: SqliteStore,
}

impl Bench for File {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }

    fn power_cut(&mut self) {
        panic!("not in these tests");
    }
}

fn config(dir: &Path) -> SqliteConfig {
    SqliteConfig { ballast_bytes: 64 * 1024, ..SqliteConfig::new(dir.join("server.db")) }
}

fn file(change: impl FnOnce(SqliteConfig) -> SqliteConfig) -> File {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&change(config(dir.path()))).unwrap();
    File { dir, store }
}

fn ballast(dir: &TempDir) -> PathBuf {
    dir.path().join("server.db.ballast")
}

/// A closed database that holds something.
fn closed() -> TempDir {
    let mut file = file(|config| config);
    friends(&mut file);
    file.dir
}

fn large(a: Owner, b: Owner, counter: u64) -> StoreText {
    StoreText { sealed: SealedBody(vec![7; 60_000]), mailbox_bytes: u64::MAX, ..text(a, b, counter) }
}

#[test]
fn a_file_that_is_something_else_is_named_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let words = b"Dear diary, this is not a database. ".repeat(100);
    fs::write(config(dir.path()).path, &words).unwrap();
    assert!(matches!(SqliteStore::open(&config(dir.path())), Err(OpenError::NotADatabase)));
    assert_eq!(fs::read(config(dir.path()).path).unwrap(), words);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was put beside it");
}

#[test]
fn another_programs_database_is_named_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path()).path;
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE cats (name TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(SqliteStore::open(&config(dir.path())), Err(OpenError::Foreign)));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_version_is_refused_politely() {
    let dir = closed();
    let conn = rusqlite::Connection::open(config(dir.path()).path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let error = SqliteStore::open(&config(dir.path())).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, known: 3 }));
    assert_eq!(error.to_string(), "the database has version 99, and this server knows versions up to 3");
}

#[test]
fn a_file_of_the_first_version_is_brought_up_with_what_it_holds() {
    let mut file = file(|config| config);
    let (a, b) = friends(&mut file);
    bench::send(&mut file, text(a, b, 1));
    let dir = file.dir;
    drop(file.store);
    let conn = rusqlite::Connection::open(config(dir.path()).path).unwrap();
    conn.execute_batch("DROP TABLE attached; DROP TABLE restarts; DROP TABLE consents; PRAGMA user_version = 1")
        .unwrap();
    drop(conn);
    let mut file = File { store: SqliteStore::open(&config(dir.path())).unwrap(), dir };
    assert_eq!(bench::waiting(&mut file, b).len(), 1);
    assert!(file.store.restarts().unwrap().is_empty());
}

#[test]
fn a_truncated_file_is_named_wherever_it_was_cut() {
    for keep in [50, 512, 5_000, 20_000] {
        let dir = closed();
        let path = config(dir.path()).path;
        let whole = fs::read(&path).unwrap();
        assert!(whole.len() > 20_000);
        fs::write(&path, &whole[..keep]).unwrap();
        let error = SqliteStore::open(&config(dir.path())).unwrap_err();
        assert!(matches!(error, OpenError::Damaged), "{keep}: {error}");
    }
}

#[test]
fn damage_inside_is_found_at_open() {
    let dir = closed();
    let path = config(dir.path()).path;
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4_096).take(4_096 * 3) {
        *byte ^= 0xA5;
    }
    fs::write(&path, bytes).unwrap();
    assert!(matches!(SqliteStore::open(&config(dir.path())), Err(OpenError::Damaged)));
}

#[test]
fn a_directory_that_is_not_there_is_an_error_and_no_panic() {
    let error = SqliteStore::open(&SqliteConfig::new("/nowhere/at/all.db")).unwrap_err();
    assert!(matches!(error, OpenError::Unreadable(_)), "{error}");
}

#[test]
fn an_empty_file_becomes_a_database_and_opens_again_with_what_it_held() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(config(dir.path()).path, b"").unwrap();
    let mut file = File { store: SqliteStore::open(&config(dir.path())).unwrap(), dir };
    let (a, b) = friends(&mut file);
    bench::send(&mut file, text(a, b, 1));
    file.store = SqliteStore::open(&config(file.dir.path())).unwrap();
    assert_eq!(bench::waiting(&mut file, b).len(), 1);
}

#[test]
fn from_its_largest_size_on_texts_are_refused_and_everything_else_goes_on() {
    let mut file = file(|config| SqliteConfig { max_bytes: Some(400_000), ballast_bytes: 1_000_000, ..config });
    let (a, b) = friends(&mut file);
    let mut stored = 0;
    let refused = (1..=20).find(|counter| {
        let answer = file.ask(START, StoreOp::StoreText(large(a, b, *counter)));
        stored += u64::from(matches!(&answer, StoreAnswer::Text { outcome: TextOutcome::Stored { .. }, .. }));
        answer == StoreAnswer::Failed(StoreFault::Full)
    });
    assert!(refused.is_some() && stored >= 3, "{stored}");
    assert!(file.store.is_full());
    assert_eq!(bench::waiting(&mut file, b).len() as u64, stored);
    let all: Vec<u64> = (1..=stored).collect();
    assert_eq!(bench::take(&mut file, b, a.number, &all).len() as u64, stored);
    assert!(matches!(bench::send(&mut file, large(a, b, 50)), TextOutcome::Stored { .. }), "there is room again");
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_group_fails_what_did_not_fit_and_drops_the_ballast() {
    let mut file = file(|config| SqliteConfig { max_bytes: Some(400_000), ballast_bytes: 64 * 1024, ..config });
    let (a, b) = friends(&mut file);
    assert!(ballast(&file.dir).exists());
    let group = (1..=20).map(|counter| (START, StoreOp::StoreText(large(a, b, counter))));
    let answers = serve_batch(&mut file.store, group);
    assert_eq!(answers.len(), 20);
    let stored = answers
        .iter()
        .filter(|answer| matches!(answer, StoreAnswer::Text { outcome: TextOutcome::Stored { .. }, .. }))
        .count();
    assert!(answers.contains(&StoreAnswer::Failed(StoreFault::Full)));
    assert!(file.store.is_full() && !ballast(&file.dir).exists());
    assert_eq!(bench::waiting(&mut file, b).len(), stored, "what was said to be stored is, and nothing else");
    let taken: Vec<u64> = (1..=20).collect();
    assert_eq!(bench::take(&mut file, b, a.number, &taken).len(), stored, "acknowledgements go through");
    assert_eq!(bench::ends(&mut file, a).len(), stored);
    let never = tandem_model::ServerMillis(0);
    file.ask(START, StoreOp::Sweep { silent_before: never, forget_before: never, limit: 9 });
    assert!(!file.store.is_full() && ballast(&file.dir).exists(), "with room again, the ballast is back");
    assert!(matches!(bench::send(&mut file, large(a, b, 50)), TextOutcome::Stored { .. }));
}

#[test]
fn two_processes_do_not_write_to_one_file_at_once() {
    let mut first = file(|config| config);
    first.store.begin_group().unwrap();
    let busy = SqliteConfig { busy_wait: std::time::Duration::from_millis(10), ..config(first.dir.path()) };
    let mut second = SqliteStore::open(&busy).unwrap();
    assert_eq!(second.begin_group(), Err(StoreFault::Broken));
    first.store.commit_group().unwrap();
    assert_eq!(second.begin_group(), Ok(()), "and the one that waited too long can go on");
}

#[test]
fn bodies_that_ended_are_gone_from_the_file() {
    let mut file = file(|config| config);
    let (a, b) = friends(&mut file);
    let secret = b"a body nobody else should find again".repeat(4);
    bench::send(&mut file, StoreText { sealed: SealedBody(secret.clone()), ..text(a, b, 1) });
    bench::take(&mut file, b, a.number, &[1]);
    let path = config(file.dir.path()).path;
    drop(file.store);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(36).any(|window| window == &secret[..36]));
}

/// What `kill -9` leaves between the first page and the first commit: a header and a log without a commit.
fn killed_at_its_first_start() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path()).path;
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    drop(conn);
    assert_eq!(fs::metadata(&path).unwrap().len(), 4096);
    fs::write(dir.path().join("server.db-wal"), [0; 32]).unwrap();
    dir
}

#[test]
fn a_first_start_that_was_killed_before_its_first_commit_starts_again() {
    let dir = killed_at_its_first_start();
    assert!(!SqliteStore::inspect(&config(dir.path())).unwrap());
    SqliteStore::open(&config(dir.path())).unwrap();
    let dir = killed_at_its_first_start();
    fs::write(ballast(&dir), [0; 16]).unwrap();
    assert!(matches!(SqliteStore::open(&config(dir.path())), Err(OpenError::Lost { .. })), "a ballast comes later");
}
