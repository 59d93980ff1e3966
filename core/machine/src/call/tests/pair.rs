//! Two phones, a server that does what the real one does for calls, and media without sockets; one clock for all.

use super::super::Calls;
use crate::bench::{Bench, ToyWorld, toy_number};
use crate::effect::{Effect, Event, MediaOrder, Refusal, Reply};
use crate::input::{CarrierCallState, MediaInput, Mode, NetworkSnapshot, Target};
use crate::view::{CallState, CallView, Choice, Prompt, PromptAbout};
use std::collections::BTreeMap;
use tandem_model::rows::LogRow;
use tandem_model::{CallId, GateVerdict, Line, Mono, MonoMicros, Msisdn, Secret, ServerMillis, Ticket, WhyNotData};
use tandem_wire::frame::{CallBody, CallEnvelope, CallOver, Ice, Train, TrainReport};
use tandem_wire::roap::RoapType;
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

pub const LINE: Line = Line(0);

/// One phone and everything it ordered.
pub struct Phone {
    pub bench: Bench,
    pub world: ToyWorld,
    pub calls: Calls,
    pub number: Msisdn,
    pub sent: Vec<ClientFrame>,
    pub orders: Vec<(CallId, MediaOrder)>,
    pub dialed: Vec<(Ticket, String)>,
    pub events: Vec<Event>,
    pub commits: Vec<Ticket>,
}

impl Phone {
    pub fn new(n: u64, peers: &[u64]) -> Phone {
        Phone {
            bench: Bench::new(n),
            world: ToyWorld::online(n, peers),
            calls: Calls::default(),
            number: toy_number(n),
            sent: Vec::new(),
            orders: Vec::new(),
            dialed: Vec::new(),
            events: Vec::new(),
            commits: Vec::new(),
        }
    }

    pub fn act<T>(&mut self, act: impl FnOnce(&mut Calls, &ToyWorld, &mut crate::ctx::Ctx<'_>) -> T) -> T {
        let result = act(&mut self.calls, &self.world, &mut self.bench.ctx());
        self.sort();
        result
    }

    fn sort(&mut self) {
        for effect in self.bench.effects() {
            match effect {
                Effect::Send { frame, .. } => self.sent.push(frame),
                Effect::Media { call, order } => self.orders.push((call, order)),
                Effect::DialCarrier { ticket, digits, .. } => self.dialed.push((ticket, digits.expose().clone())),
                Effect::Emit(event) => self.events.push(event),
                Effect::Commit { ticket, .. } => self.commits.push(ticket),
                other => panic!("calls do not order {other:?}"),
            }
        }
    }

    pub fn dial(&mut self, digits: &str, mode: Mode) -> Result<Reply, Refusal> {
        let target = Target::Number(Secret::new(digits.into()));
        self.act(|calls, world, ctx| calls.dial(&target, None, mode, world, ctx))
    }

    pub fn call(&mut self, peer: u64) -> CallId {
        match self.dial(&toy_number(peer).e164(), Mode::Data) {
            Ok(Reply::Call(id)) => id,
            other => panic!("no call began: {other:?}"),
        }
    }

    pub fn accept(&mut self, id: CallId) -> Result<(), Refusal> {
        self.act(|calls, world, ctx| calls.accept(id, world, ctx))
    }

    pub fn hang_up(&mut self, id: CallId) -> Result<(), Refusal> {
        self.act(|calls, world, ctx| calls.hang_up(id, world, ctx))
    }

    pub fn hold(&mut self, id: CallId, on: bool) -> Result<(), Refusal> {
        self.act(|calls, world, ctx| calls.hold(id, on, world, ctx))
    }

    pub fn choose(&mut self, choice: Choice) -> Option<Result<(), Refusal>> {
        let prompt = self.prompt().expect("a question is open").id;
        self.act(|calls, world, ctx| calls.on_prompt_answer(prompt, choice, world, ctx))
    }

    pub fn frame(&mut self, frame: &ServerFrame, wire_bytes: u32) -> bool {
        let at = MonoMicros(self.bench.now.0 * 1000);
        self.act(|calls, world, ctx| calls.on_frame(LINE, frame, at, wire_bytes, world, ctx))
    }

    pub fn media(&mut self, id: CallId, event: MediaInput) -> bool {
        self.act(|calls, world, ctx| calls.on_media(id, event, world, ctx))
    }

    pub fn carrier(&mut self, ticket: Option<Ticket>, told: CarrierCallState) -> bool {
        self.act(|calls, world, ctx| calls.on_carrier_call(ticket, told, world, ctx))
    }

    pub fn carrier_dialed(&mut self, ticket: Ticket, ok: bool) -> bool {
        self.act(|calls, world, ctx| calls.on_carrier_dialed(ticket, ok, world, ctx))
    }

    pub fn network(&mut self, snapshot: NetworkSnapshot) {
        self.act(|calls, world, ctx| calls.on_network(snapshot, world, ctx));
    }

    pub fn tick(&mut self) {
        if self.due().is_some_and(|at| at <= self.bench.now) {
            self.act(|calls, world, ctx| calls.handle_timeout(world, ctx));
        }
    }

    pub fn due(&self) -> Option<Mono> {
        self.calls.poll_timeout().map(|(at, _)| at)
    }

    /// The newest view of a call.
    pub fn view(&self, id: CallId) -> CallView {
        self.views().into_iter().rev().find(|view| view.call == id).expect("the call was shown")
    }

    pub fn state(&self, id: CallId) -> CallState {
        self.view(id).state
    }

    pub fn views(&self) -> Vec<CallView> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Call(view) => Some(view.clone()),
                _ => None,
            })
            .collect()
    }

    pub fn prompt(&self) -> Option<Prompt> {
        self.calls.prompts().next().cloned()
    }

    pub fn asked_why(&self) -> Option<WhyNotData> {
        self.prompt().map(|prompt| match prompt.about {
            PromptAbout::Call { why, .. } => why,
            other => panic!("not about a call: {other:?}"),
        })
    }

    pub fn log(&self) -> LogRow {
        let rows = self.events.iter().rev().find_map(|event| match event {
            Event::Log(row) => Some(row.clone()),
            _ => None,
        });
        rows.expect("something was logged")
    }

    pub fn ordered(&self, id: CallId) -> Vec<&MediaOrder> {
        self.orders.iter().filter(|(of, _)| *of == id).map(|(_, order)| order).collect()
    }

    pub fn count(&self, order: &MediaOrder) -> usize {
        self.orders.iter().filter(|(_, of)| of == order).count()
    }

    pub fn offers_sent(&self) -> usize {
        self.sent.iter().filter(|frame| is_roap(frame, RoapType::Offer)).count()
    }
}

