//! The virtual stage: the simulation's world, directed by a scenario.

use super::access::{VirtualAccess, now};
use super::handset::Handset;
use super::smsc::VirtualSmsc;
use super::talk::{Talk, pass, passing};
use crate::names::Names;
use crate::scenario::{Scenario, Verb};
use crate::seen::{Seen, refused, seen, written};
use crate::settings::decisions;
use crate::stage::{Sighting, Stage, StageError};
use crate::switch::{Doing, Switch};
use std::time::Duration;
use tandem_crypto::ServerNotary;
use tandem_machine::effect::{Refusal, Reply};
use tandem_model::{Msisdn, Notary, Secret};
use tandem_resolver::Now;
use tandem_sim::faults::Faults;
use tandem_sim::key_holder::KeyHolder;
use tandem_sim::server::ServerBox;
use tandem_sim::tap::Tapped;
use tandem_sim::world::{What, World};

/// One scenario in virtual time.
pub struct VirtualStage {
    pub(super) world: World,
    handsets: Vec<Handset>,
    names: Names,
    pub(super) switch: Switch,
    pub(super) smsc: VirtualSmsc,
    pub(super) talks: Vec<Talk>,
    waiting: Vec<Sighting>,
    pub(super) server_stopped: bool,
    access: VirtualAccess,
}

impl VirtualStage {
    /// Starts the server and every phone.
    ///
    /// # Errors
    /// When the world's settings are none, or a device's number is none.
    pub fn open(scenario: &Scenario, seed: u64) -> Result<VirtualStage, String> {
        let settings = decisions(&scenario.world);
        let config = tandem_server::Config::from_toml(&settings, &|_| None).map_err(|e| e.to_string())?.logic();
        let mut world = World::new(seed, Faults::NONE, ServerBox::new(seed, config, notary));
        world.key_holder = KeyHolder::real(seed).map_err(|error| error.to_string())?;
        world.open_tap();
        world.start_server();
        let mut handsets = Vec::new();
        for (place, device) in scenario.devices.iter().enumerate() {
            let seed = seed.wrapping_mul(31).wrapping_add(place as u64);
            handsets.push(Handset::new(device, seed, &mut world)?);
        }
        let names = scenario.names.clone();
        for handset in &mut handsets {
            handset.start(&names, &mut world);
        }
        let switch = scenario.switch();
        let (smsc, talks, waiting) = (VirtualSmsc::default(), Vec::new(), Vec::new());
        let access = VirtualAccess::new(seed, world.now, world.server_ms())?;
        Ok(VirtualStage { world, handsets, names, switch, smsc, talks, waiting, server_stopped: false, access })
    }

    /// Lets the next thing happen, or time pass until `end` when there is none before.
    pub(super) fn advance(&mut self, end: u64) {
        let end = self.talks.iter().map(|talk| talk.until).chain([end]).min().unwrap_or(end);
        let (before, passing) = (self.world.now, passing(&self.talks, &self.world.media));
        self.world.run_one(end);
        pass(&mut self.talks, &passing, self.world.now - before);
        let over = |talk: &Talk, now: u64| talk.until <= now;
        let now = self.world.now;
        for talk in self.talks.iter().filter(|talk| over(talk, now)).cloned().collect::<Vec<_>>() {
            self.see_at(talk.phone, talk.heard());
        }
        self.talks.retain(|talk| !over(talk, now));
    }

    /// Takes what came out of the world until nothing more does.
    pub(super) fn settle(&mut self) {
        loop {
            let drops = self.world.tapped();
            if drops.is_empty() {
                return;
            }
            for drop in drops {
                self.take(drop);
            }
        }
    }

    fn take(&mut self, drop: Tapped) {
        match drop {
            Tapped::Shown(place, event) => {
                if let Some(handset) = self.handsets.get_mut(place) {
                    handset.person.sees(&event);
                }
                for seen in seen(&event, &self.names) {
                    self.see_at(place, seen);
                }
            }
            Tapped::Answered(place, _, answer) => self.answered(place, answer),
            Tapped::Dials(place, ticket, digits) => {
                let doings = self.switch.dial(&self.name(place), ticket.0, &digits);
                self.carry_out(doings);
            }
            Tapped::Texts { phone, ticket, to, body } => {
                let doings = self.switch.phone_sms(&self.name(phone), ticket.0, &to, body);
                self.carry_out(doings);
            }
            Tapped::SmsOrdered { message_ref, to, body } => self.submit(message_ref, to, &body),
            Tapped::SmsDue { to, from, body } => {
                let doings = self.switch.server_sms(format!("+{to}"), from, body);
                self.carry_out(doings);
            }
            Tapped::ServerStopped => self.server_stopped = true,
        }
    }

