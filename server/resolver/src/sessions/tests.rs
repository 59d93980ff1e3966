use super::*;
use crate::accounting::SessionKey;
use crate::address::{Held, Kind};
use crate::session::{Epoch, Generation, Moment};
use proptest::prelude::*;
use std::net::IpAddr;

fn session(key: u8, nas: u8, number: u64, addresses: Addresses) -> Session {
    Session {
        key: SessionKey([key; 16]),
        nas: NasKey([nas; 16]),
        epoch: Epoch::FIRST,
        number: Msisdn::try_from(15_551_230_000 + number).ok().filter(|_| number > 0),
        start: ServerMillis(0),
        latest: Moment(0),
        addresses,
        since: Moment(0),
        until: Moment(0),
        other: Moment::NEVER,
        ended: None,
        last_of_subscriber: false,
        unclear: false,
        generation: Generation(0),
    }
}

fn held(text: &str, length: u8) -> Option<Held> {
    let prefix = Prefix::network(text.parse::<IpAddr>().unwrap(), length).unwrap();
    Some(Held { prefix, kind: Kind::Public })
}

const TEXTS: [(&str, u8); 12] = [
    ("10.0.0.1", 32),
    ("10.0.0.2", 32),
    ("10.0.0.0", 24),
    ("2001:db8::", 56),
    ("2001:db8::", 64),
    ("2001:db8:0:7::", 64),
    ("2001:db8::1", 128),
    ("2001:db8:0:100::", 56),
    ("2001:db8::", 48),
    ("::", 64),
    ("::ffff:10.0.0.1", 128),
    ("::ffff:10.0.0.0", 112),
];

fn some(choice: usize) -> Option<Held> {
    TEXTS.get(choice).and_then(|(text, length)| held(text, *length))
}

fn addresses() -> impl Strategy<Value = Addresses> {
    (0_usize..16, 0_usize..16, 0_usize..16).prop_map(|(v4, v6, delegated)| Addresses {
        v4: some(v4),
        v6: some(v6),
        delegated: some(delegated),
    })
}

proptest! {
    #[test]
    fn every_way_to_look_finds_what_a_plain_list_holds(
        steps in prop::collection::vec((0_u8..12, 0_u8..3, 0_u64..4, addresses(), any::<bool>()), 0..60),
        asked in 0_usize..12,
    ) {
        let (mut sessions, mut plain) = (Sessions::new(7), BTreeMap::<Id, Session>::new());
        for (key, nas, number, addresses, leaves) in steps {
            let session = session(key, nas, number, addresses);
            match sessions.find(session.id()) {
                Some(place) if leaves => {
                    sessions.remove(place);
                    plain.remove(&session.id());
                }
                Some(_) | None => {
                    sessions.put(session);
                    plain.insert(session.id(), session);
                }
            }
            prop_assert_eq!(sessions.len(), plain.len());
        }
        let sorted = |mut ids: Vec<Id>| {
            ids.sort();
            ids.dedup();
            ids
        };
        let meant = |wanted: &dyn Fn(&Session) -> bool| {
            plain.values().filter(|own| wanted(own)).map(Session::id).collect::<Vec<Id>>()
        };
        for number in 1..4 {
            let number = Msisdn::try_from(15_551_230_000 + number).unwrap();
            let found = sorted(sessions.of_number(number).map(|(_, own)| own.id()).collect());
            prop_assert_eq!(found, meant(&|own| own.number == Some(number)));
        }
        for nas in 0..3 {
            let places = sessions.of_nas(NasKey([nas; 16]));
            let found = sorted(places.into_iter().map(|place| sessions.get(place).unwrap().id()).collect());
            prop_assert_eq!(found, meant(&|own| own.nas == NasKey([nas; 16])));
        }
        let prefix = some(asked).unwrap().prefix;
        let found = sorted(sessions.against(prefix).map(Session::id).collect());
        let meets = |own: &Session| {
            own.addresses.each().any(|held| prefix.contains(held.prefix) || held.prefix.contains(prefix))
        };
        prop_assert_eq!(found, meant(&meets));
    }
}

#[test]
fn one_is_looked_at_once_at_the_earliest_it_was_to_be_and_never_in_place_of_another() {
    let mut sessions = Sessions::new(7);
    let first = sessions.put(session(1, 1, 1, Addresses::default())).unwrap();
    sessions.look_at(first, ServerMillis(50));
    sessions.look_at(first, ServerMillis(20));
    sessions.look_at(first, ServerMillis(30));
    assert_eq!(sessions.next_due(), Some(ServerMillis(20)));
    assert_eq!(sessions.pop_due(ServerMillis(19)), None);
    assert_eq!(sessions.pop_due(ServerMillis(20)), Some(first));
    assert_eq!(sessions.pop_due(ServerMillis(60)), None, "once");
    sessions.look_at(first, ServerMillis(70));
    sessions.remove(first);
    let second = sessions.put(session(2, 1, 1, Addresses::default())).unwrap();
    assert_eq!(second, first, "the place is used again");
    assert_eq!(sessions.pop_due(ServerMillis(70)), None, "what was in it before is not looked at");
}
