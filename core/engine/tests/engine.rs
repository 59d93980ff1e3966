//! The engine against a scripted server and hosts of every manner.

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

use common::host::Manner;
use common::server::{Seen, Server};
use common::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tandem_engine::{CommandError, HostError, NotifyError, Ports, ReadError, Sim, StartError};
use tandem_machine::view::Notice;
use tandem_machine::{Command, Event, HostInput, Refusal, Reply};
use tandem_model::rows::{SettingsRow, StandingChoice};
use tandem_model::{CallId, Line, Secret, SimSlot, Ticket};
use tandem_wire::{ClientFrame, RegisterRequest};

fn settings() -> Command {
    Command::Settings(SettingsRow { standing_choice: StandingChoice::Carrier, read_receipts: true })
}

#[test]
fn a_command_is_answered_without_any_runtime_around_it() {
    let phone = Phone::alone();
    let engine = phone.start();
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done), "answered once it is durable");
    assert_eq!(
        block_on(engine.command(Command::Accept { call: CallId([1; 16]) })),
        Err(CommandError::Refused(Refusal::Stale))
    );
    assert_eq!(
        block_on(engine.command(Command::ConfirmRegistration { line: Line(7) })),
        Err(CommandError::Refused(Refusal::NoSuchLine))
    );
}

#[test]
fn a_phone_registers_and_its_session_stands() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    let views = engine.views();
    assert_eq!(views.online, [Line(0)]);
    assert_eq!(views.registrations[0].number, Some(my_number()));
    server.until(|seen| match seen {
        Seen::Registration(RegisterRequest::Start { number, .. }) => (*number == my_number()).then_some(()),
        _ => None,
    });
    server.until(|seen| match seen {
        Seen::Frame(ClientFrame::Hello(hello)) => (hello.number == my_number()).then_some(()),
        _ => None,
    });
}

#[test]
fn a_session_and_a_registration_under_tls_trust_only_the_given_roots() {
    let server = Server::start_tls();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    block_on(engine.shutdown(PATIENCE));

    let mut stranger = Phone::of(&server);
    stranger.config.roots = tandem_engine::Roots::Explicit(vec![]);
    let engine = stranger.start();
    while server.seen.try_recv().is_ok() {}
    block_on(engine.command(Command::Register { line: Line(0), typed: None })).unwrap();
    server.until(|seen| matches!(seen, Seen::NoTls).then_some(()));
    block_on(engine.shutdown(PATIENCE));
    assert!(!std::iter::from_fn(|| server.seen.try_recv().ok()).any(|seen| matches!(seen, Seen::Registration(_))));
}

#[test]
fn a_session_that_is_cut_is_opened_again() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    for round in 1..4 {
        server.change(|mood| mood.cut = round);
        until_online(&engine, false);
        until_online(&engine, true);
    }
}

#[test]
fn garbage_from_the_server_closes_the_connection_and_harms_nothing() {
    let server = Server::start();
    server.change(|mood| mood.garbage = 100);
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    until_online(&engine, false);
    server.change(|mood| mood.garbage = 3);
    until_online(&engine, true);
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
}

#[test]
fn a_later_server_may_say_whatever_it_likes_beside_what_is_understood() {
    let server = Server::start();
    server.change(|mood| mood.unknown = 100);
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    let asked_again = |seen: &Seen| matches!(seen, Seen::Frame(ClientFrame::MarksAsk { .. }));
    while !asked_again(&next(&server.seen)) {}
    assert_eq!(block_on(engine.command(Command::SyncMarks)), Ok(Reply::Done));
    loop {
        let seen = next(&server.seen);
        assert!(!matches!(seen, Seen::Closed), "the session goes on");
        if asked_again(&seen) {
            break;
        }
    }
}

#[test]
fn keys_and_registration_survive_a_restart() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    block_on(engine.shutdown(PATIENCE));
    drop(engine);
    let engine = phone.start();
    until_online(&engine, true);
    assert_eq!(engine.views().registrations[0].number, Some(my_number()));
}

