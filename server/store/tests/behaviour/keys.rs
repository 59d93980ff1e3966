//! The key holder: there, away, slow, and what phones are told meanwhile.

use crate::rig::{Phone, Rig, number, public_key, seconds, tokens};
use std::time::Duration;
use tandem_logic::{KeyAnswer, KeyQuestion, Metric};
use tandem_model::{MarkKeyId, OprfElement, OprfProof, Ticket, TokenDigest};
use tandem_server_store::conformance::bench::{KEY, own_under, pair_under};
use tandem_wire::frame::{Evaluate, Evaluated, MarkKey, MarkKeys, TokensSync};
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame, encode_server};

fn evaluate(rig: &mut Rig, phone: Phone, key: MarkKeyId) -> Ticket {
    let ticket = rig.ticket();
    let blinded = vec![OprfElement([5; 32])];
    rig.send(phone.conn, ClientFrame::Evaluate(Evaluate { ticket, key, blinded }));
    ticket
}

fn refused(ticket: Ticket, reason: RefuseReason, wait: Duration) -> ServerFrame {
    let retry_after_ms = u32::try_from(wait.as_millis()).unwrap();
    ServerFrame::Refused { ticket, reason, retry_after_ms }
}

fn keys_of(frames: &[ServerFrame]) -> Vec<MarkKeys> {
    let keys = |frame: &ServerFrame| match frame {
        ServerFrame::MarkKeys(keys) => Some(keys.clone()),
        _ => None,
    };
    frames.iter().filter_map(keys).collect()
}

fn of(key: u32, count: u32, digest: TokenDigest) -> MarkKey {
    MarkKey { id: MarkKeyId(key), public: public_key(key), count, digest }
}

#[test]
fn keys_and_what_is_held_are_told_behind_the_welcome_and_before_any_mark() {
    let mut rig = Rig::new();
    let (a, _) = rig.friends();
    rig.send(a.conn, ClientFrame::OpenMark { ticket: Ticket(9), open: true });
    rig.take(a.conn);
    let conn = rig.hello(1, 1, a.epoch);
    let frames = rig.take(conn);
    let mut digest = TokenDigest::default();
    digest.toggle(&pair_under(KEY, 1, 2));
    let keys = MarkKeys { keys: vec![of(1, 1, digest)], wants_open: true, open: true };
    assert!(matches!(frames[0], ServerFrame::Welcome(_)));
    assert_eq!(frames[1], ServerFrame::MarkKeys(keys));
    assert!(matches!(frames[2], ServerFrame::Marks(_)));
}

#[test]
fn a_phone_that_came_while_the_holder_was_away_is_told_when_it_is_back() {
    let mut rig = Rig::new();
    rig.holder(&[]);
    let epoch = rig.register(1, 1);
    let conn = rig.hello(1, 1, epoch);
    assert!(keys_of(&rig.take(conn)).is_empty());
    rig.holder(&[1]);
    assert_eq!(keys_of(&rig.take(conn)).len(), 1);
    rig.holder(&[1]);
    assert!(rig.take(conn).is_empty(), "nothing changed");
    rig.holder(&[1, 2]);
    let both = keys_of(&rig.take(conn));
    assert_eq!(both[0].keys.iter().map(|key| key.id.0).collect::<Vec<_>>(), vec![1, 2]);
}

#[test]
fn a_key_under_the_name_of_another_is_not_worked_with() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.take(a.conn);
    let other = tandem_logic::LiveKey { id: KEY, public: public_key(7) };
    rig.holder(&[]);
    rig.handle(tandem_logic::Input::KeyHolder { keys: Some(vec![other]) });
    assert!(rig.counted.contains(&Metric::KeyChanged));
    let ticket = evaluate(&mut rig, a, KEY);
    assert_eq!(rig.take(a.conn), vec![refused(ticket, RefuseReason::NotAvailable, seconds(30))]);
}

