//! A table that wastes little: rows of fixed size in shards, found by a hash of their key.
//!
//! Each shard is one array, at most nine tenths full, and grows by a sixteenth: the rows cost at most 1 / 0.84 of their
//! own size however many there are. Within a shard rows stand in the order of their hashes, each at its place or as near
//! behind it as those before it let it (robin hood hashing), and removing moves the ones behind it back, so that nothing ever
//! needs to be cleaned up.

use std::fmt;

/// Shards, when nothing else is said. Growing one moves a 256th of all rows.
const SHARDS: usize = 256;

/// A shard's first size.
const FIRST: usize = 8;

/// A row of a [`Table`].
pub trait Row: Copy {
    /// What it is found by.
    type Key: Copy + PartialEq;

    /// A row that stands for none.
    const EMPTY: Self;

    /// Its key; `None` for the empty one.
    fn key(&self) -> Option<Self::Key>;

    /// 64 bits of a key, before they are mixed.
    fn bits(key: Self::Key) -> u64;
}

/// The table.
#[derive(Clone)]
pub struct Table<R> {
    seed: u64,
    shards: Vec<Shard<R>>,
    rows: usize,
}

#[derive(Clone)]
struct Shard<R> {
    rows: Vec<R>,
    used: usize,
}

impl<R: Row> Table<R> {
    /// An empty one. The seed makes places that nobody else can foresee.
    #[must_use]
    pub fn new(seed: u64) -> Table<R> {
        Table::with_shards(seed, SHARDS)
    }

    /// The same in so many shards; the next power of two, when it is none.
    #[must_use]
    pub fn with_shards(seed: u64, shards: usize) -> Table<R> {
        let shard = || Shard { rows: Vec::new(), used: 0 };
        Table { seed, shards: std::iter::repeat_with(shard).take(shards.max(1).next_power_of_two()).collect(), rows: 0 }
    }

    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes of all arrays, empty rows among them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.rows.capacity().saturating_mul(size_of::<R>())).sum()
    }

    /// The row of a key.
    #[must_use]
    pub fn get(&self, key: R::Key) -> Option<&R> {
        let (shard, hash) = self.place(key);
        let shard = self.shards.get(shard)?;
        shard.rows.get(self.find(shard, key, hash)?)
    }

    /// Puts a row in, in the place of the one with its key, which it gives back. The empty row changes nothing.
    pub fn put(&mut self, row: R) -> Option<R> {
        let key = row.key()?;
        let (index, hash) = self.place(key);
        let seed = self.seed;
        let found = self.shards.get(index).and_then(|shard| self.find(shard, key, hash));
        let shard = self.shards.get_mut(index)?;
        if let Some(at) = found {
            let slot = shard.rows.get_mut(at)?;
            return Some(std::mem::replace(slot, row));
        }
        if shard.used.saturating_add(1).saturating_mul(10) > shard.rows.len().saturating_mul(9) {
            shard.grow(seed);
        }
        shard.insert(row, seed);
        self.rows = self.rows.saturating_add(1);
        None
    }

    /// Makes room for about so many rows in all. What is there is not made smaller.
    pub fn make_room(&mut self, rows: usize) {
        let each = rows.checked_div(self.shards.len()).unwrap_or(0);
        let size = each.saturating_mul(10).div_ceil(9);
        for shard in &mut self.shards {
            if size > shard.rows.len() {
                shard.resize(size, self.seed);
            }
        }
    }

    /// Takes the row of a key out.
    pub fn remove(&mut self, key: R::Key) -> Option<R> {
        let (index, hash) = self.place(key);
        let at = self.shards.get(index).and_then(|shard| self.find(shard, key, hash))?;
        let seed = self.seed;
        let removed = self.shards.get_mut(index)?.take(at, seed);
        self.rows = self.rows.saturating_sub(1);
        removed
    }

    fn place(&self, key: R::Key) -> (usize, u32) {
        let hash = mix(R::bits(key), self.seed);
        // The lowest bits choose the shard and the highest the place in it.
        let shard = usize::try_from(hash & (self.shards.len() as u64 - 1)).unwrap_or(0);
        (shard, u32::try_from(hash >> 32).unwrap_or(0))
    }

    fn find(&self, shard: &Shard<R>, key: R::Key, hash: u32) -> Option<usize> {
        let size = shard.rows.len();
        let mut at = home(hash, size);
        for distance in 0..size {
            let row = shard.rows.get(at)?;
            let there = row.key()?;
            if there == key {
                return Some(at);
            }
            // It would stand before one that is nearer to its own place.
            if shard.distance(there, at, self.seed) < distance {
                return None;
            }
            at = next(at, size);
        }
        None
    }
}

