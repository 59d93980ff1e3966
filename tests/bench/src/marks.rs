//! What private marks cost a phone and a server: one phone with 1,000 contacts against 1 M and 10 M registered numbers.
//!
//! The phone is the real core, the server the real server with its key holder, in processes of their own, and what they say is
//! counted where it passes a TCP relay between them: TLS, WebSocket and all. The registered numbers are filler: rows put into the
//! server's database before it starts, each owner with so many random tokens. Of the phone's contacts 100 are real phones
//! that registered over the same server and hold its number; the others are not registered.
//!
//! - `first_sync_ms`: from the session's TCP connection to the last byte before a second of silence, with all marks shown.
//! - `first_sync_bytes`: both ways until then.
//! - `unchanged_bytes`: both ways, for a sync asked for while nothing has changed.
//! - `edit_bytes`: both ways, from one contact added to its mark shown.
//! - `edit_server_ms`: of that, the time in which the server was to speak.
//!
//! Each check is the worse of both sizes; medians of the edits.

mod gateway;
mod phone;
mod place;
mod relay;

use crate::built;
use crate::check::Check;
use crate::spread::Spread;
use phone::Phone;
use place::{Cpu, Place};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Contacts of the phone.
const CONTACTS: usize = 1_000;

/// The phone's own number; the others' follow.
const FIRST_NUMBER: u64 = 4_915_100_000_000;

/// How long nothing is to be said for a sync to be over.
const SILENCE: Duration = Duration::from_secs(1);

/// How long a phone that is offline is given to take in its book, which it makes nothing of before it is quiet for 2 s.
const BOOK_READ: Duration = Duration::from_secs(4);

/// How long anything may take before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    /// Registered numbers, one run each.
    pub registered: &'static [u64],
    /// Random tokens of each.
    pub tokens: u32,
    /// Contacts that are marked at the end of the first sync.
    pub marked: usize,
    /// Contacts added one by one after it.
    pub edits: usize,
    /// Whether times are judged. They say nothing of a small run beside other work.
    pub judged: bool,
}

/// What the issue asks for.
pub const WHOLE: Amounts =
    Amounts { registered: &[1_000_000, 10_000_000], tokens: 4, marked: 100, edits: 7, judged: true };

/// Enough to see that it works.
pub const SHORT: Amounts = Amounts { registered: &[10_000], tokens: 4, marked: 10, edits: 2, judged: false };

/// What was measured at one size.
struct Measured {
    first_ms: f64,
    first_bytes: f64,
    first_cpu: Cpu,
    unchanged_bytes: f64,
    edit_bytes: Vec<f64>,
    edit_server_ms: Vec<f64>,
    edit_cpu: Cpu,
    filled: Value,
}

/// What was measured, and the checks.
///
/// # Errors
/// A sentence on what is missing or went wrong.
pub fn run(root: &Path, amounts: Amounts) -> Result<(Value, Vec<Check>), String> {
    built::build(root)?;
    let mut sizes = Vec::new();
    for registered in amounts.registered {
        sizes.push(measure(root, *registered, amounts)?);
    }
    let worst = |figure: &dyn Fn(&Measured) -> f64| sizes.iter().map(figure).fold(f64::NAN, f64::max);
    let time = |target: f64| if amounts.judged { target } else { f64::INFINITY };
    let checks = vec![
        Check::at_most("first_sync_ms", worst(&|size| size.first_ms), time(1_000.0)),
        Check::at_most("first_sync_bytes", worst(&|size| size.first_bytes), 150_000.0),
        Check::at_most("unchanged_bytes", worst(&|size| size.unchanged_bytes), 100.0),
        Check::at_most("edit_bytes", worst(&|size| Spread::of(&size.edit_bytes).median), 1_000.0),
        Check::at_most("edit_server_ms", worst(&|size| Spread::of(&size.edit_server_ms).median), time(50.0)),
    ];
    let told: Vec<Value> = sizes.iter().zip(amounts.registered).map(|(size, of)| tell(size, *of, amounts)).collect();
    Ok((json!({ "ours": told, "contacts": CONTACTS, "marked": amounts.marked, "edits": amounts.edits }), checks))
}

fn tell(size: &Measured, registered: u64, amounts: Amounts) -> Value {
    json!({
        "registered": registered, "filler_tokens_each": amounts.tokens, "filler": size.filled,
        "first_sync_ms": size.first_ms, "first_sync_bytes": size.first_bytes, "first_sync_cpu_ms": size.first_cpu.told(),
        "unchanged_bytes": size.unchanged_bytes,
        "edit_bytes": Spread::of(&size.edit_bytes), "edit_server_ms": Spread::of(&size.edit_server_ms),
        "edits_cpu_ms": size.edit_cpu.told(),
    })
}

fn measure(root: &Path, registered: u64, amounts: Amounts) -> Result<Measured, String> {
    let place = Place::make(root, registered, amounts.tokens)?;
    let peers: Vec<u64> = (1..=u64::try_from(amounts.marked + amounts.edits).unwrap_or(0)).collect();
    let numbers: Vec<u64> = peers.iter().map(|peer| FIRST_NUMBER + peer).collect();
    phone::befriend(&place, &numbers, FIRST_NUMBER)?;
    let (known, late) = numbers.split_at(amounts.marked);
    let strangers = (0..CONTACTS - known.len()).map(|n| FIRST_NUMBER + 500_000 + u64::try_from(n).unwrap_or(0));
    let book: Vec<u64> = known.iter().copied().chain(strangers).collect();

    let registering = Phone::start(&place, FIRST_NUMBER)?;
    registering.register(&place)?;
    registering.stop();
    place.relay.hold();
    let phone = Phone::start(&place, FIRST_NUMBER)?;
    phone.contacts(&book, &[])?;
    std::thread::sleep(BOOK_READ);

    let before = place.cpu()?;
    place.relay.release();
    phone.until_marked(known)?;
    let first = place.relay.until_silent(SILENCE, PATIENCE)?;
    let first_cpu = place.cpu()?.since(&before);

    place.relay.forget();
    phone.sync_marks()?;
    let unchanged = place.relay.until_silent(SILENCE, PATIENCE)?;

    let before = place.cpu()?;
    let (mut edit_bytes, mut edit_server_ms) = (Vec::new(), Vec::new());
    for number in late {
        place.relay.forget();
        let began = Instant::now();
        phone.contacts(&[*number], &[])?;
        phone.until_marked(&[*number])?;
        let edit = place.relay.until_silent(SILENCE, PATIENCE)?;
        if began.elapsed() > PATIENCE {
            return Err("an edit took too long".to_owned());
        }
        edit_bytes.push(edit.bytes);
        edit_server_ms.push(edit.server.as_secs_f64() * 1e3);
    }
    let edit_cpu = place.cpu()?.since(&before);
    phone.stop();
    Ok(Measured {
        first_ms: first.took.as_secs_f64() * 1e3,
        first_bytes: first.bytes,
        first_cpu,
        unchanged_bytes: unchanged.bytes,
        edit_bytes,
        edit_server_ms,
        edit_cpu,
        filled: place.filled.clone(),
    })
}
