//! What runs out.

use super::bench::{Bench, START, allow, days, ends, friends, later, number, send, start, take, text, waiting};
use crate::store::Swept;
use std::time::Duration;
use tandem_logic::store_answer::{SessionKey, StartOutcome, StoreAnswer, TextOutcome};
use tandem_logic::store_op::{BudgetKind, StartRegistration, StoreOp, StoreText};
use tandem_model::{ServerMillis, TerminalState};

fn sweep(bench: &mut dyn Bench, at: ServerMillis, silent_before: ServerMillis, forget_before: ServerMillis) -> Swept {
    match bench.ask(at, StoreOp::Sweep { silent_before, forget_before, limit: 4 }) {
        StoreAnswer::Swept { ends, owners, aftermath, more } => Swept { ends, owners, aftermath, more },
        other => panic!("not swept: {other:?}"),
    }
}

const NEVER: ServerMillis = ServerMillis(0);

/// P4: at 30 days, to the millisecond.
pub fn a_text_expires_at_its_time_and_not_before(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    send(bench, text(a, b, 1));
    let end = later(days(30));
    assert!(sweep(bench, ServerMillis(end.0 - 1), NEVER, NEVER).ends.is_empty());
    let answer = bench.ask(end, StoreOp::TextsWaiting { owner: b, after: 0, limit: 9, bytes: 999 });
    assert_eq!(answer, StoreAnswer::Texts { texts: vec![], complete: true }, "not given out although not swept yet");
    let swept = sweep(bench, end, NEVER, NEVER);
    assert_eq!(
        swept.ends.iter().map(|end| (end.sender, end.state)).collect::<Vec<_>>(),
        vec![(a, TerminalState::Expired)]
    );
    bench.power_cut();
    assert!(sweep(bench, end, NEVER, NEVER).ends.is_empty(), "once");
    assert_eq!(ends(bench, a).len(), 1);
    assert!(take(bench, b, a.number, &[1]).is_empty(), "a late taking changes nothing");
}

/// Bounded work.
pub fn a_sweep_takes_no_more_than_its_limit_and_says_that_there_is_more(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    for counter in 1..=6 {
        let expires_at = later(Duration::from_secs(counter));
        send(bench, StoreText { expires_at, ..text(a, b, counter) });
    }
    let swept = sweep(bench, later(days(1)), NEVER, NEVER);
    assert_eq!((swept.ends.len(), swept.more), (4, true));
    assert_eq!(swept.ends[0].id.counter, 1, "the oldest first");
    let swept = sweep(bench, later(days(1)), NEVER, NEVER);
    assert_eq!((swept.ends.len(), swept.more), (2, false));
    assert!(waiting(bench, b).is_empty());
}

/// The id outlives the text, longer than any retry.
pub fn ended_texts_are_remembered_until_their_time_and_forgotten_after(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    send(bench, text(a, b, 1));
    take(bench, b, a.number, &[1]);
    send(bench, text(a, b, 2));
    sweep(bench, START, NEVER, START);
    assert!(matches!(send(bench, text(a, b, 1)), TextOutcome::Known { .. }));
    sweep(bench, START, NEVER, ServerMillis(START.0 + 1));
    assert!(ends(bench, a).is_empty());
    assert!(matches!(send(bench, text(a, b, 1)), TextOutcome::Stored { .. }));
    assert_eq!(waiting(bench, b).len(), 2, "what waits is never forgotten");
}

/// T2.
pub fn a_silent_owner_ends(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    send(bench, text(b, a, 1));
    bench.ask(START, StoreOp::RenewLeases { leases: vec![(b, later(days(2)))] });
    assert!(
        sweep(bench, START, later(days(1)), NEVER).owners.is_empty(),
        "a lease that ends then has not ended before"
    );
    let swept = sweep(bench, START, ServerMillis(later(days(1)).0 + 1), NEVER);
    assert_eq!(swept.owners, vec![a]);
    assert_eq!((swept.aftermath.viewers, swept.aftermath.senders), (vec![b.number], vec![b.number]));
    let gone = bench.ask(START, StoreOp::FindSessionKey { owner: a });
    assert_eq!(gone, StoreAnswer::SessionKey(SessionKey::Unknown));
    let there = bench.ask(START, StoreOp::FindSessionKey { owner: b });
    assert!(matches!(there, StoreAnswer::SessionKey(SessionKey::Present { .. })));
}

/// A row for everybody who ever asked would never end.
pub fn budgets_that_are_whole_again_are_forgotten_without_harm(bench: &mut dyn Bench) {
    let ask = |bench: &mut dyn Bench, at: ServerMillis, id| {
        let charges = vec![allow(BudgetKind::SmsNumber, 1, 1)];
        let expires_at = at.after(Duration::from_secs(60));
        let op = StartRegistration { charges, expires_at, number: number(1), ..start(id, 1, id) };
        matches!(bench.ask(at, StoreOp::StartRegistration(op)), StoreAnswer::Started(StartOutcome::Open { .. }))
    };
    assert!(ask(bench, START, 1));
    sweep(bench, later(Duration::from_secs(3_599)), NEVER, NEVER);
    assert!(!ask(bench, later(Duration::from_secs(3_599)), 2), "not whole yet");
    sweep(bench, later(Duration::from_secs(3_600)), NEVER, NEVER);
    assert!(ask(bench, later(Duration::from_secs(3_600)), 3));
}
