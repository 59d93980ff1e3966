//! The one task that owns the machine: feeds it one input, executes its orders, and only then feeds the next.

mod orders;

use self::orders::rests_on_keys;
use crate::book::ContactsPage;
use crate::call_media::Studio;
use crate::direct::{self, Direct};
use crate::fault_points::FaultPoints;
use crate::host::{HostAnswer, HostCall};
use crate::host_facts::{HostFacts, Learned};
use crate::keys::KeyRing;
use crate::latch::Latch;
use crate::link::{Link, Wiring};
use crate::ports::{Changed, Clock, HostError};
use crate::register::Registrar;
use crate::shared::{Life, Shared};
use crate::store_thread::Commit;
use crate::views::{Fresh, Touched, Views};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tandem_machine::view::{CallState, CallView};
use tandem_machine::{
    Command, Config, Device, Effect, Event, FileOrder, HostInput, Input, LinkId, LinkInput, MediaOrder, Refusal, Reply,
};
use tandem_model::rows::Restored;
use tandem_model::{CallId, Line, Mono, Random, Ticket};
use tokio::sync::{mpsc, watch};
use tracing::warn;

/// Orders that may wait for the key store.
const HELD_MAX: usize = 1024;

/// A phone's clock may go on while ours stands still: never sleep longer than this without looking.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long commands may wait at the start for the host to tell which SIMs and which network there are.
const FIRST_WORDS: Duration = Duration::from_millis(300);

/// How often a locked key store is asked again.
const UNLOCK_AGAIN: Duration = Duration::from_secs(2);

/// What the app and the OS say, in the order in which they say it.
pub(crate) enum HostWord {
    Command { ticket: Ticket, command: Command },
    Input(HostInput),
    Changed(Changed),
    Page { ticket: Ticket, page: Result<ContactsPage, HostError> },
}

/// What the engine's own threads and tasks say.
pub(crate) enum Word {
    Input(Input),
    Host(HostAnswer),
}

/// Everything a runner works with.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) random: Box<dyn Random>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) host_words: mpsc::Receiver<HostWord>,
    pub(crate) words: mpsc::Receiver<Word>,
    pub(crate) own_words: mpsc::Sender<Word>,
    /// Absent when the database did not open.
    pub(crate) commits: Option<SyncSender<Commit>>,
    pub(crate) keys: KeyRing,
    pub(crate) has_key_store: bool,
    pub(crate) facts: HostFacts,
    pub(crate) wiring: Arc<Wiring>,
    pub(crate) registrar: Registrar,
    pub(crate) studio: Arc<Studio>,
    pub(crate) latch: Latch,
    pub(crate) faults: Arc<FaultPoints>,
    /// Where to listen for direct data.
    pub(crate) direct_port: Option<u16>,
    /// Orders about files; absent where direct data is off.
    pub(crate) files: Option<SyncSender<FileOrder>>,
}

pub(crate) struct Runner {
    parts: Parts,
    device: Device,
    links: BTreeMap<(Line, LinkId), Link>,
    calls: BTreeMap<CallId, mpsc::Sender<MediaOrder>>,
    /// Absent where direct data is off.
    direct: Option<Direct>,
    /// Inputs that came of executing an order.
    backlog: VecDeque<Input>,
    /// Orders that must not leave before the keys they rest on are kept.
    held: VecDeque<Effect>,
    /// Saves the key store has not answered.
    keeping: u32,
    unlock_at: Option<Mono>,
    touched: Touched,
    /// The command being handled.
    serving: Option<Ticket>,
    /// Answers and events of this input: given out when the views hold what they speak of.
    answers: Vec<(Ticket, Result<Reply, Refusal>)>,
    told: Vec<Event>,
}

