//! How a registration ends: the user's wish, a changed SIM, the server's word.

use super::withdrawal::gone;
use super::{Attempt, Leaving, Registration, State, Subject, failed, imsi_token, keep, row};
use crate::backoff;
use crate::ctx::{Ctx, SessionFacts};
use crate::effect::{Refusal, Reply};
use crate::view::RegistrationFailure;
use tandem_model::rows::{Change, RegistrationPhase};
use tandem_model::vault::signed;
use tandem_model::{Line, NumberEpoch, SimSlot, Ticket};
use tandem_wire::ClientFrame;

impl Registration {
    /// The user gives up a registration that is under way.
    pub(crate) fn cancel(&mut self, ctx: &mut Ctx<'_>) -> Result<Reply, Refusal> {
        match &self.state {
            State::KeepingAsk { .. } | State::Asking { .. } | State::AwaitingProof { .. } => {}
            // The server may have confirmed this moment: its answer is waited for, then it can be unregistered.
            State::KeepingProof { .. } | State::Confirming { .. } | State::KeepingRegistered { .. } => {
                return Err(Refusal::Busy);
            }
            State::Idle(_) | State::Registered { .. } | State::Unregistering { .. } | State::Withdrawing { .. } => {
                return Err(Refusal::Stale);
            }
        }
        self.give_up(None, ctx);
        Ok(Reply::Done)
    }

    /// The user wants the end.
    pub(crate) fn unregister(&mut self, ctx: &mut Ctx<'_>) -> Result<Reply, Refusal> {
        match &self.state {
            State::Registered { .. } => {}
            State::Unregistering { .. } | State::Withdrawing { .. } => return Ok(Reply::Done),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. } => return Err(Refusal::NotRegistered),
        }
        self.leave(None, ctx);
        Ok(Reply::Done)
    }

    /// Ends what is going on before a registration stands.
    fn give_up(&mut self, because: Option<RegistrationFailure>, ctx: &mut Ctx<'_>) {
        self.state = match std::mem::take(&mut self.state) {
            State::KeepingAsk { subject, .. } | State::Asking { subject, .. } => {
                gone(self.line, &subject, because, ctx)
            }
            State::AwaitingProof { attempt, .. } | State::KeepingProof { attempt, .. } => {
                self.end_attempt(attempt, because, ctx)
            }
            State::Confirming { mut attempt, .. } => {
                attempt.may_be_confirmed = true;
                self.end_attempt(attempt, because, ctx)
            }
            other @ (State::Idle(_)
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. }) => other,
        };
        self.show(ctx);
    }

    fn leave(&mut self, because: Option<RegistrationFailure>, ctx: &mut Ctx<'_>) {
        self.state = match std::mem::take(&mut self.state) {
            State::Registered { subject, epoch, .. }
            | State::KeepingRegistered { attempt: Attempt { subject, .. }, epoch, .. } => {
                let phase = RegistrationPhase::Unregistering { epoch: Some(epoch) };
                let row = row(self.line, &subject, phase);
                let kept = keep(Change::PutRegistration(row), ctx);
                State::Unregistering { subject, epoch, because, step: Leaving::Keeping(kept) }
            }
            other @ (State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. }) => other,
        };
        self.show(ctx);
    }

    /// What is in the slot now. A SIM that is gone, or another one, ends whatever was going on with the old one.
    pub(crate) fn sim_is(&mut self, sim: Option<&SimSlot>, ctx: &mut Ctx<'_>) {
        let changed = match &self.state {
            State::Idle(_) | State::Unregistering { .. } | State::Withdrawing { .. } => false,
            State::Registered { subject, imsi_key, .. } => {
                let same_imsi = match (subject.imsi, imsi_token(imsi_key, sim, ctx)) {
                    (Some(was), Some(is)) => was == is,
                    (None, _) | (_, None) => true,
                };
                !same_imsi || another_number(subject, sim)
            }
            State::KeepingAsk { subject, .. } | State::Asking { subject, .. } => another_number(subject, sim),
            State::AwaitingProof { attempt, .. }
            | State::KeepingProof { attempt, .. }
            | State::Confirming { attempt, .. }
            | State::KeepingRegistered { attempt, .. } => another_number(&attempt.subject, sim),
        };
        if !changed {
            return;
        }
        let because = Some(RegistrationFailure::SimChanged);
        match &self.state {
            State::Registered { .. } | State::KeepingRegistered { .. } => self.leave(because, ctx),
            State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. } => self.give_up(because, ctx),
            State::Idle(_) | State::Unregistering { .. } | State::Withdrawing { .. } => {}
        }
    }

    /// The server says this registration is over, or its key is lost.
    pub(crate) fn over(&mut self, why: RegistrationFailure, ctx: &mut Ctx<'_>) {
        match &self.state {
            State::Registered { subject, .. } => {
                let subject = subject.clone();
                self.state = self.fail(&subject, why, ctx);
                self.show(ctx);
            }
            State::Unregistering { .. } => self.left(ctx),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Withdrawing { .. } => {}
        }
    }

    /// A session of this line stands: says what is still to be said.
    pub(crate) fn session_up(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        self.state = match std::mem::take(&mut self.state) {
            State::Unregistering {
                subject,
                epoch,
                because,
                step: Leaving::Waiting | Leaving::Said { .. } | Leaving::Later(_),
            } => say(self.line, subject, epoch, because, Some(session), ctx),
            other @ (State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { step: Leaving::Keeping(_), .. }
            | State::Withdrawing { .. }) => other,
        };
        self.show(ctx);
    }

    /// The session stands no more: what was said may not have been heard, and is said again.
    pub(crate) fn session_down(&mut self) {
        if let State::Unregistering { step: step @ (Leaving::Said { .. } | Leaving::Later(_)), .. } = &mut self.state {
            *step = Leaving::Waiting;
        }
    }

    /// The server has the end. False when the ticket is none of ours.
    pub(crate) fn done(&mut self, ticket: Ticket, ctx: &mut Ctx<'_>) -> bool {
        let ours = self.said() == Some(ticket);
        if ours {
            self.left(ctx);
        }
        ours
    }

    /// The server refuses to hear of the end now. False when the ticket is none of ours.
    pub(crate) fn refused(&mut self, ticket: Ticket, retry_after_ms: u32, ctx: &Ctx<'_>) -> bool {
        if self.said() != Some(ticket) {
            return false;
        }
        if let State::Unregistering { step, .. } = &mut self.state {
            let wait = backoff::told(retry_after_ms, ctx.config.request);
            *step = Leaving::Later(ctx.now.mono.after(wait));
        }
        true
    }

    fn said(&self) -> Option<Ticket> {
        match &self.state {
            State::Unregistering { step: Leaving::Said { ticket, .. }, .. } => Some(*ticket),
            State::Unregistering { .. }
            | State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Withdrawing { .. } => None,
        }
    }

    fn left(&mut self, ctx: &mut Ctx<'_>) {
        self.state = match std::mem::take(&mut self.state) {
            State::Unregistering { subject, because, .. } => gone(self.line, &subject, because, ctx),
            other @ (State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Withdrawing { .. }) => other,
        };
        self.show(ctx);
    }
}

