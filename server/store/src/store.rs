//! The trait every store implements.

use tandem_logic::matching::{LinkId, LinkVerdict, PendingLink, Showing, SyncTokens, ToldTokens};
use tandem_logic::store_answer::{
    Admission, Aftermath, Attempt, ConfirmOutcome, EndOwed, KeysOutcome, ReadOwed, SessionKey, Settled, StartOutcome,
    SwapOutcome, TextOutcome, TokensOutcome, WaitingText,
};
use tandem_logic::store_op::{Charge, ConfirmRegistration, Owner, StartRegistration, StoreText, SwapText, TakeBackSms};
use tandem_logic::{StoreAnswer, StoreFault};
use tandem_model::{
    DeviceKey, Mark, MarkGeneration, MarkKeyId, MarkPublicKey, MarkToken, Msisdn, RegistrationId, SealingKey,
    ServerMillis, TextId,
};
use tandem_resolver::{Changes, Id, Reboot, Session};

/// Why a use case changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The asking epoch is not the number's present one.
    #[error("the number has another owner")]
    Fenced,
    /// The store failed.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}

/// What a use case gives.
pub type Outcome<T> = Result<T, Refusal>;

/// Marks that changed, and the generation they bring to.
pub type MarksChanged = (MarkGeneration, Vec<Mark>);

/// A part of something longer, and whether it is the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// None is left behind the last of them.
    pub complete: bool,
}

/// What a sweep ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Texts.
    pub ends: Vec<EndOwed>,
    /// Registrations.
    pub owners: Vec<Owner>,
    /// Who must be told of the registrations' end.
    pub aftermath: Aftermath,
    /// Some kind had more than the limit.
    pub more: bool,
}

/// Who told which tokens, whom they link, and who sees whose mark.
pub trait Matching {
    /// [`tandem_logic::MatchOp::SetKeys`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn set_keys(&mut self, keys: &[(MarkKeyId, MarkPublicKey)]) -> Outcome<KeysOutcome>;

    /// [`tandem_logic::MatchOp::Told`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn told(&mut self, owner: Owner) -> Outcome<(bool, Vec<ToldTokens>)>;

    /// [`tandem_logic::MatchOp::SyncTokens`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn sync_tokens(&mut self, at: ServerMillis, op: &SyncTokens) -> Outcome<TokensOutcome>;

    /// [`tandem_logic::MatchOp::SetOpen`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn set_open(&mut self, owner: Owner, open: bool) -> Outcome<Settled>;

    /// [`tandem_logic::MatchOp::PendingLinks`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn pending_links(&mut self, after: LinkId, limit: u32) -> Outcome<Vec<PendingLink>>;

    /// [`tandem_logic::MatchOp::SettleLinks`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn settle_links(&mut self, verdicts: &[(LinkId, LinkVerdict)]) -> Outcome<Settled>;

    /// [`tandem_logic::MatchOp::OpensDue`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn opens_due(&mut self, limit: u32) -> Outcome<(Vec<(Owner, MarkKeyId)>, bool)>;

    /// [`tandem_logic::MatchOp::PutOpens`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn put_opens(&mut self, opens: &[(Owner, MarkKeyId, MarkToken)]) -> Outcome<Settled>;

    /// [`tandem_logic::MatchOp::LinkOpens`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn link_opens(&mut self, limit: u32) -> Outcome<Settled>;

    /// [`tandem_logic::MatchOp::MarksSince`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn marks_since(&mut self, viewer: Owner, since: MarkGeneration) -> Outcome<MarksChanged>;

    /// [`tandem_logic::MatchOp::AdmitGate`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn admit_gate(&mut self, at: ServerMillis, caller: Owner, callee: Msisdn, charges: &[Charge])
    -> Outcome<Admission>;
}

/// Sessions of subscribers as their access network reports them, from which the resolver's bindings follow. Their order and
/// meaning are the resolver's; a store keeps what it is given.
pub trait Attached {
    /// Keeps sessions in the place of what they were, and restarts; forgets what is to be forgotten.
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn keep_attached(&mut self, changes: &Changes) -> Outcome<()>;

    /// Sessions in the order of their ids, from behind one on.
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn attached_after(&mut self, after: Option<Id>, limit: u32) -> Outcome<Page<Session>>;

    /// Every restart of a NAS.
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn restarts(&mut self) -> Outcome<Vec<Reboot>>;
}

/// Every use case of [`tandem_logic::StoreOp`], and the group they are made durable in.
///
/// A change is durable when the group it was made in is committed, and must not be acknowledged before.
pub trait Store: Matching + Attached {
    /// [`tandem_logic::StoreOp::Begin`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn begin(&mut self, showing: Showing) -> Outcome<()>;

    /// [`tandem_logic::StoreOp::StartRegistration`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn start_registration(&mut self, at: ServerMillis, op: &StartRegistration) -> Outcome<StartOutcome>;

    /// [`tandem_logic::StoreOp::TakeBackSms`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn take_back_sms(&mut self, at: ServerMillis, op: &TakeBackSms) -> Outcome<()>;

