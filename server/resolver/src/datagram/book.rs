//! The sessions that stand, bounded for each asker.

use super::header::SessionId;
use std::collections::BTreeMap;
use tandem_model::Mono;

/// Sessions by their ids, each with what goes with it.
#[derive(Debug)]
pub struct Book<T> {
    each_max: usize,
    agreed: u64,
    standing: BTreeMap<SessionId, Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    /// Which asker.
    owner: usize,
    over_at: Mono,
    /// Which one this was, of all.
    agreed: u64,
    value: T,
}

impl<T> Book<T> {
    /// None yet, and at most so many of one asker.
    #[must_use]
    pub const fn new(each_max: usize) -> Book<T> {
        Book { each_max, agreed: 0, standing: BTreeMap::new() }
    }

    /// Enters one. The asker's oldest gives way when it has as many as it may: an asker that starts anew again and again,
    /// and forgets its sessions each time, never locks itself out. Gives the value back when the id is taken.
    pub fn enter(&mut self, id: SessionId, owner: usize, value: T, over_at: Mono, now: Mono) -> Option<T> {
        self.standing.retain(|_, entry| entry.over_at > now);
        if self.standing.contains_key(&id) {
            return Some(value);
        }
        let own = self.standing.iter().filter(|(_, entry)| entry.owner == owner);
        let (count, oldest) =
            own.fold((0_usize, None), |(count, oldest): (usize, Option<(u64, SessionId)>), (id, entry)| {
                let this = (entry.agreed, *id);
                (count.saturating_add(1), Some(oldest.map_or(this, |oldest| oldest.min(this))))
            });
        if count >= self.each_max
            && let Some((_, oldest)) = oldest
        {
            self.standing.remove(&oldest);
        }
        self.agreed = self.agreed.saturating_add(1);
        self.standing.insert(id, Entry { owner, over_at, agreed: self.agreed, value });
        None
    }

    /// What goes with a session. It may be over.
    #[must_use]
    pub fn find(&self, id: SessionId) -> Option<&T> {
        self.standing.get(&id).map(|entry| &entry.value)
    }

    /// How many stand, those among them that are over and were not cleared away yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.standing.len()
    }

    /// Whether none stands.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standing.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(book: &mut Book<u64>, id: u64, owner: usize, over_at: u64, now: u64) {
        assert_eq!(book.enter(SessionId(id), owner, id, Mono(over_at), Mono(now)), None);
    }

    fn standing(book: &Book<u64>) -> Vec<u64> {
        (0..100).filter(|id| book.find(SessionId(*id)).is_some()).collect()
    }

    #[test]
    fn an_askers_oldest_gives_way_to_its_newest_and_never_anybody_elses() {
        let mut book = Book::new(2);
        for (id, owner) in [(9, 0), (1, 1), (8, 0), (7, 0), (6, 0)] {
            enter(&mut book, id, owner, 1_000, 0);
        }
        assert_eq!(standing(&book), [1, 6, 7]);
    }

    #[test]
    fn what_is_over_makes_room_at_its_deadline_and_not_before() {
        let mut book = Book::new(9);
        enter(&mut book, 1, 0, 1_000, 0);
        enter(&mut book, 2, 0, 5_000, 999);
        assert_eq!(standing(&book), [1, 2]);
        enter(&mut book, 3, 0, 5_000, 1_000);
        assert_eq!((standing(&book), book.len()), (vec![2, 3], 2));
    }

    #[test]
    fn an_id_that_is_taken_stays_with_whom_it_is() {
        let mut book = Book::new(9);
        enter(&mut book, 1, 0, 1_000, 0);
        assert_eq!(book.enter(SessionId(1), 1, 77, Mono(1_000), Mono(0)), Some(77));
        assert_eq!(book.find(SessionId(1)), Some(&1));
    }
}
