use super::*;
use crate::address::{Kind, Pool};
use crate::nas::Fingerprint;
use crate::radius::Request;
use tandem_model::Secret;

const NOW: ServerMillis = ServerMillis(1_800_000_000_000);
const SECRET: &[u8] = b"s";

fn client() -> Client {
    let network = |text: &str, length| Prefix::network(text.parse().unwrap(), length).unwrap();
    Client {
        name: "core".to_owned(),
        sources: vec![network("127.0.0.1", 32)],
        certificates: vec![Fingerprint([7; 32])],
        secret: Secret::new(SECRET.to_vec()),
        pools: vec![
            Pool { network: network("10.64.0.0", 16), kind: Kind::BehindNat },
            Pool { network: network("2001:db8::", 32), kind: Kind::Public },
        ],
        apns: vec!["internet".to_owned()],
        number_from: NumberFrom::CallingStationId,
        must_vouch: false,
        must_be_stamped: false,
    }
}

fn request(status: u32) -> Request {
    Request::new()
        .with_u32(Type::AcctStatusType, status)
        .with(Type::AcctSessionId, b"0a01")
        .with(Type::CallingStationId, b"15551230001")
        .with_ipv4(Type::NasIpAddress, Ipv4Addr::LOCALHOST)
        .with_ipv4(Type::FramedIpAddress, Ipv4Addr::new(10, 64, 0, 7))
}

fn start() -> Request {
    request(1).with(Type::CalledStationId, b"internet")
}

fn read_as(client: &Client, request: &Request) -> Result<Said, Unusable> {
    let bytes = request.sign(1, SECRET);
    read(&Packet::decode(&bytes).unwrap(), client, Ipv4Addr::LOCALHOST.into(), NOW)
}

fn report(request: &Request) -> Report {
    match read_as(&client(), request).unwrap() {
        Said::Session(report) => *report,
        Said::Reboot(reboot) => panic!("{reboot:?}"),
    }
}

#[test]
fn a_start_says_who_and_where() {
    let framed = Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 0);
    let report = report(
        &start()
            .with_prefix(Type::FramedIpv6Prefix, framed, 64)
            .with_3gpp(VendorType::Imsi, b"001010123456789")
            .with_u32(Type::AcctSessionTime, 90),
    );
    assert_eq!(report.number, Msisdn::from_e164("+15551230001").ok());
    assert_eq!(report.imsi, Imsi::parse("001010123456789"));
    let addresses = report.addresses.unwrap();
    assert_eq!(addresses.each().map(|held| held.prefix.text()).collect::<Vec<_>>(), ["10.64.0.7", "2001:db8:7::/64"]);
    assert_eq!(addresses.kind(), Kind::Public, "one of them can be reached by anybody");
    assert_eq!((report.change, report.lasted), (Change::Start, Some(Duration::from_secs(90))));
    assert!(!report.last_of_subscriber && !report.out_of_pool);
}

#[test]
fn the_stamp_is_the_event_and_the_delay_counts_only_without_one() {
    let delayed = start().with_u32(Type::AcctDelayTime, 5);
    assert_eq!((report(&delayed).at, report(&delayed).stamped), (ServerMillis(NOW.0 - 5_000), false));
    let stamped = delayed.with_u32(Type::EventTimestamp, 1_799_999_990);
    assert_eq!((report(&stamped).at, report(&stamped).stamped), (ServerMillis(1_799_999_990_000), true));
    let absurd = start().with_u32(Type::AcctDelayTime, u32::MAX);
    assert_eq!(NOW.since(report(&absurd).at), DELAY_MAX);
}

#[test]
fn an_imsi_never_passes_for_a_number() {
    let named = |name: &[u8]| {
        let user = Client { number_from: NumberFrom::UserName, ..client() };
        read_as(&user, &start().with(Type::UserName, name).with_3gpp(VendorType::Imsi, b"262011234567890"))
    };
    assert_eq!(named(b"262011234567890@nai.epc"), Err(Unusable::NoNumber));
    assert!(named(b"15551230001@realm").is_ok());
    let imsi_as_calling = Request::new()
        .with_u32(Type::AcctStatusType, 1)
        .with(Type::AcctSessionId, b"x")
        .with(Type::CalledStationId, b"internet")
        .with(Type::CallingStationId, b"262011234567890")
        .with_3gpp(VendorType::Imsi, b"262011234567890");
    assert_eq!(read_as(&client(), &imsi_as_calling), Err(Unusable::NoNumber));
}

