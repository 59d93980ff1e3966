//! One run: a world from a seed, days of acts and faults, a long calm, and the judgement.

use crate::checker::{Violation, check};
use crate::faults::Faults;
use crate::history::History;
use crate::key_holder::KeyHolder;
use crate::phone::{Blinding, Phone};
use crate::plan::{Act, draw};
use crate::planted::Planted;
use crate::server::ServerBox;
use crate::thief::Thief;
use crate::world::{CrashAt, What, World};
use std::time::Duration;
use tandem_crypto::fake::{FakeNotary, FakeVault};
use tandem_crypto::{DeviceVault, SeededRandom, ServerNotary};
use tandem_logic::Config;
use tandem_machine::input::Command;
use tandem_model::random::SplitMix64;
use tandem_model::{Line, Msisdn, Notary, Random, Vault};

/// How a run is made.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Everything follows from it.
    pub seed: u64,
    /// A bug on purpose.
    pub planted: Option<Planted>,
    /// Keep every input and effect in words.
    pub trace: bool,
    /// Days of acts; the calm comes on top.
    pub days: u64,
    /// Crash whoever makes this commit.
    pub crash_at_commit: Option<CrashAt>,
}

impl Setup {
    /// The setup that `sim --seeds` runs.
    #[must_use]
    pub fn seed(seed: u64) -> Setup {
        Setup { seed, planted: None, trace: false, days: 4, crash_at_commit: None }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Broken promises; empty is good.
    pub violations: Vec<Violation>,
    /// What happened.
    pub history: History,
    /// Every input and effect, when wanted.
    pub trace: Option<String>,
    /// Phones times days, the calm included.
    pub device_days: f64,
    /// Acts of persons and hosts.
    pub acts: u64,
    /// Inputs the phones' machines handled.
    pub inputs: u64,
    /// Commits of all stores.
    pub commits: u64,
}

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Longer than the longest life of a text in [`server_config`].
const CALM_MS: u64 = 2 * DAY_MS;
/// One act a phone in this time, on average.
const MEAN_GAP_MS: u64 = 20 * 60 * 1000;

/// Runs one setup.
#[must_use]
pub fn run(setup: Setup) -> Outcome {
    let mut random = SplitMix64(setup.seed);
    let faults = Faults::draw(&mut random);
    let phones = 2 + usize::try_from(random.below(4)).unwrap_or(0);
    let end = setup.days * DAY_MS;
    let acts = draw(&mut random, phones, MEAN_GAP_MS, end);
    let mut world = build(setup, phones, faults, &acts);
    world.run_until(end);
    world.calm();
    world.run_until(end + CALM_MS);
    finish(world, phones, end + CALM_MS)
}

/// Runs a fixed list of acts in a kind world, for crashes at each commit.
#[must_use]
pub fn script(setup: Setup, phones: usize, acts: &[(u64, usize, Act)], end_ms: u64) -> Outcome {
    let mut world = build(setup, phones, Faults::NONE, acts);
    world.run_until(end_ms);
    world.calm();
    world.run_until(end_ms + CALM_MS);
    finish(world, phones, end_ms + CALM_MS)
}

fn build(setup: Setup, phones: usize, faults: Faults, acts: &[(u64, usize, Act)]) -> World {
    // Real keys in one run of sixteen: signing costs a hundred times the rest.
    let real_keys = setup.seed % 16 == 15;
    let notary: fn() -> Box<dyn Notary> = if real_keys { real_notary } else { fake_notary };
    let server = ServerBox::new(setup.seed, server_config(), notary);
    let mut world = World::new(setup.seed, faults, server);
    if real_keys && let Ok(holder) = KeyHolder::real(setup.seed) {
        world.key_holder = holder;
    }
    world.planted = setup.planted;
    world.crash_at_commit = setup.crash_at_commit;
    world.trace = setup.trace.then(String::new);
    world.thief = Thief::new(vault(real_keys, setup.seed ^ 0x7417));
    world.start_server();
    for index in 0..phones {
        let number = Msisdn::try_from(4_915_100_000_000 + index as u64).into_iter().collect();
        let seed = setup.seed.wrapping_mul(31).wrapping_add(index as u64);
        let mut phone = Phone::new(seed, vault(real_keys, seed), number);
        if real_keys {
            phone.blinding = Blinding::real(seeded(seed ^ 0xB11D));
        }
        world.phones.push(phone);
    }
    for index in 0..phones {
        world.start_phone(index);
        world.tell_contacts(index, true);
        let boot = world.phones.get(index).map_or(0, |phone| phone.boot);
        world.does(index, boot, 1_000 * (index as u64 + 1), Command::Register { line: Line(0), typed: None });
    }
    for (at, phone, act) in acts {
        world.at(*at, What::Act(*phone, act.clone()));
    }
    world
}

/// Longer than anything that is begun at a start takes.
const RESTART_MS: u64 = 30 * 60 * 1000;

fn finish(mut world: World, phones: usize, end_ms: u64) -> Outcome {
    // Everybody starts once more: what is durable is all that is left.
    for index in 0..phones {
        world.kill_phone(index);
        world.start_phone(index);
    }
    let end_ms = end_ms + RESTART_MS;
    world.run_until(end_ms);
    Outcome {
        violations: check(&world.history),
        history: world.history,
        trace: world.trace,
        device_days: phones as f64 * end_ms as f64 / DAY_MS as f64,
        acts: world.acts,
        inputs: world.inputs,
        commits: world.commits,
    }
}

fn vault(real: bool, seed: u64) -> Box<dyn Vault> {
    let random = seeded(seed);
    if real { Box::new(DeviceVault::new(random)) } else { Box::new(FakeVault::new(seed)) }
}

fn seeded(seed: u64) -> SeededRandom {
    let mut bytes = [3; 32];
    for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    SeededRandom::from_seed(bytes)
}

fn fake_notary() -> Box<dyn Notary> {
    Box::new(FakeNotary::new(11))
}

fn real_notary() -> Box<dyn Notary> {
    Box::new(ServerNotary::new(tandem_model::Secret::new([5; 32])))
}

/// The server's settings in the simulation: a text lives a day, sessions are kept quiet so that virtual days pass quickly.
fn server_config() -> Config {
    let mut config = Config::default();
    config.session.keepalive = Duration::from_secs(3 * 3600);
    config.session.silence_max = Duration::from_secs(7 * 3600);
    config.text.life = Duration::from_secs(24 * 3600);
    config.registration.per_number.limit = 20;
    config.registration.per_prefix.limit = 10_000;
    config.registration.per_source.limit = 10_000;
    config.gate.per_pair.limit = 10_000;
    config.house.sweep_interval = Duration::from_secs(600);
    config
}
