//! From a configuration to a running server, and from a wish to end to an end that loses nothing.

use crate::clock::Clock;
use crate::config::Config;
use crate::config::values::AddressOrOff;
use crate::event::Event;
use crate::gateway::Gateway;
use crate::listener::{self, Door};
use crate::metrics::Metrics;
use crate::shell::{Ended, Shell};
use crate::sms_bridge::SmsBridge;
use crate::source::TrustedProxies;
use crate::start_error::StartError;
use crate::store_thread::{self, StoreThread};
use crate::turn_bridge::{self, TurnBridge};
use crate::{http, server_key, sms_driver, store_open, tls};
use axum::http::HeaderName;
use axum_server::Handle;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tandem_crypto::{SeededRandom, ServerNotary};
use tandem_logic::Server;
use tandem_model::{Notary as _, Secret};
use tandem_server_store::Store;
use tandem_sms::SmsDriver;
use tandem_turn::TurnServer;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::{error, info, warn};

/// Events that may wait for the shell; then sockets wait.
const EVENTS: usize = 4_096;

/// Folds histograms this often, so that they do not grow while nobody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Added to the longest an answer to a registration may take, for the way to the shell and back.
const ANSWER_SLACK: Duration = Duration::from_secs(2);

/// Added to the silence after which the decisions close a session, before its socket is dropped whatever they say.
const IDLE_SLACK: Duration = Duration::from_secs(30);

/// Where a server can be reached, once it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Phones.
    pub addr: SocketAddr,
    /// `GET /metrics`.
    pub metrics_addr: Option<SocketAddr>,
    /// STUN and TURN.
    pub turn_addr: Option<SocketAddr>,
}

/// A server about to start.
pub struct Launch {
    config: Config,
    sms: Option<Arc<dyn SmsDriver>>,
    store: Option<Box<dyn Store + Send>>,
    started: Option<oneshot::Sender<Started>>,
}

impl Launch {
    /// With a configuration.
    #[must_use]
    pub fn new(config: Config) -> Launch {
        Launch { config, sms: None, store: None, started: None }
    }

    /// Sends texts through this driver, whatever the configuration says.
    #[must_use]
    pub fn sms_driver(mut self, driver: Arc<dyn SmsDriver>) -> Launch {
        self.sms = Some(driver);
        self
    }

    /// Keeps everything in this store, whatever the configuration says.
    #[must_use]
    pub fn store(mut self, store: Box<dyn Store + Send>) -> Launch {
        self.store = Some(store);
        self
    }

    /// Told where the server can be reached, once it can: with port 0, the only way to know.
    #[must_use]
    pub fn on_started(mut self, started: oneshot::Sender<Started>) -> Launch {
        self.started = Some(started);
        self
    }

    /// Runs until `shutdown` resolves; then ends with everything durable that was acknowledged.
    ///
    /// # Errors
    /// [`StartError`] names what cannot hold. Nothing was served then, but for [`StartError::StoreLost`] and
    /// [`StartError::Fault`].
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), StartError> {
        let Launch { config, sms, store, started } = self;
        let house = House::open(config, sms, store).await?;
        house.serve(started, shutdown).await
    }
}

/// Runs a server by its configuration until `shutdown` resolves.
///
/// # Errors
/// As [`Launch::run`].
pub async fn run(config: Config, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), StartError> {
    Launch::new(config).run(shutdown).await
}

/// Everything opened, nothing served yet.
struct House {
    config: Config,
    clock: Clock,
    metrics: Arc<Metrics>,
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    tls: Option<Arc<rustls::ServerConfig>>,
    templates: tandem_sms::verification::Templates,
    driver: Option<Arc<dyn SmsDriver>>,
    turn: Option<(TurnServer, SocketAddr)>,
    notary: ServerNotary,
    random: SeededRandom,
    store: StoreThread,
}

