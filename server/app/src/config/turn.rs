//! Section about STUN and TURN for the media of calls.

use super::schema::section;
use super::values::{AddressOrOff, Networks};
use std::net::{Ipv4Addr, SocketAddr};

section! {
    /// STUN and TURN for the media of calls. Credentials are made for one party of one call and end with it.
    pub struct Turn {
        /// UDP address and port, or `off`: then phones get no servers and only reach each other directly.
        listen: AddressOrOff = AddressOrOff::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 3478)));
        /// The address phones are told, as `host:port`; empty tells the listening one.
        public_address: String = String::new();
        /// The address relays are made on and told to phones; empty takes the listening one. An IP address.
        relay_address: String = String::new();
        /// First port of relays.
        relay_port_first: u16 = 49_152 => [1_024, 65_535];
        /// Last port of relays.
        relay_port_last: u16 = 65_535 => [1_024, 65_535];
        /// The realm of credentials (RFC 8489).
        realm: String = "tandem".to_owned();
        /// Private, loopback and other special networks that relays may send to all the same. None by default: a relay
        /// must not open a way into the operator's own networks.
        allowed_peers: Networks = Networks::default();
        /// Relays at once.
        allocations_max: u32 = 4_096 => [1, 65_536];
    }
}
