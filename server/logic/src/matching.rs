//! The one seam through which phone books are matched: nothing else asks who holds whose number (N10).
//!
//! Phones tell tokens (see [`tandem_model::pseudonym`]). A token of a pair that two owners told makes a *link* between them; a
//! token of a number that one told and the number's owner opened makes a link from the one to the other. A link waits until
//! the key holder has confirmed it, and only then makes a mark. What is visible is decided when something changes, and kept,
//! never worked out on the way to an answer: so that a change nobody may see (a stranger's contact registers) cannot show as
//! a change.

use crate::config::MarkPolicy;
use crate::store_op::{Charge, Owner};
use tandem_model::{MarkGeneration, MarkKeyId, MarkPublicKey, MarkToken, Msisdn};

/// What is asked of the matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchOp {
    /// Sets the keys that live, and begins to forget what was told under others. Answer: `Keys`.
    SetKeys {
        /// All that live, ascending.
        keys: Vec<(MarkKeyId, MarkPublicKey)>,
    },
    /// What is held of an owner. Answer: `Told`, `Fenced`.
    Told {
        /// Whose.
        owner: Owner,
    },
    /// Changes the tokens of an owner. Answer: `Tokens`, `Fenced`.
    SyncTokens(SyncTokens),
    /// Whether whoever holds the owner's number may see its mark, where the policy leaves that to it. Answer: `Settled`,
    /// `Fenced`.
    SetOpen {
        /// Whose.
        owner: Owner,
        /// Whether.
        open: bool,
    },
    /// Links to be confirmed, in the order they came up. Answer: `Links`.
    PendingLinks {
        /// Only those after this one.
        after: LinkId,
        /// At most so many.
        limit: u32,
    },
    /// What the key holder says of links. One that changed meanwhile has another id, and keeps waiting. Answer: `Settled`.
    SettleLinks {
        /// Each with the verdict.
        verdicts: Vec<(LinkId, LinkVerdict)>,
    },
    /// Owners whose token of their own number is wanted and missing; the first so many. Answer: `OpensDue`.
    OpensDue {
        /// At most so many.
        limit: u32,
    },
    /// Tokens of owners' own numbers, made by the key holder. Those that are not wanted any more change nothing.
    /// Answer: `Settled`.
    PutOpens {
        /// Of whom, under which key.
        opens: Vec<(Owner, MarkKeyId, MarkToken)>,
    },
    /// Goes on linking holders of opened numbers to their owners, which takes several steps for a number that many hold.
    /// Answer: `Settled`.
    LinkOpens {
        /// At most so many holders.
        limit: u32,
    },
    /// What an owner may see and has not seen since a generation; everything it may see for generation zero.
    /// Answer: `Marks`, `Fenced`.
    MarksSince {
        /// Who looks.
        viewer: Owner,
        /// The newest generation it has.
        since: MarkGeneration,
    },
    /// Counts the budgets and says whether the callee shows itself to the caller. Answer: `Admission`, `Fenced`.
    AdmitGate {
        /// Who asks.
        caller: Owner,
        /// About whom.
        callee: Msisdn,
        /// Budgets, counted whatever the answer is.
        charges: Vec<Charge>,
    },
}

/// Who may be seen, as the operator set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Showing {
    /// Who sees a mark.
    pub policy: MarkPolicy,
    /// Whether a phone may open its mark to whoever holds its number, with [`MarkPolicy::Reciprocal`].
    pub opening: bool,
}

impl Showing {
    /// Whether phones are to tell tokens of numbers beside those of pairs.
    #[must_use]
    pub const fn wants_open(self) -> bool {
        self.opening || matches!(self.policy, MarkPolicy::Registered)
    }

    /// Whether the mark of somebody who opened it, or did not, shows to whoever holds the number.
    #[must_use]
    pub const fn shows(self, opened: bool) -> bool {
        match self.policy {
            MarkPolicy::Registered => true,
            MarkPolicy::Reciprocal => self.opening && opened,
        }
    }
}

/// Changes the tokens of an owner under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncTokens {
    /// Whose.
    pub owner: Owner,
    /// Under which key.
    pub key: MarkKeyId,
    /// Begins a full sync: what is not named again by its end is forgotten then, blocked ones too.
    pub replace: bool,
    /// Ends a full sync, if one is under way.
    pub last: bool,
    /// Tokens of contacts.
    pub added: Vec<MarkToken>,
    /// Tokens to forget, of contacts.
    pub removed: Vec<MarkToken>,
    /// Tokens of pairs with numbers that may not see the owner.
    pub blocked: Vec<MarkToken>,
    /// Tokens to forget, of blocked numbers.
    pub unblocked: Vec<MarkToken>,
    /// Tokens of contacts it may hold under one key, of each kind.
    pub contacts_max: u32,
    /// Blocked tokens it may hold under one key.
    pub blocked_max: u32,
    /// The budget of new tokens; its units are replaced by how many are new: of pairs or of numbers, whichever are more.
    pub new_tokens: Charge,
}

/// Names a link. Never given again: a link that changed has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LinkId(pub u64);

/// A link to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLink {
    /// Its name.
    pub id: LinkId,
    /// Who would see the other; with a pair, either of both.
    pub viewer: Msisdn,
    /// Who would be seen; with a pair, the other.
    pub seen: Msisdn,
    /// Who brought it up, whose budget asking is.
    pub by: Msisdn,
    /// What is to be asked about.
    pub doubt: Doubt,
}

/// What the key holder is asked about a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Whether this is the token of both numbers. The link stands if it is.
    Pair(MarkToken),
    /// Whether one of these, which the seen owner blocked, is the token of both numbers. The link stands if none is.
    Blocked(Vec<MarkToken>),
}

/// What became of a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkVerdict {
    /// The token is the pair's, or no blocked one is.
    Stands,
    /// The token is not the pair's: somebody forged it. Or a blocked one is.
    Falls,
}

/// What is held of an owner under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldTokens {
    /// The key.
    pub key: MarkKeyId,
    /// Tokens of contacts.
    pub count: u32,
    /// Their exclusive or.
    pub digest: tandem_model::TokenDigest,
}
