//! The SMPP driver on real sockets against the lab's mock SMSC.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of a test fail like the test itself")]

use std::sync::Arc;
use std::time::Duration;

use tandem_model::Secret;
use tandem_sms::smpp::{SmppConfig, SmppDriver};
use tandem_sms::{
    BindRefusal, E164Digits, LinkDownReason, PermanentReason, ReceiptState, SmsDriver, SmsEvent, SmsSubmit,
    SubmitOutcome, SubmitRefused,
};
use tandem_smsc::{BindFault, Delivered, IdStyle, ReceiptPolicy, Smsc, SmscConfig};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// No step takes longer unless something hangs. It bounds the test and measures nothing.
const HANG: Duration = Duration::from_secs(60);

struct World {
    smsc: Smsc,
    delivered: mpsc::Receiver<Delivered>,
    driver: Arc<SmppDriver>,
    events: mpsc::Receiver<SmsEvent>,
}

fn config(smsc: &Smsc) -> SmppConfig {
    SmppConfig {
        address: smsc.address().to_string(),
        system_id: "tandem".to_owned(),
        password: Secret::new("secret".to_owned()),
        reconnect_wait: (Duration::from_millis(10), Duration::from_millis(100)),
        throttle_wait: (Duration::from_millis(10), Duration::from_millis(200)),
        ..SmppConfig::default()
    }
}

impl World {
    async fn with(change: impl FnOnce(&mut SmppConfig)) -> Self {
        let (smsc, delivered) = Smsc::start(SmscConfig::default()).await.unwrap();
        let mut config = config(&smsc);
        change(&mut config);
        let driver = SmppDriver::start(config, 3).unwrap();
        let events = driver.take_events().unwrap();
        let mut world = Self { smsc, delivered, driver, events };
        assert_eq!(world.event().await, SmsEvent::LinkUp);
        world
    }

    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn event(&mut self) -> SmsEvent {
        timeout(HANG, self.events.recv()).await.expect("no event comes").expect("the driver ended")
    }

    async fn delivery(&mut self) -> Delivered {
        timeout(HANG, self.delivered.recv()).await.expect("no text is delivered").expect("the SMSC ended")
    }

    async fn submit(&self, message_ref: u64) -> SubmitOutcome {
        timeout(HANG, self.driver.submit(sms(message_ref))).await.expect("a submit hangs").unwrap()
    }

    async fn submit_many(&self, count: u64) -> Vec<SubmitOutcome> {
        let one = |reference: u64| {
            let driver = Arc::clone(&self.driver);
            tokio::spawn(
                async move { timeout(HANG, driver.submit(sms(reference))).await.expect("a submit hangs").unwrap() },
            )
        };
        let tasks: Vec<_> = (1..=count).map(one).collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        outcomes
    }

    fn taken_texts(&self) -> Vec<String> {
        self.smsc.submissions().into_iter().map(|submission| submission.text).collect()
    }
}

fn body(message_ref: u64) -> String {
    format!("Tandem code 12345678. t:{message_ref:026}\n@example.com #12345678")
}

fn sms(message_ref: u64) -> SmsSubmit {
    SmsSubmit {
        message_ref,
        to: E164Digits::parse(&format!("+4915110{message_ref:06}")).unwrap(),
        body: body(message_ref),
        validity: Duration::from_secs(300),
    }
}

fn accepted(id: &str) -> SubmitOutcome {
    SubmitOutcome::Accepted { smsc_id: id.to_owned() }
}

fn receipt(message_ref: u64, state: ReceiptState) -> SmsEvent {
    SmsEvent::Receipt { message_ref, state }
}

#[tokio::test]
async fn a_text_reaches_the_phone_as_it_was_written_and_its_receipt_comes_back() {
    let mut world = World::new().await;
    assert_eq!(world.submit(7).await, accepted("1"));
    let delivered = world.delivery().await;
    assert_eq!(delivered, Delivered { to: "4915110000007".to_owned(), from: "Tandem".to_owned(), text: body(7) });
    assert_eq!(world.event().await, receipt(7, ReceiptState::Delivered));
    let submission = world.smsc.submissions().remove(0);
    assert_eq!((submission.data_coding, submission.esm_class, submission.registered_delivery), (0, 0, 1));
}

