//! Texts: once, in order, and ended once.

use super::bench::{
    Bench, START, allow, days, ends, friends, id, later, number, register, send, swap, sync, take, text, tokens,
    waiting,
};
use crate::{Store, serve_batch};
use std::time::Duration;
use tandem_logic::store_answer::{EndOwed, Spent, StoreAnswer, SwapOutcome, TextOutcome};
use tandem_logic::store_op::{BudgetKind, Owner, StoreOp, StoreText};
use tandem_model::{NumberEpoch, SealedBody, ServerMillis, TerminalState};

fn counters(bench: &mut dyn Bench, owner: Owner) -> Vec<u64> {
    waiting(bench, owner).iter().map(|text| text.id.counter).collect()
}

fn states(ends: &[EndOwed]) -> Vec<(u64, TerminalState)> {
    ends.iter().map(|end| (end.id.counter, end.state)).collect()
}

/// P2: any retry, before and after a crash, is the same text.
pub fn a_text_is_stored_once_whatever_is_asked(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    assert!(matches!(send(bench, text(a, b, 1)), TextOutcome::Stored { .. }));
    let known = TextOutcome::Known { stored_at: Some(START), end: None };
    assert_eq!(send(bench, text(a, b, 1)), known);
    bench.power_cut();
    let at = later(days(2));
    let StoreAnswer::Text { outcome, .. } = bench.ask(at, StoreOp::StoreText(text(a, b, 1))) else { panic!() };
    assert_eq!(outcome, known, "with the time of the first");
    let other_words = StoreText { sealed: SealedBody(vec![9; 9]), ..text(a, b, 1) };
    assert_eq!(send(bench, other_words), known);
    let found = waiting(bench, b);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].from, found[0].id, &found[0].sealed), (a, id(1), &SealedBody(vec![1; 100])));
}

/// One answer for everybody who is not to be seen.
pub fn a_text_for_a_stranger_or_another_owner_is_refused(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let c = register(bench, START, 3, 3);
    assert_eq!(send(bench, text(a, c, 1)), TextOutcome::NotAvailable);
    let nobody = Owner { number: number(4), epoch: NumberEpoch(1) };
    assert_eq!(send(bench, text(a, nobody, 2)), TextOutcome::NotAvailable);
    let next = Owner { number: b.number, epoch: NumberEpoch(2) };
    assert_eq!(send(bench, text(a, next, 3)), TextOutcome::RecipientChanged);
    assert!(waiting(bench, b).is_empty());
    assert!(matches!(send(bench, text(a, b, 3)), TextOutcome::Stored { .. }), "a refused id was never stored");
}

/// P3.
pub fn texts_wait_in_the_order_they_came(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    for counter in [1, 2, 3, 4] {
        send(bench, text(a, b, counter));
    }
    assert_eq!(counters(bench, b), vec![1, 2, 3, 4]);
    let orders: Vec<u64> = waiting(bench, b).iter().map(|text| text.order).collect();
    assert!(orders.is_sorted());
    take(bench, b, a.number, &[2]);
    bench.power_cut();
    assert_eq!(counters(bench, b), vec![1, 3, 4]);
}

/// Windows.
pub fn a_reading_stops_at_its_limit_and_at_its_bytes(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    for counter in 1..=4 {
        send(bench, text(a, b, counter));
    }
    let read = |bench: &mut dyn Bench, after, limit, bytes| match bench
        .ask(START, StoreOp::TextsWaiting { owner: b, after, limit, bytes })
    {
        StoreAnswer::Texts { texts, complete } => (texts, complete),
        other => panic!("not read: {other:?}"),
    };
    let (first, complete) = read(bench, 0, 3, 10_000);
    assert_eq!((first.len(), complete), (3, false));
    let (rest, complete) = read(bench, first[2].order, 3, 10_000);
    assert_eq!((rest.len(), complete), (1, true));
    assert!(read(bench, 0, 4, 10_000).1, "exactly as many as there are is all of them");
    assert_eq!(read(bench, 0, 9, 250).0.len(), 2, "two of 100 bytes fit in 250");
    assert_eq!(read(bench, 0, 9, 1).0.len(), 1, "but one always goes");
}

