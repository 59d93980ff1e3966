//! What the tests of the whole device hold it by: a store that keeps rows, a vault without cryptography that still notices
//! wrong keys and contexts, and the server's side of a session.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

mod effects;
mod store;
mod vault;

pub use effects::*;
pub use store::*;
pub use vault::*;

use crate::bench::toy_number;
use crate::config::Config;
use crate::device::Device;
use crate::effect::Effect;
use crate::input::{Command, HostInput, Input, LinkId, LinkInput, Mode, StoreFailure, StoreInput, Target};
use tandem_model::random::SplitMix64;
use tandem_model::rows::Change;
use tandem_model::{
    Country, Imsi, Line, Mark, MarkGeneration, Mono, MonoMicros, Msisdn, Nonce, Now, Secret, ServerMillis, SimSlot,
    Ticket, WallMillis,
};
use tandem_wire::frame::{Marks, SendText, Welcome};
use tandem_wire::{ClientFrame, ServerFrame};

pub const LINE: Line = Line(0);
/// What the server's clock is ahead of [`Mono`] by.
pub const SERVER_AHEAD: i64 = 1_700_000_000_000;
pub const PEER: u64 = 2;

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
        Self::boot_with(Config::default(), store, seed)
    }

    pub fn boot_with(config: Config, store: RigStore, seed: u64) -> (Self, Vec<Effect>) {
        let now = Now { mono: Mono(1_000), wall: WallMillis(SERVER_AHEAD + 1_000) };
        let device =
            Device::new(config, store.restored(), Box::new(RigVault { next: 100 }), Box::new(SplitMix64(seed)), now);
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

pub fn marks_frame(ticket: Ticket, generation: MarkGeneration, marks: Vec<Mark>) -> ServerFrame {
    ServerFrame::Marks(Marks { ticket, generation, marks, more: false, lease_until: ServerMillis(i64::MAX) })
}
