//! Law 10, step by step: whatever a person was about to do when the core broke, exactly one thing comes of it.
//!
//! | at | panic, hang, late | broken database |
//! |---|---|---|
//! | dialing | one carrier call | the question: carrier or quit |
//! | tapping *call* twice | one carrier call, both taps answered | one call, both taps answered |
//! | answering "carrier" | one carrier call, however often it is pressed | one carrier call |
//! | between the order to dial and its answer | one carrier call | |
//! | writing a text | `Stopped`, and nothing of it is kept or sent | the question: SMS or quit |
//!
//! What becomes of a conversation is shown with real media by the lab's scenarios `call-core-*`, and tested beside the code
//! that ends it.

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

use common::*;
use std::future::Future as _;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread::JoinHandle;
use std::time::Duration;
use tandem_engine::faults::{FaultAt, Faults, Step, StoreFault};
use tandem_engine::{CommandError, Engine};
use tandem_machine::input::{Mode, Target};
use tandem_machine::view::{Choice, Prompt, PromptAbout};
use tandem_machine::{Command, Event, Refusal, Reply};
use tandem_model::rows::{SettingsRow, StandingChoice};
use tandem_model::{Line, PromptId, Secret, WhyNotData};

/// Counts as a hang, where the machine is to be given up.
const SOON: Duration = Duration::from_millis(300);

/// Every way for the machine to be gone at a step: it panics, never comes back, or comes back after it was given up.
fn breakdowns(step: Step) -> [Faults; 3] {
    let at = FaultAt::next(step);
    [
        Faults { panic_at: Some(at), ..Faults::default() },
        Faults { hang_at: Some(at), ..Faults::default() },
        Faults { late_at: Some((at, SOON * 5)), ..Faults::default() },
    ]
}

fn late_but_in_time(step: Step) -> Faults {
    Faults { late_at: Some((FaultAt::next(step), Duration::from_millis(100))), ..Faults::default() }
}

fn broken() -> Faults {
    Faults { store: Some(StoreFault::Broken), ..Faults::default() }
}

fn call() -> Command {
    Command::Dial { target: Target::Number(Secret::new(peer_number().e164())), line: Some(Line(0)), mode: Mode::Data }
}

fn prompt(engine: &Engine) -> Prompt {
    until(engine, |event| match event {
        Event::Prompt(prompt) => Some(prompt.clone()),
        _ => None,
    })
}

/// A phone that cannot reach anybody over data, and the question a call over data comes to.
fn asked(hang_after: Duration) -> (Phone, Arc<Engine>, PromptId) {
    let mut phone = Phone::alone();
    phone.config.hang_after = hang_after;
    let engine = phone.start();
    assert!(block_on(engine.command(call())).is_ok());
    let prompt = prompt(&engine);
    assert!(prompt.choices.contains(&Choice::Carrier));
    (phone, engine, prompt.id)
}

fn press(engine: &Arc<Engine>, prompt: PromptId) -> JoinHandle<Result<Reply, CommandError>> {
    let engine = Arc::clone(engine);
    std::thread::spawn(move || block_on(engine.command(Command::Answer { prompt, choice: Choice::Carrier })))
}

/// Answered only after everything before it, so that the next step is that of the next command.
fn settle(engine: &Engine, standing_choice: StandingChoice) {
    let settings = SettingsRow { standing_choice, read_receipts: true };
    assert_eq!(block_on(engine.command(Command::Settings(settings))), Ok(Reply::Done));
}

/// Taps twice before anything can be answered: both are begun before either is waited for.
fn taps(engine: &Engine, command: &Command) -> [Result<Reply, CommandError>; 2] {
    let mut taps = [Box::pin(engine.command(command.clone())), Box::pin(engine.command(command.clone()))];
    let mut context = Context::from_waker(Waker::noop());
    for tap in &mut taps {
        assert!(tap.as_mut().poll(&mut context).is_pending(), "the machine takes its time");
    }
    taps.map(block_on)
}

/// Ends the engine, the machine's thread and the guard's as well, and tells which digits were dialed in all.
fn dialed(phone: &Phone, engine: &Engine) -> Vec<String> {
    block_on(engine.shutdown(PATIENCE));
    phone.host.look(|seen| seen.dialed.iter().map(|(_, digits)| digits.clone()).collect())
}

#[test]
fn a_call_over_data_is_dialed_once_whatever_becomes_of_the_machine_that_was_to_place_it() {
    for faults in breakdowns(Step::Dial) {
        let mut phone = Phone::alone();
        phone.config.hang_after = SOON;
        let engine = phone.start();
        engine.inject(faults);
        assert_eq!(block_on(engine.command(call())), Ok(Reply::CarrierDialed), "{faults:?}");
        assert!(to_the_end(&engine).last().is_some_and(is_stopped));
        assert_eq!(dialed(&phone, &engine), [peer_number().e164()], "{faults:?}");
    }
}

