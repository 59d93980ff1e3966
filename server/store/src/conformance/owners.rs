//! Attempts, owners, keys and leases.

use super::bench::{
    Bench, START, allow, before, confirm, days, friends, key, later, marks, number, register, register_outcome,
    sealing, start, text,
};
use crate::serve;
use std::time::Duration;
use tandem_logic::store_answer::{ConfirmOutcome, SessionKey, Spent, StartOutcome, StoreAnswer};
use tandem_logic::store_op::{BudgetKind, Owner, StartRegistration, StoreOp, TakeBackSms};
use tandem_model::{MarkGeneration, MarkState, Msisdn, NumberEpoch, RegistrationId};

const MINUTE: Duration = Duration::from_secs(60);

fn open(id: u8) -> StoreAnswer {
    StoreAnswer::Started(StartOutcome::Open {
        id: RegistrationId([id; 16]),
        expires_at: later(Duration::from_secs(600)),
    })
}

fn find(id: u8) -> StoreOp {
    StoreOp::FindAttempt { id: RegistrationId([id; 16]) }
}

/// One millisecond decides.
pub fn an_attempt_is_open_until_it_expires(bench: &mut dyn Bench) {
    assert_eq!(bench.ask(START, StoreOp::StartRegistration(start(7, 1, 1))), open(7));
    let almost = later(Duration::from_millis(599_999));
    let StoreAnswer::Attempt(Some(attempt)) = bench.ask(almost, find(7)) else { panic!("it is open") };
    assert_eq!((attempt.number, attempt.device_key, attempt.tries_left), (number(1), key(1), 5));
    assert_eq!((attempt.token_digest, attempt.code_digest), ([7; 32], [0xF8; 32]));
    assert_eq!(bench.ask(later(10 * MINUTE), find(7)), StoreAnswer::Attempt(None));
    assert_eq!(bench.ask(later(10 * MINUTE), confirm(7, true)), StoreAnswer::Confirmed(ConfirmOutcome::Gone));
    assert_eq!(bench.ask(START, find(8)), StoreAnswer::Attempt(None), "and one never made is not there");
}

/// A second SMS says the same, and gives no new tries.
pub fn asking_again_keeps_the_attempt_and_its_tries(bench: &mut dyn Bench) {
    bench.ask(START, StoreOp::StartRegistration(start(7, 1, 1)));
    bench.ask(START, confirm(7, false));
    let again = StartRegistration { expires_at: later(20 * MINUTE), ..start(8, 1, 1) };
    assert_eq!(bench.ask(later(MINUTE), StoreOp::StartRegistration(again)), open(7));
    let StoreAnswer::Attempt(Some(attempt)) = bench.ask(later(MINUTE), find(7)) else { panic!("it is open") };
    assert_eq!(attempt.tries_left, 4);
    let other_key = bench.ask(later(MINUTE), StoreOp::StartRegistration(start(9, 1, 2)));
    assert_eq!(other_key, open(9), "another key's attempt is its own");
}

/// Thirty seconds, to the millisecond.
pub fn another_sms_waits_its_time(bench: &mut dyn Bench) {
    bench.ask(START, StoreOp::StartRegistration(start(7, 1, 1)));
    let too_soon = bench.ask(later(Duration::from_millis(29_999)), StoreOp::StartRegistration(start(8, 1, 1)));
    let retry_after = Duration::from_millis(1);
    assert_eq!(too_soon, StoreAnswer::Started(StartOutcome::TooSoon { retry_after }));
    assert_eq!(bench.ask(later(Duration::from_secs(30)), StoreOp::StartRegistration(start(8, 1, 1))), open(7));
}

