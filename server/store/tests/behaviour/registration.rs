//! Proving a number.

use crate::rig::{Rig, confirm_request, key, number, seconds, sign, start_request};
use tandem_logic::config::{Allowance, RegistrationConfig};
use tandem_logic::{Config, Input, SmsOutcome, StoreFault, StoreOp};
use tandem_model::vault::signed;
use tandem_model::{NumberEpoch, RegistrationId, SmsToken};
use tandem_wire::frame::{ConfirmProof, GoodbyeReason, RegisterRefusal};
use tandem_wire::{ClientFrame, RegisterReply, RegisterRequest, ServerFrame};

fn refusal(reply: Option<RegisterReply>) -> RegisterRefusal {
    match reply {
        Some(RegisterReply::Refused { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn started(reply: Option<RegisterReply>) -> RegistrationId {
    match reply {
        Some(RegisterReply::Started { id, .. }) => id,
        other => panic!("not started: {other:?}"),
    }
}

#[test]
fn a_number_is_proven_by_the_token_of_its_sms() {
    let mut rig = Rig::new();
    let id = started(rig.start(1, 1));
    assert_eq!(rig.sms.len(), 1);
    let sms = rig.sms[0].clone();
    assert_eq!((sms.to, sms.validity), (number(1), seconds(600)));
    let reply = rig.confirm(id, 1, ConfirmProof::Token(sms.token));
    assert!(matches!(reply, RegisterReply::Confirmed { epoch: NumberEpoch(1), .. }));
}

#[test]
fn the_eight_digits_prove_it_as_well() {
    let mut rig = Rig::new();
    let id = started(rig.start(1, 1));
    let code = rig.sms[0].code.expose().clone();
    assert!(code.len() == 8 && code.bytes().all(|digit| digit.is_ascii_digit()));
    assert!(matches!(rig.confirm(id, 1, ConfirmProof::Code(code)), RegisterReply::Confirmed { .. }));
}

#[test]
fn the_sms_is_ordered_only_once_the_attempt_is_durable() {
    let mut rig = Rig::new();
    rig.hold_store = true;
    assert_eq!(rig.start(1, 1), None);
    assert!(rig.sms.is_empty());
    assert!(matches!(rig.held.as_slice(), [(_, _, StoreOp::StartRegistration(_))]));
    rig.release_store();
    assert_eq!(rig.sms.len(), 1);
    assert_eq!(rig.store.uncommitted(), 0);
}

#[test]
fn the_reply_waits_for_the_sms_driver_and_no_longer_than_five_seconds() {
    let mut rig = Rig::new();
    rig.sms_outcome = None;
    assert_eq!(rig.start(1, 1), None);
    rig.pass(seconds(5) - std::time::Duration::from_millis(1));
    assert!(rig.replies.is_empty());
    rig.pass(std::time::Duration::from_millis(1));
    assert!(matches!(rig.replies.values().next(), Some(RegisterReply::Started { .. })));
    let message_ref = rig.sms[0].message_ref;
    rig.handle(Input::SmsOutcome { message_ref, outcome: SmsOutcome::Unreachable });
    assert_eq!(rig.replies.len(), 1, "an outcome that comes late is counted and dropped");
}

#[test]
fn each_failure_of_the_sms_has_its_name() {
    let retry_after = seconds(9);
    for (outcome, reason) in [
        (SmsOutcome::Unavailable { retry_after }, RegisterRefusal::SmsUnavailable),
        (SmsOutcome::Unreachable, RegisterRefusal::NumberUnreachable),
        (SmsOutcome::NotServed, RegisterRefusal::NumberNotServed),
    ] {
        let mut rig = Rig::new();
        rig.sms_outcome = Some(outcome);
        assert_eq!(refusal(rig.start(1, 1)), reason);
    }
    let mut rig = Rig::new();
    rig.sms_outcome = Some(SmsOutcome::Unknown);
    started(rig.start(1, 1));
}

#[test]
fn an_sms_asked_for_again_says_the_same_so_that_one_that_comes_late_or_twice_works() {
    let mut rig = Rig::new();
    let id = started(rig.start(1, 1));
    assert_eq!(refusal(rig.start(1, 1)), RegisterRefusal::NumberBudget, "too soon");
    rig.pass(seconds(30));
    assert_eq!(started(rig.start(1, 1)), id);
    let (first, second) = (rig.sms[0].clone(), rig.sms[1].clone());
    assert_eq!((first.token, first.code), (second.token, second.code));
    assert_ne!(first.message_ref, second.message_ref, "it is another SMS all the same");
    assert!(second.validity < first.validity);
    assert!(matches!(rig.confirm(id, 1, ConfirmProof::Token(first.token)), RegisterReply::Confirmed { .. }));
    let again = rig.confirm(id, 1, ConfirmProof::Token(second.token));
    assert!(
        matches!(again, RegisterReply::Confirmed { epoch: NumberEpoch(1), .. }),
        "and a lost reply can be had again"
    );
}

#[test]
fn five_wrong_proofs_end_it_also_when_the_server_is_killed_between_them() {
    let mut rig = Rig::new();
    let id = started(rig.start(1, 1));
    let token = rig.sms[0].token;
    for tries_left in (1..5).rev() {
        let reply = rig.confirm(id, 1, ConfirmProof::Code("00000000".to_owned()));
        assert_eq!(refusal(Some(reply)), RegisterRefusal::WrongProof { tries_left });
        rig.restart(Config::default());
    }
    let wrong = ConfirmProof::Token(SmsToken([0; 16]));
    assert_eq!(refusal(Some(rig.confirm(id, 1, wrong))), RegisterRefusal::TriesUsedUp);
    assert_eq!(refusal(Some(rig.confirm(id, 1, ConfirmProof::Token(token)))), RegisterRefusal::TriesUsedUp);
}

#[test]
fn an_attempt_expires_after_ten_minutes() {
    let mut rig = Rig::new();
    let id = started(rig.start(1, 1));
    let token = rig.sms[0].token;
    rig.pass(seconds(600));
    assert_eq!(refusal(Some(rig.confirm(id, 1, ConfirmProof::Token(token)))), RegisterRefusal::Expired);
}

#[test]
fn a_token_is_worth_nothing_with_another_key_and_costs_no_try() {
    let mut rig = Rig::new();
    let id = started(rig.start(1, 1));
    let token = rig.sms[0].token;
    for _ in 0..9 {
        let stolen = rig.confirm(id, 2, ConfirmProof::Token(token));
        assert_eq!(refusal(Some(stolen)), RegisterRefusal::BadSignature);
    }
    assert!(matches!(rig.confirm(id, 1, ConfirmProof::Token(token)), RegisterReply::Confirmed { .. }));
}

#[test]
fn a_request_with_a_wrong_signature_costs_nothing() {
    let mut rig = Rig::new();
    let RegisterRequest::Start { number, device_key, platform, .. } = start_request(1, 1) else { unreachable!() };
    let signature = sign(&key(2), &signed::register_start(number, &device_key));
    let forged = RegisterRequest::Start { number, device_key, signature, platform };
    for _ in 0..30 {
        assert_eq!(refusal(rig.request(1, forged.clone())), RegisterRefusal::BadSignature);
    }
    assert!(rig.sms.is_empty());
    started(rig.start(1, 1));
}

#[test]
fn budgets_by_number_prefix_and_source_each_have_their_name_and_survive_a_restart() {
    let hour = seconds(3_600);
    let allow = |limit| Allowance { limit, window: hour };
    let registration = RegistrationConfig {
        per_number: allow(2),
        per_prefix: allow(4),
        per_source: allow(3),
        ..RegistrationConfig::default()
    };
    let config = Config { registration, ..Config::default() };
    let mut rig = Rig::with(config.clone());
    started(rig.request(1, start_request(1, 1)));
    started(rig.request(1, start_request(1, 2)));
    rig.restart(config);
    assert_eq!(refusal(rig.request(1, start_request(1, 3))), RegisterRefusal::NumberBudget);
    started(rig.request(1, start_request(2, 1)));
    assert_eq!(refusal(rig.request(1, start_request(3, 1))), RegisterRefusal::SourceBudget);
    started(rig.request(2, start_request(3, 1)));
    assert_eq!(refusal(rig.request(2, start_request(4, 1))), RegisterRefusal::PrefixBudget);
    assert_eq!(rig.sms.len(), 2, "an SMS for each that was let through since the restart");
}

#[test]
fn an_sms_that_certainly_never_left_costs_the_number_nothing_and_one_in_doubt_does() {
    let once = Allowance { limit: 1, window: seconds(86_400) };
    let registration = RegistrationConfig { per_number: once, ..RegistrationConfig::default() };
    let config = Config { registration, ..Config::default() };
    let mut rig = Rig::with(config.clone());
    for outcome in [SmsOutcome::Unavailable { retry_after: seconds(1) }, SmsOutcome::NotServed] {
        for _ in 0..3 {
            rig.sms_outcome = Some(outcome);
            assert_ne!(refusal(rig.start(1, 1)), RegisterRefusal::NumberBudget);
        }
    }
    rig.restart(config.clone());
    rig.sms_outcome = Some(SmsOutcome::Accepted);
    started(rig.start(1, 1));
    rig.pass(seconds(60));
    assert_eq!(refusal(rig.start(1, 1)), RegisterRefusal::NumberBudget);
    for doubtful in [SmsOutcome::Unknown, SmsOutcome::Unreachable] {
        let mut rig = Rig::with(config.clone());
        rig.sms_outcome = Some(doubtful);
        rig.start(1, 1);
        rig.pass(seconds(60));
        assert_eq!(refusal(rig.start(1, 1)), RegisterRefusal::NumberBudget);
    }
}

#[test]
fn an_sms_that_is_known_late_not_to_have_left_is_given_back_all_the_same() {
    let once = Allowance { limit: 1, window: seconds(86_400) };
    let registration = RegistrationConfig { per_number: once, ..RegistrationConfig::default() };
    let mut rig = Rig::with(Config { registration, ..Config::default() });
    rig.sms_outcome = None;
    assert_eq!(rig.start(1, 1), None);
    rig.pass(seconds(9));
    let message_ref = rig.sms[0].message_ref;
    let outcome = SmsOutcome::Unavailable { retry_after: seconds(1) };
    rig.handle(Input::SmsOutcome { message_ref, outcome });
    rig.sms_outcome = Some(SmsOutcome::Accepted);
    started(rig.start(1, 1));
}

#[test]
fn a_store_that_fails_refuses_and_sends_no_sms() {
    let mut rig = Rig::new();
    rig.store_fault = Some(StoreFault::Full);
    assert_eq!(refusal(rig.start(1, 1)), RegisterRefusal::Storage);
    assert!(rig.sms.is_empty());
}

#[test]
fn the_answer_is_the_same_for_a_number_that_is_registered_and_one_that_is_not() {
    let mut rig = Rig::new();
    rig.register(1, 1);
    rig.pass(seconds(60));
    let sent = rig.trace.len();
    let Some(RegisterReply::Started { expires_at, now, resend_after_ms, .. }) = rig.start(1, 9) else { panic!() };
    let known = rig.trace.len() - sent;
    let sent = rig.trace.len();
    let other = rig.start(2, 9);
    assert!(matches!(other, Some(RegisterReply::Started { expires_at: e, now: n, resend_after_ms: r, .. })
        if (e, n, r) == (expires_at, now, resend_after_ms)));
    assert_eq!(rig.trace.len() - sent, known, "and as much is done for it");
}

#[test]
fn another_key_takes_the_number_over_and_the_old_phone_is_told() {
    let mut rig = Rig::new();
    let old = rig.phone(1);
    rig.pass(seconds(60));
    let epoch = rig.register(1, 9);
    assert_eq!(epoch, NumberEpoch(2));
    assert_eq!(rig.goodbye(old.conn), Some(GoodbyeReason::RegisteredElsewhere));
    let again = rig.hello(1, 1, NumberEpoch(1));
    assert_eq!(rig.goodbye(again), Some(GoodbyeReason::RegisteredElsewhere), "also when it comes back later");
    let forger = rig.hello(1, 5, NumberEpoch(1));
    assert_eq!(rig.goodbye(forger), Some(GoodbyeReason::NotRegistered), "but nobody else");
    rig.connect(1, 9, epoch);
}

#[test]
fn proving_the_number_again_keeps_epoch_and_session() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    rig.pass(seconds(60));
    assert_eq!(rig.register(1, 1), phone.epoch);
    assert_eq!(rig.goodbye(phone.conn), None);
}

#[test]
fn unregistering_ends_the_epoch_and_needs_the_signature() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    let ticket = rig.ticket();
    let wrong = sign(&key(2), b"whatever");
    rig.send(phone.conn, ClientFrame::Unregister { ticket, signature: wrong });
    assert!(matches!(rig.take(phone.conn).last(), Some(ServerFrame::Refused { .. })));
    let signature = sign(&key(1), &signed::unregister(number(1), phone.epoch, &key(1)));
    rig.send(phone.conn, ClientFrame::Unregister { ticket, signature });
    assert_eq!(rig.take(phone.conn), vec![ServerFrame::Done { ticket }]);
    assert_eq!(rig.closed.last(), Some(&phone.conn));
    let again = rig.hello(1, 1, phone.epoch);
    assert_eq!(rig.goodbye(again), Some(GoodbyeReason::NotRegistered));
    rig.pass(seconds(60));
    assert_eq!(rig.register(1, 1), NumberEpoch(2));
}

#[test]
fn a_request_without_an_attempt_is_told_to_start_again() {
    let mut rig = Rig::new();
    let proof = ConfirmProof::Code("12345678".to_owned());
    let reply = rig.request(1, confirm_request(RegistrationId([3; 16]), 1, proof));
    assert_eq!(refusal(reply), RegisterRefusal::Expired);
}

fn withdraw(n: u64, seed: u8, signed_by: u8) -> RegisterRequest {
    let signature = sign(&key(signed_by), &signed::register_withdraw(number(n), &key(seed)));
    RegisterRequest::Withdraw { number: number(n), device_key: key(seed), signature }
}

#[test]
fn a_key_that_is_withdrawn_is_no_owner_any_more_and_needs_no_epoch_to_say_so() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    let forged = rig.request(1, withdraw(1, 1, 2));
    assert_eq!(refusal(forged), RegisterRefusal::BadSignature);
    assert_eq!(rig.goodbye(phone.conn), None);
    assert_eq!(rig.request(1, withdraw(1, 1, 1)), Some(RegisterReply::Withdrawn));
    assert_eq!(rig.goodbye(phone.conn), Some(GoodbyeReason::NotRegistered));
    let again = rig.hello(1, 1, phone.epoch);
    assert_eq!(rig.goodbye(again), Some(GoodbyeReason::NotRegistered));
}

#[test]
fn a_proof_that_comes_after_its_key_was_withdrawn_registers_nothing() {
    let mut rig = Rig::new();
    let id = started(rig.start(1, 1));
    let token = rig.sms[0].token;
    assert_eq!(rig.request(1, withdraw(1, 1, 1)), Some(RegisterReply::Withdrawn));
    assert_eq!(refusal(Some(rig.confirm(id, 1, ConfirmProof::Token(token)))), RegisterRefusal::Expired);
    assert_eq!(rig.request(1, withdraw(1, 1, 1)), Some(RegisterReply::Withdrawn), "and again");
}

#[test]
fn withdrawing_says_the_same_of_a_number_that_is_anothers_or_nobodys_and_ends_neither() {
    let mut rig = Rig::new();
    let phone = rig.phone(1);
    for n in [1, 2] {
        assert_eq!(rig.request(1, withdraw(n, 9, 9)), Some(RegisterReply::Withdrawn));
    }
    assert_eq!(rig.goodbye(phone.conn), None);
    rig.store_fault = Some(StoreFault::Full);
    assert_eq!(refusal(rig.request(1, withdraw(1, 1, 1))), RegisterRefusal::Storage, "to be asked again");
}
