//! A server, its store and its phones on one desk, with a clock that moves when told.

use std::collections::BTreeMap;
use std::time::Duration;
use tandem_logic::{
    Config, ConnId, Effect, Input, Metric, Place, Server, ServerNow, SmsOutcome, Source, StoreAnswer, StoreFault,
    StoreOp, TurnGrant, VerificationSms,
};
use tandem_model::random::SplitMix64;
use tandem_model::vault::signed;
use tandem_model::{
    CallId, DeviceEpoch, DeviceKey, MarkGeneration, Mono, MonoMicros, Msisdn, Nonce, Notary, NumberEpoch,
    RegistrationId, SealedBody, SealingKey, SealingKeyId, Secret, SenderSeq, ServerMillis, Signature, TextId, Ticket,
};
use tandem_server_store::{MemoryStore, serve_batch};
use tandem_wire::frame::{
    CallBody, CallEnvelope, CallOver, ConfirmProof, ContactsSync, GoodbyeReason, Hello, Resolved, SendText, SmsPlatform,
};
use tandem_wire::roap::{Roap, RoapType};
use tandem_wire::{ClientFrame, RegisterReply, RegisterRequest, ServerFrame};

pub const START: ServerNow = ServerNow { mono: Mono(1_000_000), server: ServerMillis(1_800_000_000_000) };

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub struct Rig {
    pub server: Server,
    pub store: MemoryStore,
    pub now: ServerNow,
    pub inbox: BTreeMap<ConnId, Vec<ServerFrame>>,
    pub closed: Vec<ConnId>,
    pub replies: BTreeMap<Ticket, RegisterReply>,
    pub sms: Vec<VerificationSms>,
    pub sms_outcome: Option<SmsOutcome>,
    pub turn: bool,
    pub revoked: Vec<CallId>,
    /// Where the access network says that numbers are.
    pub places: BTreeMap<Msisdn, Place>,
    pub redeemed: Vec<(Ticket, Option<(Msisdn, Resolved)>)>,
    pub counted: Vec<Metric>,
    pub stopped: bool,
    /// Questions wait here while it is true.
    pub hold_store: bool,
    pub held: Vec<(Ticket, ServerMillis, StoreOp)>,
    /// The store fails everything while this is set.
    pub store_fault: Option<StoreFault>,
    pub trace: Vec<String>,
    next: u64,
}

impl Rig {
    pub fn new() -> Rig {
        Rig::with(Config::default())
    }

    pub fn with(config: Config) -> Rig {
        Rig::seeded(config, 7)
    }

    pub fn seeded(config: Config, seed: u64) -> Rig {
        let server = Server::new(config, Box::new(SplitMix64(seed)), Box::new(PaperNotary), START);
        let mut rig = Rig {
            server,
            store: MemoryStore::new(),
            now: START,
            inbox: BTreeMap::new(),
            closed: Vec::new(),
            replies: BTreeMap::new(),
            sms: Vec::new(),
            sms_outcome: Some(SmsOutcome::Accepted),
            turn: true,
            revoked: Vec::new(),
            places: BTreeMap::new(),
            redeemed: Vec::new(),
            counted: Vec::new(),
            stopped: false,
            hold_store: false,
            held: Vec::new(),
            store_fault: None,
            trace: Vec::new(),
            next: 1,
        };
        rig.drain();
        rig
    }

    /// The process dies and starts again on what was durable. Nobody is connected.
    pub fn restart(&mut self, config: Config) {
        self.store.crash();
        let store = std::mem::take(&mut self.store);
        let (now, next) = (self.now, self.next);
        *self = Rig::with(config);
        self.store = store;
        self.now = now;
        self.next = next;
        self.drain();
    }

    pub fn handle(&mut self, input: Input) {
        self.server.handle(input, self.now);
        self.drain();
    }

    /// Lets time pass, deadline by deadline.
    pub fn pass(&mut self, wait: Duration) {
        let end = self.now.mono.after(wait);
        while let Some((at, reason)) = self.server.poll_timeout().filter(|(at, _)| *at <= end) {
            assert!(!reason.is_empty());
            self.set_mono(at.max(self.now.mono));
            self.server.handle_timeout(self.now);
            self.drain();
        }
        self.set_mono(end);
    }

    fn set_mono(&mut self, to: Mono) {
        let passed = to.since(self.now.mono);
        self.now = ServerNow { mono: to, server: self.now.server.after(passed) };
    }

