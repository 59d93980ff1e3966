//! Read receipts: owed durably, batched, and never to strangers.

use crate::ctx::{Ctx, SessionFacts, World};
use crate::effect::{Refusal, Reply};
use crate::lines::Lines;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tandem_model::rows::Change;
use tandem_model::{Line, Mono, Msisdn, TextId, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::limits::IDS_MAX;

/// How long receipts are collected before they go.
const BATCH: Duration = Duration::from_secs(2);

/// Receipts owed at once; older ones have gone by then or never will.
const OWED_MAX: usize = 10_000;

/// Texts being marked as read at once.
const READING_MAX: usize = 256;

/// Receipts that are owed or on their way.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    owed: BTreeMap<Msisdn, BTreeSet<TextId>>,
    /// When what is owed goes.
    go_at: Option<Mono>,
    /// Commits of "read": the command, the sender and the ids that get a receipt.
    reading: BTreeMap<Ticket, Reading>,
    sent: BTreeMap<Ticket, Sent>,
}

#[derive(Debug)]
struct Reading {
    command: Ticket,
    from: Msisdn,
    owe: Vec<TextId>,
}

#[derive(Debug)]
struct Sent {
    line: Line,
    from: Msisdn,
    ids: Vec<TextId>,
    until: Mono,
}

impl Receipts {
    pub(crate) fn restore(&mut self, owed: Vec<(Msisdn, Vec<TextId>)>, ctx: &Ctx<'_>) {
        for (from, ids) in owed {
            self.owe(from, ids);
        }
        if !self.owed.is_empty() {
            self.go_at = Some(ctx.now.mono.after(BATCH));
        }
    }

    /// The user read these texts.
    pub(crate) fn mark_read(
        &mut self,
        command: Ticket,
        from: Msisdn,
        ids: Vec<TextId>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        if ids.is_empty() || ids.len() > IDS_MAX || self.reading.len() >= READING_MAX {
            ctx.reply(command, Err(Refusal::Full));
            return;
        }
        let receipt = lines.settings().read_receipts && is_known(from, lines);
        // An SMS has no sender's core to tell.
        let owe: Vec<TextId> =
            if receipt { ids.iter().copied().filter(|id| id.device_epoch.0 != 0).collect() } else { Vec::new() };
        let commit = ctx.commit(vec![Change::MarkRead { from, ids, receipt: !owe.is_empty() }]);
        self.reading.insert(commit, Reading { command, from, owe });
    }

    /// The store answered. False when the ticket is none of ours.
    pub(crate) fn committed(&mut self, commit: Ticket, durable: bool, ctx: &mut Ctx<'_>) -> bool {
        let Some(Reading { command, from, owe }) = self.reading.remove(&commit) else {
            return false;
        };
        if !durable {
            ctx.reply(command, Err(Refusal::StoreFailed));
            return true;
        }
        ctx.reply(command, Ok(Reply::Done));
        if !owe.is_empty() {
            self.owe(from, owe);
            self.go_at.get_or_insert(ctx.now.mono.after(BATCH));
        }
        true
    }

    fn owe(&mut self, from: Msisdn, ids: Vec<TextId>) {
        let count: usize = self.owed.values().map(BTreeSet::len).sum();
        if count + ids.len() <= OWED_MAX {
            self.owed.entry(from).or_default().extend(ids);
        }
    }

    /// A session stands: what is owed goes.
    pub(crate) fn session_up(&mut self, ctx: &Ctx<'_>) {
        if !self.owed.is_empty() {
            self.go_at = Some(ctx.now.mono);
        }
    }

    /// A session stands no more: what was on its way is owed again.
    pub(crate) fn session_down(&mut self, line: Line) {
        let lost: Vec<Ticket> = self.sent.iter().filter(|(_, sent)| sent.line == line).map(|(t, _)| *t).collect();
        for ticket in lost {
            if let Some(sent) = self.sent.remove(&ticket) {
                self.owe(sent.from, sent.ids);
            }
        }
    }

    /// The server has them, or wants none of them. False when the ticket is none of ours.
    pub(crate) fn answered(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let Some(sent) = self.sent.remove(&ticket) else {
            return false;
        };
        ctx.commit(vec![Change::ReceiptsSent { from: sent.from, ids: sent.ids }]);
        true
    }

    /// The server wants them later. False when the ticket is none of ours.
    pub(crate) fn later(&mut self, ticket: Ticket, wait: Duration, ctx: &Ctx<'_>) -> bool {
        let Some(sent) = self.sent.remove(&ticket) else {
            return false;
        };
        self.owe(sent.from, sent.ids);
        self.go_at = Some(ctx.now.mono.after(wait.max(BATCH)));
        true
    }

    /// When [`Receipts::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let go = self.go_at.map(|at| (at, "read receipts"));
        let sent = self.sent.values().map(|sent| sent.until).min().map(|at| (at, "receipts answer"));
        go.into_iter().chain(sent).min()
    }

    /// Sends what is due; a receipt left unanswered goes again with the next batch.
    pub(crate) fn handle_timeout(&mut self, lines: &Lines, ctx: &mut Ctx<'_>) {
        let silent: Vec<Ticket> =
            self.sent.iter().filter(|(_, sent)| sent.until <= ctx.now.mono).map(|(ticket, _)| *ticket).collect();
        for ticket in silent {
            self.later(ticket, BATCH, ctx);
        }
        if self.go_at.is_some_and(|at| at <= ctx.now.mono) {
            self.go_at = None;
            self.go(lines, ctx);
        }
    }

    fn go(&mut self, lines: &Lines, ctx: &mut Ctx<'_>) {
        let owed = std::mem::take(&mut self.owed);
        for (from, ids) in owed {
            let Some(session) = session_for(from, lines) else {
                self.owed.insert(from, ids);
                continue;
            };
            let ids: Vec<TextId> = ids.into_iter().collect();
            for page in ids.chunks(IDS_MAX) {
                let ticket = ctx.ticket();
                ctx.send(&session, ClientFrame::ReadReceipt { ticket, from, ids: page.to_vec() });
                let until = ctx.now.mono.after(ctx.config.request);
                self.sent.insert(ticket, Sent { line: session.line, from, ids: page.to_vec(), until });
            }
        }
    }
}

/// Somebody from the contacts, or somebody whose mark I see.
fn is_known(from: Msisdn, lines: &Lines) -> bool {
    lines.book.contains(from) || !lines.marked_of(&[from]).is_empty()
}

/// The session to tell a sender through: of the line that sees its mark, else any.
fn session_for(from: Msisdn, lines: &Lines) -> Option<SessionFacts> {
    let sessions = || lines.lines().into_iter().filter_map(|line| lines.session(line));
    sessions().find(|session| lines.mark(session.line, from).is_some()).or_else(|| sessions().next())
}

#[cfg(test)]
mod tests;
