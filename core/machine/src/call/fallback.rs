//! When data will not do: the question, its answer, and the way to the carrier. Nothing is dialed unasked unless the user
//! has set a standing choice (law 10).

use super::carrier::{CarrierLeg, LegTurn};
use super::conversation::{Call, Stage};
use super::scene::Scene;
use crate::effect::Effect;
use crate::input::CarrierCallState;
use crate::view::{Choice, PromptAbout};
use std::time::Duration;
use tandem_model::rows::StandingChoice;
use tandem_model::{Bearer, CallEnd, PromptId, Ticket, WhyNotData};
use tandem_wire::frame::CallOver;

/// A question nobody answers for this long is the same as quit.
pub(crate) const ASKING_MAX: Duration = Duration::from_secs(300);

impl Call {
    /// Data will not do before anybody talked: asks, or does as the user always wants it. The peer must have been told
    /// before.
    pub(crate) fn cannot(&mut self, why: WhyNotData, scene: &mut Scene<'_, '_>) {
        self.entry.because(why);
        scene.room.prompts.close_of(&self.id, scene.ctx);
        self.sound.close(scene.ctx);
        match scene.world.settings().standing_choice {
            StandingChoice::Carrier => self.go_to_carrier(why, scene),
            StandingChoice::Ask => {
                if self.prompt(why, scene).is_none() {
                    return self.end(CallEnd::Quit, scene);
                }
                self.stage = Stage::Asking { until: scene.now().after(ASKING_MAX) };
            }
        }
    }

    /// Media did not come back in a conversation: asks; what is left of the data leg stays until the carrier carries sound.
    ///
    /// Only the side that placed the call follows a standing choice: two phones that dial each other find each other busy.
    pub(crate) fn media_lost(&mut self, scene: &mut Scene<'_, '_>) {
        let why = WhyNotData::MediaFailed;
        self.entry.pause(scene.now());
        self.entry.because(why);
        match scene.world.settings().standing_choice {
            StandingChoice::Carrier if self.outgoing => self.go_to_carrier(why, scene),
            StandingChoice::Carrier | StandingChoice::Ask => {
                if matches!(self.stage, Stage::Lost { .. }) {
                    return;
                }
                if self.prompt(why, scene).is_none() {
                    self.say_over(CallOver::MediaFailed, scene);
                    return self.end(CallEnd::MediaLost, scene);
                }
                self.stage = Stage::Lost { until: scene.now().after(ASKING_MAX) };
            }
        }
    }

    /// Asks: carrier, or quit. `None` when too many questions are open.
    pub(crate) fn prompt(&self, why: WhyNotData, scene: &mut Scene<'_, '_>) -> Option<PromptId> {
        let about = PromptAbout::Call { call: self.id, to: self.peer, why };
        scene.room.prompts.ask(about, vec![Choice::Carrier, Choice::Quit], self.id, scene.ctx).ok()
    }

    /// The user's answer.
    pub(crate) fn chosen(&mut self, choice: Choice, scene: &mut Scene<'_, '_>) {
        let why = self.why();
        match (&self.stage, choice) {
            (Stage::Asking { .. }, Choice::Carrier) => self.go_to_carrier(why, scene),
            (Stage::Asking { .. }, Choice::Quit) => self.end(CallEnd::Quit, scene),
            (Stage::Lost { .. }, Choice::Carrier) => self.go_to_carrier(why, scene),
            (Stage::Lost { .. }, Choice::Quit) => {
                self.say_over(CallOver::HungUp, scene);
                self.end(CallEnd::MediaLost, scene);
            }
            (Stage::Preparing(_) | Stage::Offered(_), Choice::Carrier) => {
                self.say_over(CallOver::Cancelled, scene);
                self.sound.close(scene.ctx);
                self.entry.because(why);
                self.go_to_carrier(why, scene);
            }
            (Stage::Preparing(_) | Stage::Offered(_), Choice::Quit) => {
                self.say_over(CallOver::Cancelled, scene);
                self.entry.because(why);
                self.end(CallEnd::Quit, scene);
            }
            // Not offered by any of these prompts, and no prompt is open in the other stages.
            (_, Choice::Wait | Choice::Number(_)) => {}
            (
                Stage::Checking(_)
                | Stage::Ringing(_)
                | Stage::Connecting { .. }
                | Stage::Active
                | Stage::Reconnecting { .. }
                | Stage::Carrier(_)
                | Stage::Ended(_),
                Choice::Carrier | Choice::Quit,
            ) => {}
        }
    }

