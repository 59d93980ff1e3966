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

mod endings;
mod unseen;

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
