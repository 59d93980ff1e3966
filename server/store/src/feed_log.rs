//! Sessions of subscribers on the disk, as a log made for them: many small changes a second, each commit one record and one
//! sync, read only when a server starts.
//!
//! ```text
//!   keep --> log-7 (records, then zeros)        log-8 is made ready beside it
//!            log-5, log-6 (closed) --merged beside it--> base-7 (sorted by id, takes the place of base-5 and what it covers)
//! ```
//!
//! A segment is filled with zeros and synced before its first record, so that a record's sync writes data and nothing
//! else. Every record has a checksum and the number that follows the one before it. What was being written when the power
//! went is the last record, was never acknowledged, and is passed over; anything else that cannot be read is damage, and is
//! said. After a sync that failed nobody knows what is on the disk of that segment: the next record opens a new one, whose
//! header says which numbers of the old one count.

mod base;
mod files;
mod overlay;
mod record;
mod segment;

use base::{Base, BaseWriter};
use files::{Names, sync_directory};
use overlay::Overlay;
use segment::{Active, Read};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use tandem_logic::StoreFault;
use tandem_resolver::{Changes, Reboot, Session};

/// The first segment's bytes; each later one of the same process has twice as many as the one before.
const SEGMENT_MIN: u64 = 1024 * 1024;

/// And no more than this.
const SEGMENT_MAX: u64 = 32 * 1024 * 1024;

/// Closed segments before they are merged: few, for a start reads all of them, and more when the base is large, for
/// merging writes all of it.
const CLOSED: std::ops::RangeInclusive<u64> = 4..=16;

/// Sessions that are given back at once.
const PAGE: usize = 4_096;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum FeedLogError {
    /// The system refuses.
    #[error("{}: {why}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it says.
        why: io::ErrorKind,
    },
    /// Something that was acknowledged cannot be read.
    #[error("{} is damaged: put a backup of the whole directory back, or move the directory away, and every session is unknown until its next report", .0.display())]
    Damaged(PathBuf),
}

/// What was kept, as it is given back at a start.
pub trait Restored {
    /// Some sessions, each once.
    fn sessions(&mut self, sessions: Vec<Session>);
    /// Every restart of a NAS.
    fn reboots(&mut self, reboots: Vec<Reboot>);
}

/// The log.
#[derive(Debug)]
pub struct FeedLog {
    directory: PathBuf,
    /// None after a write or sync that failed.
    active: Option<Active>,
    /// The active segment's number, or the last one's.
    number: u64,
    /// The next record's.
    next: u64,
    /// Segments from here on are not in the base.
    base: u64,
    base_bytes: u64,
    segment_bytes: u64,
    spare: Option<JoinHandle<io::Result<u64>>>,
    merging: Option<JoinHandle<Result<(u64, u64), FeedLogError>>>,
    buffer: Vec<u8>,
}

impl FeedLog {
    /// Whether a directory holds a log. One that is not there holds none.
    ///
    /// # Errors
    /// [`FeedLogError::Io`]: nobody knows. A log that cannot be seen must not be begun anew.
    pub fn is_in(directory: &Path) -> Result<bool, FeedLogError> {
        match Names::read(directory) {
            Ok(names) => Ok(!names.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error(directory, &error)),
        }
    }

    /// Whether [`FeedLog::open`] could read everything. Nothing is made and nothing changed.
    ///
    /// # Errors
    /// [`FeedLogError`], as a start would say it.
    pub fn inspect(directory: &Path) -> Result<(), FeedLogError> {
        if !FeedLog::is_in(directory)? {
            return Ok(());
        }
        let mut found = Found::look(directory)?;
        give_back(found.base.as_mut(), &found.overlay, &mut drop).map(drop)
    }

    /// Begins one from what was kept elsewhere: sessions in the order of their ids.
    ///
    /// # Errors
    /// [`FeedLogError`], or what gave the sessions.
    pub fn begin<E: From<FeedLogError>>(
        directory: &Path,
        mut page: impl FnMut() -> Result<Option<Vec<Session>>, E>,
        reboots: &[Reboot],
    ) -> Result<(), E> {
        fs::create_dir_all(directory).map_err(|error| io_error(directory, &error))?;
        let mut writer = BaseWriter::new(directory, 0, 1)?;
        while let Some(sessions) = page()? {
            sessions.iter().try_for_each(|session| writer.put(session))?;
        }
        writer.finish(reboots)?;
        Ok(())
    }

