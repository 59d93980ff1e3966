//! The one task that owns the bindings, on a thread of its own: datagrams of the access network in, answers out, and lookups
//! in between.
//!
//! Datagrams are taken many at a time where the system can (`recvmmsg`, through `quinn-udp`) and judged; what they change is
//! made durable by one sync, for which the thread waits, and then they are answered. No event crosses a thread, and what
//! comes during a sync shares the next. Lookups by datagram do not wait for any of this.

use crate::clock::Clock;
use crate::detached::Detached;
use crate::event::Event;
use crate::keeping::{Keeping, Kept};
use crate::metrics::Metrics;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use std::collections::BTreeMap;
use std::future::pending;
use std::io::{self, IoSliceMut};
use std::net;
use std::sync::Arc;
use tandem_logic::{StoreFault, Unseen};
use tandem_model::{Msisdn, Ticket};
use tandem_resolver::{Binding, Effect, Input, Intake, Metric, Now, Origin, Said, Unusable};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::trace;

/// Lookups that may wait for the task; more are told to come back.
pub const LOOKUPS: usize = 1_024;

/// Pushes that may wait for the task; more are told to come back.
pub const PUSHES: usize = 64;

/// Words of connections that may wait for the task; then connections wait.
pub const STREAM_WORDS: usize = 1_024;

/// Times the socket is read, many datagrams each, before anything else has its turn.
const ROUNDS: usize = 16;

/// Bytes of one receive buffer: as many as the system may put into one.
const BUFFER: usize = 64 * 1024;

/// A question about numbers.
#[derive(Debug)]
pub struct Lookup {
    /// Which.
    pub numbers: Vec<Msisdn>,
    /// What is known of each, in the same order.
    pub reply: oneshot::Sender<Vec<Option<Binding>>>,
}

/// Reports that came over HTTP.
#[derive(Debug)]
pub struct Push {
    /// Each, or why it says nothing.
    pub said: Vec<Result<Said, Unusable>>,
    /// What became of each, once it is durable.
    pub reply: oneshot::Sender<Vec<Metric>>,
}

/// What connections under TLS say.
#[derive(Debug)]
pub enum StreamWord {
    /// One stands.
    Opened {
        /// Its name, which no other has.
        connection: u64,
        /// Where its answers go.
        answers: mpsc::Sender<Vec<u8>>,
    },
    /// A packet came by it.
    Came {
        /// Which connection, and whose.
        origin: Origin,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// It is gone.
    Closed {
        /// Which.
        connection: u64,
    },
}

/// The ways in beside datagrams.
#[derive(Debug)]
pub struct Ways {
    /// Questions about numbers.
    pub lookups: mpsc::Receiver<Lookup>,
    /// Reports over HTTP.
    pub pushes: mpsc::Receiver<Push>,
    /// Connections under TLS.
    pub streams: mpsc::Receiver<StreamWord>,
}

type Outcome = oneshot::Receiver<Result<(), StoreFault>>;

/// The machine and the ways out of it.
pub struct ResolverTask {
    intake: Intake,
    clock: Clock,
    keeping: Keeping,
    metrics: Arc<Metrics>,
    /// Where answers to connections under TLS go.
    streams: BTreeMap<u64, mpsc::Sender<Vec<u8>>>,
    pushed: BTreeMap<Ticket, oneshot::Sender<Vec<Metric>>>,
    next_push: u64,
    /// The commit whose outcome comes later.
    commit: Option<(Ticket, Outcome)>,
    /// What is counted when the task has come to rest.
    tally: BTreeMap<Metric, u64>,
    /// Numbers whose sessions what is being kept ends or begins.
    moved: Vec<Msisdn>,
    /// Who is away for long, and who is told so.
    away: Option<(Detached, mpsc::Sender<Event>)>,
}

/// Where reports come by as datagrams.
struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Port {
    fn open(socket: net::UdpSocket) -> io::Result<Port> {
        let socket = UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new((&socket).into())?;
        let (buffers, metas) = (vec![vec![0; BUFFER]; BATCH_SIZE], vec![RecvMeta::default(); BATCH_SIZE]);
        Ok(Port { socket, state, buffers, metas })
    }

    /// Takes what is there, and gives how many buffers have something.
    fn receive(&mut self) -> io::Result<usize> {
        let Port { socket, state, buffers, metas } = self;
        socket.try_io(Interest::READABLE, || {
            let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            state.recv((&*socket).into(), &mut slices, metas)
        })
    }

    /// Each datagram of those, and where it came from.
    fn datagrams(&self, received: usize) -> impl Iterator<Item = (Origin, &[u8])> {
        let taken = self.metas.iter().zip(&self.buffers).take(received);
        taken.flat_map(|(meta, buffer)| {
            let datagrams = buffer.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1));
            datagrams.map(|datagram| (Origin::Datagram(meta.addr), datagram))
        })
    }
}

