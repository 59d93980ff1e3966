//! Lookups by a phone.

use std::net::IpAddr;

use crate::frame::{AddressKind, DirectAddress, Granted, Resolved};
use crate::schema;

pub(super) fn granted(granted: &Granted) -> schema::Capability {
    schema::Capability {
        ticket: granted.ticket.0,
        capability: granted.capability.0.to_vec(),
        expires_at_ms: granted.expires_at.0,
    }
}

pub(super) fn resolved(resolved: &Resolved) -> schema::Resolved {
    schema::Resolved {
        ticket: resolved.ticket.0,
        generation: resolved.generation,
        age_ms: resolved.age_ms,
        addresses: resolved.addresses.iter().map(address).collect(),
        port: u32::from(resolved.port),
    }
}

fn address(told: &DirectAddress) -> schema::DirectAddress {
    use schema::AddressKind as Wire;
    let address = match told.address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let kind = match told.kind {
        AddressKind::Public => Wire::Public,
        AddressKind::BehindNat => Wire::BehindNat,
    };
    schema::DirectAddress { address, kind: kind.into() }
}
