use super::*;
use crate::config::dns::DnsClient;
use crate::config::values::{Budget, Span};
use hickory_proto::op::Query;

const ANNA: &str = "1.0.0.0.3.2.1.5.5.5.1.e164.example";

fn section() -> Dns {
    let uri = "sip:{number}@ims.example;user=phone".to_owned();
    Dns {
        apex: "e164.example".to_owned(),
        records: vec![Template { uri, ..Template::default() }],
        clients: vec![DnsClient {
            name: "proxy".to_owned(),
            sources: Networks(vec!["192.0.2.0/24".parse().unwrap()]),
            budget: Budget::new(5, Span::secs(5)),
            ..DnsClient::default()
        }],
        ..Dns::default()
    }
}

fn zone() -> Zone {
    Zone::new(&section(), Policy::Open, BTreeSet::new()).unwrap()
}

fn inside() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(domain(name).unwrap(), kind));
    message
}

fn read(zone: &Zone, message: &Message) -> Step {
    zone.read(&message.to_vec().unwrap(), inside(), Instant::now())
}

fn said(zone: &Zone, message: &Message) -> (Message, Outcome) {
    match read(zone, message) {
        Step::Say(answer, outcome) => {
            assert_eq!(answer.metadata.id, message.metadata.id);
            (*answer, outcome)
        }
        other @ (Step::Ignore | Step::Find(..)) => panic!("{other:?}"),
    }
}

fn code(zone: &Zone, name: &str, kind: RecordType) -> (ResponseCode, Outcome) {
    let (answer, outcome) = said(zone, &question(name, kind));
    (answer.metadata.response_code, outcome)
}

#[test]
fn an_attached_number_has_its_uri_under_the_name_it_was_asked_by() {
    let zone = zone();
    let asked = question("1.0.0.0.3.2.1.5.5.5.1.E164.eXample", RecordType::NAPTR);
    let Step::Find(answer, number) = read(&zone, &asked) else { panic!() };
    assert_eq!(number, Msisdn::from_e164("+15551230001").unwrap());
    let answer = zone.tell(*answer, number, true);
    assert!(answer.metadata.authoritative && !answer.metadata.recursion_available);
    assert_eq!(answer.answers[0].name.to_ascii(), "1.0.0.0.3.2.1.5.5.5.1.E164.eXample.");
    let RData::NAPTR(naptr) = &answer.answers[0].data else { panic!() };
    assert_eq!((&*naptr.flags, &*naptr.services), (&b"u"[..], &b"E2U+sip"[..]));
    assert_eq!(&*naptr.regexp, b"!^.*$!sip:+15551230001@ims.example;user=phone!");
    assert!(naptr.replacement.is_root());
}

#[test]
fn nobody_there_and_may_not_know_are_one_answer() {
    let asked = question(ANNA, RecordType::NAPTR);
    let open = zone();
    let Step::Find(answer, number) = read(&open, &asked) else { panic!() };
    let nobody = open.tell(*answer, number, false);
    let withheld = Zone::new(&section(), Policy::Open, BTreeSet::from([number])).unwrap();
    let role = Zone::new(&section(), Policy::Role, BTreeSet::new()).unwrap();
    let consent = Zone::new(&section(), Policy::Consent, BTreeSet::new()).unwrap();
    let mut elsewhere = section();
    elsewhere.clients[0].prefixes = vec!["49".to_owned()];
    let elsewhere = Zone::new(&elsewhere, Policy::Open, BTreeSet::new()).unwrap();
    for zone in [withheld, role, consent, elsewhere] {
        let (answer, outcome) = said(&zone, &asked);
        assert_eq!((answer.to_vec().unwrap(), outcome), (nobody.to_vec().unwrap(), Outcome::NotTold));
    }
    assert_eq!((nobody.metadata.response_code, nobody.answers.len()), (ResponseCode::NoError, 0));
    assert_eq!(nobody.authorities[0].record_type(), RecordType::SOA);
}

