//! Texts for me: opened, made durable, and only then acknowledged and shown, once.

use crate::ctx::{Ctx, World};
use crate::effect::Event;
use crate::fold;
use crate::lines::Lines;
use crate::text_envelope;
use crate::view::ArrivedText;
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::rows::{Change, IncomingRow};
use tandem_model::{
    Bearer, DeviceEpoch, Line, Msisdn, Secret, SenderSeq, TextBody, TextId, Ticket, VaultError, WallMillis,
};
use tandem_wire::ClientFrame;
use tandem_wire::frame::DeliverText;

/// Texts on their way into the store; the server delivers further ones again.
const ARRIVING_MAX: usize = 1_024;

/// Senders' devices whose last place in the order is remembered. Forgetting one shows no gap where there may be one.
const SENDERS_MAX: usize = 50_000;

/// Epoch of SMS that carry no id of their own.
const NO_DEVICE: DeviceEpoch = DeviceEpoch(0);

/// Texts on their way into the store.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    arriving: BTreeMap<Ticket, Arriving>,
    /// Ids on their way, so that a text delivered twice in a row is one row.
    ids: BTreeSet<(Msisdn, TextId)>,
    /// The highest place received from each sender's device.
    highest: BTreeMap<(Msisdn, DeviceEpoch), SenderSeq>,
}

#[derive(Debug)]
struct Arriving {
    row: IncomingRow,
    /// Position of the row among the commit's changes.
    at: usize,
}

impl Inbox {
    pub(crate) fn restore(&mut self, received: Vec<(Msisdn, DeviceEpoch, SenderSeq)>) {
        self.highest = received.into_iter().map(|(from, device, seq)| ((from, device), seq)).collect();
    }

    /// The server delivers a text. It is acknowledged when it is durable, and not before.
    pub(crate) fn delivered(&mut self, line: Line, text: &DeliverText, lines: &Lines, ctx: &mut Ctx<'_>) {
        let Some((number, _, key)) = lines.registered(line) else {
            return;
        };
        if self.arriving.len() >= ARRIVING_MAX || self.ids.contains(&(text.from, text.id)) {
            return;
        }
        let context = text_envelope::context(text.from, number, text.id, text.seq);
        let body = match ctx.vault.open(key, &context, &text.sealed) {
            Ok(plain) => text_envelope::unwrap(&plain),
            // The keys will be there later; so will the text.
            Err(VaultError::Locked) => return,
            Err(VaultError::DoesNotOpen | VaultError::KeyGone | VaultError::BadPeerKey) => None,
        };
        let row = IncomingRow {
            line,
            from: text.from,
            id: text.id,
            seq: Some(text.seq),
            gap_before: self.gap_before(text),
            body,
            bearer: Bearer::Data,
            sent_at: WallMillis(text.stored_at.0),
            received_at: ctx.now.wall,
            read: false,
        };
        self.keep(row, Vec::new(), ctx);
    }

    /// Missing places just before this one. The first text of a device shows none: what came before may have been meant for
    /// a former life of this number.
    fn gap_before(&self, text: &DeliverText) -> u64 {
        self.highest
            .get(&(text.from, text.id.device_epoch))
            .map_or(0, |highest| text.seq.0.saturating_sub(highest.0).saturating_sub(1))
    }

    /// An SMS came that proves no number. One from somebody without a number stays with the OS.
    pub(crate) fn sms(
        &mut self,
        line: Line,
        from: &Secret<String>,
        body: &Secret<String>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        if self.arriving.len() >= ARRIVING_MAX {
            return;
        }
        let from = match lines.country(line) {
            Some(home) => Msisdn::parse(from.expose(), home).ok(),
            None => Msisdn::from_e164(from.expose()).ok(),
        };
        let Some(from) = from else {
            return;
        };
        let (body, id, mut changes) = match fold::read(body.expose()) {
            Some((body, id)) => (Some(body), id, Vec::new()),
            None => {
                let counter = ctx.next_text_id().counter;
                let id = TextId { device_epoch: NO_DEVICE, counter };
                (TextBody::new(body.expose().clone()), id, vec![Change::PutMeta(ctx.out.meta())])
            }
        };
        if body.is_none() || self.ids.contains(&(from, id)) {
            return;
        }
        let row = IncomingRow {
            line,
            from,
            id,
            seq: None,
            gap_before: 0,
            body,
            bearer: Bearer::Carrier,
            sent_at: ctx.now.wall,
            received_at: ctx.now.wall,
            read: false,
        };
        self.keep(row, std::mem::take(&mut changes), ctx);
    }

    fn keep(&mut self, row: IncomingRow, mut changes: Vec<Change>, ctx: &mut Ctx<'_>) {
        let at = changes.len();
        changes.push(Change::InsertIncoming(row.clone()));
        self.ids.insert((row.from, row.id));
        let commit = ctx.commit(changes);
        self.arriving.insert(commit, Arriving { row, at });
    }

    /// The store answered. False when the ticket is none of ours.
    pub(crate) fn committed(
        &mut self,
        commit: Ticket,
        duplicates: Option<&[usize]>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let Some(Arriving { row, at }) = self.arriving.remove(&commit) else {
            return false;
        };
        self.ids.remove(&(row.from, row.id));
        // Not durable: not acknowledged, so the server keeps it and delivers it again. An SMS stays with the OS, which
        // shows it.
        let Some(duplicates) = duplicates else {
            if row.bearer == Bearer::Carrier {
                arrived(row, ctx);
            }
            return true;
        };
        if let Some(seq) = row.seq {
            self.note_place(row.from, row.id.device_epoch, seq);
            if let Some(session) = lines.session(row.line) {
                ctx.send(&session, ClientFrame::TextTaken { texts: vec![(row.from, row.id)] });
            }
        }
        if !duplicates.contains(&at) {
            arrived(row, ctx);
        }
        true
    }

    fn note_place(&mut self, from: Msisdn, device: DeviceEpoch, seq: SenderSeq) {
        if self.highest.len() >= SENDERS_MAX && !self.highest.contains_key(&(from, device)) {
            self.highest.pop_first();
        }
        let highest = self.highest.entry((from, device)).or_default();
        *highest = (*highest).max(seq);
    }
}

fn arrived(row: IncomingRow, ctx: &mut Ctx<'_>) {
    ctx.emit(Event::TextArrived(ArrivedText {
        line: row.line,
        from: row.from,
        id: row.id,
        body: row.body,
        gap_before: row.gap_before,
        bearer: row.bearer,
        sent_at: row.sent_at,
    }));
}

#[cfg(test)]
mod tests;
