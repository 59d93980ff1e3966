//! Reading the phone book through the host's port, page by page, one page at a time.
//!
//! Every answer may be missing, late, double or never end: a page is waited for [`PAGE_WITHIN`], answers to other tickets
//! are dropped, a page of more than was asked for is handed on in parts, and a book without an end is cut off. A reading that stops removes nothing from what is known.

use crate::ports::HostError;
use std::time::Duration;
use tandem_model::{Mono, Secret, Ticket};

/// Numbers asked for at once.
pub(crate) const PAGE_LIMIT: u32 = 500;

/// Pages of one reading: a host that always has another is not read for ever.
const PAGES_MAX: u32 = 1_000;

/// Numbers of one reading.
const NUMBERS_MAX: usize = 100_000;

/// How long a page may take.
const PAGE_WITHIN: Duration = Duration::from_secs(30);

/// First wait after a reading that stopped; doubles up to [`AGAIN_MAX`].
const AGAIN_FIRST: Duration = Duration::from_secs(10);

/// Longest wait after a reading that stopped.
const AGAIN_MAX: Duration = Duration::from_secs(3_600);

/// A page of the phone book, as the host hands it over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactsPage {
    /// Raw numbers.
    pub numbers: Vec<Secret<String>>,
    /// Where the next page begins; absent after the last.
    pub next: Option<String>,
}

/// A page to ask the host for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageWanted {
    pub(crate) ticket: Ticket,
    pub(crate) cursor: Option<String>,
}

/// A page for the machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageRead {
    pub(crate) first: bool,
    pub(crate) last: bool,
    pub(crate) numbers: Vec<Secret<String>>,
}

/// What is being read.
#[derive(Debug, Default)]
pub(crate) struct Book {
    state: State,
    last_ticket: u64,
    failures: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Reading {
        ticket: Ticket,
        until: Mono,
        pages: u32,
        numbers: usize,
        /// It changed meanwhile: once more when this reading is through.
        outdated: bool,
    },
    Waiting(Mono),
    Never,
}

impl Book {
    /// The host says that the book changed. The page to ask for, unless a reading goes on.
    pub(crate) fn changed(&mut self, now: Mono) -> Option<PageWanted> {
        match &mut self.state {
            State::Reading { outdated, .. } => {
                *outdated = true;
                None
            }
            State::Idle | State::Waiting(_) => Some(self.want(None, 0, 0, false, now)),
            State::Never => None,
        }
    }

    /// The host answers. What to hand to the machine, and what to ask for next.
    pub(crate) fn answered(
        &mut self,
        answered: Ticket,
        page: Result<ContactsPage, HostError>,
        now: Mono,
    ) -> (Vec<PageRead>, Option<PageWanted>) {
        let State::Reading { ticket, pages, numbers, outdated, .. } = self.state else {
            return (Vec::new(), None);
        };
        if ticket != answered {
            return (Vec::new(), None);
        }
        let page = match page {
            Ok(page) => page,
            Err(HostError::Unsupported) => {
                self.state = State::Never;
                return (Vec::new(), None);
            }
            Err(HostError::Locked | HostError::Failed) => {
                self.stop(now);
                return (Vec::new(), None);
            }
        };
        let numbers = numbers + page.numbers.len();
        let last = page.next.is_none();
        if numbers > NUMBERS_MAX || (!last && pages + 1 >= PAGES_MAX) {
            self.stop(now);
            return (Vec::new(), None);
        }
        let next = if last {
            self.through(outdated, now)
        } else {
            Some(self.want(page.next, pages + 1, numbers, outdated, now))
        };
        (parts(page.numbers, pages == 0, last), next)
    }

    /// When [`Book::look`] has something to do.
    pub(crate) const fn due_at(&self) -> Option<Mono> {
        match self.state {
            State::Reading { until, .. } => Some(until),
            State::Waiting(at) => Some(at),
            State::Idle | State::Never => None,
        }
    }

    /// Acts on the deadline that has come: the page to ask for, if any.
    pub(crate) fn look(&mut self, now: Mono) -> Option<PageWanted> {
        match self.state {
            State::Reading { until, .. } if until <= now => {
                self.stop(now);
                None
            }
            State::Waiting(at) if at <= now => Some(self.want(None, 0, 0, false, now)),
            State::Reading { .. } | State::Waiting(_) | State::Idle | State::Never => None,
        }
    }

    fn through(&mut self, outdated: bool, now: Mono) -> Option<PageWanted> {
        self.failures = 0;
        self.state = State::Idle;
        outdated.then(|| self.want(None, 0, 0, false, now))
    }

    fn stop(&mut self, now: Mono) {
        let wait = AGAIN_FIRST.saturating_mul(1 << self.failures.min(9)).min(AGAIN_MAX);
        self.failures = self.failures.saturating_add(1);
        self.state = State::Waiting(now.after(wait));
    }

    fn want(&mut self, cursor: Option<String>, pages: u32, numbers: usize, outdated: bool, now: Mono) -> PageWanted {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.state = State::Reading { ticket, until: now.after(PAGE_WITHIN), pages, numbers, outdated };
        PageWanted { ticket, cursor }
    }
}

