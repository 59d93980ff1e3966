//! Texts that wait for a phone whose mark has run out.

use super::*;

/// How long the mark in these tests holds, in milliseconds.
const LEASE: u64 = 30_000;

/// A phone whose peer's mark runs out in [`LEASE`].
fn leased() -> Rig {
    let mut rig = Rig::online(&[PEER]);
    mark_holds(&mut rig, 9, LEASE);
    rig
}

fn mark_holds(rig: &mut Rig, generation: u64, ms: u64) -> Vec<Effect> {
    let until = rig.server_now().0 + i64::try_from(ms).unwrap();
    rig.frame(marks_frame(Ticket(0), MarkGeneration(generation), vec![rig_mark(PEER, generation, until)]))
}

fn asked(rig: &Rig) -> Vec<(PromptId, bool)> {
    let of = |about: &PromptAbout| match about {
        PromptAbout::Text { why: WhyNotData::PeerNotSeenLately, may_double, .. } => Some(*may_double),
        _ => None,
    };
    rig.device.prompts().iter().filter_map(|prompt| Some((prompt.id, of(&prompt.about)?))).collect()
}

fn swapped_and_sent(rig: &mut Rig, effects: &[Effect]) -> Vec<TextId> {
    let mut sent = Vec::new();
    for (ticket, id, end) in swaps(effects) {
        let effects = rig.frame(ServerFrame::TextSwapAnswer { ticket, id, end });
        let orders = sms_orders(&effects);
        assert_eq!(orders.len(), 1, "one SMS for a text");
        let (_, folded) = fold::read(&orders[0].2).expect("marked, so that copies fold");
        sent.push(folded);
    }
    sent
}

#[test]
fn nothing_is_asked_until_the_mark_runs_out_and_then_once_for_all_texts_of_that_recipient() {
    let mut rig = leased();
    let (first, second) = (stored_text(&mut rig), stored_text(&mut rig));
    rig.pass_online(LEASE - 2_000);
    assert!(asked(&rig).is_empty());
    rig.pass_online(3_000);
    let prompts = asked(&rig);
    assert_eq!(prompts.len(), 1);
    let (reply, effects) = answer(&mut rig, prompts[0].0, Choice::Carrier);
    assert_eq!(reply, None, "the first text's swap answers it");
    assert_eq!(swapped_and_sent(&mut rig, &effects), [first.id, second.id], "in their order");
    assert!(asked(&rig).is_empty());
}

#[test]
fn a_text_written_after_the_mark_ran_out_is_not_asked_about_again() {
    let mut rig = leased();
    rig.pass_online(LEASE + 1_000);
    let (ticket, mut effects) = rig.text(PEER, "I can wait");
    let ClientFrame::TimeAsk { ticket: time } = frames(&effects)[0] else { panic!("a round trip first: {effects:?}") };
    let now = rig.server_now();
    effects.extend(rig.frame(ServerFrame::Time { ticket: time, now }));
    let (prompt, ..) = asking(&rig, ticket, &effects);
    let (_, effects) = answer(&mut rig, prompt, Choice::Wait);
    let sent = sent_texts(&effects);
    rig.stored(&sent[0]);
    rig.close();
    rig.open_session_after_a_while();
    assert!(asked(&rig).is_empty());
}

#[test]
fn who_waits_is_not_asked_again_until_the_phone_was_seen_and_vanished_once_more() {
    let mut rig = leased();
    stored_text(&mut rig);
    rig.pass_online(LEASE + 1_000);
    let (prompt, _) = asked(&rig)[0];
    assert_eq!(answer(&mut rig, prompt, Choice::Wait).0, Some(Ok(Reply::Done)));
    rig.close();
    rig.open_session_after_a_while();
    assert!(asked(&rig).is_empty());
    mark_holds(&mut rig, 12, LEASE);
    rig.pass_online(LEASE + 1_000);
    assert_eq!(asked(&rig).len(), 1);
}

#[test]
fn the_question_goes_when_the_phone_is_seen_and_when_the_text_is_delivered() {
    let mut rig = leased();
    let text = stored_text(&mut rig);
    rig.pass_online(LEASE + 1_000);
    assert_eq!(asked(&rig).len(), 1);
    mark_holds(&mut rig, 12, LEASE);
    assert!(asked(&rig).is_empty(), "it is there again");
    rig.pass_online(LEASE + 1_000);
    let (prompt, _) = asked(&rig)[0];
    told(&mut rig, &text, TerminalState::Delivered);
    assert!(asked(&rig).is_empty(), "nothing is left to decide");
    assert_eq!(answer(&mut rig, prompt, Choice::Carrier).0, Some(Err(Refusal::Stale)));
}

#[test]
fn a_restart_asks_again_about_what_still_waits() {
    let mut rig = leased();
    stored_text(&mut rig);
    rig.pass_online(LEASE + 1_000);
    let now = rig.now;
    rig.crash();
    rig.now = now;
    assert!(asked(&rig).is_empty(), "not before the server's clock is known");
    rig.connect();
    assert_eq!(asked(&rig).len(), 1);
}

#[test]
fn without_a_connection_the_user_is_told_that_they_may_arrive_twice_before_any_leaves() {
    let mut rig = leased();
    let (first, second) = (stored_text(&mut rig), stored_text(&mut rig));
    rig.pass_online(LEASE + 1_000);
    rig.close();
    let (prompt, _) = asked(&rig)[0];
    let (reply, effects) = answer(&mut rig, prompt, Choice::Carrier);
    assert!(sms_orders(&effects).is_empty());
    let Some(Ok(Reply::Asking(again))) = reply else { panic!("asked once more: {reply:?}") };
    assert_eq!(asked(&rig), [(again, true)]);
    let (reply, effects) = answer(&mut rig, again, Choice::Carrier);
    assert_eq!(reply, Some(Ok(Reply::Done)));
    let folded: Vec<TextId> =
        sms_orders(&effects).iter().filter_map(|(.., words)| fold::read(words)).map(|(_, id)| id).collect();
    assert_eq!(folded, [first.id, second.id]);
}

#[test]
fn a_standing_choice_for_the_carrier_asks_nothing() {
    let mut rig = leased();
    let text = stored_text(&mut rig);
    let settings = SettingsRow { standing_choice: StandingChoice::Carrier, ..SettingsRow::default() };
    rig.command(Command::Settings(settings));
    let effects = rig.pass_online(LEASE + 1_000);
    assert!(asked(&rig).is_empty());
    assert_eq!(swapped_and_sent(&mut rig, &effects), [text.id]);
}
