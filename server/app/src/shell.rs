//! The one task that owns the decisions: it feeds one input, carries out every effect, and only then takes the next.
//!
//! It never waits for anybody: frames go to bounded outboxes, questions to the store's bounded queue, texts and grants to
//! tasks of their own. Whatever is refused comes back as an input.

use crate::clock::Clock;
use crate::event::{Event, Readiness};
use crate::key_link::Asked;
use crate::locator::Locator;
use crate::metrics::Metrics;
use crate::outbox::{Full, Outbox};
use crate::sms_bridge::SmsBridge;
use crate::store_thread::{Answers, Question, StoreLink};
use crate::turn_bridge::TurnBridge;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tandem_logic::{ConnId, Effect, Input, KeyAnswer, Server, StoreAnswer, StoreFault};
use tandem_model::{Msisdn, Ticket};
use tandem_wire::frame::Resolved;
use tandem_wire::{RegisterReply, ServerFrame, encode_server};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};
use tracing::{debug, trace};

/// Events taken from the queue at once.
const EVENTS_AT_ONCE: usize = 128;

/// How long the store may take to show that it is alive.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// How the shell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As asked, with everything durable that was acknowledged.
    Stopped,
    /// The store's thread is gone. Only a new process can go on.
    StoreLost,
}

/// The decisions and the ways out of them.
pub struct Shell {
    server: Server,
    clock: Clock,
    metrics: Arc<Metrics>,
    store: StoreLink,
    sms: SmsBridge,
    turn: TurnBridge,
    keys: mpsc::Sender<Asked>,
    /// Absent without a resolver.
    locator: Option<Locator>,
    /// Nodes that wait for what a capability opens.
    redeeming: BTreeMap<Ticket, oneshot::Sender<Option<(Msisdn, Resolved)>>>,
    close_wait: Duration,
    outboxes: BTreeMap<ConnId, Outbox>,
    replies: BTreeMap<Ticket, oneshot::Sender<RegisterReply>>,
    next_reply: u64,
    /// Inputs that carrying out an effect gave rise to.
    follow_up: VecDeque<Input>,
    stopping: bool,
    stopped: bool,
}

impl Shell {
    /// Around the decisions, with every way out.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each way out is one")]
    pub fn new(
        server: Server,
        clock: Clock,
        metrics: Arc<Metrics>,
        store: StoreLink,
        sms: SmsBridge,
        turn: TurnBridge,
        keys: mpsc::Sender<Asked>,
        close_wait: Duration,
    ) -> Shell {
        Shell {
            server,
            clock,
            metrics,
            store,
            sms,
            turn,
            keys,
            locator: None,
            redeeming: BTreeMap::new(),
            close_wait,
            outboxes: BTreeMap::new(),
            replies: BTreeMap::new(),
            next_reply: 1,
            follow_up: VecDeque::new(),
            stopping: false,
            stopped: false,
        }
    }

    /// Answers where numbers are.
    #[must_use]
    pub fn locating(mut self, locator: Option<Locator>) -> Shell {
        self.locator = locator;
        self
    }

