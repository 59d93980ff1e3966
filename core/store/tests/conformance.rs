//! One suite for every implementation of a phone's rows.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use proptest::prelude::*;
use tandem_model::matching::*;
use tandem_model::rows::*;
use tandem_model::*;
use tandem_store::{
    MemoryRows, MemoryText, Opened, Outcome, PhoneStore, RowStore, StoreError, StoreSettings, ThreadText,
};

fn small() -> StoreSettings {
    StoreSettings { ballast_bytes: 4096, ..StoreSettings::default() }
}

fn sqlite() -> (tempfile::TempDir, PhoneStore) {
    let dir = tempfile::tempdir().unwrap();
    let Opened { store, .. } = PhoneStore::open(&dir.path().join("phone.db"), small()).unwrap();
    (dir, store)
}

/// Runs a behaviour on both.
fn on_both(behaviour: impl Fn(&mut dyn RowStore)) {
    behaviour(&mut MemoryRows::new());
    behaviour(&mut sqlite().1);
}

fn done() -> Outcome {
    Outcome::Committed { duplicates: vec![] }
}

fn write(store: &mut dyn RowStore, changes: Vec<Change>) -> Outcome {
    store.apply(&[changes]).pop().unwrap()
}

#[test]
fn a_new_phone_gets_nothing_back() {
    on_both(|store| assert_eq!(store.restore().unwrap(), Restored::default()));
}

#[test]
fn every_kind_of_row_comes_back_as_it_was_written() {
    on_both(|store| {
        let key = || KeyedImsiKey(Secret::new([5; 32]));
        let registrations = vec![
            registration(
                0,
                RegistrationPhase::Registered { epoch: NumberEpoch(u64::MAX), imsi_key: key(), since: WallMillis(12) },
            ),
            registration(
                1,
                RegistrationPhase::Proving {
                    id: RegistrationId([1; 16]),
                    expires_at: ServerMillis(9),
                    imsi_key: key(),
                },
            ),
        ];
        let settings = SettingsRow { standing_choice: StandingChoice::Carrier, read_receipts: false };
        let open_call = log(
            2,
            None,
            vec![
                LogLeg { bearer: Bearer::Data, talked_ms: 192_000, why: None },
                LogLeg { bearer: Bearer::Carrier, talked_ms: 65_000, why: Some(WhyNotData::OwnTooSlow) },
            ],
        );
        let outcome = write(
            store,
            vec![
                Change::PutMeta(meta(7)),
                Change::PutRegistration(registrations[0].clone()),
                Change::PutRegistration(registrations[1].clone()),
                Change::InsertOutgoing(outgoing(6, 1, "hello")),
                Change::InsertIncoming(incoming(4, 2, "hi")),
                Change::MarkRead { from: number(2), ids: vec![incoming(4, 2, "hi").id], receipt: true },
                Change::PutMarks {
                    line: Line(0),
                    generation: MarkGeneration(5),
                    marks: vec![mark(1, 5, true), mark(2, 4, false)],
                },
                Change::PutContacts { added: vec![number(2), number(1)], removed: vec![] },
                Change::Matching(MatchingChange::PutBlocked { added: vec![number(3)], removed: vec![] }),
                Change::PutPreference(PreferenceRow { contact: "c".to_owned(), number: number(1) }),
                Change::PutLog(open_call.clone()),
                Change::PutLog(log(3, Some(CallEnd::HungUp), vec![])),
                Change::PutSettings(settings),
            ],
        );
        assert_eq!(outcome, done());
        assert_eq!(
            store.restore().unwrap(),
            Restored {
                meta: Some(meta(7)),
                registrations,
                open_texts: vec![outgoing(6, 1, "hello")],
                sequences: vec![(number(1), SenderSeq(6))],
                received: vec![(number(2), DeviceEpoch(9), SenderSeq(4))],
                receipts_owed: vec![(number(2), vec![incoming(4, 2, "hi").id])],
                marks: vec![(Line(0), MarkGeneration(5), vec![mark(1, 5, true), mark(2, 4, false)])],
                contacts: vec![number(1), number(2)],
                matching: MatchingRows { blocked: BTreeSet::from([number(3)]), ..MatchingRows::default() },
                preferences: vec![PreferenceRow { contact: "c".to_owned(), number: number(1) }],
                open_logs: vec![open_call],
                settings: Some(settings),
            }
        );
    });
}

