//! What one thread needs to answer lookups by datagram, and the count of what it did.

use crate::clock::Clock;
use crate::lookup_sessions::{Sessions, Standing};
use crate::metrics::{Fate, Metrics};
use crate::resolve::Resolving;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use tandem_logic::ServerNow;
use tandem_model::Msisdn;
use tandem_resolver::datagram::{Ask, Dropped, Header, Numbers, Refusal, Session, SessionId};
use tandem_resolver::lookup::told;
use tandem_resolver::{Policy, Whereabouts};

/// Everything an answer needs.
#[derive(Debug)]
pub struct Desk {
    sessions: Arc<Sessions>,
    whereabouts: Arc<Whereabouts>,
    policy: Policy,
    withheld: Arc<BTreeSet<Msisdn>>,
    clock: Clock,
    metrics: Arc<Metrics>,
    now: ServerNow,
    /// The same instant, for budgets.
    instant: Instant,
    /// The session of the datagram before: most come many at a time.
    last: Option<(SessionId, Arc<Standing>)>,
    answered: usize,
    told: usize,
    untold: usize,
}

impl Desk {
    /// Over the sessions that stand and the bindings as they are.
    pub fn new(sessions: Arc<Sessions>, resolving: &Resolving, clock: Clock, metrics: Arc<Metrics>) -> Desk {
        Desk {
            sessions,
            whereabouts: Arc::clone(&resolving.whereabouts),
            policy: resolving.policy,
            withheld: Arc::clone(&resolving.withheld),
            clock,
            metrics,
            now: clock.now(),
            instant: Instant::now(),
            last: None,
            answered: 0,
            told: 0,
            untold: 0,
        }
    }

    /// Datagrams came: all that came together come now.
    pub fn begin(&mut self) {
        self.now = self.clock.now();
        self.instant = Instant::now();
        self.last = None;
    }

    /// Opens a datagram in its place and writes its answer, if it gets one, behind whatever `out` holds.
    pub fn answer(&mut self, datagram: &mut [u8], out: &mut Vec<u8>) {
        let Some(header) = Header::read(datagram) else { return self.count(Fate::Dropped(Dropped::NoAsk), 1) };
        let Some(standing) = self.standing(header.session) else { return self.count(Fate::UnknownSession, 1) };
        let mut session = standing.session();
        match session.open(&header, datagram, self.now.mono) {
            Ok(ask) => match &ask.numbers {
                Ok(numbers) => self.tell(&standing, &session, &ask, numbers, out),
                Err(_) => {
                    session.refuse(&ask, Refusal::Misshapen, out);
                    self.count(Fate::Misshapen, 1);
                }
            },
            Err(why) => self.count(Fate::Dropped(why), 1),
        }
    }

    /// Counts what a batch came to.
    pub fn finish(&mut self) {
        self.count(Fate::Told, self.answered);
        self.metrics.lookups_told.increment(self.told as u64);
        self.metrics.lookups_untold.increment(self.untold as u64);
        (self.answered, self.told, self.untold) = (0, 0, 0);
    }

    /// Counts so many of one fate.
    pub fn count(&self, fate: Fate, many: usize) {
        self.metrics.lookup.count(fate, many as u64);
    }

    fn standing(&mut self, id: SessionId) -> Option<Arc<Standing>> {
        if let Some((last, standing)) = &self.last
            && *last == id
        {
            return Some(Arc::clone(standing));
        }
        let standing = self.sessions.find(id)?;
        self.last = Some((id, Arc::clone(&standing)));
        Some(standing)
    }

    /// By the same policy and budget as over HTTP.
    fn tell(&mut self, standing: &Standing, session: &Session, ask: &Ask, numbers: &Numbers, out: &mut Vec<u8>) {
        let (holder, asked) = (&standing.holder, numbers.as_slice().len());
        if let Err(wait) = holder.allowance.charge(asked, self.instant) {
            session.refuse(ask, Refusal::Spent { wait }, out);
            self.metrics.lookups_spent.increment(1);
            return self.count(Fate::Spent, 1);
        }
        let mut found = 0_usize;
        session.tell(ask, out, |number| {
            let known = self.whereabouts.find(number, self.now.server);
            let told = told(self.policy, &holder.stands_for, &self.withheld, number, known)?;
            found = found.saturating_add(1);
            Some(told)
        });
        self.answered = self.answered.saturating_add(1);
        self.told = self.told.saturating_add(found);
        self.untold = self.untold.saturating_add(asked.saturating_sub(found));
    }
}
