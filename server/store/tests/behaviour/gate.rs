//! Threshold 2, and what it tells to whom.

use crate::rig::{Phone, Rig, call, millis, seconds};
use tandem_logic::{Config, StoreFault};
use tandem_model::{GateVerdict, MonoMicros, Ticket};
use tandem_wire::frame::{Train, TrainReport};
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

fn verdict(rig: &mut Rig, phone: Phone) -> Option<GateVerdict> {
    rig.take(phone.conn).into_iter().find_map(|frame| match frame {
        ServerFrame::GateAnswer { verdict, .. } => Some(verdict),
        _ => None,
    })
}

/// The probe the server began with a phone.
fn probe_of(rig: &mut Rig, phone: Phone) -> Vec<Train> {
    let trains = |frame| match frame {
        ServerFrame::Train(train) => Some(train),
        _ => None,
    };
    rig.take(phone.conn).into_iter().filter_map(trains).collect()
}

fn report(probe: Ticket, round: u32, bits_per_second: u64) -> ClientFrame {
    let spread_us = 2_240 * 8 * 1_000_000 / bits_per_second;
    ClientFrame::TrainReport(TrainReport { probe, round, frames: 8, bytes_after_first: 2_240, spread_us })
}

#[test]
fn a_callee_measured_before_is_not_measured_again() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    for (rate, expected) in [(500_000, GateVerdict::Ok), (20_000, GateVerdict::UseCarrier)] {
        rig.measure(b, rate);
        rig.gate(a, call(1), 2);
        assert_eq!(verdict(&mut rig, a), Some(expected));
        assert!(probe_of(&mut rig, b).is_empty());
        rig.pass(seconds(60));
    }
}

#[test]
fn a_callee_not_connected_is_later() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.handle(tandem_logic::Input::SessionClosed { conn: b.conn });
    rig.gate(a, call(1), 2);
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::Later));
}

#[test]
fn an_unmeasured_callee_is_sent_a_train_and_answers_with_its_own() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.gate(a, call(1), 2);
    let train = probe_of(&mut rig, b);
    assert_eq!(train.len(), 8);
    assert!(train.iter().enumerate().all(|(n, t)| t.index as usize == n && (t.count, t.fill, t.round) == (8, 300, 0)));
    let probe = train[0].probe;
    assert!(probe.0 >> 63 == 1, "the server's tickets cannot be taken for a phone's");
    rig.send(b.conn, report(probe, 0, 1_000_000));
    assert_eq!(verdict(&mut rig, a), None, "its other direction is not known yet");
    rig.train(b, probe, 40_000);
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::OkLowRate), "the slower direction counts");
}

#[test]
fn a_callee_that_sends_no_train_is_judged_by_its_report_a_quarter_second_later() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.gate(a, call(1), 2);
    let probe = probe_of(&mut rig, b)[0].probe;
    rig.send(b.conn, report(probe, 0, 1_000_000));
    rig.pass(millis(249));
    assert_eq!(verdict(&mut rig, a), None);
    rig.pass(millis(1));
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::Ok));
}

#[test]
fn a_callee_that_says_nothing_within_nine_tenths_of_a_second_is_too_slow() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.gate(a, call(1), 2);
    rig.pass(millis(899));
    assert_eq!(verdict(&mut rig, a), None);
    rig.pass(millis(1));
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::UseCarrier));
    let probe = probe_of(&mut rig, b)[0].probe;
    rig.send(b.conn, report(probe, 0, 1_000_000));
    assert_eq!(verdict(&mut rig, a), None, "a late report changes nothing");
}

#[test]
fn a_rate_near_the_threshold_is_followed_by_a_paced_burst_which_decides() {
    for (burst, expected) in [(64_000, GateVerdict::Ok), (40_000, GateVerdict::OkLowRate)] {
        let mut rig = Rig::new();
        let (a, b) = rig.friends();
        rig.gate(a, call(1), 2);
        let probe = probe_of(&mut rig, b)[0].probe;
        rig.train(b, probe, 1_000_000);
        rig.send(b.conn, report(probe, 0, 90_000));
        assert_eq!(verdict(&mut rig, a), None);
        rig.pass(millis(450));
        let paced = probe_of(&mut rig, b);
        assert_eq!((paced.len(), paced[0].round, paced[0].count), (11, 1, 11));
        rig.send(b.conn, report(probe, 1, burst));
        assert_eq!(verdict(&mut rig, a), Some(expected), "{burst}");
    }
}

#[test]
fn a_callee_that_disconnects_while_it_is_measured_is_later() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.gate(a, call(1), 2);
    rig.handle(tandem_logic::Input::SessionClosed { conn: b.conn });
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::Later));
}

#[test]
fn two_callers_share_one_measurement() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let c = rig.phone(3);
    rig.contacts(c, &[2], &[]);
    rig.contacts(b, &[3], &[]);
    rig.take(b.conn);
    rig.gate(a, call(1), 2);
    rig.gate(c, call(3), 2);
    assert_eq!(probe_of(&mut rig, b).len(), 8);
    rig.pass(millis(900));
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::UseCarrier));
    assert_eq!(verdict(&mut rig, c), Some(GateVerdict::UseCarrier));
}

