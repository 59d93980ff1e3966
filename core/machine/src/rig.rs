//! What the tests of the whole device hold it by: a store that keeps rows, a vault without cryptography that still notices
//! wrong keys and contexts, and the server's side of a session.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::bench::{toy_key, toy_number, toy_signature};
use crate::config::Config;
use crate::device::Device;
use crate::effect::{Effect, Event, Refusal, Reply};
use crate::input::{Command, HostInput, Input, LinkId, LinkInput, Mode, StoreFailure, StoreInput, Target};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tandem_model::random::SplitMix64;
use tandem_model::rows::{
    Change, IncomingRow, MetaRow, OutgoingRow, RegistrationPhase, RegistrationRow, Restored, SettingsRow, status_after,
};
use tandem_model::vault::{KeyHandle, signed};
use tandem_model::{
    Country, DeviceEpoch, DeviceKey, Imsi, ImsiToken, KeyedImsiKey, Line, Mark, MarkGeneration, MarkState, Mono,
    MonoMicros, Msisdn, Nonce, Now, NumberEpoch, SealedBody, SealingKey, SealingKeyId, Secret, SenderSeq, ServerMillis,
    Signature, SimSlot, TerminalState, TextId, TextStatus, Ticket, Vault, VaultError, WallMillis,
};
use tandem_wire::frame::{Marks, SendText, Welcome};
use tandem_wire::{ClientFrame, RegisterRequest, ServerFrame};

pub const LINE: Line = Line(0);
/// What the server's clock is ahead of [`Mono`] by.
pub const SERVER_AHEAD: i64 = 1_700_000_000_000;
pub const PEER: u64 = 2;

/// Keys by handle; a sealed body is the context and the words side by side.
pub struct RigVault {
    next: u64,
}

/// The sealing key of toy phone `n`, properly signed.
pub fn rig_sealing_key(handle: u64, id: u32) -> SealingKey {
    let mut public = [0; 32];
    public[..8].copy_from_slice(&handle.to_be_bytes());
    public[8..12].copy_from_slice(&id.to_be_bytes());
    let id = SealingKeyId(id);
    let signature = toy_signature(&toy_key(handle), &signed::sealing_key(id, &public));
    SealingKey { id, public, signature }
}

/// What [`RigVault`] opens with key `handle`.
pub fn rig_seal(handle: u64, context: &[u8], plain: &[u8]) -> SealedBody {
    let mut out = handle.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(context.len()).unwrap().to_be_bytes());
    out.extend_from_slice(context);
    out.extend_from_slice(plain);
    SealedBody(out)
}

impl Vault for RigVault {
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError> {
        self.next += 1;
        Ok((KeyHandle(self.next), toy_key(self.next)))
    }
    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError> {
        Ok(toy_key(key.0))
    }
    fn forget(&mut self, _key: KeyHandle) {}
    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError> {
        Ok(toy_signature(&toy_key(key.0), message))
    }
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        toy_signature(by, message) == *signature
    }
    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError> {
        Ok(rig_sealing_key(key.0, id.0))
    }
    fn seal(&mut self, to: &SealingKey, context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError> {
        let handle = u64::from_be_bytes(to.public[..8].try_into().unwrap());
        Ok(rig_seal(handle, context, plain))
    }
    fn open(&self, key: KeyHandle, context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError> {
        let head = rig_seal(key.0, context, &[]).0;
        sealed.0.strip_prefix(head.as_slice()).map(<[u8]>::to_vec).ok_or(VaultError::DoesNotOpen)
    }
    fn imsi_token(&self, _key: &KeyedImsiKey, imsi: &Imsi) -> ImsiToken {
        let mut token = [0; 32];
        token[..imsi.digits().len()].copy_from_slice(imsi.digits().as_bytes());
        ImsiToken(token)
    }
}

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
            preferences: Vec::new(),
            open_logs: Vec::new(),
            settings: self.settings,
        }
    }
}

