//! Both sides of a session against each other, against bytes that another client made, and against whoever is neither.

use super::*;
use crate::address::{Addresses, Held, Kind, Prefix};
use crate::bindings::Binding;
use crate::session::Generation;
use proptest::prelude::*;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use tandem_model::{Mono, Msisdn};

const ASK_KEY: [u8; KEY] = [3; KEY];
const ANSWER_KEY: [u8; KEY] = [4; KEY];
const ID: SessionId = SessionId(7);
const END: Mono = Mono(10_000);

fn number(n: u64) -> Msisdn {
    Msisdn::try_from(15_551_230_000 + n).unwrap()
}

fn keys() -> Keys {
    Keys::new(&ASK_KEY, &ANSWER_KEY).unwrap()
}

fn both() -> (Asking, Session) {
    (Asking::new(ID, keys()), Session::new(keys(), END))
}

fn held(text: &str, length: u8, kind: Kind) -> Option<Held> {
    let address: IpAddr = text.parse().unwrap();
    Some(Held { prefix: Prefix::network(address, length).unwrap(), kind })
}

fn binding(addresses: Addresses) -> Binding {
    let age = Duration::from_millis(61_000);
    Binding { addresses, kind: addresses.kind(), generation: Generation(1_800_000_000_123), age }
}

fn ask(asking: &mut Asking, numbers: &[Msisdn]) -> Vec<u8> {
    let mut datagram = Vec::new();
    asking.ask(numbers, &mut datagram).unwrap();
    datagram
}

