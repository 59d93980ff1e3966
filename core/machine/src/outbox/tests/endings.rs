//! How texts end: refusals, the swap to SMS, taking back, and registrations that end.

use super::*;

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
