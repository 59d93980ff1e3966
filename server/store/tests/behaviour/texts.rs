//! Texts between two phones.

use crate::rig::{Phone, Rig, id, number, seconds, send_text};
use tandem_logic::config::{HouseConfig, TextConfig};
use tandem_logic::{Config, Input, StoreFault};
use tandem_model::{NumberEpoch, TerminalState, Ticket};
use tandem_wire::frame::SendText;
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

fn delivered(rig: &mut Rig, phone: Phone) -> Vec<u64> {
    let texts = |frame| match frame {
        ServerFrame::DeliverText(text) => Some(text.id.counter),
        _ => None,
    };
    rig.take(phone.conn).into_iter().filter_map(texts).collect()
}

fn ends(frames: Vec<ServerFrame>) -> Vec<(u64, TerminalState)> {
    let ends = |frame| match frame {
        ServerFrame::TextState { id, state, .. } => Some((id.counter, state)),
        _ => None,
    };
    frames.into_iter().filter_map(ends).collect()
}

fn refused(frames: &[ServerFrame]) -> Option<RefuseReason> {
    frames.iter().find_map(|frame| match frame {
        ServerFrame::Refused { reason, .. } => Some(*reason),
        _ => None,
    })
}

fn is_stored(frames: &[ServerFrame]) -> bool {
    matches!(frames, [ServerFrame::TextStored { .. }])
}

#[test]
fn a_text_is_acknowledged_once_durable_delivered_at_once_and_its_end_comes_back() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.hold_store = true;
    assert_eq!(rig.text(a, b, 1), vec![]);
    assert_eq!(rig.take(b.conn), vec![]);
    rig.release_store();
    assert!(is_stored(&rig.take(a.conn)));
    let frames = rig.take(b.conn);
    let [ServerFrame::DeliverText(text)] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((text.from, text.from_epoch, text.id, text.seq.0), (number(1), a.epoch, id(1), 1));
    rig.taken(b, a, &[1]);
    assert_eq!(ends(rig.take(a.conn)), vec![(1, TerminalState::Delivered)]);
}

#[test]
fn a_text_waits_for_a_recipient_who_is_away_and_comes_in_order_when_it_connects() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.handle(Input::SessionClosed { conn: b.conn });
    for counter in 1..=5 {
        assert!(is_stored(&rig.text(a, b, counter)));
    }
    rig.restart(Config::default());
    let b = rig.connect(2, 2, b.epoch);
    assert_eq!(delivered(&mut rig, b), vec![1, 2, 3, 4, 5]);
}

#[test]
fn a_text_handed_over_twice_is_stored_once_and_acknowledged_the_same() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let first = rig.text(a, b, 1);
    rig.pass(seconds(5));
    let again = rig.text(a, b, 1);
    let stored_at = |frames: &[ServerFrame]| match frames {
        [ServerFrame::TextStored { stored_at, .. }] => *stored_at,
        other => panic!("{other:?}"),
    };
    assert_eq!(stored_at(&first), stored_at(&again));
    assert_eq!(delivered(&mut rig, b), vec![1]);
}

#[test]
fn texts_go_out_in_windows() {
    let text = TextConfig { window: 3, ..TextConfig::default() };
    let mut rig = Rig::with(Config { text, ..Config::default() });
    let (a, b) = rig.friends();
    for counter in 1..=8 {
        rig.text(a, b, counter);
    }
    assert_eq!(delivered(&mut rig, b), vec![1, 2, 3]);
    rig.taken(b, a, &[1, 3]);
    assert_eq!(delivered(&mut rig, b), vec![4, 5]);
    rig.taken(b, a, &[2, 4, 5]);
    assert_eq!(delivered(&mut rig, b), vec![6, 7, 8]);
}

#[test]
fn what_nobody_takes_is_sent_again_after_thirty_seconds() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.text(a, b, 1);
    assert_eq!(delivered(&mut rig, b), vec![1]);
    rig.pass(seconds(30) - std::time::Duration::from_millis(1));
    assert_eq!(delivered(&mut rig, b), Vec::<u64>::new());
    rig.pass(std::time::Duration::from_millis(1));
    assert_eq!(delivered(&mut rig, b), vec![1]);
    rig.taken(b, a, &[1]);
    rig.take(a.conn);
    rig.pass(seconds(30));
    assert_eq!(delivered(&mut rig, b), Vec::<u64>::new());
    assert_eq!(ends(rig.take(a.conn)), vec![(1, TerminalState::Delivered)], "the end too, until it is taken");
    rig.send(a.conn, ClientFrame::TextStateTaken { ids: vec![id(1)] });
    rig.pass(seconds(60));
    assert_eq!(rig.take(a.conn), vec![]);
}

