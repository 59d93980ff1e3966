//! The machine between the network and the bindings: datagrams in, rows to keep and answers out.
//!
//! ```text
//!   packet --known client, genuine, not seen before--> bindings --rows--> Commit --kept--> Answer
//! ```
//!
//! An answer says "recorded" (RFC 2866, 2), so it leaves only after what the request changed is durable. One commit is
//! under way at a time; what comes meanwhile shares the next one. A commit that fails is tried again, and what waits for
//! it waits on: the NAS sends again, and is not answered before it is true. A stranger, a wrong secret and a broken packet
//! get no answer at all.
//!
//! Status-Server (RFC 5997) asks whether anybody is there: it is answered while what is reported can be kept.

use crate::accounting::{self, Said, Unusable};
use crate::bindings::{Binding, Bindings, BindingsConfig, Changes, Taken};
use crate::nas::{Client, Clients, Fingerprint};
use crate::radius::{Code, Packet, Vouched};
use crate::seen::{Came, Fate, RequestKey, Seen};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tandem_model::{Mono, Msisdn, ServerMillis, Ticket};

/// Both clocks of the server, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Owns deadlines.
    pub mono: Mono,
    /// Stamps what is kept. Runs evenly with [`Now::mono`].
    pub server: ServerMillis,
}

/// Bounds and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeConfig {
    /// How bindings hold.
    pub bindings: BindingsConfig,
    /// How long the same packet gets the same answer. Default 30 s, the most RFC 5080 (2.2.2) asks for.
    pub hold: Duration,
    /// Packets that are remembered for that. Default 65,536.
    pub seen_max: usize,
    /// Requests that wait for a commit at most; the next is not answered, and its NAS sends it again. Default 4,096.
    pub waiting_max: usize,
    /// Rows of one commit at most. Default 4,096.
    pub commit_max: usize,
    /// A commit that failed is tried again after this. Default 1 s.
    pub retry: Duration,
}

impl Default for IntakeConfig {
    fn default() -> IntakeConfig {
        IntakeConfig {
            bindings: BindingsConfig::default(),
            hold: Duration::from_secs(30),
            seen_max: 65_536,
            waiting_max: 4_096,
            commit_max: 4_096,
            retry: Duration::from_secs(1),
        }
    }
}

/// Where a packet came from, and where its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// By itself.
    Datagram(SocketAddr),
    /// On a connection under TLS (RFC 6614).
    Stream {
        /// Which.
        connection: u64,
        /// From where.
        peer: IpAddr,
        /// What its client presented, and proved to have the key of.
        certificate: Fingerprint,
    },
}

impl Origin {
    /// The address it came from.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        match self {
            Origin::Datagram(source) => source.ip(),
            Origin::Stream { peer, .. } => *peer,
        }
    }
}

/// What everybody shares under TLS, where the secret protects nothing any more (RFC 6614, 2.3).
const TLS_SECRET: &[u8] = b"radsec";

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A packet came.
    Packet {
        /// Where from.
        origin: Origin,
        /// What.
        bytes: &'a [u8],
    },
    /// An AAA said something over another way than RADIUS, read by whoever knows it. Answered by [`Effect::Pushed`].
    Pushed {
        /// Comes back with the answer.
        ticket: Ticket,
        /// Each report, or why it says nothing.
        said: Vec<Result<Said, Unusable>>,
    },
    /// What was to be kept is durable.
    Committed(Ticket),
    /// What was to be kept is not.
    NotCommitted(Ticket),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Keep these, and say when they are durable.
    Commit {
        /// Comes back with the outcome.
        ticket: Ticket,
        /// What.
        changes: Changes,
    },
    /// Send an answer.
    Answer {
        /// To whom.
        to: Origin,
        /// What.
        bytes: Vec<u8>,
    },
    /// What was pushed is durable, as far as it was taken.
    Pushed {
        /// Whose answer this is.
        ticket: Ticket,
        /// What became of each report: [`Metric::NoRoom`] is to be sent again.
        outcomes: Vec<Metric>,
    },
    /// Count this.
    Count(Metric),
}

/// What is worth counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A datagram from a source nobody allowed.
    Stranger,
    /// A datagram that is no request.
    Malformed,
    /// A request made with another secret, or without the Message-Authenticator it must have.
    Forged,
    /// A request that came before, within moments.
    Again,
    /// Somebody asked whether anybody is there.
    Status,
    /// A report that was taken, with what it changed.
    Taken,
    /// An event that was known from another packet.
    Known,
    /// A report that says nothing we use, by why.
    Unused(Unusable),
    /// An address outside the client's pools.
    OutOfPool,
    /// An event of too long ago.
    TooOld,
    /// An event of a time that has not come.
    TooEarly,
    /// No room for a session, or too many requests waiting. It was not answered.
    NoRoom,
    /// A request answered for the first time.
    Answered,
    /// A binding that ended because nothing was heard of it.
    Silent,
    /// A commit that failed.
    NotCommitted,
}

