//! A connection's life: challenge, proof, welcome, frames, silence, goodbye. And the server's own end.
//!
//! (opened) --Challenge--> Challenged --Hello--> Proving --store: key found, signature verifies--> Welcome
//!                             |                    '--else--> Goodbye
//!                             '--silence, or any other frame--> Goodbye

use crate::delivery::Delivery;
use crate::effect::{Effect, Metric};
use crate::input::ConnId;
use crate::question::Question;
use crate::server::{Draining, Server};
use crate::sessions::{Line, Phase, Session};
use crate::store_answer::{SessionKey, StoreAnswer};
use crate::store_op::{Owner, StoreOp};
use crate::timers::Timer;
use crate::{keys, mailbox, marks};
use std::time::Duration;
use tandem_model::vault::signed;
use tandem_model::{MonoMicros, Nonce, Signature, Ticket};
use tandem_wire::frame::{GoodbyeReason, Hello};
use tandem_wire::limits::VERSION;
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

/// Leases written in one operation.
const LEASES_MAX: usize = 4_096;

impl Server {
    pub(crate) fn opened(&mut self, conn: ConnId) {
        if self.draining != Draining::No {
            return self.io.goodbye(conn, GoodbyeReason::ShuttingDown);
        }
        if self.sessions.len() >= self.io.config.session.sessions_max {
            return self.io.goodbye(conn, GoodbyeReason::Busy);
        }
        let mut nonce = Nonce([0; 32]);
        self.io.random.fill(&mut nonce.0);
        let session = Session { heard_at: self.io.now.mono, phase: Phase::Challenged { nonce } };
        self.sessions.insert(conn, session);
        self.io.count(Metric::SessionOpened);
        self.io.wait(Timer::Hello(conn), self.io.config.session.hello_wait);
        self.io.send(conn, ServerFrame::Challenge { nonce, version_min: VERSION, version_max: VERSION });
    }

    pub(crate) fn frame(&mut self, conn: ConnId, frame: ClientFrame, at: MonoMicros, wire_bytes: u32) {
        let Some(session) = self.sessions.get_mut(conn) else {
            // Sent before it heard our goodbye.
            return self.io.count(Metric::LateResult);
        };
        session.heard_at = self.io.now.mono;
        match (&session.phase, frame) {
            (Phase::Challenged { nonce }, ClientFrame::Hello(hello)) => {
                let nonce = *nonce;
                session.phase = Phase::Proving { nonce };
                self.hello(conn, hello);
            }
            (Phase::Welcome(_), ClientFrame::Hello(_)) | (Phase::Challenged { .. } | Phase::Proving { .. }, _) => {
                self.end_session(conn, GoodbyeReason::Protocol);
            }
            (Phase::Welcome(_), frame) => {
                self.lease_is_due(conn);
                match ticket_of(&frame).filter(|_| self.draining != Draining::No) {
                    Some(ticket) => {
                        let wait = self.io.config.session.retry_after;
                        self.io.refuse(conn, ticket, RefuseReason::ShuttingDown, wait);
                    }
                    None => self.welcome_frame(conn, frame, at, wire_bytes),
                }
            }
        }
    }

    fn hello(&mut self, conn: ConnId, hello: Hello) {
        if hello.version != VERSION {
            return self.end_session(conn, GoodbyeReason::Version);
        }
        let owner = Owner { number: hello.number, epoch: hello.epoch };
        let question = Question::Hello { conn, hello: Box::new(hello) };
        if !self.io.ask_for(conn, question, StoreOp::FindSessionKey { owner }) {
            self.end_session(conn, GoodbyeReason::Busy);
        }
    }

