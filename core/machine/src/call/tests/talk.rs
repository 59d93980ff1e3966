//! Answered calls: holds, broken media, lost sessions, ends.

use super::pair::Pair;
use crate::effect::{MediaOrder, Refusal};
use crate::input::{CarrierCallState, MediaInput};
use crate::view::{CallState, Choice};
use tandem_model::rows::StandingChoice;
use tandem_model::{Bearer, CallEnd, Mono, WhyNotData};
use tandem_wire::frame::CallOver;

#[test]
fn a_hold_stops_sound_on_both_sides_and_shows_on_both() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.phones[0].hold(id, true).unwrap();
    pair.run(50);
    assert!(pair.phones[0].view(id).held && !pair.phones[0].view(id).held_by_peer);
    assert!(pair.phones[1].view(id).held_by_peer && !pair.phones[1].view(id).held);
    assert_eq!(pair.phones[1].count(&MediaOrder::Hold { on: true }), 1);
    pair.phones[1].hold(id, true).unwrap();
    pair.run(50);
    pair.phones[0].hold(id, false).unwrap();
    pair.run(50);
    assert_eq!(pair.phones[0].count(&MediaOrder::Hold { on: false }), 0, "the peer still holds");
    pair.phones[1].hold(id, false).unwrap();
    pair.run(50);
    for phone in &pair.phones {
        assert_eq!(phone.count(&MediaOrder::Hold { on: false }), 1);
        assert_eq!(phone.state(id), CallState::Active);
    }
}

#[test]
fn only_a_call_that_is_talked_on_can_be_held() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    assert_eq!(pair.phones[0].hold(id, true), Err(Refusal::Stale));
    assert_eq!(pair.phones[1].hold(id, true), Err(Refusal::Stale));
}

#[test]
fn a_carrier_call_in_the_middle_holds_the_data_call_only_while_it_is_talked_on() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.phones[1].carrier(None, CarrierCallState::Ringing);
    assert!(!pair.phones[1].view(id).held, "it only rings");
    pair.phones[1].carrier(None, CarrierCallState::Active);
    pair.run(50);
    assert!(pair.phones[1].view(id).held);
    assert!(pair.phones[0].view(id).held_by_peer);
    pair.phones[1].carrier(None, CarrierCallState::Ended);
    pair.run(50);
    assert!(!pair.phones[1].view(id).held);
    assert!(!pair.phones[0].view(id).held_by_peer);
    assert_eq!(pair.phones[0].count(&MediaOrder::Hold { on: false }), 1);
}

#[test]
fn a_call_answered_while_a_carrier_call_is_talked_on_lets_no_sound_in_before_that_one_is_over() {
    let mut pair = Pair::new();
    let id = pair.ringing();
    pair.phones[1].carrier(None, CarrierCallState::Active);
    pair.phones[1].accept(id).unwrap();
    pair.run(200);
    assert_eq!(pair.phones[1].state(id), CallState::Active);
    assert!(pair.phones[1].view(id).held && pair.phones[0].view(id).held_by_peer);
    assert_eq!(pair.phones[1].count(&MediaOrder::StartSound), 0, "not for a moment");
    assert_eq!(pair.phones[1].count(&MediaOrder::Hold { on: true }), 1);
    pair.phones[1].carrier(None, CarrierCallState::Ended);
    pair.run(50);
    assert_eq!(pair.phones[1].count(&MediaOrder::StartSound), 1);
    assert_eq!(pair.phones[1].count(&MediaOrder::Hold { on: false }), 1);
    assert!(!pair.phones[0].view(id).held_by_peer);
}

