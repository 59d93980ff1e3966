//! The engine as an app sees it.

use crate::address::ServerAddress;
use crate::call_media::Studio;
use crate::clock::ProcessClock;
use crate::config::{EngineConfig, StartError};
use crate::errors::{CommandError, NotifyError, ReadError};
use crate::fault_points::FaultPoints;
use crate::guard::Guard;
use crate::host::HostAnswer;
use crate::keys::KeyRing;
use crate::latch::Latch;
use crate::link::Wiring;
use crate::pending::{Answer, Dial, Wish};
use crate::ports::{Clock, Connector, Ports};
use crate::register::Registrar;
use crate::runner::{HostWord, Parts, Runner, Word, not_dialed, not_sent};
use crate::shared::{Life, Shared};
use crate::views::Views;
use crate::{logging, store_thread, tls};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tandem_crypto::SeededRandom;
use tandem_machine::input::Target;
use tandem_machine::view::{Choice, Notice, PromptAbout};
use tandem_machine::{Command, Event, HostInput, Input, Reply};
use tandem_media::{AudioPort, MediaEngine, MediaStats};
use tandem_model::rows::{LogRow, OutgoingRow, Restored};
use tandem_model::{CallId, Line, Msisdn, Secret};
use tandem_store::{Opened, PhoneReader, PhoneStore, StoreError, StoreSettings, ThreadItem};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tracing::dispatcher::Dispatch;
use tracing::{info, warn};

/// One phone's core, running.
///
/// Every method may be called from any thread and any executor, also from within a host's port. Futures await channels
/// only and may be dropped at any time.
pub struct Engine {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    host_words: mpsc::Sender<HostWord>,
    reader: Option<Arc<Mutex<PhoneReader>>>,
    store_error: Option<StoreError>,
    answer_within: Duration,
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
    latch: Latch,
    guard_latch: Latch,
    faults: Arc<FaultPoints>,
}

impl Engine {
    /// Starts an engine: its runtime, its threads, the machine from its rows.
    ///
    /// A database that cannot be opened does not keep it from starting: it then runs without one
    /// ([`Engine::store_error`]), texts are refused and the carrier works.
    ///
    /// # Errors
    /// [`StartError`] when a setting is unusable or the system gives no threads.
    pub fn start(
        config: EngineConfig,
        ports: Ports,
        media: Arc<dyn MediaEngine>,
        connector: Arc<dyn Connector>,
    ) -> Result<Engine, StartError> {
        let address = ServerAddress::parse(&config.server, config.register_url.as_deref())?;
        let tls = tls::client_config(&config.roots, address.tls || address.register_url.starts_with("https"))?;
        let registrar = Registrar::new(&address, tls.clone(), config.machine.request)?;
        let (machine_random, key_random) = seeds(config.seed)?;
        let clock = ports.clock.clone().unwrap_or_else(|| Arc::new(ProcessClock));
        let guard = Arc::new(Guard::new(ports.telephony.clone(), config.hang_after));
        let shared = Arc::new(Shared::new(config.events_max, Arc::clone(&guard)));
        let log = ports.log.is_some().then(|| logging::dispatch(Arc::clone(&shared.host)));
        let runtime = runtime(config.worker_threads, log.clone())?;
        let handle = runtime.handle().clone();
        let faults = Arc::new(FaultPoints::default());
        #[cfg(feature = "faults")]
        faults.set(config.faults);

        let keys = KeyRing::load(ports.keys.as_deref(), key_random);
        let database = open_database(&config, &shared);
        let (host_words, host_heard) = mpsc::channel(config.inputs_max.max(16));
        let (own_words, words) = mpsc::channel(config.inputs_max.max(16));
        let latch = Latch::default();
        let guard_latch = Latch::default();
        let threads = Threads { shared: &shared, words: &own_words, latch: &latch, log: &log };

        let (commits, reader, restored, store_error) = match database {
            Ok(Opened { store, restored, recovered: _ }) => {
                let reader = store.reader().ok().map(|reader| Arc::new(Mutex::new(reader)));
                (Some(threads.store(store)?), reader, restored, None)
            }
            Err(error) => (None, None, Restored::default(), Some(error)),
        };
        threads.guard(guard_latch.enter())?;
        let has_key_store = ports.keys.is_some();
        threads.host(ports)?;

        let wiring = Wiring {
            address,
            tls: Arc::new(tls),
            connector,
            clock: Arc::clone(&clock),
            give_up: config.machine.handshake,
        };
        let studio =
            Studio { engine: media, setup: config.media, shared: Arc::clone(&shared), words: own_words.clone() };
        let parts = Parts {
            config: config.machine,
            random: Box::new(machine_random),
            shared: Arc::clone(&shared),
            clock: Arc::clone(&clock),
            host_words: host_heard,
            words,
            own_words,
            commits,
            keys,
            has_key_store,
            wiring: Arc::new(wiring),
            registrar,
            studio: Arc::new(studio),
            latch: latch.clone(),
            faults: Arc::clone(&faults),
        };
        let running = latch.enter();
        let watched = Arc::clone(&shared);
        handle.spawn(async move {
            let ran = tokio::spawn(async move { Runner::new(parts, restored).run().await }).await;
            if ran.is_err() {
                watched.break_down("panic");
            }
            drop(running);
        });
        info!(store = store_error.is_none(), "the engine runs");
        Ok(Engine {
            shared,
            clock,
            host_words,
            reader,
            store_error,
            answer_within: config.answer_within,
            runtime: Mutex::new(Some(runtime)),
            handle,
            latch,
            guard_latch,
            faults,
        })
    }

