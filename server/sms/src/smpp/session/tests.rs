//! The session in virtual time, against an SMSC of three lines.

use std::str::FromStr;
use std::time::Duration;

use proptest::prelude::*;
use rusmpp::pdus::{DeliverSm, SubmitSm, SubmitSmResp};
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::EsmClass;
use rusmpp::{Command, CommandStatus, Pdu};
use tandem_model::Mono;

use super::{Effect, Session};
use crate::driver::{
    BindRefusal, LinkDownReason, PermanentReason, ReceiptState, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused,
};
use crate::number::E164Digits;
use crate::smpp::config::SmppConfig;
use crate::smpp::frame::{Frame, FrameReader, Header};

const TEN_SECONDS: u64 = 10_000;

/// A session, its clock, and everything it asked for.
struct Bench {
    session: Session,
    now: Mono,
    effects: Vec<Effect>,
}

impl Bench {
    fn new(config: SmppConfig) -> Self {
        let mut bench = Self { session: Session::new(config, 7, Mono(0)), now: Mono(0), effects: Vec::new() };
        bench.drain();
        bench
    }

    /// A session whose bind was taken.
    fn bound_with(config: SmppConfig) -> Self {
        let mut bench = Self::new(config);
        bench.bind();
        bench.effects.clear();
        bench
    }

    fn bound() -> Self {
        Self::bound_with(SmppConfig::default())
    }

    fn bind(&mut self) {
        self.session.connected(self.now);
        self.drain();
        let sequence = self.last_sequence();
        self.answer(CommandStatus::EsmeRok, sequence, Pdu::BindTransceiverResp(Default::default()));
        assert!(self.effects.contains(&Effect::Event(SmsEvent::LinkUp)));
    }

    fn drain(&mut self) {
        while let Some(effect) = self.session.poll_effect() {
            self.effects.push(effect);
        }
    }

    fn wait_until(&mut self, millis: u64) {
        while let Some(at) = self.session.poll_timeout().filter(|at| at.0 <= millis) {
            self.now = self.now.max(at);
            self.session.handle_timeout(self.now);
            self.drain();
        }
        self.now = Mono(millis);
    }

    fn answer(&mut self, status: CommandStatus, sequence: u32, pdu: Pdu) {
        self.session.frame(Frame::Pdu(Command::new(status, sequence, pdu)), true, self.now);
        self.drain();
    }

    fn submit_as(&mut self, ticket: u64, to: &str) {
        self.session.submit(ticket, &sms(ticket, to), self.now).unwrap();
        self.drain();
    }

    fn submit(&mut self, ticket: u64) {
        self.submit_as(ticket, "491511");
    }

    fn accept(&mut self, sequence: u32, id: &str) {
        let answer = SubmitSmResp::builder().message_id(COctetString::from_str(id).unwrap()).build();
        self.answer(CommandStatus::EsmeRok, sequence, Pdu::SubmitSmResp(answer));
    }

    fn refuse(&mut self, sequence: u32, status: u32) {
        self.answer(CommandStatus::from(status), sequence, Pdu::SubmitSmResp(SubmitSmResp::default()));
    }

    fn sent(&self) -> Vec<&Command> {
        self.effects
            .iter()
            .filter_map(|effect| if let Effect::Send(command) = effect { Some(command) } else { None })
            .collect()
    }

    fn last_sequence(&self) -> u32 {
        self.sent().last().unwrap().sequence_number()
    }

    fn submits(&self) -> Vec<(u32, SubmitSm)> {
        let submit = |command: &&Command| match command.pdu() {
            Some(Pdu::SubmitSm(submit)) => Some((command.sequence_number(), submit.clone())),
            _ => None,
        };
        self.sent().iter().filter_map(submit).collect()
    }

    fn outcomes(&self) -> Vec<(u64, SubmitOutcome)> {
        let outcome = |effect: &Effect| {
            if let Effect::Outcome(ticket, outcome) = effect { Some((*ticket, outcome.clone())) } else { None }
        };
        self.effects.iter().filter_map(outcome).collect()
    }

    fn events(&self) -> Vec<SmsEvent> {
        self.effects
            .iter()
            .filter_map(|effect| if let Effect::Event(event) = effect { Some(event.clone()) } else { None })
            .collect()
    }

