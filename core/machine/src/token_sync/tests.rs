//! What a server is told of the phone book, and how little.

use crate::bench::toy_number;
use crate::effect::Effect;
use crate::input::{Command, HostInput};
use crate::rig::{LINE, Rig, RigKeys, is_silent, registered_store, rig_token, sim};
use std::collections::BTreeSet;
use tandem_model::matching::ToldKind::{self, Blocked, Open, Pair};
use tandem_model::{MarkToken, Secret};
use tandem_wire::ServerFrame;
use tandem_wire::frame::RefuseReason;

fn book(rig: &mut Rig, added: &[u64], removed: &[u64]) -> Vec<Effect> {
    let secret = |numbers: &[u64]| numbers.iter().map(|n| Secret::new(toy_number(*n).e164())).collect();
    rig.host(HostInput::Contacts { replace: false, added: secret(added), removed: secret(removed) })
}

fn block(rig: &mut Rig, keys: &mut RigKeys, n: u64, blocked: bool) -> Vec<Effect> {
    let number = Secret::new(toy_number(n).e164());
    let command = if blocked { Command::Block { number } } else { Command::Unblock { number } };
    let effects = rig.command(command).1;
    rig.matched(keys, effects)
}

fn tokens(kind: ToldKind, numbers: &[u64]) -> BTreeSet<MarkToken> {
    numbers.iter().map(|n| rig_token(1, kind, *n)).collect()
}

fn online_with(peers: &[u64]) -> (Rig, RigKeys) {
    let (mut rig, mut keys) = (Rig::registered(peers), RigKeys::with_keys(&[1]));
    rig.connect_with(&mut keys);
    (rig, keys)
}

#[test]
fn the_server_comes_to_hold_the_pair_token_of_every_contact_and_nothing_else() {
    let (_, keys) = online_with(&[2, 3]);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2, 3]));
    assert!(keys.pages.iter().all(|page| !page.replace), "an empty book on both sides is in step");
    assert!(keys.pages.last().unwrap().last);
}

#[test]
fn open_tokens_are_told_where_the_server_wants_them_and_taken_back_where_it_does_not() {
    let (mut rig, mut keys) = (Rig::registered(&[2, 3]), RigKeys::with_keys(&[1]));
    keys.wants_open = true;
    rig.connect_with(&mut keys);
    let both: BTreeSet<MarkToken> = &tokens(Pair, &[2, 3]) | &tokens(Open, &[2, 3]);
    assert_eq!(keys.held[&1].tokens, both);
    keys.wants_open = false;
    rig.close();
    rig.connect_with(&mut keys);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2, 3]));
}

#[test]
fn nothing_is_told_in_another_session_or_boot_when_nothing_changed() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    rig.close();
    assert!(is_silent(&rig.connect_with(&mut keys)));
    rig.crash();
    assert!(is_silent(&rig.connect_with(&mut keys)), "what the server holds is kept across boots");
}

#[test]
fn a_contact_that_came_and_one_that_went_are_told_two_seconds_later_and_alone() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    book(&mut rig, &[4], &[2]);
    assert!(is_silent(&rig.pass_with(&mut keys, 1_999)), "the book may still be changing");
    keys.pages.clear();
    rig.pass_with(&mut keys, 1);
    assert_eq!(keys.blinded.last().unwrap(), &[toy_number(4)], "only the new number is evaluated");
    let told: usize = keys.pages.iter().map(|page| page.added.len() + page.removed.len()).sum();
    assert_eq!((told, &keys.held[&1].tokens), (2, &tokens(Pair, &[3, 4])));
}

#[test]
fn a_book_handed_over_page_by_page_is_one_difference() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    let blinded = keys.blinded.len();
    let number = |n| Secret::new(toy_number(n).e164());
    rig.host(HostInput::Contacts { replace: true, added: vec![number(2)], removed: vec![] });
    rig.pass_with(&mut keys, 1_000);
    book(&mut rig, &[3], &[]);
    rig.pass_with(&mut keys, 1_000);
    book(&mut rig, &[4], &[]);
    keys.pages.clear();
    rig.pass_with(&mut keys, 2_000);
    assert_eq!(keys.blinded.len(), blinded + 1, "what a page seemed to remove is not evaluated again");
    assert_eq!(keys.pages.iter().map(|page| page.added.len() + page.removed.len()).sum::<usize>(), 1);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2, 3, 4]));
}

