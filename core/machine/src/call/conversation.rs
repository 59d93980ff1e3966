//! One conversation with one peer: which stage it is in, what the user sees of it, and how it ends.
//!
//! ```text
//!  dialed ──> Checking ──both passed──> Preparing ──OFFER──> Offered ──ANSWER──> Connecting ──> Active <──> Reconnecting
//!               │ failed, or out of time   │                    │                   │                          │
//!               v                          v                    v                   v                          v
//!             Asking ──────────────────────── carrier ───────────────────────> Carrier <──carrier──────────── Lost
//!               └──quit──> Ended
//!  OFFER heard ──> Ringing ──accepted──> Connecting ...      any ──> Ended, which it stays
//! ```

use super::carrier::CarrierLeg;
use super::checking::{Checking, Preparing};
use super::offered::Offered;
use super::ringing::{Answering, Ringing};
use super::roap_session::RoapSession;
use super::scene::Scene;
use super::sound::Sound;
use super::talking::Hold;
use crate::call_log::LogEntry;
use crate::effect::Event;
use crate::view::{CallState, CallView};
use tandem_model::rows::LogPeer;
use tandem_model::{Bearer, CallEnd, CallId, DeviceKey, Line, Mono, Msisdn, Random, Secret, ServerMillis};
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver};

/// One conversation.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) line: Line,
    /// My number; `None` on a line that is not registered, whose calls never get beyond asking.
    pub(crate) me: Option<Msisdn>,
    pub(crate) peer: Msisdn,
    pub(crate) outgoing: bool,
    /// As it was dialed, for the carrier.
    pub(crate) digits: Secret<String>,
    /// Verifies the peer's descriptions; from its mark.
    pub(crate) peer_key: Option<DeviceKey>,
    /// The ring's expiry as the server set it; zero before it is known here.
    pub(crate) ring_until: ServerMillis,
    pub(crate) stage: Stage,
    pub(crate) roap: RoapSession,
    pub(crate) sound: Sound,
    pub(crate) hold: Hold,
    pub(crate) entry: LogEntry,
    /// The server knows of it no more: nothing can be said in it, and media is all there is.
    pub(crate) unsignalled: bool,
    shown: Option<CallView>,
}

/// What it does, with all that belongs to it then.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Both paths are being checked.
    Checking(Checking),
    /// The user is asked before anything was offered, or after that came to nothing.
    Asking { until: Mono },
    /// Both passed; the offer is being made.
    Preparing(Preparing),
    /// The offer is out.
    Offered(Offered),
    /// An offer is here.
    Ringing(Ringing),
    /// Answered; media is not up. The callee's final answer may still be in the making.
    Connecting { until: Mono, answering: Option<Answering> },
    /// Both can talk.
    Active,
    /// Media broke.
    Reconnecting { until: Mono },
    /// Media did not come back and the user is asked; it still may.
    Lost { until: Mono },
    /// With the carrier; media is kept until the carrier carries sound.
    Carrier(CarrierLeg),
    /// Over.
    Ended(CallEnd),
}

/// What begins a conversation.
pub(crate) struct Beginning {
    pub(crate) id: CallId,
    pub(crate) line: Line,
    pub(crate) peer: Msisdn,
    pub(crate) outgoing: bool,
    pub(crate) digits: Secret<String>,
    pub(crate) peer_key: Option<DeviceKey>,
    pub(crate) stage: Stage,
}

impl Call {
    pub(crate) fn begin(with: Beginning, scene: &mut Scene<'_, '_>) -> Call {
        let peer = LogPeer::Number(with.peer);
        let entry = LogEntry::begin(
            Some(with.id),
            with.line,
            peer,
            with.outgoing,
            Bearer::Data,
            &mut scene.room.log,
            scene.ctx,
        );
        Call {
            id: with.id,
            line: with.line,
            me: scene.world.registered(with.line).map(|(number, _, _)| number),
            peer: with.peer,
            outgoing: with.outgoing,
            digits: with.digits,
            peer_key: with.peer_key,
            ring_until: ServerMillis(0),
            stage: with.stage,
            roap: RoapSession::new(session_id(scene.ctx.random)),
            sound: Sound::new(with.id),
            hold: Hold::default(),
            entry,
            unsignalled: false,
            shown: None,
        }
    }

