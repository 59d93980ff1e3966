//! Each field at, before and after its limit, and what a later version may send.

use prost::Message as _;
use tandem_model::keys::SEALED_BODY_MAX;
use tandem_model::{GateVerdict, MarkState};
use tandem_wire::frame::{
    CallBody, CallOver, GoodbyeReason, RefuseReason, RegisterRefusal, RegisterReply, SmsPlatform,
};
use tandem_wire::limits::*;
use tandem_wire::schema::{self, client_frame::Kind as Client, server_frame::Kind as Server};
use tandem_wire::{ClientFrame, RegisterRequest, ServerFrame, WireError};

const ALICE: u64 = 4_915_123_456_789;

fn client(kind: Client) -> Result<ClientFrame, WireError> {
    tandem_wire::decode_client(&schema::ClientFrame { kind: Some(kind) }.encode_to_vec())
}

fn server(kind: Server) -> Result<ServerFrame, WireError> {
    tandem_wire::decode_server(&schema::ServerFrame { kind: Some(kind) }.encode_to_vec())
}

fn hello() -> schema::Hello {
    schema::Hello { version: 1, number: ALICE, epoch: 1, signature: vec![1; 64], marks_since: 0, fresh: false }
}

fn call(body: schema::call::Body) -> schema::Call {
    schema::Call { call: vec![1; 16], from: ALICE, to: ALICE, ring_until_ms: 0, body: Some(body) }
}

fn text_id() -> Option<schema::TextId> {
    Some(schema::TextId { device_epoch: 0, counter: 1 })
}

fn send_text() -> schema::SendText {
    schema::SendText { ticket: 1, id: text_id(), to: ALICE, to_epoch: 1, seq: 1, sealed: vec![1] }
}

fn missing<T>(field: &'static str) -> Result<T, WireError> {
    Err(WireError::Missing { field })
}

fn out_of_range<T>(field: &'static str) -> Result<T, WireError> {
    Err(WireError::OutOfRange { field })
}

#[test]
fn every_required_field_of_hello_is_asked_for_by_name() {
    assert!(client(Client::Hello(hello())).is_ok());
    assert_eq!(client(Client::Hello(schema::Hello { version: 0, ..hello() })), missing("version"));
    assert_eq!(client(Client::Hello(schema::Hello { number: 0, ..hello() })), missing("number"));
    assert_eq!(client(Client::Hello(schema::Hello { epoch: 0, ..hello() })), missing("epoch"));
    assert_eq!(client(Client::Hello(schema::Hello { signature: vec![], ..hello() })), missing("signature"));
}

#[test]
fn a_number_has_five_to_fifteen_digits() {
    let with = |number| client(Client::Hello(schema::Hello { number, ..hello() }));
    assert!(with(10_000).is_ok() && with(999_999_999_999_999).is_ok());
    for number in [1, 9_999, 1_000_000_000_000_000, u64::MAX] {
        assert_eq!(with(number), out_of_range("number"));
    }
}

#[test]
fn a_phones_ticket_is_from_one_and_below_the_servers_half_in_every_request() {
    type Asks = fn(u64) -> Client;
    let asks: [Asks; 13] = [
        |ticket| Client::TimeAsk(schema::TimeAsk { ticket }),
        |ticket| Client::ProbeAsk(schema::ProbeAsk { ticket }),
        |ticket| Client::MarksAsk(schema::MarksAsk { ticket, since: 0 }),
        |ticket| Client::TokensSync(schema::TokensSync { ticket, key: 1, ..Default::default() }),
        |ticket| Client::Evaluate(schema::Evaluate { ticket, key: 1, blinded: vec![1; 32] }),
        |ticket| Client::OpenMark(schema::OpenMark { ticket, open: false }),
        |ticket| Client::GateAsk(schema::GateAsk { ticket, call: vec![1; 16], to: ALICE }),
        |ticket| Client::IceAsk(schema::IceAsk { ticket, call: vec![1; 16] }),
        |ticket| Client::SendText(schema::SendText { ticket, ..send_text() }),
        |ticket| Client::TextSwap(schema::TextSwap { ticket, id: text_id(), to: ALICE, end: 3 }),
        |ticket| Client::ReadReceipt(schema::ReadReceipt { ticket, from: ALICE, ids: vec![] }),
        |ticket| Client::Unregister(schema::Unregister { ticket, signature: vec![1; 64] }),
        |ticket| {
            let key = Some(schema::SealingKey { id: 1, public: vec![1; 32], signature: vec![1; 64] });
            Client::PublishSealingKey(schema::PublishSealingKey { ticket, key })
        },
    ];
    for ask in asks {
        assert_eq!(client(ask(0)), missing("ticket"));
        assert!(client(ask(1)).is_ok() && client(ask(PHONE_TICKET_MAX)).is_ok());
        assert_eq!(client(ask(PHONE_TICKET_MAX + 1)), out_of_range("ticket"));
    }
}

