//! Texts of mine seen from outside: what is kept, sent, asked and shown, and in which order.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::bench::toy_number;
use crate::effect::{Effect, Event, Refusal, Reply};
use crate::fold;
use crate::input::{Command, HostInput, Mode, NetworkSnapshot, StoreFailure, Target};
use crate::rig::{
    LINE, PEER, Rig, events, frames, marks_frame, registered_store, reply_to, rig_mark, rig_seal, sent_texts,
    sms_orders, statuses, text_command,
};
use crate::text_envelope;
use crate::view::{Choice, MarkShown, Notice, PromptAbout};
use tandem_model::rows::{Change, SettingsRow, StandingChoice};
use tandem_model::{
    Mark, MarkGeneration, MarkState, NumberEpoch, PromptId, Secret, TerminalState, TextBody, TextId, TextStatus,
    Ticket, WhyNotData,
};
use tandem_wire::frame::{Goodbye, GoodbyeReason, RefuseReason, SendText};
use tandem_wire::{ClientFrame, ServerFrame};

fn ended(state: TerminalState) -> TextStatus {
    TextStatus::Ended { state, read: false }
}

fn status_of(rig: &Rig, id: TextId) -> TextStatus {
    rig.store.outgoing[&id].status
}

fn asking(rig: &Rig, ticket: Ticket, effects: &[Effect]) -> (PromptId, WhyNotData, Vec<Choice>, bool) {
    let Some(Ok(Reply::Asking(prompt))) = reply_to(ticket, effects) else {
        panic!("the user is asked: {effects:?}");
    };
    let shown = rig.device.prompts().into_iter().find(|shown| shown.id == prompt).expect("the prompt is open");
    let PromptAbout::Text { why, may_double, .. } = shown.about else { panic!("about a text") };
    (prompt, why, shown.choices, may_double)
}

fn answer(rig: &mut Rig, prompt: PromptId, choice: Choice) -> (Option<Result<Reply, Refusal>>, Vec<Effect>) {
    let (ticket, effects) = rig.command(Command::Answer { prompt, choice });
    (reply_to(ticket, &effects), effects)
}

fn told(rig: &mut Rig, text: &SendText, state: TerminalState) -> Vec<Effect> {
    let at = rig.server_now();
    rig.frame(ServerFrame::TextState { id: text.id, to: text.to, state, at })
}

fn refused(rig: &mut Rig, ticket: Ticket, reason: RefuseReason, retry_after_ms: u32) -> Vec<Effect> {
    rig.frame(ServerFrame::Refused { ticket, reason, retry_after_ms })
}

fn swaps(effects: &[Effect]) -> Vec<(Ticket, TextId, TerminalState)> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::TextSwap { ticket, id, end, .. } => Some((ticket, id, end)),
            _ => None,
        })
        .collect()
}

fn taken(effects: &[Effect]) -> Vec<TextId> {
    frames(effects)
        .into_iter()
        .filter_map(|frame| match frame {
            ClientFrame::TextStateTaken { ids } => Some(ids),
            _ => None,
        })
        .flatten()
        .collect()
}

fn sms_sent(rig: &mut Rig, ticket: Ticket, ok: bool) -> Vec<Effect> {
    rig.host(HostInput::SmsSent { ticket, ok })
}

/// A text that the server holds.
fn stored_text(rig: &mut Rig) -> SendText {
    let text = rig.text_sent(PEER, "see you");
    rig.stored(&text);
    text
}

#[test]
fn a_text_is_durable_before_it_is_accepted_and_accepted_before_it_is_sent() {
    let mut rig = Rig::online(&[PEER]);
    let (ticket, effects) = rig.text(PEER, "hello");
    let at = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().position(wanted).expect("it happens");
    let commit = at(&|e| {
        matches!(e, Effect::Commit { changes, .. }
        if matches!(changes[..], [Change::PutMeta(_), Change::InsertOutgoing(_)]))
    });
    let reply = at(&|e| matches!(e, Effect::Reply { ticket: to, reply: Ok(Reply::Text(_)) } if *to == ticket));
    let send = at(&|e| matches!(e, Effect::Send { frame: ClientFrame::SendText(_), .. }));
    assert!(commit < reply && reply < send);
}

#[test]
fn nothing_is_accepted_or_sent_while_the_commit_is_on_its_way() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = None;
    let (ticket, effects) = rig.text(PEER, "hello");
    assert_eq!(reply_to(ticket, &effects), None);
    assert!(sent_texts(&effects).is_empty());
}

#[test]
fn a_text_is_sealed_to_its_recipients_key_and_bound_to_its_place() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    let context = text_envelope::context(toy_number(1), toy_number(PEER), text.id, text.seq);
    let body = TextBody::new("hello").unwrap();
    assert_eq!(text.sealed, rig_seal(PEER, &context, &text_envelope::wrap(&body)));
    assert_eq!(text.to_epoch, NumberEpoch(1));
}

