//! A child process whose lines arrive on one channel, so that the stage has a single place to wait.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What comes from outside.
#[derive(Debug)]
pub enum Incoming {
    /// A line of a child's output.
    Line {
        /// Which child.
        who: String,
        /// The child's start count: lines of an earlier life are late.
        life: u64,
        /// The line.
        line: String,
    },
    /// A child's output ended.
    Closed {
        /// Which child.
        who: String,
        /// The child's start count.
        life: u64,
    },
    /// The SMSC delivers a text to a number.
    Sms {
        /// To whom, in E.164.
        to: String,
        /// From whom.
        from: String,
        /// The words.
        body: String,
    },
}

/// A running child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
}

impl Process {
    /// Starts this program again with other arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(who: &str, life: u64, args: &[&str], lines: Sender<Incoming>) -> std::io::Result<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let who = who.to_owned();
        std::thread::Builder::new().name(format!("lines-{who}")).spawn(move || {
            for line in output.map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
                if lines.send(Incoming::Line { who: who.clone(), life, line }).is_err() {
                    return;
                }
            }
            let _lab_is_gone = lines.send(Incoming::Closed { who, life });
        })?;
        Ok(Process { child, input })
    }

    /// Writes one line to the child.
    ///
    /// # Errors
    /// When the child is gone.
    pub fn say(&mut self, line: &str) -> std::io::Result<()> {
        let input = self.input.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        writeln!(input, "{line}")?;
        input.flush()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }

    /// Closes the child's input, which asks it to stop, and waits; kills it when it takes too long.
    pub fn stop(&mut self, at_most: Duration) {
        self.input = None;
        let until = Instant::now() + at_most;
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill();
    }

    /// The operating system's id of the child.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
