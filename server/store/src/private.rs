//! Files that the server's user alone may read: they name every registered number, or hold what digests are keyed with.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// What group and others may do.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// How a file is opened for writing that is made for its owner alone where it is not there yet. One that is there keeps its
/// mode: see [`narrow`].
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes from group and others whatever they may do with a file. True when they could do something; false also for a file
/// that is not there, and on a system that knows no modes.
///
/// # Errors
/// When the system does not let it, because the file is another user's, say.
pub fn narrow(path: &Path) -> io::Result<bool> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    narrow_mode(path, found.permissions())
}

#[cfg(unix)]
fn narrow_mode(path: &Path, mut permissions: fs::Permissions) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = permissions.mode();
    if mode & OTHERS == 0 {
        return Ok(false);
    }
    permissions.set_mode(mode & !OTHERS);
    fs::set_permissions(path, permissions)?;
    Ok(true)
}

#[cfg(not(unix))]
fn narrow_mode(_path: &Path, _permissions: fs::Permissions) -> io::Result<bool> {
    Ok(false)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_made_here_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made");
        drop(options().open(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
        assert!(!narrow(&path).unwrap(), "there is nothing to take");
    }

    #[test]
    fn what_others_may_do_is_taken_and_what_its_owner_may_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wide");
        fs::write(&path, b"kept").unwrap();
        for (wide, narrowed) in [(0o644, 0o600), (0o660, 0o600), (0o601, 0o600), (0o444, 0o400)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wide)).unwrap();
            assert!(narrow(&path).unwrap(), "{wide:o}");
            assert_eq!(mode(&path), narrowed, "{wide:o}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"kept");
    }

    #[test]
    fn a_file_that_is_not_there_is_nothing_to_tell() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!narrow(&directory.path().join("none")).unwrap());
    }
}
