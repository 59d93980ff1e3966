//! The one task that owns the machine: feeds it one input, executes its orders, and only then feeds the next.

use crate::call_media::{self, Studio};
use crate::fault_points::{FaultPoints, StoreStrike};
use crate::host::{HostAnswer, HostCall, refused};
use crate::journal;
use crate::keys::KeyRing;
use crate::latch::Latch;
use crate::link::{self, Link, Wiring};
use crate::pending::Dial;
use crate::ports::Clock;
use crate::register::Registrar;
use crate::shared::Shared;
use crate::store_thread::Commit;
use crate::views::{Touched, Views};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tandem_machine::input::StoreFailure;
use tandem_machine::view::CallState;
use tandem_machine::{
    Command, Config, Device, Effect, Event, HostInput, Input, LinkId, LinkInput, MediaInput, MediaOrder, Refusal,
    Reply, StoreInput,
};
use tandem_model::rows::Restored;
use tandem_model::{CallId, Line, Mono, Random, Ticket};
use tandem_wire::{ClientFrame, encode_client};
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// Orders that may wait for the key store.
const HELD_MAX: usize = 1024;

/// A phone's clock may go on while ours stands still: never sleep longer than this without looking.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How often a locked key store is asked again.
const UNLOCK_AGAIN: Duration = Duration::from_secs(2);

/// What the app and the OS say, in the order in which they say it.
pub(crate) enum HostWord {
    Command { ticket: Ticket, command: Command },
    Input(HostInput),
}

/// What the engine's own threads and tasks say.
pub(crate) enum Word {
    Input(Input),
    Keys(HostAnswer),
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
    pub(crate) wiring: Arc<Wiring>,
    pub(crate) registrar: Registrar,
    pub(crate) studio: Arc<Studio>,
    pub(crate) latch: Latch,
    pub(crate) faults: Arc<FaultPoints>,
}

pub(crate) struct Runner {
    parts: Parts,
    device: Device,
    links: BTreeMap<(Line, LinkId), Link>,
    calls: BTreeMap<CallId, mpsc::Sender<MediaOrder>>,
    /// Inputs that came of executing an order.
    backlog: VecDeque<Input>,
    /// Orders that must not leave before the keys they rest on are kept.
    held: VecDeque<Effect>,
    /// Saves the key store has not answered.
    keeping: u32,
    unlock_at: Option<Mono>,
    touched: Touched,
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
            backlog: VecDeque::new(),
            held: VecDeque::new(),
            keeping: 0,
            unlock_at,
            touched: Touched::default(),
            answers: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Runs until the engine stops.
    pub(crate) async fn run(mut self) {
        let mut stopping = self.parts.shared.stopping();
        self.drain();
        loop {
            while let Some(input) = self.backlog.pop_front() {
                self.step(input);
            }
            if self.parts.shared.is_over() {
                return;
            }
            let sleep = tokio::time::sleep(self.until_next());
            tokio::select! {
                biased;
                _ = stopping.changed() => return,
                word = self.parts.host_words.recv() => match word {
                    Some(word) => self.heed_host(word),
                    None => return,
                },
                word = self.parts.words.recv() => match word {
                    Some(Word::Input(input)) => self.step(input),
                    Some(Word::Keys(answer)) => self.heed_keys(answer),
                    None => return,
                },
                () = sleep => self.look_at_the_clock(),
            }
        }
    }

    fn heed_host(&mut self, word: HostWord) {
        match word {
            HostWord::Command { ticket, command } => self.step(Input::Command { ticket, command }),
            HostWord::Input(input) => {
                if self.parts.keys.is_locked() {
                    // Whatever the OS tells may come of the phone having been unlocked.
                    self.ask_host(HostCall::ReadKeys);
                }
                self.step(Input::Host(input));
            }
        }
        self.parts.shared.progress.outstanding.fetch_sub(1, Ordering::AcqRel);
    }

