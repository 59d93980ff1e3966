//! Two phones in network namespaces of their own send texts straight to each other.
//!
//! The real engine, the real server and the kernel's own network: `ip netns` makes three namespaces, a bridge in the server's
//! joins them, and nothing leads out. Every process is this program again, inside a namespace. Addresses are of 203.0.113.0/24
//! (RFC 5737), so that they count as public; what the access network would report, the server's child posts to the server.
//! Needs root and iproute2; `tests/run` has both.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers stop it as it stops itself"
)]

mod child;
mod phone;
mod server;
mod world;

use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use world::{A, B, World};

/// Not a test by itself: what a child of the others runs.
#[test]
fn child() {
    child::run();
}

/// Texts of the great exchange.
const MANY: u64 = 10_000;

#[test]
fn ten_thousand_texts_pass_the_server_by_once_each_and_an_address_changes_in_the_middle() {
    // The server stores nobody's text: its budget for them is zero, so that it refuses each one.
    let mut world = World::open(true);
    world.friends();
    let (a, b) = (world.number(A), world.number(B));
    let half = MANY / 2;
    world.phone(A).say(&json!({ "do": "texts", "to": b, "from": 1, "count": half }));
    world.phone(B).wait("arrived", |seen| seen["count"].as_u64() >= Some(half / 4));
    // The sender's address changes under way: QUIC goes on from the new one.
    world.readdress(A, "203.0.113.22");
    world.phone(A).wait("ended", |seen| seen["delivered"].as_u64() >= Some(half));
    // The receiver's changes: the sender finds it again where the network says it is now.
    world.phone(A).say(&json!({ "do": "texts", "to": b, "from": half + 1, "count": half }));
    world.phone(B).wait("arrived", |seen| seen["count"].as_u64() >= Some(half + half / 4));
    world.readdress(B, "203.0.113.33");
    world.phone(A).wait("ended", |seen| seen["delivered"].as_u64() >= Some(MANY));
    let bodies = world.phone(B).history(&a);
    let expected: Vec<String> = (1..=MANY).map(phone::words).collect();
    assert_eq!(bodies.len(), expected.len(), "each exactly once");
    assert!(bodies == expected, "in the order they were written");
    assert_eq!(world.server().metric("tandem_texts_stored_total"), 0, "the server holds none of them");
}

/// Bytes of the file.
const SIZE: usize = 10_000_000;

#[test]
fn a_file_of_ten_megabytes_arrives_once_and_whole_over_a_break_and_a_change_of_address() {
    let mut world = World::open(true);
    world.friends();
    let (a, b) = (world.number(A), world.number(B));
    let content: Vec<u8> =
        (0..SIZE).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 13 & 0xFF).unwrap()).collect();
    let path = world.folder().join("mine.jpg");
    std::fs::write(&path, &content).unwrap();
    // One sixteenth of what the bridge carries by itself, so that there is a middle.
    world.slow(A, "40mbit");
    world.phone(A).say(&json!({ "do": "file", "to": b, "path": path }));
    world.phone(A).wait("file", |seen| seen["sent"].as_u64() >= Some(SIZE as u64 / 5));
    // Who takes it in dies and starts again: it goes on from what is durable there.
    world.kill(B);
    world.start_phone(B);
    let again = world.phone(A).wait("file", |seen| seen["state"] == "sending");
    assert!(again["sent"].as_u64() >= Some(SIZE as u64 / 6), "on from what was durable: {again}");
    world.phone(A).wait("file", |seen| seen["sent"].as_u64() >= Some(SIZE as u64 / 2));
    world.readdress(A, "203.0.113.22");
    world.phone(A).wait("file", |seen| seen["state"] == "arrived");
    let arrived = world.phone(B).wait("file-arrived", |_| true);
    assert!(std::fs::read(arrived["path"].as_str().unwrap()).unwrap() == content, "byte by byte");
    // A text behind it still goes its way, and the file is told once.
    world.phone(A).say(&json!({ "do": "texts", "to": b, "from": 1, "count": 1 }));
    world.phone(A).wait("ended", |seen| seen["delivered"].as_u64() >= Some(1));
    assert_eq!(world.phone(B).seen_so_far("file-arrived"), 0, "once");
    assert_eq!(world.phone(B).history(&a), vec![phone::words(1)]);
}

#[test]
fn texts_to_a_phone_that_is_killed_wait_at_the_server_and_none_is_lost_or_doubled() {
    const TEXTS: u64 = 1_000;
    let mut world = World::open(false);
    world.friends();
    let (a, b) = (world.number(A), world.number(B));
    world.phone(A).say(&json!({ "do": "texts", "to": b, "from": 1, "count": TEXTS }));
    world.phone(B).wait("arrived", |seen| seen["count"].as_u64() >= Some(TEXTS / 10));
    world.kill(B);
    // They go on through the server, and wait there.
    world.server().until_metric("tandem_texts_stored_total", TEXTS / 4);
    world.start_phone(B);
    world.phone(A).wait("ended", |seen| seen["delivered"].as_u64() >= Some(TEXTS));
    let bodies = world.phone(B).history(&a);
    let expected: Vec<String> = (1..=TEXTS).map(phone::words).collect();
    assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), expected.len(), "none is lost");
    assert_eq!(bodies.len(), expected.len(), "none is doubled");
    assert!(bodies == expected, "and all are in order");
    let direct = TEXTS - world.server().metric("tandem_texts_stored_total");
    assert!(direct >= TEXTS / 10, "some went straight there");
}

#[test]
fn datagrams_arrive_and_a_phone_without_consent_is_never_reached() {
    let mut world = World::open(false);
    world.friends_without_consent();
    let to = world.number(B);
    world.phone(A).say(&json!({ "do": "datagram", "to": to, "application": 7, "body": "hi" }));
    world.phone(A).wait("refused", |_| true);
    world.phone(A).say(&json!({ "do": "texts", "to": to, "from": 1, "count": 3 }));
    world.phone(A).wait("ended", |seen| seen["delivered"].as_u64() >= Some(3));
    assert_eq!(world.server().metric("tandem_texts_stored_total"), 3, "through the server, all of them");
    // The other way round the consent is there, and one connection serves both.
    world.consent(A, B);
    let back = world.number(A);
    world.phone(B).say(&json!({ "do": "texts", "to": back, "from": 1, "count": 3 }));
    world.phone(B).wait("ended", |seen| seen["delivered"].as_u64() >= Some(3));
    assert_eq!(world.server().metric("tandem_texts_stored_total"), 3, "these went straight there");
    world.phone(A).say(&json!({ "do": "datagram", "to": to, "application": 7, "body": "hi" }));
    world.phone(B).wait_within("datagram", Duration::from_secs(10), |seen| {
        (seen["application"].as_u64(), seen["body"].as_str()) == (Some(7), Some("hi"))
    });
}
