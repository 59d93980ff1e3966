//! STUN and TURN for one call: credentials for its two parties only, revoked at its end.

use crate::calls::Calls;
use crate::effect::{Effect, Metric};
use crate::gate::Gate;
use crate::input::{ConnId, TurnGrant};
use crate::io::Io;
use crate::sessions::Sessions;
use crate::timers::Timer;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::{CallId, Msisdn, ServerMillis, Ticket};
use tandem_wire::frame::Ice;
use tandem_wire::{RefuseReason, ServerFrame};

/// Questions to the TURN server and what it granted.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    asked: BTreeMap<Ticket, Asked>,
    granted: BTreeMap<CallId, BTreeMap<Msisdn, u32>>,
}

#[derive(Debug)]
struct Asked {
    conn: ConnId,
    ticket: Ticket,
    call: CallId,
    valid_until: ServerMillis,
}

impl Turn {
    /// A phone asks for servers for a call it is a party of, or has passed the gate for.
    #[expect(clippy::too_many_arguments, reason = "what it asks and everyone it must ask first")]
    pub(crate) fn ask(
        &mut self,
        io: &mut Io,
        sessions: &Sessions,
        gate: &Gate,
        calls: &Calls,
        conn: ConnId,
        ticket: Ticket,
        call: CallId,
    ) {
        let Some(line) = sessions.line(conn) else { return };
        let owner = line.owner;
        if !calls.has_party(call, owner) && gate.verdict(call, owner).is_none() {
            return io.refuse(conn, ticket, RefuseReason::NoSuchCall, Duration::ZERO);
        }
        let grants = self.granted.entry(call).or_default().entry(owner.number).or_default();
        if *grants >= io.config.call.turn_grants_max {
            return io.refuse(conn, ticket, RefuseReason::Budget, Duration::ZERO);
        }
        *grants += 1;
        let name = io.ticket();
        let valid_until = io.now.server.after(io.config.call.turn_life);
        self.asked.insert(name, Asked { conn, ticket, call, valid_until });
        io.wait(Timer::Turn(name), io.config.call.turn_wait);
        io.effect(Effect::GrantTurn { ticket: name, call, number: owner.number, valid_until });
    }

    /// The TURN server answered.
    pub(crate) fn granted(&mut self, io: &mut Io, name: Ticket, grant: Option<TurnGrant>) {
        let Some(asked) = self.asked.remove(&name) else {
            return io.count(Metric::LateResult);
        };
        io.timers.clear(Timer::Turn(name));
        let Some(grant) = grant else { return self.refuse(io, &asked) };
        if !self.granted.contains_key(&asked.call) {
            // The call ended while the credentials were made.
            io.effect(Effect::RevokeTurn { call: asked.call });
            return io.refuse(asked.conn, asked.ticket, RefuseReason::NoSuchCall, Duration::ZERO);
        }
        io.send(
            asked.conn,
            ServerFrame::Ice(Ice {
                ticket: asked.ticket,
                call: asked.call,
                urls: grant.urls,
                username: grant.username,
                password: grant.password,
                valid_until: asked.valid_until,
            }),
        );
    }

    /// The TURN server did not answer in time.
    pub(crate) fn is_late(&mut self, io: &mut Io, name: Ticket) {
        if let Some(asked) = self.asked.remove(&name) {
            self.refuse(io, &asked);
        }
    }

    fn refuse(&self, io: &mut Io, asked: &Asked) {
        io.refuse(asked.conn, asked.ticket, RefuseReason::Budget, io.config.session.retry_after);
    }

    /// A verdict was not used: unless a call of that id goes on, nothing may be relayed under it.
    pub(crate) fn verdict_is_over(&mut self, io: &mut Io, calls: &Calls, call: CallId) {
        if !calls.goes_on(call) {
            self.call_is_over(io, call);
        }
    }

    /// The call is over: its credentials end.
    pub(crate) fn call_is_over(&mut self, io: &mut Io, call: CallId) {
        if self.granted.remove(&call).is_some() {
            io.effect(Effect::RevokeTurn { call });
        }
    }
}
