//! Marks seen from outside: what is shown, for how long, and what the server is asked.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::bench::toy_number;
use crate::effect::{Effect, Event};
use crate::input::Command;
use crate::rig::{LINE, PEER, Rig, events, frames, marks_frame, registered_store, rig_mark};
use crate::view::{MarkShown, MarkView};
use tandem_model::{Mark, MarkGeneration, MarkState, Signature, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::ServerFrame;
use tandem_wire::frame::RefuseReason;

fn shown(rig: &Rig, n: u64) -> MarkShown {
    rig.device
        .marks()
        .into_iter()
        .find(|view| view.number == toy_number(n))
        .map_or(MarkShown::Unmarked, |view| view.shown)
}

fn told(effects: &[Effect]) -> Vec<MarkView> {
    events(effects)
        .into_iter()
        .filter_map(|event| match event {
            Event::Marks(views) => Some(views),
            _ => None,
        })
        .flatten()
        .collect()
}

fn asks(effects: &[Effect]) -> Vec<(Ticket, MarkGeneration)> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::MarksAsk { ticket, since } => Some((ticket, since)),
            _ => None,
        })
        .collect()
}

fn news(rig: &mut Rig, generation: u64, marks: Vec<Mark>) -> Vec<Effect> {
    rig.frame(marks_frame(Ticket(0), MarkGeneration(generation), marks))
}

fn unmarked(n: u64, generation: u64) -> Mark {
    Mark { number: toy_number(n), generation: MarkGeneration(generation), state: MarkState::Unmarked }
}

#[test]
fn a_mark_appears_is_kept_and_is_there_after_a_restart() {
    let mut rig = Rig::online(&[]);
    let effects = news(&mut rig, 2, vec![rig_mark(PEER, 2, i64::MAX)]);
    assert_eq!(told(&effects), [MarkView { number: toy_number(PEER), shown: MarkShown::Marked }]);
    rig.crash();
    assert_eq!(shown(&rig, PEER), MarkShown::Marked);
    let effects = rig.connect();
    assert_eq!(asks(&effects)[0].1, MarkGeneration(2), "only what came after is asked for");
}

#[test]
fn a_lease_runs_out_exactly_at_its_end_and_is_renewed_by_news() {
    let mut rig = Rig::online(&[]);
    let lease = rig.server_now().0 + 60_000;
    news(&mut rig, 2, vec![rig_mark(PEER, 2, lease)]);
    rig.pass_online(59_999);
    assert_eq!(shown(&rig, PEER), MarkShown::Marked);
    let effects = rig.pass(1);
    assert_eq!(told(&effects), [MarkView { number: toy_number(PEER), shown: MarkShown::NotSeenLately }]);
    news(&mut rig, 3, vec![rig_mark(PEER, 3, lease + 60_000)]);
    assert_eq!(shown(&rig, PEER), MarkShown::Marked);
}

#[test]
fn a_lease_runs_out_without_a_connection_too() {
    let mut rig = Rig::online(&[]);
    let lease = rig.server_now().0 + 60_000;
    news(&mut rig, 2, vec![rig_mark(PEER, 2, lease)]);
    rig.close();
    rig.pass(60_000);
    assert_eq!(shown(&rig, PEER), MarkShown::NotSeenLately);
}

#[test]
fn a_phone_that_was_off_for_long_does_not_show_old_marks_as_good() {
    let mut store = registered_store(&[]);
    let held = rig_mark(PEER, 1, crate::rig::SERVER_AHEAD - 1);
    store.marks.entry(LINE).or_default().1.insert(held.number, held);
    let rig = Rig::boot(store, 1).0;
    assert_eq!(shown(&rig, PEER), MarkShown::NotSeenLately);
}

#[test]
fn older_news_is_old_news() {
    let mut rig = Rig::online(&[]);
    news(&mut rig, 5, vec![rig_mark(PEER, 5, i64::MAX)]);
    assert!(news(&mut rig, 4, vec![unmarked(PEER, 4)]).is_empty(), "an older page");
    assert!(told(&news(&mut rig, 6, vec![unmarked(PEER, 4)])).is_empty(), "an older mark in a newer page");
    let effects = news(&mut rig, 7, vec![unmarked(PEER, 7)]);
    assert_eq!(told(&effects), [MarkView { number: toy_number(PEER), shown: MarkShown::Unmarked }]);
    assert!(told(&news(&mut rig, 7, vec![rig_mark(PEER, 5, i64::MAX)])).is_empty(), "it stays gone");
}

#[test]
fn a_sealing_key_its_owner_did_not_sign_is_not_believed() {
    let mut rig = Rig::online(&[]);
    let mut forged = rig_mark(PEER, 2, i64::MAX);
    let MarkState::Marked { sealing_key, .. } = &mut forged.state else { panic!("marked") };
    sealing_key.signature = Signature([1; 64]);
    news(&mut rig, 2, vec![forged]);
    assert_eq!(shown(&rig, PEER), MarkShown::Unmarked);
}

#[test]
fn marks_are_synced_at_the_interval_give_or_take_a_tenth() {
    let mut rig = Rig::online(&[]);
    let interval = 6 * 3_600_000;
    let effects = rig.pass_online(interval * 9 / 10 - 1_000);
    assert!(asks(&effects).is_empty());
    let effects = rig.pass_online(interval * 2 / 10 + 2_000);
    assert_eq!(asks(&effects).len(), 1);
}

#[test]
fn a_sync_asked_for_by_the_user_goes_at_once() {
    let mut rig = Rig::online(&[]);
    let (_, effects) = rig.command(Command::SyncMarks);
    assert_eq!(asks(&effects).len(), 1);
}

#[test]
fn a_sync_that_is_refused_waits_as_told_and_one_left_unanswered_ends_the_session() {
    let mut rig = Rig::online(&[]);
    let (_, effects) = rig.command(Command::SyncMarks);
    let (ticket, _) = asks(&effects)[0];
    rig.frame(ServerFrame::Refused { ticket, reason: RefuseReason::Budget, retry_after_ms: 30_000 });
    assert!(asks(&rig.pass(29_999)).is_empty());
    assert_eq!(asks(&rig.pass(1)).len(), 1);
    rig.pass(9_999);
    assert!(rig.device.online(LINE));
    rig.pass(1);
    assert!(!rig.device.online(LINE));
}