/// P3, when a middle one fails.
pub fn a_text_is_not_stored_when_the_one_before_it_was_not(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let second = StoreText { behind: Some(id(1)), ..text(a, b, 2) };
    assert_eq!(send(bench, second.clone()), TextOutcome::Behind);
    send(bench, text(a, b, 1));
    assert!(matches!(send(bench, second), TextOutcome::Stored { .. }));
    assert_eq!(counters(bench, b), vec![1, 2]);
}

/// By number and by bytes.
pub fn a_full_mailbox_refuses_and_has_room_again_once_something_is_taken(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let small = |counter| StoreText { mailbox_texts: 2, ..text(a, b, counter) };
    send(bench, small(1));
    send(bench, small(2));
    assert_eq!(send(bench, small(3)), TextOutcome::MailboxFull);
    take(bench, b, a.number, &[1]);
    assert!(matches!(send(bench, small(3)), TextOutcome::Stored { .. }));
    let bytes = |counter, mailbox_bytes| StoreText { mailbox_bytes, ..text(a, b, counter) };
    assert_eq!(send(bench, bytes(4, 299)), TextOutcome::MailboxFull);
    assert!(matches!(send(bench, bytes(4, 300)), TextOutcome::Stored { .. }));
    bench.ask(START, swap(a, b, 4, TerminalState::Cancelled));
    assert!(matches!(send(bench, bytes(5, 300)), TextOutcome::Stored { .. }), "a cancelled text takes no room");
}

/// Spent is not stored, and a retry of a stored one costs nothing.
pub fn a_senders_budget_refuses_and_stores_nothing(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let op = |counter| StoreText { charges: vec![allow(BudgetKind::Texts, 1, 1)], ..text(a, b, counter) };
    send(bench, op(1));
    let spent = Spent { kind: BudgetKind::Texts, retry_after: Duration::from_secs(3_600) };
    assert_eq!(send(bench, op(2)), TextOutcome::Spent(spent));
    assert!(matches!(send(bench, op(1)), TextOutcome::Known { .. }));
    assert_eq!(counters(bench, b), vec![1]);
}

/// The end comes once, to the owner who sent.
pub fn taking_ends_a_text_once_and_only_for_its_recipient(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let c = register(bench, START, 3, 3);
    send(bench, text(a, b, 1));
    assert!(take(bench, c, a.number, &[1]).is_empty(), "nobody else can take it");
    let old = Owner { number: b.number, epoch: NumberEpoch(9) };
    assert!(take(bench, old, a.number, &[1]).is_empty(), "nor another owner of the number");
    let ended = take(bench, b, a.number, &[1, 7]);
    assert_eq!(states(&ended), vec![(1, TerminalState::Delivered)]);
    assert_eq!((ended[0].sender, ended[0].to, ended[0].at), (a, b.number, START));
    assert!(take(bench, b, a.number, &[1]).is_empty(), "twice is once");
    assert!(waiting(bench, b).is_empty());
    let known = TextOutcome::Known { stored_at: Some(START), end: Some((TerminalState::Delivered, START)) };
    assert_eq!(send(bench, text(a, b, 1)), known, "a late retry learns the end");
}

/// The compare-and-swap.
pub fn a_swap_wins_against_waiting_and_loses_against_delivered(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    send(bench, text(a, b, 1));
    send(bench, text(a, b, 2));
    take(bench, b, a.number, &[1]);
    let ask = |bench: &mut dyn Bench, counter| bench.ask(START, swap(a, b, counter, TerminalState::HandedToSms));
    let delivered = SwapOutcome::End { end: TerminalState::Delivered, at: START };
    assert_eq!(ask(bench, 1), StoreAnswer::Swapped(delivered));
    let won = SwapOutcome::End { end: TerminalState::HandedToSms, at: START };
    assert_eq!(ask(bench, 2), StoreAnswer::Swapped(won));
    bench.power_cut();
    assert!(waiting(bench, b).is_empty());
    assert!(take(bench, b, a.number, &[2]).is_empty(), "taken after the swap is not delivered");
}

/// The SMS went out, then the text comes: it must not be delivered as well.
pub fn a_swap_of_a_text_never_seen_leaves_its_end_for_when_it_comes(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let won = SwapOutcome::End { end: TerminalState::HandedToSms, at: START };
    assert_eq!(bench.ask(START, swap(a, b, 1, TerminalState::HandedToSms)), StoreAnswer::Swapped(won));
    bench.power_cut();
    let refused = TextOutcome::Known { stored_at: None, end: Some((TerminalState::HandedToSms, START)) };
    assert_eq!(send(bench, text(a, b, 1)), refused);
    assert!(waiting(bench, b).is_empty());
    assert_eq!(states(&ends(bench, a)), vec![(1, TerminalState::HandedToSms)]);
}

