//! What the engine asks its host for by itself: the SIMs, the network path, the phone book.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes,
    reason = "helpers of tests"
)]

mod common;

use common::server::Server;
use common::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tandem_engine::{
    Changed, Contacts, ContactsPage, Engine, HostError, Network, NotifyError, Ports, Sim, TcpConnector,
};
use tandem_machine::input::NetworkSnapshot;
use tandem_machine::view::RegistrationState;
use tandem_machine::{Command, Event};
use tandem_media::FakeMedia;
use tandem_model::{Line, Secret, SimSlot, Ticket};

/// A phone that is asked.
struct Asked {
    sims: Mutex<Vec<SimSlot>>,
    /// What the SIM port says instead.
    no: Mutex<Option<HostError>>,
    panics: bool,
    asked_for_sims: AtomicU32,
    pages: Mutex<Vec<(Ticket, Option<String>)>>,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked {
            sims: Mutex::new(vec![sim()]),
            no: Mutex::default(),
            panics: false,
            asked_for_sims: AtomicU32::new(0),
            pages: Mutex::default(),
        }
    }
}

impl Sim for Asked {
    fn slots(&self) -> Result<Vec<SimSlot>, HostError> {
        self.asked_for_sims.fetch_add(1, Ordering::SeqCst);
        if self.panics {
            std::panic::panic_any("a host that panics");
        }
        self.no.lock().unwrap().map_or_else(|| Ok(self.sims.lock().unwrap().clone()), Err)
    }
}

impl Network for Asked {
    fn snapshot(&self) -> Result<NetworkSnapshot, HostError> {
        Ok(NetworkSnapshot { path: 1, connected: true, wifi: true, hint_bps: None })
    }
}

impl Contacts for Asked {
    fn request_page(&self, ticket: Ticket, cursor: Option<&str>, _limit: u32) -> Result<(), HostError> {
        self.pages.lock().unwrap().push((ticket, cursor.map(str::to_owned)));
        Ok(())
    }
}

impl Asked {
    fn start(self: &Arc<Self>, phone: &Phone) -> Engine {
        let ports = Ports {
            sim: Some(self.clone()),
            network: Some(self.clone()),
            contacts: Some(self.clone()),
            ..phone.ports()
        };
        Engine::start(phone.config.clone(), ports, Arc::new(FakeMedia::new()), Arc::new(TcpConnector)).unwrap()
    }

    /// Waits for the page that is asked for after so many.
    fn page(&self, after: usize) -> (Ticket, Option<String>) {
        let began = Instant::now();
        loop {
            if let Some(page) = self.pages.lock().unwrap().get(after) {
                return page.clone();
            }
            assert!(began.elapsed() < PATIENCE, "no page was asked for");
            std::thread::yield_now();
        }
    }
}

fn page(numbers: &[&str], next: Option<&str>) -> ContactsPage {
    let numbers = numbers.iter().map(|raw| Secret::new((*raw).to_owned())).collect();
    ContactsPage { numbers, next: next.map(str::to_owned) }
}

fn unregistered(line: u8) -> impl Fn(&Event) -> Option<()> {
    move |event| match event {
        Event::Registration(view)
            if view.line == Line(line) && matches!(view.state, RegistrationState::Unregistered) =>
        {
            Some(())
        }
        _ => None,
    }
}

#[test]
fn the_first_command_finds_the_sims_although_nobody_told_of_them() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = Arc::new(Asked::default()).start(&phone);
    register(&engine);
    assert_eq!(engine.views().registrations.len(), 1);
}

#[test]
fn every_sim_is_told_of_and_a_new_one_when_the_host_says_that_they_changed() {
    let (phone, host) = (Phone::alone(), Arc::new(Asked::default()));
    let engine = host.start(&phone);
    until(&engine, unregistered(0));
    host.sims.lock().unwrap().push(SimSlot { line: Line(1), number: None, imsi: None, ..sim() });
    engine.look_again(Changed::Sims).unwrap();
    until(&engine, unregistered(1));
    assert_eq!(engine.views().registrations.len(), 2);
}

