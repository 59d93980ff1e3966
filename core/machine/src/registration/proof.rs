//! From the verification SMS to the server's word that the number is proven. The user confirms; the core never does.

use super::ask::{Ask, GaveUp};
use super::start::{no_resend_or, refusal};
use super::{Attempt, Proof, Registration, State, imsi_token, keep, row};
use crate::backoff;
use crate::ctx::Ctx;
use crate::effect::{Refusal, Reply};
use crate::view::RegistrationFailure;
use std::time::Duration;
use tandem_model::rows::{Change, RegistrationPhase};
use tandem_model::vault::signed::{self, RegisterProof};
use tandem_model::{NumberEpoch, SealingKeyId, Secret, SimSlot, SmsToken, VaultError};
use tandem_wire::frame::{ConfirmProof, RegisterRefusal};
use tandem_wire::{RegisterReply, RegisterRequest};

/// Digits of the code a person types.
const CODE_DIGITS: usize = 8;

impl Registration {
    /// A verification SMS came to this line, or to another while the number was typed. Outside an attempt it is remembered
    /// as read: it can prove no attempt that begins later.
    pub(crate) fn sms_read(&mut self, token: SmsToken, ctx: &mut Ctx<'_>) {
        let gone = match &mut self.state {
            State::AwaitingProof { attempt, trouble, resend } => {
                *trouble = None;
                if resend.is_some() {
                    attempt.overtaking.hold(token);
                }
                attempt.tokens.hold(token)
            }
            // The SMS may overtake the server's reply.
            State::Asking { early, .. } => early.hold(token),
            // Should what is being tried be wrong, this one is tried next.
            State::KeepingProof { attempt, .. } | State::Confirming { attempt, .. } => attempt.tokens.hold(token),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => None,
        };
        self.read.note(token);
        if let Some(gone) = gone {
            self.read.forget(&gone);
        }
        self.show(ctx);
    }

    /// Whether a token that comes now was read before and holds for nothing any more: it proved an attempt, was wrong, or its
    /// attempt is over.
    pub(crate) fn is_done_with(&self, token: &SmsToken) -> bool {
        self.read.has(token) && !self.holds(token)
    }

    fn holds(&self, token: &SmsToken) -> bool {
        match &self.state {
            State::Asking { early, .. } => early.has(token),
            State::AwaitingProof { attempt, .. }
            | State::KeepingProof { attempt, .. }
            | State::Confirming { attempt, .. } => attempt.tokens.has(token),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => false,
        }
    }

    /// A verification SMS came to another SIM than the one whose number was read. The attempt goes on, should the right one
    /// still come.
    pub(crate) fn sms_at_other_sim(&mut self, ctx: &mut Ctx<'_>) {
        if let State::AwaitingProof { attempt, .. } = &mut self.state {
            attempt.elsewhere = true;
            self.show(ctx);
        }
    }

    /// The user confirms the SMS that was read; where several were, whichever of them is right.
    pub(crate) fn confirm_read(&mut self, sim: Option<&SimSlot>, ctx: &mut Ctx<'_>) -> Result<Reply, Refusal> {
        let State::AwaitingProof { attempt, .. } = &self.state else {
            return Err(Refusal::Stale);
        };
        let Some(token) = attempt.tokens.newest() else {
            return Err(Refusal::Stale);
        };
        self.prove(Proof::Token(token), sim, ctx)
    }

