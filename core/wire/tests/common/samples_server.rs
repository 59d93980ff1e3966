//! Samples of what the server sends; see [`super::samples`] for how to read them.

use serde_json::{Value, json};
use tandem_model::{
    DeviceKey, GateVerdict, KeyedImsiKey, Mark, MarkGeneration, MarkState, Nonce, NumberEpoch, RegistrationId,
    SealedBody, Secret, SenderSeq, ServerMillis, TerminalState, Ticket,
};
use tandem_wire::frame::{
    AddressKind, CallBody, Capability, DeliverText, DirectAddress, Goodbye, GoodbyeReason, Granted, Ice, Marks,
    RefuseReason, RegisterRefusal, RegisterReply, Resolved, ServerFrame, Train, TrainReport, Welcome,
};
use tandem_wire::roap::{Roap, RoapError, RoapType};

use super::samples::{
    ALICE, BOB, CALL, NOW, SIGNATURE, Sample, envelope, envelope_json, number, offer, sealing_key, sealing_key_json,
    text_id, text_id_json,
};
use super::{Message, hex};

fn server(name: &'static str, frame: ServerFrame, says: Value) -> Sample {
    (name, Message::Server(frame), says)
}

/// Every kind of frame the server sends.
pub fn server_samples() -> Vec<Sample> {
    [session(), marks_and_probe(), calls(), texts(), lookups()].concat()
}

fn session() -> Vec<Sample> {
    let welcome = Welcome {
        now: ServerMillis(NOW),
        lease_until: ServerMillis(NOW + 86_400_000),
        marks_interval_ms: 900_000,
        keepalive_ms: 45_000,
        ring_ms: 45_000,
    };
    vec![
        server(
            "server_challenge",
            ServerFrame::Challenge { nonce: Nonce([0xC4; 32]), version_min: 1, version_max: 1 },
            json!({ "challenge": { "nonce": hex(&[0xC4; 32]), "version_min": 1, "version_max": 1 } }),
        ),
        server(
            "server_welcome",
            ServerFrame::Welcome(welcome),
            json!({ "welcome": {
                "now_ms": NOW, "lease_until_ms": NOW + 86_400_000, "marks_interval_ms": 900_000, "keepalive_ms": 45_000,
                "ring_ms": 45_000,
            } }),
        ),
        server(
            "server_goodbye",
            ServerFrame::Goodbye(Goodbye { reason: GoodbyeReason::RegisteredElsewhere, retry_after_ms: 0 }),
            json!({ "goodbye": { "reason": "GOODBYE_REASON_REGISTERED_ELSEWHERE" } }),
        ),
        server(
            "server_time",
            ServerFrame::Time { ticket: Ticket(1), now: ServerMillis(NOW) },
            json!({ "time": { "ticket": 1, "now_ms": NOW } }),
        ),
        server("server_done", ServerFrame::Done { ticket: Ticket(2) }, json!({ "done": { "ticket": 2 } })),
        server(
            "server_refused",
            ServerFrame::Refused { ticket: Ticket(3), reason: RefuseReason::MailboxFull, retry_after_ms: 60_000 },
            json!({ "refused": { "ticket": 3, "reason": "REFUSE_REASON_MAILBOX_FULL", "retry_after_ms": 60_000 } }),
        ),
    ]
}

fn marks_and_probe() -> Vec<Sample> {
    let marked = MarkState::Marked {
        epoch: NumberEpoch(1),
        device_key: DeviceKey([0xDE; 32]),
        sealing_key: sealing_key(),
        lease_until: ServerMillis(NOW + 1),
    };
    let page = Marks {
        ticket: Ticket(0),
        generation: MarkGeneration(19),
        marks: vec![
            Mark { number: number(BOB), generation: MarkGeneration(18), state: marked },
            Mark { number: number(ALICE), generation: MarkGeneration(19), state: MarkState::Unmarked },
        ],
        more: true,
        lease_until: ServerMillis(NOW + 2),
    };
    let train = Train { probe: Ticket(1 << 63), round: 0, index: 0, count: 3, fill: 4 };
    let report = TrainReport { probe: Ticket(8), round: 1, frames: 2, bytes_after_first: 920, spread_us: 90_000 };
    vec![
        server(
            "server_marks",
            ServerFrame::Marks(page),
            json!({ "marks": {
                "generation": 19, "more": true, "lease_until_ms": NOW + 2,
                "marks": [
                    { "number": BOB, "generation": 18, "marked": {
                        "epoch": 1, "device_key": hex(&[0xDE; 32]), "sealing_key": sealing_key_json(),
                        "lease_until_ms": NOW + 1,
                    } },
                    { "number": ALICE, "generation": 19, "unmarked": {} },
                ],
            } }),
        ),
        server(
            "server_train",
            ServerFrame::Train(train),
            json!({ "train": { "probe": 1_u64 << 63, "count": 3, "filling": hex(&[0; 4]) } }),
        ),
        server(
            "server_train_report",
            ServerFrame::TrainReport(report),
            json!({ "train_report": {
                "probe": 8, "round": 1, "frames": 2, "bytes_after_first": 920, "spread_us": 90_000,
            } }),
        ),
    ]
}