    /// Asks for something and waits for the machine's answer, at most [`EngineConfig::answer_within`]. What follows from
    /// it comes as events. A dropped future does not take the command back.
    ///
    /// When the machine is gone, or goes while this waits, a command to call is dialed through the carrier and answered
    /// with [`Reply::CarrierDialed`].
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn command(&self, command: Command) -> Result<Reply, CommandError> {
        match self.begin(command) {
            Ok(answered) => answered.await.unwrap_or(Err(CommandError::Stopped)),
            Err(error) => Err(error),
        }
    }

    /// Tells what happened to the phone. Returns at once.
    ///
    /// # Errors
    /// [`NotifyError`]; the input was not taken.
    pub fn notify(&self, input: HostInput) -> Result<(), NotifyError> {
        if self.shared.is_over() {
            return Err(NotifyError::Stopped);
        }
        self.say(HostWord::Input(input)).map_err(|error| match error {
            Unsaid::Full => NotifyError::Full,
            Unsaid::Stopped => NotifyError::Stopped,
        })
    }

    /// The next thing the app is told; `None` once the engine has stopped and everything was told. One consumer.
    pub async fn next_event(&self) -> Option<Event> {
        self.shared.events.next().await
    }

    /// The state as of now.
    #[must_use]
    pub fn views(&self) -> Views {
        self.shared.views().clone()
    }

    /// Where a call's sound is attached, from the moment its media is open until it is closed.
    #[must_use]
    pub fn call_audio(&self, call: CallId) -> Option<AudioPort> {
        self.shared.audio(call)
    }

    /// What a call's media has done, as of the last second.
    #[must_use]
    pub fn call_stats(&self, call: CallId) -> Option<MediaStats> {
        self.shared.stats(call)
    }

    /// Why the engine runs without a database, when it does.
    #[must_use]
    pub fn store_error(&self) -> Option<StoreError> {
        self.store_error
    }

    /// Dials through the carrier past the machine and the database: for a host that must not wait.
    ///
    /// # Errors
    /// [`CommandError::Stopped`] when the host's own port did not dial.
    pub async fn dial_carrier(&self, line: Option<Line>, digits: &str) -> Result<(), CommandError> {
        let (answer, answered) = oneshot::channel();
        self.shared.rescue(Dial { line, digits: Secret::new(digits.to_owned()) }, Some(answer));
        answered.await.unwrap_or(Err(CommandError::Stopped)).map(|_| ())
    }

