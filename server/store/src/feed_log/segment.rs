//! One segment: a header, records one after the other, zeros.
//!
//! ```text
//!   magic (8) | number of its first record (8) | CRC-32C of both (4) | zeros (12) | records
//! ```

use super::FeedLogError;
use super::files::{self, sync_directory};
use super::io_error;
use super::record::{self, Record};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use tandem_resolver::Changes;

const MAGIC: [u8; 8] = *b"tdmfeed1";
const HEAD: usize = 32;

/// How far a damaged place is looked past for a record that proves it is one.
const LOOKED_PAST: u64 = 1 << 32;

/// Bytes of a segment that one record fits into.
pub(super) const fn bytes_for(record: usize) -> u64 {
    HEAD.saturating_add(record) as u64
}

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Active {
    file: File,
    at: u64,
    bytes: u64,
}

/// How far a segment was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Read {
    /// The number behind the last record that counts.
    pub(super) next: u64,
    /// Where that record ends.
    end: u64,
    /// Whether anything but zeros follows.
    torn: bool,
}

impl Active {
    /// Makes the spare the segment of a number.
    pub(super) fn begin(directory: &Path, number: u64, first: u64) -> io::Result<Active> {
        let path = files::spare(directory);
        let mut file = File::options().write(true).open(&path)?;
        let mut head = [0; HEAD];
        let first = first.to_le_bytes();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&MAGIC), &first);
        let parts = MAGIC.into_iter().chain(first).chain(sum.to_le_bytes());
        head.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
        file.write_all(&head)?;
        file.sync_all()?;
        fs::rename(&path, files::log(directory, number))?;
        sync_directory(directory)?;
        let bytes = file.metadata()?.len();
        Ok(Active { file, at: HEAD as u64, bytes })
    }

    /// Goes on behind what was read of the last segment. What was being written there is overwritten with zeros first.
    pub(super) fn resume(directory: &Path, number: u64, read: Read) -> io::Result<Active> {
        let mut file = File::options().write(true).open(files::log(directory, number))?;
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(read.end))?;
        if read.torn {
            io::copy(&mut io::repeat(0).take(bytes.saturating_sub(read.end)), &mut file)?;
            file.seek(SeekFrom::Start(read.end))?;
        }
        // Also when nothing is torn: a process that was killed between a write and its sync left a record that is read here, and what
        // is in the bindings is answered for.
        file.sync_all()?;
        Ok(Active { file, at: read.end, bytes })
    }

    /// The same, as if its file had only so many bytes.
    #[cfg(test)]
    pub(super) fn of_bytes(active: Active, bytes: u64) -> Active {
        Active { bytes, ..active }
    }

    pub(super) const fn has_room(&self, record: usize) -> bool {
        self.at.saturating_add(record as u64) <= self.bytes
    }

    pub(super) const fn is_half_full(&self) -> bool {
        self.at >= self.bytes / 2
    }

    /// Writes a record, durable when this returns. After an error nobody knows what is there.
    pub(super) fn append(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.write_all(record)?;
        sync_data(&self.file)?;
        self.at = self.at.saturating_add(record.len() as u64);
        Ok(())
    }
}

/// The number of a segment's first record.
pub(super) fn first_of(directory: &Path, number: u64) -> Result<u64, FeedLogError> {
    let path = files::log(directory, number);
    let mut head = [0; HEAD];
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut head));
    read.map_err(|error| io_error(&path, &error))?;
    first_in(&head).ok_or(FeedLogError::Damaged(path))
}

fn first_in(segment: &[u8]) -> Option<u64> {
    let (magic, rest) = segment.split_first_chunk::<8>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let sum = u32::from_le_bytes(*rest.first_chunk::<4>()?);
    let genuine = *magic == MAGIC && sum == crc32c::crc32c_append(crc32c::crc32c(magic), first);
    genuine.then_some(u64::from_le_bytes(*first))
}

/// Reads the records of a segment that count: from `next` on, and below `end` where there is a segment behind it.
pub(super) fn read(
    directory: &Path,
    number: u64,
    next: u64,
    end: Option<u64>,
    sink: &mut dyn FnMut(Changes),
) -> Result<Read, FeedLogError> {
    let path = files::log(directory, number);
    let damaged = || FeedLogError::Damaged(path.clone());
    let bytes = fs::read(&path).map_err(|error| io_error(&path, &error))?;
    if first_in(&bytes) != Some(next) {
        return Err(damaged());
    }
    let mut read = Read { next, end: HEAD as u64, torn: false };
    let mut rest = bytes.get(HEAD..).unwrap_or_default();
    while end.is_none_or(|end| read.next < end) {
        let Some(record) = record::read(rest).filter(|record| record.number == read.next) else { break };
        record::changes(record.body).ok_or_else(damaged)?.into_iter().for_each(&mut *sink);
        read.next = read.next.saturating_add(1);
        read.end = read.end.saturating_add(record.bytes as u64);
        rest = rest.get(record.bytes..).unwrap_or_default();
    }
    match end {
        Some(end) if read.next < end => return Err(damaged()),
        // Records that were written and never acknowledged may follow; their numbers went to the next segment.
        Some(_) => {}
        None => {
            if holds_later(rest, read.next) {
                return Err(damaged());
            }
            read.torn = rest.iter().any(|byte| *byte != 0);
        }
    }
    Ok(read)
}

/// Whether a whole record follows somewhere: then what cannot be read before it was acknowledged once.
fn holds_later(rest: &[u8], next: u64) -> bool {
    let later = |record: Record<'_>| (next..next.saturating_add(LOOKED_PAST)).contains(&record.number);
    let mut rest = rest.get(8..).unwrap_or_default();
    while !rest.is_empty() {
        if rest.first_chunk::<4>().is_some_and(|length| *length != [0; 4]) && record::read(rest).is_some_and(later) {
            return true;
        }
        rest = rest.get(8..).unwrap_or_default();
    }
    false
}

/// What `fsync` leaves in the drive's cache there, `F_FULLFSYNC` does not: std asks for it on Apple's systems.
fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()
}
