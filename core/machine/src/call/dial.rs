//! The user dials: straight to the carrier, or into both checks.

use super::conversation::{Beginning, Call, Stage};
use super::fallback::ASKING_MAX;
use super::scene::Scene;
use super::{CALLS_MAX, Calls};
use crate::ctx::{Ctx, World};
use crate::dialing::{Dialed, classify};
use crate::effect::{Refusal, Reply};
use crate::input::{Mode, Target};
use tandem_model::rows::LogPeer;
use tandem_model::{CallId, DeviceKey, Line, Mark, MarkState, Msisdn, Secret};

impl Calls {
    /// Dials. A contact of several numbers means its first marked one here: the root asks which before, where that is open.
    pub(crate) fn dial(
        &mut self,
        target: &Target,
        line: Option<Line>,
        mode: Mode,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Refusal> {
        let as_line = line.or_else(|| default_line(world));
        let Some(digits) = self.digits_of(target, as_line, world) else { return Err(Refusal::BadNumber) };
        let country = as_line.and_then(|line| world.country(line));
        let dialed = classify(digits.expose(), &self.emergency, country);
        if dialed == Dialed::Emergency {
            // With the SIM the user chose, else the OS knows best; a SIM that is not there stops nobody.
            let line = line.filter(|line| world.lines().contains(line));
            return Ok(self.through_carrier(line, digits, None, world, ctx));
        }
        if line.is_some_and(|line| !world.lines().contains(&line)) {
            return Err(Refusal::NoSuchLine);
        }
        match (dialed, mode) {
            (Dialed::Unreadable { dialable: false }, _) => Err(Refusal::BadNumber),
            (Dialed::Subscriber(number), Mode::Data) => self.over_data(number, digits, as_line, world, ctx),
            (Dialed::Subscriber(number), Mode::Carrier) => {
                Ok(self.through_carrier(as_line, digits, Some(number), world, ctx))
            }
            (
                Dialed::Emergency
                | Dialed::Mmi
                | Dialed::Short
                | Dialed::Service
                | Dialed::Unreadable { dialable: true },
                Mode::Data | Mode::Carrier,
            ) => Ok(self.through_carrier(as_line, digits, None, world, ctx)),
        }
    }

    fn through_carrier(
        &mut self,
        line: Option<Line>,
        digits: Secret<String>,
        number: Option<Msisdn>,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) -> Reply {
        let peer = number.map_or_else(|| LogPeer::Dialed(digits.clone()), LogPeer::Number);
        self.dials.dial(line, digits, peer, &mut self.room.log, ctx);
        self.settle(world, ctx);
        Reply::CarrierDialed
    }

    fn over_data(
        &mut self,
        peer: Msisdn,
        digits: Secret<String>,
        line: Option<Line>,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Refusal> {
        // Both want to talk to each other: the ring that is here is the call.
        let rings = self.calls.values().find(|call| call.peer == peer && matches!(call.stage, Stage::Ringing(_)));
        if let Some(id) = rings.map(|call| call.id)
            && self.accept(id, world, ctx).is_ok()
        {
            return Ok(Reply::Call(id));
        }
        if self.engaged() {
            return Err(Refusal::Busy);
        }
        if self.calls.len() >= CALLS_MAX {
            return Err(Refusal::Full);
        }
        let id = call_id(ctx);
        let line = line.unwrap_or_default();
        let peer_key = world.mark(line, peer).and_then(key_of);
        let mut scene = Scene { ctx, world, room: &mut self.room };
        let stage = Stage::Asking { until: scene.now().after(ASKING_MAX) };
        let with = Beginning { id, line, peer, outgoing: true, digits, peer_key, stage };
        let mut call = Call::begin(with, &mut scene);
        call.start_checking(&mut scene);
        call.show(&mut scene);
        let reply = match &call.stage {
            Stage::Carrier(_) => Reply::CarrierDialed,
            Stage::Asking { .. } => match self.room.prompts.views().find(|prompt| prompt.is_about(id)) {
                Some(prompt) => Reply::Asking(prompt.id),
                None => Reply::Call(id),
            },
            Stage::Checking(_)
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Ended(_) => Reply::Call(id),
        };
        self.calls.insert(id, call);
        self.settle(world, ctx);
        Ok(reply)
    }

    /// A contact's number that is meant: an emergency number if it has one, else the first marked, else the first.
    fn digits_of(&self, target: &Target, line: Option<Line>, world: &dyn World) -> Option<Secret<String>> {
        let numbers = match target {
            Target::Number(digits) => return Some(digits.clone()),
            Target::Contact { numbers, .. } => numbers,
        };
        let country = line.and_then(|line| world.country(line));
        let read = |digits: &&Secret<String>| classify(digits.expose(), &self.emergency, country);
        let marked = |digits: &&Secret<String>| match (read(digits), line) {
            (Dialed::Subscriber(number), Some(line)) => world.mark(line, number).and_then(key_of).is_some(),
            (Dialed::Subscriber(_), None)
            | (Dialed::Emergency | Dialed::Mmi | Dialed::Short | Dialed::Service | Dialed::Unreadable { .. }, _) => {
                false
            }
        };
        numbers
            .iter()
            .find(|digits| read(digits) == Dialed::Emergency)
            .or_else(|| numbers.iter().find(marked))
            .or_else(|| numbers.first())
            .cloned()
    }
}

/// The line to act as when the app names none: the first registered one, else the first.
fn default_line(world: &dyn World) -> Option<Line> {
    let lines = world.lines();
    lines.iter().find(|line| world.registered(**line).is_some()).or(lines.first()).copied()
}

/// The key of a mark that says that its number is reachable.
pub(crate) fn key_of(mark: &Mark) -> Option<DeviceKey> {
    match &mark.state {
        MarkState::Marked { device_key, .. } => Some(*device_key),
        MarkState::Unmarked => None,
    }
}

fn call_id(ctx: &mut Ctx<'_>) -> CallId {
    let mut id = [0; 16];
    ctx.random.fill(&mut id);
    CallId(id)
}
