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
//! What people read comes from here too, for every state and reason an event carries: `user_text()` on what [`view`] holds,
//! [`why_text`] on why a call or text did not go over data, [`end_text`] on how a call ended, [`status_text`] on where a text stands.
//!
//! [`Engine`] is the whole of it: `start`, `command`, `notify`, `next_event`, `views`, pages of history, `shutdown`. It
//! keeps law 10: a machine that panics or hangs leaves a phone that dials through the carrier.

mod address;
mod asking;
mod away;
mod blinding;
mod book;
mod call_media;
mod clock;
pub mod config;
mod database;
mod dials;
mod direct;
mod engine;
pub mod errors;
mod events;
mod fault_points;
#[cfg(feature = "faults")]
#[doc(hidden)]
pub mod faults;
mod files_disk;
mod guard;
mod host;
mod host_facts;
mod journal;
mod keys;
mod latch;
mod link;
mod logging;
mod pending;
pub mod ports;
mod register;
mod runner;
mod shared;
mod store_thread;
mod threads;
mod tls;
mod views;

pub use book::ContactsPage;
pub use clock::{ProcessClock, SteadyClock};
pub use config::{EngineConfig, MediaSetup, Roots, StartError};
pub use engine::Engine;
pub use errors::{CommandError, NotifyError, ReadError};
pub use ports::{
    Audio, ByteStream, Changed, Clock, Connector, Contacts, HostError, KeyStore, Log, LogLevel, Network, Ports, Sim,
    Sms, TcpConnector, Telephony,
};
pub use tandem_machine::{
    Command, Event, HostInput, Refusal, Reply, end_text, files, input, status_text, view, why_text,
};
pub use tandem_media::{AudioPort, MediaStats, WeakAudioPort};
pub use tandem_store::{Conversation, StoreError, ThreadItem, ThreadText};
pub use views::Views;