#[test]
fn a_key_is_kept_before_the_server_hears_of_it() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    assert!(phone.host.look(|seen| !seen.secrets.is_empty()));
    // With a key store that keeps nothing, no registration leaves the phone.
    let stubborn = Phone::of(&server);
    let engine = stubborn.start();
    stubborn.host.keep_keys(Manner::Refuses);
    while server.seen.try_recv().is_ok() {}
    let asked = block_on(engine.command(Command::Register { line: Line(0), typed: None }));
    assert_eq!(asked, Ok(Reply::Done));
    // Once for the row that says so, once for the request, and again for the retry.
    stubborn.host.until(|seen| seen.refused_puts >= 3);
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done), "everything else goes on");
    block_on(engine.shutdown(PATIENCE));
    let left = std::iter::from_fn(|| server.seen.try_recv().ok())
        .any(|seen| matches!(&seen, Seen::Registration(RegisterRequest::Start { .. })));
    assert!(!left, "a key that is gone after a restart must not be registered");
}

#[test]
fn a_locked_key_store_opens_later_and_the_session_stands() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    block_on(engine.shutdown(PATIENCE));
    drop(engine);
    phone.host.keep_keys(Manner::Refuses);
    let engine = phone.start();
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
    phone.host.keep_keys(Manner::Good);
    // Unlocking the phone makes the OS tell something, whatever it is.
    engine.notify(HostInput::EmergencyNumbers(vec!["112".to_owned()])).unwrap();
    until_online(&engine, true);
}

#[test]
fn the_carrier_dials_for_a_host_of_any_manner() {
    for manner in [Manner::Good, Manner::Refuses, Manner::Panics, Manner::Babbles, Manner::Reenters] {
        let phone = Phone::alone();
        let engine = phone.start();
        phone.host.behave(manner);
        for call in 1..=3 {
            let dialed = block_on(engine.command(carrier_call("0151 23456789")));
            assert!(dialed.is_ok(), "{manner:?}: {dialed:?}");
            phone.host.until(|seen| seen.dialed.len() == call);
        }
        if manner == Manner::Reenters {
            phone.host.until(|seen| seen.reentered == 3);
        }
        assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done), "{manner:?}");
    }
}

#[test]
fn a_host_without_ports_is_answered_by_name() {
    let phone = Phone::alone();
    let engine = phone.start_with(Ports::default());
    assert!(block_on(engine.command(carrier_call("112"))).is_ok(), "the machine ordered it");
    assert_eq!(block_on(engine.dial_carrier(None, "112")), Err(CommandError::CarrierFailed), "nobody can dial");
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
}

#[test]
fn a_stuck_host_thread_does_not_keep_a_person_from_dialing() {
    let mut phone = Phone::alone();
    phone.config.hang_after = Duration::from_secs(1);
    let engine = phone.start();
    phone.host.behave(Manner::Stuck);
    block_on(engine.command(carrier_call("1111111"))).unwrap();
    phone.host.until(|seen| seen.dialed.len() == 1);
    block_on(engine.command(carrier_call("2222222"))).unwrap();
    // The guard takes the second call over; it is stuck in the same host then, but the call was handed over.
    phone.host.until(|seen| seen.dialed.len() == 2);
    phone.host.behave(Manner::Good);
}

#[test]
fn calls_placed_long_after_the_host_thread_got_stuck_are_dialed_and_in_their_order() {
    let mut phone = Phone::alone();
    phone.config.hang_after = Duration::from_millis(200);
    let sim = Arc::new(StuckSim::default());
    let engine = phone.start_with(Ports { sim: Some(sim.clone()), ..phone.ports() });
    block_on(engine.command(carrier_call("112"))).unwrap();
    phone.host.until(|seen| seen.dialed.len() == 1);
    // The guard has seen it stuck by now, and takes whatever is still to come.
    for digits in ["110", "911", "999"] {
        block_on(engine.command(carrier_call(digits))).unwrap();
    }
    phone.host.until(|seen| seen.dialed.len() == 4);
    let dialed: Vec<String> = phone.host.look(|seen| seen.dialed.iter().map(|(_, digits)| digits.clone()).collect());
    assert_eq!(dialed, ["112", "110", "911", "999"]);
    sim.0.store(true, Ordering::Release);
}

