//! What never enters the data path.

use super::pair::Phone;
use crate::bench::toy_number;
use crate::effect::{Effect, Refusal, Reply};
use crate::input::{CarrierCallState, Mode, Target};
use tandem_model::rows::LogPeer;
use tandem_model::{Bearer, CallEnd, Line, Secret};

#[test]
fn help_codes_and_services_are_dialed_at_once_whatever_was_asked_for() {
    for digits in ["112", "tel:112", "110", "*100#", "22555", "0800 1234567", "0900 1 123456"] {
        for mode in [Mode::Data, Mode::Carrier] {
            let mut phone = Phone::new(1, &[2]);
            assert_eq!(phone.dial(digits, mode), Ok(Reply::CarrierDialed), "{digits}");
            assert_eq!(phone.dialed.len(), 1);
            assert_eq!(phone.dialed[0].1, digits, "as it was typed");
            assert!(phone.sent.is_empty(), "not a byte to the server");
            assert_eq!(phone.prompt(), None);
        }
    }
}

#[test]
fn the_order_to_dial_help_comes_before_anything_else() {
    let mut phone = Phone::new(1, &[2]);
    let target = Target::Number(Secret::new("112".into()));
    phone.calls.dial(&target, None, Mode::Data, &phone.world, &mut phone.bench.ctx()).unwrap();
    let effects = phone.bench.effects();
    assert!(matches!(effects.first(), Some(Effect::DialCarrier { line: None, .. })));
    assert!(matches!(effects.get(1), Some(Effect::Commit { .. })), "the log follows and is not waited for");
}

#[test]
fn help_is_dialed_without_any_sim_and_with_one_that_is_not_there() {
    let mut phone = Phone::new(1, &[]);
    phone.world.lines.clear();
    phone.world.registered.clear();
    phone.world.sessions.clear();
    assert_eq!(phone.dial("112", Mode::Data), Ok(Reply::CarrierDialed));
    let target = Target::Number(Secret::new("112".into()));
    let reply = phone.act(|calls, world, ctx| calls.dial(&target, Some(Line(7)), Mode::Data, world, ctx));
    assert_eq!(reply, Ok(Reply::CarrierDialed));
    let target = Target::Number(Secret::new(toy_number(2).e164()));
    let reply = phone.act(|calls, world, ctx| calls.dial(&target, Some(Line(7)), Mode::Data, world, ctx));
    assert_eq!(reply, Err(Refusal::NoSuchLine));
}

#[test]
fn the_hosts_list_is_asked_first() {
    let mut phone = Phone::new(1, &[2]);
    phone.calls.on_emergency_numbers(vec![toy_number(2).e164()]);
    assert_eq!(phone.dial(&toy_number(2).e164(), Mode::Data), Ok(Reply::CarrierDialed));
    assert!(phone.sent.is_empty());
}

#[test]
fn nothing_dialable_is_refused_by_name() {
    let mut phone = Phone::new(1, &[2]);
    assert_eq!(phone.dial("", Mode::Data), Err(Refusal::BadNumber));
    assert_eq!(phone.dial("hello", Mode::Carrier), Err(Refusal::BadNumber));
    let target = Target::Contact { contact: "x".into(), numbers: Vec::new() };
    let reply = phone.act(|calls, world, ctx| calls.dial(&target, None, Mode::Data, world, ctx));
    assert_eq!(reply, Err(Refusal::BadNumber));
}

#[test]
fn of_a_contacts_numbers_the_marked_one_is_called() {
    let mut phone = Phone::new(1, &[2]);
    let numbers = [9, 2].map(|n| Secret::new(toy_number(n).e164())).to_vec();
    let target = Target::Contact { contact: "x".into(), numbers };
    let reply = phone.act(|calls, world, ctx| calls.dial(&target, None, Mode::Data, world, ctx));
    assert!(matches!(reply, Ok(Reply::Call(_))));
    assert_eq!(phone.views()[0].peer, toy_number(2));
}

#[test]
fn a_carrier_call_is_one_log_entry_with_the_time_that_was_talked() {
    let mut phone = Phone::new(1, &[2]);
    phone.dial(&toy_number(2).e164(), Mode::Carrier).unwrap();
    let ticket = phone.dialed[0].0;
    assert!(phone.carrier_dialed(ticket, true));
    phone.carrier(Some(ticket), CarrierCallState::Active);
    phone.bench.advance(65_000);
    phone.carrier(Some(ticket), CarrierCallState::Ended);
    let row = phone.log();
    assert_eq!((row.peer, row.end), (LogPeer::Number(toy_number(2)), Some(CallEnd::Carrier)));
    assert_eq!((row.legs[0].bearer, row.legs[0].talked_ms), (Bearer::Carrier, 65_000));
    assert_eq!(phone.due(), None);
    assert!(!phone.carrier(Some(ticket), CarrierCallState::Ended), "late");
}

#[test]
fn an_os_that_cannot_dial_and_one_that_says_nothing_end_the_entry() {
    let mut phone = Phone::new(1, &[2]);
    phone.dial("110", Mode::Carrier).unwrap();
    let ticket = phone.dialed[0].0;
    phone.carrier_dialed(ticket, false);
    assert_eq!(phone.log().end, Some(CallEnd::CarrierFailed));
    phone.dial("110", Mode::Carrier).unwrap();
    while let Some(at) = phone.due() {
        phone.bench.now = at;
        phone.tick();
    }
    assert_eq!(phone.log().end, Some(CallEnd::Carrier));
}

#[test]
fn dialing_is_never_refused_for_being_much() {
    let mut phone = Phone::new(1, &[2]);
    for _ in 0..50 {
        assert_eq!(phone.dial("112", Mode::Data), Ok(Reply::CarrierDialed));
    }
    assert_eq!(phone.dialed.len(), 50);
}