#[tokio::test]
async fn refused_binds_are_named_and_the_link_comes_up_once_the_cause_is_gone() {
    let (smsc, _delivered) = Smsc::start(SmscConfig::default()).await.unwrap();
    smsc.refuse_binds(Some(BindFault::AlreadyBound));
    let driver = SmppDriver::start(config(&smsc), 3).unwrap();
    let mut events = driver.take_events().unwrap();
    let first = timeout(HANG, events.recv()).await.unwrap().unwrap();
    assert_eq!(first, SmsEvent::LinkDown { reason: LinkDownReason::BindRefused(BindRefusal::AlreadyBound) });
    smsc.refuse_binds(None);
    while timeout(HANG, events.recv()).await.unwrap().unwrap() != SmsEvent::LinkUp {}
    assert_eq!(smsc.bound_sessions(), 1);
}

#[tokio::test]
async fn a_wrong_account_is_told_apart_from_a_wrong_password() {
    let (smsc, _delivered) = Smsc::start(SmscConfig::default()).await.unwrap();
    for (system_id, password, refusal) in
        [("stranger", "secret", BindRefusal::InvalidSystemId), ("tandem", "wrong", BindRefusal::InvalidPassword)]
    {
        let config =
            SmppConfig { system_id: system_id.to_owned(), password: Secret::new(password.to_owned()), ..config(&smsc) };
        let driver = SmppDriver::start(config, 3).unwrap();
        let mut events = driver.take_events().unwrap();
        let first = timeout(HANG, events.recv()).await.unwrap().unwrap();
        assert_eq!(first, SmsEvent::LinkDown { reason: LinkDownReason::BindRefused(refusal) });
    }
}

#[tokio::test]
async fn throttling_and_full_queues_delay_texts_and_double_none() {
    let world = World::new().await;
    world.smsc.throttle_next(12);
    world.smsc.queue_full_next(5);
    let outcomes = world.submit_many(30).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, SubmitOutcome::Accepted { .. })), "{outcomes:?}");
    let mut texts = world.taken_texts();
    texts.sort();
    assert_eq!(texts, (1..=30).map(body).collect::<Vec<_>>());
    assert_eq!(world.driver.counters().throttled, 17);
}

#[tokio::test]
async fn throttling_without_end_is_given_back_and_nothing_was_sent() {
    let world = World::with(|config| config.throttle_tries = 3).await;
    world.smsc.throttle_next(u32::MAX);
    assert!(matches!(world.submit(1).await, SubmitOutcome::Throttled { .. }));
    assert!(world.smsc.submissions().is_empty());
}

#[tokio::test]
async fn a_number_the_network_refuses_is_permanent() {
    let world = World::new().await;
    world.smsc.refuse_number("4915110000001");
    assert_eq!(world.submit(1).await, SubmitOutcome::Permanent { reason: PermanentReason::InvalidDestination });
    assert_eq!(world.submit(2).await, accepted("1"));
}

#[tokio::test]
async fn a_socket_cut_mid_window_makes_the_unanswered_unknown_and_sends_the_rest_once() {
    let mut world = World::new().await;
    world.smsc.cut_after_submits(15);
    let outcomes = world.submit_many(40).await;
    let unknown = outcomes.iter().filter(|outcome| **outcome == SubmitOutcome::Unknown).count();
    let accepted = outcomes.iter().filter(|outcome| matches!(outcome, SubmitOutcome::Accepted { .. })).count();
    assert_eq!(unknown + accepted, 40, "{outcomes:?}");
    assert!((1..=10).contains(&unknown));
    let texts = world.taken_texts();
    for reference in 1..=40_u64 {
        let times = texts.iter().filter(|text| **text == body(reference)).count();
        let outcome = &outcomes[usize::try_from(reference - 1).unwrap()];
        assert!(times <= 1, "text {reference} was submitted {times} times");
        assert!(times == 1 || *outcome == SubmitOutcome::Unknown, "text {reference} is lost although {outcome:?}");
    }
    assert_eq!(world.smsc.binds(), 2);
    while world.event().await != (SmsEvent::LinkDown { reason: LinkDownReason::ConnectionLost }) {}
    while world.event().await != SmsEvent::LinkUp {}
}

