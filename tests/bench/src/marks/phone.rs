//! The real core as a phone with a book, seen only through its commands and events.

use super::PATIENCE;
use super::place::Place;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tandem_engine::{Engine, EngineConfig, Ports, Roots};
use tandem_machine::input::NetworkSnapshot;
use tandem_machine::view::{MarkShown, RegistrationState};
use tandem_machine::{Command, Event, HostInput};
use tandem_model::{Country, Imsi, Line, Msisdn, Secret, SimSlot};
use tokio::runtime::Runtime;

const LINE: Line = Line(0);

/// Phones that come up side by side.
const AT_ONCE: usize = 10;

/// One phone.
pub struct Phone {
    engine: Engine,
    runtime: Runtime,
    number: u64,
}

impl Phone {
    /// Starts it on what it kept, with its SIM and a network.
    ///
    /// # Errors
    /// A sentence on what the engine says.
    pub fn start(place: &Place, number: u64) -> Result<Phone, String> {
        let folder: PathBuf = place.folder.join(number.to_string());
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let address = place.relay.address;
        let mut config = EngineConfig::new(format!("wss://{address}"), folder.join("phone.db"));
        // Its registration does not pass the relay, whose figures are of sessions.
        config.register_url = Some(format!("https://{}/v1/register", place.server));
        config.roots = Roots::Explicit(vec![place.root.clone()]);
        config.machine.reconnect_first = Duration::from_millis(20);
        config.machine.reconnect_max = Duration::from_millis(40);
        let keys = std::sync::Arc::new(Kept(folder.join("keys")));
        let ports = Ports { keys: Some(keys), ..Ports::default() };
        let engine = Engine::start_with_defaults(config, ports).map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|e| e.to_string())?;
        let phone = Phone { engine, runtime, number };
        phone.tell(HostInput::Sims(vec![phone.sim()?]))?;
        phone.tell(HostInput::Network(NetworkSnapshot { path: 1, connected: true, wifi: true, hint_bps: None }))?;
        Ok(phone)
    }

    fn sim(&self) -> Result<SimSlot, String> {
        let country = Country::parse("DE").ok_or("no such country")?;
        let imsi = Imsi::parse(&format!("26201{:010}", self.number % 10_000_000_000));
        Ok(SimSlot { line: LINE, number: Msisdn::try_from(self.number).ok(), imsi, country })
    }

    fn tell(&self, input: HostInput) -> Result<(), String> {
        self.engine.notify(input).map_err(|error| error.to_string())
    }

    fn ask(&self, command: Command) -> Result<(), String> {
        let asked = self.runtime.block_on(self.engine.command(command));
        asked.map(|_| ()).map_err(|error| error.to_string())
    }

    /// The first event that is wanted.
    fn until<T>(&self, what: &str, mut wanted: impl FnMut(Event) -> Option<T>) -> Result<T, String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            let next = self.runtime.block_on(async { tokio::time::timeout(left, self.engine.next_event()).await });
            match next {
                Ok(Some(event)) => {
                    if let Some(found) = wanted(event) {
                        return Ok(found);
                    }
                }
                Ok(None) => return Err("the core ended".to_owned()),
                Err(_) => break,
            }
        }
        Err(format!("{what} did not come within {} s", PATIENCE.as_secs()))
    }

    /// Registers as a person would, and waits for the session.
    ///
    /// # Errors
    /// A sentence on what did not come.
    pub fn register(&self, place: &Place) -> Result<(), String> {
        self.ask(Command::Register { line: LINE, typed: None })?;
        let body = place.gateway.text_for(&format!("+{}", self.number), PATIENCE)?;
        let from = Secret::new("Tandem".to_owned());
        self.tell(HostInput::SmsReceived { line: LINE, from, body: Secret::new(body) })?;
        self.until_state("the question to confirm", |state| matches!(state, RegistrationState::AwaitingUserConfirm))?;
        self.ask(Command::ConfirmRegistration { line: LINE })?;
        self.until_state("the registration", |state| matches!(state, RegistrationState::Registered))?;
        self.until("the session", |event| (event == Event::Online { line: LINE, online: true }).then_some(()))
    }

    fn until_state(&self, what: &str, wanted: impl Fn(&RegistrationState) -> bool) -> Result<(), String> {
        self.until(what, |event| {
            let Event::Registration(view) = event else { return None };
            wanted(&view.state).then_some(())
        })
    }

    /// Changes the book.
    ///
    /// # Errors
    /// The core does not take it.
    pub fn contacts(&self, added: &[u64], removed: &[u64]) -> Result<(), String> {
        let raw = |numbers: &[u64]| numbers.iter().map(|number| Secret::new(format!("+{number}"))).collect();
        self.tell(HostInput::Contacts { replace: false, added: raw(added), removed: raw(removed) })
    }

    /// Waits until these are marked.
    ///
    /// # Errors
    /// They are not.
    pub fn until_marked(&self, numbers: &[u64]) -> Result<(), String> {
        let mut missing: BTreeSet<u64> = numbers.iter().copied().collect();
        self.until("all marks", |event| {
            if let Event::Marks(marks) = event {
                for mark in marks.iter().filter(|mark| mark.shown == MarkShown::Marked) {
                    missing.remove(&mark.number.as_u64());
                }
            }
            missing.is_empty().then_some(())
        })
    }

    /// Asks whether anything changed.
    ///
    /// # Errors
    /// The core does not.
    pub fn sync_marks(&self) -> Result<(), String> {
        self.ask(Command::SyncMarks)
    }

    /// Ends it in order.
    pub fn stop(self) {
        self.runtime.block_on(self.engine.shutdown(Duration::from_secs(5)));
    }
}

/// Numbers register, each holding one number, and go offline again.
///
/// # Errors
/// A sentence on what one of them says.
pub fn befriend(place: &Place, numbers: &[u64], held: u64) -> Result<(), String> {
    for group in numbers.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let coming: Vec<_> =
                group.iter().map(|number| scope.spawn(|| befriend_one(place, *number, held))).collect();
            coming.into_iter().try_for_each(|one| one.join().map_err(|_| "a phone broke".to_owned())?)
        })?;
    }
    Ok(())
}

fn befriend_one(place: &Place, number: u64, held: u64) -> Result<(), String> {
    let phone = Phone::start(place, number)?;
    phone.contacts(&[held], &[])?;
    phone.register(place)?;
    // What it tells of its book leaves right behind the session's beginning.
    std::thread::sleep(Duration::from_secs(2));
    phone.stop();
    Ok(())
}

/// Keys in a file.
struct Kept(PathBuf);

impl tandem_engine::KeyStore for Kept {
    fn get(&self, _name: &str) -> Result<Option<Vec<u8>>, tandem_engine::HostError> {
        Ok(std::fs::read(&self.0).ok())
    }

    fn put(&self, _name: &str, secret: &[u8]) -> Result<(), tandem_engine::HostError> {
        std::fs::write(&self.0, secret).map_err(|_| tandem_engine::HostError::Failed)
    }
}