#[test]
fn media_that_breaks_and_comes_back_in_time_is_one_call() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.media(0, id, MediaInput::Disconnected);
    assert_eq!(pair.phones[0].state(id), CallState::Reconnecting);
    let lost_at = pair.phones[0].due().unwrap();
    assert_eq!(lost_at, Mono(pair.now.0 + 12_000));
    pair.run(11_999);
    assert_eq!(pair.phones[0].state(id), CallState::Reconnecting);
    pair.media(0, id, MediaInput::Connected);
    assert_eq!(pair.phones[0].state(id), CallState::Active);
    assert_eq!(pair.phones[0].count(&MediaOrder::StartSound), 1);
    assert_eq!(pair.phones[0].prompt(), None);
}

#[test]
fn media_that_stays_away_is_a_question_at_its_time_and_may_still_come_back() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.media(0, id, MediaInput::Disconnected);
    pair.run(12_000);
    assert_eq!(pair.phones[0].state(id), CallState::Asking);
    assert_eq!(pair.phones[0].asked_why(), Some(WhyNotData::MediaFailed));
    assert!(pair.phones[0].dialed.is_empty());
    pair.media(0, id, MediaInput::Connected);
    assert_eq!(pair.phones[0].state(id), CallState::Active);
    assert_eq!(pair.phones[0].prompt(), None);
}

#[test]
fn a_call_moves_to_the_carrier_and_the_data_leg_goes_only_when_that_one_carries_sound() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.run(10_000);
    pair.media(0, id, MediaInput::Disconnected);
    pair.run(12_000);
    pair.phones[0].choose(Choice::Carrier).unwrap().unwrap();
    assert_eq!(pair.phones[0].state(id), CallState::Carrier);
    assert_eq!(pair.phones[0].view(id).bearer, Bearer::Data, "until the carrier carries sound");
    let ticket = pair.phones[0].dialed[0].0;
    assert!(pair.phones[0].carrier_dialed(ticket, true));
    pair.phones[0].carrier(Some(ticket), CarrierCallState::Ringing);
    pair.phones[1].carrier(None, CarrierCallState::Ringing);
    assert_eq!(pair.phones[0].count(&MediaOrder::Close), 0);
    pair.phones[1].carrier(None, CarrierCallState::Active);
    pair.phones[0].carrier(Some(ticket), CarrierCallState::Active);
    assert_eq!(pair.phones[0].count(&MediaOrder::Close), 1);
    pair.run(65_000);
    assert_eq!(pair.phones[0].view(id).bearer, Bearer::Carrier);
    assert_eq!(pair.phones[1].state(id), CallState::Carrier, "the callee's conversation goes on too");
    pair.phones[0].carrier(Some(ticket), CarrierCallState::Ended);
    pair.phones[1].carrier(None, CarrierCallState::Ended);
    for phone in &pair.phones {
        assert_eq!(phone.state(id), CallState::Ended(CallEnd::Carrier));
        let row = phone.log();
        assert_eq!(row.legs.iter().map(|leg| leg.bearer).collect::<Vec<_>>(), [Bearer::Data, Bearer::Carrier]);
        assert!(row.legs[0].talked_ms >= 10_000 && row.legs[1].talked_ms >= 64_000);
        assert_eq!(row.legs[1].why, Some(WhyNotData::MediaFailed));
        assert_eq!(row.end, Some(CallEnd::Carrier));
        assert_eq!(phone.due(), None);
    }
}

#[test]
fn a_carrier_that_cannot_dial_leaves_the_data_leg_when_that_is_back() {
    for (back, state) in [(true, CallState::Active), (false, CallState::Ended(CallEnd::CarrierFailed))] {
        let mut pair = Pair::new();
        let id = pair.talking();
        pair.media(0, id, MediaInput::Disconnected);
        pair.run(12_000);
        pair.phones[0].choose(Choice::Carrier).unwrap().unwrap();
        if back {
            pair.media(0, id, MediaInput::Connected);
        }
        let ticket = pair.phones[0].dialed[0].0;
        pair.phones[0].carrier_dialed(ticket, false);
        assert_eq!(pair.phones[0].state(id), state);
    }
}

