//! Before anything is offered: threshold 1 here, threshold 2 at the server, both at once. The caller's own failure is shown
//! first, and nothing rings before both have passed.

use super::conversation::{Call, Stage};
use super::offered::Beside;
use super::scene::Scene;
use crate::meter::OwnVerdict;
use std::time::Duration;
use tandem_model::{GateVerdict, Mono, ServerMillis, Ticket, WhyNotData};
use tandem_wire::frame::Ice;
use tandem_wire::{ClientFrame, RefuseReason};

/// How long both passed checks wait for STUN and TURN servers before the call tries without.
const ICE_WAIT: Duration = Duration::from_millis(300);

/// How long making an offer may take.
const OFFER_WAIT: Duration = Duration::from_secs(3);

/// Both checks under way.
#[derive(Debug)]
pub(crate) struct Checking {
    /// The decision's budget ends.
    pub(crate) deadline: Mono,
    gate: Gate,
    servers: Servers,
}

#[derive(Debug)]
enum Gate {
    Asked(Ticket),
    Passed { low_rate: bool },
    Failed(WhyNotData),
}

/// STUN and TURN servers for this call.
#[derive(Debug)]
enum Servers {
    Asked(Ticket),
    /// The server gives them only to a call that passed its gate.
    Refused,
    Known(Box<Ice>),
    /// There are none to be had.
    None,
}

/// Both passed: the offer is being made.
#[derive(Debug)]
pub(crate) struct Preparing {
    pub(crate) beside: Beside,
    servers: Servers,
    low_rate: bool,
    servers_until: Mono,
    until: Mono,
}

impl Preparing {
    pub(crate) fn poll_timeout(&self) -> Mono {
        let servers = match self.servers {
            Servers::Asked(_) => self.servers_until,
            Servers::Refused | Servers::Known(_) | Servers::None => self.until,
        };
        [Some(servers), Some(self.until), self.beside.poll_timeout()].into_iter().flatten().min().unwrap_or(self.until)
    }
}

/// Why a call to this number cannot even be checked; the caller's own reasons first.
pub(crate) fn hindrance(call: &Call, scene: &Scene<'_, '_>) -> Option<WhyNotData> {
    if scene.world.registered(call.line).is_none() {
        Some(WhyNotData::NotRegistered)
    } else if scene.online(call.line).is_none() {
        Some(WhyNotData::OwnOffline)
    } else if call.peer_key.is_none() || call.me == Some(call.peer) {
        Some(WhyNotData::PeerNotAvailable)
    } else {
        None
    }
}

impl Call {
    /// Starts both checks, or fails at once.
    pub(crate) fn start_checking(&mut self, scene: &mut Scene<'_, '_>) {
        if let Some(why) = hindrance(self, scene) {
            return self.cannot(why, scene);
        }
        let Some(session) = scene.online(self.line) else { return };
        // The questions first: behind the meter's train they would wait for it.
        let gate = scene.ctx.ticket();
        scene.ctx.send(&session, ClientFrame::GateAsk { ticket: gate, call: self.id, to: self.peer });
        let ice = scene.ctx.ticket();
        scene.ctx.send(&session, ClientFrame::IceAsk { ticket: ice, call: self.id });
        let network = scene.room.network;
        scene.room.meters.measure(&session, network, scene.ctx);
        self.stage = Stage::Checking(Checking {
            deadline: scene.now().after(scene.ctx.config.decision_budget),
            gate: Gate::Asked(gate),
            servers: Servers::Asked(ice),
        });
        self.check(scene);
    }

    /// Looks at both checks, whatever changed.
    pub(crate) fn check(&mut self, scene: &mut Scene<'_, '_>) {
        let Stage::Checking(checking) = &self.stage else { return };
        if let Some(why) = hindrance(self, scene) {
            return self.cannot(why, scene);
        }
        let Some(session) = scene.online(self.line) else { return };
        let in_time = scene.now() < checking.deadline;
        let own_low_rate = match scene.room.meters.verdict(self.line, scene.now(), scene.ctx.config) {
            Some(OwnVerdict::Full) => false,
            Some(OwnVerdict::LowRate) => true,
            Some(OwnVerdict::TooSlow) => return self.cannot(WhyNotData::OwnTooSlow, scene),
            Some(OwnVerdict::Unmeasured) => return self.cannot(WhyNotData::OwnUnmeasured, scene),
            None if in_time => {
                // Nothing changes while a measurement is under way; after a change of path a new one begins.
                let network = scene.room.network;
                return scene.room.meters.measure(&session, network, scene.ctx);
            }
            None => return self.cannot(WhyNotData::OwnUnmeasured, scene),
        };
        match checking.gate {
            Gate::Asked(_) if in_time => {}
            Gate::Asked(_) => self.cannot(WhyNotData::NoAnswerInTime, scene),
            Gate::Failed(why) => self.cannot(why, scene),
            Gate::Passed { low_rate } => self.prepare(low_rate || own_low_rate, scene),
        }
    }

    /// The server's word about the callee.
    pub(crate) fn on_gate(&mut self, ticket: Ticket, verdict: GateVerdict, scene: &mut Scene<'_, '_>) -> bool {
        let unseen = self.lease_ran_out(scene);
        let Stage::Checking(checking) = &mut self.stage else { return false };
        if !matches!(checking.gate, Gate::Asked(asked) if asked == ticket) {
            return false;
        }
        checking.gate = match verdict {
            GateVerdict::Ok => Gate::Passed { low_rate: false },
            GateVerdict::OkLowRate => Gate::Passed { low_rate: true },
            GateVerdict::UseCarrier => Gate::Failed(WhyNotData::PeerTooSlow),
            GateVerdict::Later if unseen => Gate::Failed(WhyNotData::PeerNotSeenLately),
            GateVerdict::Later => Gate::Failed(WhyNotData::PeerOffline),
            GateVerdict::NotAvailable => Gate::Failed(WhyNotData::PeerNotAvailable),
        };
        self.check(scene);
        true
    }

