//! What a peer says: to a call that is here, or with the offer that begins one.

use super::conversation::{Beginning, Call, Stage, session_id};
use super::dial::key_of;
use super::fingerprint;
use super::glare::{self, Glare, LostTo};
use super::roap_session::{Heard, RoapSession};
use super::scene::Scene;
use super::{CALLS_MAX, Calls};
use crate::ctx::{Ctx, World};
use std::time::Duration;
use tandem_model::{CallEnd, CallId, DeviceKey, Line, Mono, Msisdn, Secret, Signature};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver};
use tandem_wire::limits::RING_MAX;
use tandem_wire::roap::{Roap, RoapType};

impl Calls {
    pub(super) fn on_envelope(&mut self, line: Line, envelope: &CallEnvelope, world: &dyn World, ctx: &mut Ctx<'_>) {
        let for_me = world.registered(line).is_some_and(|(me, _, _)| me == envelope.to && me != envelope.from);
        if !for_me {
            return;
        }
        if let Some(call) = self.calls.get(&envelope.call) {
            // Another peer that learned the id has nothing to say in it.
            if call.peer == envelope.from && call.line == line {
                self.remember_lost(envelope, ctx.now.mono);
                self.on_call(envelope.call, world, ctx, |call, scene| call.on_word(envelope, scene));
            }
            return;
        }
        match &envelope.body {
            CallBody::Roap { roap, fingerprint_signature } => match roap.message_type {
                RoapType::Offer if !self.over.contains(&envelope.call) => {
                    self.on_offer(line, envelope, roap, *fingerprint_signature, world, ctx);
                }
                // An answer to a call that is over here must not leave its callee waiting.
                RoapType::Answer if !roap.more_coming => reply_over(line, envelope, CallOver::HungUp, world, ctx),
                RoapType::Offer | RoapType::Answer | RoapType::Ok | RoapType::Error | RoapType::Shutdown => {}
            },
            CallBody::Alerting | CallBody::Candidate(_) | CallBody::End(_) | CallBody::Hold { .. } => {}
        }
    }

    /// My attempt lost at the server: the call it lost against is on its way and is to be answered at once.
    fn remember_lost(&mut self, envelope: &CallEnvelope, now: Mono) {
        let mine = self.calls.get(&envelope.call);
        if envelope.body == CallBody::End(CallOver::Superseded)
            && mine.is_some_and(|call| matches!(call.stage, Stage::Offered(_)))
        {
            self.room.lost_to = Some(LostTo::new(envelope.from, envelope.call, now));
        }
    }

    fn on_offer(
        &mut self,
        line: Line,
        envelope: &CallEnvelope,
        roap: &Roap,
        signature: Option<Signature>,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) {
        // Whom I do not see as reachable cannot reach me: without the mark nobody's signature can be told from another's.
        let Some(key) = world.mark(line, envelope.from).and_then(key_of) else {
            return reply_over(line, envelope, CallOver::Rejected, world, ctx);
        };
        let Some(until) = ring_until(line, envelope, world, ctx) else { return };
        // Nothing is believed, shown or written before the offer is known to be the peer's.
        let mut session = RoapSession::new(session_id(ctx.random));
        let offer = match session.hear(roap) {
            Heard::Offer { sdp, .. } => Some(sdp),
            Heard::Answer { .. }
            | Heard::Accepted
            | Heard::PeerLost { .. }
            | Heard::MineLost
            | Heard::OfferAgain { .. }
            | Heard::Failed(_)
            | Heard::Closed { .. }
            | Heard::Refused { .. }
            | Heard::Dropped => None,
        };
        let (from, to) = (envelope.from, envelope.to);
        let Some(offer) =
            offer.filter(|sdp| fingerprint::is_signed_by(&key, signature, envelope.call, from, to, sdp, ctx))
        else {
            self.remember_over(envelope.call);
            return reply_over(line, envelope, CallOver::Rejected, world, ctx);
        };
        if until <= ctx.now.mono {
            return self.log_unrung(line, envelope, key, CallEnd::Missed, world, ctx);
        }
        let mut answer_at_once =
            self.room.lost_to.is_some_and(|lost| lost.is_won_by(from, envelope.call, ctx.now.mono));
        let mut superseded = None;
        self.end_lost_with(from, world, ctx);
        if let Some((mine, is_offered)) = self.attempt_to(from) {
            match glare::decide(mine, is_offered, envelope.call) {
                Glare::MineStands => return reply_over(line, envelope, CallOver::Superseded, world, ctx),
                Glare::TheirsStands => superseded = Some(mine),
            }
            answer_at_once = true;
        } else if self.engaged() || self.calls.len() >= CALLS_MAX {
            reply_over(line, envelope, CallOver::Busy, world, ctx);
            return self.log_unrung(line, envelope, key, CallEnd::Busy, world, ctx);
        }
        self.room.lost_to = None;
        if let Some(mine) = superseded {
            self.on_call(mine, world, ctx, Call::lose_glare);
        }
        let mut call = self.incoming(line, envelope, key, world, ctx);
        call.roap = session;
        let mut scene = Scene { ctx, world, room: &mut self.room };
        call.ring(offer, until, &mut scene);
        if answer_at_once {
            // Accepting a ring that began just now cannot be stale.
            let _ = call.accept(&mut scene);
        }
        call.show(&mut scene);
        self.calls.insert(envelope.call, call);
    }