    /// The newest texts with a peer before a position, newest first, at most [`tandem_store::PAGE_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn thread(&self, peer: Msisdn, before: Option<u64>, limit: usize) -> Result<Vec<ThreadItem>, ReadError> {
        self.read(move |reader| reader.thread(peer, before, limit)).await
    }

    /// Texts of mine that still wait for something.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn texts_open(&self) -> Result<Vec<OutgoingRow>, ReadError> {
        self.read(PhoneReader::texts_open).await
    }

    /// The newest entries of the call log before an id, newest first, at most [`tandem_store::PAGE_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn log(&self, before: Option<u64>, limit: usize) -> Result<Vec<LogRow>, ReadError> {
        self.read(move |reader| reader.log(before, limit)).await
    }

    /// Ends the engine: commands that wait are answered as stopped, what was handed to the database is written,
    /// connections say goodbye, [`Engine::next_event`] ends. Returns when all of it is done or the deadline has come,
    /// whichever is first. Again is fine.
    pub async fn shutdown(&self, deadline: Duration) {
        self.shared.end();
        let (done, is_done) = oneshot::channel();
        let ending = self.ending();
        let started = thread::Builder::new().name("tandem-end".to_owned()).spawn(move || {
            ending.finish(deadline);
            // Whoever no longer waits dropped its future.
            let _gone = done.send(());
        });
        match started {
            Ok(_detached) => drop(is_done.await),
            Err(_) => self.ending().finish(Duration::ZERO),
        }
    }

    /// Breaks something on purpose from now on.
    #[cfg(feature = "faults")]
    #[doc(hidden)]
    pub fn inject(&self, faults: crate::faults::Faults) {
        self.faults.set(faults);
    }

    /// Queues a command, or says why not.
    fn begin(&self, command: Command) -> Result<oneshot::Receiver<Answer>, CommandError> {
        let wish = self.wish(&command);
        if self.shared.is_over() {
            return self.past_the_machine(wish);
        }
        let give_up_at = self.clock.now().mono.after(self.answer_within);
        let Some((ticket, answered)) = self.shared.pending.begin(wish, give_up_at) else {
            return Err(CommandError::Full);
        };
        let said = self.say(HostWord::Command { ticket, command });
        if said == Err(Unsaid::Stopped) {
            // The runner is gone and nobody has said so yet: a panic is told of a moment after it.
            self.shared.break_down("panic");
        }
        // The machine may have gone between the two: then whoever swept up did not see this command.
        if said.is_ok() && !self.shared.is_over() {
            return Ok(answered);
        }
        match self.shared.pending.take(ticket) {
            Some(_) if said == Err(Unsaid::Full) => Err(CommandError::Full),
            Some(waiting) => self.past_the_machine(waiting.wish),
            None => Ok(answered),
        }
    }

    /// What is left when there is no machine.
    fn past_the_machine(&self, wish: Wish) -> Result<oneshot::Receiver<Answer>, CommandError> {
        match self.shared.life() {
            Life::Broken => {
                let (answer, answered) = oneshot::channel();
                self.shared.serve(wish, answer);
                Ok(answered)
            }
            Life::Ended | Life::Running => Err(CommandError::Stopped),
        }
    }

    /// What carrier call a command would be, if any.
    fn wish(&self, command: &Command) -> Wish {
        if let Command::Dial { target, line, .. } = command {
            let digits = match target {
                Target::Number(digits) => Some(digits),
                Target::Contact { numbers, .. } => numbers.first(),
            };
            return digits.map_or(Wish::None, |digits| Wish::Call(Dial { line: *line, digits: digits.clone() }));
        }
        if let Command::Answer { prompt, choice: Choice::Carrier } = command {
            let views = self.shared.views();
            let asked = views.prompts.iter().find(|open| open.id == *prompt).map(|open| &open.about);
            if let Some(PromptAbout::Call { call, to, .. }) = asked {
                let line = views.calls.iter().find(|view| view.call == *call).map(|view| view.line);
                return Wish::Carrier(*prompt, Dial { line, digits: Secret::new(to.e164()) });
            }
        }
        Wish::None
    }

    fn say(&self, word: HostWord) -> Result<(), Unsaid> {
        let outstanding = &self.shared.progress.outstanding;
        outstanding.fetch_add(1, Ordering::AcqRel);
        match self.host_words.try_send(word) {
            Ok(()) => {
                self.shared.guard.watch();
                Ok(())
            }
            Err(error) => {
                outstanding.fetch_sub(1, Ordering::AcqRel);
                Err(match error {
                    mpsc::error::TrySendError::Full(_) => Unsaid::Full,
                    mpsc::error::TrySendError::Closed(_) => Unsaid::Stopped,
                })
            }
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        page: impl FnOnce(&PhoneReader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let reader = Arc::clone(self.reader.as_ref().ok_or(ReadError::Unavailable)?);
        let (answer, answered) = oneshot::channel();
        self.handle.spawn_blocking(move || {
            let read = page(&reader.lock().unwrap_or_else(PoisonError::into_inner));
            // Whoever no longer waits dropped its future.
            let _gone = answer.send(read);
        });
        match answered.await {
            Ok(read) => read.map_err(|_| ReadError::Unavailable),
            Err(_) => Err(ReadError::Stopped),
        }
    }

    fn ending(&self) -> Ending {
        Ending {
            shared: Arc::clone(&self.shared),
            runtime: self.runtime.lock().unwrap_or_else(PoisonError::into_inner).take(),
            latch: self.latch.clone(),
            guard_latch: self.guard_latch.clone(),
            faults: Arc::clone(&self.faults),
        }
    }
}

impl Drop for Engine {
    /// Ends without waiting. Threads finish what they are at; the runtime is never dropped where it may not be.
    fn drop(&mut self) {
        self.shared.end();
        self.ending().finish(Duration::ZERO);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsaid {
    Full,
    Stopped,
}

/// Everything that must come to an end.
struct Ending {
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    latch: Latch,
    guard_latch: Latch,
    faults: Arc<FaultPoints>,
}

impl Ending {
    fn finish(self, deadline: Duration) {
        self.faults.release();
        self.shared.host.close();
        if !self.latch.wait(deadline) && !deadline.is_zero() {
            warn!("not everything ended in time");
        }
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
        self.shared.guard.close();
        self.guard_latch.wait(deadline.min(Duration::from_secs(1)));
    }
}

/// The engine's own threads, one for each thing that may block.
struct Threads<'a> {
    shared: &'a Arc<Shared>,
    words: &'a mpsc::Sender<Word>,
    latch: &'a Latch,
    log: &'a Option<Dispatch>,
}

impl Threads<'_> {
    fn store(&self, store: PhoneStore) -> Result<std::sync::mpsc::SyncSender<store_thread::Commit>, StartError> {
        let (queue, commits) = store_thread::queue();
        let (words, running) = (self.words.clone(), self.latch.enter());
        self.spawn("tandem-store", move || {
            // The runner is gone: nobody asks any more.
            let answer = |input| drop(words.blocking_send(Word::Input(Input::Store(input))));
            store_thread::run(store, &commits, answer, running);
        })?;
        Ok(queue)
    }

    fn host(&self, ports: Ports) -> Result<(), StartError> {
        let (words, running) = (self.words.clone(), self.latch.enter());
        let queue = Arc::clone(&self.shared.host);
        self.spawn("tandem-host", move || {
            let answer = |answer| {
                let word = match answer {
                    HostAnswer::Dial { ticket } => Word::Input(not_dialed(ticket)),
                    HostAnswer::Sms { ticket } => Word::Input(not_sent(ticket)),
                    HostAnswer::KeysKept(_) | HostAnswer::KeysRead(_) => Word::Keys(answer),
                };
                drop(words.blocking_send(word));
            };
            queue.run(&ports, answer, running);
        })
    }

    fn guard(&self, running: crate::latch::Running) -> Result<(), StartError> {
        let shared = Arc::clone(self.shared);
        self.spawn("tandem-guard", move || {
            let guard = Arc::clone(&shared.guard);
            guard.run(&*shared, running);
        })
    }

    fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
        let log = self.log.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                logging::adopt(log.as_ref());
                run();
            })
            .map(|_detached| ())
            .map_err(|_| StartError::System)
    }
}

