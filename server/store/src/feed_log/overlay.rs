//! What segments say beyond a base: for every session they name, what became of it last.

use super::FeedLogError;
use super::base::Base;
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::ServerMillis;
use tandem_resolver::{Changes, Id, NasKey, Reboot, Session};

#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// None when it is forgotten.
    sessions: BTreeMap<Id, Option<Session>>,
    /// False when it is forgotten.
    reboots: BTreeMap<(NasKey, ServerMillis), bool>,
}

impl Overlay {
    pub(super) fn add(&mut self, changes: Changes) {
        self.sessions.extend(changes.sessions.into_iter().map(|session| (session.id(), Some(session))));
        self.sessions.extend(changes.forgotten.into_iter().map(|id| (id, None)));
        self.reboots.extend(changes.reboots.into_iter().map(|reboot| ((reboot.nas, reboot.at), true)));
        self.reboots.extend(changes.forgotten_reboots.into_iter().map(|reboot| ((reboot.nas, reboot.at), false)));
    }

    /// Gives every session once, in the order of their ids, as it is with this over a base; and every restart.
    pub(super) fn merge(
        &self,
        base: Option<&mut Base>,
        sink: &mut dyn FnMut(Session) -> Result<(), FeedLogError>,
    ) -> Result<Vec<Reboot>, FeedLogError> {
        let mut over = self.sessions.iter().peekable();
        let mut reboots = BTreeSet::new();
        if let Some(base) = base {
            while let Some(session) = base.next_session()? {
                let id = session.id();
                while let Some((_, own)) = over.next_if(|(own, _)| **own < id) {
                    own.map_or(Ok(()), &mut *sink)?;
                }
                match over.next_if(|(own, _)| **own == id) {
                    Some((_, own)) => own.map_or(Ok(()), &mut *sink)?,
                    None => sink(session)?,
                }
            }
            reboots.extend(base.reboots()?.into_iter().map(|reboot| (reboot.nas, reboot.at)));
        }
        over.try_for_each(|(_, own)| own.map_or(Ok(()), &mut *sink))?;
        for (reboot, known) in &self.reboots {
            if *known {
                reboots.insert(*reboot);
            } else {
                reboots.remove(reboot);
            }
        }
        Ok(reboots.into_iter().map(|(nas, at)| Reboot { nas, at }).collect())
    }
}