#[test]
fn a_stored_text_is_shown_as_sent_and_its_end_is_durable_before_the_server_may_forget_it() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    assert_eq!(statuses(&rig.stored(&text)), [TextStatus::Stored]);
    assert_eq!(status_of(&rig, text.id), TextStatus::Stored);
    rig.store_says = None;
    assert!(taken(&told(&mut rig, &text, TerminalState::Delivered)).is_empty(), "not before it is durable");
    rig.store_says = Some(Ok(()));
    let (ticket, changes) = rig.unanswered.pop().unwrap();
    let effects = rig.answer_commit(ticket, &changes);
    assert_eq!(taken(&effects), [text.id]);
    assert_eq!(statuses(&effects), [ended(TerminalState::Delivered)]);
}

#[test]
fn every_end_the_server_tells_is_shown_once_and_told_again_it_is_only_taken_again() {
    for state in
        [TerminalState::Delivered, TerminalState::Expired, TerminalState::Cancelled, TerminalState::RecipientChanged]
    {
        let mut rig = Rig::online(&[PEER]);
        let text = stored_text(&mut rig);
        assert_eq!(statuses(&told(&mut rig, &text, state)), [ended(state)]);
        let effects = told(&mut rig, &text, TerminalState::Expired);
        assert_eq!(taken(&effects), [text.id]);
        assert!(statuses(&effects).is_empty());
        assert_eq!(status_of(&rig, text.id), ended(state), "the first end stays");
    }
}

#[test]
fn texts_to_one_recipient_go_one_after_the_other_and_to_others_beside_them() {
    let mut rig = Rig::online(&[PEER, 3]);
    let first = rig.text_sent(PEER, "one");
    let (_, effects) = rig.text(PEER, "two");
    assert!(sent_texts(&effects).is_empty(), "one on its way at a time");
    let beside = rig.text_sent(3, "hi");
    assert_eq!(beside.seq.0, 1);
    let effects = rig.stored(&first);
    let second = &sent_texts(&effects)[0];
    assert_eq!((first.seq.0, second.seq.0), (1, 2));
}

#[test]
fn the_window_holds_and_moves_on_with_every_acknowledgement() {
    let peers: Vec<u64> = (2..42).collect();
    let mut rig = Rig::online(&peers);
    let mut sent = Vec::new();
    for peer in &peers {
        let (_, effects) = rig.text(*peer, "hi");
        sent.extend(sent_texts(&effects));
    }
    assert_eq!(sent.len(), 32);
    let first = sent[0].clone();
    assert_eq!(sent_texts(&rig.stored(&first)).len(), 1);
}

#[test]
fn an_unanswered_text_is_sent_again_under_its_id_in_the_next_session() {
    let mut rig = Rig::online(&[PEER]);
    let first = rig.text_sent(PEER, "hello");
    rig.close();
    let effects = rig.connect();
    let again = &sent_texts(&effects)[0];
    assert_eq!((again.id, again.seq), (first.id, first.seq));
    assert!(rig.stored(&first).is_empty(), "an answer to the first attempt is late");
    assert_eq!(statuses(&rig.stored(&again.clone())), [TextStatus::Stored]);
}

#[test]
fn a_server_that_leaves_a_text_unanswered_loses_the_session() {
    let mut rig = Rig::online(&[PEER]);
    rig.text_sent(PEER, "hello");
    rig.pass(10_000);
    assert!(rig.device.online(LINE), "the size of the text buys it a little time");
    rig.pass(1_000);
    assert!(!rig.device.online(LINE));
}

#[test]
fn a_text_survives_the_process_at_every_commit_and_goes_again_under_its_id() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    rig.crash();
    let effects = rig.connect();
    assert_eq!(sent_texts(&effects)[0].id, text.id);
    rig.stored(&sent_texts(&effects)[0].clone());
    rig.crash();
    let effects = rig.connect();
    assert!(sent_texts(&effects).is_empty(), "stored texts only wait for their end");
    told(&mut rig, &text, TerminalState::Delivered);
    assert_eq!(status_of(&rig, text.id), ended(TerminalState::Delivered));
    let next = rig.text_sent(PEER, "next");
    assert!(next.id.counter > text.id.counter && next.seq.0 == text.seq.0 + 1);
}

