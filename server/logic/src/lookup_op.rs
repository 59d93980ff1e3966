//! What is asked of the store about lookups: who lets whom learn where it is.

use crate::store_answer::Spent;
use crate::store_op::{Charge, Owner};
use tandem_model::{Msisdn, NumberEpoch};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupOp {
    /// Lets a number's present owner learn where another is, or no longer. A number nobody holds is let nothing. Ends with
    /// the epoch of either side. Answer: `Lookup`, `Fenced`.
    PutConsent {
        /// Who lets.
        owner: Owner,
        /// Whom.
        number: Msisdn,
        /// Whether.
        allow: bool,
        /// How many it may let at once.
        most: u32,
    },
    /// Counts the budgets and says whether the owner of a number lets the asker learn where it is. Answer: `Lookup`, `Fenced`.
    Admit {
        /// Who asks.
        asker: Owner,
        /// About whom.
        of: Msisdn,
        /// Whether a consent is needed; where not, any owner will do.
        by_consent: bool,
        /// Budgets, counted whatever the answer is.
        charges: Vec<Charge>,
    },
}

/// What the store says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupOutcome {
    /// To `PutConsent`: it is kept, or there was nothing to keep.
    Kept,
    /// To `PutConsent`: so many are let already.
    TooMany,
    /// To `Admit`: this owner of the number may be told of.
    Permitted {
        /// Its epoch.
        epoch: NumberEpoch,
    },
    /// To `Admit`: the asker may not know, whyever.
    Stranger,
    /// To `Admit`: a budget is used up.
    Spent(Spent),
}