    fn answered(&mut self, place: usize, answer: Result<Reply, Refusal>) {
        match answer {
            Ok(Reply::Text(id)) => {
                if let Some(handset) = self.handsets.get_mut(place) {
                    handset.person.wrote(id);
                }
                self.see_at(place, written(id));
            }
            Ok(Reply::Done | Reply::Call(_) | Reply::CarrierDialed | Reply::File(_) | Reply::Asking(_)) => {}
            Err(refusal) => self.see_at(place, refused(refusal.into())),
        }
    }

    /// The server's SMS goes through the SMSC.
    fn submit(&mut self, message_ref: u64, to: Msisdn, body: &str) {
        let submitted = self.smsc.submit(&mut self.world.chance);
        self.world.later(submitted.outcome_ms, What::SmsOutcome(message_ref, submitted.outcome));
        for _ in 0..submitted.copies {
            let sms = What::Sms { to: to.as_u64(), from: "Tandem".to_owned(), body: body.to_owned() };
            self.world.later(submitted.arrives_ms, sms);
        }
    }

    /// Shows and tells what the switch says; a phone that is off hears nothing and is named.
    pub(super) fn carry_out(&mut self, doings: Vec<Doing>) -> Option<String> {
        let mut off = None;
        for doing in doings {
            match doing {
                Doing::See(who, seen) => self.see(who, seen),
                Doing::Tell(who, word) => {
                    if !self.place(&who).is_ok_and(|place| self.world.host(place, word.input())) {
                        off = Some(who);
                    }
                }
            }
        }
        off
    }

    pub(super) fn see(&mut self, device: String, seen: Seen) {
        self.waiting.push(Sighting { at: self.elapsed(), device, seen });
    }

    fn see_at(&mut self, place: usize, seen: Seen) {
        self.see(self.name(place), seen);
    }

    pub(super) fn name(&self, place: usize) -> String {
        self.handsets.get(place).map_or_else(String::new, |handset| handset.device.name.clone())
    }

    pub(super) fn place(&self, name: &str) -> Result<usize, StageError> {
        let place = self.handsets.iter().position(|handset| handset.device.name == name);
        place.ok_or_else(|| StageError::NotNow(format!("no phone is called {name}")))
    }

    pub(super) fn handset(&mut self, place: usize) -> Result<(&mut Handset, &Names, &mut World), StageError> {
        let handset = self.handsets.get_mut(place);
        let handset = handset.ok_or_else(|| StageError::Broken("a phone is missing".to_owned()))?;
        Ok((handset, &self.names, &mut self.world))
    }

    /// The access network and the resolver, when the server runs.
    pub(super) fn access(&mut self) -> Result<(&mut VirtualAccess, &Names, Now), StageError> {
        if !self.world.server.is_up() {
            return Err(StageError::NotNow("the server does not answer the access network".to_owned()));
        }
        let now = now(self.world.now, self.world.server_ms());
        Ok((&mut self.access, &self.names, now))
    }

    /// The number of a phone's SIM.
    pub(super) fn number(&self, place: usize, line: u8) -> Result<Msisdn, StageError> {
        let number = self.world.phones.get(place).and_then(|phone| phone.numbers.get(usize::from(line))).copied();
        number.ok_or_else(|| StageError::NotNow(format!("{} has no SIM in slot {line}", self.name(place))))
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.world.now + ms;
        while self.world.now < until {
            self.advance(until);
            self.settle();
        }
    }
}

fn notary() -> Box<dyn Notary> {
    Box::new(ServerNotary::new(Secret::new([5; 32])))
}

impl Stage for VirtualStage {
    fn act(&mut self, device: Option<&str>, verb: &Verb) -> Result<(), StageError> {
        match device {
            None => self.act_on_world(verb),
            Some(name) => self.act_on(name, verb),
        }
    }

    fn watch(&mut self, at_most: Duration) -> Result<Vec<Sighting>, StageError> {
        let until = self.world.now + u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX / 2);
        self.settle();
        while self.waiting.is_empty() && self.world.now < until {
            self.advance(until);
            self.settle();
        }
        Ok(std::mem::take(&mut self.waiting))
    }

    fn takes_real_time(&self) -> bool {
        false
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.world.now)
    }

    fn close(&mut self) {
        for place in 0..self.handsets.len() {
            self.world.kill_phone(place);
        }
        self.world.kill_server();
    }
}
