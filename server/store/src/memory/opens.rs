//! Keys that live, and tokens of owners' own numbers, by which whoever holds the number sees its mark.

use super::state::{KeyRow, KeyState, LinkKind, LinkRow, LinkState, OpenRow, Reg, State};
use crate::store::Outcome;
use std::collections::btree_map::Entry;
use tandem_logic::matching::Showing;
use tandem_logic::store_answer::{KeysOutcome, Settled};
use tandem_logic::store_op::Owner;
use tandem_model::{MarkKeyId, MarkPublicKey, MarkToken, Msisdn};

impl State {
    pub(crate) fn begin(&mut self, wanted: Showing) {
        if self.showing == wanted {
            return;
        }
        self.showing = wanted;
        self.keys.values_mut().for_each(|row| row.filled_to = Some(Msisdn::MIN));
        let opened: Vec<Reg> =
            self.owners.values().filter(|row| !row.ended && !wanted.shows(row.open)).map(|row| row.reg).collect();
        let mut settled = Settled::default();
        for reg in opened {
            self.close(reg, &mut settled);
        }
    }

    pub(crate) fn is_live(&self, key: MarkKeyId) -> bool {
        self.keys.get(&key).is_some_and(|row| row.state == KeyState::Lives)
    }

    pub(crate) fn live_keys(&self) -> Vec<MarkKeyId> {
        self.keys.iter().filter(|(_, row)| row.state == KeyState::Lives).map(|(key, _)| *key).collect()
    }

    pub(crate) fn set_keys(&mut self, keys: &[(MarkKeyId, MarkPublicKey)]) -> KeysOutcome {
        let changed =
            |(id, public): &&(MarkKeyId, MarkPublicKey)| self.keys.get(id).is_some_and(|row| row.public != *public);
        if let Some((id, _)) = keys.iter().find(changed) {
            return KeysOutcome::Changed(*id);
        }
        for id in self.live_keys().into_iter().filter(|id| keys.iter().all(|(key, _)| key != id)) {
            if let Some(row) = self.keys.get_mut(&id) {
                row.state = KeyState::Retired;
            }
            self.opens_due.retain(|(_, key)| *key != id);
        }
        for (id, public) in keys {
            if !self.is_live(*id) {
                let row = KeyRow { public: *public, state: KeyState::Lives, filled_to: Some(Msisdn::MIN) };
                self.keys.insert(*id, row);
            }
        }
        KeysOutcome::Set
    }

    /// The token of an owner's number is wanted under every key that lives and has none.
    pub(crate) fn want_open(&mut self, reg: Reg) {
        for key in self.live_keys() {
            if self.own_tokens(reg).all(|(_, of)| of != key) {
                self.opens_due.insert((reg, key));
            }
        }
    }

    fn own_tokens(&self, reg: Reg) -> impl Iterator<Item = (MarkToken, MarkKeyId)> {
        self.open_of
            .range((reg, MarkKeyId(0), MarkToken([0; 16]))..)
            .take_while(move |(whose, _, _)| *whose == reg)
            .map(|(_, key, token)| (*token, *key))
    }

    fn forget_own(&mut self, (token, key, reg): (MarkToken, MarkKeyId, Reg)) {
        self.opens.remove(&(token, key, reg));
        self.open_of.remove(&(reg, key, token));
        self.unlinked.remove(&(token, key, reg));
    }

    fn close(&mut self, reg: Reg, settled: &mut Settled) {
        let own: Vec<MarkToken> = self.own_tokens(reg).map(|(token, _)| token).collect();
        if let Some(me) = self.number_of.get(&reg).copied() {
            for token in &own {
                self.end_opened_links(token, me, settled);
            }
        }
        self.forget_open(reg);
    }

    fn forget_open(&mut self, reg: Reg) {
        let own: Vec<_> = self.own_tokens(reg).collect();
        for (token, key) in own {
            self.forget_own((token, key, reg));
        }
        let due: Vec<_> = self.opens_due.range((reg, MarkKeyId(0))..=(reg, MarkKeyId(u32::MAX))).copied().collect();
        for one in due {
            self.opens_due.remove(&one);
        }
    }

    pub(crate) fn set_open(&mut self, owner: Owner, open: bool) -> Outcome<Settled> {
        self.fence(owner)?;
        let mut settled = Settled::default();
        let shows = self.showing.shows(open);
        if let Some(row) = self.owners.get_mut(&owner.number) {
            row.open = open;
            let reg = row.reg;
            if shows {
                self.want_open(reg);
            } else {
                self.close(reg, &mut settled);
            }
        }
        Ok(self.with_rest(settled))
    }

    /// With what is left to be done.
    fn with_rest(&self, mut settled: Settled) -> Settled {
        settled.viewers.sort_unstable();
        settled.viewers.dedup();
        settled.opens_due = !self.opens_due.is_empty();
        settled.more = !self.unlinked.is_empty();
        settled
    }

    pub(crate) fn opens_due(&mut self, limit: u32) -> (Vec<(Owner, MarkKeyId)>, bool) {
        let limit = limit as usize;
        let mut more = false;
        for key in self.live_keys() {
            more |= if self.opens_due.len() < limit { self.fill(key, limit) } else { true };
        }
        let due: Vec<(Owner, MarkKeyId)> = self
            .opens_due
            .iter()
            .filter_map(|(reg, key)| {
                let number = *self.number_of.get(reg)?;
                Some((Owner { number, epoch: self.present(number)?.epoch }, *key))
            })
            .take(limit)
            .collect();
        more |= due.len() == limit;
        (due, more)
    }

