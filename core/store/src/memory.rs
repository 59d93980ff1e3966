//! The same rows without a disk, for the simulation: what was not synced is lost in a crash.

use crate::codes;
use crate::outcome::{Failure, Outcome, RowStore, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::matching::MatchingRows;
use tandem_model::rows::{
    Change, IncomingRow, LogRow, MetaRow, OutgoingRow, PreferenceRow, RegistrationRow, Restored, SettingsRow,
    status_after,
};
use tandem_model::{DeviceEpoch, Line, Mark, MarkGeneration, Msisdn, SenderSeq, TextBody, TextId};

/// A phone's rows in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryRows {
    live: Rows,
    durable: Rows,
    unsynced: Vec<Vec<Change>>,
    failing: Option<Failure>,
}

impl MemoryRows {
    /// Empty, as a new phone is.
    #[must_use]
    pub fn new() -> MemoryRows {
        MemoryRows::default()
    }

    /// Writes one transaction without making it durable; [`MemoryRows::sync`] does. Acknowledging before that is the
    /// bug the simulation looks for.
    pub fn write(&mut self, changes: &[Change]) -> Outcome {
        if let Some(failure) = self.failing {
            return Outcome::Failed(failure);
        }
        self.unsynced.push(changes.to_vec());
        Outcome::Committed { duplicates: self.live.apply(changes) }
    }

    /// Makes everything written durable.
    pub fn sync(&mut self) {
        for changes in self.unsynced.drain(..) {
            self.durable.apply(&changes);
        }
    }

    /// Power is cut: what was not synced was never there.
    pub fn crash(&mut self) {
        self.live = self.durable.clone();
        self.unsynced.clear();
    }

    /// From now on every transaction fails like this; `None` ends it.
    pub fn fail(&mut self, failure: Option<Failure>) {
        self.failing = failure;
    }

    /// Every text with a peer in the order it became known, newest last: whose it is, its words, and for mine its status.
    pub fn thread(&self, peer: Msisdn) -> impl Iterator<Item = MemoryText<'_>> {
        self.live.thread.iter().filter_map(move |key| match key {
            Key::Mine(id) => self.live.outgoing.get(id).filter(|row| row.to == peer).map(MemoryText::Written),
            Key::Theirs(from, id) if *from == peer => {
                self.live.incoming.get(&(*from, *id)).map(|kept| MemoryText::Received(&kept.row))
            }
            Key::Theirs(..) => None,
        })
    }

    /// Texts of mine, by id.
    pub fn outgoing(&self) -> impl Iterator<Item = &OutgoingRow> {
        self.live.outgoing.values()
    }

    /// Texts for me, by sender and id.
    pub fn incoming(&self) -> impl Iterator<Item = &IncomingRow> {
        self.live.incoming.values().map(|kept| &kept.row)
    }

    /// The call log, by id.
    pub fn log(&self) -> impl Iterator<Item = &LogRow> {
        self.live.log.values()
    }
}

/// One text of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryText<'a> {
    /// Mine.
    Written(&'a OutgoingRow),
    /// The peer's.
    Received(&'a IncomingRow),
}

impl MemoryText<'_> {
    /// The words, where they could be opened.
    #[must_use]
    pub fn body(&self) -> Option<&TextBody> {
        match self {
            MemoryText::Written(row) => Some(&row.body),
            MemoryText::Received(row) => row.body.as_ref(),
        }
    }
}

impl RowStore for MemoryRows {
    fn apply(&mut self, batch: &[Vec<Change>]) -> Vec<Outcome> {
        let outcomes = batch.iter().map(|changes| self.write(changes)).collect();
        self.sync();
        outcomes
    }

    fn restore(&self) -> Result<Restored, StoreError> {
        Ok(self.live.restored())
    }
}

#[derive(Clone, Debug, Default)]
struct Rows {
    meta: Option<MetaRow>,
    registrations: BTreeMap<Line, RegistrationRow>,
    thread: Vec<Key>,
    outgoing: BTreeMap<TextId, OutgoingRow>,
    open: BTreeSet<(usize, TextId)>,
    places: BTreeMap<TextId, usize>,
    sent_seq: BTreeMap<(DeviceEpoch, Msisdn), SenderSeq>,
    incoming: BTreeMap<(Msisdn, TextId), Kept>,
    received_seq: BTreeMap<(Msisdn, DeviceEpoch), SenderSeq>,
    owed: BTreeSet<(Msisdn, usize, TextId)>,
    marks: BTreeMap<Line, (MarkGeneration, BTreeMap<Msisdn, Mark>)>,
    contacts: BTreeSet<Msisdn>,
    matching: MatchingRows,
    preferences: BTreeMap<String, PreferenceRow>,
    log: BTreeMap<u64, LogRow>,
    open_logs: BTreeSet<u64>,
    settings: Option<SettingsRow>,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Mine(TextId),
    Theirs(Msisdn, TextId),
}

#[derive(Clone, Debug)]
struct Kept {
    row: IncomingRow,
    place: usize,
    receipt: Receipt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receipt {
    None,
    Owed,
    Sent,
}

impl Rows {
    fn apply(&mut self, changes: &[Change]) -> Vec<usize> {
        let mut duplicates = Vec::new();
        for (position, change) in changes.iter().enumerate() {
            if self.change(change) {
                duplicates.push(position);
            }
        }
        duplicates
    }

