//! Acts are done: what a person, a host or fate does to the world.

use crate::history::Word;
use crate::plan::Act;
use crate::world::{What, World};
use tandem_machine::input::{Command, HostInput, Input, Mode, Target};
use tandem_model::{Random, Secret};
use tandem_store::MemoryRows;

impl World {
    pub(crate) fn act(&mut self, index: usize, act: Act) {
        if index == usize::MAX {
            return self.crash_server();
        }
        match act {
            Act::Steal(victim) => return self.thief_starts(victim),
            Act::GuessCode => return self.thief_guesses(),
            _ => {}
        }
        let Some(phone) = self.phones.get(index) else { return };
        let boot = phone.boot;
        let number_of = |other: usize| self.phones.get(other).and_then(|p| p.numbers.first()).map(|n| n.e164());
        match act {
            Act::Text(to) => {
                let Some(digits) = number_of(to).filter(|_| to != index) else { return };
                let body = Secret::new(format!("words {} of {index}", self.acts));
                let target = Target::Number(Secret::new(digits));
                let mode = if self.chance.below(20) == 0 { Mode::Carrier } else { Mode::Data };
                self.command(index, boot, Command::SendText { target, line: None, body, mode });
            }
            Act::Call(to) => {
                let Some(digits) = number_of(to).filter(|_| to != index) else { return };
                self.dial(index, boot, digits, Mode::Data);
            }
            Act::Emergency => self.dial(index, boot, "112".to_owned(), Mode::Data),
            Act::CarrierCall(to) => {
                let Some(digits) = number_of(to).filter(|_| to != index) else { return };
                self.dial(index, boot, digits, Mode::Carrier);
            }
            Act::ToSms => {
                if let Some(id) = phone.open_texts.last().copied() {
                    self.command(index, boot, Command::TextToSms { id });
                }
            }
            Act::Cancel => {
                if let Some(id) = phone.open_texts.last().copied() {
                    self.command(index, boot, Command::CancelText { id });
                }
            }
            Act::NetworkOff => self.set_network(index, false),
            Act::NetworkOn => self.set_network(index, true),
            Act::NewPath => {
                self.break_conns_of(index);
                self.tell_network(index, true);
            }
            Act::Kill => self.kill_phone(index),
            Act::Start => self.start_phone(index),
            Act::SetWall(skew) => {
                if let Some(phone) = self.phones.get_mut(index) {
                    phone.wall_skew_ms = skew;
                }
            }
            Act::ServerCrash => self.crash_server(),
            Act::SwapSims(other) => self.swap_sims(index, other),
            Act::Unregister => self.command(index, boot, Command::Unregister { line: tandem_model::Line(0) }),
            Act::Register => self.command(index, boot, Command::Register { line: tandem_model::Line(0), typed: None }),
            Act::Steal(_) | Act::GuessCode => {}
            Act::AllContacts => self.tell_contacts(index, true),
            Act::Contacts => self.tell_contacts(index, false),
            Act::LoseDatabase => {
                self.lose_database(index);
                self.later(3_000, What::Act(index, Act::Start));
                self.later(60_000, What::Act(index, Act::Register));
            }
            Act::Crash => {
                self.kill_phone(index);
                self.later(3_000, What::Act(index, Act::Start));
            }
        }
    }

    fn lose_database(&mut self, index: usize) {
        self.kill_phone(index);
        if let Some(phone) = self.phones.get_mut(index) {
            phone.rows = MemoryRows::new();
            phone.open_texts.clear();
        }
        self.tell(index, Word::LostDatabase);
        self.later(4_000, What::Act(index, Act::AllContacts));
    }

    fn dial(&mut self, index: usize, boot: u64, digits: String, mode: Mode) {
        let on = self.phones.get(index).is_some_and(|phone| phone.device.is_some());
        if on {
            let target = Target::Number(Secret::new(digits));
            self.command(index, boot, Command::Dial { target, line: None, mode });
        }
    }

    fn crash_server(&mut self) {
        self.kill_server();
        self.later(2_000, What::ServerStarts);
    }

    /// Gives a phone a network or takes it.
    pub fn set_network(&mut self, index: usize, on: bool) {
        let Some(phone) = self.phones.get_mut(index).filter(|phone| phone.network != on) else { return };
        phone.network = on;
        if !on {
            self.break_conns_of(index);
        }
        self.tell_network(index, true);
        self.media_network(index);
    }

    fn tell_network(&mut self, index: usize, new_path: bool) {
        let Some(phone) = self.phones.get_mut(index) else { return };
        let (boot, snapshot) = (phone.boot, phone.snapshot(new_path));
        self.phone_input(index, boot, Input::Host(HostInput::Network(snapshot)));
    }

    /// Tells a phone that everybody else is a contact.
    pub fn tell_contacts(&mut self, index: usize, replace: bool) {
        let others = self.phones.iter().enumerate().filter(|(other, _)| *other != index);
        let added = others.flat_map(|(_, phone)| phone.numbers.iter().map(|n| Secret::new(n.e164()))).collect();
        let boot = self.phones.get(index).map_or(0, |phone| phone.boot);
        self.phone_input(index, boot, Input::Host(HostInput::Contacts { replace, added, removed: Vec::new() }));
    }

    fn swap_sims(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        let Some(first) = self.phones.get(one).map(|phone| phone.numbers.clone()) else { return };
        let Some(second) = self.phones.get_mut(other).map(|phone| std::mem::replace(&mut phone.numbers, first)) else {
            return;
        };
        if let Some(phone) = self.phones.get_mut(one) {
            phone.numbers = second;
        }
        for index in [one, other] {
            let Some(phone) = self.phones.get(index) else { continue };
            let (boot, sims) = (phone.boot, phone.sims());
            self.phone_input(index, boot, Input::Host(HostInput::Sims(sims)));
            self.does(index, boot, 120_000, Command::Register { line: tandem_model::Line(0), typed: None });
        }
    }

    /// Everything is mended and stays so.
    pub fn calm(&mut self) {
        self.faults = crate::faults::Faults::NONE;
        self.start_server();
        for index in 0..self.phones.len() {
            self.start_phone(index);
            self.set_network(index, true);
            self.tell(index, Word::Started);
        }
    }
}
