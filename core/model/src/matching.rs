//! What a phone keeps for the private matching of its contacts (N10): the keys it was shown, pseudonyms under them, the tokens
//! each line's server holds, and blocked numbers.

use crate::ids::Line;
use crate::msisdn::Msisdn;
use crate::pseudonym::{MarkKeyId, MarkPublicKey, MarkToken, Pseudonym};
use std::collections::{BTreeMap, BTreeSet};

/// What a token that the server was told stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ToldKind {
    /// A contact, by the pair of its number and mine.
    Pair,
    /// A contact, by its number alone.
    Open,
    /// A blocked number, by the pair of it and mine.
    Blocked,
}

/// One token the server was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldToken {
    /// The number it is of.
    pub number: Msisdn,
    /// As what.
    pub kind: ToldKind,
    /// The token.
    pub token: MarkToken,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchingChange {
    /// Remembers the public half of a key for ever: another one under the same name is a lie.
    PutKey {
        /// Its name.
        key: MarkKeyId,
        /// The public half.
        public: MarkPublicKey,
    },
    /// Adds pseudonyms under a key.
    PutPseudonyms {
        /// The key.
        key: MarkKeyId,
        /// By number.
        pseudonyms: Vec<(Msisdn, Pseudonym)>,
    },
    /// Forgets pseudonyms under a key.
    DropPseudonyms {
        /// The key.
        key: MarkKeyId,
        /// Of these numbers.
        numbers: Vec<Msisdn>,
    },
    /// A key is retired: forgets every pseudonym and told token under it, on every line. Its public half stays known.
    RetireKey(MarkKeyId),
    /// The server of a line holds other tokens now.
    PutTold {
        /// The line.
        line: Line,
        /// The key.
        key: MarkKeyId,
        /// Held from now on.
        told: Vec<ToldToken>,
        /// Held no more; applied first.
        untold: Vec<(Msisdn, ToldKind)>,
    },
    /// Nothing is known of what the server of a line holds under a key.
    DropTold {
        /// The line.
        line: Line,
        /// The key; absent for all of them.
        key: Option<MarkKeyId>,
    },
    /// Blocks numbers, or blocks them no more.
    PutBlocked {
        /// Blocked.
        added: Vec<Msisdn>,
        /// Blocked no more; applied first.
        removed: Vec<Msisdn>,
    },
}

/// Tokens the server of one line holds under one key.
pub type ToldTokens = BTreeMap<(Msisdn, ToldKind), MarkToken>;

/// All of it, as a machine gets it back at boot. No inner map is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchingRows {
    /// Every key ever shown.
    pub keys: BTreeMap<MarkKeyId, MarkPublicKey>,
    /// Pseudonyms by key and number.
    pub pseudonyms: BTreeMap<MarkKeyId, BTreeMap<Msisdn, Pseudonym>>,
    /// What the server holds, by line and key.
    pub told: BTreeMap<(Line, MarkKeyId), ToldTokens>,
    /// Blocked numbers.
    pub blocked: BTreeSet<Msisdn>,
}

impl MatchingRows {
    /// What a change means. A store on disk comes to the same.
    pub fn apply(&mut self, change: &MatchingChange) {
        match change {
            MatchingChange::PutKey { key, public } => {
                self.keys.insert(*key, *public);
            }
            MatchingChange::PutPseudonyms { key, pseudonyms } => {
                if !pseudonyms.is_empty() {
                    self.pseudonyms.entry(*key).or_default().extend(pseudonyms.iter().copied());
                }
            }
            MatchingChange::DropPseudonyms { key, numbers } => {
                if let Some(held) = self.pseudonyms.get_mut(key) {
                    held.retain(|number, _| !numbers.contains(number));
                    self.pseudonyms.retain(|_, held| !held.is_empty());
                }
            }
            MatchingChange::RetireKey(key) => {
                self.pseudonyms.remove(key);
                self.told.retain(|(_, of), _| of != key);
            }
            MatchingChange::PutTold { line, key, told, untold } => {
                let held = self.told.entry((*line, *key)).or_default();
                held.retain(|place, _| !untold.contains(place));
                held.extend(told.iter().map(|told| ((told.number, told.kind), told.token)));
                self.told.retain(|_, held| !held.is_empty());
            }
            MatchingChange::DropTold { line, key } => {
                self.told.retain(|(of, under), _| of != line || key.is_some_and(|key| key != *under));
            }
            MatchingChange::PutBlocked { added, removed } => {
                self.blocked.retain(|number| !removed.contains(number));
                self.blocked.extend(added);
            }
        }
    }
}
