//! An end that loses nothing.

use crate::rig::{Rig, seconds, start_request};
use tandem_logic::{ConnId, Input, Source};
use tandem_model::Ticket;
use tandem_wire::frame::GoodbyeReason;
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

#[test]
fn what_was_asked_before_is_durable_and_answered_before_anybody_is_sent_away() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.hold_store = true;
    rig.text(a, b, 1);
    rig.handle(Input::Shutdown);
    assert!(!rig.stopped);
    assert_eq!(rig.goodbye(a.conn), None);
    rig.release_store();
    let frames = rig.take(a.conn);
    assert!(
        matches!(
            frames.as_slice(),
            [ServerFrame::TextStored { .. }, ServerFrame::Goodbye(goodbye)] if goodbye.reason == GoodbyeReason::ShuttingDown
        ),
        "{frames:?}"
    );
    assert_eq!(rig.goodbye(b.conn), Some(GoodbyeReason::ShuttingDown));
    assert!(rig.stopped);
}

#[test]
fn what_is_asked_meanwhile_is_put_off_by_name() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.hold_store = true;
    rig.text(a, b, 1);
    rig.handle(Input::Shutdown);
    rig.send(a.conn, ClientFrame::TimeAsk { ticket: Ticket(9) });
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::Refused { reason: RefuseReason::ShuttingDown, .. }]));
    let conn = ConnId(500);
    rig.handle(Input::SessionOpened { conn, source: Source(1) });
    assert_eq!(rig.goodbye(conn), Some(GoodbyeReason::ShuttingDown));
    assert!(rig.request(1, start_request(5, 5)).is_some(), "registration is refused at once");
}

#[test]
fn a_store_that_hangs_holds_the_end_up_for_five_seconds_at_most() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.hold_store = true;
    rig.text(a, b, 1);
    rig.handle(Input::Shutdown);
    rig.pass(seconds(5) - std::time::Duration::from_millis(1));
    assert!(!rig.stopped);
    rig.pass(std::time::Duration::from_millis(1));
    assert!(rig.stopped);
    assert_eq!(rig.goodbye(a.conn), Some(GoodbyeReason::ShuttingDown));
}

#[test]
fn a_registration_that_waits_for_its_sms_is_answered_before_the_end() {
    let mut rig = Rig::new();
    rig.sms_outcome = None;
    assert!(rig.request(1, start_request(1, 1)).is_none());
    rig.handle(Input::Shutdown);
    assert!(rig.stopped && rig.replies.len() == 1);
}

#[test]
fn asking_twice_stops_once() {
    let mut rig = Rig::new();
    rig.handle(Input::Shutdown);
    assert!(rig.stopped);
    rig.stopped = false;
    rig.handle(Input::Shutdown);
    assert!(!rig.stopped);
}
