//! What the phone's OS does for the core: one small trait per capability, each optional.
//!
//! A port method returns at once; slow work is answered later by [`Engine::notify`](crate::Engine::notify) under the same
//! ticket. Ports are called after the machine is drained, never under a lock, from one thread of the engine
//! (`tandem-host`), so a host may call the engine back from within any of them. Only when the machine is gone does
//! [`Telephony::dial`] come from another thread (`tandem-guard`): a stuck host thread must not keep a person from dialing.
//!
//! An `Err` is a value, not a surprise: the order is answered as refused and the machine decides.

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use tandem_machine::input::NetworkSnapshot;
use tandem_model::{CallId, Line, MonoMicros, Now, SimSlot, Ticket, WallMillis};
use tokio::io::{AsyncRead, AsyncWrite};

/// Why the host did not do what it was asked. Carries no text: a host's exception text may hold a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum HostError {
    /// This phone cannot do it: do not ask again.
    #[error("this phone cannot do that")]
    Unsupported,
    /// Not permitted, or not now (locked before first unlock): ask again later.
    #[error("the phone does not allow that now")]
    Locked,
    /// It went wrong.
    #[error("the phone failed to do that")]
    Failed,
}

/// Tells which SIMs are in the phone. Asked at the start and whenever the host says that they changed
/// ([`Engine::look_again`](crate::Engine::look_again)).
pub trait Sim: Send + Sync {
    /// The SIMs that are in the phone now; none is an answer.
    ///
    /// # Errors
    /// [`HostError`]: what was known stays, and it is asked again unless it is [`HostError::Unsupported`].
    fn slots(&self) -> Result<Vec<SimSlot>, HostError>;
}

/// Tells of the network path. Asked at the start and whenever the host says that it changed.
pub trait Network: Send + Sync {
    /// The path as of now.
    ///
    /// # Errors
    /// As for [`Sim::slots`].
    fn snapshot(&self) -> Result<NetworkSnapshot, HostError>;
}

/// Reads the phone book, page by page. Read at the start and whenever the host says that it changed.
pub trait Contacts: Send + Sync {
    /// Asks for the page at `cursor` (absent: the first), at most `limit` numbers of it. It comes later by
    /// [`Engine::contacts_page`](crate::Engine::contacts_page) under the same ticket.
    ///
    /// # Errors
    /// [`HostError`]: the reading stops and begins anew later, unless it is [`HostError::Unsupported`].
    fn request_page(&self, ticket: Ticket, cursor: Option<&str>, limit: u32) -> Result<(), HostError>;
}

/// Opens the phone's sound for a call. Nothing of a call's sound is touched before the host says that it is open, by asking
/// for it ([`Engine::call_audio`](crate::Engine::call_audio)).
pub trait Audio: Send + Sync {
    /// A call was answered: open microphone and earpiece, in the voice mode of the OS.
    ///
    /// # Errors
    /// [`HostError`]: the call goes on without sound here.
    fn begin(&self, call: CallId) -> Result<(), HostError>;

    /// The sound of that call is over.
    fn end(&self, call: CallId);
}

/// Sends SMS.
pub trait Sms: Send + Sync {
    /// Sends `body` to `to` from a SIM; `None` for the OS's default. The outcome comes later as
    /// [`HostInput::SmsSent`](tandem_machine::HostInput::SmsSent) with the same ticket.
    ///
    /// # Errors
    /// [`HostError`] when it cannot even be tried; this counts as the answer.
    fn send(&self, ticket: Ticket, line: Option<Line>, to: &str, body: &str) -> Result<(), HostError>;
}

/// Dials through the carrier.
pub trait Telephony: Send + Sync {
    /// Dials `digits` as they are from a SIM; `None` for the OS's default. The outcome comes later as
    /// [`HostInput::CarrierDialed`](tandem_machine::HostInput::CarrierDialed) with the same ticket. Ticket zero is a call
    /// placed for a machine that is gone: nobody waits for its outcome.
    ///
    /// # Errors
    /// [`HostError`] when it cannot even be tried; this counts as the answer.
    fn dial(&self, ticket: Ticket, line: Option<Line>, digits: &str) -> Result<(), HostError>;
}

