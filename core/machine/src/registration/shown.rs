//! What the others may know of a registration: who the line is, what the user sees, and when it must be looked at again.

use super::{Attempt, Identity, Idle, Leaving, Registration, Resending, State, identity};
use crate::ctx::Ctx;
use crate::effect::Event;
use crate::view::{RegistrationState, RegistrationView, Resend};
use tandem_model::Mono;

impl Registration {
    /// Number, epoch and key while the line is registered.
    pub(crate) fn registered(&self) -> Option<Identity> {
        match &self.state {
            State::Registered { subject, epoch, .. } => Some(identity(subject, *epoch)),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => None,
        }
    }

    /// Who to open a session as: while registered, and until the server has heard of the end.
    pub(crate) fn identity(&self) -> Option<Identity> {
        match &self.state {
            State::Registered { subject, epoch, .. }
            | State::Unregistering {
                subject,
                epoch,
                step: Leaving::Waiting | Leaving::Said { .. } | Leaving::Later(_),
                ..
            } => Some(identity(subject, *epoch)),
            State::Unregistering { step: Leaving::Keeping(_), subject, epoch, .. } => Some(identity(subject, *epoch)),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Withdrawing { .. } => None,
        }
    }

    /// The number whose SMS is waited for and whether the user typed it.
    pub(crate) fn awaits_sms(&self) -> Option<bool> {
        match &self.state {
            State::AwaitingProof { attempt, .. } => Some(attempt.subject.typed),
            State::Asking { subject, .. } => Some(subject.typed),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => None,
        }
    }

    /// Whether an SMS to this line is its own: one is waited for, or its proof is being tried.
    pub(crate) fn takes_sms(&self) -> bool {
        match &self.state {
            State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. } => true,
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => false,
        }
    }

    /// As shown.
    pub(crate) fn view(&self) -> RegistrationView {
        let (number, state) = match &self.state {
            State::Idle(Idle::Unregistered) => (None, RegistrationState::Unregistered),
            State::Idle(Idle::NumberNeeded) => (None, RegistrationState::NumberNeeded),
            State::Idle(Idle::Failed(number, why)) => (*number, RegistrationState::Failed(*why)),
            State::KeepingAsk { subject, .. } | State::Asking { subject, .. } => {
                (Some(subject.number), RegistrationState::Asking)
            }
            State::AwaitingProof { attempt, trouble, .. } => {
                let state = match trouble {
                    Some(why) => RegistrationState::Failed(*why),
                    None if attempt.tokens.is_empty() => RegistrationState::AwaitingSms {
                        expires_at: attempt.expires_shown,
                        came_to_other_sim: attempt.elsewhere,
                    },
                    None => RegistrationState::AwaitingUserConfirm,
                };
                (Some(attempt.subject.number), state)
            }
            State::KeepingProof { attempt, .. }
            | State::Confirming { attempt, .. }
            | State::KeepingRegistered { attempt, .. } => (Some(attempt.subject.number), RegistrationState::Confirming),
            State::Registered { subject, .. } => (Some(subject.number), RegistrationState::Registered),
            State::Unregistering { subject, because, .. } | State::Withdrawing { subject, because, .. } => {
                (Some(subject.number), because.map_or(RegistrationState::Unregistering, RegistrationState::Failed))
            }
        };
        RegistrationView { line: self.line, number, state, resend: self.resending() }
    }

    fn resending(&self) -> Option<Resend> {
        match &self.state {
            State::AwaitingProof {
                attempt: Attempt { resend: Resending { shown, refused, .. }, .. }, resend, ..
            } => Some(Resend { from: *shown, asking: resend.is_some(), refused: *refused }),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => None,
        }
    }

    /// Tells the app when what it sees changed.
    pub(crate) fn show(&mut self, ctx: &mut Ctx<'_>) {
        let view = self.view();
        if self.shown.as_ref() != Some(&view) {
            self.shown = Some(view.clone());
            ctx.emit(Event::Registration(view));
        }
    }

    /// When [`Registration::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        match &self.state {
            State::Idle(_) | State::Registered { .. } => None,
            State::KeepingAsk { kept, .. }
            | State::KeepingProof { kept, .. }
            | State::KeepingRegistered { kept, .. }
            | State::Unregistering { step: Leaving::Keeping(kept), .. } => Some((kept.until, "registration commit")),
            State::Asking { ask, .. } => Some((ask.due(), "registration answer")),
            State::AwaitingProof { attempt, resend, .. } => {
                let due = resend.as_ref().map_or(attempt.expires, |ask| ask.due().min(attempt.expires));
                Some((due, "verification SMS"))
            }
            State::Confirming { ask, .. } => Some((ask.due(), "confirmation answer")),
            State::Unregistering { step: Leaving::Waiting, .. } => None,
            State::Unregistering { step: Leaving::Said { until, .. } | Leaving::Later(until), .. } => {
                Some((*until, "unregistering"))
            }
            State::Withdrawing { step, .. } => Some(step.due()),
        }
    }
}
