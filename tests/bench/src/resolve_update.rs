//! What a durable event of the access network costs, beside a durable `SET` of Redis.
//!
//! An event is the Start of a session that was not known, over RADIUS: it is believed, judged, on the disk, and then
//! answered. So many are outstanding at once, each from a socket of its own, and the next leaves when the answer has come.
//! Redis has as many connections and `appendfsync always`. Beside both, in the same run and by the same client, runs a bare
//! ping-pong: a thread that sends each datagram back as it came. Every round of each takes its turn.
//!
//! - `ratio_or_ceiling`: ours over the lesser of twice Redis and 0.85 of the ping-pong; the median of the rounds.
//!
//! Servers share one CPU less than their client leaves them: nothing is pinned, for a sync is waited for on another thread.

use crate::built;
use crate::check::Check;
use crate::exchange;
use crate::redis::{Redis, Set};
use crate::spread::Spread;
use serde_json::{Value, json};
use std::path::Path;

mod echo;
mod events;

use echo::Echo;
use events::{Events, Server};

/// Outstanding at once.
const OUTSTANDING: usize = 50;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    /// Events of one round.
    pub events: usize,
    /// Rounds of each.
    pub rounds: usize,
    /// Whether the ratio is judged. It says nothing of a small run.
    pub judged: bool,
}

/// What the issue asks for.
pub const WHOLE: Amounts = Amounts { events: 100_000, rounds: 7, judged: true };

/// Enough to see that it works.
pub const SHORT: Amounts = Amounts { events: 5_000, rounds: 3, judged: false };

/// What was measured, and the check.
///
/// # Errors
/// A sentence on what is missing or went wrong.
pub fn run(root: &Path, amounts: Amounts) -> Result<(Value, Vec<Check>), String> {
    Redis::need()?;
    built::build(root)?;
    let place = tempfile::tempdir_in(root.join("target")).map_err(|error| error.to_string())?;
    let server = Server::start(root, &place.path().join("ours"))?;
    let redis = Redis::start(&place.path().join("redis"), None, crate::ports::free(1)?.first().copied(), true)?;
    let echo = Echo::start().map_err(|error| error.to_string())?;
    let (mut ours, mut theirs, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut cpu, mut taken) = (Vec::new(), 0_usize);
    for round in 0..amounts.rounds {
        let each = amounts.events / OUTSTANDING;
        let before = server.program.usage()?;
        let own = events::per_second(server.address(), OUTSTANDING, |at| Events::answered(round, at, each))?;
        cpu.push((server.program.usage()?.cpu - before.cpu).as_secs_f64() / amounts.events as f64 * 1e6);
        let set = |at: usize| Set { keys: events::keys(round, at) };
        let peer = exchange::per_second(redis.address(), OUTSTANDING, each, set)?;
        let ping = events::per_second(echo.address(), OUTSTANDING, |at| Events::echoed(round, at, each))?;
        ratios.push(own / (2.0 * peer).min(0.85 * ping));
        ours.push(own);
        theirs.push(peer);
        bare.push(ping);
        taken += each * OUTSTANDING;
    }
    let bound = server.bound()?;
    if bound < taken as f64 {
        return Err(format!("{taken} events were answered and only {bound} numbers are bound"));
    }
    let value = Spread::of(&ratios);
    let told = json!({
        "ours": Spread::of(&ours), "peer": Spread::of(&theirs), "ratio": Spread::of_ratios(&ours, &theirs),
        "bare_ping_pong": Spread::of(&bare), "ratio_or_ceiling": value,
        "ours_cpu_us_an_event": Spread::of(&cpu),
        "outstanding": OUTSTANDING, "events_a_round": amounts.events, "rounds": amounts.rounds,
    });
    let target = if amounts.judged { 1.0 } else { 0.0 };
    Ok((told, vec![Check::at_least("ratio_or_ceiling", value.median, target)]))
}
