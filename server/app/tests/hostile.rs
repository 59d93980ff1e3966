//! What no honest phone sends: each ends in a name, none in a panic, and the server goes on.

mod common;

use common::phone::{BODY, Phone, Session, ask};
use common::{TestServer, config_in, http};
use tandem_model::{NumberEpoch, Ticket};
use tandem_wire::frame::{GoodbyeReason, RegisterRefusal};
use tandem_wire::limits::{FRAME_MAX, REGISTER_MAX};
use tandem_wire::{ClientFrame, RegisterReply, ServerFrame};
use tokio_tungstenite::tungstenite::Message;

const ANNA: &str = "+4915112345601";

async fn goodbye_after(server: &TestServer, message: Message) -> GoodbyeReason {
    let mut session = Session::open(server.at.addr).await;
    session.challenge().await;
    session.send_raw(message).await;
    let goodbye = session.goodbye().await;
    assert!(session.is_over().await);
    goodbye.reason
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_the_session_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    for garbage in [vec![], vec![0xFF; 3], vec![0x08; 1_000], vec![0; FRAME_MAX]] {
        assert_eq!(goodbye_after(&server, Message::Binary(garbage.into())).await, GoodbyeReason::Protocol);
    }
    assert_eq!(goodbye_after(&server, Message::Text("hello".into())).await, GoodbyeReason::Protocol);
    assert!(server.metric("tandem_frames_malformed_total").await >= 1.0);
    server.stop().await;
}

#[tokio::test]
async fn a_frame_over_the_cap_is_refused_by_name_and_one_far_over_it_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    assert_eq!(goodbye_after(&server, Message::Binary(vec![1; FRAME_MAX + 1].into())).await, GoodbyeReason::Protocol);
    let mut session = Session::open(server.at.addr).await;
    session.challenge().await;
    // The connection may be cut while this is still being sent.
    let _cut = session.try_send_raw(Message::Binary(vec![1; 16 * FRAME_MAX].into())).await;
    while let Some(frame) = session.next().await {
        assert!(matches!(frame, ServerFrame::Goodbye(goodbye) if goodbye.reason == GoodbyeReason::Protocol));
    }
    Phone::new(ANNA, 1).register(server.at.addr, &server.sms).await;
    server.stop().await;
}

#[tokio::test]
async fn a_version_nobody_speaks_and_a_key_nobody_registered_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let mut anna = Phone::new(ANNA, 1);
    anna.register(server.at.addr, &server.sms).await;

    let mut session = Session::open(server.at.addr).await;
    let nonce = session.challenge().await;
    let mut hello = anna.hello(&nonce);
    hello.version = 99;
    session.send(&ClientFrame::Hello(hello)).await;
    assert_eq!(session.goodbye().await.reason, GoodbyeReason::Version);

    let mut stranger = Phone::new(ANNA, 9);
    stranger.epoch = anna.epoch;
    let mut session = Session::open(server.at.addr).await;
    let nonce = session.challenge().await;
    session.send(&ClientFrame::Hello(stranger.hello(&nonce))).await;
    assert_eq!(session.goodbye().await.reason, GoodbyeReason::NotRegistered);

    stranger.epoch = NumberEpoch(77);
    let mut session = Session::open(server.at.addr).await;
    let nonce = session.challenge().await;
    session.send(&ClientFrame::Hello(stranger.hello(&nonce))).await;
    assert_eq!(session.goodbye().await.reason, GoodbyeReason::NotRegistered);
    server.stop().await;
}

#[tokio::test]
async fn a_request_before_hello_ends_the_session() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let frame = tandem_wire::encode_client(&ClientFrame::TimeAsk { ticket: Ticket(1) });
    assert_eq!(goodbye_after(&server, Message::Binary(frame.into())).await, GoodbyeReason::Protocol);
    server.stop().await;
}

