//! A text from the app: which number, which SIM, and whether it may travel over data at all.

use super::Phone;
use crate::choosing::Chosen;
use crate::ctx::{Ctx, World};
use crate::dialing::{Dialed, classify};
use crate::effect::{Refusal, Reply};
use crate::input::{Command, Mode, Target};
use crate::outbox::Draft;
use crate::view::Choice;
use tandem_model::{Line, Msisdn, PromptId, Secret, TextBody, Ticket};

/// Numbers of one contact that are looked at.
const NUMBERS_MAX: usize = 64;

/// A text as the app hands it over.
pub(super) struct Wish {
    pub target: Target,
    pub line: Option<Line>,
    pub body: Secret<String>,
    pub mode: Mode,
}

impl Phone {
    pub(super) fn send_text(&mut self, ticket: Ticket, wish: Wish, ctx: &mut Ctx<'_>) {
        let Some(body) = TextBody::new(wish.body.expose().clone()) else {
            ctx.reply(ticket, Err(Refusal::BadBody));
            return;
        };
        let line = wish.line.or_else(|| self.lines.default_line());
        let digits = match wish.target {
            Target::Number(digits) => digits,
            Target::Contact { contact, numbers } => {
                let again = |number: Msisdn| Command::SendText {
                    target: Target::Number(Secret::new(number.e164())),
                    line: wish.line,
                    body: wish.body.clone(),
                    mode: wish.mode,
                };
                match self.choose(ticket, contact, &numbers, line, again, ctx) {
                    Some(digits) => digits,
                    None => return,
                }
            }
        };
        let country = line.and_then(|line| self.lines.country(line));
        match (classify(digits.expose(), &self.emergency, country), wish.mode) {
            (Dialed::Subscriber(to), mode) => self.text_to(ticket, to, line, body, mode, ctx),
            (
                Dialed::Emergency
                | Dialed::Mmi
                | Dialed::Short
                | Dialed::Service
                | Dialed::Unreadable { dialable: true },
                Mode::Carrier,
            ) => self.outbox.loose(ticket, line, digits, body, ctx),
            (Dialed::Emergency | Dialed::Mmi | Dialed::Short | Dialed::Service, Mode::Data) => {
                ctx.reply(ticket, Err(Refusal::CarrierOnly));
            }
            (Dialed::Unreadable { .. }, _) => ctx.reply(ticket, Err(Refusal::BadNumber)),
        }
    }

    fn text_to(
        &mut self,
        ticket: Ticket,
        to: Msisdn,
        line: Option<Line>,
        body: TextBody,
        mode: Mode,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(line) = line.filter(|line| self.lines.lines().contains(line)) else {
            ctx.reply(ticket, Err(Refusal::NoSuchLine));
            return;
        };
        let draft = Draft { line, to, body, ticket };
        match mode {
            Mode::Data => self.outbox.send(draft, &mut self.lines, ctx),
            Mode::Carrier => self.outbox.plain_sms(draft, None, ctx),
        }
    }

    /// The number of a contact that is meant. `None` when the user is asked first, or there is none: then it is answered.
    pub(super) fn choose(
        &mut self,
        ticket: Ticket,
        contact: String,
        numbers: &[Secret<String>],
        line: Option<Line>,
        again: impl Fn(Msisdn) -> Command,
        ctx: &mut Ctx<'_>,
    ) -> Option<Secret<String>> {
        if contact.len() > crate::choosing::CONTACT_ID_MAX || numbers.len() > NUMBERS_MAX {
            ctx.reply(ticket, Err(Refusal::Full));
            return None;
        }
        let country = line.and_then(|line| self.lines.country(line));
        let read: Vec<Msisdn> = numbers
            .iter()
            .filter_map(|raw| match classify(raw.expose(), &self.emergency, country) {
                Dialed::Subscriber(number) => Some(number),
                Dialed::Emergency | Dialed::Mmi | Dialed::Short | Dialed::Service | Dialed::Unreadable { .. } => None,
            })
            .collect();
        let marked = self.lines.marked_of(&read);
        match self.choosing.look(&contact, numbers, &marked) {
            Chosen::Number(digits) => Some(digits),
            Chosen::Nothing => {
                ctx.reply(ticket, Err(Refusal::BadNumber));
                None
            }
            Chosen::Ask(several) => {
                let commands = several.iter().map(|number| (*number, again(*number))).collect();
                let asked = self.choosing.ask(contact, commands, ctx);
                ctx.reply(ticket, asked.map(Reply::Asking));
                None
            }
        }
    }

    pub(super) fn answer(&mut self, ticket: Ticket, prompt: PromptId, choice: Choice, ctx: &mut Ctx<'_>) {
        if self.choosing.is_open(prompt) {
            match self.choosing.answer(prompt, choice, ctx) {
                Ok(Some(command)) => self.command(ticket, command, ctx),
                Ok(None) => ctx.reply(ticket, Ok(Reply::Done)),
                Err(refusal) => ctx.reply(ticket, Err(refusal)),
            }
            return;
        }
        if let Some(result) = self.calls.on_prompt_answer(prompt, choice, &self.lines, ctx) {
            ctx.reply(ticket, result.map(|()| Reply::Done));
            return;
        }
        if !self.outbox.answer(prompt, choice, ticket, &mut self.lines, ctx) {
            ctx.reply(ticket, Err(Refusal::Stale));
        }
    }
}