#[test]
fn numbers_that_are_none_are_refused_and_a_stop_needs_none() {
    for raw in ["", "00", "02-00-00-00-00-01", "015551230001", "1234567890123456", "155512x0001"] {
        let other = Request::new()
            .with_u32(Type::AcctStatusType, 1)
            .with(Type::AcctSessionId, b"x")
            .with(Type::CalledStationId, b"internet")
            .with(Type::CallingStationId, raw.as_bytes());
        assert_eq!(read_as(&client(), &other), Err(Unusable::NoNumber), "{raw}");
    }
    let stop = Request::new().with_u32(Type::AcctStatusType, 2).with(Type::AcctSessionId, b"x");
    assert_eq!(report(&stop).number, None);
}

#[test]
fn another_apn_counts_for_nothing_and_a_stop_without_one_only_ends_its_session() {
    assert_eq!(read_as(&client(), &request(1).with(Type::CalledStationId, b"ims")), Err(Unusable::Apn));
    assert_eq!(read_as(&client(), &request(1)), Err(Unusable::Apn));
    assert_eq!(read_as(&client(), &request(2).with(Type::CalledStationId, b"ims")), Err(Unusable::Apn));
    let blind = report(&request(2));
    assert_eq!((blind.number, blind.addresses), (None, None));
    assert_eq!(blind.session, report(&start()).session);
}

#[test]
fn an_address_of_nobodys_pool_leaves_the_session_without_any() {
    let foreign = Request::new()
        .with_u32(Type::AcctStatusType, 3)
        .with(Type::AcctSessionId, b"0a01")
        .with(Type::CallingStationId, b"15551230001")
        .with(Type::CalledStationId, b"internet")
        .with_ipv4(Type::FramedIpAddress, Ipv4Addr::new(203, 0, 113, 9));
    let report = report(&foreign);
    assert!(report.out_of_pool);
    assert_eq!(report.addresses, Some(Addresses::default()));
}

#[test]
fn a_session_is_known_by_its_nas_and_its_id() {
    let of = |nas: [u8; 4], id: &[u8]| {
        report(
            &Request::new()
                .with_u32(Type::AcctStatusType, 2)
                .with(Type::AcctSessionId, id)
                .with_ipv4(Type::NasIpAddress, nas.into()),
        )
        .session
    };
    assert_eq!(of([10, 0, 0, 1], b"a"), of([10, 0, 0, 1], b"a"));
    assert_ne!(of([10, 0, 0, 1], b"a"), of([10, 0, 0, 1], b"b"));
    assert_ne!(of([10, 0, 0, 1], b"a"), of([10, 0, 0, 2], b"a"));
}

#[test]
fn on_and_off_are_about_the_whole_nas_and_other_statuses_about_nobody() {
    assert!(matches!(read_as(&client(), &request(7)), Ok(Said::Reboot(_))));
    assert!(matches!(read_as(&client(), &request(8)), Ok(Said::Reboot(_))));
    assert_eq!(read_as(&client(), &request(9)), Err(Unusable::Status));
    let no_session = Request::new().with_u32(Type::AcctStatusType, 1);
    assert_eq!(read_as(&client(), &no_session), Err(Unusable::NoSession));
    let wrong_length = Request::new().with(Type::AcctStatusType, &[1]);
    assert_eq!(read_as(&client(), &wrong_length), Err(Unusable::Status));
}

#[test]
fn a_client_that_must_say_when_is_held_to_it() {
    let strict = Client { must_be_stamped: true, ..client() };
    assert_eq!(read_as(&strict, &start()), Err(Unusable::Unstamped));
    assert!(read_as(&strict, &start().with_u32(Type::EventTimestamp, 1_799_999_990)).is_ok());
}

#[test]
fn addresses_that_mean_none_are_none() {
    for raw in [0_u32, 0xFFFF_FFFF, 0xFFFF_FFFE] {
        let stop = Request::new()
            .with_u32(Type::AcctStatusType, 2)
            .with(Type::AcctSessionId, b"x")
            .with(Type::CalledStationId, b"internet")
            .with_u32(Type::FramedIpAddress, raw);
        assert_eq!(report(&stop).addresses, None);
    }
}
