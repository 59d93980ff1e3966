//! The one thread from which the host's ports are called, after the drain and under no lock.

use crate::book::{PAGE_LIMIT, PageWanted};
use crate::dials::{Dial, DialId};
use crate::guard::Rescue;
use crate::keys::SECRET_NAME;
use crate::latch::Running;
use crate::ports::{HostError, LogLevel, Ports};
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use tandem_machine::input::NetworkSnapshot;
use tandem_model::{CallId, Line, Secret, SimSlot, TextBody, Ticket};

/// Calls that may wait for a slow host.
const CALLS_MAX: usize = 1024;

/// Room beyond that for what must not be refused: every command that waits may end in a call to dial.
const URGENT_MAX: usize = crate::pending::COMMANDS_MAX;

/// Log lines that may wait; more are dropped and counted.
const LINES_MAX: usize = 512;

/// One thing a host is asked for.
pub(crate) enum HostCall {
    Dial { ticket: Ticket, id: DialId, dial: Dial },
    Sms { ticket: Ticket, line: Option<Line>, to: Secret<String>, body: TextBody },
    KeepKeys(Secret<Vec<u8>>),
    ReadKeys,
    ReadSims,
    ReadNetwork,
    ReadPage(PageWanted),
    OpenAudio(CallId),
    CloseAudio(CallId),
    Line { level: LogLevel, target: &'static str, text: String },
}

/// What came of it, where somebody waits.
pub(crate) enum HostAnswer {
    Dial {
        ticket: Ticket,
    },
    Sms {
        ticket: Ticket,
    },
    KeysKept(bool),
    KeysRead(Result<Option<Vec<u8>>, HostError>),
    Sims(Result<Vec<SimSlot>, HostError>),
    Network(Result<NetworkSnapshot, HostError>),
    /// The page will not come.
    NoPage(Ticket, HostError),
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
    /// Calls whose sound the host has opened, or is to open.
    sounding: BTreeSet<CallId>,
    /// The call being dialed.
    dialing: Option<DialId>,
    closed: bool,
}

impl Calls {
    /// Says in the log itself how much of it is missing, once there is room again.
    fn own_up(&mut self) {
        let dropped = std::mem::take(&mut self.dropped_lines);
        if dropped > 0 {
            let text = format!("the log is slower than the core: {dropped} lines are missing here");
            self.lines += 1;
            self.waiting.push_back(HostCall::Line { level: LogLevel::Warn, target: module_path!(), text });
        }
    }
}

impl HostQueue {
    /// Adds a call; gives it back when the host is too slow. Dialing goes before everything else, and has room where nothing
    /// else has any; so has the end of a call's sound, or a microphone would stay open.
    pub(crate) fn push(&self, call: HostCall) -> Result<(), HostCall> {
        let mut calls = self.lock();
        let is_line = matches!(call, HostCall::Line { .. });
        if is_line && calls.lines >= LINES_MAX {
            calls.dropped_lines += 1;
            return Ok(());
        }
        let room = match call {
            HostCall::Dial { .. } | HostCall::CloseAudio(_) => CALLS_MAX + LINES_MAX + URGENT_MAX,
            HostCall::Sms { .. }
            | HostCall::KeepKeys(_)
            | HostCall::ReadKeys
            | HostCall::ReadSims
            | HostCall::ReadNetwork
            | HostCall::ReadPage(_)
            | HostCall::OpenAudio(_)
            | HostCall::Line { .. } => CALLS_MAX + LINES_MAX,
        };
        if calls.closed || calls.waiting.len() >= room {
            return Err(call);
        }
        match call {
            HostCall::Dial { .. } => {
                let dials = calls.waiting.iter().take_while(|call| matches!(call, HostCall::Dial { .. })).count();
                calls.waiting.insert(dials, call);
            }
            HostCall::OpenAudio(id) => {
                calls.sounding.insert(id);
                calls.waiting.push_back(call);
            }
            HostCall::CloseAudio(id) => {
                calls.sounding.remove(&id);
                calls.waiting.push_back(call);
            }
            HostCall::Sms { .. }
            | HostCall::KeepKeys(_)
            | HostCall::ReadKeys
            | HostCall::ReadSims
            | HostCall::ReadNetwork
            | HostCall::ReadPage(_) => calls.waiting.push_back(call),
            HostCall::Line { .. } => {
                calls.lines += 1;
                calls.waiting.push_back(call);
            }
        }
        drop(calls);
        self.ready.notify_one();
        Ok(())
    }

    /// Ends the thread once it has nothing more to do. No microphone stays open.
    pub(crate) fn close(&self) {
        let mut calls = self.lock();
        let sounding = std::mem::take(&mut calls.sounding);
        calls.waiting.extend(sounding.into_iter().map(HostCall::CloseAudio));
        calls.closed = true;
        drop(calls);
        self.ready.notify_all();
    }

    /// Which call is being made, and whether one is: for the guard, which watches for progress.
    pub(crate) fn progress(&self) -> (u64, bool) {
        let waiting = !self.lock().waiting.is_empty();
        (self.begun.load(Ordering::Acquire), waiting || self.busy.load(Ordering::Acquire))
    }