impl House {
    /// Refuses whatever cannot hold before a phone could find out.
    async fn open(
        config: Config,
        sms: Option<Arc<dyn SmsDriver>>,
        store: Option<Box<dyn Store + Send>>,
    ) -> Result<House, StartError> {
        config.check()?;
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let tls = tls::server_config(&config.tls, &config.listen.public_host)?;
        let templates = sms_driver::templates(&config.sms_template)?;
        let prepared = sms_driver::prepare(&config)?;
        let opened = store_open::open(&config.store, store)?;
        let notary = ServerNotary::new(opened.key);
        let turn_secret = Secret::new(notary.digest("tandem/1/turn", &[]).to_vec());
        let turn_config = config.turn_server(turn_secret).map_err(|(key, why)| StartError::Turn { key, why })?;
        let metrics = Arc::new(Metrics::new());
        let listener = listen("listen.address", config.listen.address)?;
        let metrics_listener = match config.metrics.listen {
            AddressOrOff::At(address) => Some(listen("metrics.listen", address)?),
            AddressOrOff::Off => None,
        };
        let turn = match turn_config {
            Some(turn) => Some(start_turn(turn).await?),
            None => None,
        };
        let batch_max = size(config.store.batch_max);
        let store = store_thread::start(opened.keeper, batch_max, size(config.house.store_open_max), Arc::clone(&metrics))
            .map_err(StartError::Thread)?;
        let seed = server_key::random_bytes()?;
        let mut random = SeededRandom::from_seed(seed);
        let driver = match sms {
            Some(given) => Some(given),
            None => prepared.start(tandem_model::Random::next_u64(&mut random))?,
        };
        let clock = Clock::start();
        Ok(House { config, clock, metrics, listener, metrics_listener, tls, templates, driver, turn, notary, random, store })
    }

    async fn serve(
        self,
        started: Option<oneshot::Sender<Started>>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StartError> {
        let (events, event_queue) = mpsc::channel(EVENTS);
        let address = |listener: &TcpListener| listener.local_addr().unwrap_or(self.config.listen.address);
        let told = Started {
            addr: address(&self.listener),
            metrics_addr: self.metrics_listener.as_ref().map(address),
            turn_addr: self.turn.as_ref().map(|(_, address)| *address),
        };
        say_hello(&self.config, &told);

        let sms = SmsBridge::new(self.driver.clone(), self.templates, &self.config, events.clone(), Arc::clone(&self.metrics));
        let relay = self.turn.as_ref().map(|(relay, address)| {
            let own = &self.config.turn;
            (relay.handle(), turn_bridge::urls(&own.public_host, own.public_port, *address, own.tcp))
        });
        let turn = TurnBridge::new(relay, Arc::clone(&self.metrics));
        let decisions =
            Server::new(self.config.logic(), Box::new(self.random), Box::new(self.notary), self.clock.now());
        let StoreThread { link, answers, ended: store_ended } = self.store;
        let close_wait = self.config.listen.close_wait.0;
        let shell = Shell::new(decisions, self.clock, Arc::clone(&self.metrics), link, sms, turn, close_wait);

        let proxies = proxies(&self.config);
        let door = Arc::new(Door::new(
            size(self.config.listen.connections_max),
            size(self.config.listen.connections_per_source_max),
            proxies.clone(),
            Arc::clone(&self.metrics),
        ));
        let (alive, all_gone) = mpsc::channel(1);
        let gateway = gateway(&self.config, self.clock, events, Arc::clone(&self.metrics), proxies, alive);
        let phones_handle = Handle::new();
        let phones = tokio::spawn({
            let (config, handle, tls, listener) = (self.config.clone(), phones_handle.clone(), self.tls, self.listener);
            async move { http::serve_phones(listener, tls, door, gateway, &config, handle).await }
        });
        let (stop_side_tasks, side_tasks_stopped) = watch::channel(false);
        let side_tasks = side_tasks(self.metrics_listener, &self.metrics, &side_tasks_stopped);
        if let Some(started) = started {
            let _nobody_waits = started.send(told);
        }

        let (shutting_down, shutdown_began) = oneshot::channel();
        let shutdown = {
            let handle = phones_handle.clone();
            async move {
                shutdown.await;
                info!("going down: no new connections, everyone is told to come back");
                handle.graceful_shutdown(Some(close_wait));
                let _shell_ended = shutting_down.send(Instant::now());
            }
        };
        let ended = tokio::spawn(shell.run(event_queue, answers, shutdown)).await;

        // A shell that ended by itself gets the same orderly end as one that was asked to.
        phones_handle.graceful_shutdown(Some(close_wait));
        let began = shutdown_began.await.unwrap_or_else(|_| Instant::now());
        let deadline = began + self.config.house.shutdown_wait.0;
        let (driver, relay) = (self.driver.clone(), self.turn);
        let closing = async {
            let mut all_gone = all_gone;
            let _stopped = phones.await;
            let _none = all_gone.recv().await;
            if let Some(driver) = driver {
                driver.shutdown().await;
            }
            drop(relay);
            let _ended = store_ended.await;
        };
        if timeout_at(deadline, closing).await.is_err() {
            warn!("something still hung at the end of house.shutdown_wait; everything acknowledged is durable");
        }
        let _stopped = stop_side_tasks.send(true);
        for task in side_tasks {
            task.abort();
        }
        match ended {
            Ok(Ended::Stopped) => {
                info!("stopped");
                Ok(())
            }
            Ok(Ended::StoreLost) => Err(StartError::StoreLost),
            Err(fault) => {
                error!(panicked = fault.is_panic(), "the shell ended by a defect");
                Err(StartError::Fault)
            }
        }
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::bind(address).map_err(|why| StartError::Listen { key, address, why })
}

async fn start_turn(config: tandem_turn::TurnConfig) -> Result<(TurnServer, SocketAddr), StartError> {
    let address = config.listen;
    let relay = TurnServer::start(config)
        .await
        .map_err(|why| StartError::Listen { key: "turn.listen", address, why: std::io::Error::other(why) })?;
    let listening = relay.address();
    Ok((relay, listening))
}

fn proxies(config: &Config) -> TrustedProxies {
    TrustedProxies {
        networks: config.listen.trusted_proxies.clone(),
        header: HeaderName::from_bytes(config.listen.forwarded_header.as_bytes())
            .unwrap_or(HeaderName::from_static("x-forwarded-for")),
    }
}

fn gateway(
    config: &Config,
    clock: Clock,
    events: mpsc::Sender<Event>,
    metrics: Arc<Metrics>,
    proxies: TrustedProxies,
    alive: mpsc::Sender<()>,
) -> Arc<Gateway> {
    Arc::new(Gateway {
        events,
        clock,
        metrics,
        proxies,
        register_slots: Semaphore::new(size(config.listen.requests_max)),
        body_wait: config.listen.header_wait.0,
        answer_wait: config.registration.sms_wait.0 + config.house.store_wait.0 + ANSWER_SLACK,
        send_queue_frames: size(config.listen.send_queue_frames),
        send_queue_bytes: size(config.listen.send_queue_bytes),
        idle_max: config.session.silence_max.0 + IDLE_SLACK,
        close_wait: config.listen.close_wait.0,
        next_conn: AtomicU64::new(1),
        _alive: alive,
    })
}

fn side_tasks(
    metrics_listener: Option<TcpListener>,
    metrics: &Arc<Metrics>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    let upkeep = Arc::clone(metrics);
    tasks.push(tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            upkeep.upkeep();
        }
    }));
    if let Some(listener) = metrics_listener {
        let (metrics, mut stopped) = (Arc::clone(metrics), stopped.clone());
        tasks.push(tokio::spawn(async move {
            let stop = async move {
                let _sender_gone = stopped.wait_for(|stopped| *stopped).await;
            };
            if let Err(error) = http::serve_metrics(listener, metrics, stop).await {
                warn!(kind = ?error.kind(), "metrics are not served any more");
            }
        }));
    }
    tasks
}

