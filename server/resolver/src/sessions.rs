//! All sessions that are remembered, and every way they are looked for: by identity, number, address, NAS and deadline.
//!
//! Sessions stand in one list and keep their places; indexes hold places alone. What an access network reports most, a
//! session with one IPv4 address, is found by hashes; prefixes, of which one may lie within another, are kept in order.

use crate::accounting::NasKey;
use crate::address::{Addresses, Prefix};
use crate::due::Due;
use crate::index::Index;
use crate::session::{Id, Session};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use tandem_model::{Msisdn, ServerMillis};

/// A place in the list of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) u32);

/// Sessions and their indexes.
#[derive(Debug)]
pub(crate) struct Sessions {
    list: Vec<Slot>,
    free: Vec<Place>,
    by_id: Index,
    by_number: Index,
    /// Those whose IPv4 address is one address.
    by_v4: Index,
    /// Everything else that is held.
    by_prefix: BTreeSet<(Prefix, Place)>,
    /// How many of each length are among those: which shorter prefixes are worth looking for.
    lengths: BTreeMap<u8, usize>,
    by_nas: BTreeMap<NasKey, Vec<Place>>,
    due: Due,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    session: Option<Session>,
    /// When it is looked at next: any other instant it stands under is one that was put off.
    due: Option<ServerMillis>,
    /// Its place among those of its NAS.
    of_nas: u32,
    /// Whether it waits to be kept.
    unsaved: bool,
}

const EMPTY: Slot = Slot { session: None, due: None, of_nas: 0, unsaved: false };

