//! A registration seen from outside: what the user sees, what is asked, what is kept.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use super::ask::TRIES_MAX;
use crate::bench::toy_number;
use crate::effect::{Effect, Event, Refusal, Reply};
use crate::input::{Command, HostInput, Input, LinkInput, StoreFailure};
use crate::rig::{LINE, Rig, RigKeys, events, frames, is_silent, register_asks, reply_to, sim};
use crate::view::{Budget, RegistrationFailure, RegistrationState, Resend, ResendRefusal};
use std::time::Duration;
use tandem_model::rows::RegistrationPhase;
use tandem_model::{KeyedImsiKey, Line, NumberEpoch, RegistrationId, Secret, ServerMillis, SmsToken, Ticket};
use tandem_wire::frame::{ConfirmProof, RegisterRefusal, SmsPlatform};
use tandem_wire::{ClientFrame, RegisterReply, RegisterRequest, ServerFrame};

mod tokens;
mod withdrawal;

const CODE: &str = "12345678";

fn shown(rig: &Rig, line: Line) -> RegistrationState {
    rig.device.registrations().into_iter().find(|view| view.line == line).expect("the line is there").state
}

fn resend(rig: &Rig) -> Resend {
    let view = rig.device.registrations().into_iter().find(|view| view.line == LINE).expect("the line is there");
    view.resend.expect("there is an attempt")
}

fn register(rig: &mut Rig, typed: Option<&str>) -> Vec<Effect> {
    rig.command(Command::Register { line: LINE, typed: typed.map(|raw| Secret::new(raw.to_owned())) }).1
}

fn answer(rig: &mut Rig, ticket: Ticket, reply: Option<RegisterReply>) -> Vec<Effect> {
    rig.feed(Input::Link(LinkInput::Registered { ticket, reply }))
}

fn started(rig: &Rig, id: u8) -> RegisterReply {
    let now = rig.server_now();
    RegisterReply::Started {
        id: RegistrationId([id; 16]),
        expires_at: ServerMillis(now.0 + 600_000),
        now,
        resend_after_ms: 60_000,
        imsi_key: KeyedImsiKey(Secret::new([5; 32])),
    }
}

fn refused(reason: RegisterRefusal, retry_after_ms: u32) -> RegisterReply {
    RegisterReply::Refused { reason, retry_after_ms }
}

fn sms(rig: &mut Rig, line: Line, token: u8) -> Vec<Effect> {
    let body = tandem_wire::sms::render(&SmsToken([token; 16]), CODE, &SmsPlatform::Dialer);
    rig.host(HostInput::SmsReceived { line, from: Secret::new("+49151999".into()), body: Secret::new(body) })
}

fn confirm(rig: &mut Rig) -> (Option<Result<Reply, Refusal>>, Vec<Effect>) {
    let (ticket, effects) = rig.command(Command::ConfirmRegistration { line: LINE });
    (reply_to(ticket, &effects), effects)
}

fn only_ask(effects: &[Effect]) -> (Ticket, RegisterRequest) {
    let asks = register_asks(effects);
    assert_eq!(asks.len(), 1, "one question");
    asks[0].clone()
}

/// A rig that waits for its SMS.
fn awaiting_sms() -> Rig {
    let mut rig = Rig::fresh();
    let (ticket, _) = only_ask(&register(&mut rig, None));
    let reply = started(&rig, 1);
    answer(&mut rig, ticket, Some(reply));
    assert!(matches!(shown(&rig, LINE), RegistrationState::AwaitingSms { .. }));
    rig
}

/// A rig whose proof is with the server, and the question's ticket.
fn confirming() -> (Rig, Ticket) {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    let (ticket, _) = only_ask(&confirm(&mut rig).1);
    (rig, ticket)
}

fn confirmed(rig: &Rig) -> RegisterReply {
    let now = rig.server_now();
    RegisterReply::Confirmed { epoch: NumberEpoch(4), lease_until: now, now }
}

