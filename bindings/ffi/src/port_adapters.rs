//! The host's ports as the engine knows them. What crosses is turned; nothing is decided.

use crate::errors::HostError;
use crate::ports::{
    AudioPort, ClockPort, ContactsPort, KeyStorePort, LogLevel, LogPort, NetworkPort, Ports, SimPort, SimSlot, SmsPort,
    TelephonyPort,
};
use crate::slot::{LetGo, Slot};
use std::sync::Arc;
use tandem_engine::HostError as EngineError;
use tandem_engine::input::NetworkSnapshot;
use tandem_engine::{Audio, Clock, Contacts, KeyStore, Log, Network, Sim, Sms, SteadyClock, Telephony};
use tandem_model::{CallId, Country, Imsi, Line, MonoMicros, Msisdn, Ticket, WallMillis};

/// The host's ports while the core runs.
#[derive(Default)]
pub(crate) struct HeldPorts(Vec<Arc<dyn LetGo>>);

impl HeldPorts {
    /// The engine's ports, each on a slot that is emptied at the end.
    pub(crate) fn adapt(ports: Ports) -> (HeldPorts, tandem_engine::Ports) {
        let mut held = HeldPorts::default();
        let engine = tandem_engine::Ports {
            sim: ports.sim.map(|port| held.hold(port) as Arc<dyn Sim>),
            network: ports.network.map(|port| held.hold(port) as Arc<dyn Network>),
            contacts: ports.contacts.map(|port| held.hold(port) as Arc<dyn Contacts>),
            audio: ports.audio.map(|port| held.hold(port) as Arc<dyn Audio>),
            sms: ports.sms.map(|port| held.hold(port) as Arc<dyn Sms>),
            telephony: ports.telephony.map(|port| held.hold(port) as Arc<dyn Telephony>),
            keys: ports.key_store.map(|port| held.hold(port) as Arc<dyn KeyStore>),
            clock: ports.clock.map(|port| clock(held.hold(port))),
            log: ports.log.map(|port| held.hold(port) as Arc<dyn Log>),
        };
        (held, engine)
    }

    /// Lets go of every port; none is called by anything that begins after this.
    pub(crate) fn let_go(&self) {
        for slot in &self.0 {
            slot.let_go();
        }
    }

    fn hold<T: ?Sized + Send + Sync + 'static>(&mut self, port: Arc<T>) -> Arc<Slot<T>> {
        let slot = Arc::new(Slot::new(port));
        self.0.push(Arc::clone(&slot) as Arc<dyn LetGo>);
        slot
    }
}

fn clock(slot: Arc<Slot<dyn ClockPort>>) -> Arc<dyn Clock> {
    Arc::new(SteadyClock::new(move || {
        let reading = slot.get()?.now().ok()?;
        Some((MonoMicros(reading.mono_us), WallMillis(reading.wall_ms)))
    }))
}

/// Calls a port, which may be gone.
fn ask<P: ?Sized, T>(slot: &Slot<P>, call: impl FnOnce(&P) -> Result<T, HostError>) -> Result<T, EngineError> {
    let port = slot.get().ok_or(EngineError::Failed)?;
    call(&port).map_err(EngineError::from)
}

impl Sim for Slot<dyn SimPort> {
    fn slots(&self) -> Result<Vec<tandem_model::SimSlot>, EngineError> {
        let slots = ask(self, |port| port.slots())?;
        Ok(slots.into_iter().map(sim_slot).collect())
    }
}

/// What the OS reports and cannot be read counts as not known (DESIGN 5).
fn sim_slot(slot: SimSlot) -> tandem_model::SimSlot {
    let country = Country::parse(&slot.country).unwrap_or(Country::UNKNOWN);
    tandem_model::SimSlot {
        line: slot.line,
        number: slot.number.and_then(|raw| Msisdn::parse(&raw, country).ok()),
        imsi: slot.imsi.and_then(|raw| Imsi::parse(&raw)),
        country,
    }
}

impl Network for Slot<dyn NetworkPort> {
    fn snapshot(&self) -> Result<NetworkSnapshot, EngineError> {
        let path = ask(self, |port| port.snapshot())?;
        Ok(NetworkSnapshot { path: path.path, connected: path.connected, wifi: path.wifi, hint_bps: path.hint_bps })
    }
}

impl Contacts for Slot<dyn ContactsPort> {
    fn request_page(&self, ticket: Ticket, cursor: Option<&str>, limit: u32) -> Result<(), EngineError> {
        ask(self, |port| port.request_page(ticket, cursor.map(str::to_owned), limit))
    }
}

impl Audio for Slot<dyn AudioPort> {
    fn begin(&self, call: CallId) -> Result<(), EngineError> {
        ask(self, |port| port.begin(call))
    }

    fn end(&self, call: CallId) {
        // The sound is over whether or not the host puts its device away.
        let _ended = ask(self, |port| port.end(call));
    }
}

impl Sms for Slot<dyn SmsPort> {
    fn send(&self, ticket: Ticket, line: Option<Line>, to: &str, body: &str) -> Result<(), EngineError> {
        ask(self, |port| port.send(ticket, line, to.to_owned(), body.to_owned()))
    }
}

impl Telephony for Slot<dyn TelephonyPort> {
    fn dial(&self, ticket: Ticket, line: Option<Line>, digits: &str) -> Result<(), EngineError> {
        ask(self, |port| port.dial(ticket, line, digits.to_owned()))
    }
}

impl KeyStore for Slot<dyn KeyStorePort> {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        ask(self, |port| port.get(name.to_owned()))
    }

    fn put(&self, name: &str, secret: &[u8]) -> Result<(), EngineError> {
        ask(self, |port| port.put(name.to_owned(), secret.to_vec()))
    }
}

impl Log for Slot<dyn LogPort> {
    fn on_line(&self, level: tandem_engine::LogLevel, target: &str, text: &str) {
        let level = match level {
            tandem_engine::LogLevel::Trace => LogLevel::Trace,
            tandem_engine::LogLevel::Debug => LogLevel::Debug,
            tandem_engine::LogLevel::Info => LogLevel::Info,
            tandem_engine::LogLevel::Warn => LogLevel::Warn,
            tandem_engine::LogLevel::Error => LogLevel::Error,
        };
        // Nothing waits for a log line.
        let _ignored = ask(self, |port| port.on_line(level, target.to_owned(), text.to_owned()));
    }
}
