//! Law 10: a panic, a hang, a late decision, a broken database. What the person gets each time is the carrier.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes,
    reason = "helpers of tests"
)]

mod common;

use common::server::Server;
use common::*;
use std::sync::Arc;
use std::time::Duration;
use tandem_engine::faults::{FaultAt, Faults, Step, StoreFault};
use tandem_engine::{CommandError, Engine, StoreError};
use tandem_machine::view::Notice;
use tandem_machine::{Command, Event, HostInput, Refusal, Reply};
use tandem_model::Line;
use tandem_model::rows::{SettingsRow, StandingChoice};

fn settings() -> Command {
    Command::Settings(SettingsRow { standing_choice: StandingChoice::Carrier, read_receipts: true })
}

/// Counts as a hang, in tests where the machine is to go anyway.
const SOON: Duration = Duration::from_millis(300);

fn panics(step: Step) -> Faults {
    Faults { panic_at: Some(FaultAt::next(step)), ..Faults::default() }
}

fn hangs(step: Step) -> Faults {
    Faults { hang_at: Some(FaultAt::next(step)), ..Faults::default() }
}

/// The app is told once that it is over, and nothing after that.
fn assert_told(engine: &Engine) {
    let events = to_the_end(engine);
    assert!(events.last().is_some_and(is_stopped));
    assert_eq!(events.iter().filter(|event| is_stopped(event)).count(), 1);
    assert_eq!(block_on(engine.next_event()), None);
}

#[test]
fn a_call_during_which_the_machine_dies_is_dialed_through_the_carrier_and_so_is_every_later_one() {
    for faults in [panics(Step::Dial), hangs(Step::Dial)] {
        let mut phone = Phone::alone();
        phone.config.hang_after = SOON;
        let engine = phone.start();
        engine.inject(faults);
        assert_eq!(block_on(engine.command(carrier_call("0151 1"))), Ok(Reply::CarrierDialed), "{faults:?}");
        assert_told(&engine);
        for later in 0..3 {
            assert_eq!(block_on(engine.command(carrier_call("0151 2"))), Ok(Reply::CarrierDialed), "{later}");
        }
        phone.host.until(|seen| seen.dialed.len() == 4);
        let digits = phone.host.look(|seen| seen.dialed.iter().map(|(_, digits)| digits.clone()).collect::<Vec<_>>());
        assert_eq!(digits, ["0151 1", "0151 2", "0151 2", "0151 2"]);
        assert_eq!(block_on(engine.command(text("lost?"))), Err(CommandError::Stopped));
        assert_eq!(engine.notify(HostInput::Sims(vec![])), Err(tandem_engine::NotifyError::Stopped));
        block_on(engine.shutdown(PATIENCE));
    }
}

#[test]
fn whatever_step_breaks_dialing_works_and_the_app_is_told() {
    let server = Server::start();
    server.change(|mood| mood.keepalive_ms = 20);
    let steps = [Step::Command, Step::Host, Step::Link, Step::Frame, Step::Registered, Step::Committed, Step::Timer];
    for step in steps.into_iter().chain([Step::Views]) {
        for faults in [panics(step), hangs(step)] {
            let mut phone = Phone::of(&server);
            phone.config.faults = faults;
            phone.config.hang_after = SOON;
            // With this much to do every step comes up; each wait ends because the machine is gone.
            phone.config.machine.reconnect_first = Duration::from_millis(5);
            let engine = phone.start();
            let busy = Arc::clone(&engine);
            let working = std::thread::spawn(move || {
                register_as_far_as_it_goes(&busy);
            });
            assert_eq!(block_on(engine.command(carrier_call("112"))), Ok(Reply::CarrierDialed), "{faults:?}");
            phone.host.until(|seen| seen.dialed.iter().any(|(_, digits)| digits == "112"));
            working.join().unwrap();
            assert_eq!(block_on(engine.command(carrier_call("112"))), Ok(Reply::CarrierDialed), "{faults:?}");
            assert_eq!(block_on(engine.next_event()), None, "{faults:?}");
            block_on(engine.shutdown(PATIENCE));
        }
    }
}

#[test]
fn past_a_broken_machine_a_port_that_never_comes_back_from_dialing_keeps_nobody_waiting() {
    let mut phone = Phone::alone();
    phone.config.faults = panics(Step::Command);
    phone.config.answer_within = SOON;
    let engine = phone.start();
    assert_eq!(block_on(engine.command(Command::SyncMarks)), Err(CommandError::Stopped));
    phone.host.behave(host::Manner::Stuck);
    assert_eq!(block_on(engine.command(carrier_call("0151"))), Err(CommandError::NoAnswer));
    phone.host.until(|seen| seen.dialed.len() == 1);
    phone.host.behave(host::Manner::Good);
    block_on(engine.shutdown(PATIENCE));
}

