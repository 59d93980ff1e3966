//! Routing of calls: only between the two parties, only after the gate, never past the ring's one expiry.
//!
//! (gate passed) --OFFER--> Ringing --final ANSWER--> Answered --END--> gone
//!                             |--expiry: NoAnswer to both--> gone
//!                             |--lost against a lower id: Superseded--> gone
//!                             '--a party away past its grace: PeerLost--> gone   (Answered too)

use crate::call::{Call, Party, opens, picks_up, send};
use crate::effect::Metric;
use crate::gate::Gate;
use crate::input::ConnId;
use crate::io::Io;
use crate::sessions::Sessions;
use crate::store_op::Owner;
use crate::timers::Timer;
use crate::turn::Turn;
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::{CallId, Msisdn};
use tandem_wire::ServerFrame;
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver};

/// All calls.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: BTreeMap<CallId, Call>,
    by_number: BTreeMap<Msisdn, BTreeSet<CallId>>,
}

/// What routing needs of its neighbours.
pub(crate) struct Around<'a> {
    pub(crate) io: &'a mut Io,
    pub(crate) sessions: &'a Sessions,
    pub(crate) gate: &'a mut Gate,
    pub(crate) turn: &'a mut Turn,
}

impl Calls {
    /// Calls going on.
    pub(crate) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether a call of that id goes on.
    pub(crate) fn goes_on(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// Whether this owner is a party of that call.
    pub(crate) fn has_party(&self, call: CallId, owner: Owner) -> bool {
        self.calls.get(&call).is_some_and(|call| call.caller.owner == owner || call.callee.owner == owner)
    }

    /// A phone says something in a call.
    pub(crate) fn envelope(&mut self, around: &mut Around<'_>, conn: ConnId, mut envelope: CallEnvelope) {
        let Some(line) = around.sessions.line(conn) else { return };
        let from = line.owner;
        envelope.from = from.number;
        let Some(call) = self.calls.get_mut(&envelope.call) else {
            return self.first(around, conn, from, envelope);
        };
        if !call.is_between(from, envelope.to) {
            return reject(around.io, conn, &envelope, CallOver::Rejected);
        }
        envelope.ring_until = call.ring_until;
        if picks_up(&envelope.body) && from == call.callee.owner && !call.answered {
            call.answered = true;
            around.io.timers.clear(Timer::Ring(envelope.call));
            around.io.count(Metric::CallAnswered);
        }
        let ends = matches!(envelope.body, CallBody::End(_));
        let id = envelope.call;
        let kept = pass_on(around.io, around.sessions, call, envelope);
        if ends {
            self.remove(around, id);
        } else if !kept {
            self.end(around, id, CallOver::PeerLost);
        }
    }

    /// The first word of a call the table does not know.
    fn first(&mut self, around: &mut Around<'_>, conn: ConnId, from: Owner, mut envelope: CallEnvelope) {
        if matches!(envelope.body, CallBody::End(_)) {
            return;
        }
        let verdict = around.gate.verdict(envelope.call, from).filter(|verdict| verdict.callee.number == envelope.to);
        let Some(verdict) = verdict.filter(|_| opens(&envelope.body)) else {
            return reject(around.io, conn, &envelope, CallOver::Rejected);
        };
        let callee = verdict.callee;
        let per_number = around.io.config.call.calls_per_number;
        if self.calls.len() >= around.io.config.call.calls_max || self.calls_of(from.number) >= per_number {
            return reject(around.io, conn, &envelope, CallOver::Rejected);
        }
        if self.calls_of(callee.number) >= per_number {
            return reject(around.io, conn, &envelope, CallOver::Busy);
        }
        if !self.wins_glare(around, from, callee, envelope.call) {
            return reject(around.io, conn, &envelope, CallOver::Superseded);
        }
        around.gate.use_verdict(around.io, envelope.call, from.number);
        if around.sessions.conn_of_owner(callee).is_none() {
            around.turn.call_is_over(around.io, envelope.call);
            return reject(around.io, conn, &envelope, CallOver::PeerLost);
        }
        envelope.ring_until = around.io.now.server.after(around.io.config.call.ring);
        around.io.wait(Timer::Ring(envelope.call), around.io.config.call.ring);
        around.io.count(Metric::CallStarted);
        let mut call = Call {
            id: envelope.call,
            caller: Party::here(from),
            callee: Party::here(callee),
            ring_until: envelope.ring_until,
            answered: false,
        };
        for number in [from.number, callee.number] {
            self.by_number.entry(number).or_default().insert(call.id);
        }
        pass_on(around.io, around.sessions, &mut call, envelope);
        self.calls.insert(call.id, call);
    }

    /// When both call each other the lower id wins; an attempt that lost to the new one ends for both.
    fn wins_glare(&mut self, around: &mut Around<'_>, from: Owner, to: Owner, id: CallId) -> bool {
        let crossing = self.by_number.get(&from.number).into_iter().flatten().find(|other| {
            self.calls
                .get(other)
                .is_some_and(|call| !call.answered && call.caller.owner == to && call.callee.owner == from)
        });
        let Some(other) = crossing.copied() else { return true };
        if other < id {
            return false;
        }
        self.end(around, other, CallOver::Superseded);
        true
    }

    fn calls_of(&self, number: Msisdn) -> usize {
        self.by_number.get(&number).map_or(0, BTreeSet::len)
    }

    /// The ring's one expiry.
    pub(crate) fn ring_is_over(&mut self, around: &mut Around<'_>, id: CallId) {
        if self.calls.get(&id).is_some_and(|call| !call.answered) {
            self.end(around, id, CallOver::NoAnswer);
        }
    }

    /// A party's session is gone; it may come back within its grace.
    pub(crate) fn party_is_away(&mut self, io: &mut Io, owner: Owner) {
        for id in self.by_number.get(&owner.number).into_iter().flatten() {
            let Some(call) = self.calls.get_mut(id) else { continue };
            let grace = if call.answered { io.config.call.answered_grace } else { io.config.call.ringing_grace };
            let Some((party, _)) = call.sides_mut(owner.number) else { continue };
            if party.owner == owner && party.held.is_none() {
                party.held = Some(Vec::new());
                io.wait(Timer::Grace(*id, owner.number), grace);
            }
        }
    }

    /// A party's session stands again: it hears what was said meanwhile. Calls of an older owner of the number end.
    pub(crate) fn party_is_back(&mut self, around: &mut Around<'_>, conn: ConnId, owner: Owner) {
        let ids: Vec<CallId> = self.by_number.get(&owner.number).into_iter().flatten().copied().collect();
        for id in ids {
            let Some(call) = self.calls.get_mut(&id) else { continue };
            let Some((party, _)) = call.sides_mut(owner.number) else { continue };
            if party.owner != owner {
                self.end(around, id, CallOver::PeerLost);
                continue;
            }
            around.io.timers.clear(Timer::Grace(id, owner.number));
            for envelope in party.held.take().into_iter().flatten() {
                around.io.send(conn, ServerFrame::Call(envelope));
            }
        }
    }

    /// A party's grace is over.
    pub(crate) fn grace_is_over(&mut self, around: &mut Around<'_>, id: CallId, number: Msisdn) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.sides_mut(number).is_some_and(|(party, _)| party.held.is_some()) {
            self.end(around, id, CallOver::PeerLost);
        }
    }

