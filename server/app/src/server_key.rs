//! The server's own secret: what digests of tokens, codes and IMSIs are keyed with. Made at the first start, kept beside the
//! database, and worth a backup with it.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use tandem_model::Secret;
use tandem_server_store::private;

/// The file's name in the data directory.
pub const FILE_NAME: &str = "server.key";

const LENGTH: usize = 32;

/// Why there is no secret to work with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or written.
    #[error("cannot use {}: {why}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// Not 32 bytes: damaged, or another program's.
    #[error("{} is not a key of this server: put the backup back, or remove it and run once with --make-key (open registration attempts end and IMSI tokens no longer match)", .0.display())]
    Foreign(PathBuf),
    /// There is none, and the database was filled with one.
    #[error("{} is missing beside a database that holds registrations: put the backup back, or run once with --make-key to make a new one (open registration attempts end and IMSI tokens no longer match)", .0.display())]
    Lost(PathBuf),
    /// The system gives no randomness.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// 32 random bytes from the system.
///
/// # Errors
/// [`KeyError::NoRandomness`].
pub fn random_bytes() -> Result<[u8; LENGTH], KeyError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

/// Reads the secret, or makes it where it `may_make` one: at the first start. Only its owner may read the file.
///
/// # Errors
/// [`KeyError`] names the file.
pub fn load_or_make(data_dir: &Path, may_make: bool) -> Result<Secret<[u8; LENGTH]>, KeyError> {
    let path = data_dir.join(FILE_NAME);
    let failed = |error: io::Error| KeyError::Io { path: path.clone(), why: error.kind() };
    match load(data_dir)? {
        Some(key) => Ok(key),
        None if !may_make => Err(KeyError::Lost(path)),
        None => {
            let key = random_bytes()?;
            write(data_dir, &path, &key).map_err(failed)?;
            Ok(Secret::new(key))
        }
    }
}

/// Reads the secret, if there is one.
///
/// # Errors
/// [`KeyError`] names the file.
pub fn load(data_dir: &Path) -> Result<Option<Secret<[u8; LENGTH]>>, KeyError> {
    let path = data_dir.join(FILE_NAME);
    let read = read(&path).map_err(|error| KeyError::Io { path: path.clone(), why: error.kind() })?;
    read.map(|bytes| bytes.try_into().map(Secret::new).map_err(|_| KeyError::Foreign(path))).transpose()
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(2 * LENGTH as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Written beside and renamed, so that a crash leaves the whole key or none.
fn write(data_dir: &Path, path: &Path, key: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("key.new");
    let mut file = private::options().truncate(true).open(&beside)?;
    // One that a crash left here has the mode it was made with; where modes cannot be changed, how it is mounted says who reads.
    let _unchangeable = private::narrow(&beside);
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    fs::File::open(data_dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_the_same_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let made = load_or_make(directory.path(), true).unwrap();
        assert_eq!(load_or_make(directory.path(), true).unwrap(), made);
        assert_ne!(made.expose(), &[0; LENGTH]);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        load_or_make(directory.path(), true).unwrap();
        let mode = fs::metadata(directory.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Also where a crash left a file that others may read in its place.
        let directory = tempfile::tempdir().unwrap();
        let left = directory.path().join("server.key.new");
        fs::write(&left, b"half").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
        load_or_make(directory.path(), true).unwrap();
        let mode = fs::metadata(directory.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_refused_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        for foreign in [&b""[..], &[1; 31], &[1; 33]] {
            fs::write(&path, foreign).unwrap();
            assert!(matches!(load_or_make(directory.path(), true), Err(KeyError::Foreign(_))));
            assert_eq!(fs::read(&path).unwrap(), foreign);
        }
    }

    #[test]
    fn a_key_that_must_be_there_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(load_or_make(directory.path(), false), Err(KeyError::Lost(_))));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        let made = load_or_make(directory.path(), true).unwrap();
        assert_eq!(load_or_make(directory.path(), false).unwrap(), made);
    }
}