#[test]
fn a_number_read_from_the_sim_is_registered_after_the_users_word() {
    let mut rig = awaiting_sms();
    let effects = sms(&mut rig, LINE, 7);
    assert!(register_asks(&effects).is_empty(), "nothing is confirmed without the user");
    assert_eq!(shown(&rig, LINE), RegistrationState::AwaitingUserConfirm);
    let (reply, effects) = confirm(&mut rig);
    assert_eq!(reply, Some(Ok(Reply::Done)));
    let (ticket, request) = only_ask(&effects);
    let RegisterRequest::Confirm { proof, imsi, sealing_key, .. } = request else { panic!("a confirmation") };
    assert_eq!(proof, ConfirmProof::Token(SmsToken([7; 16])));
    assert!(imsi.is_some(), "the SIM gives its IMSI");
    assert_eq!(sealing_key.id.0, 1);
    assert_eq!(shown(&rig, LINE), RegistrationState::Confirming);
    let reply = confirmed(&rig);
    let effects = answer(&mut rig, ticket, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::Registered);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Connect { line: LINE, .. })));
    let row = &rig.store.registrations[&LINE];
    assert!(matches!(row.phase, RegistrationPhase::Registered { epoch: NumberEpoch(4), .. }));
    assert_eq!(row.sealing_key.0, 1);
}

#[test]
fn nothing_is_asked_before_the_key_is_durable() {
    let mut rig = Rig::fresh();
    rig.store_says = None;
    let effects = register(&mut rig, None);
    assert!(register_asks(&effects).is_empty());
    rig.store_says = Some(Err(StoreFailure::Full));
    let mut rig = Rig::fresh();
    rig.store_says = Some(Err(StoreFailure::Full));
    let effects = register(&mut rig, None);
    assert!(register_asks(&effects).is_empty());
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::StoreFailed));
}

#[test]
fn a_store_that_hangs_fails_the_registration_exactly_at_the_budget() {
    let mut rig = Rig::fresh();
    rig.store_says = None;
    register(&mut rig, None);
    rig.pass(1_999);
    assert_eq!(shown(&rig, LINE), RegistrationState::Asking);
    rig.pass(1);
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::StoreFailed));
}

#[test]
fn a_sim_that_hides_its_number_asks_for_it_and_takes_what_is_typed() {
    let mut rig = Rig::fresh();
    rig.sims(vec![sim(LINE, None, "262011234567890")]);
    register(&mut rig, None);
    assert_eq!(shown(&rig, LINE), RegistrationState::NumberNeeded);
    let (ticket, effects) =
        rig.command(Command::Register { line: LINE, typed: Some(Secret::new("0151 23000001".into())) });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    let (_, request) = only_ask(&effects);
    let RegisterRequest::Start { number, .. } = request else { panic!("a start") };
    assert_eq!(number.e164(), "+4915123000001");
    assert!(rig.store.registrations[&LINE].typed);
}

#[test]
fn what_is_no_number_is_refused_and_shown() {
    let mut rig = Rig::fresh();
    let (ticket, effects) = rig.command(Command::Register { line: LINE, typed: Some(Secret::new("mum".into())) });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::BadNumber)));
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::BadNumber));
}

#[test]
fn a_slot_without_a_sim_registers_nothing() {
    let mut rig = Rig::fresh();
    let (ticket, effects) = rig.command(Command::Register { line: Line(1), typed: None });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::NoSuchLine)));
    assert_eq!(shown(&rig, Line(1)), RegistrationState::Failed(RegistrationFailure::NoSim));
    assert!(register_asks(&effects).is_empty());
}

#[test]
fn an_unknown_outcome_is_asked_again_with_the_same_bytes_until_it_is_given_up() {
    let mut rig = Rig::fresh();
    let (mut ticket, first) = only_ask(&register(&mut rig, None));
    let mut asked = 1;
    loop {
        let mut effects = answer(&mut rig, ticket, None);
        effects.extend(rig.pass(60_001));
        let Some((next, request)) = register_asks(&effects).first().cloned() else { break };
        assert_eq!(request, first);
        ticket = next;
        asked += register_asks(&effects).len();
        assert!(asked < 50, "retries are bounded");
        if shown(&rig, LINE) != RegistrationState::Asking {
            break;
        }
    }
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::Offline));
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn an_answer_nobody_waits_for_is_counted_and_dropped() {
    let mut rig = awaiting_sms();
    let before = rig.device.late_results();
    let reply = started(&rig, 9);
    assert!(answer(&mut rig, Ticket(999_999), Some(reply)).is_empty());
    assert_eq!(rig.device.late_results(), before + 1);
}

