//! Phones and the whole server over real sockets.
#![expect(clippy::wildcard_enum_match_arm, reason = "a script looks for one frame among many")]

mod common;

use common::phone::{Phone, Session, ask};
use common::{TestServer, config_in, http, within};
use std::time::Duration;
use tandem_model::Ticket;
use tandem_sms::{LinkDownReason, SmsEvent, SubmitOutcome};
use tandem_wire::frame::{ConfirmProof, GoodbyeReason, RegisterRefusal};
use tandem_wire::{ClientFrame, RegisterReply, ServerFrame};

const ANNA: &str = "+4915112345601";
const BERT: &str = "+4915112345602";

async fn two_who_know_each_other(server: &TestServer) -> (Phone, Phone, Session, Session) {
    let (mut anna, mut bert) = (Phone::new(ANNA, 1), Phone::new(BERT, 2));
    anna.register(server.at.addr, &server.sms).await;
    bert.register(server.at.addr, &server.sms).await;
    let mut at_anna = anna.connect(server.at.addr).await;
    let mut at_bert = bert.connect(server.at.addr).await;
    at_anna.add_contacts(vec![bert.number]).await;
    at_bert.add_contacts(vec![anna.number]).await;
    at_anna.until_marked(bert.number).await;
    (anna, bert, at_anna, at_bert)
}

#[tokio::test]
async fn a_phone_registers_by_the_text_it_gets_and_its_session_stands() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let mut anna = Phone::new(ANNA, 1);
    anna.register(server.at.addr, &server.sms).await;
    let mut session = anna.connect(server.at.addr).await;
    session.send(&ClientFrame::TimeAsk { ticket: Ticket(5) }).await;
    session.wait_for(|frame| matches!(frame, ServerFrame::Time { ticket: Ticket(5), .. }).then_some(())).await;
    assert!(server.metric("tandem_registrations_confirmed_total").await >= 1.0);
    server.stop().await;
}

#[tokio::test]
async fn a_text_is_stored_delivered_and_its_end_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let (anna, bert, mut at_anna, mut at_bert) = two_who_know_each_other(&server).await;
    at_anna.send(&anna.text_to(&bert, 1)).await;
    at_anna.wait_for(|frame| matches!(frame, ServerFrame::TextStored { ticket: Ticket(1), .. }).then_some(())).await;
    let (from, id) = at_bert
        .wait_for(|frame| match frame {
            ServerFrame::DeliverText(text) => Some((text.from, text.id)),
            _ => None,
        })
        .await;
    assert_eq!(from, anna.number);
    at_bert.send(&ClientFrame::TextTaken { texts: vec![(from, id)] }).await;
    let state = at_anna
        .wait_for(|frame| match frame {
            ServerFrame::TextState { state, .. } => Some(*state),
            _ => None,
        })
        .await;
    assert_eq!(state, tandem_model::TerminalState::Delivered);
    server.stop().await;
}

