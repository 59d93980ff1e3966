//! Our ESME against the SMSC of npm's `smpp` package, which Tandem's authors did not write.
//!
//! A whole registration through it is in the server's own tests.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of a test fail like the test itself")]

mod npm;

use npm::{HANG, NpmSmsc};
use std::sync::Arc;
use std::time::Duration;

use tandem_model::Secret;
use tandem_sms::smpp::{Counters, SmppConfig, SmppDriver};
use tandem_sms::{
    BindRefusal, E164Digits, LinkDownReason, ReceiptState, SmsDriver, SmsEvent, SmsSubmit, SubmitOutcome,
};
use tokio::sync::mpsc;
use tokio::time::timeout;

fn config(smsc: &NpmSmsc) -> SmppConfig {
    SmppConfig {
        address: format!("127.0.0.1:{}", smsc.port),
        system_id: "tandem".to_owned(),
        password: Secret::new("pw".to_owned()),
        reconnect_wait: (Duration::from_millis(20), Duration::from_millis(200)),
        throttle_wait: (Duration::from_millis(50), Duration::from_secs(1)),
        throttle_tries: 50,
        ..SmppConfig::default()
    }
}

fn start(config: SmppConfig) -> (Arc<SmppDriver>, mpsc::Receiver<SmsEvent>) {
    let driver = SmppDriver::start(config, 11).unwrap();
    let events = driver.take_events().unwrap();
    (driver, events)
}

async fn next(events: &mut mpsc::Receiver<SmsEvent>) -> SmsEvent {
    timeout(HANG, events.recv()).await.expect("no event comes").expect("the driver ended")
}

fn sms(message_ref: u64, body: &str) -> SmsSubmit {
    SmsSubmit {
        message_ref,
        to: E164Digits::parse(&format!("+4915110{message_ref:06}")).unwrap(),
        body: body.to_owned(),
        validity: Duration::from_secs(300),
    }
}

async fn submit(driver: &SmppDriver, message_ref: u64, body: &str) -> SubmitOutcome {
    timeout(HANG, driver.submit(sms(message_ref, body))).await.expect("a submit hangs").unwrap()
}

/// Submits texts `text 1` to `text N` at once and gives their outcomes in order.
async fn submit_many(driver: &Arc<SmppDriver>, references: std::ops::RangeInclusive<u64>) -> Vec<SubmitOutcome> {
    let submit_one = |reference: u64| {
        let driver = Arc::clone(driver);
        tokio::spawn(async move { submit(&driver, reference, &format!("text {reference}")).await })
    };
    let tasks: Vec<_> = references.map(submit_one).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

fn assert_each_once(texts: &[String]) {
    let mut sorted = texts.to_vec();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), texts.len(), "a text was submitted twice: {texts:?}");
}

#[tokio::test]
async fn a_text_is_bound_submitted_and_receipted() {
    let mut smsc = NpmSmsc::start().await;
    let (driver, mut events) = start(config(&smsc));
    assert_eq!(next(&mut events).await, SmsEvent::LinkUp);
    assert_eq!(smsc.until("bind").await["interface_version"], 0x34);

    let body = "Tandem code 12345678. t:ABCDEFGHIJKLMNOPQRSTUVWXYZ\n@example.com #12345678 _$[]{}";
    assert_eq!(submit(&driver, 1, body).await, SubmitOutcome::Accepted { smsc_id: "1".to_owned() });
    let seen = smsc.until("submit").await;
    assert_eq!(seen["text"], body);
    assert_eq!(seen["to"], "4915110000001");
    assert_eq!(seen["from"], "Tandem");
    assert_eq!(
        (&seen["data_coding"], &seen["esm_class"], &seen["registered_delivery"]),
        (&0.into(), &0.into(), &1.into())
    );
    assert!(seen["validity_period"].is_string());

    assert_eq!(next(&mut events).await, SmsEvent::Receipt { message_ref: 1, state: ReceiptState::Delivered });
    assert_eq!(smsc.until("receipt_answer").await["status"], 0);

    smsc.tell("mo 491511 70700 hello there").await;
    let from = E164Digits::parse("491511").unwrap();
    assert_eq!(
        next(&mut events).await,
        SmsEvent::Incoming { from, to: "70700".to_owned(), text: "hello there".to_owned() }
    );
    assert_eq!(smsc.until("mo_answer").await["status"], 0);

    smsc.tell("enquire").await;
    assert_eq!(smsc.until("enquire_answer").await["status"], 0);

    driver.shutdown().await;
    smsc.until("unbind").await;
    smsc.until("closed").await;
}

