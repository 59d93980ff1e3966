//! Who lets whom learn where it is.

use super::bench::{Bench, START, allow, friends, number, register};
use tandem_logic::lookup_op::{LookupOp, LookupOutcome};
use tandem_logic::store_answer::{Spent, StoreAnswer};
use tandem_logic::store_op::{BudgetKind, Owner, StoreOp};
use tandem_model::Msisdn;

fn put(bench: &mut dyn Bench, owner: Owner, to: Msisdn, allow: bool) -> StoreAnswer {
    bench.ask(START, StoreOp::Lookup(LookupOp::PutConsent { owner, number: to, allow, most: 2 }))
}

fn admit(bench: &mut dyn Bench, asker: Owner, of: Msisdn, by_consent: bool) -> StoreAnswer {
    bench.ask(START, StoreOp::Lookup(LookupOp::Admit { asker, of, by_consent, charges: Vec::new() }))
}

const STRANGER: StoreAnswer = StoreAnswer::Lookup(LookupOutcome::Stranger);
const KEPT: StoreAnswer = StoreAnswer::Lookup(LookupOutcome::Kept);

fn permitted(of: Owner) -> StoreAnswer {
    StoreAnswer::Lookup(LookupOutcome::Permitted { epoch: of.epoch })
}

/// A mark alone tells nobody where anybody is.
pub fn whom_an_owner_lets_learns_where_it_is_and_nobody_else(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let c = register(bench, START, 3, 3);
    assert_eq!(admit(bench, a, b.number, true), STRANGER, "off until it is said");
    assert_eq!(put(bench, b, a.number, true), KEPT);
    assert_eq!(admit(bench, a, b.number, true), permitted(b));
    assert_eq!(admit(bench, c, b.number, true), STRANGER);
    assert_eq!(admit(bench, b, a.number, true), STRANGER, "not the other way round");
    assert_eq!(put(bench, b, a.number, true), KEPT, "twice is once");
    assert_eq!(put(bench, b, a.number, false), KEPT);
    assert_eq!(admit(bench, a, b.number, true), STRANGER, "taken back");
}

/// Another policy asks for no consent.
pub fn without_consents_any_owner_will_do_and_nobody_else(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    assert_eq!(admit(bench, a, b.number, false), permitted(b));
    assert_eq!(admit(bench, a, number(9), false), STRANGER);
}

/// P11.
pub fn a_consent_ends_with_the_epoch_of_either_side(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    put(bench, b, a.number, true);
    let newer_a = register(bench, START, 1, 11);
    assert_eq!(admit(bench, newer_a, b.number, true), STRANGER, "the asker is somebody else");
    assert_eq!(admit(bench, a, b.number, true), StoreAnswer::Fenced);
    put(bench, b, newer_a.number, true);
    let newer_b = register(bench, START, 2, 12);
    assert_eq!(admit(bench, newer_a, b.number, true), STRANGER, "the owner is somebody else");
    assert_eq!(put(bench, b, newer_a.number, true), StoreAnswer::Fenced);
    assert_eq!(put(bench, newer_b, newer_a.number, true), KEPT);
    assert_eq!(admit(bench, newer_a, b.number, true), permitted(newer_b));
}

/// Whoever registers later was never let anything.
pub fn a_number_nobody_holds_is_let_nothing(bench: &mut dyn Bench) {
    let (_, b) = friends(bench);
    assert_eq!(put(bench, b, number(9), true), KEPT, "the answer tells nothing");
    let nine = register(bench, START, 9, 9);
    assert_eq!(admit(bench, nine, b.number, true), STRANGER);
}

/// Law 5.
pub fn consents_are_bounded_and_survive_a_power_cut(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    for n in 3..=5 {
        register(bench, START, n, u8::try_from(n).unwrap());
    }
    put(bench, b, a.number, true);
    assert_eq!(put(bench, b, number(3), true), KEPT);
    assert_eq!(put(bench, b, number(4), true), StoreAnswer::Lookup(LookupOutcome::TooMany));
    bench.power_cut();
    assert_eq!(admit(bench, a, b.number, true), permitted(b));
    assert_eq!(put(bench, b, number(3), false), KEPT);
    assert_eq!(put(bench, b, number(4), true), KEPT, "there is room again");
}

/// P7: strangers spend like anybody.
pub fn lookups_are_budgeted_whatever_the_answer(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let charges = vec![allow(BudgetKind::LookupAsker, 1, 2)];
    let mut ask = |of| {
        let op = LookupOp::Admit { asker: a, of, by_consent: true, charges: charges.clone() };
        bench.ask(START, StoreOp::Lookup(op))
    };
    assert_eq!(ask(b.number), STRANGER);
    assert_eq!(ask(number(9)), STRANGER);
    assert!(matches!(
        ask(b.number),
        StoreAnswer::Lookup(LookupOutcome::Spent(Spent { kind: BudgetKind::LookupAsker, .. }))
    ));
}
