//! Random histories of an access network, heard in random orders: nobody is ever told a wrong address.

pub mod network;
pub mod reading;

use self::network::{Event, HISTORY, Network, PEOPLE, at, number, shuffled};
use self::reading::plain_reading;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::random::SplitMix64;
use tandem_model::{Msisdn, Random as _};
use tandem_resolver::{Addresses, Bindings, BindingsConfig, Changes, Id, Reboot, Session};

fn told(bindings: &Bindings) -> BTreeMap<Msisdn, Addresses> {
    let held = |person| bindings.find(number(person), at(HISTORY)).map(|binding| binding.addresses);
    (0..PEOPLE).filter_map(|person| Some((number(person), held(person)?))).collect()
}

fn feed(bindings: &mut Bindings, event: &Event) {
    match event {
        Event::Report(report) => bindings.report(report, at(HISTORY + 200)),
        Event::Reboot(reboot) => bindings.reboot(*reboot, at(HISTORY + 200)),
    };
}

/// What a store would hold.
#[derive(Default)]
struct Kept {
    sessions: BTreeMap<Id, Session>,
    reboots: Vec<Reboot>,
}

impl Kept {
    fn keep(&mut self, changes: Changes) {
        self.sessions.extend(changes.sessions.iter().map(|session| (session.id(), *session)));
        self.sessions.retain(|id, _| !changes.forgotten.contains(id));
        self.reboots.extend(changes.reboots);
    }

    fn restored(&self, mut bindings: Bindings) -> Bindings {
        bindings.restore(self.sessions.values().copied(), self.reboots.iter().copied());
        bindings.settle(at(HISTORY + 200));
        bindings
    }
}

/// What a search found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// Answers that were compared.
    pub answers: usize,
    /// Those that are not what all that had come says.
    pub wrong: usize,
    /// Bindings that were not told although all that had come says them.
    pub withheld: usize,
    /// Moments at which two numbers were at one address.
    pub shared: usize,
}

/// Feeds histories in random orders and compares after every event. Now and then the power goes, and everything begins
/// anew from what was kept.
pub fn search(seeds: std::ops::Range<u64>, flapping: bool, reboots: bool) -> Found {
    let mut found = Found::default();
    for seed in seeds {
        let (events, _) = Network::history(seed, flapping, reboots);
        let order = shuffled(&events, &mut SplitMix64(!seed));
        let config = BindingsConfig { silence: Duration::from_secs(80_000), ..BindingsConfig::default() };
        let (mut bindings, mut kept) = (Bindings::new(config, seed), Kept::default());
        let mut power = SplitMix64(seed ^ 0x5EED);
        for (count, event) in order.iter().enumerate() {
            feed(&mut bindings, event);
            kept.keep(bindings.changes(usize::MAX));
            if power.below(16) == 0 {
                bindings = kept.restored(Bindings::new(config, seed));
            }
            let (told, meant) = (told(&bindings), plain_reading(order.get(..=count).unwrap_or_default()));
            found.answers += told.len();
            let wrong = told.iter().filter(|(whose, addresses)| meant.get(whose) != Some(addresses)).count();
            if wrong > 0 && found.wrong == 0 {
                println!("seed {seed}: {wrong} wrong after {count} events");
            }
            found.wrong += wrong;
            found.withheld += meant.keys().filter(|whose| !told.contains_key(whose)).count();
            let mut addresses: Vec<&Addresses> = told.values().collect();
            addresses.sort();
            addresses.dedup();
            found.shared += told.len() - addresses.len();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::network::v4;
    use super::*;

    #[test]
    fn in_any_order_what_is_told_is_what_all_that_came_says() {
        let found = search(0..300, false, false);
        assert_eq!((found.wrong, found.withheld, found.shared), (0, 0, 0), "of {} answers", found.answers);
        assert!(found.answers > 20_000, "{}", found.answers);
    }

    #[test]
    fn with_reboots_and_changing_addresses_nothing_wrong_is_told_and_little_is_withheld() {
        let found = search(1_000..1_300, true, true);
        assert_eq!((found.wrong, found.shared), (0, 0), "of {} answers", found.answers);
        assert!(found.answers > 10_000, "{}", found.answers);
        assert!(found.withheld * 5 < found.answers, "{} of {}", found.withheld, found.answers);
    }

    #[test]
    fn once_everything_came_what_is_told_is_what_is_so() {
        for seed in 0..300 {
            let (events, attached) = Network::history(seed, false, true);
            let mut bindings = Bindings::new(BindingsConfig::default(), 3);
            for event in shuffled(&events, &mut SplitMix64(seed ^ 0xABCD)) {
                feed(&mut bindings, &event);
            }
            for (whose, addresses) in told(&bindings) {
                let there =
                    attached.iter().find(|(person, _)| number(**person) == whose).map(|(_, there)| v4(there.last));
                assert_eq!(there, Some(addresses), "seed {seed}");
            }
        }
    }
}
