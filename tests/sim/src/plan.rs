//! What is done to the phones over the days: drawn from the seed before the run begins.

use tandem_model::Random;
use tandem_model::random::SplitMix64;

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
    /// The OS tells them all to a core that knows none.
    AllContacts,
    /// The database is lost, as after a reset: the phone starts on an empty one.
    LoseDatabase,
    /// A thief asks for the verification SMS of that phone's number.
    Steal(usize),
    /// And guesses what it said.
    GuessCode,
    /// Killed at a commit, and started a little later. `usize::MAX` is the server.
    Crash,
}

/// Acts drawn together: how long after the draw, on which phone, what.
type Scene = Vec<(u64, usize, Act)>;

/// Chances of the scenes, out of their sum. Who draws is given, and how many phones there are.
const WEIGHTS: [(u64, fn(&mut SplitMix64, usize, usize) -> Scene); 19] = [
    (220, |r, n, me| one(me, Act::Text(pick(r, n)))),
    (90, call),
    (10, |r, n, me| one(me, Act::Call(pick(r, n)))),
    (6, |_, _, me| one(me, Act::Emergency)),
    (10, |r, n, me| one(me, Act::CarrierCall(pick(r, n)))),
    (12, |_, _, me| one(me, Act::ToSms)),
    (12, |_, _, me| one(me, Act::Cancel)),
    (40, |_, _, me| one(me, Act::NetworkOff)),
    (60, |_, _, me| one(me, Act::NetworkOn)),
    (60, |_, _, me| one(me, Act::NewPath)),
    (20, |_, _, me| one(me, Act::Kill)),
    (60, |_, _, me| one(me, Act::Start)),
    (4, |r, _, me| one(me, wrong_clock(r))),
    (3, |_, _, me| one(me, Act::ServerCrash)),
    (1, |r, n, me| one(me, Act::SwapSims(pick(r, n)))),
    (2, |_, _, me| one(me, Act::Unregister)),
    (1, |_, _, me| one(me, Act::LoseDatabase)),
    (30, |_, _, me| one(me, Act::Contacts)),
    (2, |r, _, me| steal(r, me)),
];

fn one(me: usize, act: Act) -> Scene {
    vec![(0, me, act)]
}

fn pick(random: &mut SplitMix64, phones: usize) -> usize {
    usize::try_from(random.below(phones as u64)).unwrap_or(0)
}

fn wrong_clock(random: &mut SplitMix64) -> Act {
    Act::SetWall(i64::try_from(random.below(20 * 31_536_000_000)).unwrap_or(0) - 10 * 31_536_000_000)
}

/// A thief at work, and sometimes a server that crashes meanwhile.
fn steal(random: &mut SplitMix64, victim: usize) -> Scene {
    let mut scene = one(victim, Act::Steal(victim));
    if random.below(2) == 0 {
        scene.push((5_000 + random.below(40_000), victim, Act::ServerCrash));
    }
    scene
}

/// Two that talk to each other, mostly on two phones that are on and have a network, and what comes between.
fn call(random: &mut SplitMix64, phones: usize, me: usize) -> Scene {
    /// Until a phone that was off is connected.
    const READY_MS: u64 = 30_000;
    let to = (me + 1 + pick(random, phones.saturating_sub(1).max(1))) % phones.max(1);
    let mut scene = Scene::new();
    if random.below(6) > 0 {
        for phone in [me, to] {
            scene.push((0, phone, Act::Start));
            scene.push((0, phone, Act::NetworkOn));
        }
    }
    scene.push((READY_MS, me, Act::Call(to)));
    for _ in 0..random.below(3) {
        for (wait, phone, act) in trouble(random, phones, me, to) {
            scene.push((READY_MS + wait, phone, act));
        }
    }
    scene
}

/// What comes between two that call: while the paths are checked, while it rings, or while they talk.
fn trouble(random: &mut SplitMix64, phones: usize, me: usize, to: usize) -> Scene {
    let within = [1_500, 45_000, 200_000];
    let within = within.get(pick(random, within.len())).copied().unwrap_or(1_500);
    let wait = random.below(within);
    let who = if random.below(2) == 0 { me } else { to };
    let third = pick(random, phones);
    let pause = 200 + random.below(25_000);
    match random.below(16) {
        0..=3 => vec![(wait % 1_500, to, Act::Call(me))],
        4 | 5 => vec![(wait, third, Act::CarrierCall(who))],
        6 => vec![(wait, who, Act::CarrierCall(third))],
        7..=9 => vec![(wait, who, Act::NetworkOff), (wait + pause, who, Act::NetworkOn)],
        10 => vec![(wait, who, Act::NewPath)],
        11 => vec![(wait, who, Act::Kill), (wait + pause, who, Act::Start)],
        12 => vec![(wait, who, Act::ServerCrash)],
        13 => vec![(wait, who, Act::Emergency)],
        14 => vec![(wait, who, wrong_clock(random))],
        _ => vec![(wait, third, Act::Call(who))],
    }
}

/// Draws scenes for every phone: one every `mean_gap_ms` on average until `end_ms`.
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
                acts.extend(make(random, phones, phone).into_iter().map(|(wait, phone, act)| (at + wait, phone, act)));
            }
            at += 1 + random.below(2 * mean_gap_ms);
        }
    }
    acts.retain(|(at, _, _)| *at < end_ms);
    acts.sort_by_key(|(at, phone, _)| (*at, *phone));
    acts
}
