//! An offer is here and rings: connectivity is made while it does, sound only when it is answered, and never a ring after
//! its one expiry.

use super::conversation::{Call, Stage};
use super::scene::Scene;
use crate::effect::Refusal;
use crate::meter::OwnVerdict;
use std::time::Duration;
use tandem_model::{CallEnd, Mono, Signature, Ticket};
use tandem_wire::ClientFrame;
use tandem_wire::frame::{CallBody, CallOver, Ice};

/// How long the ringing phone waits for STUN and TURN servers before it tries without.
const ICE_WAIT: Duration = Duration::from_secs(1);

/// It rings here.
#[derive(Debug)]
pub(crate) struct Ringing {
    until: Mono,
    answering: Answering,
}

/// The answer in the making.
#[derive(Debug)]
pub(crate) struct Answering {
    offer: String,
    step: Step,
}

#[derive(Debug)]
enum Step {
    AwaitingServers { ticket: Ticket, until: Mono },
    Making,
    Made { sdp: String, signature: Signature },
}

impl Ringing {
    pub(crate) fn poll_timeout(&self) -> Mono {
        self.answering.poll_timeout().map_or(self.until, |at| at.min(self.until))
    }
}

impl Answering {
    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        match self.step {
            Step::AwaitingServers { until, .. } => Some(until),
            Step::Making | Step::Made { .. } => None,
        }
    }
}

impl Call {
    /// Rings, says so, and begins to make the answer.
    pub(crate) fn ring(&mut self, offer: String, until: Mono, scene: &mut Scene<'_, '_>) {
        let ticket = scene.ctx.ticket();
        let wait = scene.now().after(ICE_WAIT);
        let step = Step::AwaitingServers { ticket, until: wait };
        self.stage = Stage::Ringing(Ringing { until, answering: Answering { offer, step } });
        self.say(CallBody::Alerting, scene);
        match scene.world.session(self.line) {
            Some(session) => scene.ctx.send(&session, ClientFrame::IceAsk { ticket, call: self.id }),
            None => {
                self.servers_are(ticket, None, scene);
            }
        }
    }

    /// Servers came, or will not.
    pub(crate) fn servers_are(&mut self, ticket: Ticket, ice: Option<&Ice>, scene: &mut Scene<'_, '_>) -> bool {
        let own = scene.room.meters.verdict(self.line, scene.now(), scene.ctx.config);
        let Some(answering) = self.answering() else { return false };
        if !matches!(answering.step, Step::AwaitingServers { ticket: asked, .. } if asked == ticket) {
            return false;
        }
        answering.step = Step::Making;
        let offer = std::mem::take(&mut answering.offer);
        self.sound.open(ice.cloned(), own == Some(OwnVerdict::LowRate), scene.ctx);
        self.sound.make_answer(offer, scene.ctx);
        true
    }

    /// The media engine made the answer: it goes out, as provisional while it rings.
    pub(crate) fn answer_made(&mut self, sdp: String, fingerprint: &str, scene: &mut Scene<'_, '_>) {
        let Some(signature) = self.sign(fingerprint, scene) else {
            self.say_over(CallOver::MediaFailed, scene);
            return self.end(CallEnd::Missed, scene);
        };
        let accepted = matches!(self.stage, Stage::Connecting { .. });
        let Some(answering) = self.answering() else { return };
        if !matches!(answering.step, Step::Making) {
            return;
        }
        answering.step = Step::Made { sdp: sdp.clone(), signature };
        if accepted {
            self.answer_finally(scene);
        } else if let Ok(roap) = self.roap.answer(sdp, true, scene.now()) {
            self.say(CallBody::Roap { roap, fingerprint_signature: Some(signature) }, scene);
        }
        self.say_kept_candidates(scene);
    }

    /// The user answers.
    pub(crate) fn accept(&mut self, scene: &mut Scene<'_, '_>) -> Result<(), Refusal> {
        let Stage::Ringing(ringing) = &mut self.stage else { return Err(Refusal::Stale) };
        // A timer that is late must not let an expired ring be answered.
        if ringing.until <= scene.now() {
            self.ringing_is_due(scene);
            return Err(Refusal::Stale);
        }
        let until = scene.now().after(scene.ctx.config.media_connect);
        let empty = Answering { offer: String::new(), step: Step::Making };
        let answering = Some(std::mem::replace(&mut ringing.answering, empty));
        self.stage = Stage::Connecting { until, answering };
        self.answer_finally(scene);
        Ok(())
    }

    /// The user refuses.
    pub(crate) fn refuse(&mut self, scene: &mut Scene<'_, '_>) -> Result<(), Refusal> {
        let Stage::Ringing(_) = self.stage else { return Err(Refusal::Stale) };
        self.say_over(CallOver::Refused, scene);
        self.end(CallEnd::Refused, scene);
        Ok(())
    }

    /// Deadlines of [`Stage::Ringing`] and of an answer still in the making.
    pub(crate) fn ringing_is_due(&mut self, scene: &mut Scene<'_, '_>) {
        if let Stage::Ringing(ringing) = &self.stage
            && ringing.until <= scene.now()
        {
            // The server tells the caller, by the same expiry.
            return self.end(CallEnd::Missed, scene);
        }
        let now = scene.now();
        if let Some(Answering { step: Step::AwaitingServers { ticket, until }, .. }) = self.answering()
            && *until <= now
        {
            let ticket = *ticket;
            self.servers_are(ticket, None, scene);
        }
    }

    /// Sends the final answer as soon as there is one.
    fn answer_finally(&mut self, scene: &mut Scene<'_, '_>) {
        let Stage::Connecting { answering, .. } = &mut self.stage else { return };
        let Some(Answering { step: Step::Made { sdp, signature }, .. }) = answering else { return };
        let (sdp, signature) = (std::mem::take(sdp), *signature);
        *answering = None;
        if let Ok(roap) = self.roap.answer(sdp, false, scene.now()) {
            self.say(CallBody::Roap { roap, fingerprint_signature: Some(signature) }, scene);
        }
        self.talk_if_connected(scene);
    }

    fn answering(&mut self) -> Option<&mut Answering> {
        match &mut self.stage {
            Stage::Ringing(ringing) => Some(&mut ringing.answering),
            Stage::Connecting { answering, .. } => answering.as_mut(),
            Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => None,
        }
    }
}
