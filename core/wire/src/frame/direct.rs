//! Direct data: what two phones say to each other on a connection of their own.
//!
//! One QUIC connection has one stream, opened by whoever connects. The first frame each way is a [`DirectFrame::Hello`];
//! whoever was connected to says nothing before it has verified the other's.

use std::fmt;
use tandem_model::{SealedBody, SenderSeq, TextId};

/// Names one transfer of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub [u8; 16]);

/// One frame of a direct connection's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectFrame {
    /// Who I am, proven over the connection's own keys and sealed to whom I expect there.
    Hello(SealedBody),
    /// A text, sealed exactly as it would be for the server.
    Text(DirectText),
    /// These texts are durable here.
    TextKept {
        /// Which.
        ids: Vec<TextId>,
    },
    /// These texts were read.
    TextRead {
        /// Which.
        ids: Vec<TextId>,
    },
    /// A file is there to be fetched.
    FileOffer {
        /// Which; the same again when it is offered again.
        id: FileId,
        /// Its name, size and hash.
        sealed: SealedBody,
    },
    /// Everything before this place is held here; send what follows.
    FileWanted {
        /// Which.
        id: FileId,
        /// In bytes.
        from: u64,
    },
    /// Bytes of a file.
    FileChunk(FileChunk),
    /// A transfer ended.
    FileOver {
        /// Which.
        id: FileId,
        /// How.
        end: FileEnd,
    },
}

/// A text on its direct way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectText {
    /// Its id, the same by every way.
    pub id: TextId,
    /// Its place among its sender's texts to this number.
    pub seq: SenderSeq,
    /// The body.
    pub sealed: SealedBody,
}

/// Bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChunk {
    /// Which file.
    pub id: FileId,
    /// Where they belong, in bytes.
    pub offset: u64,
    /// The bytes.
    pub sealed: SealedBody,
}

/// How a transfer of a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileEnd {
    /// It is whole and durable at its receiver.
    Arrived,
    /// The receiver does not want it, or has no room.
    Refused,
    /// What came is not what was offered.
    Broken,
    /// Its sender gave it up.
    GivenUp,
}

/// A datagram of an application: unreliable, unordered.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectDatagram {
    /// Which application it is for, from 1.
    pub application: u32,
    /// What it says.
    pub sealed: SealedBody,
}

impl fmt::Debug for DirectDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectDatagram").field("application", &self.application).finish_non_exhaustive()
    }
}