#[test]
fn a_retired_key_takes_its_pseudonyms_and_tokens_along_and_stays_known() {
    let (old, new, public) = (MarkKeyId(1), MarkKeyId(u32::MAX), MarkPublicKey([7; 32]));
    let told = |key, kind, byte| MatchingChange::PutTold {
        line: Line(0),
        key,
        told: vec![ToldToken { number: number(2), kind, token: MarkToken([byte; 16]) }],
        untold: vec![],
    };
    let pseudonyms =
        |key, byte| MatchingChange::PutPseudonyms { key, pseudonyms: vec![(number(2), Pseudonym([byte; 32]))] };
    on_both(|store| {
        let changes = [
            MatchingChange::PutKey { key: old, public },
            MatchingChange::PutKey { key: new, public },
            pseudonyms(old, 1),
            pseudonyms(new, 2),
            told(old, ToldKind::Pair, 1),
            told(new, ToldKind::Pair, 2),
            told(new, ToldKind::Blocked, 3),
            MatchingChange::RetireKey(old),
        ];
        assert_eq!(write(store, changes.into_iter().map(Change::Matching).collect()), done());
        assert_eq!(
            store.restore().unwrap().matching,
            MatchingRows {
                keys: BTreeMap::from([(old, public), (new, public)]),
                pseudonyms: BTreeMap::from([(new, BTreeMap::from([(number(2), Pseudonym([2; 32]))]))]),
                told: BTreeMap::from([(
                    (Line(0), new),
                    BTreeMap::from([
                        ((number(2), ToldKind::Pair), MarkToken([2; 16])),
                        ((number(2), ToldKind::Blocked), MarkToken([3; 16])),
                    ])
                )]),
                blocked: BTreeSet::new(),
            }
        );
    });
}

#[test]
fn a_text_that_is_there_already_stays_and_is_named_by_its_position() {
    on_both(|store| {
        write(
            store,
            vec![Change::InsertOutgoing(outgoing(1, 1, "first")), Change::InsertIncoming(incoming(1, 2, "first"))],
        );
        let again = write(
            store,
            vec![
                Change::InsertOutgoing(outgoing(2, 1, "new")),
                Change::InsertOutgoing(outgoing(1, 1, "second")),
                Change::InsertIncoming(incoming(1, 2, "second")),
                Change::InsertIncoming(incoming(1, 3, "another sender")),
            ],
        );
        assert_eq!(again, Outcome::Committed { duplicates: vec![1, 2] });
        let texts = store.restore().unwrap().open_texts;
        assert_eq!(texts, [outgoing(1, 1, "first"), outgoing(2, 1, "new")]);
    });
}

#[test]
fn a_duplicate_within_one_transaction_is_seen_too() {
    on_both(|store| {
        let outcome = write(
            store,
            vec![Change::InsertIncoming(incoming(1, 2, "once")), Change::InsertIncoming(incoming(1, 2, "once"))],
        );
        assert_eq!(outcome, Outcome::Committed { duplicates: vec![1] });
    });
}

#[test]
fn the_first_end_of_a_text_stays_and_only_a_delivered_one_is_read() {
    on_both(|store| {
        let end = |counter, state, read| Change::SetOutgoingStatus {
            id: text_id(counter),
            status: TextStatus::Ended { state, read },
            stored_at: None,
        };
        write(
            store,
            vec![
                Change::InsertOutgoing(outgoing(1, 1, "delivered")),
                Change::InsertOutgoing(outgoing(2, 1, "cancelled")),
                Change::InsertOutgoing(outgoing(3, 1, "open")),
                end(1, TerminalState::Delivered, false),
                end(1, TerminalState::Expired, true),
                end(1, TerminalState::Delivered, true),
                end(2, TerminalState::Cancelled, false),
                end(2, TerminalState::Cancelled, true),
                Change::SetOutgoingStatus {
                    id: text_id(2),
                    status: TextStatus::Pending,
                    stored_at: Some(ServerMillis(4)),
                },
                Change::SetOutgoingStatus {
                    id: text_id(3),
                    status: TextStatus::Stored,
                    stored_at: Some(ServerMillis(5)),
                },
                Change::SetOutgoingStatus { id: text_id(3), status: TextStatus::Stored, stored_at: None },
                end(99, TerminalState::Delivered, false),
            ],
        );
        let open = store.restore().unwrap().open_texts;
        assert_eq!(
            open,
            [OutgoingRow { status: TextStatus::Stored, stored_at: Some(ServerMillis(5)), ..outgoing(3, 1, "open") }]
        );
    });
}

