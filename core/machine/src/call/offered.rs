//! The offer is out: until the peer's phone rings the same choice stands beside it; until the ring's expiry it rings.

use super::conversation::{Call, Stage};
use super::fingerprint;
use super::roap_session::Heard;
use super::scene::Scene;
use std::time::Duration;
use tandem_model::rows::StandingChoice;
use tandem_model::vault::signed;
use tandem_model::{CallEnd, Mono, Signature, WhyNotData};
use tandem_wire::frame::{CallBody, CallOver};
use tandem_wire::limits::RING_MAX;
use tandem_wire::roap::{Roap, RoapError};

/// An answer that left the callee just before the expiry may be on its way this long. The server judges it by when it
/// passed there, and says so; this is what stands behind a server that says nothing.
pub(crate) const ANSWER_GRACE: Duration = Duration::from_millis(500);

/// How much longer than the decision's budget a user whose standing choice is the carrier waits for a peer to ring.
const STANDING_PATIENCE: Duration = Duration::from_secs(2);

/// The offer is out.
#[derive(Debug)]
pub(crate) struct Offered {
    /// The peer's phone rings.
    pub(crate) rings: bool,
    ring_until: Mono,
    pub(crate) beside: Beside,
}

impl Offered {
    pub(crate) fn poll_timeout(&self) -> Mono {
        let expiry = self.ring_until.after(ANSWER_GRACE);
        self.beside.poll_timeout().map_or(expiry, |at| at.min(expiry))
    }
}

/// The choice beside an attempt that goes on: neither ringing nor refused when the decision's budget was spent.
#[derive(Debug)]
pub(crate) enum Beside {
    /// Not asked yet.
    Due(Mono),
    /// Asked.
    Asked,
    /// The standing choice takes effect then.
    Standing(Mono),
    /// Not to be asked any more.
    Moot,
}

impl Beside {
    pub(crate) fn new(at: Mono) -> Beside {
        Beside::Due(at)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        match self {
            Beside::Due(at) | Beside::Standing(at) => Some(*at),
            Beside::Asked | Beside::Moot => None,
        }
    }
}

impl Call {
    /// The media engine made the offer: it goes out.
    pub(crate) fn offer_made(&mut self, sdp: String, fingerprint: &str, scene: &mut Scene<'_, '_>) {
        let Stage::Preparing(preparing) = &mut self.stage else { return };
        let beside = std::mem::replace(&mut preparing.beside, Beside::Moot);
        let Some(session) = scene.online(self.line) else {
            return self.cannot(WhyNotData::OwnOffline, scene);
        };
        let Some(signature) = self.sign(fingerprint, scene) else {
            return self.cannot(WhyNotData::NotRegistered, scene);
        };
        // 1 to 4294967294: the extremes are for gateways.
        let tie = u32::try_from(scene.ctx.random.below(u64::from(u32::MAX) - 1)).unwrap_or(0).saturating_add(1);
        let Ok(roap) = self.roap.offer(sdp, tie, scene.now()) else {
            return self.cannot(WhyNotData::MediaFailed, scene);
        };
        let ring = Duration::from_millis(u64::from(session.ring_ms)).min(RING_MAX);
        self.stage = Stage::Offered(Offered { rings: false, ring_until: scene.now().after(ring), beside });
        self.say(CallBody::Roap { roap, fingerprint_signature: Some(signature) }, scene);
        self.say_kept_candidates(scene);
    }

    pub(crate) fn say_kept_candidates(&mut self, scene: &mut Scene<'_, '_>) {
        for candidate in self.sound.described() {
            self.say(CallBody::Candidate(candidate), scene);
        }
    }

    /// The peer's phone rings.
    pub(crate) fn alerting(&mut self, scene: &mut Scene<'_, '_>) {
        let Stage::Offered(offered) = &mut self.stage else { return };
        offered.rings = true;
        offered.beside = Beside::Moot;
        scene.room.prompts.close_of(&self.id, scene.ctx);
    }

    /// The server's expiry, known from the first envelope of the peer on.
    pub(crate) fn learn_expiry(&mut self, until: tandem_model::ServerMillis, scene: &Scene<'_, '_>) {
        if until.0 <= 0 {
            return;
        }
        self.ring_until = until;
        let latest = scene.now().after(RING_MAX);
        if let (Stage::Offered(offered), Some(session)) = (&mut self.stage, scene.world.session(self.line)) {
            offered.ring_until = session.offset.to_mono(until).min(latest);
        }
    }