    fn statuses(&self) -> Vec<u32> {
        self.sent().iter().map(|command| u32::from(command.status())).collect()
    }
}

fn sms(message_ref: u64, to: &str) -> SmsSubmit {
    SmsSubmit {
        message_ref,
        to: E164Digits::parse(to).unwrap(),
        body: "Tandem code 12345678".to_owned(),
        validity: Duration::from_secs(600),
    }
}

fn receipt(id: &str, phone: &str, state: &str) -> Pdu {
    Pdu::DeliverSm(
        DeliverSm::builder()
            .source_addr(COctetString::from_str(phone).unwrap())
            .destination_addr(COctetString::from_str("Tandem").unwrap())
            .esm_class(EsmClass::from(4))
            .short_message(
                OctetString::from_str(&format!("id:{id} sub:001 dlvrd:001 stat:{state} err:000 text:")).unwrap(),
            )
            .build(),
    )
}

fn from_phone(text: &str) -> Pdu {
    Pdu::DeliverSm(
        DeliverSm::builder()
            .source_addr(COctetString::from_str("491511").unwrap())
            .destination_addr(COctetString::from_str("70700").unwrap())
            .esm_class(EsmClass::from(0))
            .short_message(OctetString::from_str(text).unwrap())
            .build(),
    )
}

#[test]
fn nothing_is_submitted_before_the_bind_is_taken_and_everything_after() {
    let mut bench = Bench::new(SmppConfig::default());
    bench.submit(1);
    bench.session.connected(bench.now);
    bench.drain();
    assert!(bench.submits().is_empty());
    let sequence = bench.last_sequence();
    bench.answer(CommandStatus::EsmeRok, sequence, Pdu::BindTransceiverResp(Default::default()));
    assert_eq!(bench.submits().len(), 1);
}

#[test]
fn no_more_than_the_window_is_unanswered_at_once() {
    let mut bench = Bench::bound();
    for ticket in 0..25 {
        bench.submit(ticket);
    }
    assert_eq!(bench.submits().len(), 10);
    let first = bench.submits()[0].0;
    bench.accept(first, "1");
    assert_eq!(bench.submits().len(), 11);
    assert_eq!(bench.session.load(), (14, 10));
}

#[test]
fn a_full_queue_refuses_by_name() {
    let mut bench = Bench::bound_with(SmppConfig { queue_capacity: 3, ..SmppConfig::default() });
    for ticket in 0..13 {
        bench.submit(ticket);
    }
    assert_eq!(bench.session.submit(99, &sms(99, "491511"), bench.now), Err(SubmitRefused::QueueFull));
}

#[test]
fn a_throttled_text_is_sent_again_only_after_the_pause() {
    let mut bench = Bench::bound();
    bench.submit(1);
    let sequence = bench.last_sequence();
    bench.refuse(sequence, 0x58);
    assert_eq!(bench.submits().len(), 1);
    assert!(bench.outcomes().is_empty());
    bench.submit(2);
    assert_eq!(bench.submits().len(), 1, "the pause holds for every text");
    let pause_end = bench.session.poll_timeout().unwrap();
    assert!(pause_end.0 <= 250);
    bench.wait_until(pause_end.0);
    assert_eq!(bench.submits().len(), 3);
}

#[test]
fn throttling_without_end_gives_the_text_back_with_a_time() {
    let mut bench = Bench::bound_with(SmppConfig { throttle_tries: 3, ..SmppConfig::default() });
    bench.submit(1);
    for status in [0x58, 0x14, 0x58] {
        let sequence = bench.submits().last().unwrap().0;
        bench.refuse(sequence, status);
        let until = bench.now.0 + 60;
        let wait = bench.session.poll_timeout().unwrap().0.max(until);
        bench.wait_until(wait.min(bench.now.0 + 1_000));
    }
    assert_eq!(bench.submits().len(), 3);
    let outcomes = bench.outcomes();
    assert!(matches!(outcomes.as_slice(), [(1, SubmitOutcome::Throttled { retry_after })] if !retry_after.is_zero()));
}

#[test]
fn the_same_seed_pauses_the_same_and_a_window_of_refusals_counts_once() {
    let pause = || {
        let mut bench = Bench::bound();
        for ticket in 0..10 {
            bench.submit(ticket);
        }
        for (sequence, _) in bench.submits() {
            bench.refuse(sequence, 0x58);
        }
        bench.session.poll_timeout().unwrap()
    };
    assert_eq!(pause(), pause());
    assert!(pause().0 <= 250);
}