#[test]
fn a_text_that_cannot_be_stored_is_not_sent_and_the_user_is_offered_the_carrier() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = Some(Err(StoreFailure::Full));
    let (ticket, effects) = rig.text(PEER, "hello");
    let (prompt, why, choices, may_double) = asking(&rig, ticket, &effects);
    assert_eq!((why, may_double), (WhyNotData::StoreFailed, false));
    assert_eq!(choices, [Choice::Carrier, Choice::Quit]);
    assert!(sent_texts(&effects).is_empty());
    assert!(events(&effects).contains(&Event::Notice(Notice::StorageFull)));
    let (reply, effects) = answer(&mut rig, prompt, Choice::Carrier);
    assert_eq!(reply, Some(Ok(Reply::Done)));
    assert_eq!(sms_orders(&effects).len(), 1, "a phone that cannot store still sends what its user wants sent");
    rig.store_says = Some(Ok(()));
    assert_eq!(rig.text_sent(PEER, "later").seq.0, 1, "the order has no hole");
}

#[test]
fn a_store_that_hangs_offers_the_carrier_exactly_at_the_budget_and_the_copies_fold() {
    let mut rig = Rig::online(&[PEER]);
    rig.store_says = None;
    let (ticket, _) = rig.text(PEER, "hello");
    assert_eq!(reply_to(ticket, &rig.pass(1_999)), None);
    let effects = rig.pass(1);
    let (prompt, why, _, may_double) = asking(&rig, ticket, &effects);
    assert_eq!((why, may_double), (WhyNotData::StoreFailed, true));
    let (late, changes) = rig.unanswered.pop().unwrap();
    rig.store_says = Some(Ok(()));
    let effects = rig.answer_commit(late, &changes);
    assert!(sent_texts(&effects).is_empty(), "it is with the user now");
    let id = *rig.store.outgoing.keys().next().unwrap();
    assert_eq!(status_of(&rig, id), TextStatus::Refused);
    let (_, effects) = answer(&mut rig, prompt, Choice::Carrier);
    let (_, _, words) = sms_orders(&effects)[0].clone();
    assert_eq!(fold::read(&words), Some((TextBody::new("hello").unwrap(), id)));
}

#[test]
fn without_a_data_path_the_user_is_asked_at_once() {
    let mut rig = Rig::online(&[PEER]);
    rig.host(HostInput::Network(NetworkSnapshot { path: 1, connected: false, ..NetworkSnapshot::default() }));
    let (ticket, effects) = rig.text(PEER, "hello");
    let (prompt, why, choices, _) = asking(&rig, ticket, &effects);
    assert_eq!(why, WhyNotData::OwnOffline);
    assert_eq!(choices, [Choice::Carrier, Choice::Quit]);
    let (reply, effects) = answer(&mut rig, prompt, Choice::Quit);
    assert_eq!(reply, Some(Ok(Reply::Done)));
    assert!(sms_orders(&effects).is_empty() && rig.store.outgoing.is_empty());
    assert_eq!(answer(&mut rig, prompt, Choice::Carrier).0, Some(Err(Refusal::Stale)));
}

#[test]
fn a_connection_that_went_quiet_is_tested_and_the_user_asked_exactly_at_the_deadline() {
    let mut rig = Rig::online(&[PEER]);
    rig.pass(60_000);
    let (ticket, effects) = rig.text(PEER, "hello");
    assert!(frames(&effects).iter().any(|frame| matches!(frame, ClientFrame::TimeAsk { .. })));
    assert_eq!(reply_to(ticket, &effects), None);
    assert_eq!(reply_to(ticket, &rig.pass(4_999)), None);
    let effects = rig.pass(1);
    assert_eq!(asking(&rig, ticket, &effects).1, WhyNotData::OwnOffline);
}

#[test]
fn a_round_trip_in_time_lets_the_text_go() {
    let mut rig = Rig::online(&[PEER]);
    rig.pass(60_000);
    let (ticket, effects) = rig.text(PEER, "hello");
    let Some(ClientFrame::TimeAsk { ticket: asked }) = frames(&effects).pop() else { panic!("the time is asked") };
    rig.pass(4_900);
    let now = rig.server_now();
    let effects = rig.frame(ServerFrame::Time { ticket: asked, now });
    assert!(matches!(reply_to(ticket, &effects), Some(Ok(Reply::Text(_)))));
    assert_eq!(sent_texts(&effects).len(), 1);
}

#[test]
fn a_text_written_while_the_session_comes_back_goes_as_soon_as_it_stands() {
    let mut rig = Rig::online(&[PEER]);
    rig.close();
    let (ticket, effects) = rig.text(PEER, "hello");
    assert_eq!(reply_to(ticket, &effects), None);
    let effects = rig.connect();
    assert_eq!(sent_texts(&effects).len(), 1);
}

#[test]
fn a_text_cuts_a_back_off_short_but_not_a_wait_the_server_asked_for() {
    let connects = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Connect { .. }));
    let mut rig = Rig::online(&[PEER]);
    rig.close();
    let (_, effects) = rig.text(PEER, "hello");
    assert!(connects(&effects));
    let mut rig = Rig::online(&[PEER]);
    rig.frame(ServerFrame::Goodbye(Goodbye { reason: GoodbyeReason::Busy, retry_after_ms: 60_000 }));
    let (ticket, effects) = rig.text(PEER, "hello");
    assert!(!connects(&effects));
    let effects = rig.pass(5_000);
    assert_eq!(asking(&rig, ticket, &effects).1, WhyNotData::OwnOffline);
}