#[tokio::test]
async fn an_answer_that_never_comes_is_unknown_and_its_receipt_is_not_ours_to_tell() {
    let mut world = World::with(|config| config.answer_timeout = Duration::from_millis(100)).await;
    world.smsc.withhold_answers(1);
    assert_eq!(world.submit(1).await, SubmitOutcome::Unknown);
    // The text arrived all the same, which is why the outcome is unknown and not a failure.
    assert_eq!(world.delivery().await.text, body(1));
    assert_eq!(world.submit(2).await, accepted("2"));
    assert_eq!(world.event().await, receipt(2, ReceiptState::Delivered));
    assert_eq!(world.taken_texts(), [body(1), body(2)]);
}

#[tokio::test]
async fn receipts_early_twice_and_in_another_base_are_told_once() {
    for (style, id) in [(IdStyle::Same, "26"), (IdStyle::HexAnswer, "1A"), (IdStyle::HexReceipt, "26")] {
        let mut world = World::new().await;
        world.smsc.receipts(ReceiptPolicy::Never);
        world.submit_many(25).await;
        world.smsc.receipts(ReceiptPolicy::Truthful);
        world.smsc.id_style(style);
        world.smsc.receipts_twice(true);
        world.smsc.receipt_before_answer(true);
        world.smsc.receipts_as_text_only(true);
        assert_eq!(world.submit(26).await, accepted(id));
        assert_eq!(world.event().await, receipt(26, ReceiptState::Delivered), "{style:?}");
        world.smsc.send_from_phone("491511", "70700", "end").await.unwrap();
        assert!(matches!(world.event().await, SmsEvent::Incoming { .. }), "nothing was told between");
    }
}

#[tokio::test]
async fn a_lost_text_is_undeliverable_and_a_doubled_one_is_one_receipt() {
    let mut world = World::new().await;
    world.smsc.lose_next(1);
    world.submit(1).await;
    assert_eq!(world.event().await, receipt(1, ReceiptState::Undeliverable));
    world.smsc.deliver_twice_next(1);
    world.submit(2).await;
    assert_eq!(world.event().await, receipt(2, ReceiptState::Delivered));
    assert_eq!(world.delivery().await.text, body(2));
    assert_eq!(world.delivery().await.text, body(2));
}

