//! How full the buffer has been lately: what tells a delay that is too long, or too short, from one frame's luck.

/// Pulls over which the level is watched before the delay may grow: 0.5 s.
pub(super) const GROW_AFTER_PULLS: u32 = 25;
/// The same before it may shrink.
pub(super) const SHRINK_AFTER_PULLS: u32 = 100;

/// Lowest and highest level seen at the pulls since it was last reset, in samples.
#[derive(Debug)]
pub(super) struct LevelWatch {
    pub(super) lowest: i64,
    pub(super) highest: i64,
    pub(super) pulls: u32,
}

impl Default for LevelWatch {
    fn default() -> Self {
        Self { lowest: i64::MAX, highest: 0, pulls: 0 }
    }
}

impl LevelWatch {
    /// Notes one pull. Every 4 s it begins again, so that an old low does not hold the delay up for ever.
    pub(super) fn watch(&mut self, level: i64) {
        if self.pulls >= 2 * SHRINK_AFTER_PULLS {
            *self = Self::default();
        }
        self.pulls += 1;
        self.lowest = self.lowest.min(level);
        self.highest = self.highest.max(level);
    }
}
