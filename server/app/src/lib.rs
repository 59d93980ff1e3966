//! The companion server: configuration, transports and the shell around [`tandem_logic`]'s decisions.
//!
//! ```text
//!   phones --WebSocket--> session --+                       +--> outbox --> session --> phones
//!   phones --HTTPS------> register -+--> events --> shell --+--> store thread (one sync a batch) --> answers --> shell
//!   SMSC   <-----SMPP---> driver ---+    (owns the          +--> SMS driver
//!   relay  <------------> turn -----+     decisions)        +--> TURN
//!
//!   NASes  --RADIUS--> resolver task (owns the bindings) --> store thread --> answers --> NASes
//!   AAAs   --HTTPS---> report ---------^
//!   askers --HTTPS---> resolve --------^
//!   askers --UDP-----> lookup threads, which read the bindings beside it
//!   askers --DNS-----> dns ------------^
//! ```
//!
//! [`run`] is all a host needs; [`Launch`] lets tests and the lab give their own SMS driver or store and learn the ports.

mod agreement;
mod allowance;
mod clock;
pub mod config;
mod dns_task;
mod dns_zone;
mod event;
mod feed_open;
mod gateway;
mod greeting;
mod health;
mod house;
mod http;
mod keyring;
mod launch;
mod line_budget;
mod listener;
mod locator;
pub mod logging;
mod lookup_desk;
mod lookup_sessions;
mod lookup_thread;
pub mod metrics;
mod outbox;
pub mod preflight;
mod private_files;
mod radsec_task;
mod register;
mod report;
mod resolve;
mod resolver_open;
mod resolver_task;
mod server_key;
mod session;
mod shell;
mod sms_bridge;
mod sms_driver;
mod source;
mod start_error;
mod store_open;
mod store_thread;
mod tls;
mod turn_bridge;

pub use config::Config;
pub use launch::{Launch, Started, run};
pub use start_error::StartError;
