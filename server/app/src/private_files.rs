//! The files in the data directory that nobody but the server's user may read.

use crate::server_key;
use std::path::{Path, PathBuf};
use tandem_server_store::private;
use tracing::warn;

/// Held locked as long as a server uses the directory.
pub const LOCK_NAME: &str = "server.lock";

/// What stands beside a database: its log, the log's index, what SQLite made before there was a log, the ballast.
const BESIDE_DATABASE: [&str; 4] = ["-wal", "-shm", "-journal", ".ballast"];

/// Takes what others may do with them, and tells the operator of each that was open to them: whoever read it until now may
/// have kept a copy. Not being able to is told too, and keeps no server from starting: on some file systems modes cannot be
/// changed, and who may read is settled by how they are mounted.
pub fn narrow(data_dir: &Path, database: &Path) {
    for path in all(data_dir, database) {
        match private::narrow(&path) {
            Ok(false) => {}
            Ok(true) => {
                warn!(file = %path.display(), "others could read this file until now; it is the server's user's alone from here on");
            }
            Err(why) => {
                warn!(file = %path.display(), why = ?why.kind(), "others may read this file, and that cannot be changed: make it the server's user's own");
            }
        }
    }
}

fn all(data_dir: &Path, database: &Path) -> Vec<PathBuf> {
    let beside = BESIDE_DATABASE.iter().map(|ending| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    });
    let own = [LOCK_NAME, server_key::FILE_NAME].into_iter().map(|name| data_dir.join(name));
    std::iter::once(database.to_owned()).chain(beside).chain(own).collect()
}