    /// [`tandem_logic::StoreOp::FindAttempt`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn find_attempt(&mut self, at: ServerMillis, id: RegistrationId) -> Outcome<Option<Attempt>>;

    /// [`tandem_logic::StoreOp::ConfirmRegistration`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn confirm_registration(&mut self, at: ServerMillis, op: &ConfirmRegistration) -> Outcome<ConfirmOutcome>;

    /// [`tandem_logic::StoreOp::EndRegistration`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn end_registration(&mut self, at: ServerMillis, owner: Owner) -> Outcome<Aftermath>;

    /// [`tandem_logic::StoreOp::WithdrawRegistration`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn withdraw_registration(
        &mut self,
        at: ServerMillis,
        number: Msisdn,
        device_key: DeviceKey,
    ) -> Outcome<Option<(Owner, Aftermath)>>;

    /// [`tandem_logic::StoreOp::FindSessionKey`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn find_session_key(&mut self, owner: Owner) -> Outcome<SessionKey>;

    /// [`tandem_logic::StoreOp::RenewLeases`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn renew_leases(&mut self, leases: &[(Owner, ServerMillis)]) -> Outcome<()>;

    /// [`tandem_logic::StoreOp::EndLease`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn end_lease(&mut self, at: ServerMillis, number: Msisdn) -> Outcome<Vec<Msisdn>>;

    /// [`tandem_logic::StoreOp::PublishSealingKey`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn publish_sealing_key(&mut self, owner: Owner, key: &SealingKey) -> Outcome<Vec<Msisdn>>;

    /// [`tandem_logic::StoreOp::StoreText`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn store_text(&mut self, at: ServerMillis, op: &StoreText) -> Outcome<TextOutcome>;

    /// [`tandem_logic::StoreOp::SwapText`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn swap_text(&mut self, at: ServerMillis, op: &SwapText) -> Outcome<SwapOutcome>;

    /// [`tandem_logic::StoreOp::TakeTexts`]. Gives those that ended by it.
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn take_texts(&mut self, at: ServerMillis, owner: Owner, texts: &[(Msisdn, TextId)]) -> Outcome<Vec<EndOwed>>;

    /// [`tandem_logic::StoreOp::TextsWaiting`].
    ///
    /// # Errors
    /// [`Refusal::Fenced`], [`Refusal::Fault`].
    fn texts_waiting(
        &mut self,
        at: ServerMillis,
        owner: Owner,
        after: u64,
        limit: u32,
        bytes: usize,
    ) -> Outcome<Page<WaitingText>>;

    /// [`tandem_logic::StoreOp::EndsOwed`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn ends_owed(&mut self, owner: Owner, after: u64, limit: u32) -> Outcome<Page<EndOwed>>;

    /// [`tandem_logic::StoreOp::TakeEnds`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn take_ends(&mut self, owner: Owner, ids: &[TextId]) -> Outcome<()>;

    /// [`tandem_logic::StoreOp::StoreReads`]. Gives those that are new.
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn store_reads(&mut self, owner: Owner, sender: Msisdn, ids: &[TextId]) -> Outcome<Vec<ReadOwed>>;

    /// [`tandem_logic::StoreOp::ReadsOwed`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn reads_owed(&mut self, owner: Owner, after: u64, limit: u32) -> Outcome<Page<ReadOwed>>;

    /// [`tandem_logic::StoreOp::TakeReads`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn take_reads(&mut self, owner: Owner, by: Msisdn, ids: &[TextId]) -> Outcome<()>;

    /// [`tandem_logic::StoreOp::Sweep`].
    ///
    /// # Errors
    /// [`Refusal::Fault`].
    fn sweep(
        &mut self,
        at: ServerMillis,
        silent_before: ServerMillis,
        forget_before: ServerMillis,
        limit: u32,
    ) -> Outcome<Swept>;

    /// Opens a group.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of the group may be asked.
    fn begin_group(&mut self) -> Result<(), StoreFault>;

    /// Opens one use case of the group.
    ///
    /// # Errors
    /// [`StoreFault`]; then the use case may not be asked.
    fn begin_one(&mut self) -> Result<(), StoreFault>;

    /// Keeps one use case, or undoes all it changed.
    ///
    /// # Errors
    /// [`StoreFault`]; then the group is lost.
    fn end_one(&mut self, keep: bool) -> Result<(), StoreFault>;

    /// Makes the group durable.
    ///
    /// # Errors
    /// [`StoreFault`]; then nothing of the group was kept.
    fn commit_group(&mut self) -> Result<(), StoreFault>;

    /// Undoes the whole group.
    fn undo_group(&mut self);
}

/// An answer from what a use case gave.
pub(crate) fn answer<T>(outcome: Outcome<T>, wrap: impl FnOnce(T) -> StoreAnswer) -> StoreAnswer {
    match outcome {
        Ok(value) => wrap(value),
        Err(Refusal::Fenced) => StoreAnswer::Fenced,
        Err(Refusal::Fault(fault)) => StoreAnswer::Failed(fault),
    }
}
