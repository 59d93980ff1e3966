//! Offers that come here.

use super::pair::{LINE, Pair, Phone, fingerprint, sdp};
use crate::bench::{toy_key, toy_number, toy_signature};
use crate::ctx::World;
use crate::effect::{MediaOrder, Refusal};
use crate::input::{CarrierCallState, MediaInput};
use crate::view::CallState;
use std::time::Duration;
use tandem_model::vault::signed;
use tandem_model::{CallEnd, CallId, ServerMillis};
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver};
use tandem_wire::roap::{Roap, RoapType};
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

/// An offer of phone `from` to phone 2 that rings for as long, signed by the key of `signer`.
fn offer(phone: &mut Phone, id: CallId, from: u64, signer: u64, ring_ms: i64) {
    let session = phone.world.session(LINE).unwrap();
    let ring_until = ServerMillis(session.offset.to_server(phone.bench.now).0 + ring_ms);
    let message = signed::fingerprint(id, toy_number(from), toy_number(2), &fingerprint(from));
    let roap = Roap {
        message_type: RoapType::Offer,
        offerer_session_id: format!("phone{from}"),
        answerer_session_id: None,
        seq: 1,
        sdp: Some(sdp(from)),
        tie_breaker: Some(7),
        more_coming: false,
        error_type: None,
    };
    let signature = Some(toy_signature(&toy_key(signer), &message));
    let body = CallBody::Roap { roap, fingerprint_signature: signature };
    word(phone, id, from, ring_until, body);
}

fn word(phone: &mut Phone, call: CallId, from: u64, ring_until: ServerMillis, body: CallBody) {
    let envelope = CallEnvelope { call, from: toy_number(from), to: toy_number(2), ring_until, body };
    phone.frame(&ServerFrame::Call(envelope), 900);
}

fn said(phone: &Phone) -> Vec<&CallBody> {
    phone
        .sent
        .iter()
        .filter_map(|frame| match frame {
            ClientFrame::Call(envelope) => Some(&envelope.body),
            _ => None,
        })
        .collect()
}

const ID: CallId = CallId([5; 16]);

fn phone() -> Phone {
    Phone::new(2, &[1, 3])
}

#[test]
fn an_offer_of_a_marked_peer_rings_and_its_answer_is_made_at_once() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    assert_eq!(phone.state(ID), CallState::Ringing);
    assert_eq!(said(&phone), [&CallBody::Alerting]);
    let Some(ClientFrame::IceAsk { ticket, .. }) =
        phone.sent.iter().rev().find(|f| matches!(f, ClientFrame::IceAsk { .. })).cloned()
    else {
        panic!("servers are asked for")
    };
    phone.frame(&ServerFrame::Refused { ticket, reason: RefuseReason::Budget, retry_after_ms: 0 }, 30);
    assert!(matches!(phone.ordered(ID).as_slice(), [MediaOrder::Open { .. }, MediaOrder::MakeAnswer { .. }]));
    phone.media(ID, MediaInput::Answer { sdp: sdp(2), fingerprint: fingerprint(2) });
    assert!(matches!(said(&phone).last(), Some(CallBody::Roap { roap, fingerprint_signature: Some(_) })
        if roap.message_type == RoapType::Answer && roap.more_coming));
    assert_eq!(phone.count(&MediaOrder::StartSound), 0);
}

#[test]
fn an_offer_that_comes_again_after_the_process_ended_begins_no_second_conversation() {
    let mut before = phone();
    offer(&mut before, ID, 1, 1, 45_000);
    let open = before.log();
    let mut after = phone();
    after.act(|calls, _, ctx| calls.restore(vec![open], ctx));
    assert_eq!(after.log().end, Some(CallEnd::PeerLost));
    offer(&mut after, ID, 1, 1, 45_000);
    assert!(after.views().is_empty());
    assert_eq!(said(&after), Vec::<&CallBody>::new());
    offer(&mut after, CallId([6; 16]), 1, 1, 45_000);
    assert_eq!(after.state(CallId([6; 16])), CallState::Ringing, "another call rings");
}

