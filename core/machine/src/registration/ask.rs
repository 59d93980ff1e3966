//! A question to the server over HTTPS whose outcome may stay unknown: asked again with the same bytes, a bounded number of
//! times.

use crate::backoff;
use crate::ctx::Ctx;
use crate::effect::Effect;
use std::time::Duration;
use tandem_model::{Mono, Ticket};
use tandem_wire::RegisterRequest;

/// Tries before the user is told that there is no connection: about a minute and a half at the default back-off.
pub(super) const TRIES_MAX: u32 = 8;

/// One question until it is answered or given up.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    request: RegisterRequest,
    tries: u32,
    /// Given up only with an answer.
    patient: bool,
    wait: Wait,
}

#[derive(Clone, Copy, Debug)]
enum Wait {
    Answer { ticket: Ticket, sent: Mono, until: Mono },
    Again { at: Mono },
}

/// Every try went unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GaveUp;

impl Ask {
    /// Asks for the first time.
    pub(super) fn begin(request: RegisterRequest, ctx: &mut Ctx<'_>) -> Self {
        let wait = send(&request, ctx);
        Self { request, tries: 1, patient: false, wait }
    }

    /// Asks for the first time, and goes on for as long as it takes: what the server must hear.
    pub(super) fn begin_patiently(request: RegisterRequest, ctx: &mut Ctx<'_>) -> Self {
        Self { patient: true, ..Self::begin(request, ctx) }
    }

    /// What is asked.
    pub(super) fn request(&self) -> &RegisterRequest {
        &self.request
    }

    /// When the answer, or the next try, is due.
    pub(super) fn due(&self) -> Mono {
        match self.wait {
            Wait::Answer { until, .. } => until,
            Wait::Again { at } => at,
        }
    }

    /// When the question that carries this ticket was sent; `None` when nobody waits for it.
    pub(super) fn waits_for(&self, answered: Ticket) -> Option<Mono> {
        match self.wait {
            Wait::Answer { ticket, sent, .. } if ticket == answered => Some(sent),
            Wait::Answer { .. } | Wait::Again { .. } => None,
        }
    }

    /// No answer came, or one that says to come back after `at_least`.
    pub(super) fn unanswered(mut self, at_least: Duration, ctx: &mut Ctx<'_>) -> Result<Self, GaveUp> {
        if self.tries >= TRIES_MAX && !self.patient {
            return Err(GaveUp);
        }
        let wait = backoff::wait(self.tries, ctx).max(at_least);
        self.wait = Wait::Again { at: ctx.now.mono.after(wait) };
        Ok(self)
    }

    /// The deadline came: asks again, or waits for the next try.
    pub(super) fn on_time(self, ctx: &mut Ctx<'_>) -> Result<Self, GaveUp> {
        if self.due() > ctx.now.mono {
            return Ok(self);
        }
        match self.wait {
            Wait::Answer { .. } => self.unanswered(Duration::ZERO, ctx),
            Wait::Again { .. } => Ok(self.again(ctx)),
        }
    }

    /// A network came: no use in waiting longer.
    pub(super) fn network_came(self, ctx: &mut Ctx<'_>) -> Self {
        match self.wait {
            Wait::Again { .. } => self.again(ctx),
            Wait::Answer { .. } => self,
        }
    }

    fn again(mut self, ctx: &mut Ctx<'_>) -> Self {
        self.tries += 1;
        self.wait = send(&self.request, ctx);
        self
    }
}

fn send(request: &RegisterRequest, ctx: &mut Ctx<'_>) -> Wait {
    let ticket = ctx.ticket();
    ctx.push(Effect::Register { ticket, request: request.clone() });
    Wait::Answer { ticket, sent: ctx.now.mono, until: ctx.now.mono.after(ctx.config.request) }
}
