//! Lookups by phones: who is told where a number is, once, and what everybody else hears.

use crate::rig::{Phone, Rig, millis, number, seconds};
use std::collections::BTreeSet;
use tandem_logic::config::LookupPolicy;
use tandem_logic::{Config, Input, Place};
use tandem_model::Ticket;
use tandem_wire::frame::{AddressKind, Capability, DirectAddress, Resolved};
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

fn place() -> Place {
    let address = DirectAddress { address: "203.0.113.7".parse().unwrap(), kind: AddressKind::Public };
    Place { generation: 7, age_ms: 60_000, addresses: vec![address] }
}

/// Two friends; the second is attached and listens.
fn attached(policy: LookupPolicy) -> (Rig, Phone, Phone) {
    let mut config = Config::default();
    config.lookup.policy = policy;
    let mut rig = Rig::with(config);
    let (a, b) = rig.friends();
    rig.places.insert(number(2), place());
    listen(&mut rig, b, Some(4_433));
    (rig, a, b)
}

fn listen(rig: &mut Rig, phone: Phone, port: Option<u16>) {
    let ticket = rig.ticket();
    rig.send(phone.conn, ClientFrame::DirectPort { ticket, port });
    assert_eq!(rig.take(phone.conn), vec![ServerFrame::Done { ticket }]);
}

fn consent(rig: &mut Rig, phone: Phone, to: u64, allow: bool) {
    let ticket = rig.ticket();
    rig.send(phone.conn, ClientFrame::ConsentPut { ticket, number: number(to), allow });
    assert_eq!(rig.take(phone.conn), vec![ServerFrame::Done { ticket }]);
}

fn ask(rig: &mut Rig, phone: Phone, to: u64) -> (Ticket, Vec<ServerFrame>) {
    let ticket = rig.ticket();
    rig.send(phone.conn, ClientFrame::ResolveAsk { ticket, to: number(to) });
    (ticket, rig.take(phone.conn))
}

fn granted(rig: &mut Rig, phone: Phone, to: u64) -> Capability {
    match ask(rig, phone, to).1.as_slice() {
        [ServerFrame::Capability(granted)] => granted.capability,
        other => panic!("no capability: {other:?}"),
    }
}

fn resolve(rig: &mut Rig, phone: Phone, capability: Capability) -> Vec<ServerFrame> {
    let ticket = Ticket(9_999);
    rig.send(phone.conn, ClientFrame::Resolve { ticket, capability });
    rig.take(phone.conn)
}

fn refused() -> Vec<ServerFrame> {
    let reason = RefuseReason::NotAvailable;
    vec![ServerFrame::Refused { ticket: Ticket(9_999), reason, retry_after_ms: 0 }]
}

fn told() -> Vec<ServerFrame> {
    let Place { generation, age_ms, addresses } = place();
    vec![ServerFrame::Resolved(Resolved { ticket: Ticket(9_999), generation, age_ms, addresses, port: 4_433 })]
}

#[test]
fn whom_a_user_lets_is_told_once_where_they_are() {
    let (mut rig, a, b) = attached(LookupPolicy::Consent);
    consent(&mut rig, b, 1, true);
    let capability = granted(&mut rig, a, 2);
    assert_eq!(resolve(&mut rig, a, capability), told());
    assert_eq!(resolve(&mut rig, a, capability), refused(), "once");
}

#[test]
fn a_capability_is_no_use_to_anybody_else_nor_after_its_time() {
    let (mut rig, a, b) = attached(LookupPolicy::Consent);
    consent(&mut rig, b, 1, true);
    let capability = granted(&mut rig, a, 2);
    assert_eq!(resolve(&mut rig, b, capability), refused(), "foreign");
    rig.pass(seconds(30) - millis(1));
    assert_eq!(resolve(&mut rig, a, capability), told(), "still its own");
    let capability = granted(&mut rig, a, 2);
    rig.pass(seconds(30));
    assert_eq!(resolve(&mut rig, a, capability), refused(), "expired");
    assert_eq!(resolve(&mut rig, a, Capability([1; 16])), refused(), "never given");
}

#[test]
fn everybody_who_may_not_know_hears_the_same_at_the_same_time() {
    let unlike: [fn(&mut Rig, Phone); 6] = [
        // No consent.
        |_, _| {},
        // Consent, and nowhere.
        |rig, b| {
            consent(rig, b, 1, true);
            rig.places.clear();
        },
        // Consent, and a relay only.
        |rig, b| {
            consent(rig, b, 1, true);
            rig.places.insert(number(2), Place { addresses: Vec::new(), ..place() });
        },
        // Consent, and does not listen: who uses TURN only.
        |rig, b| {
            consent(rig, b, 1, true);
            listen(rig, b, None);
        },
        // Taken back.
        |rig, b| {
            consent(rig, b, 1, true);
            consent(rig, b, 1, false);
        },
        // Consent to somebody else.
        |rig, b| consent(rig, b, 3, true),
    ];
    for (n, make) in unlike.into_iter().enumerate() {
        for to in [2, 9] {
            let (mut rig, a, b) = attached(LookupPolicy::Consent);
            make(&mut rig, b);
            let (ticket, at_once) = ask(&mut rig, a, to);
            assert_eq!(at_once, vec![], "{n}: nothing before the fixed delay");
            rig.pass(millis(599));
            assert_eq!(rig.take(a.conn), vec![]);
            rig.pass(millis(1));
            let reason = RefuseReason::NotAvailable;
            assert_eq!(rig.take(a.conn), vec![ServerFrame::Refused { ticket, reason, retry_after_ms: 0 }], "{n}");
        }
    }
}