#[test]
fn every_refusal_of_the_start_has_its_state_and_its_words() {
    for (reason, why) in [
        (RegisterRefusal::NumberBudget, RegistrationFailure::TooMany { wait_ms: 90_000, of: Budget::Number }),
        (RegisterRefusal::PrefixBudget, RegistrationFailure::TooMany { wait_ms: 90_000, of: Budget::Prefix }),
        (RegisterRefusal::SourceBudget, RegistrationFailure::TooMany { wait_ms: 90_000, of: Budget::Source }),
        (RegisterRefusal::SmsUnavailable, RegistrationFailure::SmsUnavailable),
        (RegisterRefusal::NumberUnreachable, RegistrationFailure::NumberUnreachable),
        (RegisterRefusal::NumberNotServed, RegistrationFailure::NotServed),
        (RegisterRefusal::TriesUsedUp, RegistrationFailure::TriesUsedUp),
        (RegisterRefusal::Expired, RegistrationFailure::Expired),
        (RegisterRefusal::BadSignature, RegistrationFailure::Refused),
        (RegisterRefusal::Invalid, RegistrationFailure::Refused),
    ] {
        let mut rig = Rig::fresh();
        let (ticket, _) = only_ask(&register(&mut rig, None));
        answer(&mut rig, ticket, Some(refused(reason, 90_000)));
        let state = shown(&rig, LINE);
        assert_eq!(state, RegistrationState::Failed(why));
        assert!(!state.user_text().is_empty());
        assert!(rig.store.registrations.is_empty(), "a failed attempt leaves nothing behind");
        let effects = register(&mut rig, None);
        assert_eq!(register_asks(&effects).len(), 1, "and the user may try again");
    }
}

#[test]
fn a_server_that_cannot_store_is_asked_again_no_sooner_than_it_says() {
    let mut rig = Rig::fresh();
    let (ticket, first) = only_ask(&register(&mut rig, None));
    answer(&mut rig, ticket, Some(refused(RegisterRefusal::Storage, 5_000)));
    assert!(register_asks(&rig.pass(4_999)).is_empty());
    assert_eq!(only_ask(&rig.pass(1)).1, first);
}

#[test]
fn an_sms_that_never_comes_ends_the_attempt_exactly_when_it_expires() {
    let mut rig = awaiting_sms();
    rig.pass(599_999);
    assert!(matches!(shown(&rig, LINE), RegistrationState::AwaitingSms { .. }));
    rig.pass(1);
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::SmsNeverCame));
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn an_sms_after_the_end_changes_nothing_and_is_never_shown_as_a_text() {
    let mut rig = awaiting_sms();
    rig.pass(600_000);
    let effects = sms(&mut rig, LINE, 7);
    assert!(effects.is_empty(), "{effects:?}");
    assert!(rig.store.incoming.is_empty());
    assert_eq!(confirm(&mut rig).0, Some(Err(Refusal::Stale)));
}

#[test]
fn another_sms_may_be_asked_for_from_the_time_the_server_named() {
    let mut rig = awaiting_sms();
    rig.pass(59_999);
    let (ticket, effects) = rig.command(Command::ResendSms { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::TooEarly { wait_ms: 1 })));
    assert_eq!(resend(&rig).from, rig.now().wall.after(Duration::from_millis(1)), "on the phone's own clock");
    rig.pass(1);
    let (ticket, effects) = rig.command(Command::ResendSms { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    assert!(resend(&rig).asking);
    let (ask, request) = only_ask(&effects);
    assert!(matches!(request, RegisterRequest::Start { .. }));
    let (ticket, effects) = rig.command(Command::ResendSms { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Busy)), "one at a time");
    let reply = started(&rig, 2);
    answer(&mut rig, ask, Some(reply));
    let again = Resend { from: rig.now().wall.after(Duration::from_secs(60)), asking: false, refused: None };
    assert_eq!(resend(&rig), again);
}

