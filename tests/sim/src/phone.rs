//! A phone: the real machine over a store that forgets what was not synced.

mod blinding;
mod told;
mod vault;

pub use self::blinding::Blinding;
use self::blinding::Evaluation;
use self::vault::SharedVault;
use crate::history::Word;
use crate::planted::Planted;
use crate::shape::LinkEnd;
use crate::tap::Tapped;
use crate::world::{What, World};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tandem_crypto::SeededRandom;
use tandem_machine::effect::Effect;
use tandem_machine::input::{Command, HostInput, Input, NetworkSnapshot, StoreFailure, StoreInput};
use tandem_machine::view::CallState;
use tandem_machine::{Config, Device};
use tandem_model::rows::Change;
use tandem_model::{Country, Imsi, Line, Mono, MonoMicros, Msisdn, Now, Random, SimSlot, Ticket, Vault, WallMillis};
use tandem_store::{Failure, MemoryRows, Outcome, RowStore};

/// A phone.
pub struct Phone {
    /// The machine; absent while the phone is off.
    pub device: Option<Device>,
    /// Counts its lives: what was meant for an earlier one is dropped.
    pub boot: u64,
    /// Its database.
    pub rows: MemoryRows,
    vault: SharedVault,
    /// What blinds its contacts' numbers; the stand-ins unless it is set.
    pub blinding: Blinding,
    /// The SIMs' numbers.
    pub numbers: Vec<Msisdn>,
    /// Whether the SIMs tell them.
    pub sims_tell: bool,
    /// The SIMs' country, as the OS says it.
    pub country: String,
    /// The machine's settings.
    pub config: Config,
    /// Its end of a shaped link.
    pub link: LinkEnd,
    /// Whether it has a network.
    pub network: bool,
    path: u64,
    booted_at: u64,
    mono_base: u64,
    /// How wrong its wall clock is.
    pub wall_skew_ms: i64,
    synced_until: u64,
    /// Commits that are written and not synced: their changes, and the places of those that were there before.
    written: Vec<(Vec<Change>, Vec<usize>)>,
    seed: u64,
    /// Expiries of the rings it was told of.
    pub ring_until: BTreeMap<[u8; 16], i64>,
    /// In which calls sound is let in.
    sound: BTreeMap<[u8; 16], bool>,
    /// Texts of its own that may still be turned into SMS or taken back.
    pub open_texts: Vec<tandem_model::TextId>,
    /// Data calls that are not over.
    pub calls: BTreeMap<[u8; 16], CallState>,
    timeout: Option<u64>,
    pub(crate) commands: u64,
}

impl Phone {
    /// A phone that is off.
    #[must_use]
    pub fn new(seed: u64, vault: Box<dyn Vault>, numbers: Vec<Msisdn>) -> Phone {
        Phone {
            device: None,
            boot: 0,
            rows: MemoryRows::new(),
            vault: SharedVault(Arc::new(Mutex::new(vault))),
            blinding: Blinding::fake(seed),
            numbers,
            sims_tell: true,
            country: "DE".to_owned(),
            config: sim_config(),
            link: LinkEnd::default(),
            network: true,
            path: 0,
            booted_at: 0,
            mono_base: 0,
            wall_skew_ms: 0,
            synced_until: 0,
            written: Vec::new(),
            seed,
            ring_until: BTreeMap::new(),
            sound: BTreeMap::new(),
            open_texts: Vec::new(),
            calls: BTreeMap::new(),
            timeout: None,
            commands: 0,
        }
    }

    fn clock(&self, now: u64) -> Now {
        let wall = crate::world::EPOCH_MS + i64::try_from(now).unwrap_or(0) + self.wall_skew_ms;
        Now { mono: Mono(now.saturating_sub(self.booted_at) + self.mono_base), wall: WallMillis(wall) }
    }

    /// The monotonic clock in microseconds.
    #[must_use]
    pub fn micros(&self, now: u64) -> MonoMicros {
        MonoMicros(self.clock(now).mono.0 * 1000)
    }

    /// The true time of the machine's next deadline.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.timeout
    }

    fn read_timeout(&mut self) {
        let due = self.device.as_ref().and_then(Device::poll_timeout).map(|(due, _)| due.0);
        self.timeout = due.map(|due| (due + self.booted_at).saturating_sub(self.mono_base));
    }

    /// Whether packets pass between it and the world.
    #[must_use]
    pub fn reaches(&self) -> bool {
        self.network && !self.link.stalls()
    }

    /// What its link adds to a round trip.
    #[must_use]
    pub fn round_trip_ms(&self) -> u64 {
        self.link.shape.as_ref().map_or(0, |shape| shape.round_trip_ms())
    }

    /// The SIMs as the OS reports them.
    #[must_use]
    pub fn sims(&self) -> Vec<SimSlot> {
        let slots = self.numbers.iter().enumerate().filter_map(|(slot, number)| {
            Some(SimSlot {
                line: Line(u8::try_from(slot).ok()?),
                number: self.sims_tell.then_some(*number),
                imsi: Imsi::parse(&format!("26201{:010}", number.as_u64() % 10_000_000_000)),
                country: Country::parse(&self.country)?,
            })
        });
        slots.collect()
    }

    /// The network as the OS reports it.
    pub fn snapshot(&mut self, new_path: bool) -> NetworkSnapshot {
        self.path += u64::from(new_path);
        NetworkSnapshot { path: self.path, connected: self.network, wifi: self.path.is_multiple_of(3), hint_bps: None }
    }
}

