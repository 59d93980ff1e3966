//! The file of keys: made at the first start, its owner's alone, and never without what belongs to it.

use crate::account::Salt;
use crate::desk::Keyring;
use crate::oprf::Oprf;
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tandem_crypto::oprf::Evaluator;
use tandem_model::{MarkKeyId, Secret};

/// The file's name in the key holder's directory.
const NAME: &str = "keys";

/// Keys that may live at once: as many as a frame to a phone can say.
const LIVE_MAX: usize = 4;

const TITLE: &str = "tandem-keyd 1";

/// Longest file that is read.
const FILE_MAX: u64 = 64 * 1024;

/// Why there are no keys to work with.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("cannot use {}: {why}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: io::ErrorKind,
    },
    /// Damaged, or another program's.
    #[error("{} is no file of keys of this key holder: put the backup back", .0.display())]
    Foreign(PathBuf),
    /// There is none, and budgets were counted beside one.
    #[error("{} is missing beside budgets that were counted: put the backup back, or move the whole directory away, which ends every mark until phones have told their contacts anew", .0.display())]
    Lost(PathBuf),
    /// Four live already.
    #[error("four keys live already: retire one first")]
    TooMany,
    /// There is no such key that lives.
    #[error("no key {0} lives here")]
    NoSuchKey(u32),
    /// One must live.
    #[error("this is the only key that lives: add another one first, and wait until phones have moved")]
    LastKey,
    /// No key comes of what the system gives.
    #[error("no key can be made")]
    NoKey,
}

/// The keys as they are kept.
#[derive(Clone)]
pub struct KeyFile {
    salt: Salt,
    /// The last name that was given; none is given twice.
    last: u32,
    live: BTreeMap<u32, Secret<[u8; 32]>>,
}

impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({})", self.live.len())
    }
}