/// Registers and goes online until the engine ends.
fn register_as_far_as_it_goes(engine: &Engine) {
    let _stopped = block_on(engine.command(Command::Register { line: Line(0), typed: None }));
    let body = tandem_wire::sms::render(&common::server::TOKEN, "12345678", &tandem_wire::frame::SmsPlatform::Dialer);
    let mut told = Vec::new();
    block_on(async {
        while let Some(event) = engine.next_event().await {
            if let Event::Registration(view) = &event {
                use tandem_machine::view::RegistrationState;
                match view.state {
                    RegistrationState::AwaitingSms { .. } => {
                        let _stopped = engine.notify(HostInput::SmsReceived {
                            line: Line(0),
                            from: tandem_model::Secret::new("Tandem".to_owned()),
                            body: tandem_model::Secret::new(body.clone()),
                        });
                    }
                    RegistrationState::AwaitingUserConfirm => {
                        let _stopped = engine.command(Command::ConfirmRegistration { line: Line(0) }).await;
                    }
                    _ => {}
                }
            }
            // Keeps inputs coming, so that a hang is noticed by somebody who asks for something.
            let _stopped = engine.command(settings()).await;
            told.push(event);
        }
    });
    assert!(told.last().is_some_and(is_stopped));
}

#[test]
fn a_late_machine_is_waited_for_up_to_the_bound() {
    let mut phone = Phone::alone();
    phone.config.hang_after = Duration::from_secs(20);
    let engine = phone.start();
    let late = (FaultAt::next(Step::Dial), Duration::from_millis(300));
    engine.inject(Faults { late_at: Some(late), ..Faults::default() });
    assert!(block_on(engine.command(carrier_call("0151 1"))).is_ok());
    phone.host.until(|seen| seen.dialed.len() == 1);
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done), "the machine goes on");
    assert_eq!(phone.host.look(|seen| seen.dialed.len()), 1, "once");
}

#[test]
fn a_machine_that_comes_back_after_it_was_given_up_has_no_say() {
    let mut phone = Phone::alone();
    phone.config.hang_after = Duration::from_millis(100);
    let engine = phone.start();
    let late = (FaultAt::next(Step::Dial), Duration::from_secs(2));
    engine.inject(Faults { late_at: Some(late), ..Faults::default() });
    assert_eq!(block_on(engine.command(carrier_call("0151 1"))), Ok(Reply::CarrierDialed));
    assert_told(&engine);
    // Waits for the machine's thread as well: it has come back by the time this returns.
    block_on(engine.shutdown(PATIENCE));
    assert_eq!(phone.host.look(|seen| seen.dialed.len()), 1, "never twice");
}

#[test]
fn commands_that_wait_when_the_machine_dies_are_told() {
    let phone = Phone::alone();
    let engine = phone.start();
    engine.inject(Faults { store: Some(StoreFault::Silent), ..Faults::default() });
    let waiting = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || block_on(engine.command(settings())))
    };
    // The first one is taken in before the fault strikes at the second.
    while phone.host.look(|seen| seen.dialed.is_empty()) {
        block_on(engine.command(carrier_call("1"))).unwrap();
        phone.host.until(|seen| !seen.dialed.is_empty());
    }
    engine.inject(panics(Step::Any));
    engine.notify(HostInput::Sims(vec![])).ok();
    assert_eq!(waiting.join().unwrap(), Err(CommandError::Stopped));
}

#[test]
fn an_answer_that_never_comes_is_given_up_by_name() {
    let mut phone = Phone::alone();
    phone.config.answer_within = Duration::from_millis(50);
    // Longer than the answer, so that it is the shell that gives up and not the machine.
    phone.config.machine.commit_budget = Duration::from_secs(600);
    let engine = phone.start();
    engine.inject(Faults { store: Some(StoreFault::Silent), ..Faults::default() });
    assert_eq!(block_on(engine.command(settings())), Err(CommandError::NoAnswer));
}