/// The machine.
#[derive(Debug)]
pub struct Intake {
    config: IntakeConfig,
    clients: Clients,
    bindings: Bindings,
    seen: Seen,
    /// Requests whose effect is among what the next commits keep, in order.
    waiting: VecDeque<Waiting>,
    commit: Option<Commit>,
    next_ticket: u64,
    retry_at: Option<Mono>,
    /// Server time minus monotonic time.
    offset: i64,
    effects: VecDeque<Effect>,
}

#[derive(Debug)]
enum Waiting {
    Request { came: Came, to: Origin, answer: Vec<u8> },
    Push { ticket: Ticket, outcomes: Vec<Metric> },
}

/// What is under way.
#[derive(Debug)]
struct Commit {
    ticket: Ticket,
    changes: Changes,
    /// Nothing is left to keep behind it: who waits can be answered after it, so many.
    answers: usize,
}

impl Intake {
    /// Around bindings that are restored and settled.
    #[must_use]
    pub fn new(config: IntakeConfig, clients: Clients, bindings: Bindings, now: Now) -> Intake {
        let mut intake = Intake {
            config,
            clients,
            seen: Seen::new(config.hold, config.seen_max, bindings.seed()),
            bindings,
            waiting: VecDeque::new(),
            commit: None,
            next_ticket: 1,
            retry_at: None,
            offset: 0,
            effects: VecDeque::new(),
        };
        intake.tell_time(now);
        intake
    }

    /// Takes one input in. Drain [`Intake::poll_effect`] before the next.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        self.take_in(input, now);
        self.go_on();
    }

    /// The same, but that nothing is begun to be kept: of inputs that come together each is taken in and its effects
    /// drained, and [`Intake::go_on`] follows the last.
    pub fn take_in(&mut self, input: Input<'_>, now: Now) {
        self.tell_time(now);
        match input {
            Input::Packet { origin, bytes } => self.packet(origin, bytes, now),
            Input::Pushed { ticket, said } => self.pushed(ticket, said, now),
            Input::Committed(ticket) => self.committed(ticket),
            Input::NotCommitted(ticket) => self.not_committed(ticket, now),
        }
    }

    /// A deadline may have passed.
    pub fn handle_timeout(&mut self, now: Now) {
        self.tell_time(now);
        let silent = self.bindings.handle_due(now.server);
        self.effects.extend(std::iter::repeat_n(Effect::Count(Metric::Silent), silent));
        self.seen.forget(now.mono);
        if self.retry_at.is_some_and(|at| at <= now.mono) {
            self.retry_at = None;
        }
        self.go_on();
    }

    /// When [`Intake::handle_timeout`] has to be called next, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        let due = self.bindings.next_due().map(|at| {
            let mono = at.0.saturating_sub(self.offset);
            (Mono(u64::try_from(mono).unwrap_or(0)), "a session to go silent or be forgotten")
        });
        due.into_iter().chain(self.retry_at.map(|at| (at, "a commit to be tried again"))).min()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Where a number is. Who may ask is not looked at here.
    #[must_use]
    pub fn find(&self, number: Msisdn, now: Now) -> Option<Binding> {
        self.bindings.find(number, now.server)
    }

    /// All bindings, to look at.
    #[must_use]
    pub const fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    fn tell_time(&mut self, now: Now) {
        self.offset = now.server.0.saturating_sub(i64::try_from(now.mono.0).unwrap_or(i64::MAX));
    }

    fn count(&mut self, metric: Metric) {
        self.effects.push_back(Effect::Count(metric));
    }

    fn packet(&mut self, origin: Origin, bytes: &[u8], now: Now) {
        let Some((client, secret)) = self.client(&origin) else { return self.count(Metric::Stranger) };
        let Some(packet) = Packet::decode(bytes).ok().filter(|packet| is_spoken(packet.code())) else {
            return self.count(Metric::Malformed);
        };
        if !is_believed(&packet, client, secret, matches!(origin, Origin::Stream { .. })) {
            return self.count(Metric::Forged);
        }
        if packet.code() == Code::StatusServer {
            let answer = self.retry_at.is_none().then(|| packet.response(secret));
            self.effects.extend(answer.map(|bytes| Effect::Answer { to: origin, bytes }));
            return self.count(Metric::Status);
        }
        let key = RequestKey { origin, identifier: packet.identifier(), authenticator: packet.authenticator() };
        if let Some(fate) = self.seen.fate(&key) {
            if fate == Fate::Answered {
                let bytes = packet.response(secret);
                self.effects.push_back(Effect::Answer { to: origin, bytes });
            }
            return self.count(Metric::Again);
        }
        if self.waiting.len() >= self.config.waiting_max {
            return self.count(Metric::NoRoom);
        }
        let answer = packet.response(secret);
        let said = accounting::read(&packet, client, origin.address(), now.server);
        let metric = take(&mut self.bindings, said, now.server, &mut self.effects);
        self.count(metric);
        // What was not taken is new when it comes again.
        if metric != Metric::NoRoom {
            let came = self.seen.came(key, now.mono);
            self.waiting.push_back(Waiting::Request { came, to: origin, answer });
        }
    }

    /// Whose packet this is, and what is shared with it.
    fn client(&self, origin: &Origin) -> Option<(&Client, &[u8])> {
        match origin {
            Origin::Datagram(source) => {
                self.clients.find(source.ip()).map(|client| (client, client.secret.expose().as_slice()))
            }
            Origin::Stream { certificate, .. } => {
                self.clients.presented(certificate).map(|client| (client, TLS_SECRET))
            }
        }
    }

    fn pushed(&mut self, ticket: Ticket, said: Vec<Result<Said, Unusable>>, now: Now) {
        if self.waiting.len() >= self.config.waiting_max {
            self.effects.push_back(Effect::Pushed { ticket, outcomes: vec![Metric::NoRoom; said.len()] });
            return self.count(Metric::NoRoom);
        }
        let mut outcomes = Vec::with_capacity(said.len());
        for said in said {
            let metric = take(&mut self.bindings, said, now.server, &mut self.effects);
            self.count(metric);
            outcomes.push(metric);
        }
        self.waiting.push_back(Waiting::Push { ticket, outcomes });
    }

    fn committed(&mut self, ticket: Ticket) {
        // An outcome nobody waits for is late, and says nothing.
        let Some(commit) = self.commit.take_if(|commit| commit.ticket == ticket) else { return };
        for _ in 0..commit.answers {
            self.answer_next();
        }
    }

    fn not_committed(&mut self, ticket: Ticket, now: Now) {
        let Some(commit) = self.commit.take_if(|commit| commit.ticket == ticket) else { return };
        self.bindings.not_kept(&commit.changes);
        self.retry_at = Some(now.mono.after(self.config.retry));
        self.count(Metric::NotCommitted);
    }

    /// Begins the next commit, or answers at once when there is nothing to keep. While one is under way it does nothing.
    pub fn go_on(&mut self) {
        if self.commit.is_some() || self.retry_at.is_some() {
            return;
        }
        let mut changes = self.bindings.changes(self.config.commit_max);
        while changes.is_empty() && self.bindings.has_changes() {
            changes = self.bindings.changes(self.config.commit_max);
        }
        if changes.is_empty() {
            for _ in 0..self.waiting.len() {
                self.answer_next();
            }
            return;
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        let answers = if self.bindings.has_changes() { 0 } else { self.waiting.len() };
        self.effects.push_back(Effect::Commit { ticket, changes: changes.clone() });
        self.commit = Some(Commit { ticket, changes, answers });
    }

    fn answer_next(&mut self) {
        match self.waiting.pop_front() {
            Some(Waiting::Request { came, to, answer }) => {
                self.seen.answered(came);
                self.effects.push_back(Effect::Answer { to, bytes: answer });
                self.count(Metric::Answered);
            }
            Some(Waiting::Push { ticket, outcomes }) => self.effects.push_back(Effect::Pushed { ticket, outcomes }),
            None => {}
        }
    }
}

