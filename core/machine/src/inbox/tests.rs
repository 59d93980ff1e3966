//! Texts for me seen from outside: durable, acknowledged, shown once.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::bench::toy_number;
use crate::effect::{Effect, Event};
use crate::fold;
use crate::input::{HostInput, StoreFailure};
use crate::rig::{LINE, PEER, Rig, events, frames, rig_seal};
use crate::text_envelope;
use crate::view::ArrivedText;
use tandem_model::{Bearer, DeviceEpoch, NumberEpoch, SealedBody, Secret, SenderSeq, TextBody, TextId};
use tandem_wire::frame::DeliverText;
use tandem_wire::{ClientFrame, ServerFrame};

fn id(counter: u64) -> TextId {
    TextId { device_epoch: DeviceEpoch(77), counter }
}

fn delivery(rig: &Rig, counter: u64, seq: u64, words: &str) -> DeliverText {
    let (from, seq) = (toy_number(PEER), SenderSeq(seq));
    let context = text_envelope::context(from, toy_number(1), id(counter), seq);
    let body = TextBody::new(words).unwrap();
    DeliverText {
        from,
        from_epoch: NumberEpoch(1),
        id: id(counter),
        seq,
        sealed: rig_seal(1, &context, &text_envelope::wrap(&body)),
        stored_at: rig.server_now(),
    }
}

fn deliver(rig: &mut Rig, text: DeliverText) -> Vec<Effect> {
    rig.frame(ServerFrame::DeliverText(text))
}

fn taken(effects: &[Effect]) -> Vec<TextId> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::TextTaken { texts } => Some(texts),
            _ => None,
        })
        .flatten()
        .map(|(from, id)| {
            assert_eq!(from, toy_number(PEER));
            id
        })
        .collect()
}

fn arrived(effects: &[Effect]) -> Vec<ArrivedText> {
    events(effects)
        .into_iter()
        .filter_map(|event| match event {
            Event::TextArrived(text) => Some(text),
            _ => None,
        })
        .collect()
}

fn words(text: &ArrivedText) -> Option<&str> {
    text.body.as_ref().map(TextBody::as_str)
}

fn sms(rig: &mut Rig, from: &str, body: &str) -> Vec<Effect> {
    rig.host(HostInput::SmsReceived { line: LINE, from: Secret::new(from.into()), body: Secret::new(body.into()) })
}

#[test]
fn a_text_is_durable_before_it_is_acknowledged_and_shown() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = None;
    let text = delivery(&rig, 1, 1, "hello");
    let effects = deliver(&mut rig, text);
    assert!(taken(&effects).is_empty() && arrived(&effects).is_empty());
    let (ticket, changes) = rig.unanswered.pop().unwrap();
    let effects = rig.answer_commit(ticket, &changes);
    assert_eq!(taken(&effects), [id(1)]);
    assert_eq!(arrived(&effects).iter().map(words).collect::<Vec<_>>(), [Some("hello")]);
}

#[test]
fn a_text_that_comes_again_is_acknowledged_again_and_shown_once() {
    let mut rig = Rig::online(&[PEER]);
    let text = delivery(&rig, 1, 1, "hello");
    deliver(&mut rig, text.clone());
    let effects = deliver(&mut rig, text.clone());
    assert_eq!(taken(&effects), [id(1)]);
    assert!(arrived(&effects).is_empty());
    rig.crash();
    rig.connect();
    let effects = deliver(&mut rig, text);
    assert_eq!(taken(&effects), [id(1)]);
    assert!(arrived(&effects).is_empty());
}

#[test]
fn a_text_delivered_twice_before_it_is_durable_is_one_row_and_one_acknowledgement() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = None;
    let text = delivery(&rig, 1, 1, "hello");
    deliver(&mut rig, text.clone());
    deliver(&mut rig, text);
    assert_eq!(rig.unanswered.len(), 1);
}

#[test]
fn a_text_that_cannot_be_kept_is_not_acknowledged() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = Some(Err(StoreFailure::Full));
    let text = delivery(&rig, 1, 1, "hello");
    let effects = deliver(&mut rig, text.clone());
    assert!(taken(&effects).is_empty() && arrived(&effects).is_empty());
    rig.store_says = Some(Ok(()));
    assert_eq!(arrived(&deliver(&mut rig, text)).len(), 1, "the server keeps it and delivers it again");
}

#[test]
fn a_text_that_does_not_open_is_kept_and_shown_as_such() {
    let mut rig = Rig::online(&[PEER]);
    let mut text = delivery(&rig, 1, 1, "hello");
    text.sealed = SealedBody(vec![1, 2, 3]);
    let effects = deliver(&mut rig, text);
    assert_eq!(arrived(&effects).iter().map(words).collect::<Vec<_>>(), [None]);
    assert_eq!(taken(&effects), [id(1)]);
}

#[test]
fn a_text_moved_to_another_place_by_the_server_does_not_open() {
    let mut rig = Rig::online(&[PEER]);
    let mut text = delivery(&rig, 1, 1, "hello");
    text.seq = SenderSeq(2);
    assert_eq!(arrived(&deliver(&mut rig, text)).iter().map(words).collect::<Vec<_>>(), [None]);
}

