//! Every wait of the server in one queue: the earliest deadline is always at hand, and each has a name.

use crate::input::ConnId;
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::{CallId, Mono, Msisdn, Ticket};

/// One wait. Setting it again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A connection must say who it is.
    Hello(ConnId),
    /// A session must be heard.
    Silence(ConnId),
    /// What was sent to a session and not taken is sent again.
    Resend(ConnId),
    /// A phone's train is judged by what came.
    Train(ConnId, Ticket, u32),
    /// A phone's own probe is forgotten.
    OwnProbe(ConnId, Ticket),
    /// The next frame of a paced burst leaves.
    Burst(ConnId, Ticket),
    /// The callee's own train has not begun.
    UpTrain(Ticket),
    /// The server's probe of a callee ends.
    Probe(Ticket),
    /// A stranger gets the one answer.
    Stranger(u64),
    /// A stranger's lookup gets the one answer.
    Lookup(u64),
    /// A verdict no longer opens its call.
    Verdict(CallId, Msisdn),
    /// A ring expires.
    Ring(CallId),
    /// A party of a call has been away for too long.
    Grace(CallId, Msisdn),
    /// The SMS driver has not said what became of an SMS.
    Sms(u64),
    /// The TURN server has not answered.
    Turn(Ticket),
    /// The oldest question to the key holder is given up.
    KeyHolder,
    /// More sessions are told of the keys.
    KeyTelling,
    /// Links that wait are looked at again.
    Links,
    /// Own tokens that are due are looked at again.
    Opens,
    /// Renewed leases are written.
    LeaseFlush,
    /// What ran out is ended.
    Sweep,
    /// The oldest question to the store is given up.
    Store,
    /// A shutdown waits no longer for the store.
    Drain,
}

impl Timer {
    /// What is waited for, in words for a log.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Timer::Hello(_) => "a connection to say who it is",
            Timer::Silence(_) => "a session to be heard",
            Timer::Resend(_) => "a phone to take what it was sent",
            Timer::Train(..) => "the rest of a train",
            Timer::OwnProbe(..) => "the report of a phone's own probe",
            Timer::Burst(..) => "the next frame of a burst",
            Timer::UpTrain(_) => "a callee's own train",
            Timer::Probe(_) => "a callee's report",
            Timer::Stranger(_) => "the answer for strangers",
            Timer::Lookup(_) => "the answer to lookups of strangers",
            Timer::Verdict(..) => "a verdict to be used",
            Timer::Ring(_) => "a ring to be answered",
            Timer::Grace(..) => "a party to come back",
            Timer::Sms(_) => "the SMS driver",
            Timer::Turn(_) => "the TURN server",
            Timer::KeyHolder => "the key holder",
            Timer::KeyTelling => "sessions to tell of keys",
            Timer::Links => "links to look at again",
            Timer::Opens => "own tokens to look at again",
            Timer::LeaseFlush => "leases to write",
            Timer::Sweep => "what runs out",
            Timer::Store => "the store",
            Timer::Drain => "the store before the end",
        }
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Mono, Timer)>,
    at: BTreeMap<Timer, Mono>,
}

impl Timers {
    /// Waits until `at`; a wait of that name that is there already moves.
    pub(crate) fn set(&mut self, timer: Timer, at: Mono) {
        self.clear(timer);
        self.queue.insert((at, timer));
        self.at.insert(timer, at);
    }

    /// Waits until `at` unless a wait of that name is there already.
    pub(crate) fn set_if_idle(&mut self, timer: Timer, at: Mono) {
        if !self.at.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    /// No longer waits.
    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.queue.remove(&(at, timer));
        }
    }

    /// The earliest deadline and what it is for.
    pub(crate) fn next(&self) -> Option<(Mono, &'static str)> {
        self.queue.first().map(|(at, timer)| (*at, timer.reason()))
    }

    /// Takes the earliest wait that is over.
    pub(crate) fn pop_due(&mut self, now: Mono) -> Option<Timer> {
        let (at, timer) = self.queue.first().copied()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_over_at_its_deadline_and_not_before() {
        let mut timers = Timers::default();
        timers.set(Timer::Sweep, Mono(10));
        assert_eq!(timers.pop_due(Mono(9)), None);
        assert_eq!(timers.next(), Some((Mono(10), "what runs out")));
        assert_eq!(timers.pop_due(Mono(10)), Some(Timer::Sweep));
        assert_eq!(timers.next(), None, "it fires once");
    }

    #[test]
    fn setting_a_wait_again_moves_it_and_clearing_forgets_it() {
        let mut timers = Timers::default();
        timers.set(Timer::Sweep, Mono(10));
        timers.set(Timer::Sweep, Mono(20));
        assert_eq!(timers.pop_due(Mono(10)), None);
        timers.set_if_idle(Timer::Sweep, Mono(5));
        assert_eq!(timers.next().map(|(at, _)| at), Some(Mono(20)));
        timers.clear(Timer::Sweep);
        assert_eq!(timers.pop_due(Mono(99)), None);
    }

    #[test]
    fn the_earliest_of_many_comes_first() {
        let mut timers = Timers::default();
        timers.set(Timer::Sms(1), Mono(30));
        timers.set(Timer::Sms(2), Mono(20));
        assert_eq!(timers.pop_due(Mono(30)), Some(Timer::Sms(2)));
        assert_eq!(timers.pop_due(Mono(30)), Some(Timer::Sms(1)));
    }
}
