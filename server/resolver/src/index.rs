//! An index from keys to places in a list: chains that run through one array, in shards that grow apart.
//!
//! It holds no key. A place stands under 32 bits of its key's hash, so that what does not match is passed over without a
//! look at the list, and whoever asks compares the keys of the few that are left. A new place stands first in its chain.
//! Growing one shard moves a 64th of all places.

use crate::sessions::Place;
use crate::table::mix;

const SHARDS: usize = 64;

/// A shard's first size.
const FIRST: usize = 16;

/// The end of a chain.
const NONE: u32 = u32::MAX;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    seed: u64,
    shards: Vec<Shard>,
    /// By place.
    links: Vec<Link>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    /// The first place of every chain; a power of two of them, or none.
    heads: Vec<u32>,
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    next: u32,
    hash: u32,
}

impl Index {
    /// An empty one. The seed makes chains that nobody else can foresee.
    pub(crate) fn new(seed: u64) -> Index {
        Index { seed, shards: vec![Shard::default(); SHARDS], links: Vec::new() }
    }

    /// Places under these bits of a key, and now and then others.
    pub(crate) fn under(&self, bits: u64) -> impl Iterator<Item = Place> {
        let (shard, hash) = self.at(bits);
        let head = self.shards.get(shard).and_then(|shard| shard.heads.get(chain(hash, shard.heads.len()))).copied();
        let mut at = head.unwrap_or(NONE);
        std::iter::from_fn(move || {
            while let Some(link) = self.links.get(index(at)) {
                let here = at;
                at = link.next;
                if link.hash == hash {
                    return Some(Place(here));
                }
            }
            None
        })
    }

    /// Puts a place in that is not there.
    pub(crate) fn insert(&mut self, bits: u64, place: Place) {
        let (shard, hash) = self.at(bits);
        if self.links.len() <= index(place.0) {
            self.links.resize(index(place.0).saturating_add(1), Link { next: NONE, hash: 0 });
        }
        let Some(shard) = self.shards.get_mut(shard) else { return };
        if shard.used >= shard.heads.len() {
            shard.grow(&mut self.links);
        }
        shard.used = shard.used.saturating_add(1);
        shard.enchain(&mut self.links, place.0, hash);
    }

    /// Takes a place out that was put in under these bits.
    pub(crate) fn remove(&mut self, bits: u64, place: Place) {
        let (shard, hash) = self.at(bits);
        let Some(shard) = self.shards.get_mut(shard) else { return };
        let Some(behind) = self.links.get(index(place.0)).map(|link| link.next) else { return };
        let chain = chain(hash, shard.heads.len());
        let Some(head) = shard.heads.get_mut(chain) else { return };
        if *head == place.0 {
            *head = behind;
        } else {
            let mut at = *head;
            loop {
                let Some(link) = self.links.get_mut(index(at)) else { return };
                if link.next == place.0 {
                    link.next = behind;
                    break;
                }
                at = link.next;
            }
        }
        shard.used = shard.used.saturating_sub(1);
    }

    fn at(&self, bits: u64) -> (usize, u32) {
        let hash = mix(bits, self.seed);
        let shard = usize::try_from(hash & (SHARDS as u64 - 1)).unwrap_or(0);
        (shard, u32::try_from(hash >> 32).unwrap_or(0))
    }
}

impl Shard {
    fn grow(&mut self, links: &mut [Link]) {
        let size = self.heads.len().saturating_mul(2).max(FIRST);
        for head in std::mem::replace(&mut self.heads, vec![NONE; size]) {
            let mut at = head;
            while let Some(link) = links.get(index(at)).copied() {
                self.enchain(links, at, link.hash);
                at = link.next;
            }
        }
    }

    fn enchain(&mut self, links: &mut [Link], place: u32, hash: u32) {
        let chain = chain(hash, self.heads.len());
        let Some((head, link)) = self.heads.get_mut(chain).zip(links.get_mut(index(place))) else { return };
        *link = Link { next: *head, hash };
        *head = place;
    }
}

/// The size is a power of two, or nothing.
const fn chain(hash: u32, size: usize) -> usize {
    hash as usize & size.saturating_sub(1)
}

const fn index(at: u32) -> usize {
    at as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(seed: u64, steps in prop::collection::vec((0_u32..400, 0_u64..40), 0..900)) {
            let (mut index, mut set) = (Index::new(seed), BTreeSet::<(u64, u32)>::new());
            let mut bits_of = std::collections::BTreeMap::new();
            for (place, bits) in steps {
                if let Some(bits) = bits_of.remove(&place) {
                    index.remove(bits, Place(place));
                    set.remove(&(bits, place));
                } else {
                    bits_of.insert(place, bits);
                    index.insert(bits, Place(place));
                    set.insert((bits, place));
                }
            }
            for bits in 0..40 {
                let found: BTreeSet<u32> = index.under(bits).map(|place| place.0).collect();
                let meant: BTreeSet<u32> = set.range((bits, 0)..=(bits, u32::MAX)).map(|(_, place)| *place).collect();
                prop_assert_eq!(found, meant);
            }
        }
    }

    #[test]
    fn a_key_is_found_among_many_however_often_it_grew() {
        let mut index = Index::new(7);
        for place in 0..100_000_u32 {
            index.insert(u64::from(place / 2), Place(place));
        }
        for bits in 0..50_000_u32 {
            let found: Vec<u32> = index.under(bits.into()).map(|place| place.0).collect();
            assert!(found.contains(&(bits * 2)) && found.contains(&(bits * 2 + 1)));
        }
        assert_eq!(index.under(50_000).count(), 0);
    }
}
