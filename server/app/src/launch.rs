//! From a configuration to a running server, and from a wish to end to an end that loses nothing.

use crate::clock::Clock;
use crate::config::Config;
use crate::dns_task::RunningDns;
use crate::dns_zone::Zone;
use crate::event::Event;
use crate::gateway::Gateway;
use crate::greeting::greet;
use crate::house::{House, size};
use crate::http;
use crate::line_budget::LineBudget;
use crate::listener::Door;
use crate::locator::Locator;
use crate::lookup_thread::RunningLookups;
use crate::metrics::Metrics;
use crate::resolve::Resolving;
use crate::resolver_open::{self, RunningResolver};
use crate::shell::{Ended, Shell};
use crate::sms_bridge::SmsBridge;
use crate::source::TrustedProxies;
use crate::start_error::StartError;
use crate::store_thread::StoreThread;
use crate::turn_bridge::{self, TurnBridge};
use axum::http::HeaderName;
use axum_server::Handle;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tandem_logic::Server;
use tandem_server_store::Store;
use tandem_sms::SmsDriver;
use tandem_turn::TurnServer;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
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
    /// RADIUS accounting.
    pub resolver_addr: Option<SocketAddr>,
    /// RADIUS over TLS.
    pub radsec_addr: Option<SocketAddr>,
    /// ENUM, UDP and TCP.
    pub dns_addr: Option<SocketAddr>,
    /// Lookups by datagram.
    pub lookup_addr: Option<SocketAddr>,
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
        serve(house, started, shutdown).await
    }
}

/// Runs a server by its configuration until `shutdown` resolves.
///
/// # Errors
/// As [`Launch::run`].
pub async fn run(config: Config, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), StartError> {
    Launch::new(config).run(shutdown).await
}

async fn serve(
    house: House,
    started: Option<oneshot::Sender<Started>>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let told = house.addresses();
    greet(&house.config, &told);
    let House {
        config,
        clock,
        metrics,
        listener,
        metrics_listener,
        tls,
        templates,
        driver,
        turn,
        notary,
        random,
        store,
        resolver,
        radsec,
        dns,
        lookup,
    } = house;
    let (events, event_queue) = mpsc::channel(EVENTS);
    let close_wait = config.listen.close_wait.0;

    let sms = SmsBridge::new(driver.clone(), templates, &config, events.clone(), Arc::clone(&metrics));
    let relay = turn.as_ref().map(|(relay, address)| {
        let own = &config.turn;
        (relay.handle(), turn_bridge::urls(&own.public_host, own.public_port, *address, own.tcp))
    });
    let turn_bridge = TurnBridge::new(relay, Arc::clone(&metrics));
    let decisions = Server::new(config.logic(), Box::new(random), Box::new(notary), clock.now());
    let StoreThread { link, answers, ended: store_ended } = store;
    let (mut resolving, resolver): (Option<Resolving>, _) = resolver
        .map(|opened| resolver_open::start(opened, radsec, &config.resolver, clock, link.clone(), Arc::clone(&metrics)))
        .unzip();
    let lookups = lookup.zip(resolving.as_mut()).map(|(sockets, resolving)| {
        let (running, agreeing) = sockets.start(&config.lookup, resolving, clock, &metrics);
        resolving.agreeing = Some(agreeing);
        running
    });
    let dns = dns.zip(resolving.as_ref()).and_then(|(sockets, resolving)| {
        let zone = Zone::new(&config.dns, resolving.policy, BTreeSet::clone(&resolving.withheld))?;
        Some(sockets.start(zone, &config.dns, resolving.lookups.clone(), Arc::clone(&metrics)))
    });
    let locator = resolving.as_ref().map(|resolving| Locator {
        whereabouts: Arc::clone(&resolving.whereabouts),
        withheld: Arc::clone(&resolving.withheld),
        clock,
    });
    let shell =
        Shell::new(decisions, clock, Arc::clone(&metrics), link, sms, turn_bridge, close_wait).locating(locator);

    let proxies = proxies(&config);
    let door = Arc::new(Door::new(
        size(config.listen.connections_max),
        size(config.listen.connections_per_source_max),
        proxies.clone(),
        Arc::clone(&metrics),
    ));
    let (alive, all_gone) = mpsc::channel(1);
    let gateway = gateway(&config, clock, events, Arc::clone(&metrics), proxies, resolving, alive);
    let handle = Handle::new();
    let phones = tokio::spawn({
        let (config, handle) = (config.clone(), handle.clone());
        async move { http::serve_phones(listener, tls, door, gateway, &config, handle).await }
    });
    let side_tasks = side_tasks(metrics_listener, &metrics);
    if let Some(started) = started {
        let _nobody_waits = started.send(told);
    }

    let (going_down, shutdown_began) = oneshot::channel();
    let shutdown = {
        let handle = handle.clone();
        async move {
            shutdown.await;
            info!("going down: no new connections, everyone is told to come back");
            handle.graceful_shutdown(Some(close_wait));
            let _shell_ended = going_down.send(Instant::now());
        }
    };
    let ended = tokio::spawn(shell.run(event_queue, answers, shutdown)).await;

    // A shell that ended by itself gets the same orderly end as one that was asked to.
    handle.graceful_shutdown(Some(close_wait));
    let began = shutdown_began.await.unwrap_or_else(|_| Instant::now());
    let relay = turn.map(|(relay, _)| relay);
    let leaving = Leaving { phones, all_gone, driver, relay, dns, lookups, resolver, store_ended };
    if timeout_at(began + config.house.shutdown_wait.0, leaving.finish()).await.is_err() {
        warn!("something still hung at the end of house.shutdown_wait; everything acknowledged is durable");
    }
    side_tasks.iter().for_each(JoinHandle::abort);
    verdict(ended)
}

