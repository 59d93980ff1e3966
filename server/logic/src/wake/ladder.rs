//! One number's ladder: which rung is next, when, and when nothing is left.

use super::activation::{Activation, fault_of};
use super::judging::{Relation, What};
use super::learned::{DeviceKind, Learned};
use super::sending::{Order, Sending};
use super::terms::{ActivationFault, Budgets, Means, Rung, RungOutcome, TokenId, Unreachable, WakeConfig, WakeId};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tandem_model::{Mono, Ticket};

/// Something that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) what: What,
    pub(super) from: Relation,
    pub(super) until: Mono,
}

impl Thing {
    pub(super) const fn is_contacts_call(&self) -> bool {
        matches!((self.what, self.from), (What::Call, Relation::Contact))
    }
}

/// A ladder.
#[derive(Debug)]
pub(super) struct Ladder {
    pub(super) kind: DeviceKind,
    pub(super) what: What,
    pub(super) things: BTreeMap<WakeId, Thing>,
    pub(super) sendings: Vec<Sending>,
    pub(super) hint: bool,
    pub(super) tokens: Vec<TokenId>,
    activation: Activation,
    plan: VecDeque<Rung>,
    next_at: Mono,
    ends_at: Mono,
    tried: bool,
    /// As the machine's queue has it.
    pub(super) queued: Option<Mono>,
}

/// What a ladder does next.
#[derive(Debug)]
pub(super) enum Step {
    /// Begin this rung.
    Begin(Rung),
    /// A rung's budget ended without the phone.
    Spent(Sending),
    /// Nothing is left.
    Exhausted(Unreachable),
    /// Wait.
    Wait,
}

impl Ladder {
    pub(super) fn new(what: What, means: &Means, now: Mono, head_start: Duration, config: &WakeConfig) -> Ladder {
        let activation = if means.activation { Activation::Untried } else { Activation::Absent };
        Ladder {
            kind: means.kind,
            what,
            things: BTreeMap::new(),
            sendings: Vec::new(),
            hint: means.hint,
            tokens: means.tokens.iter().copied().take(config.tokens_max).collect(),
            activation,
            plan: plan(what, means),
            next_at: now.after(head_start),
            ends_at: now.after(budgets(what, config).all),
            tried: !head_start.is_zero(),
            queued: None,
        }
    }

    /// The next step; asked again until it is [`Step::Wait`] or [`Step::Exhausted`].
    pub(super) fn step(&mut self, now: Mono) -> Step {
        if let Some(spent) = self.take_spent(now) {
            return Step::Spent(spent);
        }
        if now >= self.ends_at || (self.plan.is_empty() && self.sendings.is_empty() && now >= self.next_at) {
            return Step::Exhausted(self.reason());
        }
        match self.plan.front().copied().filter(|rung| self.may_begin(*rung, now)) {
            Some(rung) => {
                self.plan.pop_front();
                Step::Begin(rung)
            }
            None => Step::Wait,
        }
    }

    fn take_spent(&mut self, now: Mono) -> Option<Sending> {
        let at = self.sendings.iter().position(|sending| now >= sending.ends_at)?;
        let sending = self.sendings.remove(at);
        if sending.rung == Rung::Activation {
            self.activation = Activation::Failed(ActivationFault::Silent);
        }
        Some(sending)
    }

    /// An SMS wake costs money and is slow: where the network can be asked, it comes only after that has ended.
    fn may_begin(&self, rung: Rung, now: Mono) -> bool {
        now >= self.next_at && !(rung == Rung::SmsWake && self.network_tries())
    }

    fn network_tries(&self) -> bool {
        self.sendings.iter().any(|sending| sending.rung == Rung::Activation)
    }

