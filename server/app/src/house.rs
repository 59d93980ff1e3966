//! Everything a server needs, opened and checked before anybody is served.

use crate::clock::Clock;
use crate::config::Config;
use crate::config::values::AddressOrOff;
use crate::dns_task::Sockets;
use crate::key_link::Holder;
use crate::launch::Started;
use crate::listener;
use crate::lookup_thread;
use crate::metrics::Metrics;
use crate::start_error::StartError;
use crate::store_thread::{self, StoreThread};
use crate::{radsec_task, resolver_open, server_key, sms_driver, store_open, tls};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tandem_crypto::{SeededRandom, ServerNotary};
use tandem_model::{Notary as _, Random as _, Secret};
use tandem_server_store::Store;
use tandem_sms::SmsDriver;
use tandem_sms::verification::Templates;
use tandem_turn::TurnServer;
use tokio::net::TcpListener;

/// Everything opened, nothing served yet.
pub struct House {
    pub config: Config,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub listener: TcpListener,
    pub metrics_listener: Option<TcpListener>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub templates: Templates,
    pub driver: Option<Arc<dyn SmsDriver>>,
    pub turn: Option<(TurnServer, SocketAddr)>,
    pub notary: ServerNotary,
    pub random: SeededRandom,
    pub store: StoreThread,
    pub holder: Holder,
    pub resolver: Option<resolver_open::Opened>,
    pub radsec: Option<radsec_task::Opened>,
    pub dns: Option<Sockets>,
    pub lookup: Option<lookup_thread::Sockets>,
}

impl House {
    /// Refuses whatever cannot hold before a phone could find out.
    pub async fn open(
        config: Config,
        sms: Option<Arc<dyn SmsDriver>>,
        store: Option<Box<dyn Store + Send>>,
        program: Option<PathBuf>,
    ) -> Result<House, StartError> {
        config.check()?;
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let tls = tls::server_config(&config.tls, &config.listen.public_host)?;
        let radsec_tls = tls::radsec_config(&config.radsec, config.resolver.certificates())?;
        let templates = sms_driver::templates(&config.sms_template)?;
        let prepared = sms_driver::prepare(&config)?;
        let mut opened = store_open::open(&config.store, store)?;
        let holder_dir = opened.dir.as_ref().map(|dir| dir.join("keyd"));
        let holder = Holder::open(&config.key_holder, holder_dir.as_deref(), program)?;
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
        let clock = Clock::start();
        let resolver = if config.has_resolver() {
            Some(resolver_open::open(&config.resolver, clock, &mut opened.keeper)?)
        } else {
            None
        };
        let radsec = radsec_task::Opened::new(&config.radsec, radsec_tls)?;
        let dns = Sockets::open(&config.dns).await?;
        let lookup = lookup_thread::Sockets::open(&config.lookup)?;
        let batch_max = size(config.store.batch_max);
        let store =
            store_thread::start(opened.keeper, batch_max, size(config.house.store_open_max), Arc::clone(&metrics))
                .map_err(StartError::Thread)?;
        let seed = server_key::random_bytes()?;
        let mut random = SeededRandom::from_seed(seed);
        let driver = match sms {
            Some(given) => Some(given),
            None => prepared.start(random.next_u64())?,
        };
        Ok(House {
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
            holder,
            resolver,
            radsec,
            dns,
            lookup,
        })
    }
}

impl House {
    /// Where it can be reached.
    pub fn addresses(&self) -> Started {
        let address = |listener: &TcpListener| listener.local_addr().unwrap_or(self.config.listen.address);
        Started {
            addr: address(&self.listener),
            metrics_addr: self.metrics_listener.as_ref().map(address),
            turn_addr: self.turn.as_ref().map(|(_, address)| *address),
            radsec_addr: self.radsec.as_ref().and_then(radsec_task::Opened::address),
            dns_addr: self.dns.as_ref().and_then(Sockets::address),
            lookup_addr: self.lookup.as_ref().map(lookup_thread::Sockets::address),
            resolver_addr: self.resolver.as_ref().and_then(|opened| opened.socket.as_ref()?.local_addr().ok()),
        }
    }
}

/// A count as a size.
pub fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::bind(address).map_err(|why| StartError::Listen { key, address, why })
}

async fn start_turn(config: tandem_turn::TurnConfig) -> Result<(TurnServer, SocketAddr), StartError> {
    let address = config.listen;
    let relay = TurnServer::start(config).await.map_err(|why| StartError::Listen {
        key: "turn.listen",
        address,
        why: std::io::Error::other(why),
    })?;
    let listening = relay.address();
    Ok((relay, listening))
}
