//! One line's connection to the server: handshake, keepalive, the server's clock, and coming back.
//!
//! ```text
//! Off ──identity──> Waiting ──due──> Opening ──challenge──> Greeting ──welcome──> Up
//!                      ^                 │                     │                   │
//!                      └─────────────────┴── closed, silent ───┴── or told to go ──┘
//! ```
//!
//! Words that come over an older connection are dropped: a [`LinkId`] names each attempt.

mod handshake;

use crate::backoff;
use crate::ctx::{Ctx, SessionFacts};
use crate::effect::{Effect, Event};
use crate::input::LinkId;
use crate::registration::Identity;
use crate::server_clock::ServerClock;
use std::time::Duration;
use tandem_model::{Line, MarkGeneration, Mono, ServerOffset, Ticket};
use tandem_wire::frame::GoodbyeReason;
use tandem_wire::limits::VERSION;
use tandem_wire::{ClientFrame, ServerFrame};

/// Time questions on their way at once; more are not asked.
const TIME_ASKS_MAX: usize = 4;

/// A server that asks to be heard more often than this is not obeyed: it would drain the battery (P10).
const KEEPALIVE_MIN: Duration = Duration::from_secs(5);

/// A server that never wants to be heard would leave a dead connection unnoticed.
const KEEPALIVE_MAX: Duration = Duration::from_secs(30 * 60);

/// A session that stood this long was a good one: the next attempt starts the back-off anew. One that is welcomed and
/// dropped at once does not, or phone and server would chase each other.
const STEADY: Duration = Duration::from_secs(30);

/// One line's connection.
#[derive(Debug)]
pub(crate) struct Session {
    line: Line,
    identity: Option<Identity>,
    state: State,
    clock: ServerClock,
    /// Attempts in a row that came to nothing.
    tries: u32,
    last_link: u64,
    /// Whether the OS says there is a data path. True until it says otherwise.
    network: bool,
}

#[derive(Debug)]
enum State {
    /// Nobody to be, or no network.
    Off,
    /// Until the next attempt.
    Waiting {
        until: Mono,
        /// The server wants to be left alone until then.
        told: bool,
    },
    /// Until the server challenges.
    Opening { link: LinkId, until: Mono },
    /// Until the server welcomes.
    Greeting { link: LinkId, sent: Mono, until: Mono },
    /// The session stands.
    Up(Up),
}

#[derive(Debug)]
struct Up {
    link: LinkId,
    ring_ms: u32,
    keepalive: Duration,
    marks_interval: Duration,
    /// When the last acknowledged round trip ended.
    round_trip: Mono,
    since: Mono,
    last_ask: Mono,
    asks: Vec<(Ticket, Mono)>,
}

/// What a frame or a deadline came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing the others need to know.
    Nothing,
    /// The server's time was told: a round trip ended.
    RoundTrip,
    /// The server says that this registration is over.
    Over(GoodbyeReason),
    /// The device key is gone.
    KeyGone,
    /// For the others.
    Pass(ServerFrame),
}

/// What the greeting tells of the marks held here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HelloFacts {
    pub marks_since: MarkGeneration,
    pub fresh: bool,
}

impl Session {
    pub(crate) fn new(line: Line) -> Self {
        Self {
            line,
            identity: None,
            state: State::Off,
            clock: ServerClock::default(),
            tries: 0,
            last_link: 0,
            network: true,
        }
    }

    /// Who to be from now on. Another one, or nobody, ends the session that stands.
    pub(crate) fn be(&mut self, identity: Option<Identity>, ctx: &mut Ctx<'_>) {
        if self.identity == identity {
            return;
        }
        self.identity = identity;
        self.tries = 0;
        self.drop_link(ctx);
        self.state = State::Off;
        self.open_if_able(ctx);
    }

    /// The session as the others see it, when it stands.
    pub(crate) fn facts(&self) -> Option<SessionFacts> {
        let State::Up(up) = &self.state else {
            return None;
        };
        let identity = self.identity?;
        Some(SessionFacts {
            line: self.line,
            link: up.link,
            number: identity.number,
            epoch: identity.epoch,
            key: identity.key,
            offset: self.clock.offset()?,
            ring_ms: up.ring_ms,
        })
    }

    /// The server's clock as known in this boot, whether or not a session stands.
    pub(crate) fn offset(&self) -> Option<ServerOffset> {
        self.clock.offset()
    }

