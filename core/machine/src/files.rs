//! Files that go straight to another phone: whole or not at all, once, and on from where a break left them.
//!
//! ```text
//!   sender:    Measuring ─> Waiting ─way─> Offered ─wanted─> Flowing ─over─> (told)
//!                              ^             │ lost, silent     │
//!                              └─────────────┴──────────────────┘   until its time is over
//!   receiver:  offer ─> Beginning ─held─> Taking ─ synced ─> wanted … ─ whole, hash right, renamed ─> over, told
//! ```
//!
//! Files have no store-and-wait: a file whose receiver cannot be reached directly waits here, as long as this process lives, and
//! is then given up with a reason. What the receiver holds durably is on its disk, so that an offer made again goes on there.

mod incoming;
mod outgoing;

use crate::ctx::Ctx;
use crate::direct::{DirectConn, Pair};
use crate::effect::Effect;
use crate::lines::Lines;
use incoming::Taking;
use outgoing::Sending;
use std::collections::BTreeMap;
use std::fmt;
use tandem_model::vault::signed::canonical;
use tandem_model::{Line, Mono, Msisdn, Secret};
use tandem_wire::frame::{DirectFrame, FileId};

/// Bytes of one chunk.
pub const CHUNK: usize = 32 * 1024;

/// Longest name of a file, in bytes.
pub const NAME_MAX: usize = 255;

/// A file that comes: from whom, to which SIM, and its sender's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileFrom {
    /// To which SIM.
    pub line: Line,
    /// From whom, proven.
    pub number: Msisdn,
    /// The sender's name for the transfer.
    pub id: FileId,
}

/// Orders about files on this phone's disk, carried out one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOrder {
    /// How long is it, and what is its hash? Answer with [`FileInput::Measured`].
    Measure {
        /// Which transfer.
        id: FileId,
        /// Where it lies.
        path: Secret<String>,
        /// Longer ones are refused.
        size_max: u64,
    },
    /// Read a part; answer with [`FileInput::Read`].
    Read {
        /// Which transfer.
        id: FileId,
        /// Where it lies.
        path: Secret<String>,
        /// From here on.
        offset: u64,
        /// So many bytes.
        length: u32,
    },
    /// Make ready to take one in; answer with [`FileInput::Begun`], or with [`FileInput::Arrived`] when it is there already.
    Begin {
        /// Which.
        from: FileFrom,
        /// As its sender calls it. Nothing in it is believed to be a path.
        name: Secret<String>,
        /// In bytes.
        size: u64,
        /// Of the whole.
        sha256: [u8; 32],
    },
    /// Write a part behind what is there; answer with [`FileInput::Written`] once so much is durable that it is worth telling, and
    /// with [`FileInput::Arrived`] or [`FileInput::Broken`] when it is whole.
    Write {
        /// Which.
        from: FileFrom,
        /// Where.
        offset: u64,
        /// What.
        bytes: Secret<Vec<u8>>,
    },
    /// Nobody goes on with it now; what is durable stays for later.
    LetGo {
        /// Which.
        from: FileFrom,
    },
}

/// What the disk answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileInput {
    /// To [`FileOrder::Measure`]: its size and SHA-256; `None` when it cannot be read or is too long.
    Measured {
        /// Which transfer.
        id: FileId,
        /// Both.
        found: Option<(u64, [u8; 32])>,
    },
    /// To [`FileOrder::Read`]; `None` when it is not what it was.
    Read {
        /// Which transfer.
        id: FileId,
        /// From here on.
        offset: u64,
        /// What stands there.
        bytes: Option<Secret<Vec<u8>>>,
    },
    /// To [`FileOrder::Begin`]: so many bytes are durable already; `None` when there is no room.
    Begun {
        /// Which.
        from: FileFrom,
        /// In bytes.
        held: Option<u64>,
    },
    /// So many bytes are durable by now.
    Written {
        /// Which.
        from: FileFrom,
        /// In bytes.
        held: u64,
    },
    /// It is whole, durable and in its place.
    Arrived {
        /// Which.
        from: FileFrom,
        /// Where it lies.
        path: Secret<String>,
        /// False when it was there already.
        fresh: bool,
    },
    /// It cannot be written, or is not what was offered; nothing of it is left.
    Broken {
        /// Which.
        from: FileFrom,
    },
}

/// A file of mine on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileView {
    /// Which.
    pub id: FileId,
    /// To whom.
    pub to: Msisdn,
    /// How far it is.
    pub state: FileState,
}

