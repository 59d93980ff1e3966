use super::*;
use crate::address::{Held, Kind, Prefix};
use std::net::Ipv4Addr;
use std::time::Duration;

fn number(n: u64) -> Msisdn {
    Msisdn::try_from(15_551_230_000 + n).unwrap()
}

fn addresses(last: u8) -> Addresses {
    let held = Held { prefix: Prefix::v4(Ipv4Addr::new(10, 64, 0, last)), kind: Kind::Public };
    Addresses { v4: Some(held), ..Addresses::default() }
}

fn report(change: Change, seconds: i64, last: u8) -> Report {
    Report {
        nas: NasKey([1; 16]),
        session: SessionKey([2; 16]),
        change,
        at: ServerMillis(seconds * 1_000),
        stamped: true,
        lasted: None,
        number: Some(number(1)),
        imsi: None,
        addresses: Some(addresses(last)),
        out_of_pool: false,
        last_of_subscriber: false,
    }
}

fn session_of(reports: &[Report]) -> Session {
    let mut session = Session::new(&reports[0], Epoch::FIRST);
    for report in reports {
        session.absorb(report);
    }
    session
}

#[test]
fn the_order_in_which_reports_come_changes_nothing() {
    let reports = [
        report(Change::Start, 10, 1),
        report(Change::Interim, 20, 1),
        report(Change::Interim, 30, 1),
        report(Change::Stop, 40, 1),
    ];
    let expected = session_of(&reports);
    for rotated in 0..4 {
        let mut other = reports.clone();
        other.rotate_left(rotated);
        assert_eq!(session_of(&other), expected);
        other.reverse();
        assert_eq!(session_of(&other), expected);
    }
    assert_eq!((expected.start, expected.ended), (ServerMillis(10_000), Some(ServerMillis(40_000))));
    assert_eq!(expected.since.at(), ServerMillis(10_000));
}

#[test]
fn the_same_report_again_changes_nothing() {
    let reports = [report(Change::Start, 10, 1), report(Change::Interim, 20, 2)];
    let once = session_of(&reports);
    let twice = session_of(&[reports.clone(), reports].concat());
    assert_eq!(once, twice);
}

#[test]
fn a_changed_address_is_held_since_its_own_first_report() {
    let session =
        session_of(&[report(Change::Start, 10, 1), report(Change::Interim, 30, 2), report(Change::Interim, 20, 2)]);
    assert_eq!((session.addresses, session.since.at()), (addresses(2), ServerMillis(20_000)));
    assert!(!session.unclear);
}

#[test]
fn a_late_report_of_what_it_held_before_changes_only_when_that_ended() {
    let session =
        session_of(&[report(Change::Interim, 30, 2), report(Change::Start, 10, 1), report(Change::Interim, 5, 2)]);
    assert_eq!((session.addresses, session.since.at()), (addresses(2), ServerMillis(30_000)));
    assert_eq!(session.start, ServerMillis(5_000));
    assert!(!session.unclear);
}

#[test]
fn going_back_and_forth_out_of_order_is_unclear() {
    let session =
        session_of(&[report(Change::Interim, 10, 2), report(Change::Interim, 30, 2), report(Change::Interim, 20, 1)]);
    assert!(session.unclear);
    let same_second = session_of(&[report(Change::Interim, 10, 1), report(Change::Interim, 10, 2)]);
    assert!(same_second.unclear, "two answers to one question");
}

#[test]
fn in_one_second_an_interim_comes_after_a_start_and_a_stop_after_both() {
    let session = session_of(&[report(Change::Interim, 10, 2), report(Change::Start, 10, 1)]);
    assert_eq!(session.addresses, addresses(2));
    assert!(!session.unclear);
}

#[test]
fn a_session_that_names_two_numbers_is_unclear() {
    let other = Report { number: Some(number(2)), ..report(Change::Interim, 20, 1) };
    assert!(session_of(&[report(Change::Start, 10, 1), other]).unclear);
}

#[test]
fn how_long_it_lasted_says_when_it_began_but_never_before_its_nas_did() {
    let interim = Report { lasted: Some(Duration::from_secs(15)), ..report(Change::Interim, 20, 1) };
    assert_eq!(session_of(std::slice::from_ref(&interim)).start, ServerMillis(5_000));
    let mut session = Session::new(&interim, Epoch(ServerMillis(8_000)));
    session.absorb(&interim);
    assert_eq!(session.start, ServerMillis(8_001));
}

#[test]
fn a_reboot_learnt_of_late_leaves_what_came_after_it_and_makes_the_rest_unclear() {
    let session = session_of(&[report(Change::Start, 10, 1), report(Change::Interim, 20, 1)]);
    let after = session.carried_into(Epoch(ServerMillis(9_000)));
    assert!(!after.unclear && after.start == session.start);
    let amid = session.carried_into(Epoch(ServerMillis(10_000)));
    assert!(amid.unclear);
    assert_eq!((amid.start, amid.since), (ServerMillis(20_000), session.until));
}
