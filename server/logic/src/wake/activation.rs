//! Activation: how far the network has come with a number, and what is owed to those it could not reach.

use super::terms::{ActivationFault, RungOutcome};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tandem_model::{Mono, Msisdn};

/// How far one activation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// No network can be asked.
    Absent,
    /// It has not been asked yet.
    Untried,
    /// It tries.
    Underway,
    /// The access network reports a context, which proves it whatever the network's side says.
    Attached,
    /// It did not work.
    Failed(ActivationFault),
}

impl Activation {
    /// Why it did not work.
    pub(super) const fn fault(self) -> Option<ActivationFault> {
        match self {
            Self::Failed(fault) => Some(fault),
            Self::Absent | Self::Untried | Self::Underway | Self::Attached => None,
        }
    }
}

/// What an order's outcome says of the activation.
pub(super) const fn fault_of(outcome: RungOutcome) -> Option<ActivationFault> {
    match outcome {
        RungOutcome::Accepted => None,
        RungOutcome::Gone | RungOutcome::Permanent => Some(ActivationFault::Refused),
        RungOutcome::Throttled(_) | RungOutcome::Temporary => Some(ActivationFault::Network),
        RungOutcome::NotActivated(fault) => Some(fault),
    }
}

/// Numbers that were not reached and for which something is stored: looked after when they attach. What falls out of a
/// full table is still stored, and brought when the phone returns by itself.
#[derive(Debug, Default)]
pub(super) struct Missed {
    since: BTreeMap<Msisdn, Mono>,
    oldest: BTreeSet<(Mono, Msisdn)>,
}

impl Missed {
    pub(super) fn add(&mut self, number: Msisdn, now: Mono, most: usize) {
        self.remove(number);
        if self.since.len() >= most
            && let Some((_, oldest)) = self.oldest.pop_first()
        {
            self.since.remove(&oldest);
        }
        self.since.insert(number, now);
        self.oldest.insert((now, number));
    }

    pub(super) fn has(&self, number: Msisdn) -> bool {
        self.since.contains_key(&number)
    }

    pub(super) fn remove(&mut self, number: Msisdn) {
        if let Some(since) = self.since.remove(&number) {
            self.oldest.remove(&(since, number));
        }
    }

    /// Forgets those that nobody can have anything stored for any more.
    pub(super) fn forget(&mut self, now: Mono, kept_for: Duration) {
        while let Some((since, number)) = self.oldest.first().copied() {
            if now < since.after(kept_for) {
                return;
            }
            self.remove(number);
        }
    }
}
