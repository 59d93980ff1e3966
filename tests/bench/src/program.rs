//! A server in a process of its own, on one CPU, with what it costs read from outside.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How often something that is to come is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// A running server. It ends with this value.
#[derive(Debug)]
pub struct Program {
    child: Child,
    name: String,
}

/// What a process has used of a CPU, and what of a clock.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// On a CPU.
    pub cpu: Duration,
    /// Ready to be, while somebody else was.
    pub waited: Duration,
    /// Since.
    pub at: Instant,
}

impl Program {
    /// Starts a command, on one CPU when one is named. What it writes goes to a file in `directory`.
    ///
    /// # Errors
    /// A sentence on what is missing.
    pub fn start(cpu: Option<usize>, directory: &Path, program: &str, arguments: &[&str]) -> Result<Program, String> {
        let log = fs::File::create(directory.join("log.txt")).map_err(|error| format!("no log: {error}"))?;
        let error = log.try_clone().map_err(|error| format!("no log: {error}"))?;
        let mut command = match cpu {
            Some(cpu) => {
                let mut pinned = Command::new("taskset");
                pinned.args(["-c", &cpu.to_string(), program]);
                pinned
            }
            None => Command::new(program),
        };
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(error)
            .spawn()
            .map_err(|error| format!("{program} cannot be started: {error}"))?;
        Ok(Program { child, name: program.to_owned() })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has used so far, all its threads together.
    ///
    /// # Errors
    /// It has ended, or the system does not tell.
    pub fn usage(&self) -> Result<Usage, String> {
        let lost = |error: std::io::Error| format!("{} cannot be looked at: {error}", self.name);
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).map_err(lost)?;
        let (mut cpu, mut waited) = (Duration::ZERO, Duration::ZERO);
        for task in tasks.flatten() {
            let told = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let mut nanos = told.split(' ').map(|nanos| Duration::from_nanos(nanos.parse().unwrap_or(0)));
            cpu += nanos.next().unwrap_or_default();
            waited += nanos.next().unwrap_or_default();
        }
        Ok(Usage { cpu, waited, at: Instant::now() })
    }

    /// Resident memory, in bytes; of any kind, or of files that are mapped only.
    #[must_use]
    pub fn resident(&self) -> f64 {
        let told = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
        kib.unwrap_or(f64::NAN) * 1024.0
    }

    /// Waits until something has come.
    ///
    /// # Errors
    /// It ended, or nothing came within the patience.
    pub fn until<T>(&mut self, patience: Duration, mut come: impl FnMut() -> Option<T>) -> Result<T, String> {
        let end = Instant::now() + patience;
        loop {
            if let Some(value) = come() {
                return Ok(value);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("{} ended: {status}", self.name));
            }
            if Instant::now() > end {
                return Err(format!("{} is not ready after {} s", self.name, patience.as_secs()));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends it as an operator would, and waits.
    pub fn terminate(mut self) {
        let _asked = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ended = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
    }
}

/// Pins this process, whose every thread begun later inherits it.
///
/// # Errors
/// There is no `taskset`, or no such CPU.
pub fn pin_self(cpu: usize) -> Result<(), String> {
    let pinned = Command::new("taskset")
        .args(["-cp", &cpu.to_string(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("taskset (Debian package util-linux) cannot be run: {error}"))?;
    if pinned.success() {
        Ok(())
    } else {
        Err(format!("CPU {cpu} cannot be used: a client's and a server's are needed"))
    }
}

/// Whether a program is there.
///
/// # Errors
/// Which Debian package has it.
pub fn need(program: &str, package: &str) -> Result<(), String> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin"].map(std::path::PathBuf::from);
    let found = std::env::split_paths(&places).chain(extra).any(|place| place.join(program).is_file());
    if found { Ok(()) } else { Err(format!("{program} is missing: apt-get install {package}")) }
}
