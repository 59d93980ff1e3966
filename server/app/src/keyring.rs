//! Who shows a key: what each key stands for, and how much its holder may still do.

use crate::allowance::Allowance;
use crate::config::values::Budget;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tandem_model::Secret;

/// Everybody who has a key of one kind.
#[derive(Debug)]
pub struct Keyring<T>(Vec<Arc<Holder<T>>>);

/// One who has a key.
#[derive(Debug)]
pub struct Holder<T> {
    key: Secret<String>,
    /// Its place among the holders.
    pub place: usize,
    /// What it stands for.
    pub stands_for: T,
    /// How much it may still do.
    pub allowance: Allowance,
}

impl<T> Keyring<T> {
    /// Of keys, what each stands for and its budget.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (Secret<String>, T, Budget)>) -> Keyring<T> {
        let holder = |(place, (key, stands_for, budget))| {
            Arc::new(Holder { key, place, stands_for, allowance: Allowance::new(budget) })
        };
        Keyring(keys.into_iter().enumerate().map(holder).collect())
    }

    /// Whose key this is. Takes the same time for every wrong key of one length.
    #[must_use]
    pub fn find(&self, shown: &[u8]) -> Option<&Arc<Holder<T>>> {
        let mut found = None;
        for holder in &self.0 {
            if bool::from(holder.key.expose().as_bytes().ct_eq(shown)) {
                found = Some(holder);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Span;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_key_is_known_whole_and_not_in_part() {
        let keys = Keyring::new([(Secret::new(KEY.to_owned()), (), Budget::new(1, Span::secs(1)))]);
        assert!(keys.find(KEY.as_bytes()).is_some());
        assert!(keys.find(&KEY.as_bytes()[1..]).is_none());
        assert!(keys.find(b"").is_none());
    }
}
