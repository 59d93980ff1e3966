//! What every call may touch beside itself while it handles one input.

use super::glare::LostTo;
use super::mail::Mail;
use crate::call_log::CallLog;
use crate::config::Config;
use crate::ctx::{Ctx, SessionFacts, World};
use crate::input::{CarrierCallState, NetworkSnapshot};
use crate::meter::{Meter, OwnVerdict};
use crate::prompt::Prompts;
use std::collections::BTreeMap;
use tandem_model::{CallId, Line, Mono, MonoMicros};
use tandem_wire::ServerFrame;

/// Shared by all calls of the phone.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) mail: Mail,
    pub(crate) prompts: Prompts<CallId>,
    pub(crate) log: CallLog,
    pub(crate) meters: Meters,
    /// A carrier call the machine did not order, as the OS last told of it.
    pub(crate) foreign: Option<CarrierCallState>,
    /// Some carrier call is talked on.
    pub(crate) carrier_talks: bool,
    /// The path as the OS last told it; `None` before it did.
    pub(crate) network: Option<NetworkSnapshot>,
    pub(crate) lost_to: Option<LostTo>,
}

/// Handed to a call with every input.
pub(crate) struct Scene<'a, 'c> {
    pub(crate) ctx: &'a mut Ctx<'c>,
    pub(crate) world: &'a dyn World,
    pub(crate) room: &'a mut Room,
}

impl Scene<'_, '_> {
    pub(crate) fn now(&self) -> Mono {
        self.ctx.now.mono
    }

    /// The line's session, where the OS says that there is a data path at all.
    pub(crate) fn online(&self, line: Line) -> Option<SessionFacts> {
        let told_offline = self.room.network.is_some_and(|network| !network.connected);
        self.world.session(line).filter(|_| !told_offline)
    }
}

/// The meters of all lines.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    by_line: BTreeMap<Line, Meter>,
}

impl Meters {
    pub(crate) fn measure(&mut self, session: &SessionFacts, network: Option<NetworkSnapshot>, ctx: &mut Ctx<'_>) {
        self.of(session.line, network).measure(session, ctx);
    }

    pub(crate) fn verdict(&self, line: Line, now: Mono, config: &Config) -> Option<OwnVerdict> {
        self.by_line.get(&line)?.verdict(now, config)
    }

    pub(crate) fn on_frame(
        &mut self,
        frame: &ServerFrame,
        at: MonoMicros,
        wire_bytes: u32,
        session: &SessionFacts,
        network: Option<NetworkSnapshot>,
        ctx: &mut Ctx<'_>,
    ) {
        self.of(session.line, network).on_frame(frame, at, wire_bytes, session, ctx);
    }

    pub(crate) fn on_network(&mut self, snapshot: NetworkSnapshot) {
        for meter in self.by_line.values_mut() {
            meter.on_network(snapshot);
        }
    }

    pub(crate) fn on_session_down(&mut self, line: Line, now: Mono) {
        if let Some(meter) = self.by_line.get_mut(&line) {
            meter.on_session_down(now);
        }
    }

    pub(crate) fn handle_timeout(&mut self, world: &dyn World, ctx: &mut Ctx<'_>) {
        for (line, meter) in &mut self.by_line {
            if meter.poll_timeout().is_none_or(|at| at > ctx.now.mono) {
                continue;
            }
            match world.session(*line) {
                Some(session) => meter.handle_timeout(&session, ctx),
                None => meter.on_session_down(ctx.now.mono),
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        self.by_line.values().filter_map(Meter::poll_timeout).min()
    }

    fn of(&mut self, line: Line, network: Option<NetworkSnapshot>) -> &mut Meter {
        self.by_line.entry(line).or_insert_with(|| {
            let mut meter = Meter::default();
            if let Some(network) = network {
                meter.on_network(network);
            }
            meter
        })
    }
}