/// How far a file of mine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileState {
    /// There is no direct way to its receiver yet.
    Waiting,
    /// On its way.
    Sending {
        /// Bytes that are durable there.
        sent: u64,
        /// Of so many.
        size: u64,
    },
    /// Whole and durable there.
    Arrived,
    /// It will not be sent.
    Failed(FileFailure),
}

/// Why a file of mine is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileFailure {
    /// It cannot be read, is empty or too long, or changed on its way: choose another.
    Unreadable,
    /// Its receiver could not be reached directly in time: try again later.
    NoWay,
    /// Its receiver does not take it.
    Refused,
    /// What came there was not what was offered: send it again.
    Broken,
}

/// A file that came.
#[derive(Clone, PartialEq, Eq)]
pub struct ArrivedFile {
    /// Which.
    pub from: FileFrom,
    /// As its sender calls it.
    pub name: Secret<String>,
    /// Where it lies.
    pub path: Secret<String>,
    /// In bytes.
    pub size: u64,
}

impl fmt::Debug for ArrivedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArrivedFile").field("from", &self.from).field("size", &self.size).finish_non_exhaustive()
    }
}

/// Every file on its way, either way.
#[derive(Debug, Default)]
pub(crate) struct Files {
    sending: BTreeMap<FileId, Sending>,
    taking: BTreeMap<FileFrom, Taking>,
}

impl Files {
    /// The disk answers. False when nobody waits for it.
    pub(crate) fn on(&mut self, input: FileInput, lines: &mut Lines, ctx: &mut Ctx<'_>) -> bool {
        match input {
            FileInput::Measured { id, found } => self.measured(id, found, lines, ctx),
            FileInput::Read { id, offset, bytes } => self.was_read(id, offset, bytes, lines, ctx),
            FileInput::Begun { from, held } => self.begun(from, held, ctx),
            FileInput::Written { from, held } => self.written(from, held, ctx),
            FileInput::Arrived { from, path, fresh } => self.arrived(from, path, fresh, ctx),
            FileInput::Broken { from } => self.broken(from, ctx),
        }
    }

    /// A frame about a file came from whoever is proven to be at the other end.
    pub(crate) fn frame(&mut self, pair: Pair, conn: DirectConn, frame: DirectFrame, lines: &Lines, ctx: &mut Ctx<'_>) {
        match frame {
            DirectFrame::FileOffer { id, sealed } => self.offered(pair, conn, id, &sealed, lines, ctx),
            DirectFrame::FileChunk(chunk) => self.chunk(pair, conn, &chunk, lines, ctx),
            DirectFrame::FileWanted { id, from } => self.wanted(pair, id, from, ctx),
            DirectFrame::FileOver { id, end } => self.over(pair, id, end, ctx),
            DirectFrame::Hello(_)
            | DirectFrame::Text(_)
            | DirectFrame::TextKept { .. }
            | DirectFrame::TextRead { .. } => {}
        }
    }

    /// A way to a number is known, whatever it is.
    pub(crate) fn way_known(&mut self, pair: Pair, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        self.offer_waiting(pair, lines, ctx);
    }

    /// The connection to a number is gone.
    pub(crate) fn way_lost(&mut self, pair: Pair, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        self.let_go(pair, ctx);
        self.wait_again(pair, ctx);
        self.offer_waiting(pair, lines, ctx);
    }

    /// When [`Files::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        self.sending.values().filter_map(Sending::due).min().map(|at| (at, "file"))
    }
}

pub(super) fn order(ctx: &mut Ctx<'_>, order: FileOrder) {
    ctx.push(Effect::File(order));
}

/// What is sealed of an offer: size, hash, name.
fn offer_context(from: Msisdn, to: Msisdn, id: FileId) -> Vec<u8> {
    canonical("tandem/1/file-offer", &[&from.as_u64().to_be_bytes(), &to.as_u64().to_be_bytes(), &id.0])
}

/// A chunk's seal is bound to its place: none can stand in another's.
fn chunk_context(from: Msisdn, to: Msisdn, id: FileId, offset: u64) -> Vec<u8> {
    let (from, to) = (from.as_u64().to_be_bytes(), to.as_u64().to_be_bytes());
    canonical("tandem/1/file-chunk", &[&from, &to, &id.0, &offset.to_be_bytes()])
}

#[cfg(test)]
mod tests;
