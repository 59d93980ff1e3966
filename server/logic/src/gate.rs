//! The callee's gate: may this caller call this callee over data now?
//!
//! Asked --store: stranger--> (waits the one fixed delay) --> NotAvailable
//!   |---store: budget spent--> Refused
//!   |---store: permitted, not connected--> Later
//!   '---store: permitted, connected--> measured before, or Measuring --> Ok | OkLowRate | UseCarrier
//!
//! Whether a stranger's number is registered, blocks, is connected or slow changes nothing of the answer: it is chosen
//! before any of that is looked at, and leaves on a fixed clock.

use crate::effect::Metric;
use crate::input::ConnId;
use crate::io::Io;
use crate::probe::{Probed, Probes};
use crate::question::{Question, VerdictKey};
use crate::sessions::Sessions;
use crate::store_answer::{Admission, StoreAnswer};
use crate::store_op::{BudgetKind, Charge, Owner, StoreOp};
use crate::timers::Timer;
use crate::{config::GateConfig, matching::MatchOp};
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::{CallId, DataRate, GateVerdict, Mono, Msisdn, NumberEpoch, Ticket};
use tandem_wire::{RefuseReason, ServerFrame};

/// Open questions and the verdicts given.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    asked: BTreeMap<u64, Asked>,
    /// The newest open question of a phone about a call.
    open: BTreeMap<(ConnId, CallId), u64>,
    /// Questions for STUN and TURN servers that waited for an answer that has been given.
    released: Vec<HeldIce>,
    verdicts: BTreeMap<VerdictKey, Verdict>,
    next: u64,
}

/// An open question.
#[derive(Clone, Copy, Debug)]
struct Asked {
    conn: ConnId,
    caller: Owner,
    ticket: Ticket,
    call: CallId,
    to: Msisdn,
    asked_at: Mono,
    callee: Option<Owner>,
    /// Asked beside the gate: answered right behind it.
    ice: Option<Ticket>,
}

/// A question for STUN and TURN servers that came before its gate's answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldIce {
    pub(crate) conn: ConnId,
    pub(crate) ticket: Ticket,
    pub(crate) call: CallId,
}

/// A verdict that opens a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) caller: Owner,
    pub(crate) callee: Owner,
}

