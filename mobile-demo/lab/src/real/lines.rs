//! What the lab and a phone's process say to each other: one JSON object a line, on the phone's standard input and output.

use crate::names::Names;
use crate::scenario::{Fault, Link, Verb};
use crate::seen::Seen;
use crate::switch::CarrierWord;
use serde::{Deserialize, Serialize};

/// What a phone's process is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PhoneSpec {
    /// Its name.
    pub name: String,
    /// Its SIMs' numbers.
    pub numbers: Vec<String>,
    /// Whether the SIMs tell them.
    pub sim_tells_number: bool,
    /// The SIMs' country.
    pub country: String,
    /// Names for numbers.
    pub names: Names,
    /// Contacts by name or raw number.
    pub contacts: Vec<String>,
    /// The link it begins on.
    pub link: Link,
    /// Seed of the link.
    pub seed: u64,
    /// The server's address and port.
    pub server: String,
    /// Where the phone keeps its database and its secrets.
    pub folder: std::path::PathBuf,
    /// What it says into calls (WAV).
    pub speech: std::path::PathBuf,
    /// What the other side says, to compare what is heard with.
    pub expected_speech: std::path::PathBuf,
    /// Where what it hears is written (WAV).
    pub heard: std::path::PathBuf,
    /// A fault in its core.
    pub fault: Option<Fault>,
}

/// From the lab to a phone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToPhone {
    /// Do something. Answered by [`FromPhone::Done`] with the same number.
    Do {
        /// To answer by.
        number: u64,
        /// What.
        verb: Verb,
    },
    /// The carrier says something.
    Carrier(CarrierWord),
}

/// From a phone to the lab.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromPhone {
    /// The app shows something.
    Seen(Seen),
    /// A [`ToPhone::Do`] was carried out, or could not be.
    Done {
        /// From the order.
        number: u64,
        /// Why not.
        error: Option<String>,
    },
    /// The core sends an SMS.
    SendSms {
        /// To answer by.
        ticket: u64,
        /// To whom.
        to: String,
        /// The words.
        body: String,
    },
    /// The core dials through the carrier.
    Dial {
        /// To answer by; zero when nobody waits.
        ticket: u64,
        /// The digits.
        digits: String,
    },
}