    /// How often the server wants marks to be synced.
    pub(crate) fn marks_interval(&self) -> Option<Duration> {
        match &self.state {
            State::Up(up) => Some(up.marks_interval),
            State::Off | State::Waiting { .. } | State::Opening { .. } | State::Greeting { .. } => None,
        }
    }

    /// When the last acknowledged round trip of the session that stands ended.
    pub(crate) fn last_round_trip(&self) -> Option<Mono> {
        match &self.state {
            State::Up(up) => Some(up.round_trip),
            State::Off | State::Waiting { .. } | State::Opening { .. } | State::Greeting { .. } => None,
        }
    }

    /// Whether a session stands or may come to stand: there is somebody to be and a network to be it on.
    pub(crate) fn may_come(&self) -> bool {
        !matches!(self.state, State::Off)
    }

    /// Somebody's request, sent at `sent`, was answered now.
    pub(crate) fn note_round_trip(&mut self, sent: Mono, ctx: &Ctx<'_>) {
        if let State::Up(up) = &mut self.state
            && ctx.now.mono.since(sent) <= ctx.config.text_connected
        {
            up.round_trip = ctx.now.mono;
        }
    }

    /// Somebody needs the connection now: a back-off of our own is cut short, a wait the server asked for is not.
    pub(crate) fn hurry(&mut self, ctx: &mut Ctx<'_>) {
        if let State::Waiting { told: false, .. } = self.state {
            self.open_if_able(ctx);
        }
    }

    /// Makes sure that a round trip is under way, for whoever needs to know that we are connected.
    pub(crate) fn ask_time(&mut self, ctx: &mut Ctx<'_>) {
        let recent = match &self.state {
            State::Up(up) => up.asks.last().is_some_and(|(_, sent)| *sent == ctx.now.mono),
            State::Off | State::Waiting { .. } | State::Opening { .. } | State::Greeting { .. } => true,
        };
        if !recent {
            self.send_time_ask(ctx);
        }
    }

    fn send_time_ask(&mut self, ctx: &mut Ctx<'_>) {
        let Some(facts) = self.facts() else {
            return;
        };
        let State::Up(up) = &mut self.state else {
            return;
        };
        if up.asks.len() >= TIME_ASKS_MAX {
            return;
        }
        let ticket = ctx.ticket();
        up.asks.push((ticket, ctx.now.mono));
        up.last_ask = ctx.now.mono;
        ctx.send(&facts, ClientFrame::TimeAsk { ticket });
    }

    /// The network path changed: the old connection is as good as gone.
    pub(crate) fn network(&mut self, connected: bool, ctx: &mut Ctx<'_>) {
        self.network = connected;
        self.tries = 0;
        self.drop_link(ctx);
        self.state = State::Off;
        self.open_if_able(ctx);
    }

    /// Something waits at the server: a wait of our own is over, and a connection that stands is asked whether it does. A
    /// wait the server told us to keep is kept.
    pub(crate) fn woken(&mut self, ctx: &mut Ctx<'_>) {
        match &self.state {
            State::Waiting { told: false, .. } => {
                self.state = State::Off;
                self.open_if_able(ctx);
            }
            State::Up(_) => self.ask_time(ctx),
            State::Off | State::Waiting { told: true, .. } | State::Opening { .. } | State::Greeting { .. } => {}
        }
    }

    /// Whoever waits for an answer waited too long: the connection is dead.
    pub(crate) fn give_up_link(&mut self, ctx: &mut Ctx<'_>) {
        if matches!(self.state, State::Up(_)) {
            self.fall_back(Duration::ZERO, ctx);
        }
    }

    /// The connection stands. The server speaks first.
    pub(crate) fn opened(&mut self, link: LinkId, ctx: &mut Ctx<'_>) {
        if self.link() != Some(link) {
            ctx.push(Effect::Disconnect { line: self.line, link });
        }
    }

    /// The connection is gone, or never came.
    pub(crate) fn closed(&mut self, link: LinkId, ctx: &mut Ctx<'_>) {
        if self.link() == Some(link) {
            self.fall_back(Duration::ZERO, ctx);
        }
    }

