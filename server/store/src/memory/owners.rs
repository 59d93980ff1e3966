//! Attempts, owners, their keys and leases.

use super::state::{AttemptRow, OwnerRow, PastOwner, State};
use crate::budget;
use crate::store::Outcome;
use tandem_logic::store_answer::{Aftermath, Attempt, ConfirmOutcome, SessionKey, StartOutcome};
use tandem_logic::store_op::{ConfirmRegistration, Owner, StartRegistration, TakeBackSms};
use tandem_model::{DeviceKey, Msisdn, NumberEpoch, RegistrationId, SealingKey, ServerMillis, TerminalState};

impl State {
    pub(crate) fn start_registration(&mut self, at: ServerMillis, op: &StartRegistration) -> StartOutcome {
        let pair = (op.number, op.device_key);
        let open = self
            .attempt_of
            .get(&pair)
            .and_then(|id| self.attempts.get(id).map(|row| (*id, row)))
            .filter(|(_, row)| row.expires_at > at && row.tries_left > 0 && row.used_for.is_none())
            .map(|(id, row)| (id, row.expires_at, row.sms_at.after(op.resend_after)));
        if let Some((_, _, next_sms)) = open
            && next_sms > at
        {
            return StartOutcome::TooSoon { retry_after: next_sms.since(at) };
        }
        if let Some(spent) = self.charge(at, &op.charges) {
            return StartOutcome::Spent(spent);
        }
        if let Some((id, expires_at, _)) = open {
            if let Some(row) = self.attempts.get_mut(&id) {
                row.sms_at = at;
            }
            return StartOutcome::Open { id, expires_at };
        }
        if let Some(old) = self.attempt_of.insert(pair, op.id) {
            self.attempts.remove(&old);
        }
        let row = AttemptRow {
            number: op.number,
            device_key: op.device_key,
            token_digest: op.token_digest,
            code_digest: op.code_digest,
            expires_at: op.expires_at,
            tries_left: op.tries,
            sms_at: at,
            used_for: None,
        };
        self.attempts.insert(op.id, row);
        StartOutcome::Open { id: op.id, expires_at: op.expires_at }
    }

    pub(crate) fn take_back_sms(&mut self, at: ServerMillis, op: &TakeBackSms) {
        let Some(row) = self.attempts.get_mut(&op.id).filter(|row| row.sms_at == op.ordered_at) else { return };
        row.sms_at = ServerMillis(i64::MIN);
        for charge in &op.charges {
            let Some(whole_at) = self.budgets.get_mut(&(charge.kind, charge.about.0, charge.about.1)) else { continue };
            *whole_at = budget::give_back(*whole_at, op.ordered_at, at, charge).unwrap_or(*whole_at);
        }
    }

    pub(crate) fn find_attempt(&self, at: ServerMillis, id: RegistrationId) -> Option<Attempt> {
        let row = self.attempts.get(&id).filter(|row| row.expires_at > at)?;
        Some(Attempt {
            number: row.number,
            device_key: row.device_key,
            token_digest: row.token_digest,
            code_digest: row.code_digest,
            tries_left: row.tries_left,
        })
    }

    pub(crate) fn confirm_registration(&mut self, at: ServerMillis, op: &ConfirmRegistration) -> ConfirmOutcome {
        let Some(row) = self.attempts.get_mut(&op.id).filter(|row| row.expires_at > at) else {
            return ConfirmOutcome::Gone;
        };
        if let Some(epoch) = row.used_for {
            // The reply was lost and the same is asked again: the same answer, as long as it is true.
            let owner = Owner { number: row.number, epoch };
            return match op.proven && self.is_present(owner) {
                true => ConfirmOutcome::Registered { owner, new_epoch: false, aftermath: Aftermath::default() },
                false => ConfirmOutcome::Gone,
            };
        }
        if row.tries_left == 0 {
            return ConfirmOutcome::UsedUp;
        }
        if !op.proven {
            row.tries_left -= 1;
            return match row.tries_left {
                0 => ConfirmOutcome::UsedUp,
                tries_left => ConfirmOutcome::Wrong { tries_left },
            };
        }
        let (number, device_key) = (row.number, row.device_key);
        let before = self.owners.get(&number).map(|row| (row.epoch, row.device_key, row.ended));
        let told = self.owners.get(&number).map(|row| (row.reg, row.open));
        let mut aftermath = Aftermath::default();
        let (epoch, new_epoch) = match before {
            Some((epoch, key, false)) if key == device_key => (epoch, false),
            Some((epoch, _, ended)) => {
                if !ended {
                    aftermath = self.end_owner(at, Owner { number, epoch }, true);
                }
                (NumberEpoch(epoch.0 + 1), true)
            }
            None => (NumberEpoch(1), true),
        };
        if let Some(row) = self.attempts.get_mut(&op.id) {
            row.used_for = Some(epoch);
        }
        let generation = self.next_generation();
        let (reg, open) = told.filter(|_| !new_epoch).unwrap_or_else(|| (self.next_reg(), false));
        let row = OwnerRow {
            epoch,
            device_key,
            sealing_key: op.sealing_key,
            imsi: op.imsi,
            lease_until: op.lease_until,
            ended: false,
            generation,
            reg,
            open,
        };
        self.owners.insert(number, row);
        self.number_of.insert(reg, number);
        if self.showing.shows(open) {
            self.want_open(reg);
        }
        aftermath.viewers.extend(self.viewers_of(number));
        tidy(&mut aftermath);
        ConfirmOutcome::Registered { owner: Owner { number, epoch }, new_epoch, aftermath }
    }

