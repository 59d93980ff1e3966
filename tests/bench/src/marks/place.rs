//! A server over TLS with so many numbers registered, its key holder, an SMS gateway and the relay before it.

use super::gateway::Gateway;
use super::relay::Relay;
use crate::program::Program;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to come up on a full database.
const COMING_UP: Duration = Duration::from_secs(300);

/// How long after its listener a server may still be busy with its beginning.
const SETTLED: Duration = Duration::from_secs(3);

/// The filler's numbers: none of the phones'.
const FILLER_FROM: u64 = 12_000_000_000;

/// All of it.
pub struct Place {
    /// Before the server.
    pub relay: Relay,
    /// Where verification texts go.
    pub gateway: Gateway,
    /// The server itself.
    pub server: SocketAddr,
    /// Its certificate, in DER.
    pub root: Vec<u8>,
    /// For phones.
    pub folder: PathBuf,
    /// What the filler is.
    pub filled: Value,
    program: Program,
    _kept: tempfile::TempDir,
}

/// CPU time, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    server: f64,
    key_holder: f64,
    phone: f64,
}

impl Cpu {
    /// What was used since.
    #[must_use]
    pub fn since(&self, before: &Cpu) -> Cpu {
        Cpu {
            server: self.server - before.server,
            key_holder: self.key_holder - before.key_holder,
            phone: self.phone - before.phone,
        }
    }

    /// For the report.
    #[must_use]
    pub fn told(&self) -> Value {
        json!({ "server": self.server, "key_holder": self.key_holder, "phone": self.phone })
    }
}

impl Place {
    /// Fills a database and starts everything.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn make(root: &Path, registered: u64, tokens: u32) -> Result<Place, String> {
        let kept = tempfile::tempdir_in(root.join("target")).map_err(|error| error.to_string())?;
        let folder = kept.path().to_owned();
        let words = |error: std::io::Error| error.to_string();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).map_err(|e| e.to_string())?;
        fs::write(folder.join("cert.pem"), made.cert.pem()).map_err(words)?;
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).map_err(words)?;
        let gateway = Gateway::start()?;
        let server = crate::ports::free(1)?.first().copied().ok_or("no port")?;
        let config = folder.join("server.toml");
        fs::write(&config, settings(&folder, server, gateway.address)).map_err(words)?;
        let (binary, file) = (root.join("target/release/tandem-server"), config.display().to_string());
        let start = || {
            let mut program = Program::start(None, &folder, &binary.display().to_string(), &["--config", &file])?;
            program.until(COMING_UP, || ready(server))?;
            Ok::<Program, String>(program)
        };
        // Its key holder makes a key, which the filler's tokens are to be under.
        start()?.terminate();
        let filled = fill(&binary, &file, &folder.join("data/server.db"), registered, tokens)?;
        let began = Instant::now();
        let program = start()?;
        let filled = json!({ "seconds": filled.seconds, "bytes": filled.bytes, "server_up_again_s": began.elapsed().as_secs_f64() });
        let relay = Relay::start(server)?;
        Ok(Place { relay, gateway, server, root: made.cert.der().to_vec(), folder, filled, program, _kept: kept })
    }

    /// What everybody has used of a CPU so far.
    ///
    /// # Errors
    /// The server has ended.
    pub fn cpu(&self) -> Result<Cpu, String> {
        let own = self.program.id();
        let holder = children(own).iter().map(|pid| used_ms(*pid)).sum();
        Ok(Cpu { server: used_ms(own), key_holder: holder, phone: used_ms(std::process::id()) })
    }
}

fn settings(folder: &Path, server: SocketAddr, gateway: SocketAddr) -> String {
    let at = folder.display();
    format!(
        "[listen]\naddress = \"{server}\"\n\
         [tls]\ncertificate = \"{at}/cert.pem\"\nkey = \"{at}/key.pem\"\n\
         [store]\ndata_dir = \"{at}/data\"\n\
         [sms]\ndriver = \"http\"\n\
         [sms_http]\nurl = \"http://{gateway}/send\"\n\
         [registration]\nper_prefix = \"100000 per 1h\"\nper_source = \"100000 per 1h\"\n"
    )
}

/// Whether a server says that everything it needs is there, its key holder included.
fn ready(server: SocketAddr) -> Option<()> {
    std::net::TcpStream::connect(server).ok()?;
    // What says so is behind TLS; a key is kept a moment after the listener is there.
    std::thread::sleep(SETTLED);
    Some(())
}

struct Filled {
    seconds: f64,
    bytes: u64,
}

fn fill(binary: &Path, config: &str, database: &Path, owners: u64, tokens: u32) -> Result<Filled, String> {
    let began = Instant::now();
    let (owners, tokens, first) = (owners.to_string(), tokens.to_string(), FILLER_FROM.to_string());
    let filled = Command::new(binary)
        .args(["--config", config, "fill", "--owners", &owners, "--tokens", &tokens, "--first", &first])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    if !filled.success() {
        return Err("the database cannot be filled".to_owned());
    }
    let bytes = fs::metadata(database).map_err(|error| error.to_string())?.len();
    Ok(Filled { seconds: began.elapsed().as_secs_f64(), bytes })
}

/// User and system time of a process, in milliseconds; in steps of 10.
fn used_ms(pid: u32) -> f64 {
    let told = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = told.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() * 10.0
}

/// Processes a process has begun, by whichever of its threads.
fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let told = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    told.flat_map(|pids| pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}
