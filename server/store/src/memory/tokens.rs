//! What phones tell of their books, and whom it links.

use super::state::{LinkKind, LinkRow, LinkState, Reg, State, TokenKind, TokenRow, ToldRow};
use crate::store::Outcome;
use std::collections::BTreeSet;
use tandem_logic::matching::{SyncTokens, ToldTokens};
use tandem_logic::store_answer::{Settled, TokensOutcome};
use tandem_logic::store_op::{Charge, Owner};
use tandem_model::{MarkKeyId, MarkToken, Msisdn, ServerMillis};

/// The token of a pair has two honest holders. Of more that tell it, so many are looked at.
const HOLDERS_MAX: usize = 16;

/// An owner under one key, and what changes.
struct Book {
    key: MarkKeyId,
    reg: Reg,
    me: Msisdn,
    told: ToldRow,
    settled: Settled,
}

/// How many of each.
#[derive(Default)]
struct Counts {
    pairs: u32,
    numbers: u32,
    blocked: u32,
}

impl Counts {
    fn one(&mut self, token: &MarkToken, kind: TokenKind) {
        match (kind, token.is_of_number()) {
            (TokenKind::Blocked, _) => self.blocked += 1,
            (TokenKind::Contact, true) => self.numbers += 1,
            (TokenKind::Contact, false) => self.pairs += 1,
        }
    }
}

fn tidy(tokens: &[MarkToken]) -> BTreeSet<MarkToken> {
    tokens.iter().copied().collect()
}

impl State {
    pub(crate) fn told(&self, owner: Owner) -> Outcome<(bool, Vec<ToldTokens>)> {
        self.fence(owner)?;
        let Some(row) = self.present(owner.number) else { return Ok((false, Vec::new())) };
        let of_key = |key: MarkKeyId| {
            let told = self.told.get(&(key, row.reg)).filter(|told| told.count > 0)?;
            Some(ToldTokens { key, count: told.count, digest: told.digest })
        };
        Ok((row.open, self.live_keys().into_iter().filter_map(of_key).collect()))
    }

    pub(crate) fn sync_tokens(&mut self, at: ServerMillis, op: &SyncTokens) -> Outcome<TokensOutcome> {
        self.fence(op.owner)?;
        let me = op.owner.number;
        let Some(reg) = self.present(me).map(|row| row.reg) else { return Ok(TokensOutcome::UnknownKey) };
        if !self.is_live(op.key) {
            return Ok(TokensOutcome::UnknownKey);
        }
        let told = self.told.get(&(op.key, reg)).copied().unwrap_or_default();
        let mut book = Book { key: op.key, reg, me, told, settled: Settled::default() };
        if op.replace {
            let round = told.round + 1;
            book.told = ToldRow { round, syncing: true, named_pairs: 0, named_numbers: 0, named_blocked: 0, ..told };
        }
        let (added, blocked) = (tidy(&op.added), tidy(&op.blocked));
        let (new, kept) = self.count_tokens(&book, &added, &blocked);
        if kept.pairs > op.contacts_max || kept.numbers > op.contacts_max || kept.blocked > op.blocked_max {
            return Ok(TokensOutcome::TooMany);
        }
        let units = (new.pairs + new.blocked).max(new.numbers);
        if units > 0
            && let Some(spent) = self.charge(at, &[Charge { units, ..op.new_tokens }])
        {
            return Ok(TokensOutcome::Spent(spent));
        }
        for token in &added {
            self.add_token(&mut book, token);
        }
        for token in &blocked {
            self.block_token(&mut book, token);
        }
        for token in op.removed.iter().filter(|token| !added.contains(token)) {
            self.forget_token(&mut book, token, TokenKind::Contact);
        }
        for token in op.unblocked.iter().filter(|token| !blocked.contains(token)) {
            self.forget_token(&mut book, token, TokenKind::Blocked);
        }
        if op.last && book.told.syncing {
            self.forget_stale(&mut book);
            book.told.syncing = false;
        }
        self.told.insert((op.key, reg), book.told);
        let Settled { mut viewers, pending, .. } = book.settled;
        viewers.sort_unstable();
        viewers.dedup();
        Ok(TokensOutcome::Synced { viewers, pending })
    }

    fn find_token(&self, book: &Book, token: &MarkToken) -> Option<TokenRow> {
        self.tokens.get(&(book.key, book.reg, *token)).copied()
    }

    /// How many are new, and how many there will be that count.
    fn count_tokens(
        &self,
        book: &Book,
        added: &BTreeSet<MarkToken>,
        blocked: &BTreeSet<MarkToken>,
    ) -> (Counts, Counts) {
        let told = &book.told;
        let mut new = Counts::default();
        let mut kept = Counts { pairs: told.named_pairs, numbers: told.named_numbers, blocked: told.named_blocked };
        for (tokens, kind) in [(added, TokenKind::Contact), (blocked, TokenKind::Blocked)] {
            for token in tokens {
                let found = self.find_token(book, token);
                if found.is_none() {
                    new.one(token, kind);
                }
                if found != Some(TokenRow { kind, round: told.round }) {
                    kept.one(token, kind);
                }
            }
        }
        (new, kept)
    }

