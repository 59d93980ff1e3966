//! Answered: media comes up, breaks, comes back; holds of three kinds; what the peer and the user end.

use super::conversation::{Call, Stage};
use super::scene::Scene;
use crate::effect::Refusal;
use crate::input::MediaInput;
use tandem_model::{CallEnd, WhyNotData};
use tandem_wire::frame::{CallBody, CallOver};

/// Who holds the call.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// The user, here.
    by_user: bool,
    /// A carrier call that is talked on.
    by_carrier: bool,
    /// The peer.
    pub(crate) by_peer: bool,
    /// What the peer was told last.
    told: bool,
}

impl Hold {
    pub(crate) fn is_held_here(&self) -> bool {
        self.by_user || self.by_carrier
    }
}

impl Call {
    /// What the media engine tells.
    pub(crate) fn on_media(&mut self, event: MediaInput, scene: &mut Scene<'_, '_>) {
        match event {
            MediaInput::Offer { sdp, fingerprint } => self.offer_made(sdp, &fingerprint, scene),
            MediaInput::Answer { sdp, fingerprint } => self.answer_made(sdp, &fingerprint, scene),
            MediaInput::Candidate(candidate) => {
                if let Some(candidate) = self.sound.my_candidate(candidate) {
                    self.say(CallBody::Candidate(candidate), scene);
                }
            }
            MediaInput::Connected => {
                self.sound.set_connected(true);
                self.talk_if_connected(scene);
            }
            MediaInput::Disconnected => {
                self.sound.set_connected(false);
                self.media_broke(scene);
            }
            MediaInput::Failed => {
                self.sound.set_connected(false);
                self.media_failed(scene);
            }
            MediaInput::FirstSound => {}
        }
    }

    /// Both can talk, once it is answered and media is up.
    pub(crate) fn talk_if_connected(&mut self, scene: &mut Scene<'_, '_>) {
        if !self.sound.is_connected() {
            return;
        }
        match &self.stage {
            Stage::Connecting { answering: None, .. } | Stage::Reconnecting { .. } => {}
            Stage::Lost { .. } => scene.room.prompts.close_of(&self.id, scene.ctx),
            Stage::Connecting { answering: Some(_), .. }
            | Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Active
            | Stage::Carrier(_)
            | Stage::Ended(_) => return,
        }
        self.stage = Stage::Active;
        self.entry.talk(scene.now());
        // A carrier call that is talked on already: not even the first moment of sound goes into both.
        self.hold.by_carrier = scene.room.carrier_talks;
        self.follow_holds(scene);
    }

    fn media_broke(&mut self, scene: &mut Scene<'_, '_>) {
        let Stage::Active = self.stage else { return };
        self.entry.pause(scene.now());
        if self.unsignalled {
            return self.end(CallEnd::PeerLost, scene);
        }
        self.stage = Stage::Reconnecting { until: scene.now().after(scene.ctx.config.media_lost) };
    }

    fn media_failed(&mut self, scene: &mut Scene<'_, '_>) {
        match &self.stage {
            Stage::Preparing(_) => self.cannot(WhyNotData::MediaFailed, scene),
            Stage::Offered(_) => {
                self.say_over(CallOver::MediaFailed, scene);
                self.cannot(WhyNotData::MediaFailed, scene);
            }
            Stage::Ringing(_) => {
                self.say_over(CallOver::MediaFailed, scene);
                self.end(CallEnd::Missed, scene);
            }
            Stage::Connecting { .. } => self.never_connected(scene),
            Stage::Active | Stage::Reconnecting { .. } => self.media_lost(scene),
            // The carrier is on its way; what is left of the data leg goes.
            Stage::Carrier(_) => {
                self.say_over(CallOver::ToCarrier, scene);
                self.sound.close(scene.ctx);
            }
            Stage::Checking(_) | Stage::Asking { .. } | Stage::Lost { .. } | Stage::Ended(_) => {}
        }
    }