/// The second of two budgets is spent: the first is not counted either.
pub fn budgets_count_all_or_none_and_name_the_spent_one(bench: &mut dyn Bench) {
    let asked = |id, seed, prefix| {
        let charges = vec![allow(BudgetKind::SmsNumber, 1, 2), allow(BudgetKind::SmsPrefix, prefix, 1)];
        StoreOp::StartRegistration(StartRegistration { charges, ..start(id, 1, seed) })
    };
    assert_eq!(bench.ask(START, asked(1, 1, 9)), open(1));
    for _ in 0..3 {
        let spent = Spent { kind: BudgetKind::SmsPrefix, retry_after: Duration::from_secs(3_600) };
        assert_eq!(bench.ask(START, asked(2, 2, 9)), StoreAnswer::Started(StartOutcome::Spent(spent)));
    }
    bench.power_cut();
    assert_eq!(bench.ask(START, asked(2, 2, 8)), open(2), "the number's second is still there");
    let spent = Spent { kind: BudgetKind::SmsNumber, retry_after: Duration::from_secs(1_800) };
    assert_eq!(bench.ask(START, asked(3, 3, 7)), StoreAnswer::Started(StartOutcome::Spent(spent)));
}

/// A server that was killed in between gives nothing back; one that asks twice gives it back once.
pub fn what_an_sms_cost_is_given_back_once_and_only_for_that_sms(bench: &mut dyn Bench) {
    let charges = || vec![allow(BudgetKind::SmsNumber, 1, 2)];
    let asked = |id, seed| StoreOp::StartRegistration(StartRegistration { charges: charges(), ..start(id, 1, seed) });
    let take_back = |id, ordered_at| {
        StoreOp::TakeBackSms(TakeBackSms { id: RegistrationId([id; 16]), ordered_at, charges: charges() })
    };
    assert_eq!(bench.ask(START, take_back(1, START)), StoreAnswer::Done, "never charged, nothing given");
    assert_eq!(bench.ask(START, asked(1, 1)), open(1));
    assert_eq!(bench.ask(later(MINUTE), asked(2, 2)), open(2));
    assert_eq!(bench.ask(later(MINUTE), take_back(1, later(MINUTE))), StoreAnswer::Done, "not that attempt's SMS");
    let spent = |answer| matches!(answer, StoreAnswer::Started(StartOutcome::Spent(_)));
    assert!(spent(bench.ask(later(MINUTE), asked(3, 3))));
    for _ in 0..2 {
        assert_eq!(bench.ask(later(MINUTE), take_back(2, later(MINUTE))), StoreAnswer::Done);
        bench.power_cut();
    }
    assert_eq!(bench.ask(later(MINUTE), asked(4, 2)), open(2), "at once, and for the same attempt");
    assert!(spent(bench.ask(later(MINUTE), asked(5, 5))), "given back once");
}

/// P12: a crash gives no tries back.
pub fn tries_are_counted_and_survive_a_power_cut(bench: &mut dyn Bench) {
    bench.ask(START, StoreOp::StartRegistration(start(7, 1, 1)));
    for tries_left in (1..5).rev() {
        assert_eq!(bench.ask(START, confirm(7, false)), StoreAnswer::Confirmed(ConfirmOutcome::Wrong { tries_left }));
        bench.power_cut();
    }
    assert_eq!(bench.ask(START, confirm(7, false)), StoreAnswer::Confirmed(ConfirmOutcome::UsedUp));
}

/// Guesses sent all at once are counted one by one.
pub fn a_proof_after_the_tries_are_used_up_does_not_count(bench: &mut dyn Bench) {
    bench.ask(START, StoreOp::StartRegistration(start(7, 1, 1)));
    for _ in 0..5 {
        bench.ask(START, confirm(7, false));
    }
    assert_eq!(bench.ask(START, confirm(7, true)), StoreAnswer::Confirmed(ConfirmOutcome::UsedUp));
    let owner = Owner { number: number(1), epoch: NumberEpoch(1) };
    assert_eq!(bench.ask(START, StoreOp::FindSessionKey { owner }), StoreAnswer::SessionKey(SessionKey::Unknown));
}

