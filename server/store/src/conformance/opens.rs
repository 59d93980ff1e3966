//! Marks that show to whoever holds the number.

use super::bench::{
    Bench, KEY, START, begin, blocks, confirm_links, make_opens, marks, own_under, pending, register, set_keys,
    settled, sync, tell, tokens,
};
use tandem_logic::config::MarkPolicy;
use tandem_logic::matching::{MatchOp, SyncTokens};
use tandem_logic::store_answer::{StoreAnswer, TokensOutcome};
use tandem_logic::store_op::{Owner, StoreOp};
use tandem_model::{Mark, MarkGeneration, MarkState, Msisdn, NumberEpoch};

const ALL: MarkGeneration = MarkGeneration(0);

fn seen(bench: &mut dyn Bench, viewer: Owner) -> Vec<Msisdn> {
    let (_, marks) = marks(bench, viewer, ALL);
    let marked = |mark: &Mark| matches!(mark.state, MarkState::Marked { .. });
    marks.iter().filter(|mark| marked(mark)).map(|mark| mark.number).collect()
}

fn holding(owner: Owner, n: u64) -> SyncTokens {
    let mut op = tokens(owner, &[n], &[]);
    op.added.push(own_under(KEY, n));
    op
}

fn open(bench: &mut dyn Bench, owner: Owner, open: bool) -> Vec<Msisdn> {
    let mut viewers = settled(bench, MatchOp::SetOpen { owner, open }).viewers;
    viewers.extend(make_opens(bench));
    viewers
}

/// Before and after it was opened.
pub fn an_opened_mark_shows_to_whoever_holds_the_number(bench: &mut dyn Bench) {
    let (a, b, c) = (register(bench, START, 1, 1), register(bench, START, 2, 2), register(bench, START, 3, 3));
    set_keys(bench, &[KEY.0]);
    begin(bench, MarkPolicy::Reciprocal);
    assert!(sync(bench, holding(b, 1)).is_empty());
    assert!(make_opens(bench).is_empty(), "nobody opened");
    assert_eq!(open(bench, a, true), vec![b.number]);
    bench.power_cut();
    assert_eq!(sync(bench, holding(c, 1)), vec![c.number]);
    assert_eq!((seen(bench, b), seen(bench, c), seen(bench, a)), (vec![a.number], vec![a.number], vec![]));
    assert!(matches!(
        bench.ask(START, StoreOp::Match(MatchOp::Told { owner: a })),
        StoreAnswer::Told { open: true, .. }
    ));
    assert_eq!(open(bench, a, false), vec![b.number, c.number]);
    assert_eq!(seen(bench, b), vec![]);
    assert_eq!(open(bench, a, true), vec![b.number, c.number]);
    let new = register(bench, super::bench::later(std::time::Duration::from_secs(60)), 1, 9);
    make_opens(bench);
    assert_eq!(seen(bench, b), vec![], "a new owner has opened nothing");
    assert!(matches!(
        bench.ask(START, StoreOp::Match(MatchOp::Told { owner: new })),
        StoreAnswer::Told { open: false, .. }
    ));
}

/// S1 as it stands, for those who were there before the policy too.
pub fn with_the_registered_policy_holding_the_number_is_enough(bench: &mut dyn Bench) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    for n in 4..9 {
        register(bench, START, n, u8::try_from(n).unwrap());
    }
    set_keys(bench, &[KEY.0]);
    begin(bench, MarkPolicy::Registered);
    make_opens(bench);
    assert_eq!(sync(bench, holding(a, 2)), vec![a.number]);
    assert_eq!(seen(bench, a), vec![b.number]);
    assert_eq!(seen(bench, b), vec![], "who holds nobody sees nobody");
    let (known, _) = marks(bench, a, ALL);
    register(bench, super::bench::later(std::time::Duration::from_secs(60)), 2, 9);
    make_opens(bench);
    let (_, changed) = marks(bench, a, known);
    assert!(matches!(changed[0].state, MarkState::Marked { epoch: NumberEpoch(2), .. }), "a new owner is seen as new");
}

/// The operator changes the setting and starts again.
pub fn the_policy_can_change_between_two_starts(bench: &mut dyn Bench) {
    let (a, b) = (register(bench, START, 1, 1), register(bench, START, 2, 2));
    set_keys(bench, &[KEY.0]);
    sync(bench, holding(a, 2));
    begin(bench, MarkPolicy::Registered);
    bench.power_cut();
    assert_eq!(make_opens(bench), vec![a.number]);
    let (known, _) = marks(bench, a, ALL);
    assert_eq!(seen(bench, a), vec![b.number]);
    begin(bench, MarkPolicy::Reciprocal);
    assert_eq!(marks(bench, a, known).1[0].state, MarkState::Unmarked);
    begin(bench, MarkPolicy::Registered);
    assert_eq!(make_opens(bench), vec![a.number]);
}

/// The viewer need not tell the pair's token for the block to hold.
pub fn a_blocked_number_does_not_see_an_opened_mark(bench: &mut dyn Bench) {
    let (a, b, c) = (register(bench, START, 1, 1), register(bench, START, 2, 2), register(bench, START, 3, 3));
    set_keys(bench, &[KEY.0]);
    begin(bench, MarkPolicy::Reciprocal);
    open(bench, a, true);
    let by_number = |owner| SyncTokens { added: vec![own_under(KEY, 1)], ..tokens(owner, &[], &[]) };
    sync(bench, by_number(b));
    sync(bench, holding(c, 1));
    assert_eq!(tell(bench, blocks(a, &[2], &[])), TokensOutcome::Synced { viewers: vec![], pending: true });
    assert_eq!(
        (seen(bench, b), seen(bench, c)),
        (vec![a.number], vec![a.number]),
        "until it is known whom it is about"
    );
    assert_eq!(confirm_links(bench).viewers, vec![b.number]);
    assert_eq!((seen(bench, b), seen(bench, c)), (vec![], vec![a.number]));
    sync(bench, SyncTokens { removed: vec![own_under(KEY, 1)], ..tokens(b, &[], &[]) });
    assert!(sync(bench, by_number(b)).is_empty(), "telling it again does not help");
    let at_once = TokensOutcome::Synced { viewers: vec![c.number], pending: false };
    assert_eq!(tell(bench, blocks(a, &[3], &[])), at_once, "who tells the pair's token needs no asking");
    confirm_links(bench);
    assert_eq!(sync(bench, blocks(a, &[], &[2, 3])), vec![b.number, c.number]);
    assert!(pending(bench).is_empty());
}

/// A number that many hold takes several steps, over crashes.
pub fn holders_of_an_opened_number_are_linked_a_few_at_a_time(bench: &mut dyn Bench) {
    set_keys(bench, &[KEY.0]);
    begin(bench, MarkPolicy::Reciprocal);
    let a = register(bench, START, 1, 1);
    let holders: Vec<Owner> = (2..9).map(|n| register(bench, START, n, u8::try_from(n).unwrap())).collect();
    for holder in &holders {
        sync(bench, holding(*holder, 1));
    }
    assert!(settled(bench, MatchOp::SetOpen { owner: a, open: true }).opens_due);
    let mut left = settled(bench, MatchOp::PutOpens { opens: vec![(a, KEY, own_under(KEY, 1))] });
    let mut steps = 0;
    while left.more {
        bench.power_cut();
        left = settled(bench, MatchOp::LinkOpens { limit: 2 });
        assert!(left.viewers.len() <= 2);
        steps += 1;
    }
    assert_eq!(steps, 4);
    for holder in holders {
        assert_eq!(seen(bench, holder), vec![a.number]);
    }
}
