use super::*;
use crate::accounting::Change;
use crate::address::{Kind, Pool, Prefix};
use crate::nas::NumberFrom;
use crate::push::{Pushed, PushedEvent};
use crate::radius::{Request, Type};
use std::net::Ipv4Addr;
use tandem_model::Secret;

const SECRET: &[u8] = b"testing123";
const T0: i64 = 1_800_000_000_000;

fn nas() -> SocketAddr {
    "192.0.2.1:40000".parse().unwrap()
}

fn now(ms: u64) -> Now {
    Now { mono: Mono(ms), server: ServerMillis(T0 + i64::try_from(ms).unwrap()) }
}

fn network(text: &str, length: u8) -> Prefix {
    Prefix::network(text.parse().unwrap(), length).unwrap()
}

fn client() -> Client {
    Client {
        name: "core".to_owned(),
        sources: vec![network("192.0.2.1", 32)],
        certificates: vec![Fingerprint([7; 32])],
        secret: Secret::new(SECRET.to_vec()),
        pools: vec![Pool { network: network("10.64.0.0", 16), kind: Kind::BehindNat }],
        apns: Vec::new(),
        number_from: NumberFrom::CallingStationId,
        must_vouch: false,
        must_be_stamped: false,
    }
}

fn intake_with(config: IntakeConfig, client: Client) -> Intake {
    Intake::new(config, Clients::new(vec![client]), Bindings::new(config.bindings, 1), now(0))
}

fn intake() -> Intake {
    intake_with(IntakeConfig::default(), client())
}

fn request(status: u32, session: &str, last: u8) -> Request {
    Request::new()
        .with_u32(Type::AcctStatusType, status)
        .with(Type::AcctSessionId, session.as_bytes())
        .with(Type::CallingStationId, b"15551230001")
        .with_ipv4(Type::FramedIpAddress, Ipv4Addr::new(10, 64, 0, last))
        .with_u32(Type::EventTimestamp, 1_800_000_000)
}

fn anna() -> Msisdn {
    Msisdn::from_e164("+15551230001").unwrap()
}

fn feed(intake: &mut Intake, bytes: &[u8], ms: u64) -> Vec<Effect> {
    feed_from(intake, nas(), bytes, ms)
}

fn feed_from(intake: &mut Intake, source: SocketAddr, bytes: &[u8], ms: u64) -> Vec<Effect> {
    intake.handle(Input::Packet { origin: Origin::Datagram(source), bytes }, now(ms));
    drain(intake)
}

fn drain(intake: &mut Intake) -> Vec<Effect> {
    std::iter::from_fn(|| intake.poll_effect()).collect()
}

fn commit(effects: &[Effect]) -> Option<(Ticket, Changes)> {
    effects.iter().find_map(|effect| {
        if let Effect::Commit { ticket, changes } = effect { Some((*ticket, changes.clone())) } else { None }
    })
}

fn answers(effects: &[Effect]) -> Vec<Vec<u8>> {
    let answer = |effect: &Effect| if let Effect::Answer { bytes, .. } = effect { Some(bytes.clone()) } else { None };
    effects.iter().filter_map(answer).collect()
}

fn counted(effects: &[Effect], metric: Metric) -> bool {
    effects.contains(&Effect::Count(metric))
}

fn end(intake: &mut Intake, input: Input<'_>, ms: u64) -> Vec<Effect> {
    intake.handle(input, now(ms));
    drain(intake)
}

#[test]
fn a_request_is_answered_only_after_what_it_changed_is_kept() {
    let mut intake = intake();
    let bytes = request(1, "a", 7).sign(9, SECRET);
    let effects = feed(&mut intake, &bytes, 0);
    let (ticket, changes) = commit(&effects).unwrap();
    assert_eq!((changes.sessions.len(), answers(&effects).len()), (1, 0));
    let effects = end(&mut intake, Input::Committed(ticket), 5);
    let [answer] = answers(&effects).try_into().unwrap();
    let (request, answer) = (Packet::decode(&bytes).unwrap(), Packet::decode(&answer).unwrap());
    assert!(answer.is_genuine_response_to(&request, SECRET));
    assert!(intake.find(anna(), now(5)).is_some());
}

