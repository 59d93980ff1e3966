//! What this phone's path carries now, per line: threshold 1 of a call, and the answers to the server's own probes.
//!
//! A measurement is one packet train each way over the live session and one round trip; only where the train lands near
//! a threshold a paced burst follows, because a token bucket lets a short train pass at its peak rate. In all at most 6 KB
//! a direction. It ends inside the decision's budget, and is kept as long as DESIGN 7 lets it.
//!
//! The OS's hint is a table per radio type on an idle modem: it may refuse a call, never allow one.

mod answer;
mod arrival;
mod probe;

use crate::config::Config;
use crate::ctx::{Ctx, SessionFacts};
use crate::input::NetworkSnapshot;
use answer::Answering;
use probe::{Found, Probe};
use std::collections::VecDeque;
use tandem_model::{DataRate, Mono, MonoMicros, Ticket};
use tandem_wire::ServerFrame;

/// Frames of a train.
pub const TRAIN_COUNT: u32 = 8;
/// Bytes of filling in each.
pub const TRAIN_FILL: u32 = 300;
/// Bytes of filling in each frame of a paced burst.
pub const BURST_FILL: u32 = 370;
/// Frames of a paced burst at most: with the train 6 KB a direction.
pub const BURST_COUNT_MAX: u32 = 8;
/// What a frame weighs on the socket beside its filling, for pacing only: reports carry true sizes.
const FRAME_OVERHEAD: u32 = 30;
/// Own probes that are over, remembered so that their late frames are not taken for a probe by the server.
const OVER_MAX: usize = 8;

/// What the own path allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnVerdict {
    /// Full voice.
    Full,
    /// Low-rate voice.
    LowRate,
    /// No voice: the rate, the round trip or the OS's hint forbids it.
    TooSlow,
    /// The measurement did not end in time: nothing is known.
    Unmeasured,
}

/// The meter of one line.
#[derive(Debug, Default)]
pub struct Meter {
    network: NetworkSnapshot,
    /// The last reading passed in full: withdrawn only below [`Config::withdrawn_below`].
    passed: bool,
    reading: Option<Reading>,
    probe: Option<Probe>,
    over: VecDeque<Ticket>,
    answering: Answering,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    verdict: OwnVerdict,
    at: Mono,
}

impl Meter {
    /// Begins a measurement, unless a usable one stands or is under way. Also to warm up before a call (dial pad opened).
    pub fn measure(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        let known = self.verdict(ctx.now.mono, ctx.config).is_some_and(|verdict| verdict != OwnVerdict::Unmeasured);
        if known || self.probe.is_some() {
            return;
        }
        self.reading = None;
        self.probe = Some(Probe::begin(session, ctx));
    }

    /// What is known now; `None` while a measurement is under way, or when none was made or it is too old.
    #[must_use]
    pub fn verdict(&self, now: Mono, config: &Config) -> Option<OwnVerdict> {
        if self.hint_refuses(config) {
            return Some(OwnVerdict::TooSlow);
        }
        let reading = self.reading?;
        let age_max = match reading.verdict {
            OwnVerdict::Full | OwnVerdict::LowRate if self.network.wifi => config.measurement_age_wifi,
            OwnVerdict::Full | OwnVerdict::LowRate => config.measurement_age_moving,
            OwnVerdict::TooSlow | OwnVerdict::Unmeasured => config.measurement_age_failed,
        };
        (now.since(reading.at) < age_max).then_some(reading.verdict)
    }

    /// A frame on this line's session. Everything that is no measurement is left alone.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other frames are other machines' business")]
    pub fn on_frame(
        &mut self,
        frame: &ServerFrame,
        at: MonoMicros,
        wire_bytes: u32,
        session: &SessionFacts,
        ctx: &mut Ctx<'_>,
    ) {
        let mine = |probe: &Option<Probe>, ticket: Ticket| probe.as_ref().is_some_and(|probe| probe.ticket == ticket);
        match frame {
            ServerFrame::Time { ticket, .. } => {
                if let Some(probe) = &mut self.probe {
                    probe.on_time(*ticket, at);
                }
            }
            ServerFrame::Train(train) if self.over.contains(&train.probe) => {}
            ServerFrame::Train(train) => match &mut self.probe {
                Some(probe) if probe.ticket == train.probe => {
                    let thresholds = Thresholds::of(ctx.config, self.passed);
                    probe.on_train(train, at, wire_bytes, thresholds, session, ctx);
                }
                Some(_) | None => self.answering.on_train(train, at, wire_bytes, session, ctx),
            },
            ServerFrame::TrainReport(report) => {
                let thresholds = Thresholds::of(ctx.config, self.passed);
                if let Some(probe) = &mut self.probe
                    && probe.ticket == report.probe
                {
                    probe.on_report(report, thresholds, session, ctx);
                }
            }
            ServerFrame::Refused { ticket, .. } if mine(&self.probe, *ticket) => {
                self.end(OwnVerdict::Unmeasured, ctx.now.mono);
            }
            _ => {}
        }
        if let Some(found) = self.probe.as_ref().and_then(Probe::found) {
            self.settle(found, ctx);
        }
    }

