//! What the server asks of its store: one use case each, atomic and fenced, never a row to read, change and write back.
//!
//! Everything a decision depends on (tries, budgets, epochs, who won a swap) is decided inside the operation, against
//! what is durable. Each answer in [`crate::store_answer`] comes when its change is durable. Every operation may be
//! asked twice with the same arguments and then changes nothing the second time, except that budgets count.

use crate::config::Allowance;
use crate::lookup_op::LookupOp;
use crate::matching::{MatchOp, Showing};
use std::fmt;
use std::time::Duration;
use tandem_model::{
    DeviceKey, ImsiToken, Msisdn, NumberEpoch, RegistrationId, SealedBody, SealingKey, SenderSeq, ServerMillis,
    TerminalState, TextId,
};

/// One use case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// The first of a process: sets who may be seen, and works out again what follows from it when it changed.
    /// Answer: `Done`.
    Begin {
        /// Who may be seen.
        showing: Showing,
    },
    /// Counts the budgets and opens an attempt, or counts them and finds the open one of the same number and key.
    /// Answer: `Started`.
    StartRegistration(StartRegistration),
    /// Gives back what an SMS cost that certainly never left, once, and lets the next one go at once. Answer: `Done`.
    TakeBackSms(TakeBackSms),
    /// Looks an attempt up, to check a proof against it. Answer: `Attempt`.
    FindAttempt {
        /// Which.
        id: RegistrationId,
    },
    /// Counts a try; a proven one consumes the attempt and makes its key the number's owner. Answer: `Confirmed`.
    ConfirmRegistration(ConfirmRegistration),
    /// Ends the registration if its epoch is still the present one. Answer: `OwnerEnded`, `Fenced`.
    EndRegistration {
        /// Whose.
        owner: Owner,
    },
    /// Ends the registration if this key is the number's present owner, and forgets the attempts of both. Answer: `Withdrawn`.
    WithdrawRegistration {
        /// The number.
        number: Msisdn,
        /// The key.
        device_key: DeviceKey,
    },
    /// Looks up who owns, or once owned, this epoch of a number. Answer: `SessionKey`.
    FindSessionKey {
        /// Which.
        owner: Owner,
    },
    /// Moves leases forward, each only if its epoch is still the present one. Answer: `Viewers`, of those whose lease had run
    /// out: they see a phone that is back.
    RenewLeases {
        /// Whose, and until when.
        leases: Vec<(Owner, ServerMillis)>,
    },
    /// A phone is known to be out of reach: its lease ends now, whatever it was renewed to, and its registration stays.
    /// Answer: `Viewers`, of nobody where no lease ran.
    EndLease {
        /// Whose.
        number: Msisdn,
    },
    /// Sets the sealing key that others seal to; an older rotation than the present one changes nothing.
    /// Answer: `Viewers`, `Fenced`.
    PublishSealingKey {
        /// Whose.
        owner: Owner,
        /// The key.
        key: SealingKey,
    },
    /// Contacts and marks.
    Match(MatchOp),
    /// Who lets whom learn where it is.
    Lookup(LookupOp),
    /// Takes a text in, once. Answer: `Text`, `Fenced`.
    StoreText(StoreText),
    /// Ends a waiting text of the sender's, or leaves the end behind for a text not seen yet. Answer: `Swapped`, `Fenced`.
    SwapText(SwapText),
    /// These texts are durable at their recipient: they end as delivered unless they ended before. Answer: `Ends`.
    TakeTexts {
        /// The recipient.
        owner: Owner,
        /// Sender and id.
        texts: Vec<(Msisdn, TextId)>,
    },
    /// Texts waiting for a recipient, in the order they came. Answer: `Texts`, `Fenced`.
    TextsWaiting {
        /// The recipient.
        owner: Owner,
        /// Only those that came after this place.
        after: u64,
        /// At most so many.
        limit: u32,
        /// Stops before the text that exceeds so many bytes, but gives at least one.
        bytes: usize,
    },
    /// Ends a sender does not know yet, in the order they happened. Answer: `Ends`.
    EndsOwed {
        /// The sender.
        owner: Owner,
        /// Only those after this place.
        after: u64,
        /// At most so many.
        limit: u32,
    },
    /// The sender holds these ends. Answer: `Done`.
    TakeEnds {
        /// The sender.
        owner: Owner,
        /// Which.
        ids: Vec<TextId>,
    },
    /// The recipient read these texts; only those delivered to this very owner count. Answer: `Reads`.
    StoreReads {
        /// The recipient.
        owner: Owner,
        /// The sender of the texts.
        sender: Msisdn,
        /// Which.
        ids: Vec<TextId>,
    },
    /// Read receipts a sender does not know yet. Answer: `Reads`.
    ReadsOwed {
        /// The sender.
        owner: Owner,
        /// Only those after this place.
        after: u64,
        /// At most so many.
        limit: u32,
    },
    /// The sender holds these read receipts. Answer: `Done`.
    TakeReads {
        /// The sender.
        owner: Owner,
        /// Who read.
        by: Msisdn,
        /// Which.
        ids: Vec<TextId>,
    },
    /// Ends what ran out: texts, attempts, silent registrations, old budgets and old ids. Answer: `Swept`.
    Sweep {
        /// Registrations whose lease ran out before this end.
        silent_before: ServerMillis,
        /// Texts that ended before this are forgotten.
        forget_before: ServerMillis,
        /// At most so many of each kind.
        limit: u32,
    },
}

