//! The two clocks, and which of them a scenario may be played on.

use super::{Fault, Scenario, Step, Verb};
use serde::Deserialize;

/// A clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Core and server logic in one thread; time jumps.
    Virtual,
    /// Processes, sockets, media.
    Real,
}

impl Clock {
    /// Both, as a scenario that says nothing allows.
    pub(super) fn both() -> Vec<Clock> {
        vec![Clock::Virtual, Clock::Real]
    }

    /// Its name on the command line and in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Clock::Virtual => "virtual",
            Clock::Real => "real",
        }
    }
}

/// Why a scenario cannot be played on a clock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotPlay {
    /// The fault strikes the engine's shell.
    #[error(
        "the fault `{fault}` of {device} strikes the engine's shell, which the virtual clock does not have: \
         play it with --clock real"
    )]
    ShellFault {
        /// Whose.
        device: String,
        /// Which.
        fault: &'static str,
    },
    /// The file says so.
    #[error("`clocks` in the file does not name the {0} clock")]
    NotDeclared(&'static str),
}

impl Fault {
    /// Its name in a scenario.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Fault::Panic => "panic",
            Fault::Hang => "hang",
            Fault::LateDecision => "late-decision",
            Fault::BrokenStore => "broken-store",
        }
    }
}

impl Scenario {
    /// Whether it may be played on a clock.
    ///
    /// # Errors
    /// [`CannotPlay`] names the fault or the clock.
    pub fn plays_on(&self, clock: Clock) -> Result<(), CannotPlay> {
        if let Some((device, fault)) = self.shell_fault().filter(|_| clock == Clock::Virtual) {
            return Err(CannotPlay::ShellFault { device: device.to_owned(), fault: fault.word() });
        }
        if self.clocks.contains(&clock) { Ok(()) } else { Err(CannotPlay::NotDeclared(clock.word())) }
    }

    /// The first phone whose core breaks, from the beginning or on the way, and how.
    pub(super) fn shell_fault(&self) -> Option<(&str, Fault)> {
        let begins = self.devices.iter().find_map(|device| Some((device.name.as_str(), device.fault?)));
        let steps = self.flows.iter().flat_map(|flow| &flow.steps);
        begins.or_else(|| {
            steps.into_iter().find_map(|step| match step {
                Step::Do { device: Some(device), verb: Verb::Break { fault, .. } } => Some((device.as_str(), *fault)),
                Step::Do { .. } | Step::Wait { .. } | Step::Expect { .. } | Step::Quiet { .. } => None,
            })
        })
    }
}
