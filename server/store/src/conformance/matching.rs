//! Contacts, marks and the gate.

use super::bench::{
    Bench, START, allow, contacts, days, friends, later, marks, number, register, sealing, swap, sync, text,
};
use std::time::Duration;
use tandem_logic::config::MarkPolicy;
use tandem_logic::matching::{MatchOp, SyncContacts};
use tandem_logic::store_answer::{Admission, ContactsOutcome, Spent, StoreAnswer};
use tandem_logic::store_op::{BudgetKind, Owner, StoreOp};
use tandem_model::{Mark, MarkGeneration, MarkState, Msisdn, NumberEpoch, TerminalState};

const ALL: MarkGeneration = MarkGeneration(0);

fn marked(marks: &[Mark]) -> Vec<Msisdn> {
    marks.iter().filter(|mark| matches!(mark.state, MarkState::Marked { .. })).map(|mark| mark.number).collect()
}

/// N10.
pub fn a_mark_shows_only_if_each_holds_the_other(bench: &mut dyn Bench) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    assert!(sync(bench, contacts(a, &[2], &[])).is_empty(), "one side alone changes nobody's view");
    assert_eq!(marks(bench, a, ALL), (ALL, vec![]));
    assert_eq!(sync(bench, contacts(b, &[1], &[])), vec![a.number, b.number]);
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
    sync(bench, contacts(a, &[3], &[]));
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
    assert_eq!(sync(bench, contacts(a, &[], &[2])), vec![a.number, b.number]);
    let (newer, gone) = marks(bench, b, known);
    assert!(newer > known);
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].number, &gone[0].state), (a.number, &MarkState::Unmarked));
    assert_eq!(marks(bench, b, ALL).1, vec![], "whoever knows nothing is told nothing");
    assert!(sync(bench, contacts(a, &[], &[2])).is_empty(), "removing twice changes nothing");
}

/// Deltas.
pub fn only_what_changed_after_a_generation_is_told(bench: &mut dyn Bench) {
    let (a, _) = friends(bench);
    let (known, _) = marks(bench, a, ALL);
    assert_eq!(marks(bench, a, known), (known, vec![]));
    let c = register(bench, START, 3, 3);
    sync(bench, contacts(c, &[1], &[]));
    sync(bench, contacts(a, &[3], &[]));
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
    sync(bench, contacts(new, &[1], &[]));
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
    let viewers = sync(bench, SyncContacts { replace: true, ..contacts(a, &[3], &[]) });
    assert_eq!(viewers, vec![a.number, b.number]);
    assert_eq!(marks(bench, a, ALL).1, vec![]);
}

/// Nobody's view flickers while a long phone book is sent.
pub fn a_full_sync_of_several_pages_forgets_nothing_on_the_way(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let first = SyncContacts { replace: true, complete: false, ..contacts(a, &[3], &[]) };
    assert!(sync(bench, first).is_empty());
    assert_eq!(marked(&marks(bench, a, ALL).1), vec![b.number]);
    assert!(sync(bench, contacts(a, &[2], &[])).is_empty(), "it was named again in time");
    assert_eq!(marked(&marks(bench, b, ALL).1), vec![a.number]);
    sync(bench, contacts(b, &[], &[9]));
    assert_eq!(marked(&marks(bench, a, ALL).1), vec![b.number]);
}

/// The limit, one below and one above.
pub fn more_contacts_than_allowed_are_refused_and_change_nothing(bench: &mut dyn Bench) {
    let a = register(bench, START, 1, 1);
    let ask = |bench: &mut dyn Bench, op: SyncContacts| {
        let op = SyncContacts { contacts_max: 3, ..op };
        bench.ask(START, StoreOp::Match(MatchOp::SyncContacts(op)))
    };
    assert!(matches!(ask(bench, contacts(a, &[2, 3, 4], &[])), StoreAnswer::Contacts(ContactsOutcome::Synced { .. })));
    let one_more = ask(bench, contacts(a, &[5], &[]));
    assert_eq!(one_more, StoreAnswer::Contacts(ContactsOutcome::TooMany));
    let known = ask(bench, contacts(a, &[2, 3], &[]));
    assert!(matches!(known, StoreAnswer::Contacts(ContactsOutcome::Synced { .. })), "these are there already");
    let replaced = ask(bench, SyncContacts { replace: true, ..contacts(a, &[6, 7, 8], &[]) });
    assert!(matches!(replaced, StoreAnswer::Contacts(ContactsOutcome::Synced { .. })), "{replaced:?}");
}

/// P7: trying numbers costs budget, having them does not.
pub fn new_numbers_are_budgeted_and_known_ones_are_free(bench: &mut dyn Bench) {
    let a = register(bench, START, 1, 1);
    let ask = |bench: &mut dyn Bench, added: &[u64]| {
        let new_numbers = allow(BudgetKind::NewContacts, 1, 3);
        bench.ask(START, StoreOp::Match(MatchOp::SyncContacts(SyncContacts { new_numbers, ..contacts(a, added, &[]) })))
    };
    let synced = StoreAnswer::Contacts(ContactsOutcome::Synced { viewers: vec![] });
    assert_eq!(ask(bench, &[2, 3, 3, 2]), synced);
    let spent = Spent { kind: BudgetKind::NewContacts, retry_after: Duration::from_secs(1_200) };
    assert_eq!(ask(bench, &[4, 5]), StoreAnswer::Contacts(ContactsOutcome::Spent(spent)));
    assert_eq!(ask(bench, &[2, 3]), synced);
    assert_eq!(ask(bench, &[4]), synced);
}

/// S1 as it stands.
pub fn with_the_registered_policy_holding_the_number_is_enough(bench: &mut dyn Bench) {
    bench.ask(START, StoreOp::Begin { policy: MarkPolicy::Registered });
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    assert_eq!(sync(bench, contacts(a, &[2], &[])), vec![a.number]);
    assert_eq!(marked(&marks(bench, a, ALL).1), vec![b.number]);
    assert_eq!(marks(bench, b, ALL).1, vec![], "who holds nobody sees nobody");
    let (known, _) = marks(bench, a, ALL);
    register(bench, later(Duration::from_secs(60)), 2, 9);
    let (_, seen) = marks(bench, a, known);
    assert!(matches!(seen[0].state, MarkState::Marked { epoch: NumberEpoch(2), .. }), "a new owner is seen as new");
}

/// The operator changes the setting and starts again.
pub fn the_policy_can_change_between_two_starts(bench: &mut dyn Bench) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    sync(bench, contacts(a, &[2], &[]));
    bench.ask(START, StoreOp::Begin { policy: MarkPolicy::Registered });
    bench.power_cut();
    let (known, seen) = marks(bench, a, ALL);
    assert_eq!(marked(&seen), vec![b.number]);
    bench.ask(START, StoreOp::Begin { policy: MarkPolicy::Reciprocal });
    assert_eq!(marks(bench, a, known).1[0].state, MarkState::Unmarked);
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
        StoreOp::Match(MatchOp::SyncContacts(contacts(old, &[2], &[]))),
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
