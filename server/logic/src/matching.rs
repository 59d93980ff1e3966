//! The one seam through which contacts are matched: nothing else asks who holds whose number.
//!
//! Private matching (N10) replaces what answers these questions, and nothing around them. What is visible is decided
//! when something changes, and kept, never worked out on the way to an answer: so that a change nobody may see (a stranger's
//! contact registers) cannot show as a change.

use crate::store_op::{Charge, Owner};
use tandem_model::{MarkGeneration, Msisdn};

/// What is asked of the matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchOp {
    /// Changes the contacts of an owner. Answer: `Contacts`, `Fenced`.
    SyncContacts(SyncContacts),
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

/// Changes the contacts of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncContacts {
    /// Whose.
    pub owner: Owner,
    /// Begins a full sync: what is not named again by its end is forgotten then.
    pub replace: bool,
    /// Ends a full sync, if one is under way.
    pub complete: bool,
    /// Added numbers.
    pub added: Vec<Msisdn>,
    /// Removed numbers.
    pub removed: Vec<Msisdn>,
    /// Contacts it may hold.
    pub contacts_max: u32,
    /// The budget of new numbers; its units are replaced by how many are new.
    pub new_numbers: Charge,
}
