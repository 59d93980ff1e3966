//! What the store answers. A change is durable when its answer comes.

use crate::matching::{PendingLink, ToldTokens};
use crate::store_op::{BudgetKind, Owner, StoreText};
use std::time::Duration;
use tandem_model::{
    DeviceKey, Mark, MarkGeneration, MarkKeyId, Msisdn, NumberEpoch, RegistrationId, SealedBody, SenderSeq,
    ServerMillis, TerminalState, TextId,
};

/// The answer to one [`crate::StoreOp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAnswer {
    /// Nothing was changed.
    Failed(StoreFault),
    /// The asking epoch is not the number's present one: the session is over. Nothing was changed.
    Fenced,
    /// Done.
    Done,
    /// To `StartRegistration`.
    Started(StartOutcome),
    /// To `FindAttempt`: absent when it was never made, is over or is used.
    Attempt(Option<Attempt>),
    /// To `ConfirmRegistration`.
    Confirmed(ConfirmOutcome),
    /// To `EndRegistration`.
    OwnerEnded(Aftermath),
    /// To `WithdrawRegistration`: whose registration ended by it, if there was one.
    Withdrawn(Option<(Owner, Aftermath)>),
    /// To `FindSessionKey`.
    SessionKey(SessionKey),
    /// To `PublishSealingKey` and `EndLease`: who sees that owner's mark.
    Viewers(Vec<Msisdn>),
    /// To `SetKeys`.
    Keys(KeysOutcome),
    /// To `Told`.
    Told {
        /// Whether the owner opened its mark.
        open: bool,
        /// What is held under each key, ascending; nothing is said of keys under which nothing is held.
        told: Vec<ToldTokens>,
    },
    /// To `SyncTokens`.
    Tokens(TokensOutcome),
    /// To `PendingLinks`, in order.
    Links(Vec<PendingLink>),
    /// To `OpensDue`.
    OpensDue {
        /// The first of them.
        due: Vec<(Owner, MarkKeyId)>,
        /// Asking again once these are made finds more.
        more: bool,
    },
    /// To `SetOpen`, `SettleLinks`, `PutOpens` and `LinkOpens`.
    Settled(Settled),
    /// To `MarksSince`.
    Marks {
        /// The generation these bring the viewer to.
        generation: MarkGeneration,
        /// What changed.
        marks: Vec<Mark>,
    },
    /// To `AdmitGate`.
    Admission(Admission),
    /// To `StoreText`, with the question given back.
    Text {
        /// What became of it.
        outcome: TextOutcome,
        /// The question.
        text: Box<StoreText>,
    },
    /// To `SwapText`.
    Swapped(SwapOutcome),
    /// To `TextsWaiting`.
    Texts {
        /// In the order they came.
        texts: Vec<WaitingText>,
        /// None is left behind the last of them.
        complete: bool,
    },
    /// To `TakeTexts` (those that ended by it) and `EndsOwed`.
    Ends {
        /// In the order they happened.
        ends: Vec<EndOwed>,
        /// None is left behind the last of them.
        complete: bool,
    },
    /// To `StoreReads` (those that are new) and `ReadsOwed`.
    Reads {
        /// In the order they happened.
        reads: Vec<ReadOwed>,
        /// None is left behind the last of them.
        complete: bool,
    },
    /// To `Sweep`.
    Swept {
        /// Texts that ended.
        ends: Vec<EndOwed>,
        /// Registrations that ended.
        owners: Vec<Owner>,
        /// What their end leaves to be told.
        aftermath: Aftermath,
        /// Some kind had more than the limit.
        more: bool,
    },
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// The disk is full. Texts are refused; acknowledgements still go through.
    #[error("the disk is full")]
    Full,
    /// The database failed. The shell looks at it; asking again later may work.
    #[error("the database failed")]
    Broken,
    /// No answer in time. Whether it was done is unknown.
    #[error("the store did not answer in time")]
    Late,
}

/// To `StartRegistration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// The attempt is open and durable.
    Open {
        /// Its id: the one asked with, or the open one's.
        id: RegistrationId,
        /// Its end.
        expires_at: ServerMillis,
    },
    /// An SMS of this attempt was ordered too short a time ago.
    TooSoon {
        /// Worth another try after this.
        retry_after: Duration,
    },
    /// A budget is used up.
    Spent(Spent),
}

/// A budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Which.
    pub kind: BudgetKind,
    /// Worth another try after this.
    pub retry_after: Duration,
}