    /// A peer that calls again has given up the call whose media broke: it does not find its own old call in the way.
    fn end_lost_with(&mut self, peer: Msisdn, world: &dyn World, ctx: &mut Ctx<'_>) {
        let lost = self.calls.values().find(|call| call.peer == peer && matches!(call.stage, Stage::Lost { .. }));
        if let Some(id) = lost.map(|call| call.id) {
            self.on_call(id, world, ctx, |call, scene| {
                call.say_over(CallOver::HungUp, scene);
                call.end(CallEnd::MediaLost, scene);
            });
        }
    }

    /// An attempt of mine to that peer, and whether it is out.
    fn attempt_to(&self, peer: Msisdn) -> Option<(CallId, bool)> {
        self.calls.values().filter(|call| call.peer == peer).find_map(|call| match call.stage {
            Stage::Checking(_) | Stage::Preparing(_) => Some((call.id, false)),
            Stage::Offered(_) => Some((call.id, true)),
            Stage::Asking { .. }
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => None,
        })
    }

    fn incoming(
        &mut self,
        line: Line,
        envelope: &CallEnvelope,
        key: DeviceKey,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) -> Call {
        let mut scene = Scene { ctx, world, room: &mut self.room };
        let with = Beginning {
            id: envelope.call,
            line,
            peer: envelope.from,
            outgoing: false,
            digits: Secret::new(envelope.from.e164()),
            peer_key: Some(key),
            stage: Stage::Asking { until: Mono(0) },
        };
        let mut call = Call::begin(with, &mut scene);
        call.ring_until = envelope.ring_until;
        call
    }

    /// A call that never rang is still one the user is told of.
    fn log_unrung(
        &mut self,
        line: Line,
        envelope: &CallEnvelope,
        key: DeviceKey,
        end: CallEnd,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) {
        let mut call = self.incoming(line, envelope, key, world, ctx);
        let mut scene = Scene { ctx, world, room: &mut self.room };
        call.end(end, &mut scene);
        call.show(&mut scene);
        self.remember_over(envelope.call);
    }
}

impl Call {
    /// A word of the peer in this call.
    fn on_word(&mut self, envelope: &CallEnvelope, scene: &mut Scene<'_, '_>) {
        self.learn_expiry(envelope.ring_until, scene);
        match &envelope.body {
            CallBody::Roap { roap, fingerprint_signature } => self.hear(roap, *fingerprint_signature, scene),
            CallBody::Alerting => self.alerting(scene),
            CallBody::Candidate(candidate) => self.sound.their_candidate(candidate.clone(), scene.ctx),
            CallBody::End(over) => self.peer_ended(*over, scene),
            CallBody::Hold { on } => self.hold_by_peer(*on, scene),
        }
    }

    /// The peer's call the other way round stands instead of this one. The server has ended this one by then.
    fn lose_glare(&mut self, scene: &mut Scene<'_, '_>) {
        self.say_over(CallOver::Superseded, scene);
        self.sound.roll_back(scene.ctx);
        self.end(CallEnd::Superseded, scene);
    }
}

/// The ring's expiry on this phone's clock. Without a session there is no clock to compare with, and no ring.
fn ring_until(line: Line, envelope: &CallEnvelope, world: &dyn World, ctx: &Ctx<'_>) -> Option<Mono> {
    let session = world.session(line)?;
    let latest = ctx.now.mono.after(RING_MAX.max(Duration::from_millis(u64::from(session.ring_ms))));
    Some(session.offset.to_mono(envelope.ring_until).min(latest))
}

/// Answers an envelope of a call that is not, or not any more, here.
fn reply_over(line: Line, to: &CallEnvelope, over: CallOver, world: &dyn World, ctx: &mut Ctx<'_>) {
    let Some(session) = world.session(line) else { return };
    let envelope = CallEnvelope {
        call: to.call,
        from: session.number,
        to: to.from,
        ring_until: to.ring_until,
        body: CallBody::End(over),
    };
    ctx.send(&session, ClientFrame::Call(envelope));
}