    /// A ROAP object of the peer.
    pub(crate) fn hear(&mut self, roap: &Roap, signature: Option<Signature>, scene: &mut Scene<'_, '_>) {
        match self.roap.hear(roap) {
            Heard::Answer { sdp, provisional, ok } => {
                if !self.verifies(&sdp, signature, scene) {
                    self.say_over(CallOver::Rejected, scene);
                    return self.cannot(WhyNotData::MediaFailed, scene);
                }
                self.answered(sdp, provisional, ok, scene);
            }
            // Renegotiation is not made by this version; the exchange before stands.
            Heard::Offer { .. } => {
                if let Ok(reply) = self.roap.refuse(RoapError::Failed) {
                    self.say_roap(reply, scene);
                }
            }
            Heard::PeerLost { reply } | Heard::Refused { reply } => self.say_roap(reply, scene),
            Heard::OfferAgain { reply } => {
                if let Some(reply) = reply {
                    self.say_roap(reply, scene);
                }
            }
            Heard::Failed(RoapError::Refused) => self.end(CallEnd::Refused, scene),
            Heard::Failed(
                RoapError::NoMatch
                | RoapError::Timeout
                | RoapError::Conflict
                | RoapError::DoubleConflict
                | RoapError::Failed,
            ) => self.exchange_failed(scene),
            Heard::Closed { ok } => {
                if let Some(ok) = ok {
                    self.say_roap(ok, scene);
                }
                self.peer_ended(CallOver::HungUp, scene);
            }
            Heard::Accepted | Heard::MineLost | Heard::Dropped => {}
        }
    }

    fn answered(&mut self, sdp: String, provisional: bool, ok: Option<Roap>, scene: &mut Scene<'_, '_>) {
        let Stage::Offered(_) = &self.stage else { return };
        self.sound.take_answer(sdp, provisional, scene.ctx);
        if provisional {
            // A phone that answers provisionally rings, even where its word of it was lost.
            return self.alerting(scene);
        }
        scene.room.prompts.close_of(&self.id, scene.ctx);
        self.stage = Stage::Connecting { until: scene.now().after(scene.ctx.config.media_connect), answering: None };
        if let Some(ok) = ok {
            self.say_roap(ok, scene);
        }
        self.talk_if_connected(scene);
    }

    fn exchange_failed(&mut self, scene: &mut Scene<'_, '_>) {
        if matches!(self.stage, Stage::Offered(_)) {
            self.say_over(CallOver::MediaFailed, scene);
            self.cannot(WhyNotData::MediaFailed, scene);
        }
    }

    /// Deadlines of [`Stage::Offered`].
    pub(crate) fn offered_is_due(&mut self, scene: &mut Scene<'_, '_>) {
        let Stage::Offered(offered) = &self.stage else { return };
        if offered.ring_until.after(ANSWER_GRACE) <= scene.now() {
            self.say_over(CallOver::NoAnswer, scene);
            return self.end(CallEnd::NoAnswer, scene);
        }
        self.beside_is_due(scene);
    }

    /// The decision's budget is spent and the peer does not ring: the choice is offered, and the attempt goes on.
    pub(crate) fn beside_is_due(&mut self, scene: &mut Scene<'_, '_>) {
        let now = scene.now();
        let beside = match &self.stage {
            Stage::Preparing(preparing) => &preparing.beside,
            Stage::Offered(offered) => &offered.beside,
            Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => return,
        };
        let next = match beside {
            Beside::Due(at) if *at <= now => match scene.world.settings().standing_choice {
                StandingChoice::Carrier => Beside::Standing(now.after(STANDING_PATIENCE)),
                StandingChoice::Ask => match self.prompt(WhyNotData::NoAnswerInTime, scene) {
                    Some(_) => Beside::Asked,
                    None => Beside::Moot,
                },
            },
            Beside::Standing(at) if *at <= now => {
                self.say_over(CallOver::Cancelled, scene);
                return self.cannot(WhyNotData::NoAnswerInTime, scene);
            }
            Beside::Due(_) | Beside::Standing(_) | Beside::Asked | Beside::Moot => return,
        };
        match &mut self.stage {
            Stage::Preparing(preparing) => preparing.beside = next,
            Stage::Offered(offered) => offered.beside = next,
            Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => {}
        }
    }

    pub(crate) fn say_roap(&self, roap: Roap, scene: &mut Scene<'_, '_>) {
        self.say(CallBody::Roap { roap, fingerprint_signature: None }, scene);
    }

    /// My signature over my fingerprint in this call; `None` when the key is gone.
    pub(crate) fn sign(&self, fingerprint: &str, scene: &Scene<'_, '_>) -> Option<Signature> {
        let (me, _, key) = scene.world.registered(self.line)?;
        let message = signed::fingerprint(self.id, me, self.peer, &fingerprint::canonical(fingerprint)?);
        scene.ctx.vault.sign(key, &message).ok()
    }

    /// Whether a description's fingerprint is signed by the peer's device key, for this call and for me.
    pub(crate) fn verifies(&self, sdp: &str, signature: Option<Signature>, scene: &Scene<'_, '_>) -> bool {
        let (Some(me), Some(key)) = (self.me, self.peer_key) else { return false };
        fingerprint::is_signed_by(&key, signature, self.id, self.peer, me, sdp, scene.ctx)
    }
}
