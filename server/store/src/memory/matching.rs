//! Marks as they are read: what is visible was worked out when something changed (see [`super::links`]).

use super::mark_of;
use super::state::State;
use crate::store::{MarksChanged, Outcome};
use tandem_logic::store_answer::Admission;
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{MarkGeneration, MarkState, Msisdn, ServerMillis};

impl State {
    /// Who sees a number's mark.
    pub(crate) fn viewers_of(&self, number: Msisdn) -> Vec<Msisdn> {
        self.seen_by
            .range((number, Msisdn::MIN)..)
            .take_while(|(seen, _)| *seen == number)
            .map(|(_, viewer)| *viewer)
            .collect()
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