#[test]
fn when_an_attempt_ends_is_shown_on_the_phones_own_clock() {
    let rig = awaiting_sms();
    let RegistrationState::AwaitingSms { expires_at, .. } = shown(&rig, LINE) else { panic!("waiting") };
    assert_eq!(expires_at, rig.now().wall.after(Duration::from_secs(600)));
}

#[test]
fn a_resend_that_is_refused_leaves_the_attempt_as_it_is() {
    let mut rig = awaiting_sms();
    rig.pass(60_000);
    let (_, effects) = rig.command(Command::ResendSms { line: LINE });
    let (ask, _) = only_ask(&effects);
    answer(&mut rig, ask, Some(refused(RegisterRefusal::NumberBudget, 30_000)));
    assert!(matches!(shown(&rig, LINE), RegistrationState::AwaitingSms { .. }));
    sms(&mut rig, LINE, 7);
    assert_eq!(shown(&rig, LINE), RegistrationState::AwaitingUserConfirm);
}

#[test]
fn a_refused_resend_says_why_and_from_when_it_may_be_asked_for_again() {
    let number = ResendRefusal::TooMany { of: Budget::Number };
    for (reason, why) in [
        (RegisterRefusal::NumberBudget, number),
        (RegisterRefusal::PrefixBudget, ResendRefusal::TooMany { of: Budget::Prefix }),
        (RegisterRefusal::SourceBudget, ResendRefusal::TooMany { of: Budget::Source }),
        (RegisterRefusal::SmsUnavailable, ResendRefusal::SmsUnavailable),
        (RegisterRefusal::NumberUnreachable, ResendRefusal::NumberUnreachable),
        (RegisterRefusal::NumberNotServed, ResendRefusal::NotServed),
        (RegisterRefusal::Storage, ResendRefusal::Offline),
        (RegisterRefusal::Invalid, ResendRefusal::Refused),
    ] {
        let mut rig = awaiting_sms();
        rig.pass(60_000);
        let (_, effects) = rig.command(Command::ResendSms { line: LINE });
        let (ask, _) = only_ask(&effects);
        let effects = answer(&mut rig, ask, Some(refused(reason, 30_000)));
        let told = Resend { from: rig.now().wall.after(Duration::from_secs(30)), asking: false, refused: Some(why) };
        assert_eq!(resend(&rig), told);
        assert!(
            events(&effects)
                .iter()
                .any(|event| matches!(event, Event::Registration(view) if view.resend == Some(told)))
        );
        rig.pass(29_999);
        let (ticket, effects) = rig.command(Command::ResendSms { line: LINE });
        assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::TooEarly { wait_ms: 1 })));
        assert_eq!(resend(&rig).refused, Some(why), "asking too early changes nothing");
        rig.pass(1);
        let (ticket, effects) = rig.command(Command::ResendSms { line: LINE });
        assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
        assert_eq!((resend(&rig).asking, resend(&rig).refused), (true, None));
    }
}

#[test]
fn a_resend_the_server_never_answers_is_told_once_it_is_given_up() {
    let mut rig = awaiting_sms();
    rig.pass(60_000);
    let (_, effects) = rig.command(Command::ResendSms { line: LINE });
    let (mut ask, _) = only_ask(&effects);
    for _ in 1..TRIES_MAX {
        answer(&mut rig, ask, None);
        assert!(resend(&rig).asking);
        let (at, _) = rig.device.poll_timeout().unwrap();
        let effects = rig.pass(at.since(rig.now().mono).as_millis().try_into().unwrap());
        ask = only_ask(&effects).0;
    }
    answer(&mut rig, ask, None);
    let gave_up = resend(&rig);
    assert_eq!((gave_up.asking, gave_up.refused), (false, Some(ResendRefusal::Offline)));
    let (ticket, effects) = rig.command(Command::ResendSms { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)), "at once, should the network be back");
}

