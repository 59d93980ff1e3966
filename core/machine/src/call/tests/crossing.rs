//! Both call each other at the same moment.

use super::pair::Pair;
use crate::effect::MediaOrder;
use crate::view::CallState;
use tandem_model::CallEnd;

#[test]
fn whoever_dials_first_both_end_in_the_one_call_of_the_lower_id() {
    // Seeds decide the ids; the delays decide whose offer the server and the other phone see first.
    for first in [0, 1] {
        for apart_ms in [0, 1, 5, 15, 21, 25, 30, 41, 60, 61, 80, 90] {
            for one_way_ms in [5, 20, 60] {
                meet(first, apart_ms, one_way_ms);
            }
        }
    }
}

fn meet(first: usize, apart_ms: u64, one_way_ms: u64) {
    let what = format!("first {first}, {apart_ms} ms apart, {one_way_ms} ms to the server");
    let mut pair = Pair::new();
    pair.one_way_ms = one_way_ms;
    let mine = pair.phones[first].call(2 - first as u64);
    pair.run(apart_ms);
    let other = 1 - first;
    let theirs = pair.phones[other].call(2 - other as u64);
    pair.run(3_000);
    if mine == theirs {
        // It rang already: dialing answered it.
        assert_eq!(pair.phones[0].state(mine), CallState::Active, "{what}");
        assert_eq!(pair.phones[1].state(mine), CallState::Active, "{what}");
        return;
    }
    let active: Vec<_> = [mine, theirs]
        .into_iter()
        .filter(|id| {
            pair.phones
                .iter()
                .all(|phone| phone.views().iter().any(|view| view.call == *id) && phone.state(*id) == CallState::Active)
        })
        .collect();
    assert_eq!(active.len(), 1, "{what}: {:?} {:?}", pair.phones[0].views(), pair.phones[1].views());
    let lost = if active[0] == mine { theirs } else { mine };
    for phone in &pair.phones {
        if phone.views().iter().any(|view| view.call == lost) {
            assert_eq!(phone.state(lost), CallState::Ended(CallEnd::Superseded), "{what}");
        }
        assert_eq!(phone.count(&MediaOrder::StartSound), 1, "{what}");
        assert_eq!(phone.prompt(), None, "{what}");
    }
}

#[test]
fn an_attempt_that_only_asks_does_not_make_its_peer_find_the_user_busy() {
    let mut pair = Pair::new();
    pair.verdict = tandem_model::GateVerdict::UseCarrier;
    let asking = pair.phones[1].call(1);
    pair.run(500);
    assert_eq!(pair.phones[1].state(asking), CallState::Asking);
    pair.verdict = tandem_model::GateVerdict::Ok;
    let id = pair.ringing();
    pair.phones[1].accept(id).unwrap();
    assert_eq!(pair.phones[1].state(asking), CallState::Ended(CallEnd::Superseded));
    assert_eq!(pair.phones[1].prompt(), None);
}