    /// A rung has been ordered.
    pub(super) fn began(&mut self, rung: Rung, orders: Vec<Order>, now: Mono, learned: &Learned, config: &WakeConfig) {
        let budget = budget_of(rung, budgets(self.what, config));
        self.tried = true;
        if rung == Rung::Activation {
            self.activation = Activation::Underway;
        }
        self.next_at = now.after(learned.wait(self.kind, rung, budget, config.wait_min));
        self.sendings.push(Sending { rung, began: now, ends_at: now.after(budget), orders });
    }

    /// What an order came to. A rung whose every order was refused makes room for the next at once. An attach proves an
    /// activation, so that no later refusal ends it.
    pub(super) fn outcome(&mut self, ticket: Ticket, outcome: RungOutcome, now: Mono) {
        let Some(at) = self.sendings.iter().position(|sending| sending.has(ticket)) else { return };
        let (Some(fault), Some(sending)) = (fault_of(outcome), self.sendings.get_mut(at)) else { return };
        let rung = sending.rung;
        if (rung == Rung::Activation && self.activation == Activation::Attached) || !sending.refused(ticket) {
            return;
        }
        self.sendings.remove(at);
        if rung == Rung::Activation {
            self.activation = Activation::Failed(fault);
        }
        self.next_at = self.next_at.min(now);
    }

    /// The number has a context: the phone gets time to answer the datagram before anything else is tried.
    pub(super) fn attached(&mut self, now: Mono, config: &WakeConfig) {
        let answer_by = now.after(budgets(self.what, config).datagram);
        self.activation = Activation::Attached;
        self.plan.retain(|rung| *rung != Rung::Activation);
        self.tried = true;
        for sending in self.sendings.iter_mut().filter(|sending| sending.rung == Rung::Activation) {
            sending.ends_at = answer_by;
        }
        self.next_at = self.next_at.max(answer_by);
    }

    /// The rung that gets the credit for a return nobody names the cause of: the one that has been tried longest.
    pub(super) fn credited(&self, by: Option<Rung>) -> Option<(Rung, Mono)> {
        let named = by.and_then(|rung| self.sendings.iter().find(|sending| sending.rung == rung));
        let credited = named.or_else(|| self.sendings.iter().min_by_key(|sending| sending.began))?;
        Some((credited.rung, credited.began))
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Mono {
        let sendings = self.sendings.iter().map(|sending| sending.ends_at);
        let things = self.things.values().map(|thing| thing.until);
        let blocked = self.plan.front() == Some(&Rung::SmsWake) && self.network_tries();
        let due = self.sendings.is_empty() || !(self.plan.is_empty() || blocked);
        sendings.chain(things).chain(due.then_some(self.next_at)).min().map_or(self.ends_at, |at| at.min(self.ends_at))
    }

    fn reason(&self) -> Unreachable {
        match (self.activation.fault(), self.tried) {
            (Some(fault), _) => Unreachable::NotActivated(fault),
            (None, true) => Unreachable::NoAnswer,
            (None, false) => Unreachable::NoMeans,
        }
    }
}

pub(super) const fn budgets(what: What, config: &WakeConfig) -> &Budgets {
    match what {
        What::Call => &config.call,
        What::Text => &config.text,
    }
}

pub(super) const fn budget_of(rung: Rung, budgets: &Budgets) -> Duration {
    match rung {
        Rung::Push => budgets.push,
        Rung::Activation => budgets.activation,
        Rung::SmsWake => budgets.sms_wake,
        Rung::CarrierRing => budgets.carrier_ring,
        Rung::HintSms => Duration::ZERO,
    }
}

/// The rungs there are for it. No carrier rings for a text.
fn plan(what: What, means: &Means) -> VecDeque<Rung> {
    [
        (!means.tokens.is_empty(), Rung::Push),
        (means.activation, Rung::Activation),
        (means.sms_wake, Rung::SmsWake),
        (means.carrier_ring && what == What::Call, Rung::CarrierRing),
    ]
    .into_iter()
    .filter_map(|(there, rung)| there.then_some(rung))
    .collect()
}
