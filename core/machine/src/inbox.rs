//! Texts for me: opened, made durable, and only then acknowledged and shown, once and in their sender's order.
//!
//! Texts of one sender's device go into the store one commit after the other. When one cannot be kept, nothing that
//! follows it is kept either: it is not acknowledged, the server delivers it again, and the order holds (P3).

use crate::ctx::{Ctx, World};
use crate::direct::{DirectConn, DirectOrder, Pair, order};
use crate::effect::Event;
use crate::fold;
use crate::lines::Lines;
use crate::text_envelope;
use crate::view::ArrivedText;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tandem_model::rows::{Change, IncomingRow};
use tandem_model::{
    Bearer, DeviceEpoch, Line, MarkState, Mono, Msisdn, Secret, SenderSeq, ServerMillis, TextBody, TextId, Ticket,
    VaultError, WallMillis,
};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{DeliverText, DirectFrame, DirectText};

/// Texts on their way into the store; the server delivers further ones again.
const ARRIVING_MAX: usize = 1_024;

/// Texts in one commit.
const BATCH_MAX: usize = 64;

/// Senders' devices whose last place in the order is remembered. Forgetting one shows no gap where there may be one.
const SENDERS_MAX: usize = 50_000;

/// How long what follows a text that could not be kept is held off. By then the server has delivered it again, or it has
/// ended there and never comes.
const MISSED_WAIT: Duration = Duration::from_secs(120);

/// Epoch of SMS that carry no id of their own.
const NO_DEVICE: DeviceEpoch = DeviceEpoch(0);

/// One sender's device, as it writes to one SIM. Its number may change from text to text; its order goes on.
type Sender = (Line, DeviceEpoch);

/// Texts on their way into the store.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    lanes: BTreeMap<Sender, Lane>,
    commits: BTreeMap<Ticket, Arriving>,
    arriving: usize,
    /// Ids on their way, so that a text delivered twice in a row is one row.
    ids: BTreeSet<(Msisdn, TextId)>,
    /// The highest place received from each sender's device.
    highest: BTreeMap<(Msisdn, DeviceEpoch), SenderSeq>,
    /// The first text that could not be kept, and how long what follows is held off.
    missed: BTreeMap<Sender, (SenderSeq, Mono)>,
}

/// Texts of one sender's device: one commit is on its way, the others wait for it.
#[derive(Debug, Default)]
struct Lane {
    committing: bool,
    waiting: VecDeque<(IncomingRow, Through)>,
    /// The highest place that is on its way.
    highest: Option<SenderSeq>,
}

/// Whom a text came through: they hear that it is durable.
#[derive(Clone, Copy, Debug)]
enum Through {
    Server,
    Direct(DirectConn),
}

/// What a commit holds.
#[derive(Debug)]
enum Arriving {
    /// Texts of one sender's device, in order.
    Texts(Sender, Vec<(IncomingRow, Through)>),
    /// An SMS, behind `before` other changes.
    Sms { row: IncomingRow, before: usize },
}

impl Inbox {
    pub(crate) fn restore(&mut self, received: Vec<(Msisdn, DeviceEpoch, SenderSeq)>) {
        self.highest = received.into_iter().map(|(from, device, seq)| ((from, device), seq)).collect();
    }

    /// The server delivers a text. It is acknowledged when it is durable, and not before.
    pub(crate) fn delivered(&mut self, line: Line, text: &DeliverText, lines: &Lines, ctx: &mut Ctx<'_>) {
        self.take_in(line, text, Through::Server, lines, ctx);
    }

    /// Its sender hands it over directly. It is acknowledged when it is durable, and not before; where it cannot be kept now its
    /// sender hears nothing, and sends it through the server.
    pub(crate) fn came_directly(
        &mut self,
        (line, from): Pair,
        conn: DirectConn,
        text: DirectText,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let from_epoch = match lines.mark(line, from).map(|mark| &mark.state) {
            Some(MarkState::Marked { epoch, .. }) => *epoch,
            Some(MarkState::Unmarked) | None => return,
        };
        let DirectText { id, seq, sealed } = text;
        let text = DeliverText { from, from_epoch, id, seq, sealed, stored_at: ServerMillis(ctx.now.wall.0) };
        self.take_in(line, &text, Through::Direct(conn), lines, ctx);
    }

    fn take_in(&mut self, line: Line, text: &DeliverText, through: Through, lines: &Lines, ctx: &mut Ctx<'_>) {
        let Some((number, _, key)) = lines.registered(line) else {
            return;
        };
        let sender = (line, text.id.device_epoch);
        if self.ids.contains(&(text.from, text.id)) || self.is_held_off(sender, text.seq, ctx) {
            return;
        }
        if self.arriving >= ARRIVING_MAX {
            self.miss(sender, text.seq, ctx);
            return;
        }
        let context = text_envelope::context(text.from, number, text.id, text.seq);
        let body = match ctx.vault.open(key, &context, &text.sealed) {
            Ok(plain) => text_envelope::unwrap(&plain),
            // The keys will be there later; so will the text.
            Err(VaultError::Locked) => {
                self.miss(sender, text.seq, ctx);
                return;
            }
            Err(VaultError::DoesNotOpen | VaultError::KeyGone | VaultError::BadPeerKey) => None,
        };
        let row = IncomingRow {
            line,
            from: text.from,
            id: text.id,
            seq: Some(text.seq),
            gap_before: self.gap_before(sender, text),
            body,
            bearer: Bearer::Data,
            sent_at: WallMillis(text.stored_at.0),
            received_at: ctx.now.wall,
            read: false,
        };
        self.ids.insert((row.from, row.id));
        self.arriving += 1;
        let lane = self.lanes.entry(sender).or_default();
        lane.highest = lane.highest.max(row.seq);
        lane.waiting.push_back((row, through));
        self.commit_next(sender, ctx);
    }

