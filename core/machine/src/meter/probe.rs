//! One measurement of the own path, both directions and the round trip, within its deadline.
//!
//! ```text
//!  ProbeAsk, TimeAsk, my train ──>            up:   AwaitingReport ──clear──────────────────> Known
//!          <── Time: round trip                          └─near a threshold─> Pacing ─> AwaitingBurst ─> Known
//!          <── TrainReport: up            down: frames timed here until the train is whole
//!          <── the server's train: down
//!  my TrainReport ──>                         near a threshold: its paced burst, when it sends one in time
//! ```

use super::arrival::{Arrival, report_rate};
use super::{BURST_COUNT_MAX, BURST_FILL, FRAME_OVERHEAD, TRAIN_COUNT, TRAIN_FILL, Thresholds};
use crate::ctx::{Ctx, SessionFacts};
use std::time::Duration;
use tandem_model::{DataRate, DataSize, Mono, MonoMicros, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{Train, TrainReport};

/// Time left after a paced burst for its report, beside the round trip.
const BURST_MARGIN: Duration = Duration::from_millis(20);

/// A burst of fewer frames cannot tell a sustained rate from a token bucket's peak.
const BURST_COUNT_MIN: u32 = 4;

/// A server that has not begun its burst this long after it must have my report sends none: a frame takes 80 ms
/// at the lowest rate of interest.
const BURST_BEGINS: Duration = Duration::from_millis(100);

/// How long a burst is paced at most.
const BURST_TIME: Duration = Duration::from_millis(400);

#[derive(Debug)]
pub struct Probe {
    pub ticket: Ticket,
    time_ticket: Ticket,
    sent_at: Mono,
    pub deadline: Mono,
    round_trip: Option<Duration>,
    up: Up,
    down: Down,
}

#[derive(Debug)]
enum Down {
    AwaitingTrain,
    Train(Arrival),
    /// The train came near a threshold and was reported: the server may send a burst until then.
    AwaitingBurst {
        train: DataRate,
        until: Mono,
    },
    Burst {
        train: DataRate,
        burst: Arrival,
    },
    Known(DataRate),
}

#[derive(Debug)]
enum Up {
    AwaitingReport,
    Pacing { train: DataRate, pace: Pace, sent: u32, next_at: Mono },
    AwaitingBurst { train: DataRate, pace: Pace },
    Known(DataRate),
}

/// How a burst is paced.
#[derive(Clone, Copy, Debug)]
struct Pace {
    target: DataRate,
    interval: Duration,
    count: u32,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The slower of both directions.
    pub rate: DataRate,
    /// The round trip.
    pub round_trip: Duration,
    /// Both directions were timed. Otherwise the rate is what the path allows at most: good for a refusal only.
    pub timed: bool,
}

impl Probe {
    /// Asks the time and for a probe, and sends the first train at once.
    pub fn begin(session: &SessionFacts, ctx: &mut Ctx<'_>) -> Probe {
        let probe = Probe {
            ticket: ctx.ticket(),
            time_ticket: ctx.ticket(),
            sent_at: ctx.now.mono,
            deadline: ctx.now.mono.after(ctx.config.decision_budget * 9 / 10),
            round_trip: None,
            up: Up::AwaitingReport,
            down: Down::AwaitingTrain,
        };
        // The time first: behind the train its answer would measure the queue.
        ctx.send(session, ClientFrame::TimeAsk { ticket: probe.time_ticket });
        ctx.send(session, ClientFrame::ProbeAsk { ticket: probe.ticket });
        send_train(probe.ticket, session, ctx);
        probe
    }

    /// The server answered [`ClientFrame::TimeAsk`].
    pub fn on_time(&mut self, ticket: Ticket, at: MonoMicros) {
        if ticket == self.time_ticket && self.round_trip.is_none() {
            self.round_trip = Some(at.mono().since(self.sent_at));
        }
    }

    /// A frame of the server's train or burst.
    pub fn on_train(
        &mut self,
        train: &Train,
        at: MonoMicros,
        wire_bytes: u32,
        thresholds: Thresholds,
        session: &SessionFacts,
        ctx: &mut Ctx<'_>,
    ) {
        match (&mut self.down, train.round) {
            (Down::AwaitingTrain, 0) => self.down = Down::Train(Arrival::begin(train, at)),
            (Down::Train(arrival), 0) => {
                arrival.take(at, wire_bytes);
                if arrival.is_whole() {
                    ctx.send(session, ClientFrame::TrainReport(arrival.report()));
                    let rate = arrival.rate();
                    self.down = self.after_train(rate, thresholds, ctx.now.mono);
                }
            }
            (Down::AwaitingBurst { train: rate, .. }, 1) => {
                self.down = Down::Burst { train: *rate, burst: Arrival::begin(train, at) };
            }
            (Down::Burst { train: rate, burst }, 1) => {
                burst.take(at, wire_bytes);
                if burst.is_whole() {
                    ctx.send(session, ClientFrame::TrainReport(burst.report()));
                    // The server paces at a rate of its own choice: what came through is what is known.
                    let through = burst.rate().unwrap_or(*rate);
                    self.down = Down::Known(sustained(*rate, through, thresholds));
                }
            }
            // Late, double or out of turn.
            (
                Down::AwaitingTrain | Down::Train(_) | Down::AwaitingBurst { .. } | Down::Burst { .. } | Down::Known(_),
                _,
            ) => {}
        }
    }

    fn after_train(&self, rate: Option<DataRate>, thresholds: Thresholds, now: Mono) -> Down {
        let rate = rate.unwrap_or_default();
        let until = now.after(self.round_trip.unwrap_or_default()).after(BURST_BEGINS);
        if thresholds.near(rate).is_some() && until.after(BURST_TIME) <= self.deadline {
            Down::AwaitingBurst { train: rate, until }
        } else {
            Down::Known(rate)
        }
    }

    /// What the server saw of mine. A burst follows where the train lands near a threshold and there is time for it.
    pub fn on_report(
        &mut self,
        report: &TrainReport,
        thresholds: Thresholds,
        session: &SessionFacts,
        ctx: &mut Ctx<'_>,
    ) {
        match (&self.up, report.round) {
            (Up::AwaitingReport, 0) => {
                let train = report_rate(report);
                self.up = match self.pace(train, thresholds, ctx.now.mono) {
                    None => Up::Known(train),
                    Some(pace) => Up::Pacing { train, pace, sent: 0, next_at: ctx.now.mono },
                };
                self.send_due(session, ctx);
            }
            (Up::AwaitingBurst { train, pace }, 1) => {
                self.up = Up::Known(passed(*train, report_rate(report), pace.target));
            }
            // Late, double or out of turn: what is known stays.
            (Up::AwaitingReport | Up::Pacing { .. } | Up::AwaitingBurst { .. } | Up::Known(_), _) => {}
        }
    }

    /// Sends the frames of a burst that are due.
    pub fn send_due(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        let Up::Pacing { train, pace, sent, next_at } = &mut self.up else {
            return;
        };
        while *sent < pace.count && *next_at <= ctx.now.mono {
            let frame = Train { probe: self.ticket, round: 1, index: *sent, count: pace.count, fill: BURST_FILL };
            ctx.send(session, ClientFrame::Train(frame));
            *sent += 1;
            // From now, not from when it was due: a late timer must not turn the burst into a train.
            *next_at = ctx.now.mono.after(pace.interval);
        }
        if *sent >= pace.count {
            self.up = Up::AwaitingBurst { train: *train, pace: *pace };
        }
    }

    /// What was found, once everything is in.
    pub fn found(&self) -> Option<Found> {
        let (Up::Known(up), Down::Known(down), Some(round_trip)) = (&self.up, &self.down, self.round_trip) else {
            return None;
        };
        Some(Found { rate: (*down).min(*up), round_trip, timed: true })
    }

    /// The best that what did *not* come in time allows: a path that could not pass a train of 2.7 KB is slow, one
    /// whose server said nothing is unknown.
    pub fn found_at_deadline(&self, now: Mono) -> Option<Found> {
        let round_trip = self.round_trip?;
        let waited = now.since(self.sent_at).saturating_sub(round_trip);
        let at_most = DataRate::of(DataSize::bytes(u64::from(TRAIN_COUNT * (TRAIN_FILL + FRAME_OVERHEAD))), waited);
        let (up, up_timed) = match &self.up {
            Up::AwaitingReport => (at_most, false),
            // It had the time to pass and did not.
            Up::Pacing { train, pace, .. } | Up::AwaitingBurst { train, pace } => {
                let below = DataRate::bps(pace.target.as_bps().saturating_sub(1));
                ((*train).min(below), true)
            }
            Up::Known(up) => (*up, true),
        };
        let (down, down_timed) = match &self.down {
            // The server answered the time and sends its train once ours has passed: ours has not.
            Down::AwaitingTrain if matches!(self.up, Up::AwaitingReport) => (at_most, false),
            // Ours has passed and nothing came back: that is the server's silence, not the path's rate.
            Down::AwaitingTrain => return None,
            Down::Train(arrival) => {
                let by_now = arrival.rate_by(now).unwrap_or(at_most);
                (by_now.min(at_most), false)
            }
            Down::AwaitingBurst { train, .. } => (*train, true),
            Down::Burst { train, burst } => (burst.rate_by(now).map_or(*train, |rate| rate.min(*train)), true),
            Down::Known(down) => (*down, true),
        };
        Some(Found { rate: up.min(down), round_trip, timed: up_timed && down_timed })
    }

    /// A server that sends no burst leaves the train to stand.
    pub fn end_silent_burst(&mut self, now: Mono) {
        if let Down::AwaitingBurst { train, until } = self.down
            && until <= now
        {
            self.down = Down::Known(train);
        }
    }

    /// When it must be looked at again.
    pub fn poll_timeout(&self) -> Mono {
        let pacing = match self.up {
            Up::Pacing { next_at, .. } => next_at,
            Up::AwaitingReport | Up::AwaitingBurst { .. } | Up::Known(_) => self.deadline,
        };
        let burst = match self.down {
            Down::AwaitingBurst { until, .. } => until,
            Down::AwaitingTrain | Down::Train(_) | Down::Burst { .. } | Down::Known(_) => self.deadline,
        };
        pacing.min(burst).min(self.deadline)
    }

    fn pace(&self, train: DataRate, thresholds: Thresholds, now: Mono) -> Option<Pace> {
        let target = thresholds.near(train)?;
        let frame_bits = u64::from(BURST_FILL + FRAME_OVERHEAD) * 8;
        let interval = Duration::from_millis((frame_bits * 1000).checked_div(target.as_bps())?.max(1));
        let room = self
            .deadline
            .since(now)
            .saturating_sub(self.round_trip.unwrap_or_default())
            .saturating_sub(BURST_MARGIN)
            .saturating_sub(interval)
            .min(BURST_TIME);
        let fit = u32::try_from(room.as_millis() / interval.as_millis()).unwrap_or(u32::MAX);
        let count = fit.saturating_add(1).min(BURST_COUNT_MAX);
        (count >= BURST_COUNT_MIN).then_some(Pace { target, interval, count })
    }
}

/// What a train and a burst at a known pace say together: the pace passed, or what came of it is all there is. The
/// little that may be missing is jitter over some 350 ms.
fn passed(train: DataRate, burst: DataRate, pace: DataRate) -> DataRate {
    if burst.as_bps() >= pace.as_bps() / 100 * 97 { train.max(pace) } else { burst.min(train) }
}

/// The same where the pace is the sender's secret: the burst is judged by the threshold it was to prove.
fn sustained(train: DataRate, burst: DataRate, thresholds: Thresholds) -> DataRate {
    match thresholds.near(train) {
        Some(threshold) => passed(train, burst, threshold),
        None => burst.min(train),
    }
}

/// Sends a whole train back to back.
pub fn send_train(probe: Ticket, session: &SessionFacts, ctx: &mut Ctx<'_>) {
    for index in 0..TRAIN_COUNT {
        let frame = Train { probe, round: 0, index, count: TRAIN_COUNT, fill: TRAIN_FILL };
        ctx.send(session, ClientFrame::Train(frame));
    }
}
