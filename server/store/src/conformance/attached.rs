//! Sessions of subscribers.

use super::bench::{Bench, number};
use crate::keep_attached;
use std::net::{Ipv4Addr, Ipv6Addr};
use tandem_model::ServerMillis;
use tandem_resolver::{
    Addresses, Changes, Epoch, Generation, Held, Id, Kind, Moment, NasKey, Prefix, Reboot, Session, SessionKey,
};

fn session(key: u8) -> Session {
    let v6 = Ipv6Addr::new(0xffff, 0xdb8, 0, key.into(), 0, 0, 0, 0);
    let held = |prefix, kind| Some(Held { prefix, kind });
    Session {
        key: SessionKey([key; 16]),
        nas: NasKey([0xFF; 16]),
        epoch: Epoch::FIRST,
        number: Some(number(u64::from(key))),
        start: ServerMillis(1),
        latest: Moment(9),
        addresses: Addresses {
            v4: held(Prefix::v4(Ipv4Addr::new(203, 0, 113, key)), Kind::BehindNat),
            v6: held(Prefix::network(v6.into(), 64).unwrap(), Kind::Public),
            delegated: None,
        },
        since: Moment(5),
        until: Moment(9),
        other: Moment::NEVER,
        ended: None,
        last_of_subscriber: false,
        unclear: false,
        generation: Generation(u64::MAX),
    }
}

/// Everything absent that can be.
fn bare(key: u8) -> Session {
    Session { number: None, addresses: Addresses::default(), ended: Some(ServerMillis(-3)), ..session(key) }
}

fn keep(bench: &mut dyn Bench, changes: &Changes) {
    keep_attached(bench.store(), changes).unwrap();
}

fn sessions(of: &[Session]) -> Changes {
    Changes { sessions: of.to_vec(), ..Changes::default() }
}

fn all(bench: &mut dyn Bench) -> Vec<Session> {
    let page = bench.store().attached_after(None, 100).unwrap();
    assert!(page.complete);
    page.items
}

const fn restart(nas: u8, at: i64) -> Reboot {
    Reboot { nas: NasKey([nas; 16]), at: ServerMillis(at) }
}

/// Bindings are as they were after a restart.
pub fn sessions_are_given_back_as_they_were_kept_after_a_power_cut(bench: &mut dyn Bench) {
    let later = Session { epoch: Epoch(ServerMillis(7)), unclear: true, last_of_subscriber: true, ..session(2) };
    let kept = [bare(1), session(2), later, session(200)];
    keep(bench, &Changes { reboots: vec![restart(1, 5), restart(1, 7)], ..sessions(&kept) });
    bench.power_cut();
    assert_eq!(all(bench), kept);
    assert_eq!(bench.store().restarts().unwrap(), [restart(1, 5), restart(1, 7)]);
}

/// One row for each session.
pub fn a_session_that_is_kept_again_takes_the_place_of_what_it_was(bench: &mut dyn Bench) {
    keep(bench, &Changes { reboots: vec![restart(1, 5)], ..sessions(&[session(1), session(2)]) });
    keep(bench, &Changes { reboots: vec![restart(1, 5)], ..sessions(&[bare(1)]) });
    assert_eq!(all(bench), [bare(1), session(2)]);
    assert_eq!(bench.store().restarts().unwrap(), [restart(1, 5)]);
}

/// What no report can be about any more.
pub fn forgotten_sessions_and_restarts_are_gone(bench: &mut dyn Bench) {
    keep(bench, &Changes { reboots: vec![restart(1, 5), restart(2, 5)], ..sessions(&[session(1), session(2)]) });
    let gone = Changes {
        forgotten: vec![session(1).id(), session(9).id()],
        forgotten_reboots: vec![restart(2, 5), restart(9, 9)],
        ..Changes::default()
    };
    keep(bench, &gone);
    bench.power_cut();
    assert_eq!(all(bench), [session(2)]);
    assert_eq!(bench.store().restarts().unwrap(), [restart(1, 5)]);
}

/// Millions are read a page at a time.
pub fn pages_go_on_behind_the_last_of_the_page_before(bench: &mut dyn Bench) {
    let epochs = [Epoch::FIRST, Epoch(ServerMillis(-4)), Epoch(ServerMillis(4))];
    let kept: Vec<Session> = (1..=5).flat_map(|key| epochs.map(|epoch| Session { epoch, ..session(key) })).collect();
    keep(bench, &sessions(&kept));
    let (mut read, mut after): (Vec<Session>, Option<Id>) = (Vec::new(), None);
    loop {
        let page = bench.store().attached_after(after, 4).unwrap();
        after = page.items.last().map(Session::id);
        read.extend(page.items);
        if page.complete {
            break;
        }
    }
    assert_eq!(read, kept);
}

/// And not given back.
pub fn sessions_that_were_not_committed_are_gone_after_a_power_cut(bench: &mut dyn Bench) {
    keep(bench, &sessions(&[session(1)]));
    bench.store().begin_group().unwrap();
    bench.store().keep_attached(&sessions(&[session(2)])).unwrap();
    bench.power_cut();
    assert_eq!(all(bench), [session(1)]);
}