#[test]
fn a_server_that_holds_something_else_is_told_everything_anew() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    keys.held.get_mut(&1).unwrap().tokens = tokens(Pair, &[3, 9]);
    rig.close();
    keys.pages.clear();
    rig.connect_with(&mut keys);
    assert!(keys.pages[0].replace && keys.pages.last().unwrap().last);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2, 3]));
    rig.crash();
    assert!(is_silent(&rig.connect_with(&mut keys)));
}

#[test]
fn a_book_of_thousands_goes_in_pages_of_a_thousand_tokens() {
    let peers: Vec<u64> = (1_000..3_300).collect();
    let (mut rig, mut keys) = online_with(&peers);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &peers));
    keys.held.get_mut(&1).unwrap().tokens.clear();
    rig.close();
    keys.pages.clear();
    rig.connect_with(&mut keys);
    let pages: Vec<_> = keys.pages.iter().map(|page| (page.replace, page.added.len(), page.last)).collect();
    assert_eq!(pages, [(true, 1_000, false), (false, 1_000, false), (false, 300, true)]);
}

#[test]
fn a_page_that_was_not_heard_is_told_again_in_the_next_session() {
    let (mut rig, mut keys) = online_with(&[2]);
    let effects = book(&mut rig, &[3], &[]);
    rig.matched(&mut keys, effects);
    // The evaluation is answered, the page of tokens is not.
    let mut deaf = RigKeys::with_keys(&[1]);
    rig.pass_with(&mut deaf, 2_000);
    assert_eq!(deaf.held[&1].tokens, tokens(Pair, &[3]));
    rig.close();
    rig.connect_with(&mut keys);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2, 3]));
}

#[test]
fn a_page_that_is_refused_waits_as_told() {
    let (mut rig, mut keys) = online_with(&[2]);
    book(&mut rig, &[], &[2]);
    let effects = rig.pass(2_000);
    let [page] = &crate::rig::token_pages(&effects)[..] else { panic!("one page") };
    let (ticket, reason) = (page.ticket, RefuseReason::Budget);
    rig.frame(ServerFrame::Refused { ticket, reason, retry_after_ms: 20_000 });
    assert!(is_silent(&rig.pass_with(&mut keys, 19_999)));
    rig.pass_with(&mut keys, 1);
    assert!(keys.held[&1].tokens.is_empty());
}

#[test]
fn a_contact_that_goes_while_its_page_is_on_its_way_is_taken_back_behind_it() {
    let (mut rig, mut keys) = online_with(&[2]);
    book(&mut rig, &[3], &[]);
    let effects = rig.pass(2_000);
    let mut unheard = RigKeys::with_keys(&[1]);
    let effects = rig.matched(&mut unheard, effects);
    let [page] = &crate::rig::token_pages(&effects)[..] else { panic!("one page") };
    assert_eq!(page.added, [rig_token(1, Pair, 3)]);
    keys.held.get_mut(&1).unwrap().tokens.insert(page.added[0]);
    // Only now does the second change come, and the answer behind it.
    book(&mut rig, &[4], &[]);
    let effects = rig.pass(2_000);
    let effects = evaluated_only(&mut rig, effects);
    let [page] = &crate::rig::token_pages(&effects)[..] else { panic!("one page") };
    book(&mut rig, &[], &[4]);
    rig.pass(2_000);
    let effects = rig.frame(ServerFrame::Done { ticket: page.ticket });
    keys.held.get_mut(&1).unwrap().tokens.extend(&page.added);
    rig.matched(&mut keys, effects);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2, 3]));
}