    /// The user typed the code, which confirms as well.
    pub(crate) fn enter_code(
        &mut self,
        code: &Secret<String>,
        sim: Option<&SimSlot>,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Refusal> {
        if !matches!(self.state, State::AwaitingProof { .. }) {
            return Err(Refusal::Stale);
        }
        let digits: String = code.expose().chars().take(64).filter(|c| !c.is_whitespace() && *c != '-').collect();
        if digits.len() != CODE_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::BadNumber);
        }
        self.prove(Proof::Code(Secret::new(digits)), sim, ctx)
    }

    fn prove(&mut self, proof: Proof, sim: Option<&SimSlot>, ctx: &mut Ctx<'_>) -> Result<Reply, Refusal> {
        self.state = match std::mem::take(&mut self.state) {
            // Another SMS may be opening another attempt this moment: its answer is waited for.
            waiting @ State::AwaitingProof { resend: Some(_), .. } => {
                self.state = waiting;
                return Err(Refusal::Busy);
            }
            State::AwaitingProof { mut attempt, resend: None, .. } => {
                attempt.subject.imsi = imsi_token(&attempt.imsi_key, sim, ctx);
                if attempt.sealing.is_none() {
                    let next = attempt.subject.sealing_key.0.saturating_add(1);
                    attempt.subject.sealing_key = SealingKeyId(next);
                }
                let row = row(self.line, &attempt.subject, attempt.phase());
                let kept = keep(Change::PutRegistration(row), ctx);
                State::KeepingProof { attempt, proof, kept }
            }
            other @ (State::Idle(_)
            | State::KeepingAsk { .. }
            | State::Asking { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. }) => {
                self.state = other;
                return Err(Refusal::Stale);
            }
        };
        self.show(ctx);
        Ok(Reply::Done)
    }

    /// The sealing key's id is durable: make the key, sign, and ask.
    pub(super) fn confirm(&self, mut attempt: Attempt, proof: &Proof, ctx: &mut Ctx<'_>) -> State {
        match confirm_request(&mut attempt, proof, ctx) {
            Ok(request) => State::Confirming { attempt, ask: Ask::begin(request, ctx) },
            Err(VaultError::Locked) => back(attempt, RegistrationFailure::StoreFailed),
            Err(VaultError::KeyGone | VaultError::DoesNotOpen | VaultError::BadPeerKey) => {
                self.fail(&attempt.subject, RegistrationFailure::KeyLost, ctx)
            }
        }
    }

    pub(super) fn confirm_answered(
        &self,
        mut attempt: Attempt,
        ask: Ask,
        reply: Option<&RegisterReply>,
        ctx: &mut Ctx<'_>,
    ) -> State {
        match reply {
            None => retry(attempt, ask, Duration::ZERO, ctx),
            Some(RegisterReply::Confirmed { epoch, .. }) => self.proven(attempt, *epoch, ctx),
            Some(RegisterReply::Refused { reason: RegisterRefusal::Storage, retry_after_ms }) => {
                retry(attempt, ask, backoff::told(*retry_after_ms, Duration::ZERO), ctx)
            }
            Some(RegisterReply::Refused { reason: RegisterRefusal::WrongProof { tries_left }, .. }) => {
                self.wrong(attempt, ask.request(), *tries_left, ctx)
            }
            // A budget lets time pass; the attempt is still good.
            Some(RegisterReply::Refused {
                reason:
                    reason @ (RegisterRefusal::NumberBudget | RegisterRefusal::PrefixBudget | RegisterRefusal::SourceBudget),
                retry_after_ms,
            }) => back(attempt, refusal(*reason, *retry_after_ms)),
            Some(RegisterReply::Refused { reason, retry_after_ms }) => {
                // Wrong for the last time: this proof was not taken, and none before it.
                attempt.may_be_confirmed &= *reason != RegisterRefusal::TriesUsedUp;
                self.end_attempt(attempt, Some(refusal(*reason, *retry_after_ms)), ctx)
            }
            Some(RegisterReply::Started { .. } | RegisterReply::Withdrawn) => {
                attempt.may_be_confirmed = true;
                self.end_attempt(attempt, Some(RegistrationFailure::Refused), ctx)
            }
        }
    }

    /// The proof is wrong. The user confirmed the number and not one of the SMS: the next token held is tried at once, while
    /// the server grants more than one try: forged SMS must not spend the last, which is the user's to spend. A code that was
    /// typed wrong is the user's to type again.
    fn wrong(&self, mut attempt: Attempt, asked: &RegisterRequest, tries_left: u32, ctx: &mut Ctx<'_>) -> State {
        attempt.may_be_confirmed = false;
        if let RegisterRequest::Confirm { proof: ConfirmProof::Token(wrong), .. } = asked {
            attempt.tokens.discard(wrong);
            if let (Some(next), 2..) = (attempt.tokens.newest(), tries_left) {
                return self.confirm(attempt, &Proof::Token(next), ctx);
            }
        }
        back(attempt, RegistrationFailure::WrongCode { tries_left })
    }

    fn proven(&self, attempt: Attempt, epoch: NumberEpoch, ctx: &mut Ctx<'_>) -> State {
        let phase = RegistrationPhase::Registered { epoch, imsi_key: attempt.imsi_key.clone(), since: ctx.now.wall };
        let row = row(self.line, &attempt.subject, phase);
        let kept = keep(Change::PutRegistration(row), ctx);
        State::KeepingRegistered { attempt, epoch, kept }
    }

    pub(super) fn confirm_timeout(&self, mut attempt: Attempt, ask: Ask, ctx: &mut Ctx<'_>) -> State {
        attempt.may_be_confirmed = true;
        match ask.on_time(ctx) {
            Ok(ask) => State::Confirming { attempt, ask },
            Err(GaveUp) => back(attempt, RegistrationFailure::Offline),
        }
    }

    pub(super) fn proof_timeout(
        &self,
        attempt: Attempt,
        trouble: Option<RegistrationFailure>,
        resend: Option<Ask>,
        ctx: &mut Ctx<'_>,
    ) -> State {
        if attempt.expires <= ctx.now.mono {
            let why = match trouble {
                Some(_) => RegistrationFailure::Expired,
                None if attempt.tokens.is_empty() && attempt.elsewhere => RegistrationFailure::SmsToOtherSim,
                None if attempt.tokens.is_empty() => RegistrationFailure::SmsNeverCame,
                None => RegistrationFailure::Expired,
            };
            return self.end_attempt(attempt, Some(why), ctx);
        }
        match resend {
            Some(ask) => no_resend_or(attempt, trouble, ask.on_time(ctx)),
            None => State::AwaitingProof { attempt, trouble, resend: None },
        }
    }
}

