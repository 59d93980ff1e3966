use super::*;
use proptest::prelude::*;

const SECRET: &[u8] = b"testing123";

fn start() -> Request {
    Request::new()
        .with_u32(Type::AcctStatusType, 1)
        .with(Type::ProxyState, b"one")
        .with(Type::AcctSessionId, b"0a000001deadbeef")
        .with_3gpp(VendorType::Imsi, b"001010123456789")
        .with(Type::ProxyState, b"two")
}

#[test]
fn a_request_is_genuine_with_its_secret_and_with_no_other() {
    let bytes = start().sign(7, SECRET);
    let packet = Packet::decode(&bytes).unwrap();
    assert_eq!((packet.code(), packet.identifier()), (Code::AccountingRequest, 7));
    assert!(packet.is_genuine_request(SECRET));
    assert!(!packet.is_genuine_request(b"testing124"));
    assert_eq!(packet.message_authenticator(SECRET), Vouched::Absent);
}

#[test]
fn one_changed_bit_anywhere_is_found() {
    let bytes = start().sign_and_vouch(7, SECRET);
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            let believed = Packet::decode(&changed).is_ok_and(|packet| packet.is_genuine_request(SECRET));
            assert!(!believed, "octet {index}, bit {bit}");
        }
    }
}

#[test]
fn a_message_authenticator_is_checked_when_there_is_one() {
    let bytes = start().sign_and_vouch(7, SECRET);
    let packet = Packet::decode(&bytes).unwrap();
    assert!(packet.is_genuine_request(SECRET));
    assert_eq!(packet.message_authenticator(SECRET), Vouched::Genuine);
    assert_eq!(packet.message_authenticator(b"other"), Vouched::Forged);
    let wrong = start().with(Type::MessageAuthenticator, &[9; 16]).sign(7, SECRET);
    assert_eq!(Packet::decode(&wrong).unwrap().message_authenticator(SECRET), Vouched::Forged);
    let short = start().with(Type::MessageAuthenticator, &[9; 15]).sign(7, SECRET);
    assert_eq!(Packet::decode(&short).unwrap().message_authenticator(SECRET), Vouched::Forged);
}

#[test]
fn two_message_authenticators_vouch_for_nothing() {
    let one = start().with(Type::MessageAuthenticator, &[0; 16]);
    let bytes = one.sign_and_vouch(7, SECRET);
    assert_eq!(Packet::decode(&bytes).unwrap().message_authenticator(SECRET), Vouched::Forged);
}

#[test]
fn an_answer_carries_every_proxy_state_in_its_order_and_is_the_requests_own() {
    let bytes = start().sign(7, SECRET);
    let request = Packet::decode(&bytes).unwrap();
    let answer = request.response(SECRET);
    let answer = Packet::decode(&answer).unwrap();
    assert_eq!((answer.code(), answer.identifier()), (Code::AccountingResponse, 7));
    let states: Vec<_> = answer.attributes().collect();
    assert_eq!(states, [(33, b"one".as_slice()), (33, b"two".as_slice())]);
    assert!(answer.is_genuine_response_to(&request, SECRET));
    assert!(!answer.is_genuine_response_to(&request, b"other"));
    let other = start().with(Type::UserName, b"x").sign(7, SECRET);
    assert!(!answer.is_genuine_response_to(&Packet::decode(&other).unwrap(), SECRET));
}

/// Computed by another implementation: MD5 and HMAC-MD5 of Python's standard library over the same octets.
#[test]
fn authenticators_are_what_another_implementation_computes() {
    let bytes = Request::new().with_u32(Type::AcctStatusType, 7).sign(0x2a, b"secret");
    assert_eq!(hex(&bytes), KNOWN_REQUEST);
    let vouched = Request::new().with_u32(Type::AcctStatusType, 7).sign_and_vouch(0x2a, b"secret");
    assert_eq!(hex(&vouched), KNOWN_VOUCHED);
    let answer = Packet::decode(&bytes).unwrap().response(b"secret");
    assert_eq!(hex(&answer), KNOWN_ANSWER);
}

#[test]
fn wrong_lengths_are_refused_and_padding_is_not() {
    let bytes = start().sign(7, SECRET);
    assert_eq!(Packet::decode(&bytes[..19]).unwrap_err(), Malformed::Length);
    assert_eq!(Packet::decode(&bytes[..bytes.len() - 1]).unwrap_err(), Malformed::Length);
    let padded = [bytes.as_slice(), &[0; 9]].concat();
    assert!(Packet::decode(&padded).unwrap().is_genuine_request(SECRET));
    let mut short = bytes.clone();
    short[2..4].copy_from_slice(&19_u16.to_be_bytes());
    assert_eq!(Packet::decode(&short).unwrap_err(), Malformed::Length);
    let mut cut = bytes;
    cut[21] = 1;
    assert_eq!(Packet::decode(&cut).unwrap_err(), Malformed::Attribute, "an attribute without room for its own length");
}

#[test]
fn a_vendors_attribute_that_is_cut_off_has_no_values() {
    let inner = [&THREE[..], &[1, 200, b'0']].concat();
    let bytes = Request::new().with(Type::VendorSpecific, &inner).sign(1, SECRET);
    assert_eq!(Packet::decode(&bytes).unwrap().first_3gpp(VendorType::Imsi), None);
    let bytes = Request::new().with(Type::VendorSpecific, &[0, 0]).sign(1, SECRET);
    assert_eq!(Packet::decode(&bytes).unwrap().first_3gpp(VendorType::Imsi), None);
}

const THREE: [u8; 4] = attribute::THREE_GPP.to_be_bytes();

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        walk(&bytes);
    }

    #[test]
    fn no_change_to_a_good_packet_makes_it_panic(
        at in 0_usize..120, octet in any::<u8>(), cut in 0_usize..140,
    ) {
        let mut bytes = start().sign_and_vouch(7, SECRET);
        if let Some(changed) = bytes.get_mut(at) {
            *changed = octet;
        }
        bytes.truncate(cut);
        walk(&bytes);
    }
}

/// Reads everything there is to read.
fn walk(bytes: &[u8]) {
    if let Ok(packet) = Packet::decode(bytes) {
        let octets: usize = packet.attributes().map(|(_, value)| value.len() + 2).sum();
        assert_eq!(octets, packet.attribute_octets().len());
        let _read = packet.first_3gpp(VendorType::Imsi);
        let _checked = packet.message_authenticator(SECRET);
        assert!(Packet::decode(&packet.response(SECRET)).is_ok());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const KNOWN_REQUEST: &str = "042a001ae61c5c6d7f29477ef43d335337b48fc4280600000007";
const KNOWN_VOUCHED: &str = "042a002c0426b6f9d0a24bfcd3daf7f114ce78aa5012e17776c24a34d4693da9013a00c8d083280600000007";
const KNOWN_ANSWER: &str = "052a0014908faa4bf6d804fa3d6152210f3c63fa";
