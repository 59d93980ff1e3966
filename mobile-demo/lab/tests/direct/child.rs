//! This program again, in a namespace: orders come as lines of JSON, what is seen goes out the same way.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What a child is, and with what settings.
const ROLE: &str = "TANDEM_DIRECT_ROLE";
const SETTINGS: &str = "TANDEM_DIRECT_SETTINGS";

/// Before every line of a child that is no other output.
const MARK: &str = "@@ ";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(240);

/// In a child: does what it is for. Elsewhere: nothing.
pub fn run() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let settings = serde_json::from_str(&std::env::var(SETTINGS).unwrap()).unwrap();
    match role.as_str() {
        "phone" => super::phone::run(&settings),
        "server" => super::server::run(&settings),
        other => panic!("no such role: {other}"),
    }
}

/// In a child: says what is seen.
pub fn tell(seen: &Value) {
    let mut out = std::io::stdout().lock();
    let _parent_left = writeln!(out, "\n{MARK}{seen}").and_then(|()| out.flush());
}

/// In a child: the next order; `None` when the parent is gone.
pub fn orders() -> impl Iterator<Item = Value> {
    std::io::stdin().lines().map_while(Result::ok).map(|line| serde_json::from_str(&line).unwrap())
}

/// A child, from outside.
pub struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    seen: Receiver<Value>,
}

impl Process {
    /// Starts one in a namespace.
    pub fn start(name: &str, namespace: &str, role: &str, settings: &Value) -> Process {
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(SETTINGS, settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (told, seen) = channel();
        std::thread::Builder::new()
            .spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Some(seen) = line.strip_prefix(MARK)
                        && told.send(serde_json::from_str(seen).unwrap()).is_err()
                    {
                        return;
                    }
                }
            })
            .unwrap();
        Process { name: name.to_owned(), child, input, seen }
    }

    /// Gives an order.
    pub fn say(&mut self, order: &Value) {
        writeln!(self.input, "{order}").unwrap();
        self.input.flush().unwrap();
    }

    /// Waits until something of this kind is seen that fits, and gives it.
    pub fn wait(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.wait_within(kind, PATIENCE, fits)
    }

    /// The same, within a time.
    pub fn wait_within(&self, kind: &str, within: Duration, fits: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + within;
        let mut last = Value::Null;
        loop {
            match self.seen.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(seen) if seen["see"] == kind && fits(&seen) => return seen,
                Ok(seen) => last = seen,
                Err(RecvTimeoutError::Timeout) => panic!("{}: no {kind} in time; last seen: {last}", self.name),
                Err(RecvTimeoutError::Disconnected) => panic!("{}: ended before any {kind}; last: {last}", self.name),
            }
        }
    }

    /// How many of a kind were seen since the last wait.
    pub fn seen_so_far(&self, kind: &str) -> usize {
        self.seen.try_iter().filter(|seen| seen["see"] == kind).count()
    }

    /// Every text from a peer in its database, oldest first.
    pub fn history(&mut self, with: &str) -> Vec<String> {
        self.say(&serde_json::json!({ "do": "history", "with": with }));
        let seen = self.wait("history", |_| true);
        seen["bodies"].as_array().unwrap().iter().map(|body| body.as_str().unwrap().to_owned()).collect()
    }

    /// A counter of the server.
    pub fn metric(&mut self, name: &str) -> u64 {
        self.say(&serde_json::json!({ "do": "metric", "name": name }));
        self.wait("metric", |seen| seen["name"] == name)["value"].as_u64().unwrap()
    }

    /// Waits until a counter of the server is at least this.
    pub fn until_metric(&mut self, name: &str, least: u64) {
        let until = Instant::now() + PATIENCE;
        while self.metric(name) < least {
            assert!(Instant::now() < until, "{name} stays below {least}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The process dies where it stands.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}