/// The proof was not taken; the attempt goes on.
pub(super) fn back(attempt: Attempt, trouble: RegistrationFailure) -> State {
    State::AwaitingProof { attempt, trouble: Some(trouble), resend: None }
}

/// The server has it registered and this phone cannot keep that it has.
pub(super) fn not_kept(mut attempt: Attempt) -> State {
    attempt.may_be_confirmed = true;
    back(attempt, RegistrationFailure::StoreFailed)
}

fn retry(mut attempt: Attempt, ask: Ask, at_least: Duration, ctx: &mut Ctx<'_>) -> State {
    attempt.may_be_confirmed = true;
    match ask.unanswered(at_least, ctx) {
        Ok(ask) => State::Confirming { attempt, ask },
        Err(GaveUp) => back(attempt, RegistrationFailure::Offline),
    }
}

fn confirm_request(attempt: &mut Attempt, proof: &Proof, ctx: &mut Ctx<'_>) -> Result<RegisterRequest, VaultError> {
    let key = attempt.subject.key;
    let sealing_key = match attempt.sealing {
        Some(made) => made,
        None => ctx.vault.rotate_sealing(key, attempt.subject.sealing_key)?,
    };
    attempt.sealing = Some(sealing_key);
    let imsi = attempt.subject.imsi;
    let (said, signed_proof) = match proof {
        Proof::Token(token) => (ConfirmProof::Token(*token), RegisterProof::Token(token)),
        Proof::Code(code) => (ConfirmProof::Code(code.expose().clone()), RegisterProof::Code(code.expose())),
    };
    let message = signed::register_confirm(attempt.id, signed_proof, imsi.as_ref());
    Ok(RegisterRequest::Confirm {
        id: attempt.id,
        proof: said,
        imsi,
        sealing_key,
        signature: ctx.vault.sign(key, &message)?,
    })
}
