//! Connections, from challenge to goodbye.

use crate::rig::{Rig, START, key, number, seconds, sign};
use tandem_logic::config::SessionConfig;
use tandem_logic::{Config, Input, Source, StoreFault};
use tandem_model::vault::signed;
use tandem_model::{MarkGeneration, MonoMicros, NumberEpoch, Ticket};
use tandem_wire::frame::{GoodbyeReason, Hello};
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

fn time_ask(ticket: u64) -> ClientFrame {
    ClientFrame::TimeAsk { ticket: Ticket(ticket) }
}

#[test]
fn a_session_stands_once_the_challenge_is_signed_and_tells_the_servers_time() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    assert_eq!(rig.server.sessions(), 1);
    rig.take(phone.conn);
    rig.send(phone.conn, time_ask(5));
    assert_eq!(rig.take(phone.conn), vec![ServerFrame::Time { ticket: Ticket(5), now: START.server }]);
}

#[test]
fn a_wrong_signature_an_unknown_number_and_an_unknown_epoch_get_the_same_goodbye() {
    let mut rig = Rig::new();
    rig.register(1, 1);
    for (n, seed, epoch) in [(1, 2, 1), (2, 2, 1), (1, 1, 2), (1, 1, 0)] {
        let conn = rig.hello(n, seed, NumberEpoch(epoch));
        assert_eq!(rig.goodbye(conn), Some(GoodbyeReason::NotRegistered));
        assert_eq!(rig.closed.last(), Some(&conn));
    }
}

#[test]
fn a_signature_over_another_challenge_is_worth_nothing() {
    let mut rig = Rig::new();
    let epoch = rig.register(1, 1);
    let (_, old_nonce) = rig.open();
    let (conn, nonce) = rig.open();
    assert_ne!(nonce, old_nonce);
    let signature = sign(&key(1), &signed::session(&old_nonce, number(1), epoch));
    let marks_since = MarkGeneration(0);
    let hello = Hello { version: 1, number: number(1), epoch, signature, marks_since, fresh: false };
    rig.send(conn, ClientFrame::Hello(hello));
    assert_eq!(rig.goodbye(conn), Some(GoodbyeReason::NotRegistered));
}

#[test]
fn no_common_version_is_said_by_name() {
    let mut rig = Rig::new();
    let (conn, nonce) = rig.open();
    let signature = sign(&key(1), &signed::session(&nonce, number(1), NumberEpoch(1)));
    let marks_since = MarkGeneration(0);
    let hello = Hello { version: 2, number: number(1), epoch: NumberEpoch(1), signature, marks_since, fresh: false };
    rig.send(conn, ClientFrame::Hello(hello));
    assert_eq!(rig.goodbye(conn), Some(GoodbyeReason::Version));
}

#[test]
fn whoever_does_not_say_hello_in_ten_seconds_or_says_something_else_is_sent_away() {
    let mut rig = Rig::new();
    let (silent, _) = rig.open();
    let (rude, _) = rig.open();
    rig.send(rude, time_ask(1));
    assert_eq!(rig.goodbye(rude), Some(GoodbyeReason::Protocol));
    rig.pass(seconds(10) - std::time::Duration::from_millis(1));
    assert_eq!(rig.goodbye(silent), None);
    rig.pass(std::time::Duration::from_millis(1));
    assert_eq!(rig.goodbye(silent), Some(GoodbyeReason::Protocol));
}

#[test]
fn a_second_hello_and_bytes_that_are_no_frame_break_the_protocol() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    rig.handle(Input::BadFrame { conn: phone.conn });
    assert_eq!(rig.goodbye(phone.conn), Some(GoodbyeReason::Protocol));
    assert_eq!(rig.server.sessions(), 0);
    rig.handle(Input::SessionClosed { conn: phone.conn });
    rig.handle(Input::BadFrame { conn: phone.conn });
    rig.send(phone.conn, time_ask(1));
    assert_eq!(rig.take(phone.conn), vec![], "what comes after the goodbye is dropped");
}

#[test]
fn a_newer_session_displaces_the_older_one() {
    let mut rig = Rig::new();
    let old = rig.phone(1);
    let new = rig.connect(1, 1, old.epoch);
    assert_eq!(rig.goodbye(old.conn), Some(GoodbyeReason::Displaced));
    assert_eq!(rig.server.sessions(), 1);
    rig.handle(Input::SessionClosed { conn: old.conn });
    assert_eq!(rig.server.sessions(), 1, "the late end of the old one is nobody's");
    rig.send(new.conn, time_ask(1));
    assert!(matches!(rig.take(new.conn).last(), Some(ServerFrame::Time { .. })));
}