impl<R: Row> Shard<R> {
    fn grow(&mut self, seed: u64) {
        self.resize(self.rows.len().saturating_add(self.rows.len() / 16).saturating_add(1).max(FIRST), seed);
    }

    /// Rows stand in the order of their hashes, which is the order of their places in any size: but for those that went
    /// around the end, each is put behind the one before it.
    fn resize(&mut self, size: usize, seed: u64) {
        let old = std::mem::replace(&mut self.rows, vec![R::EMPTY; size]);
        self.used = 0;
        let mut free = 0;
        let mut around = Vec::new();
        for (at, row) in old.iter().enumerate() {
            let Some(key) = row.key() else { continue };
            let hash = upper(mix(R::bits(key), seed));
            if home(hash, old.len()) > at {
                around.push(*row);
                continue;
            }
            let place = home(hash, size).max(free);
            match self.rows.get_mut(place) {
                Some(slot) => {
                    *slot = *row;
                    self.used = self.used.saturating_add(1);
                    free = place.saturating_add(1);
                }
                None => around.push(*row),
            }
        }
        for row in around {
            self.insert(row, seed);
        }
    }

    /// There is room, and the key is not there.
    fn insert(&mut self, row: R, seed: u64) {
        let Some(key) = row.key() else { return };
        let size = self.rows.len();
        let hash = upper(mix(R::bits(key), seed));
        let mut at = home(hash, size);
        let mut distance = 0_usize;
        while let Some(there) = self.rows.get(at).and_then(Row::key) {
            let theirs = self.distance(there, at, seed);
            let behind = theirs < distance || (theirs == distance && upper(mix(R::bits(there), seed)) > hash);
            if behind || distance >= size {
                break;
            }
            at = next(at, size);
            distance = distance.saturating_add(1);
        }
        let mut free = at;
        for _ in 0..size {
            if self.rows.get(free).is_none_or(|row| row.key().is_none()) {
                break;
            }
            free = next(free, size);
        }
        // Those behind it move on by one, around the end where the free place lies before.
        if free < at {
            self.rows.copy_within(..free, 1);
            if let Some(last) = self.rows.last().copied()
                && let Some(first) = self.rows.first_mut()
            {
                *first = last;
            }
            self.rows.copy_within(at..size.saturating_sub(1), at.saturating_add(1));
        } else {
            self.rows.copy_within(at..free, at.saturating_add(1));
        }
        if let Some(slot) = self.rows.get_mut(at) {
            *slot = row;
            self.used = self.used.saturating_add(1);
        }
    }

    fn take(&mut self, at: usize, seed: u64) -> Option<R> {
        let size = self.rows.len();
        let removed = std::mem::replace(self.rows.get_mut(at)?, R::EMPTY);
        self.used = self.used.saturating_sub(1);
        let mut hole = at;
        for _ in 0..size {
            let behind = next(hole, size);
            let Some(key) = self.rows.get(behind).and_then(Row::key) else { break };
            if self.distance(key, behind, seed) == 0 {
                break;
            }
            self.rows.swap(hole, behind);
            hole = behind;
        }
        Some(removed)
    }

    /// How far a row stands from where it is looked for first.
    fn distance(&self, key: R::Key, at: usize, seed: u64) -> usize {
        let home = home(upper(mix(R::bits(key), seed)), self.rows.len());
        if at >= home { at.saturating_sub(home) } else { at.saturating_add(self.rows.len()).saturating_sub(home) }
    }
}

