//! Gate, signalling, STUN and TURN.

use tandem_model::GateVerdict;

use crate::frame::{CallBody, CallEnvelope, CallOver, Ice};
use crate::schema;

pub(super) fn gate_verdict(verdict: GateVerdict) -> i32 {
    use schema::GateVerdict as Wire;
    let wire = match verdict {
        GateVerdict::Ok => Wire::Ok,
        GateVerdict::OkLowRate => Wire::OkLowRate,
        GateVerdict::UseCarrier => Wire::UseCarrier,
        GateVerdict::Later => Wire::Later,
        GateVerdict::NotAvailable => Wire::NotAvailable,
    };
    wire.into()
}

pub(super) fn call(envelope: &CallEnvelope) -> schema::Call {
    use schema::call::Body;
    let body = match &envelope.body {
        CallBody::Roap { roap, fingerprint_signature } => Body::Roap(schema::RoapBody {
            object: roap.to_json(),
            fingerprint_signature: fingerprint_signature.map(|signature| signature.0.to_vec()).unwrap_or_default(),
        }),
        CallBody::Alerting => Body::Alerting(schema::Alerting {}),
        CallBody::Candidate(line) => Body::Candidate(line.clone()),
        CallBody::End(reason) => Body::End(schema::End { reason: call_over(*reason) }),
        CallBody::Hold { on } => Body::Hold(schema::Hold { on: *on }),
    };
    schema::Call {
        call: envelope.call.0.to_vec(),
        from: envelope.from.as_u64(),
        to: envelope.to.as_u64(),
        ring_until_ms: envelope.ring_until.0,
        body: Some(body),
    }
}

fn call_over(reason: CallOver) -> i32 {
    use schema::CallOver as Wire;
    let wire = match reason {
        CallOver::HungUp => Wire::HungUp,
        CallOver::Cancelled => Wire::Cancelled,
        CallOver::Refused => Wire::Refused,
        CallOver::Busy => Wire::Busy,
        CallOver::NoAnswer => Wire::NoAnswer,
        CallOver::Superseded => Wire::Superseded,
        CallOver::MediaFailed => Wire::MediaFailed,
        CallOver::PeerLost => Wire::PeerLost,
        CallOver::ToCarrier => Wire::ToCarrier,
        CallOver::Rejected => Wire::Rejected,
    };
    wire.into()
}

pub(super) fn ice(ice: &Ice) -> schema::Ice {
    schema::Ice {
        ticket: ice.ticket.0,
        call: ice.call.0.to_vec(),
        urls: ice.urls.clone(),
        username: ice.username.clone(),
        password: ice.password.expose().clone(),
        valid_until_ms: ice.valid_until.0,
    }
}
