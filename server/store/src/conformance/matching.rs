//! Books, marks and the gate.

use super::bench::{
    Bench, KEY, START, allow, days, friends, later, marks, number, own_under, pair_under, register, sealing, set_keys,
    swap, sync, tell, text, tokens,
};
use std::time::Duration;
use tandem_logic::matching::{MatchOp, SyncTokens};
use tandem_logic::store_answer::{Admission, Spent, StoreAnswer, TokensOutcome};
use tandem_logic::store_op::{BudgetKind, Owner, StoreOp};
use tandem_model::{Mark, MarkGeneration, MarkState, Msisdn, NumberEpoch, TerminalState};

const ALL: MarkGeneration = MarkGeneration(0);

fn marked(marks: &[Mark]) -> Vec<Msisdn> {
    marks.iter().filter(|mark| matches!(mark.state, MarkState::Marked { .. })).map(|mark| mark.number).collect()
}

/// N10.
pub fn a_mark_shows_only_if_each_holds_the_other(bench: &mut dyn Bench) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    assert!(sync(bench, tokens(a, &[2], &[])).is_empty(), "one side alone changes nobody's view");
    assert_eq!(marks(bench, a, ALL), (ALL, vec![]));
    assert_eq!(sync(bench, tokens(b, &[1], &[])), vec![a.number, b.number]);
    let (_, seen) = marks(bench, a, ALL);
    assert_eq!(marked(&seen), vec![b.number]);
    let MarkState::Marked { epoch, device_key, sealing_key, lease_until } = &seen[0].state else { unreachable!() };
    assert_eq!((*epoch, *device_key), (b.epoch, super::bench::key(2)));
    assert_eq!((*sealing_key, *lease_until), (sealing(1), later(days(1))));
    assert_eq!(marked(&marks(bench, b, ALL).1), vec![a.number]);
}

/// P7: no answer changes because a number one holds registered.
pub fn a_stranger_who_registers_changes_nothing_that_can_be_seen(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    sync(bench, tokens(a, &[3], &[]));
    let before = marks(bench, a, ALL);
    let c = register(bench, START, 3, 3);
    assert_eq!(marks(bench, a, ALL), before);
    assert_eq!(marks(bench, a, before.0), (before.0, vec![]));
    bench.ask(START, StoreOp::EndRegistration { owner: c });
    assert_eq!(marks(bench, a, before.0), (before.0, vec![]), "nor because it ended");
    assert_eq!(marked(&before.1), vec![b.number]);
}

/// The other side learns it as well.
pub fn removing_a_contact_takes_both_marks_away(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let (known, _) = marks(bench, b, ALL);
    assert_eq!(sync(bench, tokens(a, &[], &[2])), vec![a.number, b.number]);
    let (newer, gone) = marks(bench, b, known);
    assert!(newer > known);
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].number, &gone[0].state), (a.number, &MarkState::Unmarked));
    assert_eq!(marks(bench, b, ALL).1, vec![], "whoever knows nothing is told nothing");
    assert!(sync(bench, tokens(a, &[], &[2])).is_empty(), "removing twice changes nothing");
}

/// Deltas.
pub fn only_what_changed_after_a_generation_is_told(bench: &mut dyn Bench) {
    let (a, _) = friends(bench);
    let (known, _) = marks(bench, a, ALL);
    assert_eq!(marks(bench, a, known), (known, vec![]));
    let c = register(bench, START, 3, 3);
    sync(bench, tokens(c, &[1], &[]));
    sync(bench, tokens(a, &[3], &[]));
    let (newer, seen) = marks(bench, a, known);
    assert_eq!(marked(&seen), vec![c.number]);
    assert!(newer > known && seen[0].generation <= newer);
    bench.power_cut();
    assert_eq!(marks(bench, a, newer), (newer, vec![]), "a restart tells nothing twice");
    assert_eq!(marked(&marks(bench, a, ALL).1).len(), 2);
}

