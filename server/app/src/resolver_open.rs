//! The resolver: its bindings as they were kept, the thread that owns them, and its end.

use crate::clock::Clock;
use crate::config::resolver::Resolver;
use crate::config::values::AddressOrOff;
use crate::detached::Detached;
use crate::event::Event;
use crate::house::size;
use crate::keeping::Keeping;
use crate::keyring::Keyring;
use crate::metrics::Metrics;
use crate::radsec_task::{self, RunningRadsec};
use crate::resolve::Resolving;
use crate::resolver_task::{LOOKUPS, PUSHES, ResolverTask, STREAM_WORDS, Ways};
use crate::server_key;
use crate::start_error::StartError;
use crate::store_open::Keeper;
use crate::store_thread::StoreLink;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tandem_crypto::SeededRandom;
use tandem_model::Random as _;
use tandem_resolver::{Bindings, Intake, Now};
use tandem_server_store::FeedLog;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

/// Reports that may wait in the socket, in bytes, where the system allows it.
const WAITING_BYTES: usize = 4 * 1024 * 1024;

/// Bindings that are restored, and the socket that reports come by.
#[derive(Debug)]
pub struct Opened {
    /// Absent when nobody reports by datagrams.
    pub socket: Option<UdpSocket>,
    intake: Intake,
    log: Option<FeedLog>,
}

/// Restores the bindings and opens the socket that reports come by.
///
/// # Errors
/// [`StartError`]: the address cannot be listened on, or what was kept cannot be read.
pub fn open(section: &Resolver, clock: Clock, keeper: &mut Keeper) -> Result<Opened, StartError> {
    let socket = match section.listen {
        AddressOrOff::At(address) => {
            Some(bind(address).map_err(|why| StartError::Listen { key: "resolver.listen", address, why })?)
        }
        AddressOrOff::Off => None,
    };
    let seed = SeededRandom::from_seed(server_key::random_bytes()?).next_u64();
    let own = section.intake();
    let mut bindings = Bindings::new(own.bindings, seed);
    keeper.restore(&mut bindings)?;
    let now = clock.now();
    bindings.settle(now.server);
    let now = Now { mono: now.mono, server: now.server };
    let intake = Intake::new(own, section.clients(), bindings, now);
    Ok(Opened { socket, intake, log: keeper.take_feed() })
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    let _as_much_as_the_system_allows = socket.set_recv_buffer_size(WAITING_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Gives the bindings a thread of their own. What lookups need of it comes first.
///
/// # Errors
/// The system gives no thread.
pub fn start(
    Opened { socket, intake, log }: Opened,
    radsec: Option<radsec_task::Opened>,
    section: &Resolver,
    clock: Clock,
    store: StoreLink,
    metrics: Arc<Metrics>,
    (detach_after, events): (Duration, mpsc::Sender<Event>),
) -> io::Result<(Resolving, RunningResolver)> {
    let (lookups, asked) = mpsc::channel(LOOKUPS);
    let (pushes, pushed) = mpsc::channel(PUSHES);
    let (words, streams) = mpsc::channel(STREAM_WORDS);
    let radsec = radsec.map(|opened| opened.start(words));
    let ways = Ways { lookups: asked, pushes: pushed, streams };
    let (stop, stopped) = oneshot::channel();
    let whereabouts = intake.bindings().whereabouts();
    let task =
        ResolverTask::new(intake, clock, Keeping { log, store }, metrics).telling(Detached::new(detach_after), events);
    let thread = thread::Builder::new().name("tandem-resolver".to_owned()).spawn(move || {
        let ran = Builder::new_current_thread()
            .enable_all()
            .build()
            .and_then(|runtime| runtime.block_on(task.run(socket, ways, stopped)));
        if let Err(error) = ran {
            error!(kind = ?error.kind(), "what the access network reports is not taken any more");
        }
    })?;
    let resolving = Resolving {
        lookups,
        pushes,
        reporters: Keyring::new(section.reporters.iter().map(|own| (own.key.0.clone(), own.client(), own.budget))),
        askers: Keyring::new(section.api_keys.iter().map(|own| (own.key.0.clone(), own.asker(), own.budget))),
        policy: section.lookup_policy(),
        withheld: Arc::new(section.withheld_numbers()),
        whereabouts,
        agreeing: None,
        batch_max: size(section.batch_max),
    };
    Ok((resolving, RunningResolver { radsec, stop, thread }))
}

/// The thread that owns the bindings.
#[derive(Debug)]
pub struct RunningResolver {
    radsec: Option<RunningRadsec>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl RunningResolver {
    /// Ends it. Nothing that was answered is lost by that.
    pub async fn end(self) {
        if let Some(radsec) = self.radsec {
            radsec.end().await;
        }
        let _ended_before = self.stop.send(());
        let _ended = tokio::task::spawn_blocking(|| self.thread.join()).await;
    }
}
