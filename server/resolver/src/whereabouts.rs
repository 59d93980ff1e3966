//! Where bound numbers are: written by [`Bindings`](crate::Bindings), read by lookups on any thread.
//!
//! The one thing of this crate that more than one thread sees. Readers change nothing and nothing is decided by them, so
//! that what the bindings say depends on their inputs alone. A number's row and what stands beside it change under one lock:
//! nobody is told one binding's generation with another's addresses. A lock covers a 64th of all numbers and is held for as
//! long as one row takes.

use crate::address::{Addresses, Kind};
use crate::bindings::Binding;
use crate::hot::{At, Hot, HotRow, HotTable};
use crate::session::Generation;
use crate::table::{Row as _, part_of};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tandem_model::{Msisdn, ServerMillis};

/// Numbers are spread over so many locks.
const PARTS: usize = 64;

/// Shards of a part's table. Growing one moves a 256th of all rows.
const SHARDS: usize = 4;

/// Every bound number.
pub struct Whereabouts {
    seed: u64,
    parts: Vec<RwLock<Part>>,
    bound: AtomicUsize,
    /// Bytes of all rows, as of the last row that was put in.
    bytes: AtomicUsize,
}

struct Part {
    rows: HotTable,
    /// Addresses that do not fit into their row.
    beside: BTreeMap<Msisdn, Addresses>,
}

impl Whereabouts {
    /// Nobody yet. The seed makes places that nobody else can foresee.
    #[must_use]
    pub fn new(seed: u64) -> Whereabouts {
        let part = || RwLock::new(Part { rows: HotTable::with_shards(seed, SHARDS), beside: BTreeMap::new() });
        let parts = std::iter::repeat_with(part).take(PARTS).collect();
        Whereabouts { seed, parts, bound: AtomicUsize::new(0), bytes: AtomicUsize::new(0) }
    }

    /// Where a number is. Who may ask is not looked at here.
    #[must_use]
    pub fn find(&self, number: Msisdn, now: ServerMillis) -> Option<Binding> {
        let part = self.read(number)?;
        let hot = part.rows.get(number)?.read()?;
        let addresses = match hot.at {
            At::Row(addresses) => addresses,
            At::Beside => *part.beside.get(&number)?,
        };
        let made = ServerMillis(i64::try_from(hot.generation.0).unwrap_or(i64::MAX));
        Some(Binding { addresses, kind: hot.kind, generation: hot.generation, age: now.since(made) })
    }

    /// How many numbers are bound.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bound.load(Ordering::Relaxed)
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all rows, empty ones among them. What stands beside is not among them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many numbers have their addresses beside their row.
    #[must_use]
    pub fn beside(&self) -> usize {
        self.sum(|part| part.beside.len())
    }

    pub(crate) fn holds(&self, number: Msisdn) -> bool {
        self.read(number).is_some_and(|part| part.rows.get(number).is_some())
    }

    pub(crate) fn bind(&self, number: Msisdn, addresses: Addresses, generation: Generation) {
        let Some(mut part) = self.write(number) else { return };
        let at = At::of(&addresses);
        match at {
            At::Row(_) => part.beside.remove(&number),
            At::Beside => part.beside.insert(number, addresses),
        };
        let kind: Kind = addresses.kind();
        let before = part.rows.bytes();
        if part.rows.put(HotRow::new(&Hot { number, generation, kind, at })).is_none() {
            self.bound.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(part.rows.bytes().saturating_sub(before), Ordering::Relaxed);
        }
    }

    /// Makes room for about so many numbers, so that tables which are filled at once need not grow step by step.
    pub(crate) fn make_room(&self, numbers: usize) {
        for part in &self.parts {
            let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
            let before = part.rows.bytes();
            part.rows.make_room(numbers / PARTS);
            self.bytes.fetch_add(part.rows.bytes().saturating_sub(before), Ordering::Relaxed);
        }
    }

    pub(crate) fn release(&self, number: Msisdn) {
        let Some(mut part) = self.write(number) else { return };
        part.beside.remove(&number);
        if part.rows.remove(number).is_some() {
            self.bound.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn part(&self, number: Msisdn) -> Option<&RwLock<Part>> {
        self.parts.get(part_of(HotRow::bits(number), self.seed, PARTS))
    }

    fn read(&self, number: Msisdn) -> Option<RwLockReadGuard<'_, Part>> {
        Some(self.part(number)?.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, number: Msisdn) -> Option<RwLockWriteGuard<'_, Part>> {
        Some(self.part(number)?.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn sum(&self, of: impl Fn(&Part) -> usize) -> usize {
        self.parts.iter().map(|part| of(&part.read().unwrap_or_else(PoisonError::into_inner))).sum()
    }
}

impl fmt::Debug for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whereabouts").field("bound", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Held, Prefix};
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    fn number(n: u64) -> Msisdn {
        Msisdn::try_from(15_551_230_000 + n).unwrap()
    }

    fn v4(last: u8) -> Option<Held> {
        Some(Held { prefix: Prefix::v4(Ipv4Addr::new(203, 0, 113, last)), kind: Kind::Public })
    }

    fn v6(text: &str) -> Option<Held> {
        Some(Held { prefix: Prefix::network(text.parse().unwrap(), 64).unwrap(), kind: Kind::BehindNat })
    }

    #[test]
    fn a_number_is_found_as_it_was_bound_last_and_not_after_its_release() {
        let whereabouts = Whereabouts::new(7);
        let (one, both) = (
            Addresses { v4: v4(7), ..Addresses::default() },
            Addresses { v4: v4(7), v6: v6("2001:db8::"), delegated: None },
        );
        for (addresses, generation, beside) in [(one, 1, 0), (both, 2, 1), (one, 3, 0), (both, 4, 1)] {
            whereabouts.bind(number(1), addresses, Generation(generation));
            let found = whereabouts.find(number(1), ServerMillis(10)).unwrap();
            assert_eq!((found.addresses, found.generation), (addresses, Generation(generation)));
            assert_eq!(found.age.as_millis(), u128::from(10 - generation));
            assert_eq!((whereabouts.len(), whereabouts.beside()), (1, beside));
        }
        whereabouts.release(number(1));
        whereabouts.release(number(1));
        assert_eq!(whereabouts.find(number(1), ServerMillis(10)), None);
        assert_eq!((whereabouts.len(), whereabouts.beside(), whereabouts.holds(number(1))), (0, 0, false));
    }

    #[test]
    fn whoever_reads_beside_a_writer_is_told_one_binding_and_never_parts_of_two() {
        let whereabouts = Arc::new(Whereabouts::new(7));
        let bind = |round: u64| {
            let last = u8::try_from(round % 2).unwrap();
            let v6 = v6(if last == 0 { "2001:db8:0:a::" } else { "2001:db8:0:b::" });
            whereabouts.bind(number(1), Addresses { v4: v4(last), v6, delegated: None }, Generation(round));
        };
        bind(0);
        let done = Arc::new(AtomicBool::new(false));
        let reader = {
            let (whereabouts, done) = (Arc::clone(&whereabouts), Arc::clone(&done));
            std::thread::Builder::new()
                .spawn(move || {
                    let mut read = 0_u32;
                    while !done.load(Ordering::Relaxed) || read == 0 {
                        let found = whereabouts.find(number(1), ServerMillis(0)).unwrap();
                        let last = u8::try_from(found.generation.0 % 2).unwrap();
                        assert_eq!(found.addresses.v4, v4(last));
                        read = read.saturating_add(1);
                    }
                })
                .unwrap()
        };
        (1..20_000).for_each(bind);
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    }
}
