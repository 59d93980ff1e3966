//! Media between phones: descriptions that meet connect, sound is only counted.

use crate::world::{What, World};
use std::collections::{BTreeMap, BTreeSet};
use tandem_machine::effect::MediaOrder;
use tandem_machine::input::{Input, MediaInput};
use tandem_model::CallId;

/// One side of a call's media.
#[derive(Clone, Debug, Default)]
struct SideOf {
    boot: u64,
    described: bool,
    heard_peer: bool,
    connected: bool,
    started: bool,
    held: bool,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct MediaHub {
    sides: BTreeMap<([u8; 16], usize), SideOf>,
}

impl MediaHub {
    /// A phone's process is gone.
    pub fn forget_phone(&mut self, phone: usize) {
        self.sides.retain(|(_, of), _| *of != phone);
    }
}

impl World {
    pub(crate) fn media_order(&mut self, phone: usize, boot: u64, call: CallId, order: MediaOrder) {
        let key = (call.0, phone);
        if let MediaOrder::Open { .. } = order {
            self.media.sides.insert(key, SideOf { boot, ..SideOf::default() });
            return;
        }
        let fingerprint = format!("sha-256 {phone:02X}:{:02X}", call.0.first().copied().unwrap_or(0));
        let sdp = format!("v=0\r\na=fingerprint:{fingerprint}\r\n");
        let Some(side) = self.media.sides.get_mut(&key) else { return };
        let mut answers: Vec<(u64, MediaInput)> = Vec::new();
        match order {
            MediaOrder::Open { .. } | MediaOrder::AddCandidate(_) => {}
            MediaOrder::MakeOffer => {
                side.described = true;
                answers.push((20, MediaInput::Offer { sdp, fingerprint }));
            }
            MediaOrder::MakeAnswer { .. } => {
                side.described = true;
                side.heard_peer = true;
                answers.push((20, MediaInput::Answer { sdp, fingerprint }));
                answers.push((25, MediaInput::Candidate("candidate:1 1 udp 1 127.0.0.1 1 typ host".to_owned())));
            }
            MediaOrder::TakeAnswer { .. } => side.heard_peer = true,
            MediaOrder::Rollback => side.described = false,
            MediaOrder::StartSound => side.started = true,
            MediaOrder::Hold { on } => side.held = on,
            MediaOrder::Close => {
                self.media.sides.remove(&key);
                return self.data_sound(phone, call.0, false);
            }
        }
        let sounds = side.started && !side.held;
        for (wait, event) in answers {
            self.later(wait, What::Phone(phone, boot, Input::Media { call, event }));
        }
        self.data_sound(phone, call.0, sounds);
        self.join_media(call);
    }

    /// Connects a call's sides once both are described and both phones have a network.
    fn join_media(&mut self, call: CallId) {
        let sides: Vec<(usize, u64, bool)> = self
            .media
            .sides
            .range((call.0, 0)..=(call.0, usize::MAX))
            .filter(|(_, side)| side.described && side.heard_peer)
            .map(|((_, phone), side)| (*phone, side.boot, side.connected))
            .collect();
        let networks = sides.iter().all(|(phone, _, _)| self.phones.get(*phone).is_some_and(|phone| phone.network));
        if sides.len() < 2 || !networks {
            return;
        }
        for (phone, boot, connected) in sides {
            if !connected {
                if let Some(side) = self.media.sides.get_mut(&(call.0, phone)) {
                    side.connected = true;
                }
                self.later(80, What::Phone(phone, boot, Input::Media { call, event: MediaInput::Connected }));
            }
        }
    }

    /// A phone's network came or went: its calls' media follow.
    pub fn media_network(&mut self, phone: usize) {
        let up = self.phones.get(phone).is_some_and(|phone| phone.network);
        let calls: BTreeSet<[u8; 16]> =
            self.media.sides.keys().filter(|(_, of)| *of == phone).map(|(call, _)| *call).collect();
        for call in calls {
            if up {
                self.join_media(CallId(call));
                continue;
            }
            let cut: Vec<(usize, u64)> = self
                .media
                .sides
                .range_mut((call, 0)..=(call, usize::MAX))
                .filter(|(_, side)| side.connected)
                .map(|((_, of), side)| {
                    side.connected = false;
                    (*of, side.boot)
                })
                .collect();
            for (of, boot) in cut {
                let event = MediaInput::Disconnected;
                self.later(1_500, What::Phone(of, boot, Input::Media { call: CallId(call), event }));
            }
        }
    }
}
