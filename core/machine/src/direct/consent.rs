//! Letting a number learn where we are: said to the server, which keeps it.

use super::Direct;
use crate::ctx::{Ctx, World};
use crate::effect::{Refusal, Reply};
use crate::lines::Lines;
use tandem_model::{Line, Mono, Msisdn, Ticket};
use tandem_wire::ClientFrame;

/// Consents on their way at once.
const ASKED_MAX: usize = 64;

/// A consent on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    command: Ticket,
    pub(super) until: Mono,
}

impl Direct {
    /// The user lets a number learn where this phone is, or no longer.
    pub(crate) fn set_consent(
        &mut self,
        command: Ticket,
        line: Option<Line>,
        (number, allow): (Msisdn, bool),
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(line) = line else {
            return ctx.reply(command, Err(Refusal::NoSuchLine));
        };
        if lines.registered(line).is_none() {
            return ctx.reply(command, Err(Refusal::NotRegistered));
        }
        let Some(session) = lines.session(line) else {
            return ctx.reply(command, Err(Refusal::Offline));
        };
        if self.consents.len() >= ASKED_MAX {
            return ctx.reply(command, Err(Refusal::Full));
        }
        let ticket = ctx.ticket();
        ctx.send(&session, ClientFrame::ConsentPut { ticket, number, allow });
        self.consents.insert(ticket, Asked { command, until: ctx.now.mono.after(ctx.config.request) });
    }

    pub(super) fn consent_done(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let asked = self.consents.remove(&ticket);
        if let Some(asked) = asked {
            ctx.reply(asked.command, Ok(Reply::Done));
        }
        asked.is_some()
    }

    pub(super) fn consent_refused(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let asked = self.consents.remove(&ticket);
        if let Some(asked) = asked {
            ctx.reply(asked.command, Err(Refusal::Full));
        }
        asked.is_some()
    }

    /// No answer came: whether it was heard is unknown, and saying it again is safe.
    pub(super) fn consents_due(&mut self, ctx: &mut Ctx<'_>) {
        let late = self.consents.iter().filter(|(_, asked)| asked.until <= ctx.now.mono);
        let late: Vec<Ticket> = late.map(|(ticket, _)| *ticket).collect();
        for ticket in late {
            if let Some(asked) = self.consents.remove(&ticket) {
                ctx.reply(asked.command, Err(Refusal::Offline));
            }
        }
    }
}