#[test]
fn a_refused_number_is_refused_for_good() {
    let mut bench = Bench::bound();
    bench.submit(1);
    let sequence = bench.last_sequence();
    bench.refuse(sequence, 0x0B);
    assert_eq!(bench.outcomes(), [(1, SubmitOutcome::Permanent { reason: PermanentReason::InvalidDestination })]);
}

#[test]
fn a_connection_lost_mid_window_makes_the_sent_unknown_and_keeps_the_waiting() {
    let mut bench = Bench::bound();
    for ticket in 0..12 {
        bench.submit(ticket);
    }
    bench.session.connection_lost(bench.now);
    bench.drain();
    let unknown: Vec<u64> = bench.outcomes().iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(unknown, (0..10).collect::<Vec<_>>());
    assert!(bench.outcomes().iter().all(|(_, outcome)| *outcome == SubmitOutcome::Unknown));

    bench.effects.clear();
    let reconnect = bench.session.poll_timeout().unwrap();
    bench.wait_until(reconnect.0);
    assert!(bench.effects.contains(&Effect::Connect));
    bench.bind();
    let again: Vec<String> =
        bench.submits().iter().map(|(_, submit)| submit.destination_addr.as_str().to_owned()).collect();
    assert_eq!(again.len(), 2, "only what was never sent");
}

#[test]
fn an_answer_counts_before_its_deadline_and_not_at_it() {
    for (at, unknown) in [(TEN_SECONDS - 1, false), (TEN_SECONDS, true), (TEN_SECONDS + 1, true)] {
        let mut bench = Bench::bound();
        bench.submit(1);
        let sequence = bench.last_sequence();
        bench.wait_until(at);
        bench.accept(sequence, "77");
        let expected =
            if unknown { SubmitOutcome::Unknown } else { SubmitOutcome::Accepted { smsc_id: "77".to_owned() } };
        assert_eq!(bench.outcomes(), [(1, expected)], "{at}");
        assert_eq!(bench.submits().len(), 1, "it is not sent again");
    }
}

#[test]
fn a_text_given_up_as_unknown_still_gets_its_receipt() {
    let mut bench = Bench::bound();
    bench.submit(1);
    let sequence = bench.last_sequence();
    bench.wait_until(TEN_SECONDS);
    bench.accept(sequence, "77");
    bench.answer(CommandStatus::EsmeRok, 500, receipt("77", "491511", "DELIVRD"));
    assert!(bench.events().contains(&SmsEvent::Receipt { message_ref: 1, state: ReceiptState::Delivered }));
    assert_eq!(bench.session.counters().late_answers, 1);
}

#[test]
fn a_text_that_waits_past_its_validity_is_given_back_unsent() {
    let mut bench = Bench::new(SmppConfig::default());
    bench.submit(1);
    bench.wait_until(599_999);
    assert!(bench.outcomes().is_empty());
    bench.wait_until(600_000);
    assert_eq!(bench.outcomes(), [(1, SubmitOutcome::Temporary)]);
}

#[test]
fn receipts_are_told_once_each_and_always_acknowledged() {
    let mut bench = Bench::bound();
    bench.submit(1);
    let sequence = bench.last_sequence();
    bench.accept(sequence, "77");
    bench.effects.clear();
    for (sequence, state) in [(500, "DELIVRD"), (500, "DELIVRD"), (501, "DELIVRD"), (502, "ENROUTE")] {
        bench.answer(CommandStatus::EsmeRok, sequence, receipt("77", "491511", state));
    }
    assert_eq!(bench.events(), [SmsEvent::Receipt { message_ref: 1, state: ReceiptState::Delivered }]);
    assert_eq!(bench.statuses(), [0, 0, 0, 0]);
    assert_eq!(bench.session.counters().repeated_receipts, 3);
}

