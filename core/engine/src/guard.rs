//! The last resort: watches that the machine and the host's thread make progress, and dials through the carrier when
//! they do not. Needs neither machine nor store nor runtime.

use crate::dials::{Dial, DialId};
use crate::latch::Running;
use crate::ports::Telephony;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tandem_model::Ticket;

/// Ticks without progress that make a hang.
const TICKS: u32 = 20;

/// Calls that may wait to be dialed.
const DIALS_MAX: usize = 64;

/// A call to be dialed past the machine.
pub(crate) struct Rescue {
    /// Zero where nobody waits for the host's later word.
    pub(crate) ticket: Ticket,
    pub(crate) id: DialId,
    pub(crate) dial: Dial,
}

/// What the guard looks at, and does.
pub(crate) trait Watched: Send + Sync {
    /// A number that changes with every step of the machine, and whether a step is due or under way.
    fn machine(&self) -> (u64, bool);
    /// The same of the host's thread.
    fn host(&self) -> (u64, bool);
    /// Whether somebody would miss the machine now.
    fn is_needed(&self) -> bool;
    /// The machine hangs.
    fn machine_hangs(&self);
    /// The host's thread hangs: its calls to dial. The one it hangs in is taken for one that was not dialed.
    fn take_dials(&self) -> Vec<Rescue>;
    /// A call was dialed, or could not be.
    fn dialed(&self, id: DialId, ok: bool);
}

/// The guard's thread and its queue.
pub(crate) struct Guard {
    state: Mutex<State>,
    changed: Condvar,
    watching: AtomicBool,
    telephony: Option<Arc<dyn Telephony>>,
    tick: Duration,
}

#[derive(Default)]
struct State {
    dials: VecDeque<Rescue>,
    closed: bool,
}

impl Guard {
    pub(crate) fn new(telephony: Option<Arc<dyn Telephony>>, hang_after: Duration) -> Guard {
        Guard {
            state: Mutex::default(),
            changed: Condvar::new(),
            watching: AtomicBool::new(false),
            telephony,
            tick: (hang_after / TICKS).max(Duration::from_millis(5)),
        }
    }

    /// How long something may be still.
    pub(crate) fn patience(&self) -> Duration {
        self.tick * TICKS
    }

    /// Something was asked of the machine: watch until it is done. Between that the guard sleeps for good.
    pub(crate) fn watch(&self) {
        if !self.watching.swap(true, Ordering::AcqRel) {
            drop(self.lock());
            self.changed.notify_all();
        }
    }

    /// Dials past the machine; false when it does not.
    pub(crate) fn rescue(&self, rescue: Rescue) -> bool {
        let mut state = self.lock();
        if state.closed || state.dials.len() >= DIALS_MAX {
            return false;
        }
        state.dials.push_back(rescue);
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Ends the thread once everything is dialed.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Runs the thread until [`Guard::close`].
    pub(crate) fn run(&self, watched: &dyn Watched, _running: Running) {
        let mut machine = Stall::default();
        let mut host = Stall::default();
        loop {
            match self.next() {
                Turn::Dial(rescue) => self.dial(&rescue, watched),
                Turn::Tick => {
                    if machine.tick(watched.machine()) {
                        watched.machine_hangs();
                    }
                    host.tick(watched.host());
                    // At every tick, not at the first alone: what is to be dialed may come after it.
                    if host.is_still() {
                        for rescue in watched.take_dials() {
                            self.dial(&rescue, watched);
                        }
                    }
                    if !watched.is_needed() {
                        (machine, host) = (Stall::default(), Stall::default());
                        self.watching.store(false, Ordering::Release);
                        // Whoever asked for something just before that looked at the flag while it was still set.
                        if watched.is_needed() {
                            self.watching.store(true, Ordering::Release);
                        }
                    }
                }
                Turn::End => return,
            }
        }
    }

    fn next(&self) -> Turn {
        let mut state = self.lock();
        loop {
            if let Some(rescue) = state.dials.pop_front() {
                return Turn::Dial(rescue);
            }
            if state.closed {
                return Turn::End;
            }
            if self.watching.load(Ordering::Acquire) {
                let (after, waited) =
                    self.changed.wait_timeout(state, self.tick).unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() {
                    return Turn::Tick;
                }
                state = after;
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// When nothing can be dialed for the host, it dials by itself.
    fn dial(&self, Rescue { ticket, id, dial }: &Rescue, watched: &dyn Watched) {
        let ok = self.telephony.as_ref().is_some_and(|telephony| {
            let call = || telephony.dial(*ticket, dial.line, dial.digits.expose());
            catch_unwind(AssertUnwindSafe(call)).is_ok_and(|dialed| dialed.is_ok())
        });
        watched.dialed(*id, ok);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Turn {
    Dial(Rescue),
    Tick,
    End,
}

/// Counts ticks in which something was due and nothing moved. Ticks and not time: a phone that slept did not hang.
#[derive(Default)]
struct Stall {
    last: Option<u64>,
    ticks: u32,
}

impl Stall {
    /// True once, when it has been still for long enough.
    fn tick(&mut self, (steps, due): (u64, bool)) -> bool {
        if !due || self.last != Some(steps) {
            *self = Stall { last: Some(steps), ticks: 0 };
            return false;
        }
        self.ticks = self.ticks.saturating_add(1);
        self.ticks == TICKS
    }

    /// Whether it has been still for that long, or longer.
    const fn is_still(&self) -> bool {
        self.ticks >= TICKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_hang_at_the_last_tick_and_not_before_and_only_once() {
        let mut stall = Stall::default();
        assert!(!stall.tick((7, true)));
        for _ in 1..TICKS {
            assert!(!stall.tick((7, true)));
        }
        assert!(!stall.is_still());
        assert!(stall.tick((7, true)));
        assert!(!stall.tick((7, true)));
        assert!(stall.is_still(), "for as long as it lasts");
        assert!(!stall.tick((8, true)));
        assert!(!stall.is_still());
    }

    #[test]
    fn a_step_or_nothing_to_do_starts_the_count_again() {
        let mut stall = Stall::default();
        for _ in 0..TICKS {
            assert!(!stall.tick((7, true)));
        }
        assert!(!stall.tick((8, true)));
        for _ in 1..TICKS {
            assert!(!stall.tick((8, true)));
        }
        assert!(!stall.tick((8, false)));
        assert!(!stall.tick((8, true)));
    }
}
