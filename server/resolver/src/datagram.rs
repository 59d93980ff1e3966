//! Lookups by datagram, for network servers that ask a lot. `docs/protocol/lookups.md` is written for whoever writes a
//! client.
//!
//! A session is agreed on once, over the authenticated HTTP API: an id, a key for each direction, an end. Then:
//!
//! ```text
//!   asker                                                 server
//!     |-- header | sealed: how many, the numbers, filling -->|  session known and not over? counter new? genuine?
//!     |<- header | sealed: verdict, a slot for each number --|  else silence
//! ```
//!
//! An answer is exactly as long as its ask, and nothing is sent before an ask is proven to be the asker's: a forged source
//! brings nobody a byte, and a true one no more than it sent. Slots are of one length, told or not, and numbers stand in the
//! sealed part: who listens learns how much is asked, and nothing of whom. The answer carries the ask's counter in what its
//! key vouches for, so that it answers that ask and no other.
//!
//! Pure: keys, ids and time are arguments. [`Session`] is the server's side, [`Asking`] a client's.

mod ask;
mod asking;
mod book;
mod header;
mod seal;
mod session;
mod slot;
mod window;

pub use ask::{Ask, Misshapen, Numbers};
pub use asking::{Asking, Found, Heard};
pub use book::Book;
pub use header::{HEADER, Header, SessionId, Way};
pub use seal::{KEY, Keys};
pub use session::{Dropped, Refusal, Session};
pub use slot::SLOT;
pub use window::WINDOW;

/// Numbers of one datagram at most. Twenty fit into 1,164 bytes, which every path of IPv6 carries whole (RFC 8200, 5).
pub const NUMBERS_MAX: usize = 20;

/// Bytes before the first number, and before the first slot, within the sealed part.
const HEAD: usize = 8;

/// Bytes of the tag behind the sealed part (RFC 5116, 5.1).
const TAG: usize = 16;

/// Length of an ask about so many numbers, and of its answer, in bytes.
#[must_use]
pub const fn length(numbers: usize) -> usize {
    HEADER.saturating_add(HEAD).saturating_add(numbers.saturating_mul(SLOT)).saturating_add(TAG)
}

/// How many numbers a datagram of this length is about; `None` when no datagram has it.
fn numbers_in(length: usize) -> Option<usize> {
    let slots = length.checked_sub(HEADER + HEAD + TAG)?;
    let count = slots.checked_div(SLOT)?;
    (slots.checked_rem(SLOT) == Some(0) && (1..=NUMBERS_MAX).contains(&count)).then_some(count)
}

#[cfg(test)]
mod tests;
