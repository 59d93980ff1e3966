//! Files that travel directly, on this phone's disk: read for those that go, written for those that come.
//!
//! A file that comes is written as `NAME.part`, synced as it grows, and renamed when it is whole and its hash is right: what has
//! its name is whole. Its folder is named by a hash of who sends it and of the transfer's id, so that an offer made again finds
//! what is there, and one sender's file is never another's.

mod taking;

use crate::latch::Running;
use ring::digest::{Context, SHA256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use taking::Taking;
use tandem_machine::files::FileFrom;
use tandem_machine::{FileInput, FileOrder};
use tandem_model::Secret;
use tracing::warn;

/// Orders that may wait: more than one connection has chunks on their way.
const ORDERS_MAX: usize = 1_024;

/// Bytes read at once for a hash.
const BLOCK: usize = 64 * 1024;

/// Where orders go, and where they come from.
pub(crate) fn queue() -> (SyncSender<FileOrder>, Receiver<FileOrder>) {
    sync_channel(ORDERS_MAX)
}

/// Runs the thread until nobody orders any more.
pub(crate) fn run(folder: PathBuf, orders: &Receiver<FileOrder>, answer: impl Fn(FileInput), _running: Running) {
    let mut disk = Disk { folder, taking: BTreeMap::new() };
    while let Ok(order) = orders.recv() {
        if let Some(input) = disk.carry_out(order) {
            answer(input);
        }
    }
}

struct Disk {
    folder: PathBuf,
    taking: BTreeMap<FileFrom, Taking>,
}

impl Disk {
    fn carry_out(&mut self, order: FileOrder) -> Option<FileInput> {
        match order {
            FileOrder::Measure { id, path, size_max } => {
                let found = measure(Path::new(path.expose()), size_max).ok().flatten();
                Some(FileInput::Measured { id, found })
            }
            FileOrder::Read { id, path, offset, length } => {
                let bytes = read(Path::new(path.expose()), offset, length).ok().map(Secret::new);
                Some(FileInput::Read { id, offset, bytes })
            }
            FileOrder::Begin { from, name, size, sha256 } => {
                self.taking.remove(&from);
                match Taking::begin(&self.folder, &from, name.expose(), size, sha256) {
                    Ok(taking::Begun::There(path)) => Some(FileInput::Arrived { from, path, fresh: false }),
                    Ok(taking::Begun::Held(taking, held)) => {
                        self.taking.insert(from, taking);
                        Some(FileInput::Begun { from, held: Some(held) })
                    }
                    Err(error) => {
                        warn!(kind = ?error.kind(), "a file cannot be taken");
                        Some(FileInput::Begun { from, held: None })
                    }
                }
            }
            FileOrder::Write { from, offset, bytes } => {
                let taking = self.taking.get_mut(&from)?;
                match taking.write(offset, bytes.expose()) {
                    Ok(taking::Written::Later) => None,
                    Ok(taking::Written::Held(held)) => Some(FileInput::Written { from, held }),
                    Ok(taking::Written::Whole(path)) => {
                        self.taking.remove(&from);
                        Some(FileInput::Arrived { from, path, fresh: true })
                    }
                    Err(error) => {
                        warn!(kind = ?error.kind(), "a file that came is not what was offered, or cannot be kept");
                        if let Some(taking) = self.taking.remove(&from) {
                            taking.forget();
                        }
                        Some(FileInput::Broken { from })
                    }
                }
            }
            FileOrder::LetGo { from } => {
                self.taking.remove(&from);
                None
            }
        }
    }
}

/// Size and SHA-256; `None` for one that is too long.
fn measure(path: &Path, size_max: u64) -> io::Result<Option<(u64, [u8; 32])>> {
    let mut file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() > size_max {
        return Ok(None);
    }
    let (size, digest) = hash(&mut file)?;
    Ok((size <= size_max).then_some((size, digest)))
}

/// From where the file stands to its end.
fn hash(file: &mut File) -> io::Result<(u64, [u8; 32])> {
    let (mut context, mut block, mut size) = (Context::new(&SHA256), vec![0; BLOCK], 0_u64);
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        context.update(block.get(..read).unwrap_or_default());
        size = size.saturating_add(read as u64);
    }
    let digest = context.finish().as_ref().try_into().map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((size, digest))
}

fn read(path: &Path, offset: u64, length: u32) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
