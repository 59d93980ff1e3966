//! Calls between two phones.

use crate::rig::{Phone, Rig, call, end, millis, number, offer, roap, seconds};
use tandem_logic::Input;
use tandem_model::{CallId, GateVerdict, ServerMillis};
use tandem_wire::frame::{CallBody, CallOver};
use tandem_wire::roap::RoapType;
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

/// Two phones with fast paths.
fn fast() -> (Rig, Phone, Phone) {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.measure(a, 500_000);
    rig.measure(b, 500_000);
    (rig, a, b)
}

fn pass_gate(rig: &mut Rig, from: Phone, to: Phone, id: CallId) {
    rig.gate(from, id, to.n);
    let frames = rig.take(from.conn);
    assert!(
        frames.iter().any(|frame| matches!(frame, ServerFrame::GateAnswer { verdict: GateVerdict::Ok, .. })),
        "{frames:?}"
    );
}

/// A call that rings at `b`.
fn ringing() -> (Rig, Phone, Phone) {
    let (mut rig, a, b) = fast();
    pass_gate(&mut rig, a, b, call(5));
    rig.say(a, b, call(5), offer());
    assert_eq!(rig.heard(b), vec![offer()]);
    (rig, a, b)
}

/// A call that was answered.
fn answered() -> (Rig, Phone, Phone) {
    let (mut rig, a, b) = ringing();
    rig.say(b, a, call(5), roap(RoapType::Answer, false));
    rig.take(a.conn);
    (rig, a, b)
}

#[test]
fn an_offer_rings_until_one_instant_that_the_server_sets_and_names_its_true_sender() {
    let (mut rig, a, b) = fast();
    pass_gate(&mut rig, a, b, call(5));
    rig.say(a, b, call(5), offer());
    let frames = rig.take(b.conn);
    let [ServerFrame::Call(envelope)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((envelope.from, envelope.to), (number(1), number(2)));
    let ring_until = rig.now.server.after(seconds(45));
    assert_eq!(envelope.ring_until, ring_until);
    rig.pass(seconds(3));
    rig.say(b, a, call(5), CallBody::Alerting);
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::Call(e)] if e.ring_until == ring_until && e.from == number(2)));
    assert_eq!(rig.server.calls(), 1);
}

#[test]
fn nothing_rings_without_the_gate_after_its_verdict_ran_out_or_for_somebody_else() {
    let (mut rig, a, b) = fast();
    let rejected = vec![end(CallOver::Rejected)];
    rig.say(a, b, call(5), offer());
    assert_eq!(rig.heard(a), rejected);
    pass_gate(&mut rig, a, b, call(5));
    rig.say(a, b, call(6), offer());
    assert_eq!(rig.heard(a), rejected, "the verdict is for one call");
    rig.say(b, a, call(5), offer());
    assert_eq!(rig.heard(b), rejected, "and for one caller");
    let c = rig.phone(3);
    rig.say(a, c, call(5), offer());
    assert_eq!(rig.heard(a), rejected, "and for one callee");
    rig.say(a, b, call(5), CallBody::Candidate("candidate".to_owned()));
    assert_eq!(rig.heard(a), rejected, "and only an offer opens it");
    rig.pass(seconds(30));
    rig.say(a, b, call(5), offer());
    assert_eq!(rig.heard(a), rejected, "and not later than thirty seconds");
    assert_eq!(rig.heard(b), vec![]);
    assert_eq!(rig.server.calls(), 0);
}

#[test]
fn a_verdict_opens_one_call_and_not_a_second() {
    let (mut rig, a, b) = ringing();
    rig.say(a, b, call(5), end(CallOver::Cancelled));
    assert_eq!(rig.heard(b), vec![end(CallOver::Cancelled)]);
    rig.say(a, b, call(5), offer());
    assert_eq!(rig.heard(a), vec![end(CallOver::Rejected)]);
}

#[test]
fn a_ring_ends_for_both_at_its_expiry_and_not_before() {
    let (mut rig, a, b) = ringing();
    rig.pass(seconds(45) - millis(1));
    assert_eq!((rig.heard(a), rig.heard(b)), (vec![], vec![]));
    rig.pass(millis(1));
    let over = vec![end(CallOver::NoAnswer)];
    assert_eq!((rig.heard(a), rig.heard(b)), (over.clone(), over));
    rig.say(b, a, call(5), roap(RoapType::Answer, false));
    assert_eq!(rig.heard(b), vec![end(CallOver::Rejected)], "an answer after the expiry is too late");
    assert_eq!(rig.heard(a), vec![]);
}

