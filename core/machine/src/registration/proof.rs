//! From the verification SMS to the server's word that the number is proven. The user confirms; the core never does.

use super::ask::{Ask, GaveUp};
use super::start::refusal;
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

/// Tokens kept at once: SMS may come twice, late and out of order, and anyone can send one.
const TOKENS_MAX: usize = 4;

/// Digits of the code a person types.
const CODE_DIGITS: usize = 8;

/// Keeps a token as the newest, and not too many of them.
fn hold(tokens: &mut Vec<SmsToken>, token: SmsToken) {
    tokens.retain(|held| *held != token);
    if tokens.len() >= TOKENS_MAX {
        tokens.remove(0);
    }
    tokens.push(token);
}

impl Registration {
    /// A verification SMS came to this line, or to another while the number was typed.
    pub(crate) fn sms_read(&mut self, token: SmsToken, ctx: &mut Ctx<'_>) {
        match &mut self.state {
            State::AwaitingProof { attempt, trouble, .. } => {
                hold(&mut attempt.tokens, token);
                *trouble = None;
            }
            // The SMS may overtake the server's reply.
            State::Asking { early, .. } => hold(early, token),
            State::Idle(_)
            | State::KeepingAsk { .. }
            | State::KeepingProof { .. }
            | State::Confirming { .. }
            | State::KeepingRegistered { .. }
            | State::Registered { .. }
            | State::Unregistering { .. } => return,
        }
        self.show(ctx);
    }

    /// The verification SMS came to another SIM than the one whose number was read. The attempt goes on, should the right
    /// one still come.
    pub(crate) fn sms_at_other_sim(&mut self, ctx: &mut Ctx<'_>) {
        if let State::AwaitingProof { attempt, trouble, .. } = &mut self.state
            && attempt.tokens.is_empty()
        {
            *trouble = Some(RegistrationFailure::SmsToOtherSim);
            self.show(ctx);
        }
    }

    /// The user confirms the SMS that was read.
    pub(crate) fn confirm_read(&mut self, sim: Option<&SimSlot>, ctx: &mut Ctx<'_>) -> Result<Reply, Refusal> {
        let State::AwaitingProof { attempt, .. } = &self.state else {
            return Err(Refusal::Stale);
        };
        let Some(token) = attempt.tokens.last().copied() else {
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
            | State::Unregistering { .. }) => {
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
                if let RegisterRequest::Confirm { proof: ConfirmProof::Token(wrong), .. } = ask.request() {
                    attempt.tokens.retain(|token| token != wrong);
                }
                back(attempt, RegistrationFailure::WrongCode { tries_left: *tries_left })
            }
            // A budget lets time pass; the attempt is still good.
            Some(RegisterReply::Refused {
                reason:
                    reason @ (RegisterRefusal::NumberBudget | RegisterRefusal::PrefixBudget | RegisterRefusal::SourceBudget),
                retry_after_ms,
            }) => back(attempt, refusal(*reason, *retry_after_ms)),
            Some(RegisterReply::Refused { reason, retry_after_ms }) => {
                self.fail(&attempt.subject, refusal(*reason, *retry_after_ms), ctx)
            }
            Some(RegisterReply::Started { .. }) => self.fail(&attempt.subject, RegistrationFailure::Refused, ctx),
        }
    }

    fn proven(&self, attempt: Attempt, epoch: NumberEpoch, ctx: &mut Ctx<'_>) -> State {
        let phase = RegistrationPhase::Registered { epoch, imsi_key: attempt.imsi_key.clone(), since: ctx.now.wall };
        let row = row(self.line, &attempt.subject, phase);
        let kept = keep(Change::PutRegistration(row), ctx);
        State::KeepingRegistered { attempt, epoch, kept }
    }

    pub(super) fn confirm_timeout(&self, attempt: Attempt, ask: Ask, ctx: &mut Ctx<'_>) -> State {
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
                Some(RegistrationFailure::SmsToOtherSim) => RegistrationFailure::SmsToOtherSim,
                Some(_) => RegistrationFailure::Expired,
                None if attempt.tokens.is_empty() => RegistrationFailure::SmsNeverCame,
                None => RegistrationFailure::Expired,
            };
            return self.fail(&attempt.subject, why, ctx);
        }
        State::AwaitingProof { attempt, trouble, resend: resend.and_then(|ask| ask.on_time(ctx).ok()) }
    }
}

/// The proof was not taken; the attempt goes on.
pub(super) fn back(attempt: Attempt, trouble: RegistrationFailure) -> State {
    State::AwaitingProof { attempt, trouble: Some(trouble), resend: None }
}

fn retry(attempt: Attempt, ask: Ask, at_least: Duration, ctx: &mut Ctx<'_>) -> State {
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
