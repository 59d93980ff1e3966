//! One direction of a link as a pure scheduler: told a packet and the time, it says when the packet comes out.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::model::WayModel;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It comes out at this time, in microseconds of the caller's clock.
    Deliver {
        /// Never earlier than the delivery of any packet offered before.
        at_us: u64,
    },
    /// It is lost.
    Drop(DropReason),
}

/// Why a packet was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// By chance, as the model's `loss` says.
    Loss,
    /// No room to wait for the rate.
    QueueFull,
    /// The link has no bearer.
    LinkDown,
    /// The link swallows everything.
    Swallowed,
    /// The socket belongs to an address the phone no longer has.
    OldAddress,
}

/// The scheduler of one direction. The same seed and the same offers give the same verdicts.
#[derive(Debug)]
pub struct Lane {
    chance: ChaCha8Rng,
    rate_bps: Option<u64>,
    /// When everything accepted so far has been serialised; may lie up to one bucket in the past.
    serialised_us: u64,
    last_delivery_us: u64,
}

impl Lane {
    /// An idle lane.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { chance: ChaCha8Rng::seed_from_u64(seed), rate_bps: None, serialised_us: 0, last_delivery_us: 0 }
    }

    /// Offers a packet of `wire_bytes` at `now_us`, which never goes back.
    pub fn offer(&mut self, model: &WayModel, wire_bytes: u32, now_us: u64) -> Verdict {
        // Two draws for every packet, whatever becomes of it: changing one knob does not reshuffle the other's luck.
        let (is_lost, jitter_us) = (self.draw_loss(model.loss), self.draw_jitter_us(model.jitter_ms));
        let Some(departs_us) = self.serialise(model, wire_bytes, now_us) else {
            return Verdict::Drop(DropReason::QueueFull);
        };
        if is_lost {
            return Verdict::Drop(DropReason::Loss);
        }
        let arrives_us = departs_us.saturating_add(u64::from(model.delay_ms) * 1000).saturating_add(jitter_us);
        self.last_delivery_us = self.last_delivery_us.max(arrives_us);
        Verdict::Deliver { at_us: self.last_delivery_us }
    }

    /// Bytes accepted and not yet serialised at `now_us`.
    #[must_use]
    pub fn backlog_bytes(&self, now_us: u64) -> u64 {
        self.rate_bps.map_or(0, |rate| bytes_in(rate, self.serialised_us.saturating_sub(now_us)))
    }

    /// When the packet has left the rate limiter, or `None` if it finds no room to wait.
    ///
    /// The bucket is a credit in time (GCRA): serialisation may be dated back by as long as the bucket is deep.
    fn serialise(&mut self, model: &WayModel, wire_bytes: u32, now_us: u64) -> Option<u64> {
        self.retime(model.rate_bps, now_us);
        let Some(rate) = model.rate_bps else {
            return Some(now_us);
        };
        let backlog = self.backlog_bytes(now_us);
        if backlog > 0 && backlog.saturating_add(u64::from(wire_bytes)) > u64::from(model.queue_bytes) {
            return None;
        }
        let credit_us = micros_for(rate, u64::from(model.burst_bytes));
        let starts_us = self.serialised_us.max(now_us.saturating_sub(credit_us));
        self.serialised_us = starts_us.saturating_add(micros_for(rate, u64::from(wire_bytes)));
        Some(self.serialised_us.max(now_us))
    }

    /// When the rate changes, what still waits is carried at the new rate.
    fn retime(&mut self, rate_bps: Option<u64>, now_us: u64) {
        if self.rate_bps == rate_bps {
            return;
        }
        let waiting = self.backlog_bytes(now_us);
        self.rate_bps = rate_bps;
        let carried_us = rate_bps.map_or(0, |rate| micros_for(rate, waiting));
        self.serialised_us = self.serialised_us.min(now_us).saturating_add(carried_us);
    }

    fn draw_loss(&mut self, loss: f64) -> bool {
        let uniform = (self.chance.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        uniform < loss
    }

    /// The absolute value of a normal deviate, as a sum of twelve uniforms: exact on every machine.
    fn draw_jitter_us(&mut self, jitter_ms: u32) -> u64 {
        let mut sum: i64 = 0;
        for _ in 0..3 {
            let bits = self.chance.next_u64();
            sum += (0..4).map(|part| ((bits >> (16 * part)) & 0xffff) as i64).sum::<i64>();
        }
        let deviate = (sum - 6 * 0x1_0000).unsigned_abs();
        deviate * u64::from(jitter_ms) * 1000 / 0x1_0000
    }
}

/// Microseconds to carry `bytes` at `rate_bps`, rounded up. A rate of zero carries nothing within a day.
fn micros_for(rate_bps: u64, bytes: u64) -> u64 {
    const DAY_US: u64 = 86_400_000_000;
    if bytes == 0 { 0 } else { (bytes * 8_000_000).checked_div(rate_bps).map_or(DAY_US, |us| us.min(DAY_US) + 1) }
}

