//! What the app asks for, and what the OS tells.

use super::Phone;
use super::texting::Wish;
use crate::contacts::{Page, PageKind};
use crate::ctx::Ctx;
use crate::effect::{Refusal, Reply};
use crate::input::{Command, HostInput};
use crate::line::LineUnit;
use tandem_model::rows::{Change, SettingsRow};
use tandem_model::{Line, Secret, SimSlot, Ticket};

/// Changes of the settings on their way into the store at once.
const SETTINGS_MAX: usize = 16;

/// Emergency numbers of the OS that are heard. The longest lists of real phones have some dozens; those that are built in hold
/// beside them.
pub(super) const EMERGENCY_NUMBERS_MAX: usize = 1_024;

impl Phone {
    pub(super) fn command(&mut self, ticket: Ticket, command: Command, ctx: &mut Ctx<'_>) {
        match command {
            Command::Register { line, typed } => {
                let result = self.register(line, typed.as_ref(), ctx);
                ctx.reply(ticket, result);
            }
            Command::ConfirmRegistration { line } => {
                self.on_line(ticket, line, ctx, |unit, sim, ctx| unit.registration.confirm_read(sim, ctx));
            }
            Command::EnterCode { line, code } => {
                self.on_line(ticket, line, ctx, |unit, sim, ctx| unit.registration.enter_code(&code, sim, ctx));
            }
            Command::ResendSms { line } => {
                self.on_line(ticket, line, ctx, |unit, _, ctx| unit.registration.resend(ctx))
            }
            Command::CancelRegistration { line } => {
                self.on_line(ticket, line, ctx, |unit, _, ctx| unit.registration.cancel(ctx));
            }
            Command::Unregister { line } => {
                self.on_line(ticket, line, ctx, |unit, _, ctx| unit.registration.unregister(ctx))
            }
            Command::Block { number } => self.lines.block(ticket, &number, true, ctx),
            Command::Unblock { number } => self.lines.block(ticket, &number, false, ctx),
            Command::SetOpenMark { line, open } => self.lines.set_open_mark(ticket, line, open, ctx),
            Command::SyncMarks => {
                for unit in self.lines.iter_mut() {
                    if let Some(facts) = unit.session.facts()
                        && unit.registration.registered().is_some()
                    {
                        unit.marks.ask(&facts, ctx);
                    }
                }
                ctx.reply(ticket, Ok(Reply::Done));
            }
            Command::Dial { target, line, mode } => self.dial(ticket, target, line, mode, ctx),
            Command::Settings(row) => self.keep_settings(ticket, row, ctx),
            Command::Accept { call } => {
                let result = self.calls.accept(call, &self.lines, ctx);
                ctx.reply(ticket, result.map(|()| Reply::Done));
            }
            Command::Refuse { call } => {
                let result = self.calls.refuse(call, &self.lines, ctx);
                ctx.reply(ticket, result.map(|()| Reply::Done));
            }
            Command::HangUp { call } => {
                let result = self.calls.hang_up(call, &self.lines, ctx);
                ctx.reply(ticket, result.map(|()| Reply::Done));
            }
            Command::Hold { call, on } => {
                let result = self.calls.hold(call, on, &self.lines, ctx);
                ctx.reply(ticket, result.map(|()| Reply::Done));
            }
            Command::SendText { target, line, body, mode } => {
                self.send_text(ticket, Wish { target, line, body, mode }, ctx);
            }
            Command::TextToSms { id } => self.outbox.turn_into_sms(id, ticket, &mut self.lines, ctx),
            Command::CancelText { id } => self.outbox.cancel(id, ticket, &mut self.lines, ctx),
            Command::MarkRead { from, ids } => self.receipts.mark_read(ticket, from, ids, &self.lines, ctx),
            Command::SetConsent { number, line, allow } => self.set_consent(ticket, line, (number, allow), ctx),
            Command::SendFile { to, line, path, name } => self.send_file(ticket, (line, to), (path, name), ctx),
            Command::SendDatagram { to, line, application, body } => {
                self.send_datagram(ticket, (line, to), application, &body, ctx);
            }
            Command::Answer { prompt, choice } => self.answer(ticket, prompt, choice, ctx),
        }
    }

    fn register(&mut self, line: Line, typed: Option<&Secret<String>>, ctx: &mut Ctx<'_>) -> Result<Reply, Refusal> {
        let unit = self.lines.make(line).ok_or(Refusal::NoSuchLine)?;
        unit.registration.register(unit.sim.as_ref(), typed, ctx)
    }

    fn on_line<'c>(
        &mut self,
        ticket: Ticket,
        line: Line,
        ctx: &mut Ctx<'c>,
        act: impl FnOnce(&mut LineUnit, Option<&SimSlot>, &mut Ctx<'c>) -> Result<Reply, Refusal>,
    ) {
        let result = match self.lines.get_mut(line) {
            Some(unit) => {
                let sim = unit.sim.clone();
                act(unit, sim.as_ref(), ctx)
            }
            None => Err(Refusal::NoSuchLine),
        };
        ctx.reply(ticket, result);
    }

    fn keep_settings(&mut self, ticket: Ticket, row: SettingsRow, ctx: &mut Ctx<'_>) {
        if self.settings.len() >= SETTINGS_MAX {
            ctx.reply(ticket, Err(Refusal::Full));
            return;
        }
        let commit = ctx.commit(vec![Change::PutSettings(row)]);
        self.settings.insert(commit, (ticket, row));
    }

    pub(super) fn settings_kept(&mut self, commit: Ticket, durable: bool, ctx: &mut Ctx<'_>) -> bool {
        let Some((ticket, row)) = self.settings.remove(&commit) else {
            return false;
        };
        if durable {
            self.lines.settings = row;
            ctx.reply(ticket, Ok(Reply::Done));
        } else {
            ctx.reply(ticket, Err(Refusal::StoreFailed));
        }
        true
    }

    pub(super) fn host(&mut self, host: HostInput, ctx: &mut Ctx<'_>) {
        match host {
            HostInput::Sims(slots) => self.lines.sims(slots, ctx),
            HostInput::Network(snapshot) => self.network(snapshot, ctx),
            HostInput::Contacts { replace, added, removed } => {
                let kind = if replace { PageKind::Replace } else { PageKind::Change };
                self.lines.contacts(Page { kind, added, removed }, ctx);
            }
            HostInput::BookPage { first, last, numbers } => {
                let kind = PageKind::Part { first, last };
                self.lines.contacts(Page { kind, added: numbers, removed: Vec::new() }, ctx);
            }
            HostInput::Woken => {
                for unit in self.lines.iter_mut() {
                    unit.session.woken(ctx);
                }
            }
            HostInput::EmergencyNumbers(mut numbers) => {
                numbers.truncate(EMERGENCY_NUMBERS_MAX);
                self.calls.on_emergency_numbers(numbers.clone());
                self.emergency = numbers;
            }
            HostInput::SmsReceived { line, from, body } => self.sms(line, &from, &body, ctx),
            HostInput::CarrierDialed { ticket, ok } => {
                let taken = self.calls.on_carrier_dialed(ticket, ok, &self.lines, ctx);
                self.count_late(taken);
            }
            HostInput::CarrierCall { ticket, state } => {
                let taken = self.calls.on_carrier_call(ticket, state, &self.lines, ctx);
                self.count_late(taken);
            }
            HostInput::SmsSent { ticket, ok } => {
                let taken = self.outbox.sms_answered(ticket, ok, &mut self.lines, ctx);
                self.count_late(taken);
            }
        }
    }
}
