//! The log against a map, at every byte where the power may go, and against files that are not as they were written.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use tandem_model::{Msisdn, ServerMillis};
use tandem_resolver::{Addresses, Epoch, Generation, Held, Id, Kind, Moment, NasKey, Prefix, SessionKey};
use tempfile::TempDir;

#[derive(Debug, Default, PartialEq)]
struct Kept {
    sessions: BTreeMap<Id, Session>,
    reboots: BTreeSet<(NasKey, ServerMillis)>,
}

impl Restored for Kept {
    fn sessions(&mut self, sessions: Vec<Session>) {
        for session in sessions {
            assert_eq!(self.sessions.insert(session.id(), session), None, "each once");
        }
    }

    fn reboots(&mut self, reboots: Vec<Reboot>) {
        self.reboots.extend(reboots.into_iter().map(|reboot| (reboot.nas, reboot.at)));
    }
}

impl Kept {
    fn apply(&mut self, changes: &Changes) {
        self.sessions.extend(changes.sessions.iter().map(|session| (session.id(), *session)));
        for id in &changes.forgotten {
            self.sessions.remove(id);
        }
        self.reboots.extend(changes.reboots.iter().map(|reboot| (reboot.nas, reboot.at)));
        for reboot in &changes.forgotten_reboots {
            self.reboots.remove(&(reboot.nas, reboot.at));
        }
    }
}

fn session(key: u64, turn: i64) -> Session {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&key.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    id[8..].copy_from_slice(&key.to_be_bytes());
    let v4 = Prefix::v4(Ipv4Addr::from(u32::try_from(key).unwrap()));
    let v6 = Prefix::network("2001:db8:7::".parse().unwrap(), 64).unwrap();
    let held = |prefix| Some(Held { prefix, kind: Kind::BehindNat });
    Session {
        key: SessionKey(id),
        nas: NasKey([7; 16]),
        epoch: Epoch::FIRST,
        number: (!key.is_multiple_of(3)).then(|| Msisdn::try_from(999_999_999_999_999 - key).unwrap()),
        start: ServerMillis(turn),
        latest: Moment(turn),
        addresses: Addresses {
            v4: held(v4).filter(|_| key.is_multiple_of(2)),
            v6: held(v6).filter(|_| !key.is_multiple_of(5)),
            delegated: None,
        },
        since: Moment::NEVER,
        until: Moment(turn),
        other: Moment(-1),
        ended: key.is_multiple_of(7).then_some(ServerMillis(-5)),
        last_of_subscriber: key.is_multiple_of(11),
        unclear: key.is_multiple_of(13),
        generation: Generation(u64::MAX - key),
    }
}

/// The changes of a turn: new sessions, old ones again, some forgotten, now and then a restart.
fn changes(turn: u64) -> Changes {
    let own = |n: u64| session(turn * 3 + n, i64::try_from(turn).unwrap());
    let reboot = |turn: u64| Reboot { nas: NasKey([8; 16]), at: ServerMillis(i64::try_from(turn).unwrap()) };
    Changes {
        sessions: vec![own(0), own(1), session(turn * 2, -9)],
        forgotten: if turn > 3 { vec![session(turn - 3, 0).id()] } else { Vec::new() },
        reboots: if turn.is_multiple_of(4) { vec![reboot(turn)] } else { Vec::new() },
        forgotten_reboots: if turn > 8 { vec![reboot(turn - 8)] } else { Vec::new() },
    }
}

fn open(directory: &Path) -> (FeedLog, Kept) {
    let mut kept = Kept::default();
    let log = FeedLog::open(directory, &mut kept).unwrap();
    (log, kept)
}

fn written(directory: &Path, turns: std::ops::Range<u64>) -> Kept {
    let (mut log, mut expected) = open(directory);
    for turn in turns {
        log.keep([&changes(turn)]).unwrap();
        expected.apply(&changes(turn));
    }
    expected
}

fn copied(from: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// Makes every segment small, so that many are turned over.
fn small(log: &mut FeedLog) {
    log.active = log.active.take().map(|active| Active::of_bytes(active, 2_048));
    log.segment_bytes = 2_048;
}

#[cfg(unix)]
#[test]
fn every_file_is_the_servers_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    small(&mut log);
    (0..200).for_each(|turn| log.keep([&changes(turn)]).unwrap());
    drop(log);
    let names = Names::read(directory.path()).unwrap();
    assert!(!names.bases.is_empty() && !names.logs.is_empty(), "{names:?}");
    for file in fs::read_dir(directory.path()).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
}

#[test]
fn what_was_kept_is_given_back_and_goes_on_from_there() {
    let directory = tempfile::tempdir().unwrap();
    assert!(!FeedLog::is_in(directory.path()).unwrap() && !FeedLog::is_in(&directory.path().join("none")).unwrap());
    let expected = written(directory.path(), 0..50);
    assert!(FeedLog::is_in(directory.path()).unwrap());
    assert_eq!(open(directory.path()).1, expected);
    let expected = written(directory.path(), 50..90);
    assert_eq!(open(directory.path()).1, expected);
}

