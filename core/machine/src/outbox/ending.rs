//! How a text of mine ends: its end is made durable, then shown, then told; one that comes late changes nothing that is
//! settled.

use super::flow::{Flow, swap_reply};
use super::{END_AGAIN, ENDED_MAX, Kept, Outbox, show};
use crate::ctx::{Ctx, World};
use crate::effect::{Event, Refusal};
use crate::lines::Lines;
use crate::view::TextView;
use tandem_model::rows::Change;
use tandem_model::{Line, Msisdn, TerminalState, TextId, TextStatus};
use tandem_wire::ClientFrame;

/// Commits on their way at once, beyond which a server that floods us with old ends is not heard.
const COMMITS_MAX: usize = 1_024;

impl Outbox {
    /// Makes an end durable; it is shown and told only then.
    pub(super) fn end(&mut self, id: TextId, state: TerminalState, tell: bool, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get(&id) else {
            return;
        };
        match text.flow {
            Flow::Ending => return,
            Flow::AskingUser { prompt } => {
                self.prompts.close(prompt, ctx);
            }
            Flow::Queued { .. }
            | Flow::Direct { .. }
            | Flow::Sent { .. }
            | Flow::Stored
            | Flow::Swapping(_)
            | Flow::SmsOut { .. }
            | Flow::SmsFailed
            | Flow::EndLater { .. }
            | Flow::Leaving => {}
        }
        let status = TextStatus::Ended { state, read: false };
        let commit = ctx.commit(vec![Change::SetOutgoingStatus { id, status, stored_at: None }]);
        self.commits.insert(commit, Kept::End { id, state, tell });
        self.set_flow(id, Flow::Ending);
    }

    pub(super) fn end_kept(
        &mut self,
        id: TextId,
        state: TerminalState,
        tell: bool,
        durable: bool,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) {
        if let Some((ticket, wanted)) = self.texts.get_mut(&id).and_then(|text| text.wanted.take()) {
            ctx.reply(ticket, swap_reply(wanted, state));
        }
        if !durable {
            // Not told to the server, which goes on saying it.
            self.set_flow(id, Flow::EndLater { state, tell, at: ctx.now.mono.after(END_AGAIN) });
            return;
        }
        let Some(mut text) = self.close(id, ctx) else {
            return;
        };
        text.row.status = TextStatus::Ended { state, read: false };
        show(&text.row, ctx);
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
        if tell && let Some(session) = lines.session(text.row.line) {
            ctx.send(&session, ClientFrame::TextStateTaken { ids: vec![id] });
        }
        self.pump(text.row.line, lines, ctx);
    }

    /// A line's registration is over: what the server does not have yet is refused by name, what it has is left behind.
    pub(crate) fn line_over(&mut self, line: Line, ctx: &mut Ctx<'_>) {
        let mine: Vec<TextId> = self
            .texts
            .iter()
            .filter(|(_, text)| text.row.line == line && text.row.seq.is_some() && !text.flow.is_settled())
            .map(|(id, _)| *id)
            .collect();
        for id in mine {
            self.abandon(id, ctx);
        }
        self.owed_swaps.retain(|_, (of, _)| *of != line);
    }

    pub(super) fn abandon(&mut self, id: TextId, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get_mut(&id) else {
            return;
        };
        let (status, attempted) = (text.row.status, text.attempted);
        if let Some((ticket, _)) = text.wanted.take() {
            ctx.reply(ticket, Err(Refusal::NotRegistered));
        }
        match (status, attempted) {
            // The server may go on with it; what becomes of it, this phone may not hear, and must not make up.
            (TextStatus::Stored | TextStatus::Pending, true) | (TextStatus::Stored, false) => {
                self.leave(id, TextStatus::LeftBehind, ctx);
            }
            (TextStatus::Pending, false) => self.leave(id, TextStatus::Refused, ctx),
            // Its SMS may still be tried again by the user.
            (TextStatus::SmsFailed, _) => {}
            (TextStatus::Ended { .. } | TextStatus::CarrierSms | TextStatus::Refused | TextStatus::LeftBehind, _) => {}
        }
    }

    /// It will not be sent: the user is told by its status.
    pub(super) fn refuse(&mut self, id: TextId, ctx: &mut Ctx<'_>) {
        self.leave(id, TextStatus::Refused, ctx);
    }

    /// Nobody here waits for it any more, and its status says why.
    pub(super) fn leave(&mut self, id: TextId, status: TextStatus, ctx: &mut Ctx<'_>) {
        if let Some(Flow::AskingUser { prompt }) = self.texts.get(&id).map(|text| &text.flow) {
            self.prompts.close(*prompt, ctx);
        }
        self.set_flow(id, Flow::Leaving);
        self.leave_lane(id);
        self.commit_status(id, status, None, ctx);
    }