    fn why(&self) -> WhyNotData {
        match self.stage {
            Stage::Preparing(_) | Stage::Offered(_) => WhyNotData::NoAnswerInTime,
            Stage::Lost { .. } => WhyNotData::MediaFailed,
            Stage::Asking { .. }
            | Stage::Checking(_)
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => self.entry.why().unwrap_or(WhyNotData::MediaFailed),
        }
    }

    /// Deadlines of [`Stage::Asking`] and [`Stage::Lost`].
    pub(crate) fn asking_is_due(&mut self, scene: &mut Scene<'_, '_>) {
        match self.stage {
            Stage::Asking { until } if until <= scene.now() => self.end(CallEnd::Quit, scene),
            Stage::Lost { until } if until <= scene.now() => {
                self.say_over(CallOver::HungUp, scene);
                self.end(CallEnd::MediaLost, scene);
            }
            Stage::Asking { .. }
            | Stage::Lost { .. }
            | Stage::Checking(_)
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => {}
        }
    }

    /// Dials through the carrier.
    fn go_to_carrier(&mut self, why: WhyNotData, scene: &mut Scene<'_, '_>) {
        let ticket = scene.ctx.ticket();
        let line = scene.world.lines().contains(&self.line).then_some(self.line);
        let digits = self.digits.clone();
        scene.ctx.push(Effect::DialCarrier { ticket, call: Some(self.id), line, digits });
        scene.room.prompts.close_of(&self.id, scene.ctx);
        self.entry.leg(Bearer::Carrier, Some(why), &mut scene.room.log, scene.ctx);
        self.stage = Stage::Carrier(CarrierLeg::ordered(ticket, scene.now()));
    }

    /// The peer went on through the carrier: its call is the one that is talked on here.
    pub(crate) fn follow_to_carrier(&mut self, scene: &mut Scene<'_, '_>) {
        scene.room.prompts.close_of(&self.id, scene.ctx);
        self.sound.close(scene.ctx);
        if scene.room.foreign != Some(CarrierCallState::Active) {
            return self.end(CallEnd::Carrier, scene);
        }
        self.entry.leg(Bearer::Carrier, Some(WhyNotData::MediaFailed), &mut scene.room.log, scene.ctx);
        self.entry.talk(scene.now());
        self.stage = Stage::Carrier(CarrierLeg::adopted());
    }

    /// The OS took the order to dial, or could not.
    pub(crate) fn carrier_dialed(&mut self, ticket: Ticket, ok: bool, scene: &mut Scene<'_, '_>) -> bool {
        let now = scene.now();
        let Stage::Carrier(leg) = &mut self.stage else { return false };
        if leg.ticket != Some(ticket) {
            return false;
        }
        let turn = leg.dialed(ok, now);
        self.carrier_turned(turn, scene);
        true
    }

    /// What this conversation's carrier call does.
    pub(crate) fn carrier_told(
        &mut self,
        ticket: Option<Ticket>,
        told: CarrierCallState,
        scene: &mut Scene<'_, '_>,
    ) -> bool {
        let now = scene.now();
        let Stage::Carrier(leg) = &mut self.stage else { return false };
        if leg.ticket != ticket {
            return false;
        }
        let turn = leg.told(told, now);
        self.carrier_turned(turn, scene);
        true
    }

    /// Deadlines of [`Stage::Carrier`].
    pub(crate) fn carrier_is_due(&mut self, scene: &mut Scene<'_, '_>) {
        let now = scene.now();
        if let Stage::Carrier(leg) = &mut self.stage {
            let turn = leg.handle_timeout(now);
            self.carrier_turned(turn, scene);
        }
    }

    fn carrier_turned(&mut self, turn: LegTurn, scene: &mut Scene<'_, '_>) {
        match turn {
            LegTurn::Nothing => {}
            LegTurn::Active => {
                // Make before break: only now the data leg goes.
                self.say_over(CallOver::ToCarrier, scene);
                self.sound.close(scene.ctx);
                self.entry.talk(scene.now());
            }
            LegTurn::Over => self.carrier_over(CallEnd::Carrier, scene),
            LegTurn::Failed => self.carrier_over(CallEnd::CarrierFailed, scene),
        }
    }

    /// The carrier leg is over. Where it never carried sound and the data leg does again, that one goes on.
    fn carrier_over(&mut self, end: CallEnd, scene: &mut Scene<'_, '_>) {
        if self.sound.is_connected() && !self.unsignalled {
            self.entry.leg(Bearer::Data, None, &mut scene.room.log, scene.ctx);
            self.stage = Stage::Reconnecting { until: scene.now().after(scene.ctx.config.media_lost) };
            return self.talk_if_connected(scene);
        }
        self.say_over(CallOver::HungUp, scene);
        self.end(end, scene);
    }
}
