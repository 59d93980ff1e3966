use super::*;
use crate::accounting::{Change, SessionKey};
use crate::address::{Held, Prefix};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const T0: i64 = 1_800_000_000;

fn at(seconds: i64) -> ServerMillis {
    ServerMillis((T0 + seconds) * 1_000)
}

fn anna() -> Msisdn {
    number(1)
}

fn bert() -> Msisdn {
    number(2)
}

fn number(n: u64) -> Msisdn {
    Msisdn::try_from(15_551_230_000 + n).unwrap()
}

fn v4(last: u8) -> Addresses {
    let held = Held { prefix: Prefix::v4(Ipv4Addr::new(10, 64, 0, last)), kind: Kind::BehindNat };
    Addresses { v4: Some(held), ..Addresses::default() }
}

fn v6(subnet: u16, length: u8) -> Option<Held> {
    let address = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, subnet, 0, 0, 0, 0));
    Some(Held { prefix: Prefix::network(address, length).unwrap(), kind: Kind::Public })
}

fn report(change: Change, session: u8, whose: Msisdn, seconds: i64, addresses: Addresses) -> Report {
    Report {
        nas: NasKey([1; 16]),
        session: SessionKey([session; 16]),
        change,
        at: at(seconds),
        stamped: true,
        lasted: None,
        number: Some(whose),
        imsi: None,
        addresses: Some(addresses),
        out_of_pool: false,
        last_of_subscriber: false,
    }
}

fn start(session: u8, whose: Msisdn, seconds: i64, last: u8) -> Report {
    report(Change::Start, session, whose, seconds, v4(last))
}

fn stop(session: u8, whose: Msisdn, seconds: i64, last: u8) -> Report {
    report(Change::Stop, session, whose, seconds, v4(last))
}

fn bindings() -> Bindings {
    Bindings::new(BindingsConfig::default(), 3)
}

fn after(reports: &[Report], now: i64) -> Bindings {
    let mut bindings = bindings();
    for report in reports {
        bindings.report(report, at(now));
    }
    bindings
}

fn held(bindings: &Bindings, whose: Msisdn, now: i64) -> Option<Addresses> {
    bindings.find(whose, at(now)).map(|binding| binding.addresses)
}

#[test]
fn a_start_binds_and_its_stop_unbinds() {
    let mut bindings = after(&[start(1, anna(), 0, 7)], 5);
    let bound = bindings.find(anna(), at(65)).unwrap();
    assert_eq!((bound.addresses, bound.kind), (v4(7), Kind::BehindNat));
    assert_eq!(bound.age, Duration::from_secs(60), "since it was bound here");
    assert_eq!(bindings.report(&stop(1, anna(), 60, 7), at(65)), Taken::New);
    assert_eq!(bindings.find(anna(), at(65)), None);
}

#[test]
fn a_late_stop_never_removes_a_newer_lease() {
    let bindings = after(&[start(1, anna(), 0, 7), start(2, anna(), 50, 8), stop(1, anna(), 40, 7)], 60);
    assert_eq!(held(&bindings, anna(), 60), Some(v4(8)));
}

#[test]
fn a_replayed_start_does_not_come_back_after_its_stop() {
    let events = [start(1, anna(), 0, 7), stop(1, anna(), 40, 7)];
    let mut bindings = after(&events, 60);
    assert_eq!(bindings.report(&events[0], at(61)), Taken::Known);
    assert_eq!(held(&bindings, anna(), 61), None);
    let unstamped = Report { at: at(70), stamped: false, ..start(1, anna(), 70, 7) };
    bindings.report(&unstamped, at(70));
    assert_eq!(held(&bindings, anna(), 70), None, "whatever time it claims");
}

#[test]
fn a_start_that_comes_after_its_stop_binds_nothing() {
    let bindings = after(&[stop(1, anna(), 40, 7), start(1, anna(), 0, 7)], 60);
    assert_eq!(held(&bindings, anna(), 60), None);
    let silent_stop = Report { number: None, addresses: None, ..stop(1, anna(), 40, 7) };
    let bindings = after(&[silent_stop, start(1, anna(), 0, 7)], 60);
    assert_eq!(held(&bindings, anna(), 60), None);
}