/// An unknown outcome is asked again, even with another wish.
pub fn swapping_twice_gives_the_first_end(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    send(bench, text(a, b, 1));
    bench.ask(START, swap(a, b, 1, TerminalState::Cancelled));
    let first = SwapOutcome::End { end: TerminalState::Cancelled, at: START };
    let again = bench.ask(later(days(1)), swap(a, b, 1, TerminalState::HandedToSms));
    assert_eq!(again, StoreAnswer::Swapped(first));
}

/// P4.
pub fn ends_are_owed_until_taken_and_only_to_the_owner_who_sent(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    for counter in 1..=3 {
        send(bench, text(a, b, counter));
    }
    take(bench, b, a.number, &[2, 1, 3]);
    assert_eq!(states(&ends(bench, a)).iter().map(|(counter, _)| *counter).collect::<Vec<_>>(), vec![2, 1, 3]);
    let answer = bench.ask(START, StoreOp::EndsOwed { owner: a, after: 0, limit: 2 });
    let StoreAnswer::Ends { ends: page, complete: false } = answer else { panic!("{answer:?}") };
    let rest = bench.ask(START, StoreOp::EndsOwed { owner: a, after: page[1].order, limit: 2 });
    assert!(matches!(rest, StoreAnswer::Ends { ends, complete: true } if ends.len() == 1));
    bench.ask(START, StoreOp::TakeEnds { owner: a, ids: vec![id(2), id(3), id(9)] });
    bench.power_cut();
    assert_eq!(states(&ends(bench, a)), vec![(1, TerminalState::Delivered)]);
    let new = register(bench, START, 1, 9);
    assert!(ends(bench, new).is_empty(), "what the old owner wrote is not the new one's to know");
    bench.ask(START, StoreOp::TakeEnds { owner: new, ids: vec![id(1)] });
    assert_eq!(states(&ends(bench, a)), vec![(1, TerminalState::Delivered)]);
}

/// P11, T2.
pub fn texts_for_an_old_owner_end_as_changed_and_are_never_given_to_the_new_one(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    send(bench, text(a, b, 1));
    let (new, _, _, senders) = super::bench::register_outcome(bench, START, 2, 9);
    assert_eq!(senders, vec![a.number]);
    assert!(waiting(bench, new).is_empty());
    assert_eq!(states(&ends(bench, a)), vec![(1, TerminalState::RecipientChanged)]);
    sync(bench, tokens(new, &[1], &[]));
    assert_eq!(send(bench, text(a, b, 2)), TextOutcome::RecipientChanged);
    assert!(matches!(send(bench, text(a, new, 3)), TextOutcome::Stored { .. }));
    assert!(take(bench, b, a.number, &[3]).is_empty(), "nor to the old one");
}

/// P1.
pub fn stored_texts_and_their_ends_survive_a_power_cut(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    for counter in 1..=40 {
        assert!(matches!(send(bench, text(a, b, counter)), TextOutcome::Stored { .. }));
        if counter % 3 == 0 {
            take(bench, b, a.number, &[counter]);
        }
        if counter % 8 == 0 {
            bench.power_cut();
        }
    }
    let left: Vec<u64> = (1..=40).filter(|counter| counter % 3 != 0).collect();
    assert_eq!(counters(bench, b), left);
    assert_eq!(ends(bench, a).len(), 13);
}

/// Group commit with a refused operation in the middle.
pub fn one_failing_operation_of_a_group_takes_no_other_with_it(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let old = Owner { number: a.number, epoch: NumberEpoch(7) };
    let group: Vec<(ServerMillis, StoreOp)> =
        [text(a, b, 1), text(old, b, 2), text(a, b, 3)].map(|op| (START, StoreOp::StoreText(op))).into();
    let store: &mut dyn Store = bench.store();
    let answers = serve_batch(store, group);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[1], StoreAnswer::Fenced);
    bench.power_cut();
    assert_eq!(counters(bench, b), vec![1, 3]);
}
