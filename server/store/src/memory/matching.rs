//! Contacts and marks: what is visible is worked out when something changes, and kept.

use super::mark_of;
use super::state::{MarkRow, State};
use crate::store::{MarksChanged, Outcome};
use tandem_logic::config::MarkPolicy;
use tandem_logic::matching::SyncContacts;
use tandem_logic::store_answer::{Admission, ContactsOutcome};
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{MarkGeneration, MarkState, Msisdn, ServerMillis};

impl State {
    pub(crate) fn begin(&mut self, policy: MarkPolicy) {
        if self.policy == policy {
            return;
        }
        self.policy = policy;
        let pairs: Vec<_> = self.contacts.keys().copied().collect();
        let mut viewers = Vec::new();
        for (viewer, seen) in pairs {
            self.refresh(viewer, seen, &mut viewers);
        }
    }

    pub(crate) fn sync_contacts(&mut self, at: ServerMillis, op: &SyncContacts) -> Outcome<ContactsOutcome> {
        self.fence(op.owner)?;
        let me = op.owner.number;
        let mut added = op.added.clone();
        added.sort_unstable();
        added.dedup();
        added.retain(|number| *number != me);
        let new = added.iter().filter(|number| !self.contacts.contains_key(&(me, **number))).count();
        let kept = if op.replace {
            added.len()
        } else {
            let confirmed = |number: &&Msisdn| self.contacts.get(&(me, **number)) != Some(&false);
            self.mine(me).filter(|(_, stale)| !stale).count() + added.iter().filter(confirmed).count()
        };
        if kept > op.contacts_max as usize {
            return Ok(ContactsOutcome::TooMany);
        }
        let units = u32::try_from(new).unwrap_or(u32::MAX);
        if units > 0
            && let Some(spent) = self.charge(at, &[Charge { units, ..op.new_numbers }])
        {
            return Ok(ContactsOutcome::Spent(spent));
        }
        let mut viewers = Vec::new();
        if op.replace {
            for (_, stale) in self.contacts.range_mut((me, Msisdn::MIN)..).take_while(|((owner, _), _)| *owner == me) {
                *stale = true;
            }
        }
        for number in added {
            self.contacts.insert((me, number), false);
            self.holders.insert((number, me));
            self.refresh_both(me, number, &mut viewers);
        }
        let stale = self.mine(me).filter(|(_, stale)| *stale && op.complete).map(|(number, _)| number);
        let gone: Vec<Msisdn> = stale.chain(op.removed.iter().copied()).collect();
        for number in gone {
            self.drop_contact(me, number, &mut viewers);
        }
        viewers.sort_unstable();
        viewers.dedup();
        Ok(ContactsOutcome::Synced { viewers })
    }

    fn mine(&self, me: Msisdn) -> impl Iterator<Item = (Msisdn, bool)> {
        self.contacts
            .range((me, Msisdn::MIN)..)
            .take_while(move |((owner, _), _)| *owner == me)
            .map(|((_, contact), stale)| (*contact, *stale))
    }

    fn drop_contact(&mut self, me: Msisdn, number: Msisdn, viewers: &mut Vec<Msisdn>) {
        if self.contacts.remove(&(me, number)).is_some() {
            self.holders.remove(&(number, me));
            self.refresh_both(me, number, viewers);
        }
    }

    fn refresh_both(&mut self, a: Msisdn, b: Msisdn, viewers: &mut Vec<Msisdn>) {
        self.refresh(a, b, viewers);
        self.refresh(b, a, viewers);
    }

    /// Works out again whether `viewer` sees `seen`, and remembers when that changed.
    fn refresh(&mut self, viewer: Msisdn, seen: Msisdn, viewers: &mut Vec<Msisdn>) {
        let holds = |a, b| self.contacts.contains_key(&(a, b));
        let visible = self.present(viewer).is_some()
            && self.present(seen).is_some()
            && holds(viewer, seen)
            && (self.policy == MarkPolicy::Registered || holds(seen, viewer));
        let before = self.marks.get(&(viewer, seen)).is_some_and(|row| row.visible);
        if visible == before {
            return;
        }
        let generation = self.next_generation();
        self.marks.insert((viewer, seen), MarkRow { visible, generation });
        if visible {
            self.seen_by.insert((seen, viewer));
        } else {
            self.seen_by.remove(&(seen, viewer));
        }
        viewers.push(viewer);
    }

