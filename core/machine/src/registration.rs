//! One line's registration: from the user's wish to a proven number and to its end (DESIGN 6).
//!
//! ```text
//! Idle ─register─> KeepingAsk ─durable─> Asking ─started─> AwaitingProof ─confirm─> KeepingProof ─durable─> Confirming
//!  ^                                                        │   ^  SMS, resend          (wrong proof) <──────────┤
//!  │<── failed, expired, cancelled, SIM gone ───────────────┘   └────────────────────────────────────────────────┤
//!  │<── withdrawn <── Withdrawing <── the same, but the server may have taken a proof ──────────────────────────┤
//!  │                                                                                                    confirmed│
//!  └──── over <── Unregistering <──────────── Registered <──durable── KeepingRegistered <────────────────────────┘
//! ```
//!
//! Nothing is asked before its row is durable (law 4), and an unknown outcome is asked again with the same bytes (law 6).
//! The token of an SMS lives in memory only: after a crash the user types the code or asks for another SMS.

mod ask;
mod end;
mod proof;
mod shown;
mod start;
mod tokens;
mod withdrawal;

use crate::ctx::{Ctx, SessionFacts};
use crate::view::{RegistrationFailure, RegistrationView, ResendRefusal};
use ask::Ask;
use std::time::Duration;
use tandem_model::rows::{Change, RegistrationPhase, RegistrationRow};
use tandem_model::vault::KeyHandle;
use tandem_model::{
    ImsiToken, KeyedImsiKey, Line, Mono, Msisdn, NumberEpoch, RegistrationId, SealingKey, SealingKeyId, ServerMillis,
    SimSlot, SmsToken, Ticket, WallMillis,
};
use tokens::{Held, Read};
use withdrawal::Withdrawal;

/// How long an attempt found in the database at boot goes on: its end is in server time, which this boot does not know
/// yet. The server ends it when it is really over.
const RESTORED_ATTEMPT: Duration = Duration::from_secs(15 * 60);

/// One line's registration.
#[derive(Debug)]
pub(crate) struct Registration {
    line: Line,
    state: State,
    /// What the app was told last.
    shown: Option<RegistrationView>,
    /// Tokens read in this boot, for whichever attempt.
    read: Read,
}

/// What a registration is about, from the first question to its end.
#[derive(Clone, Debug)]
struct Subject {
    number: Msisdn,
    key: KeyHandle,
    sealing_key: SealingKeyId,
    typed: bool,
    imsi: Option<ImsiToken>,
}

/// A registration the server knows of, waiting for its proof.
#[derive(Clone, Debug)]
struct Attempt {
    subject: Subject,
    id: RegistrationId,
    expires_at: ServerMillis,
    expires: Mono,
    /// As the user's clock shows it.
    expires_shown: WallMillis,
    imsi_key: KeyedImsiKey,
    resend: Resending,
    /// Tokens read from SMS.
    tokens: Held,
    /// Those of them that came while another SMS was being asked for: they may belong to the attempt its answer opens.
    overtaking: Held,
    /// A verification SMS came to another SIM meanwhile. Anyone can send one: the user is told, and nothing else changes.
    elsewhere: bool,
    /// The first sealing key, once it was made.
    sealing: Option<SealingKey>,
    /// A proof was sent whose answer never came, or did not last here: the server may hold this key registered.
    may_be_confirmed: bool,
}

/// When another SMS may be asked for.
#[derive(Clone, Copy, Debug)]
struct Resending {
    from: Mono,
    /// As the user's clock shows it.
    shown: WallMillis,
    refused: Option<ResendRefusal>,
}

impl Resending {
    fn after(wait: Duration, refused: Option<ResendRefusal>, ctx: &Ctx<'_>) -> Self {
        Self { from: ctx.now.mono.after(wait), shown: ctx.now.wall.after(wait), refused }
    }
}

/// A commit somebody waits for.
#[derive(Clone, Copy, Debug)]
struct Kept {
    commit: Ticket,
    until: Mono,
}

#[derive(Clone, Debug)]
enum Idle {
    Unregistered,
    NumberNeeded,
    Failed(Option<Msisdn>, RegistrationFailure),
}

/// What the user proves the number with.
#[derive(Clone, Debug)]
enum Proof {
    Token(SmsToken),
    Code(tandem_model::Secret<String>),
}

