//! How an engine is set up, and why it would not start.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Path of a session's WebSocket, under [`EngineConfig::server`].
pub const SESSION_PATH: &str = "/v1/session";

/// Path registration requests are posted to.
pub const REGISTER_PATH: &str = "/v1/register";

/// Everything an engine is started with. [`EngineConfig::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The server: `wss://host[:port]`, or `ws://host[:port]` on a lab's loopback. No path.
    pub server: String,
    /// Where registration requests are posted to, in full. Absent: derived from the server with [`REGISTER_PATH`].
    pub register_url: Option<String>,
    /// Whom to trust for `wss` and `https`.
    pub roots: Roots,
    /// The database file. Its directory must exist; `-wal`, `-shm` and `.ballast` files stand beside it.
    pub database: PathBuf,
    /// The decisions' settings.
    pub machine: tandem_machine::Config,
    /// How the media of calls is opened.
    pub media: MediaSetup,
    /// Seed of every random choice; absent: from the OS. Set it only to replay a run.
    pub seed: Option<[u8; 32]>,
    /// UDP port to listen at for direct data; 0 for any. Absent, which is the default: direct data is off, and nobody is told
    /// where this phone is.
    pub direct_port: Option<u16>,
    /// Where files that come directly are laid. Absent: `files`, beside the database.
    pub files: Option<PathBuf>,
    /// Threads of the engine's runtime, 1 or 2. Default 2.
    pub worker_threads: usize,
    /// Events that may wait for the app before the oldest give way to a
    /// [`Notice::Resync`](tandem_machine::view::Notice::Resync). Default 4096.
    pub events_max: usize,
    /// Inputs that may wait for the machine. Default 1024.
    pub inputs_max: usize,
    /// A command that is not answered by then is given back as
    /// [`CommandError::NoAnswer`](crate::CommandError::NoAnswer). Default 10 s.
    pub answer_within: Duration,
    /// A machine that makes no progress for this long counts as hung: it is stopped and dialing goes to the carrier.
    /// Counted in ticks of a waking process, so that a phone's sleep is no hang. Default 2 s.
    pub hang_after: Duration,
    /// Faults to inject, for tests of what a person gets when the core breaks.
    #[cfg(feature = "faults")]
    #[doc(hidden)]
    pub faults: crate::faults::Faults,
}

impl EngineConfig {
    /// Defaults, for a server and a database file.
    #[must_use]
    pub fn new(server: impl Into<String>, database: impl Into<PathBuf>) -> EngineConfig {
        EngineConfig {
            server: server.into(),
            register_url: None,
            roots: Roots::System,
            database: database.into(),
            machine: tandem_machine::Config::default(),
            media: MediaSetup::default(),
            seed: None,
            direct_port: None,
            files: None,
            worker_threads: 2,
            events_max: 4096,
            inputs_max: 1024,
            answer_within: Duration::from_secs(10),
            hang_after: Duration::from_secs(2),
            #[cfg(feature = "faults")]
            faults: crate::faults::Faults::default(),
        }
    }
}

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// The phone's own verifier.
    #[default]
    System,
    /// Exactly these certificates, in DER.
    Explicit(Vec<Vec<u8>>),
}

/// How the media of calls is opened; STUN and TURN come from the server for each call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaSetup {
    /// Only relayed candidates: the peer learns no address.
    pub relay_only: bool,
    /// Addresses to gather on. Empty: every interface but loopback.
    pub bind: Vec<IpAddr>,
}

/// Why an engine does not start. A database that cannot be opened is none of these: the engine starts without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The server is no `ws://` or `wss://` address, or the registration address is no `http(s)://` one: fix the setting.
    #[error("the server's address cannot be used")]
    BadServer,
    /// A root certificate cannot be read, or the system has no verifier: fix the setting.
    #[error("the root certificates cannot be used")]
    BadRoots,
    /// The OS gives no threads or no randomness: try again.
    #[error("the system gives no threads or no randomness")]
    System,
}
