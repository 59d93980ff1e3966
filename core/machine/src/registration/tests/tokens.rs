//! SMS that come twice, late, to the other SIM, or from a forger.

use super::*;

const OTHER: Line = Line(1);

/// A rig with two SIMs of which the first waits for its SMS.
fn two_sims() -> Rig {
    let mut rig = Rig::fresh();
    rig.sims(vec![
        sim(LINE, Some(toy_number(1)), "262011234567890"),
        sim(OTHER, Some(toy_number(11)), "262029999999999"),
    ]);
    start(&mut rig, LINE, 1);
    rig
}

/// Registers a line up to its SMS.
fn start(rig: &mut Rig, line: Line, id: u8) {
    let (_, effects) = rig.command(Command::Register { line, typed: None });
    let (ticket, _) = only_ask(&effects);
    let reply = started(rig, id);
    answer(rig, ticket, Some(reply));
}

/// Registers a line to the end, by a token.
fn finish(rig: &mut Rig, line: Line, token: u8) {
    sms(rig, line, token);
    let (_, effects) = rig.command(Command::ConfirmRegistration { line });
    let (ticket, _) = only_ask(&effects);
    let reply = confirmed(rig);
    answer(rig, ticket, Some(reply));
    assert_eq!(shown(rig, line), RegistrationState::Registered);
}

fn is_waiting(rig: &Rig, told_of_the_other_sim: bool) -> bool {
    matches!(shown(rig, LINE), RegistrationState::AwaitingSms { came_to_other_sim, .. }
        if came_to_other_sim == told_of_the_other_sim)
}

fn token_of(request: &RegisterRequest) -> u8 {
    let RegisterRequest::Confirm { proof: ConfirmProof::Token(token), .. } = request else { panic!("a token") };
    token.0[0]
}

fn wrong(rig: &mut Rig, ticket: Ticket, tries_left: u32) -> Vec<Effect> {
    answer(rig, ticket, Some(refused(RegisterRefusal::WrongProof { tries_left }, 0)))
}

#[test]
fn the_sms_that_proved_one_sim_says_nothing_when_it_comes_again_while_the_other_waits() {
    let mut rig = two_sims();
    start(&mut rig, OTHER, 2);
    finish(&mut rig, OTHER, 8);
    for line in [OTHER, LINE] {
        let effects = sms(&mut rig, line, 8);
        assert!(effects.is_empty(), "{effects:?}");
        assert!(is_waiting(&rig, false));
    }
    finish(&mut rig, LINE, 7);
}

#[test]
fn an_sms_at_the_other_sim_is_told_and_ends_nothing() {
    let mut rig = two_sims();
    let effects = sms(&mut rig, OTHER, 9);
    assert_eq!(events(&effects).len(), 1, "the user is told once");
    assert!(is_waiting(&rig, true));
    assert_eq!(
        shown(&rig, LINE).user_text(),
        "The SMS came to your other SIM. Please register that one, or type this SIM's number."
    );
    assert_eq!(confirm(&mut rig).0, Some(Err(Refusal::Stale)), "its token does not count");
    assert!(events(&sms(&mut rig, OTHER, 9)).is_empty());
    finish(&mut rig, LINE, 7);
}

#[test]
fn a_registration_whose_sms_went_to_the_other_sim_ends_at_its_own_deadline_and_not_before() {
    let mut rig = two_sims();
    sms(&mut rig, OTHER, 9);
    rig.pass(599_999);
    assert!(is_waiting(&rig, true));
    rig.pass(1);
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::SmsToOtherSim));
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn a_user_who_was_told_of_the_other_sim_may_start_over_at_once() {
    let mut rig = two_sims();
    sms(&mut rig, OTHER, 9);
    let effects = register(&mut rig, Some("+4915123000099"));
    assert_eq!(register_asks(&effects).len(), 1);
}

#[test]
fn asking_for_another_sms_takes_the_word_of_the_other_sim_back_until_it_comes_there_again() {
    let mut rig = two_sims();
    sms(&mut rig, OTHER, 9);
    rig.pass(60_000);
    let (_, effects) = rig.command(Command::ResendSms { line: LINE });
    let (ask, _) = only_ask(&effects);
    let reply = started(&rig, 1);
    answer(&mut rig, ask, Some(reply));
    assert!(is_waiting(&rig, false));
    sms(&mut rig, OTHER, 9);
    assert!(is_waiting(&rig, true));
}

#[test]
fn an_sms_that_comes_twice_is_one_and_a_wrong_one_gives_way_to_the_right_one_under_the_same_word_of_the_user() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    sms(&mut rig, LINE, 7);
    // A late one of an attempt this phone never read an SMS of, or a forged one.
    sms(&mut rig, LINE, 8);
    let (ticket, first) = only_ask(&confirm(&mut rig).1);
    assert_eq!(token_of(&first), 8);
    let effects = wrong(&mut rig, ticket, 4);
    assert!(events(&effects).is_empty(), "the user sees nothing of it");
    let (ticket, second) = only_ask(&effects);
    assert_eq!(token_of(&second), 7);
    let reply = confirmed(&rig);
    answer(&mut rig, ticket, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::Registered);
}