/// A page in parts no larger than the machine takes in at once.
fn parts(numbers: Vec<Secret<String>>, first: bool, last: bool) -> Vec<PageRead> {
    let count = numbers.len().div_ceil(PAGE_LIMIT as usize).max(1);
    let mut numbers = numbers.into_iter();
    (1..=count)
        .map(|at| PageRead {
            first: first && at == 1,
            last: last && at == count,
            numbers: numbers.by_ref().take(PAGE_LIMIT as usize).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Mono = Mono(1_000);

    fn page(numbers: &[&str], next: Option<&str>) -> Result<ContactsPage, HostError> {
        let numbers = numbers.iter().map(|n| Secret::new((*n).to_owned())).collect();
        Ok(ContactsPage { numbers, next: next.map(str::to_owned) })
    }

    fn shape(read: &[PageRead]) -> Vec<(bool, bool, usize)> {
        read.iter().map(|part| (part.first, part.last, part.numbers.len())).collect()
    }

    fn reading() -> (Book, Ticket) {
        let mut book = Book::default();
        let ticket = book.changed(NOW).unwrap().ticket;
        (book, ticket)
    }

    #[test]
    fn a_book_is_read_page_after_page() {
        let (mut book, ticket) = reading();
        let (read, next) = book.answered(ticket, page(&["1", "2"], Some("b")), NOW);
        assert_eq!(shape(&read), [(true, false, 2)]);
        let next = next.unwrap();
        assert_eq!(next.cursor.as_deref(), Some("b"));
        let (read, next) = book.answered(next.ticket, page(&[], None), NOW);
        assert_eq!((shape(&read), next), (vec![(false, true, 0)], None));
        assert_eq!(book.due_at(), None);
    }

    #[test]
    fn a_change_during_a_reading_reads_once_more_after_it() {
        let (mut book, ticket) = reading();
        assert_eq!(book.changed(NOW), None);
        let (_, next) = book.answered(ticket, page(&[], Some("b")), NOW);
        let (_, next) = book.answered(next.unwrap().ticket, page(&[], None), NOW);
        assert_eq!(next.as_ref().unwrap().cursor, None, "from the beginning");
        let (_, next) = book.answered(next.unwrap().ticket, page(&[], None), NOW);
        assert_eq!(next, None);
    }

    #[test]
    fn late_double_and_foreign_answers_are_dropped() {
        let (mut book, ticket) = reading();
        assert_eq!(book.answered(Ticket(99), page(&["1"], None), NOW), (Vec::new(), None));
        let (_, next) = book.answered(ticket, page(&["1"], Some("b")), NOW);
        assert_eq!(book.answered(ticket, page(&["1"], Some("b")), NOW), (Vec::new(), None), "twice");
        let until = book.due_at().unwrap();
        assert_eq!(book.look(until), None);
        assert_eq!(book.answered(next.unwrap().ticket, page(&["1"], None), until), (Vec::new(), None), "too late");
    }

    #[test]
    fn a_page_that_never_comes_is_given_up_at_its_deadline_and_asked_for_again_ever_later() {
        let (mut book, _) = reading();
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..11 {
            let until = book.due_at().unwrap();
            assert_eq!(until.since(now), PAGE_WITHIN);
            assert_eq!(book.look(Mono(until.0 - 1)), None);
            assert!(matches!(book.state, State::Reading { .. }));
            assert_eq!(book.look(until), None);
            let again = book.due_at().unwrap();
            waits.push(again.since(until).as_secs());
            assert_eq!(book.look(Mono(again.0 - 1)), None);
            assert_eq!(book.look(again).unwrap().cursor, None);
            now = again;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
    }

    #[test]
    fn a_book_without_an_end_is_cut_off_and_never_called_whole() {
        let (mut book, mut ticket) = reading();
        let mut pages = 0;
        loop {
            let (read, next) = book.answered(ticket, page(&["1"], Some("more")), NOW);
            pages += 1;
            assert!(read.iter().all(|part| !part.last));
            match next {
                Some(next) => ticket = next.ticket,
                None => break,
            }
        }
        assert_eq!(pages, PAGES_MAX);
        let (mut book, ticket) = reading();
        let too_many = vec![Secret::new("1".to_owned()); NUMBERS_MAX + 1];
        let page = ContactsPage { numbers: too_many, next: None };
        assert_eq!(book.answered(ticket, Ok(page), NOW), (Vec::new(), None));
    }

    #[test]
    fn a_page_larger_than_asked_for_is_handed_on_in_parts() {
        let (mut book, ticket) = reading();
        let many = vec![Secret::new("1".to_owned()); 1_001];
        let (read, _) = book.answered(ticket, Ok(ContactsPage { numbers: many, next: None }), NOW);
        assert_eq!(shape(&read), [(true, false, 500), (false, false, 500), (false, true, 1)]);
    }

    #[test]
    fn a_host_that_has_no_book_is_left_alone_and_one_that_is_locked_is_asked_again() {
        let (mut book, ticket) = reading();
        book.answered(ticket, Err(HostError::Locked), NOW);
        let again = book.look(book.due_at().unwrap()).unwrap();
        book.answered(again.ticket, Err(HostError::Unsupported), NOW);
        assert_eq!((book.changed(NOW), book.due_at()), (None, None));
    }
}