/// Says the end where there is a session, else waits for one. A key that is gone can say nothing: the server's lease ends it.
pub(super) fn say(
    line: Line,
    subject: Subject,
    epoch: NumberEpoch,
    because: Option<RegistrationFailure>,
    session: Option<&SessionFacts>,
    ctx: &mut Ctx<'_>,
) -> State {
    let step = match session {
        None => Leaving::Waiting,
        Some(session) => {
            let signature = ctx.vault.device_key(subject.key).and_then(|public| {
                let message = signed::unregister(subject.number, epoch, &public);
                ctx.vault.sign(subject.key, &message)
            });
            match signature {
                Ok(signature) => {
                    let ticket = ctx.ticket();
                    ctx.send(session, ClientFrame::Unregister { ticket, signature });
                    Leaving::Said { ticket, until: ctx.now.mono.after(ctx.config.request) }
                }
                Err(tandem_model::VaultError::Locked) => Leaving::Later(ctx.now.mono.after(ctx.config.request)),
                Err(_) => {
                    let why = because.unwrap_or(RegistrationFailure::KeyLost);
                    return failed(line, &subject, why, ctx);
                }
            }
        }
    };
    State::Unregistering { subject, epoch, because, step }
}

/// Whether the slot holds another SIM than the one this is about, as far as numbers tell. A typed number is one that the SIM
/// does not hold anyway.
fn another_number(subject: &Subject, sim: Option<&SimSlot>) -> bool {
    match sim {
        None => true,
        Some(sim) => !subject.typed && sim.number.is_some_and(|held| held != subject.number),
    }
}