    fn drain(&mut self) {
        while let Some(effect) = self.server.poll_effect() {
            self.trace.push(format!("{:?} {effect:?}", self.now));
            match effect {
                Effect::Send { conn, frame } => self.inbox.entry(conn).or_default().push(frame),
                Effect::Close { conn } => self.closed.push(conn),
                Effect::RegisterReply { ticket, reply } => {
                    assert!(self.replies.insert(ticket, reply).is_none(), "one reply to a request");
                }
                Effect::Store { ticket, at, op } if self.hold_store => self.held.push((ticket, at, op)),
                Effect::Store { ticket, at, op } => self.ask_store(ticket, at, op),
                Effect::SendSms(sms) => {
                    let message_ref = sms.message_ref;
                    self.sms.push(sms);
                    if let Some(outcome) = self.sms_outcome {
                        self.server.handle(Input::SmsOutcome { message_ref, outcome }, self.now);
                    }
                }
                Effect::GrantTurn { ticket, .. } => {
                    let grant = self.turn.then(|| TurnGrant {
                        urls: vec!["turn:127.0.0.1:3478".to_owned()],
                        username: "user".to_owned(),
                        password: Secret::new("password".to_owned()),
                    });
                    self.server.handle(Input::TurnGranted { ticket, grant }, self.now);
                }
                Effect::RevokeTurn { call } => self.revoked.push(call),
                Effect::Locate { lookup, number } => {
                    let place = self.places.get(&number).cloned();
                    self.server.handle(Input::Located { lookup, place }, self.now);
                }
                Effect::Redeemed { ticket, resolved } => self.redeemed.push((ticket, resolved)),
                Effect::Count(metric) => self.counted.push(metric),
                Effect::Stopped => self.stopped = true,
            }
        }
    }

    fn ask_store(&mut self, ticket: Ticket, at: ServerMillis, op: StoreOp) {
        let answer = match self.store_fault {
            Some(fault) => StoreAnswer::Failed(fault),
            None => serve_batch(&mut self.store, [(at, op)]).pop().unwrap(),
        };
        self.server.handle(Input::StoreAnswer { ticket, answer }, self.now);
    }

    /// Answers what was held, in order.
    pub fn release_store(&mut self) {
        self.hold_store = false;
        for (ticket, at, op) in std::mem::take(&mut self.held) {
            self.ask_store(ticket, at, op);
        }
        self.drain();
    }

    pub fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    // Registration.

    pub fn request(&mut self, source: u128, request: RegisterRequest) -> Option<RegisterReply> {
        let ticket = self.ticket();
        self.handle(Input::Register { ticket, source: Source(source), request });
        self.replies.remove(&ticket)
    }

    pub fn start(&mut self, n: u64, seed: u8) -> Option<RegisterReply> {
        self.request(1, start_request(n, seed))
    }

    /// Proves a number with the newest SMS.
    pub fn confirm(&mut self, id: RegistrationId, seed: u8, proof: ConfirmProof) -> RegisterReply {
        self.request(1, confirm_request(id, seed, proof)).unwrap()
    }

    pub fn register(&mut self, n: u64, seed: u8) -> NumberEpoch {
        let reply = self.start(n, seed).unwrap();
        let RegisterReply::Started { id, .. } = reply else { panic!("not started: {reply:?}") };
        let token = self.sms.last().unwrap().token;
        match self.confirm(id, seed, ConfirmProof::Token(token)) {
            RegisterReply::Confirmed { epoch, .. } => epoch,
            other => panic!("not confirmed: {other:?}"),
        }
    }

    // Sessions.

    pub fn open(&mut self) -> (ConnId, Nonce) {
        self.next += 1;
        let conn = ConnId(self.next);
        self.handle(Input::SessionOpened { conn, source: Source(1) });
        match self.take(conn).as_slice() {
            [ServerFrame::Challenge { nonce, version_min: 1, version_max: 1 }] => (conn, *nonce),
            other => panic!("not challenged: {other:?}"),
        }
    }

    pub fn hello(&mut self, n: u64, seed: u8, epoch: NumberEpoch) -> ConnId {
        let (conn, nonce) = self.open();
        let signature = sign(&key(seed), &signed::session(&nonce, number(n), epoch));
        let marks_since = MarkGeneration(0);
        let hello = Hello { version: 1, number: number(n), epoch, signature, marks_since, fresh: false };
        self.send(conn, ClientFrame::Hello(hello));
        conn
    }

