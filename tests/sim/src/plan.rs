//! What is done to the phones over the days: drawn from the seed before the run begins.

use crate::history::Word;
use crate::world::{What, World};
use tandem_machine::input::{Command, HostInput, Input, Mode, Target};
use tandem_model::random::SplitMix64;
use tandem_model::{Random, Secret};

/// One act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// The person texts that phone.
    Text(usize),
    /// The person calls that phone.
    Call(usize),
    /// The person dials an emergency number.
    Emergency,
    /// The person calls that phone through the carrier.
    CarrierCall(usize),
    /// The newest open text becomes an SMS.
    ToSms,
    /// The newest open text is taken back.
    Cancel,
    /// The network goes.
    NetworkOff,
    /// The network comes, on another path.
    NetworkOn,
    /// The path changes.
    NewPath,
    /// The process is killed.
    Kill,
    /// The process starts.
    Start,
    /// The wall clock is set, by so many milliseconds.
    SetWall(i64),
    /// The server is killed and starts again.
    ServerCrash,
    /// This phone and that one change their SIMs.
    SwapSims(usize),
    /// The person unregisters.
    Unregister,
    /// The person registers.
    Register,
    /// The OS tells the contacts again.
    Contacts,
    /// Killed at a commit, and started a little later. `usize::MAX` is the server.
    Crash,
}

/// Chances of the acts, out of their sum.
const WEIGHTS: [(u64, fn(&mut SplitMix64, usize) -> Act); 16] = [
    (220, |r, n| Act::Text(pick(r, n))),
    (50, |r, n| Act::Call(pick(r, n))),
    (6, |_, _| Act::Emergency),
    (10, |r, n| Act::CarrierCall(pick(r, n))),
    (12, |_, _| Act::ToSms),
    (12, |_, _| Act::Cancel),
    (40, |_, _| Act::NetworkOff),
    (60, |_, _| Act::NetworkOn),
    (60, |_, _| Act::NewPath),
    (20, |_, _| Act::Kill),
    (60, |_, _| Act::Start),
    (4, |r, _| Act::SetWall(i64::try_from(r.below(20 * 31_536_000_000)).unwrap_or(0) - 10 * 31_536_000_000)),
    (3, |_, _| Act::ServerCrash),
    (1, |r, n| Act::SwapSims(pick(r, n))),
    (2, |_, _| Act::Unregister),
    (30, |_, _| Act::Contacts),
];

fn pick(random: &mut SplitMix64, phones: usize) -> usize {
    usize::try_from(random.below(phones as u64)).unwrap_or(0)
}

/// Draws acts for every phone: one every `mean_gap_ms` on average until `end_ms`.
#[must_use]
pub fn draw(random: &mut SplitMix64, phones: usize, mean_gap_ms: u64, end_ms: u64) -> Vec<(u64, usize, Act)> {
    let total: u64 = WEIGHTS.iter().map(|(weight, _)| weight).sum();
    let mut acts = Vec::new();
    for phone in 0..phones {
        let mut at = random.below(mean_gap_ms);
        while at < end_ms {
            let mut left = random.below(total);
            let make = WEIGHTS.iter().find(|(weight, _)| {
                let found = left < *weight;
                left = left.saturating_sub(*weight);
                found
            });
            if let Some((_, make)) = make {
                acts.push((at, phone, make(random, phones)));
            }
            at += 1 + random.below(2 * mean_gap_ms);
        }
    }
    acts.sort_by_key(|(at, phone, _)| (*at, *phone));
    acts
}

impl World {
    pub(crate) fn act(&mut self, index: usize, act: Act) {
        if index == usize::MAX {
            return self.crash_server();
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
            Act::Contacts => self.tell_contacts(index, false),
            Act::Crash => {
                self.kill_phone(index);
                self.later(3_000, What::Act(index, Act::Start));
            }
        }
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