impl ResolverTask {
    /// Around bindings that are restored.
    #[must_use]
    pub fn new(intake: Intake, clock: Clock, keeping: Keeping, metrics: Arc<Metrics>) -> ResolverTask {
        ResolverTask {
            intake,
            clock,
            keeping,
            metrics,
            streams: BTreeMap::new(),
            pushed: BTreeMap::new(),
            next_push: 0,
            commit: None,
            tally: BTreeMap::new(),
            moved: Vec::new(),
            away: None,
        }
    }

    /// Tells who has been away for long.
    #[must_use]
    pub fn telling(mut self, away: Detached, events: mpsc::Sender<Event>) -> ResolverTask {
        self.away = Some((away, events));
        self
    }

    /// Runs until `stop` resolves; without a socket when nobody reports by datagrams. What is not answered by then its client
    /// sends again, to whoever comes after.
    ///
    /// # Errors
    /// Datagrams cannot be received any more.
    pub async fn run(
        mut self,
        socket: Option<net::UdpSocket>,
        mut ways: Ways,
        mut stop: oneshot::Receiver<()>,
    ) -> io::Result<()> {
        let mut port = socket.map(Port::open).transpose()?;
        loop {
            self.show();
            let wake = self.intake.poll_timeout().map(|(deadline, _)| self.clock.instant(deadline));
            let due = wake.unwrap_or_else(tokio::time::Instant::now);
            let away =
                self.away.as_ref().and_then(|(away, _)| away.next()).map(|deadline| self.clock.instant(deadline));
            tokio::select! {
                (ticket, kept) = outcome(&mut self.commit) => {
                    self.commit = None;
                    self.learn(ticket, kept, port.as_ref());
                }
                ready = readable(port.as_ref()) => ready?,
                Some(lookup) = ways.lookups.recv() => self.look_up(lookup),
                Some(push) = ways.pushes.recv() => self.push(push, port.as_ref()),
                Some(word) = ways.streams.recv() => self.hear(word, port.as_ref()),
                () = sleep_until(due), if wake.is_some() => {
                    self.intake.handle_timeout(self.now());
                    self.drain(port.as_ref());
                }
                () = sleep_until(away.unwrap_or(due)), if away.is_some() => self.tell_away(),
                _ = &mut stop => return Ok(()),
            }
            self.receive(port.as_mut());
            self.keep(port.as_ref());
        }
    }

    /// What was reported of these is in the bindings by now, durable or to be made so.
    fn watch_moved(&mut self) {
        let now = self.now();
        let Some((away, _)) = &mut self.away else { return };
        for number in self.moved.drain(..) {
            away.seen(number, self.intake.find(number, now).is_some(), now.mono);
        }
    }

    /// Who has been away for long is told to the decisions; what does not fit waits for its lease.
    fn tell_away(&mut self) {
        let Some((away, events)) = &mut self.away else { return };
        for number in away.take_due(self.clock.now().mono) {
            let why = Unseen::Detached;
            let _too_many = events.try_send(Event::Logic(tandem_logic::Input::Unseen { number, why }));
        }
    }

    fn now(&self) -> Now {
        let now = self.clock.now();
        Now { mono: now.mono, server: now.server }
    }

    /// Takes in what has come by now: all of it is kept together.
    fn receive(&mut self, port: Option<&mut Port>) {
        let Some(port) = port else { return };
        for _ in 0..ROUNDS {
            // An error is about a datagram that was sent before, or there is none any more.
            let Ok(received) = port.receive() else { break };
            let now = self.now();
            for (origin, bytes) in port.datagrams(received) {
                trace!(length = bytes.len(), "an accounting datagram");
                self.intake.take_in(Input::Packet { origin, bytes }, now);
                self.drain(Some(port));
            }
        }
    }

