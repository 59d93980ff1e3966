//! Registration.

use tandem_model::{DeviceKey, ImsiToken, KeyedImsiKey, RegistrationId, Secret, SmsToken};

use super::{check, parse};
use crate::error::WireError;
use crate::frame::{ConfirmProof, RegisterRefusal, RegisterReply, RegisterRequest, SmsPlatform};
use crate::limits::{APP_HASH_LENGTH, CODE_DIGITS, DOMAIN_MAX, REGISTER_MAX};
use crate::schema;

/// Reads the body of `POST /v1/register`.
///
/// # Errors
/// [`WireError`] names what is wrong.
pub fn decode_register_request(bytes: &[u8]) -> Result<RegisterRequest, WireError> {
    use schema::register_request::Kind;
    let request: schema::RegisterRequest = parse(bytes, REGISTER_MAX, &[])?;
    match request.kind.ok_or(WireError::UnknownKind)? {
        Kind::Start(start) => Ok(RegisterRequest::Start {
            number: check::number(start.number, "number")?,
            device_key: DeviceKey(check::array(&start.device_key, "device_key")?),
            signature: check::signature(&start.signature, "signature")?,
            platform: platform(start.platform)?,
        }),
        Kind::Confirm(confirm) => Ok(RegisterRequest::Confirm {
            id: RegistrationId(check::array(&confirm.id, "id")?),
            proof: proof(check::present(confirm.proof, "proof")?)?,
            imsi: imsi_token(&confirm.imsi_token)?,
            sealing_key: check::sealing_key(confirm.sealing_key.as_ref(), "sealing_key")?,
            signature: check::signature(&confirm.signature, "signature")?,
        }),
        Kind::Withdraw(withdraw) => Ok(RegisterRequest::Withdraw {
            number: check::number(withdraw.number, "number")?,
            device_key: DeviceKey(check::array(&withdraw.device_key, "device_key")?),
            signature: check::signature(&withdraw.signature, "signature")?,
        }),
    }
}

/// Reads the body of the answer to `POST /v1/register`.
///
/// # Errors
/// [`WireError`] names what is wrong.
pub fn decode_register_reply(bytes: &[u8]) -> Result<RegisterReply, WireError> {
    use schema::register_reply::Kind;
    let reply: schema::RegisterReply = parse(bytes, REGISTER_MAX, &[])?;
    match reply.kind.ok_or(WireError::UnknownKind)? {
        Kind::Started(started) => Ok(RegisterReply::Started {
            id: RegistrationId(check::array(&started.id, "id")?),
            expires_at: check::stamp(started.expires_at_ms, "expires_at_ms")?,
            now: check::stamp(started.now_ms, "now_ms")?,
            resend_after_ms: started.resend_after_ms,
            imsi_key: KeyedImsiKey(Secret::new(check::array(&started.imsi_key, "imsi_key")?)),
        }),
        Kind::Confirmed(confirmed) => Ok(RegisterReply::Confirmed {
            epoch: check::epoch(confirmed.epoch, "epoch")?,
            lease_until: check::stamp(confirmed.lease_until_ms, "lease_until_ms")?,
            now: check::stamp(confirmed.now_ms, "now_ms")?,
        }),
        Kind::Withdrawn(schema::RegisterWithdrawn {}) => Ok(RegisterReply::Withdrawn),
        Kind::Refused(refused) => {
            Ok(RegisterReply::Refused { reason: refusal(refused), retry_after_ms: refused.retry_after_ms })
        }
    }
}

fn platform(platform: Option<schema::register_start::Platform>) -> Result<SmsPlatform, WireError> {
    use schema::register_start::Platform;
    match platform {
        Some(Platform::Android(android)) if is_app_hash(&android.app_hash) => {
            Ok(SmsPlatform::Android { app_hash: android.app_hash })
        }
        Some(Platform::Android(_)) => Err(WireError::OutOfRange { field: "app_hash" }),
        Some(Platform::Apple(apple)) if is_host_name(&apple.domain) => Ok(SmsPlatform::Apple { domain: apple.domain }),
        Some(Platform::Apple(_)) => Err(WireError::OutOfRange { field: "domain" }),
        Some(Platform::Dialer(_)) | None => Ok(SmsPlatform::Dialer),
    }
}

fn is_app_hash(text: &str) -> bool {
    text.len() == APP_HASH_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// The server puts the domain into an SMS, so it can only be a host name: lower-case labels joined by dots.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !label.is_empty() && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= DOMAIN_MAX && text.contains('.') && text.split('.').all(is_label)
}

fn proof(proof: schema::register_confirm::Proof) -> Result<ConfirmProof, WireError> {
    use schema::register_confirm::Proof;
    match proof {
        Proof::Token(token) => Ok(ConfirmProof::Token(SmsToken(check::array(&token, "token")?))),
        Proof::Code(code) if code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(ConfirmProof::Code(code))
        }
        Proof::Code(_) => Err(WireError::OutOfRange { field: "code" }),
    }
}

fn imsi_token(bytes: &[u8]) -> Result<Option<ImsiToken>, WireError> {
    if bytes.is_empty() { Ok(None) } else { check::array(bytes, "imsi_token").map(|token| Some(ImsiToken(token))) }
}

fn refusal(refused: schema::RegisterRefused) -> RegisterRefusal {
    use schema::RegisterRefusal as Wire;
    match Wire::try_from(refused.reason) {
        Ok(Wire::NumberBudget) => RegisterRefusal::NumberBudget,
        Ok(Wire::PrefixBudget) => RegisterRefusal::PrefixBudget,
        Ok(Wire::SourceBudget) => RegisterRefusal::SourceBudget,
        Ok(Wire::SmsUnavailable) => RegisterRefusal::SmsUnavailable,
        Ok(Wire::NumberUnreachable) => RegisterRefusal::NumberUnreachable,
        Ok(Wire::NumberNotServed) => RegisterRefusal::NumberNotServed,
        Ok(Wire::WrongProof) => RegisterRefusal::WrongProof { tries_left: refused.tries_left },
        Ok(Wire::TriesUsedUp) => RegisterRefusal::TriesUsedUp,
        Ok(Wire::Expired) => RegisterRefusal::Expired,
        Ok(Wire::BadSignature) => RegisterRefusal::BadSignature,
        Ok(Wire::Storage) => RegisterRefusal::Storage,
        Ok(Wire::Invalid) => RegisterRefusal::Invalid,
        Ok(Wire::Unspecified) | Err(_) if refused.retry_after_ms > 0 => RegisterRefusal::Storage,
        Ok(Wire::Unspecified) | Err(_) => RegisterRefusal::Invalid,
    }
}