#[test]
fn a_peer_not_seen_lately_offers_to_wait() {
    let mut rig = Rig::registered(&[]);
    rig.connect();
    let lease = rig.server_now().0 + 60_000;
    rig.frame(marks_frame(Ticket(0), MarkGeneration(5), vec![rig_mark(PEER, 5, lease)]));
    rig.pass_online(59_999);
    assert_eq!(rig.device.marks()[0].shown, MarkShown::Marked);
    rig.pass_online(1);
    assert_eq!(rig.device.marks()[0].shown, MarkShown::NotSeenLately);
    let (ticket, effects) = rig.text(PEER, "hello");
    let (ticket, effects) = settle_connected(&mut rig, ticket, effects);
    let (prompt, why, choices, _) = asking(&rig, ticket, &effects);
    assert_eq!(why, WhyNotData::PeerNotSeenLately);
    assert_eq!(choices, [Choice::Wait, Choice::Carrier, Choice::Quit]);
    let (reply, effects) = answer(&mut rig, prompt, Choice::Wait);
    assert!(matches!(reply, Some(Ok(Reply::Text(_)))));
    assert_eq!(sent_texts(&effects).len(), 1);
}

/// Answers the time question a text asked first.
fn settle_connected(rig: &mut Rig, ticket: Ticket, effects: Vec<Effect>) -> (Ticket, Vec<Effect>) {
    let asked = frames(&effects).into_iter().find_map(|frame| match frame {
        ClientFrame::TimeAsk { ticket } => Some(ticket),
        _ => None,
    });
    match asked {
        Some(asked) => {
            let now = rig.server_now();
            (ticket, rig.frame(ServerFrame::Time { ticket: asked, now }))
        }
        None => (ticket, effects),
    }
}

#[test]
fn a_number_without_a_mark_offers_the_carrier_and_waiting_is_no_choice() {
    let mut rig = Rig::online(&[]);
    let (ticket, effects) = rig.text(PEER, "hello");
    let (prompt, why, choices, _) = asking(&rig, ticket, &effects);
    assert_eq!(why, WhyNotData::PeerNotAvailable);
    assert_eq!(choices, [Choice::Carrier, Choice::Quit]);
    assert_eq!(answer(&mut rig, prompt, Choice::Wait).0, Some(Err(Refusal::NoSuchChoice)));
    let (reply, effects) = answer(&mut rig, prompt, Choice::Carrier);
    let Some(Ok(Reply::Text(id))) = reply else { panic!("the SMS has a row") };
    let (order, to, words) = sms_orders(&effects)[0].clone();
    assert_eq!((to, words), (toy_number(PEER).e164(), "hello".to_owned()));
    assert_eq!(statuses(&sms_sent(&mut rig, order, true)), [TextStatus::CarrierSms]);
    assert_eq!(status_of(&rig, id), TextStatus::CarrierSms);
}

#[test]
fn an_unregistered_line_offers_the_carrier() {
    let mut rig = Rig::fresh();
    let (ticket, effects) = rig.text(PEER, "hello");
    assert_eq!(asking(&rig, ticket, &effects).1, WhyNotData::NotRegistered);
}

#[test]
fn a_standing_choice_sends_the_sms_without_asking() {
    let mut rig = Rig::online(&[]);
    let settings = SettingsRow { standing_choice: StandingChoice::Carrier, read_receipts: true };
    let (ticket, effects) = rig.command(Command::Settings(settings));
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    let (ticket, effects) = rig.text(PEER, "hello");
    assert!(matches!(reply_to(ticket, &effects), Some(Ok(Reply::Text(_)))));
    assert_eq!(sms_orders(&effects).len(), 1);
    assert!(rig.device.prompts().is_empty());
}

#[test]
fn emergency_and_service_numbers_take_no_text_over_data_and_no_prompt() {
    let mut rig = Rig::online(&[PEER]);
    for digits in ["112", "*100#", "22333"] {
        let text = |mode| Command::SendText {
            target: Target::Number(Secret::new(digits.into())),
            line: None,
            body: Secret::new("help".into()),
            mode,
        };
        let (ticket, effects) = rig.command(text(Mode::Data));
        assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::CarrierOnly)), "{digits}");
        let (ticket, effects) = rig.command(text(Mode::Carrier));
        assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
        assert_eq!(sms_orders(&effects)[0].1, digits);
    }
    assert!(rig.device.prompts().is_empty());
}