#[test]
fn every_session_reads_as_it_was_written() {
    for key in 0..200 {
        let mut bytes = Vec::new();
        record::put_session(&mut bytes, &session(key, -3));
        assert_eq!(record::session(bytes.first_chunk().unwrap()), Some(session(key, -3)));
        assert_eq!(bytes.len(), record::SESSION);
    }
}

#[test]
fn wherever_the_power_goes_in_a_record_that_record_alone_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let expected = written(directory.path(), 0..5);
    let before = fs::read(files::log(directory.path(), 0)).unwrap();
    let with_last = {
        let (mut log, mut expected) = open(directory.path());
        log.keep([&changes(5)]).unwrap();
        expected.apply(&changes(5));
        expected
    };
    let after = fs::read(files::log(directory.path(), 0)).unwrap();
    let first = before.iter().zip(&after).position(|(a, b)| a != b).unwrap();
    let end = after.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert_ne!(expected, with_last);
    // Bytes reach the disk from the front, from the back, or in pieces.
    for cut in (first..end).step_by(5) {
        let from_front = [&after[..cut], &before[cut..]].concat();
        let from_back = [&before[..cut], &after[cut..end - 1], &before[end - 1..]].concat();
        for bytes in [from_front, from_back] {
            let copy = copied(directory.path());
            fs::write(files::log(copy.path(), 0), bytes).unwrap();
            let (mut log, kept) = open(copy.path());
            assert_eq!(kept, expected, "cut at {cut}");
            // And what comes after it is not lost with it.
            if (cut - first).is_multiple_of(25) {
                log.keep([&changes(6)]).unwrap();
                drop(log);
                let mut expected = Kept::default();
                (0..5).chain([6]).for_each(|turn| expected.apply(&changes(turn)));
                assert_eq!(open(copy.path()).1, expected);
            }
        }
    }
}

#[test]
fn a_byte_that_changed_in_what_was_acknowledged_is_damage_or_nothing_of_it_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let expected = written(directory.path(), 0..6);
    let whole = fs::read(files::log(directory.path(), 0)).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    for at in (0..end - 700).step_by(61) {
        let copy = copied(directory.path());
        let mut bent = whole.clone();
        bent[at] ^= 0x10;
        fs::write(files::log(copy.path(), 0), bent).unwrap();
        let mut kept = Kept::default();
        match FeedLog::open(copy.path(), &mut kept) {
            // What only fills up matters to nobody.
            Ok(_) => assert_eq!(kept, expected, "{at}"),
            Err(error) => assert!(matches!(error, FeedLogError::Damaged(_)), "{at}: {error}"),
        }
    }
}

#[test]
fn segments_are_turned_over_and_merged_and_a_start_reads_the_same_at_any_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Kept::default();
    let mut most = 0;
    for start in 0..6 {
        let (mut log, kept) = open(directory.path());
        assert_eq!(kept, expected);
        small(&mut log);
        for turn in start * 40..start * 40 + 40 {
            log.keep([&changes(turn)]).unwrap();
            expected.apply(&changes(turn));
            if turn.is_multiple_of(9) {
                // As a kill leaves it, whatever is being made beside it.
                let names = Names::read(directory.path()).unwrap();
                most = most.max(names.logs.len());
                if log.merging.is_none() {
                    assert_eq!(open(copied(directory.path()).path()).1, expected, "turn {turn}");
                }
            }
        }
        drop(log);
        let names = Names::read(directory.path()).unwrap();
        assert!(names.bases.len() <= 1 && (start == 0 || !names.bases.is_empty()), "{names:?}");
    }
    assert!(most > 3, "many were turned over");
    assert_eq!(open(directory.path()).1, expected);
}

#[test]
fn what_a_kill_leaves_half_made_is_cleared_away() {
    let directory = tempfile::tempdir().unwrap();
    let expected = written(directory.path(), 0..9);
    fs::write(files::spare(directory.path()), b"half").unwrap();
    fs::write(files::unfinished(directory.path()), b"half").unwrap();
    assert_eq!(open(directory.path()).1, expected);
    assert!(!files::unfinished(directory.path()).exists());
}

#[test]
fn after_a_write_that_failed_the_next_one_opens_a_new_segment_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = written(directory.path(), 0..4);
    let (mut log, _) = open(directory.path());
    // The record reached the disk and was never acknowledged: the caller gives the same changes again.
    log.keep([&changes(4)]).unwrap();
    log.next -= 1;
    log.active = None;
    let mut again = changes(4);
    again.sessions.push(session(1_000, 4));
    log.keep([&again]).unwrap();
    log.keep([&changes(5)]).unwrap();
    drop(log);
    expected.apply(&again);
    expected.apply(&changes(5));
    assert_eq!(Names::read(directory.path()).unwrap().logs.len(), 2);
    assert_eq!(open(directory.path()).1, expected);
}