    /// Keeps everything that was changed by now, one commit after the other, and answers whoever waits for it.
    fn keep(&mut self, port: Option<&Port>) {
        let mut kept = true;
        while kept {
            self.intake.go_on();
            kept = self.drain(port);
        }
    }

    fn learn(&mut self, ticket: Ticket, kept: bool, port: Option<&Port>) {
        self.watch_moved();
        self.feed(if kept { Input::Committed(ticket) } else { Input::NotCommitted(ticket) }, port);
    }

    fn feed(&mut self, input: Input<'_>, port: Option<&Port>) {
        self.intake.take_in(input, self.now());
        self.drain(port);
    }

    /// Does what the machine asks for. Whether a commit was among it that is durable already.
    fn drain(&mut self, port: Option<&Port>) -> bool {
        let mut durable = false;
        while let Some(effect) = self.intake.poll_effect() {
            match effect {
                Effect::Commit { ticket, changes } => {
                    if self.away.is_some() {
                        self.moved.extend(changes.sessions.iter().filter_map(|session| session.number));
                    }
                    match self.keeping.keep(changes) {
                        // Nothing else was asked for with it, so that this is fed into a machine that is drained.
                        Kept::Known(kept) => {
                            durable |= kept;
                            self.learn(ticket, kept, port);
                        }
                        Kept::Later(outcome) => self.commit = Some((ticket, outcome)),
                    }
                }
                Effect::Answer { to, bytes } => self.answer(&to, bytes, port),
                Effect::Pushed { ticket, outcomes } => {
                    // Whoever does not wait any more sends it again.
                    let _reporter_left = self.pushed.remove(&ticket).map(|reply| reply.send(outcomes));
                }
                Effect::Count(metric) => {
                    let count = self.tally.entry(metric).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        durable
    }

    /// What cannot be sent now is asked for again.
    fn answer(&self, to: &Origin, bytes: Vec<u8>, port: Option<&Port>) {
        match to {
            Origin::Datagram(to) => {
                let _left = port.map(|port| port.socket.try_send_to(&bytes, *to));
            }
            Origin::Stream { connection, .. } => {
                let _left = self.streams.get(connection).map(|answers| answers.try_send(bytes));
            }
        }
    }

    fn hear(&mut self, word: StreamWord, port: Option<&Port>) {
        match word {
            StreamWord::Opened { connection, answers } => drop(self.streams.insert(connection, answers)),
            StreamWord::Came { origin, bytes } => self.feed(Input::Packet { origin, bytes: &bytes }, port),
            StreamWord::Closed { connection } => drop(self.streams.remove(&connection)),
        }
    }

    fn push(&mut self, push: Push, port: Option<&Port>) {
        self.next_push += 1;
        let ticket = Ticket(self.next_push);
        self.pushed.insert(ticket, push.reply);
        self.feed(Input::Pushed { ticket, said: push.said }, port);
    }

    fn look_up(&self, lookup: Lookup) {
        let now = self.now();
        let known = lookup.numbers.into_iter().map(|number| self.intake.find(number, now)).collect();
        let _asker_left = lookup.reply.send(known);
    }

    fn show(&mut self) {
        while let Some((metric, many)) = self.tally.pop_first() {
            self.metrics.count_resolver(metric, many);
        }
        let bindings = self.intake.bindings();
        self.metrics.resolver_bound.set(bindings.bound() as f64);
        self.metrics.resolver_sessions.set(bindings.remembered() as f64);
        self.metrics.resolver_table.set(bindings.hot_bytes() as f64);
    }
}

/// When a datagram has come.
async fn readable(port: Option<&Port>) -> io::Result<()> {
    match port {
        Some(port) => port.socket.readable().await,
        None => pending().await,
    }
}

/// What became of the commit under way. A store that is gone kept nothing.
async fn outcome(commit: &mut Option<(Ticket, Outcome)>) -> (Ticket, bool) {
    match commit {
        Some((ticket, outcome)) => (*ticket, matches!(outcome.await, Ok(Ok(())))),
        None => pending().await,
    }
}
