//! The phone's database at the start of an engine.

use crate::config::EngineConfig;
use crate::shared::Shared;
use std::thread;
use std::time::Duration;
use tandem_machine::Event;
use tandem_machine::view::Notice;
use tandem_store::{Opened, PhoneStore, StoreError, StoreSettings};
use tracing::warn;

/// How often a locked database is tried again. SQLite's own wait does not cover an engine that closes the file just now.
const LOCKED_TRIES: u32 = 5;

/// How long between two tries.
const LOCKED_PAUSE: Duration = Duration::from_millis(300);

/// Opens the database and tells the person what became of it.
pub(crate) fn open(config: &EngineConfig, shared: &Shared) -> Result<Opened, StoreError> {
    #[cfg(feature = "faults")]
    let opened = if config.faults.store == Some(crate::faults::StoreFault::Unopenable) {
        Err(StoreError::Io)
    } else {
        open_when_free(config)
    };
    #[cfg(not(feature = "faults"))]
    let opened = open_when_free(config);
    match &opened {
        Ok(Opened { recovered: true, .. }) => {
            warn!("the database was set aside and a new one begins");
            shared.events.push(Event::Notice(Notice::StoreRecovered));
        }
        Ok(_) => {}
        Err(error) => {
            warn!(%error, "running without a database");
            let full = *error == StoreError::Full;
            shared.events.push(Event::Notice(if full { Notice::StorageFull } else { Notice::StoreUnavailable }));
        }
    }
    opened
}

/// An engine that has just ended may still be writing: a locked database is tried again for as long as an ending takes.
fn open_when_free(config: &EngineConfig) -> Result<Opened, StoreError> {
    let mut opened = PhoneStore::open(&config.database, StoreSettings::default());
    for _ in 0..LOCKED_TRIES {
        if !matches!(opened, Err(StoreError::Locked)) {
            break;
        }
        thread::sleep(LOCKED_PAUSE);
        opened = PhoneStore::open(&config.database, StoreSettings::default());
    }
    opened
}