#[test]
fn an_empty_or_an_oversized_text_and_garbage_for_a_number_are_refused_by_name() {
    let mut rig = Rig::online(&[PEER]);
    let (ticket, effects) = rig.text(PEER, "");
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::BadBody)));
    let (ticket, effects) = rig.text(PEER, &"x".repeat(64 * 1024 + 1));
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::BadBody)));
    let (ticket, effects) = rig.command(Command::SendText {
        target: Target::Number(Secret::new("mum".into())),
        line: None,
        body: Secret::new("hi".into()),
        mode: Mode::Data,
    });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::BadNumber)));
}

#[test]
fn a_carrier_sms_the_process_died_over_is_shown_as_failed_and_never_doubled() {
    let mut rig = Rig::online(&[PEER]);
    let (_, effects) = rig.command(text_command(PEER, "hi", Mode::Carrier));
    assert_eq!(sms_orders(&effects).len(), 1);
    let effects = rig.crash();
    assert!(sms_orders(&effects).is_empty());
    assert_eq!(statuses(&effects), [TextStatus::SmsFailed]);
    let id = *rig.store.outgoing.keys().next().unwrap();
    let (ticket, effects) = rig.command(Command::TextToSms { id });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    let (order, _, words) = sms_orders(&effects)[0].clone();
    assert_eq!(words, "hi");
    sms_sent(&mut rig, order, true);
    assert_eq!(status_of(&rig, id), TextStatus::CarrierSms);
}

#[test]
fn an_os_that_never_answers_about_an_sms_counts_as_failed_at_the_deadline() {
    let mut rig = Rig::online(&[PEER]);
    rig.command(text_command(PEER, "hi", Mode::Carrier));
    let id = *rig.store.outgoing.keys().next().unwrap();
    rig.pass_online(119_999);
    assert_eq!(status_of(&rig, id), TextStatus::Pending);
    rig.pass_online(1);
    assert_eq!(status_of(&rig, id), TextStatus::SmsFailed);
}

#[test]
fn refusals_that_pass_are_waited_out_as_long_as_told_and_nothing_overtakes() {
    for reason in [RefuseReason::Budget, RefuseReason::Storage, RefuseReason::MailboxFull] {
        let mut rig = Rig::online(&[PEER]);
        let first = rig.text_sent(PEER, "one");
        rig.text(PEER, "two");
        let effects = refused(&mut rig, first.ticket, reason, 7_000);
        assert!(sent_texts(&effects).is_empty(), "the second does not overtake");
        assert!(sent_texts(&rig.pass(6_999)).is_empty());
        assert_eq!(sent_texts(&rig.pass(1))[0].id, first.id);
    }
}

#[test]
fn a_recipient_that_changed_is_an_end_the_sender_learns() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    let effects = refused(&mut rig, text.ticket, RefuseReason::RecipientChanged, 0);
    assert_eq!(statuses(&effects), [ended(TerminalState::RecipientChanged)]);
}

#[test]
fn a_recipient_that_is_not_available_asks_the_user_and_either_answer_ends_it() {
    for (choice, end) in [(Choice::Carrier, TerminalState::HandedToSms), (Choice::Quit, TerminalState::Cancelled)] {
        let mut rig = Rig::online(&[PEER]);
        let text = rig.text_sent(PEER, "hello");
        refused(&mut rig, text.ticket, RefuseReason::NotAvailable, 0);
        let prompt = rig.device.prompts()[0].id;
        let (reply, effects) = answer(&mut rig, prompt, choice);
        assert_eq!(reply, None, "the server is asked first");
        let (ticket, id, asked) = swaps(&effects)[0];
        assert_eq!((id, asked), (text.id, end));
        assert!(sms_orders(&effects).is_empty());
        let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket, id, end });
        for (order, _, _) in sms_orders(&effects) {
            sms_sent(&mut rig, order, true);
        }
        assert_eq!(status_of(&rig, text.id), ended(end));
    }
}

#[test]
fn a_request_the_server_calls_a_defect_ends_as_refused() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    assert_eq!(statuses(&refused(&mut rig, text.ticket, RefuseReason::Invalid, 0)), [TextStatus::Refused]);
}

#[test]
fn a_number_with_another_owner_gets_nothing_meant_for_the_former_one() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "secret");
    rig.close();
    let mut mark = rig_mark(PEER, 9, i64::MAX);
    let Mark { state: MarkState::Marked { epoch, .. }, .. } = &mut mark else { panic!("marked") };
    *epoch = NumberEpoch(2);
    rig.open_session_after_a_while();
    let mut effects = rig.frame(marks_frame(Ticket(0), MarkGeneration(9), vec![mark]));
    effects.extend(refuse_pending(&mut rig));
    effects.extend(rig.pass(2_000));
    assert!(sent_texts(&effects).is_empty(), "not to the new owner");
    let (ticket, id, end) = swaps(&effects)[0];
    let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket, id, end });
    assert_eq!(statuses(&effects), [ended(TerminalState::RecipientChanged)]);
    assert_eq!(id, text.id);
}

