//! The packet as it travels (RFC 2865, 3): a header of 20 octets and attributes, each a type, a length and a value.
//!
//! [`Packet::decode`] checks the whole structure once; reading afterwards cannot fail. Nothing is believed yet: who sent
//! it is for [`super::authenticator`].

use super::attribute::{THREE_GPP, Type, VendorType};

/// Octets before the first attribute.
pub(super) const HEADER: usize = 20;

/// Longest packet (RFC 2865, 3), in octets.
pub const PACKET_MAX: usize = 4_096;

/// Octets of an authenticator.
pub(super) const AUTHENTICATOR: usize = 16;

/// What a packet is for (RFC 2866, 3; RFC 5997, 3). Others are not spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 4.
    AccountingRequest,
    /// 5.
    AccountingResponse,
    /// 12.
    StatusServer,
    /// Anything else.
    Other(u8),
}

impl Code {
    pub(super) const fn octet(self) -> u8 {
        match self {
            Code::AccountingRequest => 4,
            Code::AccountingResponse => 5,
            Code::StatusServer => 12,
            Code::Other(octet) => octet,
        }
    }

    const fn of(octet: u8) -> Code {
        match octet {
            4 => Code::AccountingRequest,
            5 => Code::AccountingResponse,
            12 => Code::StatusServer,
            other => Code::Other(other),
        }
    }
}

/// Why a datagram is no packet. It is dropped without a word (RFC 2865, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than a header, than its own length, or longer than any packet may be.
    #[error("the length is wrong")]
    Length,
    /// An attribute that ends after the packet, or has no room for its own length.
    #[error("an attribute is cut off")]
    Attribute,
}

/// A datagram that is a packet.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    code: Code,
    identifier: u8,
    authenticator: [u8; AUTHENTICATOR],
    attributes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram. What follows the packet's own length is padding and ignored (RFC 2865, 3).
    ///
    /// # Errors
    /// [`Malformed`]; then it must be dropped.
    pub fn decode(datagram: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let (&[code, identifier, high, low], rest) = datagram.split_first_chunk::<4>().ok_or(Malformed::Length)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(HEADER..=PACKET_MAX).contains(&length) {
            return Err(Malformed::Length);
        }
        let rest = rest.get(..length.saturating_sub(4)).ok_or(Malformed::Length)?;
        let (authenticator, attributes) = rest.split_first_chunk::<AUTHENTICATOR>().ok_or(Malformed::Length)?;
        let mut walk = Attributes { rest: attributes };
        while walk.next().is_some() {}
        if !walk.rest.is_empty() {
            return Err(Malformed::Attribute);
        }
        Ok(Packet { code: Code::of(code), identifier, authenticator: *authenticator, attributes })
    }

    /// What it is for.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Tells requests of one sender apart; repeats after 256.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// As sent, not checked.
    #[must_use]
    pub const fn authenticator(&self) -> [u8; AUTHENTICATOR] {
        self.authenticator
    }

    /// Every attribute in order.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { rest: self.attributes }
    }

    /// The first value of a type. A type that may come once is read by its first.
    #[must_use]
    pub fn first(&self, wanted: Type) -> Option<&'a [u8]> {
        self.attributes().find(|(octet, _)| *octet == wanted.octet()).map(|(_, value)| value)
    }

    /// The first value of one of 3GPP's own types (TS 29.061, 16.4.7), wherever in the packet's vendor attributes.
    #[must_use]
    pub fn first_3gpp(&self, wanted: VendorType) -> Option<&'a [u8]> {
        self.attributes()
            .filter(|(octet, _)| *octet == Type::VendorSpecific.octet())
            .filter_map(|(_, value)| value.split_first_chunk::<4>())
            .filter(|(vendor, _)| u32::from_be_bytes(**vendor) == THREE_GPP)
            .flat_map(|(_, inner)| Attributes { rest: inner })
            .find(|(octet, _)| *octet == wanted.octet())
            .map(|(_, value)| value)
    }

    pub(super) const fn attribute_octets(&self) -> &'a [u8] {
        self.attributes
    }
}

impl std::fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its values name a person and where that person is.
        f.debug_struct("Packet")
            .field("code", &self.code)
            .field("octets", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// Attributes in order, type and value. Ends at the first that is cut off.
#[derive(Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[octet, length], _) = self.rest.split_first_chunk::<2>()?;
        let (attribute, rest) = self.rest.split_at_checked(usize::from(length))?;
        let value = attribute.get(2..)?;
        self.rest = rest;
        Some((octet, value))
    }
}