    /// The server tells an end.
    pub(crate) fn told_end(
        &mut self,
        line: Line,
        id: TextId,
        to: Msisdn,
        state: TerminalState,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(text) = self.texts.get(&id).filter(|text| text.row.line == line) else {
            self.late_end(line, id, to, state, lines, ctx);
            return;
        };
        match (&text.flow, state) {
            (Flow::Ending | Flow::Leaving, _) => {}
            // A swap was won whose answer never came, or came before the process died: the SMS is still owed. Its mark
            // folds it with one that may have left already.
            (
                Flow::Queued { .. }
                | Flow::Direct { .. }
                | Flow::Sent { .. }
                | Flow::Stored
                | Flow::AskingUser { .. }
                | Flow::Swapping(_),
                TerminalState::HandedToSms,
            ) => self.sms_out(id, true, ctx),
            (Flow::SmsOut { .. } | Flow::SmsFailed, TerminalState::HandedToSms) => {}
            (
                Flow::Queued { .. }
                | Flow::Direct { .. }
                | Flow::Sent { .. }
                | Flow::Stored
                | Flow::AskingUser { .. }
                | Flow::Swapping(_)
                | Flow::SmsFailed
                | Flow::EndLater { .. },
                state,
            ) => self.end(id, state, true, ctx),
            // With the carrier already: that end comes when the carrier has answered.
            (Flow::SmsOut { .. }, _) => {}
        }
    }

    /// An end nobody here waits for: most often one that is known and could not be told in time. A text that was left behind
    /// learns it after all; the first end of any other stays.
    pub(super) fn late_end(
        &mut self,
        line: Line,
        id: TextId,
        to: Msisdn,
        state: TerminalState,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(session) = lines.session(line) else {
            return;
        };
        if self.ended.contains(&id) {
            ctx.send(&session, ClientFrame::TextStateTaken { ids: vec![id] });
            return;
        }
        if self.commits.len() >= COMMITS_MAX {
            return;
        }
        let status = TextStatus::Ended { state, read: false };
        let commit = ctx.commit(vec![Change::SetOutgoingStatus { id, status, stored_at: None }]);
        self.commits.insert(commit, Kept::LateEnd { line, id, to, state });
    }

    pub(super) fn late_end_kept(
        &mut self,
        (line, id, to, state): (Line, TextId, Msisdn, TerminalState),
        duplicates: Option<&[usize]>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        // Not durable: not told to the server, which goes on saying it.
        let Some(duplicates) = duplicates else {
            return;
        };
        if duplicates.is_empty() {
            let status = TextStatus::Ended { state, read: false };
            ctx.emit(Event::Text(TextView { id, to, status }));
        }
        if let Some(session) = lines.session(line) {
            ctx.send(&session, ClientFrame::TextStateTaken { ids: vec![id] });
        }
    }

    /// Texts of mine were read.
    pub(crate) fn were_read(&mut self, line: Line, by: Msisdn, ids: &[TextId], ctx: &mut Ctx<'_>) {
        let state = TerminalState::Delivered;
        let status = TextStatus::Ended { state, read: true };
        let changes = ids.iter().map(|id| Change::SetOutgoingStatus { id: *id, status, stored_at: None }).collect();
        let commit = ctx.commit(changes);
        self.commits.insert(commit, Kept::Read { line, by, ids: ids.to_vec() });
    }

    /// The receipts are durable: shown, and the server may forget them.
    pub(super) fn read_kept(
        &mut self,
        line: Line,
        by: Msisdn,
        ids: Vec<TextId>,
        ended_otherwise: &[usize],
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let status = TextStatus::Ended { state: TerminalState::Delivered, read: true };
        for (place, id) in ids.iter().enumerate() {
            match self.texts.get(id).map(|text| text.row.to == by && !text.flow.is_settled()) {
                // Read, so delivered, whatever else was on its way.
                Some(true) => {
                    if let Some(mut text) = self.close(*id, ctx) {
                        text.row.status = status;
                        show(&text.row, ctx);
                        if let Some((ticket, _)) = text.wanted {
                            ctx.reply(ticket, Err(Refusal::Stale));
                        }
                    }
                }
                Some(false) => {}
                // Its first end stays, as when an SMS copy left while the server could not be asked.
                None if ended_otherwise.contains(&place) => {}
                None => ctx.emit(Event::Text(TextView { id: *id, to: by, status })),
            }
        }
        if let Some(session) = lines.session(line) {
            ctx.send(&session, ClientFrame::ReadTaken { by, ids });
        }
    }
}
