//! One call as the server sees it: two parties, an expiry, and what is kept for a party that is away.

use crate::input::ConnId;
use crate::io::Io;
use crate::sessions::Sessions;
use crate::store_op::Owner;
use tandem_model::{CallId, Msisdn, ServerMillis};
use tandem_wire::ServerFrame;
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver};
use tandem_wire::roap::RoapType;

/// A call that was routed at least once.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) caller: Party,
    pub(crate) callee: Party,
    pub(crate) ring_until: ServerMillis,
    pub(crate) answered: bool,
}

/// One side of it.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) owner: Owner,
    /// Away, with what was said meanwhile; `None` while connected.
    pub(crate) held: Option<Vec<CallEnvelope>>,
}

impl Party {
    pub(crate) const fn here(owner: Owner) -> Party {
        Party { owner, held: None }
    }
}

impl Call {
    /// The side with this number, and the other one.
    pub(crate) fn sides_mut(&mut self, number: Msisdn) -> Option<(&mut Party, &mut Party)> {
        if self.caller.owner.number == number {
            Some((&mut self.caller, &mut self.callee))
        } else if self.callee.owner.number == number {
            Some((&mut self.callee, &mut self.caller))
        } else {
            None
        }
    }

    /// Whether an envelope of this sender to that receiver belongs to it.
    pub(crate) fn is_between(&self, from: Owner, to: Msisdn) -> bool {
        let (caller, callee) = (self.caller.owner, self.callee.owner);
        (from == caller && to == callee.number) || (from == callee && to == caller.number)
    }

    /// Tells both that it is over, each in the other's name.
    pub(crate) fn tell_both(&self, io: &mut Io, sessions: &Sessions, over: CallOver) {
        self.tell(io, sessions, self.caller.owner, over);
        self.tell(io, sessions, self.callee.owner, over);
    }

    /// Tells one side that it is over, in the other's name.
    pub(crate) fn tell(&self, io: &mut Io, sessions: &Sessions, to: Owner, over: CallOver) {
        let from = if to == self.caller.owner { self.callee.owner } else { self.caller.owner };
        let Some(conn) = sessions.conn_of_owner(to) else { return };
        send(io, conn, self.id, from.number, to.number, self.ring_until, over);
    }
}

/// Says to one phone that a call is over.
pub(crate) fn send(
    io: &mut Io,
    conn: ConnId,
    call: CallId,
    from: Msisdn,
    to: Msisdn,
    ring_until: ServerMillis,
    over: CallOver,
) {
    let envelope = CallEnvelope { call, from, to, ring_until, body: CallBody::End(over) };
    io.send(conn, ServerFrame::Call(envelope));
}

/// Whether this is what may open a call: an OFFER.
pub(crate) fn opens(body: &CallBody) -> bool {
    matches!(body, CallBody::Roap { roap, .. } if roap.message_type == RoapType::Offer)
}

/// Whether this is picking up: the final ANSWER.
pub(crate) fn picks_up(body: &CallBody) -> bool {
    matches!(body, CallBody::Roap { roap, .. } if roap.message_type == RoapType::Answer && !roap.more_coming)
}
