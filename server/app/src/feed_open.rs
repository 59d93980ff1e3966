//! The log of what the access network reported, beside the database.

use crate::store_open::{StoreOpenError, unreadable};
use std::path::Path;
use tandem_resolver::{Bindings, Changes, Reboot, Session};
use tandem_server_store::{FeedLog, Restored, Store, keep_attached};

/// Sessions of subscribers that are read from a database at once.
const PAGE: u32 = 4_096;

struct Into<'a>(&'a mut Bindings);

impl Restored for Into<'_> {
    fn sessions(&mut self, sessions: Vec<Session>) {
        self.0.restore(sessions, []);
    }

    fn reboots(&mut self, reboots: Vec<Reboot>) {
        self.0.restore([], reboots);
    }
}

/// Opens the log, and reads everything that is in it into the bindings. Where there is none yet, it takes over what the
/// database has.
///
/// # Errors
/// [`StoreOpenError`].
pub fn open(directory: &Path, store: &mut dyn Store, bindings: &mut Bindings) -> Result<FeedLog, StoreOpenError> {
    if !FeedLog::is_in(directory)? {
        take_over(directory, store)?;
    }
    Ok(FeedLog::open(directory, &mut Into(bindings))?)
}

/// Reads everything a store has into the bindings.
///
/// # Errors
/// [`StoreOpenError`].
pub fn restore(store: &mut dyn Store, bindings: &mut Bindings) -> Result<(), StoreOpenError> {
    bindings.restore([], store.restarts().map_err(unreadable)?);
    each_page(store, |page| {
        bindings.restore(page, []);
        Ok(())
    })
}

fn take_over(directory: &Path, store: &mut dyn Store) -> Result<(), StoreOpenError> {
    let reboots = store.restarts().map_err(unreadable)?;
    let mut after = None;
    let mut complete = false;
    let mut page = || {
        if complete {
            return Ok::<_, StoreOpenError>(None);
        }
        let page = store.attached_after(after, PAGE).map_err(unreadable)?;
        (after, complete) = (page.items.last().map(Session::id), page.complete);
        Ok(Some(page.items))
    };
    FeedLog::begin(directory, &mut page, &reboots)?;
    // Once they are in the log, nobody may find the old ones after it was moved away.
    let mut ids = Vec::new();
    each_page(store, |page| {
        ids.extend(page.iter().map(Session::id));
        Ok(())
    })?;
    let changes = Changes { forgotten: ids, forgotten_reboots: reboots, ..Changes::default() };
    if changes.is_empty() { Ok(()) } else { keep_attached(store, &changes).map_err(StoreOpenError::Attached) }
}

fn each_page(
    store: &mut dyn Store,
    mut sink: impl FnMut(Vec<Session>) -> Result<(), StoreOpenError>,
) -> Result<(), StoreOpenError> {
    let mut after = None;
    loop {
        let page = store.attached_after(after, PAGE).map_err(unreadable)?;
        after = page.items.last().map(Session::id);
        sink(page.items)?;
        if page.complete {
            return Ok(());
        }
    }
}
