//! Rows for tests, and changes at random.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part of it")]

use proptest::prelude::*;
use tandem_model::matching::*;
use tandem_model::rows::*;
use tandem_model::vault::KeyHandle;
use tandem_model::*;

pub fn number(n: u64) -> Msisdn {
    Msisdn::try_from(4_915_100_000_000 + n).unwrap()
}

pub fn text_id(counter: u64) -> TextId {
    TextId { device_epoch: DeviceEpoch(u64::MAX - 7), counter }
}

pub fn outgoing(counter: u64, to: u64, words: &str) -> OutgoingRow {
    OutgoingRow {
        id: text_id(counter),
        line: Line(0),
        to: number(to),
        to_epoch: Some(NumberEpoch(3)),
        seq: Some(SenderSeq(counter)),
        body: TextBody::new(words).unwrap(),
        written_at: WallMillis(-5),
        status: TextStatus::Pending,
        stored_at: None,
    }
}

pub fn incoming(counter: u64, from: u64, words: &str) -> IncomingRow {
    IncomingRow {
        line: Line(1),
        from: number(from),
        id: TextId { device_epoch: DeviceEpoch(9), counter },
        seq: Some(SenderSeq(counter)),
        gap_before: 0,
        body: TextBody::new(words),
        bearer: Bearer::Data,
        sent_at: WallMillis(1),
        received_at: WallMillis(2),
        read: false,
    }
}

pub fn meta(next_text: u64) -> MetaRow {
    MetaRow { device_epoch: text_id(0).device_epoch, next_text, next_log: 1 }
}

pub fn registration(line: u8, phase: RegistrationPhase) -> RegistrationRow {
    RegistrationRow {
        line: Line(line),
        number: number(line.into()),
        key: KeyHandle(u64::MAX),
        sealing_key: SealingKeyId(2),
        typed: line == 1,
        imsi: (line == 0).then_some(ImsiToken([6; 32])),
        phase,
    }
}

pub fn mark(n: u64, generation: u64, marked: bool) -> Mark {
    Mark {
        number: number(n),
        generation: MarkGeneration(generation),
        state: if marked {
            MarkState::Marked {
                epoch: NumberEpoch(1),
                device_key: DeviceKey([1; 32]),
                sealing_key: SealingKey { id: SealingKeyId(4), public: [2; 32], signature: Signature([3; 64]) },
                lease_until: ServerMillis(77),
            }
        } else {
            MarkState::Unmarked
        },
    }
}

pub fn log(id: u64, end: Option<CallEnd>, legs: Vec<LogLeg>) -> LogRow {
    LogRow {
        id,
        call: (id.is_multiple_of(2)).then_some(CallId([8; 16])),
        line: Line(0),
        peer: if id.is_multiple_of(3) {
            LogPeer::Dialed(Secret::new("112".to_owned()))
        } else {
            LogPeer::Number(number(id))
        },
        outgoing: true,
        started_at: WallMillis(4),
        legs,
        end,
    }
}

pub const DELIVERED: TextStatus = TextStatus::Ended { state: TerminalState::Delivered, read: false };

/// Any transaction, over few enough keys that they meet.
pub fn any_transaction() -> impl Strategy<Value = Vec<Change>> {
    proptest::collection::vec(any_change(), 1..5)
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..3_u64, 0..9_u64, 0..9_u64).prop_map(|(epoch, next_text, next_log)| Change::PutMeta(MetaRow {
            device_epoch: DeviceEpoch(u64::MAX - 8 + epoch),
            next_text,
            next_log,
        })),
        (0..2_u8, any_phase()).prop_map(|(line, phase)| Change::PutRegistration(registration(line, phase))),
        (0..2_u8).prop_map(|line| Change::DropRegistration(Line(line))),
        (1..12_u64, 0..3_u64, any_status(), proptest::option::of(0..9_u64)).prop_map(|(counter, to, status, seq)| {
            Change::InsertOutgoing(OutgoingRow { status, seq: seq.map(SenderSeq), ..outgoing(counter, to, "words") })
        }),
        (1..12_u64, any_status(), proptest::option::of(0..9_i64)).prop_map(|(counter, status, stored_at)| {
            Change::SetOutgoingStatus { id: text_id(counter), status, stored_at: stored_at.map(ServerMillis) }
        }),
        (1..12_u64, 0..3_u64, 0..2_u64, proptest::option::of(0..9_u64), any::<bool>()).prop_map(
            |(counter, from, epoch, seq, read)| {
                let mut row = incoming(counter, from, "words");
                row.id.device_epoch = DeviceEpoch(epoch.wrapping_sub(1));
                row.seq = seq.map(SenderSeq);
                row.read = read;
                Change::InsertIncoming(row)
            }
        ),
        (0..3_u64, any_ids(), any::<bool>()).prop_map(|(from, ids, receipt)| Change::MarkRead {
            from: number(from),
            ids,
            receipt
        }),
        (0..3_u64, any_ids()).prop_map(|(from, ids)| Change::ReceiptsSent { from: number(from), ids }),
        (0..2_u8, 0..9_u64, proptest::collection::vec((0..5_u64, any::<bool>()), 0..4)).prop_map(
            |(line, generation, marks)| Change::PutMarks {
                line: Line(line),
                generation: MarkGeneration(generation),
                marks: marks.into_iter().map(|(n, marked)| mark(n, generation, marked)).collect(),
            }
        ),
        (0..2_u8).prop_map(|line| Change::DropMarks(Line(line))),
        (proptest::collection::vec(0..6_u64, 0..4), proptest::collection::vec(0..6_u64, 0..4)).prop_map(
            |(added, removed)| Change::PutContacts {
                added: added.into_iter().map(number).collect(),
                removed: removed.into_iter().map(number).collect(),
            }
        ),
        any_matching().prop_map(Change::Matching),
        ("[ab]", 0..4_u64).prop_map(|(contact, n)| Change::PutPreference(PreferenceRow { contact, number: number(n) })),
        (1..6_u64, proptest::option::of(Just(CallEnd::Busy)), 0..3_usize).prop_map(|(id, end, legs)| Change::PutLog(
            log(
                id,
                end,
                vec![LogLeg { bearer: Bearer::Carrier, talked_ms: 9, why: Some(WhyNotData::PeerTooSlow) }; legs]
            )
        )),
        (any::<bool>(), any::<bool>()).prop_map(|(ask, read_receipts)| Change::PutSettings(SettingsRow {
            standing_choice: if ask { StandingChoice::Ask } else { StandingChoice::Carrier },
            read_receipts,
        })),
    ]
}

