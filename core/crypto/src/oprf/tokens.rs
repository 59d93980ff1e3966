//! Tokens: what a server is shown of a phone book.

use sha2::{Digest as _, Sha256};
use tandem_model::vault::signed::canonical;
use tandem_model::{MarkToken, Pseudonym};

/// The token of a pair of numbers, the same from both sides: SHA-256 of both pseudonyms, the smaller one first, cut to 16 bytes,
/// the last bit of them 0.
#[must_use]
pub fn pair_token(one: &Pseudonym, other: &Pseudonym) -> MarkToken {
    let (smaller, larger) = if one <= other { (one, other) } else { (other, one) };
    MarkToken::of_pair(hash("tandem/1/pair", &[&smaller.0, &larger.0]))
}

/// The token that stands for one number, whoever tells it: SHA-256 of its pseudonym, cut to 16 bytes, the last bit of them 1.
#[must_use]
pub fn open_token(of: &Pseudonym) -> MarkToken {
    MarkToken::of_number(hash("tandem/1/open", &[&of.0]))
}

fn hash(domain: &str, parts: &[&[u8]]) -> [u8; 16] {
    let whole: [u8; 32] = Sha256::digest(canonical(domain, parts)).into();
    let mut token = [0; 16];
    token.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_token_from_both_sides_and_no_other_pair_has_it() {
        let (a, b, c) = (Pseudonym([1; 32]), Pseudonym([2; 32]), Pseudonym([3; 32]));
        assert_eq!(pair_token(&a, &b), pair_token(&b, &a));
        assert_ne!(pair_token(&a, &b), pair_token(&a, &c));
        assert_ne!(pair_token(&a, &b), pair_token(&c, &b));
        assert_ne!(pair_token(&a, &a), open_token(&a));
    }

    #[test]
    fn tokens_are_the_hashes_the_protocol_page_says() {
        let mut open = b"tandem/1/open\0\0\0\0\x20".to_vec();
        open.extend([1; 32]);
        let first = |hashed: &[u8]| <[u8; 16]>::try_from(&Sha256::digest(hashed)[..16]).unwrap();
        assert_eq!(open_token(&Pseudonym([1; 32])), MarkToken::of_number(first(&open)));
        let mut pair = b"tandem/1/pair\0\0\0\0\x20".to_vec();
        pair.extend([1; 32]);
        pair.extend(b"\0\0\0\x20");
        pair.extend([2; 32]);
        assert_eq!(pair_token(&Pseudonym([2; 32]), &Pseudonym([1; 32])), MarkToken::of_pair(first(&pair)));
    }
}