#[test]
fn an_address_given_to_another_evicts_the_older_for_good() {
    let mut bindings = after(&[start(1, anna(), 0, 7), start(2, bert(), 20, 7)], 60);
    assert_eq!((held(&bindings, anna(), 60), held(&bindings, bert(), 60)), (None, Some(v4(7))));
    bindings.report(&report(Change::Interim, 1, anna(), 70, v4(7)), at(70));
    assert_eq!((held(&bindings, anna(), 70), held(&bindings, bert(), 70)), (None, Some(v4(7))));
    bindings.report(&stop(2, bert(), 80, 7), at(80));
    assert_eq!((held(&bindings, anna(), 80), held(&bindings, bert(), 80)), (None, None));
}

#[test]
fn an_address_that_was_given_to_another_comes_not_back_when_the_other_moves_on() {
    let moved = report(Change::Interim, 2, bert(), 40, v4(8));
    let events = [start(1, anna(), 0, 7), start(2, bert(), 20, 7), moved];
    for rotated in 0..3 {
        let mut events = events.clone();
        events.rotate_left(rotated);
        let bindings = after(&events, 60);
        assert_eq!((held(&bindings, anna(), 60), held(&bindings, bert(), 60)), (None, Some(v4(8))));
    }
}

#[test]
fn a_prefix_within_anothers_evicts_as_the_same_would() {
    let whole = Addresses { delegated: v6(0, 56), ..Addresses::default() };
    let part = Addresses { v6: v6(3, 64), ..Addresses::default() };
    for (older, newer) in [(whole, part), (part, whole)] {
        let events = [report(Change::Start, 1, anna(), 0, older), report(Change::Start, 2, bert(), 20, newer)];
        let bindings = after(&events, 60);
        assert_eq!((held(&bindings, anna(), 60), held(&bindings, bert(), 60)), (None, Some(newer)));
    }
    let elsewhere = Addresses { v6: v6(0x100, 64), ..Addresses::default() };
    let bindings =
        after(&[report(Change::Start, 1, anna(), 0, whole), report(Change::Start, 2, bert(), 20, elsewhere)], 60);
    assert_eq!(held(&bindings, anna(), 60), Some(whole));
}

#[test]
fn of_two_attaches_the_newest_wins_and_its_end_brings_the_older_not_back() {
    let mut bindings = after(&[start(2, anna(), 50, 8), start(1, anna(), 0, 7)], 60);
    assert_eq!(held(&bindings, anna(), 60), Some(v4(8)));
    bindings.report(&report(Change::Interim, 1, anna(), 70, v4(7)), at(70));
    assert_eq!(held(&bindings, anna(), 70), Some(v4(8)), "an older session that goes on stays older");
    bindings.report(&stop(2, anna(), 80, 8), at(80));
    assert_eq!(held(&bindings, anna(), 80), None);
}

#[test]
fn an_older_bearer_of_the_same_address_carries_on_once_it_is_heard_of_after_the_end_of_the_newer() {
    let mut bindings = after(&[start(1, anna(), 0, 7), start(2, anna(), 20, 7)], 30);
    bindings.report(&stop(2, anna(), 40, 7), at(40));
    assert_eq!(held(&bindings, anna(), 40), None, "it may as well be one that was left behind");
    bindings.report(&report(Change::Interim, 1, anna(), 45, v4(7)), at(45));
    assert_eq!(held(&bindings, anna(), 45), Some(v4(7)));
    let last = Report { last_of_subscriber: true, ..stop(3, anna(), 50, 7) };
    bindings.report(&last, at(50));
    assert_eq!(held(&bindings, anna(), 50), None, "a Stop that says it was the last ends all from before it");
}

#[test]
fn what_is_claimed_twice_in_one_second_is_told_to_nobody_until_one_has_ended() {
    let mut bindings = after(&[start(1, anna(), 20, 7), start(2, bert(), 20, 7)], 60);
    assert_eq!((held(&bindings, anna(), 60), held(&bindings, bert(), 60)), (None, None));
    bindings.report(&stop(1, anna(), 30, 7), at(60));
    assert_eq!(held(&bindings, bert(), 60), Some(v4(7)));
}