impl Runner {
    /// Starts the machine from its rows.
    pub(crate) fn new(mut parts: Parts, restored: Restored) -> Runner {
        let now = parts.clock.now();
        let random = std::mem::replace(&mut parts.random, Box::new(tandem_model::random::SplitMix64(0)));
        let device = Device::new(parts.config.clone(), restored, Box::new(parts.keys.clone()), random, now);
        *parts.shared.views() = Views::of(&device);
        let unlock_at = parts.keys.is_locked().then(|| now.mono.after(UNLOCK_AGAIN));
        Runner {
            parts,
            device,
            links: BTreeMap::new(),
            calls: BTreeMap::new(),
            direct: None,
            backlog: VecDeque::new(),
            held: VecDeque::new(),
            keeping: 0,
            unlock_at,
            touched: Touched::default(),
            serving: None,
            answers: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Runs until the engine stops.
    pub(crate) async fn run(mut self) {
        let mut stopping = self.parts.shared.stopping();
        self.drain();
        for what in [Changed::Sims, Changed::Network, Changed::Contacts] {
            self.look_again(what);
        }
        self.listen_directly();
        self.hear_first_words(&mut stopping).await;
        loop {
            while let Some(input) = self.backlog.pop_front() {
                self.step(input);
            }
            if self.parts.shared.is_over() {
                return self.say_goodbye();
            }
            let sleep = tokio::time::sleep(self.until_next());
            // In no order of preference: a host that talks without a pause keeps no frame waiting.
            tokio::select! {
                _ = stopping.changed() => return self.say_goodbye(),
                word = self.parts.host_words.recv() => match word {
                    Some(word) => self.heed_host(word),
                    None => return,
                },
                word = self.parts.words.recv() => match word {
                    Some(word) => self.heed(word),
                    None => return,
                },
                () = sleep => self.look_at_the_clock(),
            }
        }
    }

    /// Opens the port for direct data, where it is wanted. A port that cannot be had costs the direct ways and nothing else.
    fn listen_directly(&mut self) {
        let Some(port) = self.parts.direct_port else {
            return;
        };
        match direct::open(port, self.parts.own_words.clone(), self.parts.latch.enter()) {
            Ok(opened) => self.direct = Some(opened),
            Err(error) => warn!(kind = ?error.kind(), "no port for direct data"),
        }
    }

    /// Hears which SIMs and which network there are before anybody's commands, or a command right after the start would be
    /// one about a SIM that is not there. A host that is slow to tell delays them by [`FIRST_WORDS`] and no longer.
    async fn hear_first_words(&mut self, stopping: &mut watch::Receiver<bool>) {
        let give_up = tokio::time::Instant::now() + FIRST_WORDS.min(self.parts.shared.guard.patience() / 2);
        while self.parts.facts.are_asked() {
            tokio::select! {
                biased;
                _ = stopping.changed() => return,
                word = self.parts.words.recv() => match word {
                    Some(word) => self.heed(word),
                    None => return,
                },
                () = tokio::time::sleep_until(give_up) => return,
            }
        }
    }

    /// An end that was asked for hangs up: the other side is not left to find out from silence. What it says is still sent and
    /// kept, for connections and the store's thread finish what they were handed. A call that only rings here is left alone: the
    /// person refused nothing.
    fn say_goodbye(&mut self) {
        if self.parts.shared.life() != Life::Ended {
            return;
        }
        let rings_here = |view: &CallView| !view.outgoing && view.state == CallState::Ringing;
        let now = self.parts.clock.now();
        for view in self.device.calls().into_iter().filter(|view| !rings_here(view)) {
            self.device.handle(Input::Command { ticket: Ticket(0), command: Command::HangUp { call: view.call } }, now);
        }
        while let Some(effect) = self.device.poll_effect() {
            match effect {
                Effect::Send { line, link, frame } => self.send(line, link, &frame),
                Effect::Commit { ticket, changes } => self.commit(Commit { ticket, changes }),
                Effect::Reply { .. }
                | Effect::Connect { .. }
                | Effect::Disconnect { .. }
                | Effect::Register { .. }
                | Effect::DialCarrier { .. }
                | Effect::SendSms { .. }
                | Effect::Media { .. }
                | Effect::Direct(_)
                | Effect::File(_)
                | Effect::Emit(_) => {}
            }
        }
    }

    fn heed(&mut self, word: Word) {
        match word {
            Word::Input(input) => self.step(input),
            Word::Host(answer) => self.heed_answer(answer),
        }
    }

    fn heed_host(&mut self, word: HostWord) {
        match word {
            HostWord::Command { ticket, command } => {
                if self.parts.shared.pending.is_wanted(ticket) {
                    self.step(Input::Command { ticket, command });
                }
            }
            HostWord::Input(input) => {
                if self.parts.keys.is_locked() {
                    // Whatever the OS tells may come of the phone having been unlocked.
                    self.ask_host(HostCall::ReadKeys);
                }
                self.step(Input::Host(input));
            }
            HostWord::Changed(what) => self.look_again(what),
            HostWord::Page { ticket, page } => {
                let learned = self.parts.facts.page(ticket, page, self.parts.clock.now().mono);
                self.take_in(learned);
            }
        }
        self.parts.shared.progress.outstanding.fetch_sub(1, Ordering::AcqRel);
    }

    fn look_again(&mut self, what: Changed) {
        let now = self.parts.clock.now().mono;
        if let Some(call) = self.parts.facts.changed(what, now) {
            self.ask_host(call);
        }
    }

    /// What a port told, for the machine, one step each.
    fn take_in(&mut self, learned: Learned) {
        self.backlog.extend(learned.inputs.into_iter().map(Input::Host));
        if let Some(call) = learned.ask {
            self.ask_host(call);
        }
    }

    /// One input, its orders, and whatever deadline has come by now.
    fn step(&mut self, input: Input) {
        self.busy(true);
        if let Input::Link(LinkInput::Closed { line, link }) = &input {
            self.links.remove(&(*line, *link));
        }
        // A SIM may come with nothing to tell of its registration.
        self.touched.registrations |= matches!(input, Input::Host(HostInput::Sims(_)));
        self.parts.faults.before_input(&input);
        let now = self.parts.clock.now();
        if !self.parts.shared.is_over() {
            self.serving = match &input {
                Input::Command { ticket, .. } => Some(*ticket),
                Input::Host(_)
                | Input::Link(_)
                | Input::Store(_)
                | Input::Direct(_)
                | Input::File(_)
                | Input::Media { .. } => None,
            };
            self.device.handle(input, now);
            self.drain();
            self.serving = None;
        }
        self.act_on_deadlines();
        self.busy(false);
    }

    fn look_at_the_clock(&mut self) {
        self.busy(true);
        self.act_on_deadlines();
        self.busy(false);
    }

    fn act_on_deadlines(&mut self) {
        let now = self.parts.clock.now();
        self.parts.shared.act_past(self.parts.shared.pending.expire(now.mono));
        if self.unlock_at.is_some_and(|at| at <= now.mono) {
            self.unlock_at = Some(now.mono.after(UNLOCK_AGAIN));
            self.ask_host(HostCall::ReadKeys);
        }
        for call in self.parts.facts.look(now.mono) {
            self.ask_host(call);
        }
        if self.device.poll_timeout().is_some_and(|(at, _)| at <= now.mono) && !self.parts.shared.is_over() {
            self.parts.faults.before_timer();
            self.device.handle_timeout(now);
            self.drain();
        }
    }

    /// Marks a step's begin and end for the guard: a hang is found although nobody asks for anything.
    fn busy(&self, busy: bool) {
        let progress = &self.parts.shared.progress;
        progress.steps.fetch_add(1, Ordering::AcqRel);
        progress.busy.store(busy, Ordering::Release);
        if busy {
            self.parts.shared.guard.watch();
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.parts.clock.now().mono;
        let machine = self.device.poll_timeout().map(|(at, _)| at);
        let next = [machine, self.parts.shared.pending.next_give_up(), self.unlock_at, self.parts.facts.due_at()]
            .into_iter()
            .flatten()
            .min();
        next.map_or(LONGEST_SLEEP, |at| at.since(now).min(LONGEST_SLEEP))
    }

    /// Executes everything the machine ordered.
    fn drain(&mut self) {
        if self.parts.has_key_store
            && let Some(blob) = self.parts.keys.take_unsaved()
        {
            self.keeping += 1;
            self.ask_host(HostCall::KeepKeys(blob));
        }
        while let Some(effect) = self.device.poll_effect() {
            // A machine that came back after it was given up has no say any more.
            if self.parts.shared.is_over() {
                return;
            }
            if self.keeping > 0 && rests_on_keys(&effect) && self.held.len() < HELD_MAX {
                self.held.push_back(effect);
            } else {
                self.execute(effect);
            }
        }
        let touched = std::mem::take(&mut self.touched);
        self.parts.faults.before_views();
        // Read from the machine while nothing is locked: should it hang in this, others still look at the views.
        let fresh = Fresh::of(touched, &self.device);
        self.parts.shared.views().take_in(fresh);
        for (ticket, reply) in self.answers.drain(..) {
            self.parts.shared.pending.answer(ticket, reply);
        }
        let views = self.parts.shared.views();
        self.parts.shared.pending.keep(
            |call| views.calls.iter().any(|view| view.call == call && view.state == CallState::Checking),
            |prompt| views.prompts.iter().any(|open| open.id == prompt),
        );
        drop(views);
        for event in self.told.drain(..) {
            self.parts.shared.events.push(event);
        }
    }
}

pub(crate) fn not_dialed(ticket: Ticket) -> Input {
    Input::Host(HostInput::CarrierDialed { ticket, ok: false })
}

pub(crate) fn not_sent(ticket: Ticket) -> Input {
    Input::Host(HostInput::SmsSent { ticket, ok: false })
}
