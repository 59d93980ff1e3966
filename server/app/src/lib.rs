//! The companion server: configuration, transports and the shell around [`tandem_logic`]'s decisions.

pub mod config;

pub use config::Config;