/// Refuses whatever text is on its way, so that it is looked at again.
fn refuse_pending(rig: &mut Rig) -> Vec<Effect> {
    (0..200).flat_map(|ticket| refused(rig, Ticket(ticket), RefuseReason::Budget, 0)).collect()
}

#[test]
fn an_sms_leaves_only_after_the_server_gave_the_text_up() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    let (ticket, effects) = rig.command(Command::TextToSms { id: text.id });
    assert_eq!(reply_to(ticket, &effects), None);
    assert!(sms_orders(&effects).is_empty());
    let (asked, id, end) = swaps(&effects)[0];
    assert_eq!((id, end), (text.id, TerminalState::HandedToSms));
    let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket: asked, id, end });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    let (order, to, words) = sms_orders(&effects)[0].clone();
    assert_eq!(to, toy_number(PEER).e164());
    assert_eq!(fold::read(&words), Some((TextBody::new("see you").unwrap(), text.id)));
    assert_eq!(status_of(&rig, text.id), TextStatus::Stored, "not before the carrier has it");
    let effects = sms_sent(&mut rig, order, true);
    assert_eq!(statuses(&effects), [ended(TerminalState::HandedToSms)]);
    assert_eq!(taken(&effects), [text.id]);
}

#[test]
fn a_swap_that_is_lost_sends_no_sms() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    let (ticket, effects) = rig.command(Command::TextToSms { id: text.id });
    let (asked, id, _) = swaps(&effects)[0];
    let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket: asked, id, end: TerminalState::Delivered });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Stale)));
    assert!(sms_orders(&effects).is_empty());
    assert_eq!(statuses(&effects), [ended(TerminalState::Delivered)]);
}

#[test]
fn a_won_swap_whose_answer_was_lost_still_sends_the_sms_after_a_restart() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    rig.command(Command::TextToSms { id: text.id });
    rig.crash();
    rig.connect();
    let effects = told(&mut rig, &text, TerminalState::HandedToSms);
    assert!(taken(&effects).is_empty(), "the server keeps it until the carrier has the SMS");
    let (order, _, words) = sms_orders(&effects)[0].clone();
    assert!(fold::read(&words).is_some());
    assert!(sms_orders(&told(&mut rig, &text, TerminalState::HandedToSms)).is_empty(), "once");
    assert_eq!(taken(&sms_sent(&mut rig, order, true)), [text.id]);
}

#[test]
fn an_sms_the_carrier_refuses_may_be_tried_again() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    let (_, effects) = rig.command(Command::TextToSms { id: text.id });
    let (asked, id, end) = swaps(&effects)[0];
    let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket: asked, id, end });
    let (order, ..) = sms_orders(&effects)[0].clone();
    assert_eq!(statuses(&sms_sent(&mut rig, order, false)), [TextStatus::SmsFailed]);
    let (_, effects) = rig.command(Command::TextToSms { id: text.id });
    let (asked, id, end) = swaps(&effects)[0];
    let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket: asked, id, end });
    let (order, ..) = sms_orders(&effects)[0].clone();
    assert_eq!(statuses(&sms_sent(&mut rig, order, true)), [ended(TerminalState::HandedToSms)]);
}

#[test]
fn when_the_server_cannot_be_asked_the_user_is_told_that_it_may_arrive_twice() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    rig.close();
    let (ticket, effects) = rig.command(Command::TextToSms { id: text.id });
    let (prompt, why, _, may_double) = asking(&rig, ticket, &effects);
    assert_eq!((why, may_double), (WhyNotData::OwnOffline, true));
    let (reply, effects) = answer(&mut rig, prompt, Choice::Carrier);
    assert_eq!(reply, Some(Ok(Reply::Done)));
    let (order, _, words) = sms_orders(&effects)[0].clone();
    assert!(fold::read(&words).is_some(), "so that the copies fold");
    assert_eq!(statuses(&sms_sent(&mut rig, order, true)), [ended(TerminalState::HandedToSms)]);
    let effects = rig.connect();
    assert_eq!(swaps(&effects)[0].1, text.id, "the server is told when it can be");
    let effects = told(&mut rig, &text, TerminalState::Delivered);
    assert_eq!(taken(&effects), [text.id]);
    assert_eq!(status_of(&rig, text.id), ended(TerminalState::HandedToSms), "the first end stays");
}

