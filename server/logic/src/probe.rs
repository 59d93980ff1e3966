//! Probes: the phone's own, which the server serves, and the server's of a callee, which a gate waits for.

use crate::effect::Metric;
use crate::input::ConnId;
use crate::io::Io;
use crate::measured::{Direction, SERVER_PROBE, TrainStep, burst_pause, is_near, rate_of, train_frame, with_burst};
use crate::sessions::Sessions;
use crate::timers::Timer;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::{DataRate, Mono, MonoMicros, Ticket};
use tandem_wire::frame::{Train, TrainReport};
use tandem_wire::{RefuseReason, ServerFrame};

/// A callee that has not begun its own train this long after its report will not send one.
const UP_TRAIN_WAIT: Duration = Duration::from_millis(250);

/// The server's probes of callees, one for each connection at most.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    running: BTreeMap<Ticket, Probe>,
    by_conn: BTreeMap<ConnId, Ticket>,
}

/// One probe of a callee.
#[derive(Debug)]
struct Probe {
    conn: ConnId,
    ends_at: Mono,
    /// Gates that wait for it.
    gates: Vec<u64>,
    train: Option<DataRate>,
    burst_sent: u32,
    down: Option<DataRate>,
    up: Option<DataRate>,
    /// No train of the callee's will come.
    up_given_up: bool,
}

/// A probe ended: these gates can decide by the slower direction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Probed {
    pub(crate) gates: Vec<u64>,
    pub(crate) rate: DataRate,
}

impl Probes {
    /// Measures the phone on a connection for a gate, or lets the gate wait for the measurement under way.
    pub(crate) fn measure(&mut self, io: &mut Io, conn: ConnId, gate: u64) {
        if let Some(probe) = self.by_conn.get(&conn).and_then(|ticket| self.running.get_mut(ticket)) {
            probe.gates.push(gate);
            return;
        }
        let ticket = Ticket(SERVER_PROBE | io.ticket().0);
        let ends_at = io.now.mono.after(io.config.measure.probe_wait);
        io.count(Metric::CalleeProbed);
        io.timers.set(Timer::Probe(ticket), ends_at);
        send_train(io, conn, ticket);
        self.by_conn.insert(conn, ticket);
        let probe = Probe {
            conn,
            ends_at,
            gates: vec![gate],
            train: None,
            burst_sent: 0,
            down: None,
            up: None,
            up_given_up: false,
        };
        self.running.insert(ticket, probe);
    }

