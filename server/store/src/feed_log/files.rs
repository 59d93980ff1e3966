//! The files of a log's directory.

use crate::private;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const SPARE: &str = "spare";
const UNFINISHED: &str = "base.new";

/// Zeros that are written at once.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// What is there, in order.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) bases: Vec<u64>,
    pub(super) logs: Vec<u64>,
}

impl Names {
    pub(super) fn read(directory: &Path) -> io::Result<Names> {
        let mut names = Names::default();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            let number = |prefix| u64::from_str_radix(name.strip_prefix(prefix)?, 16).ok();
            names.bases.extend(number("base-"));
            names.logs.extend(number("log-"));
        }
        names.bases.sort_unstable();
        names.logs.sort_unstable();
        Ok(names)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bases.is_empty() && self.logs.is_empty()
    }
}

pub(super) fn log(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("log-{number:016x}"))
}

pub(super) fn base(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("base-{number:016x}"))
}

pub(super) fn spare(directory: &Path) -> PathBuf {
    directory.join(SPARE)
}

pub(super) fn unfinished(directory: &Path) -> PathBuf {
    directory.join(UNFINISHED)
}

/// Makes a segment ready: a file of zeros that are on the disk.
pub(super) fn zeros(directory: &Path, bytes: u64) -> io::Result<()> {
    let mut file = private::options().truncate(true).open(spare(directory))?;
    let mut left = bytes;
    while left > 0 {
        let now = ZEROS.get(..usize::try_from(left).unwrap_or(usize::MAX)).unwrap_or(&ZEROS);
        file.write_all(now)?;
        left = left.saturating_sub(now.len() as u64);
    }
    file.sync_all()
}

/// Removes what was being made when a server ended.
pub(super) fn clear_unfinished(directory: &Path) -> io::Result<()> {
    for path in [spare(directory), unfinished(directory)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Removes what a base takes the place of: as much of it as can be. The first error.
pub(super) fn clear_covered(directory: &Path, names: &Names, by: u64) -> io::Result<()> {
    let bases = names.bases.iter().filter(|number| **number < by).map(|number| base(directory, *number));
    let logs = names.logs.iter().filter(|number| **number < by).map(|number| log(directory, *number));
    let removed = bases.chain(logs).map(|path| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    });
    removed.fold(Ok(()), Result::and)
}

/// Makes names durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Elsewhere names are durable with their files.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