#[test]
fn without_a_database_texts_are_refused_and_the_carrier_dials() {
    let mut phone = Phone::alone();
    phone.config.faults.store = Some(StoreFault::Unopenable);
    let engine = phone.start();
    assert_eq!(engine.store_error(), Some(StoreError::Io));
    until(&engine, |event| (*event == Event::Notice(Notice::StoreUnavailable)).then_some(()));
    assert!(block_on(engine.command(carrier_call("0151 1"))).is_ok());
    phone.host.until(|seen| seen.dialed.len() == 1);
    assert_eq!(block_on(engine.command(settings())), Err(CommandError::Refused(Refusal::StoreFailed)));
    assert_eq!(block_on(engine.log(None, 1)), Err(tandem_engine::ReadError::Unavailable));
}

#[test]
fn a_database_that_breaks_or_fills_up_refuses_and_the_carrier_dials() {
    for store in [StoreFault::Broken, StoreFault::Full] {
        let phone = Phone::alone();
        let engine = phone.start();
        assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
        engine.inject(Faults { store: Some(store), ..Faults::default() });
        assert_eq!(block_on(engine.command(settings())), Err(CommandError::Refused(Refusal::StoreFailed)));
        assert!(block_on(engine.command(carrier_call("0151 1"))).is_ok());
        phone.host.until(|seen| seen.dialed.len() == 1);
        engine.inject(Faults::default());
        assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done), "as soon as it can");
    }
}

#[test]
fn a_damaged_database_is_set_aside_and_told_and_one_that_is_nowhere_is_named() {
    let phone = Phone::alone();
    std::fs::write(&phone.config.database, b"this is no database at all").unwrap();
    let engine = phone.start();
    until(&engine, |event| (*event == Event::Notice(Notice::StoreRecovered)).then_some(()));
    assert_eq!(engine.store_error(), None);
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
    block_on(engine.shutdown(PATIENCE));
    drop(engine);

    let nowhere = Phone::alone();
    let mut config = nowhere.config.clone();
    config.database = nowhere.dir.path().join("no").join("such");
    let elsewhere = Phone { config, ..nowhere };
    let engine = elsewhere.start();
    assert_eq!(engine.store_error(), Some(StoreError::Io));
    assert!(block_on(engine.command(carrier_call("0151 1"))).is_ok());
}

#[test]
fn a_database_of_another_application_is_named_left_alone_and_the_carrier_dials() {
    let phone = Phone::alone();
    let engine = phone.start();
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
    block_on(engine.shutdown(PATIENCE));
    drop(engine);
    // The application's id in the header of an SQLite file.
    let mut bytes = std::fs::read(&phone.config.database).unwrap();
    bytes[68..72].copy_from_slice(&42_u32.to_be_bytes());
    std::fs::write(&phone.config.database, &bytes).unwrap();
    let engine = phone.start();
    assert_eq!(engine.store_error(), Some(StoreError::Foreign));
    until(&engine, |event| (*event == Event::Notice(Notice::StoreUnavailable)).then_some(()));
    assert!(block_on(engine.command(carrier_call("0151 1"))).is_ok());
    phone.host.until(|seen| seen.dialed.len() == 1);
    block_on(engine.shutdown(PATIENCE));
    // Not set aside, and not made Tandem's.
    assert!(std::fs::read(&phone.config.database).unwrap()[68..72] == bytes[68..72]);
}

#[test]
fn a_call_among_more_words_than_there_is_room_for_goes_to_the_carrier() {
    let mut phone = Phone::alone();
    phone.config.inputs_max = 16;
    let engine = phone.start();
    engine.inject(hangs(Step::Host));
    // It hangs at the first of them, long before anybody notices.
    while engine.notify(HostInput::Woken).is_ok() {}
    assert_eq!(block_on(engine.command(settings())), Err(CommandError::Full));
    assert_eq!(block_on(engine.command(carrier_call("112"))), Ok(Reply::CarrierDialed));
    phone.host.until(|seen| seen.dialed.len() == 1);
}

#[test]
fn a_host_can_dial_past_everything_at_any_time() {
    let mut phone = Phone::alone();
    phone.config.hang_after = SOON;
    let engine = phone.start();
    assert_eq!(block_on(engine.dial_carrier(Some(Line(0)), "110")), Ok(()));
    engine.inject(hangs(Step::Command));
    let asked = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || block_on(engine.command(settings())))
    };
    assert_eq!(block_on(engine.dial_carrier(None, "112")), Ok(()));
    assert_eq!(asked.join().unwrap(), Err(CommandError::Stopped));
    assert_eq!(block_on(engine.dial_carrier(None, "112")), Ok(()));
    let digits = phone.host.look(|seen| seen.dialed.iter().map(|(_, digits)| digits.clone()).collect::<Vec<_>>());
    assert_eq!(digits, ["110", "112", "112"]);
}
