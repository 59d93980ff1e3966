//! The ESME session as a machine: what to send, what to believe, when to give up.
//!
//! It does no I/O and reads no clock. Feed one input, then drain [`Session::poll_effect`] to `None`; call
//! [`Session::handle_timeout`] at the time [`Session::poll_timeout`] names.
//!
//! A text is put on the wire at most once for every definite refusal by throttling, and never again once its answer may have
//! been lost: it is then given back as [`SubmitOutcome::Unknown`]. A text still waiting when the link goes down stays in the
//! queue and is sent once the link is back.

use std::collections::VecDeque;

use rusmpp::pdus::{DeliverSm, SubmitSmResp};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tandem_model::Mono;

use super::config::SmppConfig;
use super::counters::Counters;
use super::deliver::{self, Lately};
use super::frame::{Frame, Header};
use super::outstanding::{Job, Jobs, Sent};
use super::pdu::{self, Refusal};
use super::receipt;
use super::receipt_book::{Parties, Reading, ReceiptBook};
use crate::backoff::Backoff;
use crate::driver::{LinkDownReason, PermanentReason, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused};
use crate::number::E164Digits;

/// The largest sequence number (SMPP 3.4, 5.1.4); the next after it is 1.
const MAX_SEQUENCE: u32 = 0x7FFF_FFFF;

/// What the shell is asked to do.
#[derive(Clone, PartialEq)]
pub enum Effect {
    /// Open a connection, then call [`Session::connected`] or [`Session::connection_lost`].
    Connect,
    /// Write this PDU.
    Send(Command),
    /// Close the connection, when there is one. Nothing more is expected from it.
    Disconnect,
    /// Answer the submit of this ticket.
    Outcome(u64, SubmitOutcome),
    /// Tell the owner of the driver.
    Event(SmsEvent),
    /// The session is over; no effect follows.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection until this time.
    Waiting { until: Mono },
    /// The shell is connecting.
    Connecting { give_up_at: Mono },
    /// The bind is unanswered.
    Binding { sequence: u32, give_up_at: Mono },
    /// Texts may flow.
    Bound,
    /// Shutting down: outstanding answers are awaited, then `unbind` is sent.
    Draining { give_up_at: Mono },
    /// `unbind` is unanswered.
    Unbinding { give_up_at: Mono },
    /// Over.
    Stopped,
}

/// One ESME session over any number of connections, one after the other.
pub struct Session {
    config: SmppConfig,
    state: State,
    jobs: Jobs,
    sequence: u32,
    reconnect: Backoff,
    throttle: Backoff,
    paused_until: Option<Mono>,
    last_heard: Mono,
    enquiry: Option<(u32, Mono)>,
    link_told_up: bool,
    book: ReceiptBook,
    lately: Lately,
    counters: Counters,
    effects: VecDeque<Effect>,
}

impl Session {
    /// A session that connects at once. The seed drives the jitter of its waits.
    pub fn new(config: SmppConfig, seed: u64, now: Mono) -> Self {
        let (first, longest) = config.reconnect_wait;
        let (throttle_first, throttle_longest) = config.throttle_wait;
        let mut session = Self {
            state: State::Connecting { give_up_at: now.after(config.answer_timeout) },
            jobs: Jobs::default(),
            sequence: 0,
            reconnect: Backoff::new(first, longest, seed),
            throttle: Backoff::new(throttle_first, throttle_longest, seed ^ 0x5448_524F_5454_4C45),
            paused_until: None,
            last_heard: now,
            enquiry: None,
            link_told_up: false,
            book: ReceiptBook::new(config.receipt_memory),
            lately: Lately::new(config.incoming_repeat_window),
            counters: Counters::default(),
            effects: VecDeque::new(),
            config,
        };
        session.effects.push_back(Effect::Connect);
        session
    }

