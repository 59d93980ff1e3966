//! Whom a relay may reach.
//!
//! A relay that reaches everything is a way into the operator's own network (CVE-2020-26262 went through `0.0.0.0`, `::1` and
//! `::`). So everything that is not a public unicast address is refused, in every disguise an IPv4 address can wear in an
//! IPv6 one, and exceptions are named one by one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses, such as `127.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkRange {
    network: IpAddr,
    prefix: u8,
}

/// The text is not an address, a slash and a prefix that fits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network range is an address and a prefix length, such as 127.0.0.0/8")]
pub struct NotANetworkRange;

impl FromStr for NetworkRange {
    type Err = NotANetworkRange;

    fn from_str(text: &str) -> Result<Self, NotANetworkRange> {
        let (network, prefix) = text.split_once('/').ok_or(NotANetworkRange)?;
        let network: IpAddr = network.parse().map_err(|_| NotANetworkRange)?;
        let prefix: u8 = prefix.parse().map_err(|_| NotANetworkRange)?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        if prefix > longest { Err(NotANetworkRange) } else { Ok(Self { network, prefix }) }
    }
}

impl fmt::Display for NetworkRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl NetworkRange {
    /// Whether the address lies in the range. An IPv4 range holds no IPv6 address, mapped or not.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Refuses every address that is not public unicast, but for the exceptions it was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerGuard {
    exceptions: Vec<NetworkRange>,
}

impl PeerGuard {
    /// A guard with these exceptions. They hold for the address as it is written, never for one disguised in another.
    pub const fn with_exceptions(exceptions: Vec<NetworkRange>) -> Self {
        Self { exceptions }
    }

    /// Whether a relay may reach this address.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.exceptions.iter().any(|range| range.contains(address)) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
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

/// Only global unicast (2000::/3), without what lies inside it for documentation, tunnels and embedded IPv4 addresses.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        // Teredo, benchmarks, ORCHID and the rest of the protocol assignments.
        [0x2001, 0x0000..=0x01FF, ..] => false,
        [0x2001, 0x0DB8, ..] => false,
        // 6to4 carries an IPv4 address, which may be anything.
        [0x2002, ..] => false,
        [0x3FFF, 0x0000..=0x0FFF, ..] => false,
        // ISATAP's interface identifier carries one as well.
        [_, _, _, _, 0x0000 | 0x0200, 0x5EFE, _, _] => false,
        [0x2000..=0x3FFF, ..] => true,
        // ::, ::1, mapped and compatible IPv4, NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), discard-only, unique local,
        // link-local, site-local, multicast, and what is not assigned.
        [..] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed(guard: &PeerGuard, address: &str) -> bool {
        guard.allows(address.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_reached() {
        let guard = PeerGuard::default();
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(allowed(&guard, address), "{address}");
        }
    }

    #[test]
    fn nothing_else_is_reached_in_any_disguise() {
        let guard = PeerGuard::default();
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "2606:4700::5efe:7f00:1",
            "2606:4700::200:5efe:a00:1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!allowed(&guard, address), "{address}");
        }
    }

    #[test]
    fn an_exception_holds_for_its_range_and_not_for_its_disguises() {
        let guard = PeerGuard::with_exceptions(vec!["127.0.0.0/8".parse().unwrap()]);
        assert!(allowed(&guard, "127.0.0.1"));
        assert!(allowed(&guard, "127.255.255.255"));
        for refused in ["128.0.0.1", "126.255.255.255"] {
            assert_eq!(allowed(&guard, refused), is_public(refused.parse().unwrap()), "{refused}");
        }
        for refused in ["::ffff:127.0.0.1", "::1", "::", "0.0.0.0", "64:ff9b::7f00:1", "10.0.0.1"] {
            assert!(!allowed(&guard, refused), "{refused}");
        }
    }

    #[test]
    fn a_range_is_read_strictly() {
        for (text, sound) in [
            ("10.0.0.0/8", true),
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("fd00::/8", true),
            ("10.0.0.0/33", false),
            ("::/129", false),
            ("10.0.0.0", false),
            ("10.0.0/8", false),
            ("x/8", false),
            ("10.0.0.0/-1", false),
        ] {
            assert_eq!(text.parse::<NetworkRange>().is_ok(), sound, "{text}");
        }
        let everything: NetworkRange = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains("1.2.3.4".parse().unwrap()));
        assert!(!everything.contains("::1".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn no_ipv4_address_is_reached_through_ipv6(bits in any::<u32>()) {
            let guard = PeerGuard::with_exceptions(vec!["0.0.0.0/0".parse().unwrap()]);
            let inner = Ipv4Addr::from_bits(bits);
            let nat64 = Ipv6Addr::from_bits(0x0064_FF9B << 96 | u128::from(bits));
            let six_to_four = Ipv6Addr::from_bits(0x2002 << 112 | u128::from(bits) << 80 | 1);
            for disguised in [inner.to_ipv6_mapped(), inner.to_ipv6_compatible(), nat64, six_to_four] {
                prop_assert!(!guard.allows(IpAddr::V6(disguised)), "{disguised}");
            }
        }
    }
}
