//! Marks: which of my contacts can be reached over data.

use crate::clock::ServerMillis;
use crate::ids::NumberEpoch;
use crate::keys::{DeviceKey, SealingKey};
use crate::msisdn::Msisdn;
use serde::{Deserialize, Serialize};

/// Orders everything the server says about marks to one registration; a smaller generation is old news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct MarkGeneration(pub u64);

/// A leased statement about one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Whose.
    pub number: Msisdn,
    /// When it was said.
    pub generation: MarkGeneration,
    /// What is said.
    pub state: MarkState,
}

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkState {
    /// Reachable over data, with the keys to do so. After `lease_until` it reads "not seen lately".
    Marked {
        /// Which owner of the number.
        epoch: NumberEpoch,
        /// Verifies the peer's signatures.
        device_key: DeviceKey,
        /// Texts are sealed to it.
        sealing_key: SealingKey,
        /// The lease's end in server time: 24 h after the phone was last heard by default.
        lease_until: ServerMillis,
    },
    /// Not registered, or not for me to see.
    Unmarked,
}