    /// What has been counted so far.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Texts queued and outstanding.
    pub fn load(&self) -> (usize, usize) {
        (self.jobs.waiting.len(), self.jobs.sent.len())
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Session::handle_timeout`] has to be called next.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let of_state = match self.state {
            State::Waiting { until } => Some(until),
            State::Connecting { give_up_at }
            | State::Binding { give_up_at, .. }
            | State::Draining { give_up_at }
            | State::Unbinding { give_up_at } => Some(give_up_at),
            State::Bound => Some(self.enquiry.map_or_else(|| self.last_heard.after(self.config.enquire_link_after), |(_, by)| by)),
            State::Stopped => return None,
        };
        let pause = self.paused_until.filter(|_| !self.jobs.waiting.is_empty());
        [of_state, pause, self.jobs.next_timeout(), self.book.next_timeout()].into_iter().flatten().min()
    }

    /// Takes a text. The ticket comes back with its outcome, always.
    pub fn submit(&mut self, ticket: u64, sms: &SmsSubmit, now: Mono) -> Result<(), SubmitRefused> {
        match self.state {
            State::Draining { .. } | State::Unbinding { .. } | State::Stopped => return Err(SubmitRefused::ShutDown),
            State::Waiting { .. } | State::Connecting { .. } | State::Binding { .. } | State::Bound => {}
        }
        if self.jobs.waiting.len() >= self.config.queue_capacity {
            return Err(SubmitRefused::QueueFull);
        }
        self.jobs.waiting.push_back(Job {
            ticket,
            message_ref: sms.message_ref,
            to: sms.to.clone(),
            pdu: pdu::submit(&self.config, sms)?,
            tries: 0,
            give_back_at: now.after(sms.validity),
        });
        self.send_waiting(now);
        Ok(())
    }

    /// The shell has a connection.
    pub fn connected(&mut self, now: Mono) {
        match self.state {
            State::Connecting { .. } => {
                let sequence = self.next_sequence();
                self.effects.push_back(Effect::Send(pdu::bind(&self.config, sequence)));
                self.state = State::Binding { sequence, give_up_at: now.after(self.config.answer_timeout) };
                self.last_heard = now;
            }
            State::Waiting { .. } | State::Binding { .. } | State::Bound | State::Draining { .. } | State::Unbinding { .. } | State::Stopped => {
                self.effects.push_back(Effect::Disconnect);
            }
        }
    }

    /// The shell could not connect, or the connection is gone.
    pub fn connection_lost(&mut self, now: Mono) {
        match self.state {
            State::Connecting { .. } => self.link_down(LinkDownReason::ConnectFailed, now),
            State::Binding { .. } | State::Bound => self.link_down(LinkDownReason::ConnectionLost, now),
            State::Draining { .. } | State::Unbinding { .. } => self.stop(),
            State::Waiting { .. } | State::Stopped => {}
        }
    }

    /// What arrives is not SMPP.
    pub fn not_smpp(&mut self, now: Mono) {
        self.counters.not_smpp += 1;
        self.effects.push_back(Effect::Send(pdu::answer(CommandStatus::EsmeRinvcmdlen, 0, Pdu::GenericNack)));
        match self.state {
            State::Binding { .. } | State::Bound => self.link_down(LinkDownReason::ProtocolError, now),
            State::Draining { .. } | State::Unbinding { .. } => self.stop(),
            State::Waiting { .. } | State::Connecting { .. } | State::Stopped => {}
        }
    }

    /// Leaves the network: queued texts are given back, outstanding ones awaited for a bounded time.
    pub fn shut_down(&mut self, now: Mono) {
        for job in std::mem::take(&mut self.jobs.waiting) {
            self.outcome(&job, SubmitOutcome::Temporary);
        }
        match self.state {
            State::Bound => {
                self.state = State::Draining { give_up_at: now.after(self.config.answer_timeout) };
                self.unbind_when_drained(now);
            }
            State::Waiting { .. } | State::Connecting { .. } | State::Binding { .. } => self.stop(),
            State::Draining { .. } | State::Unbinding { .. } | State::Stopped => {}
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Mono) {
        self.counters.unknown_receipts += self.book.forget(now);
        for job in self.jobs.expired_waiting(now) {
            self.give_back_waiting(&job, now);
        }
        for job in self.jobs.unanswered(now) {
            self.counters.unknown_outcomes += 1;
            self.outcome(&job, SubmitOutcome::Unknown);
        }
        match self.state {
            State::Waiting { until } if until <= now => {
                self.state = State::Connecting { give_up_at: now.after(self.config.answer_timeout) };
                self.effects.push_back(Effect::Connect);
            }
            State::Connecting { give_up_at } if give_up_at <= now => self.link_down(LinkDownReason::ConnectFailed, now),
            State::Binding { give_up_at, .. } if give_up_at <= now => self.link_down(LinkDownReason::BindTimeout, now),
            State::Bound => self.check_link(now),
            State::Draining { give_up_at } | State::Unbinding { give_up_at } if give_up_at <= now => self.stop(),
            State::Draining { .. } => self.unbind_when_drained(now),
            State::Waiting { .. } | State::Connecting { .. } | State::Binding { .. } | State::Unbinding { .. } | State::Stopped => {}
        }
        self.send_waiting(now);
    }

    /// One PDU arrived. `may_emit` says whether the owner can take one more event; without room a delivery is put off, and the
    /// SMSC brings it again.
    pub fn frame(&mut self, frame: Frame, may_emit: bool, now: Mono) {
        match self.state {
            State::Binding { .. } | State::Bound | State::Draining { .. } | State::Unbinding { .. } => {}
            State::Waiting { .. } | State::Connecting { .. } | State::Stopped => return,
        }
        self.last_heard = now;
        match frame {
            Frame::Pdu(command) => self.command(&command, may_emit, now),
            Frame::Undecodable(header) => self.undecodable(header, now),
        }
        self.unbind_when_drained(now);
        self.send_waiting(now);
    }

    fn command(&mut self, command: &Command, may_emit: bool, now: Mono) {
        let sequence = command.sequence_number();
        #[expect(clippy::wildcard_enum_match_arm, reason = "some thirty commands of which an ESME expects these; the rest are refused")]
        match command.id() {
            CommandId::BindTransceiverResp => self.bind_answer(sequence, command.status(), now),
            CommandId::SubmitSmResp => {
                let id = match command.pdu() {
                    Some(Pdu::SubmitSmResp(answer)) => smsc_id(answer),
                    Some(_) | None => String::new(),
                };
                self.submit_answer(sequence, command.status(), id, now);
            }
            CommandId::DeliverSm => match command.pdu() {
                Some(Pdu::DeliverSm(deliver)) => self.deliver(sequence, deliver, may_emit, now),
                Some(_) | None => self.refuse_delivery(sequence),
            },
            CommandId::EnquireLink => self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::EnquireLinkResp))),
            CommandId::EnquireLinkResp => self.enquiry_answer(sequence),
            CommandId::Unbind => self.peer_unbinds(sequence, now),
            CommandId::UnbindResp => {
                if let State::Unbinding { .. } = self.state {
                    self.stop();
                } else {
                    self.counters.stray_answers += 1;
                }
            }
            CommandId::GenericNack => self.nacked(sequence, command.status(), now),
            // Told for information; there is no answer to it.
            CommandId::AlertNotification => {}
            other if u32::from(other) & 0x8000_0000 != 0 => self.counters.stray_answers += 1,
            _ => {
                self.counters.unexpected_requests += 1;
                self.effects.push_back(Effect::Send(pdu::answer(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack)));
            }
        }
    }

    fn undecodable(&mut self, header: Header, now: Mono) {
        self.counters.undecodable_pdus += 1;
        let status = CommandStatus::from(header.status);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the commands whose header alone says enough; the rest are refused")]
        match CommandId::from(header.id) {
            // The status is what counts; only the SMSC's id of the text is lost.
            CommandId::SubmitSmResp => self.submit_answer(header.sequence, status, String::new(), now),
            CommandId::BindTransceiverResp => self.bind_answer(header.sequence, status, now),
            CommandId::EnquireLinkResp => self.enquiry_answer(header.sequence),
            CommandId::GenericNack => self.nacked(header.sequence, status, now),
            CommandId::DeliverSm => self.refuse_delivery(header.sequence),
            _ if header.is_response() => self.counters.stray_answers += 1,
            _ => {
                let nack = pdu::answer(CommandStatus::EsmeRinvcmdlen, header.sequence, Pdu::GenericNack);
                self.effects.push_back(Effect::Send(nack));
            }
        }
    }

    fn bind_answer(&mut self, sequence: u32, status: CommandStatus, now: Mono) {
        let State::Binding { sequence: asked, .. } = self.state else {
            self.counters.stray_answers += 1;
            return;
        };
        if sequence != asked {
            self.counters.stray_answers += 1;
        } else if status == CommandStatus::EsmeRok {
            self.state = State::Bound;
            self.enquiry = None;
            self.reconnect.reset();
            self.link_told_up = true;
            self.effects.push_back(Effect::Event(SmsEvent::LinkUp));
        } else {
            self.refused_bind(status, now);
        }
    }

    /// A refused bind is a person's mistake more often than not: trying again fast would lock the account.
    fn refused_bind(&mut self, status: CommandStatus, now: Mono) {
        self.counters.refused_binds += 1;
        let refusal = pdu::bind_refusal(status);
        if refusal != crate::driver::BindRefusal::AlreadyBound {
            self.reconnect.give_up_hope();
        }
        self.link_down(LinkDownReason::BindRefused(refusal), now);
    }

    fn submit_answer(&mut self, sequence: u32, status: CommandStatus, smsc_id: String, now: Mono) {
        let Some(sent) = self.jobs.sent.remove(&sequence) else {
            self.late_answer(sequence, status, &smsc_id);
            return;
        };
        if status == CommandStatus::EsmeRok {
            self.throttle.reset();
            self.paused_until = None;
            // The outcome first: an owner hears of a text's end only after it knows that the text was taken.
            self.outcome(&sent.job, SubmitOutcome::Accepted { smsc_id: smsc_id.clone() });
            self.remember(&sent.job, &smsc_id);
            return;
        }
        match pdu::refusal(status) {
            Refusal::Throttled => self.throttled(sent.job, now),
            Refusal::Temporary => self.outcome(&sent.job, SubmitOutcome::Temporary),
            Refusal::Permanent(reason) => self.outcome(&sent.job, SubmitOutcome::Permanent { reason }),
        }
    }

    /// The text was given back as unknown already; its receipt is still welcome.
    fn late_answer(&mut self, sequence: u32, status: CommandStatus, smsc_id: &str) {
        let Some(job) = self.jobs.take_given_up(sequence) else {
            self.counters.stray_answers += 1;
            return;
        };
        self.counters.late_answers += 1;
        if status == CommandStatus::EsmeRok {
            self.remember(&job, smsc_id);
        }
    }

    fn remember(&mut self, job: &Job, smsc_id: &str) {
        for reading in self.book.accepted(job.message_ref, smsc_id, &job.to) {
            self.tell(reading);
        }
    }

    fn throttled(&mut self, mut job: Job, now: Mono) {
        self.counters.throttled += 1;
        job.tries += 1;
        // Answers to a whole window of submits arrive together; only the first of them lengthens the pause.
        let pause_end = match self.paused_until.filter(|until| *until > now) {
            Some(until) => until,
            None => now.after(self.throttle.fail()),
        };
        self.paused_until = Some(pause_end);
        if job.tries >= self.config.throttle_tries {
            let retry_after = pause_end.since(now).max(self.config.throttle_wait.0);
            self.outcome(&job, SubmitOutcome::Throttled { retry_after });
        } else {
            self.jobs.waiting.push_front(job);
        }
    }

    fn nacked(&mut self, sequence: u32, status: CommandStatus, now: Mono) {
        self.counters.generic_nacks += 1;
        if let Some(sent) = self.jobs.sent.remove(&sequence) {
            match pdu::refusal(status) {
                Refusal::Throttled => self.throttled(sent.job, now),
                Refusal::Temporary => self.outcome(&sent.job, SubmitOutcome::Temporary),
                Refusal::Permanent(_) => {
                    self.outcome(&sent.job, SubmitOutcome::Permanent { reason: PermanentReason::Malformed });
                }
            }
        } else if let State::Binding { sequence: asked, .. } = self.state
            && asked == sequence
        {
            self.refused_bind(status, now);
        } else {
            // An SMSC that does not know enquire_link has still shown that it is there.
            self.enquiry_answer(sequence);
        }
    }

    fn deliver(&mut self, sequence: u32, deliver: &DeliverSm, may_emit: bool, now: Mono) {
        if !may_emit {
            self.counters.deferred_deliveries += 1;
            self.effects.push_back(Effect::Send(pdu::deliver_answer(CommandStatus::EsmeRxTAppn, sequence)));
            return;
        }
        let text = deliver::text(deliver);
        if receipt::is_receipt(deliver) {
            self.receipt(deliver, &text.unwrap_or_default(), now);
        } else {
            self.incoming(deliver, text, now);
        }
        self.effects.push_back(Effect::Send(pdu::deliver_answer(CommandStatus::EsmeRok, sequence)));
    }

    fn receipt(&mut self, deliver: &DeliverSm, text: &str, now: Mono) {
        let Some(receipt) = receipt::read(deliver, text) else {
            self.counters.unreadable_receipts += 1;
            return;
        };
        let parties = Parties::new(deliver.source_addr.as_str(), deliver.destination_addr.as_str());
        let reading = self.book.receipt(receipt, parties, now);
        self.tell(reading);
    }

    fn tell(&mut self, reading: Reading) {
        match reading {
            Reading::News { message_ref, state } => {
                self.effects.push_back(Effect::Event(SmsEvent::Receipt { message_ref, state }));
            }
            Reading::Repeated => self.counters.repeated_receipts += 1,
            Reading::Early => {}
        }
    }

    fn incoming(&mut self, deliver: &DeliverSm, text: Option<String>, now: Mono) {
        let to = deliver.destination_addr.as_str();
        let (Ok(from), Some(text)) = (E164Digits::parse(deliver.source_addr.as_str()), text) else {
            self.counters.unreadable_incoming += 1;
            return;
        };
        if self.lately.is_repetition(from.as_str(), to, &text, now) {
            self.counters.repeated_incoming += 1;
            return;
        }
        self.effects.push_back(Effect::Event(SmsEvent::Incoming { from, to: to.to_owned(), text }));
    }

    /// Refused for good, so that the SMSC does not bring it again for days.
    fn refuse_delivery(&mut self, sequence: u32) {
        self.effects.push_back(Effect::Send(pdu::deliver_answer(CommandStatus::EsmeRxPAppn, sequence)));
    }

    fn enquiry_answer(&mut self, sequence: u32) {
        match self.enquiry {
            Some((asked, _)) if asked == sequence => self.enquiry = None,
            Some(_) | None => self.counters.stray_answers += 1,
        }
    }

    fn check_link(&mut self, now: Mono) {
        match self.enquiry {
            Some((_, answer_by)) if answer_by <= now => self.link_down(LinkDownReason::LinkSilent, now),
            Some(_) => {}
            None if self.last_heard.after(self.config.enquire_link_after) <= now => {
                let sequence = self.next_sequence();
                self.enquiry = Some((sequence, now.after(self.config.answer_timeout)));
                self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::EnquireLink)));
            }
            None => {}
        }
    }

    fn peer_unbinds(&mut self, sequence: u32, now: Mono) {
        self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::UnbindResp)));
        match self.state {
            State::Binding { .. } | State::Bound => self.link_down(LinkDownReason::PeerUnbound, now),
            State::Draining { .. } | State::Unbinding { .. } => self.stop(),
            State::Waiting { .. } | State::Connecting { .. } | State::Stopped => {}
        }
    }

    fn send_waiting(&mut self, now: Mono) {
        if self.state != State::Bound || self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        while self.jobs.sent.len() < self.config.window
            && let Some(job) = self.jobs.waiting.pop_front()
        {
            let sequence = self.next_sequence();
            self.counters.submits_sent += 1;
            self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::SubmitSm(job.pdu.clone()))));
            self.jobs.sent.insert(sequence, Sent { job, answer_by: now.after(self.config.answer_timeout) });
        }
    }

    fn give_back_waiting(&mut self, job: &Job, now: Mono) {
        let outcome = match self.paused_until.filter(|until| job.tries > 0 && *until > now) {
            Some(until) => SubmitOutcome::Throttled { retry_after: until.since(now) },
            None => SubmitOutcome::Temporary,
        };
        self.outcome(job, outcome);
    }

    fn unbind_when_drained(&mut self, now: Mono) {
        if matches!(self.state, State::Draining { .. }) && self.jobs.sent.is_empty() {
            let sequence = self.next_sequence();
            self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::Unbind)));
            self.state = State::Unbinding { give_up_at: now.after(self.config.answer_timeout) };
        }
    }

    fn link_down(&mut self, reason: LinkDownReason, now: Mono) {
        self.effects.push_back(Effect::Disconnect);
        self.lose_outstanding();
        self.enquiry = None;
        self.paused_until = None;
        self.link_told_up = false;
        self.effects.push_back(Effect::Event(SmsEvent::LinkDown { reason }));
        let wait = self.reconnect.fail();
        self.state = State::Waiting { until: now.after(wait) };
    }

    fn lose_outstanding(&mut self) {
        for job in self.jobs.connection_lost() {
            self.counters.unknown_outcomes += 1;
            self.outcome(&job, SubmitOutcome::Unknown);
        }
    }

    fn stop(&mut self) {
        self.effects.push_back(Effect::Disconnect);
        self.lose_outstanding();
        if self.link_told_up {
            self.effects.push_back(Effect::Event(SmsEvent::LinkDown { reason: LinkDownReason::ShutDown }));
        }
        self.state = State::Stopped;
        self.effects.push_back(Effect::Stopped);
    }

    fn outcome(&mut self, job: &Job, outcome: SubmitOutcome) {
        self.effects.push_back(Effect::Outcome(job.ticket, outcome));
    }

    const fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence >= MAX_SEQUENCE { 1 } else { self.sequence + 1 };
        self.sequence
    }
}

fn smsc_id(answer: &SubmitSmResp) -> String {
    answer.message_id().as_str().to_owned()
}
