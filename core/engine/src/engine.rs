//! The engine as an app sees it.

mod asked;

use crate::address::ServerAddress;
use crate::away::Away;
use crate::book::ContactsPage;
use crate::call_media::Studio;
use crate::clock::ProcessClock;
use crate::config::{EngineConfig, StartError};
use crate::dials::{Dial, Wish};
use crate::errors::{CommandError, NotifyError, ReadError};
use crate::fault_points::FaultPoints;
use crate::guard::Guard;
use crate::host_facts::HostFacts;
use crate::keys::KeyRing;
use crate::latch::Latch;
use crate::link::Wiring;
use crate::pending::Answer;
use crate::ports::{Changed, Clock, Connector, HostError, Ports, TcpConnector};
use crate::register::Registrar;
use crate::runner::{HostWord, Parts, Runner};
use crate::shared::Shared;
use crate::threads::{Ending, Threads, runtime};
use crate::views::Views;
use crate::{away, database, logging, tls};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tandem_crypto::SeededRandom;
use tandem_machine::input::Mode;
use tandem_machine::view::Fault;
use tandem_machine::{Command, Event, HostInput, Reply};
use tandem_media::{AudioPort, MediaEngine, MediaStats, RtcMedia};
use tandem_model::rows::{LogRow, OutgoingRow, Restored};
use tandem_model::{CallId, Line, Msisdn, Secret, Ticket};
use tandem_store::{Conversation, Opened, PhoneReader, StoreError, ThreadItem};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tracing::info;

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
    away: Away,
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
        let (machine_random, mut key_random) = seeds(config.seed)?;
        let blind_random = key_random.fork();
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
        let opened = database::open(&config, &shared);
        let (host_words, host_heard) = mpsc::channel(config.inputs_max.max(16));
        let (own_words, words) = mpsc::channel(config.inputs_max.max(16));
        let latch = Latch::default();
        let guard_latch = Latch::default();
        let threads = Threads { shared: &shared, words: &own_words, latch: &latch, log: &log };

        let (commits, reader, restored, store_error) = match opened {
            Ok(Opened { store, restored, recovered: _ }) => {
                let reader = store.reader().ok().map(|reader| Arc::new(Mutex::new(reader)));
                (Some(threads.store(store)?), reader, restored, None)
            }
            Err(error) => (None, None, Restored::default(), Some(error)),
        };
        let blinding = threads.blinding(blind_random)?;
        threads.guard(guard_latch.enter())?;
        let (has_key_store, facts) = (ports.keys.is_some(), HostFacts::new(&ports));
        threads.host(ports)?;
        let files = match config.direct_port {
            Some(_) => {
                let beside = || config.database.with_file_name("files");
                Some(threads.files(config.files.clone().unwrap_or_else(beside))?)
            }
            None => None,
        };
        let (away, woken) = away::away();
        threads.spawn("tandem-wake", move || woken.run())?;

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
            config: tandem_machine::Config { direct: config.direct_port.is_some(), ..config.machine },
            random: Box::new(machine_random),
            shared: Arc::clone(&shared),
            clock: Arc::clone(&clock),
            host_words: host_heard,
            words,
            own_words,
            commits,
            blinding,
            keys,
            has_key_store,
            facts,
            wiring: Arc::new(wiring),
            registrar,
            studio: Arc::new(studio),
            latch: latch.clone(),
            faults: Arc::clone(&faults),
            direct_port: config.direct_port,
            files,
        };
        let running = latch.enter();
        let watched = Arc::clone(&shared);
        handle.spawn(async move {
            let ran = tokio::spawn(async move { Runner::new(parts, restored).run().await }).await;
            if ran.is_err() {
                watched.break_down(Fault::Panic);
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
            away,
        })
    }

    /// [`Engine::start`] with what a phone ships: WebRTC media, and plain TCP under the connections' TLS.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start_with_defaults(config: EngineConfig, ports: Ports) -> Result<Engine, StartError> {
        Engine::start(config, ports, Arc::new(RtcMedia::new()), Arc::new(TcpConnector))
    }

    /// Asks for something and waits for the machine's answer, at most [`EngineConfig::answer_within`]. What follows from
    /// it comes as events. A dropped future does not take the command back.
    ///
    /// When the machine is gone, or goes while this waits, a command to call is dialed through the carrier and answered
    /// with [`Reply::CarrierDialed`]; so is one that waited too long. The same call asked for again before the first is
    /// answered is the same wish: one call, and one answer for both.
    ///
    /// # Errors
    /// [`CommandError`].
    pub async fn command(&self, command: Command) -> Result<Reply, CommandError> {
        let answered = self.begin(command)?;
        if self.shared.is_over() {
            // With no machine that gives up on a command, a port that never comes back from dialing keeps nobody waiting. While
            // there is one, its answer must not pass over the runtime, in which it may hang.
            return self.away.waking(self.within(self.answer_within * 2, answered)).await;
        }
        self.away.waking(answered).await.unwrap_or(Err(CommandError::Stopped))
    }

    /// Tells what happened to the phone. Returns at once.
    ///
    /// # Errors
    /// [`NotifyError`]; the input was not taken.
    pub fn notify(&self, input: HostInput) -> Result<(), NotifyError> {
        self.tell(HostWord::Input(input))
    }

    /// Tells that something changed, so that its port is asked again. Returns at once; without the port, nothing happens.
    ///
    /// # Errors
    /// [`NotifyError`]; it was not taken.
    pub fn look_again(&self, changed: Changed) -> Result<(), NotifyError> {
        self.tell(HostWord::Changed(changed))
    }

    /// The answer to [`Contacts::request_page`](crate::ports::Contacts::request_page). Late and double answers are dropped.
    ///
    /// # Errors
    /// [`NotifyError`]; it was not taken.
    pub fn contacts_page(&self, ticket: Ticket, page: Result<ContactsPage, HostError>) -> Result<(), NotifyError> {
        self.tell(HostWord::Page { ticket, page })
    }

    /// Waits until there is an event after number `seen`; false once the engine has stopped and everything was told.
    pub async fn wait_for_events(&self, seen: u64) -> bool {
        self.away.waking(self.shared.events.wait(seen)).await
    }

    /// Events after number `seen`, oldest first, at most `max`, each with its number, as of now. What was given out is given
    /// again until a later call names it as seen, so that an answer lost on its way costs nothing. One consumer, which uses
    /// either this or [`Engine::next_event`].
    #[must_use]
    pub fn events_after(&self, seen: u64, max: usize) -> Vec<(u64, Event)> {
        self.shared.events.after(seen, max)
    }

    /// The next thing the app is told; `None` once the engine has stopped and everything was told. One consumer.
    pub async fn next_event(&self) -> Option<Event> {
        self.away.waking(self.shared.events.next()).await
    }

    /// The state as of now.
    #[must_use]
    pub fn views(&self) -> Views {
        self.shared.views().clone()
    }

    /// A number as a contact or a person wrote it, as marks and texts name it ([`Views::number`]).
    #[must_use]
    pub fn number(&self, line: Option<Line>, raw: &str) -> Option<Msisdn> {
        self.shared.views().number(line, raw)
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

    /// Dials through the carrier past the machine and the database: for a host that must not wait. A command to call the
    /// same that is not answered yet is served by it too.
    ///
    /// # Errors
    /// [`CommandError::CarrierFailed`] when the host's own port did not dial, [`CommandError::Stopped`] when besides the
    /// engine has stopped, [`CommandError::NoAnswer`] when the port did not come back in time.
    pub async fn dial_carrier(&self, line: Option<Line>, digits: &str) -> Result<(), CommandError> {
        let (asker, dialed) = oneshot::channel();
        let dial = Dial { line, digits: Secret::new(digits.to_owned()) };
        self.shared.act_past(self.shared.pending.past(&Wish::Call(dial, Mode::Carrier), asker));
        match self.away.waking(self.within(self.answer_within, dialed)).await {
            Ok(_dialed) => Ok(()),
            Err(CommandError::Stopped) if !self.shared.is_over() => Err(CommandError::CarrierFailed),
            Err(error) => Err(error),
        }
    }

    /// An answer, or that there was none in time. The future needs no clock of its executor's.
    fn within(&self, patience: Duration, answer: oneshot::Receiver<Answer>) -> impl Future<Output = Answer> + use<> {
        let (told, answered) = oneshot::channel();
        self.handle.spawn(async move {
            let answer = match tokio::time::timeout(patience, answer).await {
                Ok(answer) => answer.unwrap_or(Err(CommandError::Stopped)),
                Err(_late) => Err(CommandError::NoAnswer),
            };
            // Whoever no longer waits dropped its future.
            let _gone = told.send(answer);
        });
        async move { answered.await.unwrap_or(Err(CommandError::Stopped)) }
    }

    /// Everybody there are texts with, whoever had the newest first, before a position; at most [`tandem_store::PAGE_MAX`].
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn conversations(&self, before: Option<u64>, limit: usize) -> Result<Vec<Conversation>, ReadError> {
        self.read(move |reader| reader.conversations(before, limit)).await
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
        self.shutdown_then(deadline, || ()).await;
    }

    /// [`Engine::shutdown`], and then something more, whether or not anybody still waits for it.
    pub async fn shutdown_then(&self, deadline: Duration, then: impl FnOnce() + Send + 'static) {
        self.shared.end();
        let (done, is_done) = oneshot::channel();
        let ending = self.ending();
        let started = thread::Builder::new().name("tandem-end".to_owned()).spawn(move || {
            ending.finish(deadline);
            then();
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

    /// Tells the app something that did not happen.
    #[cfg(feature = "faults")]
    #[doc(hidden)]
    pub fn tell_app(&self, event: Event) {
        self.shared.events.push(event);
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
            away: self.away.clone(),
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

/// One stream for the machine's choices and one for keys, which never repeats: the same keys twice would be no keys.
fn seeds(replay: Option<[u8; 32]>) -> Result<(SeededRandom, SeededRandom), StartError> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|_| StartError::System)?;
    let mut keys = SeededRandom::from_seed(entropy);
    let machine = replay.map_or_else(|| keys.fork(), SeededRandom::from_seed);
    Ok((machine, keys))
}