#[test]
fn the_same_packet_again_is_answered_the_same_and_does_nothing() {
    let mut intake = intake();
    let bytes = request(1, "a", 7).sign(9, SECRET);
    let (ticket, _) = commit(&feed(&mut intake, &bytes, 0)).unwrap();
    let meanwhile = feed(&mut intake, &bytes, 1);
    assert_eq!(meanwhile, [Effect::Count(Metric::Again)], "it is not kept yet");
    let first = answers(&end(&mut intake, Input::Committed(ticket), 5));
    let again = feed(&mut intake, &bytes, 29_999);
    assert_eq!((answers(&again), commit(&again)), (first, None));
}

#[test]
fn the_same_event_in_another_packet_is_answered_and_has_no_second_effect() {
    let mut intake = intake();
    let (ticket, _) = commit(&feed(&mut intake, &request(1, "a", 7).sign(9, SECRET), 0)).unwrap();
    end(&mut intake, Input::Committed(ticket), 5);
    let bound = intake.find(anna(), now(9)).unwrap();
    let effects = feed(&mut intake, &request(1, "a", 7).with_u32(Type::AcctDelayTime, 3).sign(10, SECRET), 9);
    assert!(counted(&effects, Metric::Known));
    assert_eq!((commit(&effects), answers(&effects).len()), (None, 1));
    assert_eq!(intake.find(anna(), now(9)), Some(bound));
}

#[test]
fn strangers_and_forgers_and_broken_packets_get_silence() {
    let mut intake = intake();
    let good = request(1, "a", 7).sign(9, SECRET);
    let stranger = feed_from(&mut intake, "192.0.2.2:40000".parse().unwrap(), &good, 0);
    assert_eq!(stranger, [Effect::Count(Metric::Stranger)]);
    assert_eq!(feed(&mut intake, &request(1, "a", 7).sign(9, b"wrong"), 0), [Effect::Count(Metric::Forged)]);
    assert_eq!(feed(&mut intake, &good[..30], 0), [Effect::Count(Metric::Malformed)]);
    assert_eq!(feed(&mut intake, b"", 0), [Effect::Count(Metric::Malformed)]);
    assert_eq!(intake.bindings().remembered(), 0);
}

#[test]
fn a_client_that_must_vouch_for_its_packets_is_held_to_it() {
    let mut intake = intake_with(IntakeConfig::default(), Client { must_vouch: true, ..client() });
    assert_eq!(feed(&mut intake, &request(1, "a", 7).sign(9, SECRET), 0), [Effect::Count(Metric::Forged)]);
    assert!(commit(&feed(&mut intake, &request(1, "a", 7).sign_and_vouch(9, SECRET), 0)).is_some());
}

#[test]
fn an_address_out_of_the_pool_is_answered_counted_and_never_bound() {
    let mut intake = intake();
    let foreign = Request::new()
        .with_u32(Type::AcctStatusType, 1)
        .with(Type::AcctSessionId, b"a")
        .with(Type::CallingStationId, b"15551230001")
        .with_ipv4(Type::FramedIpAddress, Ipv4Addr::new(203, 0, 113, 9));
    let effects = feed(&mut intake, &foreign.sign(1, SECRET), 0);
    assert!(counted(&effects, Metric::OutOfPool));
    let (ticket, _) = commit(&effects).unwrap();
    assert_eq!(answers(&end(&mut intake, Input::Committed(ticket), 1)).len(), 1);
    assert_eq!(intake.find(anna(), now(1)), None);
}

