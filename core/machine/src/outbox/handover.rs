//! Taking a waiting text back, or turning it into an SMS: the server gives it up first (a compare-and-swap), so that it is
//! never both.

use super::draft::Asked;
use super::flow::{Flow, Swap, swap_reply};
use super::{OpenText, Outbox};
use crate::ctx::{Ctx, World};
use crate::effect::{Effect, Refusal, Reply};
use crate::fold;
use crate::lines::Lines;
use crate::view::{Choice, PromptAbout};
use std::time::Duration;
use tandem_model::{Line, Mono, Secret, TerminalState, TextId, TextStatus, Ticket, WhyNotData};
use tandem_wire::ClientFrame;

/// How long the OS may take to say what became of an SMS. After that it counts as failed, and the user decides.
pub(super) const SMS_WAIT: Duration = Duration::from_secs(120);

impl Outbox {
    /// The user wants a waiting text to go as an SMS.
    pub(crate) fn turn_into_sms(&mut self, id: TextId, ticket: Ticket, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get(&id).filter(|text| can_be_given_up(text)) else {
            ctx.reply(ticket, Err(Refusal::Stale));
            return;
        };
        // A plain SMS that the carrier refused is tried again.
        if text.row.seq.is_none() {
            self.want(id, ticket, TerminalState::HandedToSms, ctx);
            self.sms_out(id, false, ctx);
            return;
        }
        if text.attempted && lines.session(text.row.line).is_none() {
            self.ask_unreachable(id, WhyNotData::OwnOffline, ticket, ctx);
            return;
        }
        self.want(id, ticket, TerminalState::HandedToSms, ctx);
        self.swap_or_end(id, TerminalState::HandedToSms, TerminalState::HandedToSms, lines, ctx);
    }

    /// The user takes a waiting text back.
    pub(crate) fn cancel(&mut self, id: TextId, ticket: Ticket, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        self.give_up(id, TerminalState::Cancelled, ticket, lines, ctx);
    }

    pub(super) fn give_up(
        &mut self,
        id: TextId,
        end: TerminalState,
        ticket: Ticket,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(text) = self.texts.get(&id).filter(|text| can_be_given_up(text) && text.row.seq.is_some()) else {
            ctx.reply(ticket, Err(Refusal::Stale));
            return;
        };
        if text.attempted && lines.session(text.row.line).is_none() {
            ctx.reply(ticket, Err(Refusal::Offline));
            return;
        }
        self.want(id, ticket, end, ctx);
        self.swap_or_end(id, end, end, lines, ctx);
    }

    fn want(&mut self, id: TextId, ticket: Ticket, end: TerminalState, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get_mut(&id) else {
            return;
        };
        if let Some((before, _)) = text.wanted.replace((ticket, end)) {
            ctx.reply(before, Err(Refusal::Stale));
        }
        if let Flow::AskingUser { prompt } = text.flow {
            self.prompts.close(prompt, ctx);
            self.set_flow(id, Flow::Queued { not_before: Mono::ZERO });
        }
    }

    /// Asks the server to give a text up; one it never saw needs no asking.
    pub(super) fn swap_or_end(
        &mut self,
        id: TextId,
        end: TerminalState,
        shown: TerminalState,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(text) = self.texts.get(&id) else {
            return;
        };
        if !text.attempted {
            match end {
                TerminalState::HandedToSms => self.sms_out(id, false, ctx),
                TerminalState::Delivered
                | TerminalState::Expired
                | TerminalState::Cancelled
                | TerminalState::RecipientChanged => self.end(id, shown, false, ctx),
            }
            return;
        }
        let Some(session) = lines.session(text.row.line) else {
            return;
        };
        let ticket = ctx.ticket();
        ctx.send(&session, ClientFrame::TextSwap { ticket, id, to: text.row.to, end });
        let until = ctx.now.mono.after(ctx.config.request);
        self.set_flow(id, Flow::Swapping(Swap { ticket, end, shown, until }));
    }

    /// Who won the compare-and-swap. False when nobody here waits for the ticket.
    pub(crate) fn swapped(&mut self, ticket: Ticket, id: TextId, end: TerminalState, ctx: &mut Ctx<'_>) -> bool {
        let Some(Flow::Swapping(swap)) = self.texts.get(&id).map(|text| &text.flow) else {
            return false;
        };
        if swap.ticket != ticket {
            return false;
        }
        let shown = swap.shown;
        match (swap.end == end, end) {
            (_, TerminalState::HandedToSms) => self.sms_out(id, true, ctx),
            (true, _) => self.end(id, shown, true, ctx),
            (false, end) => self.end(id, end, true, ctx),
        }
        true
    }

    /// The server cannot be asked: the user is told that the text may arrive twice.
    pub(super) fn ask_unreachable(&mut self, id: TextId, why: WhyNotData, ticket: Ticket, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get(&id) else {
            ctx.reply(ticket, Err(Refusal::Stale));
            return;
        };
        let about = PromptAbout::Text { to: text.row.to, why, may_double: true };
        let asked = self.prompts.ask(about, vec![Choice::Carrier, Choice::Quit], Asked::Unreachable(id), ctx);
        ctx.reply(ticket, asked.map(Reply::Asking));
    }

