//! What an answer to "where is this number?" costs, beside Knot DNS.
//!
//! Both servers hold the same numbers, each run by one thread that answers, pinned to one CPU; one client on another sends
//! both the same questions in the same order, from as many sockets with as many datagrams under way, and one round follows
//! the other in one run. An answer counts when it is right, and its cost is what the whole server process was on a CPU for
//! it. Ours is asked and answers sealed; Knot's questions and answers are plain. A server is saturated when it was always on
//! the CPU or ready to be (`server_running_or_ready` near 1), whoever else the CPU served meanwhile.
//!
//! - `answers_per_cpu_second_ratio`: one number a datagram, ours over Knot's; the least over all sizes.
//! - `hot_bytes_per_number`: the table that lookups read, empty rows among it, for each number; the greatest over all sizes.
//!
//! Told beside it: many numbers a datagram; what the server is in memory for each number beyond that table; how long it took
//! to start from what was kept; and HTTP lookups beside Redis, where that is installed.

mod api;
mod blast;
mod knot;
mod numbers;
mod ours;

use crate::built;
use crate::check::Check;
use crate::program::{Program, pin_self};
use crate::spread::Spread;
use blast::{Load, Outcome, blast};
use knot::Knot;
use numbers::Places;
use ours::Ours;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;
use tandem_resolver::datagram::{NUMBERS_MAX, length};

/// The client's CPU, and the servers'.
const CLIENT: usize = 0;
const SERVER: usize = 1;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    /// Numbers held, each size a run of its own.
    pub sizes: &'static [u32],
    /// Asks of one round.
    pub asks: usize,
    /// Rounds of each.
    pub rounds: usize,
    /// Whether the ratio is judged. It says nothing of a small run.
    pub judged: bool,
}

/// What the issue asks for.
pub const WHOLE: Amounts = Amounts { sizes: &[1_000_000, 10_000_000], asks: 800_000, rounds: 7, judged: true };

/// Enough to see that it works.
pub const SHORT: Amounts = Amounts { sizes: &[50_000], asks: 40_000, rounds: 3, judged: false };

/// What one server did in each round.
#[derive(Debug, Default)]
struct Figures {
    per_cpu_second: Vec<f64>,
    per_second: Vec<f64>,
    on_cpu: Vec<f64>,
    saturation: Vec<f64>,
    lost: usize,
}

/// What was measured, and the checks.
///
/// # Errors
/// A sentence on what is missing or went wrong.
pub fn run(root: &Path, amounts: Amounts) -> Result<(Value, Vec<Check>), String> {
    Knot::need()?;
    built::build(root)?;
    pin_self(CLIENT)?;
    let mut sizes = serde_json::Map::new();
    let (mut worst_ratio, mut most_bytes) = (f64::INFINITY, 0.0_f64);
    let mut last = json!({});
    for size in amounts.sizes {
        let (told, ratio, bytes) = measure(root, *size, amounts)?;
        worst_ratio = worst_ratio.min(ratio);
        most_bytes = most_bytes.max(bytes);
        // A large size takes minutes: what is known by then is told.
        eprintln!("{size} numbers: {told}");
        last = told.clone();
        sizes.insert(size.to_string(), told);
    }
    let pick = |at: &str| last.get(at).cloned().unwrap_or_default();
    let told = json!({
        "ours": pick("ours"), "peer": pick("peer"), "ratio": pick("ratio"), "sizes": sizes,
        "asks_a_round": amounts.asks, "rounds": amounts.rounds,
        "sockets": blast::SOCKETS, "window_a_socket": blast::WINDOW,
    });
    let ratio = Check::at_least("answers_per_cpu_second_ratio", worst_ratio, if amounts.judged { 2.0 } else { 0.0 });
    Ok((told, vec![ratio, Check::at_most("hot_bytes_per_number", most_bytes, 24.0)]))
}