#[test]
fn what_comes_while_a_commit_is_under_way_shares_the_next_one() {
    let mut intake = intake();
    let (first, _) = commit(&feed(&mut intake, &request(1, "a", 7).sign(1, SECRET), 0)).unwrap();
    for identifier in 2..5 {
        let effects = feed(&mut intake, &request(1, &format!("s{identifier}"), identifier).sign(identifier, SECRET), 1);
        assert_eq!((commit(&effects), answers(&effects).len()), (None, 0));
    }
    let effects = end(&mut intake, Input::Committed(first), 2);
    let (second, changes) = commit(&effects).unwrap();
    assert_eq!((answers(&effects).len(), changes.sessions.len()), (1, 3));
    assert_eq!(answers(&end(&mut intake, Input::Committed(second), 3)).len(), 3);
}

#[test]
fn packets_that_came_together_are_kept_together() {
    let mut intake = intake();
    for identifier in 1..4 {
        let bytes = request(1, &format!("s{identifier}"), identifier).sign(identifier, SECRET);
        intake.take_in(Input::Packet { origin: Origin::Datagram(nas()), bytes: &bytes }, now(0));
        assert_eq!(drain(&mut intake), [Effect::Count(Metric::Taken)]);
    }
    intake.go_on();
    let (ticket, changes) = commit(&drain(&mut intake)).unwrap();
    assert_eq!(changes.sessions.len(), 3);
    assert_eq!(answers(&end(&mut intake, Input::Committed(ticket), 1)).len(), 3);
    let again = request(1, "s1", 1).sign(9, SECRET);
    intake.take_in(Input::Packet { origin: Origin::Datagram(nas()), bytes: &again }, now(2));
    assert_eq!(drain(&mut intake), [Effect::Count(Metric::Known)]);
    intake.go_on();
    assert_eq!(answers(&drain(&mut intake)).len(), 1, "what changes nothing waits for nothing");
}

#[test]
fn who_asks_for_a_status_is_answered_while_what_is_reported_can_be_kept() {
    let mut intake = intake();
    let asked = Request::new().with(Type::ProxyState, b"p").ask_status(9, [5; 16], SECRET);
    let effects = feed(&mut intake, &asked, 0);
    let [answer] = answers(&effects).try_into().unwrap();
    let (status, answer) = (Packet::decode(&asked).unwrap(), Packet::decode(&answer).unwrap());
    assert!(answer.is_genuine_response_to(&status, SECRET) && answer.code() == Code::AccountingResponse);
    assert_eq!(answers(&feed(&mut intake, &asked, 1)).len(), 1, "every time");
    let (ticket, _) = commit(&feed(&mut intake, &request(1, "a", 7).sign(1, SECRET), 2)).unwrap();
    end(&mut intake, Input::NotCommitted(ticket), 3);
    assert_eq!(feed(&mut intake, &asked, 4), [Effect::Count(Metric::Status)]);
    assert_eq!(intake.bindings().remembered(), 1, "it says nothing of any session");
}

#[test]
fn a_status_that_nobody_vouches_for_is_not_answered_anywhere() {
    let mut intake = intake();
    let good = Request::new().ask_status(9, [5; 16], SECRET);
    let forged = [Metric::Forged].map(Effect::Count);
    assert_eq!(feed(&mut intake, &Request::new().ask_status(9, [5; 16], b"wrong"), 0), forged);
    assert_eq!(feed(&mut intake, &[&good[..2], &[0, 20], &good[4..20]].concat(), 0), forged, "without any");
    let other = [&good[..4], &[6], &good[5..]].concat();
    assert_eq!(feed(&mut intake, &other, 0), forged, "another authenticator");
    let over_tls = |bytes| Input::Packet { origin: streamed(1, 7), bytes };
    let bare = [&[12, 9, 0, 20][..], &[5; 16]].concat();
    assert_eq!(end(&mut intake, over_tls(&bare), 0), forged);
    let vouched = Request::new().ask_status(9, [5; 16], b"radsec");
    assert_eq!(answers(&end(&mut intake, over_tls(&vouched), 0)).len(), 1);
}

