//! The media of one call as it was ordered: opened first, closed last, and candidates no sooner than their description.

use crate::ctx::Ctx;
use crate::effect::{Effect, MediaOrder};
use tandem_model::{CallId, Secret};
use tandem_wire::frame::Ice;

/// Candidates taken each way in one call; a phone has a dozen addresses at most.
const CANDIDATES_MAX: usize = 64;

/// Orders to the media engine, in the only order they may have.
#[derive(Debug)]
pub(crate) struct Sound {
    call: CallId,
    phase: Phase,
    mine: Trickle,
    theirs: Trickle,
}

#[derive(Debug)]
enum Phase {
    Unopened,
    Open { connected: bool, started: bool, held: bool },
    Closed,
}

/// Candidates of one side: kept until its description went, or was taken.
#[derive(Debug, Default)]
struct Trickle {
    kept: Vec<String>,
    flows: bool,
    count: usize,
}

impl Trickle {
    fn take(&mut self, candidate: String) -> Option<String> {
        self.count += 1;
        if self.count > CANDIDATES_MAX {
            return None;
        }
        if self.flows {
            return Some(candidate);
        }
        self.kept.push(candidate);
        None
    }

    fn flow(&mut self) -> Vec<String> {
        self.flows = true;
        std::mem::take(&mut self.kept)
    }
}

impl Sound {
    pub(crate) fn new(call: CallId) -> Sound {
        Sound { call, phase: Phase::Unopened, mine: Trickle::default(), theirs: Trickle::default() }
    }

    /// Opens, once. Without servers only addresses that are reachable directly are tried.
    pub(crate) fn open(&mut self, ice: Option<Ice>, low_rate: bool, ctx: &mut Ctx<'_>) {
        if !matches!(self.phase, Phase::Unopened) {
            return;
        }
        self.phase = Phase::Open { connected: false, started: false, held: false };
        let (urls, username, password) = match ice {
            Some(ice) => (ice.urls, ice.username, ice.password),
            None => (Vec::new(), String::new(), Secret::new(String::new())),
        };
        self.order(MediaOrder::Open { urls, username, password, low_rate }, ctx);
    }

    pub(crate) fn make_offer(&self, ctx: &mut Ctx<'_>) {
        self.order(MediaOrder::MakeOffer, ctx);
    }

    /// Takes the peer's offer, and what it trickled meanwhile.
    pub(crate) fn make_answer(&mut self, offer: String, ctx: &mut Ctx<'_>) {
        self.order(MediaOrder::MakeAnswer { offer }, ctx);
        self.add_kept(ctx);
    }

    /// Takes the peer's answer, and what it trickled meanwhile.
    pub(crate) fn take_answer(&mut self, sdp: String, provisional: bool, ctx: &mut Ctx<'_>) {
        self.order(MediaOrder::TakeAnswer { sdp, provisional }, ctx);
        self.add_kept(ctx);
    }

    /// Forgets my offer and everything with it.
    pub(crate) fn roll_back(&mut self, ctx: &mut Ctx<'_>) {
        self.order(MediaOrder::Rollback, ctx);
        self.close(ctx);
    }

    fn add_kept(&mut self, ctx: &mut Ctx<'_>) {
        for candidate in self.theirs.flow() {
            self.order(MediaOrder::AddCandidate(candidate), ctx);
        }
    }

    /// A candidate of the peer.
    pub(crate) fn their_candidate(&mut self, candidate: String, ctx: &mut Ctx<'_>) {
        if let Some(candidate) = self.theirs.take(candidate) {
            self.order(MediaOrder::AddCandidate(candidate), ctx);
        }
    }

    /// A candidate of mine; returned when it may be said.
    pub(crate) fn my_candidate(&mut self, candidate: String) -> Option<String> {
        self.mine.take(candidate)
    }

    /// My description went: what waited for it may be said.
    pub(crate) fn described(&mut self) -> Vec<String> {
        self.mine.flow()
    }

    /// Media flows, or does not.
    pub(crate) fn set_connected(&mut self, now: bool) {
        if let Phase::Open { connected, .. } = &mut self.phase {
            *connected = now;
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Open { connected: true, .. })
    }

    /// The call was answered: lets the microphone in, once.
    pub(crate) fn start(&mut self, ctx: &mut Ctx<'_>) {
        if let Phase::Open { started, .. } = &mut self.phase
            && !*started
        {
            *started = true;
            self.order(MediaOrder::StartSound, ctx);
        }
    }

    /// Stops or restarts sound both ways, when that is a change. Before it was let in too: then it is let in on hold.
    pub(crate) fn hold(&mut self, on: bool, ctx: &mut Ctx<'_>) {
        if let Phase::Open { held, .. } = &mut self.phase
            && *held != on
        {
            *held = on;
            self.order(MediaOrder::Hold { on }, ctx);
        }
    }

    /// Releases everything, once.
    pub(crate) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.order(MediaOrder::Close, ctx);
        self.phase = Phase::Closed;
    }

    /// Only an opened media hears orders.
    fn order(&self, order: MediaOrder, ctx: &mut Ctx<'_>) {
        if self.is_open() {
            ctx.push(Effect::Media { call: self.call, order });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Bench;

    fn orders(bench: &mut Bench) -> Vec<MediaOrder> {
        bench
            .effects()
            .into_iter()
            .map(|effect| {
                let Effect::Media { order, .. } = effect else { panic!("unexpected {effect:?}") };
                order
            })
            .collect()
    }

    #[test]
    fn candidates_wait_for_their_description_and_a_flood_is_cut() {
        let (mut bench, mut sound) = (Bench::new(1), Sound::new(CallId([1; 16])));
        sound.open(None, false, &mut bench.ctx());
        assert_eq!(sound.my_candidate("a".into()), None);
        assert_eq!(sound.described(), ["a"]);
        assert_eq!(sound.my_candidate("b".into()), Some("b".into()));
        for _ in 0..200 {
            sound.their_candidate("c".into(), &mut bench.ctx());
        }
        assert_eq!(orders(&mut bench).len(), 1, "opened, and nothing added yet");
        sound.take_answer("v=0".into(), true, &mut bench.ctx());
        sound.their_candidate("late".into(), &mut bench.ctx());
        assert_eq!(orders(&mut bench).len(), 1 + CANDIDATES_MAX);
    }

    #[test]
    fn nothing_is_ordered_before_opening_and_after_closing_and_each_thing_once() {
        let (mut bench, mut sound) = (Bench::new(1), Sound::new(CallId([1; 16])));
        sound.start(&mut bench.ctx());
        sound.close(&mut bench.ctx());
        assert!(orders(&mut bench).is_empty());
        let mut sound = Sound::new(CallId([1; 16]));
        sound.open(None, true, &mut bench.ctx());
        sound.open(None, true, &mut bench.ctx());
        sound.hold(false, &mut bench.ctx());
        sound.hold(true, &mut bench.ctx());
        sound.hold(true, &mut bench.ctx());
        sound.start(&mut bench.ctx());
        sound.start(&mut bench.ctx());
        sound.close(&mut bench.ctx());
        sound.close(&mut bench.ctx());
        sound.make_offer(&mut bench.ctx());
        let orders = orders(&mut bench);
        assert!(matches!(
            orders.as_slice(),
            [
                MediaOrder::Open { low_rate: true, .. },
                MediaOrder::Hold { on: true },
                MediaOrder::StartSound,
                MediaOrder::Close
            ]
        ));
    }
}
