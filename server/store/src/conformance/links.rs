//! Keys, what is held of a book, and links that wait for the key holder.

use super::bench::{
    Bench, KEY, START, blocks, confirm_links, days, friends, later, marks, number, own_under, pair_under, pending,
    register, set_keys, settle, sync, tell, tokens,
};
use tandem_logic::matching::{LinkVerdict, MatchOp, SyncTokens, ToldTokens};
use tandem_logic::store_answer::{KeysOutcome, StoreAnswer, TokensOutcome};
use tandem_logic::store_op::{Owner, StoreOp};
use tandem_model::{MarkGeneration, MarkKeyId, MarkPublicKey, MarkState, Msisdn, ServerMillis, TokenDigest};

const ALL: MarkGeneration = MarkGeneration(0);

fn seen(bench: &mut dyn Bench, viewer: Owner) -> Vec<Msisdn> {
    let (_, marks) = marks(bench, viewer, ALL);
    let marked = |mark: &tandem_model::Mark| matches!(mark.state, MarkState::Marked { .. });
    marks.iter().filter(|mark| marked(mark)).map(|mark| mark.number).collect()
}

fn told(bench: &mut dyn Bench, owner: Owner) -> Vec<ToldTokens> {
    match bench.ask(START, StoreOp::Match(MatchOp::Told { owner })) {
        StoreAnswer::Told { told, .. } => told,
        other => panic!("nothing told: {other:?}"),
    }
}

/// A crash forgets none, and nothing shows before the holder has said so.
pub fn a_link_waits_for_the_key_holder_through_a_power_cut(bench: &mut dyn Bench) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    set_keys(bench, &[KEY.0]);
    let synced = |pending| TokensOutcome::Synced { viewers: vec![], pending };
    assert_eq!(tell(bench, tokens(a, &[2], &[])), synced(false));
    assert_eq!(tell(bench, tokens(b, &[1], &[])), synced(true));
    bench.power_cut();
    let waiting = pending(bench);
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].viewer, waiting[0].seen, waiting[0].by), (a.number, b.number, b.number));
    assert_eq!((seen(bench, a), seen(bench, b)), (vec![], vec![]));
    assert_eq!(confirm_links(bench).viewers, vec![a.number, b.number]);
    assert_eq!((seen(bench, a), seen(bench, b)), (vec![b.number], vec![a.number]));
    assert!(pending(bench).is_empty());
}

/// Whoever tells another pair's token learns nothing by it.
pub fn a_forged_pair_ends_and_is_counted(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let thief = register(bench, START, 3, 3);
    let stolen = SyncTokens { added: vec![pair_under(KEY, 1, 2)], ..tokens(thief, &[], &[]) };
    assert_eq!(tell(bench, stolen), TokensOutcome::Synced { viewers: vec![], pending: true });
    assert_eq!(pending(bench).len(), 2, "one with each");
    assert_eq!(confirm_links(bench).forged, 2);
    assert!(pending(bench).is_empty());
    assert_eq!((seen(bench, thief), seen(bench, a), seen(bench, b)), (vec![], vec![b.number], vec![a.number]));
}

/// Everybody who holds a number tells the same token of it.
pub fn holders_of_one_number_are_no_pair(bench: &mut dyn Bench) {
    set_keys(bench, &[KEY.0]);
    for n in 1..=4 {
        let owner = register(bench, START, n, u8::try_from(n).unwrap());
        let op = SyncTokens { added: vec![own_under(KEY, 50)], ..tokens(owner, &[], &[]) };
        assert_eq!(tell(bench, op), TokensOutcome::Synced { viewers: vec![], pending: false });
    }
    assert!(pending(bench).is_empty());
}

/// What was asked before something changed says nothing of what is now.
pub fn a_late_verdict_says_nothing_of_a_link_that_changed(bench: &mut dyn Bench) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    set_keys(bench, &[KEY.0]);
    tell(bench, tokens(a, &[2], &[]));
    tell(bench, tokens(b, &[1], &[]));
    let asked = pending(bench)[0].id;
    tell(bench, tokens(a, &[], &[2]));
    tell(bench, tokens(a, &[2], &[]));
    assert!(settle(bench, vec![(asked, LinkVerdict::Stands)]).viewers.is_empty());
    assert_eq!(seen(bench, a), vec![]);
    assert_eq!(confirm_links(bench).viewers, vec![a.number, b.number]);
}

