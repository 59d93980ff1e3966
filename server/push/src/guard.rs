//! Which hosts and addresses a driver may reach.
//!
//! An endpoint is a stranger's word: the device, or whoever plays one, chose it. Hosts are checked before anything is
//! asked, and every address a name resolves to is checked where the connection is made, so that no second answer can
//! differ from the one that was looked at.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Public addresses, and what the operator adds; hosts by list.
#[derive(Debug, Clone, Default)]
pub struct AddressGuard {
    /// Networks that may be reached although they are not public.
    pub allow_networks: Vec<IpNet>,
    /// Networks that may not be reached although they are public.
    pub deny_networks: Vec<IpNet>,
    /// When not empty, only these hosts and their subdomains. Lower case, no trailing dot.
    pub allow_hosts: BTreeSet<String>,
    /// Never these hosts, nor their subdomains.
    pub deny_hosts: BTreeSet<String>,
}

/// No address of a name may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host has no address that may be reached")]
pub struct NotReachable;

impl AddressGuard {
    /// Whether an address may be connected to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        !within(&self.deny_networks) && (is_public(address) || within(&self.allow_networks))
    }

    /// Whether a URL may be asked: its host by name, and by address where it is one. Names are looked at again when they
    /// are resolved.
    #[must_use]
    pub fn allows_url(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let named = |hosts: &BTreeSet<String>| hosts.iter().any(|known| is_within(&host, known));
        let listed = self.allow_hosts.is_empty() || named(&self.allow_hosts);
        listed && !named(&self.deny_hosts) && literal.is_none_or(|address| self.allows(address))
    }

    /// The addresses of an answer that may be connected to.
    fn admit(&self, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, NotReachable> {
        let found: Vec<SocketAddr> = found.filter(|address| self.allows(address.ip())).collect();
        if found.is_empty() { Err(NotReachable) } else { Ok(found) }
    }
}

/// The system's resolver behind a guard. What it returns is what is connected to.
pub(crate) struct GuardedResolver(pub(crate) Arc<AddressGuard>);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let admitted: Addrs = Box::new(guard.admit(found)?.into_iter());
            Ok(admitted)
        })
    }
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// By the IANA special-purpose registry (RFC 6890 and its updates).
const fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let special = match (first, second, third) {
        (0 | 10 | 127, _, _) => true,
        (100, 64..=127, _) => true,
        (169, 254, _) => true,
        (172, 16..=31, _) => true,
        (192, 0, 0 | 2) => true,
        (192, 31, 196) | (192, 52, 193) | (192, 175, 48) => true,
        (192, 88, 99) => true,
        (192, 168, _) => true,
        (198, 18..=19, _) => true,
        (198, 51, 100) | (203, 0, 113) => true,
        (224..=255, _, _) => true,
        (_, _, _) => false,
    };
    !special
}

/// Only global unicast, without what lies inside it for documentation, tunnels and embedded IPv4 addresses.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0x0000..=0x01FF, ..] => false,
        [0x2001, 0x0DB8, ..] => false,
        [0x2002, ..] => false,
        [0x3FFF, 0x0000..=0x0FFF, ..] => false,
        [_, _, _, _, 0x0000 | 0x0200, 0x5EFE, _, _] => false,
        [0x2000..=0x3FFF, ..] => true,
        [..] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: [&str; 14] = [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "fc00::1",
        "fe80::1",
    ];

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn public_addresses_are_reached_and_nothing_inside_in_any_disguise() {
        let guard = AddressGuard::default();
        for address in ["8.8.8.8", "100.128.0.0", "2a00:1450::1"] {
            assert!(guard.allows(address.parse().unwrap()), "{address}");
        }
        for address in INSIDE {
            assert!(!guard.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_url_that_writes_an_address_in_its_own_way_is_still_that_address() {
        let guard = AddressGuard::default();
        for text in [
            "https://127.0.0.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
        ] {
            assert!(!guard.allows_url(&url(text)), "{text}");
        }
        assert!(guard.allows_url(&url("https://push.example/")), "names are looked at when they are resolved");
    }

    #[test]
    fn an_answer_is_stripped_of_what_must_not_be_reached_and_refused_when_nothing_is_left() {
        let guard = AddressGuard::default();
        let answer = |text: &[&str]| text.iter().map(|a| SocketAddr::new(a.parse().unwrap(), 0)).collect::<Vec<_>>();
        assert_eq!(guard.admit(answer(&["127.0.0.1", "8.8.8.8"]).into_iter()), Ok(answer(&["8.8.8.8"])));
        assert_eq!(guard.admit(answer(&INSIDE).into_iter()), Err(NotReachable));
    }

    #[test]
    fn an_exception_is_as_wide_as_it_is_written_and_a_denial_wins() {
        let guard = AddressGuard {
            allow_networks: vec!["10.1.0.0/16".parse().unwrap()],
            deny_networks: vec!["10.1.2.0/24".parse().unwrap(), "8.8.8.0/24".parse().unwrap()],
            ..AddressGuard::default()
        };
        assert!(guard.allows("10.1.0.1".parse().unwrap()));
        for refused in ["10.2.0.1", "10.1.2.3", "8.8.8.8"] {
            assert!(!guard.allows(refused.parse().unwrap()), "{refused}");
        }
    }

    #[test]
    fn hosts_are_matched_by_whole_labels_whatever_their_case() {
        let allow = AddressGuard { allow_hosts: BTreeSet::from(["push.example".to_owned()]), ..Default::default() };
        for good in ["https://push.example/", "https://eu.push.example/", "https://PUSH.Example./"] {
            assert!(allow.allows_url(&url(good)), "{good}");
        }
        for bad in ["https://notpush.example/", "https://push.example.evil.test/", "https://8.8.8.8/"] {
            assert!(!allow.allows_url(&url(bad)), "{bad}");
        }
        let deny = AddressGuard { deny_hosts: BTreeSet::from(["evil.test".to_owned()]), ..Default::default() };
        assert!(!deny.allows_url(&url("https://a.evil.test./")));
    }
}
