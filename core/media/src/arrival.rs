//! What the arrival of RTP packets tells about the path: loss over the last seconds, and jitter.

use std::collections::VecDeque;

/// Seconds of loss that are remembered.
const SECONDS: usize = 5;

/// Watches the packets of one stream.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    received: u64,
    highest: Option<i64>,
    first: i64,
    /// (expected, received) at the end of each of the last seconds.
    marks: VecDeque<(i64, u64)>,
    last_transit_us: Option<i64>,
    jitter_us: f64,
}

impl Arrivals {
    /// A packet came at `now_us`.
    pub(crate) fn packet(&mut self, sequence: u16, timestamp: u32, now_us: i64) {
        self.received += 1;
        match self.highest {
            None => {
                self.first = i64::from(sequence);
                self.highest = Some(i64::from(sequence));
            }
            Some(highest) => {
                let step = i64::from(sequence.wrapping_sub(highest as u16).cast_signed());
                self.highest = Some(highest + step.max(0));
            }
        }
        self.follow_jitter(timestamp, now_us);
    }

    /// A second has passed.
    pub(crate) fn second(&mut self) {
        if self.marks.len() > SECONDS {
            self.marks.pop_front();
        }
        self.marks.push_back((self.expected(), self.received));
    }

    /// Packets that came.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Share of packets lost over the last seconds, in percent.
    pub(crate) fn loss_percent(&self) -> f32 {
        let (expected_then, received_then) = self.marks.front().copied().unwrap_or((0, 0));
        let expected = self.expected() - expected_then;
        let received = i64::try_from(self.received - received_then).unwrap_or(i64::MAX);
        if expected <= 0 { 0.0 } else { ((expected - received).max(0) as f32) * 100.0 / expected as f32 }
    }

    /// Interarrival jitter in milliseconds (RFC 3550 section 6.4.1).
    pub(crate) fn jitter_ms(&self) -> f32 {
        (self.jitter_us / 1000.0) as f32
    }

    fn expected(&self) -> i64 {
        self.highest.map_or(0, |highest| highest - self.first + 1)
    }

    fn follow_jitter(&mut self, timestamp: u32, now_us: i64) {
        let transit_us = now_us - i64::from(timestamp) * 1000 / 48;
        if let Some(last) = self.last_transit_us.replace(transit_us) {
            let step = (transit_us - last).unsigned_abs();
            // A wrap or restart of the RTP clock is not jitter.
            if step < 10_000_000 {
                self.jitter_us += (step as f64 - self.jitter_us) / 16.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(arrivals: &mut Arrivals, range: std::ops::Range<u16>, keep: impl Fn(u16) -> bool) {
        for n in range.filter(|n| keep(*n)) {
            arrivals.packet(n, u32::from(n) * 960, i64::from(n) * 20_000);
        }
    }

    #[test]
    fn loss_is_that_of_the_last_seconds() {
        let mut arrivals = Arrivals::default();
        for second in 0..5u16 {
            feed(&mut arrivals, second * 50..(second + 1) * 50, |n| n % 10 != 5);
            arrivals.second();
        }
        assert!((arrivals.loss_percent() - 10.0).abs() < 0.5, "{}", arrivals.loss_percent());
        for second in 5..12u16 {
            feed(&mut arrivals, second * 50..(second + 1) * 50, |_| true);
            arrivals.second();
        }
        assert_eq!(arrivals.loss_percent(), 0.0);
    }

    #[test]
    fn reordering_duplicates_and_the_wrap_are_not_loss() {
        let mut arrivals = Arrivals::default();
        for sequence in [65_534, 65_535, 1, 0, 0, 2] {
            arrivals.packet(sequence, 0, 0);
        }
        assert_eq!(arrivals.loss_percent(), 0.0);
        assert_eq!(arrivals.received(), 6);
    }

    #[test]
    fn jitter_is_zero_on_a_steady_path_and_near_the_deviation_on_another() {
        let mut steady = Arrivals::default();
        feed(&mut steady, 0..200, |_| true);
        assert_eq!(steady.jitter_ms(), 0.0);
        let mut shaky = Arrivals::default();
        for n in 0..400u16 {
            shaky.packet(n, u32::from(n) * 960, i64::from(n) * 20_000 + if n.is_multiple_of(2) { 10_000 } else { 0 });
        }
        assert!((9.0..=10.1).contains(&shaky.jitter_ms()), "{}", shaky.jitter_ms());
    }

    #[test]
    fn nothing_received_is_no_loss() {
        assert_eq!(Arrivals::default().loss_percent(), 0.0);
    }
}