#[test]
fn without_an_attempt_there_is_nothing_to_send_again() {
    let mut rig = Rig::fresh();
    let of = |rig: &Rig| rig.device.registrations().into_iter().find(|view| view.line == LINE).unwrap().resend;
    assert_eq!(of(&rig), None);
    register(&mut rig, None);
    assert_eq!(of(&rig), None, "the first is being asked for");
    let (rig, _) = confirming();
    assert_eq!(of(&rig), None, "its proof is with the server");
}

#[test]
fn the_token_of_a_superseded_attempt_is_forgotten() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    rig.pass(60_000);
    let (_, effects) = rig.command(Command::ResendSms { line: LINE });
    let (ask, _) = only_ask(&effects);
    assert_eq!(confirm(&mut rig).0, Some(Err(Refusal::Busy)), "while another attempt may be opening");
    let reply = started(&rig, 2);
    answer(&mut rig, ask, Some(reply));
    assert!(matches!(shown(&rig, LINE), RegistrationState::AwaitingSms { .. }));
    sms(&mut rig, LINE, 8);
    let (_, request) = only_ask(&confirm(&mut rig).1);
    let RegisterRequest::Confirm { id, proof, .. } = request else { panic!("a confirmation") };
    assert_eq!((id, proof), (RegistrationId([2; 16]), ConfirmProof::Token(SmsToken([8; 16]))));
}

#[test]
fn a_typed_code_confirms_and_a_wrong_one_may_be_typed_again() {
    let mut rig = awaiting_sms();
    for bad in ["1234567", "123456789", "abcdefgh", ""] {
        let (ticket, effects) = rig.command(Command::EnterCode { line: LINE, code: Secret::new(bad.into()) });
        assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::BadNumber)), "{bad}");
    }
    let (_, effects) = rig.command(Command::EnterCode { line: LINE, code: Secret::new("1111 1111".into()) });
    let (ticket, request) = only_ask(&effects);
    let RegisterRequest::Confirm { proof, sealing_key, .. } = request else { panic!("a confirmation") };
    assert_eq!(proof, ConfirmProof::Code("11111111".into()));
    answer(&mut rig, ticket, Some(refused(RegisterRefusal::WrongProof { tries_left: 1 }, 0)));
    let state = shown(&rig, LINE);
    assert!(state.user_text().contains("One try"));
    let (_, effects) = rig.command(Command::EnterCode { line: LINE, code: Secret::new(CODE.into()) });
    let (ticket, request) = only_ask(&effects);
    let RegisterRequest::Confirm { sealing_key: again, .. } = request else { panic!("a confirmation") };
    assert_eq!(again, sealing_key, "one sealing key per attempt");
    let reply = confirmed(&rig);
    answer(&mut rig, ticket, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::Registered);
}

#[test]
fn used_up_tries_and_an_expired_attempt_end_it() {
    for (reason, why) in [
        (RegisterRefusal::TriesUsedUp, RegistrationFailure::TriesUsedUp),
        (RegisterRefusal::Expired, RegistrationFailure::Expired),
        (RegisterRefusal::BadSignature, RegistrationFailure::Refused),
    ] {
        let (mut rig, ticket) = confirming();
        answer(&mut rig, ticket, Some(refused(reason, 0)));
        assert_eq!(shown(&rig, LINE), RegistrationState::Failed(why));
        assert!(rig.store.registrations.is_empty());
    }
}

#[test]
fn a_lost_confirmation_is_asked_again_with_the_same_bytes() {
    let (mut rig, ticket) = confirming();
    let effects = answer(&mut rig, ticket, None);
    assert!(register_asks(&effects).is_empty());
    let effects = rig.pass(1_001);
    let (again, request) = only_ask(&effects);
    let RegisterRequest::Confirm { proof, .. } = request else { panic!("a confirmation") };
    assert_eq!(proof, ConfirmProof::Token(SmsToken([7; 16])));
    let reply = confirmed(&rig);
    answer(&mut rig, ticket, Some(reply.clone()));
    assert_eq!(shown(&rig, LINE), RegistrationState::Confirming, "the first question is over");
    answer(&mut rig, again, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::Registered);
}

