//! The real binary in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub const BINARY: &str = env!("CARGO_BIN_EXE_tandem-server");

/// A configuration on free ports, sending texts through a gateway, logging everything as JSON.
pub fn config_text(directory: &Path, gateway: SocketAddr, more: &str) -> String {
    format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[metrics]\nlisten = \"off\"\n[turn]\nlisten = \"127.0.0.1:0\"\n\
         [store]\ndata_dir = {:?}\nballast_kib = 1024\n[log]\nlevel = \"trace\"\nformat = \"json\"\n\
         [sms]\ndriver = \"http\"\n[sms_http]\nurl = \"http://{gateway}/send\"\n{more}",
        directory.join("data")
    )
}

pub struct Process {
    child: Child,
    pub addr: SocketAddr,
    /// Where accounting is received, when it is.
    pub accounting: Option<SocketAddr>,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts it and waits until it says where it listens.
    pub fn start(directory: &Path, config: &str) -> Process {
        let file = directory.join("tandem.toml");
        std::fs::write(&file, config).unwrap();
        let mut child = Command::new(BINARY)
            .arg("--config")
            .arg(&file)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let (addr, accounting) = loop {
            let line = lines.next().expect("it says where it listens before it ends").unwrap();
            log.lock().unwrap().push_str(&format!("{line}\n"));
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if entry["fields"]["message"] == "tandem-server is up" {
                let accounting = entry["fields"]["accounting"].as_str().unwrap_or_default();
                let accounting = accounting.trim_start_matches("Some(").trim_end_matches(')').parse().ok();
                break (entry["fields"]["phones"].as_str().unwrap().parse().unwrap(), accounting);
            }
        };
        let keep = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                keep.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Process { child, addr, accounting, log, reader: Some(reader) }
    }

    /// The key holder it started.
    pub fn key_holder(&self) -> u32 {
        let pid = self.child.id();
        let started = std::time::Instant::now();
        loop {
            let children = std::fs::read_dir(format!("/proc/{pid}/task"))
                .unwrap()
                .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
            let all: String = children.collect::<Vec<_>>().join(" ");
            if let Some(child) = all.split_whitespace().next() {
                return child.parse().unwrap();
            }
            assert!(started.elapsed() < super::PATIENCE, "no key holder comes up");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// As a power cut would: nothing of it gets to say anything.
    pub fn kill_dash_nine(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.everything_logged()
    }

    /// As an operator would.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let status = self.child.wait().unwrap();
        (status, self.everything_logged())
    }

    fn everything_logged(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
    }
}
