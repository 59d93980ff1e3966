//! What the host's ports tell when they are asked: the SIMs, the network path, the phone book.

use crate::asking::Asking;
use crate::book::{Book, ContactsPage, PageRead, PageWanted};
use crate::host::{HostAnswer, HostCall};
use crate::ports::{Changed, HostError, Ports};
use tandem_machine::HostInput;
use tandem_model::{Mono, Ticket};

/// One question a port; absent where the host has no such port and tells by itself.
#[derive(Debug, Default)]
pub(crate) struct HostFacts {
    sims: Option<Asking>,
    network: Option<Asking>,
    book: Option<Book>,
}

/// What an answer comes to.
#[derive(Default)]
pub(crate) struct Learned {
    pub(crate) inputs: Vec<HostInput>,
    pub(crate) ask: Option<HostCall>,
}

impl HostFacts {
    pub(crate) fn new(ports: &Ports) -> HostFacts {
        HostFacts {
            sims: ports.sim.is_some().then(Asking::default),
            network: ports.network.is_some().then(Asking::default),
            book: ports.contacts.is_some().then(Book::default),
        }
    }

    /// Whether the host has not yet told which SIMs and which network there are.
    pub(crate) fn are_asked(&self) -> bool {
        self.sims.as_ref().is_some_and(Asking::is_asked) || self.network.as_ref().is_some_and(Asking::is_asked)
    }

    /// What to ask the host for when something changed.
    pub(crate) fn changed(&mut self, what: Changed, now: Mono) -> Option<HostCall> {
        match what {
            Changed::Sims => self.sims.as_mut()?.changed().then_some(HostCall::ReadSims),
            Changed::Network => self.network.as_mut()?.changed().then_some(HostCall::ReadNetwork),
            Changed::Contacts => self.book.as_mut()?.changed(now).map(HostCall::ReadPage),
        }
    }

    pub(crate) fn sims(&mut self, told: Result<Vec<tandem_model::SimSlot>, HostError>, now: Mono) -> Learned {
        let again = self.sims.as_mut().is_some_and(|asking| asking.answered(told.as_ref().err().copied(), now));
        Learned { inputs: told.map(HostInput::Sims).into_iter().collect(), ask: again.then_some(HostCall::ReadSims) }
    }

    pub(crate) fn network(
        &mut self,
        told: Result<tandem_machine::input::NetworkSnapshot, HostError>,
        now: Mono,
    ) -> Learned {
        let again = self.network.as_mut().is_some_and(|asking| asking.answered(told.as_ref().err().copied(), now));
        Learned {
            inputs: told.map(HostInput::Network).into_iter().collect(),
            ask: again.then_some(HostCall::ReadNetwork),
        }
    }

    /// A page of the book, or why there is none.
    pub(crate) fn page(&mut self, ticket: Ticket, page: Result<ContactsPage, HostError>, now: Mono) -> Learned {
        let Some(book) = &mut self.book else {
            return Learned::default();
        };
        let (read, next) = book.answered(ticket, page, now);
        let input = |PageRead { first, last, numbers }| HostInput::BookPage { first, last, numbers };
        Learned { inputs: read.into_iter().map(input).collect(), ask: next.map(HostCall::ReadPage) }
    }

    /// When [`HostFacts::look`] has something to do.
    pub(crate) fn due_at(&self) -> Option<Mono> {
        let sims = self.sims.as_ref().and_then(Asking::due_at);
        let network = self.network.as_ref().and_then(Asking::due_at);
        [sims, network, self.book.as_ref().and_then(Book::due_at)].into_iter().flatten().min()
    }

    /// What is to be asked again by now.
    pub(crate) fn look(&mut self, now: Mono) -> Vec<HostCall> {
        let sims = self.sims.as_mut().is_some_and(|asking| asking.is_due(now)).then_some(HostCall::ReadSims);
        let network = self.network.as_mut().is_some_and(|asking| asking.is_due(now)).then_some(HostCall::ReadNetwork);
        let page: Option<PageWanted> = self.book.as_mut().and_then(|book| book.look(now));
        [sims, network, page.map(HostCall::ReadPage)].into_iter().flatten().collect()
    }
}

/// Takes an answer of a port that was asked for what it knows; gives back any other.
pub(crate) fn learn(facts: &mut HostFacts, answer: HostAnswer, now: Mono) -> Result<Learned, HostAnswer> {
    match answer {
        HostAnswer::Sims(told) => Ok(facts.sims(told, now)),
        HostAnswer::Network(told) => Ok(facts.network(told, now)),
        HostAnswer::NoPage(ticket, why) => Ok(facts.page(ticket, Err(why), now)),
        other @ (HostAnswer::Dial { .. }
        | HostAnswer::Sms { .. }
        | HostAnswer::KeysKept(_)
        | HostAnswer::KeysRead(_)) => Err(other),
    }
}
