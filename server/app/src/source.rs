//! Where a request comes from: the peer's address, or what a trusted proxy says it is.

use crate::config::values::Networks;
use axum::http::{HeaderMap, HeaderName};
use std::net::{IpAddr, SocketAddr};
use tandem_logic::Source;

/// Whose word about a phone's address is believed.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    /// Their networks.
    pub networks: Networks,
    /// The header they write.
    pub header: HeaderName,
}

impl TrustedProxies {
    /// The address of the phone behind a connection. Entries are read from the last, which the nearest proxy wrote, and
    /// the first that is no trusted proxy counts: whatever stands before it anyone could have written.
    #[must_use]
    pub fn phone_address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer.ip().to_canonical();
        let mut entries: Vec<&str> = headers
            .get_all(&self.header)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        while self.networks.contains(nearest) {
            let Some(entry) = entries.pop() else { break };
            let Some(address) = read_address(entry) else { break };
            nearest = address;
        }
        nearest
    }
}

fn read_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let plain = entry.parse::<IpAddr>().ok();
    plain.or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip())).map(|address| address.to_canonical())
}

/// An address as budgets count it: an IPv4 address, or an IPv6 network of 64 bits.
#[must_use]
pub fn source_of(address: IpAddr) -> Source {
    match address.to_canonical() {
        IpAddr::V4(address) => Source(u128::from(address.to_ipv6_mapped())),
        IpAddr::V6(address) => Source(u128::from(address) & !u128::from(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(networks: &[&str]) -> TrustedProxies {
        TrustedProxies {
            networks: Networks(networks.iter().map(|network| network.parse().unwrap()).collect()),
            header: HeaderName::from_static("x-forwarded-for"),
        }
    }

    fn seen(proxies: &TrustedProxies, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        proxies.phone_address(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_cannot_say_where_it_comes_from() {
        assert_eq!(seen(&proxies(&[]), "198.51.100.7:99", &["192.0.2.1"]), "198.51.100.7");
        assert_eq!(seen(&proxies(&["10.0.0.0/8"]), "198.51.100.7:99", &["192.0.2.1"]), "198.51.100.7");
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_its_own_entry_only() {
        let trusting = proxies(&["10.0.0.0/8"]);
        assert_eq!(seen(&trusting, "10.0.0.1:99", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&trusting, "10.0.0.1:99", &["6.6.6.6, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(seen(&trusting, "10.0.0.1:99", &["6.6.6.6", "192.0.2.1, 10.0.0.2"]), "192.0.2.1");
        assert_eq!(seen(&trusting, "10.0.0.1:99", &["nonsense"]), "10.0.0.1");
        assert_eq!(seen(&trusting, "10.0.0.1:99", &[]), "10.0.0.1");
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_ipv4_is_the_same_in_both_forms() {
        let source = |text: &str| source_of(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
