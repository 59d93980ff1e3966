//! Gate, signalling, STUN and TURN.

use tandem_model::{GateVerdict, Secret, Ticket};

use super::check;
use crate::error::WireError;
use crate::frame::{CallBody, CallEnvelope, CallOver, Ice};
use crate::limits::{CANDIDATE_MAX, ICE_CREDENTIAL_MAX, ICE_URL_MAX};
use crate::roap::Roap;
use crate::schema;

pub(super) fn gate_verdict(verdict: i32) -> GateVerdict {
    use schema::GateVerdict as Wire;
    match Wire::try_from(verdict) {
        Ok(Wire::Ok) => GateVerdict::Ok,
        Ok(Wire::OkLowRate) => GateVerdict::OkLowRate,
        Ok(Wire::UseCarrier) => GateVerdict::UseCarrier,
        Ok(Wire::Later) => GateVerdict::Later,
        Ok(Wire::NotAvailable | Wire::Unspecified) | Err(_) => GateVerdict::NotAvailable,
    }
}

pub(super) fn call(call: schema::Call) -> Result<CallEnvelope, WireError> {
    Ok(CallEnvelope {
        call: check::call_id(&call.call)?,
        from: check::number(call.from, "from")?,
        to: check::number(call.to, "to")?,
        ring_until: check::stamp(call.ring_until_ms, "ring_until_ms")?,
        body: body(call.body.ok_or(WireError::UnknownValue { field: "body" })?)?,
    })
}

fn body(body: schema::call::Body) -> Result<CallBody, WireError> {
    use schema::call::Body;
    Ok(match body {
        Body::Roap(body) => roap_body(&body)?,
        Body::Alerting(schema::Alerting {}) => CallBody::Alerting,
        Body::Candidate(line) => CallBody::Candidate(check::line(line, CANDIDATE_MAX, "candidate")?),
        Body::End(end) => CallBody::End(call_over(end.reason)),
        Body::Hold(hold) => CallBody::Hold { on: hold.on },
    })
}

/// An SDP without a signature over its fingerprint could be anybody's, so it goes no further (P14).
fn roap_body(body: &schema::RoapBody) -> Result<CallBody, WireError> {
    const FIELD: &str = "fingerprint_signature";
    let roap = Roap::parse(&body.object).map_err(WireError::Roap)?;
    let fingerprint_signature = match (body.fingerprint_signature.as_slice(), &roap.sdp) {
        ([], Some(_)) => return Err(WireError::Missing { field: FIELD }),
        ([], None) => None,
        (bytes, _) => Some(check::signature(bytes, FIELD)?),
    };
    Ok(CallBody::Roap { roap, fingerprint_signature })
}

fn call_over(reason: i32) -> CallOver {
    use schema::CallOver as Wire;
    match Wire::try_from(reason) {
        Ok(Wire::HungUp) => CallOver::HungUp,
        Ok(Wire::Cancelled) => CallOver::Cancelled,
        Ok(Wire::Refused) => CallOver::Refused,
        Ok(Wire::Busy) => CallOver::Busy,
        Ok(Wire::NoAnswer) => CallOver::NoAnswer,
        Ok(Wire::Superseded) => CallOver::Superseded,
        Ok(Wire::MediaFailed) => CallOver::MediaFailed,
        Ok(Wire::ToCarrier) => CallOver::ToCarrier,
        Ok(Wire::Rejected) => CallOver::Rejected,
        Ok(Wire::PeerLost | Wire::Unspecified) | Err(_) => CallOver::PeerLost,
    }
}

pub(super) fn ice(ice: schema::Ice) -> Result<Ice, WireError> {
    Ok(Ice {
        ticket: Ticket(ice.ticket),
        call: check::call_id(&ice.call)?,
        urls: ice.urls.into_iter().map(ice_url).collect::<Result<_, _>>()?,
        username: check::line(ice.username, ICE_CREDENTIAL_MAX, "username")?,
        password: Secret::new(check::line(ice.password, ICE_CREDENTIAL_MAX, "password")?),
        valid_until: check::stamp(ice.valid_until_ms, "valid_until_ms")?,
    })
}

fn ice_url(url: String) -> Result<String, WireError> {
    const FIELD: &str = "urls";
    let url = check::line(url, ICE_URL_MAX, FIELD)?;
    let known = ["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| url.starts_with(scheme));
    if known && !url.contains(' ') { Ok(url) } else { Err(WireError::OutOfRange { field: FIELD }) }
}