#[test]
fn a_gap_in_the_order_is_shown_and_survives_a_restart() {
    let mut rig = Rig::online(&[PEER]);
    let gaps = |rig: &mut Rig, counter, seq| -> Vec<u64> {
        let text = delivery(rig, counter, seq, "x");
        arrived(&deliver(rig, text)).iter().map(|text| text.gap_before).collect()
    };
    assert_eq!(gaps(&mut rig, 5, 5), [0], "nothing is known of what came before");
    assert_eq!(gaps(&mut rig, 6, 6), [0]);
    assert_eq!(gaps(&mut rig, 9, 9), [2]);
    rig.crash();
    rig.connect();
    assert_eq!(gaps(&mut rig, 11, 11), [1]);
    assert_eq!(gaps(&mut rig, 10, 10), [0], "a late one is no gap");
}

#[test]
fn texts_of_one_device_are_kept_one_commit_after_the_other_and_acknowledged_together() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = None;
    for n in 1..=3 {
        let text = delivery(&rig, n, n, "x");
        deliver(&mut rig, text);
    }
    assert_eq!(rig.unanswered.len(), 1, "the first is on its way, the others wait for it");
    let (ticket, changes) = rig.unanswered.pop().unwrap();
    rig.store_says = Some(Ok(()));
    let effects = rig.answer_commit(ticket, &changes);
    assert_eq!(taken(&effects), [id(1), id(2), id(3)]);
    assert_eq!(arrived(&effects).iter().map(|text| text.gap_before).collect::<Vec<_>>(), [0, 0, 0]);
}

#[test]
fn what_follows_a_text_that_could_not_be_kept_waits_for_it() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = Some(Err(StoreFailure::Full));
    let first = delivery(&rig, 1, 1, "one");
    deliver(&mut rig, first.clone());
    rig.store_says = Some(Ok(()));
    let second = delivery(&rig, 2, 2, "two");
    let effects = deliver(&mut rig, second.clone());
    assert!(taken(&effects).is_empty() && arrived(&effects).is_empty(), "not before the first");
    assert_eq!(taken(&deliver(&mut rig, first)), [id(1)]);
    assert_eq!(taken(&deliver(&mut rig, second)), [id(2)]);
}

#[test]
fn a_device_whose_number_changed_keeps_its_order() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = None;
    let first = delivery(&rig, 1, 1, "one");
    let mut second = delivery(&rig, 2, 2, "two");
    second.from = toy_number(9);
    deliver(&mut rig, first);
    deliver(&mut rig, second);
    assert_eq!(rig.unanswered.len(), 1, "the second waits for the first");
}

#[test]
fn a_text_that_never_comes_again_holds_nothing_off_for_ever() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = Some(Err(StoreFailure::Full));
    let first = delivery(&rig, 1, 1, "one");
    deliver(&mut rig, first);
    rig.store_says = Some(Ok(()));
    let second = delivery(&rig, 2, 2, "two");
    rig.pass_online(119_999);
    assert!(taken(&deliver(&mut rig, second.clone())).is_empty());
    rig.pass_online(1);
    assert_eq!(taken(&deliver(&mut rig, second)), [id(2)]);
}

#[test]
fn an_sms_is_a_text_too_and_the_same_words_twice_are_two() {
    let mut rig = Rig::online(&[PEER]);
    let first = arrived(&sms(&mut rig, "0151 23000002", "ok"));
    let second = arrived(&sms(&mut rig, "+4915123000002", "ok"));
    assert_eq!((words(&first[0]), words(&second[0])), (Some("ok"), Some("ok")));
    assert_eq!(first[0].from, toy_number(PEER));
    assert_eq!(first[0].bearer, Bearer::Carrier);
    assert_ne!(first[0].id, second[0].id);
    assert_eq!(rig.store.incoming.len(), 2);
}

#[test]
fn an_sms_from_somebody_without_a_number_stays_with_the_os() {
    let mut rig = Rig::online(&[PEER]);
    assert!(sms(&mut rig, "MyBank", "your balance").is_empty());
    assert!(rig.store.incoming.is_empty());
}

#[test]
fn the_copies_of_a_text_fold_whichever_comes_first() {
    let body = TextBody::new("hello").unwrap();
    let marked = fold::tagged(&body, id(1));
    let mut rig = Rig::online(&[PEER]);
    let text = delivery(&rig, 1, 1, "hello");
    assert_eq!(arrived(&deliver(&mut rig, text)).len(), 1);
    assert!(arrived(&sms(&mut rig, "+4915123000002", marked.as_str())).is_empty());

    let mut rig = Rig::online(&[PEER]);
    let shown = arrived(&sms(&mut rig, "+4915123000002", marked.as_str()));
    assert_eq!(words(&shown[0]), Some("hello"), "without its mark");
    rig.crash();
    rig.connect();
    let text = delivery(&rig, 1, 1, "hello");
    let effects = deliver(&mut rig, text);
    assert!(arrived(&effects).is_empty());
    assert_eq!(taken(&effects), [id(1)]);
}

#[test]
fn a_mark_of_another_sender_folds_nothing() {
    let mut rig = Rig::online(&[PEER]);
    let marked = fold::tagged(&TextBody::new("hello").unwrap(), id(1));
    sms(&mut rig, "+4915123000003", marked.as_str());
    let text = delivery(&rig, 1, 1, "hello");
    assert_eq!(arrived(&deliver(&mut rig, text)).len(), 1);
}

#[test]
fn an_sms_that_cannot_be_kept_is_shown_all_the_same() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = Some(Err(StoreFailure::Broken));
    assert_eq!(arrived(&sms(&mut rig, "+4915123000002", "ok")).len(), 1);
}

#[test]
fn texts_for_a_line_that_is_not_registered_are_left_alone() {
    let mut rig = Rig::fresh();
    let text = delivery(&rig, 1, 1, "hello");
    assert!(deliver(&mut rig, text).is_empty());
}
