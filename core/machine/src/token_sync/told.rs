//! What the server of a line holds under one key, and which numbers may differ from it.

use super::{Desired, Page};
use crate::ctx::Ctx;
use std::collections::BTreeSet;
use tandem_model::matching::{ToldKind, ToldToken, ToldTokens};
use tandem_model::{MarkKeyId, Msisdn, TokenDigest};
use tandem_wire::frame::MarkKey;
use tandem_wire::limits::TOKENS_PAGE_MAX;

const KINDS: [ToldKind; 3] = [ToldKind::Pair, ToldKind::Open, ToldKind::Blocked];

/// What the server holds under one key.
#[derive(Debug, Default)]
pub(super) struct Told {
    held: ToldTokens,
    /// Of contacts' tokens, as the server counts them.
    count: u32,
    digest: TokenDigest,
    /// Numbers whose tokens may differ from what is held.
    pub queue: BTreeSet<Msisdn>,
    pub whole: Whole,
    /// The server's count and digest were compared in this session.
    pub checked: bool,
}

/// Telling everything anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Whole {
    /// The server holds what is kept here.
    #[default]
    No,
    /// The next page is the first.
    Begin,
    /// The first page was heard, the last one not yet.
    GoOn,
}

impl Told {
    pub(super) fn new(held: ToldTokens) -> Self {
        let mut told = Told::default();
        for ((number, kind), token) in held {
            told.put(ToldToken { number, kind, token });
        }
        told
    }

    fn put(&mut self, row: ToldToken) {
        let before = self.held.insert((row.number, row.kind), row.token);
        if row.kind != ToldKind::Blocked {
            before.iter().for_each(|token| self.digest.toggle(token));
            self.digest.toggle(&row.token);
            self.count += u32::from(before.is_none());
        }
    }

    fn remove(&mut self, number: Msisdn, kind: ToldKind) {
        if let Some(token) = self.held.remove(&(number, kind))
            && kind != ToldKind::Blocked
        {
            self.digest.toggle(&token);
            self.count = self.count.saturating_sub(1);
        }
    }

    /// Whether the server holds what is kept here. Only its first word of a session is compared: a later one may not have
    /// counted the page that is on its way.
    pub(super) fn is_as_shown(&mut self, shown: &MarkKey) -> bool {
        let compared = std::mem::replace(&mut self.checked, true);
        if compared {
            return true;
        }
        let same = self.count == shown.count && self.digest == shown.digest;
        if same {
            self.whole = Whole::No;
        }
        same
    }

    /// The server holds something else: nothing is known of it, and all is told again.
    pub(super) fn begin_anew(&mut self) {
        *self = Told { whole: Whole::Begin, checked: true, ..Told::default() };
    }

    /// Looks through everything for numbers whose tokens may differ.
    pub(super) fn look(&mut self, want: &Desired<'_>, wants_open: bool) {
        let differs = |number: &Msisdn| {
            KINDS.iter().any(|kind| want.wants(*number, *kind, wants_open) != self.held.contains_key(&(*number, *kind)))
        };
        let held: BTreeSet<Msisdn> = self.held.keys().map(|(number, _)| *number).collect();
        self.queue = want.book.iter().chain(want.blocked).chain(&held).filter(|n| differs(n)).copied().collect();
    }

    /// The next page, if there is anything to tell. Numbers whose pseudonym is missing leave the queue until it comes.
    pub(super) fn next_page(
        &mut self,
        key: MarkKeyId,
        want: &Desired<'_>,
        wants_open: bool,
        ctx: &Ctx<'_>,
    ) -> Option<Page> {
        want.pseudonyms.get(key, want.own)?;
        let mut page = Page { key, replace: self.whole == Whole::Begin, last: false, told: vec![], untold: vec![] };
        while let Some(number) = self.queue.first().copied() {
            let (told, untold) = self.changes(key, number, want, wants_open, ctx);
            if page.told.len() + page.untold.len() + told.len() + untold.len() > TOKENS_PAGE_MAX {
                break;
            }
            page.told.extend(told);
            page.untold.extend(untold);
            self.queue.pop_first();
        }
        page.last = self.queue.is_empty();
        let says_something = !page.told.is_empty() || !page.untold.is_empty() || self.whole != Whole::No;
        // Whatever comes of the page, its numbers are looked at again.
        self.queue.extend(page.told.iter().chain(&page.untold).map(|row| row.number));
        says_something.then_some(page)
    }

    fn changes(
        &self,
        key: MarkKeyId,
        number: Msisdn,
        want: &Desired<'_>,
        wants_open: bool,
        ctx: &Ctx<'_>,
    ) -> (Vec<ToldToken>, Vec<ToldToken>) {
        let (mut told, mut untold) = (Vec::new(), Vec::new());
        for kind in KINDS {
            match (want.wants(number, kind, wants_open), self.held.get(&(number, kind))) {
                (true, None) => {
                    told.extend(want.token(key, number, kind, ctx).map(|token| ToldToken { number, kind, token }));
                }
                (false, Some(token)) => untold.push(ToldToken { number, kind, token: *token }),
                (true, Some(_)) | (false, None) => {}
            }
        }
        (told, untold)
    }

    /// The server holds what a page said.
    pub(super) fn take(&mut self, page: &Page) {
        self.whole = match (self.whole, page.last) {
            (Whole::No, _) | (Whole::Begin | Whole::GoOn, true) => Whole::No,
            (Whole::Begin | Whole::GoOn, false) => Whole::GoOn,
        };
        page.untold.iter().for_each(|row| self.remove(row.number, row.kind));
        page.told.iter().for_each(|row| self.put(*row));
        // The book may have changed while the page was on its way.
        self.queue.extend(page.told.iter().chain(&page.untold).map(|row| row.number));
    }
}
