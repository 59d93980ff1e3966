//! The phone book seen from outside: what of it is kept.

use crate::bench::toy_number;
use crate::effect::Effect;
use crate::input::HostInput;
use crate::rig::{LINE, Rig, RigStore, registered_store, sim};
use tandem_model::{Msisdn, Secret};

fn book(rig: &mut Rig, replace: bool, added: &[&str], removed: &[&str]) -> Vec<Effect> {
    let secret = |raw: &[&str]| raw.iter().map(|raw| Secret::new((*raw).to_owned())).collect();
    rig.host(HostInput::Contacts { replace, added: secret(added), removed: secret(removed) })
}

#[test]
fn numbers_that_are_none_are_left_out_and_a_number_both_added_and_removed_stays() {
    let mut rig = Rig::online(&[]);
    book(&mut rig, false, &["mum", "112", "", "+4915123000004"], &["+4915123000004", "x"]);
    assert_eq!(rig.store.contacts, [toy_number(4)]);
}

#[test]
fn a_book_that_comes_before_the_sims_waits_for_a_country() {
    let mut rig = Rig::boot(RigStore::default(), 1).0;
    book(&mut rig, true, &["0151 23000004"], &[]);
    assert!(rig.store.contacts.is_empty());
    rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
    assert_eq!(rig.store.contacts, [toy_number(4)]);
}

#[test]
fn the_book_has_an_end() {
    let mut rig = Rig::boot(registered_store(&[]), 1).0;
    rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
    for page in 0..6 {
        let numbers: Vec<Secret<String>> =
            (0..10_000).map(|n| Secret::new(toy_number(100_000 + page * 10_000 + n).e164())).collect();
        rig.host(HostInput::Contacts { replace: false, added: numbers, removed: Vec::new() });
    }
    assert_eq!(rig.store.contacts.len(), super::CONTACTS_MAX);
}

/// The book as stored, in the order of its numbers.
fn kept(rig: &Rig) -> Vec<Msisdn> {
    let mut numbers = rig.store.contacts.clone();
    numbers.sort_unstable();
    numbers
}

fn part(rig: &mut Rig, first: bool, last: bool, numbers: &[u64]) {
    let numbers = numbers.iter().map(|n| Secret::new(toy_number(*n).e164())).collect();
    rig.host(HostInput::BookPage { first, last, numbers });
}

#[test]
fn what_no_page_of_the_book_named_is_removed_at_the_last_page_and_not_before() {
    let mut rig = Rig::registered(&[2, 3, 4]);
    part(&mut rig, true, false, &[2]);
    part(&mut rig, false, false, &[5]);
    assert_eq!(kept(&rig), [2, 3, 4, 5].map(toy_number));
    part(&mut rig, false, true, &[3]);
    assert_eq!(kept(&rig), [2, 3, 5].map(toy_number));
}

#[test]
fn a_book_of_one_page_and_an_empty_book_are_books() {
    let mut rig = Rig::registered(&[2, 3]);
    part(&mut rig, true, true, &[3]);
    assert_eq!(kept(&rig), [toy_number(3)]);
    part(&mut rig, true, true, &[]);
    assert!(kept(&rig).is_empty());
}

#[test]
fn a_reading_that_stopped_or_lost_its_beginning_removes_nothing() {
    let mut rig = Rig::registered(&[2, 3]);
    part(&mut rig, true, false, &[4]);
    part(&mut rig, true, false, &[5]);
    part(&mut rig, false, true, &[6]);
    assert_eq!(kept(&rig), [5, 6].map(toy_number), "the second reading is the one that counts");
    part(&mut rig, false, true, &[7]);
    assert_eq!(kept(&rig), [5, 6, 7].map(toy_number), "it had no first page");
}

#[test]
fn a_change_while_the_book_is_read_is_not_undone_by_its_last_page() {
    let mut rig = Rig::registered(&[2, 3]);
    part(&mut rig, true, false, &[2, 3]);
    book(&mut rig, false, &[&toy_number(8).e164()], &[&toy_number(2).e164()]);
    part(&mut rig, false, true, &[4]);
    assert_eq!(kept(&rig), [3, 4, 8].map(toy_number));
}
