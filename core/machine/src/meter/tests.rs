#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the frames it is about")]

use super::*;
use crate::bench::{Bench, ToyWorld};
use crate::effect::Effect;
use proptest::prelude::*;
use tandem_model::{Line, ServerMillis};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{RefuseReason, Train, TrainReport};

/// A path: a rate each way (bit/s), a delay each way, and a bucket that lets so many bytes pass at once.
#[derive(Clone, Copy, Debug)]
struct Path {
    up_bps: u64,
    down_bps: u64,
    one_way_us: u64,
    bucket: u64,
}

fn path(kbps: u64) -> Path {
    Path { up_bps: kbps * 1000, down_bps: kbps * 1000, one_way_us: 20_000, bucket: 0 }
}

/// One direction: frames leave in order, no faster than the rate beyond the bucket.
struct Lane {
    bps: u64,
    delay_us: u64,
    bucket: u64,
    free_at_us: u64,
}

impl Lane {
    fn pass(&mut self, now_us: u64, bytes: u64) -> u64 {
        let start = self.free_at_us.max(now_us);
        let charged = bytes.saturating_sub(self.bucket);
        self.bucket = self.bucket.saturating_sub(bytes);
        self.free_at_us = start + charged * 8 * 1_000_000 / self.bps;
        self.free_at_us + self.delay_us
    }
}

struct Rig {
    bench: Bench,
    world: ToyWorld,
    meter: Meter,
    up: Lane,
    down: Lane,
    /// At the server, and then here: when, what, how large.
    to_server: Vec<(u64, ClientFrame, u32)>,
    to_phone: Vec<(u64, ServerFrame, u32)>,
    server: Option<arrival::Arrival>,
    sent_bytes: u64,
    /// Whether the server follows a report near the threshold by a paced burst.
    server_bursts: bool,
}

fn rig(path: Path) -> Rig {
    let mut rig = Rig {
        bench: Bench::new(3),
        world: ToyWorld::online(1, &[2]),
        meter: Meter::default(),
        up: Lane { bps: path.up_bps, delay_us: path.one_way_us, bucket: path.bucket, free_at_us: 0 },
        down: Lane { bps: path.down_bps, delay_us: path.one_way_us, bucket: 0, free_at_us: 0 },
        to_server: Vec::new(),
        to_phone: Vec::new(),
        server: None,
        sent_bytes: 0,
        server_bursts: false,
    };
    rig.meter.on_network(NetworkSnapshot { path: 1, connected: true, wifi: false, hint_bps: None });
    rig
}

fn size_up(frame: &ClientFrame) -> u32 {
    match frame {
        ClientFrame::Train(train) => train.fill + 28,
        _ => 30,
    }
}

fn size_down(frame: &ServerFrame) -> u32 {
    match frame {
        ServerFrame::Train(train) => train.fill + 28,
        _ => 30,
    }
}

impl Rig {
    fn session(&self) -> SessionFacts {
        self.world.sessions[&Line(0)]
    }

    fn measure(&mut self) {
        let session = self.session();
        self.meter.measure(&session, &mut self.bench.ctx());
        self.drain();
    }

    fn verdict(&self) -> Option<OwnVerdict> {
        self.meter.verdict(self.bench.now, &self.bench.config)
    }

    fn drain(&mut self) {
        let now_us = self.bench.now.0 * 1000;
        for effect in self.bench.effects() {
            let Effect::Send { frame, .. } = effect else { panic!("a meter only sends") };
            let size = size_up(&frame);
            self.sent_bytes += u64::from(size);
            let at = self.up.pass(now_us, u64::from(size));
            self.to_server.push((at, frame, size));
        }
    }

    fn answer(&mut self, at: u64, frame: ServerFrame) {
        let size = size_down(&frame);
        let at = self.down.pass(at, u64::from(size));
        self.to_phone.push((at, frame, size));
    }