    /// Who is never registered, whose signature is wrong and whose number is another's get one answer; only the phone that
    /// really was the owner learns that it was replaced.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
    pub(crate) fn hello_answered(&mut self, conn: ConnId, hello: Hello, answer: StoreAnswer) {
        let Some(Session { phase: Phase::Proving { nonce }, .. }) = self.sessions.get_mut(conn) else { return };
        let message = signed::session(nonce, hello.number, hello.epoch);
        let reason = match answer {
            StoreAnswer::SessionKey(SessionKey::Present { device_key, lease_until }) => {
                if self.io.notary.verify(&device_key, &message, &hello.signature) {
                    let owner = Owner { number: hello.number, epoch: hello.epoch };
                    return self.welcome(conn, Line::new(owner, device_key, lease_until), &hello);
                }
                GoodbyeReason::NotRegistered
            }
            StoreAnswer::SessionKey(SessionKey::Replaced { device_key })
                if self.io.notary.verify(&device_key, &message, &hello.signature) =>
            {
                GoodbyeReason::RegisteredElsewhere
            }
            StoreAnswer::SessionKey(SessionKey::Replaced { .. } | SessionKey::Unknown) => GoodbyeReason::NotRegistered,
            _ => GoodbyeReason::Busy,
        };
        self.end_session(conn, reason);
    }

    fn welcome(&mut self, conn: ConnId, mut line: Line, hello: &Hello) {
        let owner = line.owner;
        // A new database holds no marks, whatever generation it says.
        line.marks_told = if hello.fresh { tandem_model::MarkGeneration(0) } else { hello.marks_since };
        line.marks_stale = true;
        if let Some(old) = self.sessions.welcome(conn, line) {
            self.end_session(old, GoodbyeReason::Displaced);
        }
        self.io.timers.clear(Timer::Hello(conn));
        self.io.wait(Timer::Silence(conn), self.io.config.session.silence_max);
        self.io.count(Metric::SessionWelcomed);
        let welcome = marks::welcome(&self.io);
        self.io.send(conn, ServerFrame::Welcome(welcome));
        if self.keys.is_here() {
            keys::ask_told(&mut self.io, &self.sessions, conn);
        }
        self.lease_is_due(conn);
        self.with_calls(|calls, around| calls.party_is_back(around, conn, owner));
        marks::read_unasked(&mut self.io, &mut self.sessions, conn);
        Delivery::read(&mut self.io, &mut self.sessions, conn);
    }

    fn welcome_frame(&mut self, conn: ConnId, frame: ClientFrame, at: MonoMicros, wire_bytes: u32) {
        let (io, sessions) = (&mut self.io, &mut self.sessions);
        match frame {
            // Refused before it comes here.
            ClientFrame::Hello(_) => {}
            ClientFrame::TimeAsk { ticket } => {
                let now = io.now.server;
                io.send(conn, ServerFrame::Time { ticket, now });
            }
            ClientFrame::PublishSealingKey { ticket, key } => marks::publish_key(io, sessions, conn, ticket, key),
            ClientFrame::Unregister { ticket, signature } => self.unregister(conn, ticket, &signature),
            ClientFrame::MarksAsk { ticket, since } => marks::ask(io, sessions, conn, ticket, since),
            ClientFrame::TokensSync(sync) => marks::tokens(io, sessions, conn, sync),
            ClientFrame::Evaluate(asked) => self.keys.evaluate(io, sessions, conn, asked),
            ClientFrame::OpenMark { ticket, open } => marks::set_open(io, sessions, conn, ticket, open),
            ClientFrame::ProbeAsk { ticket } => self.probes.own_probe(io, sessions, conn, ticket),
            ClientFrame::Train(train) => {
                let probed = self.probes.train(io, sessions, conn, train, at, wire_bytes);
                self.gate.probed(io, probed);
            }
            ClientFrame::TrainReport(report) => {
                let probed = self.probes.report(io, sessions, conn, report);
                self.gate.probed(io, probed);
            }
            ClientFrame::GateAsk { ticket, call, to } => self.gate.ask(io, sessions, conn, ticket, call, to),
            ClientFrame::Call(envelope) => {
                self.with_calls(|calls, around| calls.envelope(around, conn, envelope));
            }
            ClientFrame::IceAsk { ticket, call } if self.gate.holds_ice(conn, ticket, call) => {}
            ClientFrame::IceAsk { ticket, call } => {
                self.turn.ask(io, sessions, &self.gate, &self.calls, conn, ticket, call);
            }
            ClientFrame::SendText(text) => mailbox::send_text(io, sessions, conn, text),
            ClientFrame::TextTaken { texts } => Delivery::texts_taken(io, sessions, conn, texts),
            ClientFrame::TextStateTaken { ids } => Delivery::ends_taken(io, sessions, conn, ids),
            ClientFrame::TextSwap { ticket, id, to, end } => {
                mailbox::swap(io, sessions, conn, (ticket, id, to, end));
            }
            ClientFrame::ReadReceipt { ticket, from, ids } => {
                Delivery::read_receipt(io, sessions, conn, ticket, from, ids);
            }
            ClientFrame::ReadTaken { by, ids } => Delivery::reads_taken(io, sessions, conn, by, ids),
            ClientFrame::ConsentPut { ticket, number, allow } => {
                self.lookups.consent(io, sessions, conn, (ticket, number, allow));
            }
            ClientFrame::ResolveAsk { ticket, to } => self.lookups.ask(io, sessions, conn, ticket, to),
            ClientFrame::Resolve { ticket, capability } => {
                self.lookups.resolve(io, sessions, conn, ticket, capability);
            }
            ClientFrame::DirectPort { ticket, port } => self.lookups.port(io, sessions, conn, ticket, port),
        }
    }