#[test]
fn bytes_of_a_fixed_length_have_that_length() {
    for length in [1, 63, 65] {
        let hello = schema::Hello { signature: vec![1; length], ..hello() };
        assert_eq!(client(Client::Hello(hello)), out_of_range("signature"));
    }
    for length in [1, 15, 17] {
        let ask = schema::IceAsk { ticket: 1, call: vec![1; length] };
        assert_eq!(client(Client::IceAsk(ask)), out_of_range("call"));
    }
}

#[test]
fn a_stamp_before_1970_is_out_of_range() {
    assert!(server(Server::Time(schema::Time { ticket: 1, now_ms: 0 })).is_ok());
    assert_eq!(server(Server::Time(schema::Time { ticket: 1, now_ms: -1 })), out_of_range("now_ms"));
}

#[test]
fn versions_are_a_range() {
    let with = |version_min, version_max| {
        server(Server::Challenge(schema::Challenge { nonce: vec![1; 32], version_min, version_max }))
    };
    assert!(with(1, 1).is_ok() && with(1, 9).is_ok());
    assert_eq!(with(2, 1), out_of_range("version_max"));
    assert_eq!(with(0, 1), missing("version_min"));
}

#[test]
fn a_ring_lasts_two_minutes_at_most() {
    let with = |ring_ms| {
        let (now_ms, lease_until_ms, marks_interval_ms, keepalive_ms) = (1, 2, 3, 4);
        server(Server::Welcome(schema::Welcome { now_ms, lease_until_ms, marks_interval_ms, keepalive_ms, ring_ms }))
    };
    assert!(with(1).is_ok() && with(120_000).is_ok());
    assert_eq!(with(120_001), out_of_range("ring_ms"));
    assert_eq!(with(0), missing("ring_ms"));
}

fn tokens(lists: [usize; 4]) -> Result<ClientFrame, WireError> {
    let [added, removed, blocked, unblocked] = lists.map(|bytes| vec![7; bytes]);
    let (replace, last) = (false, true);
    let sync = schema::TokensSync { ticket: 1, key: 1, replace, last, added, removed, blocked, unblocked };
    client(Client::TokensSync(sync))
}

#[test]
fn a_page_of_tokens_counts_all_its_lists_together() {
    assert!(tokens([0; 4]).is_ok() && tokens([16 * TOKENS_PAGE_MAX, 0, 0, 0]).is_ok() && tokens([16 * 250; 4]).is_ok());
    for place in 0..4 {
        let mut lists = [16 * 250; 4];
        lists[place] += 16;
        assert_eq!(tokens(lists), Err(WireError::TooLarge));
    }
}

#[test]
fn a_list_of_tokens_comes_out_even() {
    for (place, field) in ["added", "removed", "blocked", "unblocked"].into_iter().enumerate() {
        for bytes in [1, 15, 17, 31] {
            let mut lists = [16; 4];
            lists[place] = bytes;
            assert_eq!(tokens(lists), out_of_range(field));
        }
    }
}

