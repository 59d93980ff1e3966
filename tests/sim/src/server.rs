//! The server: the real logic over a store that forgets what was not synced.

use crate::history::Word;
use crate::planted::{Planted, TriesInMemory};
use crate::shape::{Parcel, Way};
use crate::tap::Tapped;
use crate::world::{EPOCH_MS, What, World};
use tandem_crypto::SeededRandom;
use tandem_logic::store_answer::StoreAnswer;
use tandem_logic::store_op::{ConfirmRegistration, StoreOp, SwapText};
use tandem_logic::{Config, Effect, Input, Server, ServerNow, SmsOutcome};
use tandem_model::{Mono, MonoMicros, Notary, Random, ServerMillis, TerminalState, TextId, Ticket};
use tandem_server_store::MemoryStore;
use tandem_wire::{ClientFrame, RegisterRequest, ServerFrame};

/// What a registration request or its reply weighs beside its body.
pub(crate) const HTTP_BYTES: usize = 200;

/// The server and its disk.
pub struct ServerBox {
    logic: Option<Server>,
    store: MemoryStore,
    /// Counts its lives.
    pub boot: u64,
    booted_at: u64,
    synced_until: u64,
    config: Config,
    notary: fn() -> Box<dyn Notary>,
    seed: u64,
    /// Registration requests being answered: the shell's ticket, and whom to answer.
    requests: std::collections::BTreeMap<u64, (usize, u64, Ticket)>,
    next_request: u64,
    /// For a planted bug.
    texts_seen: std::collections::BTreeSet<tandem_model::TextId>,
    /// For another.
    tries: TriesInMemory,
    timeout: Option<u64>,
}

impl ServerBox {
    /// A server that is off.
    #[must_use]
    pub fn new(seed: u64, config: Config, notary: fn() -> Box<dyn Notary>) -> ServerBox {
        ServerBox {
            logic: None,
            store: MemoryStore::new(),
            boot: 0,
            booted_at: 0,
            synced_until: 0,
            config,
            notary,
            seed,
            requests: Default::default(),
            next_request: 0,
            texts_seen: Default::default(),
            tries: Default::default(),
            timeout: None,
        }
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.logic.is_some()
    }

    fn clock(&self, now: u64) -> ServerNow {
        ServerNow { mono: Mono(now - self.booted_at), server: ServerMillis(EPOCH_MS + i64::try_from(now).unwrap_or(0)) }
    }

    /// Its monotonic clock in microseconds.
    #[must_use]
    pub fn micros(&self, now: u64) -> MonoMicros {
        MonoMicros((now - self.booted_at) * 1000)
    }

    /// The true time of its next deadline.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.timeout
    }
}

impl World {
    /// Starts the server on what its store kept.
    pub fn start_server(&mut self) {
        let now = self.now;
        let server = &mut self.server;
        if server.logic.is_some() {
            return;
        }
        server.boot += 1;
        server.booted_at = now;
        server.synced_until = now;
        let mut seed = [7; 32];
        for (to, from) in seed.iter_mut().zip(server.seed.to_le_bytes().into_iter().chain(server.boot.to_le_bytes())) {
            *to = from;
        }
        let random = Box::new(SeededRandom::from_seed(seed));
        let clock = server.clock(now);
        server.logic = Some(Server::new(server.config.clone(), random, (server.notary)(), clock));
        self.drain_server();
        self.find_key_holder();
    }

    /// Kills the server: what was not synced is gone, connections break.
    pub fn kill_server(&mut self) {
        if self.server.logic.take().is_none() {
            return;
        }
        self.tell(usize::MAX, Word::ServerKilled);
        self.server.timeout = None;
        self.server.store.crash();
        self.server.tries = TriesInMemory::default();
        for (phone, boot, ticket) in std::mem::take(&mut self.server.requests).into_values() {
            self.no_register_reply(phone, boot, ticket);
        }
        self.break_all_conns();
    }

    /// Feeds the logic one input and carries out what it orders.
    pub fn server_input(&mut self, input: Input) {
        let clock = self.server.clock(self.now);
        if let Some(logic) = &mut self.server.logic {
            logic.handle(input, clock);
        }
        self.drain_server();
    }

    pub(crate) fn server_timeout(&mut self) {
        let clock = self.server.clock(self.now);
        if let Some(logic) = &mut self.server.logic {
            logic.handle_timeout(clock);
        }
        self.drain_server();
    }

    fn drain_server(&mut self) {
        while let Some(effect) = self.server.logic.as_mut().and_then(Server::poll_effect) {
            if let Some(trace) = &mut self.trace {
                use std::fmt::Write;
                let _infallible = writeln!(trace, "{} server {effect:?}", self.now);
            }
            self.server_effect(effect);
        }
        let due = self.server.logic.as_ref().and_then(Server::poll_timeout).map(|(due, _)| due.0);
        self.server.timeout = due.map(|due| due + self.server.booted_at);
    }