    fn put_token(&mut self, book: &mut Book, token: &MarkToken, kind: TokenKind) {
        self.tokens.insert((book.key, book.reg, *token), TokenRow { kind, round: book.told.round });
        self.holders.insert((*token, book.key, book.reg));
        *book.told.named(token, kind) += 1;
    }

    fn add_token(&mut self, book: &mut Book, token: &MarkToken) {
        match self.find_token(book, token) {
            Some(TokenRow { kind: TokenKind::Contact, round }) => {
                if round != book.told.round {
                    self.put_token(book, token, TokenKind::Contact);
                }
                return;
            }
            Some(row) => {
                book.told.uncount(token, row);
                self.put_token(book, token, TokenKind::Contact);
                self.links_unblocked(book.me, &mut book.settled);
            }
            None => self.put_token(book, token, TokenKind::Contact),
        }
        book.told.toggle(token, true);
        let (kind, others) = if token.is_of_number() {
            (LinkKind::Open, self.openers(book, token))
        } else {
            (LinkKind::Pair, self.telling(book, token))
        };
        for other in others {
            let link = LinkRow {
                a: book.me,
                b: other,
                token: *token,
                key: book.key,
                kind,
                state: LinkState::Pending,
                by: book.me,
            };
            self.make_link(link, &mut book.settled);
        }
    }

    /// Who else tells the token as a contact's.
    fn telling(&self, book: &Book, token: &MarkToken) -> Vec<Msisdn> {
        self.holders
            .range((*token, book.key, Reg(0))..=(*token, book.key, Reg(u64::MAX)))
            .map(|(_, _, reg)| *reg)
            .filter(|reg| *reg != book.reg)
            .take(HOLDERS_MAX)
            .filter(|reg| self.is_contact(book.key, *reg, token))
            .filter_map(|reg| self.number_of.get(&reg).copied())
            .collect()
    }

    /// Whose number's token it is, of those who opened it.
    fn openers(&self, book: &Book, token: &MarkToken) -> Vec<Msisdn> {
        self.opens
            .range((*token, book.key, Reg(0))..=(*token, book.key, Reg(u64::MAX)))
            .map(|((_, _, reg), _)| *reg)
            .filter(|reg| *reg != book.reg)
            .take(HOLDERS_MAX)
            .filter_map(|reg| self.number_of.get(&reg).copied())
            .collect()
    }

    fn block_token(&mut self, book: &mut Book, token: &MarkToken) {
        match self.find_token(book, token) {
            Some(TokenRow { kind: TokenKind::Blocked, round }) => {
                if round != book.told.round {
                    self.put_token(book, token, TokenKind::Blocked);
                }
                return;
            }
            Some(row) => {
                book.told.uncount(token, row);
                self.end_links_by(token, book.me, &mut book.settled);
            }
            None => {}
        }
        self.put_token(book, token, TokenKind::Blocked);
        let told = self.telling(book, token);
        self.links_blocked(book.me, &told, &mut book.settled);
    }

    fn forget_token(&mut self, book: &mut Book, token: &MarkToken, wanted: TokenKind) {
        let Some(row) = self.find_token(book, token).filter(|row| row.kind == wanted) else { return };
        book.told.uncount(token, row);
        self.delete_token(book.key, book.reg, token);
        match wanted {
            TokenKind::Blocked => self.links_unblocked(book.me, &mut book.settled),
            TokenKind::Contact => self.end_links_by(token, book.me, &mut book.settled),
        }
    }

    fn delete_token(&mut self, key: MarkKeyId, reg: Reg, token: &MarkToken) {
        self.tokens.remove(&(key, reg, *token));
        self.holders.remove(&(*token, key, reg));
    }

    fn forget_stale(&mut self, book: &mut Book) {
        let stale: Vec<(MarkToken, TokenKind)> = self
            .tokens_of(book.key, book.reg)
            .filter(|(_, row)| row.round < book.told.round)
            .map(|(token, row)| (token, row.kind))
            .collect();
        for (token, kind) in stale {
            self.forget_token(book, &token, kind);
        }
    }

    fn tokens_of(&self, key: MarkKeyId, reg: Reg) -> impl Iterator<Item = (MarkToken, TokenRow)> {
        self.tokens
            .range((key, reg, MarkToken([0; 16]))..=(key, reg, MarkToken([0xFF; 16])))
            .map(|((_, _, token), row)| (*token, *row))
    }

    pub(crate) fn is_contact(&self, key: MarkKeyId, reg: Reg, token: &MarkToken) -> bool {
        self.tokens.get(&(key, reg, *token)).is_some_and(|row| row.kind == TokenKind::Contact)
    }

    /// Forgets some tokens of a registration under a key; how many there were.
    pub(crate) fn forget_some(&mut self, key: MarkKeyId, reg: Reg, limit: usize) -> usize {
        let some: Vec<MarkToken> = self.tokens_of(key, reg).take(limit).map(|(token, _)| token).collect();
        for token in &some {
            self.delete_token(key, reg, token);
        }
        if some.len() < limit {
            self.told.remove(&(key, reg));
        }
        some.len()
    }
}
