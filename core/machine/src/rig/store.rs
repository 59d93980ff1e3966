//! A store that keeps rows, and the rows of a phone that has lived.

use super::{LINE, RigVault, rig_sealing_key};
use crate::bench::{toy_key, toy_number};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tandem_model::matching::MatchingRows;
use tandem_model::rows::{
    Change, IncomingRow, MetaRow, OutgoingRow, RegistrationPhase, RegistrationRow, Restored, SettingsRow, status_after,
};
use tandem_model::vault::KeyHandle;
use tandem_model::{
    DeviceEpoch, Imsi, KeyedImsiKey, Line, Mark, MarkGeneration, MarkState, Msisdn, NumberEpoch, SealingKeyId, Secret,
    SenderSeq, ServerMillis, TerminalState, TextId, TextStatus, Vault as _, WallMillis,
};

/// Rows as the phone's store keeps them.
#[derive(Clone, Default)]
pub struct RigStore {
    pub meta: Option<MetaRow>,
    pub registrations: BTreeMap<Line, RegistrationRow>,
    pub outgoing: BTreeMap<TextId, OutgoingRow>,
    pub incoming: BTreeMap<(Msisdn, TextId), IncomingRow>,
    pub owed: BTreeMap<Msisdn, Vec<TextId>>,
    pub marks: BTreeMap<Line, (MarkGeneration, BTreeMap<Msisdn, Mark>)>,
    pub contacts: Vec<Msisdn>,
    pub matching: MatchingRows,
    pub preferences: BTreeMap<String, Msisdn>,
    pub settings: Option<SettingsRow>,
}

impl RigStore {
    /// Applies one transaction; the positions of what was there already.
    pub fn apply(&mut self, changes: &[Change]) -> Vec<usize> {
        let mut duplicates = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            match change.clone() {
                Change::PutMeta(row) => self.meta = Some(row),
                Change::PutRegistration(row) => drop(self.registrations.insert(row.line, row)),
                Change::DropRegistration(line) => drop(self.registrations.remove(&line)),
                Change::InsertOutgoing(row) => {
                    if let Entry::Vacant(place) = self.outgoing.entry(row.id) {
                        place.insert(row);
                    } else {
                        duplicates.push(at);
                    }
                }
                Change::SetOutgoingStatus { id, status, stored_at } => match self.outgoing.get_mut(&id) {
                    Some(row) => {
                        row.status = status_after(row.status, status);
                        row.stored_at = stored_at.or(row.stored_at);
                        let read = TextStatus::Ended { state: TerminalState::Delivered, read: true };
                        let unread = TextStatus::Ended { state: TerminalState::Delivered, read: false };
                        if row.status != status && (row.status, status) != (read, unread) {
                            duplicates.push(at);
                        }
                    }
                    None => duplicates.push(at),
                },
                Change::InsertIncoming(row) => {
                    if let Entry::Vacant(place) = self.incoming.entry((row.from, row.id)) {
                        place.insert(row);
                    } else {
                        duplicates.push(at);
                    }
                }
                Change::MarkRead { from, ids, receipt } => {
                    if receipt {
                        self.owed.entry(from).or_default().extend(ids);
                    }
                }
                Change::ReceiptsSent { from, ids } => {
                    self.owed.entry(from).or_default().retain(|id| !ids.contains(id));
                }
                Change::PutMarks { line, generation, marks } => {
                    let held = self.marks.entry(line).or_default();
                    held.0 = generation;
                    held.1.extend(marks.into_iter().map(|mark| (mark.number, mark)));
                }
                Change::DropMarks(line) => drop(self.marks.remove(&line)),
                Change::PutContacts { added, removed } => {
                    self.contacts.retain(|number| !removed.contains(number));
                    self.contacts.extend(added);
                }
                Change::Matching(change) => self.matching.apply(&change),
                Change::PutPreference(row) => drop(self.preferences.insert(row.contact, row.number)),
                Change::PutLog(_) => {}
                Change::PutSettings(row) => self.settings = Some(row),
            }
        }
        duplicates
    }

    pub fn restored(&self) -> Restored {
        let mut sequences = BTreeMap::new();
        for row in self.outgoing.values() {
            if let Some(seq) = row.seq {
                let last: &mut SenderSeq = sequences.entry(row.to).or_default();
                *last = (*last).max(seq);
            }
        }
        let mut received = BTreeMap::new();
        for row in self.incoming.values() {
            if let Some(seq) = row.seq {
                let last: &mut SenderSeq = received.entry((row.from, row.id.device_epoch)).or_default();
                *last = (*last).max(seq);
            }
        }
        Restored {
            meta: self.meta,
            registrations: self.registrations.values().cloned().collect(),
            open_texts: self
                .outgoing
                .values()
                .filter(|row| matches!(row.status, TextStatus::Pending | TextStatus::Stored | TextStatus::SmsFailed))
                .cloned()
                .collect(),
            sequences: sequences.into_iter().collect(),
            received: received.into_iter().map(|((from, device), seq)| (from, device, seq)).collect(),
            receipts_owed: self.owed.clone().into_iter().filter(|(_, ids)| !ids.is_empty()).collect(),
            marks: self
                .marks
                .iter()
                .map(|(line, (generation, marks))| (*line, *generation, marks.values().cloned().collect()))
                .collect(),
            contacts: self.contacts.clone(),
            matching: self.matching.clone(),
            preferences: Vec::new(),
            open_logs: Vec::new(),
            settings: self.settings,
        }
    }
}

pub fn registered_store(peers: &[u64]) -> RigStore {
    let imsi = Imsi::parse("262011234567890").unwrap();
    let imsi_key = KeyedImsiKey(Secret::new([5; 32]));
    let row = RegistrationRow {
        line: LINE,
        number: toy_number(1),
        key: KeyHandle(1),
        sealing_key: SealingKeyId(1),
        typed: false,
        imsi: Some(RigVault { next: 0 }.imsi_token(&imsi_key, &imsi)),
        phase: RegistrationPhase::Registered { epoch: NumberEpoch(1), imsi_key, since: WallMillis(0) },
    };
    let marks = peers.iter().map(|peer| (toy_number(*peer), rig_mark(*peer, 1, i64::MAX))).collect();
    RigStore {
        meta: Some(MetaRow { device_epoch: DeviceEpoch(0xD0), next_text: 1, next_log: 1 }),
        registrations: BTreeMap::from([(LINE, row)]),
        marks: BTreeMap::from([(LINE, (MarkGeneration(1), marks))]),
        contacts: peers.iter().map(|peer| toy_number(*peer)).collect(),
        ..RigStore::default()
    }
}

pub fn rig_mark(n: u64, generation: u64, lease_until: i64) -> Mark {
    Mark {
        number: toy_number(n),
        generation: MarkGeneration(generation),
        state: MarkState::Marked {
            epoch: NumberEpoch(1),
            device_key: toy_key(n),
            sealing_key: rig_sealing_key(n, 1),
            lease_until: ServerMillis(lease_until),
        },
    }
}
