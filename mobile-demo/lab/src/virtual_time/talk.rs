//! Talking without sound: what is counted is the time in which sound would pass, as media and the machines' gates say.

use crate::seen::{Seen, object};
use serde_json::json;
use tandem_model::CallId;
use tandem_sim::media::MediaHub;

/// A peer that spoke less than this was not heard: the real clock compares no less.
const SPEECH_MIN_MS: u64 = 1_000;

/// Somebody talks and listens.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) phone: usize,
    pub(super) call: CallId,
    pub(super) from: u64,
    pub(super) until: u64,
    /// Sound was let through both ways.
    through_ms: u64,
    /// And the peer spoke.
    spoken_ms: u64,
}

impl Talk {
    pub(super) fn new(phone: usize, call: CallId, from: u64, until: u64) -> Talk {
        Talk { phone, call, from, until, through_ms: 0, spoken_ms: 0 }
    }

    /// What is heard: its seconds are those in which sound passed, its likeness their share of the time if the peer spoke.
    pub(super) fn heard(&self) -> Seen {
        let share = self.through_ms as f64 / (self.until - self.from).max(1) as f64;
        let similarity = if self.spoken_ms >= SPEECH_MIN_MS { (share * 1000.0).round() / 1000.0 } else { 0.0 };
        let seconds = (self.through_ms as f64 / 100.0).round() / 10.0;
        object(json!({"see": "heard", "seconds": seconds, "similarity": similarity, "kept": false}))
    }
}

/// What passes now to one who talks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing {
    through: bool,
    spoken: bool,
}

/// What passes to each who talks, until the next thing happens.
pub(super) fn passing(talks: &[Talk], media: &MediaHub) -> Vec<Passing> {
    let of = |talk: &Talk| {
        let through = media.hears(talk.call, talk.phone);
        let spoken = through && talks.iter().any(|peer| peer.call == talk.call && peer.phone != talk.phone);
        Passing { through, spoken }
    };
    talks.iter().map(of).collect()
}

/// So much time passed like that.
pub(super) fn pass(talks: &mut [Talk], passing: &[Passing], ms: u64) {
    for (talk, passing) in talks.iter_mut().zip(passing) {
        talk.through_ms += if passing.through { ms } else { 0 };
        talk.spoken_ms += if passing.spoken { ms } else { 0 };
    }
}