    /// Takes the calls to dial away from a thread that is stuck; also the one it is stuck in.
    pub(crate) fn take_dials(&self) -> (Vec<Rescue>, Option<DialId>) {
        let mut calls = self.lock();
        let mut dials = Vec::new();
        calls.waiting.retain(|call| match call {
            HostCall::Dial { ticket, id, dial } => {
                dials.push(Rescue { ticket: *ticket, id: *id, dial: dial.clone() });
                false
            }
            HostCall::Sms { .. }
            | HostCall::KeepKeys(_)
            | HostCall::ReadKeys
            | HostCall::ReadSims
            | HostCall::ReadNetwork
            | HostCall::ReadPage(_)
            | HostCall::OpenAudio(_)
            | HostCall::CloseAudio(_)
            | HostCall::Line { .. } => true,
        });
        (dials, calls.dialing.take())
    }

    /// Runs the thread until [`HostQueue::close`]; `dialed` hears what came of every call to dial.
    pub(crate) fn run(
        &self,
        ports: &Ports,
        dialed: impl Fn(DialId, bool),
        answer: impl Fn(HostAnswer),
        _running: Running,
    ) {
        while let Some(call) = self.next() {
            // A host that panics has not done what it was asked; the engine goes on.
            let answered = catch_unwind(AssertUnwindSafe(|| make(ports, &call))).unwrap_or_else(|_| refused(&call));
            self.busy.store(false, Ordering::Release);
            if let HostCall::Dial { id, .. } = &call {
                self.lock().dialing = None;
                dialed(*id, answered.is_none());
            }
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
                    calls.own_up();
                }
                if let HostCall::Dial { id, .. } = &call {
                    calls.dialing = Some(*id);
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
        HostCall::Dial { ticket, dial, .. } => ports
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
        HostCall::ReadSims => {
            let slots = ports.sim.as_ref().map_or(Err(HostError::Unsupported), |sim| sim.slots());
            return Some(HostAnswer::Sims(slots));
        }
        HostCall::ReadNetwork => {
            let snapshot = ports.network.as_ref().map_or(Err(HostError::Unsupported), |network| network.snapshot());
            return Some(HostAnswer::Network(snapshot));
        }
        HostCall::ReadPage(PageWanted { ticket, cursor }) => {
            let asked = ports.contacts.as_ref().map_or(Err(HostError::Unsupported), |contacts| {
                contacts.request_page(*ticket, cursor.as_deref(), PAGE_LIMIT)
            });
            return asked.err().map(|why| HostAnswer::NoPage(*ticket, why));
        }
        HostCall::OpenAudio(id) => {
            // A phone that opens no microphone has a call in which it is not heard, which its person notices.
            ports.audio.as_ref().is_none_or(|audio| audio.begin(*id).is_ok())
        }
        HostCall::CloseAudio(id) => {
            if let Some(audio) = &ports.audio {
                audio.end(*id);
            }
            true
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
        HostCall::ReadSims => Some(HostAnswer::Sims(Err(HostError::Failed))),
        HostCall::ReadNetwork => Some(HostAnswer::Network(Err(HostError::Failed))),
        HostCall::ReadPage(PageWanted { ticket, .. }) => Some(HostAnswer::NoPage(*ticket, HostError::Failed)),
        HostCall::OpenAudio(_) | HostCall::CloseAudio(_) | HostCall::Line { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize) -> HostCall {
        HostCall::Line { level: LogLevel::Info, target: "test", text: n.to_string() }
    }

    #[test]
    fn a_host_that_is_too_slow_for_anything_else_still_gets_calls_to_dial_and_ends_of_sound() {
        let dial = |n: u64| {
            let mut dials = crate::dials::Dials::default();
            let dial = crate::dials::Dial { line: None, digits: tandem_model::Secret::new(n.to_string()) };
            HostCall::Dial { ticket: Ticket(n), id: dials.begin(dial.clone(), None, Vec::new()), dial }
        };
        let queue = HostQueue::default();
        (0..LINES_MAX).for_each(|n| assert!(queue.push(line(n)).is_ok()));
        (0..CALLS_MAX).for_each(|_| assert!(queue.push(HostCall::ReadSims).is_ok()));
        assert!(queue.push(HostCall::ReadSims).is_err(), "it is full");
        assert!(queue.push(dial(1)).is_ok());
        assert!(queue.push(HostCall::CloseAudio(CallId([1; 16]))).is_ok());
        (2..URGENT_MAX as u64).for_each(|n| assert!(queue.push(dial(n)).is_ok()));
        assert!(queue.push(dial(0)).is_err(), "that has an end too");
        assert!(matches!(queue.next(), Some(HostCall::Dial { .. })), "before everything else");
    }

    #[test]
    fn a_log_that_is_too_slow_is_told_how_much_it_misses() {
        let queue = HostQueue::default();
        for n in 0..LINES_MAX + 3 {
            assert!(queue.push(line(n)).is_ok());
        }
        queue.close();
        let told: Vec<String> = std::iter::from_fn(|| match queue.next() {
            Some(HostCall::Line { text, .. }) => Some(text),
            _ => None,
        })
        .collect();
        assert_eq!(told.len(), LINES_MAX + 1);
        assert_eq!(told[LINES_MAX], "the log is slower than the core: 3 lines are missing here");
    }
}