/// P11.
pub fn a_new_owner_sees_nothing_of_the_old_one_and_is_not_seen(bench: &mut dyn Bench) {
    let (a, _) = friends(bench);
    let (known, _) = marks(bench, a, ALL);
    let new = register(bench, later(Duration::from_secs(60)), 2, 9);
    assert_eq!(marks(bench, new, ALL).1, vec![]);
    let (_, gone) = marks(bench, a, known);
    assert_eq!(gone.iter().map(|mark| &mark.state).collect::<Vec<_>>(), vec![&MarkState::Unmarked]);
    sync(bench, tokens(new, &[1], &[]));
    let (_, seen) = marks(bench, a, known);
    assert!(matches!(seen[0].state, MarkState::Marked { epoch: NumberEpoch(2), .. }), "until it holds the number too");
}

/// Leases and keys travel with the marks, and are not pushed for their own sake.
pub fn a_renewed_lease_and_a_new_key_are_told_with_the_next_asking(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let (known, _) = marks(bench, a, ALL);
    bench.ask(START, StoreOp::RenewLeases { leases: vec![(b, later(days(2)))] });
    let (renewed, seen) = marks(bench, a, known);
    assert!(matches!(seen[0].state, MarkState::Marked { lease_until, .. } if lease_until == later(days(2))));
    bench.ask(START, StoreOp::PublishSealingKey { owner: b, key: sealing(5) });
    let (_, seen) = marks(bench, a, renewed);
    assert!(matches!(&seen[0].state, MarkState::Marked { sealing_key, .. } if *sealing_key == sealing(5)));
}

/// What is not named is no contact any more.
pub fn a_full_sync_forgets_what_it_does_not_name(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let viewers = sync(bench, SyncTokens { replace: true, last: true, ..tokens(a, &[3], &[]) });
    assert_eq!(viewers, vec![a.number, b.number]);
    assert_eq!(marks(bench, a, ALL).1, vec![]);
}

/// Nobody's view flickers while a long phone book is sent.
pub fn a_full_sync_of_several_pages_forgets_nothing_on_the_way(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let first = SyncTokens { replace: true, ..tokens(a, &[3], &[]) };
    assert!(sync(bench, first).is_empty());
    assert_eq!(marked(&marks(bench, a, ALL).1), vec![b.number]);
    let last = SyncTokens { last: true, ..tokens(a, &[2], &[]) };
    assert!(sync(bench, last).is_empty(), "it was named again in time");
    assert_eq!(marked(&marks(bench, b, ALL).1), vec![a.number]);
    sync(bench, tokens(b, &[], &[9]));
    assert_eq!(marked(&marks(bench, a, ALL).1), vec![b.number]);
}

/// The limit, one below and one above.
pub fn more_contacts_than_allowed_are_refused_and_change_nothing(bench: &mut dyn Bench) {
    let a = register(bench, START, 1, 1);
    set_keys(bench, &[KEY.0]);
    let ask = |bench: &mut dyn Bench, op: SyncTokens| tell(bench, SyncTokens { contacts_max: 3, ..op });
    let synced = TokensOutcome::Synced { viewers: vec![], pending: false };
    assert_eq!(ask(bench, tokens(a, &[2, 3, 4], &[])), synced);
    assert_eq!(ask(bench, tokens(a, &[5], &[])), TokensOutcome::TooMany);
    assert_eq!(ask(bench, tokens(a, &[2, 3], &[])), synced, "these are there already");
    let own = [2, 3, 4].map(|n| own_under(KEY, n)).to_vec();
    assert_eq!(ask(bench, SyncTokens { added: own, ..tokens(a, &[], &[]) }), synced, "a contact has one of each kind");
    let one_more = SyncTokens { added: vec![own_under(KEY, 5)], ..tokens(a, &[], &[]) };
    assert_eq!(ask(bench, one_more), TokensOutcome::TooMany);
    assert_eq!(
        ask(bench, SyncTokens { replace: true, ..tokens(a, &[6, 7, 8], &[]) }),
        synced,
        "in the place of the old"
    );
    let blocked = (10..20).map(|n| pair_under(KEY, 1, n)).collect();
    assert_eq!(tell(bench, SyncTokens { blocked, ..tokens(a, &[], &[]) }), synced);
    let one_more = SyncTokens { blocked: vec![pair_under(KEY, 1, 20)], ..tokens(a, &[], &[]) };
    assert_eq!(tell(bench, one_more), TokensOutcome::TooMany);
}

