//! The session seen from outside: what the device sends and when.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::effect::{Effect, Event};
use crate::input::{HostInput, Input, LinkId, LinkInput, NetworkSnapshot};
use crate::rig::{LINE, Rig, RigStore, events, frames};
use crate::view::{RegistrationFailure, RegistrationState};
use tandem_model::{Nonce, ServerMillis};
use tandem_wire::frame::{Goodbye, GoodbyeReason};
use tandem_wire::{ClientFrame, ServerFrame};

fn challenge(version_min: u32, version_max: u32) -> ServerFrame {
    ServerFrame::Challenge { nonce: Nonce([1; 32]), version_min, version_max }
}

fn connects(effects: &[Effect]) -> Vec<LinkId> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Connect { link, .. } => Some(*link),
            _ => None,
        })
        .collect()
}

fn goodbye(reason: GoodbyeReason, retry_after_ms: u32) -> ServerFrame {
    ServerFrame::Goodbye(Goodbye { reason, retry_after_ms })
}

#[test]
fn a_registered_line_connects_at_boot_and_greets_when_challenged() {
    let (mut rig, effects) = Rig::boot(crate::rig::registered_store(&[]), 3);
    assert_eq!(connects(&effects), [LinkId(1)]);
    let effects = rig.frame_on(LINE, LinkId(1), challenge(1, 1));
    let said = frames(&effects);
    let [ClientFrame::Hello(hello)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(hello.version, 1);
    assert!(!rig.device.online(LINE), "not before the welcome");
}

#[test]
fn a_server_without_our_version_is_not_greeted_and_asked_again_much_later() {
    let (mut rig, _) = Rig::boot(crate::rig::registered_store(&[]), 3);
    let effects = rig.frame_on(LINE, LinkId(1), challenge(2, 9));
    assert!(frames(&effects).is_empty());
    assert!(connects(&rig.pass(3_599_999)).is_empty());
    assert_eq!(connects(&rig.pass(1)), [LinkId(2)]);
}

#[test]
fn a_silent_server_is_given_up_exactly_at_the_handshakes_end() {
    let (mut rig, _) = Rig::boot(crate::rig::registered_store(&[]), 3);
    let effects = rig.pass(9_999);
    assert!(effects.is_empty(), "{effects:?}");
    let effects = rig.pass(1);
    assert_eq!(effects, [Effect::Disconnect { line: LINE, link: LinkId(1) }]);
    assert_eq!(connects(&rig.pass(60_001)).first(), Some(&LinkId(2)));
}

#[test]
fn words_of_an_older_connection_are_dropped() {
    let mut rig = Rig::online(&[]);
    rig.close();
    let effects = rig.frame(goodbye(GoodbyeReason::RegisteredElsewhere, 0));
    assert!(effects.is_empty());
    assert_eq!(rig.device.registrations()[0].state, RegistrationState::Registered);
}

#[test]
fn an_open_word_about_another_connection_is_answered_by_closing_it() {
    let mut rig = Rig::online(&[]);
    let effects = rig.feed(Input::Link(LinkInput::Opened { line: LINE, link: LinkId(77) }));
    assert_eq!(effects, [Effect::Disconnect { line: LINE, link: LinkId(77) }]);
    assert!(rig.device.online(LINE));
}

#[test]
fn another_network_path_reconnects_at_once() {
    let mut rig = Rig::online(&[]);
    rig.host(HostInput::Network(NetworkSnapshot { path: 1, connected: true, ..NetworkSnapshot::default() }));
    assert!(rig.device.online(LINE), "the first word of a network changes nothing");
    let effects =
        rig.host(HostInput::Network(NetworkSnapshot { path: 2, connected: true, ..NetworkSnapshot::default() }));
    assert_eq!(connects(&effects).len(), 1);
    assert!(events(&effects).contains(&Event::Online { line: LINE, online: false }));
}

#[test]
fn without_a_data_path_nothing_is_tried_until_there_is_one() {
    let mut rig = Rig::online(&[]);
    rig.host(HostInput::Network(NetworkSnapshot { path: 1, connected: false, ..NetworkSnapshot::default() }));
    assert!(connects(&rig.pass(3_600_000)).is_empty());
    let effects =
        rig.host(HostInput::Network(NetworkSnapshot { path: 2, connected: true, ..NetworkSnapshot::default() }));
    assert_eq!(connects(&effects).len(), 1);
}

#[test]
fn the_keepalive_asks_for_the_time_and_an_answer_left_out_ends_the_session() {
    let mut rig = Rig::online(&[]);
    let effects = rig.pass(240_000);
    let asked = frames(&effects).into_iter().filter(|frame| matches!(frame, ClientFrame::TimeAsk { .. })).count();
    assert_eq!(asked, 1);
    assert!(rig.device.online(LINE));
    let effects = rig.pass(10_000);
    assert!(events(&effects).contains(&Event::Online { line: LINE, online: false }));
}

#[test]
fn the_keepalives_answer_keeps_the_session() {
    let mut rig = Rig::online(&[]);
    for _ in 0..3 {
        let effects = rig.pass(240_000);
        for frame in frames(&effects) {
            if let ClientFrame::TimeAsk { ticket } = frame {
                let now = rig.server_now();
                rig.frame(ServerFrame::Time { ticket, now });
            }
        }
        assert!(rig.device.online(LINE));
    }
}

#[test]
fn a_wake_ends_a_wait_of_our_own_and_asks_a_standing_connection_whether_it_stands() {
    let mut rig = Rig::online(&[]);
    let asked = frames(&rig.host(HostInput::Woken));
    assert!(matches!(asked[..], [ClientFrame::TimeAsk { .. }]), "{asked:?}");
    rig.close();
    assert_eq!(connects(&rig.host(HostInput::Woken)).len(), 1, "at once");
    assert!(connects(&rig.host(HostInput::Woken)).is_empty(), "one is being opened");
}

#[test]
fn a_wake_does_not_end_a_wait_the_server_asked_for_nor_open_anything_without_a_registration() {
    let mut rig = Rig::online(&[]);
    rig.frame(goodbye(GoodbyeReason::ShuttingDown, 30_000));
    assert!(connects(&rig.host(HostInput::Woken)).is_empty());
    let mut rig = Rig::boot(RigStore::default(), 1).0;
    assert!(rig.host(HostInput::Woken).is_empty());
}

#[test]
fn a_server_that_goes_down_is_left_alone_as_long_as_it_asks() {
    let mut rig = Rig::online(&[]);
    rig.frame(goodbye(GoodbyeReason::ShuttingDown, 30_000));
    assert!(connects(&rig.pass(29_999)).is_empty());
    assert_eq!(connects(&rig.pass(1)).len(), 1);
}

#[test]
fn a_goodbye_that_ends_the_registration_is_told_to_the_user() {
    for (reason, why) in [
        (GoodbyeReason::RegisteredElsewhere, RegistrationFailure::RegisteredElsewhere),
        (GoodbyeReason::NotRegistered, RegistrationFailure::Expired),
    ] {
        let mut rig = Rig::online(&[2]);
        rig.frame(goodbye(reason, 0));
        assert_eq!(rig.device.registrations()[0].state, RegistrationState::Failed(why));
        assert!(rig.store.registrations.is_empty(), "and it stays over after a restart");
        assert!(rig.device.marks().is_empty());
        assert!(connects(&rig.pass(3_600_000)).is_empty());
    }
}

#[test]
fn goodbyes_that_are_no_end_lead_back_to_a_session() {
    for reason in [
        GoodbyeReason::Displaced,
        GoodbyeReason::Protocol,
        GoodbyeReason::Busy,
        GoodbyeReason::TooSlow,
        GoodbyeReason::ShuttingDown,
    ] {
        let mut rig = Rig::online(&[]);
        rig.frame(goodbye(reason, 0));
        assert!(!rig.device.online(LINE));
        rig.connect();
        assert!(rig.device.online(LINE), "{reason:?}");
    }
}

#[test]
fn a_server_that_welcomes_and_drops_is_met_with_longer_and_longer_waits() {
    let mut rig = Rig::online(&[]);
    let mut waits = Vec::new();
    for _ in 0..12 {
        rig.close();
        let before = rig.now;
        while connects(&rig.pass(1)).is_empty() {}
        waits.push(rig.now - before);
        rig.open_session();
    }
    assert!(waits.iter().max() > Some(&5_000), "{waits:?}");
}

#[test]
fn frames_out_of_turn_before_the_welcome_end_the_attempt() {
    let (mut rig, _) = Rig::boot(crate::rig::registered_store(&[]), 3);
    let ticket = tandem_model::Ticket(1);
    let effects = rig.frame_on(LINE, LinkId(1), ServerFrame::Time { ticket, now: ServerMillis(0) });
    assert_eq!(effects, [Effect::Disconnect { line: LINE, link: LinkId(1) }]);
}
