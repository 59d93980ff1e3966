//! Sessions of subscribers, and restarts of what reports them.

use super::state::State;
use crate::store::Page;
use std::ops::Bound;
use tandem_resolver::{Changes, Id, Reboot, Session};

impl State {
    pub(crate) fn keep_attached(&mut self, changes: &Changes) {
        self.attached.extend(changes.sessions.iter().map(|session| (session.id(), *session)));
        for id in &changes.forgotten {
            self.attached.remove(id);
        }
        self.restarts.extend(changes.reboots.iter().map(|reboot| (reboot.nas, reboot.at)));
        for reboot in &changes.forgotten_reboots {
            self.restarts.remove(&(reboot.nas, reboot.at));
        }
    }

    pub(crate) fn attached_after(&self, after: Option<Id>, limit: u32) -> Page<Session> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let items: Vec<Session> =
            self.attached.range((from, Bound::Unbounded)).take(limit as usize).map(|(_, session)| *session).collect();
        let complete = items.len() < limit as usize;
        Page { items, complete }
    }

    pub(crate) fn restarts(&self) -> Vec<Reboot> {
        self.restarts.iter().map(|(nas, at)| Reboot { nas: *nas, at: *at }).collect()
    }
}
