//! Registration over SMPP against an SMSC we did not write: npm's `smpp` package, which throttles, sends receipts and loses
//! its connections.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers stop it as it stops itself"
)]

mod common;
#[path = "../../sms/tests/npm/mod.rs"]
mod npm;

use common::phone::{Phone, ask};
use common::{TestServer, config_in};
use npm::NpmSmsc;
use std::path::Path;
use tandem_model::RegistrationId;
use tandem_server::Config;
use tandem_server::config::sms::DriverKind;
use tandem_server::config::values::{ConfigSecret, Span};
use tandem_wire::frame::ConfirmProof;
use tandem_wire::{RegisterReply, sms};

const ANNA: &str = "+4915112345601";
const BERT: &str = "+4915112345602";

fn config(directory: &Path, smsc: &NpmSmsc) -> Config {
    let mut config = config_in(directory);
    config.sms.driver = DriverKind::Smpp;
    config.smpp.address = format!("127.0.0.1:{}", smsc.port);
    config.smpp.system_id = "tandem".to_owned();
    config.smpp.password = ConfigSecret::new("pw");
    config.smpp.reconnect_wait = Span::ms(20);
    config.smpp.reconnect_wait_max = Span::ms(200);
    config.smpp.throttle_wait = Span::ms(20);
    config
}

/// A server whose link to the SMSC stands.
async fn start(directory: &Path, smsc: &mut NpmSmsc) -> TestServer {
    let server = TestServer::start_by_config(config(directory, smsc)).await;
    smsc.until("bind").await;
    server.until_metric("tandem_sms_link_up", 1.0).await;
    server
}

async fn started(server: &TestServer, phone: &Phone) -> RegistrationId {
    match ask(server.at.addr, &phone.start_request()).await {
        RegisterReply::Started { id, .. } => id,
        other => panic!("not started: {other:?}"),
    }
}

/// Confirms with the token of the text as the SMSC took it, and connects: only who is registered is welcomed.
async fn confirmed(server: &TestServer, phone: &mut Phone, id: RegistrationId, text: &str) {
    let token = sms::parse(text).unwrap().token;
    let request = phone.confirm_request(id, ConfirmProof::Token(token));
    match ask(server.at.addr, &request).await {
        RegisterReply::Confirmed { epoch, .. } => phone.epoch = epoch,
        other => panic!("not confirmed: {other:?}"),
    }
    phone.connect(server.at.addr).await;
}

#[tokio::test]
async fn a_phone_registers_through_throttling_and_its_receipt_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut smsc = NpmSmsc::start().await;
    let server = start(directory.path(), &mut smsc).await;
    smsc.tell("throttle 3").await;

    let mut anna = Phone::new(ANNA, 1);
    let id = started(&server, &anna).await;
    let submit = smsc.until("submit").await;
    assert_eq!(smsc.count("throttled"), 3);
    assert_eq!(submit["to"], ANNA.trim_start_matches('+'));
    assert_eq!(submit["registered_delivery"], 1, "a receipt is asked for");
    confirmed(&server, &mut anna, id, submit["text"].as_str().unwrap()).await;

    assert_eq!(smsc.until("receipt_answer").await["status"], 0);
    server.until_metric("tandem_sms_total{outcome=\"delivered\"}", 1.0).await;
    assert_eq!(server.metric("tandem_sms_total{outcome=\"accepted\"}").await, 1.0);
    smsc.tell("enquire").await;
    assert_eq!(smsc.submits().len(), 1, "throttling sent no second text");
    server.stop().await;
    smsc.until("unbind").await;
}

#[tokio::test]
async fn a_connection_lost_between_submit_and_answer_sends_no_second_text_and_the_first_one_registers() {
    let directory = tempfile::tempdir().unwrap();
    let mut smsc = NpmSmsc::start().await;
    let server = start(directory.path(), &mut smsc).await;
    smsc.tell("cut 1").await;

    let mut anna = Phone::new(ANNA, 1);
    let id = started(&server, &anna).await;
    let submit = smsc.until("submit").await;
    smsc.until("cut").await;
    smsc.until("bind").await;
    server.until_metric("tandem_sms_link_up", 1.0).await;
    smsc.tell("enquire").await;
    assert_eq!(smsc.submits().len(), 1, "nobody knows whether it was taken, so it is not sent again");
    confirmed(&server, &mut anna, id, submit["text"].as_str().unwrap()).await;

    let mut bert = Phone::new(BERT, 2);
    let id = started(&server, &bert).await;
    let submit = smsc.until("submit").await;
    assert_eq!(submit["to"], BERT.trim_start_matches('+'));
    confirmed(&server, &mut bert, id, submit["text"].as_str().unwrap()).await;
    server.until_metric("tandem_sms_total{outcome=\"delivered\"}", 1.0).await;
    server.stop().await;
    smsc.until("unbind").await;
    assert_eq!(smsc.submits().len(), 2, "one text for each");
}

#[tokio::test]
async fn a_connection_dropped_between_text_and_confirmation_comes_back_without_a_second_text() {
    let directory = tempfile::tempdir().unwrap();
    let mut smsc = NpmSmsc::start().await;
    let server = start(directory.path(), &mut smsc).await;

    let mut anna = Phone::new(ANNA, 1);
    let id = started(&server, &anna).await;
    let submit = smsc.until("submit").await;
    server.until_metric("tandem_sms_total{outcome=\"delivered\"}", 1.0).await;
    smsc.tell("drop").await;
    smsc.until("bind").await;
    confirmed(&server, &mut anna, id, submit["text"].as_str().unwrap()).await;
    server.stop().await;
    smsc.until("unbind").await;
    assert_eq!(smsc.submits().len(), 1);
}
