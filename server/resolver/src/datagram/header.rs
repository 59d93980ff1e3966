//! What stands before the sealed part, in the clear and vouched for.

use std::fmt;

/// Bytes of a header.
pub const HEADER: usize = 20;

const MAGIC: [u8; 2] = *b"TL";
const VERSION: u8 = 1;

/// Which session. Random; not secret, and proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the asker.
    Ask = 1,
    /// To the asker.
    Answer = 2,
}

/// The first bytes of every datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which way.
    pub way: Way,
    /// Which session.
    pub session: SessionId,
    /// Of the ask; from 1, and never twice in a session.
    pub counter: u64,
}

impl Header {
    /// Reads one; `None` when it is none of this version.
    #[must_use]
    pub fn read(datagram: &[u8]) -> Option<Header> {
        let (first, rest) = datagram.split_first_chunk::<4>()?;
        let (session, rest) = rest.split_first_chunk::<8>()?;
        let counter = rest.first_chunk::<8>()?;
        let way = match *first {
            [a, b, VERSION, 1] if [a, b] == MAGIC => Way::Ask,
            [a, b, VERSION, 2] if [a, b] == MAGIC => Way::Answer,
            _ => return None,
        };
        Some(Header { way, session: SessionId(u64::from_be_bytes(*session)), counter: u64::from_be_bytes(*counter) })
    }

    /// As it is sent.
    #[must_use]
    pub fn bytes(&self) -> [u8; HEADER] {
        let [a, b] = MAGIC;
        let mut bytes = [0; HEADER];
        let parts = [a, b, VERSION, self.way as u8]
            .into_iter()
            .chain(self.session.0.to_be_bytes())
            .chain(self.counter.to_be_bytes());
        for (byte, part) in bytes.iter_mut().zip(parts) {
            *byte = part;
        }
        bytes
    }

    /// The same ask's answer.
    #[must_use]
    pub const fn answered(self) -> Header {
        Header { way: Way::Answer, ..self }
    }
}
