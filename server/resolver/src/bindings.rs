//! Which number is where: the sessions that are remembered, judged together.
//!
//! A number is bound to what its newest session holds, and to nothing else: an older one never comes back, even when the
//! newest has ended. It is bound only while a session that holds the same goes on, and while nobody else was given any of
//! it later. Everything follows from which reports came within the window, and nothing from their order: a report again
//! has no second effect, a late Stop ends its own session only, and a Start that is replayed after its Stop begins nothing.
//! Whatever leaves two readings (one second, two claims) is told to nobody until it is clear again: no answer is better
//! than another subscriber's address.
//!
//! Pure: time is an argument, rows are what [`Bindings::changes`] gives.

use crate::accounting::{NasKey, Reboot, Report};
use crate::address::{Addresses, Kind};
use crate::session::{Epoch, Generation, Id, Session};
use crate::sessions::{Place, Sessions};
use crate::whereabouts::Whereabouts;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tandem_model::{Msisdn, ServerMillis};

/// Sessions that are looked at before anything else has its turn.
const DUE_AT_ONCE: usize = 4_096;

/// How long things hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingsConfig {
    /// A session nothing was heard of for this long is over. Default 90 min: three of the usual half hours between Interims.
    pub silence: Duration,
    /// Reports of events longer ago change nothing, and ended sessions are remembered for as long: nothing that was
    /// replayed can begin a session again. Default 24 h. More than [`BindingsConfig::silence`].
    pub window: Duration,
    /// How far a NAS's clock may be ahead of ours. Default 5 min.
    pub ahead: Duration,
    /// Sessions that are remembered at most, ended ones among them. Default 20 million.
    pub sessions_max: usize,
    /// Restarts of NASes that are remembered at most. Default 65,536.
    pub reboots_max: usize,
}

impl Default for BindingsConfig {
    fn default() -> BindingsConfig {
        BindingsConfig {
            silence: Duration::from_secs(90 * 60),
            window: Duration::from_secs(24 * 3_600),
            ahead: Duration::from_secs(5 * 60),
            sessions_max: 20_000_000,
            reboots_max: 65_536,
        }
    }
}

/// Where a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its addresses.
    pub addresses: Addresses,
    /// The best that one of them is good for.
    pub kind: Kind,
    /// Which binding of the number this is.
    pub generation: Generation,
    /// How long it stands.
    pub age: Duration,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It says something new.
    New,
    /// Everything in it was known.
    Known,
    /// It is of too long ago to be told from a replayed one.
    TooOld,
    /// It is of a time that has not come: its NAS's clock is wrong.
    TooEarly,
    /// There is no room. It must not be answered.
    Full,
}

/// What must be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Sessions as they are now.
    pub sessions: Vec<Session>,
    /// Sessions that are forgotten.
    pub forgotten: Vec<Id>,
    /// Restarts that are new.
    pub reboots: Vec<Reboot>,
    /// Restarts that are forgotten.
    pub forgotten_reboots: Vec<Reboot>,
}

impl Changes {
    /// Whether there is nothing to keep.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.forgotten.is_empty()
            && self.reboots.is_empty()
            && self.forgotten_reboots.is_empty()
    }
}

/// All bindings.
#[derive(Debug)]
pub struct Bindings {
    config: BindingsConfig,
    seed: u64,
    sessions: Sessions,
    reboots: BTreeSet<(NasKey, ServerMillis)>,
    whereabouts: Arc<Whereabouts>,
    /// Rows are being restored: what was bound before still stands.
    settling: bool,
    /// In the order they were changed. One that was forgotten and came back may stand twice.
    unsaved: VecDeque<Id>,
    unsaved_reboots: BTreeSet<(NasKey, ServerMillis)>,
    /// No generation of this process is below one that was ever told.
    floor: Generation,
}

impl Bindings {
    /// None yet. The seed makes the table's places unforeseeable.
    #[must_use]
    pub fn new(config: BindingsConfig, seed: u64) -> Bindings {
        Bindings {
            config,
            seed,
            sessions: Sessions::new(seed),
            reboots: BTreeSet::new(),
            whereabouts: Arc::new(Whereabouts::new(seed)),
            settling: false,
            unsaved: VecDeque::new(),
            unsaved_reboots: BTreeSet::new(),
            floor: Generation(0),
        }
    }

    /// Takes rows in that were kept. [`Bindings::settle`] must follow the last of them.
    pub fn restore(&mut self, sessions: impl IntoIterator<Item = Session>, reboots: impl IntoIterator<Item = Reboot>) {
        for session in sessions {
            self.floor = self.floor.max(session.generation);
            if let Some(place) = self.sessions.put(session) {
                let holds = if session.ended.is_some() { self.config.window } else { self.config.silence };
                self.sessions.look_at(place, session.latest.at().after(holds));
            }
        }
        self.reboots.extend(reboots.into_iter().map(|reboot| (reboot.nas, reboot.at)));
    }