impl Gate {
    /// A phone asks.
    pub(crate) fn ask(
        &mut self,
        io: &mut Io,
        sessions: &Sessions,
        conn: ConnId,
        ticket: Ticket,
        call: CallId,
        to: Msisdn,
    ) {
        let Some(line) = sessions.line(conn) else { return };
        let caller = line.owner;
        if caller.number == to {
            return io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO);
        }
        if self.asked.len() + self.verdicts.len() >= io.config.gate.open_max {
            return io.refuse(conn, ticket, RefuseReason::Budget, io.config.session.retry_after);
        }
        let gate = self.next;
        self.next += 1;
        let asked = Asked { conn, caller, ticket, call, to, asked_at: io.now.mono, callee: None, ice: None };
        let op = MatchOp::AdmitGate { caller, callee: to, charges: charges(&io.config.gate, caller, to) };
        if io.ask_for(conn, Question::Gate { gate }, StoreOp::Match(op)) {
            self.asked.insert(gate, asked);
            self.open.insert((conn, call), gate);
        } else {
            io.refuse(conn, ticket, RefuseReason::Budget, io.config.session.retry_after);
        }
    }

    /// A phone asks for STUN and TURN servers beside its gate's question, so that the call waits for one round trip and not
    /// for two. False when no such question is open, or one waits there already.
    pub(crate) fn holds_ice(&mut self, conn: ConnId, ticket: Ticket, call: CallId) -> bool {
        let asked = self.open.get(&(conn, call)).and_then(|gate| self.asked.get_mut(gate));
        let Some(asked) = asked.filter(|asked| asked.ice.is_none()) else { return false };
        asked.ice = Some(ticket);
        true
    }

    /// The held questions whose gate has answered since.
    pub(crate) fn released_ice(&mut self) -> Vec<HeldIce> {
        std::mem::take(&mut self.released)
    }

    /// The question is over.
    fn close(&mut self, gate: u64) -> Option<Asked> {
        let asked = self.asked.remove(&gate)?;
        let key = (asked.conn, asked.call);
        if self.open.get(&key) == Some(&gate) {
            self.open.remove(&key);
        }
        let held = asked.ice.map(|ticket| HeldIce { conn: asked.conn, ticket, call: asked.call });
        self.released.extend(held);
        Some(asked)
    }

    /// The store admits the question, or does not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
    pub(crate) fn admitted(
        &mut self,
        io: &mut Io,
        sessions: &mut Sessions,
        probes: &mut Probes,
        gate: u64,
        answer: &StoreAnswer,
    ) {
        let Some(asked) = self.asked.get(&gate).copied() else { return };
        match answer {
            StoreAnswer::Admission(Admission::Permitted { epoch }) => {
                self.measure(io, sessions, probes, gate, *epoch);
            }
            StoreAnswer::Admission(Admission::Stranger) => {
                io.timers.set(Timer::Stranger(gate), asked.asked_at.after(io.config.gate.stranger_delay));
            }
            StoreAnswer::Admission(Admission::Spent(spent)) => {
                self.close(gate);
                io.refuse(asked.conn, asked.ticket, RefuseReason::Budget, spent.retry_after);
            }
            _ => {
                self.close(gate);
                io.refuse_storage(asked.conn, asked.ticket);
            }
        }
    }

    fn measure(&mut self, io: &mut Io, sessions: &mut Sessions, probes: &mut Probes, gate: u64, epoch: NumberEpoch) {
        let Some(asked) = self.asked.get_mut(&gate) else { return };
        let callee = Owner { number: asked.to, epoch };
        asked.callee = Some(callee);
        let Some(conn) = sessions.conn_of_owner(callee) else {
            return self.answer(io, gate, GateVerdict::Later);
        };
        let known = sessions
            .line(conn)
            .and_then(|line| line.measured.slower(io.now.mono, io.config.gate.low_from, &io.config.measure));
        match known {
            Some(rate) => self.answer(io, gate, verdict(&io.config.gate, rate)),
            None => probes.measure(io, conn, gate),
        }
    }

    /// A callee was measured.
    pub(crate) fn probed(&mut self, io: &mut Io, probed: Option<Probed>) {
        let Some(probed) = probed else { return };
        let verdict = verdict(&io.config.gate, probed.rate);
        for gate in probed.gates {
            self.answer(io, gate, verdict);
        }
    }

    /// The callees of these questions went away while they were measured.
    pub(crate) fn callee_is_gone(&mut self, io: &mut Io, gates: Vec<u64>) {
        for gate in gates {
            self.answer(io, gate, GateVerdict::Later);
        }
    }

    /// The fixed delay is over.
    pub(crate) fn stranger_is_due(&mut self, io: &mut Io, gate: u64) {
        self.answer(io, gate, GateVerdict::NotAvailable);
    }

    fn answer(&mut self, io: &mut Io, gate: u64, verdict: GateVerdict) {
        let Some(asked) = self.close(gate) else { return };
        io.count(Metric::GateAnswered(verdict));
        let opens = matches!(verdict, GateVerdict::Ok | GateVerdict::OkLowRate);
        if let Some(callee) = asked.callee.filter(|_| opens) {
            let key = (asked.call, asked.caller.number);
            self.verdicts.insert(key, Verdict { caller: asked.caller, callee });
            io.wait(Timer::Verdict(key.0, key.1), io.config.gate.verdict_life);
        }
        let frame = ServerFrame::GateAnswer { ticket: asked.ticket, call: asked.call, verdict };
        io.send(asked.conn, frame);
    }

    /// Whether the caller passed the gate for this call, and to whom.
    pub(crate) fn verdict(&self, call: CallId, caller: Owner) -> Option<Verdict> {
        self.verdicts.get(&(call, caller.number)).copied().filter(|verdict| verdict.caller == caller)
    }

    /// The call begins: its verdict opens no second one.
    pub(crate) fn use_verdict(&mut self, io: &mut Io, call: CallId, caller: Msisdn) {
        io.timers.clear(Timer::Verdict(call, caller));
        self.verdicts.remove(&(call, caller));
    }
}

/// What a rate means for voice.
fn verdict(config: &GateConfig, rate: DataRate) -> GateVerdict {
    if rate >= config.full_from {
        GateVerdict::Ok
    } else if rate >= config.low_from {
        GateVerdict::OkLowRate
    } else {
        GateVerdict::UseCarrier
    }
}

fn charges(config: &GateConfig, caller: Owner, callee: Msisdn) -> Vec<Charge> {
    let pair = (caller.number.as_u64(), callee.as_u64());
    vec![
        Charge { kind: BudgetKind::GatePair, about: pair, units: 1, allowance: config.per_pair },
        Charge::about_number(BudgetKind::GateCaller, caller.number, config.per_caller),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_voice_begins_at_the_threshold_and_low_rate_at_its_half() {
        let config = GateConfig::default();
        let at = |bps| verdict(&config, DataRate::bps(bps));
        assert_eq!(at(64_000), GateVerdict::Ok);
        assert_eq!(at(63_999), GateVerdict::OkLowRate);
        assert_eq!(at(32_000), GateVerdict::OkLowRate);
        assert_eq!(at(31_999), GateVerdict::UseCarrier);
        assert_eq!(at(0), GateVerdict::UseCarrier);
    }
}