    fn unregister(&mut self, conn: ConnId, ticket: Ticket, signature: &Signature) {
        let Some(line) = self.sessions.line(conn) else { return };
        let owner = line.owner;
        let message = signed::unregister(owner.number, owner.epoch, &line.device_key);
        if !self.io.notary.verify(&line.device_key, &message, signature) {
            return self.io.refuse(conn, ticket, RefuseReason::BadSignature, Duration::ZERO);
        }
        let question = Question::Unregister { conn, ticket };
        self.io.ask_or_refuse(conn, ticket, question, StoreOp::EndRegistration { owner });
    }

    pub(crate) fn unregistered(&mut self, conn: ConnId, ticket: Ticket, answer: StoreAnswer) {
        let StoreAnswer::OwnerEnded(aftermath) = answer else {
            return self.io.refuse_storage(conn, ticket);
        };
        self.io.count(Metric::RegistrationEnded);
        if let Some(owner) = self.sessions.line(conn).map(|line| line.owner) {
            self.lookups.owner_changed(owner.number, None);
            self.with_calls(|calls, around| calls.owner_ended(around, owner.number, None));
        }
        self.io.send(conn, ServerFrame::Done { ticket });
        self.io.effect(Effect::Close { conn });
        self.forget(conn);
        self.tell_aftermath(&aftermath);
    }

    /// A session that was heard meanwhile waits on.
    pub(crate) fn silence(&mut self, conn: ConnId) {
        let Some(session) = self.sessions.get_mut(conn) else { return };
        let ends_at = session.heard_at.after(self.io.config.session.silence_max);
        if ends_at > self.io.now.mono {
            return self.io.timers.set(Timer::Silence(conn), ends_at);
        }
        self.io.count(Metric::SessionSilent);
        self.io.effect(Effect::Close { conn });
        self.forget(conn);
    }

    /// Says goodbye, closes and forgets.
    pub(crate) fn end_session(&mut self, conn: ConnId, reason: GoodbyeReason) {
        if self.sessions.contains(conn) {
            self.io.goodbye(conn, reason);
            self.forget(conn);
        }
    }