    /// Judges every number anew, after the last row is restored.
    pub fn settle(&mut self, now: ServerMillis) {
        self.settling = true;
        self.whereabouts.make_room(self.sessions.len());
        for index in 0..self.sessions.end() {
            let Some(place) = u32::try_from(index).ok().map(Place) else { break };
            let Some(number) = self.sessions.get(place).and_then(|session| session.number) else { continue };
            // A number with several sessions is judged at one of them.
            if self.sessions.of_number(number).next().is_some_and(|(first, _)| first == place) {
                self.judge_anew(number, now);
            }
        }
        self.settling = false;
    }

    /// Where a number is.
    #[must_use]
    pub fn find(&self, number: Msisdn, now: ServerMillis) -> Option<Binding> {
        self.whereabouts.find(number, now)
    }

    /// What lookups on other threads read. It changes as this does.
    #[must_use]
    pub fn whereabouts(&self) -> Arc<Whereabouts> {
        Arc::clone(&self.whereabouts)
    }

    pub(crate) const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many numbers are bound.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.whereabouts.len()
    }

    /// How many sessions are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.sessions.len()
    }

    /// Bytes of the table that lookups read.
    #[must_use]
    pub fn hot_bytes(&self) -> usize {
        self.whereabouts.bytes()
    }

    /// Takes one session's report in.
    pub fn report(&mut self, report: &Report, now: ServerMillis) -> Taken {
        if let Some(refused) = self.out_of_time(report.at, now) {
            return refused;
        }
        let epoch = self.epoch_of(report.nas, report.at);
        let before = self.sessions.find((report.session, epoch)).and_then(|place| self.sessions.get(place)).copied();
        if before.is_none() && self.sessions.len() >= self.config.sessions_max {
            return Taken::Full;
        }
        let mut session = before.unwrap_or_else(|| Session::new(report, epoch));
        let left = session.absorb(report).and_then(|left| self.leave(left));
        if before == Some(session) && left.is_none() {
            return Taken::Known;
        }
        let was_silent = before.is_some_and(|before| self.is_silent(&before, now));
        if self.keep(session, before.is_none() || was_silent).is_none() {
            return Taken::Full;
        }
        if let Some(left) = left {
            self.judge_around(&[left], now);
        }
        match before {
            // A number that is bound stays so when its session goes on; one that is not may be by what was heard.
            Some(before) if before.stands_as(&session) && !was_silent && self.is_bound(&session) => {}
            Some(before) => self.judge_around(&[before, session], now),
            None => self.judge_around(&[session], now),
        }
        Taken::New
    }

    /// A NAS lost all sessions.
    pub fn reboot(&mut self, reboot: Reboot, now: ServerMillis) -> Taken {
        if let Some(refused) = self.out_of_time(reboot.at, now) {
            return refused;
        }
        let key = (reboot.nas, reboot.at);
        if self.reboots.contains(&key) {
            return Taken::Known;
        }
        if self.reboots.len() >= self.config.reboots_max {
            return Taken::Full;
        }
        // What was reported of later belongs to the epoch that this begins.
        let before = self.epoch_of(reboot.nas, reboot.at);
        self.reboots.insert(key);
        self.unsaved_reboots.insert(key);
        let mut touched = Vec::new();
        for place in self.sessions.of_nas(reboot.nas) {
            let Some(session) = self.sessions.get(place).copied() else { continue };
            if session.epoch != before {
                continue;
            }
            touched.push(session);
            if session.latest.at() <= reboot.at {
                continue;
            }
            let carried = session.carried_into(Epoch(reboot.at));
            if session.start > reboot.at {
                self.forget(place);
            }
            self.keep(carried, true);
            touched.push(carried);
        }
        self.judge_around(&touched, now);
        Taken::New
    }

    /// When [`Bindings::handle_due`] has something to do next.
    #[must_use]
    pub fn next_due(&self) -> Option<ServerMillis> {
        self.sessions.next_due()
    }

    /// Ends what was silent for too long, and forgets what no report can be about any more: so much at once, the rest stays
    /// due. Gives how many went silent.
    pub fn handle_due(&mut self, now: ServerMillis) -> usize {
        let mut silent = 0;
        for _ in 0..DUE_AT_ONCE {
            let Some(place) = self.sessions.pop_due(now) else { break };
            let Some(session) = self.sessions.get(place).copied() else { continue };
            let forget_at = session.latest.at().after(self.config.window);
            if forget_at <= now {
                self.forget(place);
                self.judge_around(&[session], now);
                continue;
            }
            let silent_at = session.latest.at().after(self.config.silence);
            if session.ended.is_none() && silent_at > now {
                self.sessions.look_at(place, silent_at);
                continue;
            }
            self.sessions.look_at(place, forget_at);
            if session.ended.is_none() && self.is_current(&session) {
                silent += 1;
                self.judge_around(&[session], now);
            }
        }
        self.forget_reboots(now);
        silent
    }

    /// Everything that was changed since it was last asked, as it is now: at most `max` rows of each kind.
    pub fn changes(&mut self, max: usize) -> Changes {
        let mut changes = Changes::default();
        changes.sessions.reserve(self.unsaved.len().min(max));
        for id in self.unsaved.drain(..self.unsaved.len().min(max)) {
            match self.sessions.find(id) {
                Some(place) => changes.sessions.extend(self.sessions.unmark(place)),
                None => changes.forgotten.push(id),
            }
        }
        for (nas, at) in pop(&mut self.unsaved_reboots, max) {
            let known = self.reboots.contains(&(nas, at));
            let rows = if known { &mut changes.reboots } else { &mut changes.forgotten_reboots };
            rows.push(Reboot { nas, at });
        }
        changes
    }

    /// Whether [`Bindings::changes`] has more to give.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.unsaved.is_empty() || !self.unsaved_reboots.is_empty()
    }

    /// Changes that could not be kept are given again.
    pub fn not_kept(&mut self, changes: &Changes) {
        for id in changes.sessions.iter().map(Session::id).chain(changes.forgotten.iter().copied()) {
            match self.sessions.find(id) {
                Some(place) => self.changed(place, id),
                None => self.unsaved.push_back(id),
            }
        }
        let reboots = changes.reboots.iter().chain(&changes.forgotten_reboots);
        self.unsaved_reboots.extend(reboots.map(|reboot| (reboot.nas, reboot.at)));
    }

    fn out_of_time(&self, at: ServerMillis, now: ServerMillis) -> Option<Taken> {
        if at.after(self.config.window) <= now {
            Some(Taken::TooOld)
        } else if at > now.after(self.config.ahead) {
            Some(Taken::TooEarly)
        } else {
            None
        }
    }

    /// Remembers what a session held and holds no more, if that says anything new.
    fn leave(&mut self, left: Session) -> Option<Session> {
        let known = self.sessions.find(left.id()).and_then(|place| self.sessions.get(place));
        if known.is_some_and(|known| known.until >= left.until) {
            return None;
        }
        let new = known.is_none();
        self.keep(left, new).map(|_| left)
    }

    fn keep(&mut self, session: Session, look: bool) -> Option<Place> {
        let place = self.sessions.put(session)?;
        if look {
            self.sessions.look_at(place, session.latest.at().after(self.config.silence));
        }
        self.changed(place, session.id());
        Some(place)
    }

    fn changed(&mut self, place: Place, id: Id) {
        if self.sessions.mark(place) {
            self.unsaved.push_back(id);
        }
    }

    fn forget(&mut self, place: Place) {
        let Some((session, waits)) = self.sessions.remove(place) else { return };
        if !waits {
            self.unsaved.push_back(session.id());
        }
    }

    /// The last restart before an event. An event of the very instant is the old epoch's.
    fn epoch_of(&self, nas: NasKey, at: ServerMillis) -> Epoch {
        let last = self.reboots.range((nas, ServerMillis(i64::MIN))..(nas, at)).next_back();
        last.map_or(Epoch::FIRST, |(_, at)| Epoch(*at))
    }

    /// Whether no restart of its NAS ended it.
    fn is_current(&self, session: &Session) -> bool {
        self.next_reboot(session).is_none()
    }

    fn next_reboot(&self, session: &Session) -> Option<ServerMillis> {
        let after = ServerMillis(session.epoch.0.0.saturating_add(1));
        self.reboots.range((session.nas, after)..=(session.nas, ServerMillis(i64::MAX))).next().map(|(_, at)| *at)
    }

    /// When it ended, or will have if nothing more is heard of it.
    fn over_at(&self, session: &Session) -> ServerMillis {
        let silent = session.latest.at().after(self.config.silence);
        session.ended.or_else(|| self.next_reboot(session)).unwrap_or(silent)
    }

    fn is_bound(&self, session: &Session) -> bool {
        session.number.is_some_and(|number| self.whereabouts.holds(number))
    }

    fn is_silent(&self, session: &Session, now: ServerMillis) -> bool {
        session.latest.at().after(self.config.silence) <= now
    }

    fn forget_reboots(&mut self, now: ServerMillis) {
        let window = self.config.window;
        let old: Vec<(NasKey, ServerMillis)> = self
            .reboots
            .iter()
            .zip(self.reboots.iter().skip(1))
            // The last of each NAS stays: sessions of its epoch are known by it.
            .filter(|(this, next)| this.0 == next.0 && next.1.after(window) <= now)
            .map(|(this, _)| *this)
            .collect();
        for key in old {
            self.reboots.remove(&key);
            self.unsaved_reboots.insert(key);
        }
    }
}

fn pop<T: Copy + Ord>(from: &mut BTreeSet<T>, max: usize) -> Vec<T> {
    let taken: Vec<T> = from.iter().take(max).copied().collect();
    for item in &taken {
        from.remove(item);
    }
    taken
}

mod judge;

#[cfg(test)]
mod tests;
