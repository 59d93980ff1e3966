//! Who sent a packet: the authenticators of accounting (RFC 2866, 3) and the Message-Authenticator (RFC 3579, 3.2).
//!
//! Both are keyed by a secret shared with the client. MD5 is what the protocol has: the secret belongs on a private
//! network. Comparing takes the same time wherever the first difference lies.

use super::attribute::Type;
use super::packet::{AUTHENTICATOR, Code, HEADER, PACKET_MAX, Packet};
use hmac::{Hmac, Mac as _};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

const NONE: [u8; AUTHENTICATOR] = [0; AUTHENTICATOR];

/// What a packet's Message-Authenticator says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// There is none.
    Absent,
    /// It is right.
    Genuine,
    /// It is wrong, of a wrong length, or there are several.
    Forged,
}

impl Packet<'_> {
    /// Whether an Accounting-Request was made with this secret, and is as it was made.
    #[must_use]
    pub fn is_genuine_request(&self, secret: &[u8]) -> bool {
        let expected = digest(self.code(), self.identifier(), &NONE, self.attribute_octets(), secret);
        bool::from(expected.ct_eq(&self.authenticator()))
    }

    /// Whether an Accounting-Response answers this request and was made with this secret.
    #[must_use]
    pub fn is_genuine_response_to(&self, request: &Packet<'_>, secret: &[u8]) -> bool {
        let expected =
            digest(self.code(), self.identifier(), &request.authenticator(), self.attribute_octets(), secret);
        self.identifier() == request.identifier() && bool::from(expected.ct_eq(&self.authenticator()))
    }

    /// Checks the Message-Authenticator of a request: an HMAC over the packet with its own value as zeros, and with the
    /// authenticator of an Accounting-Request as zeros too, for that is made over it. A Status-Server's is made of nothing,
    /// and stands as it came (RFC 5997, 3).
    #[must_use]
    pub fn message_authenticator(&self, secret: &[u8]) -> Vouched {
        let mut values = self.attributes().filter(|(octet, _)| *octet == Type::MessageAuthenticator.octet());
        let Some((_, value)) = values.next() else { return Vouched::Absent };
        if value.len() != AUTHENTICATOR || values.next().is_some() {
            return Vouched::Forged;
        }
        let authenticator = if self.code() == Code::StatusServer { self.authenticator() } else { NONE };
        match vouch(self.code(), self.identifier(), &authenticator, self.attribute_octets(), secret) {
            Some(expected) if bool::from(expected.ct_eq(value)) => Vouched::Genuine,
            Some(_) | None => Vouched::Forged,
        }
    }

    /// The Accounting-Response, which answers a Status-Server too where accounting is listened for (RFC 5997, 4.2): every Proxy-State as it came and in its order (RFC 2865, 5.33), and nothing else.
    #[must_use]
    pub fn response(&self, secret: &[u8]) -> Vec<u8> {
        let mut attributes = Vec::new();
        for (octet, value) in self.attributes().filter(|(octet, _)| *octet == Type::ProxyState.octet()) {
            push(&mut attributes, octet, value);
        }
        let code = Code::AccountingResponse;
        let authenticator = digest(code, self.identifier(), &self.authenticator(), &attributes, secret);
        assemble(code, self.identifier(), &authenticator, &attributes)
    }
}

/// MD5 over the packet with `authenticator` in its place, and the secret behind it.
pub(super) fn digest(
    code: Code,
    identifier: u8,
    authenticator: &[u8; AUTHENTICATOR],
    attributes: &[u8],
    secret: &[u8],
) -> [u8; AUTHENTICATOR] {
    let mut md5 = Md5::new();
    md5.update(start(code, identifier, attributes));
    md5.update(authenticator);
    md5.update(attributes);
    md5.update(secret);
    md5.finalize().into()
}

/// HMAC-MD5 over the packet with `authenticator` in its place, and every Message-Authenticator in it as zeros.
pub(super) fn vouch(
    code: Code,
    identifier: u8,
    authenticator: &[u8; AUTHENTICATOR],
    attributes: &[u8],
    secret: &[u8],
) -> Option<[u8; AUTHENTICATOR]> {
    let mut hmac = Hmac::<Md5>::new_from_slice(secret).ok()?;
    hmac.update(&start(code, identifier, attributes));
    hmac.update(authenticator);
    let mut rest = attributes;
    while let Some((&[octet, length], _)) = rest.split_first_chunk::<2>() {
        let (attribute, behind) = rest.split_at_checked(usize::from(length))?;
        let value = attribute.get(2..)?;
        hmac.update(&[octet, length]);
        if octet == Type::MessageAuthenticator.octet() && value.len() == AUTHENTICATOR {
            hmac.update(&NONE);
        } else {
            hmac.update(value);
        }
        rest = behind;
    }
    Some(hmac.finalize().into_bytes().into())
}

/// The first four octets: code, identifier, length.
fn start(code: Code, identifier: u8, attributes: &[u8]) -> [u8; 4] {
    let length = HEADER.saturating_add(attributes.len()).min(PACKET_MAX);
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    [code.octet(), identifier, high, low]
}

pub(super) fn push(attributes: &mut Vec<u8>, octet: u8, value: &[u8]) {
    // A length counts itself and the type. A longer value cannot be said and is left out.
    if let Ok(length) = u8::try_from(value.len().saturating_add(2)) {
        attributes.extend([octet, length]);
        attributes.extend(value);
    }
}

pub(super) fn assemble(code: Code, identifier: u8, authenticator: &[u8; AUTHENTICATOR], attributes: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER.saturating_add(attributes.len()));
    packet.extend(start(code, identifier, attributes));
    packet.extend(authenticator);
    packet.extend(attributes);
    packet
}