#[test]
fn an_evaluation_is_passed_on_and_back_and_a_spent_budget_is_told_with_its_wait() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.take(a.conn);
    let (evaluated, proof) = (vec![OprfElement([6; 32])], OprfProof([7; 64]));
    rig.evaluation = KeyAnswer::Evaluated { evaluated: evaluated.clone(), proof };
    let ticket = evaluate(&mut rig, a, KEY);
    let answer = ServerFrame::Evaluated(Evaluated { ticket, key: KEY, evaluated, proof });
    assert_eq!(rig.take(a.conn), vec![answer]);
    for (answer, reason, wait) in [
        (KeyAnswer::Spent { retry_after: seconds(77) }, RefuseReason::Budget, seconds(77)),
        (KeyAnswer::Malformed, RefuseReason::Invalid, seconds(0)),
        (KeyAnswer::UnknownKey, RefuseReason::NotAvailable, seconds(30)),
        (KeyAnswer::Failed, RefuseReason::NotAvailable, seconds(30)),
    ] {
        rig.evaluation = answer;
        let ticket = evaluate(&mut rig, a, KEY);
        assert_eq!(rig.take(a.conn), vec![refused(ticket, reason, wait)]);
    }
    let ticket = evaluate(&mut rig, a, MarkKeyId(9));
    assert_eq!(rig.take(a.conn), vec![refused(ticket, RefuseReason::NotAvailable, seconds(30))]);
}

#[test]
fn a_session_has_two_evaluations_open_and_the_third_is_refused() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.take(a.conn);
    rig.hold_keys = true;
    evaluate(&mut rig, a, KEY);
    evaluate(&mut rig, a, KEY);
    let third = evaluate(&mut rig, a, KEY);
    assert_eq!(rig.take(a.conn), vec![refused(third, RefuseReason::Budget, seconds(2))]);
    rig.release_keys();
    assert_eq!(rig.take(a.conn).len(), 2);
    rig.hold_keys = true;
    evaluate(&mut rig, a, KEY);
    assert!(rig.take(a.conn).is_empty(), "there is room again");
}

#[test]
fn a_holder_that_does_not_answer_in_time_or_goes_is_a_refusal_by_name_and_its_late_answer_is_dropped() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.take(a.conn);
    rig.hold_keys = true;
    let ticket = evaluate(&mut rig, a, KEY);
    rig.pass(Duration::from_millis(9_999));
    assert!(rig.take(a.conn).is_empty());
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.take(a.conn), vec![refused(ticket, RefuseReason::NotAvailable, seconds(30))]);
    rig.release_keys();
    assert!(rig.take(a.conn).is_empty());
    assert!(rig.counted.contains(&Metric::LateResult));
    rig.hold_keys = true;
    let ticket = evaluate(&mut rig, a, KEY);
    rig.holder(&[]);
    assert_eq!(rig.take(a.conn), vec![refused(ticket, RefuseReason::NotAvailable, seconds(30))]);
}

#[test]
fn while_the_holder_is_away_marks_stay_tokens_are_taken_and_what_they_link_shows_once_it_is_back() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let c = rig.phone(3);
    rig.holder(&[]);
    rig.take(a.conn);
    rig.take(c.conn);
    rig.contacts(a, &[3], &[]);
    let ticket = rig.contacts(c, &[1], &[]);
    assert_eq!(rig.take(c.conn), vec![ServerFrame::Done { ticket }]);
    let b = rig.reconnect(b);
    let marks = rig.take(b.conn);
    assert!(matches!(marks.as_slice(), [ServerFrame::Marks(marks)] if marks.marks.len() == 1), "{marks:?}");
    rig.gate(b, crate::rig::call(1), 1);
    rig.pass(seconds(2));
    assert!(!rig.take(b.conn).is_empty(), "the gate goes on working by marks");
    rig.holder(&[1]);
    let frames = rig.take(c.conn);
    assert!(
        frames.iter().any(|frame| matches!(frame, ServerFrame::Marks(marks) if marks.marks.len() == 1)),
        "{frames:?}"
    );
}

#[test]
fn checks_that_failed_are_asked_again_after_a_while() {
    let mut rig = Rig::new();
    let (a, b) = (rig.phone(1), rig.phone(2));
    rig.take(a.conn);
    rig.take(b.conn);
    rig.contacts(a, &[2], &[]);
    rig.hold_keys = true;
    rig.contacts(b, &[1], &[]);
    assert!(matches!(rig.keys_held.as_slice(), [(_, KeyQuestion::Check { account, .. })] if *account == number(2)));
    rig.keys_held.clear();
    rig.pass(seconds(10));
    rig.hold_keys = false;
    rig.take(b.conn);
    rig.pass(Duration::from_millis(59_999));
    assert_eq!(rig.take(b.conn), vec![]);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.take(b.conn).len(), 1, "the mark");
}