/// Asked for its SIMs, it does not come back until told.
#[derive(Default)]
struct StuckSim(AtomicBool);

impl Sim for StuckSim {
    fn slots(&self) -> Result<Vec<SimSlot>, HostError> {
        while !self.0.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(vec![sim()])
    }
}

#[test]
fn words_for_tickets_nobody_gave_are_dropped() {
    let phone = Phone::alone();
    let engine = phone.start();
    for ticket in 0..50 {
        engine.notify(HostInput::CarrierDialed { ticket: Ticket(ticket), ok: ticket % 2 == 0 }).unwrap();
        engine.notify(HostInput::SmsSent { ticket: Ticket(ticket), ok: true }).unwrap();
    }
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
}

#[test]
fn a_dropped_command_is_done_all_the_same_and_harms_nobody() {
    let phone = Phone::alone();
    let engine = phone.start();
    for call in 100..200 {
        let mut command = Box::pin(engine.command(carrier_call(&format!("0151 23456{call}"))));
        let waker = std::task::Waker::noop();
        let _polled_once = command.as_mut().poll(&mut std::task::Context::from_waker(waker));
        drop(command);
    }
    phone.host.until(|seen| seen.dialed.len() == 100);
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
}

#[test]
fn shutdown_ends_everything_and_again_is_fine() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    let waiting = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || to_the_end(&engine))
    };
    block_on(engine.shutdown(PATIENCE));
    block_on(engine.shutdown(PATIENCE));
    waiting.join().unwrap();
    assert_eq!(block_on(engine.next_event()), None);
    assert_eq!(block_on(engine.command(settings())), Err(CommandError::Stopped));
    assert_eq!(block_on(engine.command(carrier_call("112"))), Err(CommandError::Stopped));
    assert_eq!(engine.notify(HostInput::Sims(vec![])), Err(NotifyError::Stopped));
    assert_eq!(block_on(engine.log(None, 1)), Err(ReadError::Stopped));
    server.until(|seen| matches!(seen, Seen::Closed).then_some(()));
}

#[test]
fn shutdown_in_the_middle_of_anything_answers_whoever_waits() {
    let server = Server::start();
    for round in 0..20_u64 {
        let phone = Phone::of(&server);
        let engine = phone.start();
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let engine = Arc::clone(&engine);
                std::thread::spawn(move || {
                    for _ in 0..200 {
                        match block_on(engine.command(settings())) {
                            Ok(_) | Err(CommandError::Full) => {}
                            Err(error) => return assert_eq!(error, CommandError::Stopped),
                        }
                    }
                })
            })
            .collect();
        let registering = Arc::clone(&engine);
        let asked = std::thread::spawn(move || {
            let _whatever = block_on(registering.command(Command::Register { line: Line(0), typed: None }));
        });
        std::thread::sleep(Duration::from_millis(round));
        block_on(engine.shutdown(PATIENCE));
        for thread in busy {
            thread.join().unwrap();
        }
        asked.join().unwrap();
        to_the_end(&engine);
    }
}

#[test]
fn dropping_an_engine_is_safe_anywhere() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let phone = Phone::alone();
    let engine = phone.start();
    runtime.block_on(async move {
        assert_eq!(engine.command(settings()).await, Ok(Reply::Done));
        drop(engine);
    });
    let engine = phone.start();
    let pending = {
        let engine = Arc::clone(&engine);
        std::thread::spawn(move || to_the_end(&engine))
    };
    block_on(engine.shutdown(Duration::ZERO));
    drop(engine);
    pending.join().unwrap();
}

#[test]
fn what_was_acknowledged_is_there_after_a_shutdown() {
    let phone = Phone::alone();
    let engine = phone.start();
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
    assert!(block_on(engine.log(None, 10)).unwrap().is_empty());
    assert!(block_on(engine.thread(peer_number(), None, 10)).unwrap().is_empty());
    block_on(engine.shutdown(PATIENCE));
    drop(engine);
    let opened =
        tandem_store::PhoneStore::open(&phone.config.database, tandem_store::StoreSettings::default()).unwrap();
    assert!(opened.restored.settings.is_some());
    assert!(!opened.recovered);
}