    /// Runs until `shutdown` resolves and everything asked before is durable and answered.
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        mut answers: mpsc::Receiver<Answers>,
        shutdown: impl Future<Output = ()>,
    ) -> Ended {
        tokio::pin!(shutdown);
        let mut taken = Vec::with_capacity(EVENTS_AT_ONCE);
        self.drain();
        self.follow();
        while !self.stopped {
            let wake = self.server.poll_timeout().map(|(deadline, _)| self.clock.instant(deadline));
            let due = wake.unwrap_or_else(tokio::time::Instant::now);
            tokio::select! {
                answered = answers.recv() => match answered {
                    Some(answered) => self.answered(answered),
                    None => return Ended::StoreLost,
                },
                count = events.recv_many(&mut taken, EVENTS_AT_ONCE) => {
                    trace!(count, "events");
                    for event in taken.drain(..) {
                        self.event(event);
                    }
                }
                () = sleep_until(due), if wake.is_some() => {
                    self.server.handle_timeout(self.clock.now());
                    self.drain();
                    self.follow();
                }
                () = &mut shutdown, if !self.stopping => {
                    self.stopping = true;
                    self.feed(Input::Shutdown);
                }
            }
        }
        Ended::Stopped
    }

    fn answered(&mut self, answers: Answers) {
        for (ticket, answer) in answers {
            self.feed(Input::StoreAnswer { ticket, answer });
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Opened { conn, source, outbox } => {
                self.outboxes.insert(conn, outbox);
                self.feed(Input::SessionOpened { conn, source });
            }
            Event::Register { source, request, reply } => {
                let ticket = Ticket(self.next_reply);
                self.next_reply = self.next_reply.saturating_add(1);
                self.replies.insert(ticket, reply);
                self.feed(Input::Register { ticket, source, request });
            }
            Event::Redeem { capability, reply } => {
                let ticket = Ticket(self.next_reply);
                self.next_reply = self.next_reply.saturating_add(1);
                self.redeeming.insert(ticket, reply);
                self.feed(Input::Redeem { ticket, capability });
            }
            Event::Logic(input) => {
                if let Input::SessionClosed { conn } = input {
                    self.close(conn);
                }
                self.feed(input);
            }
            Event::Readiness(reply) => self.tell_readiness(reply),
        }
    }

    fn feed(&mut self, input: Input) {
        self.server.handle(input, self.clock.now());
        self.drain();
        self.follow();
    }

    fn follow(&mut self) {
        while let Some(input) = self.follow_up.pop_front() {
            self.server.handle(input, self.clock.now());
            self.drain();
        }
    }

    fn drain(&mut self) {
        while let Some(effect) = self.server.poll_effect() {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { conn, frame } => self.send(conn, &frame),
            Effect::Close { conn } => self.close(conn),
            Effect::RegisterReply { ticket, reply } => {
                if let Some(waiting) = self.replies.remove(&ticket) {
                    let _client_left = waiting.send(reply);
                }
            }
            Effect::Store { ticket, at, op } => {
                if self.store.ask(Question { ticket, at, op }).is_err() {
                    // Nothing was done, so saying so at once is true.
                    let answer = StoreAnswer::Failed(StoreFault::Broken);
                    self.follow_up.push_back(Input::StoreAnswer { ticket, answer });
                }
            }
            Effect::KeyAsk { ticket, at: _, question } => {
                if self.keys.try_send((ticket, question)).is_err() {
                    self.follow_up.push_back(Input::KeyAnswer { ticket, answer: KeyAnswer::Failed });
                }
            }
            Effect::SendSms(sms) => {
                if let Some(refused) = self.sms.send(sms) {
                    self.follow_up.push_back(refused);
                }
            }
            Effect::GrantTurn { ticket, call, number, valid_until } => {
                let grant = self.turn.grant(call, number, valid_until.since(self.clock.now().server));
                self.follow_up.push_back(Input::TurnGranted { ticket, grant });
            }
            Effect::RevokeTurn { call } => self.turn.revoke(call),
            Effect::Locate { lookup, number } => {
                let place = self.locator.as_ref().and_then(|locator| locator.locate(number));
                self.follow_up.push_back(Input::Located { lookup, place });
            }
            Effect::Redeemed { ticket, resolved } => {
                let _asker_left = self.redeeming.remove(&ticket).map(|reply| reply.send(resolved));
            }
            Effect::Count(metric) => self.metrics.count(metric),
            Effect::Stopped => self.stopped = true,
        }
    }

    fn send(&mut self, conn: ConnId, frame: &ServerFrame) {
        let Some(outbox) = self.outboxes.get_mut(&conn) else { return };
        let bytes = Bytes::from(encode_server(frame));
        if matches!(frame, ServerFrame::Goodbye(_)) {
            return outbox.farewell(bytes);
        }
        self.metrics.frames_out.increment(1);
        if outbox.push(bytes) == Err(Full) {
            debug!(conn = conn.0, "the phone reads too slowly");
            self.metrics.send_queue_full.increment(1);
            self.follow_up.push_back(Input::SendQueueFull { conn });
        }
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(outbox) = self.outboxes.remove(&conn) {
            outbox.close(self.close_wait);
        }
    }

    fn tell_readiness(&self, reply: oneshot::Sender<Readiness>) {
        let (sms, stopping, probe) = (self.sms.link(), self.stopping, self.store.probe());
        tokio::spawn(async move {
            let store = matches!(timeout(PROBE_WAIT, probe).await, Ok(Ok(())));
            let _asker_left = reply.send(Readiness { store, sms, stopping });
        });
    }
}
