//! An asker's side of one session.

use super::header::{Header, SessionId, Way};
use super::seal::Keys;
use super::session::{MISSHAPEN, SPENT, TOLD};
use super::slot::{self, SLOT};
use super::{HEAD, HEADER, NUMBERS_MAX, length, numbers_in};
use crate::address::Addresses;
use crate::session::Generation;
use std::time::Duration;
use tandem_model::Msisdn;

/// Where a number is, as a server told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its addresses.
    pub addresses: Addresses,
    /// Grows with every binding of the number.
    pub generation: Generation,
    /// How long the binding stands.
    pub age: Duration,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// What is told of each number, in the order they were asked in.
    Told(Vec<Option<Found>>),
    /// The budget is spent.
    Spent {
        /// When it is worth asking again.
        wait: Duration,
    },
    /// The server could not read the ask.
    Misshapen,
}

/// A session as whoever asks holds it.
#[derive(Debug)]
pub struct Asking {
    session: SessionId,
    keys: Keys,
    next: u64,
}

impl Asking {
    /// Of a session that was agreed on and in which nothing was asked yet.
    #[must_use]
    pub const fn new(session: SessionId, keys: Keys) -> Asking {
        Asking { session, keys, next: 1 }
    }

    #[cfg(test)]
    pub(super) const fn starting_at(session: SessionId, keys: Keys, next: u64) -> Asking {
        Asking { session, keys, next }
    }

    /// Writes an ask behind whatever `out` holds, and gives its counter; `None` when it would be about no number or too
    /// many, or no counter is left.
    pub fn ask(&mut self, numbers: &[Msisdn], out: &mut Vec<u8>) -> Option<u64> {
        let count = u8::try_from(numbers.len()).ok().filter(|_| (1..=NUMBERS_MAX).contains(&numbers.len()))?;
        let header = Header { way: Way::Ask, session: self.session, counter: self.next };
        let after = self.next.checked_add(1)?;
        let before = out.len();
        out.resize(before.saturating_add(length(numbers.len())), 0);
        let datagram = out.get_mut(before..)?;
        let (head, slots) = datagram.get_mut(HEADER..)?.split_at_mut_checked(HEAD)?;
        *head.first_mut()? = count;
        for (slot, number) in slots.chunks_exact_mut(SLOT).zip(numbers) {
            *slot.first_chunk_mut::<8>()? = number.as_u64().to_be_bytes();
        }
        self.keys.seal(&header, datagram)?;
        self.next = after;
        Some(header.counter)
    }

    /// Opens an answer in its place, and gives the counter of its ask. `None` when it is no answer to anything this session
    /// ever asked.
    #[must_use]
    pub fn read(&self, datagram: &mut [u8]) -> Option<(u64, Heard)> {
        let header = Header::read(datagram)?;
        let count = numbers_in(datagram.len())?;
        if header.way != Way::Answer || header.session != self.session || header.counter >= self.next {
            return None;
        }
        let open = self.keys.open(&header, datagram)?;
        let (&[verdict, said, _, _, a, b, c, d], slots) = open.split_first_chunk::<HEAD>()?;
        if usize::from(said) != count {
            return None;
        }
        let heard = match verdict {
            TOLD => Heard::Told(slots.chunks_exact(SLOT).map(slot::read).collect::<Result<_, _>>().ok()?),
            SPENT => Heard::Spent { wait: Duration::from_millis(u64::from(u32::from_be_bytes([a, b, c, d]))) },
            MISSHAPEN => Heard::Misshapen,
            _ => return None,
        };
        Some((header.counter, heard))
    }
}

const _: () = assert!(length(NUMBERS_MAX) <= 1_232, "an IPv6 path carries a datagram whole");