#[test]
fn unusable_settings_are_named() {
    let phone = Phone::alone();
    let start = |server: &str, change: fn(&mut tandem_engine::EngineConfig)| {
        let mut config = phone.config.clone();
        config.server = server.to_owned();
        change(&mut config);
        let media = Arc::new(tandem_media::FakeMedia::new());
        tandem_engine::Engine::start(config, Ports::default(), media, Arc::new(tandem_engine::TcpConnector)).err()
    };
    assert_eq!(start("http://x", |_| ()), Some(StartError::BadServer));
    assert_eq!(
        start("wss://x", |config| config.roots = tandem_engine::Roots::Explicit(vec![vec![1, 2, 3]])),
        Some(StartError::BadRoots)
    );
}

#[test]
fn log_lines_reach_the_host_and_hold_no_number() {
    let server = Server::start();
    let phone = Phone::of(&server);
    let engine = phone.start();
    register(&engine);
    until_online(&engine, true);
    block_on(engine.command(carrier_call("+4915198765432"))).unwrap();
    server.change(|mood| mood.cut = 1);
    until_online(&engine, false);
    block_on(engine.shutdown(PATIENCE));
    drop(engine);
    // A second start logs from the worker threads as well.
    let engine = phone.start();
    until_online(&engine, true);
    block_on(engine.shutdown(PATIENCE));
    phone.host.look(|seen| {
        assert!(!seen.lines.is_empty());
        for (_, line) in &seen.lines {
            for secret in ["15123456789", "15198765432", "001010123456789", "12345678"] {
                assert!(!line.contains(secret), "{line}");
            }
        }
    });
}

#[test]
fn events_of_a_slow_app_give_way_to_a_resync_and_the_rows_are_there() {
    let mut phone = Phone::alone();
    phone.config.events_max = 16;
    let engine = phone.start();
    for number in 0..60 {
        let from = Secret::new(peer_number().e164());
        let body = Secret::new(format!("words {number}"));
        engine.notify(HostInput::SmsReceived { line: Line(0), from, body }).unwrap();
    }
    let began = std::time::Instant::now();
    while block_on(engine.thread(peer_number(), None, 100)).unwrap().len() < 60 {
        assert!(began.elapsed() < PATIENCE, "the texts never became durable");
    }
    // The answer to a command comes after everything that was durable before it was told.
    assert_eq!(block_on(engine.command(settings())), Ok(Reply::Done));
    block_on(engine.shutdown(PATIENCE));
    let all = to_the_end(&engine);
    assert!(all.len() <= 16, "{}", all.len());
    assert_eq!(all.iter().filter(|event| **event == Event::Notice(Notice::Resync)).count(), 1);
    assert!(matches!(all.last(), Some(Event::TextArrived(_))), "the newest are kept");
}

#[test]
fn a_host_shows_the_core_s_own_words_with_nothing_but_the_engine() {
    let phone = Phone::alone();
    let engine = phone.start();
    let typed = Some(Secret::new("mum".to_owned()));
    let refused = block_on(engine.command(Command::Register { line: Line(0), typed }));
    assert_eq!(refused, Err(CommandError::Refused(Refusal::BadNumber)));
    let shown = until(&engine, |event| match event {
        tandem_engine::Event::Registration(view)
            if view.state != tandem_engine::view::RegistrationState::Unregistered =>
        {
            Some(view.state.user_text())
        }
        _ => None,
    });
    assert_eq!(shown, "This is not a phone number. Please check what you typed.");
    let why = tandem_model::WhyNotData::OwnOffline;
    assert_eq!(tandem_engine::why_text(why), "Your phone is not connected.");
    assert_eq!(tandem_engine::end_text(tandem_model::CallEnd::NoAnswer), "Nobody answered.");
    assert!(!tandem_engine::view::Notice::Stopped { fault: tandem_engine::view::Fault::Hang }.user_text().is_empty());
}