/// One device and its surroundings.
pub struct Rig {
    pub device: Device,
    pub store: RigStore,
    pub now: u64,
    /// What the store answers; `None` leaves commits unanswered, in [`Rig::unanswered`].
    pub store_says: Option<Result<(), StoreFailure>>,
    pub unanswered: Vec<(Ticket, Vec<Change>)>,
    commands: u64,
    link: LinkId,
    seed: u64,
    /// The process dies right after this many further commits.
    dies_after: Option<u64>,
}

impl Rig {
    pub fn boot(store: RigStore, seed: u64) -> (Self, Vec<Effect>) {
        let now = Now { mono: Mono(1_000), wall: WallMillis(SERVER_AHEAD + 1_000) };
        let device = Device::new(
            Config::default(),
            store.restored(),
            Box::new(RigVault { next: 100 }),
            Box::new(SplitMix64(seed)),
            now,
        );
        let mut rig = Self {
            device,
            store,
            now: 1_000,
            store_says: Some(Ok(())),
            unanswered: Vec::new(),
            commands: 1_000_000,
            link: LinkId(0),
            seed,
            dies_after: None,
        };
        let effects = rig.drain();
        (rig, effects)
    }

    /// A phone out of the box.
    pub fn fresh() -> Self {
        let (mut rig, _) = Self::boot(RigStore::default(), 1);
        rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
        rig
    }

    /// Phone 1, registered on [`LINE`], that sees the marks of `peers`; not connected.
    pub fn registered(peers: &[u64]) -> Self {
        let mut rig = Self::boot(registered_store(peers), 8).0;
        rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
        rig
    }

    /// The same, connected, with nothing left on its way.
    pub fn online(peers: &[u64]) -> Self {
        let mut rig = Self::registered(peers);
        rig.connect();
        rig
    }

    /// The process dies and starts again on what the store holds.
    pub fn crash(&mut self) -> Vec<Effect> {
        let (mut rig, effects) = Self::boot(self.store.clone(), self.seed + 1);
        rig.commands = self.commands;
        let sims = rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
        *self = rig;
        effects.into_iter().chain(sims).collect()
    }

    pub fn now(&self) -> Now {
        Now { mono: Mono(self.now), wall: WallMillis(SERVER_AHEAD + i64::try_from(self.now).unwrap()) }
    }

    pub fn server_now(&self) -> ServerMillis {
        ServerMillis(SERVER_AHEAD + i64::try_from(self.now).unwrap())
    }

    /// Everything ordered, with commits answered as [`Rig::store_says`].
    fn drain(&mut self) -> Vec<Effect> {
        let mut all = Vec::new();
        loop {
            let batch: Vec<Effect> = std::iter::from_fn(|| self.device.poll_effect()).collect();
            if batch.is_empty() {
                return all;
            }
            if self.is_dead() {
                continue;
            }
            for effect in batch {
                if self.is_dead() {
                    break;
                }
                if let Effect::Commit { ticket, changes } = &effect {
                    self.commit(*ticket, changes.clone());
                }
                all.push(effect);
            }
        }
    }

    /// Lets the process die right after `commits` further commits: nothing it orders after that happens.
    pub fn crash_after(&mut self, commits: u64) {
        self.dies_after = Some(commits);
    }

    pub fn is_dead(&self) -> bool {
        self.dies_after == Some(0)
    }

    fn commit(&mut self, ticket: Ticket, changes: Vec<Change>) {
        if let Some(left) = &mut self.dies_after {
            if *left == 0 {
                return;
            }
            *left -= 1;
            if *left == 0 {
                self.store.apply(&changes);
                return;
            }
        }
        let answer = match self.store_says {
            Some(Ok(())) => StoreInput::Committed { ticket, duplicates: self.store.apply(&changes) },
            Some(Err(why)) => StoreInput::Failed { ticket, why },
            None => {
                self.unanswered.push((ticket, changes));
                return;
            }
        };
        let now = self.now();
        self.device.handle(Input::Store(answer), now);
    }