/// Single use; asking again because the reply was lost changes nothing and gets the same answer while it is true.
pub fn an_attempt_is_used_once_and_confirms_the_same_again(bench: &mut dyn Bench) {
    bench.ask(START, StoreOp::StartRegistration(start(7, 1, 1)));
    let registered = |bench: &mut dyn Bench| match bench.ask(START, confirm(7, true)) {
        StoreAnswer::Confirmed(ConfirmOutcome::Registered { owner, new_epoch, .. }) => Some((owner.epoch.0, new_epoch)),
        StoreAnswer::Confirmed(ConfirmOutcome::Gone) => None,
        other => panic!("neither: {other:?}"),
    };
    assert_eq!(registered(bench), Some((1, true)));
    bench.power_cut();
    assert_eq!(registered(bench), Some((1, false)));
    assert_eq!(bench.ask(START, confirm(7, false)), StoreAnswer::Confirmed(ConfirmOutcome::Gone));
    let again = bench.ask(later(MINUTE), StoreOp::StartRegistration(start(8, 1, 1)));
    assert!(matches!(again, StoreAnswer::Started(StartOutcome::Open { id: RegistrationId([8, ..]), .. })));
    assert_eq!(registered(bench), None, "a newer attempt takes its place");
    register(bench, later(MINUTE), 2, 1);
    register(bench, later(MINUTE), 2, 9);
    let old = bench.ask(later(MINUTE), confirm(2 ^ 1_u8.rotate_left(3), true));
    assert_eq!(old, StoreAnswer::Confirmed(ConfirmOutcome::Gone), "nor does it take a number back");
}

/// Proving the number again is no change of owner.
pub fn the_same_key_keeps_its_epoch(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    super::bench::send(bench, text(a, b, 1));
    let (again, new_epoch, _, senders) = register_outcome(bench, later(MINUTE), 2, 2);
    assert_eq!((again, new_epoch), (b, false));
    assert!(senders.is_empty(), "nothing ended");
    assert_eq!(super::bench::waiting(bench, b).len(), 1);
}

/// P11: it inherits nothing, and the old phone can be told.
pub fn another_key_begins_the_next_epoch_and_the_old_one_is_known_as_replaced(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let (new, new_epoch, viewers, _) = register_outcome(bench, later(MINUTE), 2, 9);
    assert_eq!((new.epoch, new_epoch), (NumberEpoch(2), true));
    assert_eq!(viewers, vec![a.number], "who saw the old owner is told");
    bench.power_cut();
    let session = |bench: &mut dyn Bench, owner| bench.ask(START, StoreOp::FindSessionKey { owner });
    let lease_until = later(MINUTE).after(days(1));
    let present = SessionKey::Present { device_key: key(9), lease_until };
    assert_eq!(session(bench, new), StoreAnswer::SessionKey(present));
    let replaced = SessionKey::Replaced { device_key: key(2) };
    assert_eq!(session(bench, b), StoreAnswer::SessionKey(replaced));
}

/// Whoever ended by its own wish was not replaced.
pub fn an_ended_owner_is_unknown_and_its_epoch_is_never_given_again(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let StoreAnswer::OwnerEnded(aftermath) = bench.ask(START, StoreOp::EndRegistration { owner: b }) else {
        panic!("it was the present owner")
    };
    assert_eq!(aftermath.viewers, vec![a.number]);
    bench.power_cut();
    let unknown = StoreAnswer::SessionKey(SessionKey::Unknown);
    assert_eq!(bench.ask(START, StoreOp::FindSessionKey { owner: b }), unknown);
    assert_eq!(register(bench, later(MINUTE), 2, 2).epoch, NumberEpoch(2), "even for the same key");
    assert_eq!(bench.ask(START, StoreOp::FindSessionKey { owner: b }), unknown);
}

