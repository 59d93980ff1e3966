//! A base: every session there was when it was written, in the order of their ids, and every restart.
//!
//! ```text
//!   magic (8) | number of the first record behind it (8) | blocks: bytes (4), CRC-32C of them (4), them
//! ```
//!
//! A block of no bytes ends the sessions; the one behind it has the restarts. It has its name only once all of it is on the
//! disk: there is no half of one.

use super::record::{self, REBOOT, SESSION};
use super::{FeedLogError, PAGE, files, io_error};
use crate::private;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use tandem_resolver::{Id, Reboot, Session};

const MAGIC: [u8; 8] = *b"tdmbase1";
const BUFFER: usize = 1024 * 1024;

/// The longest block.
const BLOCK_MAX: usize = PAGE * SESSION;

/// A base that is read.
#[derive(Debug)]
pub(super) struct Base {
    path: PathBuf,
    file: BufReader<File>,
    bytes: u64,
    next: u64,
    block: Vec<u8>,
    read: usize,
    ended: bool,
    last: Option<Id>,
}

impl Base {
    pub(super) fn open(directory: &Path, number: u64) -> Result<Base, FeedLogError> {
        let path = files::base(directory, number);
        let mut head = [0; 16];
        let opened = File::open(&path).and_then(|mut file| {
            file.read_exact(&mut head)?;
            Ok((file.metadata()?.len(), file))
        });
        let (bytes, file) = opened.map_err(|error| io_error(&path, &error))?;
        let file = BufReader::with_capacity(BUFFER, file);
        let next = match head.split_first_chunk::<8>() {
            Some((magic, next)) if *magic == MAGIC => next.first_chunk::<8>().map(|next| u64::from_le_bytes(*next)),
            Some(_) | None => None,
        };
        match next {
            Some(next) => Ok(Base { path, file, bytes, next, block: Vec::new(), read: 0, ended: false, last: None }),
            None => Err(FeedLogError::Damaged(path)),
        }
    }

    /// The number of the first record behind it.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn next_session(&mut self) -> Result<Option<Session>, FeedLogError> {
        while !self.ended && self.read >= self.block.len() {
            self.next_block()?;
            self.ended = self.block.is_empty();
        }
        if self.ended {
            return Ok(None);
        }
        let bytes = self.block.get(self.read..).and_then(|rest| rest.first_chunk::<SESSION>());
        let session = bytes.and_then(record::session).filter(|session| self.last < Some(session.id()));
        let Some(session) = session else { return Err(FeedLogError::Damaged(self.path.clone())) };
        self.last = Some(session.id());
        self.read = self.read.saturating_add(SESSION);
        Ok(Some(session))
    }

    /// After the last session.
    pub(super) fn reboots(&mut self) -> Result<Vec<Reboot>, FeedLogError> {
        self.next_block()?;
        let mut rest = self.block.as_slice();
        let mut reboots = Vec::with_capacity(rest.len() / REBOOT);
        while !rest.is_empty() {
            reboots.push(record::reboot(&mut rest).ok_or_else(|| FeedLogError::Damaged(self.path.clone()))?);
        }
        Ok(reboots)
    }

    fn next_block(&mut self) -> Result<(), FeedLogError> {
        let mut head = [0; 8];
        let read = self.file.read_exact(&mut head).and_then(|()| {
            let (length, sum) = head.split_at(4);
            let word = |bytes: &[u8]| bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            let length = usize::try_from(word(length)).unwrap_or(usize::MAX);
            if length > BLOCK_MAX.max(REBOOT * u16::MAX as usize * 2) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.block.resize(length, 0);
            self.file.read_exact(&mut self.block)?;
            if crc32c::crc32c(&self.block) == word(sum) { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
        });
        self.read = 0;
        let cut = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
        read.map_err(|error| {
            if cut.contains(&error.kind()) {
                FeedLogError::Damaged(self.path.clone())
            } else {
                io_error(&self.path, &error)
            }
        })
    }
}

/// A base that is written.
#[derive(Debug)]
pub(super) struct BaseWriter {
    directory: PathBuf,
    number: u64,
    file: BufWriter<File>,
    block: Vec<u8>,
    bytes: u64,
}

impl BaseWriter {
    /// Of everything before a segment, whose first record has the number `next`.
    pub(super) fn new(directory: &Path, number: u64, next: u64) -> Result<BaseWriter, FeedLogError> {
        let path = files::unfinished(directory);
        let file = private::options().truncate(true).open(&path).map_err(|error| io_error(&path, &error))?;
        let file = BufWriter::with_capacity(BUFFER, file);
        let mut writer = BaseWriter { directory: directory.to_owned(), number, file, block: Vec::new(), bytes: 0 };
        writer.write(&MAGIC)?;
        writer.write(&next.to_le_bytes())?;
        Ok(writer)
    }

    pub(super) fn put(&mut self, session: &Session) -> Result<(), FeedLogError> {
        record::put_session(&mut self.block, session);
        if self.block.len() >= BLOCK_MAX { self.end_block() } else { Ok(()) }
    }

    /// Ends it, and gives it its name. Gives its size.
    pub(super) fn finish(mut self, reboots: &[Reboot]) -> Result<u64, FeedLogError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.end_block()?;
        reboots.iter().for_each(|reboot| record::put_reboot(&mut self.block, reboot));
        self.end_block()?;
        let path = files::unfinished(&self.directory);
        let named = self.file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| {
            file.sync_all()?;
            fs::rename(&path, files::base(&self.directory, self.number))?;
            files::sync_directory(&self.directory)
        });
        named.map_err(|error| io_error(&path, &error))?;
        Ok(self.bytes)
    }

    fn end_block(&mut self) -> Result<(), FeedLogError> {
        let block = std::mem::take(&mut self.block);
        self.write(&u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes())?;
        self.write(&crc32c::crc32c(&block).to_le_bytes())?;
        self.write(&block)?;
        self.block = block;
        self.block.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FeedLogError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.file.write_all(bytes).map_err(|error| io_error(&files::unfinished(&self.directory), &error))
    }
}