#[test]
fn servers_that_never_come_are_waited_for_one_second() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    phone.bench.advance(999);
    phone.tick();
    assert!(phone.ordered(ID).is_empty());
    phone.bench.advance(1);
    phone.tick();
    assert_eq!(phone.ordered(ID).len(), 2);
}

#[test]
fn an_answer_before_the_answer_is_made_goes_out_as_soon_as_it_is() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    phone.accept(ID).unwrap();
    assert_eq!(phone.state(ID), CallState::Connecting);
    assert_eq!(phone.accept(ID), Err(Refusal::Stale));
    phone.bench.advance(1_000);
    phone.tick();
    phone.media(ID, MediaInput::Connected);
    assert_eq!(phone.state(ID), CallState::Connecting, "the peer does not know yet");
    phone.media(ID, MediaInput::Answer { sdp: sdp(2), fingerprint: fingerprint(2) });
    let finals =
        said(&phone).iter().filter(|body| matches!(body, CallBody::Roap { roap, .. } if !roap.more_coming)).count();
    assert_eq!(finals, 1);
    assert_eq!(phone.state(ID), CallState::Active);
}

#[test]
fn nobody_without_a_mark_or_with_a_wrong_signature_rings() {
    for (from, signer) in [(4, 4), (1, 3)] {
        let mut phone = phone();
        offer(&mut phone, ID, from, signer, 45_000);
        assert!(phone.events.is_empty(), "nothing is shown and nothing written");
        assert_eq!(said(&phone), [&CallBody::End(CallOver::Rejected)]);
    }
}

#[test]
fn an_offer_to_somebody_else_or_from_oneself_is_not_heard() {
    let mut phone = Phone::new(3, &[1, 2]);
    offer(&mut phone, ID, 1, 1, 45_000);
    assert!(phone.sent.is_empty() && phone.events.is_empty());
    let mut phone = Phone::new(2, &[1, 2]);
    offer(&mut phone, ID, 2, 2, 45_000);
    assert!(phone.sent.is_empty() && phone.events.is_empty());
}

#[test]
fn an_offer_that_comes_expired_is_missed_without_ringing() {
    for (ring_ms, end) in [(0, Some(CallEnd::Missed)), (-5_000, Some(CallEnd::Missed)), (1, None)] {
        let mut phone = phone();
        offer(&mut phone, ID, 1, 1, ring_ms);
        let states: Vec<_> = phone.views().iter().map(|view| view.state).collect();
        match end {
            Some(end) => assert_eq!(states, [CallState::Ended(end)]),
            None => assert_eq!(states, [CallState::Ringing]),
        }
        assert_eq!(said(&phone).is_empty(), end.is_some());
        assert_eq!(phone.log().end, end);
    }
}

#[test]
fn no_server_makes_a_phone_ring_for_ever() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 1_000_000_000);
    phone.bench.advance(119_999);
    phone.tick();
    assert_eq!(phone.state(ID), CallState::Ringing);
    phone.bench.advance(1);
    phone.tick();
    assert_eq!(phone.state(ID), CallState::Ended(CallEnd::Missed));
}

#[test]
fn the_same_offer_twice_rings_once_and_never_again_after_its_end() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    offer(&mut phone, ID, 1, 1, 45_000);
    assert_eq!(phone.views().len(), 1);
    phone.act(|calls, world, ctx| calls.refuse(ID, world, ctx)).unwrap();
    assert_eq!(said(&phone).last(), Some(&&CallBody::End(CallOver::Refused)));
    offer(&mut phone, ID, 1, 1, 45_000);
    assert_eq!(phone.state(ID), CallState::Ended(CallEnd::Refused));
    assert_eq!(phone.act(|calls, world, ctx| calls.refuse(ID, world, ctx)), Err(Refusal::Stale));
}

#[test]
fn a_caller_that_gives_up_is_missed() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    word(&mut phone, ID, 1, ServerMillis(0), CallBody::End(CallOver::Cancelled));
    assert_eq!(phone.state(ID), CallState::Ended(CallEnd::Missed));
    assert_eq!(phone.log().end, Some(CallEnd::Missed));
}

