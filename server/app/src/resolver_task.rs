//! The one task that owns the bindings: datagrams of the access network in, answers out, and lookups in between.
//!
//! It waits for nobody: what is to be kept goes to the store's bounded queue, and the answer leaves when it is durable.

use crate::clock::Clock;
use crate::detached::Detached;
use crate::event::Event;
use crate::metrics::Metrics;
use crate::store_thread::StoreLink;
use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::sync::Arc;
use tandem_logic::{StoreFault, Unseen};
use tandem_model::{Msisdn, Ticket};
use tandem_resolver::{Binding, Effect, Input, Intake, Metric, Now, Origin, Said, Unusable};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::{trace, warn};

/// Lookups that may wait for the task; more are told to come back.
pub const LOOKUPS: usize = 1_024;

/// Pushes that may wait for the task; more are told to come back.
pub const PUSHES: usize = 64;

/// Words of connections that may wait for the task; then connections wait.
pub const STREAM_WORDS: usize = 1_024;

/// Datagrams taken from the socket at once, before anything else has its turn.
const DATAGRAMS_AT_ONCE: usize = 64;

/// Longer than any packet, so that one that is too long shows.
const DATAGRAM_MAX: usize = tandem_resolver::radius::PACKET_MAX + 1;

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
    /// Absent when nobody reports by datagrams.
    socket: Option<UdpSocket>,
    clock: Clock,
    store: StoreLink,
    metrics: Arc<Metrics>,
    /// Where answers to connections under TLS go.
    streams: BTreeMap<u64, mpsc::Sender<Vec<u8>>>,
    pushed: BTreeMap<Ticket, oneshot::Sender<Vec<Metric>>>,
    next_push: u64,
    commit: Option<(Ticket, Outcome)>,
    /// Numbers whose sessions the commit under way ends or begins.
    moved: Vec<Msisdn>,
    detached: Detached,
    events: mpsc::Sender<Event>,
}

impl ResolverTask {
    /// Around bindings that are restored.
    #[must_use]
    pub fn new(
        intake: Intake,
        socket: Option<UdpSocket>,
        clock: Clock,
        store: StoreLink,
        metrics: Arc<Metrics>,
        detached: Detached,
        events: mpsc::Sender<Event>,
    ) -> ResolverTask {
        ResolverTask {
            intake,
            socket,
            clock,
            store,
            metrics,
            streams: BTreeMap::new(),
            pushed: BTreeMap::new(),
            next_push: 0,
            commit: None,
            moved: Vec::new(),
            detached,
            events,
        }
    }

    /// Runs until `stop` resolves. What is not answered by then its client sends again, to whoever comes after.
    pub async fn run(mut self, mut ways: Ways, stop: oneshot::Receiver<()>) {
        tokio::pin!(stop);
        let mut buffer = vec![0; DATAGRAM_MAX];
        self.show();
        loop {
            let wake = self.intake.poll_timeout().map(|(deadline, _)| self.clock.instant(deadline));
            let due = wake.unwrap_or_else(tokio::time::Instant::now);
            let away = self.detached.next().map(|deadline| self.clock.instant(deadline));
            tokio::select! {
                (ticket, kept) = outcome(&mut self.commit) => {
                    self.commit = None;
                    self.watch_moved();
                    let input = if kept { Input::Committed(ticket) } else { Input::NotCommitted(ticket) };
                    self.feed(input);
                }
                ready = readable(self.socket.as_ref()) => match ready {
                    Ok(()) => self.receive(&mut buffer),
                    Err(error) => return warn!(kind = ?error.kind(), "accounting is not received any more"),
                },
                Some(lookup) = ways.lookups.recv() => self.look_up(lookup),
                Some(push) = ways.pushes.recv() => self.push(push),
                Some(word) = ways.streams.recv() => self.hear(word),
                () = sleep_until(due), if wake.is_some() => {
                    self.intake.handle_timeout(self.now());
                    self.drain();
                }
                () = sleep_until(away.unwrap_or(due)), if away.is_some() => self.tell_away(),
                _ = &mut stop => return,
            }
        }
    }

    /// What was reported of these is in the bindings by now, durable or to be made so.
    fn watch_moved(&mut self) {
        let now = self.now();
        for number in std::mem::take(&mut self.moved) {
            let attached = self.intake.find(number, now).is_some();
            self.detached.seen(number, attached, now.mono);
        }
    }

    /// Who has been away for long is told to the decisions; what does not fit waits for its lease.
    fn tell_away(&mut self) {
        for number in self.detached.take_due(self.clock.now().mono) {
            let why = Unseen::Detached;
            let _too_many = self.events.try_send(Event::Logic(tandem_logic::Input::Unseen { number, why }));
        }
    }

    fn now(&self) -> Now {
        let now = self.clock.now();
        Now { mono: now.mono, server: now.server }
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_AT_ONCE {
            // An error is about a datagram that was sent before, or there is none any more.
            let Some(Ok((length, source))) = self.socket.as_ref().map(|socket| socket.try_recv_from(buffer)) else {
                break;
            };
            trace!(length, "an accounting datagram");
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            self.feed(Input::Packet { origin: Origin::Datagram(source), bytes });
        }
        self.show();
    }

    fn feed(&mut self, input: Input) {
        self.intake.handle(input, self.now());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.intake.poll_effect() {
            match effect {
                Effect::Commit { ticket, changes } => {
                    self.moved.extend(changes.sessions.iter().filter_map(|session| session.number));
                    self.commit = Some((ticket, self.store.keep(changes)));
                }
                Effect::Answer { to, bytes } => self.answer(&to, bytes),
                Effect::Pushed { ticket, outcomes } => {
                    // Whoever does not wait any more sends it again.
                    let _reporter_left = self.pushed.remove(&ticket).map(|reply| reply.send(outcomes));
                }
                Effect::Count(metric) => self.metrics.count_resolver(metric),
            }
        }
    }

    /// What cannot be sent now is asked for again.
    fn answer(&self, to: &Origin, bytes: Vec<u8>) {
        match to {
            Origin::Datagram(to) => {
                let _left = self.socket.as_ref().map(|socket| socket.try_send_to(&bytes, *to));
            }
            Origin::Stream { connection, .. } => {
                let _left = self.streams.get(connection).map(|answers| answers.try_send(bytes));
            }
        }
    }

    fn hear(&mut self, word: StreamWord) {
        match word {
            StreamWord::Opened { connection, answers } => drop(self.streams.insert(connection, answers)),
            StreamWord::Came { origin, bytes } => {
                self.feed(Input::Packet { origin, bytes });
                self.show();
            }
            StreamWord::Closed { connection } => drop(self.streams.remove(&connection)),
        }
    }

    fn push(&mut self, push: Push) {
        self.next_push += 1;
        let ticket = Ticket(self.next_push);
        self.pushed.insert(ticket, push.reply);
        self.feed(Input::Pushed { ticket, said: push.said });
        self.show();
    }

    fn look_up(&self, lookup: Lookup) {
        let now = self.now();
        let known = lookup.numbers.into_iter().map(|number| self.intake.find(number, now)).collect();
        let _asker_left = lookup.reply.send(known);
    }

    fn show(&self) {
        let bindings = self.intake.bindings();
        self.metrics.resolver_bound.set(bindings.bound() as f64);
        self.metrics.resolver_sessions.set(bindings.remembered() as f64);
        self.metrics.resolver_table.set(bindings.hot_bytes() as f64);
    }
}

/// When a datagram has come.
async fn readable(socket: Option<&UdpSocket>) -> io::Result<()> {
    match socket {
        Some(socket) => socket.readable().await,
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
