//! What a set of reports says, read at leisure and in order: what the resolver must not contradict, whatever order it hears
//! them in.

use super::network::{Event, PEOPLE, number};
use std::collections::BTreeMap;
use tandem_model::{Msisdn, ServerMillis};
use tandem_resolver::{Addresses, Change, NasKey, Reboot, Report, SessionKey};

/// One session.
struct Read {
    whose: Msisdn,
    start: ServerMillis,
    addresses: Addresses,
    since: ServerMillis,
    latest: ServerMillis,
    stopped: Option<ServerMillis>,
    over: bool,
    /// What it held before, and when it was last said to.
    before: Vec<(Addresses, ServerMillis)>,
}

/// What a plain reading of a set of events says: sessions are told apart by NAS, id and restart, and read in order.
pub fn plain_reading(events: &[Event]) -> BTreeMap<Msisdn, Addresses> {
    let mut reports: Vec<&Report> = events
        .iter()
        .filter_map(|event| if let Event::Report(report) = event { Some(&**report) } else { None })
        .collect();
    reports.sort_by_key(|report| (report.at, report.change));
    reports.dedup();
    let reboots: Vec<&Reboot> =
        events.iter().filter_map(|event| if let Event::Reboot(reboot) = event { Some(reboot) } else { None }).collect();
    let epoch = |report: &Report| {
        reboots.iter().filter(|reboot| reboot.nas == report.nas && reboot.at < report.at).map(|reboot| reboot.at).max()
    };
    let mut sessions: BTreeMap<(NasKey, SessionKey, Option<ServerMillis>), Vec<&Report>> = BTreeMap::new();
    for report in reports {
        sessions.entry((report.nas, report.session, epoch(report))).or_default().push(report);
    }
    let read: Vec<Read> = sessions
        .iter()
        .filter_map(|((nas, _, epoch), reports)| {
            let last = reports.last()?;
            let addresses = last.addresses?;
            let run = reports.iter().rev().take_while(|report| report.addresses == Some(addresses));
            let began = |report: &&Report| {
                let lasted = i64::try_from(report.lasted.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
                report.at.0 - lasted
            };
            let earlier = reports.iter().filter(|report| report.addresses != Some(addresses));
            Some(Read {
                before: earlier.filter_map(|report| Some((report.addresses?, report.at))).collect(),
                whose: last.number?,
                start: ServerMillis(reports.iter().map(began).min()?),
                addresses,
                since: run.last()?.at,
                latest: last.at,
                stopped: reports
                    .iter()
                    .filter(|report| report.change == Change::Stop)
                    .map(|report| report.at)
                    .max()
                    .or_else(|| {
                        reboots
                            .iter()
                            .filter(|r| r.nas == *nas && epoch.is_none_or(|epoch| r.at > epoch))
                            .map(|r| r.at)
                            .min()
                    }),
                over: reports.iter().any(|report| report.change == Change::Stop)
                    || reboots.iter().any(|reboot| reboot.nas == *nas && epoch.is_none_or(|epoch| reboot.at > epoch)),
            })
        })
        .collect();
    let mut bound = BTreeMap::new();
    for person in 0..PEOPLE {
        let own = || read.iter().filter(|session| session.whose == number(person));
        let Some(newest) = own().max_by_key(|session| session.start) else { continue };
        let carried = own().any(|other| {
            let heard = newest.stopped.is_some_and(|stopped| other.latest > stopped);
            !other.over && other.addresses == newest.addresses && heard
        });
        let lost = read.iter().any(|other| {
            let now = other.addresses == newest.addresses && other.since > newest.since;
            let before = other.before.iter().any(|(held, at)| *held == newest.addresses && *at > newest.since);
            other.whose != newest.whose && (now || before)
        });
        if (!newest.over || carried) && !lost {
            bound.insert(newest.whose, newest.addresses);
        }
    }
    bound
}
