//! Texts of mine, from the wish to their one end (N2).
//!
//! ```text
//! wish ─> Draft (connected? marked?) ─> Composing ─durable─> Queued ─> Sent ─stored─> Stored ─end─> Ending ─durable─> taken
//!            │ no                                              │         │refused        │
//!            └─> prompt ─carrier─> plain SMS                   └─────────┴── Swapping <──┴── to SMS, cancel
//!                                                                             └─won─> SmsOut ─sent─> Ending
//! ```
//!
//! A text is durable before the user is told so and before it is sent (law 4); what was sent without an answer is sent
//! again under the same id (law 6). To one recipient one text is on its way at a time, so that a refusal cannot let a later
//! one overtake it (P3). An SMS leaves only after the server has given the text up, or with the mark that lets the receiver
//! fold the copies.

mod compose;
mod direct;
mod draft;
mod ending;
mod flow;
mod handover;
mod plain_sms;
mod sending;
mod unseen;

use crate::ctx::Ctx;
use crate::effect::{Event, Refusal};
use crate::lines::Lines;
use crate::prompt::Prompts;
use crate::view::{Prompt, TextView};
use compose::Composing;
use draft::Asked;
pub(crate) use draft::Draft;
use flow::Flow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tandem_model::rows::{Change, OutgoingRow};
use tandem_model::{Line, Mono, Msisdn, SenderSeq, TerminalState, TextId, TextStatus, Ticket, WhyNotData};

/// Words waiting on this phone at most, in bytes.
const WORDS_MAX: usize = 32 * 1024 * 1024;

/// How long until an end that could not be made durable is tried again.
const END_AGAIN: Duration = Duration::from_secs(30);

/// Ends remembered as known.
const ENDED_MAX: usize = 256;

/// All texts of mine that have no end yet.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    drafts: BTreeMap<u64, (Draft, Mono)>,
    last_draft: u64,
    composing: BTreeMap<Msisdn, Composing>,
    prompts: Prompts<Asked>,
    texts: BTreeMap<TextId, OpenText>,
    /// Texts the server does not have yet, by SIM and recipient, in the order they were written.
    lanes: BTreeMap<(Line, Msisdn), BTreeSet<TextId>>,
    /// Texts with a place in the order that are neither on this phone nor ended, by recipient: none is overtaken.
    elsewhere: BTreeMap<Msisdn, BTreeSet<TextId>>,
    /// Deadlines of [`Outbox::texts`].
    due: BTreeSet<(Mono, TextId)>,
    sequences: BTreeMap<Msisdn, SenderSeq>,
    /// What each commit on its way is for.
    commits: BTreeMap<Ticket, Kept>,
    /// Until when each plain SMS waits for its row.
    plain_until: BTreeMap<Ticket, Mono>,
    /// SMS without a row that are on their way.
    loose_sms: BTreeSet<Ticket>,
    /// Texts handed to SMS without asking the server, which it is still to be told of.
    owed_swaps: BTreeMap<TextId, (Line, Msisdn)>,
    words: usize,
    unseen: unseen::Unseen,
    /// Ends that are durable since this boot: told again, they are only acknowledged again.
    ended: VecDeque<TextId>,
}

/// One text.
#[derive(Debug)]
struct OpenText {
    row: OutgoingRow,
    flow: Flow,
    /// It may be at the server: it was sent, or it comes from an earlier life of the process.
    attempted: bool,
    /// The command that wants it to end in a certain way and waits for an answer.
    wanted: Option<(Ticket, TerminalState)>,
}

/// What a commit was for.
#[derive(Debug)]
enum Kept {
    /// The texts being composed for a recipient.
    Composed(Msisdn),
    /// Texts the user was asked about because their commit took too long: should it succeed after all, they are ended.
    Abandoned(Vec<(TextId, TextStatus)>),
    /// A plain SMS's row.
    Plain(plain_sms::PlainSms),
    /// Texts that were read.
    Read { line: Line, by: Msisdn, ids: Vec<TextId> },
    /// An end of a text that nobody here waits for any more.
    LateEnd { line: Line, id: TextId, to: Msisdn, state: TerminalState },
    /// A new status.
    Status(TextId, TextStatus),
    /// An end; `tell` the server that it is durable.
    End { id: TextId, state: TerminalState, tell: bool },
}

