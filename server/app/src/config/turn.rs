//! Section about STUN and TURN for the media of calls.

use super::Config;
use super::schema::section;
use super::values::{AddressOrOff, Networks, Span};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tandem_model::Secret;
use tandem_turn::{NetworkRange, PeerGuard, TurnConfig, TurnConfigError};

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
    /// The first key that cannot hold, and why.
    pub fn turn_server(&self, secret: Secret<Vec<u8>>) -> Result<Option<TurnConfig>, WrongKey> {
        let AddressOrOff::At(listen) = self.turn.listen else { return Ok(None) };
        let (config, wrong) = self.turn.read(listen, secret);
        wrong.into_iter().next().map_or(Ok(Some(config)), Err)
    }

    /// Every key that cannot hold, and why; none when it is off.
    #[must_use]
    pub fn turn_problems(&self) -> Vec<WrongKey> {
        let AddressOrOff::At(listen) = self.turn.listen else { return Vec::new() };
        // The secret is made when the server starts; here only what the operator wrote is looked at.
        self.turn.read(listen, Secret::new(vec![0; 32])).1
    }
}

/// A key, and why its value cannot hold.
pub type WrongKey = (&'static str, String);

impl Turn {
    fn read(&self, listen: SocketAddr, secret: Secret<Vec<u8>>) -> (TurnConfig, Vec<WrongKey>) {
        let mut wrong = Vec::new();
        let mut address = |key: &'static str, text: &str| {
            optional_address(text).unwrap_or_else(|why| {
                wrong.push((key, why));
                None
            })
        };
        let relay_bind = address("turn.relay_address", &self.relay_address).unwrap_or(listen.ip());
        let relay_announced = address("turn.relay_announced", &self.relay_announced);
        let mut exceptions = Vec::new();
        for network in &self.allowed_peers.0 {
            match network.to_string().parse::<NetworkRange>() {
                Ok(range) => exceptions.push(range),
                Err(error) => wrong.push(("turn.allowed_peers", error.to_string())),
            }
        }
        let bytes_per_second = u64::from(self.relay_kbps) * 1_000 / 8;
        let config = TurnConfig {
            listen,
            tcp: self.tcp,
            relay_bind,
            relay_announced,
            relay_ports: self.relay_port_first..=self.relay_port_last,
            realm: self.realm.clone(),
            secret,
            peers: PeerGuard::with_exceptions(exceptions),
            relays_per_call: size(self.relays_per_call),
            relays_in_all: size(self.relays_max),
            peers_per_relay: size(self.peers_per_relay),
            clients_without_relay: size(self.clients_max),
            bytes_per_second,
            burst_bytes: bytes_per_second,
            longest_grant: self.longest_grant.0,
            longest_relay: self.longest_relay.0,
            grants_in_all: size(self.grants_max),
        };
        wrong.extend(config.problems().into_iter().map(key_of));
        (config, wrong)
    }
}

fn key_of(problem: TurnConfigError) -> WrongKey {
    let (key, why) = match problem {
        TurnConfigError::UnspecifiedRelay => {
            ("turn.relay_announced", "is needed when relays are opened on every address: phones must be told one")
        }
        TurnConfigError::MixedFamilies => {
            ("turn.relay_announced", "must be IPv4 or IPv6 as the address relays are opened on is")
        }
        TurnConfigError::NoPorts => ("turn.relay_port_last", "must not be below turn.relay_port_first"),
        TurnConfigError::Realm => ("turn.realm", "must be 1 to 127 bytes"),
        TurnConfigError::ShortSecret | TurnConfigError::Zero => return ("turn", problem.to_string()),
    };
    (key, why.to_owned())
}

fn optional_address(text: &str) -> Result<Option<IpAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "must be an IP address".to_owned())
}
