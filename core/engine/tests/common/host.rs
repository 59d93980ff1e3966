//! A phone's OS in a test: keeps what it is asked for, and misbehaves on request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tandem_engine::{Engine, HostError, KeyStore, Log, LogLevel, Sms, Telephony};
use tandem_machine::HostInput;
use tandem_model::{Line, Ticket};

/// How the host's ports behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// Does as it is told and says so later.
    #[default]
    Good,
    /// Says no at once.
    Refuses,
    /// Panics.
    Panics,
    /// Answers twice, and for tickets nobody gave.
    Babbles,
    /// Calls the engine back from within the port: a read, an input, a command.
    Reenters,
    /// Does not come back until told.
    Stuck,
}

#[derive(Default)]
pub struct Host {
    seen: Mutex<Seen>,
    engine: Mutex<Weak<Engine>>,
}

#[derive(Default)]
pub struct Seen {
    pub manner: Manner,
    pub dialed: Vec<(Ticket, String)>,
    pub sent: Vec<(String, String)>,
    pub secrets: BTreeMap<String, Vec<u8>>,
    pub lines: Vec<(LogLevel, String)>,
    pub keys: Manner,
    pub refused_puts: usize,
    pub reentered: usize,
}

impl Host {
    pub fn belongs_to(&self, engine: &Arc<Engine>) {
        *self.engine.lock().unwrap() = Arc::downgrade(engine);
    }

    pub fn behave(&self, manner: Manner) {
        self.seen.lock().unwrap().manner = manner;
    }

    pub fn keep_keys(&self, manner: Manner) {
        self.seen.lock().unwrap().keys = manner;
    }

    pub fn look<T>(&self, at: impl FnOnce(&Seen) -> T) -> T {
        at(&self.seen.lock().unwrap())
    }

    /// Waits until the host has seen something.
    pub fn until(&self, wanted: impl Fn(&Seen) -> bool) {
        let began = Instant::now();
        while !self.look(&wanted) {
            assert!(began.elapsed() < super::PATIENCE, "the host never saw it");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn act(&self, answer: &HostInput, ticket: Ticket) -> Result<(), HostError> {
        let manner = self.look(|seen| seen.manner);
        let engine = self.engine.lock().unwrap().upgrade();
        let tell = |input: HostInput| {
            if let Some(engine) = &engine {
                // An engine that ended meanwhile takes nothing, which is fine.
                let _ended = engine.notify(input);
            }
        };
        match manner {
            Manner::Good => tell(answer.clone()),
            Manner::Refuses => return Err(HostError::Failed),
            Manner::Panics => std::panic::panic_any("a host that panics"),
            Manner::Babbles => {
                tell(answer.clone());
                tell(answer.clone());
                tell(HostInput::CarrierDialed { ticket: Ticket(ticket.0 + 1_000_000), ok: false });
            }
            Manner::Reenters => {
                tell(answer.clone());
                if let Some(engine) = &engine {
                    let _views = engine.views();
                    super::block_on(engine.command(tandem_machine::Command::SyncMarks)).unwrap();
                    self.seen.lock().unwrap().reentered += 1;
                }
            }
            Manner::Stuck => {
                while self.look(|seen| seen.manner) == Manner::Stuck {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
        Ok(())
    }
}

impl Telephony for Host {
    fn dial(&self, ticket: Ticket, _line: Option<Line>, digits: &str) -> Result<(), HostError> {
        self.seen.lock().unwrap().dialed.push((ticket, digits.to_owned()));
        self.act(&HostInput::CarrierDialed { ticket, ok: true }, ticket)
    }
}

impl Sms for Host {
    fn send(&self, ticket: Ticket, _line: Option<Line>, to: &str, body: &str) -> Result<(), HostError> {
        self.seen.lock().unwrap().sent.push((to.to_owned(), body.to_owned()));
        self.act(&HostInput::SmsSent { ticket, ok: true }, ticket)
    }
}

impl KeyStore for Host {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        let seen = self.seen.lock().unwrap();
        match seen.keys {
            Manner::Refuses => Err(HostError::Locked),
            _ => Ok(seen.secrets.get(name).cloned()),
        }
    }

    fn put(&self, name: &str, secret: &[u8]) -> Result<(), HostError> {
        let mut seen = self.seen.lock().unwrap();
        if seen.keys == Manner::Refuses {
            seen.refused_puts += 1;
            return Err(HostError::Locked);
        }
        seen.secrets.insert(name.to_owned(), secret.to_vec());
        Ok(())
    }
}

impl Log for Host {
    fn on_line(&self, level: LogLevel, _target: &str, text: &str) {
        self.seen.lock().unwrap().lines.push((level, text.to_owned()));
    }
}