/// What an operator should know at once. No secret, and no number, is among it.
fn say_hello(config: &Config, told: &Started) {
    use crate::config::policy::MarkPolicy;
    use crate::config::sms::DriverKind;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        phones = %told.addr,
        metrics = ?told.metrics_addr,
        turn = ?told.turn_addr,
        tls = !config.tls.certificate.as_os_str().is_empty(),
        store = %config.store.dsn,
        sms = ?config.sms.driver,
        marks = ?config.marks.policy,
        "tandem-server is up"
    );
    if config.sms.driver == DriverKind::None {
        warn!("sms.driver is none: verification texts cannot be sent and registrations are refused");
    }
    if config.tls.certificate.as_os_str().is_empty() && !told.addr.ip().is_loopback() {
        warn!("phones are served without TLS on an address others can reach: put a proxy that has it in front");
    }
    if config.marks.policy == MarkPolicy::Registered {
        warn!("marks.policy is registered: whoever holds a number learns whether it is registered, up to marks.new_numbers");
    }
    if told.metrics_addr.is_some_and(|address| !address.ip().is_loopback()) {
        warn!("metrics are served on an address others may reach");
    }
    if !config.turn.allowed_peers.0.is_empty() {
        warn!("turn.allowed_peers opens special networks to relays");
    }
}

