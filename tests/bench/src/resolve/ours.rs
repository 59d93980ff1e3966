//! Our server: filled by its own API, asked by datagram.

use super::blast::{Load, Outcome, SOCKETS};
use super::numbers::{Places, address, digits, number};
use crate::http::{self, Connection};
use crate::ports;
use crate::program::Program;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tandem_model::Msisdn;
use tandem_resolver::datagram::{Asking, Heard, KEY, Keys, SessionId, length};

/// What shows who asks and who reports, to a server that nobody else reaches.
const REPORTER: &str = "a-reporters-key-for-benchmarks-only";
const ASKER: &str = "an-askers-key-for-benchmarks-only-too";

/// Reports of one request.
const TOGETHER: u32 = 1_024;

/// Requests under way while it is filled.
const FILLERS: usize = 4;

/// Our server, filled.
#[derive(Debug)]
pub struct Ours {
    /// Its process.
    pub program: Program,
    phones: SocketAddr,
    metrics: SocketAddr,
    asks: SocketAddr,
}

/// A round's questions, and what opens their answers.
#[derive(Debug)]
pub struct Round {
    askers: Vec<(Asking, Vec<Vec<u32>>)>,
}

impl Ours {
    /// Starts it and fills it with numbers.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn start(root: &Path, directory: &Path, cpu: usize, numbers: u32, store: &str) -> Result<Ours, String> {
        let program = root.join("target/release/tandem-server");
        let found = ports::free(3)?;
        let [phones, metrics, asks] = found.first_chunk().copied().ok_or("no ports")?;
        let config = directory.join("tandem.toml");
        fs::write(&config, configuration(directory, store, phones, metrics, asks))
            .map_err(|error| error.to_string())?;
        let arguments = ["--config", &config.to_string_lossy()];
        let mut program = Program::start(Some(cpu), directory, &program.to_string_lossy(), &arguments)?;
        program.until(Duration::from_secs(600), || Connection::open(phones).ok())?;
        let ours = Ours { program, phones, metrics, asks };
        if ours.gauge("tandem_resolver_bound")? < f64::from(numbers) {
            ours.fill(numbers)?;
        }
        Ok(ours)
    }

    /// Where asks are sent to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.asks
    }

    /// Where HTTP is answered, and the key that opens lookups.
    #[must_use]
    pub const fn api(&self) -> (SocketAddr, &'static str) {
        (self.phones, ASKER)
    }

    /// A series of a scrape.
    ///
    /// # Errors
    /// It is not there.
    pub fn gauge(&self, series: &str) -> Result<f64, String> {
        http::series(self.metrics, series)
    }

    /// As an AAA reports them.
    fn fill(&self, numbers: u32) -> Result<(), String> {
        let next = AtomicU32::new(0);
        std::thread::scope(|scope| {
            let fillers: Vec<_> = (0..FILLERS).map(|_| scope.spawn(|| self.fill_some(&next, numbers))).collect();
            fillers.into_iter().try_for_each(|filler| filler.join().map_err(|_| "a filler ended".to_owned())?)
        })
    }

    fn fill_some(&self, next: &AtomicU32, numbers: u32) -> Result<(), String> {
        let mut connection = Connection::open(self.phones).map_err(|error| error.to_string())?;
        loop {
            let first = next.fetch_add(TOGETHER, Ordering::Relaxed);
            if first >= numbers {
                return Ok(());
            }
            let body = reports(first..first.saturating_add(TOGETHER).min(numbers));
            connection.ask("POST", "/v1/attachments", REPORTER, &body)?;
        }
    }

    /// Writes so many asks about `batch` numbers each.
    ///
    /// # Errors
    /// No session can be agreed on.
    pub fn prepare(&self, places: &mut Places, asks: usize, batch: usize) -> Result<(Round, Vec<Load>), String> {
        let mut round = Round { askers: Vec::new() };
        let mut loads = Vec::new();
        for _ in 0..SOCKETS {
            let mut asking = self.agree()?;
            let (mut bytes, mut asked) = (Vec::new(), Vec::new());
            for _ in 0..asks / SOCKETS {
                let about: Vec<u32> = places.take(batch).collect();
                let numbers: Vec<Msisdn> = about.iter().filter_map(|place| number(*place)).collect();
                asking.ask(&numbers, &mut bytes).ok_or("an ask cannot be written")?;
                asked.push(about);
            }
            loads.push(Load { each: length(batch), bytes });
            round.askers.push((asking, asked));
        }
        Ok((round, loads))
    }

    fn agree(&self) -> Result<Asking, String> {
        let mut connection = Connection::open(self.phones).map_err(|error| error.to_string())?;
        let terms = connection.ask_json("/v1/resolve/session", ASKER, "")?;
        let text = |name: &str| terms.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = u64::from_str_radix(&text("session"), 16).map_err(|error| error.to_string())?;
        let keys = key(&text("ask_key")).zip(key(&text("answer_key")));
        let keys = keys.and_then(|(ask, answer)| Keys::new(&ask, &answer)).ok_or("no keys")?;
        Ok(Asking::new(SessionId(id), keys))
    }
}