#[test]
fn a_third_party_that_knows_the_id_cannot_end_or_change_the_call() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    word(&mut phone, ID, 3, ServerMillis(0), CallBody::End(CallOver::Cancelled));
    word(&mut phone, ID, 3, ServerMillis(0), CallBody::Hold { on: true });
    assert_eq!(phone.state(ID), CallState::Ringing);
    assert!(!phone.view(ID).held_by_peer);
}

#[test]
fn in_another_call_over_data_or_carrier_the_phone_is_busy_and_the_user_told() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    let second = CallId([6; 16]);
    offer(&mut phone, second, 3, 3, 45_000);
    assert_eq!(phone.state(second), CallState::Ended(CallEnd::Busy));
    assert_eq!(said(&phone).last(), Some(&&CallBody::End(CallOver::Busy)));
    assert_eq!(phone.state(ID), CallState::Ringing);

    let mut phone = super::callee::phone();
    phone.carrier(None, CarrierCallState::Active);
    offer(&mut phone, ID, 1, 1, 45_000);
    assert_eq!(phone.state(ID), CallState::Ended(CallEnd::Busy));
    phone.carrier(None, CarrierCallState::Ended);
    offer(&mut phone, second, 1, 1, 45_000);
    assert_eq!(phone.state(second), CallState::Ringing);
}

#[test]
fn a_final_answer_to_a_call_that_is_over_here_ends_it_there() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    pair.phones[1].accept(id).unwrap();
    // The caller gives up while the answer is on its way.
    pair.phones[0].hang_up(id).unwrap();
    pair.run(200);
    assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::Cancelled));
    assert!(matches!(pair.phones[1].state(id), CallState::Ended(_)));
}

#[test]
fn media_that_fails_while_it_rings_sends_the_caller_to_the_carrier() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    pair.media(1, id, MediaInput::Failed);
    pair.run(100);
    assert_eq!(pair.phones[1].state(id), CallState::Ended(CallEnd::Missed));
    assert_eq!(pair.phones[0].asked_why(), Some(tandem_model::WhyNotData::MediaFailed));
}

#[test]
fn an_answer_given_in_a_moment_without_connection_is_said_when_it_is_back() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    let session = pair.lose_session(1);
    pair.phones[1].accept(id).unwrap();
    pair.run(2_000);
    assert_eq!(pair.phones[0].state(id), CallState::Ringing);
    pair.restore_session(1, session);
    pair.run(100);
    assert_eq!(pair.phones[0].state(id), CallState::Active);
}

#[test]
fn a_phone_that_dials_the_one_that_rings_it_answers_it() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    assert_eq!(pair.phones[1].call(1), id);
    pair.run(100);
    assert_eq!(pair.phones[0].state(id), CallState::Active);
    assert_eq!(pair.phones[1].state(id), CallState::Active);
}

#[test]
fn ring_times_are_read_by_the_servers_clock() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    let expiry = phone.bench.now.after(Duration::from_secs(45));
    assert_eq!(phone.calls.calls[&ID].poll_timeout().map(|at| at < expiry), Some(true), "servers are waited for first");
    phone.bench.advance(1_000);
    phone.tick();
    assert_eq!(phone.due(), Some(expiry));
}

#[test]
fn a_peer_that_calls_again_after_media_broke_rings_and_others_find_the_user_busy() {
    let mut phone = phone();
    offer(&mut phone, ID, 1, 1, 45_000);
    phone.accept(ID).unwrap();
    phone.bench.advance(1_000);
    phone.tick();
    phone.media(ID, MediaInput::Answer { sdp: sdp(2), fingerprint: fingerprint(2) });
    phone.media(ID, MediaInput::Connected);
    phone.media(ID, MediaInput::Failed);
    assert_eq!(phone.state(ID), CallState::Asking);
    let (other, again) = (CallId([6; 16]), CallId([7; 16]));
    offer(&mut phone, other, 3, 3, 45_000);
    assert_eq!(phone.state(other), CallState::Ended(CallEnd::Busy), "the media may still come back");
    offer(&mut phone, again, 1, 1, 45_000);
    assert_eq!(phone.state(ID), CallState::Ended(CallEnd::MediaLost));
    assert_eq!(phone.prompt(), None);
    assert_eq!(phone.state(again), CallState::Ringing);
}
