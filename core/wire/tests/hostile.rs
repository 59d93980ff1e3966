//! Input nobody meant well: random, cut, bent, swollen. It never panics and never takes more memory than its size warrants.

#![expect(clippy::unwrap_used, reason = "a helper of tests stops at the first surprise")]

mod common;

use common::{Root, samples_server};
use proptest::prelude::*;
use tandem_wire::WireError;
use tandem_wire::limits::{FRAME_MAX, REGISTER_MAX};
use tandem_wire::roap::Roap;

/// What decoding may hold at once beside a multiple of its input: one full page of the smallest elements, parsed and as
/// model types.
const FLOOR: u64 = 256 * 1024;

/// Decodes and returns the most bytes held at once while doing so.
fn peak(root: Root, bytes: &[u8]) -> (u64, Result<(), WireError>) {
    let mut outcome = Ok(());
    let held = allocation_counter::measure(|| outcome = root.decode(bytes).map(|_| ()));
    (held.bytes_max, outcome)
}

fn bounded(root: Root, bytes: &[u8]) -> Result<(), WireError> {
    let (held, outcome) = peak(root, bytes);
    let allowed = 16 * u64::try_from(bytes.len()).unwrap() + FLOOR;
    assert!(held <= allowed, "{held} bytes held for {} received", bytes.len());
    outcome
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
    out
}

/// A length-delimited field.
fn field(number: usize, body: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(body.len()), body.to_vec()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn random_bytes_break_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        for root in Root::ALL {
            let _ = bounded(root, &bytes);
        }
    }

    #[test]
    fn random_bytes_under_any_kind_break_nothing(kind in 1_usize..50, body in proptest::collection::vec(any::<u8>(), 0..500)) {
        for root in Root::ALL {
            let _ = bounded(root, &field(kind, &body));
        }
    }

    #[test]
    fn random_text_breaks_no_reader_of_roap(text in "(?s).{0,300}") {
        let _ = Roap::parse(&text);
    }

    #[test]
    fn random_json_breaks_no_reader_of_roap(
        text in r#"\{("(messageType|seq|sdp|tieBreaker|moreComing|x)":(null|true|-1|1e9|99999999999|"OFFER"|"1"|\[\]|\{\}),){0,6}"seq":1\}"#,
    ) {
        let _ = Roap::parse(&text);
    }
}

#[test]
fn every_cut_of_every_message_is_a_named_error() {
    for (name, message, _) in samples_server::all() {
        let bytes = message.encode();
        for end in 1..bytes.len() {
            assert_eq!(bounded(message.root(), &bytes[..end]), Err(WireError::Malformed), "{name} cut at {end}");
        }
    }
}

#[test]
fn every_bent_bit_of_every_message_is_an_error_or_another_message() {
    for (name, message, _) in samples_server::all() {
        let bytes = message.encode();
        for place in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[place / 8] ^= 1 << (place % 8);
            let _ = bounded(message.root(), &bent);
            if let Ok(other) = message.root().decode(&bent) {
                assert_eq!(message.root().decode(&other.encode()), Ok(other), "{name} bent at {place}");
            }
        }
    }
}

#[test]
fn a_frame_at_the_cap_is_parsed_and_one_byte_more_is_too_large() {
    for (root, cap) in [
        (Root::Client, FRAME_MAX),
        (Root::Server, FRAME_MAX),
        (Root::Request, REGISTER_MAX),
        (Root::Reply, REGISTER_MAX),
    ] {
        // Unknown fields of two bytes fill the frame.
        let full = [0x78, 0].repeat(cap / 2);
        assert_eq!(root.decode(&full), Err(WireError::UnknownKind));
        assert_eq!(root.decode(&[full, vec![0]].concat()), Err(WireError::TooLarge));
    }
}

#[test]
fn lengths_that_promise_more_than_there_is_allocate_nothing() {
    for root in Root::ALL {
        for kind in [1_usize, 2, 10, 21, 31, 40, 41] {
            for promised in [1_usize, 1 << 20, u32::MAX as usize, usize::MAX] {
                let bomb = [varint(kind << 3 | 2), varint(promised)].concat();
                let (held, outcome) = peak(root, &bomb);
                assert_eq!(outcome, Err(WireError::Malformed));
                assert!(held < 1_024, "{held}");
            }
        }
    }
}

#[test]
fn swollen_lists_are_refused_before_anything_is_allocated_for_them() {
    let empty_elements = |inner: usize| field(inner, &[]).repeat(FRAME_MAX / 2 - 100);
    let bombs = [
        (Root::Client, field(41, &empty_elements(1))),
        (Root::Client, field(42, &empty_elements(1))),
        (Root::Client, field(44, &empty_elements(3))),
        (Root::Client, field(45, &empty_elements(2))),
        (Root::Server, field(10, &empty_elements(3))),
        (Root::Server, field(11, &empty_elements(1))),
        (Root::Server, field(32, &empty_elements(3))),
        (Root::Server, field(44, &empty_elements(2))),
    ];
    for (root, bomb) in bombs {
        let (held, outcome) = peak(root, &bomb);
        assert_eq!(outcome, Err(WireError::TooLarge));
        assert!(held < 1_024, "{held}");
    }
}

#[test]
fn a_full_page_of_the_smallest_elements_stays_within_the_bound() {
    for (root, kind, inner, most) in
        [(Root::Server, 10, 3, 500), (Root::Client, 41, 1, 256), (Root::Client, 42, 1, 256)]
    {
        let page = field(kind, &field(inner, &[]).repeat(most));
        assert!(matches!(bounded(root, &page), Err(WireError::Missing { .. })));
    }
}

#[test]
fn deep_nesting_in_a_roap_object_is_an_error_and_no_overflow() {
    let deep = format!(r#"{{"x":{}"#, "[".repeat(30_000));
    assert!(Roap::parse(&deep).is_err());
}

#[test]
fn an_error_shows_nothing_of_the_frame() {
    let secret = "MARKED-SECRET";
    for root in Root::ALL {
        for kind in 1..50 {
            for inner in 1..12 {
                if let Err(error) = root.decode(&field(kind, &field(inner, secret.as_bytes()))) {
                    assert!(!format!("{error} {error:?}").contains("SECRET"));
                }
            }
        }
    }
    let error = Roap::parse(r#"{"messageType":{"MARKED-SECRET":1}}"#).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("SECRET"));
}