#[test]
fn an_evaluation_is_of_one_to_five_hundred_elements() {
    let ask = |key, bytes| client(Client::Evaluate(schema::Evaluate { ticket: 1, key, blinded: vec![7; bytes] }));
    assert!(ask(1, 32).is_ok() && ask(u32::MAX, 32 * EVALUATE_MAX).is_ok());
    assert_eq!(ask(0, 32), missing("key"));
    assert_eq!(ask(1, 0), missing("blinded"));
    assert_eq!(ask(1, 32 * EVALUATE_MAX + 32), Err(WireError::TooLarge));
    for uneven in [1, 31, 33, 63] {
        assert_eq!(ask(1, uneven), out_of_range("blinded"));
    }
}

#[test]
fn an_answer_to_an_evaluation_has_elements_and_a_whole_proof() {
    let answer = |key, bytes, proof| {
        let (evaluated, proof) = (vec![7; bytes], vec![7; proof]);
        server(Server::Evaluated(schema::Evaluated { ticket: 1, key, evaluated, proof }))
    };
    assert!(answer(1, 32, 64).is_ok() && answer(1, 32 * EVALUATE_MAX, 64).is_ok());
    assert_eq!(answer(0, 32, 64), missing("key"));
    assert_eq!(answer(1, 0, 64), missing("evaluated"));
    assert_eq!(answer(1, 33, 64), out_of_range("evaluated"));
    assert_eq!(answer(1, 32 * EVALUATE_MAX + 32, 64), Err(WireError::TooLarge));
    assert_eq!(answer(1, 32, 0), missing("proof"));
    for length in [63, 65] {
        assert_eq!(answer(1, 32, length), out_of_range("proof"));
    }
}

#[test]
fn live_keys_are_one_to_four_and_ascend() {
    let key = |id| schema::MarkKey { id, public: vec![1; 32], count: 0, digest: vec![0; 16] };
    let with = |keys: Vec<schema::MarkKey>| {
        server(Server::MarkKeys(schema::MarkKeys { keys, wants_open: false, open: false }))
    };
    let ids = |ids: &[u32]| with(ids.iter().map(|id| key(*id)).collect());
    assert!(ids(&[1]).is_ok() && ids(&[1, 2, 3, u32::MAX]).is_ok());
    assert_eq!(ids(&[]), missing("keys"));
    assert_eq!(ids(&[0]), missing("keys.id"));
    assert_eq!(ids(&[1, 2, 3, 4, 5]), Err(WireError::TooLarge));
    for unordered in [[2, 1], [2, 2]] {
        assert_eq!(ids(&unordered), out_of_range("keys.id"));
    }
    assert_eq!(with(vec![schema::MarkKey { public: vec![1; 31], ..key(1) }]), out_of_range("keys.public"));
    assert_eq!(with(vec![schema::MarkKey { digest: vec![1; 17], ..key(1) }]), out_of_range("keys.digest"));
    assert_eq!(with(vec![schema::MarkKey { digest: vec![], ..key(1) }]), missing("keys.digest"));
}

#[test]
fn lists_of_ids_end_at_their_cap() {
    let with = |count: usize| {
        let ids = vec![text_id().unwrap(); count];
        client(Client::TextStateTaken(schema::TextStateTaken { ids }))
    };
    assert!(with(IDS_MAX).is_ok());
    assert_eq!(with(IDS_MAX + 1), Err(WireError::TooLarge));
}

#[test]
fn the_largest_page_of_marks_and_the_largest_text_fit_a_frame() {
    let sealing_key = schema::SealingKey { id: u32::MAX, public: vec![1; 32], signature: vec![1; 64] };
    let marked = schema::Marked {
        epoch: u64::MAX,
        device_key: vec![1; 32],
        sealing_key: Some(sealing_key),
        lease_until_ms: i64::MAX,
    };
    let state = Some(schema::mark::State::Marked(marked));
    let mark = schema::Mark { number: ALICE, generation: u64::MAX, state };
    let page = |count: usize| {
        server(Server::Marks(schema::Marks {
            ticket: u64::MAX,
            generation: u64::MAX,
            marks: vec![mark.clone(); count],
            more: true,
            lease_until_ms: i64::MAX,
        }))
    };
    assert!(page(MARKS_PAGE_MAX).is_ok());
    assert_eq!(page(MARKS_PAGE_MAX + 1), Err(WireError::TooLarge));

    let text = |bytes| client(Client::SendText(schema::SendText { sealed: vec![1; bytes], ..send_text() }));
    assert!(text(SEALED_BODY_MAX).is_ok());
    assert_eq!(text(SEALED_BODY_MAX + 1), out_of_range("sealed"));
    assert_eq!(text(0), missing("sealed"));
}