pub fn is_roap(frame: &ClientFrame, kind: RoapType) -> bool {
    matches!(frame, ClientFrame::Call(CallEnvelope { body: CallBody::Roap { roap, .. }, .. }) if roap.message_type == kind)
}

/// A description with the fingerprint of toy phone `n`.
pub fn sdp(n: u64) -> String {
    format!("v=0\r\na=fingerprint:{}\r\n", fingerprint(n))
}

pub fn fingerprint(n: u64) -> String {
    format!("sha-256 {}", [format!("{n:02X}").as_str(); 32].join(":"))
}

enum Item {
    ToServer(usize, ClientFrame),
    ToPhone(usize, ServerFrame),
    Media(usize, CallId, MediaInput),
}

/// Media of one call on one phone.
#[derive(Default)]
struct FakeMedia {
    described: bool,
    heard: bool,
    told: bool,
}

/// A call at the server.
struct Routed {
    caller: usize,
    ring_until: ServerMillis,
    answered: bool,
}

/// Both phones and what is between them.
pub struct Pair {
    pub phones: [Phone; 2],
    pub now: Mono,
    /// One way between a phone and the server.
    pub one_way_ms: u64,
    pub verdict: GateVerdict,
    /// The rate of each phone's own probe.
    pub own_kbps: [u64; 2],
    /// Whether media connects at all.
    pub media_works: bool,
    queue: Vec<(Mono, Item)>,
    passed: Vec<CallId>,
    routed: BTreeMap<CallId, Routed>,
    media: BTreeMap<(usize, CallId), FakeMedia>,
    trains: BTreeMap<(usize, Ticket, u32), u32>,
    /// Frames and orders of each phone that were taken.
    seen: [(usize, usize); 2],
}

pub const OFFSET_MS: i64 = 5_000_000;

impl Pair {
    pub fn new() -> Pair {
        let phones = [Phone::new(1, &[2, 3]), Phone::new(2, &[1, 3])];
        Pair {
            now: phones[0].bench.now,
            phones,
            one_way_ms: 20,
            verdict: GateVerdict::Ok,
            own_kbps: [1_000; 2],
            media_works: true,
            queue: Vec::new(),
            passed: Vec::new(),
            routed: BTreeMap::new(),
            media: BTreeMap::new(),
            trains: BTreeMap::new(),
            seen: [(0, 0); 2],
        }
    }

    pub fn server_now(&self) -> ServerMillis {
        ServerMillis(i64::try_from(self.now.0).unwrap() + OFFSET_MS)
    }

