//! A phone around an engine, and a server that speaks a script.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part of it")]

pub mod host;
pub mod server;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tandem_engine::{Engine, EngineConfig, Ports, TcpConnector};
use tandem_machine::input::{NetworkSnapshot, Target};
use tandem_machine::view::{Notice, RegistrationState};
use tandem_machine::{Command, Event, HostInput};
use tandem_media::FakeMedia;
use tandem_model::{Country, Imsi, Line, Msisdn, Secret, SimSlot};
use tandem_wire::frame::SmsPlatform;

/// How long a test waits for what must come before it fails. Nothing is measured by it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a future on this very thread with no runtime at all, as a host's own executor does.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut future = pin!(future);
    let began = Instant::now();
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "it never came");
        thread::park_timeout(Duration::from_secs(1));
    }
}

/// Whether an event says that the machine is gone.
pub fn is_stopped(event: &Event) -> bool {
    matches!(event, Event::Notice(Notice::Stopped { .. }))
}

/// My own number.
pub fn my_number() -> Msisdn {
    Msisdn::from_e164("+4915123456789").unwrap()
}

/// Somebody else's.
pub fn peer_number() -> Msisdn {
    Msisdn::from_e164("+4915198765432").unwrap()
}

/// Everything a phone needs, ready to be started.
pub struct Phone {
    pub dir: tempfile::TempDir,
    pub host: Arc<host::Host>,
    pub config: EngineConfig,
}

impl Phone {
    /// For a server.
    pub fn of(server: &server::Server) -> Phone {
        let mut phone = Phone::at(&server.session_address(), Some(server.register_address()));
        if let Some(root) = &server.root {
            phone.config.roots = tandem_engine::Roots::Explicit(vec![root.clone()]);
        }
        phone
    }

    /// With nothing but the carrier.
    pub fn alone() -> Phone {
        // Port 9 on loopback answers with a refusal.
        Phone::at("ws://127.0.0.1:9", None)
    }

    fn at(server: &str, register_url: Option<String>) -> Phone {
        let dir = tempfile::tempdir().unwrap();
        let mut config = EngineConfig::new(server, dir.path().join("phone.db"));
        config.register_url = register_url;
        config.machine.reconnect_first = Duration::from_millis(20);
        // A loaded machine is slow and does not hang; tests of hangs set what they need.
        config.hang_after = Duration::from_secs(10);
        Phone { dir, host: Arc::default(), config }
    }

    pub fn ports(&self) -> Ports {
        Ports {
            sms: Some(self.host.clone()),
            telephony: Some(self.host.clone()),
            keys: Some(self.host.clone()),
            clock: None,
            log: Some(self.host.clone()),
            ..Ports::default()
        }
    }

    /// Starts it with a SIM and a network.
    pub fn start(&self) -> Arc<Engine> {
        self.start_with(self.ports())
    }

    pub fn start_with(&self, ports: Ports) -> Arc<Engine> {
        let media = Arc::new(FakeMedia::new());
        let engine = Engine::start(self.config.clone(), ports, media, Arc::new(TcpConnector)).unwrap();
        let engine = Arc::new(engine);
        let network = NetworkSnapshot { path: 1, connected: true, wifi: true, hint_bps: None };
        for told in [HostInput::Sims(vec![sim()]), HostInput::Network(network)] {
            let taken = engine.notify(told);
            // An engine that is to break may be gone before it is told everything.
            assert!(taken.is_ok() || self.config.faults != tandem_engine::faults::Faults::default(), "{taken:?}");
        }
        self.host.belongs_to(&engine);
        engine
    }
}

pub fn sim() -> SimSlot {
    SimSlot {
        line: Line(0),
        number: Some(my_number()),
        imsi: Imsi::parse("001010123456789"),
        country: Country::parse("DE").unwrap(),
    }
}

/// A call through the carrier, asked of the machine.
pub fn carrier_call(digits: &str) -> Command {
    Command::Dial {
        target: Target::Number(Secret::new(digits.to_owned())),
        line: Some(Line(0)),
        mode: tandem_machine::input::Mode::Carrier,
    }
}

/// A text over data.
pub fn text(words: &str) -> Command {
    Command::SendText {
        target: Target::Number(Secret::new(peer_number().e164())),
        line: Some(Line(0)),
        body: Secret::new(words.to_owned()),
        mode: tandem_machine::input::Mode::Data,
    }
}

/// The first event that `wanted` makes something of; whatever comes before it is skipped.
pub fn until<T>(engine: &Engine, wanted: impl Fn(&Event) -> Option<T>) -> T {
    block_on(async {
        loop {
            let event = engine.next_event().await.expect("the engine ended before that");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    })
}

/// Waits for the session of line 0 to stand, or to fall.
pub fn until_online(engine: &Engine, wanted: bool) {
    until(engine, |event| (*event == Event::Online { line: Line(0), online: wanted }).then_some(()));
}

/// Registers line 0 as a person would: ask, receive the SMS, confirm.
pub fn register(engine: &Engine) {
    block_on(engine.command(Command::Register { line: Line(0), typed: None })).unwrap();
    until_registration(engine, |state| matches!(state, RegistrationState::AwaitingSms { .. }));
    let body = tandem_wire::sms::render(&server::TOKEN, "12345678", &SmsPlatform::Dialer);
    let from = Secret::new("Tandem".to_owned());
    engine.notify(HostInput::SmsReceived { line: Line(0), from, body: Secret::new(body) }).unwrap();
    until_registration(engine, |state| matches!(state, RegistrationState::AwaitingUserConfirm));
    block_on(engine.command(Command::ConfirmRegistration { line: Line(0) })).unwrap();
    until_registration(engine, |state| matches!(state, RegistrationState::Registered));
}

pub fn until_registration(engine: &Engine, wanted: impl Fn(&RegistrationState) -> bool) {
    until(engine, |event| match event {
        Event::Registration(view) if wanted(&view.state) => Some(()),
        Event::Registration(view) => {
            assert!(!matches!(view.state, RegistrationState::Failed(_)), "{view:?}");
            None
        }
        _ => None,
    });
}

/// Every event to the end.
pub fn to_the_end(engine: &Engine) -> Vec<Event> {
    block_on(async {
        let mut all = Vec::new();
        while let Some(event) = engine.next_event().await {
            all.push(event);
        }
        all
    })
}

/// What comes next on a channel of a mock.
pub fn next<T>(from: &mpsc::Receiver<T>) -> T {
    from.recv_timeout(PATIENCE).expect("it never came")
}
