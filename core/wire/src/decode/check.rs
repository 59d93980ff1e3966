//! Checks of single fields.

use tandem_model::keys::SEALED_BODY_MAX;
use tandem_model::{
    CallId, DeviceEpoch, Msisdn, NumberEpoch, SealedBody, SealingKey, SealingKeyId, SenderSeq, ServerMillis, Signature,
    TerminalState, TextId, Ticket,
};

use crate::error::WireError;
use crate::limits::PHONE_TICKET_MAX;
use crate::schema;

type Checked<T> = Result<T, WireError>;

/// Bytes of one exact length.
pub(super) fn array<const N: usize>(bytes: &[u8], field: &'static str) -> Checked<[u8; N]> {
    if bytes.is_empty() {
        return Err(WireError::Missing { field });
    }
    bytes.try_into().map_err(|_| WireError::OutOfRange { field })
}

pub(super) fn signature(bytes: &[u8], field: &'static str) -> Checked<Signature> {
    array(bytes, field).map(Signature)
}

pub(super) fn call_id(bytes: &[u8]) -> Checked<CallId> {
    array(bytes, "call").map(CallId)
}

pub(super) fn number(digits: u64, field: &'static str) -> Checked<Msisdn> {
    if digits == 0 {
        return Err(WireError::Missing { field });
    }
    Msisdn::try_from(digits).map_err(|_| WireError::OutOfRange { field })
}

/// A name a phone gives to a request: from 1; the upper half names what the server asks.
pub(super) const fn ticket(value: u64) -> Checked<Ticket> {
    match value {
        0 => Err(WireError::Missing { field: "ticket" }),
        1..=PHONE_TICKET_MAX => Ok(Ticket(value)),
        _ => Err(WireError::OutOfRange { field: "ticket" }),
    }
}

/// A count that starts at 1.
pub(super) const fn from_one(value: u64, field: &'static str) -> Checked<u64> {
    if value == 0 { Err(WireError::Missing { field }) } else { Ok(value) }
}

/// A duration that may not be zero.
pub(super) const fn some_time(value: u32, field: &'static str) -> Checked<u32> {
    if value == 0 { Err(WireError::Missing { field }) } else { Ok(value) }
}

pub(super) fn epoch(value: u64, field: &'static str) -> Checked<NumberEpoch> {
    from_one(value, field).map(NumberEpoch)
}

pub(super) fn seq(value: u64) -> Checked<SenderSeq> {
    from_one(value, "seq").map(SenderSeq)
}

/// A stamp; none lies before 1970.
pub(super) const fn stamp(millis: i64, field: &'static str) -> Checked<ServerMillis> {
    if millis < 0 { Err(WireError::OutOfRange { field }) } else { Ok(ServerMillis(millis)) }
}

pub(super) fn present<T>(value: Option<T>, field: &'static str) -> Checked<T> {
    value.ok_or(WireError::Missing { field })
}

pub(super) fn text_id(id: Option<&schema::TextId>) -> Checked<TextId> {
    let id = present(id, "id")?;
    Ok(TextId { device_epoch: DeviceEpoch(id.device_epoch), counter: from_one(id.counter, "counter")? })
}

pub(super) fn text_ids(ids: &[schema::TextId]) -> Checked<Vec<TextId>> {
    ids.iter().map(|id| text_id(Some(id))).collect()
}

pub(super) fn sealed(bytes: Vec<u8>) -> Checked<SealedBody> {
    match bytes.len() {
        0 => Err(WireError::Missing { field: "sealed" }),
        1..=SEALED_BODY_MAX => Ok(SealedBody(bytes)),
        _ => Err(WireError::OutOfRange { field: "sealed" }),
    }
}

pub(super) fn sealing_key(key: Option<&schema::SealingKey>, field: &'static str) -> Checked<SealingKey> {
    let key = present(key, field)?;
    if key.id == 0 {
        return Err(WireError::Missing { field: "sealing_key.id" });
    }
    Ok(SealingKey {
        id: SealingKeyId(key.id),
        public: array(&key.public, "sealing_key.public")?,
        signature: signature(&key.signature, "sealing_key.signature")?,
    })
}

pub(super) fn terminal_state(value: i32, field: &'static str) -> Checked<TerminalState> {
    use schema::TerminalState as Wire;
    match Wire::try_from(value) {
        Ok(Wire::Unspecified) => Err(WireError::Missing { field }),
        Ok(Wire::Delivered) => Ok(TerminalState::Delivered),
        Ok(Wire::Expired) => Ok(TerminalState::Expired),
        Ok(Wire::Cancelled) => Ok(TerminalState::Cancelled),
        Ok(Wire::HandedToSms) => Ok(TerminalState::HandedToSms),
        Ok(Wire::RecipientChanged) => Ok(TerminalState::RecipientChanged),
        Err(_) => Err(WireError::UnknownValue { field }),
    }
}

/// One line of printable ASCII: nothing in it can start another line of an SDP or of a log.
pub(super) fn line(text: String, max: usize, field: &'static str) -> Checked<String> {
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if text.len() > max || !printable { Err(WireError::OutOfRange { field }) } else { Ok(text) }
}
