//! A phone and its direct connections, with the other phone and the server played by hand.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use super::hello::{self, Role};
use super::{DirectConn, DirectInput, DirectOrder, KEYING};
use crate::bench::toy_number;
use crate::config::Config;
use crate::effect::{Effect, Event, Refusal, Reply};
use crate::input::{Command, Input};
use crate::rig::{
    LINE, Rig, RigVault, events, frames, registered_store, reply_to, rig_seal, rig_sealing_key, sent_texts, sim,
    statuses,
};
use crate::text_envelope;
use tandem_model::vault::KeyHandle;
use tandem_model::{
    DeviceEpoch, NumberEpoch, SealedBody, Secret, SenderSeq, ServerMillis, TerminalState, TextBody, TextId, TextStatus,
    Ticket, Vault,
};
use tandem_wire::frame::{
    AddressKind, Capability, DirectAddress, DirectFrame, DirectText, Granted, RefuseReason, Resolved,
};
use tandem_wire::{ClientFrame, ServerFrame};

const KEYS: [u8; KEYING] = [7; KEYING];
const FIRST: DirectConn = DirectConn(2);

fn online(peers: &[u64]) -> Rig {
    let config = Config { direct: true, ..Config::default() };
    let mut rig = Rig::boot_with(config, registered_store(peers), 8).0;
    rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
    rig.connect();
    let effects = rig.feed(Input::Direct(DirectInput::Listening { port: Some(4_433) }));
    for frame in frames(&effects) {
        if let ClientFrame::DirectPort { ticket, port } = frame {
            assert_eq!(port, Some(4_433));
            rig.frame(ServerFrame::Done { ticket });
        }
    }
    rig
}

fn orders(effects: &[Effect]) -> Vec<DirectOrder> {
    let direct = |effect: &Effect| if let Effect::Direct(order) = effect { Some(order.clone()) } else { None };
    effects.iter().filter_map(direct).collect()
}

fn texts(effects: &[Effect]) -> Vec<DirectText> {
    let text = |order| match order {
        DirectOrder::Send { frame: DirectFrame::Text(text), .. } => Some(text),
        DirectOrder::Send { .. }
        | DirectOrder::Connect { .. }
        | DirectOrder::Datagram { .. }
        | DirectOrder::Close { .. } => None,
    };
    orders(effects).into_iter().filter_map(text).collect()
}

/// A greeting by phone `n`, to phone 1.
pub(super) fn greeting(n: u64, role: Role, keying: &[u8; KEYING]) -> SealedBody {
    let (from, to) = ((toy_number(n), NumberEpoch(1)), (toy_number(1), NumberEpoch(1)));
    let mut vault = RigVault { next: 0 };
    hello::make(keying, role, (from, KeyHandle(n)), (to, &rig_sealing_key(1, 1)), &mut vault).unwrap()
}

fn ask_of(effects: &[Effect]) -> Option<Ticket> {
    frames(effects).into_iter().find_map(|frame| match frame {
        ClientFrame::ResolveAsk { ticket, to } if to == toy_number(2) => Some(ticket),
        _ => None,
    })
}