    /// A frame came.
    pub(crate) fn frame(&mut self, link: LinkId, frame: ServerFrame, facts: HelloFacts, ctx: &mut Ctx<'_>) -> Heard {
        if self.link() != Some(link) {
            return Heard::Nothing;
        }
        match (&mut self.state, frame) {
            (_, ServerFrame::Goodbye(goodbye)) => self.sent_away(goodbye, ctx),
            (State::Opening { .. }, ServerFrame::Challenge { nonce, version_min, version_max }) => {
                if (version_min..=version_max).contains(&VERSION) {
                    self.greet(link, &nonce, facts, ctx)
                } else {
                    self.fall_back(backoff::TOLD_MAX, ctx)
                }
            }
            (State::Greeting { sent, .. }, ServerFrame::Welcome(welcome)) => {
                let sent = *sent;
                self.welcomed(link, sent, welcome, ctx)
            }
            (State::Up(up), ServerFrame::Time { ticket, now }) => {
                let asked = up.asks.iter().position(|(asked, _)| *asked == ticket);
                // Not asked by the session: a measurement's.
                let Some((_, sent)) = asked.map(|at| up.asks.remove(at)) else {
                    return Heard::Pass(ServerFrame::Time { ticket, now });
                };
                self.told_time(sent, now, ctx)
            }
            // A second challenge or welcome in a session that stands changes nothing.
            (State::Up(_), ServerFrame::Challenge { .. } | ServerFrame::Welcome(_)) => Heard::Nothing,
            (State::Up(_), frame) => Heard::Pass(frame),
            // Out of turn before the session stands: the server does not speak our protocol.
            (State::Opening { .. } | State::Greeting { .. }, _) => self.fall_back(Duration::ZERO, ctx),
            (State::Off | State::Waiting { .. }, _) => Heard::Nothing,
        }
    }

    /// When [`Session::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self, config: &crate::Config) -> Option<(Mono, &'static str)> {
        match &self.state {
            State::Off => None,
            State::Waiting { until, .. } => Some((*until, "reconnect")),
            State::Opening { until, .. } => Some((*until, "challenge")),
            State::Greeting { until, .. } => Some((*until, "welcome")),
            State::Up(up) => Some(match up.asks.first() {
                Some((_, sent)) => (sent.after(config.request), "server's time"),
                None => (up.round_trip.max(up.last_ask).after(up.keepalive), "keepalive"),
            }),
        }
    }

    /// Acts on the deadline that has come, if it has.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        if self.poll_timeout(ctx.config).is_none_or(|(due, _)| due > ctx.now.mono) {
            return;
        }
        match &self.state {
            State::Off => {}
            State::Waiting { .. } => self.open_if_able(ctx),
            State::Opening { .. } | State::Greeting { .. } => {
                self.fall_back(Duration::ZERO, ctx);
            }
            State::Up(up) if up.asks.is_empty() => self.send_time_ask(ctx),
            State::Up(_) => {
                self.fall_back(Duration::ZERO, ctx);
            }
        }
    }

    /// Whether this is the attempt we are on.
    #[cfg(test)]
    pub(crate) fn is_on(&self, link: LinkId) -> bool {
        self.link() == Some(link)
    }

    fn link(&self) -> Option<LinkId> {
        match &self.state {
            State::Off | State::Waiting { .. } => None,
            State::Opening { link, .. } | State::Greeting { link, .. } => Some(*link),
            State::Up(up) => Some(up.link),
        }
    }

    fn drop_link(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(link) = self.link() {
            ctx.push(Effect::Disconnect { line: self.line, link });
        }
        if matches!(self.state, State::Up(_)) {
            ctx.emit(Event::Online { line: self.line, online: false });
        }
    }

    fn fall_back(&mut self, at_least: Duration, ctx: &mut Ctx<'_>) -> Heard {
        self.drop_link(ctx);
        if let State::Up(up) = &self.state
            && ctx.now.mono.since(up.since) >= STEADY
        {
            self.tries = 0;
        }
        let wait = backoff::wait(self.tries, ctx).max(at_least);
        self.tries = self.tries.saturating_add(1);
        self.state = if self.network && self.identity.is_some() {
            State::Waiting { until: ctx.now.mono.after(wait), told: at_least > Duration::ZERO }
        } else {
            State::Off
        };
        Heard::Nothing
    }

    fn open_if_able(&mut self, ctx: &mut Ctx<'_>) {
        if self.identity.is_none() || !self.network {
            self.state = State::Off;
            return;
        }
        self.last_link += 1;
        let link = LinkId(self.last_link);
        ctx.push(Effect::Connect { line: self.line, link });
        self.state = State::Opening { link, until: ctx.now.mono.after(ctx.config.handshake) };
    }
}

#[cfg(test)]
mod tests;
