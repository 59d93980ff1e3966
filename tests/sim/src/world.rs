//! The world: one queue of things to come, true time, and the machines that things come to.

use crate::carrier::Carrier;
use crate::faults::Faults;
use crate::history::{History, Word};
use crate::key_holder::KeyHolder;
use crate::media::MediaHub;
use crate::phone::Phone;
use crate::plan::Act;
use crate::planted::Planted;
use crate::server::ServerBox;
use crate::tap::Tap;
use crate::thief::Thief;
use std::collections::BTreeMap;
use tandem_logic::store_answer::StoreAnswer;
use tandem_logic::{ConnId, KeyAnswer, SmsOutcome};
use tandem_machine::LinkId;
use tandem_machine::input::{Command, Input, StoreInput};
use tandem_model::random::SplitMix64;
use tandem_model::{CallId, Line, Random, Secret, Ticket};
use tandem_wire::{ClientFrame, RegisterRequest, ServerFrame};

/// True time zero, in server milliseconds since the Unix epoch.
pub const EPOCH_MS: i64 = 1_800_000_000_000;

/// Something to come.
#[derive(Clone, Debug)]
pub enum What {
    /// A phone whose link swallowed its attempt to connect tries on.
    Connect(usize, u64, Line, LinkId),
    /// The engine gives up such an attempt.
    ConnectGivenUp(usize, u64, Line, LinkId),
    /// A connection reaches the server.
    Opened(u64),
    /// A frame reaches the server.
    ToServer(u64, ClientFrame),
    /// A frame reaches its phone.
    ToPhone(u64, ServerFrame),
    /// The server hears that a connection is gone.
    GoneAtServer(u64),
    /// The phone hears that a connection is gone.
    GoneAtPhone(u64),
    /// A registration request reaches the server.
    RegisterToServer(usize, u64, Ticket, RegisterRequest),
    /// A phone's store has synced a commit.
    PhoneSynced(usize, u64, StoreInput),
    /// The server's store has synced this answer.
    ServerSynced(u64, Ticket, StoreAnswer),
    /// Something for a phone's machine, if that life of it still lasts.
    Phone(usize, u64, Input),
    /// The person does something.
    Command(usize, u64, Command),
    /// A planted bug answered before the sync; the answer alone.
    ServerAnswered(u64, Ticket, StoreAnswer),
    /// And the sync alone.
    ServerSyncedOnly(u64),
    /// The server starts.
    ServerStarts,
    /// The key holder is found, in this life of the server.
    KeyHolder(u64),
    /// And answers.
    KeyAnswer(u64, Ticket, KeyAnswer),
    /// TURN credentials are made.
    TurnGranted(Ticket),
    /// The SMS network answers the server.
    SmsOutcome(u64, SmsOutcome),
    /// An SMS reaches the phone that holds the number.
    Sms {
        /// To whom.
        to: u64,
        /// From whom, as shown.
        from: String,
        /// The words.
        body: String,
    },
    /// A call's media has been silent at a phone since then: it is noticed, or given up.
    MediaSilent(CallId, usize, u64),
    /// A carrier call goes on.
    Carrier(u64, u8),
    /// A planned act.
    Act(usize, Act),
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Conn {
    /// The phone it belongs to, and that phone's life.
    pub phone: usize,
    /// The life.
    pub boot: u64,
    /// The SIM.
    pub line: Line,
    /// The phone's name for it.
    pub link: LinkId,
    /// Nothing arrives before what was sent earlier.
    pub last_up: u64,
    /// The same the other way.
    pub last_down: u64,
    /// Broken: whatever is under way is lost.
    pub broken: bool,
}

/// A crash at one commit of all that are made.
#[derive(Clone, Copy, Debug)]
pub struct CrashAt {
    /// Counted from one, phones and server together.
    pub commit: u64,
    /// Right after it became durable, so that only its answer is lost; otherwise right before.
    pub durable: bool,
}

/// Everything.
pub struct World {
    /// True time in milliseconds.
    pub now: u64,
    queue: BTreeMap<(u64, u64), What>,
    sequence: u64,
    /// Chances and delays are drawn from here.
    pub chance: SplitMix64,
    /// How unkind it is now.
    pub faults: Faults,
    /// The phones.
    pub phones: Vec<Phone>,
    /// The server.
    pub server: ServerBox,
    /// The key holder, as real as the phones' blinding and vaults.
    pub key_holder: KeyHolder,
    /// Connections by number.
    pub conns: BTreeMap<u64, Conn>,
    pub(crate) next_conn: u64,
    /// Media between the phones.
    pub media: MediaHub,
    /// The carrier.
    pub carrier: Carrier,
    /// Somebody who guesses codes.
    pub thief: Thief,
    /// What comes out for whoever directs the world.
    pub(crate) tap: Tap,
    /// What happened.
    pub history: History,
    /// A bug planted on purpose.
    pub planted: Option<Planted>,
    /// Acts and inputs of persons and hosts so far.
    pub acts: u64,
    /// Inputs the phones' machines handled.
    pub inputs: u64,
    /// Every input and effect in words, when wanted.
    pub trace: Option<String>,
    /// Commits of all stores so far, for crashes at each of them.
    pub commits: u64,
    /// Crash whoever commits at this count.
    pub crash_at_commit: Option<CrashAt>,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64, faults: Faults, server: ServerBox) -> World {
        World {
            now: 0,
            queue: BTreeMap::new(),
            sequence: 0,
            chance: SplitMix64(seed ^ 0xC0FF_EE00),
            faults,
            phones: Vec::new(),
            server,
            key_holder: KeyHolder::fake(seed),
            conns: BTreeMap::new(),
            next_conn: 1,
            media: MediaHub::default(),
            carrier: Carrier::default(),
            thief: Thief::default(),
            tap: Tap::default(),
            history: History::default(),
            planted: None,
            acts: 0,
            inputs: 0,
            trace: None,
            commits: 0,
            crash_at_commit: None,
        }
    }