#[test]
fn a_commit_that_failed_is_tried_again_at_its_time_and_answers_wait_for_it() {
    let mut intake = intake();
    let (ticket, lost) = commit(&feed(&mut intake, &request(1, "a", 7).sign(1, SECRET), 0)).unwrap();
    let effects = end(&mut intake, Input::NotCommitted(ticket), 10);
    assert!(counted(&effects, Metric::NotCommitted) && commit(&effects).is_none());
    assert_eq!(intake.poll_timeout().map(|(at, _)| at), Some(Mono(1_010)));
    intake.handle_timeout(now(1_009));
    assert_eq!(drain(&mut intake), []);
    intake.handle_timeout(now(1_010));
    let (again, changes) = commit(&drain(&mut intake)).unwrap();
    assert_eq!(changes, lost);
    assert_eq!(end(&mut intake, Input::Committed(ticket), 1_011), [], "the outcome of the first is late");
    assert_eq!(answers(&end(&mut intake, Input::Committed(again), 1_012)).len(), 1);
}

#[test]
fn more_rows_than_one_commit_takes_are_kept_by_several_before_anybody_is_answered() {
    let config = IntakeConfig { commit_max: 2, ..IntakeConfig::default() };
    let mut intake = intake_with(config, client());
    let (first, _) = commit(&feed(&mut intake, &request(1, "a", 7).sign(1, SECRET), 0)).unwrap();
    for identifier in 2..5 {
        feed(&mut intake, &request(1, &format!("s{identifier}"), identifier).sign(identifier, SECRET), 1);
    }
    let (second, changes) = commit(&end(&mut intake, Input::Committed(first), 2)).unwrap();
    assert_eq!(changes.sessions.len(), 2);
    let effects = end(&mut intake, Input::Committed(second), 3);
    assert_eq!(answers(&effects).len(), 0);
    let (third, _) = commit(&effects).unwrap();
    assert_eq!(answers(&end(&mut intake, Input::Committed(third), 4)).len(), 3);
}

#[test]
fn too_many_waiting_are_not_answered_and_are_new_when_they_come_again() {
    let config = IntakeConfig { waiting_max: 1, ..IntakeConfig::default() };
    let mut intake = intake_with(config, client());
    let (ticket, _) = commit(&feed(&mut intake, &request(1, "a", 7).sign(1, SECRET), 0)).unwrap();
    let second = request(1, "b", 8).sign(2, SECRET);
    assert_eq!(feed(&mut intake, &second, 1), [Effect::Count(Metric::NoRoom)]);
    end(&mut intake, Input::Committed(ticket), 2);
    assert!(commit(&feed(&mut intake, &second, 3)).is_some());
}

#[test]
fn silence_is_counted_at_its_deadline() {
    let mut intake = intake();
    let (ticket, _) = commit(&feed(&mut intake, &request(1, "a", 7).sign(1, SECRET), 0)).unwrap();
    end(&mut intake, Input::Committed(ticket), 1);
    let (deadline, _) = intake.poll_timeout().unwrap();
    assert_eq!(deadline, Mono(90 * 60_000));
    intake.handle_timeout(now(deadline.0 - 1));
    assert_eq!(drain(&mut intake), []);
    intake.handle_timeout(now(deadline.0));
    assert!(counted(&drain(&mut intake), Metric::Silent));
    assert_eq!(intake.find(anna(), now(deadline.0)), None);
}

#[test]
fn every_change_of_a_good_packet_is_survived_and_only_the_good_one_is_believed() {
    let mut intake = intake();
    let good = request(1, "a", 7).sign_and_vouch(9, SECRET);
    for index in 0..good.len() {
        for octet in [0, 1, 2, 0x7F, 0xFF] {
            let mut changed = good.clone();
            changed[index] = octet;
            if changed != good {
                assert_eq!(answers(&feed(&mut intake, &changed, 0)).len(), 0);
            }
        }
    }
    assert_eq!(intake.bindings().remembered(), 0);
}