fn measure(root: &Path, numbers: u32, amounts: Amounts) -> Result<(Value, f64, f64), String> {
    let place = tempfile::tempdir_in(root.join("target")).map_err(|error| error.to_string())?;
    let (own, theirs) = (place.path().join("ours"), place.path().join("knot"));
    for directory in [&own, &theirs] {
        std::fs::create_dir_all(directory.join("db")).map_err(|error| error.to_string())?;
    }
    let began = Instant::now();
    let filled = Ours::start(root, &own, SERVER, numbers, "sqlite:server.db")?;
    let filling = began.elapsed().as_secs_f64();
    filled.program.terminate();
    let began = Instant::now();
    let ours = Ours::start(root, &own, SERVER, numbers, "sqlite:server.db")?;
    let starting = began.elapsed().as_secs_f64();
    let knot = Knot::start(&theirs, SERVER, numbers)?;
    let (bound, table) = (ours.gauge("tandem_resolver_bound")?, ours.gauge("tandem_resolver_table_bytes")?);
    if bound < f64::from(numbers) {
        return Err(format!("only {bound} of {numbers} numbers are bound"));
    }
    let (mut one, mut many, mut alone) = (Figures::default(), Figures::default(), Figures::default());
    let (mut peer, mut peer_alone) = (Figures::default(), Figures::default());
    for round in 0..amounts.rounds {
        let places = Places::new(round as u64, numbers);
        one.ours(&ours, &mut places.clone(), amounts.asks, 1, false)?;
        peer.knot(&knot, &mut places.clone(), amounts.asks, false)?;
        many.ours(&ours, &mut places.clone(), amounts.asks / 8, NUMBERS_MAX, false)?;
        alone.ours(&ours, &mut places.clone(), amounts.asks / 2, 1, true)?;
        peer_alone.knot(&knot, &mut places.clone(), amounts.asks / 2, true)?;
    }
    let ratio = Spread::of_ratios(&one.per_cpu_second, &peer.per_cpu_second);
    let told = json!({
        "ours": Spread::of(&one.per_cpu_second), "peer": Spread::of(&peer.per_cpu_second), "ratio": ratio,
        "ours_more": one.told(), "peer_more": peer.told(),
        "ours_20_a_datagram": many.told(),
        "each_datagram_sent_alone": {
            "ours": alone.told(), "peer": peer_alone.told(),
            "ratio": Spread::of_ratios(&alone.per_cpu_second, &peer_alone.per_cpu_second),
        },
        "hot_bytes_per_number": table / bound,
        "other_bytes_per_number": (ours.program.resident() - table) / bound,
        "peer_bytes_per_number": knot.program.resident() / bound,
        "filling_s": filling, "starting_s": starting,
        "api": api::measure(&ours, numbers, amounts, place.path(), SERVER)?,
    });
    Ok((told, ratio.median, table / bound))
}

impl Figures {
    fn ours(&mut self, ours: &Ours, places: &mut Places, asks: usize, batch: usize, alone: bool) -> Result<(), String> {
        let (round, loads) = ours.prepare(places, asks, batch)?;
        let (outcome, took) = timed(&ours.program, ours.address(), loads, length(batch), alone)?;
        self.lost += outcome.lost;
        let told = round.verify(outcome)?;
        self.note(told, took);
        Ok(())
    }

    fn knot(&mut self, knot: &Knot, places: &mut Places, asks: usize, alone: bool) -> Result<(), String> {
        let loads = Knot::prepare(places, asks);
        let (outcome, took) = timed(&knot.program, knot.address(), loads, knot::ANSWER_MAX, alone)?;
        self.lost += outcome.lost;
        let told = Knot::verify(&outcome)?;
        self.note(told, took);
        Ok(())
    }

    fn note(&mut self, told: usize, took: Took) {
        self.per_cpu_second.push(told as f64 / took.cpu);
        self.per_second.push(told as f64 / took.wall);
        self.on_cpu.push(took.cpu / took.wall);
        self.saturation.push((took.cpu + took.waited) / took.wall);
    }

    fn told(&self) -> Value {
        json!({
            "answers_per_cpu_second": Spread::of(&self.per_cpu_second),
            "answers_per_second": Spread::of(&self.per_second),
            "server_on_cpu": Spread::of(&self.on_cpu),
            "server_running_or_ready": Spread::of(&self.saturation),
            "lost": self.lost,
        })
    }
}

/// What a load took, in seconds.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// The server on a CPU.
    cpu: f64,
    /// The server ready to be, while somebody else was.
    waited: f64,
    /// On a clock.
    wall: f64,
}

/// Sends a load, and says what it took.
fn timed(
    program: &Program,
    to: std::net::SocketAddr,
    loads: Vec<Load>,
    answer_max: usize,
    alone: bool,
) -> Result<(Outcome, Took), String> {
    let before = program.usage()?;
    let outcome = blast(to, loads, answer_max, alone).map_err(|error| format!("the client: {error}"))?;
    let after = program.usage()?;
    let took = Took {
        cpu: after.cpu.saturating_sub(before.cpu).as_secs_f64(),
        waited: after.waited.saturating_sub(before.waited).as_secs_f64(),
        wall: after.at.duration_since(before.at).as_secs_f64(),
    };
    Ok((outcome, took))
}
