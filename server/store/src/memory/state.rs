//! The rows, and the few questions about them that every use case asks.

use crate::budget;
use crate::store::{Outcome, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use tandem_logic::config::MarkPolicy;
use tandem_logic::store_answer::Spent;
use tandem_logic::store_op::{BudgetKind, Charge, Owner};
use tandem_model::{
    DeviceKey, ImsiToken, Msisdn, NumberEpoch, RegistrationId, SealedBody, SealingKey, SenderSeq, ServerMillis,
    TerminalState, TextId,
};
use tandem_resolver::{Id, NasKey, Session};

/// A text by sender and id.
pub(crate) type TextKey = (Msisdn, TextId);

/// Everything that is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) policy: MarkPolicy,
    pub(crate) generation: u64,
    pub(crate) order: u64,
    pub(crate) attempts: BTreeMap<RegistrationId, AttemptRow>,
    pub(crate) attempt_of: BTreeMap<(Msisdn, DeviceKey), RegistrationId>,
    pub(crate) owners: BTreeMap<Msisdn, OwnerRow>,
    pub(crate) past: BTreeMap<Owner, PastOwner>,
    /// Owner and contact; true while a full sync has not named it again.
    pub(crate) contacts: BTreeMap<(Msisdn, Msisdn), bool>,
    /// The same, contact first.
    pub(crate) holders: BTreeSet<(Msisdn, Msisdn)>,
    /// Viewer and seen.
    pub(crate) marks: BTreeMap<(Msisdn, Msisdn), MarkRow>,
    /// Visible ones, seen first.
    pub(crate) seen_by: BTreeSet<(Msisdn, Msisdn)>,
    pub(crate) texts: BTreeMap<TextKey, TextRow>,
    pub(crate) waiting: BTreeMap<(Msisdn, u64), TextKey>,
    pub(crate) expiring: BTreeSet<(ServerMillis, TextKey)>,
    pub(crate) ends: BTreeMap<(Msisdn, u64), TextKey>,
    pub(crate) reads: BTreeMap<(Msisdn, u64), TextKey>,
    pub(crate) ended: BTreeSet<(ServerMillis, TextKey)>,
    pub(crate) mailboxes: BTreeMap<Msisdn, Mailbox>,
    pub(crate) budgets: BTreeMap<(BudgetKind, u64, u64), budget::WholeAt>,
    /// Owner and number; the epochs of both.
    pub(crate) consents: BTreeMap<(Msisdn, Msisdn), (NumberEpoch, NumberEpoch)>,
    pub(crate) attached: BTreeMap<Id, Session>,
    pub(crate) restarts: BTreeSet<(NasKey, ServerMillis)>,
}

#[derive(Clone, Debug)]
pub(crate) struct AttemptRow {
    pub(crate) number: Msisdn,
    pub(crate) device_key: DeviceKey,
    pub(crate) token_digest: [u8; 32],
    pub(crate) code_digest: [u8; 32],
    pub(crate) expires_at: ServerMillis,
    pub(crate) tries_left: u32,
    pub(crate) sms_at: ServerMillis,
    /// The epoch it was used for.
    pub(crate) used_for: Option<NumberEpoch>,
}

#[derive(Clone, Debug)]
pub(crate) struct OwnerRow {
    pub(crate) epoch: NumberEpoch,
    pub(crate) device_key: DeviceKey,
    pub(crate) sealing_key: SealingKey,
    /// Kept for rendezvous by carrier ring (S4).
    #[expect(dead_code, reason = "written at registration; S4 reads it")]
    pub(crate) imsi: Option<ImsiToken>,
    pub(crate) lease_until: ServerMillis,
    pub(crate) ended: bool,
    /// Of the last change to what its mark says.
    pub(crate) generation: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PastOwner {
    pub(crate) device_key: DeviceKey,
    pub(crate) replaced: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct MarkRow {
    pub(crate) visible: bool,
    pub(crate) generation: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mailbox {
    pub(crate) texts: u32,
    pub(crate) bytes: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct TextRow {
    pub(crate) sender_epoch: NumberEpoch,
    pub(crate) to: Owner,
    pub(crate) seq: SenderSeq,
    /// Gone once it ended.
    pub(crate) sealed: SealedBody,
    /// Absent when its sender ended it before it came.
    pub(crate) stored_at: Option<ServerMillis>,
    pub(crate) expires_at: ServerMillis,
    pub(crate) order: u64,
    pub(crate) end: Option<EndRow>,
    pub(crate) read: Option<ReadRow>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct EndRow {
    pub(crate) state: TerminalState,
    pub(crate) at: ServerMillis,
    pub(crate) order: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadRow {
    pub(crate) order: u64,
}

impl State {
    pub(crate) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    pub(crate) fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// The present owner of a number.
    pub(crate) fn present(&self, number: Msisdn) -> Option<&OwnerRow> {
        self.owners.get(&number).filter(|row| !row.ended)
    }

    pub(crate) fn is_present(&self, owner: Owner) -> bool {
        self.present(owner.number).is_some_and(|row| row.epoch == owner.epoch)
    }

    pub(crate) fn fence(&self, owner: Owner) -> Outcome<()> {
        if self.is_present(owner) { Ok(()) } else { Err(Refusal::Fenced) }
    }

    /// Counts all of these budgets, or none and says which is spent.
    pub(crate) fn charge(&mut self, at: ServerMillis, charges: &[Charge]) -> Option<Spent> {
        let mut counted = Vec::with_capacity(charges.len());
        for charge in charges {
            let key = (charge.kind, charge.about.0, charge.about.1);
            let stored = self.budgets.get(&key).copied();
            if let Some(healed) = stored.and_then(|stored| budget::healed(stored, at, charge)) {
                self.budgets.insert(key, healed);
            }
            match budget::charge(stored, at, charge) {
                Ok(whole_at) => counted.push((key, whole_at)),
                Err(retry_after) => return Some(Spent { kind: charge.kind, retry_after }),
            }
        }
        self.budgets.extend(counted);
        None
    }
}
