//! Log lines, on standard error, as text or one JSON object a line.
//!
//! Types that name a person redact themselves, and no line of this crate carries a field that could: connections are named by a
//! number of this process's, never by an address.

use crate::config::house::{Log, LogFormat, LogLevel};
use tracing_subscriber::EnvFilter;

/// Sends log lines to standard error from now on. A second call in a process changes nothing.
pub fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // Libraries log addresses, headers and frames at their finer levels: those stay off whatever the level.
    let filter = EnvFilter::new(format!(
        "warn,tandem={level},tandem_server={level},tandem_sms={level},tandem_turn={level},tandem_logic={level},tandem_server_store={level}"
    ));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