#[test]
fn commits_that_share_a_sync_are_read_in_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, mut expected) = open(directory.path());
    let forgets = Changes { forgotten: vec![session(1, 0).id()], ..Changes::default() };
    let comes = |turn| Changes { sessions: vec![session(1, turn)], ..Changes::default() };
    for group in [vec![comes(1), forgets.clone(), comes(2)], vec![forgets.clone(), comes(3), forgets.clone()]] {
        log.keep(&group).unwrap();
        group.iter().for_each(|changes| expected.apply(changes));
        assert_eq!(open(copied(directory.path()).path()).1, expected);
    }
    log.keep(&[comes(4), forgets, comes(5)]).unwrap();
    expected.apply(&comes(5));
    drop(log);
    assert_eq!(open(directory.path()).1, expected);
}

#[test]
fn a_directory_that_cannot_be_read_is_not_taken_for_one_without_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("feed");
    fs::write(&file, b"not a directory").unwrap();
    assert!(matches!(FeedLog::is_in(&file), Err(FeedLogError::Io { .. })));
    assert!(matches!(FeedLog::inspect(&file), Err(FeedLogError::Io { .. })));
}

#[test]
fn to_inspect_a_log_says_what_a_start_would_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    FeedLog::inspect(&directory.path().join("none")).unwrap();
    written(directory.path(), 0..20);
    fs::write(files::unfinished(directory.path()), b"half").unwrap();
    FeedLog::inspect(directory.path()).unwrap();
    assert!(files::unfinished(directory.path()).exists());
    let whole = fs::read(files::log(directory.path(), 0)).unwrap();
    let mut bent = whole.clone();
    bent[60] ^= 1;
    for wrong in [bent.as_slice(), b"these are my holiday notes, no log", b"", &whole[..40]] {
        fs::write(files::log(directory.path(), 0), wrong).unwrap();
        let told = FeedLog::inspect(directory.path()).map_err(|error| error.to_string());
        let copy = copied(directory.path());
        let started = FeedLog::open(copy.path(), &mut Kept::default()).map(drop).map_err(|error| error.to_string());
        let elsewhere = copy.path().display().to_string();
        assert_eq!(told, started.map_err(|told| told.replace(&elsewhere, &directory.path().display().to_string())));
        assert_eq!(fs::read(files::log(directory.path(), 0)).unwrap(), wrong);
    }
    fs::write(files::log(directory.path(), 0), &whole).unwrap();
    fs::write(files::base(directory.path(), 0), b"tdmbase2 of another server").unwrap();
    assert!(matches!(FeedLog::inspect(directory.path()), Err(FeedLogError::Damaged(_))));
}

#[test]
fn a_merge_that_cannot_clear_away_what_it_covers_counts_and_the_next_goes_on_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, mut expected) = open(directory.path());
    small(&mut log);
    let mut turns = 0..20_000;
    let mut until_merged = |log: &mut FeedLog| {
        let before = log.base;
        for turn in turns.by_ref() {
            log.segment_bytes = 2_048;
            log.keep([&changes(turn)]).unwrap();
            expected.apply(&changes(turn));
            if log.base != before {
                return;
            }
        }
        panic!("no merge counted");
    };
    until_merged(&mut log);
    // Of all that may be in the way of removing a file, the one that also stops who may do everything.
    let stuck = files::log(directory.path(), 0);
    fs::create_dir(&stuck).unwrap();
    until_merged(&mut log);
    until_merged(&mut log);
    drop(log);
    let names = Names::read(directory.path()).unwrap();
    assert!(stuck.exists() && names.bases.len() == 1, "{names:?}");
    assert_eq!(open(directory.path()).1, expected, "a start passes over it too");
}

#[test]
fn it_takes_over_what_was_kept_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Kept::default();
    (0..30).for_each(|turn| expected.apply(&changes(turn)));
    let all: Vec<Session> = expected.sessions.values().copied().collect();
    let mut pages = all.chunks(7).map(<[Session]>::to_vec);
    let reboots: Vec<Reboot> = expected.reboots.iter().map(|(nas, at)| Reboot { nas: *nas, at: *at }).collect();
    FeedLog::begin(directory.path(), || Ok::<_, FeedLogError>(pages.next()), &reboots).unwrap();
    assert_eq!(open(directory.path()).1, expected);
    let expected = written(directory.path(), 30..40);
    assert_eq!(open(directory.path()).1, expected);
}

#[test]
fn a_segment_that_is_missing_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    small(&mut log);
    (0..12).for_each(|turn| log.keep([&changes(turn)]).unwrap());
    drop(log);
    let names = Names::read(directory.path()).unwrap();
    let before_last = names.logs[names.logs.len() - 2];
    fs::remove_file(files::log(directory.path(), before_last)).unwrap();
    assert!(matches!(FeedLog::open(directory.path(), &mut Kept::default()), Err(FeedLogError::Damaged(_))));
}
