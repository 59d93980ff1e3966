//! Who a budget belongs to, without saying who it is.

use sha2::{Digest as _, Sha256};
use std::fmt;
use tandem_model::Msisdn;
use tandem_model::vault::signed::canonical;

/// Makes accounts out of numbers. Kept beside the keys, so that the file of budgets alone names nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// Stands for a number in the file of budgets. A number keeps its account whoever owns it: a new registration brings no new budget.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account(pub [u8; 16]);

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(..)")
    }
}

impl Account {
    /// The account of a number.
    #[must_use]
    pub fn of(salt: &Salt, number: Msisdn) -> Account {
        let hash = Sha256::digest(canonical("tandem/1/keyd-account", &[&salt.0, &number.as_u64().to_be_bytes()]));
        let mut account = [0; 16];
        account.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Account(account)
    }
}
