//! The conformance suite on SQLite. A power cut is the files as they are on the disk, opened by somebody else.

#![expect(clippy::unwrap_used, reason = "a test's helpers stop it as it stops itself")]

use std::fs;
use std::path::PathBuf;
use tandem_server_store::conformance::Bench;
use tandem_server_store::{SqliteConfig, SqliteStore, Store};
use tempfile::TempDir;

struct Sqlite {
    dir: TempDir,
    boot: u32,
    store: SqliteStore,
}

fn config(dir: &TempDir, boot: u32) -> SqliteConfig {
    SqliteConfig { ballast_bytes: 4_096, ..SqliteConfig::new(path(dir, boot)) }
}

fn path(dir: &TempDir, boot: u32) -> PathBuf {
    dir.path().join(format!("boot-{boot}.db"))
}

impl Sqlite {
    fn new() -> Sqlite {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&config(&dir, 0)).unwrap();
        Sqlite { dir, boot: 0, store }
    }
}

impl Bench for Sqlite {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.store
    }

    fn power_cut(&mut self) {
        let (old, new) = (path(&self.dir, self.boot), path(&self.dir, self.boot + 1));
        fs::copy(&old, &new).unwrap();
        fs::copy(old.with_extension("db-wal"), new.with_extension("db-wal")).unwrap();
        self.boot += 1;
        self.store = SqliteStore::open(&config(&self.dir, self.boot)).unwrap();
    }
}

tandem_server_store::conformance_suite!(Sqlite::new());
