//! The rows, and the few questions about them that every use case asks.

use crate::budget;
use crate::store::{Outcome, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use tandem_logic::matching::{LinkId, Showing};
use tandem_logic::store_answer::Spent;
use tandem_logic::store_op::{BudgetKind, Charge, Owner};
use tandem_model::{
    DeviceKey, ImsiToken, MarkKeyId, MarkPublicKey, MarkToken, Msisdn, NumberEpoch, RegistrationId, SealedBody,
    SealingKey, SenderSeq, ServerMillis, TerminalState, TextId, TokenDigest,
};
use tandem_resolver::{Id, NasKey, Session};

/// A text by sender and id.
pub(crate) type TextKey = (Msisdn, TextId);

/// Everything that is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) showing: Showing,
    pub(crate) generation: u64,
    pub(crate) order: u64,
    pub(crate) attempts: BTreeMap<RegistrationId, AttemptRow>,
    pub(crate) attempt_of: BTreeMap<(Msisdn, DeviceKey), RegistrationId>,
    pub(crate) owners: BTreeMap<Msisdn, OwnerRow>,
    pub(crate) past: BTreeMap<Owner, PastOwner>,
    pub(crate) last_reg: u64,
    /// Registrations that last.
    pub(crate) number_of: BTreeMap<Reg, Msisdn>,
    /// Registrations that ended, of which tokens may be left.
    pub(crate) dead_regs: BTreeSet<Reg>,
    pub(crate) keys: BTreeMap<MarkKeyId, KeyRow>,
    pub(crate) tokens: BTreeMap<(MarkKeyId, Reg, MarkToken), TokenRow>,
    /// The same, token first.
    pub(crate) holders: BTreeSet<(MarkToken, MarkKeyId, Reg)>,
    pub(crate) told: BTreeMap<(MarkKeyId, Reg), ToldRow>,
    pub(crate) opens: BTreeMap<(MarkToken, MarkKeyId, Reg), OpenRow>,
    /// The same by owner.
    pub(crate) open_of: BTreeSet<(Reg, MarkKeyId, MarkToken)>,
    /// Those whose holders are not all linked.
    pub(crate) unlinked: BTreeSet<(MarkToken, MarkKeyId, Reg)>,
    pub(crate) opens_due: BTreeSet<(Reg, MarkKeyId)>,
    pub(crate) last_link: u64,
    pub(crate) links: BTreeMap<LinkId, LinkRow>,
    /// The same by token and both ends.
    pub(crate) link_of: BTreeMap<(MarkToken, Msisdn, Msisdn), LinkId>,
    /// The same by both ends, either way round.
    pub(crate) links_between: BTreeSet<(Msisdn, Msisdn, LinkId)>,
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
    /// The name of its registration, which what it tells is kept under.
    pub(crate) reg: Reg,
    /// Whether it opened its mark to whoever holds its number.
    pub(crate) open: bool,
}

/// Names one registration of a number. Never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Reg(pub(crate) u64);

#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRow {
    pub(crate) public: MarkPublicKey,
    pub(crate) state: KeyState,
    /// Owners up to here were looked at for tokens of their own numbers; `None` once all were.
    pub(crate) filled_to: Option<Msisdn>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    Lives,
    /// Retired, and being forgotten.
    Retired,
    /// Retired, and nothing is left of it.
    Forgotten,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Contact,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenRow {
    pub(crate) kind: TokenKind,
    /// The full sync that named it last.
    pub(crate) round: u64,
}

/// What is told under one key, in sums.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToldRow {
    pub(crate) count: u32,
    pub(crate) digest: TokenDigest,
    pub(crate) round: u64,
    /// A full sync has not ended.
    pub(crate) syncing: bool,
    pub(crate) named_pairs: u32,
    pub(crate) named_numbers: u32,
    pub(crate) named_blocked: u32,
}

impl ToldRow {
    /// Where tokens of this kind are counted that were named in the present round.
    pub(crate) const fn named(&mut self, token: &MarkToken, kind: TokenKind) -> &mut u32 {
        match (kind, token.is_of_number()) {
            (TokenKind::Blocked, _) => &mut self.named_blocked,
            (TokenKind::Contact, true) => &mut self.named_numbers,
            (TokenKind::Contact, false) => &mut self.named_pairs,
        }
    }

    pub(crate) fn toggle(&mut self, token: &MarkToken, comes: bool) {
        self.digest.toggle(token);
        self.count = if comes { self.count + 1 } else { self.count.saturating_sub(1) };
    }

    /// Takes a row out of the sums.
    pub(crate) fn uncount(&mut self, token: &MarkToken, row: TokenRow) {
        if row.kind == TokenKind::Contact {
            self.toggle(token, false);
        }
        if row.round == self.round {
            let named = self.named(token, row.kind);
            *named = named.saturating_sub(1);
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRow {
    /// Holders up to here are linked; `None` once all are.
    pub(crate) linked: Option<Reg>,
}

/// Whom a link lets see whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// Each the other. The smaller number stands first.
    Pair,
    /// The first the second, who opened its mark.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// Not confirmed yet.
    Pending,
    /// Confirmed.
    Stands,
    /// Confirmed, and to be confirmed again because something was blocked since: what showed goes on showing until then.
    Again,
    /// The second blocked the first.
    Blocked,
}

impl LinkState {
    pub(crate) const fn shows(self) -> bool {
        match self {
            LinkState::Stands | LinkState::Again => true,
            LinkState::Pending | LinkState::Blocked => false,
        }
    }

    pub(crate) const fn is_in_doubt(self) -> bool {
        match self {
            LinkState::Pending | LinkState::Again => true,
            LinkState::Stands | LinkState::Blocked => false,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct LinkRow {
    pub(crate) a: Msisdn,
    pub(crate) b: Msisdn,
    pub(crate) token: MarkToken,
    pub(crate) key: MarkKeyId,
    pub(crate) kind: LinkKind,
    pub(crate) state: LinkState,
    /// Who brought it up.
    pub(crate) by: Msisdn,
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

    pub(crate) fn next_reg(&mut self) -> Reg {
        self.last_reg += 1;
        Reg(self.last_reg)
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
