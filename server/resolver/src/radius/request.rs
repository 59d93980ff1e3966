//! Accounting-Requests and Status-Servers as a client makes them: for tests and for mock access networks.

use super::attribute::{THREE_GPP, Type, VendorType};
use super::authenticator::{assemble, digest, push, vouch};
use super::packet::{AUTHENTICATOR, Code};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A request being written.
#[derive(Clone, Default)]
pub struct Request {
    attributes: Vec<u8>,
}

impl Request {
    /// Without any attribute.
    #[must_use]
    pub fn new() -> Request {
        Request::default()
    }

    /// Adds an attribute of up to 253 octets; a longer one is left out.
    #[must_use]
    pub fn with(mut self, kind: Type, value: &[u8]) -> Request {
        push(&mut self.attributes, kind.octet(), value);
        self
    }

    /// Adds a number of 32 bits.
    #[must_use]
    pub fn with_u32(self, kind: Type, value: u32) -> Request {
        self.with(kind, &value.to_be_bytes())
    }

    /// Adds an IPv4 address.
    #[must_use]
    pub fn with_ipv4(self, kind: Type, address: Ipv4Addr) -> Request {
        self.with(kind, &address.octets())
    }

    /// Adds an IPv6 prefix (RFC 3162, 2.3; RFC 4818, 3), `length` in bits.
    #[must_use]
    pub fn with_prefix(self, kind: Type, prefix: Ipv6Addr, length: u8) -> Request {
        let mut value = vec![0, length];
        value.extend(prefix.octets().iter().take(usize::from(length.div_ceil(8))));
        self.with(kind, &value)
    }

    /// Adds one of 3GPP's own.
    #[must_use]
    pub fn with_3gpp(self, kind: VendorType, value: &[u8]) -> Request {
        let mut inner = THREE_GPP.to_be_bytes().to_vec();
        push(&mut inner, kind.octet(), value);
        self.with(Type::VendorSpecific, &inner)
    }

    /// The datagram.
    #[must_use]
    pub fn sign(&self, identifier: u8, secret: &[u8]) -> Vec<u8> {
        let code = Code::AccountingRequest;
        let authenticator = digest(code, identifier, &[0; AUTHENTICATOR], &self.attributes, secret);
        assemble(code, identifier, &authenticator, &self.attributes)
    }

    /// The datagram, with a Message-Authenticator before everything else.
    #[must_use]
    pub fn sign_and_vouch(&self, identifier: u8, secret: &[u8]) -> Vec<u8> {
        self.vouched(Code::AccountingRequest, identifier, &[0; AUTHENTICATOR], secret).sign(identifier, secret)
    }

    /// A Status-Server (RFC 5997) instead, with random octets as its authenticator.
    #[must_use]
    pub fn ask_status(&self, identifier: u8, random: [u8; AUTHENTICATOR], secret: &[u8]) -> Vec<u8> {
        let vouched = self.vouched(Code::StatusServer, identifier, &random, secret);
        assemble(Code::StatusServer, identifier, &random, &vouched.attributes)
    }

    fn vouched(&self, code: Code, identifier: u8, authenticator: &[u8; AUTHENTICATOR], secret: &[u8]) -> Request {
        let with = |value: &[u8]| {
            let mut first = Request::new().with(Type::MessageAuthenticator, value);
            first.attributes.extend(&self.attributes);
            first
        };
        let blank = with(&[0; AUTHENTICATOR]);
        with(&vouch(code, identifier, authenticator, &blank.attributes, secret).unwrap_or_default())
    }
}