#[test]
fn a_reboot_ends_every_session_of_its_nas_and_no_other() {
    let elsewhere = Report { nas: NasKey([9; 16]), ..start(2, bert(), 5, 8) };
    let mut bindings = after(&[start(1, anna(), 0, 7), elsewhere], 10);
    let reboot = Reboot { nas: NasKey([1; 16]), at: at(20) };
    assert_eq!(bindings.reboot(reboot, at(20)), Taken::New);
    assert_eq!(bindings.reboot(reboot, at(21)), Taken::Known);
    assert_eq!((held(&bindings, anna(), 21), held(&bindings, bert(), 21)), (None, Some(v4(8))));
    bindings.report(&start(1, anna(), 0, 7), at(22));
    assert_eq!(held(&bindings, anna(), 22), None, "what was before stays before");
    bindings.report(&start(1, bert(), 30, 9), at(31));
    assert_eq!(held(&bindings, bert(), 31), Some(v4(9)), "a NAS may use its ids again");
}

#[test]
fn a_reboot_that_is_learnt_of_late_spares_what_began_after_it() {
    let mut bindings = after(&[start(1, anna(), 0, 7), start(2, bert(), 30, 8)], 40);
    bindings.reboot(Reboot { nas: NasKey([1; 16]), at: at(20) }, at(41));
    assert_eq!((held(&bindings, anna(), 41), held(&bindings, bert(), 41)), (None, Some(v4(8))));
}

#[test]
fn silence_ends_a_binding_at_its_deadline_and_not_before() {
    let mut bindings = after(&[start(1, anna(), 0, 7)], 0);
    let deadline = at(90 * 60);
    assert_eq!(bindings.next_due(), Some(deadline));
    assert_eq!(bindings.handle_due(ServerMillis(deadline.0 - 1)), 0);
    assert!(bindings.find(anna(), deadline).is_some());
    assert_eq!(bindings.handle_due(deadline), 1);
    assert!(bindings.find(anna(), deadline).is_none());
    assert_eq!(bindings.handle_due(ServerMillis(deadline.0 + 1)), 0, "once");
}

#[test]
fn an_interim_moves_the_silence_and_revives_what_was_silent() {
    let mut bindings = after(&[start(1, anna(), 0, 7)], 0);
    bindings.report(&report(Change::Interim, 1, anna(), 3_600, v4(7)), at(3_600));
    bindings.handle_due(at(5_400));
    assert!(bindings.find(anna(), at(5_400)).is_some());
    bindings.handle_due(at(9_000));
    assert!(bindings.find(anna(), at(9_000)).is_none());
    bindings.report(&report(Change::Interim, 1, anna(), 9_100, v4(7)), at(9_100));
    assert!(bindings.find(anna(), at(9_100)).is_some());
    assert_eq!(bindings.next_due(), Some(at(9_100 + 5_400)), "and it can go silent again");
}

#[test]
fn a_session_is_remembered_for_the_window_and_then_no_replay_of_it_is_taken() {
    let events = [start(1, anna(), 0, 7), stop(1, anna(), 40, 7)];
    let mut bindings = after(&events, 60);
    let forgotten = at(40 + 86_400);
    bindings.handle_due(ServerMillis(forgotten.0 - 1));
    assert_eq!(bindings.remembered(), 1);
    assert_eq!(bindings.report(&events[1], ServerMillis(forgotten.0 - 1)), Taken::Known);
    bindings.handle_due(forgotten);
    assert_eq!(bindings.remembered(), 0);
    assert_eq!(bindings.report(&events[0], forgotten), Taken::TooOld);
    assert_eq!(bindings.report(&events[1], forgotten), Taken::TooOld);
}

#[test]
fn a_clock_that_is_ahead_is_believed_for_five_minutes_and_no_more() {
    let mut bindings = bindings();
    assert_eq!(bindings.report(&start(1, anna(), 301, 7), at(0)), Taken::TooEarly);
    assert_eq!(bindings.reboot(Reboot { nas: NasKey([1; 16]), at: at(301) }, at(0)), Taken::TooEarly);
    assert_eq!(bindings.report(&start(1, anna(), 300, 7), at(0)), Taken::New);
}