#[derive(Debug)]
enum State {
    Idle(Idle),
    KeepingAsk {
        subject: Subject,
        kept: Kept,
    },
    Asking {
        subject: Subject,
        ask: Ask,
        /// Tokens of SMS that overtook the server's reply.
        early: Held,
    },
    AwaitingProof {
        attempt: Attempt,
        /// What went wrong while the attempt goes on.
        trouble: Option<RegistrationFailure>,
        /// Another SMS is being asked for.
        resend: Option<Ask>,
    },
    KeepingProof {
        attempt: Attempt,
        proof: Proof,
        kept: Kept,
    },
    Confirming {
        attempt: Attempt,
        ask: Ask,
    },
    KeepingRegistered {
        attempt: Attempt,
        epoch: NumberEpoch,
        kept: Kept,
    },
    Registered {
        subject: Subject,
        epoch: NumberEpoch,
        imsi_key: KeyedImsiKey,
        since: WallMillis,
    },
    Unregistering {
        subject: Subject,
        epoch: NumberEpoch,
        /// Shown instead of "unregistering" when it was not the user who wanted it.
        because: Option<RegistrationFailure>,
        step: Leaving,
    },
    Withdrawing {
        subject: Subject,
        /// As in [`State::Unregistering`].
        because: Option<RegistrationFailure>,
        step: Withdrawal,
    },
}

/// How far the end of a registration is.
#[derive(Clone, Copy, Debug)]
enum Leaving {
    /// The wish is being made durable.
    Keeping(Kept),
    /// Waiting for a session to say it in.
    Waiting,
    /// Said; a session that is lost before the answer leads back to waiting.
    Said { ticket: Ticket, until: Mono },
    /// Refused for a while.
    Later(Mono),
}

impl Default for State {
    fn default() -> Self {
        State::Idle(Idle::Unregistered)
    }
}

/// Who a line is to the server: what a session is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub number: Msisdn,
    pub epoch: NumberEpoch,
    pub key: KeyHandle,
}

impl Registration {
    /// A line that was never registered.
    pub(crate) fn new(line: Line) -> Self {
        Self { line, state: State::default(), shown: None, read: Read::default() }
    }

    /// Goes on where the process ended.
    pub(crate) fn restore(&mut self, row: RegistrationRow, ctx: &mut Ctx<'_>) {
        let subject = Subject {
            number: row.number,
            key: row.key,
            sealing_key: row.sealing_key,
            typed: row.typed,
            imsi: row.imsi,
        };
        self.state = match row.phase {
            RegistrationPhase::Asking => start::asking(self.line, subject, ctx),
            RegistrationPhase::Proving { id, expires_at, imsi_key } => State::AwaitingProof {
                attempt: Attempt {
                    // Its id is taken just before a proof is sent.
                    may_be_confirmed: subject.sealing_key.0 > 0,
                    subject,
                    id,
                    expires_at,
                    expires: ctx.now.mono.after(RESTORED_ATTEMPT),
                    expires_shown: ctx.now.wall.after(RESTORED_ATTEMPT),
                    imsi_key,
                    resend: Resending::after(Duration::ZERO, None, ctx),
                    tokens: Held::default(),
                    overtaking: Held::default(),
                    elsewhere: false,
                    sealing: None,
                },
                trouble: None,
                resend: None,
            },
            RegistrationPhase::Registered { epoch, imsi_key, since } => {
                State::Registered { subject, epoch, imsi_key, since }
            }
            RegistrationPhase::Unregistering { epoch: Some(epoch) } => {
                State::Unregistering { subject, epoch, because: None, step: Leaving::Waiting }
            }
            RegistrationPhase::Unregistering { epoch: None } => withdrawal::begin(self.line, subject, None, ctx),
        };
        self.show(ctx);
    }

    /// The next sealing key's id, kept durably before the key is made, so that no id is ever used for two keys.
    pub(crate) fn next_sealing_key(&mut self) -> Option<(SealingKeyId, Change)> {
        let State::Registered { subject, epoch, imsi_key, since } = &mut self.state else {
            return None;
        };
        subject.sealing_key = SealingKeyId(subject.sealing_key.0.saturating_add(1));
        let phase = RegistrationPhase::Registered { epoch: *epoch, imsi_key: imsi_key.clone(), since: *since };
        Some((subject.sealing_key, Change::PutRegistration(row(self.line, subject, phase))))
    }

    /// Acts on every deadline that has come.
    pub(crate) fn handle_timeout(&mut self, session: Option<&SessionFacts>, ctx: &mut Ctx<'_>) {
        if self.poll_timeout().is_none_or(|(due, _)| due > ctx.now.mono) {
            return;
        }
        self.state = match std::mem::take(&mut self.state) {
            State::KeepingAsk { subject, .. } => self.fail(&subject, RegistrationFailure::StoreFailed, ctx),
            State::Asking { subject, ask, early } => self.ask_timeout(subject, ask, early, ctx),
            State::AwaitingProof { attempt, trouble, resend } => self.proof_timeout(attempt, trouble, resend, ctx),
            State::KeepingProof { attempt, .. } => proof::back(attempt, RegistrationFailure::StoreFailed),
            State::KeepingRegistered { attempt, .. } => proof::not_kept(attempt),
            State::Confirming { attempt, ask } => self.confirm_timeout(attempt, ask, ctx),
            State::Unregistering { subject, epoch, because, .. } => {
                end::say(self.line, subject, epoch, because, session, ctx)
            }
            State::Withdrawing { subject, because, step } => withdrawal::go_on(self.line, subject, because, step, ctx),
            idle @ (State::Idle(_) | State::Registered { .. }) => idle,
        };
        self.show(ctx);
    }

