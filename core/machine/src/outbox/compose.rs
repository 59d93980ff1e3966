//! Accepting texts: id, place in the order, and the row that makes "sent" true. One commit per recipient at a time, so that
//! a commit that fails leaves no hole in the order.

use super::draft::Draft;
use super::flow::Flow;
use super::{Kept, Outbox, show};
use crate::ctx::{Ctx, World};
use crate::effect::Reply;
use crate::lines::Lines;
use std::collections::VecDeque;
use tandem_model::rows::{Change, OutgoingRow};
use tandem_model::{MarkState, Mono, Msisdn, NumberEpoch, SenderSeq, TextStatus, Ticket, WhyNotData};

/// Texts in one commit.
const BATCH_MAX: usize = 64;

/// Texts for one recipient on their way into the store.
#[derive(Debug, Default)]
pub(super) struct Composing {
    batch: Option<Batch>,
    queue: VecDeque<(Draft, NumberEpoch)>,
}

#[derive(Debug)]
struct Batch {
    commit: Ticket,
    until: Mono,
    texts: Vec<(Draft, OutgoingRow)>,
}

impl Composing {
    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.batch.as_ref().map_or(0, |batch| batch.texts.len())
    }

    pub(super) fn due(&self) -> Option<Mono> {
        self.batch.as_ref().map(|batch| batch.until)
    }
}

impl Outbox {
    pub(super) fn compose(&mut self, draft: Draft, lines: &Lines, ctx: &mut Ctx<'_>) {
        let to = draft.to;
        let Some(owner) = owner(lines, &draft) else {
            self.ask_instead(draft, WhyNotData::PeerNotAvailable, None, lines, ctx);
            return;
        };
        self.words += draft.body.as_str().len();
        self.composing.entry(to).or_default().queue.push_back((draft, owner));
        self.commit_next(to, ctx);
    }

    fn commit_next(&mut self, to: Msisdn, ctx: &mut Ctx<'_>) {
        let Some(composing) = self.composing.get_mut(&to) else {
            return;
        };
        if composing.batch.is_some() {
            return;
        }
        if composing.queue.is_empty() {
            self.composing.remove(&to);
            return;
        }
        let mut seq = self.sequences.get(&to).copied().unwrap_or_default();
        let take = composing.queue.len().min(BATCH_MAX);
        let mut texts = Vec::with_capacity(take);
        for (draft, owner) in composing.queue.drain(..take) {
            seq = SenderSeq(seq.0.saturating_add(1));
            let row = OutgoingRow {
                id: ctx.next_text_id(),
                line: draft.line,
                to,
                to_epoch: Some(owner),
                seq: Some(seq),
                body: draft.body.clone(),
                written_at: ctx.now.wall,
                status: TextStatus::Pending,
                stored_at: None,
            };
            texts.push((draft, row));
        }
        self.pending_batch(to, texts, ctx);
    }

    fn pending_batch(&mut self, to: Msisdn, texts: Vec<(Draft, OutgoingRow)>, ctx: &mut Ctx<'_>) {
        let mut changes = vec![Change::PutMeta(ctx.out.meta())];
        changes.extend(texts.iter().map(|(_, row)| Change::InsertOutgoing(row.clone())));
        let commit = ctx.commit(changes);
        self.commits.insert(commit, Kept::Composed(to));
        if let Some(composing) = self.composing.get_mut(&to) {
            composing.batch = Some(Batch { commit, until: ctx.now.mono.after(ctx.config.commit_budget), texts });
        }
    }

    /// The rows are durable, or could not be made so.
    pub(super) fn composed(&mut self, to: Msisdn, durable: bool, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let Some(batch) = self.composing.get_mut(&to).and_then(|composing| composing.batch.take()) else {
            return;
        };
        for (draft, row) in batch.texts {
            self.words = self.words.saturating_sub(draft.body.as_str().len());
            if !durable {
                self.ask_instead(draft, WhyNotData::StoreFailed, None, lines, ctx);
                continue;
            }
            if let Some(seq) = row.seq {
                self.sequences.insert(to, seq);
            }
            let (id, line) = (row.id, row.line);
            ctx.reply(draft.ticket, Ok(Reply::Text(id)));
            show(&row, ctx);
            self.open(row, Flow::Queued { not_before: Mono::ZERO }, false);
            if lines.registered(line).is_none() {
                self.refuse(id, ctx);
            } else {
                self.pump(line, lines, ctx);
            }
        }
        self.commit_next(to, ctx);
    }

    /// A store that does not answer in time keeps nobody waiting: the user is offered the carrier. Should the rows be there
    /// all the same, the SMS carries the mark that folds the copies.
    pub(super) fn composing_due(&mut self, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let due: Vec<Msisdn> = self
            .composing
            .iter()
            .filter(|(_, composing)| composing.due().is_some_and(|at| at <= ctx.now.mono))
            .map(|(to, _)| *to)
            .collect();
        for to in due {
            let Some(batch) = self.composing.get_mut(&to).and_then(|composing| composing.batch.take()) else {
                continue;
            };
            let left = batch.texts.iter().map(|(_, row)| (row.id, TextStatus::Refused)).collect();
            self.commits.insert(batch.commit, Kept::Abandoned(left));
            for (draft, row) in batch.texts {
                self.words = self.words.saturating_sub(draft.body.as_str().len());
                if let Some(seq) = row.seq {
                    self.sequences.insert(to, seq);
                }
                self.ask_instead(draft, WhyNotData::StoreFailed, Some(row.id), lines, ctx);
            }
            self.commit_next(to, ctx);
        }
    }
}

/// The owner of the number a text is meant for, by the mark its sender sees.
fn owner(lines: &Lines, draft: &Draft) -> Option<NumberEpoch> {
    match &lines.mark(draft.line, draft.to)?.state {
        MarkState::Marked { epoch, .. } => Some(*epoch),
        MarkState::Unmarked => None,
    }
}
