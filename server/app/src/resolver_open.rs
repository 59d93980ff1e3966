//! The resolver: its bindings as they were kept, the task that owns them, and its end.

use crate::clock::Clock;
use crate::config::resolver::Resolver;
use crate::config::values::AddressOrOff;
use crate::detached::Detached;
use crate::event::Event;
use crate::house::size;
use crate::keyring::Keyring;
use crate::metrics::Metrics;
use crate::radsec_task::{self, RunningRadsec};
use crate::resolve::Resolving;
use crate::resolver_task::{LOOKUPS, PUSHES, ResolverTask, STREAM_WORDS, Ways};
use crate::server_key;
use crate::start_error::StartError;
use crate::store_open::Keeper;
use crate::store_thread::StoreLink;
use std::sync::Arc;
use std::time::Duration;
use tandem_crypto::SeededRandom;
use tandem_model::Random as _;
use tandem_resolver::{Bindings, Intake, Now};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Bindings that are restored, and the socket that reports come by.
#[derive(Debug)]
pub struct Opened {
    /// Absent when nobody reports by datagrams.
    pub socket: Option<UdpSocket>,
    intake: Intake,
}

/// Restores the bindings and opens the socket that reports come by.
///
/// # Errors
/// [`StartError`]: the address cannot be listened on, or what was kept cannot be read.
pub async fn open(section: &Resolver, clock: Clock, keeper: &mut Keeper) -> Result<Opened, StartError> {
    let socket = match section.listen {
        AddressOrOff::At(address) => Some(UdpSocket::bind(address).await.map_err(|why| StartError::Listen {
            key: "resolver.listen",
            address,
            why,
        })?),
        AddressOrOff::Off => None,
    };
    let seed = SeededRandom::from_seed(server_key::random_bytes()?).next_u64();
    let own = section.intake();
    let mut bindings = Bindings::new(own.bindings, seed);
    keeper.restore(&mut bindings)?;
    let now = clock.now();
    bindings.settle(now.server);
    let now = Now { mono: now.mono, server: now.server };
    Ok(Opened { socket, intake: Intake::new(own, section.clients(), bindings, now) })
}

/// Gives the bindings a task of their own. What lookups need of it comes first.
pub fn start(
    Opened { socket, intake }: Opened,
    radsec: Option<radsec_task::Opened>,
    section: &Resolver,
    clock: Clock,
    store: StoreLink,
    metrics: Arc<Metrics>,
    (detach_after, events): (Duration, mpsc::Sender<Event>),
) -> (Resolving, RunningResolver) {
    let (lookups, asked) = mpsc::channel(LOOKUPS);
    let (pushes, pushed) = mpsc::channel(PUSHES);
    let (words, streams) = mpsc::channel(STREAM_WORDS);
    let radsec = radsec.map(|opened| opened.start(words));
    let ways = Ways { lookups: asked, pushes: pushed, streams };
    let (stop, stopped) = oneshot::channel();
    let whereabouts = intake.bindings().whereabouts();
    let task = tokio::spawn(
        ResolverTask::new(intake, socket, clock, store, metrics, Detached::new(detach_after), events)
            .run(ways, stopped),
    );
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
    (resolving, RunningResolver { radsec, stop, task })
}

/// The task that owns the bindings.
#[derive(Debug)]
pub struct RunningResolver {
    radsec: Option<RunningRadsec>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl RunningResolver {
    /// Ends it. Nothing that was answered is lost by that.
    pub async fn end(self) {
        if let Some(radsec) = self.radsec {
            radsec.end().await;
        }
        let _ended_before = self.stop.send(());
        let _ended = self.task.await;
    }
}
