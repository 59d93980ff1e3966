//! Handshake and refusals.

use tandem_model::{MarkGeneration, Nonce};

use super::check;
use crate::error::WireError;
use crate::frame::{Goodbye, GoodbyeReason, Hello, RefuseReason, ServerFrame, Welcome};
use crate::limits::RING_MAX;
use crate::schema;

pub(super) fn hello(hello: &schema::Hello) -> Result<Hello, WireError> {
    Ok(Hello {
        version: version(hello.version, "version")?,
        number: check::number(hello.number, "number")?,
        epoch: check::epoch(hello.epoch, "epoch")?,
        signature: check::signature(&hello.signature, "signature")?,
        marks_since: MarkGeneration(hello.marks_since),
        fresh: hello.fresh,
    })
}

pub(super) fn challenge(challenge: &schema::Challenge) -> Result<ServerFrame, WireError> {
    let version_min = version(challenge.version_min, "version_min")?;
    let version_max = version(challenge.version_max, "version_max")?;
    if version_max < version_min {
        return Err(WireError::OutOfRange { field: "version_max" });
    }
    Ok(ServerFrame::Challenge { nonce: Nonce(check::array(&challenge.nonce, "nonce")?), version_min, version_max })
}

/// Which versions are spoken is for the handshake to judge; here it must only be one.
const fn version(value: u32, field: &'static str) -> Result<u32, WireError> {
    if value == 0 { Err(WireError::Missing { field }) } else { Ok(value) }
}

pub(super) fn welcome(welcome: &schema::Welcome) -> Result<Welcome, WireError> {
    if u128::from(welcome.ring_ms) > RING_MAX.as_millis() {
        return Err(WireError::OutOfRange { field: "ring_ms" });
    }
    Ok(Welcome {
        now: check::stamp(welcome.now_ms, "now_ms")?,
        lease_until: check::stamp(welcome.lease_until_ms, "lease_until_ms")?,
        marks_interval_ms: check::some_time(welcome.marks_interval_ms, "marks_interval_ms")?,
        keepalive_ms: check::some_time(welcome.keepalive_ms, "keepalive_ms")?,
        ring_ms: check::some_time(welcome.ring_ms, "ring_ms")?,
    })
}

pub(super) fn goodbye(goodbye: schema::Goodbye) -> Goodbye {
    use schema::GoodbyeReason as Wire;
    let reason = match Wire::try_from(goodbye.reason) {
        Ok(Wire::NotRegistered) => GoodbyeReason::NotRegistered,
        Ok(Wire::RegisteredElsewhere) => GoodbyeReason::RegisteredElsewhere,
        Ok(Wire::Displaced) => GoodbyeReason::Displaced,
        Ok(Wire::Version) => GoodbyeReason::Version,
        Ok(Wire::Protocol) => GoodbyeReason::Protocol,
        Ok(Wire::Busy) => GoodbyeReason::Busy,
        Ok(Wire::TooSlow) => GoodbyeReason::TooSlow,
        Ok(Wire::ShuttingDown | Wire::Unspecified) | Err(_) => GoodbyeReason::ShuttingDown,
    };
    Goodbye { reason, retry_after_ms: goodbye.retry_after_ms }
}

pub(super) fn refuse_reason(reason: i32, retry_after_ms: u32) -> RefuseReason {
    use schema::RefuseReason as Wire;
    match Wire::try_from(reason) {
        Ok(Wire::Budget) => RefuseReason::Budget,
        Ok(Wire::Storage) => RefuseReason::Storage,
        Ok(Wire::NotAvailable) => RefuseReason::NotAvailable,
        Ok(Wire::RecipientChanged) => RefuseReason::RecipientChanged,
        Ok(Wire::MailboxFull) => RefuseReason::MailboxFull,
        Ok(Wire::Invalid) => RefuseReason::Invalid,
        Ok(Wire::NoSuchCall) => RefuseReason::NoSuchCall,
        Ok(Wire::ShuttingDown) => RefuseReason::ShuttingDown,
        Ok(Wire::BadSignature) => RefuseReason::BadSignature,
        Ok(Wire::Unspecified) | Err(_) if retry_after_ms > 0 => RefuseReason::Budget,
        Ok(Wire::Unspecified) | Err(_) => RefuseReason::Invalid,
    }
}