#[test]
fn two_taps_on_call_while_the_machine_goes_are_one_carrier_call_and_both_are_answered() {
    let at = FaultAt::next(Step::Dial);
    // A panic that leaves time for the second tap, or the first may be served before anybody taps again.
    let panics_late = Faults { late_at: Some((at, SOON / 3)), panic_at: Some(at), ..Faults::default() };
    let [_, hangs, late] = breakdowns(Step::Dial);
    for command in [call(), carrier_call(&peer_number().e164())] {
        for faults in [panics_late, hangs, late] {
            let mut phone = Phone::alone();
            phone.config.hang_after = SOON;
            let engine = phone.start();
            engine.inject(faults);
            let taps = taps(&engine, &command);
            assert_eq!(taps, [Ok(Reply::CarrierDialed), Ok(Reply::CarrierDialed)], "{faults:?}");
            assert_eq!(dialed(&phone, &engine), [peer_number().e164()], "{faults:?}");
        }
    }
}

#[test]
fn two_taps_on_call_before_a_slow_machine_answers_are_one_call_and_one_answer() {
    let phone = Phone::alone();
    let engine = phone.start();
    engine.inject(late_but_in_time(Step::Dial));
    let [first, second] = taps(&engine, &carrier_call("0151 1"));
    assert_eq!((first, second), (Ok(Reply::CarrierDialed), Ok(Reply::CarrierDialed)));
    // Answered, and so the next tap is another call.
    assert_eq!(block_on(engine.command(carrier_call("0151 1"))), Ok(Reply::CarrierDialed));
    assert_eq!(dialed(&phone, &engine), ["0151 1", "0151 1"]);
}

#[test]
fn a_machine_that_goes_between_the_order_to_dial_and_its_answer_has_dialed() {
    for faults in breakdowns(Step::Views) {
        let mut phone = Phone::alone();
        phone.config.hang_after = SOON;
        let engine = phone.start();
        settle(&engine, StandingChoice::Ask);
        engine.inject(faults);
        assert_eq!(block_on(engine.command(carrier_call("0151 1"))), Ok(Reply::CarrierDialed), "{faults:?}");
        assert!(to_the_end(&engine).last().is_some_and(is_stopped));
        assert_eq!(dialed(&phone, &engine), ["0151 1"], "{faults:?}");
    }
}

#[test]
fn a_question_whose_carrier_call_was_ordered_is_dialed_once_although_the_answer_was_never_shown() {
    for faults in breakdowns(Step::Views) {
        let (phone, engine, prompt) = asked(SOON);
        settle(&engine, StandingChoice::Ask);
        engine.inject(faults);
        assert_eq!(press(&engine, prompt).join().unwrap(), Ok(Reply::CarrierDialed), "{faults:?}");
        assert_eq!(press(&engine, prompt).join().unwrap(), Ok(Reply::CarrierDialed), "and once more");
        assert_eq!(dialed(&phone, &engine), [peer_number().e164()], "{faults:?}");
    }
}

#[test]
fn a_call_that_went_to_the_carrier_as_the_user_always_wants_it_is_dialed_once() {
    for faults in breakdowns(Step::Views) {
        let mut phone = Phone::alone();
        phone.config.hang_after = SOON;
        let engine = phone.start();
        settle(&engine, StandingChoice::Carrier);
        engine.inject(faults);
        assert_eq!(block_on(engine.command(call())), Ok(Reply::CarrierDialed), "{faults:?}");
        let told = to_the_end(&engine);
        assert!(!told.iter().any(|event| matches!(event, Event::Prompt(_))), "{told:?}");
        assert_eq!(dialed(&phone, &engine), [peer_number().e164()], "{faults:?}");
    }
}

#[test]
fn a_host_that_refuses_what_a_dying_machine_ordered_is_told_to_dial_by_itself() {
    let mut phone = Phone::alone();
    phone.config.hang_after = SOON;
    let engine = phone.start();
    settle(&engine, StandingChoice::Ask);
    phone.host.behave(host::Manner::Refuses);
    engine.inject(Faults { panic_at: Some(FaultAt::next(Step::Views)), ..Faults::default() });
    assert_eq!(block_on(engine.command(carrier_call("0151 1"))), Err(CommandError::Stopped));
}

#[test]
fn a_call_that_is_late_but_in_time_asks_and_dials_nothing_by_itself() {
    let phone = Phone::alone();
    let engine = phone.start();
    engine.inject(late_but_in_time(Step::Dial));
    assert!(block_on(engine.command(call())).is_ok());
    prompt(&engine);
    assert_eq!(dialed(&phone, &engine), Vec::<String>::new());
}