impl KeyFile {
    /// Reads the file; `None` when there is none.
    ///
    /// # Errors
    /// [`KeyFileError`] names it.
    pub fn load(dir: &Path) -> Result<Option<KeyFile>, KeyFileError> {
        let path = dir.join(NAME);
        let mut text = String::new();
        match fs::File::open(&path) {
            Ok(file) => {
                file.take(FILE_MAX).read_to_string(&mut text).map_err(|_| KeyFileError::Foreign(path.clone()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeyFileError::Io { path, why: error.kind() }),
        }
        parse(&text).map(Some).ok_or(KeyFileError::Foreign(path))
    }

    /// A first file with one key, of random bytes. Its name is the hour it is made in, so that a key made after a loss never has the
    /// name of one that was lost.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn make(dir: &Path, salt: [u8; 32], secret: [u8; 32], hour: u32) -> Result<KeyFile, KeyFileError> {
        let made = KeyFile::in_memory(salt, secret, hour)?;
        made.write(dir)?;
        Ok(made)
    }

    /// The same without a file.
    ///
    /// # Errors
    /// [`KeyFileError::NoKey`].
    pub fn in_memory(salt: [u8; 32], secret: [u8; 32], hour: u32) -> Result<KeyFile, KeyFileError> {
        let mut made = KeyFile { salt: Salt(salt), last: 0, live: BTreeMap::new() };
        made.add(secret, hour)?;
        Ok(made)
    }

    /// What is missing beside budgets.
    #[must_use]
    pub fn lost(dir: &Path) -> KeyFileError {
        KeyFileError::Lost(dir.join(NAME))
    }

    /// Adds a key. Its name.
    ///
    /// # Errors
    /// [`KeyFileError::TooMany`], [`KeyFileError::NoKey`].
    pub fn add(&mut self, secret: [u8; 32], hour: u32) -> Result<u32, KeyFileError> {
        if self.live.len() >= LIVE_MAX {
            return Err(KeyFileError::TooMany);
        }
        let secret = Secret::new(secret);
        Evaluator::from_secret(&secret).map_err(|_| KeyFileError::NoKey)?;
        let id = self.last.checked_add(1).ok_or(KeyFileError::NoKey)?.max(hour);
        self.last = id;
        self.live.insert(id, secret);
        Ok(id)
    }

    /// Ends a key.
    ///
    /// # Errors
    /// [`KeyFileError::NoSuchKey`], [`KeyFileError::LastKey`].
    pub fn retire(&mut self, id: u32) -> Result<(), KeyFileError> {
        if !self.live.contains_key(&id) {
            return Err(KeyFileError::NoSuchKey(id));
        }
        if self.live.len() == 1 {
            return Err(KeyFileError::LastKey);
        }
        self.live.remove(&id);
        Ok(())
    }

    /// The keys at work.
    ///
    /// # Errors
    /// [`KeyFileError::NoKey`].
    pub fn keyring(&self) -> Result<Keyring, KeyFileError> {
        let at_work = |(id, secret): (&u32, &Secret<[u8; 32]>)| {
            let key = Evaluator::from_secret(secret).map_err(|_| KeyFileError::NoKey)?;
            Ok((MarkKeyId(*id), Arc::new(key) as Arc<dyn Oprf>))
        };
        Ok(Keyring::new(self.salt, self.live.iter().map(at_work).collect::<Result<_, KeyFileError>>()?))
    }

    /// Names of the keys that live.
    #[must_use]
    pub fn ids(&self) -> Vec<u32> {
        self.live.keys().copied().collect()
    }

    /// Written beside and renamed, so that a crash leaves the old file or the new one.
    ///
    /// # Errors
    /// [`KeyFileError::Io`].
    pub fn write(&self, dir: &Path) -> Result<(), KeyFileError> {
        let path = dir.join(NAME);
        self.try_write(dir, &path).map_err(|error| KeyFileError::Io { path: path.clone(), why: error.kind() })
    }

    fn try_write(&self, dir: &Path, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        writeln!(file, "{TITLE}\nsalt {}\nlast {}", HEXLOWER.encode(&self.salt.0), self.last)?;
        for (id, secret) in &self.live {
            writeln!(file, "key {id} {}", HEXLOWER.encode(secret.expose()))?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)?;
        fs::File::open(dir)?.sync_all()
    }
}

fn parse(text: &str) -> Option<KeyFile> {
    let mut lines = text.lines();
    if lines.next()? != TITLE {
        return None;
    }
    let bytes = |hex: &str| <[u8; 32]>::try_from(HEXLOWER.decode(hex.as_bytes()).ok()?).ok();
    let salt = Salt(bytes(lines.next()?.strip_prefix("salt ")?)?);
    let last = lines.next()?.strip_prefix("last ")?.parse().ok()?;
    let mut live = BTreeMap::new();
    for line in lines {
        let (id, secret) = line.strip_prefix("key ")?.split_once(' ')?;
        live.insert(id.parse().ok().filter(|id| *id <= last)?, Secret::new(bytes(secret)?));
    }
    (1..=LIVE_MAX).contains(&live.len()).then_some(KeyFile { salt, last, live })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written_and_only_their_owner_may() {
        let dir = tempfile::tempdir().unwrap();
        assert!(KeyFile::load(dir.path()).unwrap().is_none());
        let mut made = KeyFile::make(dir.path(), [1; 32], [2; 32], 500).unwrap();
        assert_eq!(made.ids(), vec![500]);
        assert_eq!(made.add([3; 32], 500).unwrap(), 501, "never a name twice");
        made.retire(501).unwrap();
        assert_eq!(made.add([4; 32], 499).unwrap(), 502);
        made.write(dir.path()).unwrap();
        let read = KeyFile::load(dir.path()).unwrap().unwrap();
        assert_eq!(read.keyring().unwrap().live(), made.keyring().unwrap().live());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn the_last_key_stays_and_a_fifth_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut made = KeyFile::make(dir.path(), [1; 32], [2; 32], 500).unwrap();
        assert!(matches!(made.retire(500), Err(KeyFileError::LastKey)));
        assert!(matches!(made.retire(7), Err(KeyFileError::NoSuchKey(7))));
        for byte in 3..6 {
            made.add([byte; 32], 1).unwrap();
        }
        assert!(matches!(made.add([9; 32], 1), Err(KeyFileError::TooMany)));
    }

    #[test]
    fn a_damaged_file_is_named_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        KeyFile::make(dir.path(), [1; 32], [2; 32], 500).unwrap();
        let path = dir.path().join(NAME);
        let whole = fs::read_to_string(&path).unwrap();
        let cut: String = whole.chars().take(whole.len() - 9).collect();
        for broken in [cut.as_str(), "", "tandem-keyd 2\n", &whole.replace("last 500", "last 4")] {
            fs::write(&path, broken).unwrap();
            assert!(matches!(KeyFile::load(dir.path()), Err(KeyFileError::Foreign(_))), "{broken}");
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
    }
}
