//! Why the server does not start, or ends other than asked. Each has an exit code of its own kind (sysexits.h).

use crate::config::ConfigError;
use crate::server_key::KeyError;
use crate::sms_driver::DriverError;
use crate::store_open::StoreOpenError;
use crate::tls::TlsError;
use std::io;
use std::net::SocketAddr;
use tandem_sms::verification::TemplateError;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot hold.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// A verification text does not fit or cannot be read.
    #[error("[sms_template]: {0}")]
    Template(#[from] TemplateError),
    /// The SMS driver cannot be made.
    #[error("{0}")]
    Driver(#[from] DriverError),
    /// TLS cannot be offered.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The relay's section cannot hold.
    #[error("{key}: {why}")]
    Turn {
        /// Which key.
        key: &'static str,
        /// Why not.
        why: String,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] StoreOpenError),
    /// The server's own secret cannot be used.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The key holder cannot come about.
    #[error("{0}")]
    KeyHolder(#[from] crate::key_link::HolderError),
    /// An address cannot be listened on.
    #[error("{key}: cannot listen on {address}: {why}")]
    Listen {
        /// Which key.
        key: &'static str,
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// The system gives no thread.
    #[error("the system gives no thread: {0}")]
    Thread(io::Error),
    /// The store's thread ended. What was acknowledged is safe; a new process goes on from it.
    #[error("the store is gone; start again")]
    StoreLost,
    /// A task of the server ended by a defect. What was acknowledged is safe; a new process goes on from it.
    #[error("a defect ended the server; start again")]
    Fault,
}

impl StartError {
    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            // EX_CONFIG: somebody must change the configuration or a file it names.
            StartError::Config(_)
            | StartError::Template(_)
            | StartError::Driver(_)
            | StartError::Tls(_)
            | StartError::Turn { .. } => 78,
            // EX_CANTCREAT: the data directory, the database or the key.
            StartError::Store(_) | StartError::Key(_) | StartError::KeyHolder(_) => 73,
            // EX_UNAVAILABLE: the address is taken or not ours.
            StartError::Listen { .. } => 69,
            // EX_SOFTWARE: start again.
            StartError::Thread(_) | StartError::StoreLost | StartError::Fault => 70,
        }
    }
}
