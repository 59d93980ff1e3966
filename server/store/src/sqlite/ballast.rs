//! A file that is only there to be deleted.
//!
//! A full disk wedges a database in WAL mode: even deleting needs room in the log. The ballast is larger than the log can
//! grow, so that dropping it makes the room in which acknowledgements go on until an operator has made more.

use crate::private;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

/// The file and how large it is.
#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    pub(crate) const fn new(path: PathBuf, bytes: u64) -> Ballast {
        Ballast { path, bytes }
    }

    /// Puts the file there in its full size, synced. False when there is no room for it; then nothing is left of it.
    pub(crate) fn put_back(&self) -> bool {
        if fs::metadata(&self.path).is_ok_and(|there| there.len() == self.bytes) {
            return true;
        }
        let written = self.write();
        if written.is_err() {
            self.drop_it();
        }
        written.is_ok()
    }

    fn write(&self) -> io::Result<()> {
        let mut file = private::options().truncate(true).open(&self.path)?;
        let block = [0xB5_u8; 64 * 1024];
        let mut left = self.bytes;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            file.write_all(block.get(..now).unwrap_or(&block))?;
            left = left.saturating_sub(now as u64);
        }
        file.sync_all()
    }

    /// Makes its room free. One that is not there makes none, which is no failure.
    pub(crate) fn drop_it(&self) {
        let _ = fs::remove_file(&self.path);
    }
}
