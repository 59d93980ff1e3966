//! Lookups by a phone: where another phone may be sent to.

use std::fmt;
use std::net::IpAddr;
use tandem_model::{ServerMillis, Ticket};

/// Opens one address, once. Whoever holds it may use it, so that it is never shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(pub [u8; 16]);

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capability(..)")
    }
}

/// A capability as its asker is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// From the question.
    pub ticket: Ticket,
    /// The capability.
    pub capability: Capability,
    /// No use from then on.
    pub expires_at: ServerMillis,
}

/// What an address is good for. One that is for a relay only is told to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// Anybody can send to it.
    Public,
    /// It must send first, to whoever wants to reach it.
    BehindNat,
}

/// One address. `Debug` shows its family only: an address tells where a person is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectAddress {
    /// Which.
    pub address: IpAddr,
    /// What for.
    pub kind: AddressKind,
}

impl fmt::Debug for DirectAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.address.is_ipv4() { 4 } else { 6 };
        write!(f, "DirectAddress(v{family}, {:?})", self.kind)
    }
}

/// Where a number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// From the question.
    pub ticket: Ticket,
    /// Grows with every binding of the number.
    pub generation: u64,
    /// How long the binding stands, in milliseconds.
    pub age_ms: u64,
    /// One or two.
    pub addresses: Vec<DirectAddress>,
    /// Where it listens for direct data, UDP; from 1.
    pub port: u16,
}