    /// A phone asks to be measured with.
    pub(crate) fn own_probe(&mut self, io: &mut Io, sessions: &mut Sessions, conn: ConnId, ticket: Ticket) {
        let max = io.config.measure.probes_max;
        let Some(line) = sessions.line_mut(conn) else { return };
        if ticket.0 & SERVER_PROBE != 0 {
            return io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO);
        }
        if !line.measured.begin_own(ticket, max) {
            return io.refuse(conn, ticket, RefuseReason::Budget, io.config.measure.train_wait);
        }
        io.wait(Timer::OwnProbe(conn, ticket), io.config.measure.train_wait * 2);
        send_train(io, conn, ticket);
    }

    /// A frame of a phone's train came.
    pub(crate) fn train(
        &mut self,
        io: &mut Io,
        sessions: &mut Sessions,
        conn: ConnId,
        train: Train,
        at: MonoMicros,
        wire_bytes: u32,
    ) -> Option<Probed> {
        let line = sessions.line_mut(conn)?;
        match line.measured.train_came(train, at, wire_bytes) {
            TrainStep::Ignored | TrainStep::Continued => None,
            TrainStep::Began => {
                io.wait(Timer::Train(conn, train.probe, train.round), io.config.measure.train_wait);
                None
            }
            TrainStep::Complete(report) => self.train_complete(io, sessions, conn, report),
        }
    }

    /// A phone's train is judged by what came.
    pub(crate) fn train_is_over(
        &mut self,
        io: &mut Io,
        sessions: &mut Sessions,
        conn: ConnId,
        probe: Ticket,
        round: u32,
    ) -> Option<Probed> {
        let report = sessions.line_mut(conn)?.measured.train_is_over(probe, round, io.now.mono)?;
        self.train_complete(io, sessions, conn, report)
    }

    fn train_complete(
        &mut self,
        io: &mut Io,
        sessions: &mut Sessions,
        conn: ConnId,
        report: TrainReport,
    ) -> Option<Probed> {
        io.timers.clear(Timer::Train(conn, report.probe, report.round));
        io.send(conn, ServerFrame::TrainReport(report));
        let rate = rate_of(&report, &io.config.measure)?;
        let line = sessions.line_mut(conn)?;
        let rate = match (report.round, line.measured.last(Direction::Up)) {
            (0, _) | (_, None) => rate,
            (_, Some(train)) => with_burst(train, rate, io.config.measure.burst_rate),
        };
        line.measured.learn(Direction::Up, rate, io.now.mono);
        let probe = self.running.get_mut(&report.probe).filter(|probe| probe.conn == conn)?;
        probe.up = Some(rate);
        self.end_if_known(io, sessions, report.probe)
    }

    /// A phone says what it saw of the server's train.
    pub(crate) fn report(
        &mut self,
        io: &mut Io,
        sessions: &mut Sessions,
        conn: ConnId,
        report: TrainReport,
    ) -> Option<Probed> {
        let rate = rate_of(&report, &io.config.measure)?;
        if self.running.get(&report.probe).is_some_and(|probe| probe.conn == conn) {
            return self.callee_report(io, sessions, report, rate);
        }
        self.own_report(io, sessions, conn, report, rate);
        None
    }

    fn own_report(&mut self, io: &mut Io, sessions: &mut Sessions, conn: ConnId, report: TrainReport, rate: DataRate) {
        let Some(line) = sessions.line_mut(conn) else { return };
        let Some(own) = line.measured.own_mut(report.probe) else { return };
        let pace = io.config.measure.burst_rate;
        let known = match own.train {
            None if is_near(rate, io.config.gate.full_from) => {
                own.train = Some(rate);
                io.timers.set(Timer::Burst(conn, report.probe), io.now.mono);
                return;
            }
            None => rate,
            Some(train) if report.round == 1 => with_burst(train, rate, pace),
            Some(_) => return,
        };
        line.measured.end_own(report.probe);
        line.measured.learn(Direction::Down, known, io.now.mono);
        io.timers.clear(Timer::OwnProbe(conn, report.probe));
        io.timers.clear(Timer::Burst(conn, report.probe));
    }

    fn callee_report(
        &mut self,
        io: &mut Io,
        sessions: &mut Sessions,
        report: TrainReport,
        rate: DataRate,
    ) -> Option<Probed> {
        let probe = self.running.get_mut(&report.probe)?;
        match (probe.train, report.round) {
            (None, 0) => {
                probe.train = Some(rate);
                let burst = burst_pause(&io.config.measure) * io.config.measure.burst_frames;
                if is_near(rate, io.config.gate.full_from) && io.now.mono.after(burst) < probe.ends_at {
                    io.timers.set(Timer::Burst(probe.conn, report.probe), io.now.mono);
                } else {
                    probe.down = Some(rate);
                }
                if probe.up.is_none() {
                    io.wait(Timer::UpTrain(report.probe), UP_TRAIN_WAIT);
                }
            }
            (Some(train), 1) => probe.down = Some(with_burst(train, rate, io.config.measure.burst_rate)),
            (None | Some(_), _) => return None,
        }
        self.end_if_known(io, sessions, report.probe)
    }

    /// The next frame of a burst leaves.
    pub(crate) fn burst(&mut self, io: &mut Io, sessions: &mut Sessions, conn: ConnId, ticket: Ticket) {
        let sent = match self.running.get_mut(&ticket) {
            Some(probe) => &mut probe.burst_sent,
            None => match sessions.line_mut(conn).and_then(|line| line.measured.own_mut(ticket)) {
                Some(own) => &mut own.burst_sent,
                None => return,
            },
        };
        if *sent >= io.config.measure.burst_frames {
            return;
        }
        let index = *sent;
        *sent += 1;
        io.send(conn, ServerFrame::Train(train_frame(ticket, 1, index, &io.config.measure)));
        io.wait(Timer::Burst(conn, ticket), burst_pause(&io.config.measure));
    }

    /// The callee has had time to begin its own train.
    pub(crate) fn up_train_is_due(&mut self, io: &mut Io, sessions: &mut Sessions, ticket: Ticket) -> Option<Probed> {
        let probe = self.running.get_mut(&ticket)?;
        let arriving = sessions.line(probe.conn).is_some_and(|line| line.measured.is_arriving(ticket));
        probe.up_given_up = !arriving;
        self.end_if_known(io, sessions, ticket)
    }

    fn end_if_known(&mut self, io: &mut Io, sessions: &mut Sessions, ticket: Ticket) -> Option<Probed> {
        let probe = self.running.get(&ticket)?;
        let known = probe.down.is_some() && (probe.up.is_some() || probe.up_given_up);
        if known { self.end(io, sessions, ticket) } else { None }
    }

    /// The probe ends with what it has. Without a report the path carries nothing in time.
    pub(crate) fn end(&mut self, io: &mut Io, sessions: &mut Sessions, ticket: Ticket) -> Option<Probed> {
        let probe = self.running.remove(&ticket)?;
        self.by_conn.remove(&probe.conn);
        for timer in [Timer::Probe(ticket), Timer::Burst(probe.conn, ticket), Timer::UpTrain(ticket)] {
            io.timers.clear(timer);
        }
        let down = probe.down.or(probe.train).unwrap_or_default();
        let Some(line) = sessions.line_mut(probe.conn) else {
            return Some(Probed { gates: probe.gates, rate: down });
        };
        let partial = line.measured.train_is_over(ticket, 0, io.now.mono);
        io.timers.clear(Timer::Train(probe.conn, ticket, 0));
        let partial = partial.and_then(|report| rate_of(&report, &io.config.measure));
        let up = probe.up.or(partial).or(line.measured.last(Direction::Up)).unwrap_or(down);
        line.measured.learn(Direction::Down, down, io.now.mono);
        line.measured.learn(Direction::Up, up, io.now.mono);
        Some(Probed { gates: probe.gates, rate: down.min(up) })
    }

    /// The callee is gone: its gates learn that at once.
    pub(crate) fn conn_is_gone(&mut self, io: &mut Io, conn: ConnId) -> Vec<u64> {
        let Some(ticket) = self.by_conn.remove(&conn) else { return Vec::new() };
        for timer in [Timer::Probe(ticket), Timer::Burst(conn, ticket), Timer::UpTrain(ticket)] {
            io.timers.clear(timer);
        }
        self.running.remove(&ticket).map(|probe| probe.gates).unwrap_or_default()
    }
}

fn send_train(io: &mut Io, conn: ConnId, ticket: Ticket) {
    for index in 0..io.config.measure.train_frames {
        let frame = train_frame(ticket, 0, index, &io.config.measure);
        io.send(conn, ServerFrame::Train(frame));
    }
}