impl Outbox {
    /// Texts without an end are taken up where they stood. Call [`Outbox::line_over`] for lines that are not registered.
    pub(crate) fn restore(&mut self, texts: Vec<OutgoingRow>, sequences: Vec<(Msisdn, SenderSeq)>, ctx: &mut Ctx<'_>) {
        self.sequences = sequences.into_iter().collect();
        for row in texts {
            let id = row.id;
            match (row.status, row.seq) {
                (TextStatus::Pending, Some(_)) => {
                    self.open(row, Flow::Queued { not_before: Mono::ZERO }, true);
                }
                // Whether the carrier took it before the process died is unknown. Sending it again might double it.
                (TextStatus::Pending, None) => {
                    self.open(row, Flow::SmsFailed, true);
                    self.commit_status(id, TextStatus::SmsFailed, None, ctx);
                }
                (TextStatus::Stored, _) => self.open(row, Flow::Stored, true),
                (TextStatus::SmsFailed, _) => self.open(row, Flow::SmsFailed, true),
                (
                    TextStatus::Ended { .. } | TextStatus::CarrierSms | TextStatus::Refused | TextStatus::LeftBehind,
                    _,
                ) => {}
            }
        }
    }

    /// Lines that have texts without an end.
    pub(crate) fn lines_in_use(&self) -> BTreeSet<Line> {
        self.texts.values().map(|text| text.row.line).collect()
    }

    /// Every open prompt.
    pub(crate) fn prompt_views(&self) -> impl Iterator<Item = &Prompt> {
        self.prompts.views()
    }

    /// Room for one more text?
    fn has_room(&self, bytes: usize, ctx: &Ctx<'_>) -> bool {
        let composing: usize = self.composing.values().map(Composing::len).sum();
        self.texts.len() + composing + self.drafts.len() < ctx.config.outbox_max && self.words + bytes <= WORDS_MAX
    }

    fn open(&mut self, row: OutgoingRow, flow: Flow, attempted: bool) {
        let id = row.id;
        self.words += row.body.as_str().len();
        if row.status == TextStatus::Pending && row.seq.is_some() {
            self.lanes.entry((row.line, row.to)).or_default().insert(id);
        } else if row.seq.is_some() {
            self.elsewhere.entry(row.to).or_default().insert(id);
        }
        self.texts.insert(id, OpenText { row, flow, attempted, wanted: None });
        self.keep_due(id);
    }

    fn set_flow(&mut self, id: TextId, flow: Flow) {
        if let Some(text) = self.texts.get_mut(&id) {
            if let Some(due) = text.flow.due() {
                self.due.remove(&(due, id));
            }
            text.flow = flow;
        }
        self.keep_due(id);
    }

    fn keep_due(&mut self, id: TextId) {
        if let Some(due) = self.texts.get(&id).and_then(|text| text.flow.due()) {
            self.due.insert((due, id));
        }
    }