    fn change(&mut self, change: &Change) -> bool {
        match change {
            Change::PutMeta(row) => self.put_meta(*row),
            Change::PutRegistration(row) => {
                self.registrations.insert(row.line, row.clone());
            }
            Change::DropRegistration(line) => {
                self.registrations.remove(line);
            }
            Change::InsertOutgoing(row) => return self.insert_outgoing(row),
            Change::SetOutgoingStatus { id, status, stored_at } => {
                let Some(row) = self.outgoing.get_mut(id) else { return true };
                row.status = status_after(row.status, *status);
                row.stored_at = stored_at.or(row.stored_at);
                let place = self.places.get(id).copied().unwrap_or_default();
                if codes::is_open(row.status) {
                    self.open.insert((place, *id));
                } else {
                    self.open.remove(&(place, *id));
                }
                return !codes::says(row.status, *status);
            }
            Change::InsertIncoming(row) => return self.insert_incoming(row),
            Change::MarkRead { from, ids, receipt } => self.mark_read(*from, ids, *receipt),
            Change::ReceiptsSent { from, ids } => self.receipts_sent(*from, ids),
            Change::PutMarks { line, generation, marks } => {
                let seen = self.marks.entry(*line).or_default();
                seen.0 = *generation;
                seen.1.extend(marks.iter().map(|mark| (mark.number, mark.clone())));
            }
            Change::DropMarks(line) => {
                self.marks.remove(line);
            }
            Change::PutContacts { added, removed } => {
                for number in removed {
                    self.contacts.remove(number);
                }
                self.contacts.extend(added);
            }
            Change::Matching(change) => self.matching.apply(change),
            Change::PutPreference(row) => {
                self.preferences.insert(row.contact.clone(), row.clone());
            }
            Change::PutLog(row) => {
                if row.end.is_none() {
                    self.open_logs.insert(row.id);
                } else {
                    self.open_logs.remove(&row.id);
                }
                self.log.insert(row.id, row.clone());
            }
            Change::PutSettings(row) => self.settings = Some(*row),
        }
        false
    }

    fn put_meta(&mut self, row: MetaRow) {
        self.meta = Some(match self.meta {
            None => row,
            Some(was) => MetaRow {
                device_epoch: row.device_epoch,
                next_text: if was.device_epoch == row.device_epoch {
                    was.next_text.max(row.next_text)
                } else {
                    row.next_text
                },
                next_log: was.next_log.max(row.next_log),
            },
        });
    }

    fn insert_outgoing(&mut self, row: &OutgoingRow) -> bool {
        if self.outgoing.contains_key(&row.id) {
            return true;
        }
        let place = self.thread.len();
        self.thread.push(Key::Mine(row.id));
        self.places.insert(row.id, place);
        if codes::is_open(row.status) {
            self.open.insert((place, row.id));
        }
        if let Some(seq) = row.seq {
            raise(self.sent_seq.entry((row.id.device_epoch, row.to)), seq);
        }
        self.outgoing.insert(row.id, row.clone());
        false
    }

    fn insert_incoming(&mut self, row: &IncomingRow) -> bool {
        if self.incoming.contains_key(&(row.from, row.id)) {
            return true;
        }
        let place = self.thread.len();
        self.thread.push(Key::Theirs(row.from, row.id));
        if let Some(seq) = row.seq {
            raise(self.received_seq.entry((row.from, row.id.device_epoch)), seq);
        }
        self.incoming.insert((row.from, row.id), Kept { row: row.clone(), place, receipt: Receipt::None });
        false
    }

    fn mark_read(&mut self, from: Msisdn, ids: &[TextId], receipt: bool) {
        for id in ids {
            if let Some(kept) = self.incoming.get_mut(&(from, *id)) {
                kept.row.read = true;
                if receipt && kept.receipt == Receipt::None {
                    kept.receipt = Receipt::Owed;
                    self.owed.insert((from, kept.place, *id));
                }
            }
        }
    }

    fn receipts_sent(&mut self, from: Msisdn, ids: &[TextId]) {
        for id in ids {
            if let Some(kept) = self.incoming.get_mut(&(from, *id)) {
                kept.receipt = Receipt::Sent;
                self.owed.remove(&(from, kept.place, *id));
            }
        }
    }

    fn restored(&self) -> Restored {
        let mut receipts_owed: BTreeMap<Msisdn, Vec<TextId>> = BTreeMap::new();
        for (from, _, id) in &self.owed {
            receipts_owed.entry(*from).or_default().push(*id);
        }
        let epoch = self.meta.map(|meta| meta.device_epoch);
        Restored {
            meta: self.meta,
            registrations: self.registrations.values().cloned().collect(),
            open_texts: self.open.iter().filter_map(|(_, id)| self.outgoing.get(id).cloned()).collect(),
            sequences: self
                .sent_seq
                .iter()
                .filter(|((of, _), _)| Some(*of) == epoch)
                .map(|((_, to), seq)| (*to, *seq))
                .collect(),
            received: self.received_seq.iter().map(|((from, epoch), seq)| (*from, *epoch, *seq)).collect(),
            receipts_owed: receipts_owed.into_iter().collect(),
            marks: self
                .marks
                .iter()
                .map(|(line, (generation, marks))| (*line, *generation, marks.values().cloned().collect()))
                .collect(),
            contacts: self.contacts.iter().copied().collect(),
            matching: self.matching.clone(),
            preferences: self.preferences.values().cloned().collect(),
            open_logs: self.open_logs.iter().filter_map(|id| self.log.get(id).cloned()).collect(),
            settings: self.settings,
        }
    }
}

fn raise<K: Ord>(entry: std::collections::btree_map::Entry<'_, K, SenderSeq>, seq: SenderSeq) {
    let highest = entry.or_insert(seq);
    *highest = (*highest).max(seq);
}