#[test]
fn a_registration_that_cannot_be_kept_is_not_shown_as_one() {
    let (mut rig, ticket) = confirming();
    rig.store_says = Some(Err(StoreFailure::Full));
    let reply = confirmed(&rig);
    let effects = answer(&mut rig, ticket, Some(reply.clone()));
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::StoreFailed));
    assert!(events(&effects).contains(&Event::Notice(crate::view::Notice::StorageFull)));
    rig.store_says = Some(Ok(()));
    let (ticket, _) = only_ask(&confirm(&mut rig).1);
    answer(&mut rig, ticket, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::Registered, "the same key proves it again");
}

#[test]
fn a_typed_number_is_proven_by_an_sms_to_any_sim_of_this_phone() {
    let mut rig = Rig::fresh();
    rig.sims(vec![sim(LINE, None, "262011234567890"), sim(Line(1), None, "262029999999999")]);
    let (ticket, _) = only_ask(&register(&mut rig, Some("+4915123000001")));
    let reply = started(&rig, 1);
    answer(&mut rig, ticket, Some(reply));
    sms(&mut rig, Line(1), 7);
    assert_eq!(shown(&rig, LINE), RegistrationState::AwaitingUserConfirm);
}

#[test]
fn two_sims_register_side_by_side_and_each_takes_its_own_sms() {
    let mut rig = Rig::fresh();
    let second = Line(1);
    rig.sims(vec![
        sim(LINE, Some(toy_number(1)), "262011234567890"),
        sim(second, Some(toy_number(11)), "262029999999999"),
    ]);
    for (line, id) in [(LINE, 1), (second, 2)] {
        let (_, effects) = rig.command(Command::Register { line, typed: None });
        let (ticket, _) = only_ask(&effects);
        let reply = started(&rig, id);
        answer(&mut rig, ticket, Some(reply));
    }
    sms(&mut rig, second, 8);
    assert!(matches!(shown(&rig, LINE), RegistrationState::AwaitingSms { .. }));
    assert_eq!(shown(&rig, second), RegistrationState::AwaitingUserConfirm);
    sms(&mut rig, LINE, 7);
    let (_, effects) = rig.command(Command::ConfirmRegistration { line: second });
    let (_, request) = only_ask(&effects);
    let RegisterRequest::Confirm { proof, .. } = request else { panic!("a confirmation") };
    assert_eq!(proof, ConfirmProof::Token(SmsToken([8; 16])));
}

#[test]
fn unregistering_is_told_to_the_server_until_it_has_heard() {
    let mut rig = Rig::online(&[2]);
    let (ticket, effects) = rig.command(Command::Unregister { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistering);
    assert!(rig.device.marks().is_empty(), "marks clear at once");
    assert!(frames(&effects).iter().any(|frame| matches!(frame, ClientFrame::Unregister { .. })));
    rig.close();
    let effects = rig.open_session_after_a_while();
    let said = frames(&effects).into_iter().find_map(|frame| match frame {
        ClientFrame::Unregister { ticket, .. } => Some(ticket),
        _ => None,
    });
    rig.frame(ServerFrame::Done { ticket: said.expect("said again in the next session") });
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistered);
    assert!(rig.store.registrations.is_empty());
    assert!(!rig.device.online(LINE));
}

#[test]
fn unregistering_survives_the_process() {
    let mut rig = Rig::registered(&[2]);
    rig.command(Command::Unregister { line: LINE });
    rig.crash();
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistering);
    let effects = rig.open_session_after_a_while();
    assert!(frames(&effects).iter().any(|frame| matches!(frame, ClientFrame::Unregister { .. })));
    let mut keys = RigKeys::with_keys(&[1]);
    assert!(is_silent(&rig.list(&mut keys)), "nothing is matched for who leaves");
}

#[test]
fn a_sim_that_is_taken_out_or_swapped_ends_its_registration() {
    let other_imsi = vec![sim(LINE, Some(toy_number(1)), "262019999999999")];
    let other_number = vec![sim(LINE, Some(toy_number(9)), "262011234567890")];
    for slots in [vec![], other_imsi, other_number] {
        let mut rig = Rig::online(&[2]);
        let effects = rig.sims(slots);
        assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::SimChanged));
        assert!(frames(&effects).iter().any(|frame| matches!(frame, ClientFrame::Unregister { .. })));
        assert!(rig.device.marks().is_empty());
    }
}