impl World {
    /// Starts a phone: a new life on what its store kept, and what its OS tells it.
    pub fn start_phone(&mut self, index: usize) {
        if !self.boot_phone(index) {
            return;
        }
        let Some(phone) = self.phones.get_mut(index) else { return };
        let (boot, sims, network) = (phone.boot, phone.sims(), phone.snapshot(true));
        self.phone_input(index, boot, Input::Host(HostInput::EmergencyNumbers(vec!["112".to_owned()])));
        self.phone_input(index, boot, Input::Host(HostInput::Sims(sims)));
        self.phone_input(index, boot, Input::Host(HostInput::Network(network)));
        self.carrier_tells_again(index);
    }

    /// Begins a phone's new life on what its store kept; its OS has told it nothing yet. False when it runs already.
    pub fn boot_phone(&mut self, index: usize) -> bool {
        let now = self.now;
        let base = self.chance.below(1_000_000);
        let Some(phone) = self.phones.get_mut(index).filter(|phone| phone.device.is_none()) else { return false };
        phone.boot += 1;
        phone.booted_at = now;
        phone.mono_base = base;
        phone.synced_until = now;
        let mut seed = [0; 32];
        for (to, from) in seed.iter_mut().zip(phone.seed.to_le_bytes().into_iter().chain(phone.boot.to_le_bytes())) {
            *to = from;
        }
        let random = Box::new(SeededRandom::from_seed(seed));
        let vault = Box::new(phone.vault.clone());
        phone.device = Some(Device::new(
            phone.config.clone(),
            phone.rows.restore().unwrap_or_default(),
            vault,
            random,
            phone.clock(now),
        ));
        self.tell(index, Word::Started);
        self.drain_phone(index);
        true
    }

    /// Kills a phone: what was not synced is gone.
    pub fn kill_phone(&mut self, index: usize) {
        let Some(phone) = self.phones.get_mut(index).filter(|phone| phone.device.is_some()) else { return };
        phone.device = None;
        phone.timeout = None;
        phone.rows.crash();
        phone.written.clear();
        phone.blinding.clear();
        phone.ring_until.clear();
        phone.sound.clear();
        phone.calls.clear();
        self.tell(index, Word::Killed);
        self.forget_link(index);
        self.break_conns_of(index);
        self.media_forgets(index);
    }

    /// Feeds a machine one input and carries out what it orders.
    pub fn phone_input(&mut self, index: usize, boot: u64, input: Input) {
        let now = self.now;
        let Some(phone) = self.phones.get_mut(index).filter(|phone| phone.boot == boot) else { return };
        let clock = phone.clock(now);
        phone.link.heard(&input);
        let Some(device) = &mut phone.device else { return };
        let connected = match &input {
            Input::Media { call, event: tandem_machine::input::MediaInput::Connected } => Some(call.0),
            _ => None,
        };
        device.handle(input, clock);
        self.inputs += 1;
        if let (Some(Planted::SoundBeforeAnswer), Some(call)) = (self.planted, connected) {
            self.data_sound(index, call, true);
        }
        self.drain_phone(index);
    }

    /// Tells a machine that a deadline has come.
    pub fn phone_timeout(&mut self, index: usize) {
        let now = self.now;
        let Some(phone) = self.phones.get_mut(index) else { return };
        let clock = phone.clock(now);
        if let Some(device) = &mut phone.device {
            device.handle_timeout(clock);
            self.inputs += 1;
        }
        self.drain_phone(index);
    }

    /// A command of the person's.
    pub fn command(&mut self, index: usize, boot: u64, command: Command) {
        if let Command::Dial { target: tandem_machine::input::Target::Number(digits), .. } = &command {
            let emergency = matches!(digits.expose().as_str(), "112" | "110" | "1-1-2");
            self.tell(index, Word::Dialed { digits: digits.expose().replace('-', ""), emergency });
        }
        if self.planted == Some(Planted::SmsBeforeTheSwap)
            && let Command::TextToSms { id } = &command
        {
            self.sms_without_asking(index, *id);
        }
        let other =
            self.phones.iter().enumerate().find(|(other, _)| *other != index).and_then(|(_, p)| p.numbers.first());
        let command = crate::planted::spoil_command(self.planted, command, other.map(|number| number.e164()));
        if self.planted == Some(Planted::CatchAllActs)
            && let Command::Accept { call } = &command
        {
            self.data_sound(index, call.0, true);
        }
        let Some(phone) = self.phones.get_mut(index).filter(|phone| phone.boot == boot) else { return };
        phone.commands += 1;
        let ticket = Ticket(phone.commands);
        self.phone_input(index, boot, Input::Command { ticket, command });
    }