/// A number and the epoch of its owner: the fence of everything a session asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The number.
    pub number: Msisdn,
    /// Which owner of it.
    pub epoch: NumberEpoch,
}

/// One count against a budget. An operation with several counts all of them or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// Which kind.
    pub kind: BudgetKind,
    /// Whom or what it is about. What is secret in it was digested.
    pub about: (u64, u64),
    /// How many units this takes, at least 1.
    pub units: u32,
    /// How often it may be.
    pub allowance: Allowance,
}

impl fmt::Debug for Charge {
    /// Without whom it is about, who may be a number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Charge { kind, about: _, units, allowance } = self;
        f.debug_struct("Charge").field("kind", kind).field("units", units).field("allowance", allowance).finish()
    }
}

impl Charge {
    /// One unit about a number.
    #[must_use]
    pub const fn about_number(kind: BudgetKind, number: Msisdn, allowance: Allowance) -> Charge {
        Charge { kind, about: (number.as_u64(), 0), units: 1, allowance }
    }
}

/// What a budget limits. The numbers are stored: never renumber them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum BudgetKind {
    /// Verification SMS to a number.
    SmsNumber = 1,
    /// Verification SMS to numbers of one prefix.
    SmsPrefix = 2,
    /// Verification SMS asked for by a source.
    SmsSource = 3,
    /// Gate questions of a caller about a callee.
    GatePair = 4,
    /// Gate questions of a caller.
    GateCaller = 5,
    /// Tokens an owner tells for the first time.
    NewContacts = 6,
    /// Texts of a sender.
    Texts = 7,
    /// Swaps of texts never seen, of a sender.
    UnseenSwaps = 8,
    /// Lookups of a phone about a number.
    LookupPair = 20,
    /// Lookups of a phone.
    LookupAsker = 21,
}

/// Opens an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRegistration {
    /// The id of a new attempt; an open one of the same number and key keeps its own.
    pub id: RegistrationId,
    /// The number to prove.
    pub number: Msisdn,
    /// The key that asks.
    pub device_key: DeviceKey,
    /// Digest of the new attempt's token, bound to id and key.
    pub token_digest: [u8; 32],
    /// Digest of the new attempt's code, bound to id and key.
    pub code_digest: [u8; 32],
    /// A new attempt's end.
    pub expires_at: ServerMillis,
    /// Wrong proofs a new attempt survives.
    pub tries: u32,
    /// An open attempt gets its next SMS no sooner than this after the last.
    pub resend_after: Duration,
    /// Budgets, asked in this order.
    pub charges: Vec<Charge>,
}

/// Gives back what an SMS cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeBackSms {
    /// The attempt it was for.
    pub id: RegistrationId,
    /// When its `StartRegistration` was asked; fences: nothing is given back for any other SMS, nor twice.
    pub ordered_at: ServerMillis,
    /// Of what was charged then, what is given back.
    pub charges: Vec<Charge>,
}

/// Counts a try and, when proven, changes the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmRegistration {
    /// The attempt.
    pub id: RegistrationId,
    /// Whether the proof was right.
    pub proven: bool,
    /// Token of the IMSI, where the OS gave it.
    pub imsi: Option<ImsiToken>,
    /// First sealing key.
    pub sealing_key: SealingKey,
    /// The lease's end.
    pub lease_until: ServerMillis,
}

/// Takes a text in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreText {
    /// Who sends; fences.
    pub sender: Owner,
    /// The text's id at its sender.
    pub id: TextId,
    /// The recipient, who must show itself to the sender and be the owner it is meant for.
    pub to: Owner,
    /// Its place among the sender's texts to that number.
    pub seq: SenderSeq,
    /// The body.
    pub sealed: SealedBody,
    /// It waits until then.
    pub expires_at: ServerMillis,
    /// The text sent just before to the same number, when its answer is still open: without it this one is not stored,
    /// so that a failure in the middle never changes the order.
    pub behind: Option<TextId>,
    /// Texts the mailbox may hold.
    pub mailbox_texts: u32,
    /// Bytes the mailbox may hold.
    pub mailbox_bytes: u64,
    /// Budgets.
    pub charges: Vec<Charge>,
}

/// Ends a waiting text from its sender's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapText {
    /// Who sent it; fences.
    pub sender: Owner,
    /// Which.
    pub id: TextId,
    /// To whom, for a text not seen yet.
    pub to: Msisdn,
    /// The end to set: cancelled or handed to SMS.
    pub end: TerminalState,
    /// Budgets for a text not seen yet.
    pub charges: Vec<Charge>,
}
