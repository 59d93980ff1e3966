//! Section about STUN and TURN for the media of calls.

use super::Config;
use super::schema::section;
use super::values::{AddressOrOff, Networks, Span};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tandem_model::Secret;
use tandem_turn::{NetworkRange, PeerGuard, TurnConfig};

section! {
    /// STUN and TURN for the media of calls. Credentials are made for one side of one call and end with it.
    pub struct Turn {
        /// Address and port, UDP, or `off`: then phones only reach each other directly.
        listen: AddressOrOff = AddressOrOff::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 3478)));
        /// Whether phones may come in by TCP too, for networks without UDP. What is relayed is UDP in any case.
        tcp: bool = true;
        /// The host phones are told, a name or an address; empty tells the listening one.
        public_host: String = String::new();
        /// The port phones are told; 0 tells the listening one.
        public_port: u16 = 0;
        /// The local address relays are opened on; empty takes the listening one.
        relay_address: String = String::new();
        /// The address relays are told as, when a one-to-one translation stands before relay_address; empty for none.
        relay_announced: String = String::new();
        /// First port of relays.
        relay_port_first: u16 = 49_152 => [1_024, 65_535];
        /// Last port of relays.
        relay_port_last: u16 = 65_535 => [1_024, 65_535];
        /// The realm of credentials (RFC 8489).
        realm: String = "tandem".to_owned();
        /// Private, loopback and other special networks that relays may reach all the same. None by default: a relay must
        /// not be a way into the operator's own network.
        allowed_peers: Networks = Networks::default();
        /// Relays one call may hold, both sides together.
        relays_per_call: u32 = 8 => [1, 64];
        /// Relays at once.
        relays_max: u32 = 4_096 => [1, 65_535];
        /// Addresses one relay may reach.
        peers_per_relay: u32 = 32 => [1, 1_024];
        /// Client addresses without a relay yet, and TCP connections. The oldest gives way.
        clients_max: u32 = 1_024 => [1, 65_536];
        /// What one relay carries, both directions together, in kbit/s. What is more is dropped.
        relay_kbps: u32 = 2_048 => [64, 1_000_000];
        /// The longest a credential may be used to open relays.
        longest_grant: Span = Span::secs(600) => [Span::secs(1), Span::days(1)];
        /// The longest a relay lives, should a call's end never be told.
        longest_relay: Span = Span::hours(12) => [Span::secs(1), Span::days(7)];
        /// Credentials at once.
        grants_max: u32 = 65_536 => [1, 1_048_576];
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Config {
    /// The relay's configuration; `None` when it is off.
    ///
    /// # Errors
    /// The key that cannot hold, and why.
    pub fn turn_server(&self, secret: Secret<Vec<u8>>) -> Result<Option<TurnConfig>, (&'static str, String)> {
        let own = &self.turn;
        let AddressOrOff::At(listen) = own.listen else { return Ok(None) };
        let relay_bind = optional_address("turn.relay_address", &own.relay_address)?.unwrap_or(listen.ip());
        let mut exceptions = Vec::new();
        for network in &own.allowed_peers.0 {
            let range: NetworkRange =
                network.to_string().parse().map_err(|error| ("turn.allowed_peers", format!("{error}")))?;
            exceptions.push(range);
        }
        let bytes_per_second = u64::from(own.relay_kbps) * 1_000 / 8;
        let config = TurnConfig {
            listen,
            tcp: own.tcp,
            relay_bind,
            relay_announced: optional_address("turn.relay_announced", &own.relay_announced)?,
            relay_ports: own.relay_port_first..=own.relay_port_last,
            realm: own.realm.clone(),
            secret,
            peers: PeerGuard::with_exceptions(exceptions),
            relays_per_call: size(own.relays_per_call),
            relays_in_all: size(own.relays_max),
            peers_per_relay: size(own.peers_per_relay),
            clients_without_relay: size(own.clients_max),
            bytes_per_second,
            burst_bytes: bytes_per_second,
            longest_grant: own.longest_grant.0,
            longest_relay: own.longest_relay.0,
            grants_in_all: size(own.grants_max),
        };
        config.check().map_err(|error| ("turn", error.to_string()))?;
        Ok(Some(config))
    }
}

fn optional_address(key: &'static str, text: &str) -> Result<Option<IpAddr>, (&'static str, String)> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| (key, "must be an IP address".to_owned()))
}