#[test]
fn a_forged_pair_is_counted_and_shows_nothing() {
    let mut rig = Rig::new();
    rig.friends();
    let thief = rig.phone(3);
    rig.take(thief.conn);
    let ticket = rig.tell(thief, vec![pair_under(KEY, 1, 2)]);
    assert_eq!(rig.take(thief.conn), vec![ServerFrame::Done { ticket }]);
    assert_eq!(rig.counted.iter().filter(|metric| **metric == Metric::PairForged).count(), 2);
}

#[test]
fn an_opened_mark_is_made_by_the_holder_and_told_to_whoever_holds_the_number() {
    let mut rig = Rig::new();
    let (a, b) = (rig.phone(1), rig.phone(2));
    rig.tell(b, vec![own_under(KEY, 1)]);
    rig.take(b.conn);
    rig.send(a.conn, ClientFrame::OpenMark { ticket: Ticket(5), open: true });
    assert!(rig.take(a.conn).contains(&ServerFrame::Done { ticket: Ticket(5) }));
    assert!(matches!(rig.take(b.conn).as_slice(), [ServerFrame::Marks(marks)] if marks.marks.len() == 1));
    rig.send(a.conn, ClientFrame::OpenMark { ticket: Ticket(6), open: false });
    assert_eq!(rig.take(b.conn).len(), 1);
}

/// What a phone that asks about number 2 is sent, and when, with the worlds 2 may live in.
fn stranger(prepare: impl FnOnce(&mut Rig)) -> Vec<(u64, Vec<u8>)> {
    let mut rig = Rig::new();
    let asker = rig.phone(1);
    prepare(&mut rig);
    rig.take(asker.conn);
    let started = rig.now.mono.0;
    let sync = TokensSync { added: vec![pair_under(KEY, 1, 2), own_under(KEY, 2)], ..tokens(Ticket(400)) };
    rig.send(asker.conn, ClientFrame::TokensSync(sync));
    rig.send(asker.conn, ClientFrame::MarksAsk { ticket: Ticket(401), since: tandem_model::MarkGeneration(0) });
    rig.send(asker.conn, ClientFrame::GateAsk { ticket: Ticket(402), call: crate::rig::call(9), to: number(2) });
    let mut seen = Vec::new();
    for step in 0..2_000 {
        for frame in rig.take(asker.conn) {
            seen.push((rig.now.mono.0 - started, encode_server(&frame)));
        }
        if step < 1_999 {
            rig.pass(Duration::from_millis(1));
        }
    }
    seen
}

#[test]
fn who_is_not_registered_who_does_not_hold_the_asker_and_who_blocked_it_look_the_same_to_the_byte_and_the_millisecond()
{
    // The clock runs the same for all: registering takes the server no time.
    let unregistered = stranger(|_| {});
    assert_eq!(unregistered.len(), 3, "each question has one answer");
    let not_reciprocal = stranger(|rig| {
        let other = rig.phone(2);
        rig.contacts(other, &[3], &[]);
    });
    let blocked = stranger(|rig| {
        let other = rig.phone(2);
        let blocked = vec![pair_under(KEY, 1, 2)];
        rig.send(other.conn, ClientFrame::TokensSync(TokensSync { blocked, ..tokens(Ticket(300)) }));
    });
    let open_and_blocked = stranger(|rig| {
        let other = rig.phone(2);
        rig.send(other.conn, ClientFrame::OpenMark { ticket: Ticket(299), open: true });
        let blocked = vec![pair_under(KEY, 1, 2)];
        rig.send(other.conn, ClientFrame::TokensSync(TokensSync { blocked, ..tokens(Ticket(300)) }));
    });
    assert_eq!(not_reciprocal, unregistered);
    assert_eq!(blocked, unregistered);
    assert_eq!(open_and_blocked, unregistered);
}