    /// The owner of a number came or went: whoever holds it may see it now, or no longer.
    pub(crate) fn refresh_viewers_of(&mut self, number: Msisdn, viewers: &mut Vec<Msisdn>) {
        let holders: Vec<Msisdn> = self.pairs_of(&self.holders, number).collect();
        for holder in holders {
            self.refresh(holder, number, viewers);
        }
    }

    /// Who sees a number's mark.
    pub(crate) fn viewers_of(&self, number: Msisdn) -> Vec<Msisdn> {
        self.pairs_of(&self.seen_by, number).collect()
    }

    fn pairs_of<'a>(
        &self,
        pairs: &'a std::collections::BTreeSet<(Msisdn, Msisdn)>,
        number: Msisdn,
    ) -> impl Iterator<Item = Msisdn> + use<'a> {
        pairs.range((number, Msisdn::MIN)..).take_while(move |(first, _)| *first == number).map(|(_, second)| *second)
    }

    /// The contacts of an owner that is no more, and all it saw.
    pub(crate) fn forget_contacts(&mut self, me: Msisdn, viewers: &mut Vec<Msisdn>) {
        let mine: Vec<Msisdn> = self.mine(me).map(|(number, _)| number).collect();
        for number in mine {
            self.drop_contact(me, number, viewers);
        }
        let seen: Vec<Msisdn> = self
            .marks
            .range((me, Msisdn::MIN)..)
            .take_while(|((viewer, _), _)| *viewer == me)
            .map(|((_, seen), _)| *seen)
            .collect();
        for number in seen {
            self.marks.remove(&(me, number));
            self.seen_by.remove(&(number, me));
        }
    }

    pub(crate) fn marks_since(&mut self, viewer: Owner, since: MarkGeneration) -> Outcome<MarksChanged> {
        self.fence(viewer)?;
        let mut newest = since.0;
        let mut marks = Vec::new();
        let rows = self.marks.range((viewer.number, Msisdn::MIN)..).take_while(|((of, _), _)| *of == viewer.number);
        for ((_, seen), row) in rows {
            let owner = self.present(*seen).filter(|_| row.visible);
            let generation = owner.map_or(row.generation, |owner| owner.generation.max(row.generation));
            if generation <= since.0 {
                continue;
            }
            newest = newest.max(generation);
            let state = match owner {
                Some(owner) => MarkState::Marked {
                    epoch: owner.epoch,
                    device_key: owner.device_key,
                    sealing_key: owner.sealing_key,
                    lease_until: owner.lease_until,
                },
                // Who was told nothing needs not be told that it is over.
                None if since.0 == 0 => continue,
                None => MarkState::Unmarked,
            };
            marks.push(mark_of(*seen, MarkGeneration(generation), state));
        }
        Ok((MarkGeneration(newest), marks))
    }

    pub(crate) fn admit_gate(
        &mut self,
        at: ServerMillis,
        caller: Owner,
        callee: Msisdn,
        charges: &[Charge],
    ) -> Outcome<Admission> {
        self.fence(caller)?;
        if let Some(spent) = self.charge(at, charges) {
            return Ok(Admission::Spent(spent));
        }
        Ok(match self.visible_owner(caller.number, callee) {
            Some(owner) => Admission::Permitted { epoch: owner.epoch },
            None => Admission::Stranger,
        })
    }

    /// The owner of a number, for whoever sees its mark.
    pub(crate) fn visible_owner(&self, viewer: Msisdn, seen: Msisdn) -> Option<Owner> {
        self.marks.get(&(viewer, seen)).filter(|row| row.visible)?;
        self.present(seen).map(|row| Owner { number: seen, epoch: row.epoch })
    }
}