#[test]
fn a_receipt_before_its_answer_is_told_after_the_outcome() {
    let mut bench = Bench::bound();
    bench.submit(1);
    let sequence = bench.last_sequence();
    bench.answer(CommandStatus::EsmeRok, 500, receipt("77", "491511", "DELIVRD"));
    assert!(bench.events().is_empty());
    bench.effects.clear();
    bench.accept(sequence, "77");
    let expected = [
        Effect::Outcome(1, SubmitOutcome::Accepted { smsc_id: "77".to_owned() }),
        Effect::Event(SmsEvent::Receipt { message_ref: 1, state: ReceiptState::Delivered }),
    ];
    assert!(bench.effects == expected);
}

#[test]
fn a_receipt_for_a_stranger_is_acknowledged_counted_and_not_told() {
    let mut bench = Bench::bound();
    bench.answer(CommandStatus::EsmeRok, 500, receipt("404", "491511", "DELIVRD"));
    bench.answer(CommandStatus::EsmeRok, 501, receipt("", "491511", "nonsense"));
    assert_eq!(bench.statuses(), [0, 0]);
    assert!(bench.events().is_empty());
    bench.session.handle_timeout(Mono(60_000));
    assert_eq!(bench.session.counters().unknown_receipts, 1);
    assert_eq!(bench.session.counters().unreadable_receipts, 1);
}

#[test]
fn a_text_from_a_phone_is_told_once() {
    let mut bench = Bench::bound();
    for sequence in [500, 501] {
        bench.answer(CommandStatus::EsmeRok, sequence, from_phone("hello"));
    }
    let from = E164Digits::parse("491511").unwrap();
    assert_eq!(bench.events(), [SmsEvent::Incoming { from, to: "70700".to_owned(), text: "hello".to_owned() }]);
    assert_eq!(bench.statuses(), [0, 0]);
}

#[test]
fn without_room_for_an_event_the_smsc_is_asked_to_come_again() {
    let mut bench = Bench::bound();
    let deliver = Command::new(CommandStatus::EsmeRok, 500, from_phone("hello"));
    bench.session.frame(Frame::Pdu(deliver.clone()), false, bench.now);
    bench.drain();
    assert!(bench.events().is_empty());
    assert_eq!(bench.statuses(), [0x64]);
    bench.session.frame(Frame::Pdu(deliver), true, bench.now);
    bench.drain();
    assert_eq!(bench.events().len(), 1);
}

#[test]
fn silence_is_checked_and_unanswered_silence_ends_the_link() {
    let mut bench = Bench::bound();
    bench.wait_until(29_999);
    assert!(bench.sent().is_empty());
    bench.wait_until(30_000);
    assert!(matches!(bench.sent().as_slice(), [command] if command.pdu() == Some(&Pdu::EnquireLink)));
    bench.wait_until(39_999);
    assert!(bench.events().is_empty());
    bench.wait_until(40_000);
    assert_eq!(bench.events(), [SmsEvent::LinkDown { reason: LinkDownReason::LinkSilent }]);
    assert!(bench.effects.contains(&Effect::Disconnect));
}

#[test]
fn an_answered_check_keeps_the_link_for_another_interval() {
    let mut bench = Bench::bound();
    bench.wait_until(30_000);
    let sequence = bench.last_sequence();
    bench.answer(CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp);
    bench.wait_until(59_999);
    assert_eq!(bench.sent().len(), 1);
    bench.wait_until(60_000);
    assert_eq!(bench.sent().len(), 2);
    assert!(bench.events().is_empty());
}

#[test]
fn each_refused_bind_is_named_and_only_a_double_bind_is_retried_fast() {
    for (status, refusal, fast) in [
        (0x0D, BindRefusal::BindFailed, false),
        (0x0E, BindRefusal::InvalidPassword, false),
        (0x0F, BindRefusal::InvalidSystemId, false),
        (0x05, BindRefusal::AlreadyBound, true),
        (0x99, BindRefusal::Other(0x99), false),
    ] {
        let mut bench = Bench::new(SmppConfig::default());
        bench.session.connected(bench.now);
        bench.drain();
        let sequence = bench.last_sequence();
        bench.answer(CommandStatus::from(status), sequence, Pdu::BindTransceiverResp(Default::default()));
        assert_eq!(bench.events(), [SmsEvent::LinkDown { reason: LinkDownReason::BindRefused(refusal) }]);
        let retry = bench.session.poll_timeout().unwrap();
        assert_eq!(retry.0 <= 500, fast, "{refusal:?} waits {} ms with this seed", retry.0);
    }
}

