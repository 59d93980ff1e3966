//! Texts that wait at the server for a phone that is not seen any more: their sender may send them as SMS instead (N1).
//!
//! Asked once for each recipient and lapse of the mark, about the texts that were stored while the mark was still good. Whoever
//! wrote after that has chosen to wait.

use super::draft::Asked;
use super::flow::Flow;
use super::{OpenText, Outbox};
use crate::ctx::{Ctx, World};
use crate::effect::Reply;
use crate::lines::Lines;
use crate::view::{Choice, MarkShown, PromptAbout};
use std::collections::BTreeSet;
use tandem_model::rows::StandingChoice;
use tandem_model::{Line, MarkState, Msisdn, PromptId, ServerMillis, TerminalState, TextId, Ticket, WhyNotData};

/// What the user was asked, or has said, of texts to phones that are not seen.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    asked: BTreeSet<(Line, Msisdn, PromptId)>,
    /// Recipients that are waited for, until they are seen again.
    waited_for: BTreeSet<(Line, Msisdn)>,
}

impl Unseen {
    fn prompt(&self, line: Line, to: Msisdn) -> Option<PromptId> {
        let from = (line, to, PromptId::default());
        self.asked.range(from..).next().filter(|(of, whom, _)| (*of, *whom) == (line, to)).map(|(_, _, prompt)| *prompt)
    }
}

impl Outbox {
    /// A mark of this line has run out, or the line is connected again: whoever waits for somebody unseen is asked.
    pub(crate) fn offer_sms_for_unseen(&mut self, line: Line, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let waiting: BTreeSet<Msisdn> = self
            .texts
            .values()
            .filter(|text| text.row.line == line && is_waiting(text))
            .map(|text| text.row.to)
            .collect();
        for to in waiting {
            let settled = self.unseen.waited_for.contains(&(line, to)) || self.unseen.prompt(line, to).is_some();
            if settled || self.waiting_for_unseen(line, to, lines, ctx).is_empty() {
                continue;
            }
            if lines.settings().standing_choice == StandingChoice::Carrier {
                self.all_as_sms(line, to, None, lines, ctx);
            } else {
                self.ask_about_unseen(line, to, false, ctx);
            }
        }
    }

    /// A number is marked again, or not at all any more: nothing is left to be decided.
    pub(crate) fn seen_again(&mut self, to: Msisdn, ctx: &mut Ctx<'_>) {
        self.unseen.waited_for.retain(|(_, whom)| *whom != to);
        let open: Vec<_> = self.unseen.asked.iter().filter(|(_, whom, _)| *whom == to).copied().collect();
        for (line, to, prompt) in open {
            self.unseen.asked.remove(&(line, to, prompt));
            self.prompts.close(prompt, ctx);
        }
    }

    /// A text left: the question about it is moot once it was the last one.
    pub(super) fn unseen_without(&mut self, line: Line, to: Msisdn, ctx: &mut Ctx<'_>) {
        let Some(prompt) = self.unseen.prompt(line, to) else {
            return;
        };
        if !self.texts.values().any(|text| (text.row.line, text.row.to) == (line, to) && is_waiting(text)) {
            self.unseen.asked.remove(&(line, to, prompt));
            self.prompts.close(prompt, ctx);
        }
    }

    /// The user answered. Without a session they are told first that the texts may arrive twice.
    pub(super) fn unseen_answered(
        &mut self,
        about: (Line, Msisdn, bool),
        choice: Choice,
        ticket: Ticket,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let (line, to, may_double) = about;
        self.unseen.asked.retain(|(of, whom, _)| (*of, *whom) != (line, to));
        if choice != Choice::Carrier {
            self.unseen.waited_for.insert((line, to));
            ctx.reply(ticket, Ok(Reply::Done));
        } else if lines.session(line).is_some() || may_double {
            self.all_as_sms(line, to, Some(ticket), lines, ctx);
        } else {
            let asked = self.ask_about_unseen(line, to, true, ctx);
            ctx.reply(ticket, asked.map(Reply::Asking).ok_or(crate::effect::Refusal::Full));
        }
    }

    /// Too many open questions are no loss: it is asked again when the line connects next.
    fn ask_about_unseen(&mut self, line: Line, to: Msisdn, may_double: bool, ctx: &mut Ctx<'_>) -> Option<PromptId> {
        let about = PromptAbout::Text { to, why: WhyNotData::PeerNotSeenLately, may_double };
        let then = Asked::Unseen { line, to, may_double };
        let prompt = self.prompts.ask(about, vec![Choice::Wait, Choice::Carrier], then, ctx).ok()?;
        self.unseen.asked.insert((line, to, prompt));
        Some(prompt)
    }

    /// Sends every waiting text of one recipient as SMS, in order; the first one answers the command.
    fn all_as_sms(&mut self, line: Line, to: Msisdn, ticket: Option<Ticket>, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let mut answers = ticket;
        let texts = self.waiting_for_unseen(line, to, lines, ctx);
        if let (true, Some(ticket)) = (texts.is_empty(), ticket) {
            // They were delivered while the user thought about it.
            ctx.reply(ticket, Ok(Reply::Done));
        }
        let connected = lines.session(line).is_some();
        for id in texts {
            match (answers.take(), connected) {
                (Some(ticket), true) => self.turn_into_sms(id, ticket, lines, ctx),
                (None, true) => {
                    self.swap_or_end(id, TerminalState::HandedToSms, TerminalState::HandedToSms, lines, ctx);
                }
                (Some(ticket), false) => self.sms_unasked(id, ticket, ctx),
                (None, false) => self.sms_without_word(id, ctx),
            }
        }
    }

    /// Texts the server stored while this recipient's mark was good, which has run out since.
    fn waiting_for_unseen(&self, line: Line, to: Msisdn, lines: &Lines, ctx: &Ctx<'_>) -> Vec<TextId> {
        if lines.mark_seen_by(line, to, ctx) != MarkShown::NotSeenLately {
            return Vec::new();
        }
        let Some(MarkState::Marked { lease_until, .. }) = lines.mark(line, to).map(|mark| &mark.state) else {
            return Vec::new();
        };
        let before = |stored: Option<ServerMillis>| stored.is_some_and(|at| at <= *lease_until);
        let of_theirs = |text: &&OpenText| (text.row.line, text.row.to) == (line, to);
        let waiting = self.texts.values().filter(of_theirs).filter(|text| is_waiting(text));
        waiting.filter(|text| before(text.row.stored_at)).map(|text| text.row.id).collect()
    }
}

/// Whether the server keeps it for its recipient and nothing else is under way with it.
fn is_waiting(text: &OpenText) -> bool {
    match text.flow {
        Flow::Stored => true,
        Flow::Queued { .. }
        | Flow::Sent { .. }
        | Flow::Direct { .. }
        | Flow::AskingUser { .. }
        | Flow::Swapping(_)
        | Flow::SmsOut { .. }
        | Flow::SmsFailed
        | Flow::Ending
        | Flow::EndLater { .. }
        | Flow::Leaving => false,
    }
}