#[tokio::test]
async fn a_phone_that_does_not_read_is_sent_away_and_the_others_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config_in(directory.path());
    config.listen.send_queue_frames = 8;
    config.listen.send_queue_bytes = 128 * 1024;
    config.session.requests_max = 4_096;
    let server = TestServer::start(config).await;
    let (mut anna, mut bert) = (Phone::new(ANNA, 1), Phone::new("+4915112345602", 2));
    anna.register(server.at.addr, &server.sms).await;
    bert.register(server.at.addr, &server.sms).await;
    let mut deaf = anna.connect(server.at.addr).await;
    // Asks without end and never reads an answer, until the server has had enough.
    let asked = tokio::spawn(async move {
        let mut ticket = 0;
        loop {
            ticket += 1;
            let ask = tandem_wire::encode_client(&ClientFrame::TimeAsk { ticket: Ticket(ticket) });
            if deaf.try_send_raw(Message::Binary(ask.into())).await.is_err() {
                return;
            }
        }
    });
    server.until_metric("tandem_send_queue_full_total", 1.0).await;
    server.until_metric("tandem_sessions_ended_total{reason=\"too_slow\"}", 1.0).await;
    common::within("the cut", asked).await.unwrap();
    let mut other = bert.connect(server.at.addr).await;
    other.send(&ClientFrame::TimeAsk { ticket: Ticket(3) }).await;
    other.wait_for(|frame| matches!(frame, ServerFrame::Time { .. }).then_some(())).await;
    server.stop().await;
}

#[tokio::test]
async fn a_registration_body_that_is_none_is_refused_with_its_status() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let at = server.at.addr;
    let reason = |reply: &http::Reply| match tandem_wire::decode_register_reply(&reply.body) {
        Ok(RegisterReply::Refused { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    };
    let garbage = http::post(at, "/v1/register", BODY, &[0xFF; 40]).await;
    assert_eq!((garbage.status, reason(&garbage)), (400, RegisterRefusal::Invalid));
    let empty = http::post(at, "/v1/register", BODY, &[]).await;
    assert_eq!((empty.status, reason(&empty)), (400, RegisterRefusal::Invalid));
    let large = http::post(at, "/v1/register", BODY, &vec![1; REGISTER_MAX + 1]).await;
    assert_eq!((large.status, reason(&large)), (413, RegisterRefusal::Invalid));
    let json = http::post(at, "/v1/register", "content-type: application/json\r\n", b"{}").await;
    assert_eq!((json.status, reason(&json)), (415, RegisterRefusal::Invalid));
    for alike in ["application/octet-stream2", "text/plain; x=application/octet-stream", ""] {
        let other = http::post(at, "/v1/register", &format!("content-type: {alike}\r\n"), b"{}").await;
        assert_eq!(other.status, 415, "{alike}");
    }
    let request = tandem_wire::encode_register_request(&Phone::new(ANNA, 1).start_request());
    for same in ["application/octet-stream; charset=x", "Application/Octet-Stream ;q=1"] {
        let taken = http::post(at, "/v1/register", &format!("content-type: {same}\r\n"), &request).await;
        assert_eq!(taken.status, 200, "{same}");
    }
    assert_eq!(http::get(at, "/v1/register").await.status, 405);
    assert_eq!(http::get(at, "/v1/session").await.status, 400);
    assert_eq!(http::get(at, "/nothing").await.status, 404);
    let forged = {
        let mut request = Phone::new(ANNA, 1).start_request();
        let tandem_wire::RegisterRequest::Start { number, .. } = &mut request else { panic!("a start") };
        *number = tandem_model::Msisdn::from_e164("+4915112345699").unwrap();
        request
    };
    let reply = ask(at, &forged).await;
    assert!(matches!(reply, RegisterReply::Refused { reason: RegisterRefusal::BadSignature, .. }), "{reply:?}");
    server.stop().await;
}

#[tokio::test]
async fn one_source_cannot_hold_every_connection() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config_in(directory.path());
    config.listen.connections_per_source_max = 3;
    let server = TestServer::start(config).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut session = Session::open(server.at.addr).await;
        session.challenge().await;
        held.push(session);
    }
    let mut refused = tokio::net::TcpStream::connect(server.at.addr).await.unwrap();
    let mut byte = [0];
    let read = tokio::io::AsyncReadExt::read(&mut refused, &mut byte);
    assert!(matches!(common::within("the refusal", read).await, Ok(0) | Err(_)), "closed before a byte");
    assert!(server.metric("tandem_connections_refused_total").await >= 1.0);
    drop(held);
    common::within("a place", async {
        while server.metric("tandem_connections").await > 0.0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    Session::open(server.at.addr).await.challenge().await;
    server.stop().await;
}

#[tokio::test]
async fn a_header_without_end_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let long = format!("GET /healthz HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    let reply = http::send(server.at.addr, long.as_bytes()).await;
    assert_eq!(reply.status, 431);
    server.stop().await;
}
