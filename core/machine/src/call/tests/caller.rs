//! Dialing: checks, prompts, offers.

use super::pair::{LINE, Pair, Phone, fingerprint, ice, is_roap, sdp};
use crate::bench::{toy_key, toy_number, toy_signature};
use crate::ctx::World;
use crate::effect::{MediaOrder, Refusal, Reply};
use crate::input::{MediaInput, Mode, NetworkSnapshot};
use crate::view::{CallState, Choice};
use tandem_model::rows::StandingChoice;
use tandem_model::vault::signed;
use tandem_model::{Bearer, CallEnd, GateVerdict, Mono, ServerMillis, WhyNotData};
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver};
use tandem_wire::roap::{Roap, RoapType};
use tandem_wire::{ClientFrame, ServerFrame};

fn number() -> String {
    toy_number(2).e164()
}

#[test]
fn two_phones_talk_after_both_passed_and_the_callee_answered() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    assert_eq!(pair.phones[0].count(&MediaOrder::StartSound), 0, "no sound before the answer");
    assert_eq!(pair.phones[1].count(&MediaOrder::StartSound), 0);
    pair.phones[1].accept(id).unwrap();
    pair.run(60);
    for phone in &pair.phones {
        assert_eq!(phone.state(id), CallState::Active, "media was up while it rang");
        assert_eq!(phone.count(&MediaOrder::StartSound), 1);
    }
    let states: Vec<_> = pair.phones[0].views().iter().map(|view| view.state).collect();
    assert_eq!(
        states,
        [CallState::Checking, CallState::Calling, CallState::Ringing, CallState::Connecting, CallState::Active]
            .into_iter()
            .filter(|state| *state != CallState::Connecting)
            .collect::<Vec<_>>()
    );
    assert!(pair.phones[0].sent.iter().any(|frame| is_roap(frame, RoapType::Ok)));
    pair.run(60_000);
    pair.phones[0].hang_up(id).unwrap();
    pair.run(50);
    assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::HungUp));
    assert_eq!(pair.phones[1].state(id), CallState::Ended(CallEnd::PeerHungUp));
    assert!(pair.phones[0].log().legs[0].talked_ms >= 60_000);
    assert_eq!(pair.phones[0].count(&MediaOrder::Close), 1);
    assert_eq!(pair.phones[0].due(), None, "nothing is left to wait for");
}

#[test]
fn candidates_of_both_sides_arrive_after_their_descriptions() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    for phone in &pair.phones {
        let orders = phone.ordered(id);
        let described = orders
            .iter()
            .position(|order| matches!(order, MediaOrder::TakeAnswer { .. } | MediaOrder::MakeAnswer { .. }))
            .unwrap();
        let added = orders.iter().position(|order| matches!(order, MediaOrder::AddCandidate(_))).unwrap();
        assert!(described < added);
    }
}

#[test]
fn a_number_without_a_mark_is_asked_about_at_once_without_a_byte() {
    let mut phone = Phone::new(1, &[]);
    assert!(matches!(phone.dial(&number(), Mode::Data), Ok(Reply::Asking(_))));
    assert_eq!(phone.asked_why(), Some(WhyNotData::PeerNotAvailable));
    assert!(phone.sent.is_empty());
    phone.choose(Choice::Carrier).unwrap().unwrap();
    assert_eq!(phone.dialed.len(), 1);
    assert_eq!(phone.dialed[0].1, number());
    assert_eq!(phone.prompt(), None);
}

#[test]
fn the_callers_own_failure_is_shown_first() {
    for (set, why) in [(0, WhyNotData::NotRegistered), (1, WhyNotData::OwnOffline), (2, WhyNotData::OwnOffline)] {
        let mut phone = Phone::new(1, &[]);
        match set {
            0 => {
                phone.world.registered.clear();
                phone.world.sessions.clear();
            }
            1 => phone.world.sessions.clear(),
            _ => phone.network(NetworkSnapshot::default()),
        }
        phone.dial(&number(), Mode::Data).unwrap();
        assert_eq!(phone.asked_why(), Some(why), "although the peer has no mark either");
    }
    let mut pair = Pair::new();
    (pair.own_kbps[0], pair.verdict) = (10, GateVerdict::UseCarrier);
    pair.phones[0].call(2);
    pair.run(990);
    assert_eq!(pair.phones[0].asked_why(), Some(WhyNotData::OwnTooSlow));
}

