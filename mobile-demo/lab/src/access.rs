//! The mock access network: it attaches SIMs, gives them addresses, and reports both to the server as a NAS does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tandem_model::Msisdn;
use tandem_resolver::radius::{Request, Type};

/// What the network shares with the server.
pub const SECRET: &str = "the-lab's-access-network";

/// What whoever resolves shows to the server.
pub const KEY: &str = "the-key-of-whoever-resolves-in-the-lab";

/// The network's addresses.
const POOL: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 0);
const POOL_LENGTH: u8 = 16;

/// Accounting's words for an event (RFC 2866, 5.1).
const START: u32 = 1;
const STOP: u32 = 2;

/// Who is attached.
#[derive(Debug, Default)]
pub struct AccessNetwork {
    attached: BTreeMap<Msisdn, Attached>,
    sessions: u16,
    packets: u8,
}

#[derive(Clone, Debug)]
struct Attached {
    session: String,
    address: Ipv4Addr,
}

impl AccessNetwork {
    /// A SIM attaches, at an address of its own or at the one that is given. Gives the report.
    pub fn attach(&mut self, number: Msisdn, address: Option<Ipv4Addr>) -> Vec<u8> {
        self.sessions = self.sessions.wrapping_add(1);
        let [high, low] = self.sessions.to_be_bytes();
        let [first, second, ..] = POOL.octets();
        let own = Ipv4Addr::new(first, second, high, low);
        let attached = Attached { session: format!("{:04x}", self.sessions), address: address.unwrap_or(own) };
        self.attached.insert(number, attached.clone());
        self.report(START, number, &attached)
    }

    /// It detaches. Gives the report; `None` for one that is not attached.
    pub fn detach(&mut self, number: Msisdn) -> Option<Vec<u8>> {
        let attached = self.attached.remove(&number)?;
        Some(self.report(STOP, number, &attached))
    }

    fn report(&mut self, status: u32, number: Msisdn, attached: &Attached) -> Vec<u8> {
        self.packets = self.packets.wrapping_add(1);
        // Without Event-Timestamp the moment it comes counts, to the millisecond: in a scenario a second is long.
        Request::new()
            .with_u32(Type::AcctStatusType, status)
            .with(Type::AcctSessionId, attached.session.as_bytes())
            .with(Type::CallingStationId, number.e164().trim_start_matches('+').as_bytes())
            .with_ipv4(Type::NasIpAddress, Ipv4Addr::LOCALHOST)
            .with_ipv4(Type::FramedIpAddress, attached.address)
            .sign(self.packets, SECRET.as_bytes())
    }
}

/// An address as a scenario has it; `None` when the network has no such.
#[must_use]
pub fn address(text: &str) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = text.parse().ok()?;
    let [first, second, ..] = POOL.octets();
    matches!(address.octets(), [one, two, ..] if (one, two) == (first, second)).then_some(address)
}

/// The server's side of it, as its configuration says it.
#[must_use]
pub fn settings(listen: SocketAddr) -> String {
    format!(
        "[resolver]\nlisten = \"{listen}\"\npolicy = \"open\"\n\n[[resolver.nas]]\nname = \"lab\"\nsources = [\"{}\"]\n\
         secret = \"{SECRET}\"\npools = [\"{POOL}/{POOL_LENGTH}\"]\n\n[[resolver.api_keys]]\nname = \"lab\"\nkey = \"{KEY}\"\n\n",
        IpAddr::from(Ipv4Addr::LOCALHOST),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_some_a_server_takes() {
        let text = settings(SocketAddr::from(([127, 0, 0, 1], 1813)));
        assert!(tandem_server::Config::from_toml(&text, &|_| None).is_ok());
    }

    #[test]
    fn an_address_is_of_the_pool_or_none() {
        assert_eq!(address("10.64.0.7"), Some(Ipv4Addr::new(10, 64, 0, 7)));
        assert_eq!(address("10.65.0.7"), None);
        assert_eq!(address("mum"), None);
    }
}