#[test]
fn a_receipt_is_owed_until_the_server_has_it_and_never_again() {
    on_both(|store| {
        let ids = || vec![incoming(1, 2, "x").id, incoming(2, 2, "x").id];
        let read = |receipt| Change::MarkRead { from: number(2), ids: ids(), receipt };
        write(
            store,
            vec![Change::InsertIncoming(incoming(1, 2, "x")), Change::InsertIncoming(incoming(2, 2, "x")), read(false)],
        );
        assert_eq!(store.restore().unwrap().receipts_owed, []);
        write(store, vec![read(true)]);
        assert_eq!(store.restore().unwrap().receipts_owed, [(number(2), ids())]);
        write(store, vec![Change::ReceiptsSent { from: number(2), ids: ids() }]);
        write(store, vec![read(true)]);
        assert_eq!(store.restore().unwrap().receipts_owed, []);
    });
}

#[test]
fn counters_of_one_device_epoch_never_go_back() {
    on_both(|store| {
        write(store, vec![Change::PutMeta(meta(9))]);
        write(store, vec![Change::PutMeta(meta(3))]);
        assert_eq!(store.restore().unwrap().meta, Some(meta(9)));
    });
}

#[test]
fn dropping_a_line_forgets_its_registration_and_marks_and_no_others() {
    on_both(|store| {
        let marks =
            |line| Change::PutMarks { line: Line(line), generation: MarkGeneration(1), marks: vec![mark(1, 1, true)] };
        write(
            store,
            vec![
                Change::PutRegistration(registration(0, RegistrationPhase::Asking)),
                Change::PutRegistration(registration(1, RegistrationPhase::Asking)),
                marks(0),
                marks(1),
                Change::DropRegistration(Line(0)),
                Change::DropMarks(Line(0)),
            ],
        );
        let restored = store.restore().unwrap();
        assert_eq!(restored.registrations, [registration(1, RegistrationPhase::Asking)]);
        assert_eq!(restored.marks, [(Line(1), MarkGeneration(1), vec![mark(1, 1, true)])]);
    });
}

#[test]
fn an_ended_conversation_is_no_longer_open_and_its_legs_are_replaced() {
    let (_dir, mut store) = sqlite();
    let leg = LogLeg { bearer: Bearer::Data, talked_ms: 1, why: None };
    write(&mut store, vec![Change::PutLog(log(1, None, vec![leg; 3]))]);
    let ended = log(1, Some(CallEnd::Carrier), vec![leg]);
    write(&mut store, vec![Change::PutLog(ended.clone())]);
    assert_eq!(store.restore().unwrap().open_logs, []);
    assert_eq!(store.reader().unwrap().log(None, 10).unwrap(), [ended]);
}

#[test]
fn history_is_paged_from_the_newest_in_the_order_it_became_known() {
    let (_dir, mut store) = sqlite();
    write(
        &mut store,
        vec![
            Change::InsertOutgoing(outgoing(1, 5, "one")),
            Change::InsertIncoming(incoming(1, 5, "two")),
            Change::InsertOutgoing(outgoing(2, 6, "another thread")),
            Change::InsertIncoming(incoming(2, 5, "three")),
        ],
    );
    let reader = store.reader().unwrap();
    let words = |before, limit| -> Vec<(u64, String)> {
        reader
            .thread(number(5), before, limit)
            .unwrap()
            .into_iter()
            .map(|item| {
                let body = match item.text {
                    ThreadText::Written(row) => row.body,
                    ThreadText::Received(row) => row.body.unwrap(),
                };
                (item.position, body.as_str().to_owned())
            })
            .collect()
    };
    let newest = words(None, 2);
    assert_eq!(newest[0].1, "three");
    assert_eq!(newest[1].1, "two");
    let older = words(Some(newest[1].0), 2);
    assert_eq!(older.len(), 1);
    assert_eq!(older[0].1, "one");
    assert_eq!(words(None, 0), []);
    assert_eq!(reader.thread(number(7), None, 9).unwrap(), []);
}

#[test]
fn conversations_are_paged_by_their_newest_text_and_count_what_is_unread() {
    let (_dir, mut store) = sqlite();
    let reader = store.reader().unwrap();
    assert_eq!(reader.conversations(None, 9).unwrap(), []);
    write(
        &mut store,
        vec![
            Change::InsertIncoming(incoming(1, 5, "one")),
            Change::InsertOutgoing(outgoing(1, 6, "two")),
            Change::InsertIncoming(incoming(2, 5, "three")),
            Change::InsertOutgoing(outgoing(2, 4, "four")),
        ],
    );
    let heads = |before, limit| -> Vec<(Msisdn, u64, u64)> {
        let page = reader.conversations(before, limit).unwrap();
        page.into_iter().map(|it| (it.peer, it.newest.position, it.unread)).collect()
    };
    let all = heads(None, 9);
    assert_eq!(
        all.iter().map(|head| (head.0, head.2)).collect::<Vec<_>>(),
        [(number(4), 0), (number(5), 2), (number(6), 0)]
    );
    assert_eq!(heads(None, 1), all[..1]);
    assert_eq!(heads(Some(all[0].1), 9), all[1..]);
    assert_eq!(heads(Some(all[2].1), 9), []);
    assert_eq!(heads(None, 0), []);
    assert_eq!(reader.conversations(None, 9).unwrap()[1].newest, reader.thread(number(5), None, 1).unwrap()[0]);
}

