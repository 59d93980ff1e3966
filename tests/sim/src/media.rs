//! Media between phones: descriptions that meet connect, sound is only counted.

use crate::phone::Phone;
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
    /// Packets pass both ways.
    connected: bool,
    /// The machine was told so, and not yet of the silence since.
    told: bool,
    /// Since when nothing passes although both sides are described.
    silent_since: Option<u64>,
    /// Given up, or its address is gone: it does not come back.
    dead: bool,
    started: bool,
    held: bool,
}

/// Silence after which media counts as disconnected and as failed, as in the real engine.
const DISCONNECTED_MS: u64 = 2_000;
const FAILED_MS: u64 = 10_000;

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct MediaHub {
    sides: BTreeMap<([u8; 16], usize), SideOf>,
}

impl MediaHub {
    /// Whether a phone has media of that call.
    #[must_use]
    pub fn is_open(&self, call: CallId, phone: usize) -> bool {
        self.sides.get(&(call.0, phone)).is_some_and(|side| side.described)
    }

    /// Whether a phone hears its peer in a call: packets pass and both machines let sound in.
    #[must_use]
    pub fn hears(&self, call: CallId, phone: usize) -> bool {
        let talks = |side: &SideOf| side.connected && side.started && !side.held;
        self.sides_of(call.0).any(|(of, side)| of == phone && talks(side))
            && self.sides_of(call.0).any(|(of, side)| of != phone && talks(side))
    }

    fn sides_of(&self, call: [u8; 16]) -> impl Iterator<Item = (usize, &SideOf)> {
        self.sides.range((call, 0)..=(call, usize::MAX)).map(|((_, phone), side)| (*phone, side))
    }

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
        let now = self.now;
        let sides: Vec<(usize, SideOf)> = self
            .media
            .sides_of(call.0)
            .filter(|(_, side)| side.described && side.heard_peer)
            .map(|(phone, side)| (phone, side.clone()))
            .collect();
        let passes = sides.len() > 1
            && sides.iter().all(|(phone, side)| !side.dead && self.phones.get(*phone).is_some_and(Phone::reaches));
        let trips: u64 = sides.iter().filter_map(|(phone, _)| self.phones.get(*phone)).map(Phone::round_trip_ms).sum();
        for (phone, SideOf { boot, connected, told, silent_since, dead, .. }) in sides {
            let Some(side) = self.media.sides.get_mut(&(call.0, phone)).filter(|_| !connected) else { continue };
            if passes {
                (side.connected, side.told, side.silent_since) = (true, true, None);
                if !told {
                    // A check, and the handshake behind it.
                    let wait = (80 + 3 * trips).min(DISCONNECTED_MS - 1);
                    self.later(wait, What::Phone(phone, boot, Input::Media { call, event: MediaInput::Connected }));
                }
            } else if silent_since.is_none() && !dead {
                side.silent_since = Some(now);
                self.later(DISCONNECTED_MS, What::MediaSilent(call, phone, now));
            }
        }
    }

    /// Nothing passes between a call's sides any more; they find out by the silence.
    fn cut_media(&mut self, call: [u8; 16]) {
        let now = self.now;
        let mut cut = Vec::new();
        for ((_, phone), side) in self.media.sides.range_mut((call, 0)..=(call, usize::MAX)) {
            if side.connected {
                (side.connected, side.silent_since) = (false, Some(now));
                cut.push(*phone);
            }
        }
        for phone in cut {
            self.later(DISCONNECTED_MS, What::MediaSilent(CallId(call), phone, now));
        }
    }

    /// A side's silence has lasted: it is noticed, and later given up.
    pub(crate) fn media_silent(&mut self, call: CallId, phone: usize, since: u64) {
        let now = self.now;
        let side = self.media.sides.get_mut(&(call.0, phone)).filter(|side| side.silent_since == Some(since));
        let Some(side) = side else { return };
        let (boot, told) = (side.boot, std::mem::take(&mut side.told));
        if now >= since + FAILED_MS {
            (side.dead, side.silent_since) = (true, None);
            return self.phone_input(phone, boot, Input::Media { call, event: MediaInput::Failed });
        }
        self.at(since + FAILED_MS, What::MediaSilent(call, phone, since));
        if told {
            self.phone_input(phone, boot, Input::Media { call, event: MediaInput::Disconnected });
        }
    }

    /// A phone's network came or went: its calls' media follow.
    pub fn media_network(&mut self, phone: usize) {
        let up = self.phones.get(phone).is_some_and(Phone::reaches);
        for call in self.media.calls_of(phone) {
            if up {
                self.join_media(CallId(call));
            } else {
                self.cut_media(call);
            }
        }
    }

    /// A phone has another address: media that was gathered on the old one is dead.
    pub fn media_address_gone(&mut self, phone: usize) {
        for call in self.media.calls_of(phone) {
            if let Some(side) = self.media.sides.get_mut(&(call, phone)) {
                side.dead = side.described;
            }
            self.cut_media(call);
        }
    }

    /// A phone's process is gone, and its media with it.
    pub(crate) fn media_forgets(&mut self, phone: usize) {
        for call in self.media.calls_of(phone) {
            self.media.sides.remove(&(call, phone));
            self.cut_media(call);
        }
    }
}