    /// The server has it, or it ended: the next one to that recipient may go.
    fn leave_lane(&mut self, id: TextId) {
        let Some(text) = self.texts.get(&id) else {
            return;
        };
        let lane = (text.row.line, text.row.to);
        if let Some(waiting) = self.lanes.get_mut(&lane) {
            if waiting.remove(&id) {
                self.elsewhere.entry(lane.1).or_default().insert(id);
            }
            if waiting.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    fn close(&mut self, id: TextId, ctx: &mut Ctx<'_>) -> Option<OpenText> {
        self.leave_lane(id);
        let text = self.texts.remove(&id)?;
        if let Some(due) = text.flow.due() {
            self.due.remove(&(due, id));
        }
        if let Flow::AskingUser { prompt } = text.flow {
            self.prompts.close(prompt, ctx);
        }
        if let Some(others) = self.elsewhere.get_mut(&text.row.to) {
            others.remove(&id);
            if others.is_empty() {
                self.elsewhere.remove(&text.row.to);
            }
        }
        self.words = self.words.saturating_sub(text.row.body.as_str().len());
        self.unseen_without(text.row.line, text.row.to, ctx);
        Some(text)
    }

    fn commit_status(
        &mut self,
        id: TextId,
        status: TextStatus,
        stored_at: Option<tandem_model::ServerMillis>,
        ctx: &mut Ctx<'_>,
    ) {
        if let Some(text) = self.texts.get_mut(&id) {
            text.row.status = status;
        }
        let commit = ctx.commit(vec![Change::SetOutgoingStatus { id, status, stored_at }]);
        self.commits.insert(commit, Kept::Status(id, status));
    }

    /// The store answered. False when the ticket is none of ours.
    pub(crate) fn committed(
        &mut self,
        commit: Ticket,
        duplicates: Option<&[usize]>,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let durable = duplicates.is_some();
        let Some(kept) = self.commits.remove(&commit) else {
            return false;
        };
        match kept {
            Kept::Composed(to) => self.composed(to, durable, lines, ctx),
            Kept::Abandoned(texts) if durable => {
                for (id, status) in texts {
                    ctx.commit(vec![Change::SetOutgoingStatus { id, status, stored_at: None }]);
                }
            }
            Kept::Abandoned(_) => {}
            Kept::Plain(sms) => self.plain_kept(commit, sms, durable, ctx),
            Kept::Read { line, by, ids } if durable => {
                self.read_kept(line, by, ids, duplicates.unwrap_or_default(), lines, ctx);
            }
            // Not told to the server, which goes on saying it.
            Kept::Read { .. } => {}
            Kept::LateEnd { line, id, to, state } => {
                self.late_end_kept((line, id, to, state), duplicates, lines, ctx);
            }
            Kept::Status(id, status) => self.status_kept(id, status, ctx),
            Kept::End { id, state, tell } => self.end_kept(id, state, tell, durable, lines, ctx),
        }
        true
    }

    /// Statuses that are not ends hold in memory whether or not the row could be changed: after a restart the text is asked
    /// about again under its id.
    fn status_kept(&mut self, id: TextId, status: TextStatus, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get(&id) else {
            return;
        };
        ctx.emit(Event::Text(TextView { id, to: text.row.to, status }));
        match status {
            TextStatus::CarrierSms | TextStatus::Refused | TextStatus::LeftBehind => {
                if let Some((ticket, _)) = self.close(id, ctx).and_then(|text| text.wanted) {
                    ctx.reply(ticket, Err(Refusal::Stale));
                }
            }
            TextStatus::Pending | TextStatus::Stored | TextStatus::SmsFailed | TextStatus::Ended { .. } => {}
        }
    }

    /// A line's session stands no more.
    pub(crate) fn session_down(&mut self, line: Line, ctx: &mut Ctx<'_>) {
        let on_their_way: Vec<TextId> = self
            .texts
            .iter()
            .filter(|(_, text)| text.row.line == line && text.flow.waits_for_server())
            .map(|(id, _)| *id)
            .collect();
        for id in on_their_way {
            self.unanswered(id, WhyNotData::OwnOffline, ctx);
        }
    }

    /// A line's session stands: what waits goes.
    pub(crate) fn session_up(&mut self, line: Line, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        self.tell_owed_swaps(line, lines, ctx);
        self.round_trip(line, lines, ctx);
        self.pump(line, lines, ctx);
        self.offer_sms_for_unseen(line, lines, ctx);
    }

    /// When [`Outbox::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let draft = self.drafts.values().map(|(_, until)| *until).min().map(|at| (at, "text connected"));
        let composing = self.composing.values().filter_map(Composing::due).min().map(|at| (at, "text commit"));
        let text = self.due.first().map(|(at, _)| (*at, "text"));
        let plain = self.plain_next_due().map(|at| (at, "SMS commit"));
        draft.into_iter().chain(composing).chain(plain).chain(text).min()
    }

    /// Acts on every deadline that has come.
    pub(crate) fn handle_timeout(&mut self, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        self.drafts_due(lines, ctx);
        self.composing_due(lines, ctx);
        self.plain_due(ctx);
        while let Some((at, id)) = self.due.first().copied() {
            if at > ctx.now.mono {
                break;
            }
            self.due.remove(&(at, id));
            self.text_due(id, lines, ctx);
        }
    }
}

fn show(row: &OutgoingRow, ctx: &mut Ctx<'_>) {
    ctx.emit(Event::Text(TextView { id: row.id, to: row.to, status: row.status }));
}

#[cfg(test)]
mod tests;
