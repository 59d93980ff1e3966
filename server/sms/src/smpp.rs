//! An SMPP 3.4 ESME: one transceiver session to one SMSC.
//!
//! [`session`] decides, and does no I/O; [`shell`] owns the socket. [`frame`] cuts the byte stream into PDUs, so that one
//! that cannot be read does not take the next one with it.

pub mod config;
pub mod counters;
pub mod frame;
pub mod receipt;
pub mod receipt_book;
pub mod session;
pub mod shell;

mod deliver;
mod outstanding;
mod pdu;

pub use config::{Sender, SmppConfig, SmppConfigError, SmppTls};
pub use counters::Counters;
pub use session::{Effect, Session};
pub use shell::SmppDriver;