fn calls() -> Vec<Sample> {
    let answer = Roap {
        message_type: RoapType::Answer,
        answerer_session_id: Some("b1".to_owned()),
        tie_breaker: None,
        more_coming: true,
        ..offer()
    };
    let error = Roap {
        message_type: RoapType::Error,
        sdp: None,
        tie_breaker: None,
        error_type: Some(RoapError::DoubleConflict),
        ..offer()
    };
    let ice = Ice {
        ticket: Ticket(10),
        call: CALL,
        urls: vec!["stun:127.0.0.1:3478".to_owned(), "turn:127.0.0.1:3478?transport=tcp".to_owned()],
        username: "1794000000:c1".to_owned(),
        password: Secret::new("not a password".to_owned()),
        valid_until: ServerMillis(NOW + 3),
    };
    vec![
        server(
            "server_gate_answer",
            ServerFrame::GateAnswer { ticket: Ticket(9), call: CALL, verdict: GateVerdict::OkLowRate },
            json!({ "gate_answer": { "ticket": 9, "call": hex(&CALL.0), "verdict": "GATE_VERDICT_OK_LOW_RATE" } }),
        ),
        server(
            "server_call_provisional_answer",
            ServerFrame::Call(envelope(CallBody::Roap { roap: answer, fingerprint_signature: Some(SIGNATURE) })),
            envelope_json(
                "roap",
                json!({
                    "object": concat!(
                        r#"{"messageType":"ANSWER","offererSessionId":"a1","answererSessionId":"b1","seq":1,"#,
                        r#""sdp":"v=0\r\n","moreComing":true}"#
                    ),
                    "fingerprint_signature": hex(&SIGNATURE.0),
                }),
            ),
        ),
        server(
            "server_call_roap_error",
            ServerFrame::Call(envelope(CallBody::Roap { roap: error, fingerprint_signature: None })),
            envelope_json(
                "roap",
                json!({ "object":
                    r#"{"messageType":"ERROR","offererSessionId":"a1","seq":1,"errorType":"DOUBLECONFLICT"}"# }),
            ),
        ),
        server(
            "server_ice",
            ServerFrame::Ice(ice),
            json!({ "ice": {
                "ticket": 10, "call": hex(&CALL.0),
                "urls": ["stun:127.0.0.1:3478", "turn:127.0.0.1:3478?transport=tcp"],
                "username": "1794000000:c1", "password": "not a password", "valid_until_ms": NOW + 3,
            } }),
        ),
    ]
}

fn texts() -> Vec<Sample> {
    let deliver = DeliverText {
        from: number(ALICE),
        from_epoch: NumberEpoch(2),
        id: text_id(1),
        seq: SenderSeq(1),
        sealed: SealedBody(vec![0x5A; 20]),
        stored_at: ServerMillis(NOW),
    };
    vec![
        server(
            "server_text_stored",
            ServerFrame::TextStored { ticket: Ticket(11), id: text_id(1), stored_at: ServerMillis(NOW) },
            json!({ "text_stored": { "ticket": 11, "id": text_id_json(1), "stored_at_ms": NOW } }),
        ),
        server(
            "server_deliver_text",
            ServerFrame::DeliverText(deliver),
            json!({ "deliver_text": {
                "from": ALICE, "from_epoch": 2, "id": text_id_json(1), "seq": 1, "sealed": hex(&[0x5A; 20]),
                "stored_at_ms": NOW,
            } }),
        ),
        server(
            "server_text_state",
            ServerFrame::TextState {
                id: text_id(1),
                to: number(BOB),
                state: TerminalState::Delivered,
                at: ServerMillis(NOW),
            },
            json!({ "text_state": {
                "id": text_id_json(1), "to": BOB, "state": "TERMINAL_STATE_DELIVERED", "at_ms": NOW,
            } }),
        ),
        server(
            "server_text_swap_answer",
            ServerFrame::TextSwapAnswer { ticket: Ticket(12), id: text_id(1), end: TerminalState::RecipientChanged },
            json!({ "text_swap_answer": {
                "ticket": 12, "id": text_id_json(1), "end": "TERMINAL_STATE_RECIPIENT_CHANGED",
            } }),
        ),
        server(
            "server_read_notice",
            ServerFrame::ReadReceipt { by: number(BOB), ids: vec![text_id(1)] },
            json!({ "read_notice": { "by": BOB, "ids": [text_id_json(1)] } }),
        ),
    ]
}

/// Every reply to a registration.
pub fn reply_samples() -> Vec<Sample> {
    let started = RegisterReply::Started {
        id: RegistrationId([0x1D; 16]),
        expires_at: ServerMillis(NOW + 600_000),
        now: ServerMillis(NOW),
        resend_after_ms: 30_000,
        imsi_key: KeyedImsiKey(Secret::new([0x1A; 32])),
    };
    let confirmed = RegisterReply::Confirmed {
        epoch: NumberEpoch(2),
        lease_until: ServerMillis(NOW + 86_400_000),
        now: ServerMillis(NOW),
    };
    let refused = RegisterReply::Refused { reason: RegisterRefusal::WrongProof { tries_left: 4 }, retry_after_ms: 0 };
    vec![
        (
            "reply_started",
            Message::Reply(started),
            json!({ "started": {
                "id": hex(&[0x1D; 16]), "expires_at_ms": NOW + 600_000, "now_ms": NOW, "resend_after_ms": 30_000,
                "imsi_key": hex(&[0x1A; 32]),
            } }),
        ),
        (
            "reply_confirmed",
            Message::Reply(confirmed),
            json!({ "confirmed": { "epoch": 2, "lease_until_ms": NOW + 86_400_000, "now_ms": NOW } }),
        ),
        (
            "reply_refused",
            Message::Reply(refused),
            json!({ "refused": { "reason": "REGISTER_REFUSAL_WRONG_PROOF", "tries_left": 4 } }),
        ),
        ("reply_withdrawn", Message::Reply(RegisterReply::Withdrawn), json!({ "withdrawn": {} })),
    ]
}

/// All samples of all roots.
pub fn all() -> Vec<Sample> {
    [super::samples::client_samples(), server_samples(), super::samples::request_samples(), reply_samples()].concat()
}

fn lookups() -> Vec<Sample> {
    let granted =
        Granted { ticket: Ticket(61), capability: Capability([0xCA; 16]), expires_at: ServerMillis(NOW + 30_000) };
    let resolved = Resolved {
        ticket: Ticket(62),
        generation: 7,
        age_ms: 60_000,
        addresses: vec![
            DirectAddress { address: "203.0.113.7".parse().unwrap(), kind: AddressKind::BehindNat },
            DirectAddress { address: "2001:db8::7".parse().unwrap(), kind: AddressKind::Public },
        ],
        port: 4_433,
    };
    vec![
        server(
            "server_capability",
            ServerFrame::Capability(granted),
            json!({ "capability": { "ticket": 61, "capability": hex(&[0xCA; 16]), "expires_at_ms": NOW + 30_000 } }),
        ),
        server(
            "server_resolved",
            ServerFrame::Resolved(resolved),
            json!({ "resolved": {
                "ticket": 62, "generation": 7, "age_ms": 60_000, "port": 4_433,
                "addresses": [
                    { "address": "cb007107", "kind": "ADDRESS_KIND_BEHIND_NAT" },
                    { "address": "20010db8000000000000000000000007", "kind": "ADDRESS_KIND_PUBLIC" },
                ],
            } }),
        ),
    ]
}