#[test]
fn each_policy_tells_whom_it_says() {
    let (mut rig, a, _) = attached(LookupPolicy::Open);
    assert!(matches!(ask(&mut rig, a, 2).1.as_slice(), [ServerFrame::Capability(_)]));
    let (mut rig, a, b) = attached(LookupPolicy::Role);
    consent(&mut rig, b, 1, true);
    assert_eq!(ask(&mut rig, a, 2).1, vec![], "a consent is no role");
    let mut config = Config::default();
    config.lookup.policy = LookupPolicy::Role;
    config.lookup.phones = BTreeSet::from([number(1)]);
    let mut rig = Rig::with(config);
    let (a, b) = rig.friends();
    rig.places.insert(number(2), place());
    rig.places.insert(number(1), place());
    listen(&mut rig, b, Some(4_433));
    listen(&mut rig, a, Some(4_433));
    assert!(matches!(ask(&mut rig, a, 2).1.as_slice(), [ServerFrame::Capability(_)]));
    assert_eq!(ask(&mut rig, b, 1).1, vec![], "the other has none");
}

#[test]
fn a_consent_taken_back_ends_what_was_given() {
    let (mut rig, a, b) = attached(LookupPolicy::Consent);
    consent(&mut rig, b, 1, true);
    let capability = granted(&mut rig, a, 2);
    consent(&mut rig, b, 1, false);
    assert_eq!(resolve(&mut rig, a, capability), refused());
}

#[test]
fn a_new_owner_of_either_number_is_told_nothing_of_the_old_one() {
    for registers in [1, 2] {
        let (mut rig, a, b) = attached(LookupPolicy::Consent);
        consent(&mut rig, b, 1, true);
        let capability = granted(&mut rig, a, 2);
        let epoch = rig.register(registers, 20);
        let a = if registers == 1 { rig.connect(1, 20, epoch) } else { a };
        rig.take(a.conn);
        assert_eq!(resolve(&mut rig, a, capability), refused());
        assert_eq!(ask(&mut rig, a, 2).1, vec![]);
    }
}

#[test]
fn a_node_that_is_handed_a_capability_uses_it_in_the_phones_place() {
    let (mut rig, a, b) = attached(LookupPolicy::Consent);
    consent(&mut rig, b, 1, true);
    let capability = granted(&mut rig, a, 2);
    let ServerFrame::Resolved(resolved) = told().remove(0) else { panic!("told of nothing") };
    rig.handle(Input::Redeem { ticket: Ticket(9_999), capability });
    assert_eq!(rig.redeemed.pop(), Some((Ticket(9_999), Some((number(2), resolved)))));
    rig.handle(Input::Redeem { ticket: Ticket(2), capability });
    assert_eq!(rig.redeemed.pop(), Some((Ticket(2), None)), "once");
    assert_eq!(resolve(&mut rig, a, capability), refused());
}

#[test]
fn the_oldest_capability_gives_way_to_one_too_many() {
    let (mut rig, a, b) = attached(LookupPolicy::Consent);
    consent(&mut rig, b, 1, true);
    let first = granted(&mut rig, a, 2);
    let rest: Vec<Capability> = (0..8).map(|_| granted(&mut rig, a, 2)).collect();
    assert_eq!(resolve(&mut rig, a, first), refused());
    assert_eq!(resolve(&mut rig, a, rest[0]), told());
}

#[test]
fn where_a_phone_listens_outlives_its_session_and_not_a_restart() {
    let (mut rig, a, b) = attached(LookupPolicy::Consent);
    consent(&mut rig, b, 1, true);
    rig.handle(Input::SessionClosed { conn: b.conn });
    let capability = granted(&mut rig, a, 2);
    rig.restart(Config::default());
    rig.places.insert(number(2), place());
    let a = rig.connect(a.n, a.seed, a.epoch);
    rig.take(a.conn);
    assert_eq!(resolve(&mut rig, a, capability), refused(), "capabilities end with the process");
    assert_eq!(ask(&mut rig, a, 2).1, vec![], "until it tells again");
    let b = rig.connect(b.n, b.seed, b.epoch);
    rig.take(b.conn);
    listen(&mut rig, b, Some(4_433));
    granted(&mut rig, a, 2);
}
