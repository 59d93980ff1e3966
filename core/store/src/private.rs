//! Files that nobody but the app may read: they hold what people write to each other.

use crate::ballast::with_suffix;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// What stands beside a database.
const COMPANIONS: [&str; 5] = ["-wal", "-shm", "-journal", ".ballast", ".lock"];

/// How a file is opened for writing that is made for its owner alone where it is not there yet.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a database's file where there is none: SQLite would make it as wide as the process' mask lets it, and gives the
/// log and its index the file's mode.
pub(crate) fn make(database: &Path) -> io::Result<()> {
    match options().create_new(true).open(database) {
        Ok(_made) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes from group and others whatever they may do with a database and what stands beside it. On storage that knows no
/// modes there is nothing to take, and who may read is the OS's to say.
pub(crate) fn narrow(database: &Path) {
    let beside = COMPANIONS.iter().map(|ending| with_suffix(database, ending));
    for path in std::iter::once(database.to_owned()).chain(beside) {
        if let Ok(found) = fs::metadata(&path) {
            narrow_mode(&path, found.permissions());
        }
    }
}

#[cfg(unix)]
fn narrow_mode(path: &Path, mut permissions: fs::Permissions) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = permissions.mode();
    if mode & 0o077 != 0 {
        permissions.set_mode(mode & !0o077);
        drop(fs::set_permissions(path, permissions));
    }
}

#[cfg(not(unix))]
fn narrow_mode(_path: &Path, _permissions: fs::Permissions) {}
