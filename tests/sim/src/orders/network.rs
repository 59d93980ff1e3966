//! An access network in seconds: people attach, move, leave and come back, gateways restart, and everything is reported.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;
use tandem_model::random::SplitMix64;
use tandem_model::{Msisdn, Random as _, ServerMillis};
use tandem_resolver::{Addresses, Change, Held, Kind, NasKey, Prefix, Reboot, Report, SessionKey};

/// Subscribers.
pub const PEOPLE: u64 = 4;

/// Seconds that a history takes at most.
pub const HISTORY: i64 = 4_000;

const T0: i64 = 1_800_000_000;

/// A network of two NASes that give out few addresses, and tell the truth about it.
pub struct Network {
    random: SplitMix64,
    flapping: bool,
    events: Vec<Event>,
    /// By person: NAS, session, start, addresses.
    attached: BTreeMap<u64, Attached>,
    next_session: u8,
}

/// A subscriber who is there.
#[derive(Clone, Copy, Debug)]
pub struct Attached {
    nas: u8,
    session: u8,
    since: i64,
    /// The last octet of its address.
    pub last: u8,
}

/// What the resolver hears.
#[derive(Clone, Debug)]
pub enum Event {
    /// A gateway says something of a session.
    Report(Box<Report>),
    /// A gateway lost all of them.
    Reboot(Reboot),
}

impl Network {
    /// What happens in it, and who is where at the end.
    pub fn history(seed: u64, flapping: bool, reboots: bool) -> (Vec<Event>, BTreeMap<u64, Attached>) {
        let mut network = Network {
            random: SplitMix64(seed),
            flapping,
            events: Vec::new(),
            attached: BTreeMap::new(),
            next_session: 1,
        };
        let mut seconds = 0;
        while seconds < HISTORY && network.next_session < 60 {
            // No two events in one second: what a second hides is another test's.
            seconds += 2 + network.below(120);
            network.step(seconds, reboots);
        }
        (network.events, network.attached)
    }

    fn below(&mut self, bound: u64) -> i64 {
        i64::try_from(self.random.below(bound)).unwrap_or(i64::MAX)
    }

    fn step(&mut self, seconds: i64, reboots: bool) {
        let person = self.random.below(PEOPLE);
        match (self.attached.get(&person).copied(), self.random.below(10)) {
            (None, _) => self.attach(person, seconds),
            (Some(there), 0..=2) => self.detach(person, there, seconds),
            // It moves without a goodbye: the old session stays behind at its NAS, which believes in it for a while.
            (Some(there), 3) => {
                self.attach(person, seconds + 1);
                let zombie = self.say(Change::Interim, person, there, seconds);
                self.events.extend(zombie);
            }
            (Some(there), 4) if self.flapping => {
                let last = self.free_address();
                let moved = Attached { last, ..there };
                self.attached.insert(person, moved);
                let said = self.say(Change::Interim, person, moved, seconds);
                self.events.extend(said);
            }
            (Some(there), 5) if reboots => {
                let nas = there.nas;
                self.attached.retain(|_, other| other.nas != nas);
                self.events.push(Event::Reboot(Reboot { nas: NasKey([nas; 16]), at: at(seconds) }));
            }
            (Some(there), _) => {
                let said = self.say(Change::Interim, person, there, seconds);
                self.events.extend(said);
            }
        }
    }

    fn free_address(&mut self) -> u8 {
        loop {
            let last = u8::try_from(self.random.below(6)).unwrap_or(0);
            if self.attached.values().all(|other| other.last != last) {
                return last;
            }
        }
    }

    fn attach(&mut self, person: u64, seconds: i64) {
        let last = self.free_address();
        let nas = 1 + u8::try_from(self.random.below(2)).unwrap_or(0);
        let attached = Attached { nas, session: self.next_session, since: seconds, last };
        self.next_session += 1;
        self.attached.insert(person, attached);
        let said = self.say(Change::Start, person, attached, seconds);
        self.events.extend(said);
    }

    fn detach(&mut self, person: u64, there: Attached, seconds: i64) {
        self.attached.remove(&person);
        let said = self.say(Change::Stop, person, there, seconds);
        self.events.extend(said);
    }

    fn say(&mut self, change: Change, person: u64, there: Attached, seconds: i64) -> Option<Event> {
        let lasted =
            (self.random.below(2) == 0).then(|| Duration::from_secs(u64::try_from(seconds - there.since).unwrap_or(0)));
        Some(Event::Report(Box::new(Report {
            nas: NasKey([there.nas; 16]),
            session: SessionKey([there.session; 16]),
            change,
            at: at(seconds),
            stamped: true,
            lasted,
            number: Some(number(person)),
            imsi: None,
            addresses: Some(v4(there.last)),
            out_of_pool: false,
            last_of_subscriber: false,
        })))
    }
}

/// Every event at least once, some twice, in an order that has nothing to do with theirs.
pub fn shuffled(events: &[Event], random: &mut SplitMix64) -> Vec<Event> {
    let mut order: Vec<Event> = events.to_vec();
    for event in events {
        if random.below(4) == 0 {
            order.push(event.clone());
        }
    }
    for index in (1..order.len()).rev() {
        let other = usize::try_from(random.below(index as u64 + 1)).unwrap_or(0);
        order.swap(index, other);
    }
    order
}

/// A moment of the history, in seconds.
pub fn at(seconds: i64) -> ServerMillis {
    ServerMillis((T0 + seconds) * 1_000)
}

/// A subscriber's number.
pub fn number(person: u64) -> Msisdn {
    Msisdn::try_from(15_551_230_000 + person).unwrap_or_else(|_| unreachable!("a number of eleven digits"))
}

/// A subscriber's address.
pub fn v4(last: u8) -> Addresses {
    let held = Held { prefix: Prefix::v4(Ipv4Addr::new(10, 64, 0, last)), kind: Kind::BehindNat };
    Addresses { v4: Some(held), ..Addresses::default() }
}
