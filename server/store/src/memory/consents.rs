//! Who lets whom learn where it is, as long as both are the owners they were.

use super::state::State;
use crate::store::Outcome;
use tandem_logic::lookup_op::LookupOutcome;
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{Msisdn, ServerMillis};

impl State {
    pub(crate) fn put_consent(
        &mut self,
        owner: Owner,
        number: Msisdn,
        allow: bool,
        most: u32,
    ) -> Outcome<LookupOutcome> {
        self.fence(owner)?;
        self.consents.remove(&(owner.number, number));
        let holder = self.present(number).map(|row| Owner { number, epoch: row.epoch });
        let Some(holder) = holder.filter(|_| allow) else {
            return Ok(LookupOutcome::Kept);
        };
        let given =
            self.consents.range((owner.number, Msisdn::MIN)..).take_while(|((of, _), _)| *of == owner.number).count();
        if given >= most as usize {
            return Ok(LookupOutcome::TooMany);
        }
        self.consents.insert((owner.number, number), (owner.epoch, holder.epoch));
        Ok(LookupOutcome::Kept)
    }

    pub(crate) fn admit_lookup(
        &mut self,
        at: ServerMillis,
        asker: Owner,
        of: Msisdn,
        by_consent: bool,
        charges: &[Charge],
    ) -> Outcome<LookupOutcome> {
        self.fence(asker)?;
        if let Some(spent) = self.charge(at, charges) {
            return Ok(LookupOutcome::Spent(spent));
        }
        let Some(epoch) = self.present(of).map(|row| row.epoch) else {
            return Ok(LookupOutcome::Stranger);
        };
        let consented = self.consents.get(&(of, asker.number)) == Some(&(epoch, asker.epoch));
        Ok(if consented || !by_consent { LookupOutcome::Permitted { epoch } } else { LookupOutcome::Stranger })
    }

    /// An owner is no more: what it let, and what it was let, is over.
    pub(crate) fn forget_consents(&mut self, number: Msisdn) {
        self.consents.retain(|(owner, to), _| *owner != number && *to != number);
    }
}