#[test]
fn an_address_that_is_nobodys_takes_the_binding_away() {
    let mut bindings = after(&[start(1, anna(), 0, 7)], 10);
    bindings.report(&report(Change::Interim, 1, anna(), 20, Addresses::default()), at(20));
    assert_eq!(held(&bindings, anna(), 20), None);
    bindings.report(&report(Change::Interim, 1, anna(), 30, v4(7)), at(30));
    assert_eq!(held(&bindings, anna(), 30), Some(v4(7)), "until it has one of its own again");
}

#[test]
fn a_generation_grows_with_every_binding_and_stays_while_nothing_changes() {
    let mut bindings = after(&[start(1, anna(), 0, 7)], 0);
    let first = bindings.find(anna(), at(0)).unwrap().generation;
    bindings.report(&report(Change::Interim, 1, anna(), 10, v4(7)), at(10));
    assert_eq!(bindings.find(anna(), at(10)).unwrap().generation, first);
    let both = Addresses { v6: v6(3, 64), ..v4(7) };
    bindings.report(&report(Change::Interim, 1, anna(), 20, both), at(20));
    let second = bindings.find(anna(), at(20)).unwrap();
    assert_eq!((second.addresses, second.kind), (both, Kind::Public));
    let other = Addresses { v6: v6(4, 64), ..v4(7) };
    bindings.report(&report(Change::Interim, 1, anna(), 21, other), at(20));
    let third = bindings.find(anna(), at(20)).unwrap().generation;
    assert!(first < second.generation && second.generation < third, "also within one millisecond");
}

#[test]
fn what_was_kept_stands_after_a_restart_with_its_generation() {
    let mut before = after(&[start(1, anna(), 0, 7), start(2, bert(), 5, 8), stop(2, bert(), 9, 8)], 10);
    before.reboot(Reboot { nas: NasKey([9; 16]), at: at(8) }, at(10));
    let kept = before.changes(100);
    assert_eq!((kept.sessions.len(), kept.reboots.len()), (2, 1));
    assert!(before.changes(100).is_empty());
    let mut again = bindings();
    again.restore(kept.sessions, kept.reboots);
    again.settle(at(70));
    let generation = |bindings: &Bindings| bindings.find(anna(), at(70)).map(|bound| (bound.generation, bound.age));
    assert_eq!(generation(&again), generation(&before));
    assert_eq!(held(&again, bert(), 70), None);
    assert!(again.changes(100).is_empty(), "there is nothing new to keep");
    again.report(&start(2, bert(), 5, 8), at(71));
    assert_eq!(held(&again, bert(), 71), None, "an ended session is remembered across a restart");
    let mut late = bindings();
    late.restore(before.sessions_for_test(), []);
    late.settle(at(5_400));
    assert_eq!(held(&late, anna(), 5_400), None, "nor does a restart prolong anything");
}

#[test]
fn changes_that_were_not_kept_are_given_again_as_they_are_by_then() {
    let mut bindings = after(&[start(1, anna(), 0, 7)], 10);
    let lost = bindings.changes(100);
    bindings.report(&stop(1, anna(), 11, 7), at(11));
    bindings.not_kept(&lost);
    let kept = bindings.changes(100);
    assert_eq!(kept.sessions.len(), 1);
    assert!(kept.sessions[0].ended.is_some());
}

#[test]
fn a_full_memory_refuses_new_sessions_and_goes_on_with_the_known() {
    let config = BindingsConfig { sessions_max: 1, reboots_max: 1, ..BindingsConfig::default() };
    let mut bindings = Bindings::new(config, 1);
    assert_eq!(bindings.report(&start(1, anna(), 0, 7), at(0)), Taken::New);
    assert_eq!(bindings.report(&start(2, bert(), 0, 8), at(0)), Taken::Full);
    assert_eq!(bindings.report(&stop(1, anna(), 1, 7), at(1)), Taken::New);
    assert_eq!(bindings.reboot(Reboot { nas: NasKey([1; 16]), at: at(1) }, at(1)), Taken::New);
    assert_eq!(bindings.reboot(Reboot { nas: NasKey([2; 16]), at: at(1) }, at(1)), Taken::Full);
}

impl Bindings {
    fn sessions_for_test(&self) -> Vec<Session> {
        self.sessions.all().map(|(_, session)| *session).collect()
    }
}
