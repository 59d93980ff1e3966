//! What calls say to their peers while a session is away: kept for a while, said when it is back.
//!
//! Without it a hang-up or an answer in a moment without connection would be lost, and the other side left hanging.

use crate::ctx::{Ctx, World};
use std::collections::VecDeque;
use std::time::Duration;
use tandem_model::{Line, Mono};
use tandem_wire::ClientFrame;
use tandem_wire::frame::CallEnvelope;

/// Envelopes kept; the oldest gives way.
const KEPT_MAX: usize = 64;

/// How long an envelope is worth saying: the server gives a party away about as long to come back.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Envelopes that wait for a session.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    kept: VecDeque<(Line, CallEnvelope, Mono)>,
}

impl Mail {
    /// Says it now, or as soon as the line's session stands again.
    pub(crate) fn send(&mut self, line: Line, envelope: CallEnvelope, world: &dyn World, ctx: &mut Ctx<'_>) {
        if let Some(session) = world.session(line) {
            ctx.send(&session, ClientFrame::Call(envelope));
            return;
        }
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((line, envelope, ctx.now.mono.after(KEPT_FOR)));
    }

    /// The line's session stands: says what was kept, in order.
    pub(crate) fn flush(&mut self, line: Line, world: &dyn World, ctx: &mut Ctx<'_>) {
        let Some(session) = world.session(line) else { return };
        for (of, envelope, until) in std::mem::take(&mut self.kept) {
            if of != line {
                self.kept.push_back((of, envelope, until));
            } else if until > ctx.now.mono {
                ctx.send(&session, ClientFrame::Call(envelope));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Bench, ToyWorld, toy_number};
    use tandem_model::{CallId, ServerMillis};
    use tandem_wire::frame::{CallBody, CallOver};

    fn end(call: u8) -> CallEnvelope {
        CallEnvelope {
            call: CallId([call; 16]),
            from: toy_number(1),
            to: toy_number(2),
            ring_until: ServerMillis(0),
            body: CallBody::End(CallOver::HungUp),
        }
    }

    #[test]
    fn without_a_session_it_is_kept_in_order_and_said_once_when_it_is_back() {
        let (mut bench, mut world, mut mail) = (Bench::new(1), ToyWorld::online(1, &[2]), Mail::default());
        let session = world.sessions.remove(&Line(0)).unwrap();
        mail.send(Line(0), end(1), &world, &mut bench.ctx());
        mail.send(Line(0), end(2), &world, &mut bench.ctx());
        mail.flush(Line(0), &world, &mut bench.ctx());
        assert!(bench.effects().is_empty());
        world.sessions.insert(Line(0), session);
        mail.flush(Line(1), &world, &mut bench.ctx());
        assert!(bench.effects().is_empty(), "another line");
        mail.flush(Line(0), &world, &mut bench.ctx());
        assert_eq!(bench.effects().len(), 2);
        mail.flush(Line(0), &world, &mut bench.ctx());
        assert!(bench.effects().is_empty());
    }

    #[test]
    fn what_is_thirty_seconds_old_is_said_no_more_and_a_flood_gives_way() {
        let (mut bench, mut world, mut mail) = (Bench::new(1), ToyWorld::online(1, &[2]), Mail::default());
        let session = world.sessions.remove(&Line(0)).unwrap();
        mail.send(Line(0), end(1), &world, &mut bench.ctx());
        bench.advance(29_999);
        for call in 0..63 {
            mail.send(Line(0), end(call), &world, &mut bench.ctx());
        }
        bench.advance(1);
        world.sessions.insert(Line(0), session);
        mail.flush(Line(0), &world, &mut bench.ctx());
        assert_eq!(bench.effects().len(), 63);
    }
}
