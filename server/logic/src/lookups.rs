//! Lookups by phones: where a number is, told once, to whom its policy allows.
//!
//! Asked --store: permitted, listens--> Locating --bound--> Capability --Resolve--> Locating --bound--> Resolved
//!   |---store: stranger, or anything is missing--> (waits the one fixed delay) --> NotAvailable
//!   '---store: budget spent--> Refused
//!
//! Who may not know, who is not registered, not attached, behind a relay or does not listen get one answer at one time.
//! Capabilities and ports live in memory: a restart ends the first and phones tell the second again.

use crate::config::LookupPolicy;
use crate::effect::Effect;
use crate::input::ConnId;
use crate::io::Io;
use crate::lookup_op::{LookupOp, LookupOutcome};
use crate::question::Question;
use crate::sessions::Sessions;
use crate::store_answer::StoreAnswer;
use crate::store_op::{BudgetKind, Charge, Owner, StoreOp};
use crate::timers::Timer;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tandem_model::{Mono, Msisdn, Ticket};
use tandem_wire::frame::{Capability, DirectAddress, Granted, Resolved};
use tandem_wire::{RefuseReason, ServerFrame};

/// Where a number is, as the access network says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Grows with every binding of the number.
    pub generation: u64,
    /// How long the binding stands, in milliseconds.
    pub age_ms: u64,
    /// Whole addresses only, none that is for a relay; one or two.
    pub addresses: Vec<DirectAddress>,
}

/// Open questions, capabilities and ports.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    asked: BTreeMap<u64, Asked>,
    next: u64,
    held: BTreeMap<Capability, Held>,
    /// The capabilities of each asker, oldest first; used ones are gone from [`Lookups::held`].
    given: BTreeMap<Owner, VecDeque<Capability>>,
    /// Where owners listen for direct data.
    ports: BTreeMap<Owner, u16>,
}

/// An open question.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// For a capability.
    Capability { conn: ConnId, ticket: Ticket, asker: Owner, to: Msisdn, asked_at: Mono, of: Option<Owner> },
    /// For an address, by a phone.
    Phone { conn: ConnId, ticket: Ticket, of: Owner },
    /// For an address, by a node whom the capability was handed to.
    Node { ticket: Ticket, of: Owner },
}

/// A capability that was not used.
#[derive(Clone, Copy, Debug)]
struct Held {
    asker: Owner,
    of: Owner,
    expires_at: Mono,
}

impl Lookups {
    /// A phone tells where it listens.
    pub(crate) fn port(&mut self, io: &mut Io, sessions: &Sessions, conn: ConnId, ticket: Ticket, port: Option<u16>) {
        let Some(owner) = sessions.line(conn).map(|line| line.owner) else { return };
        match port {
            None => drop(self.ports.remove(&owner)),
            Some(_) if self.ports.len() >= io.config.session.sessions_max && !self.ports.contains_key(&owner) => {
                return io.refuse(conn, ticket, RefuseReason::Budget, io.config.session.retry_after);
            }
            Some(port) => drop(self.ports.insert(owner, port)),
        }
        io.send(conn, ServerFrame::Done { ticket });
    }