    /// A registered phone with a standing session, its greetings read.
    pub fn phone(&mut self, n: u64) -> Phone {
        let seed = u8::try_from(n).unwrap();
        let epoch = self.register(n, seed);
        self.connect(n, seed, epoch)
    }

    pub fn connect(&mut self, n: u64, seed: u8, epoch: NumberEpoch) -> Phone {
        let conn = self.hello(n, seed, epoch);
        let frames = self.inbox.get(&conn).cloned().unwrap_or_default();
        assert!(matches!(frames.first(), Some(ServerFrame::Welcome(_))), "{frames:?}");
        self.inbox.entry(conn).or_default().remove(0);
        Phone { n, seed, epoch, conn }
    }

    pub fn reconnect(&mut self, phone: Phone) -> Phone {
        self.handle(Input::SessionClosed { conn: phone.conn });
        self.connect(phone.n, phone.seed, phone.epoch)
    }

    /// Two phones that hold each other's number, everything so far read.
    pub fn friends(&mut self) -> (Phone, Phone) {
        let (a, b) = (self.phone(1), self.phone(2));
        self.contacts(a, &[2], &[]);
        self.contacts(b, &[1], &[]);
        self.take(a.conn);
        self.take(b.conn);
        (a, b)
    }

    pub fn contacts(&mut self, phone: Phone, added: &[u64], removed: &[u64]) {
        let ticket = self.ticket();
        let numbers = |list: &[u64]| list.iter().map(|n| number(*n)).collect();
        let sync = ContactsSync { ticket, replace: false, added: numbers(added), removed: numbers(removed) };
        self.send(phone.conn, ClientFrame::ContactsSync(sync));
    }

    pub fn send(&mut self, conn: ConnId, frame: ClientFrame) {
        let at = MonoMicros(self.now.mono.0 * 1_000);
        self.handle(Input::Frame { conn, frame, at, wire_bytes: 320 });
    }

    /// Everything a connection was sent since the last time.
    pub fn take(&mut self, conn: ConnId) -> Vec<ServerFrame> {
        self.inbox.remove(&conn).unwrap_or_default()
    }

    pub fn goodbye(&mut self, conn: ConnId) -> Option<GoodbyeReason> {
        self.take(conn).into_iter().find_map(|frame| match frame {
            ServerFrame::Goodbye(goodbye) => Some(goodbye.reason),
            _ => None,
        })
    }

    // Texts.

    pub fn text(&mut self, from: Phone, to: Phone, counter: u64) -> Vec<ServerFrame> {
        let ticket = self.ticket();
        self.send(from.conn, ClientFrame::SendText(send_text(ticket, to, counter)));
        self.take(from.conn)
    }

    pub fn taken(&mut self, phone: Phone, from: Phone, counters: &[u64]) {
        let texts = counters.iter().map(|counter| (number(from.n), id(*counter))).collect();
        self.send(phone.conn, ClientFrame::TextTaken { texts });
    }

    // Calls.

    pub fn gate(&mut self, phone: Phone, call: CallId, to: u64) -> Ticket {
        let ticket = self.ticket();
        self.send(phone.conn, ClientFrame::GateAsk { ticket, call, to: number(to) });
        ticket
    }

    pub fn say(&mut self, from: Phone, to: Phone, call: CallId, body: CallBody) {
        let envelope = CallEnvelope {
            call,
            // Whatever a phone says here, the server puts its own number.
            from: number(99),
            to: number(to.n),
            ring_until: ServerMillis(0),
            body,
        };
        self.send(from.conn, ClientFrame::Call(envelope));
    }

    /// The bodies of a call's envelopes since the last time.
    pub fn heard(&mut self, phone: Phone) -> Vec<CallBody> {
        let calls = |frame| match frame {
            ServerFrame::Call(envelope) => Some(envelope.body),
            _ => None,
        };
        self.take(phone.conn).into_iter().filter_map(calls).collect()
    }

    /// Says that a phone's path is fast, by a train of its own and a report on the server's.
    pub fn measure(&mut self, phone: Phone, bits_per_second: u64) {
        let ticket = self.ticket();
        self.send(phone.conn, ClientFrame::ProbeAsk { ticket });
        let spread_us = 2_240 * 8 * 1_000_000 / bits_per_second;
        let report =
            tandem_wire::frame::TrainReport { probe: ticket, round: 0, frames: 8, bytes_after_first: 2_240, spread_us };
        self.send(phone.conn, ClientFrame::TrainReport(report));
        self.train(phone, ticket, bits_per_second);
        self.take(phone.conn);
    }