/// Every phone that loses its network does this.
#[tokio::test]
async fn a_connection_lost_without_a_goodbye_is_no_break_of_the_protocol() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let mut anna = Phone::new(ANNA, 1);
    anna.register(server.at.addr, &server.sms).await;
    for _ in 0..3 {
        drop(anna.connect(server.at.addr).await);
    }
    let mut challenged = Session::open(server.at.addr).await;
    challenged.challenge().await;
    drop(challenged);
    within("the end of them", async {
        while server.metric("tandem_sessions").await > 0.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(server.metric("tandem_sessions_opened_total").await, 4.0);
    assert_eq!(server.metric("tandem_frames_malformed_total").await, 0.0);
    assert_eq!(server.metric("tandem_sessions_ended_total{reason=\"protocol\"}").await, 0.0);
    server.stop().await;
}

#[tokio::test]
async fn what_was_acknowledged_before_a_shutdown_is_there_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let (anna, bert, mut at_anna, at_bert) = two_who_know_each_other(&server).await;
    drop(at_bert);
    let count = 200;
    for counter in 1..=count {
        at_anna.send(&anna.text_to(&bert, counter)).await;
    }
    let mut server = server;
    server.ask_to_stop();
    let mut stored = 0_u64;
    let goodbye = loop {
        match at_anna.next().await.expect("a goodbye comes first") {
            ServerFrame::TextStored { .. } => stored += 1,
            ServerFrame::Goodbye(goodbye) => break goodbye,
            _ => {}
        }
    };
    assert_eq!(goodbye.reason, GoodbyeReason::ShuttingDown);
    assert!(at_anna.is_over().await);
    server.ended().await;

    let server = TestServer::start(config_in(directory.path())).await;
    let mut at_bert = bert.connect(server.at.addr).await;
    for expected in 1..=stored {
        let id = at_bert
            .wait_for(|frame| match frame {
                ServerFrame::DeliverText(text) => Some(text.id),
                _ => None,
            })
            .await;
        assert_eq!(id.counter, expected, "in the order they were written, none missing");
        at_bert.send(&ClientFrame::TextTaken { texts: vec![(anna.number, id)] }).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_shutdown_refuses_new_connections_and_leaves_the_sms_network_properly() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let (at, sms) = (server.at, std::sync::Arc::clone(&server.sms));
    server.stop().await;
    assert!(sms.was_shut_down());
    assert!(tokio::net::TcpStream::connect(at.addr).await.is_err());
}

#[tokio::test]
async fn health_tells_alive_from_ready_and_names_a_link_that_is_down() {
    let directory = tempfile::tempdir().unwrap();
    let (sms, events) = common::sms::FakeSms::with_events();
    let server = TestServer::start_with(config_in(directory.path()), std::sync::Arc::new(sms)).await;
    assert_eq!(http::get(server.at.addr, "/healthz").await.status, 200);
    let down = http::get(server.at.addr, "/readyz").await;
    assert_eq!(down.status, 503);
    assert!(
        down.text().contains("\"sms\":\"down\"") && down.text().contains("\"store\":\"answers\""),
        "{}",
        down.text()
    );
    events.send(SmsEvent::LinkUp).await.unwrap();
    server.until_metric("tandem_sms_link_up", 1.0).await;
    assert_eq!(http::get(server.at.addr, "/readyz").await.status, 200);
    events.send(SmsEvent::LinkDown { reason: LinkDownReason::LinkSilent }).await.unwrap();
    within("not ready again", async {
        while http::get(server.at.addr, "/readyz").await.status != 503 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn what_the_sms_network_says_reaches_the_phone_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config_in(directory.path());
    config.sms.served_prefixes = vec!["49".to_owned()];
    let server = TestServer::start(config).await;
    let refusal =
        async |number: &str, seed: u8| match ask(server.at.addr, &Phone::new(number, seed).start_request()).await {
            RegisterReply::Refused { reason, retry_after_ms } => (reason, retry_after_ms),
            other => panic!("not refused: {other:?}"),
        };
    assert_eq!(refusal("+12025550123", 1).await, (RegisterRefusal::NumberNotServed, 0));
    server.sms.answer_with(SubmitOutcome::Temporary);
    assert_eq!(refusal(ANNA, 2).await.0, RegisterRefusal::SmsUnavailable);
    let reason = tandem_sms::PermanentReason::InvalidDestination;
    server.sms.answer_with(SubmitOutcome::Permanent { reason });
    assert_eq!(refusal(BERT, 3).await, (RegisterRefusal::NumberUnreachable, 0));
    server.sms.answer_with(SubmitOutcome::Unknown);
    let reply = ask(server.at.addr, &Phone::new("+4915112345609", 4).start_request()).await;
    assert!(matches!(reply, RegisterReply::Started { .. }), "it may have been sent: {reply:?}");
    server.stop().await;
}

#[tokio::test]
async fn without_a_driver_registration_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start_by_config(config_in(directory.path())).await;
    let at = server.at;
    let reply = ask(at.addr, &Phone::new(ANNA, 1).start_request()).await;
    let RegisterReply::Refused { reason, retry_after_ms } = reply else { panic!("not refused: {reply:?}") };
    assert_eq!(reason, RegisterRefusal::SmsUnavailable);
    assert!(retry_after_ms > 0);
    assert_eq!(
        http::get(at.addr, "/readyz").await.status,
        200,
        "a server without a driver can still serve who is registered"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_code_costs_a_try() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let mut anna = Phone::new(ANNA, 1);
    let RegisterReply::Started { id, .. } = ask(server.at.addr, &anna.start_request()).await else {
        panic!("not started")
    };
    let request = anna.confirm_request(id, ConfirmProof::Code("00000000".to_owned()));
    let RegisterReply::Refused { reason, .. } = ask(server.at.addr, &request).await else { panic!("not refused") };
    assert_eq!(reason, RegisterRefusal::WrongProof { tries_left: 4 });
    server.stop().await;
}
