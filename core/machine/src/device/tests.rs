//! The whole device: recovery, determinism, and whatever anybody can throw at it.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::bench::toy_number;
use crate::effect::{Effect, Reply};
use crate::input::{
    CarrierCallState, Command, HostInput, Input, LinkId, LinkInput, MediaInput, Mode, NetworkSnapshot, StoreFailure,
    StoreInput, Target,
};
use crate::rig::{
    LINE, PEER, Rig, RigStore, frames, marks_frame, registered_store, reply_to, rig_mark, sim, text_command,
};
use crate::view::Choice;
use proptest::prelude::*;
use tandem_model::rows::Change;
use tandem_model::{
    CallId, DeviceEpoch, KeyedImsiKey, Line, MarkGeneration, MonoMicros, Nonce, NumberEpoch, PromptId, RegistrationId,
    SealedBody, Secret, SenderSeq, ServerMillis, SmsToken, TerminalState, TextId, TextStatus, Ticket,
};
use tandem_wire::frame::{DeliverText, Goodbye, GoodbyeReason, RefuseReason, RegisterRefusal, SmsPlatform, Welcome};
use tandem_wire::{RegisterReply, ServerFrame};

fn dial(rig: &mut Rig, digits: &str) -> (Ticket, Vec<Effect>) {
    rig.command(Command::Dial { target: Target::Number(Secret::new(digits.into())), line: None, mode: Mode::Data })
}

fn dialed(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::DialCarrier { digits, .. } => Some(digits.expose().clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_new_database_gets_its_epoch_from_the_seed_before_anything_else() {
    let (rig, effects) = Rig::boot(RigStore::default(), 1);
    assert!(matches!(&effects[0], Effect::Commit { changes, .. } if matches!(changes[..], [Change::PutMeta(_)])));
    let epoch = rig.store.meta.unwrap().device_epoch;
    assert_ne!(epoch, DeviceEpoch(0));
    assert_ne!(Rig::boot(RigStore::default(), 2).0.store.meta.unwrap().device_epoch, epoch, "never reused");
    let (_, effects) = Rig::boot(rig.store, 3);
    assert!(effects.is_empty(), "a known database keeps its own");
}

#[test]
fn emergency_service_and_network_codes_are_dialed_at_once_with_a_broken_store_and_no_sim() {
    let mut rig = Rig::boot(RigStore::default(), 1).0;
    rig.store_says = Some(Err(StoreFailure::Broken));
    rig.host(HostInput::EmergencyNumbers(vec!["555".into()]));
    for digits in ["112", "911", "999", "555", "*100#", "22333"] {
        let (ticket, effects) = dial(&mut rig, digits);
        assert_eq!(dialed(&effects), [digits]);
        assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::CarrierDialed)));
    }
}

#[test]
fn of_an_endless_list_of_emergency_numbers_the_first_1024_are_heard_and_those_built_in_hold() {
    let mut rig = Rig::online(&[PEER]);
    let listed = |nth: usize| format!("+4915{nth:08}");
    rig.host(HostInput::EmergencyNumbers((0..2_000).map(listed).collect()));
    for (digits, heard) in [(listed(1_023), true), (listed(1_024), false), ("112".to_owned(), true)] {
        assert_eq!(dialed(&dial(&mut rig, &digits).1).len(), usize::from(heard), "{digits}");
    }
}

#[test]
fn an_emergency_number_is_dialed_while_the_store_hangs() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = None;
    rig.text(PEER, "hello");
    assert_eq!(dialed(&dial(&mut rig, "112").1), ["112"]);
}

#[test]
fn a_device_may_live_on_any_thread() {
    fn is_send<T: Send>() {}
    is_send::<crate::Device>();
}

#[test]
fn too_early_a_timeout_does_nothing() {
    let mut rig = Rig::online(&[PEER]);
    let now = rig.now();
    rig.device.handle_timeout(now);
    assert_eq!(rig.device.poll_effect(), None);
}

