//! The machine: one input, its effects, and one queue of deadlines.

use super::activation::Missed;
use super::judging::{Class, Counted, Relation, Standing, What, class};
use super::ladder::{Ladder, Step, Thing, budget_of, budgets};
use super::learned::{DeviceKind, Learned, Past};
use super::sending::{Order, Sending};
use super::terms::{Effect, Held, Input, Means, Rung, RungOutcome, TokenId, Unreachable, View, WakeConfig, WakeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tandem_model::{Mono, Msisdn, Ticket};

/// Orders whose tokens may still turn out to be gone.
const PUSHED_MAX: usize = 65_536;

/// How long a number that was not reached is looked after when it attaches: as long as a text is kept.
const MISSED_FOR: Duration = Duration::from_secs(30 * 86_400);

/// Wakes phones. Feed one input, drain the effects to `None`, then feed the next.
#[derive(Debug)]
pub struct Wake {
    config: WakeConfig,
    now: Mono,
    ladders: BTreeMap<Msisdn, Ladder>,
    due: BTreeSet<(Mono, Msisdn)>,
    things: BTreeMap<WakeId, Msisdn>,
    ordered: BTreeMap<Ticket, Msisdn>,
    pushed: BTreeMap<Ticket, (Msisdn, TokenId)>,
    counted: Counted,
    learned: Learned,
    missed: Missed,
    effects: VecDeque<Effect>,
    next_ticket: u64,
}

impl Wake {
    /// A machine that knows nothing yet.
    #[must_use]
    pub fn new(config: WakeConfig) -> Wake {
        Wake {
            config,
            now: Mono::ZERO,
            ladders: BTreeMap::new(),
            due: BTreeSet::new(),
            things: BTreeMap::new(),
            ordered: BTreeMap::new(),
            pushed: BTreeMap::new(),
            counted: Counted::default(),
            learned: Learned::default(),
            missed: Missed::default(),
            effects: VecDeque::new(),
            next_ticket: 1,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Mono) {
        self.now = now;
        match input {
            Input::Stored { id, to, what, from, until, standing, means } => {
                self.stored(id, to, Thing { what, from, until }, standing, &means);
            }
            Input::Outcome { ticket, outcome } => self.outcome(ticket, outcome),
            Input::Attached { number } => self.attached(number),
            Input::Acknowledged { number } => self.returned(number, Some(Rung::Activation)),
            Input::Returned { number, by } => self.returned(number, by),
            Input::Rings { id } => self.rings(id),
            Input::Ended { id } => self.ended(id),
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Mono) {
        self.now = now;
        while let Some((at, number)) = self.due.first().copied() {
            if at > now {
                break;
            }
            self.due.pop_first();
            if let Some(ladder) = self.ladders.get_mut(&number) {
                ladder.queued = None;
            }
            self.drop_expired(number);
            self.climb(number);
        }
        self.missed.forget(now, MISSED_FOR);
    }

    /// When [`Wake::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next effect.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What is known of a rung with such a device; `None` while too little is.
    #[must_use]
    pub fn past(&self, kind: DeviceKind, rung: Rung) -> Option<Past> {
        self.learned.past(kind, rung)
    }

    /// Numbers being woken.
    #[must_use]
    pub fn underway(&self) -> usize {
        self.ladders.len()
    }

    fn stored(&mut self, id: WakeId, to: Msisdn, thing: Thing, standing: Standing, means: &Means) {
        if self.things.contains_key(&id) {
            return;
        }
        if standing == Standing::Online {
            self.returned(to, None);
            if self.effects.back() != Some(&Effect::Deliver { number: to }) {
                self.effects.push_back(Effect::Deliver { number: to });
            }
            return;
        }
        if thing.until <= self.now {
            return self.tell(id, thing, View::Unreachable(Unreachable::NoAnswer));
        }
        if self.ladders.contains_key(&to) {
            self.join(id, to, thing, means);
        } else {
            self.begin(id, to, thing, standing, means);
        }
    }

    fn begin(&mut self, id: WakeId, to: Msisdn, thing: Thing, standing: Standing, means: &Means) {
        if self.ladders.len() >= self.config.ladders_max && !(thing.is_contacts_call() && self.make_room()) {
            return self.effects.push_back(Effect::Held { id, why: Held::Full });
        }
        if !self.may_wake(to, thing) {
            return self.effects.push_back(Effect::Held { id, why: Held::Budget });
        }
        self.tell(id, thing, View::Waking);
        let head_start = match standing {
            Standing::Attached => {
                self.effects.push_back(Effect::Datagram { number: to });
                budgets(thing.what, &self.config).datagram / 2
            }
            Standing::Online | Standing::Offline => Duration::ZERO,
        };
        let mut ladder = Ladder::new(thing.what, means, self.now, head_start, &self.config);
        ladder.things.insert(id, thing);
        self.things.insert(id, to);
        self.ladders.insert(to, ladder);
        self.climb(to);
    }

    /// Another thing for a number that is being woken already. A call does not wait at a text's pace.
    fn join(&mut self, id: WakeId, to: Msisdn, thing: Thing, means: &Means) {
        let hastens = thing.what == What::Call
            && self.ladders.get(&to).is_some_and(|ladder| ladder.what == What::Text)
            && self.may_wake(to, thing);
        let Some(ladder) = self.ladders.get_mut(&to) else { return };
        if ladder.things.len() >= self.config.things_max {
            let least = ladder.things.iter().find(|(_, other)| !other.is_contacts_call()).map(|(id, _)| *id);
            let Some(least) = least.filter(|_| thing.is_contacts_call()) else {
                // The ladder runs all the same, and the store brings everything when the phone is back.
                return;
            };
            ladder.things.remove(&least);
            self.things.remove(&least);
        }
        ladder.things.insert(id, thing);
        self.things.insert(id, to);
        if hastens {
            let mut faster = Ladder::new(thing.what, means, self.now, Duration::ZERO, &self.config);
            faster.things = std::mem::take(&mut ladder.things);
            self.drop_ladder(to);
            for id in faster.things.keys() {
                self.things.insert(*id, to);
            }
            self.ladders.insert(to, faster);
        }
        self.tell(id, thing, View::Waking);
        self.climb(to);
    }

    fn may_wake(&mut self, number: Msisdn, thing: Thing) -> bool {
        class(thing.what, thing.from).is_none_or(|class| self.count(number, class))
    }

    fn count(&mut self, number: Msisdn, class: Class) -> bool {
        self.counted.take(number, class, self.now, &self.config.allow, self.config.counted_max)
    }

    /// Ends a ladder no contact's call waits on. False when every one has such a call.
    fn make_room(&mut self) -> bool {
        let waits = |ladder: &Ladder| ladder.things.values().any(|thing| thing.is_contacts_call());
        let Some(number) = self.ladders.iter().find(|(_, ladder)| !waits(ladder)).map(|(number, _)| *number) else {
            return false;
        };
        let ids: Vec<WakeId> =
            self.drop_ladder(number).map(|ladder| ladder.things.into_keys().collect()).unwrap_or_default();
        self.effects.extend(ids.into_iter().map(|id| Effect::Held { id, why: Held::Full }));
        self.missed.add(number, self.now, self.config.missed_max);
        true
    }

    /// Takes every step that is due, and queues the next.
    fn climb(&mut self, number: Msisdn) {
        loop {
            let Some(ladder) = self.ladders.get_mut(&number) else { return };
            let kind = ladder.kind;
            match ladder.step(self.now) {
                Step::Begin(rung) => self.order(number, rung),
                Step::Spent(sending) => {
                    self.learned.learn(kind, sending.rung, None, self.config.learned_max);
                    self.withdraw(&sending);
                }
                Step::Exhausted(why) => return self.exhausted(number, why),
                Step::Wait => break,
            }
        }
        let Some(ladder) = self.ladders.get_mut(&number) else { return };
        let deadline = ladder.deadline();
        if let Some(before) = ladder.queued.replace(deadline) {
            self.due.remove(&(before, number));
        }
        self.due.insert((deadline, number));
    }

    fn order(&mut self, number: Msisdn, rung: Rung) {
        let Some(ladder) = self.ladders.get(&number) else { return };
        let (what, keep) = (ladder.what, budget_of(rung, budgets(ladder.what, &self.config)));
        let paid_for = ladder.things.values().any(Thing::is_contacts_call);
        let tokens: Vec<Option<TokenId>> = match rung {
            Rung::Push => ladder.tokens.iter().copied().map(Some).collect(),
            Rung::Activation | Rung::SmsWake | Rung::CarrierRing | Rung::HintSms => vec![None],
        };
        let may_cost = rung != Rung::SmsWake || paid_for || self.count(number, Class::SmsWake);
        // A rung with nothing to order is passed over: the next step is the next rung.
        if tokens.is_empty() || !may_cost {
            return;
        }
        let mut orders = Vec::with_capacity(tokens.len());
        for token in tokens {
            let ticket = self.ticket();
            orders.push(Order { ticket, token });
            self.ordered.insert(ticket, number);
            if let Some(token) = token {
                self.remember_push(ticket, number, token);
            }
            self.effects.push_back(Effect::Send { ticket, number, rung, token, what, keep });
        }
        if let Some(ladder) = self.ladders.get_mut(&number) {
            ladder.began(rung, orders, self.now, &self.learned, &self.config);
        }
    }

    fn remember_push(&mut self, ticket: Ticket, number: Msisdn, token: TokenId) {
        if self.pushed.len() >= PUSHED_MAX {
            self.pushed.pop_first();
        }
        self.pushed.insert(ticket, (number, token));
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        ticket
    }

    /// A token that is gone is forgotten however late that is said; everything else counts only while it is waited for.
    fn outcome(&mut self, ticket: Ticket, outcome: RungOutcome) {
        if let Some((number, token)) = self.pushed.remove(&ticket)
            && outcome == RungOutcome::Gone
        {
            self.effects.push_back(Effect::ForgetToken { number, token });
            if let Some(ladder) = self.ladders.get_mut(&number) {
                ladder.tokens.retain(|known| *known != token);
            }
        }
        let Some(number) = self.ordered.get(&ticket).copied() else { return };
        if outcome != RungOutcome::Accepted {
            self.ordered.remove(&ticket);
        }
        if let Some(ladder) = self.ladders.get_mut(&number) {
            ladder.outcome(ticket, outcome, self.now);
            self.climb(number);
        }
    }

    /// The phone can be reached by address: while it is being woken, and when it was missed before.
    fn attached(&mut self, number: Msisdn) {
        if let Some(ladder) = self.ladders.get_mut(&number) {
            ladder.attached(self.now, &self.config);
            self.effects.push_back(Effect::Datagram { number });
            self.climb(number);
        } else if self.missed.has(number) {
            self.effects.push_back(Effect::Datagram { number });
        }
    }

    /// The first return ends everything.
    fn returned(&mut self, number: Msisdn, by: Option<Rung>) {
        self.missed.remove(number);
        let Some(ladder) = self.drop_ladder(number) else { return };
        if let Some((rung, began)) = ladder.credited(by) {
            self.learned.learn(ladder.kind, rung, Some(self.now.since(began)), self.config.learned_max);
        }
        self.effects.push_back(Effect::Deliver { number });
    }

    fn rings(&mut self, id: WakeId) {
        let Some(number) = self.things.get(&id).copied() else { return };
        if let Some(thing) = self.ladders.get(&number).and_then(|ladder| ladder.things.get(&id)).copied() {
            self.tell(id, thing, View::Ringing);
        }
        self.returned(number, None);
    }

    fn ended(&mut self, id: WakeId) {
        let Some(number) = self.things.remove(&id) else { return };
        let Some(ladder) = self.ladders.get_mut(&number) else { return };
        ladder.things.remove(&id);
        if ladder.things.is_empty() {
            self.drop_ladder(number);
        } else {
            self.climb(number);
        }
    }

    fn drop_expired(&mut self, number: Msisdn) {
        let Some(ladder) = self.ladders.get(&number) else { return };
        let over: Vec<(WakeId, Thing)> = ladder
            .things
            .iter()
            .filter(|(_, thing)| thing.until <= self.now)
            .map(|(id, thing)| (*id, *thing))
            .collect();
        for (id, thing) in over {
            self.tell(id, thing, View::Unreachable(Unreachable::NoAnswer));
            self.ended(id);
        }
    }

    /// Nothing is left. What is stored stays stored; a person is told by SMS where that is wanted; the next attach is used.
    fn exhausted(&mut self, number: Msisdn, why: Unreachable) {
        let Some(ladder) = self.drop_ladder(number) else { return };
        for (id, thing) in &ladder.things {
            self.tell(*id, *thing, View::Unreachable(why));
        }
        self.missed.add(number, self.now, self.config.missed_max);
        let from_contact = ladder.things.values().any(|thing| thing.from == Relation::Contact);
        if ladder.hint && from_contact && self.count(number, Class::Hint) {
            let (ticket, keep) = (self.ticket(), self.config.allow.window);
            let (rung, what) = (Rung::HintSms, ladder.what);
            self.effects.push_back(Effect::Send { ticket, number, rung, token: None, what, keep });
        }
    }

    /// Takes a ladder down: nothing of it is awaited any more.
    fn drop_ladder(&mut self, number: Msisdn) -> Option<Ladder> {
        let ladder = self.ladders.remove(&number)?;
        if let Some(at) = ladder.queued {
            self.due.remove(&(at, number));
        }
        for id in ladder.things.keys() {
            self.things.remove(id);
        }
        for sending in &ladder.sendings {
            self.withdraw(sending);
        }
        Some(ladder)
    }

    fn withdraw(&mut self, sending: &Sending) {
        for order in &sending.orders {
            self.ordered.remove(&order.ticket);
            self.effects.push_back(Effect::Withdraw { ticket: order.ticket, rung: sending.rung });
        }
    }

    fn tell(&mut self, id: WakeId, thing: Thing, view: View) {
        match thing.from {
            Relation::Contact => self.effects.push_back(Effect::Tell { id, view }),
            Relation::Stranger => {}
        }
    }
}

#[cfg(test)]
impl Wake {
    /// Nothing of a ladder is left behind.
    pub(super) fn assert_empty(&self) {
        assert!(self.things.is_empty() && self.ordered.is_empty() && self.ladders.is_empty() && self.due.is_empty());
    }
}
