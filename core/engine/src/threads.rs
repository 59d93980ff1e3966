//! The engine's own threads, from their start to their end.

use crate::away::Away;
use crate::config::StartError;
use crate::fault_points::FaultPoints;
use crate::latch::{Latch, Running};
use crate::ports::Ports;
use crate::runner::Word;
use crate::shared::Shared;
use crate::{blinding, files_disk, logging, store_thread};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tandem_crypto::SeededRandom;
use tandem_machine::{FileOrder, Input};
use tandem_store::PhoneStore;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::dispatcher::Dispatch;
use tracing::warn;

/// Everything that must come to an end.
pub(crate) struct Ending {
    pub(crate) shared: Arc<Shared>,
    pub(crate) runtime: Option<Runtime>,
    pub(crate) latch: Latch,
    pub(crate) guard_latch: Latch,
    pub(crate) faults: Arc<FaultPoints>,
    pub(crate) away: Away,
}

impl Ending {
    pub(crate) fn finish(self, deadline: Duration) {
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
        self.away.close();
    }
}

/// The engine's own threads, one for each thing that may block.
pub(crate) struct Threads<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) words: &'a mpsc::Sender<Word>,
    pub(crate) latch: &'a Latch,
    pub(crate) log: &'a Option<Dispatch>,
}

impl Threads<'_> {
    pub(crate) fn store(
        &self,
        store: PhoneStore,
    ) -> Result<std::sync::mpsc::SyncSender<store_thread::Commit>, StartError> {
        let (queue, commits) = store_thread::queue();
        let (words, running) = (self.words.clone(), self.latch.enter());
        self.spawn("tandem-store", move || {
            // The runner is gone: nobody asks any more.
            let answer = |input| drop(words.blocking_send(Word::Input(Input::Store(input))));
            store_thread::run(store, &commits, answer, running);
        })?;
        Ok(queue)
    }

    pub(crate) fn blinding(
        &self,
        random: SeededRandom,
    ) -> Result<std::sync::mpsc::SyncSender<blinding::Order>, StartError> {
        let (queue, orders) = blinding::queue();
        let (words, running) = (self.words.clone(), self.latch.enter());
        self.spawn("tandem-blind", move || {
            let answer = |input| drop(words.blocking_send(Word::Input(Input::Oprf(input))));
            blinding::run(random, &orders, answer, running);
        })?;
        Ok(queue)
    }

    pub(crate) fn files(&self, folder: PathBuf) -> Result<std::sync::mpsc::SyncSender<FileOrder>, StartError> {
        let (queue, orders) = files_disk::queue();
        let (words, running) = (self.words.clone(), self.latch.enter());
        self.spawn("tandem-files", move || {
            let answer = |input| drop(words.blocking_send(Word::Input(Input::File(input))));
            files_disk::run(folder, &orders, answer, running);
        })?;
        Ok(queue)
    }

    pub(crate) fn host(&self, ports: Ports) -> Result<(), StartError> {
        let (words, running) = (self.words.clone(), self.latch.enter());
        let shared = Arc::clone(self.shared);
        self.spawn("tandem-host", move || {
            let answer = |answer| drop(words.blocking_send(Word::Host(answer)));
            shared.host.run(&ports, |id, ok| shared.dialed(id, ok), answer, running);
        })
    }

    pub(crate) fn guard(&self, running: Running) -> Result<(), StartError> {
        let shared = Arc::clone(self.shared);
        self.spawn("tandem-guard", move || {
            let guard = Arc::clone(&shared.guard);
            guard.run(&*shared, running);
        })
    }

    pub(crate) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
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

pub(crate) fn runtime(workers: usize, log: Option<Dispatch>) -> Result<Runtime, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.clamp(1, 2))
        .max_blocking_threads(4)
        .thread_name("tandem")
        .on_thread_start(move || logging::adopt(log.as_ref()))
        .enable_all()
        .build()
        .map_err(|_| StartError::System)
}