    /// Lets `ms` pass, one millisecond at a time.
    pub fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.collect();
            self.now = Mono(self.now.0 + 1);
            for phone in &mut self.phones {
                phone.bench.now = self.now;
            }
            while let Some(i) = self.queue.iter().position(|(at, _)| *at <= self.now) {
                let (_, item) = self.queue.remove(i);
                match item {
                    Item::ToServer(from, frame) => self.serve(from, frame),
                    Item::ToPhone(to, frame) => {
                        self.phones[to].frame(&frame, 328);
                    }
                    Item::Media(to, call, event) => {
                        self.phones[to].media(call, event);
                    }
                }
                self.collect();
            }
            for phone in &mut self.phones {
                phone.tick();
            }
            self.ring_ends();
        }
        self.collect();
    }

    /// Takes what the phones ordered since.
    fn collect(&mut self) {
        for who in 0..2 {
            while let Some(frame) = self.phones[who].sent.get(self.seen[who].0).cloned() {
                self.seen[who].0 += 1;
                self.queue.push((Mono(self.now.0 + self.one_way_ms), Item::ToServer(who, frame)));
            }
            while let Some((call, order)) = self.phones[who].orders.get(self.seen[who].1).cloned() {
                self.seen[who].1 += 1;
                self.obey(who, call, &order);
            }
        }
    }

    fn obey(&mut self, who: usize, call: CallId, order: &MediaOrder) {
        let n = who as u64 + 1;
        let at = Mono(self.now.0 + 2);
        let media = self.media.entry((who, call)).or_default();
        match order {
            MediaOrder::MakeOffer => {
                media.described = true;
                let offer = MediaInput::Offer { sdp: sdp(n), fingerprint: fingerprint(n) };
                self.queue.push((at, Item::Media(who, call, offer)));
                self.queue.push((at, Item::Media(who, call, MediaInput::Candidate(format!("candidate:{n}")))));
            }
            MediaOrder::MakeAnswer { .. } => {
                (media.described, media.heard) = (true, true);
                let answer = MediaInput::Answer { sdp: sdp(n), fingerprint: fingerprint(n) };
                self.queue.push((at, Item::Media(who, call, answer)));
                self.queue.push((at, Item::Media(who, call, MediaInput::Candidate(format!("candidate:{n}")))));
            }
            MediaOrder::TakeAnswer { .. } => media.heard = true,
            MediaOrder::Close => {
                self.media.remove(&(who, call));
            }
            MediaOrder::Open { .. }
            | MediaOrder::Rollback
            | MediaOrder::AddCandidate(_)
            | MediaOrder::StartSound
            | MediaOrder::Hold { .. } => {}
        }
        let ready = (0..2).all(|who| self.media.get(&(who, call)).is_some_and(|media| media.described && media.heard));
        if !ready || !self.media_works {
            return;
        }
        for who in 0..2 {
            let media = self.media.get_mut(&(who, call)).unwrap();
            if !std::mem::replace(&mut media.told, true) {
                let at = Mono(self.now.0 + 2 * self.one_way_ms);
                self.queue.push((at, Item::Media(who, call, MediaInput::Connected)));
            }
        }
    }

    fn reply(&mut self, to: usize, frame: ServerFrame) {
        if self.phones[to].world.sessions.contains_key(&LINE) {
            self.queue.push((Mono(self.now.0 + self.one_way_ms), Item::ToPhone(to, frame)));
        }
    }

    fn serve(&mut self, from: usize, frame: ClientFrame) {
        match frame {
            ClientFrame::TimeAsk { ticket } => self.reply(from, ServerFrame::Time { ticket, now: self.server_now() }),
            ClientFrame::ProbeAsk { ticket } => {
                for index in 0..8 {
                    self.reply(from, train(ticket, index));
                }
            }
            ClientFrame::Train(train) => {
                let came = self.trains.entry((from, train.probe, train.round)).or_default();
                *came += 1;
                if *came == train.count {
                    let bytes_after_first = (train.count - 1) * (train.fill + 28);
                    let spread_us = u64::from(bytes_after_first) * 8 * 1000 / self.own_kbps[from];
                    let report = TrainReport {
                        probe: train.probe,
                        round: train.round,
                        frames: train.count,
                        bytes_after_first,
                        spread_us,
                    };
                    self.reply(from, ServerFrame::TrainReport(report));
                }
            }
            ClientFrame::GateAsk { ticket, call, .. } => {
                if matches!(self.verdict, GateVerdict::Ok | GateVerdict::OkLowRate) {
                    self.passed.push(call);
                }
                self.reply(from, ServerFrame::GateAnswer { ticket, call, verdict: self.verdict });
            }
            ClientFrame::IceAsk { ticket, call } => {
                let frame = if self.passed.contains(&call) || self.routed.contains_key(&call) {
                    ServerFrame::Ice(ice(ticket, call))
                } else {
                    ServerFrame::Refused { ticket, reason: RefuseReason::NoSuchCall, retry_after_ms: 0 }
                };
                self.reply(from, frame);
            }
            ClientFrame::Call(envelope) => self.route(from, envelope),
            ClientFrame::TrainReport(_) => {}
            other => panic!("calls do not send {other:?}"),
        }
    }

    fn route(&mut self, from: usize, mut envelope: CallEnvelope) {
        let id = envelope.call;
        envelope.from = self.phones[from].number;
        let opens = matches!(&envelope.body, CallBody::Roap { roap, .. } if roap.message_type == RoapType::Offer);
        if !self.routed.contains_key(&id) {
            if !opens || !self.passed.contains(&id) {
                if !matches!(envelope.body, CallBody::End(_)) {
                    self.end(from, id, CallOver::Rejected);
                }
                return;
            }
            let crossing = self.routed.iter().find(|(_, call)| call.caller == 1 - from && !call.answered);
            if let Some(other) = crossing.map(|(id, _)| *id) {
                if other < id {
                    return self.end(from, id, CallOver::Superseded);
                }
                self.end(0, other, CallOver::Superseded);
                self.end(1, other, CallOver::Superseded);
                self.routed.remove(&other);
            }
            let ring_until = self.server_now().after(std::time::Duration::from_secs(45));
            self.routed.insert(id, Routed { caller: from, ring_until, answered: false });
        }
        let call = self.routed.get_mut(&id).unwrap();
        envelope.ring_until = call.ring_until;
        if let CallBody::Roap { roap, .. } = &envelope.body {
            call.answered |= roap.message_type == RoapType::Answer && !roap.more_coming;
        }
        if matches!(envelope.body, CallBody::End(_)) {
            self.routed.remove(&id);
        }
        self.reply(1 - from, ServerFrame::Call(envelope));
    }

    fn ring_ends(&mut self) {
        let now = self.server_now();
        let over: Vec<CallId> = self
            .routed
            .iter()
            .filter(|(_, call)| !call.answered && call.ring_until <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.routed.remove(&id);
            self.end(0, id, CallOver::NoAnswer);
            self.end(1, id, CallOver::NoAnswer);
        }
    }

    /// Says to one phone, in the other's name, that a call is over.
    pub fn end(&mut self, to: usize, call: CallId, over: CallOver) {
        let envelope = CallEnvelope {
            call,
            from: self.phones[1 - to].number,
            to: self.phones[to].number,
            ring_until: self.routed.get(&call).map_or(ServerMillis(0), |call| call.ring_until),
            body: CallBody::End(over),
        };
        self.reply(to, ServerFrame::Call(envelope));
    }

    pub fn media(&mut self, who: usize, call: CallId, event: MediaInput) {
        self.phones[who].media(call, event);
        self.collect();
    }

    /// Phone 1 calls phone 2, which rings.
    pub fn ringing(&mut self) -> CallId {
        let id = self.phones[0].call(2);
        self.run(1_000);
        assert_eq!(self.phones[0].state(id), CallState::Ringing);
        assert_eq!(self.phones[1].state(id), CallState::Ringing);
        id
    }

    /// ... and is answered.
    pub fn talking(&mut self) -> CallId {
        let id = self.ringing();
        self.phones[1].accept(id).unwrap();
        self.run(200);
        assert_eq!(self.phones[0].state(id), CallState::Active);
        assert_eq!(self.phones[1].state(id), CallState::Active);
        id
    }

    pub fn lose_session(&mut self, who: usize) -> crate::ctx::SessionFacts {
        let session = self.phones[who].world.sessions.remove(&LINE).unwrap();
        self.phones[who].act(|calls, world, ctx| calls.on_session_down(LINE, world, ctx));
        session
    }

    pub fn restore_session(&mut self, who: usize, session: crate::ctx::SessionFacts) {
        self.phones[who].world.sessions.insert(LINE, session);
        self.phones[who].act(|calls, world, ctx| calls.on_session_up(LINE, world, ctx));
    }
}

pub fn ice(ticket: Ticket, call: CallId) -> Ice {
    Ice {
        ticket,
        call,
        urls: vec!["stun:127.0.0.1:3478".into()],
        username: "u".into(),
        password: Secret::new("p".into()),
        valid_until: ServerMillis(0),
    }
}

pub fn train(probe: Ticket, index: u32) -> ServerFrame {
    ServerFrame::Train(Train { probe, round: 0, index, count: 8, fill: 300 })
}
