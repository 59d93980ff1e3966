//! What is asked, once it is open.

use super::header::Header;
use super::slot::SLOT;
use super::{HEAD, NUMBERS_MAX};
use tandem_model::Msisdn;

/// Numbers of one ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    all: [Msisdn; NUMBERS_MAX],
    count: usize,
}

impl Numbers {
    /// In the order they are asked in.
    #[must_use]
    pub fn as_slice(&self) -> &[Msisdn] {
        self.all.get(..self.count).unwrap_or_default()
    }

    /// Reads the opened part of an ask about so many.
    pub(super) fn read(open: &[u8], count: usize) -> Result<Numbers, Misshapen> {
        let (head, slots) = open.split_at_checked(HEAD).ok_or(Misshapen)?;
        if head.first().map(|said| usize::from(*said)) != Some(count) {
            return Err(Misshapen);
        }
        let mut all = [Msisdn::SMALLEST; NUMBERS_MAX];
        for (place, slot) in all.iter_mut().zip(slots.chunks_exact(SLOT)) {
            let digits = slot.first_chunk::<8>().ok_or(Misshapen)?;
            *place = Msisdn::try_from(u64::from_be_bytes(*digits)).map_err(|_| Misshapen)?;
        }
        Ok(Numbers { all, count })
    }
}

/// It is the asker's, and asks nothing: a count that is not the datagram's, or what is no number among the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misshapen;

/// A datagram that is its asker's, and was not there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    pub(super) header: Header,
    pub(super) slots: usize,
    /// About whom.
    pub numbers: Result<Numbers, Misshapen>,
}

impl Ask {
    /// Bytes of its answer, which are as many as its own.
    #[must_use]
    pub const fn length(&self) -> usize {
        super::length(self.slots)
    }
}
