//! What every child needs to act: the clocks, the effects it orders, its questions to the store, its waits.

use crate::config::Config;
use crate::effect::{Effect, Metric};
use crate::input::{ConnId, ServerNow};
use crate::question::Question;
use crate::store_op::StoreOp;
use crate::timers::{Timer, Timers};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tandem_model::{Mono, Notary, Random, Ticket};
use tandem_wire::frame::{Goodbye, GoodbyeReason};
use tandem_wire::{RefuseReason, ServerFrame};

/// Handed to every child with each input.
pub(crate) struct Io {
    pub(crate) config: Config,
    pub(crate) now: ServerNow,
    pub(crate) notary: Box<dyn Notary>,
    pub(crate) random: Box<dyn Random>,
    pub(crate) timers: Timers,
    effects: VecDeque<Effect>,
    open: BTreeMap<Ticket, Open>,
    requests: BTreeMap<ConnId, usize>,
    next_ticket: u64,
}

/// A question the store has not answered.
struct Open {
    question: Question,
    /// Counts against this connection's requests.
    conn: Option<ConnId>,
    give_up_at: Mono,
}

impl Io {
    pub(crate) fn new(config: Config, random: Box<dyn Random>, notary: Box<dyn Notary>, now: ServerNow) -> Io {
        Io {
            config,
            now,
            notary,
            random,
            timers: Timers::default(),
            effects: VecDeque::new(),
            open: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_ticket: 1,
        }
    }

    /// A name that no other request of this process has.
    pub(crate) fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        ticket
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(crate) fn send(&mut self, conn: ConnId, frame: ServerFrame) {
        self.effect(Effect::Send { conn, frame });
    }

    pub(crate) fn count(&mut self, metric: Metric) {
        self.effect(Effect::Count(metric));
    }

    pub(crate) fn wait(&mut self, timer: Timer, wait: Duration) {
        self.timers.set(timer, self.now.mono.after(wait));
    }

    /// Refuses a request.
    pub(crate) fn refuse(&mut self, conn: ConnId, ticket: Ticket, reason: RefuseReason, retry_after: Duration) {
        self.count(Metric::Refused(reason));
        self.send(conn, ServerFrame::Refused { ticket, reason, retry_after_ms: millis(retry_after) });
    }

    /// Refuses a request because the store did not do it.
    pub(crate) fn refuse_storage(&mut self, conn: ConnId, ticket: Ticket) {
        self.refuse(conn, ticket, RefuseReason::Storage, self.config.house.storage_retry);
    }

    /// Says goodbye and closes. Whoever calls it forgets the connection.
    pub(crate) fn goodbye(&mut self, conn: ConnId, reason: GoodbyeReason) {
        let spread = u64::from(millis(self.config.session.retry_after));
        let wait = Duration::from_millis(spread.saturating_add(self.random.below(spread.saturating_add(1))));
        self.count(Metric::SessionEnded(reason));
        self.send(conn, ServerFrame::Goodbye(Goodbye { reason, retry_after_ms: millis(wait) }));
        self.effect(Effect::Close { conn });
    }

    /// Asks the store on behalf of the server itself. False when too many questions are open: nothing was asked.
    #[must_use]
    pub(crate) fn ask(&mut self, question: Question, op: StoreOp) -> bool {
        self.question(None, question, op)
    }

    /// Asks the store for a request of a session. False when the session, or the server, has too many open.
    #[must_use]
    pub(crate) fn ask_for(&mut self, conn: ConnId, question: Question, op: StoreOp) -> bool {
        if self.requests.get(&conn).is_some_and(|open| *open >= self.config.session.requests_max) {
            return false;
        }
        self.question(Some(conn), question, op)
    }

    /// Asks for a request that has a ticket, and refuses the request when too many are open.
    pub(crate) fn ask_or_refuse(&mut self, conn: ConnId, ticket: Ticket, question: Question, op: StoreOp) {
        if !self.ask_for(conn, question, op) {
            self.refuse(conn, ticket, RefuseReason::Budget, self.config.session.retry_after);
        }
    }

    fn question(&mut self, conn: Option<ConnId>, question: Question, op: StoreOp) -> bool {
        if self.open.len() >= self.config.house.store_open_max {
            return false;
        }
        let ticket = self.ticket();
        let give_up_at = self.now.mono.after(self.config.house.store_wait);
        self.open.insert(ticket, Open { question, conn, give_up_at });
        if let Some(conn) = conn {
            *self.requests.entry(conn).or_default() += 1;
        }
        self.timers.set_if_idle(Timer::Store, give_up_at);
        self.effect(Effect::Store { ticket, at: self.now.server, op });
        true
    }

    /// The question a store's answer is for; `None` when nobody waits for it.
    pub(crate) fn answered(&mut self, ticket: Ticket) -> Option<Question> {
        let open = self.open.remove(&ticket)?;
        if let Some(conn) = open.conn
            && let Some(count) = self.requests.get_mut(&conn)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.requests.remove(&conn);
            }
        }
        Some(open.question)
    }

    /// A question the store has had too long, if there is one. Tickets grow with time, so the first is the oldest.
    pub(crate) fn overdue(&mut self) -> Option<Question> {
        let (ticket, open) = self.open.first_key_value()?;
        let (ticket, give_up_at) = (*ticket, open.give_up_at);
        if give_up_at > self.now.mono {
            self.timers.set(Timer::Store, give_up_at);
            return None;
        }
        self.answered(ticket)
    }

    /// Questions the store has not answered.
    pub(crate) fn open_questions(&self) -> usize {
        self.open.len()
    }
}

/// A wait as the wire says it.
pub(crate) fn millis(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)
}
