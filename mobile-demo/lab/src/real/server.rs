//! The real server as a child process, configured for one scenario.

use super::process::{Incoming, Process};
use crate::access;
use crate::scenario::World;
use crate::settings::{decisions, section};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// The server of one scenario: started, killed and started again on the same data and port.
#[derive(Debug)]
pub struct LabServer {
    address: SocketAddr,
    accounting: SocketAddr,
    config: PathBuf,
    process: Option<Process>,
    lines: Sender<Incoming>,
    life: u64,
}

impl LabServer {
    /// Writes the configuration and starts the server.
    ///
    /// # Errors
    /// When no port is free, the folder cannot be written or the server does not come up.
    pub fn start(world: &World, folder: &Path, smsc: SocketAddr, lines: Sender<Incoming>) -> Result<LabServer, String> {
        std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(|e| e.to_string())?;
        let accounting =
            UdpSocket::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(|e| e.to_string())?;
        let config = folder.join("server.toml");
        let text = configuration(world, folder, address, smsc) + &access::settings(accounting);
        std::fs::write(&config, text).map_err(|e| e.to_string())?;
        let mut server = LabServer { address, accounting, config, process: None, lines, life: 0 };
        server.launch()?;
        Ok(server)
    }

    /// Where phones connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the access network reports.
    #[must_use]
    pub fn accounting(&self) -> SocketAddr {
        self.accounting
    }

    /// Starts the process and waits until it accepts connections.
    ///
    /// # Errors
    /// When it does not within 20 s.
    pub fn launch(&mut self) -> Result<(), String> {
        self.life += 1;
        let config = self.config.to_string_lossy().into_owned();
        let args = ["server", "--config", &config];
        self.process = Some(Process::start("server", self.life, &args, self.lines.clone()).map_err(|e| e.to_string())?);
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if TcpStream::connect_timeout(&self.address, Duration::from_millis(200)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("the server does not accept connections".to_owned())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Asks it to stop and waits.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(Duration::from_secs(10));
        }
    }

    /// The operating system's id of the process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }
}

fn configuration(world: &World, folder: &Path, address: SocketAddr, smsc: SocketAddr) -> String {
    let mut out = String::new();
    section(&mut out, "listen", &[format!("address = \"{address}\"")]);
    section(&mut out, "store", &[format!("data_dir = {:?}", folder.to_string_lossy())]);
    section(&mut out, "sms", &["driver = \"smpp\"".to_owned()]);
    let smpp = [format!("address = \"{smsc}\""), "system_id = \"tandem\"".to_owned(), "password = \"pw\"".to_owned()];
    section(&mut out, "smpp", &smpp);
    out.push_str(&decisions(world));
    section(&mut out, "metrics", &["listen = \"off\"".to_owned()]);
    section(&mut out, "log", &["level = \"warn\"".to_owned()]);
    let turn = ["listen = \"127.0.0.1:0\"".to_owned(), "allowed_peers = [\"127.0.0.0/8\"]".to_owned()];
    section(&mut out, "turn", &turn);
    out
}

/// Runs the server in this process until standard input closes.
///
/// # Errors
/// When the configuration is wrong or the server cannot start.
pub fn serve(config: &Path) -> Result<(), String> {
    let config = tandem_server::Config::load(config).map_err(|e| e.to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _until_it_closes = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _server_is_gone = stop.send(());
    });
    runtime
        .block_on(tandem_server::run(config, async move {
            let _closed = stopped.await;
        }))
        .map_err(|e| e.to_string())
}