/// The server tells where phone 2 is.
fn told(rig: &mut Rig, ask: Ticket, kind: AddressKind) -> Vec<Effect> {
    let capability = Capability([0xCA; 16]);
    let effects =
        rig.frame(ServerFrame::Capability(Granted { ticket: ask, capability, expires_at: ServerMillis(i64::MAX) }));
    let [ClientFrame::Resolve { ticket, capability: shown }] = frames(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(shown, capability);
    let addresses = vec![DirectAddress { address: "203.0.113.7".parse().unwrap(), kind }];
    rig.frame(ServerFrame::Resolved(Resolved { ticket, generation: 1, age_ms: 5, addresses, port: 4_433 }))
}

/// Until both ends are proven; what is ordered then.
fn proven(rig: &mut Rig, ask: Ticket) -> Vec<Effect> {
    let effects = told(rig, ask, AddressKind::Public);
    let addresses = vec!["203.0.113.7".parse().unwrap()];
    assert_eq!(orders(&effects), vec![DirectOrder::Connect { conn: FIRST, addresses, port: 4_433 }]);
    let effects = rig.feed(Input::Direct(DirectInput::Opened { conn: FIRST, keying: KEYS }));
    let [DirectOrder::Send { conn: FIRST, frame: DirectFrame::Hello(sealed) }] = &orders(&effects)[..] else {
        panic!("{effects:?}")
    };
    let vault = RigVault { next: 0 };
    assert!(hello::open(&KEYS, Role::Connects, KeyHandle(2), sealed, &vault).is_some(), "whom it is for can read it");
    assert!(hello::open(&KEYS, Role::Connects, KeyHandle(3), sealed, &vault).is_none(), "and nobody else");
    let hello = DirectFrame::Hello(greeting(2, Role::Answers, &KEYS));
    rig.feed(Input::Direct(DirectInput::Frame { conn: FIRST, frame: hello }))
}

fn kept(rig: &mut Rig, ids: Vec<TextId>) -> Vec<Effect> {
    rig.feed(Input::Direct(DirectInput::Frame { conn: FIRST, frame: DirectFrame::TextKept { ids } }))
}

const DELIVERED: TextStatus = TextStatus::Ended { state: TerminalState::Delivered, read: false };

#[test]
fn a_text_goes_directly_once_both_ends_are_proven_and_ends_with_its_acknowledgement() {
    let mut rig = online(&[2]);
    let (_, effects) = rig.text(2, "hi");
    assert!(sent_texts(&effects).is_empty(), "it waits to know the way");
    let effects = proven(&mut rig, ask_of(&effects).unwrap());
    let sent = texts(&effects);
    assert_eq!(sent.len(), 1);
    let context = text_envelope::context(toy_number(1), toy_number(2), sent[0].id, sent[0].seq);
    let plain = RigVault { next: 0 }.open(KeyHandle(2), &context, &sent[0].sealed).unwrap();
    assert_eq!(text_envelope::unwrap(&plain), TextBody::new("hi"), "sealed as it would be for the server");
    let effects = kept(&mut rig, vec![sent[0].id]);
    assert_eq!(statuses(&effects), vec![DELIVERED]);
    assert!(sent_texts(&rig.pass_online(60_000)).is_empty(), "the server never sees it");
}

#[test]
fn texts_go_in_order_behind_each_other_and_later_ones_without_asking() {
    let mut rig = online(&[2]);
    let (_, effects) = rig.text(2, "1");
    let ask = ask_of(&effects).unwrap();
    rig.text(2, "2");
    let sent = texts(&proven(&mut rig, ask));
    assert_eq!(sent.iter().map(|text| text.seq.0).collect::<Vec<_>>(), vec![1, 2]);
    let (_, effects) = rig.text(2, "3");
    assert_eq!(texts(&effects).len(), 1, "the way is known");
    assert!(ask_of(&effects).is_none());
    let third = texts(&effects)[0].id;
    let effects = kept(&mut rig, vec![sent[0].id, sent[1].id, third]);
    assert_eq!(statuses(&effects), vec![DELIVERED; 3]);
}

#[test]
fn what_is_not_acknowledged_in_time_goes_through_the_server_under_its_id() {
    let mut rig = online(&[2]);
    let (_, effects) = rig.text(2, "hi");
    let sent = texts(&proven(&mut rig, ask_of(&effects).unwrap()));
    assert!(sent_texts(&rig.pass_online(9_999)).is_empty());
    let effects = rig.pass_online(1);
    let again = sent_texts(&effects);
    assert_eq!((again.len(), again[0].id, again[0].seq), (1, sent[0].id, sent[0].seq));
    assert!(orders(&effects).contains(&DirectOrder::Close { conn: FIRST }));
    assert!(matches!(kept(&mut rig, vec![sent[0].id])[..], []), "a late word of a closed connection is nobody's");
}

#[test]
fn what_was_on_a_lost_connection_goes_through_the_server_in_order() {
    let mut rig = online(&[2]);
    let (_, effects) = rig.text(2, "1");
    proven(&mut rig, ask_of(&effects).unwrap());
    rig.text(2, "2");
    let effects = rig.feed(Input::Direct(DirectInput::Closed { conn: FIRST }));
    let first = sent_texts(&effects);
    assert_eq!(first.iter().map(|text| text.seq.0).collect::<Vec<_>>(), vec![1], "one at a time to the server");
    let second = sent_texts(&rig.stored(&first[0]));
    assert_eq!(second.iter().map(|text| text.seq.0).collect::<Vec<_>>(), vec![2]);
}

#[test]
fn what_the_server_puts_off_goes_directly_as_soon_as_there_is_a_way() {
    let mut rig = online(&[2]);
    let (_, effects) = rig.text(2, "hi");
    proven(&mut rig, ask_of(&effects).unwrap());
    let sent = sent_texts(&rig.pass_online(10_000));
    let (ticket, reason) = (sent[0].ticket, RefuseReason::Budget);
    rig.frame(ServerFrame::Refused { ticket, reason, retry_after_ms: 3_600_000 });
    let effects = rig.pass_online(60_000);
    let ask = ask_of(&effects).expect("the way is looked for again");
    let capability = Capability([0xCA; 16]);
    let granted = Granted { ticket: ask, capability, expires_at: ServerMillis(i64::MAX) };
    let effects = rig.frame(ServerFrame::Capability(granted));
    let [ClientFrame::Resolve { ticket, .. }] = frames(&effects)[..] else { panic!("{effects:?}") };
    let addresses = vec![DirectAddress { address: "203.0.113.8".parse().unwrap(), kind: AddressKind::Public }];
    rig.frame(ServerFrame::Resolved(Resolved { ticket, generation: 2, age_ms: 5, addresses, port: 4_433 }));
    let conn = DirectConn(4);
    rig.feed(Input::Direct(DirectInput::Opened { conn, keying: KEYS }));
    let frame = DirectFrame::Hello(greeting(2, Role::Answers, &KEYS));
    let again = texts(&rig.feed(Input::Direct(DirectInput::Frame { conn, frame })));
    assert_eq!(again.iter().map(|text| text.id).collect::<Vec<_>>(), vec![sent[0].id]);
}

#[test]
fn what_waits_at_the_server_is_not_overtaken() {
    let mut rig = online(&[2]);
    let (_, effects) = rig.text(2, "1");
    let ask = ask_of(&effects).unwrap();
    let effects =
        rig.frame(ServerFrame::Refused { ticket: ask, reason: RefuseReason::NotAvailable, retry_after_ms: 0 });
    let first = sent_texts(&effects);
    assert_eq!(first.len(), 1, "who may not know goes through the server at once");
    rig.stored(&first[0]);
    let hello = DirectFrame::Hello(greeting(2, Role::Connects, &KEYS));
    rig.feed(Input::Direct(DirectInput::Came { conn: DirectConn(1), keying: KEYS }));
    rig.feed(Input::Direct(DirectInput::Frame { conn: DirectConn(1), frame: hello }));
    let (_, effects) = rig.text(2, "2");
    assert_eq!((texts(&effects).len(), sent_texts(&effects).len()), (0, 1), "behind the first");
    rig.stored(&sent_texts(&effects)[0]);
    for id in [first[0].id, sent_texts(&effects)[0].id] {
        let state = TerminalState::Delivered;
        rig.frame(ServerFrame::TextState { id, to: toy_number(2), state, at: ServerMillis(1) });
    }
    let (_, effects) = rig.text(2, "3");
    assert_eq!((texts(&effects).len(), sent_texts(&effects).len()), (1, 0), "both have ended");
}

#[test]
fn behind_a_nat_nobody_is_tried() {
    let mut rig = online(&[2]);
    let (_, effects) = rig.text(2, "hi");
    let effects = told(&mut rig, ask_of(&effects).unwrap(), AddressKind::BehindNat);
    assert!(orders(&effects).is_empty());
    assert_eq!(sent_texts(&effects).len(), 1);
}

#[test]
fn a_server_that_does_not_say_where_they_are_holds_no_text_up() {
    let mut rig = online(&[2]);
    rig.text(2, "hi");
    assert!(sent_texts(&rig.pass(2_999)).is_empty());
    assert_eq!(sent_texts(&rig.pass(1)).len(), 1);
}

#[test]
fn whoever_answers_and_is_not_whom_we_meant_hears_nothing_more() {
    for (n, role, keying) in [(3, Role::Answers, KEYS), (2, Role::Connects, KEYS), (2, Role::Answers, [8; KEYING])] {
        let mut rig = online(&[2, 3]);
        let (_, effects) = rig.text(2, "hi");
        told(&mut rig, ask_of(&effects).unwrap(), AddressKind::Public);
        rig.feed(Input::Direct(DirectInput::Opened { conn: FIRST, keying: KEYS }));
        let hello = DirectFrame::Hello(greeting(n, role, &keying));
        let effects = rig.feed(Input::Direct(DirectInput::Frame { conn: FIRST, frame: hello }));
        assert_eq!(orders(&effects), vec![DirectOrder::Close { conn: FIRST }]);
        assert_eq!(sent_texts(&effects).len(), 1, "the text goes on through the server");
    }
}

fn come(rig: &mut Rig, frame: DirectFrame) -> Vec<Effect> {
    let conn = DirectConn(1);
    assert!(rig.feed(Input::Direct(DirectInput::Came { conn, keying: KEYS })).is_empty(), "not one byte");
    rig.feed(Input::Direct(DirectInput::Frame { conn, frame }))
}

#[test]
fn a_stranger_is_closed_without_one_byte() {
    let text = DirectText { id: incoming(1), seq: SenderSeq(1), sealed: SealedBody(vec![1]) };
    let hostile = [
        // No contact.
        DirectFrame::Hello(greeting(4, Role::Connects, &KEYS)),
        // A greeting of another connection.
        DirectFrame::Hello(greeting(2, Role::Connects, &[8; KEYING])),
        // Our own kind of answer, sent back to us.
        DirectFrame::Hello(greeting(2, Role::Answers, &KEYS)),
        DirectFrame::Hello(SealedBody(vec![0; 160])),
        DirectFrame::Text(text),
        DirectFrame::TextKept { ids: vec![incoming(1)] },
    ];
    for frame in hostile {
        let mut rig = online(&[2]);
        let effects = come(&mut rig, frame);
        assert_eq!(effects, vec![Effect::Direct(DirectOrder::Close { conn: DirectConn(1) })]);
    }
    let mut rig = online(&[2]);
    rig.feed(Input::Direct(DirectInput::Came { conn: DirectConn(1), keying: KEYS }));
    assert!(orders(&rig.pass(2_999)).is_empty());
    assert_eq!(
        orders(&rig.pass(1)),
        vec![DirectOrder::Close { conn: DirectConn(1) }],
        "whoever says nothing is closed too"
    );
}

fn incoming(counter: u64) -> TextId {
    TextId { device_epoch: DeviceEpoch(0xB0B), counter }
}

fn text_of(n: u64, counter: u64, words: &str) -> DirectText {
    let (id, seq) = (incoming(counter), SenderSeq(counter));
    let context = text_envelope::context(toy_number(n), toy_number(1), id, seq);
    let sealed = rig_seal(1, &context, &text_envelope::wrap(&TextBody::new(words).unwrap()));
    DirectText { id, seq, sealed }
}

fn greeted(rig: &mut Rig) {
    let effects = come(rig, DirectFrame::Hello(greeting(2, Role::Connects, &KEYS)));
    assert!(matches!(&orders(&effects)[..], [DirectOrder::Send { conn: DirectConn(1), frame: DirectFrame::Hello(_) }]));
}

#[test]
fn a_text_that_comes_directly_is_acknowledged_when_it_is_durable_and_shown_once() {
    let mut rig = online(&[2]);
    greeted(&mut rig);
    rig.store_says = None;
    let frame = DirectFrame::Text(text_of(2, 1, "hi"));
    let effects = rig.feed(Input::Direct(DirectInput::Frame { conn: DirectConn(1), frame }));
    assert!(orders(&effects).is_empty() && events(&effects).is_empty(), "not before it is durable");
    let (ticket, changes) = rig.unanswered.pop().unwrap();
    let effects = rig.answer_commit(ticket, &changes);
    let kept = DirectFrame::TextKept { ids: vec![incoming(1)] };
    assert_eq!(orders(&effects), vec![DirectOrder::Send { conn: DirectConn(1), frame: kept }]);
    assert!(frames(&effects).is_empty(), "the server does not know it");
    assert!(matches!(&events(&effects)[..], [Event::TextArrived(text)] if text.from == toy_number(2)));
    // The same through the server: taken there, and not shown again.
    rig.store_says = Some(Ok(()));
    let DirectText { id, seq, sealed } = text_of(2, 1, "hi");
    let (from, from_epoch, stored_at) = (toy_number(2), NumberEpoch(1), ServerMillis(1));
    let text = tandem_wire::frame::DeliverText { from, from_epoch, id, seq, sealed, stored_at };
    let effects = rig.frame(ServerFrame::DeliverText(text));
    assert_eq!(frames(&effects), vec![ClientFrame::TextTaken { texts: vec![(from, id)] }]);
    assert!(events(&effects).is_empty());
}

#[test]
fn a_connection_that_came_is_used_for_answers_too() {
    let mut rig = online(&[2]);
    greeted(&mut rig);
    let (_, effects) = rig.text(2, "hello yourself");
    assert_eq!(texts(&effects).len(), 1);
    assert!(ask_of(&effects).is_none(), "nobody is asked where they are");
}

#[test]
fn a_consent_is_done_when_the_server_has_it() {
    let mut rig = online(&[2]);
    let command = || Command::SetConsent { number: toy_number(2), line: None, allow: true };
    let (ticket, effects) = rig.command(command());
    assert_eq!(reply_to(ticket, &effects), None);
    let [ClientFrame::ConsentPut { ticket: asked, number, allow: true }] = frames(&effects)[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(number, toy_number(2));
    let effects = rig.frame(ServerFrame::Done { ticket: asked });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    let (ticket, _) = rig.command(command());
    let effects = rig.pass(10_000);
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Offline)), "it may be said again");
}

#[test]
fn a_datagram_goes_where_a_connection_stands_and_nowhere_else() {
    let mut rig = online(&[2]);
    let command = |body: Vec<u8>| Command::SendDatagram {
        to: toy_number(2),
        line: None,
        application: 7,
        body: Secret::new(body),
    };
    let (ticket, effects) = rig.command(command(vec![1]));
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::NotReachable)));
    proven(&mut rig, ask_of(&effects).unwrap());
    let (ticket, effects) = rig.command(command(vec![1]));
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    let [DirectOrder::Datagram { conn: FIRST, datagram }] = &orders(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(datagram.application, 7);
    let (ticket, effects) = rig.command(command(vec![1; super::DATAGRAM_BODY_MAX + 1]));
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::BadBody)));
}