#[test]
fn a_contacts_number_is_read_in_the_country_of_a_sim() {
    let phone = Phone::alone();
    let engine = Arc::new(Asked::default()).start(&phone);
    until(&engine, unregistered(0));
    let peer = Some(peer_number());
    for raw in ["0151 98765432", "+49 151 98765432", "0049-151-98765432"] {
        assert_eq!(engine.number(Some(Line(0)), raw), peer, "{raw}");
        assert_eq!(engine.number(None, raw), peer, "{raw}");
    }
    assert_eq!(engine.number(Some(Line(7)), "0151 98765432"), None, "no such SIM, so no country");
    assert_eq!(engine.number(Some(Line(7)), "+49 151 98765432"), peer, "needs no country");
    assert_eq!(engine.number(None, "not a number"), None);
}

#[test]
fn a_phone_that_can_never_tell_its_sims_is_not_asked_again() {
    let (phone, host) = (Phone::alone(), Arc::new(Asked::default()));
    *host.no.lock().unwrap() = Some(HostError::Unsupported);
    let engine = host.start(&phone);
    block_on(engine.command(Command::SyncMarks)).unwrap();
    engine.look_again(Changed::Sims).unwrap();
    block_on(engine.command(Command::SyncMarks)).unwrap();
    assert_eq!(host.asked_for_sims.load(Ordering::SeqCst), 1);
}

#[test]
fn a_host_that_panics_when_asked_leaves_a_core_that_works() {
    let (phone, host) = (Phone::alone(), Arc::new(Asked { panics: true, ..Asked::default() }));
    let engine = host.start(&phone);
    assert!(block_on(engine.command(Command::SyncMarks)).is_ok());
    assert!(engine.views().registrations.is_empty());
}

#[test]
fn the_phone_book_is_read_page_by_page_and_again_when_it_changes() {
    let (phone, host) = (Phone::alone(), Arc::new(Asked::default()));
    let engine = host.start(&phone);
    let (first, cursor) = host.page(0);
    assert_eq!(cursor, None);
    engine.contacts_page(Ticket(first.0 + 1_000), Ok(page(&["+4915100000001"], None))).unwrap();
    engine.contacts_page(first, Ok(page(&["+4915100000001"], Some("b")))).unwrap();
    let (second, cursor) = host.page(1);
    assert_eq!(cursor.as_deref(), Some("b"), "the page nobody asked for did not count");
    engine.contacts_page(first, Ok(page(&["+4915100000009"], Some("x")))).unwrap();
    engine.contacts_page(second, Ok(page(&["+4915100000002"], None))).unwrap();
    block_on(engine.command(Command::SyncMarks)).unwrap();
    assert_eq!(
        host.pages.lock().unwrap().len(),
        2,
        "the last page was the last, and an answer that comes twice is one"
    );
    engine.look_again(Changed::Contacts).unwrap();
    assert_eq!(host.page(2).1, None, "from the beginning");
}

#[test]
fn after_the_end_nothing_is_taken_and_no_port_is_asked() {
    let (phone, host) = (Phone::alone(), Arc::new(Asked::default()));
    let engine = host.start(&phone);
    until(&engine, unregistered(0));
    block_on(engine.shutdown(PATIENCE));
    let asked = host.asked_for_sims.load(Ordering::SeqCst);
    assert_eq!(engine.look_again(Changed::Sims), Err(NotifyError::Stopped));
    assert_eq!(engine.contacts_page(Ticket(1), Ok(page(&[], None))), Err(NotifyError::Stopped));
    assert_eq!(host.asked_for_sims.load(Ordering::SeqCst), asked);
}

#[test]
fn a_core_that_ends_and_begins_at_once_finds_its_database() {
    let phone = Phone::alone();
    for _ in 0..10 {
        let engine = Arc::new(Asked::default()).start(&phone);
        assert_eq!(engine.store_error(), None);
        // Without waiting for its end.
        drop(engine);
    }
}