    /// Opens the log of a directory, or an empty one, and gives back what is in it.
    ///
    /// # Errors
    /// [`FeedLogError`].
    pub fn open(directory: &Path, restored: &mut dyn Restored) -> Result<FeedLog, FeedLogError> {
        let failed = |error: io::Error| io_error(directory, &error);
        fs::create_dir_all(directory).map_err(failed)?;
        files::clear_unfinished(directory).map_err(failed)?;
        let Found { names, from, mut base, number, overlay, torn, next } = Found::look(directory)?;
        let reboots = give_back(base.as_mut(), &overlay, &mut |sessions| restored.sessions(sessions))?;
        restored.reboots(reboots);
        let base_bytes = base.as_ref().map_or(0, Base::bytes);
        let mut log = FeedLog {
            directory: directory.to_owned(),
            active: None,
            number: number.unwrap_or(from),
            next,
            base: from,
            base_bytes,
            segment_bytes: SEGMENT_MIN,
            spare: None,
            merging: None,
            buffer: Vec::new(),
        };
        log.active = match number {
            Some(number) => Some(Active::resume(directory, number, torn).map_err(failed)?),
            None => {
                files::zeros(directory, SEGMENT_MIN).map_err(failed)?;
                Some(Active::begin(directory, from, next).map_err(failed)?)
            }
        };
        // What is left of before the base is read by nobody, and cleared away by a later merge or start.
        let _cleared = files::clear_covered(directory, &names, from);
        Ok(log)
    }

    /// Makes changes durable, one after the other by one sync.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of them was kept.
    pub fn keep<'a>(&mut self, changes: impl IntoIterator<Item = &'a Changes>) -> Result<(), StoreFault> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        record::write(&mut buffer, self.next, changes);
        let kept = self.append(&buffer);
        self.buffer = buffer;
        kept.map_err(|error| if is_full(&error) { StoreFault::Full } else { StoreFault::Broken })
    }

    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        if !self.active.as_ref().is_some_and(|active| active.has_room(record.len())) {
            self.turn_over(record.len())?;
        }
        let Some(active) = &mut self.active else { return Err(io::ErrorKind::NotFound.into()) };
        if let Err(error) = active.append(record) {
            self.active = None;
            return Err(error);
        }
        self.next = self.next.saturating_add(1);
        if active.is_half_full() && self.spare.is_none() {
            self.segment_bytes = self.segment_bytes.saturating_mul(2).min(SEGMENT_MAX);
            self.spare = spawn(files::zeros, &self.directory, self.segment_bytes);
        }
        Ok(())
    }

    /// Opens the next segment.
    fn turn_over(&mut self, room: usize) -> io::Result<()> {
        let needed = segment::bytes_for(room);
        let spare = self.spare.take().and_then(|spare| spare.join().ok()).and_then(Result::ok);
        if spare.is_none_or(|bytes| bytes < needed) {
            files::zeros(&self.directory, needed.max(self.segment_bytes))?;
        }
        let number = self.number.saturating_add(1);
        // The next one may have its name although this fails, and then nothing counts any more that is written to this one.
        self.active = None;
        self.active = Some(Active::begin(&self.directory, number, self.next)?);
        self.number = number;
        self.merge_closed();
        Ok(())
    }

    /// Collects a merge that has ended, and begins one when it is worth it.
    fn merge_closed(&mut self) {
        if let Some(merging) = self.merging.take_if(|merging| merging.is_finished())
            && let Ok(Ok((base, bytes))) = merging.join()
        {
            (self.base, self.base_bytes) = (base, bytes);
        }
        let closed = self.number.saturating_sub(self.base);
        let worth_it = (self.base_bytes / SEGMENT_MAX / 2).clamp(*CLOSED.start(), *CLOSED.end());
        if self.merging.is_none() && closed >= worth_it {
            let (directory, from, to) = (self.directory.clone(), self.base, self.number);
            // What cannot be merged now is merged later: until then a start reads more.
            self.merging =
                thread::Builder::new().name("tandem-merge".to_owned()).spawn(move || merge(&directory, from, to)).ok();
        }
    }
}

impl Drop for FeedLog {
    fn drop(&mut self) {
        // Nobody else may find the directory before the last file of it is written.
        drop(self.spare.take().map(JoinHandle::join));
        drop(self.merging.take().map(JoinHandle::join));
    }
}