/// A phone that never heard what became of its proof gives up whatever came of it.
pub fn a_withdrawn_key_owns_nothing_and_what_is_still_on_its_way_finds_no_attempt(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let withdraw = |number: Msisdn, by: u8| StoreOp::WithdrawRegistration { number, device_key: key(by) };
    let other_key = bench.ask(START, withdraw(b.number, 9));
    assert_eq!(other_key, StoreAnswer::Withdrawn(None), "only its own");
    let StoreAnswer::Withdrawn(Some((owner, aftermath))) = bench.ask(START, withdraw(b.number, 2)) else {
        panic!("it was the present owner")
    };
    assert_eq!((owner, aftermath.viewers), (b, vec![a.number]));
    bench.power_cut();
    assert_eq!(
        bench.ask(START, StoreOp::FindSessionKey { owner: b }),
        StoreAnswer::SessionKey(SessionKey::Unknown),
        "it is over, and not replaced"
    );
    assert_eq!(bench.ask(START, withdraw(b.number, 2)), StoreAnswer::Withdrawn(None), "again changes nothing");
    // Before its proof came: the proof finds nothing any more.
    bench.ask(later(MINUTE), StoreOp::StartRegistration(start(7, 3, 3)));
    let number = start(7, 3, 3).number;
    assert_eq!(bench.ask(later(MINUTE), withdraw(number, 3)), StoreAnswer::Withdrawn(None));
    bench.power_cut();
    assert_eq!(bench.ask(later(MINUTE), confirm(7, true)), StoreAnswer::Confirmed(ConfirmOutcome::Gone));
}

/// A late unregistering does not end somebody else's registration.
pub fn ending_with_an_old_epoch_is_fenced(bench: &mut dyn Bench) {
    register(bench, START, 2, 2);
    let new = register(bench, later(MINUTE), 2, 9);
    assert_eq!(bench.ask(START, StoreOp::EndRegistration { owner: before(new) }), StoreAnswer::Fenced);
    let answer = bench.ask(START, StoreOp::FindSessionKey { owner: new });
    assert!(matches!(answer, StoreAnswer::SessionKey(SessionKey::Present { .. })));
}

/// A batch of leases, one of them too old and one of a former owner.
pub fn leases_only_move_forward_and_only_for_the_present_owner(bench: &mut dyn Bench) {
    let a = register(bench, START, 1, 1);
    register(bench, START, 2, 2);
    let b = register(bench, START, 2, 9);
    let leases = vec![(a, later(days(3))), (a, later(days(2))), (before(b), later(days(9)))];
    assert_eq!(bench.ask(START, StoreOp::RenewLeases { leases }), StoreAnswer::Viewers(vec![]));
    let lease = |bench: &mut dyn Bench, owner| match bench.ask(START, StoreOp::FindSessionKey { owner }) {
        StoreAnswer::SessionKey(SessionKey::Present { lease_until, .. }) => lease_until,
        other => panic!("not there: {other:?}"),
    };
    assert_eq!(lease(bench, a), later(days(3)));
    assert_eq!(lease(bench, b), later(days(1)));
}

/// A key that comes late does not replace a newer one.
pub fn an_older_sealing_key_changes_nothing(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let viewers = bench.ask(START, StoreOp::PublishSealingKey { owner: b, key: sealing(3) });
    assert_eq!(viewers, StoreAnswer::Viewers(vec![a.number]));
    let none = bench.ask(START, StoreOp::PublishSealingKey { owner: b, key: sealing(2) });
    assert_eq!(none, StoreAnswer::Viewers(vec![]));
    let (_, seen) = marks(bench, a, MarkGeneration(0));
    assert!(matches!(&seen[0].state, MarkState::Marked { sealing_key, .. } if *sealing_key == sealing(3)));
}

/// Doing is not keeping.
pub fn what_was_not_committed_is_gone_after_a_power_cut(bench: &mut dyn Bench) {
    bench.store().begin_group().unwrap();
    bench.store().begin_one().unwrap();
    let answer = serve(bench.store(), START, StoreOp::StartRegistration(start(7, 1, 1)));
    assert_eq!(answer, open(7));
    bench.power_cut();
    assert_eq!(bench.ask(START, find(7)), StoreAnswer::Attempt(None));
}
