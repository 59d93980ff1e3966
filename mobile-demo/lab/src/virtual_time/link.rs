//! A phone's link in virtual time: the shaper's own scheduler, asked with the world's clock.

use std::cell::Cell;
use std::rc::Rc;
use tandem_shaper::{DropReason, Lane, LinkModel, Verdict};
use tandem_sim::shape::{Fate, Shape, Way};

/// The knobs of a link, shared with the world.
pub(super) type Knobs = Rc<Cell<LinkModel>>;

/// A link under the world's streams.
pub(super) struct ShapedLink {
    knobs: Knobs,
    up: Lane,
    down: Lane,
}

impl ShapedLink {
    /// A link with these knobs; the seed fixes its losses and jitter.
    pub(super) fn new(seed: u64, knobs: Knobs) -> ShapedLink {
        ShapedLink { knobs, up: Lane::new(seed), down: Lane::new(seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15) }
    }
}

impl Shape for ShapedLink {
    fn offer(&mut self, way: Way, bytes: u32, now_us: u64) -> Fate {
        let model = self.knobs.get();
        let verdict = match way {
            Way::Up => self.up.offer(&model.up, bytes, now_us),
            Way::Down => self.down.offer(&model.down, bytes, now_us),
        };
        match verdict {
            Verdict::Deliver { at_us } => Fate::At(at_us),
            Verdict::Drop(DropReason::Loss) => Fate::Lost,
            // A stream asks again: the world cuts and holds back what the other reasons stand for.
            Verdict::Drop(
                DropReason::QueueFull | DropReason::LinkDown | DropReason::Swallowed | DropReason::OldAddress,
            ) => Fate::NoRoom,
        }
    }

    fn round_trip_ms(&self) -> u64 {
        let model = self.knobs.get();
        u64::from(model.up.delay_ms) + u64::from(model.down.delay_ms)
    }

    fn stalls(&self) -> bool {
        self.knobs.get().drop_all
    }
}
