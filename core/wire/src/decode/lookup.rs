//! Lookups by a phone.

use std::net::IpAddr;

use tandem_model::Ticket;

use super::check;
use crate::error::WireError;
use crate::frame::{AddressKind, Capability, DirectAddress, Granted, Resolved};
use crate::schema;

pub(super) fn capability(bytes: &[u8]) -> Result<Capability, WireError> {
    check::array(bytes, "capability").map(Capability)
}

/// A port that is somewhere.
fn port(value: u32) -> Result<u16, WireError> {
    match u16::try_from(value) {
        Ok(0) => Err(WireError::Missing { field: "port" }),
        Ok(port) => Ok(port),
        Err(_) => Err(WireError::OutOfRange { field: "port" }),
    }
}

pub(super) fn port_or_none(value: u32) -> Result<Option<u16>, WireError> {
    if value == 0 { Ok(None) } else { port(value).map(Some) }
}

pub(super) fn granted(granted: &schema::Capability) -> Result<Granted, WireError> {
    Ok(Granted {
        ticket: Ticket(granted.ticket),
        capability: capability(&granted.capability)?,
        expires_at: check::stamp(granted.expires_at_ms, "expires_at_ms")?,
    })
}

pub(super) fn resolved(resolved: &schema::Resolved) -> Result<Resolved, WireError> {
    if resolved.addresses.is_empty() {
        return Err(WireError::Missing { field: "addresses" });
    }
    Ok(Resolved {
        ticket: Ticket(resolved.ticket),
        generation: resolved.generation,
        age_ms: resolved.age_ms,
        addresses: resolved.addresses.iter().map(address).collect::<Result<_, _>>()?,
        port: port(resolved.port)?,
    })
}

fn address(told: &schema::DirectAddress) -> Result<DirectAddress, WireError> {
    use schema::AddressKind as Wire;
    let bytes = told.address.as_slice();
    let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => IpAddr::from(v4),
        (_, Ok(v6)) => IpAddr::from(v6),
        (Err(_), Err(_)) if bytes.is_empty() => return Err(WireError::Missing { field: "address" }),
        (Err(_), Err(_)) => return Err(WireError::OutOfRange { field: "address" }),
    };
    let kind = match Wire::try_from(told.kind) {
        Ok(Wire::Public) => AddressKind::Public,
        // What is not understood is not tried.
        Ok(Wire::BehindNat) | Err(_) => AddressKind::BehindNat,
        Ok(Wire::Unspecified) => return Err(WireError::Missing { field: "kind" }),
    };
    Ok(DirectAddress { address, kind })
}
