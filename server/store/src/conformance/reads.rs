//! Read receipts.

use super::bench::{Bench, START, friends, id, register, send, take, text};
use tandem_logic::store_answer::{ReadOwed, StoreAnswer};
use tandem_logic::store_op::{Owner, StoreOp};
use tandem_model::Msisdn;

fn read(bench: &mut dyn Bench, owner: Owner, sender: Msisdn, counters: &[u64]) -> Vec<u64> {
    let ids = counters.iter().map(|counter| id(*counter)).collect();
    match bench.ask(START, StoreOp::StoreReads { owner, sender, ids }) {
        StoreAnswer::Reads { reads, .. } => reads.iter().map(|read| read.id.counter).collect(),
        other => panic!("not stored: {other:?}"),
    }
}

fn owed(bench: &mut dyn Bench, owner: Owner) -> Vec<ReadOwed> {
    match bench.ask(START, StoreOp::ReadsOwed { owner, after: 0, limit: 100 }) {
        StoreAnswer::Reads { reads, complete: true } => reads,
        other => panic!("not read: {other:?}"),
    }
}

/// T7: a receipt for something that was never shown says nothing.
pub fn only_delivered_texts_can_be_read_and_only_once(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    send(bench, text(a, b, 1));
    send(bench, text(a, b, 2));
    take(bench, b, a.number, &[1]);
    assert_eq!(read(bench, b, a.number, &[1, 2, 3]), vec![1]);
    assert_eq!(read(bench, b, a.number, &[1]), Vec::<u64>::new());
}

/// As ends are.
pub fn reads_are_owed_until_taken(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    for counter in 1..=3 {
        send(bench, text(a, b, counter));
    }
    take(bench, b, a.number, &[1, 2, 3]);
    read(bench, b, a.number, &[3, 1, 2]);
    bench.power_cut();
    let all = owed(bench, a);
    assert_eq!(all.iter().map(|read| read.id.counter).collect::<Vec<_>>(), vec![3, 1, 2]);
    assert!(all.iter().all(|read| read.by == b.number && read.sender == a));
    let first = bench.ask(START, StoreOp::ReadsOwed { owner: a, after: 0, limit: 2 });
    assert!(matches!(first, StoreAnswer::Reads { reads, complete: false } if reads.len() == 2));
    bench.ask(START, StoreOp::TakeReads { owner: a, by: b.number, ids: vec![id(1), id(3)] });
    bench.ask(START, StoreOp::TakeReads { owner: a, by: a.number, ids: vec![id(2)] });
    bench.power_cut();
    assert_eq!(owed(bench, a).iter().map(|read| read.id.counter).collect::<Vec<_>>(), vec![2]);
}

/// Nobody reads for another.
pub fn somebody_else_cannot_read_a_text(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let c = register(bench, START, 3, 3);
    send(bench, text(a, b, 1));
    take(bench, b, a.number, &[1]);
    assert_eq!(read(bench, c, a.number, &[1]), Vec::<u64>::new());
    let new = register(bench, START, 2, 9);
    assert_eq!(read(bench, new, a.number, &[1]), Vec::<u64>::new(), "nor the number's next owner");
    assert!(owed(bench, a).is_empty());
}