fn bytes_in(rate_bps: u64, micros: u64) -> u64 {
    u64::try_from(u128::from(rate_bps) * u128::from(micros) / 8_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Deliver { at_us } => at_us,
            Verdict::Drop(reason) => panic!("dropped: {reason:?}"),
        }
    }

    fn rated(rate_bps: u64) -> WayModel {
        WayModel { rate_bps: Some(rate_bps), ..WayModel::default() }
    }

    #[test]
    fn a_free_link_delivers_at_once() {
        let mut lane = Lane::new(1);
        assert_eq!(lane.offer(&WayModel::default(), 1500, 77), Verdict::Deliver { at_us: 77 });
    }

    #[test]
    fn packets_back_to_back_come_out_at_the_rate() {
        let mut lane = Lane::new(1);
        let model = rated(64_000);
        let times: Vec<u64> = (0..8).map(|_| at(lane.offer(&model, 300, 1_000))).collect();
        assert_eq!(times[0], 1_000 + 37_501);
        assert_eq!(times[7], 1_000 + 8 * 37_501);
    }

    #[test]
    fn a_bucket_lets_its_depth_pass_and_then_the_rate_applies() {
        let mut lane = Lane::new(1);
        let model = WayModel { burst_bytes: 3_000, ..rated(64_000) };
        let now = 10_000_000;
        for _ in 0..9 {
            assert_eq!(at(lane.offer(&model, 300, now)), now, "within the bucket");
        }
        assert!(at(lane.offer(&model, 300, now)) <= now + 20);
        assert!(at(lane.offer(&model, 300, now)) >= now + 37_000, "the bucket is empty");
    }

    #[test]
    fn a_full_queue_refuses_and_takes_again_once_drained() {
        let mut lane = Lane::new(1);
        let model = WayModel { queue_bytes: 1_000, ..rated(8_000) };
        assert_eq!(at(lane.offer(&model, 500, 0)), 500_001);
        assert_eq!(at(lane.offer(&model, 500, 0)), 1_000_002);
        assert_eq!(lane.offer(&model, 500, 0), Verdict::Drop(DropReason::QueueFull));
        assert_eq!(at(lane.offer(&model, 500, 600_000)), 1_500_003);
    }

    #[test]
    fn what_waits_is_carried_at_a_new_rate() {
        let mut lane = Lane::new(1);
        assert!(at(lane.offer(&rated(8_000), 1_000, 0)) > 999_000);
        let faster = at(lane.offer(&rated(8_000_000), 1_000, 0));
        assert!(faster >= 1_000_001, "order is kept");
        let next = lane.backlog_bytes(0);
        assert!((1_900..=2_010).contains(&next), "{next}");
    }

    #[test]
    fn a_rate_of_zero_holds_everything_back() {
        let mut lane = Lane::new(1);
        assert!(at(lane.offer(&rated(0), 40, 5)) > 86_000_000_000);
    }

    #[test]
    fn loss_is_as_often_as_the_model_says() {
        let mut lane = Lane::new(9);
        let model = WayModel { loss: 0.1, ..WayModel::default() };
        let lost =
            (0..20_000).filter(|n| matches!(lane.offer(&model, 100, *n), Verdict::Drop(DropReason::Loss))).count();
        assert!((1_850..=2_150).contains(&lost), "{lost} of 20000");
    }

    #[test]
    fn jitter_has_the_scale_the_model_says() {
        let mut lane = Lane::new(9);
        let model = WayModel { jitter_ms: 10, ..WayModel::default() };
        let mean = (0..4_000).map(|n| at(lane.offer(&model, 100, n * 1_000_000)) - n * 1_000_000).sum::<u64>() / 4_000;
        assert!((7_500..=8_500).contains(&mean), "mean of a half normal is 0.8 sd: {mean}");
    }

    proptest! {
        #[test]
        fn order_causality_and_rate_hold_on_any_link(
            seed: u64,
            rate_bps in proptest::option::of(1_000u64..10_000_000),
            delay_ms in 0u32..500, jitter_ms in 0u32..200, loss in 0.0f64..0.9,
            burst_bytes in 0u32..20_000, queue_bytes in 0u32..100_000,
            steps in proptest::collection::vec((20u32..1500, 0u64..100_000), 1..200),
        ) {
            let model = WayModel { rate_bps, delay_ms, jitter_ms, loss, burst_bytes, queue_bytes };
            let (mut lane, mut twin) = (Lane::new(seed), Lane::new(seed));
            let (mut now, mut last, mut carried) = (1_000_000_000u64, 0u64, 0u64);
            let began = now;
            for (bytes, gap) in steps {
                now += gap;
                let verdict = lane.offer(&model, bytes, now);
                prop_assert_eq!(verdict, twin.offer(&model, bytes, now), "one seed, one fate");
                if let Verdict::Deliver { at_us } = verdict {
                    prop_assert!(at_us >= now + u64::from(delay_ms) * 1000);
                    prop_assert!(at_us >= last);
                    last = at_us;
                    carried += u64::from(bytes);
                    if let Some(rate) = rate_bps {
                        let could = bytes_in(rate, at_us - began) + u64::from(burst_bytes) + 1;
                        prop_assert!(carried <= could, "{} bytes where {} could pass", carried, could);
                        prop_assert!(lane.backlog_bytes(now) <= u64::from(queue_bytes).max(u64::from(bytes)) + 1);
                    }
                }
            }
        }
    }
}
