//! Calls: what the user dials and what rings here, over data and beside the carrier.
//!
//! The root hands every input that may concern a call to `Calls` and nothing else of them is its business:
//!
//! | input | call |
//! |---|---|
//! | `Command::{Dial, Accept, Refuse, HangUp, Hold}` | `dial`, `accept`, `refuse`, `hang_up`, `hold` |
//! | `Command::Answer` | `on_prompt_answer`: false when the prompt is not a call's |
//! | a frame on a line whose session stands | `on_frame`: true when it was a call's or the meter's |
//! | `Input::Media` | `on_media` |
//! | `HostInput::{CarrierDialed, CarrierCall}` | `on_carrier_dialed`, `on_carrier_call` |
//! | `HostInput::{Network, EmergencyNumbers}` | `on_network`, `on_emergency_numbers` |
//! | a session came to stand, or is gone | `on_session_up`, `on_session_down` |
//! | `Input::Store` | `on_store`: true when it answered a log commit |
//! | boot | `restore` with the open log entries |
//! | time | `poll_timeout`, `handle_timeout` |

mod carrier;
mod carrier_dials;
mod checking;
mod conversation;
mod dial;
mod envelope;
mod fallback;
mod fingerprint;
mod glare;
mod mail;
mod offered;
mod ringing;
pub mod roap_session;
mod rounds;
mod scene;
mod sound;
mod talking;

use crate::ctx::{Ctx, World};
use crate::effect::Refusal;
use crate::input::{CarrierCallState, MediaInput, NetworkSnapshot};
use crate::view::{CallView, Choice, Prompt};
use carrier_dials::CarrierDials;
use conversation::Call;
use scene::Room;
use std::collections::{BTreeMap, VecDeque};
use tandem_model::rows::LogRow;
use tandem_model::{CallId, Line, Mono, MonoMicros, PromptId, Ticket};
use tandem_wire::ServerFrame;

/// Conversations at once, questions among them; what comes beyond is busy.
const CALLS_MAX: usize = 16;

/// Ended calls remembered by id, so that a late word does not begin them again.
const OVER_MAX: usize = 128;

/// Every call of the phone.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: BTreeMap<CallId, Call>,
    over: VecDeque<CallId>,
    dials: CarrierDials,
    emergency: Vec<String>,
    room: Room,
}

impl Calls {
    /// Closes the log entries that were open when the process ended. Those calls are over: an offer of theirs that comes
    /// again begins no second conversation.
    pub(crate) fn restore(&mut self, open_logs: Vec<LogRow>, ctx: &mut Ctx<'_>) {
        open_logs.iter().filter_map(|row| row.call).for_each(|call| self.remember_over(call));
        self.room.log.restore(open_logs, ctx);
    }

    /// The OS's own list of emergency numbers.
    pub(crate) fn on_emergency_numbers(&mut self, numbers: Vec<String>) {
        self.emergency = numbers;
    }

    /// The user picks up.
    pub(crate) fn accept(&mut self, id: CallId, world: &dyn World, ctx: &mut Ctx<'_>) -> Result<(), Refusal> {
        let taken = self.on_call(id, world, ctx, Call::accept).unwrap_or(Err(Refusal::Stale));
        if taken.is_ok() {
            // The user talks to somebody now: what was still being asked about another attempt is moot.
            self.end_asking(id, world, ctx);
        }
        self.settle(world, ctx);
        taken
    }

    /// The user refuses.
    pub(crate) fn refuse(&mut self, id: CallId, world: &dyn World, ctx: &mut Ctx<'_>) -> Result<(), Refusal> {
        self.obey(id, world, ctx, Call::refuse)
    }

    /// The user ends a call, in any state. One that is with the carrier is the OS's to end.
    pub(crate) fn hang_up(&mut self, id: CallId, world: &dyn World, ctx: &mut Ctx<'_>) -> Result<(), Refusal> {
        self.obey(id, world, ctx, Call::hang_up)
    }

    /// The user holds a call, or takes it back.
    pub(crate) fn hold(&mut self, id: CallId, on: bool, world: &dyn World, ctx: &mut Ctx<'_>) -> Result<(), Refusal> {
        self.obey(id, world, ctx, |call, scene| call.hold_by_user(on, scene))
    }

    /// The user answers a prompt. `None` when the prompt is no call's, or is gone.
    pub(crate) fn on_prompt_answer(
        &mut self,
        prompt: PromptId,
        choice: Choice,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) -> Option<Result<(), Refusal>> {
        if !self.room.prompts.is_open(prompt) {
            return None;
        }
        let answered = self.room.prompts.answer(prompt, choice, ctx);
        if let Ok(call) = answered {
            self.on_call(call, world, ctx, |call, scene| call.chosen(choice, scene));
        }
        self.settle(world, ctx);
        Some(answered.map(|_| ()))
    }

