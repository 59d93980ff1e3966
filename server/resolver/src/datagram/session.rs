//! The server's side of one session.

use super::ask::{Ask, Numbers};
use super::header::{Header, Way};
use super::seal::Keys;
use super::slot::{self, SLOT};
use super::window::Window;
use super::{HEAD, HEADER, TAG, numbers_in};
use crate::bindings::Binding;
use std::time::Duration;
use tandem_model::{Mono, Msisdn};

/// Verdicts, as they stand in the first byte of an answer's sealed part.
pub(super) const TOLD: u8 = 0;
pub(super) const SPENT: u8 = 1;
pub(super) const MISSHAPEN: u8 = 2;

/// Why a datagram gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// It is no ask of this version, or of a length that no ask has.
    NoAsk,
    /// The session is over.
    Over,
    /// Its counter was used, or is too old to know.
    Replayed,
    /// It was not sealed with the session's key.
    Forged,
}

/// Why an ask is answered without telling anything. Nothing was charged for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The asker's budget is spent; asking again is worth it after this.
    Spent {
        /// Rounded up to a millisecond.
        wait: Duration,
    },
    /// It asks nothing.
    Misshapen,
}

/// One session that was agreed on.
#[derive(Debug)]
pub struct Session {
    keys: Keys,
    over_at: Mono,
    window: Window,
}

impl Session {
    /// With keys nobody else has, until an instant: at it, it is over.
    #[must_use]
    pub const fn new(keys: Keys, over_at: Mono) -> Session {
        Session { keys, over_at, window: Window::new() }
    }

    /// Opens a datagram that came for this session, in its place, and uses its counter up.
    ///
    /// # Errors
    /// [`Dropped`]: it must get no answer, and nothing has changed.
    pub fn open(&mut self, header: &Header, datagram: &mut [u8], now: Mono) -> Result<Ask, Dropped> {
        let slots = numbers_in(datagram.len()).filter(|_| header.way == Way::Ask).ok_or(Dropped::NoAsk)?;
        if now >= self.over_at {
            return Err(Dropped::Over);
        }
        if !self.window.is_new(header.counter) {
            return Err(Dropped::Replayed);
        }
        let open = self.keys.open(header, datagram).ok_or(Dropped::Forged)?;
        let numbers = Numbers::read(open, slots);
        self.window.take(header.counter);
        Ok(Ask { header: *header, slots, numbers })
    }

    /// Answers an ask that this session opened, behind whatever `out` holds. Each ask may be answered once.
    pub fn tell(&self, ask: &Ask, out: &mut Vec<u8>, mut told: impl FnMut(Msisdn) -> Option<Binding>) {
        let numbers = ask.numbers.as_ref().map(Numbers::as_slice).unwrap_or_default();
        self.answer(ask, TOLD, 0, out, |slots| {
            for (slot, number) in slots.chunks_exact_mut(SLOT).zip(numbers) {
                if let Some(binding) = told(*number) {
                    slot::write(slot, &binding);
                }
            }
        });
    }

    /// Answers an ask that is told nothing, in as many bytes.
    pub fn refuse(&self, ask: &Ask, why: Refusal, out: &mut Vec<u8>) {
        let (verdict, wait) = match why {
            Refusal::Spent { wait } => (SPENT, wait),
            Refusal::Misshapen => (MISSHAPEN, Duration::ZERO),
        };
        let wait = u32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
        self.answer(ask, verdict, wait, out, |_| {});
    }

    fn answer(&self, ask: &Ask, verdict: u8, wait_ms: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut [u8])) {
        let before = out.len();
        out.resize(before.saturating_add(ask.length()), 0);
        let written = out.get_mut(before..).and_then(|datagram| {
            let open = datagram.get_mut(HEADER..ask.length().checked_sub(TAG)?)?;
            let (head, slots) = open.split_at_mut_checked(HEAD)?;
            let [a, b, c, d] = wait_ms.to_be_bytes();
            let count = u8::try_from(ask.slots).ok()?;
            head.copy_from_slice(&[verdict, count, 0, 0, a, b, c, d]);
            fill(slots);
            self.keys.seal(&ask.header.answered(), datagram)
        });
        if written.is_none() {
            // Nothing half written leaves.
            out.truncate(before);
        }
    }
}