#[test]
fn a_bind_without_an_answer_ends_at_its_deadline() {
    let mut bench = Bench::new(SmppConfig::default());
    bench.session.connected(bench.now);
    bench.wait_until(TEN_SECONDS - 1);
    assert!(bench.events().is_empty());
    bench.wait_until(TEN_SECONDS);
    assert_eq!(bench.events(), [SmsEvent::LinkDown { reason: LinkDownReason::BindTimeout }]);
}

#[test]
fn an_smsc_that_unbinds_is_answered_and_left() {
    let mut bench = Bench::bound();
    bench.submit(1);
    bench.answer(CommandStatus::EsmeRok, 900, Pdu::Unbind);
    assert!(matches!(bench.sent().last().unwrap().pdu(), Some(Pdu::UnbindResp)));
    assert_eq!(bench.outcomes(), [(1, SubmitOutcome::Unknown)]);
    assert_eq!(bench.events(), [SmsEvent::LinkDown { reason: LinkDownReason::PeerUnbound }]);
}

#[test]
fn shutting_down_gives_back_the_queue_waits_for_answers_and_unbinds() {
    let mut bench = Bench::bound();
    for ticket in 0..11 {
        bench.submit(ticket);
    }
    bench.session.shut_down(bench.now);
    bench.drain();
    assert_eq!(bench.outcomes(), [(10, SubmitOutcome::Temporary)]);
    assert_eq!(bench.session.submit(50, &sms(50, "491511"), bench.now), Err(SubmitRefused::ShutDown));
    for (index, (sequence, _)) in bench.submits().into_iter().enumerate() {
        bench.accept(sequence, &index.to_string());
    }
    assert!(matches!(bench.sent().last().unwrap().pdu(), Some(Pdu::Unbind)));
    let sequence = bench.last_sequence();
    bench.answer(CommandStatus::EsmeRok, sequence, Pdu::UnbindResp);
    assert!(bench.effects.ends_with(&[
        Effect::Disconnect,
        Effect::Event(SmsEvent::LinkDown { reason: LinkDownReason::ShutDown }),
        Effect::Stopped
    ]));
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn shutting_down_from_a_silent_smsc_ends_in_bounded_time_with_every_submit_answered() {
    let mut bench = Bench::bound();
    bench.submit(1);
    bench.session.shut_down(bench.now);
    bench.drain();
    bench.wait_until(3 * TEN_SECONDS);
    assert_eq!(bench.outcomes(), [(1, SubmitOutcome::Unknown)]);
    assert!(bench.effects.contains(&Effect::Stopped));
}

#[test]
fn a_nack_of_a_submit_refuses_it_and_a_nack_of_nothing_is_counted() {
    let mut bench = Bench::bound();
    bench.submit(1);
    let sequence = bench.last_sequence();
    bench.answer(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack);
    assert_eq!(bench.outcomes(), [(1, SubmitOutcome::Permanent { reason: PermanentReason::Malformed })]);
    bench.answer(CommandStatus::EsmeRinvcmdid, 0, Pdu::GenericNack);
    assert_eq!(bench.session.counters().generic_nacks, 2);
    assert!(bench.events().is_empty());
}

#[test]
fn a_command_no_smsc_sends_is_refused_by_a_nack() {
    let mut bench = Bench::bound();
    bench.answer(CommandStatus::EsmeRok, 900, Pdu::SubmitSm(SubmitSm::default()));
    assert_eq!(bench.statuses(), [0x03]);
    assert_eq!(bench.session.counters().unexpected_requests, 1);
}

#[test]
fn a_pdu_that_cannot_be_read_is_answered_by_its_header() {
    let mut bench = Bench::bound();
    bench.submit(1);
    let sequence = bench.last_sequence();
    bench.effects.clear();
    for header in [
        Header { id: 0x05, status: 0, sequence: 900 },
        Header { id: 0x8000_0004, status: 0, sequence },
        Header { id: 0x8000_0004, status: 0, sequence },
        Header { id: 0x7777, status: 0, sequence: 901 },
    ] {
        bench.session.frame(Frame::Undecodable(header), true, bench.now);
        bench.drain();
    }
    assert_eq!(bench.outcomes(), [(1, SubmitOutcome::Accepted { smsc_id: String::new() })]);
    assert_eq!(bench.statuses(), [0x65, 0x02]);
    assert_eq!(bench.session.counters().undecodable_pdus, 4);
    assert_eq!(bench.session.counters().stray_answers, 1);
}

#[test]
fn a_stream_that_is_not_smpp_is_nacked_and_left() {
    let mut bench = Bench::bound();
    bench.session.not_smpp(bench.now);
    bench.drain();
    assert_eq!(bench.statuses(), [0x02]);
    assert_eq!(bench.events(), [SmsEvent::LinkDown { reason: LinkDownReason::ProtocolError }]);
}

#[test]
fn no_effect_shows_a_number_or_a_text() {
    let mut bench = Bench::bound();
    bench.answer(CommandStatus::EsmeRok, 500, from_phone("hello"));
    let shown = format!("{:?} {:?}", bench.events(), sms(1, "491511"));
    for secret in ["491511", "hello", "12345678"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// One step of a hostile SMSC or an eager owner.
#[derive(Debug, Clone)]
enum Step {
    Octets(Vec<u8>),
    Answer { back: u32, status: u32 },
    Receipt { id: u8, back: u32 },
    Submit,
    Lose,
    Connect,
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(Step::Octets),
        (0..12_u32, prop_oneof![Just(0), Just(0x58), Just(0x14), Just(0x0B), Just(8), any::<u32>()])
            .prop_map(|(back, status)| Step::Answer { back, status }),
        (any::<u8>(), any::<u32>()).prop_map(|(id, back)| Step::Receipt { id, back }),
        Just(Step::Submit),
        Just(Step::Lose),
        Just(Step::Connect),
        any::<u16>().prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the SMSC does: no panic, each ticket answered at most once, all of them by the end, and a text that was given
    /// back as unknown is never sent again.
    #[test]
    fn every_submit_ends_exactly_once_and_nothing_is_sent_after_it_ended(steps in proptest::collection::vec(step(), 1..60)) {
        let mut bench = Bench::new(SmppConfig { queue_capacity: 8, window: 3, ..SmppConfig::default() });
        let mut reader = FrameReader::default();
        let mut taken = 0_u64;
        for step in steps {
            let sequence = bench.sent().last().map_or(1, |command| command.sequence_number());
            match step {
                Step::Octets(octets) => {
                    reader.extend(&octets);
                    while let Ok(Some(frame)) = reader.next_frame() {
                        bench.session.frame(frame, true, bench.now);
                    }
                }
                Step::Answer { back, status } => {
                    let sequence = sequence.saturating_sub(back);
                    bench.answer(CommandStatus::from(status), sequence, Pdu::BindTransceiverResp(Default::default()));
                    bench.refuse(sequence, status);
                }
                Step::Receipt { id, back } => bench.answer(CommandStatus::EsmeRok, back, receipt(&id.to_string(), "491511", "DELIVRD")),
                Step::Submit => {
                    let to = format!("49{taken:04}");
                    if bench.session.submit(taken, &sms(taken, &to), bench.now).is_ok() {
                        taken += 1;
                    }
                }
                Step::Lose => bench.session.connection_lost(bench.now),
                Step::Connect => bench.session.connected(bench.now),
                Step::Wait(millis) => {
                    let until = bench.now.0 + u64::from(millis);
                    bench.wait_until(until);
                }
            }
            bench.drain();
        }
        bench.session.shut_down(bench.now);
        let end = bench.now.0 + 10 * TEN_SECONDS;
        bench.wait_until(end);
        bench.drain();

        let mut ended: Vec<u64> = bench.outcomes().iter().map(|(ticket, _)| *ticket).collect();
        ended.sort_unstable();
        prop_assert_eq!(ended, (0..taken).collect::<Vec<_>>());
        for ticket in 0..taken {
            let to = format!("49{ticket:04}");
            let last_sent = bench.effects.iter().rposition(|effect| {
                matches!(effect, Effect::Send(command) if matches!(command.pdu(), Some(Pdu::SubmitSm(submit)) if submit.destination_addr.as_str() == to))
            });
            let end = bench.effects.iter().position(|effect| matches!(effect, Effect::Outcome(of, _) if *of == ticket));
            prop_assert!(last_sent.is_none_or(|sent| end.is_some_and(|end| sent < end)));
        }
    }
}
