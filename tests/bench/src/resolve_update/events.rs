//! Our server, and the events it is told of.

use crate::http::Connection;
use crate::ports;
use crate::program::Program;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tandem_resolver::radius::{Packet, Request, Type};
use tokio::net::UdpSocket;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::timeout;

const SECRET: &[u8] = b"a-secret-for-benchmarks-only";

/// `Acct-Status-Type` of a Start (RFC 2866, 5.1).
const START: u32 = 1;

/// Sessions of one socket in one round at most: what their numbers leave room for.
const EACH_MAX: usize = 10_000;

/// An answer that takes longer is lost, and fails the run.
const PATIENCE: Duration = Duration::from_secs(10);

/// Our server, with nothing in it.
#[derive(Debug)]
pub struct Server {
    /// Its process.
    pub program: Program,
    metrics: SocketAddr,
    accounting: SocketAddr,
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn start(root: &Path, directory: &Path) -> Result<Server, String> {
        fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let found = ports::free(3)?;
        let [phones, metrics, accounting] = found.first_chunk().copied().ok_or("no ports")?;
        let config = directory.join("tandem.toml");
        let secret = String::from_utf8_lossy(SECRET);
        let text = format!(
            "[listen]\naddress = \"{phones}\"\n[metrics]\nlisten = \"{metrics}\"\n[turn]\nlisten = \"off\"\n\
             [store]\ndata_dir = {:?}\n[log]\nlevel = \"warn\"\n\
             [resolver]\nlisten = \"{accounting}\"\npolicy = \"open\"\n[[resolver.nas]]\nname = \"bench\"\n\
             sources = [\"127.0.0.1/32\"]\nsecret = \"{secret}\"\npools = [\"10.0.0.0/8\"]\n",
            directory.join("data")
        );
        fs::write(&config, text).map_err(|error| error.to_string())?;
        let binary = root.join("target/release/tandem-server");
        let arguments = ["--config", &config.to_string_lossy()];
        let mut program = Program::start(None, directory, &binary.to_string_lossy(), &arguments)?;
        program.until(Duration::from_secs(30), || Connection::open(phones).ok())?;
        Ok(Server { program, metrics, accounting })
    }

    /// Where events are reported to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.accounting
    }

    /// How many numbers are bound.
    ///
    /// # Errors
    /// It does not tell.
    pub fn bound(&self) -> Result<f64, String> {
        crate::http::series(self.metrics, "tandem_resolver_bound")
    }
}

/// What one socket sends, one after the other.
#[derive(Debug)]
pub struct Events {
    requests: Vec<Vec<u8>>,
    /// Whether each is answered, rather than sent back.
    answered: bool,
}

impl Events {
    /// Starts that our server is to answer.
    #[must_use]
    pub fn answered(round: usize, socket: usize, each: usize) -> Events {
        Events { requests: starts(round, socket, each), answered: true }
    }

    /// The same, to be sent back as they are.
    #[must_use]
    pub fn echoed(round: usize, socket: usize, each: usize) -> Events {
        Events { requests: starts(round, socket, each), answered: false }
    }

    fn is_right(&self, request: &[u8], answer: &[u8]) -> bool {
        if !self.answered {
            return request == answer;
        }
        match (Packet::decode(request), Packet::decode(answer)) {
            (Ok(request), Ok(answer)) => answer.is_genuine_response_to(&request, SECRET),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
        }
    }
}

fn place(round: usize, socket: usize, turn: usize) -> u32 {
    u32::try_from((round * super::OUTSTANDING + socket) * EACH_MAX + turn).unwrap_or(u32::MAX)
}

/// Starts of sessions that nobody had.
fn starts(round: usize, socket: usize, each: usize) -> Vec<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let start = |turn: usize| {
        let place = place(round, socket, turn);
        let [_, b, c, d] = place.to_be_bytes();
        let request = Request::new()
            .with_u32(Type::AcctStatusType, START)
            .with(Type::AcctSessionId, format!("{place:08x}").as_bytes())
            .with(Type::CallingStationId, (15_500_000_000 + u64::from(place)).to_string().as_bytes())
            .with_ipv4(Type::NasIpAddress, Ipv4Addr::LOCALHOST)
            .with_ipv4(Type::FramedIpAddress, Ipv4Addr::new(10, b, c, d))
            .with_u32(Type::EventTimestamp, u32::try_from(now).unwrap_or(u32::MAX));
        request.sign(u8::try_from(turn % 256).unwrap_or(0), SECRET)
    };
    (0..each.min(EACH_MAX)).map(start).collect()
}

/// Keys of Redis for the same events.
pub fn keys(round: usize, socket: usize) -> impl Iterator<Item = String> + Clone {
    (0..).map(move |turn| format!("+{}", 15_500_000_000 + u64::from(place(round, socket, turn))))
}

/// Exchanges a second over so many sockets, one datagram under way on each.
///
/// # Errors
/// An answer is lost or wrong.
pub fn per_second(to: SocketAddr, sockets: usize, events: impl Fn(usize) -> Events) -> Result<f64, String> {
    let all: Vec<Events> = (0..sockets).map(events).collect();
    let count: usize = all.iter().map(|events| events.requests.len()).sum();
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let took = LocalSet::new().block_on(&runtime, async {
        let mut open = Vec::new();
        for events in all {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
            socket.connect(to).await.map_err(|error| error.to_string())?;
            open.push((socket, events));
        }
        let began = Instant::now();
        let talking = open.into_iter().map(|(socket, events)| tokio::task::spawn_local(one(socket, events)));
        let mut heard = Vec::new();
        for talked in talking.collect::<Vec<_>>() {
            heard.push(talked.await.map_err(|error| error.to_string())??);
        }
        let took = began.elapsed();
        if heard.iter().all(|(events, answers)| events.requests.iter().zip(answers).all(|(a, b)| events.is_right(a, b)))
        {
            Ok(took)
        } else {
            Err("an answer is not right".to_owned())
        }
    })?;
    Ok(count as f64 / took.as_secs_f64())
}

async fn one(socket: UdpSocket, events: Events) -> Result<(Events, Vec<Vec<u8>>), String> {
    let words = |error: io::Error| format!("a datagram: {error}");
    let mut answers = Vec::with_capacity(events.requests.len());
    let mut buffer = [0; 2_048];
    for request in &events.requests {
        socket.send(request).await.map_err(words)?;
        let length =
            timeout(PATIENCE, socket.recv(&mut buffer)).await.map_err(|_| "an answer is lost")?.map_err(words)?;
        answers.push(buffer.get(..length).unwrap_or_default().to_vec());
    }
    Ok((events, answers))
}
