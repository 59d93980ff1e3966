//! The one thread from which the host's ports are called, after the drain and under no lock.

use crate::keys::SECRET_NAME;
use crate::latch::Running;
use crate::pending::Dial;
use crate::ports::{HostError, LogLevel, Ports};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use tandem_model::{Line, Secret, TextBody, Ticket};

/// Calls that may wait for a slow host.
const CALLS_MAX: usize = 1024;

/// Log lines that may wait; more are dropped and counted.
const LINES_MAX: usize = 512;

/// One thing a host is asked for.
pub(crate) enum HostCall {
    Dial { ticket: Ticket, dial: Dial },
    Sms { ticket: Ticket, line: Option<Line>, to: Secret<String>, body: TextBody },
    KeepKeys(Secret<Vec<u8>>),
    ReadKeys,
    Line { level: LogLevel, target: &'static str, text: String },
}

/// What came of it, where somebody waits.
pub(crate) enum HostAnswer {
    Dial { ticket: Ticket },
    Sms { ticket: Ticket },
    KeysKept(bool),
    KeysRead(Result<Option<Vec<u8>>, HostError>),
}

/// Calls on their way to the host.
#[derive(Default)]
pub(crate) struct HostQueue {
    calls: Mutex<Calls>,
    ready: Condvar,
    begun: AtomicU64,
    busy: AtomicBool,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<HostCall>,
    lines: usize,
    dropped_lines: u64,
    closed: bool,
}

impl HostQueue {
    /// Adds a call; gives it back when the host is too slow. Dialing goes before everything else.
    pub(crate) fn push(&self, call: HostCall) -> Result<(), HostCall> {
        let mut calls = self.lock();
        let is_line = matches!(call, HostCall::Line { .. });
        if is_line && calls.lines >= LINES_MAX {
            calls.dropped_lines += 1;
            return Ok(());
        }
        if calls.closed || calls.waiting.len() >= CALLS_MAX + LINES_MAX {
            return Err(call);
        }
        match call {
            HostCall::Dial { .. } => calls.waiting.push_front(call),
            HostCall::Sms { .. } | HostCall::KeepKeys(_) | HostCall::ReadKeys => calls.waiting.push_back(call),
            HostCall::Line { .. } => {
                calls.lines += 1;
                calls.waiting.push_back(call);
            }
        }
        drop(calls);
        self.ready.notify_one();
        Ok(())
    }

    /// Ends the thread once it has nothing more to do.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    /// Which call is being made, and whether one is: for the guard, which watches for progress.
    pub(crate) fn progress(&self) -> (u64, bool) {
        let waiting = !self.lock().waiting.is_empty();
        (self.begun.load(Ordering::Acquire), waiting || self.busy.load(Ordering::Acquire))
    }

    /// Takes the calls to dial away from a thread that is stuck.
    pub(crate) fn take_dials(&self) -> Vec<(Ticket, Dial)> {
        let mut calls = self.lock();
        let mut dials = Vec::new();
        calls.waiting.retain(|call| match call {
            HostCall::Dial { ticket, dial } => {
                dials.push((*ticket, dial.clone()));
                false
            }
            HostCall::Sms { .. } | HostCall::KeepKeys(_) | HostCall::ReadKeys | HostCall::Line { .. } => true,
        });
        dials
    }

    /// Runs the thread until [`HostQueue::close`].
    pub(crate) fn run(&self, ports: &Ports, answer: impl Fn(HostAnswer), _running: Running) {
        while let Some(call) = self.next() {
            // A host that panics has not done what it was asked; the engine goes on.
            let answered = catch_unwind(AssertUnwindSafe(|| make(ports, &call))).unwrap_or_else(|_| refused(&call));
            self.busy.store(false, Ordering::Release);
            if let Some(answered) = answered {
                answer(answered);
            }
        }
    }

    fn next(&self) -> Option<HostCall> {
        let mut calls = self.lock();
        loop {
            if let Some(call) = calls.waiting.pop_front() {
                if matches!(call, HostCall::Line { .. }) {
                    calls.lines -= 1;
                }
                self.begun.fetch_add(1, Ordering::AcqRel);
                self.busy.store(true, Ordering::Release);
                return Some(call);
            }
            if calls.closed {
                return None;
            }
            calls = self.ready.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes one call; the answer, where one is owed now.
fn make(ports: &Ports, call: &HostCall) -> Option<HostAnswer> {
    let done = match call {
        HostCall::Dial { ticket, dial } => ports
            .telephony
            .as_ref()
            .is_some_and(|telephony| telephony.dial(*ticket, dial.line, dial.digits.expose()).is_ok()),
        HostCall::Sms { ticket, line, to, body } => {
            ports.sms.as_ref().is_some_and(|sms| sms.send(*ticket, *line, to.expose(), body.as_str()).is_ok())
        }
        HostCall::KeepKeys(blob) => {
            let kept = ports.keys.as_ref().is_none_or(|keys| keys.put(SECRET_NAME, blob.expose()).is_ok());
            return Some(HostAnswer::KeysKept(kept));
        }
        HostCall::ReadKeys => {
            let read = ports.keys.as_ref().map_or(Ok(None), |keys| keys.get(SECRET_NAME));
            return Some(HostAnswer::KeysRead(read));
        }
        HostCall::Line { level, target, text } => {
            if let Some(log) = &ports.log {
                log.on_line(*level, target, text);
            }
            true
        }
    };
    if done { None } else { refused(call) }
}

/// The answer to a call that was not done.
pub(crate) fn refused(call: &HostCall) -> Option<HostAnswer> {
    match call {
        HostCall::Dial { ticket, .. } => Some(HostAnswer::Dial { ticket: *ticket }),
        HostCall::Sms { ticket, .. } => Some(HostAnswer::Sms { ticket: *ticket }),
        HostCall::KeepKeys(_) => Some(HostAnswer::KeysKept(false)),
        HostCall::ReadKeys => Some(HostAnswer::KeysRead(Err(HostError::Failed))),
        HostCall::Line { .. } => None,
    }
}