#[test]
fn the_carrier_chosen_at_a_question_is_dialed_once_however_often_it_is_pressed_while_the_machine_goes() {
    for faults in breakdowns(Step::Answer) {
        let (phone, engine, prompt) = asked(SOON);
        engine.inject(faults);
        let pressed = [press(&engine, prompt), press(&engine, prompt)];
        for press in pressed {
            assert_eq!(press.join().unwrap(), Ok(Reply::CarrierDialed), "{faults:?}");
        }
        assert_eq!(press(&engine, prompt).join().unwrap(), Ok(Reply::CarrierDialed), "and once more");
        assert!(to_the_end(&engine).last().is_some_and(is_stopped));
        assert_eq!(dialed(&phone, &engine), [peer_number().e164()], "{faults:?}");
    }
}

#[test]
fn a_question_that_is_open_when_the_machine_dies_can_still_be_answered_with_the_carrier() {
    for faults in breakdowns(Step::Host) {
        let (phone, engine, prompt) = asked(SOON);
        engine.inject(faults);
        engine.notify(tandem_machine::HostInput::Sims(vec![sim()])).unwrap();
        assert!(to_the_end(&engine).last().is_some_and(is_stopped));
        assert_eq!(phone.host.look(|seen| seen.dialed.len()), 0, "the user was asked, and has not answered");
        assert_eq!(press(&engine, prompt).join().unwrap(), Ok(Reply::CarrierDialed), "{faults:?}");
        assert_eq!(dialed(&phone, &engine), [peer_number().e164()], "{faults:?}");
    }
}

#[test]
fn an_answer_that_is_late_but_in_time_dials_once_and_a_second_one_is_stale() {
    let (phone, engine, prompt) = asked(PATIENCE);
    engine.inject(late_but_in_time(Step::Answer));
    assert!(press(&engine, prompt).join().unwrap().is_ok());
    assert_eq!(press(&engine, prompt).join().unwrap(), Err(CommandError::Refused(Refusal::Stale)));
    phone.host.until(|seen| !seen.dialed.is_empty());
    assert_eq!(dialed(&phone, &engine), [peer_number().e164()]);
}

#[test]
fn with_a_broken_database_a_call_over_data_asks_and_the_carrier_is_dialed_once() {
    let phone = Phone::alone();
    let engine = phone.start();
    engine.inject(broken());
    assert!(block_on(engine.command(call())).is_ok());
    let prompt = prompt(&engine).id;
    assert!(press(&engine, prompt).join().unwrap().is_ok());
    phone.host.until(|seen| !seen.dialed.is_empty());
    assert_eq!(dialed(&phone, &engine), [peer_number().e164()]);
}

#[test]
fn a_text_is_given_back_as_stopped_and_nothing_of_it_is_kept_shown_or_sent() {
    for faults in breakdowns(Step::SendText) {
        let mut phone = Phone::alone();
        phone.config.hang_after = SOON;
        let engine = phone.start();
        engine.inject(faults);
        assert_eq!(block_on(engine.command(text("hello"))), Err(CommandError::Stopped), "{faults:?}");
        let told = to_the_end(&engine);
        assert!(!told.iter().any(|event| matches!(event, Event::Text(_) | Event::Prompt(_))), "{faults:?}");
        assert!(told.last().is_some_and(is_stopped));
        block_on(engine.shutdown(PATIENCE));
        assert_eq!(phone.host.look(|seen| (seen.sent.len(), seen.dialed.len())), (0, 0), "{faults:?}");
        drop(engine);
        let again = phone.start();
        assert_eq!(block_on(again.thread(peer_number(), None, 10)).unwrap(), [], "{faults:?}");
        assert!(block_on(again.texts_open()).unwrap().is_empty());
    }
}

#[test]
fn a_text_that_cannot_go_over_data_asks_although_the_machine_is_late_or_the_database_broken() {
    for faults in [late_but_in_time(Step::SendText), broken()] {
        let phone = Phone::alone();
        let engine = phone.start();
        engine.inject(faults);
        let sending = {
            let engine = Arc::clone(&engine);
            std::thread::spawn(move || block_on(engine.command(text("hello"))))
        };
        let asked = prompt(&engine);
        assert!(matches!(asked.about, PromptAbout::Text { why: WhyNotData::NotRegistered, .. }), "{asked:?}");
        assert!(matches!(sending.join().unwrap(), Ok(Reply::Asking(id)) if id == asked.id));
        assert_eq!(phone.host.look(|seen| seen.sent.len()), 0, "nothing goes out unasked");
        assert!(press(&engine, asked.id).join().unwrap().is_ok(), "{faults:?}");
        phone.host.until(|seen| seen.sent.len() == 1);
        block_on(engine.shutdown(PATIENCE));
        assert_eq!(phone.host.look(|seen| seen.sent.len()), 1, "{faults:?}");
    }
}