    /// Says something to the peer.
    pub(crate) fn say(&self, body: CallBody, scene: &mut Scene<'_, '_>) {
        let Some(me) = self.me.filter(|_| !self.unsignalled) else { return };
        let envelope = CallEnvelope { call: self.id, from: me, to: self.peer, ring_until: self.ring_until, body };
        scene.room.mail.send(self.line, envelope, scene.world, scene.ctx);
    }

    /// Tells the peer that it is over, where the peer knows of it at all.
    pub(crate) fn say_over(&self, over: CallOver, scene: &mut Scene<'_, '_>) {
        match self.stage {
            Stage::Checking(_) | Stage::Asking { .. } | Stage::Preparing(_) | Stage::Ended(_) => {}
            Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. } => self.say(CallBody::End(over), scene),
            Stage::Carrier(_) => {
                if self.sound.is_open() {
                    self.say(CallBody::End(over), scene);
                }
            }
        }
    }

    /// It is over; the first end stays.
    pub(crate) fn end(&mut self, end: CallEnd, scene: &mut Scene<'_, '_>) {
        if self.ended().is_some() {
            return;
        }
        scene.room.prompts.close_of(&self.id, scene.ctx);
        self.sound.close(scene.ctx);
        self.entry.end(end, &mut scene.room.log, scene.ctx);
        self.stage = Stage::Ended(end);
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&self) -> Option<CallEnd> {
        match self.stage {
            Stage::Ended(end) => Some(end),
            Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_) => None,
        }
    }

    /// Whether it takes the user's ear, so that another call finds the user busy. A question before
    /// anything began does not; one about broken media does, because the media may come back.
    pub(crate) fn engages(&self) -> bool {
        match self.stage {
            Stage::Checking(_)
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_) => true,
            Stage::Asking { .. } | Stage::Ended(_) => false,
        }
    }

    /// Whether both can talk over data, or could a moment ago.
    pub(crate) fn is_talking(&self) -> bool {
        matches!(self.stage, Stage::Active | Stage::Reconnecting { .. })
    }

    /// As the app sees it.
    pub(crate) fn view(&self) -> CallView {
        let state = match &self.stage {
            Stage::Checking(_) => CallState::Checking,
            Stage::Asking { .. } | Stage::Lost { .. } => CallState::Asking,
            Stage::Preparing(_) => CallState::Calling,
            Stage::Offered(offered) if offered.rings => CallState::Ringing,
            Stage::Offered(_) => CallState::Calling,
            Stage::Ringing(_) => CallState::Ringing,
            Stage::Connecting { .. } => CallState::Connecting,
            Stage::Active => CallState::Active,
            Stage::Reconnecting { .. } => CallState::Reconnecting,
            Stage::Carrier(_) => CallState::Carrier,
            Stage::Ended(end) => CallState::Ended(*end),
        };
        let with_carrier = match &self.stage {
            Stage::Carrier(_) => !self.sound.is_open(),
            Stage::Ended(end) => matches!(end, CallEnd::Carrier | CallEnd::CarrierFailed),
            Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Ringing(_)
            | Stage::Connecting { .. }
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. } => false,
        };
        CallView {
            call: self.id,
            line: self.line,
            peer: self.peer,
            outgoing: self.outgoing,
            state,
            bearer: if with_carrier { Bearer::Carrier } else { Bearer::Data },
            held: self.hold.is_held_here(),
            held_by_peer: self.hold.by_peer,
        }
    }

    /// Tells the app what shows differently now.
    pub(crate) fn show(&mut self, scene: &mut Scene<'_, '_>) {
        let view = self.view();
        if self.shown.as_ref() != Some(&view) {
            scene.ctx.emit(Event::Call(view.clone()));
            self.shown = Some(view);
        }
    }

    /// When it must be looked at again.
    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        match &self.stage {
            Stage::Checking(checking) => Some(checking.deadline),
            Stage::Asking { until } | Stage::Lost { until } | Stage::Reconnecting { until } => Some(*until),
            Stage::Preparing(preparing) => Some(preparing.poll_timeout()),
            Stage::Offered(offered) => Some(offered.poll_timeout()),
            Stage::Ringing(ringing) => Some(ringing.poll_timeout()),
            Stage::Connecting { until, answering } => {
                let ice = answering.as_ref().and_then(Answering::poll_timeout);
                Some(ice.map_or(*until, |at| at.min(*until)))
            }
            Stage::Carrier(leg) => leg.poll_timeout(),
            Stage::Active | Stage::Ended(_) => None,
        }
    }
}

/// An id for one side of one ROAP session.
pub(crate) fn session_id(random: &mut dyn Random) -> String {
    format!("{:016x}", random.next_u64())
}