    /// One input, its orders, and whatever deadline has come by now.
    fn step(&mut self, input: Input) {
        self.busy(true);
        if let Input::Link(LinkInput::Closed { line, link }) = &input {
            self.links.remove(&(*line, *link));
        }
        self.parts.faults.before_input(&input);
        let now = self.parts.clock.now();
        if !self.parts.shared.is_over() {
            self.device.handle(input, now);
            self.drain();
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
        self.parts.shared.pending.expire(now.mono);
        if self.unlock_at.is_some_and(|at| at <= now.mono) {
            self.unlock_at = Some(now.mono.after(UNLOCK_AGAIN));
            self.ask_host(HostCall::ReadKeys);
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
        let next = [machine, self.parts.shared.pending.next_give_up(), self.unlock_at].into_iter().flatten().min();
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
        self.parts.shared.views().refresh(touched, &self.device);
        for (ticket, reply) in self.answers.drain(..) {
            self.parts.shared.pending.answer(ticket, reply);
        }
        let views = self.parts.shared.views();
        self.parts.shared.pending.keep_undecided(|call| {
            views.calls.iter().any(|view| view.call == call && view.state == CallState::Checking)
        });
        drop(views);
        for event in self.told.drain(..) {
            self.parts.shared.events.push(event);
        }
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { ticket, reply } => self.answers.push((ticket, reply)),
            Effect::Commit { ticket, changes } => self.commit(Commit { ticket, changes }),
            Effect::Connect { line, link } => {
                let running = self.parts.latch.enter();
                let opened =
                    link::open(Arc::clone(&self.parts.wiring), line, link, self.parts.own_words.clone(), running);
                self.links.insert((line, link), opened);
            }
            Effect::Disconnect { line, link } => {
                self.links.remove(&(line, link));
            }
            Effect::Send { line, link, frame } => self.send(line, link, &frame),
            Effect::Register { ticket, request } => {
                let (registrar, words) = (self.parts.registrar.clone(), self.parts.own_words.clone());
                tokio::spawn(async move {
                    let reply = registrar.ask(&request).await;
                    drop(words.send(Word::Input(Input::Link(LinkInput::Registered { ticket, reply }))).await);
                });
            }
            Effect::DialCarrier { ticket, line, digits } => {
                self.ask_host(HostCall::Dial { ticket, dial: Dial { line, digits } });
            }
            Effect::SendSms { ticket, line, to, body } => self.ask_host(HostCall::Sms { ticket, line, to, body }),
            Effect::Media { call, order } => self.media(call, order),
            Effect::Emit(event) => self.emit(event),
        }
    }

    fn commit(&mut self, commit: Commit) {
        let ticket = commit.ticket;
        let why = match (self.parts.faults.store(), &self.parts.commits) {
            (Some(strike), _) => match struck(strike) {
                Some(why) => why,
                None => return,
            },
            (None, None) => StoreFailure::Broken,
            (None, Some(commits)) => match commits.try_send(commit) {
                Ok(()) => return,
                Err(std::sync::mpsc::TrySendError::Full(_)) => StoreFailure::Full,
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => StoreFailure::Broken,
            },
        };
        self.backlog.push_back(Input::Store(StoreInput::Failed { ticket, why }));
    }

    fn send(&mut self, line: Line, link: LinkId, frame: &ClientFrame) {
        let Some(open) = self.links.get(&(line, link)) else {
            return;
        };
        if open.frames.try_send(encode_client(frame)).is_err() {
            warn!(line = line.0, "the socket is too slow, or gone: closing it");
            self.links.remove(&(line, link));
        }
    }

    fn media(&mut self, call: CallId, order: MediaOrder) {
        if matches!(order, MediaOrder::Open { .. }) && !self.calls.contains_key(&call) {
            let begun = call_media::begin(Arc::clone(&self.parts.studio), call, self.parts.latch.enter());
            self.calls.insert(call, begun);
        }
        let Some(orders) = self.calls.get(&call) else {
            debug!("an order for media that is not open");
            return;
        };
        let closes = order == MediaOrder::Close;
        let spare = matches!(order, MediaOrder::AddCandidate(_));
        if orders.try_send(order).is_err() && !closes && !spare {
            self.backlog.push_back(Input::Media { call, event: MediaInput::Failed });
        }
        if closes {
            // Dropping the sender closes it too, should the order not have fitted in.
            self.calls.remove(&call);
        }
    }

    fn emit(&mut self, event: Event) {
        journal::write(&event);
        self.parts.shared.views().follow(&event, &mut self.touched);
        self.told.push(event);
    }

    fn ask_host(&mut self, call: HostCall) {
        self.parts.shared.guard.watch();
        let Err(call) = self.parts.shared.host.push(call) else {
            return;
        };
        match refused(&call) {
            Some(HostAnswer::Dial { ticket }) => self.backlog.push_back(not_dialed(ticket)),
            Some(HostAnswer::Sms { ticket }) => self.backlog.push_back(not_sent(ticket)),
            Some(answer @ (HostAnswer::KeysKept(_) | HostAnswer::KeysRead(_))) => self.heed_keys(answer),
            None => {}
        }
    }

    /// The key store answers: what rested on it goes out, or does not.
    fn heed_keys(&mut self, answer: HostAnswer) {
        match answer {
            HostAnswer::KeysKept(kept) => {
                self.keeping = self.keeping.saturating_sub(1);
                if !kept {
                    self.parts.keys.still_unsaved();
                }
                if self.keeping == 0 {
                    for effect in std::mem::take(&mut self.held) {
                        self.let_go(effect, kept);
                    }
                }
            }
            HostAnswer::KeysRead(read) => {
                if self.parts.keys.unlock(read) {
                    self.unlock_at = None;
                }
            }
            HostAnswer::Dial { .. } | HostAnswer::Sms { .. } => {}
        }
    }

    fn let_go(&mut self, effect: Effect, kept: bool) {
        // The server must not learn of a key that would be gone after a restart.
        if let (Effect::Register { ticket, .. }, false) = (&effect, kept) {
            self.backlog.push_back(Input::Link(LinkInput::Registered { ticket: *ticket, reply: None }));
        } else if kept || !matches!(&effect, Effect::Send { frame: ClientFrame::PublishSealingKey { .. }, .. }) {
            self.execute(effect);
        }
    }
}

/// Whether an order may speak of a key that is not kept yet.
fn rests_on_keys(effect: &Effect) -> bool {
    match effect {
        Effect::Commit { .. } | Effect::Send { .. } | Effect::Register { .. } => true,
        Effect::Reply { .. }
        | Effect::Connect { .. }
        | Effect::Disconnect { .. }
        | Effect::DialCarrier { .. }
        | Effect::SendSms { .. }
        | Effect::Media { .. }
        | Effect::Emit(_) => false,
    }
}

/// What the store is to say; `None` for nothing.
fn struck(strike: StoreStrike) -> Option<StoreFailure> {
    #[cfg(feature = "faults")]
    match strike {
        crate::faults::StoreFault::Unopenable | crate::faults::StoreFault::Broken => Some(StoreFailure::Broken),
        crate::faults::StoreFault::Full => Some(StoreFailure::Full),
        crate::faults::StoreFault::Silent => None,
    }
    #[cfg(not(feature = "faults"))]
    match strike {}
}

pub(crate) fn not_dialed(ticket: Ticket) -> Input {
    Input::Host(HostInput::CarrierDialed { ticket, ok: false })
}

pub(crate) fn not_sent(ticket: Ticket) -> Input {
    Input::Host(HostInput::SmsSent { ticket, ok: false })
}
