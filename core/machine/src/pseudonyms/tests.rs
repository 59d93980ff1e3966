//! How numbers come to pseudonyms, and what stops and what resumes it.

use crate::bench::toy_number;
use crate::effect::{Effect, Event};
use crate::input::{HostInput, Input, OprfInput};
use crate::rig::{Rig, RigKeys, events, is_silent, rig_public};
use crate::view::Notice;
use tandem_model::{MarkKeyId, MarkPublicKey, OprfFault, Secret, Ticket};
use tandem_wire::ServerFrame;
use tandem_wire::frame::MarkKeys;

const KEY: MarkKeyId = MarkKeyId(1);

fn held(rig: &Rig) -> usize {
    rig.store.matching.pseudonyms.get(&KEY).map_or(0, |held| held.len())
}

fn blinds(effects: &[Effect]) -> Vec<(Ticket, usize)> {
    let blind = |effect: &Effect| {
        if let Effect::Blind { ticket, numbers } = effect { Some((*ticket, numbers.len())) } else { None }
    };
    effects.iter().filter_map(blind).collect()
}

#[test]
fn a_number_is_evaluated_once_mine_first() {
    let (mut rig, mut keys) = (Rig::registered(&[2, 3]), RigKeys::with_keys(&[1]));
    rig.connect_with(&mut keys);
    assert_eq!(keys.blinded, [[1, 2, 3].map(toy_number)]);
    rig.crash();
    rig.connect_with(&mut keys);
    assert_eq!(keys.blinded.len(), 1);
    assert_eq!(held(&rig), 3);
}

#[test]
fn two_pages_of_five_hundred_are_under_way_at_once() {
    let peers: Vec<u64> = (1_000..2_300).collect();
    let mut rig = Rig::registered(&peers);
    rig.connect();
    let effects = rig.frame(ServerFrame::MarkKeys(RigKeys::with_keys(&[1]).list()));
    let pages: Vec<usize> = blinds(&effects).into_iter().map(|(_, numbers)| numbers).collect();
    assert_eq!(pages, [500, 500]);
}

#[test]
fn a_kill_loses_the_pages_under_way_and_none_that_was_kept() {
    let peers: Vec<u64> = (1_000..3_000).collect();
    let (mut rig, mut keys) = (Rig::registered(&peers), RigKeys::with_keys(&[1]));
    keys.budget = Some((1_000, 60_000));
    rig.connect_with(&mut keys);
    assert_eq!(held(&rig), 1_000);
    rig.crash();
    assert_eq!(held(&rig), 1_000);
    keys.budget = None;
    keys.blinded.clear();
    rig.connect_with(&mut keys);
    assert_eq!(keys.blinded.iter().map(Vec::len).sum::<usize>(), 1_001, "only those that were missing");
    assert_eq!(keys.held[&1].tokens.len(), 2_000);
}

#[test]
fn a_spent_budget_is_asked_again_when_it_said_and_contacts_that_have_pseudonyms_are_told() {
    let peers: Vec<u64> = (1_000..2_000).collect();
    let (mut rig, mut keys) = (Rig::registered(&peers), RigKeys::with_keys(&[1]));
    keys.budget = Some((500, 60_000));
    rig.connect_with(&mut keys);
    assert_eq!(keys.held[&1].tokens.len(), 499, "mine is one of the five hundred");
    keys.budget = Some((5_000, 60_000));
    assert!(is_silent(&rig.pass_with(&mut keys, 59_999)));
    rig.pass_with(&mut keys, 1);
    assert_eq!(keys.held[&1].tokens.len(), 1_000);
}

#[test]
fn nothing_is_taken_from_an_evaluation_that_is_not_proven() {
    let (mut rig, mut keys) = (Rig::registered(&[2]), RigKeys::with_keys(&[1]));
    keys.unproven = true;
    rig.connect_with(&mut keys);
    assert_eq!((held(&rig), rig.device.unproven_evaluations()), (0, 1));
    assert!(keys.pages.is_empty());
    keys.unproven = false;
    rig.pass_with(&mut keys, 60_000);
    assert_eq!((held(&rig), rig.device.unproven_evaluations()), (2, 1));
}

#[test]
fn another_public_key_under_a_known_name_is_told_and_never_used() {
    let (mut rig, mut keys) = (Rig::registered(&[2]), RigKeys::with_keys(&[1]));
    rig.connect_with(&mut keys);
    rig.crash();
    rig.connect();
    let mut list = keys.list();
    list.keys[0].public = MarkPublicKey([0x66; 32]);
    let effects = rig.frame(ServerFrame::MarkKeys(list));
    assert!(events(&effects).contains(&Event::Notice(Notice::MarkKeyChanged)));
    let secret = Secret::new(toy_number(3).e164());
    rig.host(HostInput::Contacts { replace: false, added: vec![secret], removed: vec![] });
    assert!(blinds(&rig.pass_online(10_000)).is_empty());
    assert_eq!(rig.store.matching.keys[&KEY], rig_public(KEY));
}

