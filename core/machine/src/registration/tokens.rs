//! The tokens of verification SMS: which of them may still prove an attempt, and which this line is done with.
//!
//! Anyone can send an SMS, and the SMSC repeats and delays the right ones. A token that did not prove its attempt, or proved
//! one that is over, can prove nothing any more: when it comes again it says nothing.

use std::collections::VecDeque;
use tandem_model::SmsToken;

/// Tokens held at once. Fewer than the tries a server grants, so that trying all of them leaves one for a typed code.
const HELD_MAX: usize = 4;

/// Tokens remembered after they were read.
const READ_MAX: usize = 32;

/// Tokens that may prove an attempt, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Vec<SmsToken>);

impl Held {
    /// Keeps a token as the newest. Gives back the one that makes room: never the first, which a flood of forged SMS behind
    /// it does not push out.
    pub(super) fn hold(&mut self, token: SmsToken) -> Option<SmsToken> {
        if self.has(&token) {
            return None;
        }
        let gone = (self.0.len() >= HELD_MAX).then(|| self.0.remove(1));
        self.0.push(token);
        gone
    }

    /// The one to try first: an earlier attempt's late SMS mostly comes before this attempt's own.
    pub(super) fn newest(&self) -> Option<SmsToken> {
        self.0.last().copied()
    }

    pub(super) fn has(&self, token: &SmsToken) -> bool {
        self.0.contains(token)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This one is wrong.
    pub(super) fn discard(&mut self, wrong: &SmsToken) {
        self.0.retain(|token| token != wrong);
    }
}

/// What a line has read, the newest last. In memory only, as every token is.
#[derive(Debug, Default)]
pub(super) struct Read(VecDeque<SmsToken>);

impl Read {
    pub(super) fn note(&mut self, token: SmsToken) {
        self.forget(&token);
        if self.0.len() >= READ_MAX {
            self.0.pop_front();
        }
        self.0.push_back(token);
    }

    /// As if it never came: it may come again and be held then.
    pub(super) fn forget(&mut self, token: &SmsToken) {
        self.0.retain(|read| read != token);
    }

    pub(super) fn has(&self, token: &SmsToken) -> bool {
        self.0.contains(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(n: u8) -> SmsToken {
        SmsToken([n; 16])
    }

    #[test]
    fn a_flood_pushes_out_neither_the_first_token_nor_the_newest() {
        let mut held = Held::default();
        for n in 1..=20 {
            let gone = held.hold(token(n));
            assert_eq!(gone.is_some(), n > 4, "{n}");
            assert_ne!(gone, Some(token(1)));
            assert_eq!(held.newest(), Some(token(n)));
        }
        assert!(held.has(&token(1)));
        assert_eq!(held.0.len(), HELD_MAX);
    }

    #[test]
    fn a_token_that_comes_again_stays_where_it_is() {
        let mut held = Held::default();
        held.hold(token(1));
        held.hold(token(2));
        assert_eq!(held.hold(token(1)), None);
        assert_eq!(held.newest(), Some(token(2)));
    }

    #[test]
    fn what_was_read_is_remembered_up_to_a_bound() {
        let mut read = Read::default();
        for n in 0..=32 {
            read.note(token(n));
        }
        assert!(!read.has(&token(0)));
        assert!(read.has(&token(1)) && read.has(&token(32)));
        read.forget(&token(32));
        assert!(!read.has(&token(32)));
    }
}
