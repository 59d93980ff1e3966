//! The root: takes one input, hands it to the child it concerns, and keeps the order between children.

use crate::calls::{Around, Calls};
use crate::config::Config;
use crate::delivery::{Delivery, deliver_ends};
use crate::effect::{Effect, Metric};
use crate::gate::{Gate, HeldIce};
use crate::input::{ConnId, Input, ServerNow, Unseen};
use crate::io::Io;
use crate::keys::Keys;
use crate::probe::Probes;
use crate::question::Question;
use crate::registration::Registration;
use crate::sessions::Sessions;
use crate::store_answer::{Aftermath, ConfirmOutcome, Settled, StoreAnswer, StoreFault};
use crate::store_op::{Owner, StoreOp};
use crate::timers::Timer;
use crate::turn::Turn;
use crate::{mailbox, marks};
use std::collections::BTreeSet;
use tandem_model::{Mono, Msisdn, Notary, Random};
use tandem_wire::frame::{GoodbyeReason, RegisterRefusal};

/// The whole server, as one machine.
pub struct Server {
    pub(crate) io: Io,
    pub(crate) sessions: Sessions,
    pub(crate) registration: Registration,
    pub(crate) probes: Probes,
    pub(crate) gate: Gate,
    pub(crate) calls: Calls,
    pub(crate) turn: Turn,
    pub(crate) keys: Keys,
    /// Sessions whose lease is to be written.
    pub(crate) leases_due: BTreeSet<ConnId>,
    pub(crate) draining: Draining,
}

/// How far a shutdown is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draining {
    /// Not asked for.
    No,
    /// Waiting for the store.
    Waiting,
    /// Everybody was told.
    Stopped,
}

impl Server {
    /// A server that holds nothing yet. `random` must be cryptographic outside tests and simulation; `notary` holds the
    /// server's secret, the same after every restart. Its first effect asks the store.
    #[must_use]
    pub fn new(config: Config, random: Box<dyn Random>, notary: Box<dyn Notary>, now: ServerNow) -> Server {
        let showing = config.marks.showing();
        let mut server = Server {
            io: Io::new(config, random, notary, now),
            sessions: Sessions::default(),
            registration: Registration::default(),
            probes: Probes::default(),
            gate: Gate::default(),
            calls: Calls::default(),
            turn: Turn::default(),
            keys: Keys::default(),
            leases_due: BTreeSet::new(),
            draining: Draining::No,
        };
        let first = server.io.ask(Question::Nothing, StoreOp::Begin { showing });
        debug_assert!(first, "nothing is open yet");
        server.io.wait(Timer::Sweep, server.io.config.house.sweep_interval);
        server
    }

    /// Takes one input. Drain [`Server::poll_effect`] before the next.
    pub fn handle(&mut self, input: Input, now: ServerNow) {
        self.io.now = now;
        match input {
            Input::SessionOpened { conn, source: _ } => self.opened(conn),
            Input::Frame { conn, frame, at, wire_bytes } => self.frame(conn, frame, at, wire_bytes),
            Input::BadFrame { conn } => self.end_session(conn, GoodbyeReason::Protocol),
            Input::SendQueueFull { conn } => self.end_session(conn, GoodbyeReason::TooSlow),
            Input::SessionClosed { conn } => self.forget(conn),
            Input::Register { ticket, source, request } => {
                if self.draining == Draining::No {
                    self.registration.request(&mut self.io, ticket, source, request);
                } else {
                    let wait = self.io.config.session.retry_after;
                    crate::registration::refuse(&mut self.io, ticket, RegisterRefusal::Storage, wait);
                }
            }
            Input::StoreAnswer { ticket, answer } => match self.io.answered(ticket) {
                Some(question) => self.answered(question, answer),
                None => self.io.count(Metric::LateResult),
            },
            Input::SmsOutcome { message_ref, outcome } => {
                self.registration.sms_outcome(&mut self.io, message_ref, outcome);
            }
            Input::SmsReceipt { message_ref: _, delivered } => {
                self.io.count(if delivered { Metric::SmsDelivered } else { Metric::SmsUndelivered });
            }
            // A number is proven by what we send, never by what a network says of a sender.
            Input::SmsIncoming { from: _, text: _ } => self.io.count(Metric::SmsIncoming),
            Input::TurnGranted { ticket, grant } => self.turn.granted(&mut self.io, ticket, grant),
            Input::KeyHolder { keys } => self.keys.changed(&mut self.io, keys),
            Input::KeyAnswer { ticket, answer } => self.keys.answered(&mut self.io, ticket, answer),
            Input::Unseen { number, why } => self.unseen(number, why),
            Input::Shutdown => self.shut_down(),
        }
        self.answer_held_ice();
        self.stop_when_drained();
    }