    fn server_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Send { frame: ServerFrame::TextState { .. }, .. }
                if self.planted == Some(Planted::EndNeverReturned) => {}
            Effect::Send { conn, frame } => {
                if self.planted == Some(Planted::DeliveredWhenSent)
                    && let ServerFrame::DeliverText(text) = &frame
                {
                    let taken = ClientFrame::TextTaken { texts: vec![(text.from, text.id)] };
                    self.later(1, What::ToServer(conn.0, taken));
                }
                self.send_down(conn, frame);
            }
            Effect::Close { conn } => self.close_conn(conn.0),
            Effect::RegisterReply { ticket, reply } => {
                let Some((phone, boot, theirs)) = self.server.requests.remove(&ticket.0) else { return };
                if phone == crate::thief::THIEF {
                    return self.thief_hears(&reply);
                }
                if self.happens(self.faults.http_lost) {
                    return self.no_register_reply(phone, boot, theirs);
                }
                let bytes = self.shaped(phone).then(|| tandem_wire::encode_register_reply(&reply).len() + HTTP_BYTES);
                let input = tandem_machine::input::LinkInput::Registered { ticket: theirs, reply: Some(reply) };
                let what = What::Phone(phone, boot, tandem_machine::Input::Link(input));
                match bytes {
                    Some(bytes) => self.carry(phone, Parcel { way: Way::Down, bytes, conn: None, what }),
                    None => {
                        let wait = 30 + self.chance.below(1_000);
                        self.later(wait, what);
                    }
                }
            }
            Effect::Store { ticket, at, op } => self.server_store(ticket, at, op),
            Effect::KeyAsk { ticket, question, .. } => self.key_asked(ticket, question),
            Effect::SendSms(sms) => {
                self.tell(usize::MAX, Word::SmsOrdered { to: sms.to.as_u64() });
                let body = tandem_wire::sms::render(&sms.token, sms.code.expose(), &sms.platform);
                let (message_ref, to) = (sms.message_ref, sms.to);
                if !self.drip(|| Tapped::SmsOrdered { message_ref, to, body: body.clone() }) {
                    self.later(100, What::SmsOutcome(message_ref, SmsOutcome::Accepted));
                    self.verification_sms(to, body);
                }
            }
            Effect::GrantTurn { ticket, .. } => self.later(5, What::TurnGranted(ticket)),
            Effect::Stopped => {
                self.drip(|| Tapped::ServerStopped);
            }
            // Nobody here reports where numbers are.
            Effect::Locate { .. } | Effect::Redeemed { .. } | Effect::RevokeTurn { .. } | Effect::Count(_) => {}
        }
    }

    fn server_store(&mut self, ticket: Ticket, at: ServerMillis, op: StoreOp) {
        self.commits += 1;
        if let Some(crash) = self.crash_at_commit.filter(|crash| crash.commit == self.commits) {
            if crash.durable {
                tandem_server_store::serve(&mut self.server.store, at, op);
                self.server.store.commit();
            }
            return self.later(0, What::Act(usize::MAX, crate::plan::Act::Crash));
        }
        if self.planted == Some(Planted::TriesInMemory)
            && let StoreOp::ConfirmRegistration(ConfirmRegistration { proven: false, id, .. }) = &op
        {
            let (boot, answer) = (self.server.boot, self.server.tries.answer(*id));
            return self.later(1, What::ServerAnswered(boot, ticket, answer));
        }
        self.tell_of_texts(&op);
        let op = crate::planted::spoil_store(self.planted, op, &mut self.server.texts_seen);
        let answer = tandem_server_store::serve(&mut self.server.store, at, op);
        let early = self.planted == Some(Planted::AckBeforeSync);
        let sync = 1 + self.chance.below(self.faults.sync_ms);
        let time = self.now.max(self.server.synced_until) + sync;
        self.server.synced_until = time;
        let boot = self.server.boot;
        if early {
            self.later(0, What::ServerAnswered(boot, ticket, answer));
            // On the hour: a sync keeps all that was written, so that one for each would leave nothing to lose.
            self.at((time / 3_600_000 + 1) * 3_600_000, What::ServerSyncedOnly(boot));
        } else {
            self.at(time, What::ServerSynced(boot, ticket, answer));
        }
    }

    /// What is asked of the store about a text's end, in the order that decides it.
    fn tell_of_texts(&mut self, op: &StoreOp) {
        let plain = |id: &TextId| (id.device_epoch.0, id.counter);
        match op {
            StoreOp::TakeTexts { texts, .. } => {
                for (_, id) in texts {
                    self.tell(usize::MAX, Word::TakenAtServer { id: plain(id) });
                }
            }
            StoreOp::SwapText(SwapText { id, end: TerminalState::Cancelled, .. }) => {
                self.tell(usize::MAX, Word::TakenBackAtServer { id: plain(id) });
            }
            _ => {}
        }
    }

    pub(crate) fn server_synced(&mut self, boot: u64, ticket: Ticket, answer: StoreAnswer) {
        if self.server.boot == boot && self.server.is_up() {
            self.server.store.commit();
            self.server_input(Input::StoreAnswer { ticket, answer });
        }
    }

    pub(crate) fn server_sync_only(&mut self, boot: u64) {
        if self.server.boot == boot && self.server.is_up() {
            self.server.store.commit();
        }
    }

    pub(crate) fn register_at_server(&mut self, phone: usize, boot: u64, ticket: Ticket, request: RegisterRequest) {
        if !self.server.is_up() {
            return self.no_register_reply(phone, boot, ticket);
        }
        self.server.next_request += 1;
        let mine = Ticket(self.server.next_request);
        self.server.requests.insert(mine.0, (phone, boot, ticket));
        let source = tandem_logic::Source(phone as u128 + 1);
        self.server_input(Input::Register { ticket: mine, source, request });
    }
}