#[test]
fn a_taking_that_could_not_be_written_is_asked_for_again() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.text(a, b, 1);
    assert_eq!(delivered(&mut rig, b), vec![1]);
    rig.store_fault = Some(StoreFault::Broken);
    rig.taken(b, a, &[1]);
    assert_eq!(rig.take(a.conn), vec![], "not told before it is durable");
    rig.store_fault = None;
    rig.pass(seconds(30));
    assert_eq!(delivered(&mut rig, b), vec![1]);
    rig.taken(b, a, &[1]);
    assert_eq!(ends(rig.take(a.conn)), vec![(1, TerminalState::Delivered)]);
}

#[test]
fn an_end_reaches_a_sender_who_was_away_when_it_came() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.text(a, b, 1);
    rig.handle(Input::SessionClosed { conn: a.conn });
    rig.taken(b, a, &[1]);
    rig.restart(Config::default());
    let a = rig.connect(1, 1, a.epoch);
    assert_eq!(ends(rig.take(a.conn)), vec![(1, TerminalState::Delivered)]);
}

#[test]
fn a_text_put_off_is_not_overtaken_by_the_ones_behind_it() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.store_fault = Some(StoreFault::Full);
    assert_eq!(refused(&rig.text(a, b, 1)), Some(RefuseReason::Storage));
    rig.store_fault = None;
    assert_eq!(refused(&rig.text(a, b, 2)), Some(RefuseReason::Storage), "not before the first");
    assert!(is_stored(&rig.text(a, b, 1)));
    assert!(is_stored(&rig.text(a, b, 2)));
    assert_eq!(delivered(&mut rig, b), vec![1, 2]);
}

#[test]
fn texts_on_their_way_at_once_keep_their_order_when_the_first_fails() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.hold_store = true;
    for counter in 1..=3 {
        rig.text(a, b, counter);
    }
    let (ticket, _, _) = rig.held.remove(0);
    let answer = tandem_logic::StoreAnswer::Failed(StoreFault::Full);
    rig.handle(Input::StoreAnswer { ticket, answer });
    rig.release_store();
    let frames = rig.take(a.conn);
    assert_eq!(frames.iter().filter(|frame| matches!(frame, ServerFrame::Refused { .. })).count(), 3, "{frames:?}");
    assert_eq!(delivered(&mut rig, b), Vec::<u64>::new());
    for counter in 1..=3 {
        assert!(is_stored(&rig.text(a, b, counter)));
    }
    assert_eq!(delivered(&mut rig, b), vec![1, 2, 3]);
}

#[test]
fn strangers_the_unregistered_and_an_old_owner_are_refused_by_name() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let c = rig.phone(3);
    assert_eq!(refused(&rig.text(a, c, 1)), Some(RefuseReason::NotAvailable));
    assert_eq!(refused(&rig.text(a, Phone { n: 7, ..c }, 2)), Some(RefuseReason::NotAvailable));
    let next = Phone { epoch: NumberEpoch(2), ..b };
    assert_eq!(refused(&rig.text(a, next, 3)), Some(RefuseReason::RecipientChanged));
    assert_eq!(refused(&rig.text(a, a, 4)), Some(RefuseReason::Invalid));
    assert!(is_stored(&rig.text(a, b, 5)), "a text refused for good holds nothing up");
}

#[test]
fn a_text_expires_after_thirty_days_and_its_sender_learns_it_within_a_minute() {
    let text = TextConfig { life: seconds(600), ..TextConfig::default() };
    let mut rig = Rig::with(Config { text, ..Config::default() });
    let (a, b) = rig.friends();
    rig.handle(Input::SessionClosed { conn: b.conn });
    rig.text(a, b, 1);
    for _ in 0..10 {
        rig.pass(seconds(59));
        rig.send(a.conn, ClientFrame::TimeAsk { ticket: Ticket(1) });
    }
    assert_eq!(ends(rig.take(a.conn)), vec![], "590 s");
    rig.pass(seconds(70));
    assert_eq!(ends(rig.take(a.conn)).first(), Some(&(1, TerminalState::Expired)));
    let b = rig.connect(2, 2, b.epoch);
    assert_eq!(delivered(&mut rig, b), Vec::<u64>::new());
}

#[test]
fn a_sweep_goes_on_until_nothing_is_left() {
    let text = TextConfig { life: seconds(10), ..TextConfig::default() };
    let house = HouseConfig { sweep_max: 2, ..HouseConfig::default() };
    let mut rig = Rig::with(Config { text, house, ..Config::default() });
    let (a, b) = rig.friends();
    rig.handle(Input::SessionClosed { conn: b.conn });
    for counter in 1..=5 {
        rig.text(a, b, counter);
    }
    rig.pass(seconds(30));
    assert_eq!(ends(rig.take(a.conn)).len(), 5);
}

