//! What is asked of whoever holds the keys of the pseudorandom function, and what it says (N10).
//!
//! The holder is another process, or another host. It is asked nothing that it could not be told: numbers of registered phones, and
//! tokens they told. It never says a pseudonym, and no token but that of a number that is registered here.

use std::fmt;
use std::time::Duration;
use tandem_model::{MarkKeyId, MarkPublicKey, MarkToken, Msisdn, OprfElement, OprfProof};

/// A key that lives at the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveKey {
    /// Its name.
    pub id: MarkKeyId,
    /// What phones verify by.
    pub public: MarkPublicKey,
}

/// One question.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyQuestion {
    /// Evaluates blinded numbers for a registered phone.
    Evaluate {
        /// Whose budget it is.
        account: Msisdn,
        /// With which key.
        key: MarkKeyId,
        /// What the phone blinded.
        blinded: Vec<OprfElement>,
    },
    /// Whether one of these is the token of two registered numbers, under any key that lives.
    Check {
        /// Whose budget it is.
        account: Msisdn,
        /// One number.
        a: Msisdn,
        /// The other.
        b: Msisdn,
        /// The tokens.
        tokens: Vec<MarkToken>,
    },
    /// The tokens of a registered number, under every key that lives.
    OpenTokens {
        /// Which.
        number: Msisdn,
    },
}

impl fmt::Debug for KeyQuestion {
    /// Without whom it is about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyQuestion::Evaluate { account: _, key, blinded } => {
                write!(f, "Evaluate {{ key: {}, blinded: {} }}", key.0, blinded.len())
            }
            KeyQuestion::Check { account: _, a: _, b: _, tokens } => write!(f, "Check {{ tokens: {} }}", tokens.len()),
            KeyQuestion::OpenTokens { number: _ } => f.write_str("OpenTokens"),
        }
    }
}

/// What the holder says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// To `Evaluate`.
    Evaluated {
        /// In the order of the question.
        evaluated: Vec<OprfElement>,
        /// That all were made with the key.
        proof: OprfProof,
    },
    /// To `Check`: which of the tokens it is; `None` when it is none of them.
    Checked(Option<u32>),
    /// To `OpenTokens`.
    OpenTokens(Vec<(MarkKeyId, MarkToken)>),
    /// The account's budget is used up. Nothing was done.
    Spent {
        /// Worth another try after this.
        retry_after: Duration,
    },
    /// What was sent is no element of the group.
    Malformed,
    /// The key does not live.
    UnknownKey,
    /// The holder is away, or could not count: nothing was said.
    Failed,
}