#[test]
fn a_retired_keys_name_is_not_taken_by_another() {
    let (mut rig, mut keys) = (Rig::registered(&[2]), RigKeys::with_keys(&[1, 2]));
    rig.connect_with(&mut keys);
    keys.held.remove(&1);
    rig.list(&mut keys);
    assert_eq!(held(&rig), 0);
    rig.crash();
    rig.connect_with(&mut keys);
    let mut again = RigKeys::with_keys(&[1, 2]).list();
    again.keys[0].public = MarkPublicKey([0x66; 32]);
    let effects = rig.frame(ServerFrame::MarkKeys(again));
    assert!(events(&effects).contains(&Event::Notice(Notice::MarkKeyChanged)));
}

#[test]
fn more_keys_than_any_honest_server_makes_are_not_followed() {
    let mut rig = Rig::registered(&[2]);
    rig.connect();
    for id in 1..=70 {
        let mut list: MarkKeys = RigKeys::with_keys(&[1]).list();
        list.keys[0].id = MarkKeyId(id);
        rig.frame(ServerFrame::MarkKeys(list));
    }
    assert_eq!(rig.store.matching.keys.len(), super::KEYS_MAX);
}

#[test]
fn a_contact_that_goes_takes_its_pseudonym_along() {
    let (mut rig, mut keys) = (Rig::registered(&[2, 3]), RigKeys::with_keys(&[1]));
    rig.connect_with(&mut keys);
    let secret = Secret::new(toy_number(2).e164());
    rig.host(HostInput::Contacts { replace: false, added: vec![], removed: vec![secret] });
    rig.pass_with(&mut keys, 2_000);
    assert!(!rig.store.matching.pseudonyms[&KEY].contains_key(&toy_number(2)));
    assert_eq!(keys.held[&1].tokens.len(), 1, "its token can be taken back all the same");
}

#[test]
fn a_session_that_ends_has_its_blinding_forgotten_and_the_next_one_asks_again() {
    let mut rig = Rig::registered(&[2]);
    rig.connect();
    let effects = rig.frame(ServerFrame::MarkKeys(RigKeys::with_keys(&[1]).list()));
    let (job, _) = blinds(&effects)[0];
    let effects = rig.close();
    assert!(effects.contains(&Effect::ForgetBlind { job }));
    let late = OprfInput::Blinded { ticket: job, blinded: Err(OprfFault::Forgotten) };
    let before = rig.device.late_results();
    rig.feed(Input::Oprf(late));
    assert_eq!(rig.device.late_results(), before + 1);
    let mut keys = RigKeys::with_keys(&[1]);
    rig.connect_with(&mut keys);
    assert_eq!(keys.held[&1].tokens.len(), 1);
}

#[test]
fn a_shell_or_a_server_that_does_not_answer_is_asked_again_later() {
    let mut rig = Rig::registered(&[2]);
    rig.connect();
    let effects = rig.frame(ServerFrame::MarkKeys(RigKeys::with_keys(&[1]).list()));
    let (job, _) = blinds(&effects)[0];
    assert!(blinds(&rig.pass_online(9_999)).is_empty());
    let effects = rig.pass_online(61_000);
    assert!(effects.contains(&Effect::ForgetBlind { job }));
    assert!(!blinds(&effects).is_empty());
}

#[test]
fn a_key_holder_that_is_away_is_asked_again_and_ever_later() {
    let (mut rig, mut keys) = (Rig::registered(&[2]), RigKeys::with_keys(&[1]));
    keys.budget = Some((0, 0));
    rig.connect_with(&mut keys);
    rig.pass_with(&mut keys, 300_000);
    assert_eq!(keys.blinded.len(), 5, "after 0, 10, 30, 70 and 150 s");
}

#[test]
fn a_page_that_cannot_be_kept_is_asked_again() {
    let (mut rig, mut keys) = (Rig::registered(&[2]), RigKeys::with_keys(&[1]));
    rig.connect();
    rig.store_says = Some(Err(crate::input::StoreFailure::Full));
    rig.list(&mut keys);
    assert_eq!((held(&rig), keys.pages.len()), (0, 0));
    rig.store_says = Some(Ok(()));
    rig.pass_with(&mut keys, 60_000);
    assert_eq!(held(&rig), 2);
}
