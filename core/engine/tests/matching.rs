//! Contacts on their way to tokens, with the cryptography a phone ships.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes,
    reason = "helpers of tests"
)]

mod common;

use common::server::{Seen, Server, key_holder};
use common::*;
use tandem_crypto::oprf::pair_token;
use tandem_machine::{Command, HostInput, Reply};
use tandem_model::{Line, MarkToken, Secret};
use tandem_wire::ClientFrame;
use tandem_wire::frame::TokensSync;

fn pages(seen: &Seen) -> Option<TokensSync> {
    match seen {
        Seen::Frame(ClientFrame::TokensSync(page)) => Some(page.clone()),
        _ => None,
    }
}

/// The token of the phone's number and the peer's.
fn token() -> MarkToken {
    let of = |number| key_holder().pseudonym(number).unwrap();
    pair_token(&of(sim().number.unwrap()), &of(peer_number()))
}

#[test]
fn a_server_learns_the_token_of_a_pair_and_no_number() {
    let server = Server::start();
    server.change(|mood| mood.matches = true);
    let phone = Phone::of(&server);
    let engine = phone.start();
    let contact = Secret::new(peer_number().e164());
    engine.notify(HostInput::Contacts { replace: true, added: vec![contact], removed: vec![] }).unwrap();
    register(&engine);
    let page = server.until(pages);
    assert_eq!((page.added, page.removed, page.last), (vec![token()], vec![], true));
}

#[test]
fn a_blocked_number_is_seen_in_the_views_and_told_as_blocked() {
    let server = Server::start();
    server.change(|mood| mood.matches = true);
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    let number = Secret::new(peer_number().e164());
    assert_eq!(block_on(engine.command(Command::Block { number })), Ok(Reply::Done));
    assert_eq!(engine.views().blocked, [peer_number()]);
    let page = server.until(pages);
    assert_eq!((page.blocked, page.added), (vec![token()], vec![]));
}

#[test]
fn an_open_mark_is_seen_in_the_views_when_the_server_has_it() {
    let server = Server::start();
    server.change(|mood| mood.matches = true);
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    let open = Command::SetOpenMark { line: Line(0), open: true };
    assert_eq!(block_on(engine.command(open)), Ok(Reply::Done));
    assert_eq!(engine.views().open_marks.get(&Line(0)), Some(&true));
}
