//! All sessions that are remembered, and every way they are looked for: by identity, number, address, NAS and deadline.

use crate::accounting::NasKey;
use crate::address::Prefix;
use crate::session::{Id, Session};
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::{Msisdn, ServerMillis};

/// A place in the list of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) u32);

/// Sessions and their indexes.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    list: Vec<Option<Session>>,
    free: Vec<Place>,
    by_id: BTreeMap<Id, Place>,
    by_number: BTreeSet<(Msisdn, Place)>,
    by_address: BTreeSet<(Prefix, Place)>,
    by_nas: BTreeSet<(NasKey, Place)>,
    /// How many of each length are held: which shorter prefixes are worth looking for.
    lengths: BTreeMap<u8, usize>,
    due: BTreeSet<(ServerMillis, Place)>,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn find(&self, id: Id) -> Option<Place> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Session> {
        self.list.get(usize::try_from(place.0).ok()?)?.as_ref()
    }

    /// Changes nothing that is looked for.
    pub(crate) fn note(&mut self, place: Place, change: impl FnOnce(&mut Session)) {
        let found = usize::try_from(place.0).ok().and_then(|index| self.list.get_mut(index));
        if let Some(session) = found.and_then(Option::as_mut) {
            change(session);
        }
    }

    /// Puts a session in, in the place of the one it was; `None` when there are as many as can be counted.
    pub(crate) fn put(&mut self, session: Session) -> Option<Place> {
        let place = match self.find(session.id()) {
            Some(place) => {
                self.unlink(place);
                place
            }
            None => self.empty_place()?,
        };
        self.by_id.insert(session.id(), place);
        self.by_nas.insert((session.nas, place));
        if let Some(number) = session.number {
            self.by_number.insert((number, place));
        }
        for held in session.addresses.each() {
            if self.by_address.insert((held.prefix, place)) {
                let count = self.lengths.entry(held.prefix.length()).or_default();
                *count = count.saturating_add(1);
            }
        }
        if let Some(slot) = usize::try_from(place.0).ok().and_then(|index| self.list.get_mut(index)) {
            *slot = Some(session);
        }
        Some(place)
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<Session> {
        let session = self.unlink(place)?;
        self.by_id.remove(&session.id());
        self.free.push(place);
        Some(session)
    }

    fn empty_place(&mut self) -> Option<Place> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        let place = Place(u32::try_from(self.list.len()).ok()?);
        self.list.push(None);
        Some(place)
    }

    fn unlink(&mut self, place: Place) -> Option<Session> {
        let session = self.list.get_mut(usize::try_from(place.0).ok()?)?.take()?;
        self.by_nas.remove(&(session.nas, place));
        if let Some(number) = session.number {
            self.by_number.remove(&(number, place));
        }
        for held in session.addresses.each() {
            if self.by_address.remove(&(held.prefix, place))
                && let Some(count) = self.lengths.get_mut(&held.prefix.length())
            {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.lengths.remove(&held.prefix.length());
                }
            }
        }
        Some(session)
    }

    /// Every session of a number.
    pub(crate) fn of_number(&self, number: Msisdn) -> impl Iterator<Item = (Place, &Session)> {
        self.by_number
            .range((number, Place(0))..=(number, Place(u32::MAX)))
            .filter_map(|(_, place)| self.get(*place).map(|session| (*place, session)))
    }

    /// Every session of a NAS.
    pub(crate) fn of_nas(&self, nas: NasKey) -> Vec<Place> {
        self.by_nas.range((nas, Place(0))..=(nas, Place(u32::MAX))).map(|(_, place)| *place).collect()
    }

    /// Every session that holds an address of these: the same prefix, one within it or one around it.
    pub(crate) fn against(&self, prefix: Prefix) -> impl Iterator<Item = &Session> {
        let lowest = Prefix::from_parts(prefix.first(), 0).unwrap_or(prefix);
        let highest = Prefix::from_parts(prefix.last(), 128).unwrap_or(prefix);
        let within = self
            .by_address
            .range((lowest, Place(0))..=(highest, Place(u32::MAX)))
            .filter(move |(held, _)| prefix.contains(*held));
        let around = self.lengths.range(..prefix.length()).flat_map(move |(length, _)| {
            let around = prefix.shortened(*length);
            self.by_address.range((around, Place(0))..=(around, Place(u32::MAX)))
        });
        within.chain(around).filter_map(|(_, place)| self.get(*place))
    }

    /// Every number there is, once.
    pub(crate) fn numbers(&self) -> Vec<Msisdn> {
        let mut numbers: Vec<Msisdn> = self.by_number.iter().map(|(number, _)| *number).collect();
        numbers.dedup();
        numbers
    }

    /// Looks at a session again at an instant.
    pub(crate) fn look_at(&mut self, place: Place, at: ServerMillis) {
        self.due.insert((at, place));
    }

    pub(crate) fn next_due(&self) -> Option<ServerMillis> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(crate) fn pop_due(&mut self, now: ServerMillis) -> Option<Place> {
        let first = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&first);
        Some(first.1)
    }
}
