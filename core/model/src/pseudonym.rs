//! What stands for a number where nobody may see the number: private matching of contacts (N10).
//!
//! A pseudonym is the output of a verifiable oblivious pseudorandom function over a number (RFC 9497, VOPRF mode,
//! ristretto255-SHA512): the holder of the key makes it without seeing the number, and whoever asks learns nothing of the key.
//! Tokens are hashes of pseudonyms, and all that a server is shown of a phone book.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a key of the pseudorandom function, from 1. A larger one is newer; two live side by side while phones move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MarkKeyId(pub u32);

/// The public half of such a key: a compressed ristretto255 element. Evaluations are verified by it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MarkPublicKey(pub [u8; 32]);

/// A blinded number, or the evaluation of one: a compressed ristretto255 element that says nothing of the number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OprfElement(pub [u8; 32]);

/// Proof that a batch was evaluated under one key (RFC 9497, section 2.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OprfProof(pub [u8; 64]);

/// The first 32 bytes of the function's output for a number. Whoever has it and suspects a number still cannot check the
/// suspicion without the key's holder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(pub [u8; 32]);

/// 16 bytes that two phones which hold each other's number both come to, or that stand for one number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkToken(pub [u8; 16]);

impl MarkToken {
    /// The bit that tells the two kinds apart: a token of a number is held by everybody who holds the number, and must never
    /// be looked for among pairs.
    const OPEN: u8 = 1;

    /// A token of a pair, from 16 bytes of a hash.
    #[must_use]
    pub const fn of_pair(mut hash: [u8; 16]) -> MarkToken {
        hash[15] &= !MarkToken::OPEN;
        MarkToken(hash)
    }

    /// A token of one number, from 16 bytes of a hash.
    #[must_use]
    pub const fn of_number(mut hash: [u8; 16]) -> MarkToken {
        hash[15] |= MarkToken::OPEN;
        MarkToken(hash)
    }

    /// Whether it stands for one number rather than a pair. Says what whoever made it claims.
    #[must_use]
    pub const fn is_of_number(&self) -> bool {
        self.0[15] & MarkToken::OPEN != 0
    }
}

/// The exclusive or of tokens: two ends see by it whether they mean the same set. Tokens are random to whoever cannot choose
/// numbers' keys, and each digest is of one owner's own tokens.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenDigest(pub [u8; 16]);

/// Why no pseudonyms come of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum OprfFault {
    /// The proof does not verify: whoever answered did not use the key they said, and nothing of the answer may be used.
    #[error("the evaluation is not proven")]
    Unproven,
    /// What came is no answer to what was asked, or what was asked cannot be blinded.
    #[error("the evaluation is malformed")]
    Invalid,
    /// What the numbers were blinded with is gone, as after a restart: ask again.
    #[error("the blinded numbers are forgotten")]
    Forgotten,
}

impl TokenDigest {
    /// Puts a token in, or takes it out.
    pub fn toggle(&mut self, token: &MarkToken) {
        self.0.iter_mut().zip(token.0).for_each(|(sum, byte)| *sum ^= byte);
    }
}

macro_rules! short_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
short_debug!(MarkPublicKey, OprfElement, OprfProof, Pseudonym, MarkToken, TokenDigest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_forgets_what_is_taken_out_and_minds_no_order() {
        let tokens = [MarkToken([1; 16]), MarkToken([7; 16]), MarkToken([9; 16])];
        let (mut forth, mut back) = (TokenDigest::default(), TokenDigest::default());
        tokens.iter().for_each(|token| forth.toggle(token));
        tokens.iter().rev().for_each(|token| back.toggle(token));
        assert_eq!(forth, back);
        tokens.iter().for_each(|token| forth.toggle(token));
        assert_eq!(forth, TokenDigest::default());
    }

    #[test]
    fn a_token_says_by_one_bit_whether_it_stands_for_a_pair() {
        for hash in [[0; 16], [0xFF; 16]] {
            assert!(!MarkToken::of_pair(hash).is_of_number());
            assert!(MarkToken::of_number(hash).is_of_number());
            assert_eq!(MarkToken::of_pair(hash).0[..15], MarkToken::of_number(hash).0[..15]);
        }
    }

    #[test]
    fn pseudonyms_and_tokens_never_show_in_debug() {
        assert_eq!(format!("{:?} {:?}", Pseudonym([7; 32]), MarkToken([7; 16])), "Pseudonym(..) MarkToken(..)");
    }
}