    fn serve(&mut self, at: u64, frame: &ClientFrame, size: u32) {
        match frame {
            ClientFrame::TimeAsk { ticket } => {
                self.answer(at, ServerFrame::Time { ticket: *ticket, now: ServerMillis(0) })
            }
            ClientFrame::ProbeAsk { ticket } => {
                for index in 0..8 {
                    self.answer(at, train(*ticket, 0, index, 8));
                }
            }
            ClientFrame::TrainReport(report) if self.server_bursts && report.round == 0 => {
                for index in 0..11 {
                    let leaves = at + u64::from(index) * 40_000;
                    self.answer(leaves, train(report.probe, 1, index, 11));
                }
            }
            ClientFrame::TrainReport(_) => {}
            ClientFrame::Train(frame) => {
                match &mut self.server {
                    Some(arrival) if arrival.is_of(frame) => arrival.take(MonoMicros(at), size),
                    _ => self.server = Some(arrival::Arrival::begin(frame, MonoMicros(at))),
                }
                let arrival = self.server.unwrap();
                if arrival.is_whole() {
                    self.answer(at, ServerFrame::TrainReport(arrival.report()));
                }
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    fn tell(&mut self, frame: &ServerFrame, size: u32) {
        let (session, at) = (self.session(), MonoMicros(self.bench.now.0 * 1000));
        self.meter.on_frame(frame, at, size, &session, &mut self.bench.ctx());
        self.drain();
    }

    fn tick(&mut self) {
        let session = self.session();
        self.meter.handle_timeout(&session, &mut self.bench.ctx());
        self.drain();
    }

    /// Runs the path millisecond by millisecond until a verdict stands; returns how long it took.
    fn settle(&mut self) -> (OwnVerdict, u64) {
        let start = self.bench.now.0;
        loop {
            if let Some(verdict) = self.verdict() {
                return (verdict, self.bench.now.0 - start);
            }
            assert!(self.bench.now.0 < start + 5_000, "a measurement must end");
            self.bench.advance(1);
            let now_us = self.bench.now.0 * 1000;
            while let Some(i) = next_due(&self.to_server, now_us) {
                let (at, frame, size) = self.to_server.remove(i);
                self.serve(at, &frame, size);
            }
            while let Some(i) = next_due(&self.to_phone, now_us) {
                let (at, frame, size) = self.to_phone.remove(i);
                let session = self.session();
                self.meter.on_frame(&frame, MonoMicros(at), size, &session, &mut self.bench.ctx());
                self.drain();
            }
            if self.meter.poll_timeout().is_some_and(|at| at <= self.bench.now) {
                self.tick();
            }
        }
    }
}

fn next_due<T>(queue: &[(u64, T, u32)], now_us: u64) -> Option<usize> {
    (0..queue.len()).filter(|i| queue[*i].0 <= now_us).min_by_key(|i| queue[*i].0)
}

fn train(probe: Ticket, round: u32, index: u32, count: u32) -> ServerFrame {
    ServerFrame::Train(Train { probe, round, index, count, fill: 300 })
}

fn measured(path: Path) -> OwnVerdict {
    let mut rig = rig(path);
    rig.measure();
    rig.settle().0
}

#[test]
fn each_rate_gets_the_verdict_of_its_threshold() {
    for (kbps, expected) in [
        (10_000, OwnVerdict::Full),
        (80, OwnVerdict::Full),
        (66, OwnVerdict::Full),
        (60, OwnVerdict::LowRate),
        (45, OwnVerdict::LowRate),
        (34, OwnVerdict::LowRate),
        (29, OwnVerdict::TooSlow),
        (16, OwnVerdict::TooSlow),
        (9, OwnVerdict::TooSlow),
    ] {
        assert_eq!(measured(path(kbps)), expected, "{kbps} kbit/s");
    }
}

#[test]
fn the_slower_direction_decides() {
    let fast = path(1_000);
    assert_eq!(measured(Path { up_bps: 20_000, ..fast }), OwnVerdict::TooSlow);
    assert_eq!(measured(Path { down_bps: 20_000, ..fast }), OwnVerdict::TooSlow);
    assert_eq!(measured(Path { down_bps: 40_000, ..fast }), OwnVerdict::LowRate);
}

#[test]
fn a_long_round_trip_is_too_slow_however_fast_the_path_is() {
    let at = |one_way_us| Path { one_way_us, ..path(10_000) };
    assert_eq!(measured(at(299_000)), OwnVerdict::Full);
    assert_eq!(measured(at(301_000)), OwnVerdict::TooSlow);
}

#[test]
fn a_bucket_that_lets_a_train_pass_at_its_peak_is_found_out_by_the_paced_burst() {
    // 2 kB pass at once, so the train looks like some 100 kbit/s on a path that sustains 40.
    let bucket = Path { bucket: 1_200, ..path(40) };
    assert_eq!(measured(bucket), OwnVerdict::LowRate);
}

#[test]
fn the_servers_burst_finds_out_a_bucket_on_the_way_down() {
    for (server_bursts, expected) in [(false, OwnVerdict::Full), (true, OwnVerdict::LowRate)] {
        let mut rig = rig(Path { down_bps: 50_000, ..path(1_000) });
        rig.down.bucket = 1_000;
        rig.server_bursts = server_bursts;
        rig.measure();
        assert_eq!(rig.settle().0, expected);
    }
}

#[test]
fn a_measurement_ends_inside_the_decisions_budget_and_costs_six_kilobytes_at_most() {
    for kbps in [5, 20, 30, 33, 48, 60, 66, 80, 127, 300, 5_000] {
        let mut rig = rig(path(kbps));
        rig.measure();
        let (_, took_ms) = rig.settle();
        assert!(took_ms <= 900, "{kbps} kbit/s took {took_ms} ms");
        assert!(rig.sent_bytes <= 6_000, "{kbps}: {} bytes", rig.sent_bytes);
    }
    let mut far = rig(path(5_000));
    far.measure();
    far.settle();
    assert!(far.sent_bytes <= 2_800, "far from a threshold a train is enough");
}

#[test]
fn a_silent_server_leaves_the_path_unmeasured_exactly_at_the_deadline() {
    let mut rig = rig(path(64));
    rig.measure();
    let deadline = rig.meter.poll_timeout().expect("a wait must have an end");
    rig.bench.now = Mono(deadline.0 - 1);
    rig.tick();
    assert_eq!(rig.verdict(), None);
    rig.bench.now = deadline;
    rig.tick();
    assert_eq!(rig.verdict(), Some(OwnVerdict::Unmeasured));
    assert_eq!(rig.meter.poll_timeout(), None);
    rig.bench.advance(1);
    rig.measure();
    assert_eq!(rig.verdict(), None, "an unknown is asked again, not kept");
}

#[test]
fn a_refused_probe_and_a_lost_session_end_the_measurement_without_a_result() {
    let mut rig = rig(path(64));
    rig.measure();
    let ticket = rig.meter.probe.as_ref().unwrap().ticket;
    rig.tell(&ServerFrame::Refused { ticket, reason: RefuseReason::Budget, retry_after_ms: 1 }, 30);
    assert_eq!(rig.verdict(), Some(OwnVerdict::Unmeasured));
    rig.measure();
    rig.meter.on_session_down(rig.bench.now);
    assert_eq!(rig.verdict(), Some(OwnVerdict::Unmeasured));
}

#[test]
fn a_reading_is_kept_as_long_as_its_kind_allows_and_no_longer() {
    for (kbps, wifi, age_ms) in
        [(1_000, false, 30_000), (1_000, true, 120_000), (10, false, 10_000), (10, true, 10_000)]
    {
        let mut rig = rig(path(kbps));
        rig.meter.network.wifi = wifi;
        rig.measure();
        let (verdict, _) = rig.settle();
        let at = rig.bench.now.0;
        rig.bench.now = Mono(at + age_ms - 1);
        assert_eq!(rig.verdict(), Some(verdict));
        rig.bench.now = Mono(at + age_ms);
        assert_eq!(rig.verdict(), None);
    }
}

#[test]
fn a_warm_meter_sends_nothing() {
    let mut rig = rig(path(1_000));
    rig.measure();
    rig.settle();
    let sent = rig.sent_bytes;
    rig.measure();
    assert_eq!(rig.sent_bytes, sent);
}

#[test]
fn another_path_voids_the_reading_and_the_same_one_told_again_does_not() {
    let mut rig = rig(path(1_000));
    rig.measure();
    rig.settle();
    let same = rig.meter.network;
    rig.meter.on_network(same);
    assert_eq!(rig.verdict(), Some(OwnVerdict::Full));
    rig.meter.on_network(NetworkSnapshot { path: 2, ..same });
    assert_eq!(rig.verdict(), None);
}

#[test]
fn the_oss_hint_may_refuse_and_never_allow() {
    let mut rig = rig(path(10));
    let hint = |bps| NetworkSnapshot { path: 1, connected: true, wifi: false, hint_bps: Some(bps) };
    rig.meter.on_network(hint(24_000));
    assert_eq!(rig.verdict(), Some(OwnVerdict::TooSlow));
    rig.measure();
    assert_eq!(rig.sent_bytes, 0, "2G is refused without a byte");
    rig.meter.on_network(hint(145_000_000));
    assert_eq!(rig.verdict(), None);
    rig.measure();
    assert_eq!(rig.settle().0, OwnVerdict::TooSlow);
}

#[test]
fn a_pass_is_withdrawn_below_48_only() {
    let mut rig = rig(path(1_000));
    rig.measure();
    assert_eq!(rig.settle().0, OwnVerdict::Full);
    for (kbps, expected) in [(52, OwnVerdict::Full), (45, OwnVerdict::LowRate), (52, OwnVerdict::LowRate)] {
        rig.bench.advance(30_000);
        (rig.up.bps, rig.down.bps) = (kbps * 1000, kbps * 1000);
        rig.measure();
        assert_eq!(rig.settle().0, expected, "{kbps}");
    }
}

fn probe_by_server(rig: &mut Rig, probe: u64, frames: u32) {
    for index in 0..frames {
        rig.bench.advance(10);
        rig.tell(&train(Ticket(probe), 0, index, 8), 328);
    }
}

fn sent(rig: &Rig) -> (Vec<TrainReport>, usize) {
    let reports = rig
        .to_server
        .iter()
        .filter_map(|(_, frame, _)| match frame {
            ClientFrame::TrainReport(report) => Some(*report),
            _ => None,
        })
        .collect();
    let trains = rig.to_server.iter().filter(|(_, frame, _)| matches!(frame, ClientFrame::Train(_))).count();
    (reports, trains)
}

#[test]
fn a_probe_by_the_server_is_answered_by_a_report_and_one_train_back() {
    let mut rig = rig(path(1_000));
    probe_by_server(&mut rig, 1 << 40, 8);
    let (reports, trains) = sent(&rig);
    assert_eq!(
        reports,
        [TrainReport { probe: Ticket(1 << 40), round: 0, frames: 8, bytes_after_first: 7 * 328, spread_us: 70_000 }]
    );
    assert_eq!(trains, 8);
}

#[test]
fn a_train_that_goes_silent_is_reported_after_400_ms() {
    let mut rig = rig(path(1_000));
    probe_by_server(&mut rig, 1 << 40, 5);
    let silent_at = rig.meter.poll_timeout().unwrap();
    assert_eq!(silent_at, rig.bench.now.after(answer::SILENCE));
    rig.bench.now = Mono(silent_at.0 - 1);
    rig.tick();
    assert!(sent(&rig).0.is_empty());
    rig.bench.now = silent_at;
    rig.tick();
    assert_eq!(sent(&rig).0.first().unwrap().frames, 5);
}

#[test]
fn a_server_that_probes_without_end_gets_few_answers() {
    let mut rig = rig(path(1_000));
    for probe in 0..50 {
        probe_by_server(&mut rig, (1 << 40) + probe, 8);
    }
    assert_eq!(sent(&rig).0.len(), 4);
    rig.bench.advance(5_000);
    probe_by_server(&mut rig, 1 << 41, 8);
    assert_eq!(sent(&rig).0.len(), 5, "one more for each 5 s");
}

#[test]
fn late_frames_of_an_own_probe_are_no_probe_by_the_server() {
    let mut rig = rig(path(1_000));
    rig.measure();
    let ticket = rig.meter.probe.as_ref().unwrap().ticket;
    rig.meter.on_session_down(rig.bench.now);
    rig.to_server.clear();
    for index in 0..8 {
        rig.tell(&train(ticket, 0, index, 8), 328);
    }
    assert!(rig.to_server.is_empty());
}

fn any_frame() -> impl Strategy<Value = ServerFrame> {
    let ticket = (0_u64..6).prop_map(Ticket);
    prop_oneof![
        (ticket.clone(), any::<i64>()).prop_map(|(ticket, now)| ServerFrame::Time { ticket, now: ServerMillis(now) }),
        (ticket.clone(), 0_u32..3, any::<u32>(), any::<u32>(), any::<u32>()).prop_map(
            |(probe, round, index, count, fill)| ServerFrame::Train(Train {
                probe,
                round,
                index: index % 9,
                count: count % 40,
                fill
            })
        ),
        (ticket, 0_u32..3, any::<u32>(), any::<u32>(), any::<u64>()).prop_map(
            |(probe, round, frames, bytes_after_first, spread_us)| ServerFrame::TrainReport(TrainReport {
                probe,
                round,
                frames,
                bytes_after_first,
                spread_us
            })
        ),
    ]
}

proptest! {
    #[test]
    fn whatever_the_server_says_nothing_panics_and_a_wait_has_an_end(
        frames in prop::collection::vec((any_frame(), any::<u32>(), 0_u64..300), 0..60),
    ) {
        let mut rig = rig(path(1_000));
        rig.measure();
        for (frame, size, wait) in frames {
            rig.bench.advance(wait);
            rig.tell(&frame, size);
            rig.tick();
            if let Some(at) = rig.meter.poll_timeout() {
                prop_assert!(at > rig.bench.now, "what is due was done");
            }
        }
        rig.bench.advance(1_000);
        rig.tick();
        prop_assert!(rig.meter.probe.is_none());
    }
}
