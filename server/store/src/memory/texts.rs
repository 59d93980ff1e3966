//! Texts from the moment they are stored until everybody knows their end.

use super::state::{EndRow, Mailbox, ReadRow, State, TextKey, TextRow};
use crate::store::{Outcome, Page};
use tandem_logic::store_answer::{EndOwed, ReadOwed, SwapOutcome, TextOutcome, WaitingText};
use tandem_logic::store_op::{Owner, StoreText, SwapText};
use tandem_model::{Msisdn, NumberEpoch, SealedBody, SenderSeq, ServerMillis, TerminalState, TextId};

impl State {
    pub(crate) fn store_text(&mut self, at: ServerMillis, op: &StoreText) -> Outcome<TextOutcome> {
        self.fence(op.sender)?;
        let me = op.sender.number;
        if let Some(row) = self.texts.get(&(me, op.id)) {
            let end = row.end.map(|end| (end.state, end.at));
            return Ok(TextOutcome::Known { stored_at: row.stored_at, end });
        }
        if op.behind.is_some_and(|before| !self.texts.contains_key(&(me, before))) {
            return Ok(TextOutcome::Behind);
        }
        match self.visible_owner(me, op.to.number) {
            None => return Ok(TextOutcome::NotAvailable),
            Some(present) if present != op.to => return Ok(TextOutcome::RecipientChanged),
            Some(_) => {}
        }
        let size = op.sealed.0.len() as u64;
        let mailbox = self.mailboxes.get(&op.to.number).copied().unwrap_or_default();
        if mailbox.texts >= op.mailbox_texts || mailbox.bytes.saturating_add(size) > op.mailbox_bytes {
            return Ok(TextOutcome::MailboxFull);
        }
        if let Some(spent) = self.charge(at, &op.charges) {
            return Ok(TextOutcome::Spent(spent));
        }
        let order = self.next_order();
        let key = (me, op.id);
        let row = TextRow {
            sender_epoch: op.sender.epoch,
            to: op.to,
            seq: op.seq,
            sealed: op.sealed.clone(),
            stored_at: Some(at),
            expires_at: op.expires_at,
            order,
            end: None,
            read: None,
        };
        self.texts.insert(key, row);
        self.waiting.insert((op.to.number, order), key);
        self.expiring.insert((op.expires_at, key));
        self.mailboxes.insert(op.to.number, Mailbox { texts: mailbox.texts + 1, bytes: mailbox.bytes + size });
        Ok(TextOutcome::Stored { order })
    }

    pub(crate) fn swap_text(&mut self, at: ServerMillis, op: &SwapText) -> Outcome<SwapOutcome> {
        self.fence(op.sender)?;
        let key = (op.sender.number, op.id);
        match self.texts.get(&key).map(|row| row.end) {
            Some(Some(end)) => return Ok(SwapOutcome::End { end: end.state, at: end.at }),
            Some(None) => {
                self.end_text(key, op.end, at);
            }
            None => {
                if let Some(spent) = self.charge(at, &op.charges) {
                    return Ok(SwapOutcome::Spent(spent));
                }
                let row = TextRow {
                    sender_epoch: op.sender.epoch,
                    to: Owner { number: op.to, epoch: NumberEpoch(0) },
                    seq: SenderSeq(0),
                    sealed: SealedBody::default(),
                    stored_at: None,
                    expires_at: at,
                    order: 0,
                    end: None,
                    read: None,
                };
                self.texts.insert(key, row);
                self.end_text(key, op.end, at);
            }
        }
        Ok(SwapOutcome::End { end: op.end, at })
    }

    /// Ends a text that has no end yet: its body goes, its end waits for its sender.
    pub(crate) fn end_text(&mut self, key: TextKey, state: TerminalState, at: ServerMillis) -> Option<EndOwed> {
        let order = self.next_order();
        let row = self.texts.get_mut(&key).filter(|row| row.end.is_none())?;
        row.end = Some(EndRow { state, at, order });
        let size = std::mem::take(&mut row.sealed).0.len() as u64;
        let (to, sender) = (row.to, Owner { number: key.0, epoch: row.sender_epoch });
        let (expires_at, stored_order) = (row.expires_at, row.order);
        self.expiring.remove(&(expires_at, key));
        self.ends.insert((key.0, order), key);
        self.ended.insert((at, key));
        if self.waiting.remove(&(to.number, stored_order)).is_some()
            && let Some(mailbox) = self.mailboxes.get_mut(&to.number)
        {
            mailbox.texts = mailbox.texts.saturating_sub(1);
            mailbox.bytes = mailbox.bytes.saturating_sub(size);
            if mailbox.texts == 0 {
                self.mailboxes.remove(&to.number);
            }
        }
        Some(EndOwed { order, sender, id: key.1, to: to.number, state, at })
    }