    /// Deadlines of [`Stage::Connecting`] and [`Stage::Reconnecting`].
    pub(crate) fn talking_is_due(&mut self, scene: &mut Scene<'_, '_>) {
        match self.stage {
            Stage::Connecting { until, .. } if until <= scene.now() => self.never_connected(scene),
            Stage::Reconnecting { until } if until <= scene.now() => self.media_lost(scene),
            Stage::Connecting { .. } => self.ringing_is_due(scene),
            Stage::Reconnecting { .. }
            | Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Active
            | Stage::Lost { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => {}
        }
    }

    /// Answered, and media never came up. The caller goes on to the carrier; the callee would only find the caller busy.
    fn never_connected(&mut self, scene: &mut Scene<'_, '_>) {
        self.say_over(CallOver::MediaFailed, scene);
        if self.outgoing {
            self.cannot(WhyNotData::MediaFailed, scene);
        } else {
            self.entry.because(WhyNotData::MediaFailed);
            self.end(CallEnd::MediaLost, scene);
        }
    }

    /// The user holds the call, or takes it back.
    pub(crate) fn hold_by_user(&mut self, on: bool, scene: &mut Scene<'_, '_>) -> Result<(), Refusal> {
        if !self.is_talking() {
            return Err(Refusal::Stale);
        }
        self.hold.by_user = on;
        self.follow_holds(scene);
        Ok(())
    }

    /// A carrier call is talked on, or none is any more.
    pub(crate) fn carrier_talks(&mut self, on: bool, scene: &mut Scene<'_, '_>) {
        let on = on && self.is_talking();
        if self.hold.by_carrier != on {
            self.hold.by_carrier = on;
            self.follow_holds(scene);
        }
    }

    /// The peer holds the call, or takes it back.
    pub(crate) fn hold_by_peer(&mut self, on: bool, scene: &mut Scene<'_, '_>) {
        self.hold.by_peer = on;
        self.follow_holds(scene);
    }

    fn follow_holds(&mut self, scene: &mut Scene<'_, '_>) {
        if !self.is_talking() {
            return;
        }
        let here = self.hold.is_held_here();
        if here != self.hold.told {
            self.hold.told = here;
            self.say(CallBody::Hold { on: here }, scene);
        }
        if here || self.hold.by_peer {
            self.sound.hold(true, scene.ctx);
        } else {
            self.sound.start(scene.ctx);
            self.sound.hold(false, scene.ctx);
        }
    }

    /// The user ends it, in any stage.
    pub(crate) fn hang_up(&mut self, scene: &mut Scene<'_, '_>) -> Result<(), Refusal> {
        let (over, end) = match &self.stage {
            Stage::Checking(_) | Stage::Preparing(_) | Stage::Offered(_) => (CallOver::Cancelled, CallEnd::Cancelled),
            Stage::Asking { .. } => (CallOver::Cancelled, CallEnd::Quit),
            Stage::Ringing(_) => return self.refuse(scene),
            Stage::Connecting { .. } | Stage::Active | Stage::Reconnecting { .. } => {
                (CallOver::HungUp, CallEnd::HungUp)
            }
            Stage::Lost { .. } => (CallOver::HungUp, CallEnd::MediaLost),
            // The carrier's call is the OS's to end; it tells when it did.
            Stage::Carrier(_) => {
                self.say_over(CallOver::ToCarrier, scene);
                self.sound.close(scene.ctx);
                return Ok(());
            }
            Stage::Ended(_) => return Err(Refusal::Stale),
        };
        self.say_over(over, scene);
        self.end(end, scene);
        Ok(())
    }

    /// The peer, or the server in its name, ends it.
    pub(crate) fn peer_ended(&mut self, over: CallOver, scene: &mut Scene<'_, '_>) {
        match &self.stage {
            Stage::Checking(_) | Stage::Asking { .. } | Stage::Preparing(_) | Stage::Ended(_) => {}
            Stage::Offered(_) => self.offer_ended(over, scene),
            Stage::Ringing(_) => {
                let end = if over == CallOver::Superseded { CallEnd::Superseded } else { CallEnd::Missed };
                self.end(end, scene);
            }
            Stage::Connecting { .. } if over == CallOver::MediaFailed && self.outgoing => {
                self.cannot(WhyNotData::MediaFailed, scene);
            }
            Stage::Connecting { .. } if over == CallOver::MediaFailed => {
                self.entry.because(WhyNotData::MediaFailed);
                self.end(CallEnd::MediaLost, scene);
            }
            Stage::Active if over == CallOver::PeerLost => {
                // The peer's session is gone, its sound is not: the conversation goes on until that stops.
                self.unsignalled = true;
            }
            Stage::Connecting { .. } | Stage::Active | Stage::Reconnecting { .. } | Stage::Lost { .. } => {
                self.talk_ended(over, scene);
            }
            Stage::Carrier(_) => self.sound.close(scene.ctx),
        }
    }

    fn offer_ended(&mut self, over: CallOver, scene: &mut Scene<'_, '_>) {
        match over {
            CallOver::Refused | CallOver::HungUp | CallOver::Cancelled => self.end(CallEnd::Refused, scene),
            CallOver::Busy => self.end(CallEnd::Busy, scene),
            CallOver::NoAnswer => self.end(CallEnd::NoAnswer, scene),
            CallOver::Superseded => self.end(CallEnd::Superseded, scene),
            CallOver::MediaFailed => self.cannot(WhyNotData::MediaFailed, scene),
            CallOver::PeerLost => self.cannot(WhyNotData::PeerOffline, scene),
            CallOver::Rejected | CallOver::ToCarrier => self.cannot(WhyNotData::PeerNotAvailable, scene),
        }
    }

    fn talk_ended(&mut self, over: CallOver, scene: &mut Scene<'_, '_>) {
        match over {
            CallOver::ToCarrier => self.follow_to_carrier(scene),
            CallOver::MediaFailed => {
                self.unsignalled = true;
                self.sound.close(scene.ctx);
                self.media_lost(scene);
            }
            CallOver::PeerLost => self.end(CallEnd::PeerLost, scene),
            CallOver::Rejected => self.end(CallEnd::Rejected, scene),
            CallOver::Superseded => self.end(CallEnd::Superseded, scene),
            CallOver::HungUp | CallOver::Cancelled | CallOver::Refused | CallOver::Busy | CallOver::NoAnswer => {
                self.end(CallEnd::PeerHungUp, scene)
            }
        }
    }
}
