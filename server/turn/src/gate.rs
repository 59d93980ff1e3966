//! Reads a STUN message as far as our rules need, and writes the refusals that are ours.

use std::net::SocketAddr;

use tandem_model::Secret;
use turn_types::attribute::XorPeerAddress;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, SEND};
use turn_types::stun::attribute::{ErrorCode, Fingerprint, Userhash, Username, XorMappedAddress};
use turn_types::stun::message::{
    BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageIntegrityCredentials,
    MessageWriteVec,
};
use turn_types::stun::prelude::{Attribute, AttributeFromRaw, AttributeStaticType, MessageWrite, MessageWriteExt};

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Where do I come from?
    Binding,
    /// A relay.
    Allocate,
    /// To reach a peer.
    ReachPeer,
    /// Data for a peer.
    Send,
    /// Another request, which the protocol judges alone.
    OtherRequest,
    /// Nothing a client may say to a server.
    Nothing,
}

pub(crate) fn kind(message: &Message<'_>) -> Kind {
    match (message.class(), message.method()) {
        (MessageClass::Request, BINDING) => Kind::Binding,
        (MessageClass::Request, ALLOCATE) => Kind::Allocate,
        (MessageClass::Request, CREATE_PERMISSION | CHANNEL_BIND) => Kind::ReachPeer,
        (MessageClass::Request, _) => Kind::OtherRequest,
        (MessageClass::Indication, SEND) => Kind::Send,
        (MessageClass::Indication | MessageClass::Success | MessageClass::Error, _) => Kind::Nothing,
    }
}

/// Who a message says it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    Name(String),
    Hash([u8; 32]),
}

pub(crate) fn claim(message: &Message<'_>) -> Option<Claim> {
    let name = message.attribute::<Username>().ok().map(|username| Claim::Name(username.username().to_owned()));
    name.or_else(|| message.attribute::<Userhash>().ok().map(|userhash| Claim::Hash(*userhash.hash())))
}

/// Every peer a message names. One that cannot be read is left to the protocol, which refuses the message.
pub(crate) fn peers(message: &Message<'_>) -> Vec<SocketAddr> {
    let id = message.transaction_id();
    let named = message.iter_attributes().filter(|(_, attribute)| attribute.get_type() == XorPeerAddress::TYPE);
    named.filter_map(|(_, attribute)| XorPeerAddress::from_raw_ref(&attribute).ok()).map(|peer| peer.addr(id)).collect()
}

/// The algorithm the message is proven with, when it is proven by this password.
pub(crate) fn proof(message: &Message<'_>, credentials: &MessageIntegrityCredentials) -> Option<IntegrityAlgorithm> {
    message.validate_integrity(credentials).ok()
}

pub(crate) fn credentials(username: &str, password: &Secret<String>, realm: &str) -> MessageIntegrityCredentials {
    LongTermKeyCredentials::new(username.to_owned(), password.expose().clone(), realm.to_owned()).into()
}

/// A refusal of ours, proven to a client that has proven itself; `None` only if it does not fit a message.
pub(crate) fn refusal(
    message: &Message<'_>,
    code: u16,
    credentials: &MessageIntegrityCredentials,
    algorithm: IntegrityAlgorithm,
) -> Option<Vec<u8>> {
    let error = ErrorCode::builder(code).build().ok()?;
    let mut answer = Message::builder_error(message, MessageWriteVec::new());
    answer.add_attribute(&error).ok()?;
    answer.add_message_integrity(credentials, algorithm).ok()?;
    Some(answer.finish())
}

/// The answer to a binding request (RFC 8489, 7.3.1). It keeps no state and is no longer than the request needs to be
/// useful to somebody who forges their address.
pub(crate) fn binding_answer(message: &Message<'_>, from: SocketAddr) -> Option<Vec<u8>> {
    let unknown = Message::check_attribute_types(message, &[Fingerprint::TYPE], &[], MessageWriteVec::new());
    if let Some(refusal) = unknown {
        return Some(refusal.finish());
    }
    let mut answer = Message::builder_success(message, MessageWriteVec::new());
    answer.add_attribute(&XorMappedAddress::new(from, message.transaction_id())).ok()?;
    answer.add_fingerprint().ok()?;
    Some(answer.finish())
}
