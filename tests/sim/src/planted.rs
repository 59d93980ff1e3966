//! Bugs planted on purpose, one at a time, between the machines and the world: the checker must find each of them, or it
//! proves nothing. Only tests switch them on.

use std::collections::{BTreeMap, BTreeSet};
use tandem_logic::StoreOp;
use tandem_logic::store_answer::{ConfirmOutcome, StoreAnswer};
use tandem_machine::input::{Command, Target};
use tandem_model::rows::Change;
use tandem_model::{Bearer, Msisdn, RegistrationId, Secret, TextId};

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
    /// The server counts wrong codes in its memory: after a crash there are new tries.
    TriesInMemory,
    /// The phone knows a text by its counter alone: another database of the same sender counts from one again.
    EpochNotChecked,
}

impl Planted {
    /// All of them, each known to be found within the seeds that tests run.
    pub const ALL: [Planted; 13] = [
        Planted::AckBeforeSync,
        Planted::PhoneAckBeforeSync,
        Planted::ServerForgetsDuplicates,
        Planted::PhoneForgetsDuplicates,
        Planted::SmsBeforeTheSwap,
        Planted::EndNeverReturned,
        Planted::DeliveredWhenSent,
        Planted::RingFromLocalStart,
        Planted::EmergencyOnData,
        Planted::SoundBeforeAnswer,
        Planted::CatchAllActs,
        Planted::TriesInMemory,
        Planted::EpochNotChecked,
    ];

    /// The promise it breaks first of all.
    #[must_use]
    pub fn breaks(self) -> &'static str {
        match self {
            Planted::AckBeforeSync | Planted::EndNeverReturned => "P4",
            Planted::PhoneAckBeforeSync | Planted::DeliveredWhenSent | Planted::EpochNotChecked => "P1",
            Planted::ServerForgetsDuplicates | Planted::PhoneForgetsDuplicates | Planted::SmsBeforeTheSwap => "P2",
            Planted::RingFromLocalStart | Planted::SoundBeforeAnswer | Planted::CatchAllActs => "P6",
            Planted::EmergencyOnData => "N11",
            Planted::TriesInMemory => "P12",
        }
    }
}

/// Wrong codes counted where a crash forgets them.
#[derive(Clone, Debug, Default)]
pub struct TriesInMemory(BTreeMap<RegistrationId, u32>);

impl TriesInMemory {
    /// What the server's logic hears in place of its store.
    pub fn answer(&mut self, id: RegistrationId) -> StoreAnswer {
        let tries = self.0.entry(id).or_default();
        *tries += 1;
        StoreAnswer::Confirmed(match 5_u32.saturating_sub(*tries) {
            0 => ConfirmOutcome::UsedUp,
            tries_left => ConfirmOutcome::Wrong { tries_left },
        })
    }
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
    for change in changes {
        let Change::InsertIncoming(row) = change else { continue };
        let alike = received.iter().find(|(from, id)| *from == row.from && id.counter == row.id.counter);
        match planted {
            Some(Planted::PhoneForgetsDuplicates) if received.contains(&(row.from, row.id)) => {
                row.id.counter += 1 << 40;
            }
            Some(Planted::EpochNotChecked) if row.bearer == Bearer::Data => {
                row.id = alike.map_or(row.id, |(_, known)| *known);
            }
            _ => {}
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
