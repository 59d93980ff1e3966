//! Strategies that draw any valid message.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tandem_model::{
    CallId, DeviceEpoch, DeviceKey, GateVerdict, ImsiToken, KeyedImsiKey, Mark, MarkGeneration, MarkKeyId,
    MarkPublicKey, MarkState, MarkToken, Msisdn, Nonce, NumberEpoch, OprfElement, OprfProof, RegistrationId,
    SealedBody, SealingKey, SealingKeyId, Secret, SenderSeq, ServerMillis, Signature, SmsToken, TerminalState, TextId,
    Ticket, TokenDigest,
};
use tandem_wire::frame::*;
use tandem_wire::limits::*;
use tandem_wire::roap::{Roap, RoapError, RoapType};

use super::Message;

fn ticket() -> impl Strategy<Value = Ticket> {
    any::<u64>().prop_map(Ticket)
}

/// A phone's name for a request.
fn asked() -> impl Strategy<Value = Ticket> {
    (1..=PHONE_TICKET_MAX).prop_map(Ticket)
}

fn number() -> impl Strategy<Value = Msisdn> {
    (10_000..=999_999_999_999_999_u64).prop_map(|digits| Msisdn::try_from(digits).unwrap())
}

fn stamp() -> impl Strategy<Value = ServerMillis> {
    (0..=i64::MAX).prop_map(ServerMillis)
}

fn epoch() -> impl Strategy<Value = NumberEpoch> {
    (1..=u64::MAX).prop_map(NumberEpoch)
}

fn signature() -> impl Strategy<Value = Signature> {
    any::<[u8; 64]>().prop_map(Signature)
}

fn call_id() -> impl Strategy<Value = CallId> {
    any::<[u8; 16]>().prop_map(CallId)
}

fn text_id() -> impl Strategy<Value = TextId> {
    (any::<u64>(), 1..=u64::MAX)
        .prop_map(|(device_epoch, counter)| TextId { device_epoch: DeviceEpoch(device_epoch), counter })
}

fn text_ids() -> impl Strategy<Value = Vec<TextId>> {
    vec(text_id(), 0..20)
}

fn sealed() -> impl Strategy<Value = SealedBody> {
    vec(any::<u8>(), 1..300).prop_map(SealedBody)
}

fn sealing_key() -> impl Strategy<Value = SealingKey> {
    (1..=u32::MAX, any::<[u8; 32]>(), signature()).prop_map(|(id, public, signature)| SealingKey {
        id: SealingKeyId(id),
        public,
        signature,
    })
}

fn terminal_state() -> impl Strategy<Value = TerminalState> {
    proptest::sample::select(TerminalState::ALL.to_vec())
}

fn train() -> impl Strategy<Value = Train> {
    (ticket(), any::<u32>(), 1..=TRAIN_COUNT_MAX, any::<prop::sample::Index>(), 0..=TRAIN_FILL_MAX).prop_map(
        |(probe, round, count, index, fill)| Train {
            probe,
            round,
            index: u32::try_from(index.index(usize::try_from(count).unwrap())).unwrap(),
            count,
            fill: u32::try_from(fill).unwrap(),
        },
    )
}

fn train_report() -> impl Strategy<Value = TrainReport> {
    (ticket(), any::<u32>(), 0..=TRAIN_COUNT_MAX, 0..=TRAIN_BYTES_MAX, 0..=600_000_000_u64).prop_map(
        |(probe, round, frames, bytes_after_first, spread_us)| TrainReport {
            probe,
            round,
            frames,
            bytes_after_first,
            spread_us,
        },
    )
}