#[test]
fn a_waiting_text_becomes_an_sms_and_a_delivered_one_does_not() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.handle(Input::SessionClosed { conn: b.conn });
    rig.text(a, b, 1);
    let swap = |rig: &mut Rig, counter, end| {
        let ticket = rig.ticket();
        rig.send(a.conn, ClientFrame::TextSwap { ticket, id: id(counter), to: number(2), end });
        rig.take(a.conn)
    };
    let won = swap(&mut rig, 1, TerminalState::HandedToSms);
    assert!(matches!(won.as_slice(), [ServerFrame::TextSwapAnswer { end: TerminalState::HandedToSms, .. }]));
    let b = rig.connect(2, 2, b.epoch);
    assert_eq!(delivered(&mut rig, b), Vec::<u64>::new());
    rig.text(a, b, 2);
    rig.taken(b, a, &[2]);
    rig.take(a.conn);
    let lost = swap(&mut rig, 2, TerminalState::HandedToSms);
    assert!(matches!(lost.as_slice(), [ServerFrame::TextSwapAnswer { end: TerminalState::Delivered, .. }]));
    let nonsense = swap(&mut rig, 2, TerminalState::Delivered);
    assert_eq!(refused(&nonsense), Some(RefuseReason::Invalid));
}

#[test]
fn a_text_swapped_before_it_came_is_refused_with_its_end() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let ticket = rig.ticket();
    let end = TerminalState::HandedToSms;
    rig.send(a.conn, ClientFrame::TextSwap { ticket, id: id(1), to: number(2), end });
    rig.take(a.conn);
    let late = rig.text(a, b, 1);
    assert!(matches!(
        late.as_slice(),
        [ServerFrame::TextState { state: TerminalState::HandedToSms, .. }, ServerFrame::Refused { .. }]
    ));
    assert_eq!(delivered(&mut rig, b), Vec::<u64>::new());
    assert!(is_stored(&rig.text(a, b, 2)), "the next ones go");
}

#[test]
fn texts_for_an_old_owner_end_and_the_new_one_gets_none() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.handle(Input::SessionClosed { conn: b.conn });
    rig.text(a, b, 1);
    rig.pass(seconds(60));
    let epoch = rig.register(2, 9);
    assert_eq!(ends(rig.take(a.conn)), vec![(1, TerminalState::RecipientChanged)]);
    let new = rig.connect(2, 9, epoch);
    assert_eq!(delivered(&mut rig, new), Vec::<u64>::new());
}

#[test]
fn a_full_mailbox_is_said_by_name_and_only_for_now() {
    let text = TextConfig { mailbox_texts: 2, ..TextConfig::default() };
    let mut rig = Rig::with(Config { text, ..Config::default() });
    let (a, b) = rig.friends();
    rig.text(a, b, 1);
    rig.text(a, b, 2);
    let full = rig.text(a, b, 3);
    assert!(matches!(
        full.as_slice(),
        [ServerFrame::Refused { reason: RefuseReason::MailboxFull, retry_after_ms: 10_000, .. }]
    ));
    rig.taken(b, a, &[1]);
    rig.take(a.conn);
    assert!(is_stored(&rig.text(a, b, 3)));
}

#[test]
fn read_receipts_come_back_for_delivered_texts_only_until_they_are_taken() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.text(a, b, 1);
    rig.text(a, b, 2);
    rig.taken(b, a, &[1]);
    rig.take(a.conn);
    let ticket = rig.ticket();
    let ids = vec![id(1), id(2), id(3)];
    rig.send(b.conn, ClientFrame::ReadReceipt { ticket, from: number(1), ids });
    assert!(rig.take(b.conn).contains(&ServerFrame::Done { ticket }));
    let receipt = ServerFrame::ReadReceipt { by: number(2), ids: vec![id(1)] };
    assert_eq!(rig.take(a.conn), vec![receipt.clone()]);
    let a = rig.reconnect(a);
    assert!(rig.take(a.conn).contains(&receipt));
    rig.send(a.conn, ClientFrame::ReadTaken { by: number(2), ids: vec![id(1)] });
    let a = rig.reconnect(a);
    assert!(!rig.take(a.conn).contains(&receipt));
}

#[test]
fn a_session_of_an_owner_that_is_no_more_ends_at_its_next_request() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.hold_store = true;
    let ticket = rig.ticket();
    rig.send(a.conn, ClientFrame::SendText(SendText { to: number(b.n), ..send_text(ticket, b, 1) }));
    let text = rig.held.remove(0);
    rig.hold_store = false;
    rig.handle(Input::SessionClosed { conn: a.conn });
    rig.pass(seconds(60));
    rig.register(1, 9);
    rig.held.push(text);
    rig.release_store();
    assert_eq!(delivered(&mut rig, b), Vec::<u64>::new(), "the fence holds what was on its way");
}