/// What the host may say has changed, for the core to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Changed {
    /// The SIMs.
    Sims,
    /// The network path.
    Network,
    /// The phone book.
    Contacts,
}

/// Keeps small secrets: the hardware-backed store of the OS.
pub trait KeyStore: Send + Sync {
    /// Reads a secret. `Ok(None)` means it was never put, which a locked store must not say.
    ///
    /// # Errors
    /// [`HostError::Locked`] is retried until the store opens; until then nothing is signed.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HostError>;

    /// Keeps a secret durably, replacing the one of that name.
    ///
    /// # Errors
    /// [`HostError`]: what depends on it is not sent and is tried again.
    fn put(&self, name: &str, secret: &[u8]) -> Result<(), HostError>;
}

/// The phone's two clocks (law 2). Called often and from any thread: must only read.
pub trait Clock: Send + Sync {
    /// Microseconds on a clock that goes on while the phone sleeps (`elapsedRealtimeNanos`, `mach_continuous_time`).
    fn mono(&self) -> MonoMicros;

    /// Milliseconds since the Unix epoch, as the user's clock shows it.
    fn wall(&self) -> WallMillis;

    /// Both, read together.
    fn now(&self) -> Now {
        Now { mono: self.mono().mono(), wall: self.wall() }
    }
}

/// How bad a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Every frame.
    Trace,
    /// Small turns.
    Debug,
    /// What a person sees.
    Info,
    /// Odd, but it goes on.
    Warn,
    /// A defect of the core.
    Error,
}

/// Takes log lines. They hold no number, token, key or text.
pub trait Log: Send + Sync {
    /// One line. Whatever it does, nothing waits for it; lines are dropped and counted when the host is slow.
    fn on_line(&self, level: LogLevel, target: &str, text: &str);
}

/// What a host brings. Every capability may be missing; the feature behind it then reports that it cannot.
#[derive(Clone, Default)]
pub struct Ports {
    /// Absent: the host tells by [`HostInput::Sims`](tandem_machine::HostInput::Sims).
    pub sim: Option<Arc<dyn Sim>>,
    /// Absent: the host tells by [`HostInput::Network`](tandem_machine::HostInput::Network).
    pub network: Option<Arc<dyn Network>>,
    /// Absent: the host tells by [`HostInput::Contacts`](tandem_machine::HostInput::Contacts).
    pub contacts: Option<Arc<dyn Contacts>>,
    /// Absent: the app opens the sound itself when it sees a call answered.
    pub audio: Option<Arc<dyn Audio>>,
    /// Absent: SMS are answered as refused.
    pub sms: Option<Arc<dyn Sms>>,
    /// Absent: carrier calls are answered as refused.
    pub telephony: Option<Arc<dyn Telephony>>,
    /// Absent: keys live as long as the engine.
    pub keys: Option<Arc<dyn KeyStore>>,
    /// Absent: the process's own clocks ([`ProcessClock`](crate::ProcessClock)).
    pub clock: Option<Arc<dyn Clock>>,
    /// Absent: lines go to whatever `tracing` subscriber the process has.
    pub log: Option<Arc<dyn Log>>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("sim", &self.sim.is_some())
            .field("network", &self.network.is_some())
            .field("contacts", &self.contacts.is_some())
            .field("audio", &self.audio.is_some())
            .field("sms", &self.sms.is_some())
            .field("telephony", &self.telephony.is_some())
            .field("keys", &self.keys.is_some())
            .field("clock", &self.clock.is_some())
            .field("log", &self.log.is_some())
            .finish()
    }
}

/// A byte stream to the server, before TLS.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Opens byte streams for sessions. The engine puts TLS (for `wss`) and WebSocket on top of what it gets, so a shaped
/// link goes under both. Called inside the engine's runtime; may be dropped at any await.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Opens a stream to a host and port for one line.
    ///
    /// # Errors
    /// Any error is a connection that never came; the machine tries again with back-off.
    async fn connect(&self, line: Line, host: &str, port: u16) -> io::Result<Box<dyn ByteStream>>;
}

/// Plain TCP with `TCP_NODELAY`: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

#[async_trait]
impl Connector for TcpConnector {
    async fn connect(&self, _line: Line, host: &str, port: u16) -> io::Result<Box<dyn ByteStream>> {
        let stream = tokio::net::TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