#[test]
fn each_verdict_about_the_callee_has_its_reason_and_nothing_is_offered() {
    for (verdict, why) in [
        (GateVerdict::UseCarrier, WhyNotData::PeerTooSlow),
        (GateVerdict::Later, WhyNotData::PeerOffline),
        (GateVerdict::NotAvailable, WhyNotData::PeerNotAvailable),
    ] {
        let mut pair = Pair::new();
        pair.verdict = verdict;
        let id = pair.phones[0].call(2);
        pair.run(1_000);
        assert_eq!(pair.phones[0].asked_why(), Some(why));
        assert_eq!(pair.phones[0].state(id), CallState::Asking);
        assert_eq!(pair.phones[0].offers_sent(), 0);
        assert!(pair.phones[1].events.is_empty(), "nothing rings");
        pair.phones[0].choose(Choice::Quit).unwrap().unwrap();
        assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::Quit));
        assert_eq!(pair.phones[0].log().legs[0].why, Some(why));
        assert!(pair.phones[0].dialed.is_empty());
    }
}

#[test]
fn a_peer_whose_lease_ran_out_is_said_not_to_have_been_seen() {
    let mut pair = Pair::new();
    pair.verdict = GateVerdict::Later;
    let mark = crate::bench::toy_mark(2, pair.server_now());
    pair.phones[0].world.marks.insert(toy_number(2), mark);
    pair.phones[0].call(2);
    pair.run(200);
    assert_eq!(pair.phones[0].asked_why(), Some(WhyNotData::PeerNotSeenLately));
}

#[test]
fn a_low_rate_on_either_side_makes_a_low_rate_call() {
    for (kbps, verdict, low) in
        [(1_000, GateVerdict::Ok, false), (40, GateVerdict::Ok, true), (1_000, GateVerdict::OkLowRate, true)]
    {
        let mut pair = Pair::new();
        (pair.own_kbps[0], pair.verdict) = (kbps, verdict);
        let id = pair.phones[0].call(2);
        pair.run(1_500);
        assert!(matches!(pair.phones[0].ordered(id)[0], MediaOrder::Open { low_rate, .. } if *low_rate == low));
    }
}

#[test]
fn a_server_that_says_nothing_leads_to_a_prompt_exactly_when_the_budget_is_spent() {
    let mut phone = Phone::new(1, &[2]);
    let id = phone.call(2);
    let tap = phone.bench.now;
    for ms in 1..1_000 {
        phone.bench.now = Mono(tap.0 + ms);
        phone.tick();
        if ms < 900 {
            assert_eq!(phone.prompt(), None, "the own measurement ends at 900 ms, not before ({ms})");
        }
    }
    assert_eq!(phone.asked_why(), Some(WhyNotData::OwnUnmeasured));
    assert_eq!(phone.state(id), CallState::Asking);
    assert_eq!(phone.offers_sent(), 0);
}

#[test]
fn a_gate_that_says_nothing_leads_to_a_prompt_exactly_when_the_budget_is_spent() {
    let mut pair = Pair::new();
    pair.verdict = GateVerdict::UseCarrier;
    pair.phones[0].call(2);
    pair.run(100);
    pair.phones[0].choose(Choice::Quit).unwrap().unwrap();
    // The own path is known now; this time the server never answers the gate.
    let id = pair.phones[0].call(2);
    let tap = pair.now;
    let phone = &mut pair.phones[0];
    phone.bench.now = Mono(tap.0 + 999);
    phone.tick();
    assert_eq!(phone.state(id), CallState::Checking);
    phone.bench.now = Mono(tap.0 + 1_000);
    phone.tick();
    assert_eq!(phone.asked_why(), Some(WhyNotData::NoAnswerInTime));
    assert_eq!(phone.offers_sent(), 0);
}

#[test]
fn a_late_gate_answer_changes_nothing() {
    let mut pair = Pair::new();
    pair.one_way_ms = 600;
    let id = pair.phones[0].call(2);
    pair.run(1_000);
    assert_eq!(pair.phones[0].state(id), CallState::Asking);
    pair.run(3_000);
    assert_eq!(pair.phones[0].state(id), CallState::Asking);
    assert_eq!(pair.phones[0].offers_sent(), 0);
}

#[test]
fn a_standing_choice_dials_unasked_and_nothing_else_does() {
    let mut pair = Pair::new();
    pair.verdict = GateVerdict::Later;
    pair.phones[0].world.settings.standing_choice = StandingChoice::Carrier;
    let id = pair.phones[0].call(2);
    pair.run(200);
    assert_eq!(pair.phones[0].state(id), CallState::Carrier);
    assert_eq!(pair.phones[0].dialed.len(), 1);
    assert_eq!(pair.phones[0].prompt(), None);
}

#[test]
fn losing_the_network_or_the_session_while_checking_is_ones_own_failure() {
    let mut phone = Phone::new(1, &[2]);
    phone.call(2);
    phone.network(NetworkSnapshot { path: 2, connected: false, ..NetworkSnapshot::default() });
    assert_eq!(phone.asked_why(), Some(WhyNotData::OwnOffline));
    let mut pair = Pair::new();
    pair.phones[0].call(2);
    pair.lose_session(0);
    assert_eq!(pair.phones[0].asked_why(), Some(WhyNotData::OwnOffline));
}

