//! From the user's wish to the server's word that an SMS is on its way, and asking for another one.

use super::ask::{Ask, GaveUp};
use super::withdrawal::Withdrawal;
use super::{Attempt, Held, Idle, Registration, Resending, State, Subject, failed, keep, row};
use crate::backoff;
use crate::ctx::Ctx;
use crate::effect::{Refusal, Reply};
use crate::view::{Budget, RegistrationFailure, ResendRefusal};
use std::time::Duration;
use tandem_model::rows::{Change, RegistrationPhase};
use tandem_model::vault::signed;
use tandem_model::{Line, Mono, Msisdn, SealingKeyId, Secret, ServerOffset, SimSlot, Ticket};
use tandem_wire::frame::RegisterRefusal;
use tandem_wire::{RegisterReply, RegisterRequest};

/// An attempt is over by then, whatever the server says of its end.
const ATTEMPT_MAX: Duration = Duration::from_secs(24 * 3600);

impl Registration {
    /// The user wants this SIM registered.
    pub(crate) fn register(
        &mut self,
        sim: Option<&SimSlot>,
        typed: Option<&Secret<String>>,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Refusal> {
        match &self.state {
            State::Idle(_) => {}
            // The SMS came to the other SIM, so this number is not this SIM's: the user may start over with another.
            State::AwaitingProof { attempt, .. }
                if attempt.elsewhere && attempt.tokens.is_empty() && !attempt.may_be_confirmed =>
            {
                let subject = attempt.subject.clone();
                self.forget(&subject, ctx);
                self.state = State::default();
            }
            State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => return Err(Refusal::Busy),
        }
        let (next, result) = self.begin(sim, typed, ctx);
        self.state = next;
        self.show(ctx);
        result
    }

    fn begin(
        &self,
        sim: Option<&SimSlot>,
        typed: Option<&Secret<String>>,
        ctx: &mut Ctx<'_>,
    ) -> (State, Result<Reply, Refusal>) {
        let failed = |why| State::Idle(Idle::Failed(None, why));
        let Some(sim) = sim else {
            return (failed(RegistrationFailure::NoSim), Err(Refusal::NoSuchLine));
        };
        let (number, typed) = match (typed, sim.number) {
            (Some(typed), held) => match Msisdn::parse(typed.expose(), sim.country) {
                Ok(number) => (number, held != Some(number)),
                Err(_) => {
                    return (failed(RegistrationFailure::BadNumber), Err(Refusal::BadNumber));
                }
            },
            (None, Some(held)) => (held, false),
            (None, None) => return (State::Idle(Idle::NumberNeeded), Ok(Reply::Done)),
        };
        let Ok((key, _)) = ctx.vault.create() else {
            return (failed(RegistrationFailure::StoreFailed), Err(Refusal::StoreFailed));
        };
        let subject = Subject { number, key, sealing_key: SealingKeyId(0), typed, imsi: None };
        let change = Change::PutRegistration(row(self.line, &subject, RegistrationPhase::Asking));
        let kept = keep(change, ctx);
        (State::KeepingAsk { subject, kept }, Ok(Reply::Done))
    }

    /// The user wants the SMS again.
    pub(crate) fn resend(&mut self, ctx: &mut Ctx<'_>) -> Result<Reply, Refusal> {
        let State::AwaitingProof { attempt, resend, .. } = &mut self.state else {
            return Err(Refusal::Stale);
        };
        if resend.is_some() {
            return Err(Refusal::Busy);
        }
        if ctx.now.mono < attempt.resend.from {
            let left = backoff::millis(attempt.resend.from.since(ctx.now.mono));
            return Err(Refusal::TooEarly { wait_ms: u32::try_from(left).unwrap_or(u32::MAX) });
        }
        let Some(request) = start_request(&attempt.subject, ctx) else {
            let subject = attempt.subject.clone();
            self.state = self.fail(&subject, RegistrationFailure::KeyLost, ctx);
            self.show(ctx);
            return Err(Refusal::Stale);
        };
        attempt.overtaking = Held::default();
        attempt.resend.refused = None;
        *resend = Some(Ask::begin(request, ctx));
        self.show(ctx);
        Ok(Reply::Done)
    }

    /// The server answered, or did not. False when nobody here waits for the ticket.
    pub(crate) fn answered(&mut self, ticket: Ticket, reply: Option<&RegisterReply>, ctx: &mut Ctx<'_>) -> bool {
        let sent = match &self.state {
            State::Asking { ask, .. } | State::Confirming { ask, .. } => ask.waits_for(ticket),
            State::AwaitingProof { resend: Some(ask), .. } => ask.waits_for(ticket),
            State::Withdrawing { step: Withdrawal::Asking(ask), .. } => ask.waits_for(ticket),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => None,
        };
        let Some(sent) = sent else {
            return false;
        };
        self.state = match std::mem::take(&mut self.state) {
            State::Asking { subject, ask, early } => self.start_answered(subject, ask, early, sent, reply, ctx),
            State::AwaitingProof { attempt, trouble, resend: Some(ask) } => {
                self.resend_answered(attempt, trouble, ask, sent, reply, ctx)
            }
            State::Confirming { attempt, ask } => self.confirm_answered(attempt, ask, reply, ctx),
            State::Withdrawing { subject, because, step: Withdrawal::Asking(ask) } => {
                self.withdrawal_answered(subject, because, *ask, reply, ctx)
            }
            other @ (State::Idle(_)
            | State::KeepingAsk { .. }
            | State::AwaitingProof { .. }
            | State::KeepingProof { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. }) => other,
        };
        self.show(ctx);
        true
    }

    fn start_answered(
        &self,
        subject: Subject,
        ask: Ask,
        early: Held,
        sent: Mono,
        reply: Option<&RegisterReply>,
        ctx: &mut Ctx<'_>,
    ) -> State {
        match reply {
            None => self.retry_start(subject, ask, early, Duration::ZERO, ctx),
            Some(RegisterReply::Started { .. }) => match started(subject.clone(), sent, reply, ctx) {
                Some(mut attempt) => {
                    attempt.tokens = early;
                    self.await_proof(attempt, ctx)
                }
                None => self.fail(&subject, RegistrationFailure::Refused, ctx),
            },
            Some(RegisterReply::Refused { reason: RegisterRefusal::Storage, retry_after_ms }) => {
                self.retry_start(subject, ask, early, backoff::told(*retry_after_ms, Duration::ZERO), ctx)
            }
            Some(RegisterReply::Refused { reason, retry_after_ms }) => {
                self.fail(&subject, refusal(*reason, *retry_after_ms), ctx)
            }
            Some(RegisterReply::Confirmed { .. } | RegisterReply::Withdrawn) => {
                self.fail(&subject, RegistrationFailure::Refused, ctx)
            }
        }
    }

    fn retry_start(&self, subject: Subject, ask: Ask, early: Held, at_least: Duration, ctx: &mut Ctx<'_>) -> State {
        match ask.unanswered(at_least, ctx) {
            Ok(ask) => State::Asking { subject, ask, early },
            Err(GaveUp) => self.fail(&subject, RegistrationFailure::Offline, ctx),
        }
    }

    pub(super) fn ask_timeout(&self, subject: Subject, ask: Ask, early: Held, ctx: &mut Ctx<'_>) -> State {
        match ask.on_time(ctx) {
            Ok(ask) => State::Asking { subject, ask, early },
            Err(GaveUp) => self.fail(&subject, RegistrationFailure::Offline, ctx),
        }
    }

    fn resend_answered(
        &self,
        mut attempt: Attempt,
        trouble: Option<RegistrationFailure>,
        ask: Ask,
        sent: Mono,
        reply: Option<&RegisterReply>,
        ctx: &mut Ctx<'_>,
    ) -> State {
        match reply {
            None => no_resend_or(attempt, trouble, ask.unanswered(Duration::ZERO, ctx)),
            Some(RegisterReply::Started { .. }) => {
                let Some(mut next) = started(attempt.subject.clone(), sent, reply, ctx) else {
                    return self.end_attempt(attempt, Some(RegistrationFailure::Refused), ctx);
                };
                next.tokens = if next.id == attempt.id { attempt.tokens } else { attempt.overtaking };
                next.sealing = attempt.sealing;
                next.may_be_confirmed = attempt.may_be_confirmed;
                self.await_proof(next, ctx)
            }
            // Refusing another SMS does not end the attempt: the first one may still come.
            Some(RegisterReply::Refused { reason, retry_after_ms }) => {
                let wait = backoff::told(*retry_after_ms, Duration::ZERO);
                attempt.resend = Resending::after(wait, Some(resend_refusal(*reason)), ctx);
                State::AwaitingProof { attempt, trouble, resend: None }
            }
            Some(RegisterReply::Confirmed { .. } | RegisterReply::Withdrawn) => {
                attempt.resend.refused = Some(ResendRefusal::Refused);
                State::AwaitingProof { attempt, trouble, resend: None }
            }
        }
    }

    /// The SMS is on its way. The row needs no waiting for: after a crash without it the same key asks again.
    fn await_proof(&self, attempt: Attempt, ctx: &mut Ctx<'_>) -> State {
        ctx.commit(vec![Change::PutRegistration(row(self.line, &attempt.subject, attempt.phase()))]);
        State::AwaitingProof { attempt, trouble: None, resend: None }
    }

    /// The network came (back): waiting questions are asked now.
    pub(crate) fn network_came(&mut self, ctx: &mut Ctx<'_>) {
        self.state = match std::mem::take(&mut self.state) {
            State::Asking { subject, ask, early } => State::Asking { subject, ask: ask.network_came(ctx), early },
            State::Confirming { attempt, ask } => State::Confirming { attempt, ask: ask.network_came(ctx) },
            State::AwaitingProof { attempt, trouble, resend } => {
                State::AwaitingProof { attempt, trouble, resend: resend.map(|ask| ask.network_came(ctx)) }
            }
            State::Withdrawing { subject, because, step: Withdrawal::Asking(ask) } => {
                State::Withdrawing { subject, because, step: Withdrawal::Asking(Box::new(ask.network_came(ctx))) }
            }
            other @ (State::Idle(_)
            | State::KeepingAsk { .. }
            | State::KeepingProof { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. }) => other,
        };
    }
}

impl Attempt {
    pub(super) fn phase(&self) -> RegistrationPhase {
        RegistrationPhase::Proving { id: self.id, expires_at: self.expires_at, imsi_key: self.imsi_key.clone() }
    }
}

/// Asks the server, now that the key is durable.
pub(super) fn asking(line: Line, subject: Subject, ctx: &mut Ctx<'_>) -> State {
    if let Some(request) = start_request(&subject, ctx) {
        let ask = Ask::begin(request, ctx);
        return State::Asking { subject, ask, early: Held::default() };
    }
    failed(line, &subject, RegistrationFailure::KeyLost, ctx)
}

fn start_request(subject: &Subject, ctx: &Ctx<'_>) -> Option<RegisterRequest> {
    let device_key = ctx.vault.device_key(subject.key).ok()?;
    let message = signed::register_start(subject.number, &device_key);
    Some(RegisterRequest::Start {
        number: subject.number,
        device_key,
        signature: ctx.vault.sign(subject.key, &message).ok()?,
        platform: ctx.config.sms_platform.clone(),
    })
}

/// The attempt the server's reply describes; `None` when it is no [`RegisterReply::Started`].
fn started(subject: Subject, sent: Mono, reply: Option<&RegisterReply>, ctx: &Ctx<'_>) -> Option<Attempt> {
    let Some(RegisterReply::Started { id, expires_at, now, resend_after_ms, imsi_key }) = reply else {
        return None;
    };
    let offset = ServerOffset::from_exchange(sent, ctx.now.mono, *now);
    let resend_after = backoff::told(*resend_after_ms, Duration::ZERO);
    let expires = offset.to_mono(*expires_at).min(ctx.now.mono.after(ATTEMPT_MAX));
    Some(Attempt {
        subject,
        id: *id,
        expires_at: *expires_at,
        expires,
        expires_shown: ctx.now.wall.after(expires.since(ctx.now.mono)),
        imsi_key: imsi_key.clone(),
        resend: Resending::after(resend_after, None, ctx),
        tokens: Held::default(),
        overtaking: Held::default(),
        elsewhere: false,
        sealing: None,
        may_be_confirmed: false,
    })
}

/// Goes on asking for another SMS, or says that the server did not answer. It may be asked for again at once.
pub(super) fn no_resend_or(
    mut attempt: Attempt,
    trouble: Option<RegistrationFailure>,
    asked: Result<Ask, GaveUp>,
) -> State {
    let resend = match asked {
        Ok(ask) => Some(ask),
        Err(GaveUp) => {
            attempt.resend.refused = Some(ResendRefusal::Offline);
            None
        }
    };
    State::AwaitingProof { attempt, trouble, resend }
}

/// Why there is no other SMS.
fn resend_refusal(reason: RegisterRefusal) -> ResendRefusal {
    match reason {
        RegisterRefusal::NumberBudget => ResendRefusal::TooMany { of: Budget::Number },
        RegisterRefusal::PrefixBudget => ResendRefusal::TooMany { of: Budget::Prefix },
        RegisterRefusal::SourceBudget => ResendRefusal::TooMany { of: Budget::Source },
        RegisterRefusal::SmsUnavailable => ResendRefusal::SmsUnavailable,
        RegisterRefusal::NumberUnreachable => ResendRefusal::NumberUnreachable,
        RegisterRefusal::NumberNotServed => ResendRefusal::NotServed,
        RegisterRefusal::Storage => ResendRefusal::Offline,
        RegisterRefusal::WrongProof { .. }
        | RegisterRefusal::TriesUsedUp
        | RegisterRefusal::Expired
        | RegisterRefusal::BadSignature
        | RegisterRefusal::Invalid => ResendRefusal::Refused,
    }
}

/// What a refusal means to the user.
pub(super) fn refusal(reason: RegisterRefusal, retry_after_ms: u32) -> RegistrationFailure {
    match reason {
        RegisterRefusal::NumberBudget => RegistrationFailure::TooMany { wait_ms: retry_after_ms, of: Budget::Number },
        RegisterRefusal::PrefixBudget => RegistrationFailure::TooMany { wait_ms: retry_after_ms, of: Budget::Prefix },
        RegisterRefusal::SourceBudget => RegistrationFailure::TooMany { wait_ms: retry_after_ms, of: Budget::Source },
        RegisterRefusal::SmsUnavailable => RegistrationFailure::SmsUnavailable,
        RegisterRefusal::NumberUnreachable => RegistrationFailure::NumberUnreachable,
        RegisterRefusal::NumberNotServed => RegistrationFailure::NotServed,
        RegisterRefusal::WrongProof { tries_left } => RegistrationFailure::WrongCode { tries_left },
        RegisterRefusal::TriesUsedUp => RegistrationFailure::TriesUsedUp,
        RegisterRefusal::Expired => RegistrationFailure::Expired,
        RegisterRefusal::Storage => RegistrationFailure::Offline,
        RegisterRefusal::BadSignature | RegisterRefusal::Invalid => RegistrationFailure::Refused,
    }
}
