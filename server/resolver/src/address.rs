//! Where a subscriber is: IPv4 addresses and IPv6 prefixes in one form, the pools they come from, and what an address is
//! good for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The shortest IPv6 prefix one subscriber may hold. A shorter one would stand against the addresses of too many others.
pub const SHORTEST_V6: u8 = 48;

/// Bits before an IPv4 address in IPv6 form (RFC 4291, 2.5.5.2).
const MAPPED: u8 = 96;

/// An IPv4 address or network, or an IPv6 prefix or address. IPv4 stands in its IPv6 form, so that there is one order.
///
/// `Debug` shows its length only: an address tells where a person is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    first: u128,
    length: u8,
}

impl Prefix {
    /// The first of all.
    pub const MIN: Prefix = Prefix { first: 0, length: 0 };

    /// One IPv4 address.
    #[must_use]
    pub const fn v4(address: Ipv4Addr) -> Prefix {
        Prefix { first: u128::from_be_bytes(address.to_ipv6_mapped().octets()), length: 128 }
    }

    /// An IPv4 or IPv6 network; `None` when the length is longer than an address. Bits behind the length do not count.
    #[must_use]
    pub fn network(address: IpAddr, length: u8) -> Option<Prefix> {
        let (address, length, longest) = match address {
            IpAddr::V4(address) => (address.to_ipv6_mapped(), length.checked_add(MAPPED)?, 128),
            IpAddr::V6(address) => (address, length, 128),
        };
        (length <= longest).then(|| Prefix { first: u128::from(address) & mask(length), length })
    }

    /// One value for each pair of first address and length, from a database. `None` when bits stand behind the length.
    #[must_use]
    pub fn from_parts(first: u128, length: u8) -> Option<Prefix> {
        (length <= 128 && first & !mask(length) == 0).then_some(Prefix { first, length })
    }

    /// Its first address in IPv6 form, as a number.
    #[must_use]
    pub const fn first(self) -> u128 {
        self.first
    }

    /// Its last address in IPv6 form, as a number.
    #[must_use]
    pub const fn last(self) -> u128 {
        self.first | !mask(self.length)
    }

    /// Bits that all its addresses share, in IPv6 form: 128 for one address of either family.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The same first bits, so many of them.
    #[must_use]
    pub const fn shortened(self, length: u8) -> Prefix {
        let length = if length < self.length { length } else { self.length };
        Prefix { first: self.first & mask(length), length }
    }

    /// Whether the other lies in this one whole.
    #[must_use]
    pub const fn contains(self, other: Prefix) -> bool {
        self.length <= other.length && other.first & mask(self.length) == self.first
    }

    /// The IPv4 address, when it is one.
    #[must_use]
    pub fn as_v4(self) -> Option<Ipv4Addr> {
        (self.length == 128).then(|| Ipv6Addr::from(self.first).to_ipv4_mapped()).flatten()
    }

    /// Whether an IPv4 address may lie in it, in its IPv6 form.
    #[must_use]
    pub const fn has_v4(self) -> bool {
        let all = Prefix { first: Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().to_bits(), length: MAPPED };
        all.contains(self) || self.contains(all)
    }

    /// As an answer says it: `203.0.113.7`, `2001:db8::7` or `2001:db8:7::/64`. Never for a log.
    #[must_use]
    pub fn text(self) -> String {
        match self.as_v4() {
            Some(address) => address.to_string(),
            None if self.length == 128 => Ipv6Addr::from(self.first).to_string(),
            None => format!("{}/{}", Ipv6Addr::from(self.first), self.length),
        }
    }

    /// What an address of these is good for when no pool says otherwise: private, shared (RFC 6598) and unique local ones
    /// are behind a NAT or a firewall.
    #[must_use]
    pub fn usual_kind(self) -> Kind {
        let address = Ipv6Addr::from(self.first);
        let behind = match address.to_ipv4_mapped() {
            Some(v4) => {
                let [a, b, ..] = v4.octets();
                v4.is_private() || v4.is_link_local() || v4.is_loopback() || (a == 100 && (64..128).contains(&b))
            }
            None => address.is_unique_local() || address.is_unicast_link_local() || address.is_loopback(),
        };
        if behind { Kind::BehindNat } else { Kind::Public }
    }
}

const fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        1..=127 => u128::MAX << (128 - length),
        128.. => u128::MAX,
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix(../{})", self.length)
    }
}

