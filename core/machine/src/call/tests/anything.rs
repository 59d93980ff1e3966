//! Any sequence of inputs, hostile ones among them.

use super::pair::{LINE, Phone, fingerprint, ice, sdp, train};
use crate::bench::{toy_key, toy_number, toy_signature};
use crate::ctx::World;
use crate::effect::{Event, MediaOrder};
use crate::input::{CarrierCallState, MediaInput, Mode, NetworkSnapshot};
use crate::view::{CallState, Choice};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::vault::signed;
use tandem_model::{CallId, GateVerdict, ServerMillis, Ticket, WhyNotData};
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver, TrainReport};
use tandem_wire::roap::{Roap, RoapType};
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

#[derive(Clone, Debug)]
enum Step {
    Dial(u64),
    Emergency,
    Offer {
        from: u64,
        id: u8,
        ring_ms: i64,
        forged: bool,
    },
    /// Answers the newest question of a kind that was asked of the server, or of the media engine.
    ServerAnswers {
        well: bool,
    },
    MediaAnswers,
    Media(u8),
    Word {
        over: u8,
    },
    Answered {
        more: bool,
    },
    Accept,
    Refuse,
    HangUp,
    Hold(bool),
    Choose(Choice),
    Carrier {
        ordered: bool,
        told: CarrierCallState,
    },
    CarrierDialed(bool),
    Session(bool),
    Network(u64, bool),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let told = prop::sample::select(vec![CarrierCallState::Ringing, CarrierCallState::Active, CarrierCallState::Ended]);
    let step = prop_oneof![
        3 => (2_u64..4).prop_map(Step::Dial),
        1 => Just(Step::Emergency),
        3 => (2_u64..5, 0_u8..4, prop::sample::select(vec![-1_i64, 0, 500, 45_000, 999_999]), prop::bool::weighted(0.1))
            .prop_map(|(from, id, ring_ms, forged)| Step::Offer { from, id, ring_ms, forged }),
        6 => prop::bool::weighted(0.9).prop_map(|well| Step::ServerAnswers { well }),
        5 => Just(Step::MediaAnswers),
        3 => (0_u8..5).prop_map(Step::Media),
        2 => (0_u8..13).prop_map(|over| Step::Word { over }),
        3 => any::<bool>().prop_map(|more| Step::Answered { more }),
        2 => Just(Step::Accept),
        1 => Just(Step::Refuse),
        1 => Just(Step::HangUp),
        1 => any::<bool>().prop_map(Step::Hold),
        2 => prop::sample::select(vec![Choice::Carrier, Choice::Quit, Choice::Wait]).prop_map(Step::Choose),
        2 => (any::<bool>(), told).prop_map(|(ordered, told)| Step::Carrier { ordered, told }),
        1 => any::<bool>().prop_map(Step::CarrierDialed),
        1 => any::<bool>().prop_map(Step::Session),
        1 => (0_u64..3, any::<bool>()).prop_map(|(path, on)| Step::Network(path, on)),
        4 => prop::sample::select(vec![1_u64, 50, 300, 900, 1_000, 12_000, 46_000, 301_000]).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

struct Run {
    phone: Phone,
    session: crate::ctx::SessionFacts,
    answered: usize,
    ordered: usize,
    /// When each incoming ring expires.
    expiries: BTreeMap<CallId, u64>,
    seen: usize,
    ended: BTreeSet<CallId>,
    failed_own: BTreeSet<CallId>,
}

impl Run {
    fn new() -> Run {
        let phone = Phone::new(1, &[2, 3, 4]);
        let session = phone.world.session(LINE).unwrap();
        Run {
            phone,
            session,
            answered: 0,
            ordered: 0,
            expiries: BTreeMap::new(),
            seen: 0,
            ended: BTreeSet::new(),
            failed_own: BTreeSet::new(),
        }
    }

    fn newest(&self) -> CallId {
        self.phone.calls.views().last().map_or(CallId([0xee; 16]), |view| view.call)
    }

    fn say(&mut self, call: CallId, from: u64, ring_until: ServerMillis, body: CallBody) {
        let envelope = CallEnvelope { call, from: toy_number(from), to: toy_number(1), ring_until, body };
        self.phone.frame(&ServerFrame::Call(envelope), 100);
    }

    fn offer(&mut self, from: u64, id: u8, ring_ms: i64, forged: bool) {
        let id = CallId([id; 16]);
        let ring_until = ServerMillis(self.session.offset.to_server(self.phone.bench.now).0 + ring_ms);
        let until = self.session.offset.to_mono(ring_until).0.min(self.phone.bench.now.0 + 120_000);
        // An offer that is repeated while it rings does not ring longer.
        if !self.phone.calls.calls.contains_key(&id) {
            self.expiries.insert(id, until);
        }
        let message = signed::fingerprint(id, toy_number(from), toy_number(1), &fingerprint(from));
        let key = toy_key(if forged { 99 } else { from });
        let roap = roap(RoapType::Offer, format!("peer{from}"), None, false, from);
        let signature = Some(toy_signature(&key, &message));
        self.say(id, from, ring_until, CallBody::Roap { roap, fingerprint_signature: signature });
    }

    fn server_answers(&mut self, well: bool) {
        let Some(frame) = self.phone.sent.get(self.answered).cloned() else { return };
        self.answered += 1;
        match frame {
            ClientFrame::GateAsk { ticket, call, .. } => {
                let verdict = if well { GateVerdict::Ok } else { GateVerdict::Later };
                self.phone.frame(&ServerFrame::GateAnswer { ticket, call, verdict }, 30);
            }
            ClientFrame::IceAsk { ticket, call } if well => {
                self.phone.frame(&ServerFrame::Ice(ice(ticket, call)), 30);
            }
            ClientFrame::IceAsk { ticket, .. } => {
                let refused = ServerFrame::Refused { ticket, reason: RefuseReason::NoSuchCall, retry_after_ms: 0 };
                self.phone.frame(&refused, 30);
            }
            ClientFrame::TimeAsk { ticket } => {
                self.phone.frame(&ServerFrame::Time { ticket, now: ServerMillis(0) }, 30);
            }
            ClientFrame::ProbeAsk { ticket } => {
                for index in 0..8 {
                    self.phone.frame(&train(ticket, index), 328);
                }
            }
            ClientFrame::Train(train) => {
                let spread_us = if well { 1_000 } else { 2_000_000 };
                let report = TrainReport {
                    probe: train.probe,
                    round: train.round,
                    frames: 8,
                    bytes_after_first: 2_296,
                    spread_us,
                };
                self.phone.frame(&ServerFrame::TrainReport(report), 30);
            }
            _ => {}
        }
    }

    fn media_answers(&mut self) {
        let Some((call, order)) = self.phone.orders.get(self.ordered).cloned() else { return };
        self.ordered += 1;
        match order {
            MediaOrder::MakeOffer => {
                self.phone.media(call, MediaInput::Offer { sdp: sdp(1), fingerprint: fingerprint(1) });
            }
            MediaOrder::MakeAnswer { .. } => {
                self.phone.media(call, MediaInput::Answer { sdp: sdp(1), fingerprint: fingerprint(1) });
            }
            MediaOrder::TakeAnswer { .. } => {
                self.phone.media(call, MediaInput::Connected);
            }
            _ => {}
        }
    }

    fn answered(&mut self, more: bool) {
        let Some((call, to, offer)) = self.phone.sent.iter().rev().find_map(|frame| match frame {
            ClientFrame::Call(CallEnvelope { call, to, body: CallBody::Roap { roap, .. }, .. })
                if roap.message_type == RoapType::Offer =>
            {
                Some((*call, *to, roap.clone()))
            }
            _ => None,
        }) else {
            return;
        };
        let n = (2..5).find(|n| toy_number(*n) == to).unwrap();
        let message = signed::fingerprint(call, to, toy_number(1), &fingerprint(n));
        let roap = roap(RoapType::Answer, offer.offerer_session_id, Some(format!("peer{n}")), more, n);
        let signature = Some(toy_signature(&toy_key(n), &message));
        self.say(call, n, ServerMillis(0), CallBody::Roap { roap, fingerprint_signature: signature });
    }

    fn step(&mut self, step: Step) {
        let id = self.newest();
        match step {
            Step::Dial(n) => drop(self.phone.dial(&toy_number(n).e164(), Mode::Data)),
            Step::Emergency => drop(self.phone.dial("112", Mode::Data)),
            Step::Offer { from, id, ring_ms, forged } => self.offer(from, id, ring_ms, forged),
            Step::ServerAnswers { well } => self.server_answers(well),
            Step::MediaAnswers => self.media_answers(),
            Step::Media(kind) => {
                let event = match kind {
                    0 => MediaInput::Connected,
                    1 => MediaInput::Disconnected,
                    2 => MediaInput::Failed,
                    3 => MediaInput::Candidate("candidate:1".into()),
                    _ => MediaInput::FirstSound,
                };
                self.phone.media(id, event);
            }
            Step::Word { over } => {
                let body = match over {
                    0 => CallBody::Alerting,
                    1 => CallBody::Hold { on: true },
                    2 => CallBody::Hold { on: false },
                    3 => CallBody::Candidate("candidate:2".into()),
                    4 => CallBody::End(CallOver::HungUp),
                    5 => CallBody::End(CallOver::Cancelled),
                    6 => CallBody::End(CallOver::Refused),
                    7 => CallBody::End(CallOver::Busy),
                    8 => CallBody::End(CallOver::Superseded),
                    9 => CallBody::End(CallOver::MediaFailed),
                    10 => CallBody::End(CallOver::PeerLost),
                    11 => CallBody::End(CallOver::ToCarrier),
                    _ => CallBody::End(CallOver::Rejected),
                };
                let peer = self.phone.calls.views().last().map(|view| view.peer);
                let from = (2..5).find(|n| Some(toy_number(*n)) == peer).unwrap_or(2);
                self.say(id, from, ServerMillis(0), body);
            }
            Step::Answered { more } => self.answered(more),
            Step::Accept => drop(self.phone.accept(id)),
            Step::Refuse => drop(self.phone.act(|calls, world, ctx| calls.refuse(id, world, ctx))),
            Step::HangUp => drop(self.phone.hang_up(id)),
            Step::Hold(on) => drop(self.phone.hold(id, on)),
            Step::Choose(choice) => {
                if self.phone.prompt().is_some() {
                    self.phone.choose(choice);
                }
            }
            Step::Carrier { ordered, told } => {
                let ticket = ordered.then(|| self.phone.dialed.last().map_or(Ticket(9), |dialed| dialed.0));
                self.phone.carrier(ticket, told);
            }
            Step::CarrierDialed(ok) => {
                let ticket = self.phone.dialed.last().map_or(Ticket(9), |dialed| dialed.0);
                self.phone.carrier_dialed(ticket, ok);
            }
            Step::Session(on) => self.session(on),
            Step::Network(path, connected) => {
                self.phone.network(NetworkSnapshot { path, connected, wifi: false, hint_bps: None });
            }
            Step::Wait(ms) => self.wait(ms),
        }
    }

    fn session(&mut self, on: bool) {
        if on {
            self.phone.world.sessions.insert(LINE, self.session);
            self.phone.act(|calls, world, ctx| calls.on_session_up(LINE, world, ctx));
        } else {
            self.phone.world.sessions.clear();
            self.phone.act(|calls, world, ctx| calls.on_session_down(LINE, world, ctx));
        }
    }

    fn wait(&mut self, ms: u64) {
        let end = self.phone.bench.now.0 + ms;
        while let Some(at) = self.phone.due().filter(|at| at.0 <= end) {
            assert!(at > tandem_model::Mono(0));
            self.phone.bench.now = at.max(self.phone.bench.now);
            self.phone.tick();
            assert!(self.phone.due().is_none_or(|next| next > self.phone.bench.now), "what is due was done");
            self.check();
        }
        self.phone.bench.now = tandem_model::Mono(end);
    }

    /// What must hold after every step.
    fn check(&mut self) {
        let now = self.phone.bench.now.0;
        for event in &self.phone.events[self.seen..] {
            match event {
                Event::Call(view) => {
                    assert!(!self.ended.contains(&view.call), "ended stays ended");
                    if matches!(view.state, CallState::Ended(_)) {
                        self.ended.insert(view.call);
                    }
                    if view.state == CallState::Ringing && !view.outgoing {
                        assert!(now < self.expiries[&view.call], "no ring after its expiry");
                    }
                }
                Event::Prompt(prompt) => {
                    if let crate::view::PromptAbout::Call { call, why, .. } = prompt.about
                        && matches!(why, WhyNotData::OwnOffline | WhyNotData::OwnTooSlow | WhyNotData::OwnUnmeasured)
                    {
                        self.failed_own.insert(call);
                    }
                }
                _ => {}
            }
        }
        self.seen = self.phone.events.len();
        for frame in &self.phone.sent {
            if let ClientFrame::Call(CallEnvelope { call, body: CallBody::Roap { roap, .. }, .. }) = frame {
                let offered_and_failed = roap.message_type == RoapType::Offer && self.failed_own.contains(call);
                assert!(!offered_and_failed, "never an offer beside a failed own check");
            }
        }
        self.check_sound();
        for view in self.phone.calls.views() {
            let waits = !matches!(view.state, CallState::Active | CallState::Carrier);
            let call = &self.phone.calls.calls[&view.call];
            assert!(!waits || call.poll_timeout().is_some(), "a wait has an end: {view:?}");
        }
        assert!(self.phone.calls.calls.len() <= super::super::CALLS_MAX);
    }

    fn check_sound(&self) {
        let mut sounding = BTreeSet::new();
        let mut open = BTreeSet::new();
        for (call, order) in &self.phone.orders {
            match order {
                MediaOrder::Open { .. } => assert!(open.insert(*call), "opened once"),
                MediaOrder::StartSound => {
                    assert!(sounding.insert(*call), "started once");
                    assert_eq!(sounding.len(), 1, "at most one call has sound");
                }
                MediaOrder::Close => {
                    assert!(open.remove(call), "only what is open is closed");
                    sounding.remove(call);
                }
                _ => assert!(open.contains(call), "opened before anything else"),
            }
        }
    }
}

fn roap(kind: RoapType, offerer: String, answerer: Option<String>, more_coming: bool, n: u64) -> Roap {
    Roap {
        message_type: kind,
        offerer_session_id: offerer,
        answerer_session_id: answerer,
        seq: 1,
        sdp: Some(sdp(n)),
        tie_breaker: Some(7),
        more_coming,
        error_type: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_the_laws_of_calls_hold(steps in steps()) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
            run.check();
        }
        // Left alone, everything but a talk comes to its end.
        run.wait(1_000_000);
        run.check();
        for view in run.phone.calls.views() {
            prop_assert!(matches!(view.state, CallState::Active | CallState::Carrier), "{:?}", view);
        }
    }

    #[test]
    fn the_same_seed_and_script_give_the_same_orders(steps in steps()) {
        let trace = |steps: Vec<Step>| {
            let mut run = Run::new();
            for step in steps {
                run.step(step);
                run.check();
            }
            format!("{:?} {:?} {:?}", run.phone.sent, run.phone.orders, run.phone.events)
        };
        prop_assert_eq!(trace(steps.clone()), trace(steps));
    }
}
