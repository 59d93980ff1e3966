//! What the sessions of a number say together: where it is, nowhere, or that nobody can tell.

use super::Bindings;
use crate::address::Addresses;
use crate::session::{Generation, Session};
use crate::sessions::Place;
use tandem_model::{Msisdn, ServerMillis};

impl Bindings {
    /// Judges every number these sessions may matter to: their own, and those that were given the same addresses.
    pub(super) fn judge_around(&mut self, sessions: &[Session], now: ServerMillis) {
        let mut numbers = Vec::with_capacity(4);
        for session in sessions {
            numbers.extend(session.number);
            for held in session.addresses.each() {
                numbers.extend(self.sessions.against(held.prefix).filter_map(|other| other.number));
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            self.judge_anew(number, now);
        }
    }

    /// Brings a number's row up to what its sessions say.
    pub(super) fn judge_anew(&mut self, number: Msisdn, now: ServerMillis) {
        let Some(place) = self.judge(number, now) else {
            self.whereabouts.release(number);
            return;
        };
        let Some(session) = self.sessions.get(place).copied() else { return };
        let told = self.sessions.of_number(number).map(|(_, session)| session.generation).max().unwrap_or_default();
        let bound = self.find(number, now);
        let generation = match bound {
            Some(bound) if bound.addresses == session.addresses => bound.generation,
            // What was kept before a restart of this server still stands.
            None if self.settling && session.generation.0 > 0 && session.generation == told => told,
            Some(_) | None => self.next_generation(told, now),
        };
        self.whereabouts.bind(number, session.addresses, generation);
        if session.generation != generation {
            self.sessions.note(place, |session| session.generation = generation);
            self.changed(place, session.id());
        }
    }

    fn next_generation(&self, told: Generation, now: ServerMillis) -> Generation {
        let now = Generation(u64::try_from(now.0).unwrap_or(0));
        now.max(self.floor).max(Generation(told.0.saturating_add(1)))
    }

    /// The session a number is bound by; `None` when it is nowhere, or when nobody can tell.
    fn judge(&self, number: Msisdn, now: ServerMillis) -> Option<Place> {
        let own = || self.sessions.of_number(number).map(|(_, session)| session);
        let left = own().filter(|session| session.last_of_subscriber).filter_map(|session| session.ended).max();
        let goes_on = |session: &Session| {
            session.ended.is_none()
                && left.is_none_or(|left| session.start > left)
                && !self.is_silent(session, now)
                && self.is_current(session)
        };
        let start = own().map(|session| session.start).max()?;
        if own().any(|session| session.start == start && session.unclear) {
            return None;
        }
        let any_goes_on = own().any(|session| session.start == start && goes_on(session));
        let is_newest = |session: &Session| session.start == start && (!any_goes_on || goes_on(session));
        let newest = || own().filter(|session| is_newest(session));
        let addresses = newest().next()?.addresses;
        if addresses.is_empty() || newest().any(|session| session.addresses != addresses) {
            return None;
        }
        let given = newest().map(|session| session.since.at()).max()?;
        if self.is_given_to_another(number, &addresses, given) {
            return None;
        }
        // Bearers beside the newest carry on after its end only once they were heard of: a session that was left behind
        // without a goodbye looks the same until then.
        let over = newest().map(|session| self.over_at(session)).max()?;
        let bears = |session: &Session| {
            let heard = is_newest(session) || session.latest.at() > over;
            session.addresses == addresses && !session.unclear && heard && goes_on(session)
        };
        let bearers = self.sessions.of_number(number).filter(|(_, session)| bears(session));
        bearers.max_by_key(|(_, session)| (session.generation, session.id())).map(|(place, _)| place)
    }

    /// Whether anybody else was given one of these later, or in the same second and has not given it back.
    fn is_given_to_another(&self, number: Msisdn, addresses: &Addresses, given: ServerMillis) -> bool {
        addresses.each().flat_map(|held| self.sessions.against(held.prefix)).any(|other| {
            let theirs = other.since.at();
            other.number != Some(number) && (theirs > given || (theirs == given && other.ended.is_none()))
        })
    }
}