    /// Missing places just before this one. The first text of a device shows none: what came before may have been meant for
    /// a former life of this number.
    fn gap_before(&self, sender: Sender, text: &DeliverText) -> u64 {
        let kept = self.highest.get(&(text.from, text.id.device_epoch)).copied();
        let coming = self.lanes.get(&sender).and_then(|lane| lane.highest);
        kept.max(coming).map_or(0, |highest| text.seq.0.saturating_sub(highest.0).saturating_sub(1))
    }

    fn is_held_off(&mut self, sender: Sender, seq: SenderSeq, ctx: &Ctx<'_>) -> bool {
        match self.missed.get(&sender) {
            Some((missed, until)) if *missed < seq && ctx.now.mono < *until => true,
            Some(_) => {
                self.missed.remove(&sender);
                false
            }
            None => false,
        }
    }

    fn miss(&mut self, sender: Sender, seq: SenderSeq, ctx: &Ctx<'_>) {
        if self.missed.len() >= ARRIVING_MAX && !self.missed.contains_key(&sender) {
            self.missed.pop_first();
        }
        let missed = self.missed.entry(sender).or_insert((seq, Mono::ZERO));
        *missed = (missed.0.min(seq), ctx.now.mono.after(MISSED_WAIT));
    }

    fn commit_next(&mut self, sender: Sender, ctx: &mut Ctx<'_>) {
        let Some(lane) = self.lanes.get_mut(&sender) else {
            return;
        };
        if lane.committing {
            return;
        }
        if lane.waiting.is_empty() {
            self.lanes.remove(&sender);
            return;
        }
        let batch: Vec<(IncomingRow, Through)> = lane.waiting.drain(..lane.waiting.len().min(BATCH_MAX)).collect();
        lane.committing = true;
        let commit = ctx.commit(batch.iter().map(|(row, _)| Change::InsertIncoming(row.clone())).collect());
        self.commits.insert(commit, Arriving::Texts(sender, batch));
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
        if self.arriving >= ARRIVING_MAX {
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
        if body.is_none() || !self.ids.insert((from, id)) {
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
        self.arriving += 1;
        let before = changes.len();
        changes.push(Change::InsertIncoming(row.clone()));
        let commit = ctx.commit(changes);
        self.commits.insert(commit, Arriving::Sms { row, before });
    }

    /// The store answered. False when the ticket is none of ours.
    pub(crate) fn committed(
        &mut self,
        commit: Ticket,
        duplicates: Option<&[usize]>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        match self.commits.remove(&commit) {
            None => return false,
            Some(Arriving::Sms { row, before }) => {
                self.forget(&row);
                // One that cannot be kept stays with the OS, which shows it; so do we.
                if duplicates.is_none_or(|duplicates| !duplicates.contains(&before)) {
                    arrived(row, ctx);
                }
            }
            Some(Arriving::Texts(sender, batch)) => {
                if let Some(lane) = self.lanes.get_mut(&sender) {
                    lane.committing = false;
                }
                match duplicates {
                    Some(duplicates) => self.kept(sender, batch, duplicates, lines, ctx),
                    None => self.lost(sender, &batch, ctx),
                }
                self.commit_next(sender, ctx);
            }
        }
        true
    }

    fn kept(
        &mut self,
        (line, device): Sender,
        batch: Vec<(IncomingRow, Through)>,
        duplicates: &[usize],
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let mut stored = Vec::new();
        let mut direct: BTreeMap<DirectConn, Vec<TextId>> = BTreeMap::new();
        for (row, through) in &batch {
            match through {
                Through::Server => stored.push((row.from, row.id)),
                Through::Direct(conn) => direct.entry(*conn).or_default().push(row.id),
            }
        }
        if !stored.is_empty()
            && let Some(session) = lines.session(line)
        {
            ctx.send(&session, ClientFrame::TextTaken { texts: stored });
        }
        for (conn, ids) in direct {
            order(ctx, DirectOrder::Send { conn, frame: DirectFrame::TextKept { ids } });
        }
        for (at, (row, _)) in batch.into_iter().enumerate() {
            self.forget(&row);
            if let Some(seq) = row.seq {
                self.note_place(row.from, device, seq);
            }
            if !duplicates.contains(&at) {
                arrived(row, ctx);
            }
        }
    }

    /// Not durable, so not acknowledged: the server keeps it, and all that follows, and delivers it again.
    fn lost(&mut self, sender: Sender, batch: &[(IncomingRow, Through)], ctx: &Ctx<'_>) {
        let waiting = self.lanes.remove(&sender).map(|lane| lane.waiting).unwrap_or_default();
        for (row, _) in batch.iter().chain(&waiting) {
            self.forget(row);
            if let Some(seq) = row.seq {
                self.miss(sender, seq, ctx);
            }
        }
    }

    fn forget(&mut self, row: &IncomingRow) {
        self.ids.remove(&(row.from, row.id));
        self.arriving = self.arriving.saturating_sub(1);
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