/// Everything but pages of tokens is answered.
fn evaluated_only(rig: &mut Rig, effects: Vec<Effect>) -> Vec<Effect> {
    let mut keys = RigKeys::with_keys(&[1]);
    keys.deaf = true;
    rig.matched(&mut keys, effects)
}

#[test]
fn a_page_that_is_never_answered_ends_the_connection() {
    let (mut rig, _) = online_with(&[2]);
    book(&mut rig, &[], &[2]);
    rig.pass(2_000);
    rig.pass_online(9_999);
    assert!(rig.device.online(LINE));
    rig.pass_online(1);
    assert!(!rig.device.online(LINE));
}

#[test]
fn a_blocked_contact_is_told_as_blocked_and_as_nothing_else() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    block(&mut rig, &mut keys, 2, true);
    assert_eq!(rig.device.blocked(), [toy_number(2)]);
    assert_eq!((&keys.held[&1].tokens, &keys.held[&1].blocked), (&tokens(Pair, &[3]), &tokens(Blocked, &[2])));
    block(&mut rig, &mut keys, 9, true);
    assert_eq!(keys.held[&1].blocked, tokens(Blocked, &[2, 9]), "who is no contact can be blocked, too");
    rig.crash();
    assert!(is_silent(&rig.connect_with(&mut keys)), "blocked numbers outlive the process");
    block(&mut rig, &mut keys, 2, false);
    assert_eq!((&keys.held[&1].tokens, &keys.held[&1].blocked), (&tokens(Pair, &[2, 3]), &tokens(Blocked, &[9])));
}

#[test]
fn everything_told_anew_says_again_who_is_blocked() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    block(&mut rig, &mut keys, 2, true);
    keys.held.get_mut(&1).unwrap().tokens.clear();
    rig.close();
    rig.connect_with(&mut keys);
    assert_eq!(keys.held[&1].blocked, tokens(Blocked, &[2]));
}

#[test]
fn my_own_number_in_my_book_is_no_contact() {
    let (mut rig, mut keys) = (Rig::registered(&[1, 2]), RigKeys::with_keys(&[1]));
    rig.connect_with(&mut keys);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2]));
}

#[test]
fn a_new_key_is_told_beside_the_old_one_and_a_retired_one_is_forgotten() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    keys.held.insert(2, crate::rig::Held::default());
    rig.list(&mut keys);
    assert_eq!(keys.held[&1].tokens, tokens(Pair, &[2, 3]));
    assert_eq!(keys.held[&2].tokens, [2, 3].map(|n| rig_token(2, Pair, n)).into());
    keys.held.remove(&1);
    rig.list(&mut keys);
    assert!(rig.store.matching.told.keys().all(|(_, key)| key.0 == 2));
    assert!(rig.store.matching.pseudonyms.keys().all(|key| key.0 == 2));
    rig.crash();
    assert!(is_silent(&rig.connect_with(&mut keys)));
}

#[test]
fn what_was_told_ends_with_the_registration() {
    let (mut rig, mut keys) = online_with(&[2, 3]);
    rig.sims(vec![sim(LINE, Some(toy_number(1)), "262019999999999")]);
    assert!(rig.store.matching.told.is_empty());
    rig.pass_with(&mut keys, 2_000);
    let held = &rig.store.matching.pseudonyms[&tandem_model::MarkKeyId(1)];
    assert!(!held.contains_key(&toy_number(1)), "the number is not mine any more");
}

#[test]
fn the_list_of_keys_after_a_page_was_sent_does_not_count_it_as_a_difference() {
    let (mut rig, keys) = online_with(&[2]);
    let list = keys.list();
    book(&mut rig, &[], &[2]);
    rig.pass(2_000);
    rig.frame(ServerFrame::MarkKeys(list));
    assert!(!rig.store.matching.told.is_empty(), "it is not all forgotten");
}

#[test]
fn a_line_whose_server_lists_no_keys_is_told_nothing() {
    let mut rig = Rig::boot(registered_store(&[2]), 8).0;
    rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
    assert!(is_silent(&rig.connect()));
    book(&mut rig, &[3], &[]);
    assert!(is_silent(&rig.pass_online(10_000)));
}