    pub(crate) fn end_registration(&mut self, at: ServerMillis, owner: Owner) -> Outcome<Aftermath> {
        self.fence(owner)?;
        Ok(self.end_owner(at, owner, false))
    }

    pub(crate) fn withdraw_registration(
        &mut self,
        at: ServerMillis,
        number: Msisdn,
        device_key: DeviceKey,
    ) -> Option<(Owner, Aftermath)> {
        if let Some(attempt) = self.attempt_of.remove(&(number, device_key)) {
            self.attempts.remove(&attempt);
        }
        let epoch = self.present(number).filter(|row| row.device_key == device_key)?.epoch;
        let owner = Owner { number, epoch };
        Some((owner, self.end_owner(at, owner, false)))
    }

    /// The owner is no more: it sees nothing, nobody sees it, and texts for it have ended.
    pub(crate) fn end_owner(&mut self, at: ServerMillis, owner: Owner, replaced: bool) -> Aftermath {
        let mut aftermath = Aftermath::default();
        let Some(row) = self.owners.get_mut(&owner.number) else { return aftermath };
        row.ended = true;
        let device_key = row.device_key;
        self.past.insert(owner, PastOwner { device_key, replaced });
        self.forget_consents(owner.number);
        self.end_matching(owner.number, &mut aftermath.viewers);
        let waiting: Vec<_> =
            self.waiting.range((owner.number, 0)..=(owner.number, u64::MAX)).map(|(_, key)| *key).collect();
        for key in waiting {
            aftermath.senders.push(key.0);
            self.end_text(key, TerminalState::RecipientChanged, at);
        }
        // Its own view ended with it.
        aftermath.viewers.retain(|viewer| *viewer != owner.number);
        tidy(&mut aftermath);
        aftermath
    }

    pub(crate) fn find_session_key(&self, owner: Owner) -> SessionKey {
        if let Some(row) = self.present(owner.number).filter(|row| row.epoch == owner.epoch) {
            return SessionKey::Present { device_key: row.device_key, lease_until: row.lease_until };
        }
        match self.past.get(&owner) {
            Some(PastOwner { device_key, replaced: true }) => SessionKey::Replaced { device_key: *device_key },
            Some(PastOwner { replaced: false, .. }) | None => SessionKey::Unknown,
        }
    }

    pub(crate) fn renew_leases(&mut self, at: ServerMillis, leases: &[(Owner, ServerMillis)]) -> Vec<Msisdn> {
        let mut viewers = Vec::new();
        for (owner, until) in leases {
            if !self.is_present(*owner) {
                continue;
            }
            let generation = self.next_generation();
            if let Some(row) = self.owners.get_mut(&owner.number)
                && row.lease_until < *until
            {
                let had_run_out = row.lease_until <= at;
                row.lease_until = *until;
                row.generation = generation;
                if had_run_out {
                    viewers.extend(self.viewers_of(owner.number));
                }
            }
        }
        viewers.sort_unstable();
        viewers.dedup();
        viewers
    }

    /// A lease that ran out by itself stays as it is.
    pub(crate) fn end_lease(&mut self, at: ServerMillis, number: Msisdn) -> Vec<Msisdn> {
        let generation = self.next_generation();
        match self.owners.get_mut(&number) {
            Some(row) if !row.ended && row.lease_until > at => {
                row.lease_until = at;
                row.generation = generation;
                self.viewers_of(number)
            }
            Some(_) | None => Vec::new(),
        }
    }

    pub(crate) fn publish_sealing_key(&mut self, owner: Owner, key: &SealingKey) -> Outcome<Vec<Msisdn>> {
        self.fence(owner)?;
        let generation = self.next_generation();
        match self.owners.get_mut(&owner.number) {
            Some(row) if row.sealing_key.id < key.id => {
                row.sealing_key = *key;
                row.generation = generation;
                Ok(self.viewers_of(owner.number))
            }
            Some(_) | None => Ok(Vec::new()),
        }
    }
}

/// Each once, in order.
pub(crate) fn tidy(aftermath: &mut Aftermath) {
    for numbers in [&mut aftermath.viewers, &mut aftermath.senders] {
        numbers.sort_unstable();
        numbers.dedup();
    }
}
