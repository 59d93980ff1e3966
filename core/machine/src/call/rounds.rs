//! How an input makes its round: to the call it is about, then to every call that must follow it.

use super::conversation::{Call, Stage};
use super::scene::Scene;
use super::{Calls, OVER_MAX};
use crate::ctx::{Ctx, World};
use crate::effect::Refusal;
use crate::input::CarrierCallState;
use tandem_model::{CallEnd, CallId};
use tandem_wire::frame::CallOver;

impl Calls {
    pub(super) fn obey(
        &mut self,
        id: CallId,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
        act: impl FnOnce(&mut Call, &mut Scene<'_, '_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let result = self.on_call(id, world, ctx, act).unwrap_or(Err(Refusal::Stale));
        self.settle(world, ctx);
        result
    }

    /// Acts on one call; `None` when there is none of that id.
    pub(super) fn on_call<T>(
        &mut self,
        id: CallId,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
        act: impl FnOnce(&mut Call, &mut Scene<'_, '_>) -> T,
    ) -> Option<T> {
        let call = self.calls.get_mut(&id)?;
        let mut scene = Scene { ctx, world, room: &mut self.room };
        let result = act(call, &mut scene);
        call.show(&mut scene);
        Some(result)
    }

    /// Asks each call until one takes it.
    pub(super) fn any_call(
        &mut self,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
        mut act: impl FnMut(&mut Call, &mut Scene<'_, '_>) -> bool,
    ) -> bool {
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        ids.into_iter().any(|id| self.on_call(id, world, ctx, &mut act).unwrap_or(false))
    }

    /// Lets every call follow what changed around it, and forgets those that are over.
    pub(super) fn settle(&mut self, world: &dyn World, ctx: &mut Ctx<'_>) {
        let talks = self.room.foreign == Some(CarrierCallState::Active)
            || self.dials.any_active()
            || self.calls.values().any(|call| matches!(&call.stage, Stage::Carrier(leg) if leg.is_active()));
        self.room.carrier_talks = talks;
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.on_call(id, world, ctx, |call, scene| {
                call.check(scene);
                if call.ended().is_none() {
                    call.carrier_talks(talks, scene);
                }
            });
        }
        let over: Vec<CallId> = self.calls.values().filter(|call| call.ended().is_some()).map(|call| call.id).collect();
        for id in over {
            self.calls.remove(&id);
            self.remember_over(id);
        }
    }

    pub(super) fn remember_over(&mut self, id: CallId) {
        if self.over.len() >= OVER_MAX {
            self.over.pop_front();
        }
        self.over.push_back(id);
    }

    /// Ends attempts that only wait for an answer to a question, when another call takes the user's ear.
    pub(super) fn end_asking(&mut self, taken: CallId, world: &dyn World, ctx: &mut Ctx<'_>) {
        let asking: Vec<CallId> =
            self.calls.values().filter(|call| call.id != taken && !call.engages()).map(|call| call.id).collect();
        for id in asking {
            self.on_call(id, world, ctx, |call, scene| {
                call.say_over(CallOver::HungUp, scene);
                call.end(CallEnd::Superseded, scene);
            });
        }
    }

    /// Whether another call would find the user busy.
    pub(super) fn engaged(&self) -> bool {
        self.calls.values().any(Call::engages)
            || self.dials.any()
            || self.room.foreign == Some(CarrierCallState::Active)
    }
}

impl Call {
    pub(super) fn handle_timeout(&mut self, scene: &mut Scene<'_, '_>) {
        match self.stage {
            Stage::Checking(_) => self.check(scene),
            Stage::Asking { .. } | Stage::Lost { .. } => self.asking_is_due(scene),
            Stage::Preparing(_) => self.preparing_is_due(scene),
            Stage::Offered(_) => self.offered_is_due(scene),
            Stage::Ringing(_) => self.ringing_is_due(scene),
            Stage::Connecting { .. } | Stage::Reconnecting { .. } => self.talking_is_due(scene),
            Stage::Carrier(_) => self.carrier_is_due(scene),
            Stage::Active | Stage::Ended(_) => {}
        }
    }
}
