//! Both call each other at the same moment. The lower call id wins, on both phones and on the server alike; whoever was
//! calling wanted to talk, so the winning call is answered at once on the losing side.

use std::time::Duration;
use tandem_model::{CallId, Mono, Msisdn};

/// What becomes of my attempt when the peer's offer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glare {
    /// Mine stands: theirs is told that it lost.
    MineStands,
    /// Theirs stands: mine is given up and theirs is answered at once.
    TheirsStands,
}

/// Decides. An attempt of mine that was not offered yet cannot have been seen by anybody, so theirs stands.
pub(crate) fn decide(mine: CallId, mine_is_offered: bool, theirs: CallId) -> Glare {
    if mine_is_offered && mine < theirs { Glare::MineStands } else { Glare::TheirsStands }
}

/// How long after the server ended my attempt as the losing one the winning one is answered at once.
const COMES_WITHIN: Duration = Duration::from_secs(5);

/// An attempt of mine that lost before the winning offer was here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostTo {
    peer: Msisdn,
    mine: CallId,
    until: Mono,
}

impl LostTo {
    pub(crate) fn new(peer: Msisdn, mine: CallId, now: Mono) -> LostTo {
        LostTo { peer, mine, until: now.after(COMES_WITHIN) }
    }

    /// Whether this is the call it lost against.
    pub(crate) fn is_won_by(&self, peer: Msisdn, call: CallId, now: Mono) -> bool {
        self.peer == peer && call < self.mine && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::toy_number;

    const LOW: CallId = CallId([1; 16]);
    const HIGH: CallId = CallId([2; 16]);

    #[test]
    fn both_sides_decide_for_the_same_call() {
        assert_eq!(decide(LOW, true, HIGH), Glare::MineStands);
        assert_eq!(decide(HIGH, true, LOW), Glare::TheirsStands);
        assert_eq!(decide(LOW, false, HIGH), Glare::TheirsStands, "nobody has seen mine");
    }

    #[test]
    fn the_winner_is_known_by_its_lower_id_its_caller_and_its_time() {
        let lost = LostTo::new(toy_number(2), HIGH, Mono(1_000));
        assert!(lost.is_won_by(toy_number(2), LOW, Mono(5_999)));
        assert!(!lost.is_won_by(toy_number(2), LOW, Mono(6_000)));
        assert!(!lost.is_won_by(toy_number(3), LOW, Mono(1_000)));
        assert!(!lost.is_won_by(toy_number(2), CallId([3; 16]), Mono(1_000)));
    }
}
