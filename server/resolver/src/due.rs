//! When which session is to be looked at.

use crate::sessions::Place;
use std::collections::BTreeMap;
use tandem_model::ServerMillis;

/// Places by instant. Reports are of whole seconds, so that many share one.
#[derive(Debug, Default)]
pub(crate) struct Due(BTreeMap<ServerMillis, Vec<Place>>);

impl Due {
    pub(crate) fn push(&mut self, at: ServerMillis, place: Place) {
        self.0.entry(at).or_default().push(place);
    }

    pub(crate) fn next(&self) -> Option<ServerMillis> {
        self.0.keys().next().copied()
    }

    /// One that is due by now, of the earliest instant.
    pub(crate) fn pop(&mut self, now: ServerMillis) -> Option<(ServerMillis, Place)> {
        let mut first = self.0.first_entry().filter(|first| *first.key() <= now)?;
        let at = *first.key();
        let place = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        place.map(|place| (at, place))
    }
}
