//! The SMSC of npm's `smpp` package as a process of its own, for any test that wants an SMSC we did not write.
//!
//! The package lies in `tests/smsc-npm`. Without it, or without node, these tests fail: `tests/run` installs both.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "each test file uses its own part of this, and a test's helpers stop it as it stops itself"
)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// No step takes longer unless something hangs. It bounds the test and measures nothing.
pub const HANG: Duration = Duration::from_secs(60);

/// A running SMSC and everything it said so far.
pub struct NpmSmsc {
    /// Ends with this value.
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    pub port: u64,
    seen: Vec<Value>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/smsc-npm")
}

impl NpmSmsc {
    /// Starts it on a free port. The account is `tandem` with the password `pw`.
    pub async fn start() -> Self {
        let folder = folder();
        assert!(
            folder.join("node_modules/smpp").is_dir(),
            "npm's smpp package is missing: run tests/run, or npm ci --prefix tests/smsc-npm"
        );
        let mut process = Command::new("node")
            .arg(folder.join("server.js"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is missing: run tests/run, which installs it");
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut smsc = Self { _process: process, input, output, port: 0, seen: Vec::new() };
        let listening = smsc.until("listening").await;
        smsc.port = listening["port"].as_u64().unwrap();
        smsc
    }

    async fn line(&mut self) -> Value {
        let line = timeout(HANG, self.output.next_line())
            .await
            .expect("the SMSC says nothing")
            .unwrap()
            .expect("the SMSC ended");
        let value: Value = serde_json::from_str(&line).unwrap();
        self.seen.push(value.clone());
        value
    }

    /// Reads on until it says this.
    pub async fn until(&mut self, event: &str) -> Value {
        loop {
            let line = self.line().await;
            if line["event"] == event {
                return line;
            }
        }
    }

    /// Gives it a command, and reads on until it is carried out.
    pub async fn tell(&mut self, command: &str) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        self.until("done").await;
    }

    pub fn count(&self, event: &str) -> usize {
        self.seen.iter().filter(|line| line["event"] == event).count()
    }

    /// The submits it took, without those it throttled.
    pub fn submits(&self) -> Vec<&Value> {
        self.seen.iter().filter(|line| line["event"] == "submit").collect()
    }

    pub fn texts(&self) -> Vec<String> {
        self.submits().iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect()
    }
}