    fn drain_phone(&mut self, index: usize) {
        while let Some(effect) = self.phones.get_mut(index).and_then(|phone| phone.device.as_mut()?.poll_effect()) {
            if let Some(trace) = &mut self.trace {
                use std::fmt::Write;
                let _infallible = writeln!(trace, "{} phone {index} {effect:?}", self.now);
            }
            self.phone_effect(index, effect);
        }
        if let Some(phone) = self.phones.get_mut(index) {
            phone.read_timeout();
        }
    }

    fn phone_effect(&mut self, index: usize, effect: Effect) {
        let boot = self.phones.get(index).map_or(0, |phone| phone.boot);
        match effect {
            Effect::Reply { ticket, reply } => {
                self.drip(|| Tapped::Answered(index, ticket, reply));
            }
            Effect::Commit { ticket, changes } => self.phone_commit(index, boot, ticket, changes),
            Effect::Connect { line, link } => self.connect(index, line, link),
            Effect::Disconnect { line, link } => self.disconnect(index, line, link),
            Effect::Send { line, link, frame } => self.send_up(index, line, link, frame),
            Effect::Register { ticket, request } => self.post_register(index, ticket, &request),
            Effect::DialCarrier { ticket, digits, .. } => self.modem_dials(index, boot, ticket, digits.expose()),
            Effect::SendSms { ticket, to, body, .. } => {
                self.modem_texts(index, boot, ticket, to.expose(), body.as_str())
            }
            Effect::Blind { ticket, numbers } => self.blinds(index, boot, ticket, &numbers),
            Effect::Finish { ticket, job, key, evaluated, proof } => {
                self.unblinds(index, boot, ticket, Evaluation { job, key, evaluated, proof });
            }
            Effect::ForgetBlind { job } => {
                if let Some(phone) = self.phones.get_mut(index) {
                    phone.blinding.forget(job);
                }
            }
            // Nobody is resolved in this world: direct data is off.
            Effect::Direct(_) | Effect::File(_) => {}
            Effect::Media { call, order } => self.media_order(index, boot, call, order),
            Effect::Emit(event) => self.shown(index, boot, event),
        }
    }

    fn phone_commit(&mut self, index: usize, boot: u64, ticket: Ticket, mut changes: Vec<Change>) {
        if self.planted.is_some()
            && let Some(phone) = self.phones.get(index)
        {
            let received = phone.rows.incoming().map(|row| (row.from, row.id)).collect();
            crate::planted::spoil_commit(self.planted, &mut changes, &received);
        }
        self.commits += 1;
        if let Some(crash) = self.crash_at_commit.filter(|crash| crash.commit == self.commits) {
            if let Some(phone) = self.phones.get_mut(index).filter(|_| crash.durable) {
                if let Outcome::Committed { duplicates } = phone.rows.write(&changes) {
                    phone.written.push((changes, duplicates));
                }
                self.phone_keeps(index);
            }
            return self.later(0, What::Act(index, crate::plan::Act::Crash));
        }
        let fails = self.happens(self.faults.commit_fails);
        let sync = 1 + self.chance.below(self.faults.sync_ms);
        let now = self.now;
        let Some(phone) = self.phones.get_mut(index) else { return };
        let at = now.max(phone.synced_until) + sync;
        phone.synced_until = at;
        let outcome = if fails { Outcome::Failed(Failure::Full) } else { phone.rows.write(&changes) };
        let answer = match outcome {
            Outcome::Committed { duplicates } => {
                phone.written.push((changes, duplicates.clone()));
                StoreInput::Committed { ticket, duplicates }
            }
            Outcome::Failed(_) => StoreInput::Failed { ticket, why: StoreFailure::Full },
        };
        if self.planted == Some(Planted::PhoneAckBeforeSync) {
            self.later(0, What::Phone(index, boot, Input::Store(answer.clone())));
            return self.at(at + 20_000, What::PhoneSynced(index, boot, answer));
        }
        self.at(at, What::PhoneSynced(index, boot, answer));
    }

    pub(crate) fn phone_synced(&mut self, index: usize, boot: u64, answer: StoreInput) {
        if self.phones.get(index).is_some_and(|phone| phone.boot == boot && phone.device.is_some()) {
            self.phone_keeps(index);
            self.phone_input(index, boot, Input::Store(answer));
        }
    }

    /// One sync keeps whatever was written until then, answered or not.
    fn phone_keeps(&mut self, index: usize) {
        let Some(phone) = self.phones.get_mut(index) else { return };
        phone.rows.sync();
        for (changes, duplicates) in std::mem::take(&mut phone.written) {
            for (place, change) in changes.iter().enumerate() {
                if !duplicates.contains(&place) {
                    self.kept(index, change);
                }
            }
        }
    }
}

/// The machine's settings in the simulation: slower keep-alives, so that virtual days pass quickly.
fn sim_config() -> Config {
    Config { sealing_rotation: std::time::Duration::from_secs(2 * 24 * 3600), ..Config::default() }
}