#[tokio::test]
async fn hostile_deliveries_are_answered_and_the_link_lives() {
    let mut world = World::new().await;
    world.smsc.send_receipt("no-such-id", "491511", "DELIVRD").await.unwrap();
    world.smsc.send_receipt("", "491511", "DELIVRD").await.unwrap();
    // deliver_sm with a TLV that claims more octets than there are.
    let mut octets = vec![0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 3, 0xE7];
    octets.extend([0, 1, 1, b'4', b'9', 0, 1, 1, b'7', 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    octets.extend([0x04, 0x24, 0xFF, 0xFF, b'x']);
    octets[3] = u8::try_from(octets.len()).unwrap();
    world.smsc.send_octets(&octets).await.unwrap();
    // A command nobody knows.
    world.smsc.send_octets(&[0, 0, 0, 16, 0, 0, 0x77, 0x77, 0, 0, 0, 0, 0, 0, 0, 9]).await.unwrap();
    world.smsc.send_from_phone("491511", "70700", "still here").await.unwrap();
    assert!(matches!(world.event().await, SmsEvent::Incoming { text, .. } if text == "still here"));
    // The answers are on their way before a text is accepted after them.
    assert_eq!(world.submit(1).await, accepted("1"));
    assert_eq!(world.smsc.delivery_answers(), [0, 0, 0x65, 0]);
    let counters = world.driver.counters();
    assert_eq!((counters.undecodable_pdus, counters.unexpected_requests), (1, 1));
    assert_eq!(world.smsc.bound_sessions(), 1);
}

#[tokio::test]
async fn an_impossible_length_cuts_the_link_and_it_comes_back() {
    let mut world = World::new().await;
    world.smsc.send_octets(&[0xFF; 64]).await.unwrap();
    assert_eq!(world.event().await, SmsEvent::LinkDown { reason: LinkDownReason::ProtocolError });
    assert_eq!(world.event().await, SmsEvent::LinkUp);
}

#[tokio::test]
async fn an_smsc_that_does_not_answer_the_check_is_left_and_tried_again() {
    let mut world = World::with(|config| {
        config.enquire_link_after = Duration::from_millis(30);
        config.answer_timeout = Duration::from_millis(200);
    })
    .await;
    world.smsc.answer_enquiries(false);
    assert_eq!(world.event().await, SmsEvent::LinkDown { reason: LinkDownReason::LinkSilent });
    world.smsc.answer_enquiries(true);
    assert_eq!(world.event().await, SmsEvent::LinkUp);
    assert!(world.smsc.enquiries() >= 1);
}

#[tokio::test]
async fn an_smsc_that_unbinds_is_left_politely_and_tried_again() {
    let mut world = World::new().await;
    world.smsc.unbind_all().await;
    assert_eq!(world.event().await, SmsEvent::LinkDown { reason: LinkDownReason::PeerUnbound });
    assert_eq!(world.event().await, SmsEvent::LinkUp);
}

#[tokio::test]
async fn shutting_down_unbinds_and_refuses_what_comes_later() {
    let mut world = World::new().await;
    world.submit(1).await;
    timeout(HANG, world.driver.shutdown()).await.unwrap();
    assert_eq!(world.smsc.unbinds(), 1);
    assert_eq!(world.driver.submit(sms(2)).await, Err(SubmitRefused::ShutDown));
    timeout(HANG, world.driver.shutdown()).await.expect("a second shutdown returns at once");
    while let Some(event) = timeout(HANG, world.events.recv()).await.unwrap() {
        assert!(matches!(event, SmsEvent::Receipt { .. } | SmsEvent::LinkDown { reason: LinkDownReason::ShutDown }));
    }
}

#[tokio::test]
async fn a_queue_that_is_full_refuses_by_name_and_keeps_what_it_has() {
    let (smsc, _delivered) = Smsc::start(SmscConfig::default()).await.unwrap();
    smsc.refuse_binds(Some(BindFault::Silence));
    let driver = SmppDriver::start(SmppConfig { queue_capacity: 3, ..config(&smsc) }, 3).unwrap();
    let tasks: Vec<_> = (1..=4)
        .map(|reference| {
            let driver = Arc::clone(&driver);
            tokio::spawn(async move { driver.submit(sms(reference)).await })
        })
        .collect();
    let mut refused = 0;
    let mut waiting = Vec::new();
    for task in tasks {
        if task.is_finished() { refused += 1 } else { waiting.push(task) }
    }
    assert_eq!(refused, 0, "tasks do not run before this one waits");
    let mut outcomes = Vec::new();
    let shutdown = async {
        tokio::task::yield_now().await;
        while driver.submit(sms(99)).await != Err(SubmitRefused::QueueFull) {
            tokio::task::yield_now().await;
        }
        driver.shutdown().await;
    };
    timeout(HANG, shutdown).await.unwrap();
    for task in waiting {
        outcomes.push(task.await.unwrap());
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Ok(SubmitOutcome::Temporary)).count(), 3);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(SubmitRefused::QueueFull)).count(), 1);
    assert!(smsc.submissions().is_empty());
}

#[tokio::test]
async fn events_nobody_reads_are_put_off_and_not_lost() {
    let mut world = World::new().await;
    for index in 0..600 {
        world.smsc.send_from_phone("491511", "70700", &format!("text {index}")).await.unwrap();
    }
    let all_answered = async {
        while world.smsc.delivery_answers().len() < 600 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, all_answered).await.expect("a delivery is not answered");
    // The link still works although the events are not read.
    assert_eq!(world.submit(1).await, accepted("1"));
    assert!(world.driver.counters().deferred_deliveries > 0);
    let mut heard = 0;
    while let Ok(event) = world.events.try_recv() {
        assert!(matches!(event, SmsEvent::Incoming { .. } | SmsEvent::Receipt { .. }));
        heard += 1;
    }
    assert!(heard >= 256);
    let answers = world.smsc.delivery_answers();
    let put_off = answers.iter().filter(|status| **status == 0x64).count();
    assert!(put_off > 0 && answers.iter().all(|status| [0, 0x64].contains(status)));
}