/// One thing that may happen, drawn at random.
fn input() -> impl Strategy<Value = Step> {
    let line = prop_oneof![4 => Just(LINE), 1 => Just(Line(1)), 1 => any::<u8>().prop_map(Line)];
    let ticket = prop_oneof![3 => 0_u64..60, 1 => any::<u64>()].prop_map(Ticket);
    let text_id = (0_u64..12).prop_map(|counter| TextId { device_epoch: DeviceEpoch(0xD0), counter });
    let theirs = (0_u64..4).prop_map(|counter| TextId { device_epoch: DeviceEpoch(77), counter });
    let peer = (1_u64..5).prop_map(toy_number);
    let command = prop_oneof![
        line.clone().prop_map(|line| Command::Register { line, typed: None }),
        line.clone().prop_map(|line| Command::Register { line, typed: Some(Secret::new("+4915123000001".into())) }),
        line.clone().prop_map(|line| Command::ConfirmRegistration { line }),
        line.clone().prop_map(|line| Command::EnterCode { line, code: Secret::new("12345678".into()) }),
        line.clone().prop_map(|line| Command::ResendSms { line }),
        line.clone().prop_map(|line| Command::CancelRegistration { line }),
        line.clone().prop_map(|line| Command::Unregister { line }),
        Just(Command::SyncMarks),
        (1_u64..5).prop_map(|to| text_command(to, "hi", Mode::Data)),
        (1_u64..5).prop_map(|to| text_command(to, "hi", Mode::Carrier)),
        text_id.clone().prop_map(|id| Command::TextToSms { id }),
        text_id.clone().prop_map(|id| Command::CancelText { id }),
        (peer.clone(), theirs.clone()).prop_map(|(from, id)| Command::MarkRead { from, ids: vec![id] }),
        ((0_u64..8).prop_map(PromptId), prop_oneof![Just(Choice::Carrier), Just(Choice::Quit), Just(Choice::Wait)])
            .prop_map(|(prompt, choice)| Command::Answer { prompt, choice }),
        "\\PC{0,12}".prop_map(|raw| Command::Dial {
            target: Target::Number(Secret::new(raw)),
            line: None,
            mode: Mode::Data
        }),
        Just(Command::HangUp { call: CallId([1; 16]) }),
    ];
    let host = prop_oneof![
        Just(HostInput::Sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")])),
        Just(HostInput::Sims(vec![])),
        Just(HostInput::Sims(vec![
            sim(LINE, None, "262011234567890"),
            sim(Line(1), Some(toy_number(4)), "26202333333")
        ])),
        (0_u64..3, any::<bool>()).prop_map(|(path, connected)| HostInput::Network(NetworkSnapshot {
            path,
            connected,
            ..NetworkSnapshot::default()
        })),
        (any::<bool>(), "[+0-9]{0,14}").prop_map(|(replace, raw)| HostInput::Contacts {
            replace,
            added: vec![Secret::new(raw)],
            removed: vec![]
        }),
        (line.clone(), "\\PC{0,20}", "\\PC{0,40}").prop_map(|(line, from, body)| HostInput::SmsReceived {
            line,
            from: Secret::new(from),
            body: Secret::new(body)
        }),
        (line.clone(), any::<[u8; 16]>()).prop_map(|(line, token)| HostInput::SmsReceived {
            line,
            from: Secret::new("Tandem".into()),
            body: Secret::new(tandem_wire::sms::render(&SmsToken(token), "12345678", &SmsPlatform::Dialer))
        }),
        (ticket.clone(), any::<bool>()).prop_map(|(ticket, ok)| HostInput::SmsSent { ticket, ok }),
        (ticket.clone(), any::<bool>()).prop_map(|(ticket, ok)| HostInput::CarrierDialed { ticket, ok }),
        Just(HostInput::CarrierCall { ticket: None, state: CarrierCallState::Ringing }),
    ];
    let end = prop_oneof![
        Just(TerminalState::Delivered),
        Just(TerminalState::Expired),
        Just(TerminalState::Cancelled),
        Just(TerminalState::HandedToSms),
        Just(TerminalState::RecipientChanged)
    ];
    let reason = prop_oneof![
        Just(RefuseReason::Budget),
        Just(RefuseReason::NotAvailable),
        Just(RefuseReason::RecipientChanged),
        Just(RefuseReason::Invalid)
    ];
    let server = any::<i64>().prop_map(ServerMillis);
    let frame =
        prop_oneof![
            Just(ServerFrame::Challenge { nonce: Nonce([3; 32]), version_min: 1, version_max: 1 }),
            server.clone().prop_map(|now| ServerFrame::Welcome(Welcome {
                now,
                lease_until: now,
                marks_interval_ms: 0,
                keepalive_ms: 0,
                ring_ms: 0
            })),
            (any::<u32>(), any::<bool>()).prop_map(|(retry_after_ms, over)| ServerFrame::Goodbye(Goodbye {
                reason: if over { GoodbyeReason::NotRegistered } else { GoodbyeReason::Busy },
                retry_after_ms
            })),
            (ticket.clone(), server.clone()).prop_map(|(ticket, now)| ServerFrame::Time { ticket, now }),
            ticket.clone().prop_map(|ticket| ServerFrame::Done { ticket }),
            (ticket.clone(), reason, any::<u32>()).prop_map(|(ticket, reason, retry_after_ms)| ServerFrame::Refused {
                ticket,
                reason,
                retry_after_ms
            }),
            (ticket.clone(), 0_u64..9, any::<i64>()).prop_map(|(ticket, generation, lease)| marks_frame(
                ticket,
                MarkGeneration(generation),
                vec![rig_mark(PEER, generation, lease)]
            )),
            (ticket.clone(), text_id.clone(), server.clone())
                .prop_map(|(ticket, id, stored_at)| ServerFrame::TextStored { ticket, id, stored_at }),
            (text_id.clone(), peer.clone(), end.clone(), server.clone())
                .prop_map(|(id, to, state, at)| ServerFrame::TextState { id, to, state, at }),
            (ticket.clone(), text_id.clone(), end).prop_map(|(ticket, id, end)| ServerFrame::TextSwapAnswer {
                ticket,
                id,
                end
            }),
            (peer.clone(), text_id).prop_map(|(by, id)| ServerFrame::ReadReceipt { by, ids: vec![id] }),
            (peer, theirs, any::<u64>(), server.clone(), any::<Vec<u8>>()).prop_map(
                |(from, id, seq, stored_at, sealed)| {
                    ServerFrame::DeliverText(DeliverText {
                        from,
                        from_epoch: NumberEpoch(1),
                        id,
                        seq: SenderSeq(seq),
                        sealed: SealedBody(sealed),
                        stored_at,
                    })
                }
            ),
        ];
    let reply = prop_oneof![
        Just(None),
        (server.clone(), server.clone(), any::<u32>()).prop_map(|(expires_at, now, resend_after_ms)| Some(
            RegisterReply::Started {
                id: RegistrationId([1; 16]),
                expires_at,
                now,
                resend_after_ms,
                imsi_key: KeyedImsiKey(Secret::new([5; 32]))
            }
        )),
        server.prop_map(|now| Some(RegisterReply::Confirmed { epoch: NumberEpoch(2), lease_until: now, now })),
        any::<u32>().prop_map(|retry_after_ms| Some(RegisterReply::Refused {
            reason: RegisterRefusal::WrongProof { tries_left: 1 },
            retry_after_ms
        })),
    ];
    prop_oneof![
        6 => command.prop_map(Step::Command),
        3 => host.prop_map(|host| Step::Input(Input::Host(host))),
        8 => frame.prop_map(Step::Frame),
        2 => (ticket.clone(), reply)
            .prop_map(|(ticket, reply)| Step::Input(Input::Link(LinkInput::Registered { ticket, reply }))),
        1 => (line.clone(), 0_u64..5)
            .prop_map(|(line, link)| Step::Input(Input::Link(LinkInput::Closed { line, link: LinkId(link) }))),
        1 => (line, 0_u64..5)
            .prop_map(|(line, link)| Step::Input(Input::Link(LinkInput::Opened { line, link: LinkId(link) }))),
        2 => ticket.prop_map(|ticket| Step::Input(Input::Store(StoreInput::Committed { ticket, duplicates: vec![0] }))),
        1 => Just(Step::Input(Input::Media { call: CallId([1; 16]), event: MediaInput::Failed })),
        2 => prop_oneof![Just(Some(Ok(()))), Just(Some(Err(StoreFailure::Full))), Just(None)].prop_map(Step::Store),
        3 => Just(Step::Connect),
        4 => prop_oneof![0_u64..50, 0_u64..20_000, 0_u64..90_000_000].prop_map(Step::Pass),
        1 => Just(Step::Crash),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Command(Command),
    Input(Input),
    Frame(ServerFrame),
    Store(Option<Result<(), StoreFailure>>),
    Connect,
    Pass(u64),
    Crash,
}

/// Takes one step; what was ordered.
fn take(rig: &mut Rig, step: Step) -> Vec<Effect> {
    match step {
        Step::Command(command) => rig.command(command).1,
        Step::Input(input) => rig.feed(input),
        Step::Frame(frame) => match rig.link_now() {
            Some(link) => rig.frame_on(LINE, link, frame),
            None => rig.frame_on(LINE, LinkId(0), frame),
        },
        Step::Store(says) => {
            rig.store_says = says;
            Vec::new()
        }
        Step::Connect => match rig.link_now() {
            Some(_) if !rig.device.online(LINE) => rig.open_session(),
            Some(_) | None => Vec::new(),
        },
        Step::Pass(ms) => rig.pass(ms),
        Step::Crash => rig.crash(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Nothing panics, whatever comes; every deadline that is acted on is gone ([`Rig::pass`] checks it); and no end of a
    /// text is ever replaced, on the phone or in its rows.
    #[test]
    fn whatever_comes_it_stands_and_ends_stay_ends(steps in proptest::collection::vec(input(), 1..60)) {
        let mut rig = Rig::registered(&[PEER, 3]);
        let mut ends = std::collections::BTreeMap::new();
        for step in steps {
            let effects = take(&mut rig, step);
            for effect in &effects {
                if let Effect::Emit(crate::Event::Text(view)) = effect
                    && let TextStatus::Ended { state, .. } = view.status
                    && rig.store.outgoing.contains_key(&view.id)
                {
                    ends.entry(view.id).or_insert(state);
                }
            }
            for (id, row) in &rig.store.outgoing {
                if let (TextStatus::Ended { state, .. }, Some(end)) = (row.status, ends.get(id)) {
                    prop_assert_eq!(state, *end, "an end was replaced");
                }
            }
        }
    }

    /// Every command is answered exactly once, in bounded time, as long as the store answers.
    #[test]
    fn every_command_is_answered_once(steps in proptest::collection::vec(input(), 1..40)) {
        let mut rig = Rig::registered(&[PEER, 3]);
        let mut open = std::collections::BTreeSet::new();
        let mut answered = std::collections::BTreeSet::new();
        for step in steps {
            let effects = match step {
                Step::Crash | Step::Store(_) => continue,
                Step::Command(command) => {
                    let (ticket, effects) = rig.command(command);
                    open.insert(ticket);
                    effects
                }
                step => take(&mut rig, step),
            };
            note_replies(&effects, &mut answered)?;
        }
        let effects = rig.pass(600_000);
        note_replies(&effects, &mut answered)?;
        prop_assert!(open.is_subset(&answered), "unanswered: {:?}", open.difference(&answered).collect::<Vec<_>>());
    }

    /// Same seed, same script, byte-equal trace (law 2).
    #[test]
    fn the_same_seed_and_script_give_the_same_trace(steps in proptest::collection::vec(input(), 1..60)) {
        let trace = |steps: Vec<Step>| -> String {
            let (mut rig, mut all) = Rig::boot(registered_store(&[PEER, 3]), 42);
            for step in steps {
                all.extend(take(&mut rig, step));
            }
            format!("{all:?}")
        };
        prop_assert_eq!(trace(steps.clone()), trace(steps));
    }
}

fn note_replies(effects: &[Effect], answered: &mut std::collections::BTreeSet<Ticket>) -> Result<(), TestCaseError> {
    for effect in effects {
        if let Effect::Reply { ticket, .. } = effect {
            prop_assert!(answered.insert(*ticket), "answered twice: {:?}", ticket);
        }
    }
    Ok(())
}

#[test]
fn a_crash_at_every_commit_of_a_script_loses_no_accepted_text_and_doubles_none() {
    // The script: write a text, have it stored, have it delivered. The process dies right after the n-th commit.
    for crash_at in 0..12 {
        let mut rig = Rig::online(&[PEER]);
        rig.crash_after(crash_at);
        let (ticket, effects) = rig.text(PEER, "hello");
        let accepted = match reply_to(ticket, &effects) {
            Some(Ok(Reply::Text(id))) => Some(id),
            _ => None,
        };
        let mut at_server = std::collections::BTreeSet::new();
        let mut waiting = effects;
        for _ in 0..4 {
            if rig.is_dead() {
                rig.crash();
                waiting = rig.connect();
            }
            for text in crate::rig::sent_texts(&waiting) {
                at_server.insert(text.id);
                rig.stored(&text);
            }
            for id in at_server.clone() {
                let at = rig.server_now();
                rig.frame(ServerFrame::TextState { id, to: toy_number(PEER), state: TerminalState::Delivered, at });
            }
            waiting = Vec::new();
        }
        assert!(at_server.len() <= 1, "one text");
        if let Some(id) = accepted {
            assert!(at_server.contains(&id), "crash after commit {crash_at}");
            let delivered = TextStatus::Ended { state: TerminalState::Delivered, read: false };
            assert_eq!(rig.store.outgoing[&id].status, delivered, "crash after commit {crash_at}");
        }
    }
}

#[test]
fn frames_for_a_line_nobody_knows_are_counted() {
    let mut rig = Rig::online(&[]);
    let before = rig.device.late_results();
    let effects = rig.feed(Input::Link(LinkInput::Frame {
        line: Line(200),
        link: LinkId(1),
        frame: ServerFrame::Done { ticket: Ticket(1) },
        at: MonoMicros(0),
        wire_bytes: 1,
    }));
    assert!(effects.is_empty() && frames(&effects).is_empty());
    assert_eq!(rig.device.late_results(), before + 1);
}