#[test]
fn strangers_get_one_answer_at_one_time_whoever_they_ask_about() {
    let mut rig = Rig::new();
    let (a, _) = rig.friends();
    let online = rig.phone(3);
    rig.measure(online, 500_000);
    let epoch = rig.register(4, 4);
    assert_eq!(epoch.0, 1);
    rig.contacts(a, &[3], &[]);
    rig.take(a.conn);
    // Online and held by the asker only, registered and offline, never registered.
    for stranger in [3, 4, 5] {
        let ticket = rig.gate(a, call(stranger as u8), stranger);
        rig.pass(millis(599));
        assert_eq!(rig.take(a.conn), vec![]);
        rig.pass(millis(1));
        let answer = ServerFrame::GateAnswer { ticket, call: call(stranger as u8), verdict: GateVerdict::NotAvailable };
        assert_eq!(rig.take(a.conn), vec![answer]);
    }
    assert!(probe_of(&mut rig, online).is_empty(), "and the phone asked about feels nothing");
}

fn ask_for_servers(rig: &mut Rig, phone: Phone, about: u8) -> Ticket {
    let ticket = rig.ticket();
    rig.send(phone.conn, ClientFrame::IceAsk { ticket, call: call(about) });
    ticket
}

#[test]
fn servers_asked_for_beside_the_gate_are_named_right_behind_its_answer() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.gate(a, call(1), 2);
    let ice = ask_for_servers(&mut rig, a, 1);
    let probe = probe_of(&mut rig, b)[0].probe;
    rig.send(b.conn, report(probe, 0, 1_000_000));
    assert_eq!(rig.take(a.conn), vec![], "while the callee is measured");
    rig.train(b, probe, 1_000_000);
    let frames = rig.take(a.conn);
    assert!(
        matches!(frames.as_slice(), [ServerFrame::GateAnswer { verdict: GateVerdict::Ok, .. }, ServerFrame::Ice(named)]
            if named.ticket == ice && named.call == call(1)),
        "{frames:?}"
    );
}

#[test]
fn servers_asked_for_beside_a_gate_that_stays_shut_are_refused_with_it_and_a_second_question_at_once() {
    let mut rig = Rig::new();
    let (a, _) = rig.friends();
    rig.gate(a, call(9), 9);
    ask_for_servers(&mut rig, a, 9);
    assert_eq!(rig.take(a.conn), vec![]);
    let refused = |frame: &ServerFrame| matches!(frame, ServerFrame::Refused { reason: RefuseReason::NoSuchCall, .. });
    ask_for_servers(&mut rig, a, 9);
    ask_for_servers(&mut rig, a, 8);
    let frames = rig.take(a.conn);
    assert!(frames.len() == 2 && frames.iter().all(refused), "{frames:?}");
    rig.pass(millis(600));
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::GateAnswer { .. }, last] if refused(last)), "{frames:?}");
}

#[test]
fn a_pair_may_be_asked_about_twenty_times_a_day_also_over_a_restart() {
    let mut rig = Rig::new();
    let (a, _) = rig.friends();
    for _ in 0..19 {
        rig.gate(a, call(1), 9);
        rig.pass(millis(600));
        assert_eq!(verdict(&mut rig, a), Some(GateVerdict::NotAvailable));
    }
    rig.restart(Config::default());
    let a = rig.connect(1, 1, a.epoch);
    rig.take(a.conn);
    rig.gate(a, call(1), 9);
    rig.pass(millis(600));
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::NotAvailable));
    rig.gate(a, call(1), 9);
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::Refused { reason: RefuseReason::Budget, .. }]), "{frames:?}");
    rig.gate(a, call(1), 8);
    rig.pass(millis(600));
    assert_eq!(verdict(&mut rig, a), Some(GateVerdict::NotAvailable), "another pair is another budget");
}

#[test]
fn a_budget_that_cannot_be_counted_refuses() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.measure(b, 500_000);
    rig.store_fault = Some(StoreFault::Broken);
    rig.gate(a, call(1), 2);
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::Refused { reason: RefuseReason::Storage, .. }]));
}

#[test]
fn asking_about_oneself_makes_no_sense() {
    let mut rig = Rig::new();
    let (a, _) = rig.friends();
    rig.gate(a, call(1), 1);
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::Refused { reason: RefuseReason::Invalid, .. }]));
}

#[test]
fn a_phones_own_probe_gets_a_train_and_a_report_on_its_own() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.take(a.conn);
    let ticket = rig.ticket();
    rig.send(a.conn, ClientFrame::ProbeAsk { ticket });
    assert_eq!(probe_of(&mut rig, a).len(), 8);
    rig.train(a, ticket, 64_000);
    let frames = rig.take(a.conn);
    assert!(
        matches!(frames.as_slice(), [ServerFrame::TrainReport(report)] if report.probe == ticket && report.frames == 8)
    );
    rig.send(a.conn, report(ticket, 0, 64_000));
    rig.pass(millis(450));
    assert_eq!(probe_of(&mut rig, a).len(), 11, "near the threshold a burst follows");
    let first = Train { probe: Ticket(77), round: 0, index: 0, count: 8, fill: 300 };
    rig.handle(tandem_logic::Input::Frame {
        conn: a.conn,
        frame: ClientFrame::Train(first),
        at: MonoMicros(rig.now.mono.0 * 1_000),
        wire_bytes: 320,
    });
    rig.pass(millis(1_500));
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::TrainReport(report)] if report.frames == 1), "{frames:?}");
}

#[test]
fn probes_of_one_phone_are_bounded() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.take(a.conn);
    for ticket in 1..=3 {
        rig.send(a.conn, ClientFrame::ProbeAsk { ticket: Ticket(ticket) });
    }
    let refused = rig.take(a.conn).into_iter().filter(|frame| matches!(frame, ServerFrame::Refused { .. })).count();
    assert_eq!(refused, 1);
}