fn runtime(workers: usize, log: Option<Dispatch>) -> Result<Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.clamp(1, 2))
        .max_blocking_threads(4)
        .thread_name("tandem")
        .on_thread_start(move || logging::adopt(log.as_ref()))
        .enable_all()
        .build()
        .map_err(|_| StartError::System)
}

/// One stream for the machine's choices and one for keys, which never repeats: the same keys twice would be no keys.
fn seeds(replay: Option<[u8; 32]>) -> Result<(SeededRandom, SeededRandom), StartError> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|_| StartError::System)?;
    let mut keys = SeededRandom::from_seed(entropy);
    let machine = replay.map_or_else(|| keys.fork(), SeededRandom::from_seed);
    Ok((machine, keys))
}

/// Opens the database and tells the person what became of it.
fn open_database(config: &EngineConfig, shared: &Shared) -> Result<Opened, StoreError> {
    #[cfg(feature = "faults")]
    let opened = if config.faults.store == Some(crate::faults::StoreFault::Unopenable) {
        Err(StoreError::Io)
    } else {
        PhoneStore::open(&config.database, StoreSettings::default())
    };
    #[cfg(not(feature = "faults"))]
    let opened = PhoneStore::open(&config.database, StoreSettings::default());
    match &opened {
        Ok(Opened { recovered: true, .. }) => {
            warn!("the database was set aside and a new one begins");
            shared.events.push(Event::Notice(Notice::StoreRecovered));
        }
        Ok(_) => {}
        Err(error) => {
            warn!(%error, "running without a database");
            shared.events.push(Event::Notice(Notice::StorageFull));
        }
    }
    opened
}
