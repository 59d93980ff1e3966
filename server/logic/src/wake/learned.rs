//! What is learned of each rung: how often it works and how long it takes, by device, OS and operator.

use super::terms::Rung;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Wakes of a rung that are remembered.
const SAMPLES: usize = 32;

/// Fewer say nothing.
const ENOUGH: usize = 8;

/// A device whose rungs behave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceKind {
    /// The device's model, by any stable number.
    pub model: u32,
    /// Its OS and release.
    pub os: u32,
    /// The operator it is with: country and network code.
    pub operator: u32,
}

/// A rung's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// How often it worked, in a thousand.
    pub success_permille: u32,
    /// How long it took in 19 of 20 successes; `None` when it never worked.
    pub p95: Option<Duration>,
}

/// Everything learned. The kind that was looked at longest ago is forgotten first.
#[derive(Debug, Default)]
pub(super) struct Learned {
    kinds: BTreeMap<DeviceKind, Kind>,
    used: BTreeSet<(u64, DeviceKind)>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Kind {
    used: u64,
    /// Milliseconds to the phone's return; `None` when it did not come.
    rungs: BTreeMap<Rung, VecDeque<Option<u64>>>,
}

impl Learned {
    /// Learns one wake; `None` when the rung's budget ended without the phone.
    pub(super) fn learn(&mut self, kind: DeviceKind, rung: Rung, took: Option<Duration>, most: usize) {
        self.touch(kind, most);
        let Some(known) = self.kinds.get_mut(&kind) else { return };
        let samples = known.rungs.entry(rung).or_default();
        if samples.len() >= SAMPLES {
            samples.pop_front();
        }
        samples.push_back(took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
    }

    fn touch(&mut self, kind: DeviceKind, most: usize) {
        self.uses = self.uses.saturating_add(1);
        if !self.kinds.contains_key(&kind)
            && self.kinds.len() >= most
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.kinds.remove(&oldest);
        }
        let known = self.kinds.entry(kind).or_default();
        self.used.remove(&(known.used, kind));
        known.used = self.uses;
        self.used.insert((self.uses, kind));
    }

    /// A rung's past with such a device; `None` while too little is known.
    pub(super) fn past(&self, kind: DeviceKind, rung: Rung) -> Option<Past> {
        let samples = self.kinds.get(&kind)?.rungs.get(&rung).filter(|samples| samples.len() >= ENOUGH)?;
        let mut times: Vec<u64> = samples.iter().copied().flatten().collect();
        times.sort_unstable();
        let permille = times.len().saturating_mul(1_000).checked_div(samples.len()).unwrap_or(0);
        let at = times.len().saturating_mul(95).div_ceil(100).saturating_sub(1);
        Some(Past {
            success_permille: u32::try_from(permille).unwrap_or(1_000),
            p95: times.get(at).copied().map(Duration::from_millis),
        })
    }

    /// How long the next rung waits for this one: what 19 of 20 took, less for a rung that seldom works, and before its
    /// budget ends in any case. A rung nobody knows yet gets half of its budget.
    pub(super) fn wait(&self, kind: DeviceKind, rung: Rung, budget: Duration, least: Duration) -> Duration {
        let wait = match self.past(kind, rung) {
            None => budget / 2,
            Some(Past { p95: None, .. }) => least,
            Some(Past { success_permille: 0..=199, .. }) => least,
            Some(Past { success_permille, p95: Some(p95) }) => p95.saturating_mul(success_permille) / 1_000,
        };
        wait.max(least).min(budget * 9 / 10)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.kinds.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: DeviceKind = DeviceKind { model: 1, os: 14, operator: 26_201 };
    const BUDGET: Duration = Duration::from_secs(4);
    const LEAST: Duration = Duration::from_millis(300);
    const MS: Duration = Duration::from_millis(1);

    fn after(samples: impl IntoIterator<Item = Option<u32>>) -> Duration {
        let mut learned = Learned::default();
        for sample in samples {
            learned.learn(KIND, Rung::Push, sample.map(|ms| MS * ms), 10);
        }
        learned.wait(KIND, Rung::Push, BUDGET, LEAST)
    }

    #[test]
    fn a_rung_nobody_knows_gets_half_its_budget_and_so_does_one_with_too_few_wakes() {
        assert_eq!(after([]), BUDGET / 2);
        assert_eq!(after([Some(800); 7]), BUDGET / 2);
        assert_eq!(after([Some(800); 8]), MS * 800);
    }

    #[test]
    fn a_rung_that_seldom_works_is_not_waited_for() {
        assert_eq!(after([None; 8]), LEAST);
        assert_eq!(after([[None; 9].as_slice(), &[Some(900)]].concat()), LEAST);
        assert_eq!(after([[None; 5].as_slice(), &[Some(1_000); 5]].concat()), MS * 500);
    }

    #[test]
    fn a_slow_rung_is_left_before_its_budget_ends_and_a_fast_one_never_below_the_least() {
        assert_eq!(after([Some(60_000); 8]), MS * 3_600);
        assert_eq!(after([Some(1); 8]), LEAST);
    }

    #[test]
    fn p95_is_what_19_of_20_took_and_old_wakes_are_forgotten() {
        let mut learned = Learned::default();
        for ms in 1..=20 {
            learned.learn(KIND, Rung::Push, Some(MS * ms * 100), 10);
        }
        let past = learned.past(KIND, Rung::Push).unwrap();
        assert_eq!(past, Past { success_permille: 1_000, p95: Some(MS * 1_900) });
        for _ in 0..SAMPLES {
            learned.learn(KIND, Rung::Push, None, 10);
        }
        assert_eq!(learned.past(KIND, Rung::Push), Some(Past { success_permille: 0, p95: None }));
        assert_eq!(learned.past(KIND, Rung::SmsWake), None, "each rung by itself");
    }

    #[test]
    fn the_kind_used_longest_ago_makes_room() {
        let mut learned = Learned::default();
        let kind = |model| DeviceKind { model, ..KIND };
        for model in 0..3 {
            learned.learn(kind(model), Rung::Push, None, 3);
        }
        learned.learn(kind(0), Rung::Push, None, 3);
        learned.learn(kind(3), Rung::Push, None, 3);
        assert_eq!(learned.len(), 3);
        assert!(!learned.kinds.contains_key(&kind(1)));
        assert!(learned.kinds.contains_key(&kind(0)));
    }
}