#[test]
fn names_on_the_way_to_a_number_are_there_and_have_nothing() {
    let zone = zone();
    assert_eq!(code(&zone, "5.5.5.1.e164.example", RecordType::NAPTR), (ResponseCode::NoError, Outcome::Other));
    assert_eq!(code(&zone, "e164.example", RecordType::A), (ResponseCode::NoError, Outcome::Other));
    assert_eq!(code(&zone, ANNA, RecordType::A), (ResponseCode::NoError, Outcome::NotTold));
    assert_eq!(code(&zone, "mail.e164.example", RecordType::A), (ResponseCode::NXDomain, Outcome::Other));
}

#[test]
fn what_is_not_ours_is_refused() {
    let zone = zone();
    for (name, kind) in [("example", RecordType::NS), ("e165.example", RecordType::A), (ANNA, RecordType::AXFR)] {
        assert_eq!(code(&zone, name, kind), (ResponseCode::Refused, Outcome::Refused));
    }
    let asked = question(ANNA, RecordType::NAPTR).to_vec().unwrap();
    let stranger = zone.read(&asked, "198.51.100.1".parse().unwrap(), Instant::now());
    assert!(matches!(stranger, Step::Say(_, Outcome::Refused)));
}

#[test]
fn a_client_over_its_budget_is_refused_until_time_has_passed() {
    let (zone, now) = (zone(), Instant::now());
    let asked = question(ANNA, RecordType::NAPTR).to_vec().unwrap();
    for _ in 0..5 {
        assert!(matches!(zone.read(&asked, inside(), now), Step::Find(..)));
    }
    assert!(matches!(zone.read(&asked, inside(), now), Step::Say(_, Outcome::OverBudget)));
    let later = now + std::time::Duration::from_secs(1);
    assert!(matches!(zone.read(&asked, inside(), later), Step::Find(..)));
}

#[test]
fn what_makes_no_sense_is_told_so_and_an_answer_is_never_answered() {
    let zone = zone();
    let mut answer = question(ANNA, RecordType::NAPTR);
    answer.metadata.message_type = MessageType::Response;
    assert!(matches!(read(&zone, &answer), Step::Ignore));
    assert!(matches!(zone.read(b"", inside(), Instant::now()), Step::Ignore));
    assert!(matches!(zone.read(&[0; 11], inside(), Instant::now()), Step::Ignore));
    assert!(matches!(zone.read(&[0xFF; 40], inside(), Instant::now()), Step::Ignore));
    let cut = &question(ANNA, RecordType::NAPTR).to_vec().unwrap()[..20];
    assert!(matches!(zone.read(cut, inside(), Instant::now()), Step::Say(_, Outcome::Malformed)));
    let (none, outcome) = said(&zone, &Message::query());
    assert_eq!((none.metadata.response_code, outcome), (ResponseCode::FormErr, Outcome::Malformed));
}

#[test]
fn a_later_version_of_edns_is_named() {
    let mut asked = question(ANNA, RecordType::NAPTR);
    let mut edns = Edns::new();
    edns.set_version(1);
    asked.set_edns(edns);
    let (answer, _) = said(&zone(), &asked);
    assert_eq!(answer.metadata.response_code, ResponseCode::BADVERS);
}

#[test]
fn an_answer_that_does_not_fit_a_datagram_is_asked_for_again() {
    let mut many = section();
    many.records =
        vec![Template { uri: format!("sip:{{number}}@{}.example", "a".repeat(150)), ..Template::default() }; 8];
    let zone = Zone::new(&many, Policy::Open, BTreeSet::new()).unwrap();
    let Step::Find(answer, number) = read(&zone, &question(ANNA, RecordType::NAPTR)) else { panic!() };
    let answer = zone.tell(*answer, number, true);
    let datagram = encode(&answer, true).unwrap();
    assert!(datagram.len() <= 512);
    assert!(Message::from_vec(&datagram).unwrap().metadata.truncation);
    let whole = Message::from_vec(&encode(&answer, false).unwrap()).unwrap();
    assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 8));
}