    /// The path changed: what was measured on another one is void.
    pub fn on_network(&mut self, snapshot: NetworkSnapshot) {
        let same = snapshot.path == self.network.path && snapshot.wifi == self.network.wifi;
        self.network = snapshot;
        if same && snapshot.connected {
            return;
        }
        self.passed = false;
        self.reading = None;
        self.forget_probe();
    }

    /// The session is gone: a measurement under way ends without a result.
    pub fn on_session_down(&mut self, now: Mono) {
        self.answering.on_session_down();
        if self.probe.is_some() {
            self.end(OwnVerdict::Unmeasured, now);
        }
    }

    /// Sends what is due and ends what is overdue.
    pub fn handle_timeout(&mut self, session: &SessionFacts, ctx: &mut Ctx<'_>) {
        self.answering.handle_timeout(session, ctx);
        let Some(probe) = &mut self.probe else { return };
        if probe.deadline > ctx.now.mono {
            probe.send_due(session, ctx);
            probe.end_silent_burst(ctx.now.mono);
            if let Some(found) = probe.found() {
                self.settle(found, ctx);
            }
            return;
        }
        match probe.found_at_deadline(ctx.now.mono) {
            Some(found) if found.timed || found.rate < ctx.config.low_rate_voice => {
                self.settle(found, ctx);
            }
            // A bound that allows voice is no proof of it.
            Some(_) | None => self.end(OwnVerdict::Unmeasured, ctx.now.mono),
        }
    }

    /// When it must be looked at again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        let probe = self.probe.as_ref().map(Probe::poll_timeout);
        probe.into_iter().chain(self.answering.poll_timeout()).min()
    }

    fn settle(&mut self, found: Found, ctx: &Ctx<'_>) {
        let thresholds = Thresholds::of(ctx.config, self.passed);
        let verdict = if found.round_trip > ctx.config.round_trip_max {
            OwnVerdict::TooSlow
        } else {
            thresholds.judge(found.rate)
        };
        self.passed = verdict == OwnVerdict::Full;
        self.end(verdict, ctx.now.mono);
    }

    fn end(&mut self, verdict: OwnVerdict, now: Mono) {
        self.reading = Some(Reading { verdict, at: now });
        self.forget_probe();
    }

    fn forget_probe(&mut self) {
        let Some(probe) = self.probe.take() else {
            return;
        };
        if self.over.len() >= OVER_MAX {
            self.over.pop_front();
        }
        self.over.push_back(probe.ticket);
    }

    fn hint_refuses(&self, config: &Config) -> bool {
        self.network.hint_bps.is_some_and(|bps| bps < config.low_rate_voice.as_bps())
    }
}

/// The rates that decide, as they stand for a path that passed before or did not.
#[derive(Clone, Copy, Debug)]
struct Thresholds {
    full: DataRate,
    low: DataRate,
}

impl Thresholds {
    fn of(config: &Config, passed: bool) -> Thresholds {
        Thresholds { full: if passed { config.withdrawn_below } else { config.full_voice }, low: config.low_rate_voice }
    }

    fn judge(self, rate: DataRate) -> OwnVerdict {
        if rate >= self.full {
            OwnVerdict::Full
        } else if rate >= self.low {
            OwnVerdict::LowRate
        } else {
            OwnVerdict::TooSlow
        }
    }

    /// The threshold a train's result is too close to for a train alone: from a little below it (a train errs by some
    /// per cent) to twice of it (a token bucket's peak).
    fn near(self, train: DataRate) -> Option<DataRate> {
        let around = |threshold: DataRate| {
            let bps = threshold.as_bps();
            (bps / 100 * 85..=bps.saturating_mul(2)).contains(&train.as_bps())
        };
        [self.full, self.low].into_iter().find(|threshold| around(*threshold))
    }
}

#[cfg(test)]
#[path = "meter/tests.rs"]
mod tests;