/// What still runs when the decisions have stopped.
struct Leaving {
    phones: JoinHandle<std::io::Result<()>>,
    all_gone: mpsc::Receiver<()>,
    driver: Option<Arc<dyn SmsDriver>>,
    relay: Option<TurnServer>,
    dns: Option<RunningDns>,
    lookups: Option<RunningLookups>,
    resolver: Option<RunningResolver>,
    store_ended: oneshot::Receiver<()>,
}

impl Leaving {
    /// In order: the listener, every session, the SMS network, the relay, ENUM, lookups, the resolver, the store's thread.
    async fn finish(mut self) {
        let _stopped = self.phones.await;
        let _none = self.all_gone.recv().await;
        if let Some(driver) = self.driver {
            driver.shutdown().await;
        }
        drop(self.relay);
        if let Some(dns) = self.dns {
            dns.end().await;
        }
        if let Some(lookups) = self.lookups {
            lookups.end().await;
        }
        if let Some(resolver) = self.resolver {
            resolver.end().await;
        }
        let _ended = self.store_ended.await;
    }
}

fn verdict(ended: Result<Ended, JoinError>) -> Result<(), StartError> {
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
    resolving: Option<Resolving>,
    alive: mpsc::Sender<()>,
) -> Arc<Gateway> {
    Arc::new(Gateway {
        events,
        clock,
        metrics,
        proxies,
        resolving,
        register_slots: Semaphore::new(size(config.listen.requests_max)),
        body_wait: config.listen.header_wait.0,
        answer_wait: config.registration.sms_wait.0 + config.house.store_wait.0 + ANSWER_SLACK,
        send_queue_frames: size(config.listen.send_queue_frames),
        send_queue_bytes: size(config.listen.send_queue_bytes),
        idle_max: config.session.silence_max.0 + IDLE_SLACK,
        close_wait: config.listen.close_wait.0,
        malformed_lines: LineBudget::default(),
        next_conn: AtomicU64::new(1),
        _alive: alive,
    })
}

fn side_tasks(metrics_listener: Option<TcpListener>, metrics: &Arc<Metrics>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    let upkeep = Arc::clone(metrics);
    tasks.push(tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            upkeep.upkeep();
        }
    }));
    if let Some(listener) = metrics_listener {
        let metrics = Arc::clone(metrics);
        tasks.push(tokio::spawn(async move {
            if let Err(error) = http::serve_metrics(listener, metrics).await {
                warn!(kind = ?error.kind(), "metrics are not served any more");
            }
        }));
    }
    tasks
}