    /// A frame on a line's session. True when it was a call's or the meter's.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other frames are other machines' business")]
    pub(crate) fn on_frame(
        &mut self,
        line: Line,
        frame: &ServerFrame,
        at: MonoMicros,
        wire_bytes: u32,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        if let Some(session) = world.session(line) {
            let network = self.room.network;
            self.room.meters.on_frame(frame, at, wire_bytes, &session, network, ctx);
        }
        let taken = match frame {
            ServerFrame::Time { .. } | ServerFrame::Train(_) | ServerFrame::TrainReport(_) => true,
            ServerFrame::GateAnswer { ticket, call, verdict } => {
                self.on_call(*call, world, ctx, |call, scene| call.on_gate(*ticket, *verdict, scene)).unwrap_or(false)
            }
            ServerFrame::Ice(ice) => {
                self.on_call(ice.call, world, ctx, |call, scene| call.on_ice(ice, scene)).unwrap_or(false)
            }
            ServerFrame::Refused { ticket, reason, .. } => {
                self.any_call(world, ctx, |call, scene| call.on_refused(*ticket, *reason, scene))
            }
            ServerFrame::Call(envelope) => {
                self.on_envelope(line, envelope, world, ctx);
                true
            }
            _ => false,
        };
        self.settle(world, ctx);
        taken
    }

    /// The media engine tells something of a call. False when the call is over.
    pub(crate) fn on_media(&mut self, id: CallId, event: MediaInput, world: &dyn World, ctx: &mut Ctx<'_>) -> bool {
        let known = self.on_call(id, world, ctx, |call, scene| call.on_media(event, scene)).is_some();
        self.settle(world, ctx);
        known
    }

    /// The OS took an order to dial, or could not. False when nobody waits for it.
    pub(crate) fn on_carrier_dialed(&mut self, ticket: Ticket, ok: bool, world: &dyn World, ctx: &mut Ctx<'_>) -> bool {
        let taken = self.dials.dialed(ticket, ok, &mut self.room.log, ctx)
            || self.any_call(world, ctx, |call, scene| call.carrier_dialed(ticket, ok, scene));
        self.settle(world, ctx);
        taken
    }

    /// What a carrier call does, whoever placed it. False when it was ordered here and nobody follows it any more.
    pub(crate) fn on_carrier_call(
        &mut self,
        ticket: Option<Ticket>,
        told: CarrierCallState,
        world: &dyn World,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        if ticket.is_none() {
            self.room.foreign = (told != CarrierCallState::Ended).then_some(told);
        }
        let taken = ticket.is_some_and(|ticket| self.dials.told(ticket, told, &mut self.room.log, ctx))
            || self.any_call(world, ctx, |call, scene| call.carrier_told(ticket, told, scene));
        self.settle(world, ctx);
        taken || ticket.is_none()
    }

    /// The network path as the OS sees it.
    pub(crate) fn on_network(&mut self, snapshot: NetworkSnapshot, world: &dyn World, ctx: &mut Ctx<'_>) {
        self.room.network = Some(snapshot);
        self.room.meters.on_network(snapshot);
        self.settle(world, ctx);
    }

    /// A line's session stands: what was kept for it is said.
    pub(crate) fn on_session_up(&mut self, line: Line, world: &dyn World, ctx: &mut Ctx<'_>) {
        self.room.mail.flush(line, world, ctx);
        self.settle(world, ctx);
    }

    /// A line's session is gone. Calls go on as long as their media does.
    pub(crate) fn on_session_down(&mut self, line: Line, world: &dyn World, ctx: &mut Ctx<'_>) {
        self.room.meters.on_session_down(line, ctx.now.mono);
        self.settle(world, ctx);
    }

    /// The store answered. True when it was about the log.
    pub(crate) fn on_store(&mut self, ticket: Ticket) -> bool {
        self.room.log.on_store(ticket)
    }

    /// Acts on every deadline that has come.
    pub(crate) fn handle_timeout(&mut self, world: &dyn World, ctx: &mut Ctx<'_>) {
        self.room.meters.handle_timeout(world, ctx);
        self.dials.handle_timeout(&mut self.room.log, ctx);
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        for id in ids {
            self.on_call(id, world, ctx, Call::handle_timeout);
        }
        self.settle(world, ctx);
    }

    /// When [`Calls::handle_timeout`] is due, and what for.
    pub(crate) fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let calls = self.calls.values().filter_map(Call::poll_timeout).map(|at| (at, "call"));
        let meters = self.room.meters.poll_timeout().map(|at| (at, "meter"));
        let dials = self.dials.poll_timeout().map(|at| (at, "carrier call"));
        calls.chain(meters).chain(dials).min()
    }

    /// Every call that is not over.
    pub(crate) fn views(&self) -> Vec<CallView> {
        self.calls.values().map(Call::view).collect()
    }

    /// Every open question about a call, oldest first.
    pub(crate) fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.room.prompts.views()
    }
}

#[cfg(test)]
mod tests;