#[test]
fn a_provisional_answer_rings_on_and_the_final_one_stops_the_ring() {
    let (mut rig, a, b) = ringing();
    rig.say(b, a, call(5), roap(RoapType::Answer, true));
    rig.pass(seconds(40));
    rig.say(b, a, call(5), roap(RoapType::Answer, false));
    rig.pass(seconds(50));
    assert_eq!(rig.heard(a), vec![roap(RoapType::Answer, true), roap(RoapType::Answer, false)]);
    assert_eq!(rig.server.calls(), 1);
    rig.say(a, b, call(5), CallBody::Hold { on: true });
    rig.say(b, a, call(5), end(CallOver::HungUp));
    assert_eq!(rig.heard(b), vec![CallBody::Hold { on: true }]);
    assert_eq!(rig.heard(a), vec![end(CallOver::HungUp)]);
    assert_eq!(rig.server.calls(), 0);
}

#[test]
fn the_caller_cannot_answer_its_own_call() {
    let (mut rig, a, b) = ringing();
    rig.say(a, b, call(5), roap(RoapType::Answer, false));
    rig.pass(seconds(45));
    assert!(rig.heard(b).contains(&end(CallOver::NoAnswer)));
}

#[test]
fn a_third_phone_cannot_speak_in_a_call() {
    let (mut rig, a, b) = answered();
    let c = rig.phone(3);
    rig.take(c.conn);
    rig.say(c, a, call(5), end(CallOver::HungUp));
    rig.say(c, b, call(5), offer());
    assert_eq!(rig.heard(c), vec![end(CallOver::Rejected)]);
    rig.say(a, c, call(5), offer());
    assert_eq!(rig.heard(a), vec![end(CallOver::Rejected)], "nor be spoken to");
    assert_eq!((rig.heard(b), rig.heard(c)), (vec![], vec![]));
    assert_eq!(rig.server.calls(), 1);
}

#[test]
fn when_both_call_each_other_the_lower_id_wins_whichever_came_first() {
    for (first, second) in [(3, 7), (7, 3)] {
        let (mut rig, a, b) = fast();
        pass_gate(&mut rig, a, b, call(first));
        pass_gate(&mut rig, b, a, call(second));
        rig.say(a, b, call(first), offer());
        rig.say(b, a, call(second), offer());
        let (at_a, at_b) = (rig.heard(a), rig.heard(b));
        let lost = end(CallOver::Superseded);
        if first < second {
            assert_eq!(at_a, vec![], "its call goes on ringing over there");
            assert_eq!(at_b, vec![offer(), lost]);
        } else {
            assert_eq!(at_a, vec![lost.clone(), offer()]);
            assert_eq!(at_b, vec![offer(), lost]);
        }
        assert_eq!(rig.server.calls(), 1);
    }
}

#[test]
fn a_party_that_comes_back_within_its_grace_hears_what_was_said_meanwhile() {
    let (mut rig, a, b) = ringing();
    rig.handle(Input::SessionClosed { conn: a.conn });
    rig.say(b, a, call(5), CallBody::Alerting);
    rig.say(b, a, call(5), roap(RoapType::Answer, false));
    rig.pass(millis(9_999));
    let a = rig.connect(1, 1, a.epoch);
    assert_eq!(rig.heard(a), vec![CallBody::Alerting, roap(RoapType::Answer, false)]);
    rig.pass(seconds(20));
    assert_eq!(rig.heard(b), vec![]);
    rig.say(a, b, call(5), end(CallOver::HungUp));
    assert_eq!(rig.heard(b), vec![end(CallOver::HungUp)]);
}

#[test]
fn a_party_away_for_ten_seconds_while_it_rings_and_thirty_once_answered_is_lost() {
    let (mut rig, a, b) = ringing();
    rig.handle(Input::SessionClosed { conn: a.conn });
    rig.pass(millis(9_999));
    assert_eq!(rig.heard(b), vec![]);
    rig.pass(millis(1));
    assert_eq!(rig.heard(b), vec![end(CallOver::PeerLost)]);
    let (mut rig, a, b) = answered();
    rig.handle(Input::SessionClosed { conn: b.conn });
    rig.pass(millis(29_999));
    assert_eq!(rig.heard(a), vec![]);
    rig.pass(millis(1));
    assert_eq!(rig.heard(a), vec![end(CallOver::PeerLost)]);
    assert_eq!(rig.server.calls(), 0);
}