    /// Eight frames of 320 bytes at a rate.
    pub fn train(&mut self, phone: Phone, probe: Ticket, bits_per_second: u64) {
        let start = self.now.mono.0 * 1_000;
        for index in 0..8 {
            let at = MonoMicros(start + u64::from(index) * 320 * 8 * 1_000_000 / bits_per_second);
            let train = tandem_wire::frame::Train { probe, round: 0, index, count: 8, fill: 300 };
            self.handle(Input::Frame { conn: phone.conn, frame: ClientFrame::Train(train), at, wire_bytes: 320 });
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phone {
    pub n: u64,
    pub seed: u8,
    pub epoch: NumberEpoch,
    pub conn: ConnId,
}

pub fn number(n: u64) -> Msisdn {
    Msisdn::try_from(491_510_000_000 + n).unwrap()
}

pub const fn key(seed: u8) -> DeviceKey {
    DeviceKey([seed; 32])
}

pub const fn id(counter: u64) -> TextId {
    TextId { device_epoch: DeviceEpoch(77), counter }
}

pub const fn call(first: u8) -> CallId {
    CallId([first; 16])
}

pub fn send_text(ticket: Ticket, to: Phone, counter: u64) -> SendText {
    SendText {
        ticket,
        id: id(counter),
        to: number(to.n),
        to_epoch: to.epoch,
        seq: SenderSeq(counter),
        sealed: SealedBody(vec![1; 50]),
    }
}

pub fn roap(message_type: RoapType, more_coming: bool) -> CallBody {
    let roap = Roap {
        message_type,
        offerer_session_id: "offerer".to_owned(),
        answerer_session_id: None,
        seq: 1,
        sdp: Some("v=0".to_owned()),
        tie_breaker: None,
        more_coming,
        error_type: None,
    };
    CallBody::Roap { roap, fingerprint_signature: Some(Signature([1; 64])) }
}

pub fn offer() -> CallBody {
    roap(RoapType::Offer, false)
}

pub const fn end(over: CallOver) -> CallBody {
    CallBody::End(over)
}

pub fn start_request(n: u64, seed: u8) -> RegisterRequest {
    RegisterRequest::Start {
        number: number(n),
        device_key: key(seed),
        signature: sign(&key(seed), &signed::register_start(number(n), &key(seed))),
        platform: SmsPlatform::Dialer,
    }
}

pub fn confirm_request(id: RegistrationId, seed: u8, proof: ConfirmProof) -> RegisterRequest {
    let shown = match &proof {
        ConfirmProof::Token(token) => signed::RegisterProof::Token(token),
        ConfirmProof::Code(code) => signed::RegisterProof::Code(code),
    };
    let signature = sign(&key(seed), &signed::register_confirm(id, shown, None));
    RegisterRequest::Confirm { id, proof, imsi: None, sealing_key: sealing_key(seed, 1), signature }
}

pub fn sealing_key(seed: u8, id: u32) -> SealingKey {
    let id = SealingKeyId(id);
    let public = [seed; 32];
    SealingKey { id, public, signature: sign(&key(seed), &signed::sealing_key(id, &public)) }
}

/// Signatures and digests on paper: a sum that depends on every byte and on nothing else.
pub struct PaperNotary;

fn sum(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    for (lane, chunk) in out.chunks_mut(8).enumerate() {
        let mut state = 0xCBF2_9CE4_8422_2325_u64 ^ lane as u64;
        for part in parts {
            for byte in *part {
                state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
            }
            state = (state ^ part.len() as u64).wrapping_mul(0x0000_0100_0000_01B3);
        }
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    out
}

pub fn sign(by: &DeviceKey, message: &[u8]) -> Signature {
    let mut out = [0; 64];
    let half = sum(&[&by.0, message]);
    out[..32].copy_from_slice(&half);
    Signature(out)
}

impl Notary for PaperNotary {
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        sign(by, message) == *signature
    }

    fn digest(&self, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut all = vec![domain.as_bytes()];
        all.extend(parts);
        sum(&all)
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        a == b
    }
}
