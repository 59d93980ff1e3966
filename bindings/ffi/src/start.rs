//! A core on its way up.

use crate::config::CoreConfig;
use crate::core::Core;
use crate::errors::TandemError;
use crate::port_adapters::HeldPorts;
use crate::ports::Ports;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tandem_engine::{Engine, EngineConfig};
use tokio::sync::watch;

/// A start under way: made at once, waited for, and then exchanged for the core.
///
/// Three steps and not one future that gives a core: an answer that is ready when its future is cancelled belongs to nobody, and a
/// core that belongs to nobody would run for ever. A start that is given up, or freed before its core was taken, ends the core
/// with it.
#[derive(uniffi::Object)]
pub struct Start {
    rise: Arc<Rise>,
}

/// What the thread that starts and whoever waits for it share.
struct Rise {
    stage: Mutex<Stage>,
    is_over: watch::Sender<bool>,
}

enum Stage {
    UnderWay,
    /// Up, or not: for whoever takes it.
    Over(Result<Arc<Core>, TandemError>),
    /// Taken, or given up.
    Gone,
}

#[uniffi::export]
impl Start {
    /// Starts a core and returns at once: opening the database, reading keys and starting threads go on by themselves. A
    /// database that cannot be opened does not keep a core from starting: texts are then refused and the carrier works. Ports are
    /// called from now on, also before there is a core to answer. Throws `BadSetting`, `System`.
    #[uniffi::constructor]
    pub fn new(config: CoreConfig, ports: Ports) -> Result<Arc<Start>, TandemError> {
        let config = EngineConfig::try_from(config)?;
        let rise = Arc::new(Rise { stage: Mutex::new(Stage::UnderWay), is_over: watch::Sender::new(false) });
        let rises = Arc::clone(&rise);
        // Opening a database takes disk time, and reading keys calls the host: neither belongs on a caller's thread.
        let begin = move || {
            let (held, engine_ports) = HeldPorts::adapt(ports);
            let core = Engine::start_with_defaults(config, engine_ports)
                .map(|engine| Arc::new(Core { engine, ports: Arc::new(held) }))
                .map_err(TandemError::from);
            rises.up(core);
        };
        std::thread::Builder::new().name("tandem-start".to_owned()).spawn(begin).map_err(|_| TandemError::System)?;
        Ok(Arc::new(Start { rise }))
    }

    /// Waits until the start is over, whichever way, or was given up.
    pub async fn ready(&self) {
        let mut is_over = self.rise.is_over.subscribe();
        // The sender lives as long as this does.
        let _over = is_over.wait_for(|is_over| *is_over).await;
    }

    /// The core, once: it is the caller's from now on. Throws why there is none: `BadServer`, `BadRoots`, `System`; `Busy` while the
    /// start is under way, `Stale` when it was given up or its core was taken.
    pub fn core(&self) -> Result<Arc<Core>, TandemError> {
        self.rise.take()
    }

    /// Nobody wants the core any more: one that is up ends, one on its way ends as soon as it is up. Has no effect on a core that
    /// was taken.
    pub fn give_up(&self) {
        self.rise.end();
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        self.rise.end();
    }
}

impl Rise {
    fn up(&self, core: Result<Arc<Core>, TandemError>) {
        let mut stage = self.stage();
        let unwanted = match *stage {
            Stage::UnderWay => {
                *stage = Stage::Over(core);
                None
            }
            Stage::Over(_) | Stage::Gone => Some(core),
        };
        drop(stage);
        self.is_over.send_replace(true);
        // A core that ends lets go of ports, which runs the host's code.
        drop(unwanted);
    }

    fn take(&self) -> Result<Arc<Core>, TandemError> {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::Gone) {
            Stage::UnderWay => {
                *stage = Stage::UnderWay;
                Err(TandemError::Busy)
            }
            Stage::Over(Ok(core)) => Ok(core),
            Stage::Over(Err(why)) => {
                *stage = Stage::Over(Err(why));
                Err(why)
            }
            Stage::Gone => Err(TandemError::Stale),
        }
    }

    fn end(&self) {
        let unwanted = std::mem::replace(&mut *self.stage(), Stage::Gone);
        self.is_over.send_replace(true);
        drop(unwanted);
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
