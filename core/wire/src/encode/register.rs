//! Registration.

use prost::Message as _;

use crate::frame::{ConfirmProof, RegisterRefusal, RegisterReply, RegisterRequest, SmsPlatform};
use crate::schema;

/// The body of `POST /v1/register`.
#[must_use]
pub fn encode_register_request(request: &RegisterRequest) -> Vec<u8> {
    use schema::register_request::Kind;
    let kind = match request {
        RegisterRequest::Start { number, device_key, signature, platform } => Kind::Start(schema::RegisterStart {
            number: number.as_u64(),
            device_key: device_key.0.to_vec(),
            signature: signature.0.to_vec(),
            platform: Some(platform_of(platform)),
        }),
        RegisterRequest::Confirm { id, proof, imsi, sealing_key, signature } => {
            Kind::Confirm(schema::RegisterConfirm {
                id: id.0.to_vec(),
                proof: Some(proof_of(proof)),
                imsi_token: imsi.map(|token| token.0.to_vec()).unwrap_or_default(),
                sealing_key: Some(super::sealing_key(sealing_key)),
                signature: signature.0.to_vec(),
            })
        }
        RegisterRequest::Withdraw { number, device_key, signature } => Kind::Withdraw(schema::RegisterWithdraw {
            number: number.as_u64(),
            device_key: device_key.0.to_vec(),
            signature: signature.0.to_vec(),
        }),
    };
    schema::RegisterRequest { kind: Some(kind) }.encode_to_vec()
}

/// The body of the answer to `POST /v1/register`.
#[must_use]
pub fn encode_register_reply(reply: &RegisterReply) -> Vec<u8> {
    use schema::register_reply::Kind;
    let kind = match reply {
        RegisterReply::Started { id, expires_at, now, resend_after_ms, imsi_key } => {
            Kind::Started(schema::RegisterStarted {
                id: id.0.to_vec(),
                expires_at_ms: expires_at.0,
                now_ms: now.0,
                resend_after_ms: *resend_after_ms,
                imsi_key: imsi_key.0.expose().to_vec(),
            })
        }
        RegisterReply::Confirmed { epoch, lease_until, now } => {
            Kind::Confirmed(schema::RegisterConfirmed { epoch: epoch.0, lease_until_ms: lease_until.0, now_ms: now.0 })
        }
        RegisterReply::Withdrawn => Kind::Withdrawn(schema::RegisterWithdrawn {}),
        RegisterReply::Refused { reason, retry_after_ms } => {
            let (reason, tries_left) = refusal(*reason);
            Kind::Refused(schema::RegisterRefused {
                reason: reason.into(),
                retry_after_ms: *retry_after_ms,
                tries_left,
            })
        }
    };
    schema::RegisterReply { kind: Some(kind) }.encode_to_vec()
}

fn platform_of(platform: &SmsPlatform) -> schema::register_start::Platform {
    use schema::register_start::Platform;
    match platform {
        SmsPlatform::Dialer => Platform::Dialer(schema::PlatformDialer {}),
        SmsPlatform::Android { app_hash } => Platform::Android(schema::PlatformAndroid { app_hash: app_hash.clone() }),
        SmsPlatform::Apple { domain } => Platform::Apple(schema::PlatformApple { domain: domain.clone() }),
    }
}

fn proof_of(proof: &ConfirmProof) -> schema::register_confirm::Proof {
    use schema::register_confirm::Proof;
    match proof {
        ConfirmProof::Token(token) => Proof::Token(token.0.to_vec()),
        ConfirmProof::Code(code) => Proof::Code(code.clone()),
    }
}

const fn refusal(reason: RegisterRefusal) -> (schema::RegisterRefusal, u32) {
    use schema::RegisterRefusal as Wire;
    match reason {
        RegisterRefusal::NumberBudget => (Wire::NumberBudget, 0),
        RegisterRefusal::PrefixBudget => (Wire::PrefixBudget, 0),
        RegisterRefusal::SourceBudget => (Wire::SourceBudget, 0),
        RegisterRefusal::SmsUnavailable => (Wire::SmsUnavailable, 0),
        RegisterRefusal::NumberUnreachable => (Wire::NumberUnreachable, 0),
        RegisterRefusal::NumberNotServed => (Wire::NumberNotServed, 0),
        RegisterRefusal::WrongProof { tries_left } => (Wire::WrongProof, tries_left),
        RegisterRefusal::TriesUsedUp => (Wire::TriesUsedUp, 0),
        RegisterRefusal::Expired => (Wire::Expired, 0),
        RegisterRefusal::BadSignature => (Wire::BadSignature, 0),
        RegisterRefusal::Storage => (Wire::Storage, 0),
        RegisterRefusal::Invalid => (Wire::Invalid, 0),
    }
}