    /// Answers a commit that was left unanswered, now that it is durable.
    pub fn answer_commit(&mut self, ticket: Ticket, changes: &[Change]) -> Vec<Effect> {
        let duplicates = self.store.apply(changes);
        self.feed(Input::Store(StoreInput::Committed { ticket, duplicates }))
    }

    pub fn feed(&mut self, input: Input) -> Vec<Effect> {
        let now = self.now();
        self.device.handle(input, now);
        self.drain()
    }

    pub fn command(&mut self, command: Command) -> (Ticket, Vec<Effect>) {
        self.commands += 1;
        let ticket = Ticket(self.commands);
        (ticket, self.feed(Input::Command { ticket, command }))
    }

    pub fn host(&mut self, host: HostInput) -> Vec<Effect> {
        self.feed(Input::Host(host))
    }

    pub fn sims(&mut self, slots: Vec<SimSlot>) -> Vec<Effect> {
        self.host(HostInput::Sims(slots))
    }

    pub fn frame(&mut self, frame: ServerFrame) -> Vec<Effect> {
        self.frame_on(LINE, self.link, frame)
    }

    pub fn frame_on(&mut self, line: Line, link: LinkId, frame: ServerFrame) -> Vec<Effect> {
        let at = MonoMicros(self.now * 1_000);
        self.feed(Input::Link(LinkInput::Frame { line, link, frame, at, wire_bytes: 100 }))
    }

    /// Time passes; deadlines on the way are acted on at their time.
    pub fn pass(&mut self, ms: u64) -> Vec<Effect> {
        let end = self.now + ms;
        let mut all = Vec::new();
        while let Some((Mono(due), _)) = self.device.poll_timeout().filter(|(due, _)| due.0 <= end) {
            self.now = self.now.max(due);
            let now = self.now();
            self.device.handle_timeout(now);
            all.extend(self.drain());
            let next = self.device.poll_timeout();
            assert!(next.is_none_or(|(next, _)| next.0 > self.now), "a deadline that was acted on is gone: {next:?}");
        }
        self.now = end;
        all
    }

    /// Opens the session of [`LINE`] and answers what is asked at its start, after a round trip of 20 ms.
    pub fn connect(&mut self) -> Vec<Effect> {
        let mut effects = self.open_session();
        for frame in frames(&effects.clone()) {
            effects.extend(self.answer_sync(&frame));
        }
        effects
    }

    /// Only the handshake. The link is whichever the machine opened last.
    pub fn open_session(&mut self) -> Vec<Effect> {
        let link = self.newest_link();
        self.link = link;
        self.feed(Input::Link(LinkInput::Opened { line: LINE, link }));
        self.frame(ServerFrame::Challenge { nonce: Nonce([9; 32]), version_min: 1, version_max: 3 });
        self.now += 20;
        let now = ServerMillis(self.server_now().0 - 10);
        self.frame(ServerFrame::Welcome(Welcome {
            now,
            lease_until: now,
            marks_interval_ms: 0,
            keepalive_ms: 240_000,
            ring_ms: 45_000,
        }))
    }

    /// The attempt the machine is on, if it is on one.
    pub fn link_now(&mut self) -> Option<LinkId> {
        (1..1_000).map(LinkId).find(|link| self.device.has_link(LINE, *link))
    }

    /// The handshake, whenever the machine next tries.
    pub fn open_session_after_a_while(&mut self) -> Vec<Effect> {
        self.open_session()
    }

    /// Time passes in a session whose keepalives are answered. What is ordered meanwhile comes back, answered or not.
    pub fn pass_online(&mut self, ms: u64) -> Vec<Effect> {
        let end = self.now + ms;
        let mut all = Vec::new();
        while self.now < end {
            let effects = self.pass((end - self.now).min(1_000));
            for frame in frames(&effects) {
                if let ClientFrame::TimeAsk { ticket } = frame {
                    let now = self.server_now();
                    all.extend(self.frame(ServerFrame::Time { ticket, now }));
                }
                all.extend(self.answer_sync(&frame));
            }
            all.extend(effects);
        }
        all
    }