    /// The owner of a number is no more: its calls end now.
    pub(crate) fn owner_ended(&mut self, around: &mut Around<'_>, number: Msisdn, present: Option<Owner>) {
        let ids: Vec<CallId> = self.by_number.get(&number).into_iter().flatten().copied().collect();
        for id in ids {
            let Some((party, _)) = self.calls.get_mut(&id).and_then(|call| call.sides_mut(number)) else { continue };
            if Some(party.owner) != present {
                self.end(around, id, CallOver::PeerLost);
            }
        }
    }

    /// Ends a call and tells both.
    fn end(&mut self, around: &mut Around<'_>, id: CallId, over: CallOver) {
        if let Some(call) = self.calls.get(&id) {
            call.tell_both(around.io, around.sessions, over);
        }
        self.remove(around, id);
    }

    fn remove(&mut self, around: &mut Around<'_>, id: CallId) {
        let Some(call) = self.calls.remove(&id) else { return };
        around.io.count(Metric::CallEnded);
        around.io.timers.clear(Timer::Ring(id));
        around.turn.call_is_over(around.io, id);
        for number in [call.caller.owner.number, call.callee.owner.number] {
            around.io.timers.clear(Timer::Grace(id, number));
            if let Some(ids) = self.by_number.get_mut(&number) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_number.remove(&number);
                }
            }
        }
    }
}

/// Sends to the other side, or keeps it while that side is away. False when there is no more room to keep it.
fn pass_on(io: &mut Io, sessions: &Sessions, call: &mut Call, envelope: CallEnvelope) -> bool {
    let held_max = io.config.call.held_max;
    let Some((_, other)) = call.sides_mut(envelope.from) else { return false };
    match (&mut other.held, sessions.conn_of_owner(other.owner)) {
        (None, Some(conn)) => io.send(conn, ServerFrame::Call(envelope)),
        (Some(held), _) if held.len() < held_max => held.push(envelope),
        (Some(_), _) | (None, None) => return false,
    }
    true
}

/// Tells the sender of an envelope that its call is over.
fn reject(io: &mut Io, conn: ConnId, envelope: &CallEnvelope, over: CallOver) {
    if !matches!(envelope.body, CallBody::End(_)) {
        send(io, conn, envelope.call, envelope.to, envelope.from, envelope.ring_until, over);
    }
}