#[test]
fn the_user_is_told_when_every_token_was_wrong_and_a_wrong_one_is_never_tried_again() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    sms(&mut rig, LINE, 8);
    let (ticket, _) = only_ask(&confirm(&mut rig).1);
    let (ticket, _) = only_ask(&wrong(&mut rig, ticket, 4));
    wrong(&mut rig, ticket, 3);
    let failed = RegistrationState::Failed(RegistrationFailure::WrongCode { tries_left: 3 });
    assert_eq!(shown(&rig, LINE), failed);
    for token in [7, 8] {
        assert!(sms(&mut rig, LINE, token).is_empty(), "it is known to be wrong");
    }
    assert_eq!(confirm(&mut rig).0, Some(Err(Refusal::Stale)));
    sms(&mut rig, LINE, 9);
    assert_eq!(shown(&rig, LINE), RegistrationState::AwaitingUserConfirm);
}

#[test]
fn no_token_is_tried_when_the_server_grants_no_more_tries() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    sms(&mut rig, LINE, 8);
    let (ticket, _) = only_ask(&confirm(&mut rig).1);
    assert!(register_asks(&wrong(&mut rig, ticket, 0)).is_empty());
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::WrongCode { tries_left: 0 }));
}

#[test]
fn the_last_try_is_left_to_the_user_and_the_one_before_is_not() {
    let mut rig = awaiting_sms();
    for token in [7, 8, 9] {
        sms(&mut rig, LINE, token);
    }
    let (ticket, _) = only_ask(&confirm(&mut rig).1);
    let (ticket, next) = only_ask(&wrong(&mut rig, ticket, 2));
    assert_eq!(token_of(&next), 8);
    assert!(register_asks(&wrong(&mut rig, ticket, 1)).is_empty(), "not spent on a token unasked");
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::WrongCode { tries_left: 1 }));
    let (_, asked) = only_ask(&confirm(&mut rig).1);
    assert_eq!(token_of(&asked), 7, "the user may spend it on the token that is still held");
}

#[test]
fn a_code_that_was_typed_wrong_is_told_although_a_token_is_held() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    let (_, effects) = rig.command(Command::EnterCode { line: LINE, code: Secret::new("11111111".into()) });
    let (ticket, _) = only_ask(&effects);
    assert!(register_asks(&wrong(&mut rig, ticket, 4)).is_empty());
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::WrongCode { tries_left: 4 }));
}

#[test]
fn an_sms_that_comes_while_a_forged_one_is_being_tried_is_tried_next() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 66);
    let (ticket, _) = only_ask(&confirm(&mut rig).1);
    sms(&mut rig, LINE, 7);
    assert_eq!(shown(&rig, LINE), RegistrationState::Confirming);
    let (_, next) = only_ask(&wrong(&mut rig, ticket, 4));
    assert_eq!(token_of(&next), 7);
}

#[test]
fn a_flood_of_forged_sms_behind_the_right_one_does_not_push_it_out() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    for forged in 100..150 {
        sms(&mut rig, LINE, forged);
    }
    let (mut ticket, _) = only_ask(&confirm(&mut rig).1);
    for tries_left in [4, 3, 2] {
        let (next, request) = only_ask(&wrong(&mut rig, ticket, tries_left));
        ticket = next;
        if token_of(&request) == 7 {
            return;
        }
    }
    panic!("the right one was never tried");
}

#[test]
fn a_token_read_before_an_attempt_is_not_held_in_it() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    rig.pass(600_000);
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::Expired));
    // This one comes between the attempts, and belongs to neither of those that come later.
    sms(&mut rig, LINE, 8);
    start(&mut rig, LINE, 2);
    for old in [7, 8] {
        assert!(sms(&mut rig, LINE, old).is_empty());
        assert!(is_waiting(&rig, false));
    }
    finish(&mut rig, LINE, 9);
}

#[test]
fn the_token_of_an_attempt_whose_sms_overtook_the_answer_to_asking_again_counts_in_it() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    rig.pass(60_000);
    let (_, effects) = rig.command(Command::ResendSms { line: LINE });
    let (ask, _) = only_ask(&effects);
    sms(&mut rig, LINE, 8);
    let reply = started(&rig, 2);
    answer(&mut rig, ask, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::AwaitingUserConfirm);
    let (ticket, request) = only_ask(&confirm(&mut rig).1);
    assert_eq!(token_of(&request), 8);
    assert!(register_asks(&wrong(&mut rig, ticket, 4)).is_empty(), "the attempt before is not tried in this one");
}