    /// A phone lets a number learn where it is, or no longer.
    pub(crate) fn consent(
        &mut self,
        io: &mut Io,
        sessions: &Sessions,
        conn: ConnId,
        (ticket, number, allow): (Ticket, Msisdn, bool),
    ) {
        let Some(owner) = sessions.line(conn).map(|line| line.owner) else { return };
        if owner.number == number {
            return io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO);
        }
        if !allow {
            self.held.retain(|_, held| held.of != owner || held.asker.number != number);
        }
        let op = LookupOp::PutConsent { owner, number, allow, most: io.config.lookup.consents_max };
        io.ask_or_refuse(conn, ticket, Question::Consent { conn, ticket }, StoreOp::Lookup(op));
    }

    /// The consent is kept, or not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
    pub(crate) fn consent_kept(io: &mut Io, conn: ConnId, ticket: Ticket, answer: &StoreAnswer) {
        match answer {
            StoreAnswer::Lookup(LookupOutcome::Kept) => io.send(conn, ServerFrame::Done { ticket }),
            StoreAnswer::Lookup(LookupOutcome::TooMany) => {
                io.refuse(conn, ticket, RefuseReason::Budget, Duration::ZERO);
            }
            _ => io.refuse_storage(conn, ticket),
        }
    }

    /// A phone asks for a capability.
    pub(crate) fn ask(&mut self, io: &mut Io, sessions: &Sessions, conn: ConnId, ticket: Ticket, to: Msisdn) {
        let Some(asker) = sessions.line(conn).map(|line| line.owner) else { return };
        if asker.number == to {
            return io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO);
        }
        if self.asked.len() >= io.config.lookup.open_max {
            return io.refuse(conn, ticket, RefuseReason::Budget, io.config.session.retry_after);
        }
        let config = &io.config.lookup;
        let role_lacks = config.policy == LookupPolicy::Role && !config.phones.contains(&asker.number);
        let charges = vec![
            Charge {
                kind: BudgetKind::LookupPair,
                about: (asker.number.as_u64(), to.as_u64()),
                units: 1,
                allowance: config.per_pair,
            },
            Charge::about_number(BudgetKind::LookupAsker, asker.number, config.per_asker),
        ];
        // Whose role lacks it is counted like anybody, and finds no consent.
        let by_consent = role_lacks || config.policy == LookupPolicy::Consent;
        let of = if role_lacks { asker.number } else { to };
        let lookup = self.name();
        let op = LookupOp::Admit { asker, of, by_consent, charges };
        if !io.ask_for(conn, Question::Lookup { lookup }, StoreOp::Lookup(op)) {
            return io.refuse(conn, ticket, RefuseReason::Budget, io.config.session.retry_after);
        }
        let asked = Asked::Capability { conn, ticket, asker, to, asked_at: io.now.mono, of: None };
        self.asked.insert(lookup, asked);
    }

    /// The store admits the question, or does not.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
    pub(crate) fn admitted(&mut self, io: &mut Io, lookup: u64, answer: &StoreAnswer) {
        let Some(Asked::Capability { conn, ticket, to, of, .. }) = self.asked.get_mut(&lookup) else { return };
        let (conn, ticket, to) = (*conn, *ticket, *to);
        match answer {
            StoreAnswer::Lookup(LookupOutcome::Permitted { epoch }) => {
                let owner = Owner { number: to, epoch: *epoch };
                *of = Some(owner);
                if self.ports.contains_key(&owner) {
                    io.effect(Effect::Locate { lookup, number: to });
                } else {
                    self.turn_away(io, lookup);
                }
            }
            StoreAnswer::Lookup(LookupOutcome::Stranger) => self.turn_away(io, lookup),
            StoreAnswer::Lookup(LookupOutcome::Spent(spent)) => {
                self.asked.remove(&lookup);
                io.refuse(conn, ticket, RefuseReason::Budget, spent.retry_after);
            }
            _ => {
                self.asked.remove(&lookup);
                io.refuse_storage(conn, ticket);
            }
        }
    }

    /// The access network's word on where a number is.
    pub(crate) fn located(&mut self, io: &mut Io, lookup: u64, place: Option<Place>) {
        let place = place.filter(|place| !place.addresses.is_empty());
        match self.asked.get(&lookup).copied() {
            None => {}
            Some(Asked::Capability { conn, ticket, asker, of: Some(of), .. }) if place.is_some() => {
                self.asked.remove(&lookup);
                self.grant(io, (conn, ticket), asker, of);
            }
            Some(Asked::Capability { .. }) => self.turn_away(io, lookup),
            Some(Asked::Phone { conn, ticket, of }) => {
                self.asked.remove(&lookup);
                match self.resolved(ticket, of, place) {
                    Some(resolved) => io.send(conn, ServerFrame::Resolved(resolved)),
                    None => io.refuse(conn, ticket, RefuseReason::NotAvailable, Duration::ZERO),
                }
            }
            Some(Asked::Node { ticket, of }) => {
                self.asked.remove(&lookup);
                let resolved = self.resolved(ticket, of, place).map(|resolved| (of.number, resolved));
                io.effect(Effect::Redeemed { ticket, resolved });
            }
        }
    }

    /// The fixed delay is over.
    pub(crate) fn stranger_is_due(&mut self, io: &mut Io, lookup: u64) {
        if let Some(Asked::Capability { conn, ticket, .. }) = self.asked.remove(&lookup) {
            io.refuse(conn, ticket, RefuseReason::NotAvailable, Duration::ZERO);
        }
    }

    /// A phone uses its capability.
    pub(crate) fn resolve(
        &mut self,
        io: &mut Io,
        sessions: &Sessions,
        conn: ConnId,
        ticket: Ticket,
        capability: Capability,
    ) {
        let Some(asker) = sessions.line(conn).map(|line| line.owner) else { return };
        // Somebody else's stays its own.
        let held = self.held.get(&capability).filter(|held| held.asker == asker).copied();
        match held.and_then(|_| self.take(io, capability)) {
            Some(of) => self.locate(io, Asked::Phone { conn, ticket, of }, of.number),
            None => io.refuse(conn, ticket, RefuseReason::NotAvailable, Duration::ZERO),
        }
    }

    /// Another node uses a capability it was handed.
    pub(crate) fn redeem(&mut self, io: &mut Io, ticket: Ticket, capability: Capability) {
        match self.take(io, capability) {
            Some(of) => self.locate(io, Asked::Node { ticket, of }, of.number),
            None => io.effect(Effect::Redeemed { ticket, resolved: None }),
        }
    }

    /// An owner came or went: nothing of an older one opens anything.
    pub(crate) fn owner_changed(&mut self, number: Msisdn, present: Option<Owner>) {
        let over = |owner: &Owner| owner.number == number && Some(*owner) != present;
        self.held.retain(|_, held| !over(&held.asker) && !over(&held.of));
        self.given.retain(|asker, _| !over(asker));
        self.ports.retain(|owner, _| !over(owner));
    }

    /// Forgets what expired.
    pub(crate) fn sweep(&mut self, now: Mono) {
        self.held.retain(|_, held| held.expires_at > now);
        let held = &self.held;
        self.given.retain(|_, given| {
            given.retain(|capability| held.contains_key(capability));
            !given.is_empty()
        });
    }

    fn name(&mut self) -> u64 {
        self.next = self.next.saturating_add(1);
        self.next
    }

    /// One answer, on a fixed clock.
    fn turn_away(&mut self, io: &mut Io, lookup: u64) {
        if let Some(Asked::Capability { asked_at, .. }) = self.asked.get(&lookup) {
            io.timers.set(Timer::Lookup(lookup), asked_at.after(io.config.gate.stranger_delay));
        }
    }

    fn locate(&mut self, io: &mut Io, asked: Asked, number: Msisdn) {
        let lookup = self.name();
        self.asked.insert(lookup, asked);
        io.effect(Effect::Locate { lookup, number });
    }

    fn grant(&mut self, io: &mut Io, (conn, ticket): (ConnId, Ticket), asker: Owner, of: Owner) {
        let mut capability = Capability([0; 16]);
        io.random.fill(&mut capability.0);
        let life = io.config.lookup.capability_life;
        let given = self.given.entry(asker).or_default();
        given.retain(|capability| self.held.contains_key(capability));
        while given.len() >= io.config.lookup.capabilities_max {
            // The oldest gives way: who asks without end keeps the newest.
            let Some(oldest) = given.pop_front() else { break };
            self.held.remove(&oldest);
        }
        given.push_back(capability);
        self.held.insert(capability, Held { asker, of, expires_at: io.now.mono.after(life) });
        let expires_at = io.now.server.after(life);
        io.send(conn, ServerFrame::Capability(Granted { ticket, capability, expires_at }));
    }

    /// Uses a capability up.
    fn take(&mut self, io: &Io, capability: Capability) -> Option<Owner> {
        let held = self.held.remove(&capability)?;
        (held.expires_at > io.now.mono).then_some(held.of)
    }

    fn resolved(&self, ticket: Ticket, of: Owner, place: Option<Place>) -> Option<Resolved> {
        let (port, place) = (*self.ports.get(&of)?, place?);
        let Place { generation, age_ms, addresses } = place;
        Some(Resolved { ticket, generation, age_ms, addresses, port })
    }
}