    /// The attempt the machine is on, or makes next.
    fn newest_link(&mut self) -> LinkId {
        for _ in 0..100_000 {
            // The machine counts its links from 1.
            match self.link_now() {
                Some(link) => return link,
                None => drop(self.pass(100)),
            }
        }
        panic!("no connection is being opened");
    }

    fn answer_sync(&mut self, frame: &ClientFrame) -> Vec<Effect> {
        let ticket = match frame {
            ClientFrame::MarksAsk { ticket, .. } => *ticket,
            ClientFrame::ContactsSync(sync) => sync.ticket,
            _ => return Vec::new(),
        };
        let generation = self.store.marks.get(&LINE).map_or(MarkGeneration(0), |(generation, _)| *generation);
        self.frame(marks_frame(ticket, generation, Vec::new()))
    }

    pub fn close(&mut self) -> Vec<Effect> {
        let link = self.link;
        self.feed(Input::Link(LinkInput::Closed { line: LINE, link }))
    }

    pub fn text(&mut self, to: u64, words: &str) -> (Ticket, Vec<Effect>) {
        self.command(text_command(to, words, Mode::Data))
    }

    /// Writes a text and returns it as it was handed to the server.
    pub fn text_sent(&mut self, to: u64, words: &str) -> SendText {
        let (_, effects) = self.text(to, words);
        sent_texts(&effects).pop().expect("the text goes out at once")
    }

    pub fn stored(&mut self, text: &SendText) -> Vec<Effect> {
        let stored_at = self.server_now();
        self.frame(ServerFrame::TextStored { ticket: text.ticket, id: text.id, stored_at })
    }
}

pub fn text_command(to: u64, words: &str, mode: Mode) -> Command {
    Command::SendText {
        target: Target::Number(Secret::new(toy_number(to).e164())),
        line: None,
        body: Secret::new(words.to_owned()),
        mode,
    }
}

pub fn sim(line: Line, number: Option<Msisdn>, imsi: &str) -> SimSlot {
    SimSlot { line, number, imsi: Imsi::parse(imsi), country: Country::parse("DE").unwrap() }
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

pub fn marks_frame(ticket: Ticket, generation: MarkGeneration, marks: Vec<Mark>) -> ServerFrame {
    ServerFrame::Marks(Marks { ticket, generation, marks, more: false, lease_until: ServerMillis(i64::MAX) })
}

pub fn frames(effects: &[Effect]) -> Vec<ClientFrame> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { frame, .. } => Some(frame.clone()),
            _ => None,
        })
        .collect()
}

pub fn sent_texts(effects: &[Effect]) -> Vec<SendText> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::SendText(text) => Some(text),
            _ => None,
        })
        .collect()
}

pub fn events(effects: &[Effect]) -> Vec<Event> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Emit(event) => Some(event.clone()),
            _ => None,
        })
        .collect()
}

pub fn reply_to(ticket: Ticket, effects: &[Effect]) -> Option<Result<Reply, Refusal>> {
    let mut replies = effects.iter().filter_map(|effect| match effect {
        Effect::Reply { ticket: to, reply } if *to == ticket => Some(reply.clone()),
        _ => None,
    });
    let reply = replies.next();
    assert!(replies.next().is_none(), "a command is answered once");
    reply
}

pub fn register_asks(effects: &[Effect]) -> Vec<(Ticket, RegisterRequest)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Register { ticket, request } => Some((*ticket, request.clone())),
            _ => None,
        })
        .collect()
}

pub fn sms_orders(effects: &[Effect]) -> Vec<(Ticket, String, String)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendSms { ticket, to, body, .. } => Some((*ticket, to.expose().clone(), body.as_str().to_owned())),
            _ => None,
        })
        .collect()
}

pub fn statuses(effects: &[Effect]) -> Vec<TextStatus> {
    events(effects)
        .into_iter()
        .filter_map(|event| match event {
            Event::Text(view) => Some(view.status),
            _ => None,
        })
        .collect()
}