fn pushed(event: PushedEvent, session: &'static str, last: u8) -> Result<Said, Unusable> {
    let pushed = Pushed {
        nas: "pgw-1",
        event,
        session,
        number: Some(anna()),
        v4: Some(Prefix::v4(Ipv4Addr::new(10, 64, 0, last))),
        v6: None,
        delegated: None,
        apn: None,
        at: ServerMillis(T0),
        stamped: true,
        lasted: None,
        last_of_subscriber: false,
    };
    pushed.said_by(&client())
}

#[test]
fn what_is_pushed_is_answered_only_after_it_is_kept() {
    let mut intake = intake();
    let start = pushed(PushedEvent::Session(Change::Start), "a", 7);
    let unusable = pushed(PushedEvent::Session(Change::Start), "", 7);
    let said = vec![start.clone(), unusable];
    let effects = end(&mut intake, Input::Pushed { ticket: Ticket(70), said }, 0);
    let (ticket, _) = commit(&effects).unwrap();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Pushed { .. })));
    let effects = end(&mut intake, Input::Committed(ticket), 1);
    let outcomes = vec![Metric::Taken, Metric::Unused(Unusable::NoSession)];
    assert_eq!(effects, [Effect::Pushed { ticket: Ticket(70), outcomes }]);
    assert!(intake.find(anna(), now(1)).is_some());
    let effects = end(&mut intake, Input::Pushed { ticket: Ticket(71), said: vec![start] }, 2);
    assert!(effects.contains(&Effect::Pushed { ticket: Ticket(71), outcomes: vec![Metric::Known] }), "at once");
}

#[test]
fn what_is_pushed_while_too_much_waits_is_to_be_sent_again() {
    let mut intake = intake_with(IntakeConfig { waiting_max: 1, ..IntakeConfig::default() }, client());
    let start = pushed(PushedEvent::Session(Change::Start), "a", 7);
    end(&mut intake, Input::Pushed { ticket: Ticket(70), said: vec![start] }, 0);
    let second = pushed(PushedEvent::Session(Change::Start), "b", 8);
    let effects = end(&mut intake, Input::Pushed { ticket: Ticket(71), said: vec![second] }, 1);
    assert!(effects.contains(&Effect::Pushed { ticket: Ticket(71), outcomes: vec![Metric::NoRoom] }));
    assert_eq!(intake.bindings().remembered(), 1);
}

fn streamed(connection: u64, certificate: u8) -> Origin {
    Origin::Stream { connection, peer: "198.51.100.1".parse().unwrap(), certificate: Fingerprint([certificate; 32]) }
}

#[test]
fn a_client_under_tls_is_known_by_its_certificate_and_answered_on_its_connection() {
    let mut intake = intake_with(IntakeConfig::default(), Client { must_vouch: true, ..client() });
    let bytes = request(1, "a", 7).sign(9, b"radsec");
    let packet = |connection, certificate| Input::Packet { origin: streamed(connection, certificate), bytes: &bytes };
    assert_eq!(end(&mut intake, packet(1, 8), 0), [Effect::Count(Metric::Stranger)]);
    let (ticket, _) = commit(&end(&mut intake, packet(1, 7), 0)).unwrap();
    let effects = end(&mut intake, Input::Committed(ticket), 1);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Answer { to, .. } if *to == streamed(1, 7))));
    let again = end(&mut intake, packet(1, 7), 2);
    assert!(again.contains(&Effect::Count(Metric::Again)));
    let elsewhere = end(&mut intake, packet(2, 7), 3);
    assert!(elsewhere.contains(&Effect::Count(Metric::Known)), "another connection, the same event: {elsewhere:?}");
}

#[test]
fn the_secret_of_tls_opens_nothing_by_datagram_nor_the_other_way_round() {
    let mut intake = intake();
    let public = request(1, "a", 7).sign(9, b"radsec");
    assert_eq!(feed(&mut intake, &public, 0), [Effect::Count(Metric::Forged)]);
    let shared = request(1, "a", 7).sign(9, SECRET);
    let shared = Input::Packet { origin: streamed(1, 7), bytes: &shared };
    assert_eq!(end(&mut intake, shared, 1), [Effect::Count(Metric::Forged)]);
}
