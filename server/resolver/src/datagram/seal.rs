//! The sealed part: AES-128-GCM (RFC 5116, 5.1) with a key for each direction.
//!
//! The nonce is the header's counter behind four zero bytes. It is used once with each key: an asker never counts twice,
//! and a server answers a counter at most once.

use super::header::{Header, Way};
use super::{HEADER, TAG};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fmt;

/// Bytes of a key.
pub const KEY: usize = 16;

/// What a session's datagrams are sealed with.
pub struct Keys {
    ask: LessSafeKey,
    answer: LessSafeKey,
}

impl Keys {
    /// A key for each way, random and of this session only. `None` when the library refuses, which it has no reason to.
    #[must_use]
    pub fn new(ask: &[u8; KEY], answer: &[u8; KEY]) -> Option<Keys> {
        let key = |bytes: &[u8]| UnboundKey::new(&AES_128_GCM, bytes).ok().map(LessSafeKey::new);
        Some(Keys { ask: key(ask)?, answer: key(answer)? })
    }

    const fn of(&self, way: Way) -> &LessSafeKey {
        match way {
            Way::Ask => &self.ask,
            Way::Answer => &self.answer,
        }
    }

    /// Opens a datagram's sealed part in its place; `None` when it was not sealed with this key under this header.
    pub(super) fn open<'a>(&self, header: &Header, datagram: &'a mut [u8]) -> Option<&'a mut [u8]> {
        let (clear, sealed) = datagram.split_first_chunk_mut::<HEADER>()?;
        self.of(header.way).open_in_place(nonce(header), Aad::from(*clear), sealed).ok()
    }

    /// Seals a datagram in its place: the header is written, the room for the tag is filled.
    pub(super) fn seal(&self, header: &Header, datagram: &mut [u8]) -> Option<()> {
        let (clear, rest) = datagram.split_first_chunk_mut::<HEADER>()?;
        let (open, tag) = rest.split_last_chunk_mut::<TAG>()?;
        *clear = header.bytes();
        let sealed = self.of(header.way).seal_in_place_separate_tag(nonce(header), Aad::from(*clear), open).ok()?;
        tag.copy_from_slice(sealed.as_ref().first_chunk::<TAG>()?);
        Some(())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

fn nonce(header: &Header) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    for (byte, part) in bytes.iter_mut().skip(4).zip(header.counter.to_be_bytes()) {
        *byte = part;
    }
    Nonce::assume_unique_for_key(bytes)
}
