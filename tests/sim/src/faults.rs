//! How unkind the world is, as chances out of a thousand, drawn per event from the seed.

use tandem_model::Random;
use tandem_model::random::SplitMix64;

/// Chances per mille, and times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// A frame vanishes, and its connection with it: a byte stream has no holes.
    pub frame_lost: u64,
    /// A frame comes twice.
    pub frame_doubled: u64,
    /// A frame is late by up to [`Faults::late_ms`].
    pub frame_late: u64,
    /// How late.
    pub late_ms: u64,
    /// A connection breaks at a frame.
    pub link_breaks: u64,
    /// A registration request or its reply vanishes.
    pub http_lost: u64,
    /// A registration request arrives twice.
    pub http_doubled: u64,
    /// An SMS vanishes.
    pub sms_lost: u64,
    /// An SMS comes twice.
    pub sms_doubled: u64,
    /// An SMS is late by up to five minutes.
    pub sms_late: u64,
    /// A commit fails.
    pub commit_fails: u64,
    /// The longest a sync takes.
    pub sync_ms: u64,
}

impl Faults {
    /// A world in which everything works.
    pub const NONE: Faults = Faults {
        frame_lost: 0,
        frame_doubled: 0,
        frame_late: 0,
        late_ms: 0,
        link_breaks: 0,
        http_lost: 0,
        http_doubled: 0,
        sms_lost: 0,
        sms_doubled: 0,
        sms_late: 0,
        commit_fails: 0,
        sync_ms: 5,
    };

    /// Drawn from the seed: from kind to very unkind, differently in each run.
    #[must_use]
    pub fn draw(random: &mut SplitMix64) -> Faults {
        let mut chance = |most: u64| if random.below(3) == 0 { 0 } else { random.below(most + 1) };
        let late = chance(3) == 0;
        Faults {
            frame_lost: chance(20),
            frame_doubled: chance(20),
            frame_late: chance(if late { 5 } else { 40 }),
            late_ms: if late { 20_000 } else { 400 },
            link_breaks: chance(20),
            http_lost: chance(200),
            http_doubled: chance(100),
            sms_lost: chance(200),
            sms_doubled: chance(200),
            sms_late: chance(200),
            commit_fails: chance(5),
            sync_ms: 1 + chance(200),
        }
    }
}
