//! Ids. None of them is drawn from a clock; random ones come from the seed (law 2).

use serde::{Deserialize, Serialize};

/// Ties the answer to a request. A result whose ticket nobody waits for is late and is dropped (law 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// One SIM of a phone, by the slot the OS reports: 0 or 1 on most phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Line(pub u8);

/// Counts the life of one phone database. Random when the database is made, so that losing it can never reuse an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct DeviceEpoch(pub u64);

/// Counts the owners of a number: a new key for it starts a new epoch, which inherits nothing. Given by the server, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NumberEpoch(pub u64);

/// Names a text for ever: unique with its sender's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct TextId {
    /// The database that made it.
    pub device_epoch: DeviceEpoch,
    /// From 1, never reused within the device epoch.
    pub counter: u64,
}

/// Position of a text among all that this device epoch sent to one recipient, from 1, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct SenderSeq(pub u64);

/// One attempt to register a number. Random, given by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct RegistrationId(pub [u8; 16]);

/// A question to the user. Answering one that is gone is a named error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct PromptId(pub u64);