fn spawn(work: fn(&Path, u64) -> io::Result<()>, directory: &Path, bytes: u64) -> Option<JoinHandle<io::Result<u64>>> {
    let directory = directory.to_owned();
    thread::Builder::new().name("tandem-spare".to_owned()).spawn(move || work(&directory, bytes).map(|()| bytes)).ok()
}

/// What is in a directory.
struct Found {
    names: Names,
    /// The base's number, or the first segment's.
    from: u64,
    base: Option<Base>,
    /// The last segment's.
    number: Option<u64>,
    overlay: Overlay,
    torn: Read,
    /// The number of the next record.
    next: u64,
}

impl Found {
    /// Reads all segments, and the base's head.
    fn look(directory: &Path) -> Result<Found, FeedLogError> {
        let names = Names::read(directory).map_err(|error| io_error(directory, &error))?;
        let base = names.bases.last().copied();
        let from = base.unwrap_or(0);
        let segments: Vec<u64> = names.logs.iter().copied().filter(|number| *number >= from).collect();
        let contiguous = segments.iter().zip(from..).all(|(number, expected)| *number == expected);
        if !contiguous || (base.is_none() && segments.first().is_some_and(|first| *first != 0)) {
            return Err(FeedLogError::Damaged(directory.to_owned()));
        }
        let base = base.map(|number| Base::open(directory, number)).transpose()?;
        let mut next = base.as_ref().map_or(1, Base::next);
        let (overlay, torn) = read_all(directory, &segments, &mut next)?;
        Ok(Found { names, from, base, number: segments.last().copied(), overlay, torn, next })
    }
}

/// Reads segments one after the other; where the last one's records end, and whether zeros follow.
fn read_all(directory: &Path, segments: &[u64], next: &mut u64) -> Result<(Overlay, Read), FeedLogError> {
    let mut overlay = Overlay::default();
    let mut last = Read::default();
    let mut ahead = segments.iter().copied().skip(1);
    for number in segments {
        let end = ahead.next().map(|after| segment::first_of(directory, after)).transpose()?;
        last = segment::read(directory, *number, *next, end, &mut |changes| overlay.add(changes))?;
        *next = last.next;
    }
    Ok((overlay, last))
}

/// Gives every session back once, in the order of their ids, and then every restart.
fn give_back(
    base: Option<&mut Base>,
    overlay: &Overlay,
    sink: &mut dyn FnMut(Vec<Session>),
) -> Result<Vec<Reboot>, FeedLogError> {
    let mut page = Vec::with_capacity(PAGE);
    let reboots = overlay.merge(base, &mut |session| {
        page.push(session);
        if page.len() >= PAGE {
            sink(std::mem::replace(&mut page, Vec::with_capacity(PAGE)));
        }
        Ok(())
    })?;
    sink(page);
    Ok(reboots)
}

/// Writes the base that covers closed segments, and removes what it takes the place of.
fn merge(directory: &Path, from: u64, to: u64) -> Result<(u64, u64), FeedLogError> {
    let names = Names::read(directory).map_err(|error| io_error(directory, &error))?;
    let mut base = if names.bases.contains(&from) { Some(Base::open(directory, from)?) } else { None };
    let mut next = base.as_ref().map_or(1, Base::next);
    let closed: Vec<u64> = (from..=to).collect();
    let mut overlay = Overlay::default();
    for (number, after) in closed.iter().zip(closed.iter().skip(1)) {
        let end = Some(segment::first_of(directory, *after)?);
        next = segment::read(directory, *number, next, end, &mut |changes| overlay.add(changes))?.next;
    }
    let mut writer = BaseWriter::new(directory, to, next)?;
    let reboots = overlay.merge(base.as_mut(), &mut |session| writer.put(&session))?;
    let bytes = writer.finish(&reboots)?;
    // The base is there and counts. What it takes the place of and cannot be removed now is so by the next merge or start: to
    // go on from the old base would be to merge segments that may be gone.
    let _cleared = files::clear_covered(directory, &names, to).and_then(|()| sync_directory(directory));
    Ok((to, bytes))
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    [StorageFull, QuotaExceeded, FileTooLarge].contains(&error.kind())
}

fn io_error(path: &Path, error: &io::Error) -> FeedLogError {
    FeedLogError::Io { path: path.to_owned(), why: error.kind() }
}

#[cfg(test)]
mod tests;