    pub(crate) fn take_texts(&mut self, at: ServerMillis, owner: Owner, texts: &[(Msisdn, TextId)]) -> Vec<EndOwed> {
        let mut ends = Vec::new();
        for key in texts {
            if self.texts.get(key).is_some_and(|row| row.to == owner) {
                ends.extend(self.end_text(*key, TerminalState::Delivered, at));
            }
        }
        ends
    }

    pub(crate) fn texts_waiting(
        &self,
        at: ServerMillis,
        owner: Owner,
        after: u64,
        limit: u32,
        bytes: usize,
    ) -> Outcome<Page<WaitingText>> {
        self.fence(owner)?;
        let mut items = Vec::new();
        let mut size = 0_usize;
        let from = (owner.number, after.saturating_add(1));
        for ((_, order), key) in self.waiting.range(from..=(owner.number, u64::MAX)) {
            let Some(row) = self.texts.get(key).filter(|row| row.expires_at > at && row.to == owner) else { continue };
            let Some(stored_at) = row.stored_at else { continue };
            size = size.saturating_add(row.sealed.0.len());
            if items.len() >= limit as usize || (size > bytes && !items.is_empty()) {
                return Ok(Page { items, complete: false });
            }
            items.push(WaitingText {
                order: *order,
                from: Owner { number: key.0, epoch: row.sender_epoch },
                id: key.1,
                seq: row.seq,
                sealed: row.sealed.clone(),
                stored_at,
            });
        }
        Ok(Page { items, complete: true })
    }

    pub(crate) fn ends_owed(&self, owner: Owner, after: u64, limit: u32) -> Page<EndOwed> {
        let from = (owner.number, after.saturating_add(1));
        let mut items = Vec::new();
        for (_, key) in self.ends.range(from..=(owner.number, u64::MAX)) {
            let Some(row) = self.texts.get(key).filter(|row| row.sender_epoch == owner.epoch) else { continue };
            let Some(end) = row.end else { continue };
            if items.len() >= limit as usize {
                return Page { items, complete: false };
            }
            let (state, at, order) = (end.state, end.at, end.order);
            items.push(EndOwed { order, sender: owner, id: key.1, to: row.to.number, state, at });
        }
        Page { items, complete: true }
    }

    pub(crate) fn take_ends(&mut self, owner: Owner, ids: &[TextId]) {
        for id in ids {
            let row = self.texts.get(&(owner.number, *id)).filter(|row| row.sender_epoch == owner.epoch);
            if let Some(end) = row.and_then(|row| row.end) {
                self.ends.remove(&(owner.number, end.order));
            }
        }
    }

    pub(crate) fn store_reads(&mut self, owner: Owner, sender: Msisdn, ids: &[TextId]) -> Vec<ReadOwed> {
        let mut reads = Vec::new();
        for id in ids {
            let key = (sender, *id);
            let order = self.order + 1;
            let Some(row) = self.texts.get_mut(&key) else { continue };
            let delivered = row.end.is_some_and(|end| end.state == TerminalState::Delivered);
            if row.to != owner || !delivered || row.read.is_some() {
                continue;
            }
            row.read = Some(ReadRow { order });
            let sender = Owner { number: sender, epoch: row.sender_epoch };
            self.order = order;
            self.reads.insert((key.0, order), key);
            reads.push(ReadOwed { order, sender, by: owner.number, id: *id });
        }
        reads
    }

    pub(crate) fn reads_owed(&self, owner: Owner, after: u64, limit: u32) -> Page<ReadOwed> {
        let from = (owner.number, after.saturating_add(1));
        let mut items = Vec::new();
        for ((_, order), key) in self.reads.range(from..=(owner.number, u64::MAX)) {
            let Some(row) = self.texts.get(key).filter(|row| row.sender_epoch == owner.epoch) else { continue };
            if items.len() >= limit as usize {
                return Page { items, complete: false };
            }
            items.push(ReadOwed { order: *order, sender: owner, by: row.to.number, id: key.1 });
        }
        Page { items, complete: true }
    }

    pub(crate) fn take_reads(&mut self, owner: Owner, by: Msisdn, ids: &[TextId]) {
        for id in ids {
            let row = self
                .texts
                .get(&(owner.number, *id))
                .filter(|row| row.sender_epoch == owner.epoch && row.to.number == by);
            if let Some(read) = row.and_then(|row| row.read) {
                self.reads.remove(&(owner.number, read.order));
            }
        }
    }
}
