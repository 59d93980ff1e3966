//! The ESME session as a machine: what to send, what to believe, when to give up.
//!
//! It does no I/O and reads no clock. Feed one input, then drain [`Session::poll_effect`] to `None`; call
//! [`Session::handle_timeout`] at the time [`Session::poll_timeout`] names.
//!
//! A text is put on the wire at most once for every definite refusal by throttling, and never again once its answer may have
//! been lost: it is then given back as [`SubmitOutcome::Unknown`]. A text still waiting when the link goes down stays in the
//! queue and is sent once the link is back.

use std::collections::VecDeque;

use rusmpp::{Command, CommandStatus, Pdu};
use tandem_model::Mono;

use super::config::SmppConfig;
use super::counters::Counters;
use super::deliver::Lately;
use super::frame::Frame;
use super::outstanding::{Job, Jobs};
use super::pdu;
use super::receipt_book::ReceiptBook;
use crate::backoff::Backoff;
use crate::driver::{LinkDownReason, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused};

mod deliveries;
mod inbound;
mod submits;

#[cfg(test)]
mod tests;

/// The largest sequence number (SMPP 3.4, 5.1.4); the next after it is 1.
const MAX_SEQUENCE: u32 = 0x7FFF_FFFF;

/// What the shell is asked to do.
#[expect(clippy::large_enum_variant, reason = "moved once and gone; a box would cost an allocation for every PDU")]
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
            State::Bound => {
                Some(self.enquiry.map_or_else(|| self.last_heard.after(self.config.enquire_link_after), |(_, by)| by))
            }
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
            State::Waiting { .. }
            | State::Binding { .. }
            | State::Bound
            | State::Draining { .. }
            | State::Unbinding { .. }
            | State::Stopped => {
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
            State::Waiting { .. }
            | State::Connecting { .. }
            | State::Binding { .. }
            | State::Unbinding { .. }
            | State::Stopped => {}
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

    fn stop(&mut self) {
        self.effects.push_back(Effect::Disconnect);
        self.lose_outstanding();
        if self.link_told_up {
            self.effects.push_back(Effect::Event(SmsEvent::LinkDown { reason: LinkDownReason::ShutDown }));
        }
        self.state = State::Stopped;
        self.effects.push_back(Effect::Stopped);
    }

    const fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence >= MAX_SEQUENCE { 1 } else { self.sequence + 1 };
        self.sequence
    }
}