impl Round {
    /// How many numbers were told, each where it is.
    ///
    /// # Errors
    /// Anything else was heard.
    pub fn verify(&self, outcome: Outcome) -> Result<usize, String> {
        let mut told = 0;
        for ((asking, asked), (lengths, mut bytes)) in self.askers.iter().zip(outcome.heard) {
            let mut rest = bytes.as_mut_slice();
            for length in lengths {
                let (answer, behind) = rest.split_at_mut_checked(usize::from(length)).ok_or("an answer is cut")?;
                rest = behind;
                let (counter, heard) = asking.read(answer).ok_or("an answer is not genuine")?;
                let place = usize::try_from(counter).ok().and_then(|counter| counter.checked_sub(1));
                let about = place.and_then(|place| asked.get(place)).ok_or("an answer to nothing")?;
                let Heard::Told(found) = heard else { return Err("an ask was refused".to_owned()) };
                for (place, found) in about.iter().zip(found) {
                    let v4 = found.and_then(|found| found.addresses.v4?.prefix.as_v4());
                    if v4 != Some(address(*place)) {
                        return Err("a number was told wrong".to_owned());
                    }
                    told += 1;
                }
            }
        }
        Ok(told)
    }
}

fn key(text: &str) -> Option<[u8; KEY]> {
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..KEY).map(byte).collect();
    bytes?.try_into().ok()
}

fn reports(places: std::ops::Range<u32>) -> String {
    let mut body = String::from("{\"reports\":[");
    for (turn, place) in places.enumerate() {
        let comma = if turn == 0 { "" } else { "," };
        let (digits, address) = (digits(place), address(place));
        let _written = write!(
            body,
            "{comma}{{\"event\":\"start\",\"nas\":\"bench\",\"session\":\"{place}\",\"number\":\"+{digits}\",\"ipv4\":\"{address}\"}}"
        );
    }
    body.push_str("]}");
    body
}

fn configuration(directory: &Path, store: &str, phones: SocketAddr, metrics: SocketAddr, asks: SocketAddr) -> String {
    let endless = "\"4000000000 per 1s\"";
    format!(
        "[listen]\naddress = \"{phones}\"\n[metrics]\nlisten = \"{metrics}\"\n[turn]\nlisten = \"off\"\n\
         [store]\ndata_dir = {:?}\ndsn = \"{store}\"\n[log]\nlevel = \"warn\"\n\
         [resolver]\npolicy = \"open\"\nsessions_max = 100000000\nwindow = \"30d\"\nsilence = \"7d\"\n\
         [[resolver.reporters]]\nname = \"bench\"\nkey = \"{REPORTER}\"\npools = [\"10.0.0.0/8\"]\nbudget = {endless}\n\
         [[resolver.api_keys]]\nname = \"bench\"\nkey = \"{ASKER}\"\nbudget = {endless}\n\
         [lookup]\nlisten = \"{asks}\"\nthreads = 1\n",
        directory.join("data")
    )
}