const fn is_spoken(code: Code) -> bool {
    match code {
        Code::AccountingRequest | Code::StatusServer => true,
        Code::AccountingResponse | Code::Other(_) => false,
    }
}

/// Whether a client made a packet. Under TLS an accounting request needs to say nothing more for itself; whoever asks for
/// a status does anywhere (RFC 5997, 4.2), for its authenticator is made of nothing.
fn is_believed(packet: &Packet<'_>, client: &Client, secret: &[u8], under_tls: bool) -> bool {
    let asks = packet.code() == Code::StatusServer;
    let vouched = match packet.message_authenticator(secret) {
        Vouched::Genuine => true,
        Vouched::Absent => !asks && (under_tls || !client.must_vouch),
        Vouched::Forged => false,
    };
    vouched && (asks || packet.is_genuine_request(secret))
}

/// Takes what a request says into the bindings, and says what became of it.
fn take(
    bindings: &mut Bindings,
    said: Result<Said, Unusable>,
    now: ServerMillis,
    effects: &mut VecDeque<Effect>,
) -> Metric {
    let taken = match said {
        Ok(Said::Session(report)) => {
            if report.out_of_pool {
                effects.push_back(Effect::Count(Metric::OutOfPool));
            }
            bindings.report(&report, now)
        }
        Ok(Said::Reboot(reboot)) => bindings.reboot(reboot, now),
        Err(why) => return Metric::Unused(why),
    };
    match taken {
        Taken::New => Metric::Taken,
        Taken::Known => Metric::Known,
        Taken::TooOld => Metric::TooOld,
        Taken::TooEarly => Metric::TooEarly,
        Taken::Full => Metric::NoRoom,
    }
}

#[cfg(test)]
mod tests;
