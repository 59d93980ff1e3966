//! What the phone's OS does for the core: one small trait per capability, each optional.
//!
//! A port method returns at once and waits for nothing of the core's: a command may need the very thread that waits for it,
//! and is then given up as `NoAnswer`. Slow work is answered later under the same ticket, by
//! [`Core::host_reply`](crate::core::Core::host_reply). Ports are called from one thread of the core (`tandem-host`), after
//! the machine is drained and under no lock; a port may call the core back in the same stack. Three come from elsewhere:
//! [`KeyStorePort::get`] at the start from the thread that starts, [`TelephonyPort::dial`] from a guard thread
//! (`tandem-guard`) for `dial_carrier` and whenever the core is stuck, broken or overloaded, and [`ClockPort::now`], often,
//! from any thread.

use crate::errors::HostError;
use std::sync::Arc;
use tandem_model::{CallId, Line, Ticket};

/// Tells which SIMs are in the phone. Asked at the start and after `HostEvent::SimsChanged`.
#[uniffi::export(foreign)]
pub trait SimPort: Send + Sync {
    /// The SIMs that are in the phone now; an empty list is an answer.
    fn slots(&self) -> Result<Vec<SimSlot>, HostError>;
}

/// One SIM as the OS reports it. Everything but the slot and the country may be missing.
#[derive(Clone, uniffi::Record)]
pub struct SimSlot {
    /// The slot, from 0.
    pub line: Line,
    /// The number the OS knows, in any form; absent when it knows none. One that is no number counts as absent.
    #[uniffi(default = None)]
    pub number: Option<String>,
    /// The IMSI, 5 to 15 digits; absent where the OS refuses it.
    #[uniffi(default = None)]
    pub imsi: Option<String>,
    /// The SIM's home country by its two letters (ISO 3166-1): numbers typed on this line are read in it. One that cannot be
    /// read leaves international numbers alone.
    pub country: String,
}

/// Tells of the network path. Asked at the start and after `HostEvent::NetworkChanged`.
#[uniffi::export(foreign)]
pub trait NetworkPort: Send + Sync {
    /// The path as of now.
    fn snapshot(&self) -> Result<NetworkSnapshot, HostError>;
}

/// The network path as the OS sees it.
#[derive(Clone, Copy, uniffi::Record)]
pub struct NetworkSnapshot {
    /// Counts changes of interface, address or radio: another value is another path.
    pub path: u64,
    /// Whether there is any data path.
    pub connected: bool,
    /// Wi-Fi or wired rather than a moving radio.
    pub wifi: bool,
    /// What the OS believes of the rate in bit/s: may refuse a call (2G), never allow one.
    #[uniffi(default = None)]
    pub hint_bps: Option<u64>,
}

/// Reads the phone book. Read at the start and after `HostEvent::ContactsChanged`.
#[uniffi::export(foreign)]
pub trait ContactsPort: Send + Sync {
    /// Asks for the page at `cursor` (absent: the first) of at most `limit` numbers, answered later by
    /// `HostReply::ContactsPage` under the same ticket.
    fn request_page(&self, ticket: Ticket, cursor: Option<String>, limit: u32) -> Result<(), HostError>;
}

/// Sends SMS.
#[uniffi::export(foreign)]
pub trait SmsPort: Send + Sync {
    /// Sends `body` to `to` from a SIM (absent: the OS's default), answered later by `HostReply::SmsSent`.
    fn send(&self, ticket: Ticket, line: Option<Line>, to: String, body: String) -> Result<(), HostError>;
}

/// Dials through the carrier.
#[uniffi::export(foreign)]
pub trait TelephonyPort: Send + Sync {
    /// Dials `digits` as they are from a SIM (absent: the OS's default), answered later by `HostReply::CarrierDialed`. Ticket 0
    /// is a call placed for a core that is gone: its outcome is nobody's.
    fn dial(&self, ticket: Ticket, line: Option<Line>, digits: String) -> Result<(), HostError>;
}

/// Keeps small secrets: the hardware-backed store of the OS. Without it keys live as long as the core.
#[uniffi::export(foreign)]
pub trait KeyStorePort: Send + Sync {
    /// Reads a secret; absent when it was never put, which a locked store must not say.
    fn get(&self, name: String) -> Result<Option<Vec<u8>>, HostError>;
    /// Keeps a secret durably, replacing the one of that name.
    fn put(&self, name: String, secret: Vec<u8>) -> Result<(), HostError>;
}

/// The phone's two clocks. Without it the core reads the OS's own, which is right on Android, iOS and Linux.
#[uniffi::export(foreign)]
pub trait ClockPort: Send + Sync {
    /// Both, read together. Must only read: it is called from any thread.
    fn now(&self) -> Result<ClockReading, HostError>;
}

/// A reading of both clocks.
#[derive(Clone, Copy, uniffi::Record)]
pub struct ClockReading {
    /// Microseconds on a clock that goes on while the phone sleeps and never goes back.
    pub mono_us: u64,
    /// Milliseconds since the Unix epoch, as the user's clock shows it.
    pub wall_ms: i64,
}

/// Opens the phone's sound for a call.
#[uniffi::export(foreign)]
pub trait AudioPort: Send + Sync {
    /// A call was answered: open microphone and earpiece, and then ask the core for its sound (`audio_ready`).
    fn begin(&self, call: CallId) -> Result<(), HostError>;
    /// The sound of that call is over, also when it never began: `begin` may have failed.
    fn end(&self, call: CallId) -> Result<(), HostError>;
}

/// Takes log lines. They hold no number, token, key or text.
#[uniffi::export(foreign)]
pub trait LogPort: Send + Sync {
    /// One line. Nothing waits for it; lines are dropped and counted when the host is slow.
    fn on_line(&self, level: LogLevel, target: String, text: String) -> Result<(), HostError>;
}

/// How bad a log line is.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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

/// What a host brings. Every capability may be missing; the feature behind it then reports that it cannot.
#[derive(Clone, Default, uniffi::Record)]
pub struct Ports {
    /// Absent: no line exists, and nothing can be registered.
    #[uniffi(default = None)]
    pub sim: Option<Arc<dyn SimPort>>,
    /// Absent: the path is taken to be connected and never to change.
    #[uniffi(default = None)]
    pub network: Option<Arc<dyn NetworkPort>>,
    /// Absent: nobody is marked.
    #[uniffi(default = None)]
    pub contacts: Option<Arc<dyn ContactsPort>>,
    /// Absent: SMS are answered as refused.
    #[uniffi(default = None)]
    pub sms: Option<Arc<dyn SmsPort>>,
    /// Absent: carrier calls are answered as refused.
    #[uniffi(default = None)]
    pub telephony: Option<Arc<dyn TelephonyPort>>,
    /// Absent: keys live as long as the core.
    #[uniffi(default = None)]
    pub key_store: Option<Arc<dyn KeyStorePort>>,
    /// Absent: the OS's clocks are read directly.
    #[uniffi(default = None)]
    pub clock: Option<Arc<dyn ClockPort>>,
    /// Absent: the app opens the sound when it sees a call answered.
    #[uniffi(default = None)]
    pub audio: Option<Arc<dyn AudioPort>>,
    /// Absent: nothing is logged.
    #[uniffi(default = None)]
    pub log: Option<Arc<dyn LogPort>>,
}