fn roap() -> impl Strategy<Value = Roap> {
    let errors = proptest::sample::select(vec![
        RoapError::NoMatch,
        RoapError::Timeout,
        RoapError::Refused,
        RoapError::Conflict,
        RoapError::DoubleConflict,
        RoapError::Failed,
    ]);
    let types = proptest::sample::select(vec![
        RoapType::Offer,
        RoapType::Answer,
        RoapType::Ok,
        RoapType::Error,
        RoapType::Shutdown,
    ]);
    let session = ("(?s).{1,40}", option::of("[ -~]{1,40}"), 1..=u32::MAX);
    (types, session, "(?s).{1,200}", any::<u32>(), any::<bool>(), errors).prop_map(
        |(message_type, (offerer_session_id, answerer_session_id, seq), sdp, tie_breaker, more_coming, error)| Roap {
            message_type,
            offerer_session_id,
            answerer_session_id,
            seq,
            sdp: matches!(message_type, RoapType::Offer | RoapType::Answer).then_some(sdp),
            tie_breaker: (message_type == RoapType::Offer).then_some(tie_breaker),
            more_coming: more_coming && message_type == RoapType::Answer,
            error_type: (message_type == RoapType::Error).then_some(error),
        },
    )
}

fn call_body() -> impl Strategy<Value = CallBody> {
    let overs = proptest::sample::select(vec![
        CallOver::HungUp,
        CallOver::Cancelled,
        CallOver::Refused,
        CallOver::Busy,
        CallOver::NoAnswer,
        CallOver::Superseded,
        CallOver::MediaFailed,
        CallOver::PeerLost,
        CallOver::ToCarrier,
        CallOver::Rejected,
    ]);
    prop_oneof![
        (roap(), signature()).prop_map(|(roap, signature)| CallBody::Roap {
            fingerprint_signature: roap.sdp.is_some().then_some(signature),
            roap,
        }),
        Just(CallBody::Alerting),
        "[ -~]{0,512}".prop_map(CallBody::Candidate),
        overs.prop_map(CallBody::End),
        any::<bool>().prop_map(|on| CallBody::Hold { on }),
    ]
}