    /// Whether there are more owners than this page.
    fn fill(&mut self, key: MarkKeyId, limit: usize) -> bool {
        let Some(from) = self.keys.get(&key).and_then(|row| row.filled_to) else { return false };
        let page: Vec<(Msisdn, Reg)> = self
            .owners
            .range((std::ops::Bound::Excluded(from), std::ops::Bound::Unbounded))
            .filter(|(_, row)| !row.ended && self.showing.shows(row.open))
            .take(limit)
            .map(|(number, row)| (*number, row.reg))
            .collect();
        for (_, reg) in &page {
            self.want_open(*reg);
        }
        let to = page.last().filter(|_| page.len() == limit).map(|(number, _)| *number);
        if let Some(row) = self.keys.get_mut(&key) {
            row.filled_to = to;
        }
        to.is_some()
    }

    pub(crate) fn put_opens(&mut self, opens: &[(Owner, MarkKeyId, MarkToken)]) -> Settled {
        for (owner, key, token) in opens {
            if !self.is_present(*owner) {
                continue;
            }
            let Some((reg, open)) = self.present(owner.number).map(|row| (row.reg, row.open)) else { continue };
            self.opens_due.remove(&(reg, *key));
            if self.showing.shows(open)
                && self.is_live(*key)
                && token.is_of_number()
                && let Entry::Vacant(vacant) = self.opens.entry((*token, *key, reg))
            {
                vacant.insert(OpenRow { linked: Some(Reg(0)) });
                self.open_of.insert((reg, *key, *token));
                self.unlinked.insert((*token, *key, reg));
            }
        }
        self.with_rest(Settled::default())
    }

    pub(crate) fn link_opens(&mut self, limit: u32) -> Settled {
        let mut settled = Settled::default();
        let mut left = limit as usize;
        let unlinked: Vec<_> =
            self.unlinked.iter().filter_map(|open| Some((*open, self.opens.get(open)?.linked?))).take(left).collect();
        for ((token, key, reg), linked) in unlinked {
            if left == 0 {
                break;
            }
            let holders: Vec<Reg> = self
                .holders
                .range((token, key, Reg(linked.0.saturating_add(1)))..=(token, key, Reg(u64::MAX)))
                .map(|(_, _, holder)| *holder)
                .take(left)
                .collect();
            let next = holders.last().filter(|_| holders.len() == left).copied();
            left -= holders.len();
            if let Some(me) = self.number_of.get(&reg).copied() {
                self.link_holders(me, token, key, &holders, &mut settled);
            }
            self.opens.insert((token, key, reg), OpenRow { linked: next });
            if next.is_none() {
                self.unlinked.remove(&(token, key, reg));
            }
        }
        self.with_rest(settled)
    }

    fn link_holders(&mut self, me: Msisdn, token: MarkToken, key: MarkKeyId, holders: &[Reg], settled: &mut Settled) {
        for reg in holders {
            let Some(viewer) = self.number_of.get(reg).copied().filter(|viewer| *viewer != me) else { continue };
            if self.is_contact(key, *reg, &token) {
                let (kind, state) = (LinkKind::Open, LinkState::Pending);
                self.make_link(LinkRow { a: viewer, b: me, token, key, kind, state, by: viewer }, settled);
            }
        }
    }

    /// Forgets some of what was told under retired keys and by registrations that ended. Whether more is left.
    pub(crate) fn sweep_tokens(&mut self, limit: usize, viewers: &mut Vec<Msisdn>) -> bool {
        let retired = self.keys.iter().find(|(_, row)| row.state == KeyState::Retired).map(|(key, _)| *key);
        if let Some(key) = retired {
            let links = self.end_links_of(key, limit, viewers);
            let opens: Vec<_> = self.opens.keys().filter(|(_, of, _)| *of == key).take(limit).copied().collect();
            for open in &opens {
                self.forget_own(*open);
            }
            let reg = self.told.keys().find(|(of, _)| *of == key).map(|(_, reg)| *reg);
            let tokens = reg.map_or(0, |reg| self.forget_some(key, reg, limit));
            if links + opens.len() + tokens == 0
                && reg.is_none()
                && let Some(row) = self.keys.get_mut(&key)
            {
                row.state = KeyState::Forgotten;
            }
            return true;
        }
        let Some(reg) = self.dead_regs.first().copied() else { return false };
        let mut some = 0;
        for key in self.keys.keys().copied().collect::<Vec<_>>() {
            some += self.forget_some(key, reg, limit);
        }
        if some == 0 {
            self.dead_regs.remove(&reg);
        }
        true
    }

    /// An owner is no more: nobody sees it, it sees nobody, and what it told is forgotten by and by.
    pub(crate) fn end_matching(&mut self, who: Msisdn, viewers: &mut Vec<Msisdn>) {
        if let Some(reg) = self.owners.get(&who).map(|row| row.reg) {
            self.forget_open(reg);
            self.number_of.remove(&reg);
            self.dead_regs.insert(reg);
        }
        self.forget_links(who, viewers);
    }
}