#[test]
fn declining_the_risk_leaves_the_text_waiting() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    rig.close();
    let (ticket, effects) = rig.command(Command::TextToSms { id: text.id });
    let (prompt, ..) = asking(&rig, ticket, &effects);
    answer(&mut rig, prompt, Choice::Quit);
    assert_eq!(status_of(&rig, text.id), TextStatus::Stored);
    rig.connect();
    assert_eq!(statuses(&told(&mut rig, &text, TerminalState::Delivered)), [ended(TerminalState::Delivered)]);
}

#[test]
fn a_swap_left_unanswered_offers_the_risk_at_the_deadline() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    let (ticket, _) = rig.command(Command::TextToSms { id: text.id });
    assert_eq!(reply_to(ticket, &rig.pass(9_999)), None);
    let effects = rig.pass(1);
    assert!(asking(&rig, ticket, &effects).3);
    assert!(!rig.device.online(LINE), "the connection is dead");
}

#[test]
fn a_swap_the_server_refuses_now_is_not_asked_again_at_once() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    let (ticket, effects) = rig.command(Command::TextToSms { id: text.id });
    let (asked, ..) = swaps(&effects)[0];
    let effects = refused(&mut rig, asked, RefuseReason::Budget, 30_000);
    let (_, why, _, may_double) = asking(&rig, ticket, &effects);
    assert_eq!((why, may_double), (WhyNotData::NoAnswerInTime, true));
    assert!(sent_texts(&effects).is_empty());
    assert!(sent_texts(&rig.pass(29_999)).is_empty());
    assert_eq!(sent_texts(&rig.pass(1)).len(), 1);
}

#[test]
fn a_text_that_never_left_becomes_an_sms_or_is_taken_back_without_asking_anyone() {
    let mut rig = Rig::online(&[PEER]);
    let first = rig.text_sent(PEER, "one");
    let second = accepted(&mut rig, "two");
    let third = accepted(&mut rig, "three");
    let (ticket, effects) = rig.command(Command::CancelText { id: second });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    assert_eq!(status_of(&rig, second), ended(TerminalState::Cancelled));
    let (ticket, effects) = rig.command(Command::TextToSms { id: third });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    assert_eq!(sms_orders(&effects)[0].2, "three", "no mark: there is no copy to fold");
    assert!(sent_texts(&rig.stored(&first)).is_empty());
}

fn accepted(rig: &mut Rig, words: &str) -> TextId {
    let (ticket, effects) = rig.text(PEER, words);
    let Some(Ok(Reply::Text(id))) = reply_to(ticket, &effects) else { panic!("accepted") };
    id
}

#[test]
fn a_waiting_text_is_taken_back_by_the_server_first_and_needs_a_connection() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    let (ticket, effects) = rig.command(Command::CancelText { id: text.id });
    let (asked, id, end) = swaps(&effects)[0];
    let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket: asked, id, end });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    assert_eq!(status_of(&rig, text.id), ended(TerminalState::Cancelled));
    let text = stored_text(&mut rig);
    rig.close();
    let (ticket, effects) = rig.command(Command::CancelText { id: text.id });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Offline)));
    let (ticket, effects) = rig.command(Command::CancelText { id: TextId::default() });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Stale)));
}

#[test]
fn an_end_that_cannot_be_kept_is_not_told_and_is_tried_again() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    rig.store_says = Some(Err(StoreFailure::Full));
    let effects = told(&mut rig, &text, TerminalState::Delivered);
    assert!(taken(&effects).is_empty() && statuses(&effects).is_empty());
    rig.store_says = Some(Ok(()));
    assert!(taken(&rig.pass(29_999)).is_empty());
    let effects = rig.pass(1);
    assert_eq!(taken(&effects), [text.id]);
    assert_eq!(statuses(&effects), [ended(TerminalState::Delivered)]);
}

#[test]
fn a_registration_that_ends_refuses_what_never_left_and_makes_up_no_end_for_what_did() {
    let mut rig = Rig::online(&[PEER, 3]);
    let waiting = stored_text(&mut rig);
    let sent = rig.text_sent(3, "hello");
    let (ticket, effects) = rig.text(3, "and more");
    let Some(Ok(Reply::Text(kept_back))) = reply_to(ticket, &effects) else { panic!("accepted") };
    rig.command(Command::Unregister { line: LINE });
    assert_eq!(status_of(&rig, waiting.id), TextStatus::LeftBehind);
    assert_eq!(status_of(&rig, sent.id), TextStatus::LeftBehind, "nobody knows whether the server has it");
    assert_eq!(status_of(&rig, kept_back), TextStatus::Refused);
}

#[test]
fn a_text_left_behind_learns_its_end_when_the_server_tells_it_after_all() {
    let mut store = registered_store(&[PEER]);
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    rig.command(Command::Unregister { line: LINE });
    store.outgoing = rig.store.outgoing.clone();
    let mut rig = Rig::boot(store, 9).0;
    rig.connect();
    let effects = told(&mut rig, &text, TerminalState::Delivered);
    assert_eq!(statuses(&effects), [ended(TerminalState::Delivered)]);
    assert_eq!(taken(&effects), [text.id]);
    assert_eq!(status_of(&rig, text.id), ended(TerminalState::Delivered));
}