impl Sessions {
    /// None yet. The seed makes indexes that nobody else can foresee.
    pub(crate) fn new(seed: u64) -> Sessions {
        Sessions {
            list: Vec::new(),
            free: Vec::new(),
            by_id: Index::new(seed),
            by_number: Index::new(seed),
            by_v4: Index::new(seed),
            by_prefix: BTreeSet::new(),
            lengths: BTreeMap::new(),
            by_nas: BTreeMap::new(),
            due: Due::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len().saturating_sub(self.free.len())
    }

    pub(crate) fn find(&self, id: Id) -> Option<Place> {
        self.by_id.under(bits_of(id)).find(|place| self.get(*place).is_some_and(|session| session.id() == id))
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Session> {
        self.slot(place)?.session.as_ref()
    }

    /// Changes nothing that is looked for.
    pub(crate) fn note(&mut self, place: Place, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.slot_mut(place).and_then(|slot| slot.session.as_mut()) {
            change(session);
        }
    }

    /// Marks one as waiting to be kept. Whether it was not yet.
    pub(crate) fn mark(&mut self, place: Place) -> bool {
        self.slot_mut(place).is_some_and(|slot| !std::mem::replace(&mut slot.unsaved, true))
    }

    /// Gives one that waits to be kept, which it does no more.
    pub(crate) fn unmark(&mut self, place: Place) -> Option<Session> {
        let slot = self.slot_mut(place)?;
        if std::mem::replace(&mut slot.unsaved, false) { slot.session } else { None }
    }

    /// Puts a session in, in the place of the one it was; `None` when there are as many as can be counted.
    pub(crate) fn put(&mut self, session: Session) -> Option<Place> {
        match self.find(session.id()) {
            Some(place) => {
                let before = *self.get(place)?;
                let moved = before.nas != session.nas
                    || before.number != session.number
                    || before.addresses != session.addresses;
                if moved {
                    self.unlink(&before, place);
                    self.link(&session, place);
                }
                self.slot_mut(place)?.session = Some(session);
                Some(place)
            }
            None => {
                let place = self.empty_place()?;
                self.by_id.insert(bits_of(session.id()), place);
                self.link(&session, place);
                self.slot_mut(place)?.session = Some(session);
                Some(place)
            }
        }
    }

    /// Takes one out, and says whether it waited to be kept.
    pub(crate) fn remove(&mut self, place: Place) -> Option<(Session, bool)> {
        let session = *self.get(place)?;
        self.unlink(&session, place);
        self.by_id.remove(bits_of(session.id()), place);
        let slot = std::mem::replace(self.slot_mut(place)?, EMPTY);
        self.free.push(place);
        Some((session, slot.unsaved))
    }

    fn slot(&self, place: Place) -> Option<&Slot> {
        self.list.get(usize::try_from(place.0).ok()?)
    }

    fn slot_mut(&mut self, place: Place) -> Option<&mut Slot> {
        self.list.get_mut(usize::try_from(place.0).ok()?)
    }

    fn empty_place(&mut self) -> Option<Place> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        // The last number of all is no place: indexes end their chains with it.
        let place = u32::try_from(self.list.len()).ok().filter(|place| *place < u32::MAX).map(Place)?;
        self.list.push(EMPTY);
        Some(place)
    }

    fn link(&mut self, session: &Session, place: Place) {
        let own = self.by_nas.entry(session.nas).or_default();
        let of_nas = u32::try_from(own.len()).unwrap_or(u32::MAX);
        own.push(place);
        if let Some(slot) = self.slot_mut(place) {
            slot.of_nas = of_nas;
        }
        if let Some(number) = session.number {
            self.by_number.insert(number.as_u64(), place);
        }
        let (v4, prefixes) = apart(&session.addresses);
        if let Some(v4) = v4 {
            self.by_v4.insert(u32::from(v4).into(), place);
        }
        for prefix in prefixes {
            if self.by_prefix.insert((prefix, place)) {
                let count = self.lengths.entry(prefix.length()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    fn unlink(&mut self, session: &Session, place: Place) {
        self.leave_nas(session.nas, place);
        if let Some(number) = session.number {
            self.by_number.remove(number.as_u64(), place);
        }
        let (v4, prefixes) = apart(&session.addresses);
        if let Some(v4) = v4 {
            self.by_v4.remove(u32::from(v4).into(), place);
        }
        for prefix in prefixes {
            if self.by_prefix.remove(&(prefix, place))
                && let Some(count) = self.lengths.get_mut(&prefix.length())
            {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.lengths.remove(&prefix.length());
                }
            }
        }
    }

    /// The last of its NAS takes its place there.
    fn leave_nas(&mut self, nas: NasKey, place: Place) {
        let Some(at) = self.slot(place).map(|slot| slot.of_nas) else { return };
        let Some(own) = self.by_nas.get_mut(&nas) else { return };
        let index = usize::try_from(at).unwrap_or(usize::MAX);
        if own.get(index) != Some(&place) {
            return;
        }
        own.swap_remove(index);
        let moved = own.get(index).copied();
        if own.is_empty() {
            self.by_nas.remove(&nas);
        }
        if let Some(slot) = moved.and_then(|moved| self.slot_mut(moved)) {
            slot.of_nas = at;
        }
    }

    /// Every session.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Place, &Session)> {
        (0..).map(Place).zip(&self.list).filter_map(|(place, slot)| slot.session.as_ref().map(|own| (place, own)))
    }

    /// The place behind the last one there ever was.
    pub(crate) const fn end(&self) -> usize {
        self.list.len()
    }

    /// Every session of a number.
    pub(crate) fn of_number(&self, number: Msisdn) -> impl Iterator<Item = (Place, &Session)> {
        let own = self.by_number.under(number.as_u64()).filter_map(|place| Some((place, self.get(place)?)));
        own.filter(move |(_, session)| session.number == Some(number))
    }

    /// Every session of a NAS.
    pub(crate) fn of_nas(&self, nas: NasKey) -> Vec<Place> {
        self.by_nas.get(&nas).cloned().unwrap_or_default()
    }

    /// Every session that holds an address of these: the same prefix, one within it or one around it.
    pub(crate) fn against(&self, prefix: Prefix) -> impl Iterator<Item = &Session> {
        self.single_v4(prefix).chain(self.prefixes(prefix).filter_map(|place| self.get(place)))
    }

    /// Those whose one IPv4 address is of these. Of a network all are looked through: subscribers are given none.
    fn single_v4(&self, prefix: Prefix) -> impl Iterator<Item = &Session> {
        let one = prefix.as_v4().into_iter().flat_map(|v4| self.by_v4.under(u32::from(v4).into()));
        let all = (prefix.as_v4().is_none() && prefix.has_v4()).then(|| self.all()).into_iter().flatten();
        let found = one.filter_map(|place| self.get(place)).chain(all.map(|(_, session)| session));
        found.filter(move |session| apart(&session.addresses).0.is_some_and(|v4| prefix.contains(Prefix::v4(v4))))
    }

    fn prefixes(&self, prefix: Prefix) -> impl Iterator<Item = Place> {
        let lowest = Prefix::from_parts(prefix.first(), 0).unwrap_or(prefix);
        let highest = Prefix::from_parts(prefix.last(), 128).unwrap_or(prefix);
        let within = self
            .by_prefix
            .range((lowest, Place(0))..=(highest, Place(u32::MAX)))
            .filter(move |(held, _)| prefix.contains(*held));
        let around = self.lengths.range(..prefix.length()).flat_map(move |(length, _)| {
            let around = prefix.shortened(*length);
            self.by_prefix.range((around, Place(0))..=(around, Place(u32::MAX)))
        });
        within.chain(around).map(|(_, place)| *place)
    }

    /// Looks at a session again at an instant, or earlier where it is looked at earlier.
    pub(crate) fn look_at(&mut self, place: Place, at: ServerMillis) {
        let Some(slot) = self.slot_mut(place).filter(|slot| slot.due.is_none_or(|due| due > at)) else { return };
        slot.due = Some(at);
        self.due.push(at, place);
    }

    /// No session is due before.
    pub(crate) fn next_due(&self) -> Option<ServerMillis> {
        self.due.next()
    }

    pub(crate) fn pop_due(&mut self, now: ServerMillis) -> Option<Place> {
        loop {
            let (at, place) = self.due.pop(now)?;
            if let Some(slot) = self.slot_mut(place).filter(|slot| slot.due == Some(at)) {
                slot.due = None;
                return Some(place);
            }
        }
    }
}

/// The one IPv4 address among these, and everything else.
fn apart(addresses: &Addresses) -> (Option<Ipv4Addr>, impl Iterator<Item = Prefix> + use<>) {
    let v4 = addresses.v4.map(|held| held.prefix);
    let single = v4.and_then(Prefix::as_v4);
    let others = [v4.filter(|_| single.is_none()), addresses.v6.map(|held| held.prefix)];
    (single, others.into_iter().flatten().chain(addresses.delegated.map(|held| held.prefix)))
}

/// A key is a digest already, and a session of another epoch is another.
fn bits_of((key, epoch): Id) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = key.0;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ epoch.0.0.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests;