#[test]
fn ids_and_places_of_texts_count_from_one() {
    let with = |change: fn(&mut schema::SendText)| {
        let mut send = send_text();
        change(&mut send);
        client(Client::SendText(send))
    };
    assert_eq!(with(|send| send.id = None), missing("id"));
    assert_eq!(with(|send| send.id = Some(schema::TextId::default())), missing("counter"));
    assert_eq!(with(|send| send.seq = 0), missing("seq"));
    assert_eq!(with(|send| send.to_epoch = 0), missing("to_epoch"));
}

#[test]
fn a_sender_ends_a_text_in_two_ways_only() {
    let with = |end| client(Client::TextSwap(schema::TextSwap { ticket: 1, id: text_id(), to: ALICE, end }));
    assert_eq!(with(0), missing("end"));
    assert!(with(3).is_ok() && with(4).is_ok());
    for end in [1, 2, 5] {
        assert_eq!(with(end), out_of_range("end"));
    }
    assert_eq!(with(6), Err(WireError::UnknownValue { field: "end" }));
}

#[test]
fn a_train_has_one_to_thirty_two_frames_and_its_filling_a_cap() {
    let with = |index, count, filling: usize| {
        client(Client::Train(schema::Train { probe: 1, round: 0, index, count, filling: vec![0; filling] }))
    };
    assert!(with(0, 1, 0).is_ok() && with(31, 32, TRAIN_FILL_MAX).is_ok());
    assert_eq!(with(0, 0, 0), missing("count"));
    assert_eq!(with(0, 33, 0), out_of_range("count"));
    assert_eq!(with(1, 1, 0), out_of_range("index"));
    assert_eq!(with(0, 1, TRAIN_FILL_MAX + 1), out_of_range("filling"));
}

#[test]
fn a_report_tells_of_no_more_than_a_train_can_hold() {
    let with = |frames, bytes_after_first, spread_us| {
        server(Server::TrainReport(schema::TrainReport { probe: 1, round: 0, frames, bytes_after_first, spread_us }))
    };
    assert!(with(TRAIN_COUNT_MAX, TRAIN_BYTES_MAX, 600_000_000).is_ok() && with(0, 0, 0).is_ok());
    assert_eq!(with(TRAIN_COUNT_MAX + 1, 0, 0), out_of_range("frames"));
    assert_eq!(with(1, TRAIN_BYTES_MAX + 1, 0), out_of_range("bytes_after_first"));
    assert_eq!(with(1, 0, 600_000_001), out_of_range("spread_us"));
}

#[test]
fn a_candidate_is_one_printable_line() {
    let with = |line: String| client(Client::Call(call(schema::call::Body::Candidate(line))));
    assert!(with(String::new()).is_ok() && with("c".repeat(CANDIDATE_MAX)).is_ok());
    for line in ["c".repeat(CANDIDATE_MAX + 1), "a\r\na=x".to_owned(), "a\0".to_owned(), "ä".to_owned()] {
        assert_eq!(with(line), out_of_range("candidate"));
    }
}