/// By the sums a phone sees that both mean the same.
pub fn what_is_held_is_told_in_sums_for_each_key(bench: &mut dyn Bench) {
    let a = register(bench, START, 1, 1);
    set_keys(bench, &[1, 2]);
    let sums = |key: MarkKeyId, people: &[u64]| {
        let mut digest = TokenDigest::default();
        people.iter().for_each(|n| digest.toggle(&pair_under(key, 1, *n)));
        ToldTokens { key, count: u32::try_from(people.len()).unwrap(), digest }
    };
    assert_eq!(told(bench, a), vec![]);
    tell(bench, tokens(a, &[2, 3, 4], &[]));
    tell(bench, tokens(a, &[2, 5], &[3, 9]));
    let two = MarkKeyId(2);
    let under_two = SyncTokens { key: two, added: vec![pair_under(two, 1, 2)], ..tokens(a, &[], &[]) };
    tell(bench, under_two);
    tell(bench, blocks(a, &[4, 8], &[]));
    bench.power_cut();
    assert_eq!(told(bench, a), vec![sums(KEY, &[2, 5]), sums(two, &[2])]);
    tell(bench, SyncTokens { replace: true, ..tokens(a, &[2], &[]) });
    assert_eq!(told(bench, a)[0], sums(KEY, &[2, 5]), "nothing is gone before the end");
    tell(bench, SyncTokens { last: true, ..tokens(a, &[7], &[]) });
    assert_eq!(told(bench, a)[0], sums(KEY, &[2, 7]));
    let again = register(bench, later(days(1)), 1, 9);
    assert_eq!(told(bench, again), vec![], "another owner of the number begins with nothing");
}

/// A phone that did not hear that a key is gone is told so.
pub fn tokens_under_a_key_that_does_not_live_are_refused(bench: &mut dyn Bench) {
    let a = register(bench, START, 1, 1);
    assert_eq!(tell(bench, tokens(a, &[2], &[])), TokensOutcome::UnknownKey);
    set_keys(bench, &[2]);
    assert_eq!(tell(bench, tokens(a, &[2], &[])), TokensOutcome::UnknownKey);
}

/// Tokens made with one half and with the other never meet.
pub fn a_key_with_another_public_half_is_refused(bench: &mut dyn Bench) {
    assert_eq!(set_keys(bench, &[1, 2]), KeysOutcome::Set);
    let keys = vec![(MarkKeyId(2), MarkPublicKey([2; 32])), (MarkKeyId(3), MarkPublicKey([3; 32]))];
    assert_eq!(bench.ask(START, StoreOp::Match(MatchOp::SetKeys { keys })), StoreAnswer::Keys(KeysOutcome::Set));
    let keys = vec![(MarkKeyId(1), MarkPublicKey([9; 32]))];
    let changed = StoreAnswer::Keys(KeysOutcome::Changed(MarkKeyId(1)));
    assert_eq!(bench.ask(START, StoreOp::Match(MatchOp::SetKeys { keys })), changed, "retired ones too");
    let a = register(bench, START, 1, 1);
    let op = SyncTokens { key: MarkKeyId(3), ..tokens(a, &[], &[]) };
    assert!(matches!(tell(bench, op), TokensOutcome::Synced { .. }), "nothing changed by what was refused");
}

