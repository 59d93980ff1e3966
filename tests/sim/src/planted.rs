//! Bugs planted on purpose, one at a time, between the machines and the world: the checker must find each of them, or it
//! proves nothing. Only tests switch them on.

use std::collections::BTreeSet;
use tandem_logic::StoreOp;
use tandem_machine::input::{Command, Target};
use tandem_model::rows::Change;
use tandem_model::{Msisdn, Secret, TextId};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Planted {
    /// The server acknowledges before its store has synced.
    AckBeforeSync,
    /// The phone's store says "committed" before it has synced.
    PhoneAckBeforeSync,
    /// The server takes a text it has already for a new one.
    ServerForgetsDuplicates,
    /// The phone takes a text it has already for a new one.
    PhoneForgetsDuplicates,
    /// The SMS copy of a waiting text leaves before the server was asked.
    SmsBeforeTheSwap,
    /// The sender is never told the end of its text.
    EndNeverReturned,
    /// A text counts as delivered when it is sent, not when it is kept.
    DeliveredWhenSent,
    /// The ring's expiry counts from when the phone heard of it.
    RingFromLocalStart,
    /// An emergency number is taken for a subscriber's.
    EmergencyOnData,
    /// Sound is let in as soon as media is connected.
    SoundBeforeAnswer,
    /// Picking up acts in whatever state the call is: a catch-all arm that acts.
    CatchAllActs,
}

impl Planted {
    /// Those that the checker is known to find within 300 seeds.
    pub const CAUGHT: [Planted; 8] = [
        Planted::AckBeforeSync,
        Planted::PhoneAckBeforeSync,
        Planted::ServerForgetsDuplicates,
        Planted::PhoneForgetsDuplicates,
        Planted::SmsBeforeTheSwap,
        Planted::EndNeverReturned,
        Planted::DeliveredWhenSent,
        Planted::EmergencyOnData,
    ];

    /// Those that it does not find yet: the plan brings too few calls to ring.
    pub const NOT_CAUGHT_YET: [Planted; 3] =
        [Planted::RingFromLocalStart, Planted::SoundBeforeAnswer, Planted::CatchAllActs];
}

/// What a bug makes of a question to the server's store.
#[must_use]
pub fn spoil_store(planted: Option<Planted>, op: StoreOp, seen: &mut BTreeSet<TextId>) -> StoreOp {
    match op {
        StoreOp::StoreText(mut text) if planted == Some(Planted::ServerForgetsDuplicates) => {
            if !seen.insert(text.id) {
                text.id.counter += 1 << 40;
            }
            StoreOp::StoreText(text)
        }
        other => other,
    }
}

/// What a bug makes of a phone's commit, given what the phone received before.
pub fn spoil_commit(planted: Option<Planted>, changes: &mut [Change], received: &BTreeSet<(Msisdn, TextId)>) {
    if planted != Some(Planted::PhoneForgetsDuplicates) {
        return;
    }
    for change in changes {
        if let Change::InsertIncoming(row) = change
            && received.contains(&(row.from, row.id))
        {
            row.id.counter += 1 << 40;
        }
    }
}

/// What a bug makes of a person's command.
#[must_use]
pub fn spoil_command(planted: Option<Planted>, command: Command, other: Option<String>) -> Command {
    match (planted, command, other) {
        (Some(Planted::EmergencyOnData), Command::Dial { target: Target::Number(digits), line, mode }, Some(other))
            if digits.expose() == "112" =>
        {
            Command::Dial { target: Target::Number(Secret::new(other)), line, mode }
        }
        (_, command, _) => command,
    }
}
