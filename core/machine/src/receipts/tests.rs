//! Read receipts seen from outside.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::bench::toy_number;
use crate::effect::{Effect, Refusal, Reply};
use crate::input::{Command, StoreFailure};
use crate::rig::{PEER, Rig, frames, reply_to};
use tandem_model::rows::{SettingsRow, StandingChoice};
use tandem_model::{DeviceEpoch, Msisdn, TextId, Ticket};
use tandem_wire::frame::RefuseReason;
use tandem_wire::{ClientFrame, ServerFrame};

fn id(counter: u64) -> TextId {
    TextId { device_epoch: DeviceEpoch(77), counter }
}

fn read(rig: &mut Rig, from: u64, ids: Vec<TextId>) -> (Option<Result<Reply, Refusal>>, Vec<Effect>) {
    let (ticket, effects) = rig.command(Command::MarkRead { from: toy_number(from), ids });
    (reply_to(ticket, &effects), effects)
}

fn receipts(effects: &[Effect]) -> Vec<(Ticket, Msisdn, Vec<TextId>)> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::ReadReceipt { ticket, from, ids } => Some((ticket, from, ids)),
            _ => None,
        })
        .collect()
}

fn owed(rig: &Rig) -> usize {
    rig.store.owed.values().map(Vec::len).sum()
}

#[test]
fn receipts_are_batched_and_owed_until_the_server_has_them() {
    let mut rig = Rig::online(&[PEER]);
    assert_eq!(read(&mut rig, PEER, vec![id(1)]).0, Some(Ok(Reply::Done)));
    read(&mut rig, PEER, vec![id(2)]);
    assert!(receipts(&rig.pass(1_999)).is_empty());
    let effects = rig.pass(1);
    let (ticket, from, ids) = receipts(&effects)[0].clone();
    assert_eq!((from, ids), (toy_number(PEER), vec![id(1), id(2)]));
    assert_eq!(owed(&rig), 2);
    rig.frame(ServerFrame::Done { ticket });
    assert_eq!(owed(&rig), 0);
}

#[test]
fn receipts_owed_survive_the_process_and_go_in_the_next_session() {
    let mut rig = Rig::online(&[PEER]);
    read(&mut rig, PEER, vec![id(1)]);
    rig.crash();
    let mut effects = rig.connect();
    effects.extend(rig.pass(2_000));
    assert_eq!(receipts(&effects)[0].2, [id(1)]);
}

#[test]
fn a_receipt_on_its_way_when_the_session_is_lost_goes_again() {
    let mut rig = Rig::online(&[PEER]);
    read(&mut rig, PEER, vec![id(1)]);
    assert_eq!(receipts(&rig.pass(2_000)).len(), 1);
    rig.close();
    let mut effects = rig.connect();
    effects.extend(rig.pass(2_000));
    assert_eq!(receipts(&effects)[0].2, [id(1)]);
}

#[test]
fn strangers_learn_nothing() {
    let mut rig = Rig::online(&[PEER]);
    assert_eq!(read(&mut rig, 9, vec![id(1)]).0, Some(Ok(Reply::Done)));
    assert!(receipts(&rig.pass(10_000)).is_empty());
    assert_eq!(owed(&rig), 0);
}

#[test]
fn a_user_who_wants_no_receipts_sends_none() {
    let mut rig = Rig::online(&[PEER]);
    rig.command(Command::Settings(SettingsRow { standing_choice: StandingChoice::Ask, read_receipts: false }));
    read(&mut rig, PEER, vec![id(1)]);
    assert!(receipts(&rig.pass(10_000)).is_empty());
}

#[test]
fn an_sms_has_nobody_to_tell() {
    let mut rig = Rig::online(&[PEER]);
    read(&mut rig, PEER, vec![TextId { device_epoch: DeviceEpoch(0), counter: 1 }]);
    assert!(receipts(&rig.pass(10_000)).is_empty());
}

#[test]
fn a_server_that_wants_them_later_gets_them_then_and_one_that_wants_none_is_left_alone() {
    let mut rig = Rig::online(&[PEER]);
    read(&mut rig, PEER, vec![id(1)]);
    let (ticket, ..) = receipts(&rig.pass(2_000))[0].clone();
    rig.frame(ServerFrame::Refused { ticket, reason: RefuseReason::Budget, retry_after_ms: 9_000 });
    assert!(receipts(&rig.pass(8_999)).is_empty());
    let (ticket, ..) = receipts(&rig.pass(1))[0].clone();
    rig.frame(ServerFrame::Refused { ticket, reason: RefuseReason::Invalid, retry_after_ms: 0 });
    assert_eq!(owed(&rig), 0);
}

#[test]
fn what_cannot_be_marked_is_refused_by_name() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = Some(Err(StoreFailure::Full));
    assert_eq!(read(&mut rig, PEER, vec![id(1)]).0, Some(Err(Refusal::StoreFailed)));
    assert_eq!(read(&mut rig, PEER, vec![]).0, Some(Err(Refusal::Full)));
    assert_eq!(read(&mut rig, PEER, (0..257).map(id).collect()).0, Some(Err(Refusal::Full)));
}