/// What an address is good for. The numbers are stored: never renumber them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Anybody can send to it.
    Public = 0,
    /// It must send first, to whoever wants to reach it.
    BehindNat = 1,
    /// It is reached through a relay only, and nobody is told it.
    RelayOnly = 2,
}

impl Kind {
    /// From its number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Kind> {
        match number {
            0 => Some(Kind::Public),
            1 => Some(Kind::BehindNat),
            2 => Some(Kind::RelayOnly),
            _ => None,
        }
    }
}

/// Addresses a NAS gives out, and what they are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The network.
    pub network: Prefix,
    /// What its addresses are good for.
    pub kind: Kind,
}

/// A prefix that is held, and what it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// Which.
    pub prefix: Prefix,
    /// What for.
    pub kind: Kind,
}

/// Everything one session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Addresses {
    /// An IPv4 address.
    pub v4: Option<Held>,
    /// An IPv6 prefix of the link to the device, or its whole address.
    pub v6: Option<Held>,
    /// An IPv6 prefix for networks behind the device (RFC 3633).
    pub delegated: Option<Held>,
}

impl Addresses {
    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = Held> + use<> {
        [self.v4, self.v6, self.delegated].into_iter().flatten()
    }

    /// Those that are not among others.
    #[must_use]
    pub fn without(&self, others: &Addresses) -> Addresses {
        let lone = |held: Option<Held>| held.filter(|held| others.each().all(|other| other.prefix != held.prefix));
        Addresses { v4: lone(self.v4), v6: lone(self.v6), delegated: lone(self.delegated) }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.v4.is_none() && self.v6.is_none() && self.delegated.is_none()
    }

    /// The best that one of them is good for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.each().map(|held| held.kind).min().unwrap_or(Kind::RelayOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str, length: u8) -> Prefix {
        Prefix::network(text.parse().unwrap(), length).unwrap()
    }

    #[test]
    fn a_network_contains_what_begins_with_it_in_both_families() {
        assert!(prefix("10.64.0.0", 16).contains(prefix("10.64.255.255", 32)));
        assert!(!prefix("10.64.0.0", 16).contains(prefix("10.65.0.0", 32)));
        assert!(prefix("2001:db8::", 32).contains(prefix("2001:db8:7::", 64)));
        assert!(!prefix("2001:db8:7::", 64).contains(prefix("2001:db8::", 32)));
        assert!(prefix("0.0.0.0", 0).contains(prefix("203.0.113.7", 32)));
        assert!(!prefix("0.0.0.0", 0).contains(prefix("2001:db8::", 64)), "the families stay apart");
    }

    #[test]
    fn bits_behind_the_length_do_not_count_and_too_long_is_none() {
        assert_eq!(prefix("2001:db8::1", 64), prefix("2001:db8::", 64));
        assert_eq!(Prefix::network("10.0.0.1".parse().unwrap(), 33), None);
        assert_eq!(Prefix::network("2001:db8::".parse().unwrap(), 129), None);
        assert_eq!(Prefix::from_parts(1, 64), None);
        assert_eq!(prefix("::", 0).last(), u128::MAX);
    }

    #[test]
    fn each_is_said_as_its_family_says_it_and_debug_says_nothing() {
        assert_eq!(Prefix::v4(Ipv4Addr::new(203, 0, 113, 7)).text(), "203.0.113.7");
        assert_eq!(prefix("2001:db8:7::", 64).text(), "2001:db8:7::/64");
        assert_eq!(prefix("2001:db8::7", 128).text(), "2001:db8::7");
        assert_eq!(format!("{:?}", prefix("2001:db8:7::", 64)), "Prefix(../64)");
    }

    #[test]
    fn private_shared_and_unique_local_addresses_are_behind_something() {
        for text in ["10.0.0.1", "192.168.1.1", "100.64.0.1", "100.127.255.255", "127.0.0.1"] {
            assert_eq!(prefix(text, 32).usual_kind(), Kind::BehindNat, "{text}");
        }
        for text in ["203.0.113.7", "100.128.0.1", "100.63.255.255"] {
            assert_eq!(prefix(text, 32).usual_kind(), Kind::Public, "{text}");
        }
        assert_eq!(prefix("fd00::", 64).usual_kind(), Kind::BehindNat);
        assert_eq!(prefix("2001:db8::", 64).usual_kind(), Kind::Public);
    }
}