#[test]
fn the_choice_stands_beside_an_attempt_that_does_not_ring_in_time_and_goes_when_it_rings() {
    let mut phone = Phone::new(1, &[2]);
    let (id, tap) = offered(&mut phone);
    phone.bench.now = Mono(tap.0 + 999);
    phone.tick();
    assert_eq!(phone.prompt(), None);
    phone.bench.now = Mono(tap.0 + 1_000);
    phone.tick();
    assert_eq!(phone.asked_why(), Some(WhyNotData::NoAnswerInTime));
    assert_eq!(phone.state(id), CallState::Calling, "the attempt goes on");
    say(&mut phone, id, CallBody::Alerting);
    assert_eq!(phone.prompt(), None);
    assert_eq!(phone.state(id), CallState::Ringing);
}

#[test]
fn choosing_the_carrier_beside_an_attempt_takes_the_attempt_back_first() {
    let mut phone = Phone::new(1, &[2]);
    let (id, tap) = offered(&mut phone);
    phone.bench.now = Mono(tap.0 + 1_000);
    phone.tick();
    phone.choose(Choice::Carrier).unwrap().unwrap();
    assert_eq!(phone.state(id), CallState::Carrier);
    assert!(phone.sent.iter().any(|frame| matches!(
        frame,
        ClientFrame::Call(CallEnvelope { body: CallBody::End(CallOver::Cancelled), .. })
    )));
    assert_eq!(phone.ordered(id).last(), Some(&&MediaOrder::Close));
}

#[test]
fn an_answer_that_is_not_signed_by_the_marks_key_is_not_taken() {
    for forged in [false, true] {
        let mut phone = Phone::new(1, &[2]);
        let (id, _) = offered(&mut phone);
        let signer = if forged { toy_key(3) } else { toy_key(2) };
        let message = signed::fingerprint(id, toy_number(2), toy_number(1), &fingerprint(2));
        let body = answer(&phone, true, toy_signature(&signer, &message));
        say(&mut phone, id, body);
        let taken = phone.ordered(id).iter().any(|order| matches!(order, MediaOrder::TakeAnswer { .. }));
        assert_eq!(taken, !forged);
        assert_eq!(phone.asked_why(), forged.then_some(WhyNotData::MediaFailed));
    }
}

#[test]
fn a_signature_for_another_call_or_another_receiver_is_worth_nothing() {
    for (call, to) in [([9; 16], 1), ([0; 16], 3)] {
        let mut phone = Phone::new(1, &[2]);
        let (id, _) = offered(&mut phone);
        let about = if call == [9; 16] { tandem_model::CallId(call) } else { id };
        let message = signed::fingerprint(about, toy_number(2), toy_number(to), &fingerprint(2));
        let body = answer(&phone, false, toy_signature(&toy_key(2), &message));
        say(&mut phone, id, body);
        assert_eq!(phone.asked_why(), Some(WhyNotData::MediaFailed));
    }
}

#[test]
fn a_ring_nobody_answers_ends_for_both_at_the_one_expiry() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    let (at_caller, at_callee) = (pair.phones[0].due().unwrap(), pair.phones[1].due().unwrap());
    assert_eq!(at_caller, at_callee.after(super::super::offered::ANSWER_GRACE));
    pair.run(at_callee.0 - pair.now.0 - 1);
    assert_eq!(pair.phones[1].state(id), CallState::Ringing);
    pair.run(1);
    assert_eq!(pair.phones[1].state(id), CallState::Ended(CallEnd::Missed));
    assert_eq!(pair.phones[1].accept(id), Err(Refusal::Stale));
    pair.run(100);
    assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::NoAnswer));
    assert_eq!(pair.phones[0].prompt(), None);
}

#[test]
fn an_answer_just_before_the_expiry_works_and_one_just_after_is_missed_on_both() {
    for (early_ms, talks) in [(100, true), (0, false)] {
        let mut pair = Pair::new();
        pair.one_way_ms = 80;
        let id = pair.ringing();
        let expiry = pair.phones[1].due().unwrap();
        pair.run(expiry.0 - pair.now.0 - early_ms);
        assert_eq!(pair.phones[1].accept(id).is_ok(), talks);
        pair.run(1_000);
        let active = |who: usize| pair.phones[who].state(id) == CallState::Active;
        assert_eq!((active(0), active(1)), (talks, talks));
    }
}