    /// The user takes the risk. The server is told when it can be.
    pub(super) fn sms_unasked(&mut self, id: TextId, ticket: Ticket, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get(&id).filter(|text| can_be_given_up(text)) else {
            ctx.reply(ticket, Err(Refusal::Stale));
            return;
        };
        self.owed_swaps.insert(id, (text.row.line, text.row.to));
        self.want(id, ticket, TerminalState::HandedToSms, ctx);
        self.sms_out(id, false, ctx);
    }

    /// The same where no command waits for the answer.
    pub(super) fn sms_without_word(&mut self, id: TextId, ctx: &mut Ctx<'_>) {
        if let Some(text) = self.texts.get(&id).filter(|text| can_be_given_up(text)) {
            self.owed_swaps.insert(id, (text.row.line, text.row.to));
            self.sms_out(id, false, ctx);
        }
    }

    /// Tells the server of texts that went as SMS without its word. What it answers changes nothing here any more.
    pub(super) fn tell_owed_swaps(&mut self, line: Line, lines: &Lines, ctx: &mut Ctx<'_>) {
        let Some(session) = lines.session(line) else {
            return;
        };
        let mine: Vec<TextId> = self.owed_swaps.iter().filter(|(_, (of, _))| *of == line).map(|(id, _)| *id).collect();
        for id in mine {
            if let Some((_, to)) = self.owed_swaps.remove(&id) {
                let ticket = ctx.ticket();
                let end = TerminalState::HandedToSms;
                ctx.send(&session, ClientFrame::TextSwap { ticket, id, to, end });
            }
        }
    }

    /// Orders the SMS. It carries the mark when the server may have given the text out.
    pub(super) fn sms_out(&mut self, id: TextId, tell: bool, ctx: &mut Ctx<'_>) {
        let Some(text) = self.texts.get_mut(&id) else {
            return;
        };
        if let Some((ticket, wanted)) = text.wanted.take() {
            ctx.reply(ticket, swap_reply(wanted, TerminalState::HandedToSms));
        }
        if let Flow::AskingUser { prompt } = text.flow {
            self.prompts.close(prompt, ctx);
        }
        let marked = text.attempted && text.row.seq.is_some();
        let body = if marked { fold::tagged(&text.row.body, id) } else { text.row.body.clone() };
        let order = ctx.ticket();
        ctx.push(Effect::SendSms {
            ticket: order,
            line: Some(text.row.line),
            to: Secret::new(text.row.to.e164()),
            body,
        });
        let until = ctx.now.mono.after(SMS_WAIT);
        self.set_flow(id, Flow::SmsOut { order, until, tell });
        self.leave_lane(id);
    }

    /// What became of an SMS. False when nobody here waits for the order.
    pub(crate) fn sms_answered(&mut self, order: Ticket, ok: bool, lines: &mut Lines, ctx: &mut Ctx<'_>) -> bool {
        if self.loose_sms.remove(&order) {
            return true;
        }
        let found = self
            .texts
            .iter()
            .find(|(_, text)| matches!(text.flow, Flow::SmsOut { order: placed, .. } if placed == order));
        let Some((id, text)) = found else {
            return false;
        };
        let (id, line, plain) = (*id, text.row.line, text.row.seq.is_none());
        let tell = matches!(text.flow, Flow::SmsOut { tell: true, .. });
        match (ok, plain) {
            (true, true) => {
                self.set_flow(id, Flow::Leaving);
                self.commit_status(id, TextStatus::CarrierSms, None, ctx);
            }
            (true, false) => self.end(id, TerminalState::HandedToSms, tell, ctx),
            (false, _) => {
                self.set_flow(id, Flow::SmsFailed);
                self.commit_status(id, TextStatus::SmsFailed, None, ctx);
            }
        }
        self.pump(line, lines, ctx);
        true
    }

    /// A prompt about it was answered: it is as if it had never been asked about.
    pub(super) fn back_to_queue(&mut self, id: TextId) {
        if let Some(Flow::AskingUser { .. }) = self.texts.get(&id).map(|text| &text.flow) {
            self.set_flow(id, Flow::Queued { not_before: Mono::ZERO });
        }
    }
}

/// Whether it still waits for its recipient, so that its sender may decide otherwise.
fn can_be_given_up(text: &OpenText) -> bool {
    match text.flow {
        Flow::Queued { .. } | Flow::Sent { .. } | Flow::Stored | Flow::AskingUser { .. } | Flow::SmsFailed => true,
        // With its recipient, by all that is known: there is nobody to take it back from.
        Flow::Direct { .. }
        | Flow::Swapping(_)
        | Flow::SmsOut { .. }
        | Flow::Ending
        | Flow::EndLater { .. }
        | Flow::Leaving => false,
    }
}