#[test]
fn two_phones_with_a_standing_choice_do_not_dial_each_other() {
    let mut pair = Pair::new();
    for phone in &mut pair.phones {
        phone.world.settings.standing_choice = StandingChoice::Carrier;
    }
    let id = pair.talking();
    for who in 0..2 {
        pair.media(who, id, MediaInput::Disconnected);
    }
    pair.run(12_000);
    assert_eq!(pair.phones[0].dialed.len(), 1);
    assert!(pair.phones[1].dialed.is_empty());
}

#[test]
fn quitting_a_lost_call_ends_it_for_both() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.media(0, id, MediaInput::Failed);
    assert_eq!(pair.phones[0].state(id), CallState::Asking, "without another wait");
    pair.phones[0].choose(Choice::Quit).unwrap().unwrap();
    pair.run(50);
    assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::MediaLost));
    assert_eq!(pair.phones[1].state(id), CallState::Ended(CallEnd::PeerHungUp));
}

#[test]
fn a_question_nobody_answers_ends_as_quit() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.media(0, id, MediaInput::Failed);
    pair.run(299_999);
    assert_eq!(pair.phones[0].state(id), CallState::Asking);
    pair.run(1);
    assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::MediaLost));
    assert_eq!(pair.phones[0].prompt(), None);
}

#[test]
fn a_lost_session_ends_no_call_whose_media_flows_and_a_hang_up_in_it_is_said_later() {
    let mut pair = Pair::new();
    let id = pair.talking();
    let session = pair.lose_session(0);
    pair.run(5_000);
    assert_eq!(pair.phones[0].state(id), CallState::Active);
    pair.phones[0].hang_up(id).unwrap();
    pair.run(1_000);
    assert_eq!(pair.phones[1].state(id), CallState::Active);
    pair.restore_session(0, session);
    pair.run(50);
    assert_eq!(pair.phones[1].state(id), CallState::Ended(CallEnd::PeerHungUp));
}

#[test]
fn a_peer_the_server_lost_is_heard_as_long_as_its_media_flows() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.end(0, id, CallOver::PeerLost);
    pair.run(5_000);
    assert_eq!(pair.phones[0].state(id), CallState::Active);
    pair.media(0, id, MediaInput::Disconnected);
    assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::PeerLost));
}

#[test]
fn a_peer_that_died_is_lost_once_the_server_says_so() {
    let mut pair = Pair::new();
    let id = pair.talking();
    pair.media(0, id, MediaInput::Disconnected);
    pair.end(0, id, CallOver::PeerLost);
    pair.run(50);
    assert_eq!(pair.phones[0].state(id), CallState::Ended(CallEnd::PeerLost));
}

#[test]
fn media_that_never_comes_up_after_the_answer_is_a_question_for_the_caller_only() {
    let mut pair = Pair::new();
    pair.media_works = false;
    let id = pair.ringing();
    pair.phones[1].accept(id).unwrap();
    pair.run(7_900);
    assert_eq!(pair.phones[0].state(id), CallState::Connecting);
    pair.run(300);
    assert_eq!(pair.phones[1].state(id), CallState::Ended(CallEnd::MediaLost));
    assert_eq!(pair.phones[0].asked_why(), Some(WhyNotData::MediaFailed));
    assert_eq!(pair.phones[0].count(&MediaOrder::StartSound), 0);
}

#[test]
fn the_lost_callers_way_to_the_carrier_ends_the_callees_question() {
    let mut pair = Pair::new();
    let id = pair.talking();
    for who in 0..2 {
        pair.media(who, id, MediaInput::Failed);
    }
    assert!(pair.phones[1].prompt().is_some());
    pair.phones[0].choose(Choice::Carrier).unwrap().unwrap();
    let ticket = pair.phones[0].dialed[0].0;
    pair.phones[1].carrier(None, CarrierCallState::Active);
    pair.phones[0].carrier(Some(ticket), CarrierCallState::Active);
    pair.run(50);
    assert_eq!(pair.phones[1].prompt(), None);
    assert_eq!(pair.phones[1].state(id), CallState::Carrier);
}