#[test]
fn an_sdp_without_a_signature_goes_no_further() {
    let with = |object: &str, fingerprint_signature| {
        let object = object.to_owned();
        client(Client::Call(call(schema::call::Body::Roap(schema::RoapBody { object, fingerprint_signature }))))
    };
    let offer = r#"{"messageType":"OFFER","offererSessionId":"a","seq":1,"sdp":"v=0","tieBreaker":1}"#;
    let ok = r#"{"messageType":"OK","offererSessionId":"a","seq":1}"#;
    assert!(with(offer, vec![1; 64]).is_ok() && with(ok, vec![]).is_ok());
    assert_eq!(with(offer, vec![]), missing("fingerprint_signature"));
    assert_eq!(with(offer, vec![1; 63]), out_of_range("fingerprint_signature"));
    assert!(matches!(with("{}", vec![1; 64]), Err(WireError::Roap(_))));
}

#[test]
fn turn_servers_are_few_and_of_known_schemes() {
    let with = |urls: Vec<String>| {
        let (username, password) = ("u".to_owned(), "p".to_owned());
        server(Server::Ice(schema::Ice { ticket: 1, call: vec![1; 16], urls, username, password, valid_until_ms: 1 }))
    };
    let url = || "stun:127.0.0.1".to_owned();
    assert!(with(vec![]).is_ok() && with(vec![url(); ICE_URLS_MAX]).is_ok());
    assert_eq!(with(vec![url(); ICE_URLS_MAX + 1]), Err(WireError::TooLarge));
    for bad in
        ["http://x".to_owned(), "stun:a b".to_owned(), "stun:\r\n".to_owned(), format!("stun:{}", "a".repeat(252))]
    {
        assert_eq!(with(vec![bad]), out_of_range("urls"));
    }
}

#[test]
fn what_an_sms_would_carry_is_checked() {
    use schema::register_start::Platform;
    let with = |platform| {
        let start = schema::RegisterStart { number: ALICE, device_key: vec![1; 32], signature: vec![1; 64], platform };
        let kind = Some(schema::register_request::Kind::Start(start));
        tandem_wire::decode_register_request(&schema::RegisterRequest { kind }.encode_to_vec())
    };
    let android = |hash: &str| with(Some(Platform::Android(schema::PlatformAndroid { app_hash: hash.to_owned() })));
    let apple = |domain: String| with(Some(Platform::Apple(schema::PlatformApple { domain })));
    assert!(android("FA+9qCX9VSu").is_ok() && apple(format!("{}.x", "a".repeat(62))).is_ok());
    for hash in ["", "FA+9qCX9VS", "FA+9qCX9VSuu", "FA+9qCX9VS\n", "FA_9qCX9VSu"] {
        assert_eq!(android(hash), out_of_range("app_hash"));
    }
    for domain in ["", "x", "a..b", "-a.b", "A.b", "a.b\nx", "a.b/c", "a.b "] {
        assert_eq!(apple(domain.to_owned()), out_of_range("domain"));
    }
    assert_eq!(apple(format!("{}.x", "a".repeat(63))), out_of_range("domain"));
    assert!(matches!(with(None), Ok(RegisterRequest::Start { platform: SmsPlatform::Dialer, .. })));
}

#[test]
fn a_code_is_eight_digits() {
    use schema::register_confirm::Proof;
    let with = |proof| {
        let sealing_key = schema::SealingKey { id: 1, public: vec![1; 32], signature: vec![1; 64] };
        let confirm = schema::RegisterConfirm {
            id: vec![1; 16],
            proof,
            imsi_token: vec![],
            sealing_key: Some(sealing_key),
            signature: vec![1; 64],
        };
        let kind = Some(schema::register_request::Kind::Confirm(confirm));
        tandem_wire::decode_register_request(&schema::RegisterRequest { kind }.encode_to_vec())
    };
    assert!(with(Some(Proof::Code("00000000".to_owned()))).is_ok());
    for code in ["", "1234567", "123456789", "1234567a", "１2345678"] {
        assert_eq!(with(Some(Proof::Code(code.to_owned()))), out_of_range("code"));
    }
    assert_eq!(with(Some(Proof::Token(vec![1; 15]))), out_of_range("token"));
    assert_eq!(with(None), missing("proof"));
}