/// An open attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The number to prove.
    pub number: Msisdn,
    /// The key that asked.
    pub device_key: DeviceKey,
    /// What the token's digest must be.
    pub token_digest: [u8; 32],
    /// What the code's digest must be.
    pub code_digest: [u8; 32],
    /// How many wrong proofs it still survives.
    pub tries_left: u32,
}

/// To `ConfirmRegistration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfirmOutcome {
    /// The key owns the number.
    Registered {
        /// The number and the key's epoch of it.
        owner: Owner,
        /// Whether the epoch is new: then older sessions of the number are over.
        new_epoch: bool,
        /// What the change leaves to be told.
        aftermath: Aftermath,
    },
    /// The proof was wrong and that is counted.
    Wrong {
        /// How many are left.
        tries_left: u32,
    },
    /// The tries were used up before.
    UsedUp,
    /// The attempt is over or was never made.
    Gone,
}

/// Who must be told after an owner came or went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aftermath {
    /// Whose marks changed.
    pub viewers: Vec<Msisdn>,
    /// Whose texts ended.
    pub senders: Vec<Msisdn>,
}

/// To `FindSessionKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKey {
    /// The present owner.
    Present {
        /// Verifies the session.
        device_key: DeviceKey,
        /// Its lease's end.
        lease_until: ServerMillis,
    },
    /// An owner that was replaced by another key.
    Replaced {
        /// Verifies that the asking phone was that owner, and may know.
        device_key: DeviceKey,
    },
    /// Never registered, or ended.
    Unknown,
}

/// To `SetKeys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysOutcome {
    /// These live.
    Set,
    /// This one was known with another public half: tokens made with either do not go together, and nothing was changed.
    Changed(MarkKeyId),
}

/// To `SyncTokens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokensOutcome {
    /// Changed.
    Synced {
        /// Whose marks changed.
        viewers: Vec<Msisdn>,
        /// Links wait for the key holder.
        pending: bool,
    },
    /// Under a key that does not live.
    UnknownKey,
    /// More tokens than are allowed.
    TooMany,
    /// The budget is used up.
    Spent(Spent),
}

/// What a change of links leaves to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Whose marks changed.
    pub viewers: Vec<Msisdn>,
    /// Pairs that turned out to be none.
    pub forged: u32,
    /// Links wait for the key holder.
    pub pending: bool,
    /// Own tokens are wanted and missing.
    pub opens_due: bool,
    /// Holders of opened numbers are still to be linked.
    pub more: bool,
}

/// To `AdmitGate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The callee shows itself to the caller.
    Permitted {
        /// The callee's present epoch.
        epoch: NumberEpoch,
    },
    /// It does not, for whatever reason.
    Stranger,
    /// A budget is used up.
    Spent(Spent),
}

/// To `StoreText`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextOutcome {
    /// It is stored, for the first time.
    Stored {
        /// Its place among all that came.
        order: u64,
    },
    /// This id came before.
    Known {
        /// When it was stored; absent when its sender ended it before it came.
        stored_at: Option<ServerMillis>,
        /// Its end, if it has one.
        end: Option<(TerminalState, ServerMillis)>,
    },
    /// The recipient does not show itself to the sender.
    NotAvailable,
    /// The recipient's number has another owner.
    RecipientChanged,
    /// The mailbox is full.
    MailboxFull,
    /// A budget is used up.
    Spent(Spent),
    /// The text before it was not stored.
    Behind,
}

/// To `SwapText`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapOutcome {
    /// The text's one end, whoever set it.
    End {
        /// Which.
        end: TerminalState,
        /// When.
        at: ServerMillis,
    },
    /// A budget is used up.
    Spent(Spent),
}

/// A text waiting for its recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingText {
    /// Its place among all that came.
    pub order: u64,
    /// The sender.
    pub from: Owner,
    /// Its id.
    pub id: TextId,
    /// Its place among the sender's.
    pub seq: SenderSeq,
    /// The body.
    pub sealed: SealedBody,
    /// When it was stored.
    pub stored_at: ServerMillis,
}

/// An end its sender does not know yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOwed {
    /// Its place among all that happened.
    pub order: u64,
    /// To whom it is owed.
    pub sender: Owner,
    /// Which text.
    pub id: TextId,
    /// Its recipient.
    pub to: Msisdn,
    /// How it ended.
    pub state: TerminalState,
    /// When.
    pub at: ServerMillis,
}

/// A read receipt its sender does not know yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOwed {
    /// Its place among all that happened.
    pub order: u64,
    /// To whom it is owed: the sender of the text.
    pub sender: Owner,
    /// Who read.
    pub by: Msisdn,
    /// Which text.
    pub id: TextId,
}
