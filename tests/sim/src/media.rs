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
    /// When the phone hears the last word there is for it: the next comes no sooner.
    heard_at: u64,
}

/// How long a side goes without packets before it says that its media broke.
const SILENT_MS: u64 = 1_500;

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct MediaHub {
    sides: BTreeMap<([u8; 16], usize), SideOf>,
}

impl MediaHub {
    fn calls_of(&self, phone: usize) -> BTreeSet<[u8; 16]> {
        self.sides.keys().filter(|(_, of)| *of == phone).map(|(call, _)| *call).collect()
    }
}

/// As long as a SHA-256 one is: the machine signs no other.
fn fingerprint(phone: usize, call: CallId) -> String {
    let octets = call.0.iter().chain(&call.0).map(|octet| format!("{:02X}", octet ^ phone as u8));
    format!("sha-256 {}", octets.collect::<Vec<_>>().join(":"))
}

impl World {
    pub(crate) fn media_order(&mut self, phone: usize, boot: u64, call: CallId, order: MediaOrder) {
        let key = (call.0, phone);
        if let MediaOrder::Open { .. } = order {
            self.media.sides.insert(key, SideOf { boot, ..SideOf::default() });
            return;
        }
        let fingerprint = fingerprint(phone, call);
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
                self.cut_media(call.0);
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
        for (phone, _, connected) in sides {
            if !connected {
                self.media_word(phone, call.0, 80, MediaInput::Connected);
            }
        }
    }

    /// Tells a side that its media is connected or not, after whatever it is told already.
    fn media_word(&mut self, phone: usize, call: [u8; 16], wait: u64, event: MediaInput) {
        let now = self.now;
        let Some(side) = self.media.sides.get_mut(&(call, phone)) else { return };
        side.connected = matches!(event, MediaInput::Connected);
        side.heard_at = (now + wait).max(side.heard_at + 1);
        let (at, boot) = (side.heard_at, side.boot);
        self.at(at, What::Phone(phone, boot, Input::Media { call: CallId(call), event }));
    }

    /// Packets of a call stop: every side that is left notices.
    fn cut_media(&mut self, call: [u8; 16]) {
        let sides = self.media.sides.range((call, 0)..=(call, usize::MAX));
        let cut: Vec<usize> = sides.filter(|(_, side)| side.connected).map(|((_, of), _)| *of).collect();
        for phone in cut {
            self.media_word(phone, call, SILENT_MS, MediaInput::Disconnected);
        }
    }

    /// A phone's network came or went: its calls' media follow.
    pub fn media_network(&mut self, phone: usize) {
        let up = self.phones.get(phone).is_some_and(|phone| phone.network);
        for call in self.media.calls_of(phone) {
            if up {
                self.join_media(CallId(call));
            } else {
                self.cut_media(call);
            }
        }
    }

    /// A phone's process is gone, and its side of every call.
    pub fn media_forgets(&mut self, phone: usize) {
        for call in self.media.calls_of(phone) {
            self.media.sides.remove(&(call, phone));
            self.cut_media(call);
        }
    }
}