#[test]
fn what_the_os_does_not_tell_of_a_sim_is_no_change() {
    let mut rig = Rig::online(&[2]);
    let mut silent = sim(LINE, None, "262011234567890");
    silent.imsi = None;
    rig.sims(vec![silent]);
    assert_eq!(shown(&rig, LINE), RegistrationState::Registered);
}

#[test]
fn a_sim_that_goes_while_its_sms_is_awaited_ends_the_attempt() {
    let mut rig = awaiting_sms();
    rig.sims(vec![]);
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::SimChanged));
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn a_process_that_dies_while_asking_asks_again_with_the_same_key() {
    let mut rig = Rig::fresh();
    let (_, first) = only_ask(&register(&mut rig, None));
    let effects = rig.crash();
    assert_eq!(only_ask(&effects).1, first);
}

#[test]
fn a_process_that_dies_while_waiting_takes_the_typed_code() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    rig.crash();
    assert!(matches!(shown(&rig, LINE), RegistrationState::AwaitingSms { .. }));
    let (_, effects) = rig.command(Command::EnterCode { line: LINE, code: Secret::new(CODE.into()) });
    let (_, request) = only_ask(&effects);
    assert!(matches!(request, RegisterRequest::Confirm { id: RegistrationId([1, ..]), .. }));
}

#[test]
fn giving_up_leaves_nothing_behind_but_a_proof_on_its_way_is_waited_for() {
    let mut rig = awaiting_sms();
    let (ticket, effects) = rig.command(Command::CancelRegistration { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistered);
    assert!(rig.store.registrations.is_empty());
    let (mut rig, _) = confirming();
    let (ticket, effects) = rig.command(Command::CancelRegistration { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Busy)));
}

#[test]
fn commands_out_of_turn_are_refused_by_name() {
    let mut rig = Rig::online(&[]);
    let refusals = [
        (Command::Register { line: LINE, typed: None }, Refusal::Busy),
        (Command::ConfirmRegistration { line: LINE }, Refusal::Stale),
        (Command::EnterCode { line: LINE, code: Secret::new(CODE.into()) }, Refusal::Stale),
        (Command::ResendSms { line: LINE }, Refusal::Stale),
        (Command::CancelRegistration { line: LINE }, Refusal::Stale),
        (Command::Unregister { line: Line(5) }, Refusal::NoSuchLine),
    ];
    for (command, refusal) in refusals {
        let (ticket, effects) = rig.command(command);
        assert_eq!(reply_to(ticket, &effects), Some(Err(refusal)));
    }
    let mut rig = Rig::fresh();
    let (ticket, effects) = rig.command(Command::Unregister { line: LINE });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::NotRegistered)));
}

#[test]
fn the_sealing_key_rotates_weekly_durable_first_and_is_published_until_the_server_has_it() {
    let mut rig = Rig::online(&[]);
    let mut published = None;
    for _ in 0..700_000 {
        let effects = rig.pass_online(1_000);
        published = frames(&effects).into_iter().find_map(|frame| match frame {
            ClientFrame::PublishSealingKey { ticket, key } => Some((ticket, key)),
            _ => None,
        });
        if published.is_some() {
            break;
        }
    }
    let (ticket, key) = published.expect("within a week of the boot");
    assert_eq!(key.id.0, 2);
    assert_eq!(rig.store.registrations[&LINE].sealing_key.0, 2);
    rig.frame(ServerFrame::Done { ticket });
    assert!(rig.device.online(LINE));
}

#[test]
fn an_sms_that_overtakes_the_servers_reply_counts() {
    let mut rig = Rig::fresh();
    let (ticket, _) = only_ask(&register(&mut rig, None));
    sms(&mut rig, LINE, 7);
    assert_eq!(shown(&rig, LINE), RegistrationState::Asking);
    let reply = started(&rig, 1);
    answer(&mut rig, ticket, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::AwaitingUserConfirm);
}
