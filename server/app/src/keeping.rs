//! Where what the access network reports is kept: in the log beside a database, on the thread that asks, or by the store's
//! own.

use crate::store_thread::StoreLink;
use tandem_logic::StoreFault;
use tandem_resolver::Changes;
use tandem_server_store::FeedLog;
use tokio::sync::oneshot;
use tracing::error;

/// The log, where there is one, and the store.
#[derive(Debug)]
pub struct Keeping {
    /// Written before the store is let go of, which holds the directory for this server alone.
    pub log: Option<FeedLog>,
    /// Keeps it where there is no log.
    pub store: StoreLink,
}

/// What became of changes.
#[derive(Debug)]
pub enum Kept {
    /// Whether they are durable.
    Known(bool),
    /// The store says so later.
    Later(oneshot::Receiver<Result<(), StoreFault>>),
}

impl Keeping {
    /// Makes changes durable. Where there is a log that is done when this returns: whoever owns the bindings has nothing to do
    /// before, for every answer waits for it, and no other thread needs to be woken for it.
    pub fn keep(&mut self, changes: Changes) -> Kept {
        let Some(log) = &mut self.log else { return Kept::Later(self.store.keep(changes)) };
        let kept = log.keep([&changes]);
        if let Err(fault) = kept {
            error!(%fault, "what the access network reports cannot be kept; it is tried again");
        }
        Kept::Known(kept.is_ok())
    }
}