fn any_matching() -> impl Strategy<Value = MatchingChange> {
    let key = || (1..3_u32).prop_map(MarkKeyId);
    let kind = || proptest::sample::select(vec![ToldKind::Pair, ToldKind::Open, ToldKind::Blocked]);
    let numbers = || proptest::collection::vec((0..6_u64).prop_map(number), 0..4);
    prop_oneof![
        (key(), any::<[u8; 32]>())
            .prop_map(|(key, public)| MatchingChange::PutKey { key, public: MarkPublicKey(public) }),
        (key(), numbers(), any::<[u8; 32]>()).prop_map(|(key, numbers, pseudonym)| MatchingChange::PutPseudonyms {
            key,
            pseudonyms: numbers.into_iter().map(|number| (number, Pseudonym(pseudonym))).collect(),
        }),
        (key(), numbers()).prop_map(|(key, numbers)| MatchingChange::DropPseudonyms { key, numbers }),
        key().prop_map(MatchingChange::RetireKey),
        (0..2_u8, key(), proptest::collection::vec((0..6_u64, kind(), any::<[u8; 16]>()), 0..4), numbers(), kind())
            .prop_map(|(line, key, told, untold, kind)| MatchingChange::PutTold {
                line: Line(line),
                key,
                told: told
                    .into_iter()
                    .map(|(n, kind, token)| ToldToken { number: number(n), kind, token: MarkToken(token) })
                    .collect(),
                untold: untold.into_iter().map(|number| (number, kind)).collect(),
            }),
        (0..2_u8, proptest::option::of(key()))
            .prop_map(|(line, key)| MatchingChange::DropTold { line: Line(line), key }),
        (numbers(), numbers()).prop_map(|(added, removed)| MatchingChange::PutBlocked { added, removed }),
    ]
}

fn any_ids() -> impl Strategy<Value = Vec<TextId>> {
    proptest::collection::vec(
        (0..2_u64, 1..12_u64)
            .prop_map(|(epoch, counter)| TextId { device_epoch: DeviceEpoch(epoch.wrapping_sub(1)), counter }),
        0..4,
    )
}

fn any_phase() -> impl Strategy<Value = RegistrationPhase> {
    let key = || KeyedImsiKey(Secret::new([5; 32]));
    prop_oneof![
        Just(RegistrationPhase::Asking),
        Just(RegistrationPhase::Proving { id: RegistrationId([4; 16]), expires_at: ServerMillis(-1), imsi_key: key() }),
        Just(RegistrationPhase::Registered { epoch: NumberEpoch(u64::MAX), imsi_key: key(), since: WallMillis(1) }),
        Just(RegistrationPhase::Unregistering { epoch: Some(NumberEpoch(2)) }),
        Just(RegistrationPhase::Unregistering { epoch: None }),
    ]
}

pub fn any_status() -> impl Strategy<Value = TextStatus> {
    prop_oneof![
        Just(TextStatus::Pending),
        Just(TextStatus::Stored),
        Just(TextStatus::CarrierSms),
        Just(TextStatus::SmsFailed),
        Just(TextStatus::Refused),
        (proptest::sample::select(TerminalState::ALL.as_slice()), any::<bool>())
            .prop_map(|(state, read)| TextStatus::Ended { state, read }),
    ]
}
