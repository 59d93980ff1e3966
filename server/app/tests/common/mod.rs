//! A scripted phone and a fake SMS network, for tests over real sockets.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "each test file uses its own part of this, and a test's helpers stop it as it stops itself"
)]

pub mod gateway;
pub mod http;
pub mod phone;
pub mod process;
pub mod radius;
pub mod sms;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tandem_server::config::values::{AddressOrOff, Budget, Span};
use tandem_server::{Config, Launch, StartError, Started};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A bound on every wait of a test, so that what never comes fails it. Nothing is judged by how long it took.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what must come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} never came"),
    }
}

/// Everything on free ports of this machine, in a directory of its own.
pub fn config_in(directory: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.listen.address = SocketAddr::from(([127, 0, 0, 1], 0));
    config.metrics.listen = AddressOrOff::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.turn.listen = AddressOrOff::At(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.store.data_dir = directory.to_owned();
    config.registration.per_source = Budget::new(1_000, Span::hours(1));
    config.registration.per_prefix = Budget::new(1_000, Span::hours(1));
    config
}

/// A server in this process.
pub struct TestServer {
    pub at: Started,
    pub sms: Arc<sms::FakeSms>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), StartError>>,
}

impl TestServer {
    pub async fn start(config: Config) -> TestServer {
        TestServer::start_with(config, Arc::new(sms::FakeSms::default())).await
    }

    pub async fn start_with(config: Config, sms: Arc<sms::FakeSms>) -> TestServer {
        let launch = Launch::new(config).sms_driver(Arc::clone(&sms) as _);
        TestServer::launch(launch, sms).await
    }

    /// With the driver its configuration names.
    pub async fn start_by_config(config: Config) -> TestServer {
        TestServer::launch(Launch::new(config), Arc::default()).await
    }

    async fn launch(launch: Launch, sms: Arc<sms::FakeSms>) -> TestServer {
        let (stop, stopped) = oneshot::channel();
        let (started, at) = oneshot::channel();
        let running = tokio::spawn(launch.on_started(started).run(async {
            let _dropped = stopped.await;
        }));
        match within("the start", at).await {
            Ok(at) => TestServer { at, sms, stop: Some(stop), running },
            Err(_never) => panic!("the server does not start: {:?}", running.await),
        }
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) {
        self.ask_to_stop();
        self.ended().await;
    }

    pub fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("it still runs");
        }
    }

    pub async fn ended(self) {
        within("the end", self.running).await.expect("no panic").expect("an orderly end");
    }

    /// The value of one series of a scrape; zero when there is none.
    pub async fn metric(&self, series: &str) -> f64 {
        let scrape = http::get(self.at.metrics_addr.expect("metrics are on"), "/metrics").await;
        let line =
            scrape.text().lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a series has reached a value.
    pub async fn until_metric(&self, series: &str, at_least: f64) {
        within(series, async {
            while self.metric(series).await < at_least {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}
