//! Calls through the whole device.

use crate::bench::{ToyVault, toy_number};
use crate::config::Config;
use crate::device::Device;
use crate::effect::{Effect, Event, Refusal, Reply};
use crate::input::{Command, HostInput, Input, MediaInput, Mode, Target};
use crate::rig::{LINE, Rig, events, frames, registered_store, reply_to};
use crate::view::{CallState, Choice, PromptAbout};
use tandem_model::random::SplitMix64;
use tandem_model::rows::{LogLeg, LogPeer, LogRow, Restored};
use tandem_model::{Bearer, CallEnd, CallId, Now, PromptId, Secret, WallMillis, WhyNotData};
use tandem_wire::ClientFrame;

fn dial(target: Target) -> Command {
    Command::Dial { target, line: None, mode: Mode::Data }
}

fn number(n: u64) -> Target {
    Target::Number(Secret::new(toy_number(n).e164()))
}

fn contact(numbers: &[&str]) -> Target {
    let numbers = numbers.iter().map(|digits| Secret::new((*digits).into())).collect();
    Target::Contact { contact: "anna".into(), numbers }
}

#[test]
fn help_is_dialed_by_a_device_that_knows_nothing_at_all() {
    let mut rig = Rig::fresh();
    let (ticket, effects) = rig.command(dial(Target::Number(Secret::new("1 1 2".into()))));
    let first = effects.iter().find(|effect| !matches!(effect, Effect::Connect { .. }));
    assert!(matches!(first, Some(Effect::DialCarrier { line: None, .. })));
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::CarrierDialed)));
}

#[test]
fn a_marked_contact_is_checked_and_a_call_can_be_ended_by_its_id() {
    let mut rig = Rig::online(&[2]);
    let (ticket, effects) = rig.command(dial(number(2)));
    let Some(Ok(Reply::Call(id))) = reply_to(ticket, &effects) else { panic!("{effects:?}") };
    let asked = frames(&effects);
    assert!(matches!(asked.first(), Some(ClientFrame::GateAsk { call, .. }) if *call == id));
    assert!(asked.iter().any(|frame| matches!(frame, ClientFrame::ProbeAsk { .. })));
    assert_eq!(rig.device.calls().len(), 1);
    let (ticket, effects) = rig.command(Command::HangUp { call: id });
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    assert!(events(&effects).iter().any(|event| matches!(event, Event::Call(view)
        if view.state == CallState::Ended(CallEnd::Cancelled))));
    assert!(rig.device.calls().is_empty());
    let (ticket, effects) = rig.command(Command::HangUp { call: id });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Stale)));
}

#[test]
fn a_session_lost_while_checking_is_a_prompt_that_is_answered_once() {
    let mut rig = Rig::online(&[2]);
    rig.command(dial(number(2)));
    let effects = rig.close();
    let prompts = rig.device.prompts();
    assert!(matches!(prompts[0].about, PromptAbout::Call { why: WhyNotData::OwnOffline, .. }), "{effects:?}");
    let answer = Command::Answer { prompt: prompts[0].id, choice: Choice::Carrier };
    let (ticket, effects) = rig.command(answer.clone());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::DialCarrier { .. })));
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::Done)));
    let (ticket, effects) = rig.command(answer);
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Stale)));
}

#[test]
fn a_contact_with_several_marked_numbers_is_asked_about_and_then_called() {
    let mut rig = Rig::online(&[2, 3]);
    let numbers = [toy_number(2).e164(), toy_number(3).e164()];
    let (ticket, effects) = rig.command(dial(contact(&[&numbers[0], &numbers[1]])));
    let Some(Ok(Reply::Asking(prompt))) = reply_to(ticket, &effects) else { panic!("{effects:?}") };
    let answer = Command::Answer { prompt, choice: Choice::Number(toy_number(3)) };
    let (ticket, effects) = rig.command(answer);
    assert!(matches!(reply_to(ticket, &effects), Some(Ok(Reply::Call(_)))));
    assert_eq!(rig.device.calls()[0].peer, toy_number(3));
}

#[test]
fn a_contact_with_an_emergency_number_is_never_asked_about() {
    let mut rig = Rig::online(&[2, 3]);
    let numbers = [toy_number(2).e164(), toy_number(3).e164()];
    let (ticket, effects) = rig.command(dial(contact(&[&numbers[0], &numbers[1], "110"])));
    assert_eq!(reply_to(ticket, &effects), Some(Ok(Reply::CarrierDialed)));
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::DialCarrier { digits, .. } if digits.expose() == "110"))
    );
}

#[test]
fn words_about_calls_nobody_knows_are_late() {
    let mut rig = Rig::online(&[2]);
    let late = rig.device.late_results();
    rig.feed(Input::Media { call: CallId([7; 16]), event: MediaInput::Connected });
    rig.host(HostInput::CarrierDialed { ticket: tandem_model::Ticket(999), ok: true });
    assert_eq!(rig.device.late_results(), late + 2);
    let (ticket, effects) = rig.command(Command::Answer { prompt: PromptId(999), choice: Choice::Quit });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::Stale)));
}

#[test]
fn a_call_the_process_died_in_is_closed_in_the_log_at_the_next_start() {
    let open = LogRow {
        id: 7,
        call: Some(CallId([7; 16])),
        line: LINE,
        peer: LogPeer::Number(toy_number(2)),
        outgoing: true,
        started_at: WallMillis(1),
        legs: vec![LogLeg { bearer: Bearer::Data, talked_ms: 5_000, why: None }],
        end: None,
    };
    let restored = Restored { open_logs: vec![open.clone()], ..registered_store(&[2]).restored() };
    let seed = Box::new(SplitMix64(1));
    let mut device = Device::new(Config::default(), restored, Box::new(ToyVault), seed, Now::default());
    let rows: Vec<LogRow> = std::iter::from_fn(|| device.poll_effect())
        .filter_map(|effect| if let Effect::Emit(Event::Log(row)) = effect { Some(row) } else { None })
        .collect();
    assert_eq!(rows, [LogRow { end: Some(CallEnd::PeerLost), ..open }]);
}
