//! One mock phone in virtual time: what its OS tells its core, and who holds it.

use super::link::{Knobs, ShapedLink};
use crate::link::link_model;
use crate::names::Names;
use crate::person::Person;
use crate::scenario::{Device, Link};
use std::cell::Cell;
use std::rc::Rc;
use tandem_crypto::{DeviceVault, SeededRandom};
use tandem_machine::Config;
use tandem_machine::input::{HostInput, NetworkSnapshot};
use tandem_model::{Msisdn, Secret};
use tandem_sim::phone::{Blinding, Phone};
use tandem_sim::world::World;

/// A phone of the scenario and its place in the world.
pub(super) struct Handset {
    pub(super) device: Device,
    pub(super) person: Person,
    place: usize,
    path: u64,
    knobs: Knobs,
}

/// The numbers of a device's SIMs.
///
/// # Errors
/// Names the device whose number is none.
pub(super) fn numbers(device: &str, numbers: &[String]) -> Result<Vec<Msisdn>, String> {
    let read = |number: &String| Msisdn::from_e164(number).map_err(|_| format!("{device} holds what is no number"));
    numbers.iter().map(read).collect()
}

impl Handset {
    /// A phone that is off, put into the world.
    ///
    /// # Errors
    /// When a number is none.
    pub(super) fn new(device: &Device, seed: u64, world: &mut World) -> Result<Handset, String> {
        let place = world.phones.len();
        let knobs: Knobs = Rc::new(Cell::new(link_model(&device.link)));
        let vault = Box::new(DeviceVault::new(seeded(seed)));
        let mut phone = Phone::new(seed, vault, numbers(&device.name, &device.numbers)?);
        phone.blinding = Blinding::real(seeded(!seed));
        phone.config = Config::default();
        phone.sims_tell = device.sim_tells_number;
        phone.country.clone_from(&device.country);
        phone.link.shape = Some(Box::new(ShapedLink::new(seed, knobs.clone())));
        world.phones.push(phone);
        Ok(Handset { device: device.clone(), person: Person::default(), place, path: 0, knobs })
    }

    /// Starts the phone on what its database kept; one that runs is killed before. It is on the link it began on.
    pub(super) fn start(&mut self, names: &Names, world: &mut World) {
        world.kill_phone(self.place);
        (self.person, self.path) = (Person::default(), 0);
        self.set_link(self.device.link, world);
        world.boot_phone(self.place);
        self.tell_sims(world);
        world.host(self.place, HostInput::EmergencyNumbers(vec!["112".to_owned(), "110".to_owned()]));
        let added = secrets(names, &self.device.contacts);
        world.host(self.place, HostInput::Contacts { replace: true, added, removed: Vec::new() });
        self.tell_network(self.device.link, world);
    }

    /// The link changes, and the OS says what it knows of it.
    pub(super) fn change_link(&mut self, link: Link, world: &mut World) {
        self.set_link(link, world);
        self.tell_network(link, world);
    }

    /// The phone gets another address.
    pub(super) fn change_path(&mut self, world: &mut World) {
        world.link_turned(self.place, true);
        world.media_address_gone(self.place);
        self.tell_network(Link::default(), world);
    }

    /// Other SIMs are in the phone.
    pub(super) fn change_sims(&self, new: &[String], world: &mut World) -> Result<(), String> {
        let new = numbers(&self.device.name, new)?;
        if let Some(phone) = world.phones.get_mut(self.place) {
            phone.numbers = new;
        }
        self.tell_sims(world);
        Ok(())
    }

    fn set_link(&self, link: Link, world: &mut World) {
        self.knobs.set(link_model(&link));
        if let Some(phone) = world.phones.get_mut(self.place) {
            phone.network = !link.down;
        }
        world.link_turned(self.place, link.down);
    }

    fn tell_network(&mut self, link: Link, world: &mut World) {
        self.path += 1;
        let snapshot = NetworkSnapshot { path: self.path, connected: !link.down, wifi: false, hint_bps: None };
        world.host(self.place, HostInput::Network(snapshot));
    }

    fn tell_sims(&self, world: &mut World) {
        if let Some(sims) = world.phones.get(self.place).map(Phone::sims) {
            world.host(self.place, HostInput::Sims(sims));
        }
    }
}

/// Contacts by name or raw number, as the OS tells them.
pub(super) fn secrets(names: &Names, contacts: &[String]) -> Vec<Secret<String>> {
    contacts.iter().map(|name| Secret::new(names.number(name))).collect()
}

fn seeded(seed: u64) -> SeededRandom {
    let mut bytes = [9; 32];
    for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    SeededRandom::from_seed(bytes)
}