/// P7: trying numbers costs budget, having them does not.
pub fn new_numbers_are_budgeted_and_known_ones_are_free(bench: &mut dyn Bench) {
    let a = register(bench, START, 1, 1);
    set_keys(bench, &[KEY.0]);
    let ask = |bench: &mut dyn Bench, added: Vec<tandem_model::MarkToken>| {
        let new_tokens = allow(BudgetKind::NewContacts, 1, 3);
        tell(bench, SyncTokens { new_tokens, added, ..tokens(a, &[], &[]) })
    };
    let pairs = |people: &[u64]| people.iter().map(|n| pair_under(KEY, 1, *n)).collect::<Vec<_>>();
    let synced = TokensOutcome::Synced { viewers: vec![], pending: false };
    let both = pairs(&[2, 3, 3, 2]).into_iter().chain([2, 3].map(|n| own_under(KEY, n))).collect();
    assert_eq!(ask(bench, both), synced, "a contact is one, whatever is told of it");
    let spent = Spent { kind: BudgetKind::NewContacts, retry_after: Duration::from_secs(1_200) };
    assert_eq!(ask(bench, pairs(&[4, 5])), TokensOutcome::Spent(spent));
    assert_eq!(ask(bench, pairs(&[2, 3])), synced);
    assert_eq!(ask(bench, pairs(&[4])), synced);
}

/// T9: one budget for both answers.
pub fn the_gate_admits_whom_the_mark_shows_to_and_counts_strangers_alike(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    register(bench, START, 3, 3);
    let ask = |bench: &mut dyn Bench, callee: u64| {
        let charges = vec![allow(BudgetKind::GatePair, callee, 2)];
        match bench.ask(START, StoreOp::Match(MatchOp::AdmitGate { caller: a, callee: number(callee), charges })) {
            StoreAnswer::Admission(admission) => admission,
            other => panic!("no admission: {other:?}"),
        }
    };
    assert_eq!(ask(bench, 2), Admission::Permitted { epoch: b.epoch });
    let spent = Admission::Spent(Spent { kind: BudgetKind::GatePair, retry_after: Duration::from_secs(1_800) });
    for callee in [3, 4] {
        assert_eq!(ask(bench, callee), Admission::Stranger, "registered or not");
        assert_eq!(ask(bench, callee), Admission::Stranger);
        assert_eq!(ask(bench, callee), spent);
    }
    assert_eq!(ask(bench, 2), Admission::Permitted { epoch: b.epoch });
    assert_eq!(ask(bench, 2), spent);
}

/// Every question of a session carries its epoch.
pub fn a_session_of_an_old_owner_is_fenced_everywhere(bench: &mut dyn Bench) {
    let (_, b) = friends(bench);
    register(bench, START, 1, 9);
    let old = Owner { number: number(1), epoch: NumberEpoch(1) };
    let asked = [
        StoreOp::Match(MatchOp::SyncTokens(tokens(old, &[2], &[]))),
        StoreOp::Match(MatchOp::Told { owner: old }),
        StoreOp::Match(MatchOp::SetOpen { owner: old, open: true }),
        StoreOp::Match(MatchOp::MarksSince { viewer: old, since: ALL }),
        StoreOp::Match(MatchOp::AdmitGate { caller: old, callee: b.number, charges: vec![] }),
        StoreOp::PublishSealingKey { owner: old, key: sealing(7) },
        StoreOp::EndRegistration { owner: old },
        StoreOp::StoreText(text(old, b, 1)),
        swap(old, b, 1, TerminalState::Cancelled),
        StoreOp::TextsWaiting { owner: old, after: 0, limit: 9, bytes: 9 },
    ];
    for op in asked {
        assert_eq!(bench.ask(START, op.clone()), StoreAnswer::Fenced, "{op:?}");
    }
}
