//! Where the access network says that a number is, for lookups by phones.

use crate::clock::Clock;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use tandem_logic::Place;
use tandem_model::Msisdn;
use tandem_resolver::{Held, Kind, Whereabouts};
use tandem_wire::frame::{AddressKind, DirectAddress};

/// Reads the bindings beside the task that owns them.
#[derive(Debug)]
pub struct Locator {
    /// The bindings.
    pub whereabouts: Arc<Whereabouts>,
    /// Numbers that never resolve.
    pub withheld: Arc<BTreeSet<Msisdn>>,
    /// Dates them.
    pub clock: Clock,
}

impl Locator {
    /// Where a number is; `None` when it is nowhere, or nobody is told.
    #[must_use]
    pub fn locate(&self, number: Msisdn) -> Option<Place> {
        if self.withheld.contains(&number) {
            return None;
        }
        let binding = self.whereabouts.find(number, self.clock.now().server)?;
        let held = [binding.addresses.v6, binding.addresses.v4];
        let addresses: Vec<DirectAddress> = held.into_iter().flatten().filter_map(sendable).collect();
        let age_ms = u64::try_from(binding.age.as_millis()).unwrap_or(u64::MAX);
        (!addresses.is_empty()).then_some(Place { generation: binding.generation.0, age_ms, addresses })
    }
}

/// A whole address that is for more than a relay. Of a prefix nobody knows which of its addresses is the phone's.
fn sendable(held: Held) -> Option<DirectAddress> {
    let kind = match held.kind {
        Kind::Public => AddressKind::Public,
        Kind::BehindNat => AddressKind::BehindNat,
        Kind::RelayOnly => return None,
    };
    let address = match held.prefix.as_v4() {
        Some(v4) => IpAddr::V4(v4),
        None if held.prefix.length() == 128 => IpAddr::V6(Ipv6Addr::from(held.prefix.first())),
        None => return None,
    };
    Some(DirectAddress { address, kind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tandem_resolver::Prefix;

    fn held(text: &str, length: u8, kind: Kind) -> Held {
        Held { prefix: Prefix::network(text.parse().unwrap(), length).unwrap(), kind }
    }

    #[test]
    fn only_whole_addresses_are_told_and_none_that_is_for_a_relay() {
        let v4 = held("203.0.113.7", 32, Kind::BehindNat);
        let told = DirectAddress { address: Ipv4Addr::new(203, 0, 113, 7).into(), kind: AddressKind::BehindNat };
        assert_eq!(sendable(v4), Some(told));
        assert!(sendable(held("2001:db8::7", 128, Kind::Public)).is_some());
        assert_eq!(sendable(held("2001:db8::", 64, Kind::Public)), None);
        assert_eq!(sendable(held("203.0.113.7", 32, Kind::RelayOnly)), None);
    }
}
