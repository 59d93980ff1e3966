//! The shell of the core: it owns the runtime, the sockets, the store's thread and the media, and runs the machine.
//!
//! ```text
//!  app ── command(..).await ──┐                           ┌──> tandem-store   (thread: commits)
//!  OS  ── notify(..) ─────────┤   inputs (bounded)        ├──> link tasks     (WebSocket)
//!  sockets, store, media ─────┼──────────────> Device ────┼──> media tasks    (one per call)
//!  timers ────────────────────┘  one task, one select!    ├──> tandem-host    (thread: ports)
//!                                                         └──> events ──> next_event().await
//!  tandem-guard (thread): watches for progress; dials through the carrier when the machine is gone
//! ```
//!
//! The whole of the API, each method safe to call from any thread and any executor:
//!
//! ```text
//! Engine::start(EngineConfig, Ports, Arc<dyn MediaEngine>, Arc<dyn Connector>) -> Result<Engine, StartError>
//! async command(&self, Command) -> Result<Reply, CommandError>      safe to drop at any await
//! notify(&self, HostInput) -> Result<(), NotifyError>               returns at once
//! async next_event(&self) -> Option<Event>                          None: stopped; one consumer
//! views(&self) -> Views                                             registrations, online, calls, prompts, marks
//! async thread(&self, peer: Msisdn, before: Option<WallMillis-ordered cursor>, limit) -> Result<Vec<ThreadItem>, ReadError>
//! async log(&self, before: Option<u64>, limit) -> Result<Vec<LogRow>, ReadError>
//! call_audio(&self, CallId) -> Option<AudioPort>                    from the moment its media is open
//! call_stats(&self, CallId) -> Option<MediaStats>                   the last second's
//! dial_carrier(&self, Option<Line>, &str)                           without machine or store
//! async shutdown(&self, deadline: Duration)                         idempotent; Drop is safe without it
//! ```

pub mod config;
#[cfg(feature = "faults")]
#[doc(hidden)]
pub mod faults;
pub mod errors;
pub mod ports;

pub use config::{EngineConfig, MediaSetup, Roots, StartError};
pub use errors::{CommandError, NotifyError, ReadError};
pub use ports::{
    ByteStream, Clock, Connector, HostError, KeyStore, Log, LogLevel, Ports, Sms, TcpConnector,
    Telephony,
};