#[tokio::test]
async fn a_wrong_password_is_named() {
    let smsc = NpmSmsc::start().await;
    let (_driver, mut events) = start(SmppConfig { password: Secret::new("no".to_owned()), ..config(&smsc) });
    let expected = SmsEvent::LinkDown { reason: LinkDownReason::BindRefused(BindRefusal::InvalidPassword) };
    assert_eq!(next(&mut events).await, expected);
}

#[tokio::test]
async fn throttled_texts_all_arrive_once_in_the_end() {
    let mut smsc = NpmSmsc::start().await;
    let (driver, mut events) = start(config(&smsc));
    assert_eq!(next(&mut events).await, SmsEvent::LinkUp);
    smsc.tell("throttle 7").await;
    smsc.tell("limit 20").await;

    let outcomes = submit_many(&driver, 1..=24).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, SubmitOutcome::Accepted { .. })), "{outcomes:?}");
    let mut receipts = Vec::new();
    while receipts.len() < 24 {
        if let SmsEvent::Receipt { message_ref, state: ReceiptState::Delivered } = next(&mut events).await {
            receipts.push(message_ref);
        }
    }
    receipts.sort_unstable();
    assert_eq!(receipts, (1..=24).collect::<Vec<_>>());

    smsc.tell("limit 0").await;
    assert_each_once(&smsc.texts());
    assert_eq!(smsc.submits().len(), 24);
    assert!(smsc.count("throttled") >= 7);
    let Counters { throttled, submits_sent, .. } = driver.counters();
    assert_eq!(throttled, smsc.count("throttled") as u64);
    assert_eq!(submits_sent, throttled + 24);
    driver.shutdown().await;
}

#[tokio::test]
async fn a_silent_link_is_checked() {
    let mut smsc = NpmSmsc::start().await;
    let (driver, mut events) = start(SmppConfig { enquire_link_after: Duration::from_millis(50), ..config(&smsc) });
    assert_eq!(next(&mut events).await, SmsEvent::LinkUp);
    for _ in 0..3 {
        smsc.until("enquire_link").await;
    }
    driver.shutdown().await;
    smsc.until("unbind").await;
    while let Ok(event) = events.try_recv() {
        assert_eq!(event, SmsEvent::LinkDown { reason: LinkDownReason::ShutDown });
    }
}

#[tokio::test]
async fn a_socket_dropped_mid_window_loses_nothing_and_submits_nothing_twice() {
    let mut smsc = NpmSmsc::start().await;
    let (driver, mut events) = start(config(&smsc));
    assert_eq!(next(&mut events).await, SmsEvent::LinkUp);
    smsc.tell("cut 15").await;

    let outcomes = submit_many(&driver, 1..=40).await;
    let accepted = outcomes.iter().filter(|outcome| matches!(outcome, SubmitOutcome::Accepted { .. })).count();
    let unknown = outcomes.iter().filter(|outcome| **outcome == SubmitOutcome::Unknown).count();
    assert_eq!(accepted + unknown, 40, "{outcomes:?}");
    // The 15th was taken and not answered; with it at most the rest of its window is in doubt.
    assert!((1..=10).contains(&unknown), "{unknown}");

    let mut down = false;
    while !down {
        down = next(&mut events).await == SmsEvent::LinkDown { reason: LinkDownReason::ConnectionLost };
    }
    let mut up = false;
    while !up {
        up = next(&mut events).await == SmsEvent::LinkUp;
    }

    smsc.tell("enquire").await;
    let texts = smsc.texts();
    assert_each_once(&texts);
    assert_eq!(smsc.count("bind"), 2);
    // What was accepted was taken; what was taken beyond it is one of the unknown.
    for (index, outcome) in outcomes.iter().enumerate() {
        if matches!(outcome, SubmitOutcome::Accepted { .. }) {
            assert!(texts.contains(&format!("text {}", index + 1)));
        }
    }
    assert!(texts.len() > accepted, "the text that was taken and not answered is there");

    // An idle link that is dropped comes back by itself.
    smsc.tell("drop").await;
    smsc.until("bind").await;
    assert_eq!(
        submit(&driver, 99, "after the drop").await,
        SubmitOutcome::Accepted { smsc_id: (texts.len() + 1).to_string() }
    );
    driver.shutdown().await;
}