#[test]
fn a_database_is_open_once_at_a_time() {
    let (dir, store) = sqlite();
    let path = dir.path().join("phone.db");
    let again = || PhoneStore::open(&path, small());
    assert_eq!(again().err(), Some(StoreError::Locked));
    drop(store);
    assert!(again().is_ok());
}

#[test]
fn a_reader_sees_what_was_committed_since_it_was_opened_and_cannot_write() {
    let (dir, mut store) = sqlite();
    let reader = store.reader().unwrap();
    assert_eq!(reader.contacts().unwrap(), []);
    write(
        &mut store,
        vec![
            Change::PutContacts { added: vec![number(1)], removed: vec![] },
            Change::InsertOutgoing(outgoing(1, 5, "one")),
        ],
    );
    assert_eq!(reader.contacts().unwrap(), [number(1)]);
    assert_eq!(reader.texts_open().unwrap(), [outgoing(1, 5, "one")]);
    drop(dir);
}

#[test]
fn a_crash_takes_what_was_not_synced_and_nothing_else() {
    let mut rows = MemoryRows::new();
    rows.apply(&[vec![Change::InsertOutgoing(outgoing(1, 1, "kept"))]]);
    rows.write(&[Change::InsertOutgoing(outgoing(2, 1, "lost"))]);
    assert_eq!(rows.restore().unwrap().open_texts.len(), 2);
    rows.crash();
    assert_eq!(rows.restore().unwrap().open_texts, [outgoing(1, 1, "kept")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_database_means_what_the_model_means(
        batches in proptest::collection::vec(proptest::collection::vec(any_transaction(), 1..5), 1..8)
    ) {
        let (_dir, mut store) = sqlite();
        let mut model = MemoryRows::new();
        for batch in &batches {
            prop_assert_eq!(store.apply(batch), model.apply(batch));
            prop_assert_eq!(store.restore().unwrap(), model.restore().unwrap());
        }
        let reader = store.reader().unwrap();
        for peer in (0..3).map(number) {
            let read: Vec<_> = reader.thread(peer, None, 500).unwrap();
            let mut modelled: Vec<_> = model.thread(peer).collect();
            modelled.reverse();
            prop_assert_eq!(read.len(), modelled.len());
            for (item, text) in read.iter().zip(modelled) {
                match (&item.text, text) {
                    (ThreadText::Written(a), MemoryText::Written(b)) => prop_assert_eq!(a, b),
                    (ThreadText::Received(a), MemoryText::Received(b)) => prop_assert_eq!(a, b),
                    (a, b) => prop_assert!(false, "{:?} is not {:?}", a, b),
                }
            }
        }
        for conversation in reader.conversations(None, 500).unwrap() {
            let newest = reader.thread(conversation.peer, None, 1).unwrap();
            prop_assert_eq!(&newest[..], &[conversation.newest][..]);
            let unread = model.thread(conversation.peer).filter(|text| matches!(text, MemoryText::Received(row) if !row.read));
            prop_assert_eq!(conversation.unread, unread.count() as u64);
        }
        let there = (0..3).filter(|peer| model.thread(number(*peer)).next().is_some()).count();
        prop_assert_eq!(reader.conversations(None, 500).unwrap().len(), there);
        let logged = reader.log(None, 500).unwrap();
        let mut modelled: Vec<_> = model.log().cloned().collect();
        modelled.reverse();
        prop_assert_eq!(logged, modelled);
    }

    #[test]
    fn a_status_in_the_database_changes_as_the_model_says(
        first in any_status(), next in proptest::collection::vec(any_status(), 1..6)
    ) {
        let (_dir, mut store) = sqlite();
        let row = OutgoingRow { status: first, ..outgoing(1, 1, "x") };
        write(&mut store, vec![Change::InsertOutgoing(row)]);
        let mut expected = first;
        for status in next {
            expected = status_after(expected, status);
            write(&mut store, vec![Change::SetOutgoingStatus { id: text_id(1), status, stored_at: None }]);
        }
        let thread = store.reader().unwrap().thread(number(1), None, 1).unwrap();
        let ThreadText::Written(found) = &thread[0].text else { panic!("mine") };
        prop_assert_eq!(found.status, expected);
    }
}
