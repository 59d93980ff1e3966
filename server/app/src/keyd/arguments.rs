//! What it is told.

use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use tandem_keyd::Limits;

/// Holds the keys that phones' books are matched by.
#[derive(Clone, Debug, Args)]
pub struct KeydArguments {
    /// Directory of its keys, budgets and log, made when it is missing, for its owner alone.
    #[arg(long, value_name = "DIR", required_unless_present = "memory")]
    pub dir: Option<PathBuf>,
    /// Keeps nothing: keys and budgets end with it.
    #[arg(long, conflicts_with = "dir")]
    pub memory: bool,
    /// Answers on the socket that is its standard input, and ends with it.
    #[arg(long)]
    pub stdin: bool,
    /// Answers on a Unix socket.
    #[arg(long, value_name = "PATH", conflicts_with = "stdin")]
    pub socket: Option<PathBuf>,
    /// Answers on an address, under TLS.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["stdin", "socket"], requires_all = ["certificate", "key", "client"])]
    pub listen: Option<SocketAddr>,
    /// PEM file of its certificate.
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// PEM file of its private key.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// SHA-256 fingerprint of the certificate of a server that may ask. May be given several times.
    #[arg(long, value_name = "FINGERPRINT")]
    pub client: Vec<String>,
    /// Adds a key and ends. One that runs takes it up on SIGHUP.
    #[arg(long)]
    pub new_key: bool,
    /// Ends a key and ends. One that runs takes it up on SIGHUP.
    #[arg(long, value_name = "ID", conflicts_with = "new_key")]
    pub retire: Option<u32>,
    /// Makes a new file of budgets beside keys whose file is lost, and ends: every account begins anew.
    #[arg(long)]
    pub new_budgets: bool,
    /// Evaluations of one account under one key within 365 days.
    #[arg(long, default_value_t = Limits::default().evaluations_a_year)]
    pub evaluations_a_year: u64,
    /// Evaluations of one account under one key in a day.
    #[arg(long, default_value_t = Limits::default().evaluations_a_day)]
    pub evaluations_a_day: u64,
    /// Pairs that one account may have checked in a day.
    #[arg(long, default_value_t = Limits::default().checks_a_day)]
    pub checks_a_day: u64,
    /// Everything for all accounts in an hour.
    #[arg(long, default_value_t = Limits::default().all_an_hour)]
    pub all_an_hour: u64,
}

impl KeydArguments {
    /// The budgets among them.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits {
            evaluations_a_year: self.evaluations_a_year,
            evaluations_a_day: self.evaluations_a_day,
            checks_a_day: self.checks_a_day,
            all_an_hour: self.all_an_hour,
        }
    }
}