#[test]
fn signalling_kept_for_a_party_that_is_away_is_bounded() {
    let (mut rig, a, b) = ringing();
    rig.handle(Input::SessionClosed { conn: a.conn });
    for _ in 0..64 {
        rig.say(b, a, call(5), CallBody::Candidate("candidate".to_owned()));
    }
    assert_eq!(rig.heard(b), vec![]);
    rig.say(b, a, call(5), CallBody::Candidate("candidate".to_owned()));
    assert_eq!(rig.heard(b), vec![end(CallOver::PeerLost)]);
}

#[test]
fn a_callee_that_left_after_the_gate_is_lost_at_once() {
    let (mut rig, a, b) = fast();
    pass_gate(&mut rig, a, b, call(5));
    rig.handle(Input::SessionClosed { conn: b.conn });
    rig.say(a, b, call(5), offer());
    assert_eq!(rig.heard(a), vec![end(CallOver::PeerLost)]);
}

#[test]
fn the_next_owner_of_a_number_hears_nothing_of_the_old_ones_call() {
    let (mut rig, a, _) = ringing();
    rig.pass(seconds(31));
    let epoch = rig.register(2, 9);
    assert_eq!(rig.heard(a), vec![end(CallOver::PeerLost)]);
    let new = rig.connect(2, 9, epoch);
    assert_eq!(rig.heard(new), vec![]);
}

#[test]
fn one_number_takes_part_in_four_calls_at_most() {
    let (mut rig, a, b) = fast();
    for id in 1..=4 {
        pass_gate(&mut rig, a, b, call(id));
        rig.say(a, b, call(id), offer());
    }
    pass_gate(&mut rig, a, b, call(5));
    rig.say(a, b, call(5), offer());
    assert_eq!(rig.heard(a), vec![end(CallOver::Rejected)]);
    assert_eq!(rig.server.calls(), 4);
}

#[test]
fn turn_credentials_are_for_the_two_parties_only_and_end_with_the_call() {
    let (mut rig, a, b) = fast();
    let ask = |rig: &mut Rig, phone: Phone| {
        let ticket = rig.ticket();
        rig.send(phone.conn, ClientFrame::IceAsk { ticket, call: call(5) });
        rig.take(phone.conn).pop()
    };
    let refused = |frame: Option<ServerFrame>| {
        matches!(frame, Some(ServerFrame::Refused { reason: RefuseReason::NoSuchCall, .. }))
    };
    assert!(refused(ask(&mut rig, a)), "not before the gate");
    pass_gate(&mut rig, a, b, call(5));
    assert!(matches!(ask(&mut rig, a), Some(ServerFrame::Ice(ice)) if ice.call == call(5)));
    assert!(refused(ask(&mut rig, b)), "nor for a callee who was not called yet");
    rig.say(a, b, call(5), offer());
    rig.take(b.conn);
    assert!(matches!(ask(&mut rig, b), Some(ServerFrame::Ice(_))));
    let c = rig.phone(3);
    assert!(refused(ask(&mut rig, c)));
    rig.say(b, a, call(5), end(CallOver::Refused));
    assert_eq!(rig.revoked, vec![call(5)]);
    assert!(refused(ask(&mut rig, a)));
}

#[test]
fn credentials_of_a_call_that_never_came_are_revoked_with_its_verdict() {
    let (mut rig, a, b) = fast();
    pass_gate(&mut rig, a, b, call(5));
    let ticket = rig.ticket();
    rig.send(a.conn, ClientFrame::IceAsk { ticket, call: call(5) });
    rig.pass(seconds(30));
    assert_eq!(rig.revoked, vec![call(5)]);
}

#[test]
fn a_turn_server_that_cannot_serve_is_a_refusal() {
    let (mut rig, a, b) = fast();
    rig.turn = false;
    pass_gate(&mut rig, a, b, call(5));
    let ticket = rig.ticket();
    rig.send(a.conn, ClientFrame::IceAsk { ticket, call: call(5) });
    assert!(matches!(rig.take(a.conn).pop(), Some(ServerFrame::Refused { reason: RefuseReason::Budget, .. })));
    assert_ne!(rig.now.server, ServerMillis(0));
}