/// Rotation: the phones move one after the other, and the mark never goes.
pub fn a_retired_key_is_forgotten_piece_by_piece_and_another_keeps_the_mark(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    sync(bench, tokens(a, &[11, 12, 13, 14, 15, 16], &[]));
    set_keys(bench, &[1, 2]);
    let two = MarkKeyId(2);
    let under_two =
        |owner, n, m| SyncTokens { key: two, added: vec![pair_under(two, n, m)], ..tokens(owner, &[], &[]) };
    let (known, _) = marks(bench, a, ALL);
    assert!(sync(bench, under_two(a, 1, 2)).is_empty());
    assert!(sync(bench, under_two(b, 2, 1)).is_empty(), "it showed before");
    set_keys(bench, &[2]);
    let mut sweeps = 0;
    while swept(bench).1 {
        bench.power_cut();
        sweeps += 1;
        assert_eq!(marks(bench, a, known), (known, vec![]));
    }
    assert!(sweeps > 2, "a bounded piece at a time");
    assert_eq!(told(bench, a).iter().map(|told| told.key).collect::<Vec<_>>(), vec![two]);
    set_keys(bench, &[3]);
    while swept(bench).1 {}
    assert_eq!((seen(bench, a), seen(bench, b)), (vec![], vec![]), "with its last key the mark goes");
}

fn swept(bench: &mut dyn Bench) -> (Vec<Msisdn>, bool) {
    let never = ServerMillis(0);
    match bench.ask(START, StoreOp::Sweep { silent_before: never, forget_before: never, limit: 2 }) {
        StoreAnswer::Swept { aftermath, more, .. } => (aftermath.viewers, more),
        other => panic!("not swept: {other:?}"),
    }
}

/// The mark goes on both sides, and for the blocked side as if the number had been removed.
pub fn a_blocked_pair_shows_to_neither_until_it_is_told_again(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    assert_eq!(sync(bench, blocks(b, &[1], &[])), vec![a.number, b.number]);
    assert_eq!((seen(bench, a), seen(bench, b)), (vec![], vec![]));
    assert!(sync(bench, tokens(a, &[], &[2])).is_empty());
    assert!(sync(bench, tokens(a, &[2], &[])).is_empty(), "telling it again does not help");
    assert!(sync(bench, blocks(b, &[], &[1])).is_empty(), "not blocked is not told");
    assert_eq!(sync(bench, tokens(b, &[1], &[])), vec![a.number, b.number]);
}

/// P11, without a row left in the end.
pub fn what_an_owner_that_ended_told_links_nobody_and_is_forgotten(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    sync(bench, tokens(a, &[3, 4, 5], &[]));
    bench.ask(START, StoreOp::EndRegistration { owner: a });
    let c = register(bench, START, 3, 3);
    assert!(sync(bench, tokens(c, &[1], &[])).is_empty());
    assert!(pending(bench).is_empty());
    let new = register(bench, START, 1, 9);
    assert_eq!((seen(bench, new), seen(bench, b)), (vec![], vec![]));
    let mut sweeps = 0;
    while swept(bench).1 {
        sweeps += 1;
    }
    assert!(sweeps > 1);
    assert_eq!(sync(bench, tokens(new, &[3], &[])), vec![new.number, c.number], "b and c told it themselves");
}

/// N1: whoever sees it learns that it is not seen lately; being heard renews it.
pub fn a_lease_ends_when_its_phone_is_known_to_be_away(bench: &mut dyn Bench) {
    let (a, b) = friends(bench);
    let at = later(std::time::Duration::from_secs(60));
    let (known, _) = marks(bench, b, ALL);
    let viewers = StoreAnswer::Viewers(vec![b.number]);
    assert_eq!(bench.ask(at, StoreOp::EndLease { number: a.number }), viewers);
    let (newer, changed) = marks(bench, b, known);
    assert!(matches!(changed[0].state, MarkState::Marked { lease_until, .. } if lease_until == at));
    assert_eq!(bench.ask(at, StoreOp::EndLease { number: a.number }), StoreAnswer::Viewers(vec![]), "once");
    assert_eq!(bench.ask(at, StoreOp::EndLease { number: number(77) }), StoreAnswer::Viewers(vec![]));
    bench.ask(at, StoreOp::RenewLeases { leases: vec![(a, later(days(2)))] });
    let (_, changed) = marks(bench, b, newer);
    assert!(matches!(changed[0].state, MarkState::Marked { lease_until, .. } if lease_until == later(days(2))));
}
