//! A file that holds space back for a bad day.
//!
//! On a full disk a WAL database cannot even delete or checkpoint. Giving this file back makes room for the WAL it has
//! and the one transaction that may be on its way, so that ends and acknowledgements are still kept.

use crate::private;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    pub(crate) fn beside(database: &Path, bytes: u64) -> Ballast {
        Ballast { path: with_suffix(database, ".ballast"), bytes }
    }

    /// Whether a database stood here before: its ballast is made right after it and never before.
    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Makes the file as large as it should be. Real bytes: a sparse file holds nothing back.
    pub(crate) fn fill(&self) -> io::Result<()> {
        if std::fs::metadata(&self.path).is_ok_and(|found| found.len() == self.bytes) {
            return Ok(());
        }
        let filled = self.write_out();
        if filled.is_err() {
            // Half a ballast would only make the disk fuller.
            drop(self.release());
        }
        filled
    }

    fn write_out(&self) -> io::Result<()> {
        static CHUNK: [u8; 64 * 1024] = [0xB5; 64 * 1024];
        let mut file = private::options().truncate(true).open(&self.path)?;
        let mut left = self.bytes;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(CHUNK.len()).min(CHUNK.len());
            file.write_all(CHUNK.get(..now).unwrap_or_default())?;
            left -= now as u64;
        }
        file.sync_all()
    }

    /// Gives the space back; the empty file stays, to tell that a database stood here.
    pub(crate) fn release(&self) -> io::Result<()> {
        private::options().truncate(true).open(&self.path)?.sync_all()
    }
}

/// The path with something appended to its file name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ballast_is_filled_given_back_and_filled_again() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = Ballast::beside(&dir.path().join("phone.db"), 100_000);
        assert!(!ballast.exists());
        ballast.fill().unwrap();
        let path = dir.path().join("phone.db.ballast");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 100_000);
        ballast.release().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        assert!(ballast.exists());
        ballast.fill().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 100_000);
    }
}
