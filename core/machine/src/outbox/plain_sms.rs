//! Texts that go through the carrier from the start.

use super::draft::Draft;
use super::flow::Flow;
use super::{Kept, Outbox, show};
use crate::ctx::Ctx;
use crate::effect::{Effect, Refusal, Reply};
use crate::fold;
use tandem_model::rows::{Change, OutgoingRow};
use tandem_model::{Line, Mono, Secret, TextBody, TextId, TextStatus, Ticket};

/// SMS without a row that may be on their way at once.
const LOOSE_MAX: usize = 64;

/// A plain SMS whose row is on its way into the store.
#[derive(Debug)]
pub(super) struct PlainSms {
    pub ticket: Ticket,
    pub row: OutgoingRow,
    /// The text whose row may exist all the same: its mark goes along.
    pub left: Option<TextId>,
}

impl Outbox {
    /// Sends a text through the carrier, with a row of its own.
    pub(crate) fn plain_sms(&mut self, draft: Draft, left: Option<TextId>, ctx: &mut Ctx<'_>) {
        if !self.has_room(draft.body.as_str().len(), ctx) {
            ctx.reply(draft.ticket, Err(Refusal::Full));
            return;
        }
        let row = OutgoingRow {
            id: ctx.next_text_id(),
            line: draft.line,
            to: draft.to,
            to_epoch: None,
            seq: None,
            body: draft.body,
            written_at: ctx.now.wall,
            status: TextStatus::Pending,
            stored_at: None,
        };
        let commit = ctx.commit(vec![Change::PutMeta(ctx.out.meta()), Change::InsertOutgoing(row.clone())]);
        self.plain_until.insert(commit, ctx.now.mono.after(ctx.config.commit_budget));
        self.commits.insert(commit, Kept::Plain(PlainSms { ticket: draft.ticket, row, left }));
    }

    pub(super) fn plain_kept(&mut self, commit: Ticket, sms: PlainSms, durable: bool, ctx: &mut Ctx<'_>) {
        self.plain_until.remove(&commit);
        let PlainSms { ticket, row, left } = sms;
        if !durable {
            // A phone that cannot store still sends what its user wants sent; there is just no row of it.
            self.loose(ticket, Some(row.line), Secret::new(row.to.e164()), with_mark(&row.body, left), ctx);
            return;
        }
        let (id, line, to, body) = (row.id, row.line, row.to, with_mark(&row.body, left));
        ctx.reply(ticket, Ok(Reply::Text(id)));
        show(&row, ctx);
        let order = ctx.ticket();
        ctx.push(Effect::SendSms { ticket: order, line: Some(line), to: Secret::new(to.e164()), body });
        let until = ctx.now.mono.after(super::handover::SMS_WAIT);
        self.open(row, Flow::SmsOut { order, until, tell: false }, false);
    }

    /// A store that does not answer in time does not keep an SMS back.
    pub(super) fn plain_due(&mut self, ctx: &mut Ctx<'_>) {
        let due: Vec<Ticket> =
            self.plain_until.iter().filter(|(_, until)| **until <= ctx.now.mono).map(|(commit, _)| *commit).collect();
        for commit in due {
            self.plain_until.remove(&commit);
            if let Some(Kept::Plain(sms)) = self.commits.remove(&commit) {
                self.commits.insert(commit, Kept::Abandoned(vec![(sms.row.id, TextStatus::CarrierSms)]));
                self.plain_kept(commit, sms, false, ctx);
            }
        }
    }

    pub(super) fn plain_next_due(&self) -> Option<Mono> {
        self.plain_until.values().min().copied()
    }

    /// Sends an SMS that has no row: to a number that is no subscriber's, or from a phone that cannot store.
    pub(crate) fn loose(
        &mut self,
        ticket: Ticket,
        line: Option<Line>,
        to: Secret<String>,
        body: TextBody,
        ctx: &mut Ctx<'_>,
    ) {
        if self.loose_sms.len() >= LOOSE_MAX {
            // The oldest is never answered by this OS.
            self.loose_sms.pop_first();
        }
        let order = ctx.ticket();
        self.loose_sms.insert(order);
        ctx.push(Effect::SendSms { ticket: order, line, to, body });
        ctx.reply(ticket, Ok(Reply::Done));
    }
}

fn with_mark(body: &TextBody, left: Option<TextId>) -> TextBody {
    left.map_or_else(|| body.clone(), |id| fold::tagged(body, id))
}