#[test]
fn unknown_fields_are_skipped_at_every_depth() {
    let unknown = [0xFA, 0x07, 3, 1, 2, 3];
    let mut body = hello().encode_to_vec();
    body.extend_from_slice(&unknown);
    let mut frame = vec![0x0A, u8::try_from(body.len()).unwrap()];
    frame.extend_from_slice(&body);
    frame.extend_from_slice(&unknown);
    assert_eq!(tandem_wire::decode_client(&frame), client(Client::Hello(hello())));
}

#[test]
fn a_kind_of_a_later_version_is_a_named_error_that_closes_nothing() {
    // Nothing at all, and field 60 as a message.
    for bytes in [vec![], vec![0xE2, 0x03, 0]] {
        assert_eq!(tandem_wire::decode_client(&bytes), Err(WireError::UnknownKind));
        assert_eq!(tandem_wire::decode_server(&bytes), Err(WireError::UnknownKind));
    }
    assert!(WireError::UnknownKind.may_be_later_version());
    assert!(WireError::UnknownValue { field: "body" }.may_be_later_version());
    for defect in [WireError::TooLarge, WireError::Malformed, WireError::Missing { field: "to" }] {
        assert!(!defect.may_be_later_version());
    }
    let bodyless = schema::Call { body: None, ..call(schema::call::Body::Alerting(schema::Alerting {})) };
    assert_eq!(client(Client::Call(bodyless)), Err(WireError::UnknownValue { field: "body" }));
}

#[test]
fn values_of_a_later_version_read_as_their_safe_default() {
    for value in [0, 99, -1] {
        let answer = schema::GateAnswer { ticket: 1, call: vec![1; 16], verdict: value };
        assert!(matches!(
            server(Server::GateAnswer(answer)),
            Ok(ServerFrame::GateAnswer { verdict: GateVerdict::NotAvailable, .. })
        ));
        let end = schema::call::Body::End(schema::End { reason: value });
        let Ok(ClientFrame::Call(envelope)) = client(Client::Call(call(end))) else { panic!("an end is accepted") };
        assert_eq!(envelope.body, CallBody::End(CallOver::PeerLost));
        let Ok(ServerFrame::Goodbye(goodbye)) =
            server(Server::Goodbye(schema::Goodbye { reason: value, retry_after_ms: 5 }))
        else {
            panic!("a goodbye is accepted")
        };
        assert_eq!((goodbye.reason, goodbye.retry_after_ms), (GoodbyeReason::ShuttingDown, 5));
        for (retry_after_ms, reads) in [(0, RefuseReason::Invalid), (1, RefuseReason::Budget)] {
            let refused = schema::Refused { ticket: 1, reason: value, retry_after_ms };
            assert!(
                matches!(server(Server::Refused(refused)), Ok(ServerFrame::Refused { reason, .. }) if reason == reads)
            );
        }
        for (retry_after_ms, reads) in [(0, RegisterRefusal::Invalid), (1, RegisterRefusal::Storage)] {
            let refused = schema::RegisterRefused { reason: value, retry_after_ms, tries_left: 3 };
            let kind = Some(schema::register_reply::Kind::Refused(refused));
            let reply = tandem_wire::decode_register_reply(&schema::RegisterReply { kind }.encode_to_vec());
            assert_eq!(reply, Ok(RegisterReply::Refused { reason: reads, retry_after_ms }));
        }
    }
    let mark = schema::Mark { number: ALICE, generation: 1, state: None };
    let page = schema::Marks { ticket: 0, generation: 1, marks: vec![mark], more: false, lease_until_ms: 1 };
    let Ok(ServerFrame::Marks(page)) = server(Server::Marks(page)) else { panic!("a page is accepted") };
    assert_eq!(page.marks.first().unwrap().state, MarkState::Unmarked);
}

#[test]
fn the_end_of_a_text_is_never_guessed() {
    let with = |state| server(Server::TextState(schema::TextState { id: text_id(), to: ALICE, state, at_ms: 1 }));
    assert!(with(1).is_ok() && with(5).is_ok());
    assert_eq!(with(0), missing("state"));
    assert_eq!(with(6), Err(WireError::UnknownValue { field: "state" }));
}