#[test]
fn what_the_callee_says_is_what_the_caller_sees() {
    for (over, end) in [
        (CallOver::Refused, CallEnd::Refused),
        (CallOver::Busy, CallEnd::Busy),
        (CallOver::NoAnswer, CallEnd::NoAnswer),
    ] {
        let mut pair = Pair::new();
        let id = pair.ringing();
        pair.end(0, id, over);
        pair.run(50);
        assert_eq!(pair.phones[0].state(id), CallState::Ended(end));
        assert_eq!(pair.phones[0].prompt(), None, "a callee's no is no failure of data");
    }
    for (over, why) in [
        (CallOver::PeerLost, WhyNotData::PeerOffline),
        (CallOver::MediaFailed, WhyNotData::MediaFailed),
        (CallOver::Rejected, WhyNotData::PeerNotAvailable),
    ] {
        let mut pair = Pair::new();
        let id = pair.ringing();
        pair.end(0, id, over);
        pair.run(50);
        assert_eq!(pair.phones[0].asked_why(), Some(why));
        assert_eq!(pair.phones[0].view(id).bearer, Bearer::Data);
    }
}

#[test]
fn a_second_data_call_at_a_time_is_refused_and_the_carrier_never_is() {
    let mut pair = Pair::new();
    pair.talking();
    let third = toy_number(3).e164();
    assert_eq!(pair.phones[0].dial(&third, Mode::Data), Err(Refusal::Busy));
    assert_eq!(pair.phones[0].dial(&third, Mode::Carrier), Ok(Reply::CarrierDialed));
    assert_eq!(pair.phones[0].dial("112", Mode::Data), Ok(Reply::CarrierDialed));
}

#[test]
fn a_commit_that_never_ends_holds_no_call_up() {
    // No test in this file answers a commit; this one says that they were ordered all the same.
    let mut pair = Pair::new();
    pair.talking();
    assert!(!pair.phones[0].commits.is_empty());
    let ticket = pair.phones[0].commits[0];
    assert!(pair.phones[0].calls.on_store(ticket));
    assert!(!pair.phones[0].calls.on_store(ticket));
}

/// Phone 1 with an offer out to phone 2 and nothing heard; returns the moment of the tap.
fn offered(phone: &mut Phone) -> (tandem_model::CallId, Mono) {
    let tap = phone.bench.now;
    let id = phone.call(2);
    let asks: Vec<ClientFrame> = phone.sent.clone();
    for frame in asks {
        match frame {
            ClientFrame::GateAsk { ticket, call, .. } => {
                phone.frame(&ServerFrame::GateAnswer { ticket, call, verdict: GateVerdict::Ok }, 30);
            }
            ClientFrame::IceAsk { ticket, call } => {
                phone.frame(&ServerFrame::Ice(ice(ticket, call)), 200);
            }
            ClientFrame::TimeAsk { ticket } => {
                phone.frame(&ServerFrame::Time { ticket, now: ServerMillis(0) }, 30);
            }
            ClientFrame::ProbeAsk { ticket } => {
                for index in 0..8 {
                    phone.frame(&super::pair::train(ticket, index), 328);
                }
            }
            ClientFrame::Train(train) if train.index == 0 => {
                let report = tandem_wire::frame::TrainReport {
                    probe: train.probe,
                    round: 0,
                    frames: 8,
                    bytes_after_first: 2_296,
                    spread_us: 1_000,
                };
                phone.frame(&ServerFrame::TrainReport(report), 30);
            }
            _ => {}
        }
    }
    assert_eq!(phone.state(id), CallState::Calling);
    phone.media(id, MediaInput::Offer { sdp: sdp(1), fingerprint: fingerprint(1) });
    assert_eq!(phone.offers_sent(), 1);
    (id, tap)
}

fn answer(phone: &Phone, more_coming: bool, signature: tandem_model::Signature) -> CallBody {
    let offer = phone.sent.iter().rev().find_map(|frame| match frame {
        ClientFrame::Call(CallEnvelope { body: CallBody::Roap { roap, .. }, .. }) => Some(roap.clone()),
        _ => None,
    });
    let roap = Roap {
        message_type: RoapType::Answer,
        answerer_session_id: Some("callee".into()),
        sdp: Some(sdp(2)),
        tie_breaker: None,
        more_coming,
        ..offer.unwrap()
    };
    CallBody::Roap { roap, fingerprint_signature: Some(signature) }
}

fn say(phone: &mut Phone, call: tandem_model::CallId, body: CallBody) {
    let session = phone.world.session(LINE).unwrap();
    let ring_until = session.offset.to_server(phone.bench.now).after(std::time::Duration::from_secs(45));
    let envelope = CallEnvelope { call, from: toy_number(2), to: toy_number(1), ring_until, body };
    phone.frame(&ServerFrame::Call(envelope), 100);
}
