//! A registration that is given up while the server may have taken its proof.

use super::*;
use crate::config::Config;
use tandem_model::rows::Change;

const SIM_CHANGED: RegistrationState = RegistrationState::Failed(RegistrationFailure::SimChanged);

/// The one withdrawal among what is asked.
fn withdrawal(effects: &[Effect]) -> Ticket {
    let (ticket, request) = only_ask(effects);
    assert!(matches!(request, RegisterRequest::Withdraw { number, .. } if number == toy_number(1)), "a withdrawal");
    ticket
}

fn has_key(rig: &Rig) -> bool {
    rig.store.registrations.values().any(|row| row.phase == RegistrationPhase::Unregistering { epoch: None })
}

/// The SIM was taken out while its proof was with the server, and the server is asked to forget it.
fn withdrawing() -> (Rig, Ticket, Ticket) {
    let (mut rig, proof) = confirming();
    let withdrawal = withdrawal(&rig.sims(vec![]));
    (rig, proof, withdrawal)
}

#[test]
fn a_sim_that_goes_while_its_proof_is_with_the_server_keeps_the_key_until_nothing_is_left_there() {
    let (mut rig, proof, withdrawal) = withdrawing();
    assert_eq!(shown(&rig, LINE), SIM_CHANGED);
    assert!(has_key(&rig));
    // Whatever the server says of the proof now changes nothing: the withdrawal comes after it.
    let reply = confirmed(&rig);
    assert!(answer(&mut rig, proof, Some(reply)).is_empty());
    assert_eq!(register_refused(&mut rig), Some(Err(Refusal::Busy)));
    answer(&mut rig, withdrawal, Some(RegisterReply::Withdrawn));
    assert_eq!(shown(&rig, LINE), SIM_CHANGED);
    assert!(rig.store.registrations.is_empty(), "only now is the key forgotten");
}

#[test]
fn it_is_asked_for_as_long_as_the_server_is_not_reached_and_at_once_when_it_may_be() {
    let (mut rig, _, mut ask) = withdrawing();
    for _ in 0..3 * TRIES_MAX {
        answer(&mut rig, ask, None);
        let (at, _) = rig.device.poll_timeout().unwrap();
        let wait = at.since(rig.now().mono);
        assert!(wait <= Config::default().reconnect_max, "{wait:?}");
        assert!(register_asks(&rig.pass(millis(wait) - 1)).is_empty(), "not before its time");
        ask = withdrawal(&rig.pass(1));
        assert!(has_key(&rig));
    }
    answer(&mut rig, ask, Some(refused(RegisterRefusal::Storage, 1_000)));
    assert!(has_key(&rig), "a server that cannot store has not heard");
    let wait = rig.device.poll_timeout().unwrap().0.since(rig.now().mono);
    assert!(wait >= Duration::from_secs(1), "no sooner than it said");
    let ask = withdrawal(&rig.pass(millis(wait)));
    answer(&mut rig, ask, Some(RegisterReply::Withdrawn));
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn a_process_that_dies_meanwhile_goes_on_withdrawing() {
    let (mut rig, _, _) = withdrawing();
    let ask = withdrawal(&rig.crash());
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistering);
    answer(&mut rig, ask, Some(RegisterReply::Withdrawn));
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistered);
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn a_sim_that_goes_before_a_proof_was_sent_leaves_nothing_to_withdraw() {
    let mut rig = awaiting_sms();
    sms(&mut rig, LINE, 7);
    assert!(register_asks(&rig.sims(vec![])).is_empty());
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn a_proof_that_was_never_answered_is_withdrawn_when_its_attempt_is_given_up_or_over() {
    let unheard = || {
        let (mut rig, mut proof) = confirming();
        for _ in 1..TRIES_MAX {
            answer(&mut rig, proof, None);
            let wait = rig.device.poll_timeout().unwrap().0.since(rig.now().mono);
            proof = only_ask(&rig.pass(millis(wait))).0;
        }
        answer(&mut rig, proof, None);
        assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::Offline));
        rig
    };
    let mut rig = unheard();
    let (_, effects) = rig.command(Command::CancelRegistration { line: LINE });
    let ask = withdrawal(&effects);
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistering);
    answer(&mut rig, ask, Some(RegisterReply::Withdrawn));
    assert_eq!(shown(&rig, LINE), RegistrationState::Unregistered);

    let mut rig = unheard();
    let over = rig.device.poll_timeout().unwrap().0.since(rig.now().mono);
    assert!(register_asks(&rig.pass(millis(over) - 1)).is_empty());
    withdrawal(&rig.pass(1));
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::Expired));
}

#[test]
fn a_wrong_proof_is_the_servers_word_and_leaves_nothing_to_withdraw() {
    let (mut rig, proof) = confirming();
    answer(&mut rig, proof, None);
    let wait = rig.device.poll_timeout().unwrap().0.since(rig.now().mono);
    let proof = only_ask(&rig.pass(millis(wait))).0;
    answer(&mut rig, proof, Some(refused(RegisterRefusal::WrongProof { tries_left: 3 }, 0)));
    assert!(register_asks(&rig.sims(vec![])).is_empty());
    assert!(rig.store.registrations.is_empty());
}

#[test]
fn an_attempt_found_at_boot_whose_proof_may_have_been_sent_is_withdrawn() {
    let (mut rig, _) = confirming();
    rig.crash();
    withdrawal(&rig.sims(vec![]));
    assert_eq!(shown(&rig, LINE), SIM_CHANGED);
}

#[test]
fn a_sim_that_goes_when_the_server_confirmed_already_unregisters_by_its_epoch() {
    let (mut rig, proof) = confirming();
    let reply = confirmed(&rig);
    rig.store_says = None;
    answer(&mut rig, proof, Some(reply));
    assert!(register_asks(&rig.sims(vec![])).is_empty(), "its word came");
    assert_eq!(shown(&rig, LINE), SIM_CHANGED);
    let rows = rig.unanswered.iter().flat_map(|(_, changes)| changes);
    let mut phases = rows.filter_map(|change| match change {
        Change::PutRegistration(row) => Some(row.phase.clone()),
        _ => None,
    });
    assert_eq!(phases.next_back(), Some(RegistrationPhase::Unregistering { epoch: Some(NumberEpoch(4)) }));
}

#[test]
fn what_the_server_confirmed_and_the_phone_could_not_keep_is_withdrawn_with_its_attempt() {
    let (mut rig, proof) = confirming();
    let reply = confirmed(&rig);
    rig.store_says = Some(Err(StoreFailure::Full));
    answer(&mut rig, proof, Some(reply));
    assert_eq!(shown(&rig, LINE), RegistrationState::Failed(RegistrationFailure::StoreFailed));
    rig.store_says = Some(Ok(()));
    withdrawal(&rig.sims(vec![]));
}

fn register_refused(rig: &mut Rig) -> Option<Result<Reply, Refusal>> {
    let (ticket, effects) = rig.command(Command::Register { line: LINE, typed: None });
    reply_to(ticket, &effects)
}

fn millis(wait: Duration) -> u64 {
    wait.as_millis().try_into().unwrap()
}