    /// The server refuses a question of this call.
    pub(crate) fn on_refused(&mut self, ticket: Ticket, reason: RefuseReason, scene: &mut Scene<'_, '_>) -> bool {
        match &mut self.stage {
            Stage::Checking(checking) if matches!(checking.gate, Gate::Asked(asked) if asked == ticket) => {
                checking.gate = Gate::Failed(match reason {
                    RefuseReason::NotAvailable | RefuseReason::RecipientChanged => WhyNotData::PeerNotAvailable,
                    RefuseReason::Budget
                    | RefuseReason::Storage
                    | RefuseReason::MailboxFull
                    | RefuseReason::Invalid
                    | RefuseReason::NoSuchCall
                    | RefuseReason::ShuttingDown
                    | RefuseReason::BadSignature => WhyNotData::NoAnswerInTime,
                });
                self.check(scene);
                true
            }
            Stage::Checking(checking) if matches!(checking.servers, Servers::Asked(asked) if asked == ticket) => {
                checking.servers = Servers::Refused;
                true
            }
            Stage::Preparing(preparing) if matches!(preparing.servers, Servers::Asked(asked) if asked == ticket) => {
                preparing.servers = Servers::None;
                self.open_and_offer(scene);
                true
            }
            Stage::Ringing(_) | Stage::Connecting { .. } => self.servers_are(ticket, None, scene),
            Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => false,
        }
    }

    /// STUN and TURN servers came.
    pub(crate) fn on_ice(&mut self, ice: &Ice, scene: &mut Scene<'_, '_>) -> bool {
        match &mut self.stage {
            Stage::Checking(checking) if matches!(checking.servers, Servers::Asked(asked) if asked == ice.ticket) => {
                checking.servers = Servers::Known(Box::new(ice.clone()));
                true
            }
            Stage::Preparing(preparing) if matches!(preparing.servers, Servers::Asked(asked) if asked == ice.ticket) => {
                preparing.servers = Servers::Known(Box::new(ice.clone()));
                self.open_and_offer(scene);
                true
            }
            Stage::Ringing(_) | Stage::Connecting { .. } => self.servers_are(ice.ticket, Some(ice), scene),
            Stage::Checking(_)
            | Stage::Asking { .. }
            | Stage::Preparing(_)
            | Stage::Offered(_)
            | Stage::Active
            | Stage::Reconnecting { .. }
            | Stage::Lost { .. }
            | Stage::Carrier(_)
            | Stage::Ended(_) => false,
        }
    }

    /// Both passed.
    fn prepare(&mut self, low_rate: bool, scene: &mut Scene<'_, '_>) {
        let Stage::Checking(checking) = &mut self.stage else { return };
        let servers = std::mem::replace(&mut checking.servers, Servers::None);
        let beside = Beside::new(checking.deadline);
        let servers = match (servers, scene.online(self.line)) {
            // Now that the gate is passed the server gives them.
            (Servers::Refused, Some(session)) => {
                let ticket = scene.ctx.ticket();
                scene.ctx.send(&session, ClientFrame::IceAsk { ticket, call: self.id });
                Servers::Asked(ticket)
            }
            (Servers::Refused, None) => Servers::None,
            (servers @ (Servers::Asked(_) | Servers::Known(_) | Servers::None), _) => servers,
        };
        let wait = matches!(servers, Servers::Asked(_));
        self.stage = Stage::Preparing(Preparing {
            beside,
            servers,
            low_rate,
            servers_until: scene.now().after(ICE_WAIT),
            until: scene.now().after(OFFER_WAIT),
        });
        if !wait {
            self.open_and_offer(scene);
        }
    }

    fn open_and_offer(&mut self, scene: &mut Scene<'_, '_>) {
        let Stage::Preparing(preparing) = &mut self.stage else { return };
        let ice = match std::mem::replace(&mut preparing.servers, Servers::None) {
            Servers::Known(ice) => Some(*ice),
            Servers::Asked(_) | Servers::Refused | Servers::None => None,
        };
        let low_rate = preparing.low_rate;
        self.sound.open(ice, low_rate, scene.ctx);
        self.sound.make_offer(scene.ctx);
    }

    /// Deadlines of [`Stage::Preparing`].
    pub(crate) fn preparing_is_due(&mut self, scene: &mut Scene<'_, '_>) {
        let Stage::Preparing(preparing) = &self.stage else { return };
        if preparing.until <= scene.now() {
            return self.cannot(WhyNotData::MediaFailed, scene);
        }
        if matches!(preparing.servers, Servers::Asked(_)) && preparing.servers_until <= scene.now() {
            self.open_and_offer(scene);
        }
        self.beside_is_due(scene);
    }

    fn lease_ran_out(&self, scene: &Scene<'_, '_>) -> bool {
        let (Some(session), Some(mark)) = (scene.world.session(self.line), scene.world.mark(self.line, self.peer))
        else {
            return false;
        };
        match mark.state {
            tandem_model::MarkState::Marked { lease_until, .. } => {
                let now: ServerMillis = session.offset.to_server(scene.ctx.now.mono);
                lease_until <= now
            }
            tandem_model::MarkState::Unmarked => false,
        }
    }
}
