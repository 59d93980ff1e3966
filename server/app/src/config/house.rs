//! Sections about the process itself: where it listens, what it stores, what it says.

use super::schema::section;
use super::values::{AddressOrOff, Networks, Span};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

section! {
    /// Where phones connect.
    pub struct Listen {
        /// Address and port; port 0 takes a free one. The default is reached from this machine only.
        address: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8470));
        /// Put before every path, for a server behind a proxy: `/tandem` makes `/tandem/v1/session`.
        path_prefix: String = String::new();
        /// The host name phones connect to. When set together with TLS, a certificate that does not name it is refused.
        public_host: String = String::new();
        /// Proxies whose word about a phone's address is believed, such as `["10.0.0.0/8"]`. Nobody's by default.
        trusted_proxies: Networks = Networks::default();
        /// The header those proxies write the phone's address into; its last entry counts.
        forwarded_header: String = "x-forwarded-for".to_owned();
        /// TCP connections at once; the next is closed before a byte is read.
        connections_max: u32 = 100_000 => [1, 1_000_000];
        /// TCP connections at once from one IPv4 address or IPv6 /64. Phones behind one carrier NAT share an address.
        connections_per_source_max: u32 = 1_000 => [1, 1_000_000];
        /// Registration requests being answered at once; the next gets 503.
        requests_max: u32 = 1_024 => [1, 100_000];
        /// How long a client may take to send its request's header.
        header_wait: Span = Span::secs(10) => [Span::ms(100), Span::secs(60)];
        /// How long a TLS handshake may take.
        tls_wait: Span = Span::secs(10) => [Span::ms(100), Span::secs(60)];
        /// Frames that may wait to be sent to one phone; past that it reads too slowly and is sent away.
        send_queue_frames: u32 = 1_024 => [8, 65_536];
        /// Bytes that may wait to be sent to one phone, one frame always allowed.
        send_queue_bytes: u32 = 8 * 1024 * 1024 => [128 * 1024, 1024 * 1024 * 1024];
        /// How long a closing connection may take to send what is queued.
        close_wait: Span = Span::secs(5) => [Span::ms(10), Span::secs(60)];
    }
}

section! {
    /// TLS for phones. Without it, put a proxy that has it in front: phones must not talk to a server in the clear.
    pub struct Tls {
        /// PEM file of the certificate and its chain, leaf first; empty for none.
        certificate: PathBuf = PathBuf::new();
        /// PEM file of its private key; empty for none.
        key: PathBuf = PathBuf::new();
    }
}

section! {
    /// What is kept.
    pub struct Store {
        /// Directory of everything the server keeps, made when it is missing. Relative to where the server is started.
        data_dir: PathBuf = PathBuf::from("tandem-data");
        /// `sqlite:FILE` (relative to data_dir) or `memory:`, which forgets everything at the end.
        dsn: String = "sqlite:server.db".to_owned();
        /// Changes made durable by one sync at most. A batch never waits to fill.
        batch_max: u32 = 64 => [1, 64];
        /// A file this large stands ready to be given up when the disk is full, in KiB.
        ballast_kib: u32 = 16 * 1024 => [1_024, 1_048_576];
        /// New texts are refused from this size of the database on, in MiB; 0 lets the disk decide.
        size_max_mib: u32 = 0 => [0, 16_777_216];
    }
}

section! {
    /// Metrics for Prometheus, on a listener of their own.
    pub struct Metrics {
        /// Address and port of `GET /metrics`, or `off`. Keep it where only operators reach it.
        listen: AddressOrOff = AddressOrOff::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 9470)));
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe lines that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// A defect or a lost disk.
    Error,
    /// Odd, but working.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// Small turns.
    Debug,
    /// Every frame, by its kind.
    Trace,
}

section! {
    /// Log lines, on standard error. No line at any level carries a number, a token, a key or a text.
    pub struct Log {
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: LogLevel = LogLevel::Info;
        /// `text` or `json`.
        format: LogFormat = LogFormat::Text;
    }
}

section! {
    /// The store's housekeeping and the process's end.
    pub struct House {
        /// What has run out is looked for this often.
        sweep_interval: Span = Span::secs(30) => [Span::ms(100), Span::hours(1)];
        /// Rows one sweep ends at most.
        sweep_max: u32 = 256 => [1, 4_096];
        /// Questions to the store without an answer; the next is refused.
        store_open_max: u32 = 65_536 => [64, 1_048_576];
        /// A question to the store without an answer for this long counts as failed.
        store_wait: Span = Span::secs(30) => [Span::secs(1), Span::secs(600)];
        /// What a phone is told to wait when the store cannot take more.
        storage_retry: Span = Span::secs(10) => [Span::ms(100), Span::secs(600)];
        /// A shutdown waits this long for the store to make durable what was asked before.
        drain_wait: Span = Span::secs(5) => [Span::ms(100), Span::secs(60)];
        /// A shutdown ends after this, whatever still hangs.
        shutdown_wait: Span = Span::secs(15) => [Span::secs(1), Span::secs(120)];
    }
}