fn open(session: &mut Session, datagram: &[u8], now: Mono) -> Result<Ask, Dropped> {
    let header = Header::read(datagram).ok_or(Dropped::NoAsk)?;
    session.open(&header, &mut datagram.to_vec(), now)
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

#[test]
fn what_is_told_comes_back_as_it_was_and_in_the_order_it_was_asked_in() {
    let (mut asking, mut session) = both();
    let v4 = Addresses { v4: held("10.64.0.7", 32, Kind::BehindNat), ..Addresses::default() };
    let all = Addresses {
        v4: held("203.0.113.7", 32, Kind::Public),
        v6: held("2001:db8::7", 128, Kind::Public),
        delegated: held("2001:db8:ff00::", 56, Kind::BehindNat),
    };
    let known = |asked: Msisdn| match asked.as_u64() % 3 {
        0 => Some(binding(v4)),
        1 => Some(binding(all)),
        _ => None,
    };
    for count in 1..=NUMBERS_MAX {
        let numbers: Vec<Msisdn> = (0..count as u64).map(number).collect();
        let sent = ask(&mut asking, &numbers);
        let opened = open(&mut session, &sent, Mono(0)).unwrap();
        assert_eq!(opened.numbers.unwrap().as_slice(), numbers);
        let mut answer = Vec::new();
        session.tell(&opened, &mut answer, known);
        assert_eq!((answer.len(), sent.len()), (length(count), length(count)), "never longer than what was asked");
        let (counter, heard) = asking.read(&mut answer).unwrap();
        assert_eq!(counter, count as u64);
        let told = |asked: &Msisdn| {
            known(*asked).map(|told| Found { addresses: told.addresses, generation: told.generation, age: told.age })
        };
        assert_eq!(heard, Heard::Told(numbers.iter().map(told).collect()));
    }
    assert_eq!(asking.ask(&[], &mut Vec::new()), None);
    assert_eq!(asking.ask(&[number(1); NUMBERS_MAX + 1], &mut Vec::new()), None);
}

#[test]
fn every_byte_is_the_one_another_client_made() {
    let file: Value = serde_json::from_str(include_str!("../../../../tests/vectors/lookup_v1.json")).unwrap();
    let key = |name: &str| <[u8; KEY]>::try_from(hex(file[name].as_str().unwrap())).unwrap();
    let id = SessionId(u64::from_str_radix(file["session"].as_str().unwrap(), 16).unwrap());
    let keys = || Keys::new(&key("ask_key"), &key("answer_key")).unwrap();
    for vector in file["vectors"].as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let (sent, expected) = (hex(vector["ask"].as_str().unwrap()), hex(vector["answer"].as_str().unwrap()));
        let numbers: Vec<u64> = vector["numbers"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        let mut session = Session::new(keys(), END);
        let opened = open(&mut session, &sent, Mono(0)).unwrap();
        let mut answer = Vec::new();
        match vector["says"]["verdict"].as_str().unwrap() {
            "told" => {
                let told = vector["says"]["told"].as_array().unwrap();
                let at = |asked: Msisdn| numbers.iter().position(|number| *number == asked.as_u64()).unwrap();
                session.tell(&opened, &mut answer, |asked| told_of(&told[at(asked)]));
                let mut again = Vec::new();
                let known: Vec<Msisdn> = numbers.iter().map(|number| Msisdn::try_from(*number).unwrap()).collect();
                Asking::starting_at(id, keys(), vector["counter"].as_u64().unwrap()).ask(&known, &mut again).unwrap();
                assert_eq!(again, sent, "{name}");
            }
            "budget" => session.refuse(&opened, Refusal::Spent { wait: Duration::from_micros(1_499_001) }, &mut answer),
            _ => {
                assert_eq!(opened.numbers, Err(Misshapen));
                session.refuse(&opened, Refusal::Misshapen, &mut answer);
            }
        }
        assert_eq!(answer, expected, "{name}");
    }
}

fn told_of(told: &Value) -> Option<Binding> {
    let held = |name: &str| {
        let held = told.get(name)?;
        let text = held["address"].as_str().unwrap();
        let (address, length) = text.split_once('/').unwrap_or((text, "32"));
        let kind = ["public", "behind_nat"].into_iter().position(|kind| held["kind"] == kind).unwrap();
        self::held(address, length.parse().unwrap(), Kind::of(u8::try_from(kind).unwrap()).unwrap())
    };
    let addresses = Addresses { v4: held("ipv4"), v6: held("ipv6"), delegated: held("delegated") };
    let generation = Generation(told.get("generation")?.as_u64().unwrap());
    let age = Duration::from_millis(told["age_ms"].as_u64().unwrap());
    Some(Binding { addresses, kind: addresses.kind(), generation, age })
}

#[test]
fn a_session_is_over_at_its_end_and_not_before() {
    for (now, expected) in [(END.0 - 1, None), (END.0, Some(Dropped::Over)), (END.0 + 1, Some(Dropped::Over))] {
        let (mut asking, mut session) = both();
        let sent = ask(&mut asking, &[number(1)]);
        assert_eq!(open(&mut session, &sent, Mono(now)).err(), expected, "{now}");
    }
}

#[test]
fn an_ask_that_is_played_back_is_dropped_and_one_that_comes_late_is_not() {
    let (mut asking, mut session) = both();
    let sent: Vec<Vec<u8>> = (0..3).map(|n| ask(&mut asking, &[number(n)])).collect();
    for at in [2, 0, 1] {
        assert!(open(&mut session, &sent[at], Mono(0)).is_ok());
        assert_eq!(open(&mut session, &sent[at], Mono(0)), Err(Dropped::Replayed));
    }
}

#[test]
fn any_bit_that_is_not_as_it_was_sent_makes_an_ask_nobodys_and_uses_nothing_up() {
    let (mut asking, mut session) = both();
    let sent = ask(&mut asking, &[number(1)]);
    for at in 0..sent.len() * 8 {
        let mut bent = sent.clone();
        bent[at / 8] ^= 1 << (at % 8);
        assert!(open(&mut session, &bent, Mono(0)).is_err(), "bit {at}");
    }
    assert!(open(&mut session, &sent, Mono(0)).is_ok());
}

#[test]
fn what_is_cut_too_long_or_goes_the_other_way_is_no_ask() {
    let (mut asking, mut session) = both();
    let sent = ask(&mut asking, &[number(1), number(2)]);
    for length in 0..sent.len() {
        assert!(open(&mut session, &sent[..length], Mono(0)).is_err(), "{length}");
    }
    for more in 1..=SLOT {
        let long = [sent.clone(), vec![0; more]].concat();
        let expected = if more == SLOT { Dropped::Forged } else { Dropped::NoAsk };
        assert_eq!(open(&mut session, &long, Mono(0)), Err(expected));
    }
    let long = [sent.clone(), vec![0; SLOT * NUMBERS_MAX]].concat();
    assert_eq!(open(&mut session, &long, Mono(0)), Err(Dropped::NoAsk));
    let opened = open(&mut session, &sent, Mono(0)).unwrap();
    let mut answer = Vec::new();
    session.refuse(&opened, Refusal::Misshapen, &mut answer);
    assert_eq!(open(&mut session, &answer, Mono(0)), Err(Dropped::NoAsk), "an answer is no ask");
    assert_eq!(asking.read(&mut sent.clone()), None, "and an ask is no answer");
}

#[test]
fn an_answer_is_believed_only_for_what_was_asked_in_its_session() {
    let (mut asking, mut session) = both();
    let sent = ask(&mut asking, &[number(1)]);
    let opened = open(&mut session, &sent, Mono(0)).unwrap();
    let mut answer = Vec::new();
    session.tell(&opened, &mut answer, |_| None);
    assert_eq!(Asking::new(ID, keys()).read(&mut answer.clone()), None, "nothing was asked yet");
    assert_eq!(Asking::starting_at(SessionId(8), keys(), 9).read(&mut answer.clone()), None);
    let other = Keys::new(&ASK_KEY, &ASK_KEY).unwrap();
    assert_eq!(Asking::starting_at(ID, other, 9).read(&mut answer.clone()), None);
    assert!(asking.read(&mut answer).is_some());
}

#[test]
fn debug_of_either_side_shows_no_key_and_no_number() {
    let (mut asking, mut session) = both();
    let sent = ask(&mut asking, &[number(1)]);
    let opened = open(&mut session, &sent, Mono(0)).unwrap();
    let shown = format!("{asking:?} {session:?} {opened:?}");
    assert!(!shown.contains("15551230001") && !shown.contains("[3, 3") && !shown.contains("[4, 4"), "{shown}");
}

proptest! {
    #[test]
    fn no_bytes_make_either_side_panic_or_answer(bytes in prop::collection::vec(any::<u8>(), 0..1_300), ours: bool) {
        let (mut asking, mut session) = both();
        let mut bytes = bytes;
        if ours {
            let header = Header { way: Way::Ask, session: ID, counter: 1 }.bytes();
            bytes.iter_mut().zip(header).for_each(|(byte, header)| *byte = header);
        }
        let _counter = asking.ask(&[number(1)], &mut Vec::new());
        prop_assert!(open(&mut session, &bytes, Mono(0)).is_err());
        prop_assert_eq!(asking.read(&mut bytes), None);
    }

    #[test]
    fn whatever_an_asker_seals_is_answered_in_as_many_bytes(
        count in 1_usize..=NUMBERS_MAX,
        body in prop::collection::vec(any::<u8>(), HEAD + NUMBERS_MAX * SLOT),
        counter in 1_u64..,
    ) {
        let mut session = Session::new(keys(), END);
        let header = Header { way: Way::Ask, session: ID, counter };
        let mut datagram = vec![0; length(count)];
        let end = datagram.len() - TAG;
        datagram[HEADER..end].copy_from_slice(&body[..end - HEADER]);
        keys().seal(&header, &mut datagram).unwrap();
        let opened = open(&mut session, &datagram, Mono(0)).unwrap();
        let mut answer = Vec::new();
        match opened.numbers {
            Ok(_) => session.tell(&opened, &mut answer, |_| None),
            Err(Misshapen) => session.refuse(&opened, Refusal::Misshapen, &mut answer),
        }
        prop_assert_eq!(answer.len(), datagram.len());
    }
}