    /// Plans something for later.
    pub fn later(&mut self, wait_ms: u64, what: What) {
        self.at(self.now + wait_ms, what);
    }

    /// Plans something for a time.
    pub fn at(&mut self, time: u64, what: What) {
        self.sequence += 1;
        self.queue.insert((time.max(self.now), self.sequence), what);
    }

    /// True once in `per_mille` of a thousand.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        per_mille > 0 && self.chance.below(1000) < per_mille
    }

    /// A word into the history.
    pub fn tell(&mut self, phone: usize, word: Word) {
        self.history.add(self.now, phone, word);
    }

    /// The server's time now.
    #[must_use]
    pub fn server_ms(&self) -> i64 {
        EPOCH_MS + i64::try_from(self.now).unwrap_or(0)
    }

    /// Runs until a time.
    pub fn run_until(&mut self, end: u64) {
        while self.run_one(end) {}
    }

    /// Does the next thing that is due until a time; false when there is none and it is that time.
    pub fn run_one(&mut self, end: u64) -> bool {
        let next = self.next_time().filter(|next| *next <= end);
        self.now = self.now.max(next.unwrap_or(end));
        if next.is_some() {
            self.step();
        }
        next.is_some()
    }

    fn next_time(&self) -> Option<u64> {
        let queued = self.queue.first_key_value().map(|((time, _), _)| *time);
        let phones = self.phones.iter().filter_map(Phone::next_timeout);
        queued.into_iter().chain(phones).chain(self.server.next_timeout()).min()
    }

    /// Does whatever is due first: queued things before deadlines of the same millisecond.
    fn step(&mut self) {
        if let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let what = entry.remove();
            return self.happen(what);
        }
        if self.server.next_timeout().is_some_and(|due| due <= self.now) {
            return self.server_timeout();
        }
        let due = self.phones.iter().position(|phone| phone.next_timeout().is_some_and(|due| due <= self.now));
        if let Some(phone) = due {
            self.phone_timeout(phone);
        }
    }

    fn happen(&mut self, what: What) {
        if let Some(trace) = &mut self.trace {
            use std::fmt::Write;
            let _infallible = writeln!(trace, "{} {what:?}", self.now);
        }
        match what {
            What::Connect(phone, boot, line, link) => self.connect_shaped(phone, boot, line, link),
            What::ConnectGivenUp(phone, boot, line, link) => self.connect_given_up(phone, boot, line, link),
            What::Opened(conn) => self.server_input(tandem_logic::Input::SessionOpened {
                conn: ConnId(conn),
                source: tandem_logic::Source(u128::from(conn % 97)),
            }),
            What::ToServer(conn, frame) => self.frame_at_server(conn, frame),
            What::ToPhone(conn, frame) => self.frame_at_phone(conn, frame),
            What::GoneAtServer(conn) => {
                self.server_input(tandem_logic::Input::SessionClosed { conn: ConnId(conn) });
            }
            What::GoneAtPhone(conn) => self.gone_at_phone(conn),
            What::RegisterToServer(phone, boot, ticket, request) => {
                self.register_at_server(phone, boot, ticket, request)
            }
            What::PhoneSynced(phone, boot, answer) => self.phone_synced(phone, boot, answer),
            What::ServerSynced(boot, ticket, answer) => self.server_synced(boot, ticket, answer),
            What::Phone(phone, boot, input) => self.phone_input(phone, boot, input),
            What::Command(phone, boot, command) => self.command(phone, boot, command),
            What::ServerAnswered(boot, ticket, answer) => {
                if self.server.boot == boot {
                    self.server_input(tandem_logic::Input::StoreAnswer { ticket, answer });
                }
            }
            What::ServerSyncedOnly(boot) => self.server_sync_only(boot),
            What::ServerStarts => self.start_server(),
            What::KeyHolder(boot) => self.key_holder_found(boot),
            What::KeyAnswer(boot, ticket, answer) => self.key_answered(boot, ticket, answer),
            What::TurnGranted(ticket) => {
                let urls = vec!["stun:127.0.0.1:3478".to_owned()];
                let grant =
                    tandem_logic::TurnGrant { urls, username: "u".to_owned(), password: Secret::new("p".to_owned()) };
                self.server_input(tandem_logic::Input::TurnGranted { ticket, grant: Some(grant) });
            }
            What::SmsOutcome(message_ref, outcome) => {
                self.server_input(tandem_logic::Input::SmsOutcome { message_ref, outcome });
            }
            What::Sms { to, from, body } => self.sms_arrives(to, from, body),
            What::MediaSilent(call, phone, since) => self.media_silent(call, phone, since),
            What::Carrier(call, step) => self.carrier_step(call, step),
            What::Act(phone, act) => {
                self.acts += 1;
                self.act(phone, act);
            }
        }
    }
}
