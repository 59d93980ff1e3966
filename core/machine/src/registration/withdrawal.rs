//! Giving up what the server may have registered without its word ever coming. The key is kept until the server says that
//! nothing is left of it: forgotten before, the number would stay marked for its lease, with nobody there to end it.

use super::ask::{Ask, GaveUp};
use super::{Attempt, Idle, Kept, Registration, State, Subject, forget, keep, row};
use crate::backoff;
use crate::ctx::Ctx;
use crate::view::RegistrationFailure;
use std::time::Duration;
use tandem_model::rows::{Change, RegistrationPhase};
use tandem_model::vault::signed;
use tandem_model::{Line, Mono, VaultError};
use tandem_wire::frame::RegisterRefusal;
use tandem_wire::{RegisterReply, RegisterRequest};

/// How far a withdrawal is.
#[derive(Debug)]
pub(super) enum Withdrawal {
    /// The wish is being made durable.
    Keeping(Kept),
    /// The server is asked until it answers.
    Asking(Box<Ask>),
    /// The key cannot sign now.
    Later(Mono),
}

impl Withdrawal {
    pub(super) fn due(&self) -> (Mono, &'static str) {
        match self {
            Withdrawal::Keeping(kept) => (kept.until, "registration commit"),
            Withdrawal::Asking(ask) => (ask.due(), "withdrawal answer"),
            Withdrawal::Later(at) => (*at, "withdrawal"),
        }
    }
}

impl Registration {
    /// An attempt is over. Where its proof may have been taken, the server must say first that nothing came of it.
    pub(super) fn end_attempt(
        &self,
        attempt: Attempt,
        because: Option<RegistrationFailure>,
        ctx: &mut Ctx<'_>,
    ) -> State {
        let Attempt { subject, may_be_confirmed, .. } = attempt;
        if !may_be_confirmed {
            return gone(self.line, &subject, because, ctx);
        }
        let row = row(self.line, &subject, RegistrationPhase::Unregistering { epoch: None });
        let kept = keep(Change::PutRegistration(row), ctx);
        State::Withdrawing { subject, because, step: Withdrawal::Keeping(kept) }
    }

    /// The server answered, or did not.
    pub(super) fn withdrawal_answered(
        &self,
        subject: Subject,
        because: Option<RegistrationFailure>,
        ask: Ask,
        reply: Option<&RegisterReply>,
        ctx: &mut Ctx<'_>,
    ) -> State {
        let at_least = match reply {
            None => Duration::ZERO,
            Some(RegisterReply::Refused {
                reason:
                    RegisterRefusal::Storage
                    | RegisterRefusal::NumberBudget
                    | RegisterRefusal::PrefixBudget
                    | RegisterRefusal::SourceBudget,
                retry_after_ms,
            }) => backoff::told(*retry_after_ms, Duration::ZERO),
            Some(
                RegisterReply::Withdrawn
                | RegisterReply::Refused { .. }
                | RegisterReply::Started { .. }
                | RegisterReply::Confirmed { .. },
            ) => return gone(self.line, &subject, because, ctx),
        };
        asking(self.line, subject, because, ask.unanswered(at_least, ctx), ctx)
    }
}

/// Acts on a deadline of any step, or goes on from one that is durable.
pub(super) fn go_on(
    line: Line,
    subject: Subject,
    because: Option<RegistrationFailure>,
    step: Withdrawal,
    ctx: &mut Ctx<'_>,
) -> State {
    match step {
        Withdrawal::Asking(ask) => {
            let asked = ask.on_time(ctx);
            asking(line, subject, because, asked, ctx)
        }
        Withdrawal::Keeping(_) | Withdrawal::Later(_) => begin(line, subject, because, ctx),
    }
}

/// Asks. A key that is gone can say nothing: the server's lease ends what there may be.
pub(super) fn begin(line: Line, subject: Subject, because: Option<RegistrationFailure>, ctx: &mut Ctx<'_>) -> State {
    let signed = ctx.vault.device_key(subject.key).and_then(|device_key| {
        let signature = ctx.vault.sign(subject.key, &signed::register_withdraw(subject.number, &device_key))?;
        Ok(RegisterRequest::Withdraw { number: subject.number, device_key, signature })
    });
    let step = match signed {
        Ok(request) => Withdrawal::Asking(Box::new(Ask::begin_patiently(request, ctx))),
        Err(VaultError::Locked) => Withdrawal::Later(ctx.now.mono.after(ctx.config.request)),
        Err(VaultError::KeyGone | VaultError::DoesNotOpen | VaultError::BadPeerKey) => {
            return gone(line, &subject, because, ctx);
        }
    };
    State::Withdrawing { subject, because, step }
}

fn asking(
    line: Line,
    subject: Subject,
    because: Option<RegistrationFailure>,
    asked: Result<Ask, GaveUp>,
    ctx: &mut Ctx<'_>,
) -> State {
    match asked {
        Ok(ask) => State::Withdrawing { subject, because, step: Withdrawal::Asking(Box::new(ask)) },
        Err(GaveUp) => begin(line, subject, because, ctx),
    }
}

/// Nothing is left of it anywhere.
pub(super) fn gone(line: Line, subject: &Subject, because: Option<RegistrationFailure>, ctx: &mut Ctx<'_>) -> State {
    forget(line, subject, ctx);
    State::Idle(because.map_or(Idle::Unregistered, |why| Idle::Failed(Some(subject.number), why)))
}
