//! A text before it is accepted: are we connected, is the recipient marked, and if not, what does the user want instead?

use super::Outbox;
use crate::ctx::{Ctx, World};
use crate::effect::{Refusal, Reply};
use crate::lines::Lines;
use crate::view::{Choice, MarkShown, PromptAbout};
use tandem_model::rows::StandingChoice;
use tandem_model::{Line, Msisdn, PromptId, TerminalState, TextBody, TextId, Ticket, WhyNotData};

/// Texts whose fate is being decided, at once.
const DRAFTS_MAX: usize = 256;

/// A text the user wrote and nobody accepted yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub line: Line,
    pub to: Msisdn,
    pub body: TextBody,
    /// The command that waits for an answer.
    pub ticket: Ticket,
}

/// What an open prompt is about.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// A text that was not accepted. `left` is its id when its row may exist all the same.
    Instead { draft: Draft, left: Option<TextId> },
    /// A text the server refuses to store for this recipient.
    Refused(TextId),
    /// A waiting text that is to become an SMS while the server cannot be asked.
    Unreachable(TextId),
    /// Texts that wait for a phone that is not seen any more.
    Unseen { line: Line, to: Msisdn, may_double: bool },
}

impl Outbox {
    /// The user wants this sent over data.
    pub(crate) fn send(&mut self, draft: Draft, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        if self.drafts.len() >= DRAFTS_MAX || !self.has_room(draft.body.as_str().len(), ctx) {
            ctx.reply(draft.ticket, Err(Refusal::Full));
            return;
        }
        self.last_draft += 1;
        let until = ctx.now.mono.after(ctx.config.text_connected);
        self.drafts.insert(self.last_draft, (draft, until));
        self.decide(self.last_draft, lines, ctx);
    }

    /// A round trip of this line ended: whoever waited to know that we are connected goes on.
    pub(crate) fn round_trip(&mut self, line: Line, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let waiting: Vec<u64> =
            self.drafts.iter().filter(|(_, (draft, _))| draft.line == line).map(|(id, _)| *id).collect();
        for id in waiting {
            self.decide(id, lines, ctx);
        }
    }

    pub(super) fn drafts_due(&mut self, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let due: Vec<u64> =
            self.drafts.iter().filter(|(_, (_, until))| *until <= ctx.now.mono).map(|(id, _)| *id).collect();
        for id in due {
            if let Some((draft, _)) = self.drafts.remove(&id) {
                self.ask_instead(draft, WhyNotData::OwnOffline, None, lines, ctx);
            }
        }
    }

    fn decide(&mut self, id: u64, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let Some((draft, _)) = self.drafts.get(&id) else {
            return;
        };
        let why = match connection(draft.line, lines, ctx) {
            Connection::Unregistered => Some(WhyNotData::NotRegistered),
            Connection::None => Some(WhyNotData::OwnOffline),
            Connection::Unsure => return,
            Connection::Good => match lines.mark_seen_by(draft.line, draft.to, ctx) {
                MarkShown::Marked => None,
                MarkShown::NotSeenLately => Some(WhyNotData::PeerNotSeenLately),
                MarkShown::Unmarked => Some(WhyNotData::PeerNotAvailable),
            },
        };
        let Some((draft, _)) = self.drafts.remove(&id) else {
            return;
        };
        match why {
            None => self.compose(draft, lines, ctx),
            Some(why) => self.ask_instead(draft, why, None, lines, ctx),
        }
    }

    /// It cannot go over data: the user decides, unless they have decided for good.
    pub(super) fn ask_instead(
        &mut self,
        draft: Draft,
        why: WhyNotData,
        left: Option<TextId>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        if lines.settings().standing_choice == StandingChoice::Carrier {
            self.plain_sms(draft, left, ctx);
            return;
        }
        let mut choices = vec![Choice::Carrier, Choice::Quit];
        if why == WhyNotData::PeerNotSeenLately {
            choices.insert(0, Choice::Wait);
        }
        let ticket = draft.ticket;
        let about = PromptAbout::Text { to: draft.to, why, may_double: left.is_some() };
        let reply = self.prompts.ask(about, choices, Asked::Instead { draft, left }, ctx).map(Reply::Asking);
        ctx.reply(ticket, reply);
    }

    /// The user answered a prompt. `None` when it is none of ours.
    pub(crate) fn answer(
        &mut self,
        prompt: PromptId,
        choice: Choice,
        ticket: Ticket,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        if !self.prompts.is_open(prompt) {
            return false;
        }
        let asked = match self.prompts.answer(prompt, choice, ctx) {
            Ok(asked) => asked,
            Err(refusal) => {
                ctx.reply(ticket, Err(refusal));
                return true;
            }
        };
        match (asked, choice) {
            (Asked::Instead { draft, left }, Choice::Carrier) => {
                self.plain_sms(Draft { ticket, ..draft }, left, ctx);
            }
            (Asked::Instead { draft, .. }, Choice::Wait) => self.compose(Draft { ticket, ..draft }, lines, ctx),
            (Asked::Refused(id), Choice::Carrier) => {
                self.back_to_queue(id);
                self.turn_into_sms(id, ticket, lines, ctx);
            }
            (Asked::Refused(id), Choice::Quit) => {
                self.back_to_queue(id);
                self.give_up(id, TerminalState::Cancelled, ticket, lines, ctx);
            }
            (Asked::Unseen { line, to, may_double }, choice) => {
                self.unseen_answered((line, to, may_double), choice, ticket, lines, ctx);
            }
            (Asked::Unreachable(id), Choice::Carrier) => self.sms_unasked(id, ticket, ctx),
            (Asked::Instead { .. } | Asked::Unreachable(_), Choice::Quit) => ctx.reply(ticket, Ok(Reply::Done)),
            (Asked::Instead { .. } | Asked::Refused(_) | Asked::Unreachable(_), Choice::Number(_))
            | (Asked::Refused(_) | Asked::Unreachable(_), Choice::Wait) => {
                ctx.reply(ticket, Err(Refusal::NoSuchChoice));
            }
        }
        true
    }
}

enum Connection {
    Unregistered,
    /// No data path at all: no use in waiting.
    None,
    /// A round trip is under way.
    Unsure,
    /// A round trip ended lately.
    Good,
}

/// Connected means: an acknowledged round trip within the last seconds. Without one, one is begun.
fn connection(line: Line, lines: &mut Lines, ctx: &mut Ctx<'_>) -> Connection {
    let Some(unit) = lines.get_mut(line).filter(|unit| unit.registration.registered().is_some()) else {
        return Connection::Unregistered;
    };
    if !unit.session.may_come() {
        return Connection::None;
    }
    match unit.session.last_round_trip() {
        Some(at) if ctx.now.mono.since(at) <= ctx.config.text_connected => Connection::Good,
        Some(_) => {
            unit.session.ask_time(ctx);
            Connection::Unsure
        }
        None => {
            unit.session.hurry(ctx);
            Connection::Unsure
        }
    }
}
