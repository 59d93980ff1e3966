//! Samples of what phones send. Beside each stands what a reader of the schema should find in its bytes: field names of the
//! schema, bytes in hex, enums by name, nothing where a field is empty or zero.

use serde_json::{Value, json};
use tandem_model::{
    CallId, DeviceEpoch, DeviceKey, ImsiToken, MarkGeneration, Msisdn, NumberEpoch, RegistrationId, SealedBody,
    SealingKey, SealingKeyId, SenderSeq, ServerMillis, Signature, SmsToken, TerminalState, TextId, Ticket,
};
use tandem_wire::frame::{
    CallBody, CallEnvelope, CallOver, Capability, ClientFrame, ConfirmProof, ContactsSync, Hello, RegisterRequest,
    SendText, SmsPlatform, Train, TrainReport,
};
use tandem_wire::roap::{Roap, RoapType};

use super::{Message, hex};

/// Name, message, and what its bytes say.
pub type Sample = (&'static str, Message, Value);

pub const ALICE: u64 = 4_915_123_456_789;
pub const BOB: u64 = 15_551_230_001;
pub const CALL: CallId = CallId([0xC1; 16]);
pub const SIGNATURE: Signature = Signature([0x51; 64]);
pub const NOW: i64 = 1_794_000_000_000;

pub fn number(digits: u64) -> Msisdn {
    Msisdn::try_from(digits).unwrap()
}

pub fn text_id(counter: u64) -> TextId {
    TextId { device_epoch: DeviceEpoch(0xDE11_CE00_0000_0001), counter }
}

pub fn text_id_json(counter: u64) -> Value {
    json!({ "device_epoch": 0xDE11_CE00_0000_0001_u64, "counter": counter })
}

pub fn sealing_key() -> SealingKey {
    SealingKey { id: SealingKeyId(3), public: [0x5E; 32], signature: SIGNATURE }
}

pub fn sealing_key_json() -> Value {
    json!({ "id": 3, "public": hex(&[0x5E; 32]), "signature": hex(&SIGNATURE.0) })
}

pub fn envelope(body: CallBody) -> CallEnvelope {
    CallEnvelope { call: CALL, from: number(ALICE), to: number(BOB), ring_until: ServerMillis(NOW + 45_000), body }
}

pub fn envelope_json(field: &str, body: Value) -> Value {
    let mut call = json!({ "call": hex(&CALL.0), "from": ALICE, "to": BOB, "ring_until_ms": NOW + 45_000 });
    call[field] = body;
    json!({ "call": call })
}

pub fn offer() -> Roap {
    Roap {
        message_type: RoapType::Offer,
        offerer_session_id: "a1".to_owned(),
        answerer_session_id: None,
        seq: 1,
        sdp: Some("v=0\r\n".to_owned()),
        tie_breaker: Some(7),
        more_coming: false,
        error_type: None,
    }
}

pub const OFFER_JSON: &str =
    r#"{"messageType":"OFFER","offererSessionId":"a1","seq":1,"sdp":"v=0\r\n","tieBreaker":7}"#;

fn client(name: &'static str, frame: ClientFrame, says: Value) -> Sample {
    (name, Message::Client(frame), says)
}

/// Every kind of frame a phone sends, and every body of a call.
pub fn client_samples() -> Vec<Sample> {
    [session_and_marks(), probe_and_call(), texts(), lookups()].concat()
}

fn session_and_marks() -> Vec<Sample> {
    let hello = Hello {
        version: 1,
        number: number(ALICE),
        epoch: NumberEpoch(2),
        signature: SIGNATURE,
        marks_since: MarkGeneration(17),
        fresh: true,
    };
    let sync =
        ContactsSync { ticket: Ticket(5), replace: true, added: vec![number(BOB)], removed: vec![number(ALICE)] };
    vec![
        client(
            "client_hello",
            ClientFrame::Hello(hello),
            json!({ "hello": {
                "version": 1, "number": ALICE, "epoch": 2, "signature": hex(&SIGNATURE.0), "marks_since": 17, "fresh": true,
            } }),
        ),
        client("client_time_ask", ClientFrame::TimeAsk { ticket: Ticket(1) }, json!({ "time_ask": { "ticket": 1 } })),
        client(
            "client_publish_sealing_key",
            ClientFrame::PublishSealingKey { ticket: Ticket(2), key: sealing_key() },
            json!({ "publish_sealing_key": { "ticket": 2, "key": sealing_key_json() } }),
        ),
        client(
            "client_unregister",
            ClientFrame::Unregister { ticket: Ticket(3), signature: SIGNATURE },
            json!({ "unregister": { "ticket": 3, "signature": hex(&SIGNATURE.0) } }),
        ),
        client(
            "client_contacts_sync",
            ClientFrame::ContactsSync(sync),
            json!({ "contacts_sync": { "ticket": 5, "replace": true, "added": [BOB], "removed": [ALICE] } }),
        ),
        client(
            "client_marks_ask",
            ClientFrame::MarksAsk { ticket: Ticket(300), since: MarkGeneration(0) },
            json!({ "marks_ask": { "ticket": 300 } }),
        ),
    ]
}

fn probe_and_call() -> Vec<Sample> {
    let train = Train { probe: Ticket(8), round: 1, index: 2, count: 3, fill: 16 };
    let report =
        TrainReport { probe: Ticket(1 << 63), round: 0, frames: 3, bytes_after_first: 1_830, spread_us: 250_000 };
    let roap = CallBody::Roap { roap: offer(), fingerprint_signature: Some(SIGNATURE) };
    vec![
        client(
            "client_probe_ask",
            ClientFrame::ProbeAsk { ticket: Ticket(8) },
            json!({ "probe_ask": { "ticket": 8 } }),
        ),
        client(
            "client_train",
            ClientFrame::Train(train),
            json!({ "train": { "probe": 8, "round": 1, "index": 2, "count": 3, "filling": hex(&[0; 16]) } }),
        ),
        client(
            "client_train_report",
            ClientFrame::TrainReport(report),
            json!({ "train_report": {
                "probe": 1_u64 << 63, "frames": 3, "bytes_after_first": 1_830, "spread_us": 250_000,
            } }),
        ),
        client(
            "client_gate_ask",
            ClientFrame::GateAsk { ticket: Ticket(9), call: CALL, to: number(BOB) },
            json!({ "gate_ask": { "ticket": 9, "call": hex(&CALL.0), "to": BOB } }),
        ),
        client(
            "client_call_offer",
            ClientFrame::Call(envelope(roap)),
            envelope_json("roap", json!({ "object": OFFER_JSON, "fingerprint_signature": hex(&SIGNATURE.0) })),
        ),
        client(
            "client_call_alerting",
            ClientFrame::Call(envelope(CallBody::Alerting)),
            envelope_json("alerting", json!({})),
        ),
        client(
            "client_call_candidate",
            ClientFrame::Call(envelope(CallBody::Candidate(
                "candidate:1 1 udp 2130706431 127.0.0.1 9 typ host".to_owned(),
            ))),
            envelope_json("candidate", json!("candidate:1 1 udp 2130706431 127.0.0.1 9 typ host")),
        ),
        client(
            "client_call_no_more_candidates",
            ClientFrame::Call(envelope(CallBody::Candidate(String::new()))),
            envelope_json("candidate", json!("")),
        ),
        client(
            "client_call_end",
            ClientFrame::Call(envelope(CallBody::End(CallOver::Cancelled))),
            envelope_json("end", json!({ "reason": "CALL_OVER_CANCELLED" })),
        ),
        client(
            "client_call_hold",
            ClientFrame::Call(envelope(CallBody::Hold { on: true })),
            envelope_json("hold", json!({ "on": true })),
        ),
        client(
            "client_ice_ask",
            ClientFrame::IceAsk { ticket: Ticket(10), call: CALL },
            json!({ "ice_ask": { "ticket": 10, "call": hex(&CALL.0) } }),
        ),
    ]
}

fn texts() -> Vec<Sample> {
    let send = SendText {
        ticket: Ticket(11),
        id: text_id(1),
        to: number(BOB),
        to_epoch: NumberEpoch(1),
        seq: SenderSeq(1),
        sealed: SealedBody(vec![0x5A; 20]),
    };
    vec![
        client(
            "client_send_text",
            ClientFrame::SendText(send),
            json!({ "send_text": {
                "ticket": 11, "id": text_id_json(1), "to": BOB, "to_epoch": 1, "seq": 1, "sealed": hex(&[0x5A; 20]),
            } }),
        ),
        client(
            "client_text_taken",
            ClientFrame::TextTaken { texts: vec![(number(ALICE), text_id(1)), (number(BOB), text_id(2))] },
            json!({ "text_taken": { "texts": [
                { "from": ALICE, "id": text_id_json(1) }, { "from": BOB, "id": text_id_json(2) },
            ] } }),
        ),
        client(
            "client_text_state_taken",
            ClientFrame::TextStateTaken { ids: vec![text_id(1)] },
            json!({ "text_state_taken": { "ids": [text_id_json(1)] } }),
        ),
        client(
            "client_text_swap",
            ClientFrame::TextSwap {
                ticket: Ticket(12),
                id: text_id(1),
                to: number(BOB),
                end: TerminalState::HandedToSms,
            },
            json!({ "text_swap": {
                "ticket": 12, "id": text_id_json(1), "to": BOB, "end": "TERMINAL_STATE_HANDED_TO_SMS",
            } }),
        ),
        client(
            "client_read_receipt",
            ClientFrame::ReadReceipt { ticket: Ticket(13), from: number(BOB), ids: vec![text_id(4), text_id(5)] },
            json!({ "read_receipt": { "ticket": 13, "from": BOB, "ids": [text_id_json(4), text_id_json(5)] } }),
        ),
        client(
            "client_read_taken",
            ClientFrame::ReadTaken { by: number(BOB), ids: vec![text_id(6)] },
            json!({ "read_taken": { "by": BOB, "ids": [text_id_json(6)] } }),
        ),
    ]
}

/// Every platform and every proof.
pub fn request_samples() -> Vec<Sample> {
    let start = |platform| {
        Message::Request(RegisterRequest::Start {
            number: number(ALICE),
            device_key: DeviceKey([0xDE; 32]),
            signature: SIGNATURE,
            platform,
        })
    };
    let start_json = |field: &str, platform: Value| {
        let mut start = json!({ "number": ALICE, "device_key": hex(&[0xDE; 32]), "signature": hex(&SIGNATURE.0) });
        start[field] = platform;
        json!({ "start": start })
    };
    let confirm = |proof, imsi| {
        Message::Request(RegisterRequest::Confirm {
            id: RegistrationId([0x1D; 16]),
            proof,
            imsi,
            sealing_key: sealing_key(),
            signature: SIGNATURE,
        })
    };
    vec![
        ("request_start_dialer", start(SmsPlatform::Dialer), start_json("dialer", json!({}))),
        (
            "request_start_android",
            start(SmsPlatform::Android { app_hash: "FA+9qCX9VSu".to_owned() }),
            start_json("android", json!({ "app_hash": "FA+9qCX9VSu" })),
        ),
        (
            "request_start_apple",
            start(SmsPlatform::Apple { domain: "tandem.example.com".to_owned() }),
            start_json("apple", json!({ "domain": "tandem.example.com" })),
        ),
        (
            "request_confirm_token",
            confirm(ConfirmProof::Token(SmsToken([0x70; 16])), Some(ImsiToken([0x13; 32]))),
            json!({ "confirm": {
                "id": hex(&[0x1D; 16]), "token": hex(&[0x70; 16]), "imsi_token": hex(&[0x13; 32]),
                "sealing_key": sealing_key_json(), "signature": hex(&SIGNATURE.0),
            } }),
        ),
        (
            "request_confirm_code",
            confirm(ConfirmProof::Code("00345678".to_owned()), None),
            json!({ "confirm": {
                "id": hex(&[0x1D; 16]), "code": "00345678",
                "sealing_key": sealing_key_json(), "signature": hex(&SIGNATURE.0),
            } }),
        ),
        (
            "request_withdraw",
            Message::Request(RegisterRequest::Withdraw {
                number: number(ALICE),
                device_key: DeviceKey([0xDE; 32]),
                signature: SIGNATURE,
            }),
            json!({ "withdraw": {
                "number": ALICE, "device_key": hex(&[0xDE; 32]), "signature": hex(&SIGNATURE.0),
            } }),
        ),
    ]
}

fn lookups() -> Vec<Sample> {
    vec![
        (
            "client_consent_put",
            Message::Client(ClientFrame::ConsentPut { ticket: Ticket(60), number: number(BOB), allow: true }),
            json!({ "consent_put": { "ticket": 60, "number": BOB, "allow": true } }),
        ),
        (
            "client_resolve_ask",
            Message::Client(ClientFrame::ResolveAsk { ticket: Ticket(61), to: number(BOB) }),
            json!({ "resolve_ask": { "ticket": 61, "to": BOB } }),
        ),
        (
            "client_resolve",
            Message::Client(ClientFrame::Resolve { ticket: Ticket(62), capability: Capability([0xCA; 16]) }),
            json!({ "resolve": { "ticket": 62, "capability": hex(&[0xCA; 16]) } }),
        ),
        (
            "client_direct_port",
            Message::Client(ClientFrame::DirectPort { ticket: Ticket(63), port: Some(4_433) }),
            json!({ "direct_port": { "ticket": 63, "port": 4_433 } }),
        ),
        (
            "client_direct_port_none",
            Message::Client(ClientFrame::DirectPort { ticket: Ticket(64), port: None }),
            json!({ "direct_port": { "ticket": 64 } }),
        ),
    ]
}
