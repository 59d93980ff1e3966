//! The numbers in the phone book, and telling the server of them in pages and diffs.
//!
//! The book belongs to the phone; what the server was told belongs to each line. A line syncs the difference of the two, a
//! little after the last change, so that a host which hands over its book page by page causes one sync and not many.

use crate::backoff;
use crate::ctx::{Ctx, SessionFacts};
use std::collections::BTreeSet;
use std::time::Duration;
use tandem_model::rows::Change;
use tandem_model::{Country, Mono, Msisdn, Secret, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::frame::ContactsSync;
use tandem_wire::limits::CONTACTS_PAGE_MAX;

/// Numbers kept at most; further ones carry no mark.
pub const CONTACTS_MAX: usize = 50_000;

/// Pages of raw numbers kept until a SIM tells which country to read them in.
const UNREAD_MAX: usize = 100_000;

/// How long the book must be quiet before a line syncs it.
const SETTLE: Duration = Duration::from_secs(2);

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

    /// A page of the book. Without a country it waits for one. True when the book changed.
    pub(crate) fn page(&mut self, page: Page, home: Option<Country>, ctx: &mut Ctx<'_>) -> bool {
        let Some(home) = home else {
            if page.kind.begins_anew() {
                self.unread.clear();
            }
            let waiting: usize = self.unread.iter().map(|p| p.added.len() + p.removed.len()).sum();
            if waiting + page.added.len() + page.removed.len() <= UNREAD_MAX {
                self.unread.push(page);
            }
            return false;
        };
        self.read(page, home, ctx)
    }

    /// A SIM tells the country: whatever waited is read now. True when the book changed.
    pub(crate) fn country_known(&mut self, home: Country, ctx: &mut Ctx<'_>) -> bool {
        let mut changed = false;
        for page in std::mem::take(&mut self.unread) {
            changed |= self.read(page, home, ctx);
        }
        changed
    }

    fn read(&mut self, page: Page, home: Country, ctx: &mut Ctx<'_>) -> bool {
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
        if added.is_empty() && removed.is_empty() {
            return false;
        }
        ctx.commit(vec![Change::PutContacts { added, removed }]);
        true
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

/// What one line has told the server of the book.
#[derive(Debug)]
pub(crate) struct ContactSync {
    /// `None` when it is unknown, as after a boot: then the whole book is told.
    told: Option<BTreeSet<Msisdn>>,
    state: SyncState,
}

#[derive(Debug)]
enum SyncState {
    /// Nothing to tell, or no session to tell it in.
    Idle,
    /// Until the book is quiet, or the server wants to hear again.
    Waiting(Mono),
    /// A page is on its way.
    Told { ticket: Ticket, until: Mono, page: SentPage },
}

#[derive(Debug)]
struct SentPage {
    replace: bool,
    added: Vec<Msisdn>,
    removed: Vec<Msisdn>,
}

impl ContactSync {
    pub(crate) fn new() -> Self {
        Self { told: None, state: SyncState::Idle }
    }

    /// The book changed.
    pub(crate) fn book_changed(&mut self, ctx: &Ctx<'_>) {
        match self.state {
            SyncState::Idle | SyncState::Waiting(_) => {
                self.state = SyncState::Waiting(ctx.now.mono.after(SETTLE));
            }
            SyncState::Told { .. } => {}
        }
    }

    /// A session stands: tells what the server does not know yet.
    pub(crate) fn session_up(&mut self, book: &Contacts, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        self.tell(book, session, ctx);
    }

    /// The session stands no more. Whether the page on its way was heard is unknown; it is told again.
    pub(crate) fn session_down(&mut self) {
        self.state = SyncState::Idle;
    }

    /// The registration is over: another one starts from nothing.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    fn tell(&mut self, book: &Contacts, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        self.state = SyncState::Idle;
        let Some(page) = self.next_page(book) else {
            return;
        };
        let ticket = ctx.ticket();
        ctx.send(
            session,
            ClientFrame::ContactsSync(ContactsSync {
                ticket,
                replace: page.replace,
                added: page.added.clone(),
                removed: page.removed.clone(),
            }),
        );
        self.state = SyncState::Told { ticket, until: ctx.now.mono.after(ctx.config.request), page };
    }

    fn next_page(&self, book: &Contacts) -> Option<SentPage> {
        let Some(told) = &self.told else {
            return Some(SentPage {
                replace: true,
                added: book.numbers.iter().copied().take(CONTACTS_PAGE_MAX).collect(),
                removed: Vec::new(),
            });
        };
        let removed: Vec<Msisdn> = told.difference(&book.numbers).copied().take(CONTACTS_PAGE_MAX).collect();
        let added: Vec<Msisdn> =
            book.numbers.difference(told).copied().take(CONTACTS_PAGE_MAX - removed.len()).collect();
        (!removed.is_empty() || !added.is_empty()).then_some(SentPage { replace: false, added, removed })
    }

    /// An answer with marks came: the page was heard. False when the ticket is none of ours.
    pub(crate) fn answered(
        &mut self,
        answered: Ticket,
        more: bool,
        book: &Contacts,
        session: &SessionFacts,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        match &mut self.state {
            SyncState::Told { ticket, until, .. } if *ticket == answered && more => {
                *until = ctx.now.mono.after(ctx.config.request);
                true
            }
            SyncState::Told { ticket, page, .. } if *ticket == answered => {
                let told = self.told.get_or_insert_default();
                for number in &page.removed {
                    told.remove(number);
                }
                told.extend(page.added.iter().copied());
                self.tell(book, session, ctx);
                true
            }
            SyncState::Idle | SyncState::Waiting(_) | SyncState::Told { .. } => false,
        }
    }

    /// The server refuses to hear it now.
    pub(crate) fn refused(&mut self, refused: Ticket, retry_after_ms: u32, ctx: &Ctx<'_>) -> bool {
        match &self.state {
            SyncState::Told { ticket, .. } if *ticket == refused => {
                let wait = backoff::told(retry_after_ms, ctx.config.request);
                self.state = SyncState::Waiting(ctx.now.mono.after(wait));
                true
            }
            SyncState::Idle | SyncState::Waiting(_) | SyncState::Told { .. } => false,
        }
    }

    /// When [`ContactSync::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        match &self.state {
            SyncState::Idle => None,
            SyncState::Waiting(at) => Some((*at, "contact sync")),
            SyncState::Told { until, .. } => Some((*until, "contact sync answer")),
        }
    }

    /// Acts on the deadline that has come. True when the server left a page unanswered: the connection is dead.
    pub(crate) fn handle_timeout(
        &mut self,
        book: &Contacts,
        session: Option<&SessionFacts>,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        match (&self.state, session) {
            (SyncState::Waiting(at), Some(session)) if *at <= ctx.now.mono => {
                self.tell(book, session, ctx);
                false
            }
            (SyncState::Waiting(at), None) if *at <= ctx.now.mono => {
                self.state = SyncState::Idle;
                false
            }
            (SyncState::Told { until, .. }, _) if *until <= ctx.now.mono => {
                self.state = SyncState::Idle;
                true
            }
            (SyncState::Idle | SyncState::Waiting(_) | SyncState::Told { .. }, _) => false,
        }
    }
}

#[cfg(test)]
mod tests;
