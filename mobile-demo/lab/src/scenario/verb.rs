//! What can be done to a phone, to the carrier and to the server. Every control of the lab is one of these.

use super::Fault;
use serde::{Deserialize, Serialize};

/// One control.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verb {
    /// Register a SIM.
    Register {
        /// The slot.
        #[serde(default)]
        line: u8,
        /// The number as the user types it, where the SIM does not tell it.
        #[serde(default)]
        typed: Option<String>,
    },
    /// The user confirms the SMS that was read.
    Confirm {
        /// The slot.
        #[serde(default)]
        line: u8,
    },
    /// The user types a code.
    EnterCode {
        /// The slot.
        #[serde(default)]
        line: u8,
        /// Eight digits.
        code: String,
    },
    /// Ask for the SMS again.
    ResendSms {
        /// The slot.
        #[serde(default)]
        line: u8,
    },
    /// Give up a registration that is under way.
    CancelRegistration {
        /// The slot.
        #[serde(default)]
        line: u8,
    },
    /// End the registration.
    Unregister {
        /// The slot.
        #[serde(default)]
        line: u8,
    },
    /// Change the phone book.
    Contacts {
        /// Added: device names or raw numbers.
        #[serde(default)]
        add: Vec<String>,
        /// Removed.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// Sync marks now.
    SyncMarks {},
    /// Call.
    Call {
        /// A device name or digits as dialed.
        to: String,
        /// Over data (asking when it will not do) or through the carrier.
        #[serde(default)]
        over: Reach,
        /// As which SIM.
        #[serde(default)]
        line: Option<u8>,
    },
    /// Pick up the ringing data call.
    Accept {},
    /// Refuse the ringing data call.
    Refuse {},
    /// End the current data call.
    HangUp {},
    /// Hold the current data call, or take it back.
    Hold {
        /// True for hold.
        on: bool,
    },
    /// Write a text.
    Text {
        /// A device name or digits.
        to: String,
        /// The words.
        body: String,
        /// Over data or as SMS.
        #[serde(default)]
        over: Reach,
        /// As which SIM.
        #[serde(default)]
        line: Option<u8>,
    },
    /// Answer the newest prompt.
    Choose {
        /// `carrier`, `quit` or `wait`.
        choice: String,
    },
    /// Turn the newest text into an SMS.
    TextToSms {},
    /// Take back the newest text.
    CancelText {},
    /// The user reads everything from a sender.
    ReadAll {
        /// A device name.
        from: String,
    },
    /// Show the whole conversation with somebody, from the database; seen as `history`.
    History {
        /// A device name.
        with: String,
    },
    /// Set the standing choice: `ask` or `carrier`.
    Standing {
        /// Which.
        choice: String,
    },
    /// Say the recorded speech into the current call and record what is heard.
    Talk {
        /// For this long, in milliseconds.
        ms: u64,
    },
    /// Change the link.
    Link(Link),
    /// The OS tells the core that the path changed.
    PathChange {},
    /// Something in the phone's core breaks when it comes to it next.
    Break {
        /// What.
        fault: Fault,
        /// At which step; a broken store is broken at once.
        #[serde(default)]
        at: Moment,
    },
    /// Kill the phone's process.
    Kill {},
    /// Start it again on the same data.
    Start {},
    /// Put other SIMs into the phone.
    Sims {
        /// Their numbers.
        numbers: Vec<String>,
    },
    /// The carrier's side of the phone: an incoming carrier call rings, is active, or has ended.
    CarrierCall {
        /// `ringing`, `active` or `ended`.
        state: String,
    },
    /// The carrier refuses what this phone orders.
    CarrierFails {
        /// True for refusing.
        on: bool,
    },
    /// A SIM attaches to the access network.
    Attach {
        /// The slot.
        #[serde(default)]
        line: u8,
        /// Where, such as `10.64.0.7`; an address of its own when absent.
        #[serde(default)]
        address: Option<String>,
    },
    /// It detaches.
    Detach {
        /// The slot.
        #[serde(default)]
        line: u8,
    },
    /// Ask the resolver where a number is; seen as `whereabouts`.
    Resolve {
        /// A device name or digits.
        of: String,
    },
    /// SMS of the SMSC: how the next ones fare.
    Smsc {
        /// Lose this many.
        #[serde(default)]
        lose: u32,
        /// Deliver this many twice.
        #[serde(default)]
        double: u32,
        /// Deliver late by this much, in milliseconds.
        #[serde(default)]
        delay_ms: u64,
        /// Answer this many with "throttled".
        #[serde(default)]
        throttle: u32,
        /// Deliver to this number instead.
        #[serde(default)]
        misroute_to: Option<String>,
    },
    /// Deliver the newest verification SMS once more.
    SmsAgain {},
    /// Kill the server's process.
    ServerKill {},
    /// Start it again on the same data.
    ServerStart {},
    /// Stop it gracefully and start it again.
    ServerRestart {},
    /// Let time pass without doing anything else (in virtual time it costs nothing).
    Pass {
        /// In milliseconds.
        ms: u64,
    },
}

impl Verb {
    /// Its name in a scenario.
    #[must_use]
    pub fn word(&self) -> String {
        let value = serde_json::to_value(self).ok();
        let word = value.as_ref().and_then(|value| value.get("do")).and_then(serde_json::Value::as_str);
        word.unwrap_or("act").to_owned()
    }
}

/// A step of a phone's core at which it may break.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A command to call.
    #[default]
    Dial,
    /// The answer to a prompt.
    Answer,
    /// A command to text.
    Text,
    /// A frame of the server.
    Frame,
    /// A word of the media of a call.
    Media,
    /// A deadline.
    Timer,
}

/// Over what to reach somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Over data.
    #[default]
    Data,
    /// Through the carrier.
    Carrier,
}

/// A link in the words of a scenario. What is absent is unlimited or zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// Both ways, in kbit/s.
    pub rate_kbps: Option<u64>,
    /// From the phone, in kbit/s.
    pub up_kbps: Option<u64>,
    /// To the phone, in kbit/s.
    pub down_kbps: Option<u64>,
    /// One way, in milliseconds.
    pub delay_ms: u32,
    /// Its spread, in milliseconds.
    pub jitter_ms: u32,
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// No bearer, and the OS knows.
    pub down: bool,
    /// Everything vanishes, and nobody knows.
    pub drop_all: bool,
}