#[test]
fn a_stored_text_that_waits_does_not_hold_up_the_next_one_after_a_restart() {
    let mut rig = Rig::online(&[PEER]);
    stored_text(&mut rig);
    rig.crash();
    rig.connect();
    assert_eq!(rig.text_sent(PEER, "next").seq.0, 2);
}

#[test]
fn a_prompt_about_a_text_that_was_read_meanwhile_is_gone() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    refused(&mut rig, text.ticket, RefuseReason::NotAvailable, 0);
    assert_eq!(rig.device.prompts().len(), 1);
    rig.frame(ServerFrame::ReadReceipt { by: text.to, ids: vec![text.id] });
    assert!(rig.device.prompts().is_empty());
}

#[test]
fn read_receipts_are_shown_and_durable_before_the_server_may_forget_them() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    told(&mut rig, &text, TerminalState::Delivered);
    let effects = rig.frame(ServerFrame::ReadReceipt { by: text.to, ids: vec![text.id] });
    let read = TextStatus::Ended { state: TerminalState::Delivered, read: true };
    assert_eq!(statuses(&effects), [read]);
    assert_eq!(status_of(&rig, text.id), read);
    assert!(frames(&effects).contains(&ClientFrame::ReadTaken { by: text.to, ids: vec![text.id] }));
}

#[test]
fn a_receipt_that_overtakes_the_end_is_the_end() {
    let mut rig = Rig::online(&[PEER]);
    let text = stored_text(&mut rig);
    rig.frame(ServerFrame::ReadReceipt { by: text.to, ids: vec![text.id] });
    let read = TextStatus::Ended { state: TerminalState::Delivered, read: true };
    assert_eq!(status_of(&rig, text.id), read);
    let effects = told(&mut rig, &text, TerminalState::Delivered);
    assert_eq!(taken(&effects), [text.id]);
    assert_eq!(status_of(&rig, text.id), read);
}

#[test]
fn answers_nobody_waits_for_change_nothing() {
    let mut rig = Rig::online(&[PEER]);
    let text = rig.text_sent(PEER, "hello");
    let stored_at = rig.server_now();
    let stray = ServerFrame::TextStored { ticket: Ticket(424_242), id: text.id, stored_at };
    assert!(rig.frame(stray).is_empty());
    let stray = ServerFrame::TextSwapAnswer { ticket: text.ticket, id: text.id, end: TerminalState::Cancelled };
    assert!(rig.frame(stray).is_empty());
    assert!(sms_sent(&mut rig, Ticket(424_242), true).is_empty());
    assert_eq!(status_of(&rig, text.id), TextStatus::Pending);
}

#[test]
fn several_marked_numbers_of_a_contact_are_asked_about_once_and_remembered() {
    let mut rig = Rig::online(&[2, 3]);
    let text = || Command::SendText {
        target: Target::Contact {
            contact: "anna".into(),
            numbers: [2, 3, 4].map(|n| Secret::new(toy_number(n).e164())).to_vec(),
        },
        line: None,
        body: Secret::new("hi".into()),
        mode: Mode::Data,
    };
    let (ticket, effects) = rig.command(text());
    let Some(Ok(Reply::Asking(prompt))) = reply_to(ticket, &effects) else { panic!("asked which number") };
    assert_eq!(
        rig.device.prompts()[0].choices,
        [Choice::Number(toy_number(2)), Choice::Number(toy_number(3)), Choice::Quit]
    );
    let (reply, effects) = answer(&mut rig, prompt, Choice::Number(toy_number(3)));
    assert!(matches!(reply, Some(Ok(Reply::Text(_)))));
    assert_eq!(sent_texts(&effects)[0].to, toy_number(3));
    rig.stored(&sent_texts(&effects)[0].clone());
    let (ticket, effects) = rig.command(text());
    assert!(matches!(reply_to(ticket, &effects), Some(Ok(Reply::Text(_)))), "asked once");
    assert_eq!(rig.store.preferences["anna"], toy_number(3));
}

#[test]
fn the_outbox_has_a_bottom() {
    let mut rig = Rig::boot(registered_store(&[]), 1).0;
    rig.sims(vec![crate::rig::sim(LINE, Some(toy_number(1)), "262011234567890")]);
    let mut full = 0;
    for _ in 0..400 {
        let (ticket, effects) = rig.text(PEER, "hello");
        full += usize::from(reply_to(ticket, &effects) == Some(Err(Refusal::Full)));
    }
    assert!(full >= 400 - 256, "{full}");
}
