//! The numbers in the phone book. No server ever sees them; what it is told instead is `lines/matching.rs`' work.

use crate::ctx::Ctx;
use std::collections::BTreeSet;
use tandem_model::rows::Change;
use tandem_model::{Country, Msisdn, Secret};

/// Numbers kept at most; further ones carry no mark.
pub const CONTACTS_MAX: usize = 50_000;

/// Pages of raw numbers kept until a SIM tells which country to read them in.
const UNREAD_MAX: usize = 100_000;

/// The phone book's numbers.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    numbers: BTreeSet<Msisdn>,
    unread: Vec<Page>,
    /// What the reading of the whole book has named so far.
    named: Option<BTreeSet<Msisdn>>,
}

/// One page as the host handed it over.
#[derive(Debug)]
pub(crate) struct Page {
    pub kind: PageKind,
    pub added: Vec<Secret<String>>,
    pub removed: Vec<Secret<String>>,
}

impl Contacts {
    pub(crate) fn restore(&mut self, numbers: Vec<Msisdn>) {
        self.numbers = numbers.into_iter().take(CONTACTS_MAX).collect();
    }

    pub(crate) fn contains(&self, number: Msisdn) -> bool {
        self.numbers.contains(&number)
    }

    pub(crate) const fn numbers(&self) -> &BTreeSet<Msisdn> {
        &self.numbers
    }

    /// A page of the book. Without a country it waits for one. Returns the numbers that came or went.
    pub(crate) fn page(&mut self, page: Page, home: Option<Country>, ctx: &mut Ctx<'_>) -> Vec<Msisdn> {
        let Some(home) = home else {
            if page.kind.begins_anew() {
                self.unread.clear();
            }
            let waiting: usize = self.unread.iter().map(|p| p.added.len() + p.removed.len()).sum();
            if waiting + page.added.len() + page.removed.len() <= UNREAD_MAX {
                self.unread.push(page);
            }
            return Vec::new();
        };
        self.read(page, home, ctx)
    }

    /// A SIM tells the country: whatever waited is read now. Returns the numbers that came or went.
    pub(crate) fn country_known(&mut self, home: Country, ctx: &mut Ctx<'_>) -> Vec<Msisdn> {
        let pages = std::mem::take(&mut self.unread);
        pages.into_iter().flat_map(|page| self.read(page, home, ctx)).collect()
    }

    fn read(&mut self, page: Page, home: Country, ctx: &mut Ctx<'_>) -> Vec<Msisdn> {
        let parse = |raw: &[Secret<String>]| -> BTreeSet<Msisdn> {
            raw.iter().filter_map(|raw| Msisdn::parse(raw.expose(), home).ok()).collect()
        };
        let (named, unnamed) = (parse(&page.added), parse(&page.removed));
        let removed = self.no_longer_there(page.kind, &named, &unnamed);
        for number in &removed {
            self.numbers.remove(number);
        }
        let mut added = Vec::new();
        for number in named {
            if self.numbers.len() >= CONTACTS_MAX {
                break;
            }
            if self.numbers.insert(number) {
                added.push(number);
            }
        }
        let changed = [added.as_slice(), &removed].concat();
        if !changed.is_empty() {
            ctx.commit(vec![Change::PutContacts { added, removed }]);
        }
        changed
    }

    /// What a page removes from the book, and what it adds to the reading that goes on.
    fn no_longer_there(&mut self, kind: PageKind, named: &BTreeSet<Msisdn>, unnamed: &BTreeSet<Msisdn>) -> Vec<Msisdn> {
        if kind.begins_anew() {
            self.named = matches!(kind, PageKind::Part { .. }).then(BTreeSet::new);
        }
        if let Some(so_far) = &mut self.named {
            so_far.retain(|number| !unnamed.contains(number));
            so_far.extend(named);
            if so_far.len() > CONTACTS_MAX {
                // More than is kept: what is there already stays rather than what came last.
                self.named = None;
            }
        }
        match kind {
            PageKind::Replace => self.numbers.difference(named).copied().collect(),
            PageKind::Change => unnamed.difference(named).copied().filter(|n| self.numbers.contains(n)).collect(),
            PageKind::Part { last: false, .. } => Vec::new(),
            PageKind::Part { last: true, .. } => {
                // A reading whose beginning was lost names too few.
                self.named.take().map_or_else(Vec::new, |all| self.numbers.difference(&all).copied().collect())
            }
        }
    }
}

/// What a page says of the numbers it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// Nothing.
    Change,
    /// That they are not in the book.
    Replace,
    /// That they are on another page; after the last, those of no page are not in the book.
    Part { first: bool, last: bool },
}

impl PageKind {
    /// Whether everything before this page is void.
    const fn begins_anew(self) -> bool {
        matches!(self, PageKind::Replace | PageKind::Part { first: true, .. })
    }
}

#[cfg(test)]
mod tests;