impl<R> fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// One of `parts` for a key, by bits that no table of these seeds chooses a place by.
pub(crate) fn part_of(bits: u64, seed: u64, parts: usize) -> usize {
    let middle = mix(bits, seed) >> 8 & 0xFF_FFFF;
    usize::try_from(middle).ok().and_then(|middle| middle.checked_rem(parts)).unwrap_or(0)
}

/// The finisher of SplitMix64 over the key and the seed.
pub(crate) const fn mix(bits: u64, seed: u64) -> u64 {
    let mut z = bits ^ seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn upper(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(0)
}

/// The hash as a fraction of the size.
fn home(hash: u32, size: usize) -> usize {
    let scaled = u64::from(hash).saturating_mul(size as u64) >> 32;
    usize::try_from(scaled).unwrap_or(0)
}

const fn next(at: usize, size: usize) -> usize {
    if at + 1 >= size { 0 } else { at + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Pair(u64, u64);

    impl Row for Pair {
        type Key = u64;
        const EMPTY: Pair = Pair(0, 0);

        fn key(&self) -> Option<u64> {
            (self.0 != 0).then_some(self.0)
        }

        fn bits(key: u64) -> u64 {
            key
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(seed: u64, steps in prop::collection::vec((1_u64..60, 0_u64..3), 0..600)) {
            let (mut table, mut map) = (Table::new(seed), BTreeMap::new());
            for (step, (key, act)) in steps.into_iter().enumerate() {
                if act == 0 {
                    prop_assert_eq!(table.remove(key).map(|pair: Pair| pair.1), map.remove(&key));
                } else {
                    prop_assert_eq!(table.put(Pair(key, step as u64)).map(|pair| pair.1), map.insert(key, step as u64));
                }
                prop_assert_eq!(table.len(), map.len());
            }
            for key in 0..70 {
                prop_assert_eq!(table.get(key).map(|pair| pair.1), map.get(&key).copied());
            }
        }
    }

    proptest! {
        #[test]
        fn a_small_one_holds_what_a_map_holds_also_around_its_end(
            seed: u64,
            steps in prop::collection::vec((1_u64..40, 0_u64..3), 0..400),
        ) {
            let (mut table, mut map) = (Table::with_shards(seed, 1), BTreeMap::new());
            for (step, (key, act)) in steps.into_iter().enumerate() {
                if act == 0 {
                    prop_assert_eq!(table.remove(key).map(|pair: Pair| pair.1), map.remove(&key));
                } else {
                    prop_assert_eq!(table.put(Pair(key, step as u64)).map(|pair| pair.1), map.insert(key, step as u64));
                }
                for key in 0..45 {
                    prop_assert_eq!(table.get(key).map(|pair| pair.1), map.get(&key).copied());
                }
            }
        }
    }

    #[test]
    fn room_that_was_made_is_filled_without_growing_much_and_what_was_there_stays() {
        let (mut table, mut plain) = (Table::with_shards(7, 4), Table::with_shards(7, 4));
        table.put(Pair(1, 1));
        table.make_room(10_000);
        let made = table.bytes();
        for key in 1..=10_000 {
            table.put(Pair(key, key));
            plain.put(Pair(key, key));
        }
        assert!(table.bytes() < made + made / 10 && table.bytes() < plain.bytes() + plain.bytes() / 10);
        assert!((1..=10_000).all(|key| table.get(key) == Some(&Pair(key, key))));
    }

    #[test]
    fn rows_cost_little_more_than_themselves_whatever_their_number() {
        let mut table = Table::new(7);
        let mut worst: f64 = 0.0;
        for key in 1..200_000_u64 {
            table.put(Pair(key, key));
            if key > 20_000 {
                worst = worst.max(table.bytes() as f64 / (16 * table.len()) as f64);
            }
        }
        assert!(worst < 1.0 / 0.84, "{worst}");
        for key in (1..200_000_u64).step_by(2) {
            assert_eq!(table.remove(key), Some(Pair(key, key)));
        }
        assert!((2..200_000_u64).step_by(2).all(|key| table.get(key) == Some(&Pair(key, key))));
        assert!((1..200_000_u64).step_by(2).all(|key| table.get(key).is_none()));
    }
}
