//! What a lookup reads: one row of 20 bytes for each bound number, in a [`Table`].
//!
//! A row holds the number (50 bits), what its addresses are good for (2), the generation, from which the age follows (42
//! bits of milliseconds: until the year 2109), and the IPv4 address or the IPv6 prefix of 64 bits. A number that holds
//! both, a delegated prefix or one of another length has its addresses in a map beside the table. Sessions and the indexes
//! over them stand elsewhere and are never read to answer.

use crate::address::{Addresses, Held, Kind, Prefix};
use crate::session::Generation;
use crate::table::{Row, Table};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tandem_model::Msisdn;

const NUMBER_BITS: u32 = 50;
const KIND_AT: u32 = 50;
const FORM_AT: u32 = 52;
const HIGH_AT: u32 = 54;
const GENERATION_MAX: u64 = (1 << 42) - 1;

/// A row as it stands in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HotRow([u32; 5]);

/// Where the addresses are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Here: one IPv4 address or one IPv6 prefix of 64 bits.
    Row(Addresses),
    /// Beside the table.
    Beside,
}

/// A row as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hot {
    pub(crate) number: Msisdn,
    pub(crate) generation: Generation,
    pub(crate) kind: Kind,
    pub(crate) at: At,
}

pub(crate) type HotTable = Table<HotRow>;

impl Row for HotRow {
    type Key = Msisdn;
    const EMPTY: HotRow = HotRow([0; 5]);

    fn key(&self) -> Option<Msisdn> {
        Msisdn::try_from(self.first() & ((1 << NUMBER_BITS) - 1)).ok()
    }

    fn bits(key: Msisdn) -> u64 {
        key.as_u64()
    }
}

impl HotRow {
    const fn first(self) -> u64 {
        let HotRow([low, high, ..]) = self;
        low as u64 | (high as u64) << 32
    }

    pub(crate) fn new(hot: &Hot) -> HotRow {
        let (form, place) = match hot.at {
            At::Row(addresses) => in_row(&addresses).unwrap_or((0, 0)),
            At::Beside => (FORM_BESIDE, 0),
        };
        let generation = hot.generation.0.min(GENERATION_MAX);
        let first = hot.number.as_u64()
            | u64::from(hot.kind as u8) << KIND_AT
            | form << FORM_AT
            | (generation >> 32) << HIGH_AT;
        HotRow([low(first), high(first), low(generation), low(place), high(place)])
    }

    pub(crate) fn read(self) -> Option<Hot> {
        let HotRow([_, _, generation, low, high]) = self;
        let kind = Kind::of(u8::try_from(self.first() >> KIND_AT & 3).ok()?)?;
        let held = |address: IpAddr, length| Some(Held { prefix: Prefix::network(address, length)?, kind });
        let at = match self.first() >> FORM_AT & 3 {
            FORM_V4 => At::Row(Addresses { v4: held(Ipv4Addr::from(low).into(), 32), ..Addresses::default() }),
            FORM_V6 => {
                let bits = u128::from(u64::from(low) | u64::from(high) << 32) << 64;
                At::Row(Addresses { v6: held(Ipv6Addr::from(bits).into(), 64), ..Addresses::default() })
            }
            FORM_BESIDE => At::Beside,
            _ => return None,
        };
        let generation = Generation(u64::from(generation) | (self.first() >> HIGH_AT) << 32);
        Some(Hot { number: self.key()?, generation, kind, at })
    }
}

const FORM_V4: u64 = 1;
const FORM_V6: u64 = 2;
const FORM_BESIDE: u64 = 3;

/// The form and the 64 bits of addresses that fit; `None` for all others.
fn in_row(addresses: &Addresses) -> Option<(u64, u64)> {
    match (addresses.v4, addresses.v6, addresses.delegated) {
        (Some(v4), None, None) => Some((FORM_V4, u64::from(u32::from(v4.prefix.as_v4()?)))),
        (None, Some(v6), None) if v6.prefix.length() == 64 => {
            Some((FORM_V6, u64::try_from(v6.prefix.first() >> 64).ok()?))
        }
        _ => None,
    }
}

impl At {
    /// The least place for these addresses.
    pub(crate) fn of(addresses: &Addresses) -> At {
        if in_row(addresses).is_some() { At::Row(*addresses) } else { At::Beside }
    }
}

fn low(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0)
}

fn high(bits: u64) -> u32 {
    u32::try_from(bits >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u64) -> Msisdn {
        Msisdn::try_from(999_999_998_000_000 + n).unwrap()
    }

    fn held(text: &str, length: u8, kind: Kind) -> Option<Held> {
        Some(Held { prefix: Prefix::network(text.parse().unwrap(), length).unwrap(), kind })
    }

    #[test]
    fn a_row_reads_as_it_was_written() {
        let v4 = Addresses { v4: held("203.0.113.255", 32, Kind::BehindNat), ..Addresses::default() };
        let v6 = Addresses { v6: held("2001:db8:ffff:fffe::", 64, Kind::Public), ..Addresses::default() };
        for at in [At::Row(v4), At::Row(v6), At::Beside] {
            let kind = if let At::Row(addresses) = at { addresses.kind() } else { Kind::RelayOnly };
            let hot = Hot { number: number(7), generation: Generation(GENERATION_MAX - 5), kind, at };
            assert_eq!(HotRow::new(&hot).read(), Some(hot));
        }
        assert_eq!(HotRow::EMPTY.read(), None);
    }

    #[test]
    fn what_does_not_fit_stands_beside() {
        let v4 = held("203.0.113.7", 32, Kind::Public);
        let v6 = held("2001:db8::", 64, Kind::Public);
        assert_eq!(At::of(&Addresses { v4, v6, delegated: None }), At::Beside);
        assert_eq!(At::of(&Addresses { v4, v6: None, delegated: held("2001:db8::", 56, Kind::Public) }), At::Beside);
        let address = held("2001:db8::7", 128, Kind::Public);
        assert_eq!(At::of(&Addresses { v4: None, v6: address, delegated: None }), At::Beside);
    }

    #[test]
    fn a_million_numbers_take_at_most_24_bytes_each() {
        let mut table = HotTable::new(11);
        let v6 = Addresses { v6: held("2001:db8::", 64, Kind::Public), ..Addresses::default() };
        for n in 0..1_000_000 {
            let hot = Hot { number: number(n), generation: Generation(n), kind: Kind::Public, at: At::Row(v6) };
            table.put(HotRow::new(&hot));
        }
        assert_eq!(table.len(), 1_000_000);
        let each = table.bytes() as f64 / table.len() as f64;
        assert!(each <= 24.0, "{each}");
    }
}