fn envelope() -> impl Strategy<Value = CallEnvelope> {
    (call_id(), number(), number(), stamp(), call_body()).prop_map(|(call, from, to, ring_until, body)| CallEnvelope {
        call,
        from,
        to,
        ring_until,
        body,
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    (1..=u32::MAX, number(), epoch(), signature(), any::<u64>(), any::<bool>()).prop_map(
        |(version, number, epoch, signature, marks_since, fresh)| Hello {
            version,
            number,
            epoch,
            signature,
            marks_since: MarkGeneration(marks_since),
            fresh,
        },
    )
}

fn client() -> impl Strategy<Value = ClientFrame> {
    let ends = proptest::sample::select(vec![TerminalState::Cancelled, TerminalState::HandedToSms]);
    prop_oneof![
        hello().prop_map(ClientFrame::Hello),
        asked().prop_map(|ticket| ClientFrame::TimeAsk { ticket }),
        (asked(), sealing_key()).prop_map(|(ticket, key)| ClientFrame::PublishSealingKey { ticket, key }),
        (asked(), signature()).prop_map(|(ticket, signature)| ClientFrame::Unregister { ticket, signature }),
        tokens_sync().prop_map(ClientFrame::TokensSync),
        (asked(), mark_key_id(), vec(element(), 1..30))
            .prop_map(|(ticket, key, blinded)| ClientFrame::Evaluate(Evaluate { ticket, key, blinded })),
        (asked(), any::<bool>()).prop_map(|(ticket, open)| ClientFrame::OpenMark { ticket, open }),
        (asked(), any::<u64>())
            .prop_map(|(ticket, since)| ClientFrame::MarksAsk { ticket, since: MarkGeneration(since) }),
        asked().prop_map(|ticket| ClientFrame::ProbeAsk { ticket }),
        train().prop_map(ClientFrame::Train),
        train_report().prop_map(ClientFrame::TrainReport),
        (asked(), call_id(), number()).prop_map(|(ticket, call, to)| ClientFrame::GateAsk { ticket, call, to }),
        envelope().prop_map(ClientFrame::Call),
        (asked(), call_id()).prop_map(|(ticket, call)| ClientFrame::IceAsk { ticket, call }),
        (asked(), text_id(), number(), epoch(), 1..=u64::MAX, sealed()).prop_map(
            |(ticket, id, to, to_epoch, seq, sealed)| {
                ClientFrame::SendText(SendText { ticket, id, to, to_epoch, seq: SenderSeq(seq), sealed })
            }
        ),
        vec((number(), text_id()), 0..20).prop_map(|texts| ClientFrame::TextTaken { texts }),
        text_ids().prop_map(|ids| ClientFrame::TextStateTaken { ids }),
        (asked(), text_id(), number(), ends).prop_map(|(ticket, id, to, end)| ClientFrame::TextSwap {
            ticket,
            id,
            to,
            end
        }),
        (asked(), number(), text_ids()).prop_map(|(ticket, from, ids)| ClientFrame::ReadReceipt { ticket, from, ids }),
        (number(), text_ids()).prop_map(|(by, ids)| ClientFrame::ReadTaken { by, ids }),
    ]
}

fn mark_key_id() -> impl Strategy<Value = MarkKeyId> {
    (1..=u32::MAX).prop_map(MarkKeyId)
}

fn element() -> impl Strategy<Value = OprfElement> {
    any::<[u8; 32]>().prop_map(OprfElement)
}

fn tokens_sync() -> impl Strategy<Value = TokensSync> {
    let tokens = || vec(any::<[u8; 16]>().prop_map(MarkToken), 0..20);
    (asked(), mark_key_id(), any::<[bool; 2]>(), (tokens(), tokens(), tokens(), tokens())).prop_map(
        |(ticket, key, [replace, last], (added, removed, blocked, unblocked))| TokensSync {
            ticket,
            key,
            replace,
            last,
            added,
            removed,
            blocked,
            unblocked,
        },
    )
}

fn mark_keys() -> impl Strategy<Value = MarkKeys> {
    let ids = proptest::collection::btree_set(1..=u32::MAX, 1..=MARK_KEYS_MAX);
    (ids, any::<([u8; 32], u32, [u8; 16])>(), any::<[bool; 2]>()).prop_map(
        |(ids, (public, count, digest), [wants_open, open])| MarkKeys {
            keys: ids
                .into_iter()
                .map(|id| MarkKey {
                    id: MarkKeyId(id),
                    public: MarkPublicKey(public),
                    count,
                    digest: TokenDigest(digest),
                })
                .collect(),
            wants_open,
            open,
        },
    )
}

fn mark() -> impl Strategy<Value = Mark> {
    let state = prop_oneof![
        Just(MarkState::Unmarked),
        (epoch(), any::<[u8; 32]>(), sealing_key(), stamp()).prop_map(
            |(epoch, device_key, sealing_key, lease_until)| {
                MarkState::Marked { epoch, device_key: DeviceKey(device_key), sealing_key, lease_until }
            }
        ),
    ];
    (number(), any::<u64>(), state).prop_map(|(number, generation, state)| Mark {
        number,
        generation: MarkGeneration(generation),
        state,
    })
}

fn welcome() -> impl Strategy<Value = Welcome> {
    (stamp(), stamp(), 1..=u32::MAX, 1..=u32::MAX, 1..=120_000_u32).prop_map(
        |(now, lease_until, marks_interval_ms, keepalive_ms, ring_ms)| Welcome {
            now,
            lease_until,
            marks_interval_ms,
            keepalive_ms,
            ring_ms,
        },
    )
}

fn goodbye() -> impl Strategy<Value = Goodbye> {
    let reasons = proptest::sample::select(vec![
        GoodbyeReason::ShuttingDown,
        GoodbyeReason::NotRegistered,
        GoodbyeReason::RegisteredElsewhere,
        GoodbyeReason::Displaced,
        GoodbyeReason::Version,
        GoodbyeReason::Protocol,
        GoodbyeReason::Busy,
        GoodbyeReason::TooSlow,
    ]);
    (reasons, any::<u32>()).prop_map(|(reason, retry_after_ms)| Goodbye { reason, retry_after_ms })
}

fn refuse_reason() -> impl Strategy<Value = RefuseReason> {
    proptest::sample::select(vec![
        RefuseReason::Budget,
        RefuseReason::Storage,
        RefuseReason::NotAvailable,
        RefuseReason::RecipientChanged,
        RefuseReason::MailboxFull,
        RefuseReason::Invalid,
        RefuseReason::NoSuchCall,
        RefuseReason::ShuttingDown,
        RefuseReason::BadSignature,
    ])
}

fn ice() -> impl Strategy<Value = Ice> {
    let url = "(stun|stuns|turn|turns):[!-~]{1,200}";
    (ticket(), call_id(), vec(url, 0..=ICE_URLS_MAX), "[ -~]{0,256}", "[ -~]{0,256}", stamp()).prop_map(
        |(ticket, call, urls, username, password, valid_until)| Ice {
            ticket,
            call,
            urls,
            username,
            password: Secret::new(password),
            valid_until,
        },
    )
}

fn server() -> impl Strategy<Value = ServerFrame> {
    let verdicts = proptest::sample::select(vec![
        GateVerdict::Ok,
        GateVerdict::OkLowRate,
        GateVerdict::UseCarrier,
        GateVerdict::Later,
        GateVerdict::NotAvailable,
    ]);
    prop_oneof![
        (any::<[u8; 32]>(), 1..=9_u32, 9..=u32::MAX).prop_map(|(nonce, version_min, version_max)| {
            ServerFrame::Challenge { nonce: Nonce(nonce), version_min, version_max }
        }),
        welcome().prop_map(ServerFrame::Welcome),
        goodbye().prop_map(ServerFrame::Goodbye),
        (ticket(), stamp()).prop_map(|(ticket, now)| ServerFrame::Time { ticket, now }),
        ticket().prop_map(|ticket| ServerFrame::Done { ticket }),
        (ticket(), refuse_reason(), any::<u32>()).prop_map(|(ticket, reason, retry_after_ms)| ServerFrame::Refused {
            ticket,
            reason,
            retry_after_ms
        }),
        (ticket(), any::<u64>(), vec(mark(), 0..20), any::<bool>(), stamp()).prop_map(
            |(ticket, generation, marks, more, lease_until)| {
                ServerFrame::Marks(Marks { ticket, generation: MarkGeneration(generation), marks, more, lease_until })
            }
        ),
        mark_keys().prop_map(ServerFrame::MarkKeys),
        (ticket(), mark_key_id(), vec(element(), 1..30), any::<[u8; 64]>()).prop_map(
            |(ticket, key, evaluated, proof)| {
                ServerFrame::Evaluated(Evaluated { ticket, key, evaluated, proof: OprfProof(proof) })
            }
        ),
        train().prop_map(ServerFrame::Train),
        train_report().prop_map(ServerFrame::TrainReport),
        (ticket(), call_id(), verdicts).prop_map(|(ticket, call, verdict)| ServerFrame::GateAnswer {
            ticket,
            call,
            verdict
        }),
        envelope().prop_map(ServerFrame::Call),
        ice().prop_map(ServerFrame::Ice),
        (ticket(), text_id(), stamp()).prop_map(|(ticket, id, stored_at)| ServerFrame::TextStored {
            ticket,
            id,
            stored_at
        }),
        (number(), epoch(), text_id(), 1..=u64::MAX, sealed(), stamp()).prop_map(
            |(from, from_epoch, id, seq, sealed, stored_at)| {
                ServerFrame::DeliverText(DeliverText { from, from_epoch, id, seq: SenderSeq(seq), sealed, stored_at })
            }
        ),
        (text_id(), number(), terminal_state(), stamp()).prop_map(|(id, to, state, at)| ServerFrame::TextState {
            id,
            to,
            state,
            at
        }),
        (ticket(), text_id(), terminal_state()).prop_map(|(ticket, id, end)| ServerFrame::TextSwapAnswer {
            ticket,
            id,
            end
        }),
        (number(), text_ids()).prop_map(|(by, ids)| ServerFrame::ReadReceipt { by, ids }),
    ]
}

fn request() -> impl Strategy<Value = RegisterRequest> {
    let platform = prop_oneof![
        Just(SmsPlatform::Dialer),
        "[A-Za-z0-9+/]{11}".prop_map(|app_hash| SmsPlatform::Android { app_hash }),
        "[a-z0-9]{1,30}\\.[a-z0-9][a-z0-9-]{0,30}[a-z0-9]".prop_map(|domain| SmsPlatform::Apple { domain }),
    ];
    let proof = prop_oneof![
        any::<[u8; 16]>().prop_map(|token| ConfirmProof::Token(SmsToken(token))),
        "[0-9]{8}".prop_map(ConfirmProof::Code),
    ];
    prop_oneof![
        (number(), any::<[u8; 32]>(), signature(), platform).prop_map(|(number, device_key, signature, platform)| {
            RegisterRequest::Start { number, device_key: DeviceKey(device_key), signature, platform }
        }),
        (any::<[u8; 16]>(), proof, option::of(any::<[u8; 32]>()), sealing_key(), signature()).prop_map(
            |(id, proof, imsi, sealing_key, signature)| RegisterRequest::Confirm {
                id: RegistrationId(id),
                proof,
                imsi: imsi.map(ImsiToken),
                sealing_key,
                signature,
            }
        ),
        (number(), any::<[u8; 32]>(), signature()).prop_map(|(number, device_key, signature)| {
            RegisterRequest::Withdraw { number, device_key: DeviceKey(device_key), signature }
        }),
    ]
}

fn reply() -> impl Strategy<Value = RegisterReply> {
    let refusals = prop_oneof![
        proptest::sample::select(vec![
            RegisterRefusal::NumberBudget,
            RegisterRefusal::PrefixBudget,
            RegisterRefusal::SourceBudget,
            RegisterRefusal::SmsUnavailable,
            RegisterRefusal::NumberUnreachable,
            RegisterRefusal::NumberNotServed,
            RegisterRefusal::TriesUsedUp,
            RegisterRefusal::Expired,
            RegisterRefusal::BadSignature,
            RegisterRefusal::Storage,
            RegisterRefusal::Invalid,
        ]),
        any::<u32>().prop_map(|tries_left| RegisterRefusal::WrongProof { tries_left }),
    ];
    prop_oneof![
        (any::<[u8; 16]>(), stamp(), stamp(), any::<u32>(), any::<[u8; 32]>()).prop_map(
            |(id, expires_at, now, resend_after_ms, imsi_key)| RegisterReply::Started {
                id: RegistrationId(id),
                expires_at,
                now,
                resend_after_ms,
                imsi_key: KeyedImsiKey(Secret::new(imsi_key)),
            }
        ),
        (epoch(), stamp(), stamp()).prop_map(|(epoch, lease_until, now)| RegisterReply::Confirmed {
            epoch,
            lease_until,
            now
        }),
        Just(RegisterReply::Withdrawn),
        (refusals, any::<u32>()).prop_map(|(reason, retry_after_ms)| RegisterReply::Refused { reason, retry_after_ms }),
    ]
}

/// Any valid message of any root.
pub fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        6 => client().prop_map(Message::Client),
        6 => server().prop_map(Message::Server),
        1 => request().prop_map(Message::Request),
        1 => reply().prop_map(Message::Reply),
    ]
}
