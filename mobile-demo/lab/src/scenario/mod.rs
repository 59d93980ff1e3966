//! One scenario: a world, flows of steps, and what must never be seen.
//!
//! The format is TOML and is written down in `docs/lab.md`. Reading is strict: an unknown key, verb, device or sight,
//! and a value that cannot be, is an error that names it.

mod check;
mod clock;
mod party;
mod read;
mod reader;
mod verb;
mod want;

pub use clock::{CannotPlay, Clock};
pub use read::{ScenarioError, read};
pub use verb::{Link, Moment, Reach, Verb};
pub use want::Want;

use crate::names::Names;
use crate::switch::Switch;
use std::time::Duration;

/// A scenario as read and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, as in the reports.
    pub name: String,
    /// What it shows, for people.
    pub about: String,
    /// The clocks it may be played on.
    pub clocks: Vec<Clock>,
    /// The world it plays in.
    pub world: World,
    /// The phones.
    pub devices: Vec<Device>,
    /// What happens, in order.
    pub flows: Vec<Flow>,
    /// What must not be seen at any time.
    pub never: Vec<Never>,
    /// Names for every number in it.
    pub names: Names,
}

impl Scenario {
    /// The carrier at the begin.
    #[must_use]
    pub fn switch(&self) -> Switch {
        let mut switch = Switch::new(self.names.clone());
        for device in &self.devices {
            switch.sims(&device.name, &device.numbers);
        }
        switch
    }
}

/// The world around the phones.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// Who sees a mark: `reciprocal` or `registered`.
    pub policy: Policy,
    /// A lease of a mark, in seconds; the server's default when absent.
    pub lease_s: Option<u64>,
    /// How long a ring lasts, in milliseconds; the server's default when absent.
    pub ring_ms: Option<u64>,
    /// How long a text may wait, in seconds; the server's default when absent.
    pub text_ttl_s: Option<u64>,
    /// How long a registration attempt lives, in seconds; the server's default when absent.
    pub registration_ttl_s: Option<u64>,
    /// SMS a number may ask for in a day; the server's default when absent.
    pub number_budget: Option<u32>,
    /// SMS all numbers of one prefix may ask for in an hour; as good as unbounded when absent.
    pub prefix_budget: Option<u32>,
    /// SMS one source may ask for in an hour; as good as unbounded when absent.
    pub source_budget: Option<u32>,
}

/// Who sees a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Each holds the other's number.
    #[default]
    Reciprocal,
    /// Any registered contact.
    Registered,
}

/// One mock phone.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its name in this scenario.
    pub name: String,
    /// Its SIMs' numbers in E.164, slot 0 first.
    pub numbers: Vec<String>,
    /// Whether the SIMs tell their numbers.
    #[serde(default = "yes")]
    pub sim_tells_number: bool,
    /// The SIMs' country.
    #[serde(default = "germany")]
    pub country: String,
    /// Contacts, by device name or raw number.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// The link it begins on.
    #[serde(default)]
    pub link: Link,
    /// Registers slot 0 and waits for it before the first flow.
    #[serde(default)]
    pub registered: bool,
    /// A fault injected into its core: `panic`, `hang`, `late-decision` or `broken-store`.
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// A fault injected into a phone's core. A device that has one has it at its next command to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The machine panics.
    Panic,
    /// The machine hangs.
    Hang,
    /// The decision comes late.
    LateDecision,
    /// The database cannot be written.
    BrokenStore,
}

fn yes() -> bool {
    true
}

fn germany() -> String {
    "DE".to_owned()
}

/// A named part of a scenario; it passes or fails as one.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name, as in the reports.
    pub name: String,
    /// What it shows, for people.
    pub about: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Something is done to a device.
    Do {
        /// To which; absent for what is done to the carrier or the server.
        device: Option<String>,
        /// What.
        verb: Verb,
    },
    /// Something must be seen at a device.
    Expect {
        /// At which.
        device: String,
        /// What.
        want: Want,
        /// Within this time of the step's begin.
        within: Duration,
    },
    /// Nothing is done for a while.
    Wait {
        /// For how long.
        time: Duration,
        /// What for, in words for whoever watches.
        why: Option<String>,
    },
    /// Something must not be seen at a device for a while.
    Quiet {
        /// At which.
        device: String,
        /// What.
        want: Want,
        /// For this long.
        during: Duration,
    },
}

/// What must not be seen at any time.
#[derive(Clone, Debug)]
pub struct Never {
    /// At which device; absent: anywhere.
    pub device: Option<String>,
    /// What.
    pub want: Want,
}