#[test]
fn a_session_ends_when_it_was_not_heard_for_a_hundred_seconds() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    rig.pass(seconds(99));
    rig.send(phone.conn, time_ask(1));
    rig.pass(seconds(99));
    assert_eq!(rig.server.sessions(), 1, "heard meanwhile");
    rig.pass(seconds(1));
    assert_eq!(rig.server.sessions(), 0);
    assert_eq!(rig.closed, vec![phone.conn]);
}

#[test]
fn a_phone_that_reads_too_slowly_is_told() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    rig.handle(Input::SendQueueFull { conn: phone.conn });
    assert_eq!(rig.goodbye(phone.conn), Some(GoodbyeReason::TooSlow));
}

#[test]
fn more_connections_than_there_is_room_for_are_told_that_it_is_busy() {
    let session = SessionConfig { sessions_max: 2, ..SessionConfig::default() };
    let mut rig = Rig::with(Config { session, ..Config::default() });
    rig.open();
    rig.open();
    let conn = tandem_logic::ConnId(99);
    rig.handle(Input::SessionOpened { conn, source: Source(1) });
    assert_eq!(rig.goodbye(conn), Some(GoodbyeReason::Busy));
}

#[test]
fn more_requests_than_one_session_may_have_open_are_refused_by_name() {
    let session = SessionConfig { requests_max: 3, ..SessionConfig::default() };
    let mut rig = Rig::with(Config { session, ..Config::default() });
    let phone = rig.phone(1);
    rig.take(phone.conn);
    rig.hold_store = true;
    for ticket in 1..=4 {
        rig.send(phone.conn, ClientFrame::MarksAsk { ticket: Ticket(ticket), since: MarkGeneration(0) });
    }
    let frames = rig.take(phone.conn);
    assert!(matches!(
        frames.as_slice(),
        [ServerFrame::Refused { ticket: Ticket(4), reason: RefuseReason::Budget, retry_after_ms: 2_000 }]
    ));
    rig.release_store();
    assert_eq!(rig.take(phone.conn).len(), 3);
}

#[test]
fn a_store_that_does_not_answer_for_thirty_seconds_counts_as_failed() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    rig.take(phone.conn);
    rig.hold_store = true;
    rig.send(phone.conn, ClientFrame::MarksAsk { ticket: Ticket(9), since: MarkGeneration(0) });
    rig.pass(seconds(30) - std::time::Duration::from_millis(1));
    assert_eq!(rig.take(phone.conn), vec![]);
    rig.pass(std::time::Duration::from_millis(1));
    let frames = rig.take(phone.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::Refused { reason: RefuseReason::Storage, .. }]));
    rig.release_store();
    assert_eq!(rig.take(phone.conn), vec![], "an answer that comes after all is dropped");
}

#[test]
fn a_store_that_fails_at_hello_is_not_taken_for_not_registered() {
    let mut rig = Rig::new();
    let epoch = rig.register(1, 1);
    rig.store_fault = Some(StoreFault::Broken);
    let conn = rig.hello(1, 1, epoch);
    assert_eq!(rig.goodbye(conn), Some(GoodbyeReason::Busy));
}

#[test]
fn being_heard_renews_the_lease_in_steps_and_not_with_every_frame() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    let written = |rig: &Rig| rig.trace.iter().filter(|line| line.contains("RenewLeases")).count();
    for _ in 0..20 {
        rig.pass(seconds(60));
        rig.send(phone.conn, time_ask(1));
    }
    assert_eq!(written(&rig), 0, "twenty minutes of a step of sixty");
    for _ in 0..50 {
        rig.pass(seconds(60));
        rig.send(phone.conn, time_ask(1));
    }
    assert_eq!(written(&rig), 1);
}

#[test]
fn frames_are_timed_by_when_they_were_read() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    rig.take(phone.conn);
    let probe = rig.ticket();
    for index in 0..8_u32 {
        let train = tandem_wire::frame::Train { probe, round: 0, index, count: 8, fill: 300 };
        let at = MonoMicros(u64::from(index) * 40_000);
        rig.handle(Input::Frame { conn: phone.conn, frame: ClientFrame::Train(train), at, wire_bytes: 320 });
    }
    let frames = rig.take(phone.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::TrainReport(report)]
        if (report.frames, report.bytes_after_first, report.spread_us) == (8, 2_240, 280_000)));
}