    /// The store answered one of our commits. False when the ticket is none of ours.
    pub(crate) fn committed(
        &mut self,
        ticket: Ticket,
        durable: bool,
        session: Option<&SessionFacts>,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        if self.waits_for_commit() != Some(ticket) {
            return false;
        }
        self.state = match (std::mem::take(&mut self.state), durable) {
            (State::KeepingAsk { subject, .. }, true) => start::asking(self.line, subject, ctx),
            (State::KeepingAsk { subject, .. }, false) => self.fail(&subject, RegistrationFailure::StoreFailed, ctx),
            (State::KeepingProof { attempt, proof, .. }, true) => self.confirm(attempt, &proof, ctx),
            (State::KeepingProof { attempt, .. }, false) => proof::back(attempt, RegistrationFailure::StoreFailed),
            (State::KeepingRegistered { attempt, .. }, false) => proof::not_kept(attempt),
            (State::KeepingRegistered { attempt, epoch, .. }, true) => {
                State::Registered { subject: attempt.subject, epoch, imsi_key: attempt.imsi_key, since: ctx.now.wall }
            }
            // A wish that cannot be kept is said all the same: should the process die, the server refuses the next session.
            (State::Unregistering { subject, epoch, because, .. }, true | false) => {
                end::say(self.line, subject, epoch, because, session, ctx)
            }
            (State::Withdrawing { subject, because, step }, true | false) => {
                withdrawal::go_on(self.line, subject, because, step, ctx)
            }
            (
                other @ (State::Idle(_)
                | State::Asking { .. }
                | State::AwaitingProof { .. }
                | State::Confirming { .. }
                | State::Registered { .. }),
                _,
            ) => other,
        };
        self.show(ctx);
        true
    }

    fn waits_for_commit(&self) -> Option<Ticket> {
        match &self.state {
            State::KeepingAsk { kept, .. }
            | State::KeepingProof { kept, .. }
            | State::KeepingRegistered { kept, .. }
            | State::Unregistering { step: Leaving::Keeping(kept), .. }
            | State::Withdrawing { step: Withdrawal::Keeping(kept), .. } => Some(kept.commit),
            State::Idle(_)
            | State::Asking { .. }
            | State::AwaitingProof { .. }
            | State::Confirming { .. }
            | State::Registered { .. }
            | State::Unregistering { .. }
            | State::Withdrawing { .. } => None,
        }
    }

    fn fail(&self, subject: &Subject, why: RegistrationFailure, ctx: &mut Ctx<'_>) -> State {
        failed(self.line, subject, why, ctx)
    }

    fn forget(&self, subject: &Subject, ctx: &mut Ctx<'_>) {
        forget(self.line, subject, ctx);
    }
}

/// Ends what the server need not hear of.
fn failed(line: Line, subject: &Subject, why: RegistrationFailure, ctx: &mut Ctx<'_>) -> State {
    forget(line, subject, ctx);
    State::Idle(Idle::Failed(Some(subject.number), why))
}

fn forget(line: Line, subject: &Subject, ctx: &mut Ctx<'_>) {
    ctx.vault.forget(subject.key);
    ctx.commit(vec![Change::DropRegistration(line), Change::DropMarks(line)]);
}

fn identity(subject: &Subject, epoch: NumberEpoch) -> Identity {
    Identity { number: subject.number, epoch, key: subject.key }
}

fn row(line: Line, subject: &Subject, phase: RegistrationPhase) -> RegistrationRow {
    RegistrationRow {
        line,
        number: subject.number,
        key: subject.key,
        sealing_key: subject.sealing_key,
        typed: subject.typed,
        imsi: subject.imsi,
        phase,
    }
}

fn keep(change: Change, ctx: &mut Ctx<'_>) -> Kept {
    Kept { commit: ctx.commit(vec![change]), until: ctx.now.mono.after(ctx.config.commit_budget) }
}

/// The token of the SIM that is in the slot, where the OS gives its IMSI.
fn imsi_token(key: &KeyedImsiKey, sim: Option<&SimSlot>, ctx: &Ctx<'_>) -> Option<ImsiToken> {
    sim.and_then(|sim| sim.imsi.as_ref()).map(|imsi| ctx.vault.imsi_token(key, imsi))
}

#[cfg(test)]
mod tests;