    /// Forgets a connection: its calls get their grace, questions about it their answer.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        let Some((_, owner)) = self.sessions.remove(conn) else { return };
        for timer in [Timer::Hello(conn), Timer::Silence(conn), Timer::Resend(conn)] {
            self.io.timers.clear(timer);
        }
        self.leases_due.remove(&conn);
        self.keys.forget(conn);
        let gates = self.probes.conn_is_gone(&mut self.io, conn);
        self.gate.callee_is_gone(&mut self.io, gates);
        if let Some(owner) = owner {
            self.calls.party_is_away(&mut self.io, owner);
        }
    }

    /// Being heard renews the lease; it is written when that moves it far enough, together with others.
    fn lease_is_due(&mut self, conn: ConnId) {
        let Some(line) = self.sessions.line(conn) else { return };
        let until = self.io.now.server.after(self.io.config.marks.lease);
        if until.since(line.lease_written) >= self.io.config.marks.lease_step {
            let ran_out = line.lease_written <= self.io.now.server;
            self.leases_due.insert(conn);
            if ran_out {
                // Whoever sees it as not seen lately learns at once that it is back.
                self.io.timers.set(Timer::LeaseFlush, self.io.now.mono);
            } else {
                let at = self.io.now.mono.after(self.io.config.marks.lease_flush);
                self.io.timers.set_if_idle(Timer::LeaseFlush, at);
            }
        }
    }

    pub(crate) fn write_leases(&mut self) {
        let until = self.io.now.server.after(self.io.config.marks.lease);
        let mut leases = Vec::new();
        while leases.len() < LEASES_MAX {
            let Some(conn) = self.leases_due.pop_first() else { break };
            let Some(line) = self.sessions.line_mut(conn) else { continue };
            line.lease_written = until;
            leases.push((line.owner, until));
        }
        // When it cannot be asked, or fails, the lease is shorter than told by one step at most.
        let _ = self.io.ask(Question::RenewLeases, StoreOp::RenewLeases { leases });
        if !self.leases_due.is_empty() {
            self.io.timers.set(Timer::LeaseFlush, self.io.now.mono);
        }
    }

    pub(crate) fn shut_down(&mut self) {
        if self.draining == Draining::No {
            self.draining = Draining::Waiting;
            // Nothing more is begun with the key holder: what waits for it is in the store.
            self.keys.changed(&mut self.io, None);
            if !self.leases_due.is_empty() {
                self.write_leases();
            }
            self.io.wait(Timer::Drain, self.io.config.house.drain_wait);
        }
    }

    /// Nobody is sent away before what they asked is durable and answered.
    pub(crate) fn stop_when_drained(&mut self) {
        if self.draining == Draining::Waiting && self.io.open_questions() == 0 {
            self.stop();
        }
    }

    pub(crate) fn stop(&mut self) {
        if self.draining == Draining::Stopped {
            return;
        }
        self.draining = Draining::Stopped;
        self.io.timers.clear(Timer::Drain);
        self.registration.stop(&mut self.io);
        for conn in self.sessions.conns() {
            self.end_session(conn, GoodbyeReason::ShuttingDown);
        }
        self.io.effect(Effect::Stopped);
    }
}

/// The ticket a request is answered under.
const fn ticket_of(frame: &ClientFrame) -> Option<Ticket> {
    match frame {
        ClientFrame::TimeAsk { ticket }
        | ClientFrame::PublishSealingKey { ticket, .. }
        | ClientFrame::Unregister { ticket, .. }
        | ClientFrame::MarksAsk { ticket, .. }
        | ClientFrame::OpenMark { ticket, .. }
        | ClientFrame::ProbeAsk { ticket }
        | ClientFrame::GateAsk { ticket, .. }
        | ClientFrame::IceAsk { ticket, .. }
        | ClientFrame::TextSwap { ticket, .. }
        | ClientFrame::ReadReceipt { ticket, .. }
        | ClientFrame::ConsentPut { ticket, .. }
        | ClientFrame::ResolveAsk { ticket, .. }
        | ClientFrame::Resolve { ticket, .. }
        | ClientFrame::DirectPort { ticket, .. } => Some(*ticket),
        ClientFrame::TokensSync(sync) => Some(sync.ticket),
        ClientFrame::Evaluate(ask) => Some(ask.ticket),
        ClientFrame::SendText(text) => Some(text.ticket),
        ClientFrame::Hello(_)
        | ClientFrame::Train(_)
        | ClientFrame::TrainReport(_)
        | ClientFrame::Call(_)
        | ClientFrame::TextTaken { .. }
        | ClientFrame::TextStateTaken { .. }
        | ClientFrame::ReadTaken { .. } => None,
    }
}