    /// Lets every wait that is over act. Drain [`Server::poll_effect`] before the next input.
    pub fn handle_timeout(&mut self, now: ServerNow) {
        self.io.now = now;
        while let Some(timer) = self.io.timers.pop_due(now.mono) {
            self.timeout(timer);
        }
        self.answer_held_ice();
        self.stop_when_drained();
    }

    /// The next deadline and what is waited for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        self.io.timers.next()
    }

    /// The next order for the shell.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.io.poll()
    }

    /// Sessions that stand.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.standing()
    }

    /// Calls going on.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Questions the store has not answered.
    #[must_use]
    pub fn open_questions(&self) -> usize {
        self.io.open_questions()
    }

    fn answer_held_ice(&mut self) {
        for HeldIce { conn, ticket, call } in self.gate.released_ice() {
            self.turn.ask(&mut self.io, &self.sessions, &self.gate, &self.calls, conn, ticket, call);
        }
    }

    fn timeout(&mut self, timer: Timer) {
        match timer {
            Timer::Hello(conn) => self.end_session(conn, GoodbyeReason::Protocol),
            Timer::Silence(conn) => self.silence(conn),
            Timer::Resend(conn) => Delivery::resend(&mut self.io, &mut self.sessions, conn),
            Timer::Train(conn, probe, round) => {
                let probed = self.probes.train_is_over(&mut self.io, &mut self.sessions, conn, probe, round);
                self.gate.probed(&mut self.io, probed);
            }
            Timer::OwnProbe(conn, probe) => {
                if let Some(line) = self.sessions.line_mut(conn) {
                    line.measured.end_own(probe);
                }
            }
            Timer::Burst(conn, probe) => self.probes.burst(&mut self.io, &mut self.sessions, conn, probe),
            Timer::UpTrain(probe) => {
                let probed = self.probes.up_train_is_due(&mut self.io, &mut self.sessions, probe);
                self.gate.probed(&mut self.io, probed);
            }
            Timer::Probe(probe) => {
                let probed = self.probes.end(&mut self.io, &mut self.sessions, probe);
                self.gate.probed(&mut self.io, probed);
            }
            Timer::Stranger(gate) => self.gate.stranger_is_due(&mut self.io, gate),
            Timer::Verdict(call, caller) => {
                self.gate.use_verdict(&mut self.io, call, caller);
                self.turn.verdict_is_over(&mut self.io, &self.calls, call);
            }
            Timer::Ring(call) => self.with_calls(|calls, around| calls.ring_is_over(around, call)),
            Timer::Grace(call, number) => {
                self.with_calls(|calls, around| calls.grace_is_over(around, call, number));
            }
            Timer::Sms(message_ref) => self.registration.sms_is_slow(&mut self.io, message_ref),
            Timer::Turn(ticket) => self.turn.is_late(&mut self.io, ticket),
            Timer::KeyHolder => self.keys.overdue(&mut self.io),
            Timer::KeyTelling => self.keys.tell_some(&mut self.io, &self.sessions),
            Timer::Links => self.look_at_links(),
            Timer::Opens => self.look_at_opens(),
            Timer::LeaseFlush => self.write_leases(),
            Timer::Sweep => self.sweep(),
            Timer::Store => {
                while let Some(question) = self.io.overdue() {
                    self.answered(question, StoreAnswer::Failed(StoreFault::Late));
                }
            }
            Timer::Drain => self.stop(),
        }
    }

    /// Calls need their neighbours; this lends them.
    pub(crate) fn with_calls<R>(&mut self, act: impl FnOnce(&mut Calls, &mut Around<'_>) -> R) -> R {
        let mut around =
            Around { io: &mut self.io, sessions: &self.sessions, gate: &mut self.gate, turn: &mut self.turn };
        act(&mut self.calls, &mut around)
    }

    fn answered(&mut self, question: Question, answer: StoreAnswer) {
        if let StoreAnswer::Failed(_) = answer {
            self.io.count(Metric::StoreFailed);
        }
        if let (StoreAnswer::Fenced, Some(conn)) = (&answer, question.conn()) {
            // The number has another owner by now.
            return self.end_session(conn, GoodbyeReason::NotRegistered);
        }
        let (io, sessions) = (&mut self.io, &mut self.sessions);
        match question {
            Question::Nothing => {}
            Question::Start(starting) => self.registration.started(io, *starting, &answer),
            Question::FindAttempt { reply, request } => {
                self.registration.attempt_found(io, reply, *request, answer);
            }
            Question::Confirm { reply } => {
                let outcome = self.registration.confirmed(io, reply, answer);
                if let Some(ConfirmOutcome::Registered { owner, new_epoch, aftermath }) = outcome {
                    self.owner_came(owner, new_epoch, &aftermath);
                }
            }
            Question::Withdraw { reply } => {
                if let Some((owner, aftermath)) = self.registration.withdrawn(io, reply, answer) {
                    self.owner_went(owner, &aftermath);
                }
            }
            Question::Hello { conn, hello } => self.hello_answered(conn, *hello, answer),
            Question::PublishKey { conn, ticket } => marks::key_published(io, sessions, conn, ticket, &answer),
            Question::Unregister { conn, ticket } => self.unregistered(conn, ticket, answer),
            Question::SetKeys => self.keys.taken(io, sessions, &answer),
            Question::Told { conn } => {
                if let StoreAnswer::Told { open, told } = answer {
                    marks::tell_keys(io, conn, self.keys.live(), open, &told);
                }
            }
            Question::Tokens { conn, ticket } => {
                let settled = marks::tokens_synced(io, conn, ticket, answer);
                self.settled(&settled);
            }
            Question::SetOpen { conn, ticket } => {
                let settled = marks::opened(io, conn, ticket, answer);
                self.settled(&settled);
            }
            Question::Links => self.keys.links_read(io, answer),
            Question::SettleLinks => {
                let settled = self.keys.links_settled(io, answer);
                marks::tell(io, sessions, &settled.viewers);
            }
            Question::Opens => {
                let settled = self.keys.opens_answered(io, answer);
                marks::tell(io, sessions, &settled.viewers);
                if settled.pending {
                    self.look_at_links();
                }
            }
            Question::EndLease => {
                if let StoreAnswer::Viewers(viewers) = answer {
                    marks::tell(io, sessions, &viewers);
                }
            }
            Question::Marks { conn, ticket } => marks::marks_read(io, sessions, conn, ticket, answer),
            Question::Gate { gate } => self.gate.admitted(io, sessions, &mut self.probes, gate, &answer),
            Question::Text { conn, ticket, to, seq, id } => {
                mailbox::text_answered(io, sessions, (conn, ticket, to, seq, id), answer);
            }
            Question::Swap { conn, ticket, id } => mailbox::swapped(io, conn, ticket, id, &answer),
            Question::Taken { conn } => {
                if matches!(answer, StoreAnswer::Failed(_)) {
                    Delivery::take_failed(io, sessions, conn);
                } else {
                    mailbox::taken(io, sessions, answer);
                }
            }
            Question::Texts { conn } => Delivery::texts_read(io, sessions, conn, answer),
            Question::Ends { conn } => Delivery::ends_read(io, sessions, conn, answer),
            Question::Reads { conn } => Delivery::reads_read(io, sessions, conn, answer),
            Question::StoreReads { conn, ticket } => Delivery::reads_stored(io, sessions, conn, ticket, answer),
            Question::Sweep => self.swept(answer),
        }
    }

    /// Links changed: whoever sees more or less by it is told, and what waits for the key holder is looked at.
    fn settled(&mut self, settled: &Settled) {
        marks::tell(&mut self.io, &mut self.sessions, &settled.viewers);
        if settled.pending {
            self.look_at_links();
        }
        if settled.opens_due || settled.more {
            self.look_at_opens();
        }
    }

    fn look_at_links(&mut self) {
        let here = self.keys.is_here();
        self.keys.links.look(&mut self.io, here);
    }

    fn look_at_opens(&mut self) {
        let here = self.keys.is_here();
        self.keys.opens.look(&mut self.io, here);
    }

    /// Somebody knows that a phone is out of reach: whoever sees it learns that it is not seen lately.
    fn unseen(&mut self, number: Msisdn, why: Unseen) {
        if self.sessions.conn_of(number).is_none() && self.io.ask(Question::EndLease, StoreOp::EndLease { number }) {
            self.io.count(Metric::LeaseEnded(why));
        }
    }

    /// A key proved a number. Older sessions of the number are over, and whoever sees it learns of it.
    fn owner_came(&mut self, owner: Owner, new_epoch: bool, aftermath: &Aftermath) {
        if new_epoch {
            self.with_calls(|calls, around| calls.owner_ended(around, owner.number, Some(owner)));
            if let Some(conn) = self.sessions.conn_of(owner.number)
                && self.sessions.conn_of_owner(owner).is_none()
            {
                self.end_session(conn, GoodbyeReason::RegisteredElsewhere);
            }
        }
        self.tell_aftermath(aftermath);
        self.look_at_opens();
    }

    /// A key gave a number up without a session.
    fn owner_went(&mut self, owner: Owner, aftermath: &Aftermath) {
        self.io.count(Metric::RegistrationEnded);
        self.with_calls(|calls, around| calls.owner_ended(around, owner.number, None));
        if let Some(conn) = self.sessions.conn_of_owner(owner) {
            self.end_session(conn, GoodbyeReason::NotRegistered);
        }
        self.tell_aftermath(aftermath);
    }

    pub(crate) fn tell_aftermath(&mut self, aftermath: &Aftermath) {
        marks::tell(&mut self.io, &mut self.sessions, &aftermath.viewers);
        for sender in &aftermath.senders {
            Delivery::ends_changed(&mut self.io, &mut self.sessions, *sender);
        }
    }

    fn sweep(&mut self) {
        let now = self.io.now.server;
        let back = |wait: std::time::Duration| {
            let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            tandem_model::ServerMillis(now.0.saturating_sub(wait))
        };
        let op = StoreOp::Sweep {
            silent_before: back(self.io.config.registration.silent_end),
            forget_before: back(self.io.config.text.remember),
            limit: self.io.config.house.sweep_max,
        };
        self.io.wait(Timer::Sweep, self.io.config.house.sweep_interval);
        // With too many questions open the next sweep does it.
        let _ = self.io.ask(Question::Sweep, op);
    }

    fn swept(&mut self, answer: StoreAnswer) {
        let StoreAnswer::Swept { ends, owners, aftermath, more } = answer else { return };
        deliver_ends(&mut self.io, &mut self.sessions, &ends);
        for owner in owners {
            self.io.count(Metric::RegistrationEnded);
            if let Some(conn) = self.sessions.conn_of_owner(owner) {
                self.end_session(conn, GoodbyeReason::NotRegistered);
            }
        }
        self.tell_aftermath(&aftermath);
        if more && self.draining == Draining::No {
            self.sweep();
        }
    }
}
