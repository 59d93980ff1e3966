//! What the engine's threads and tasks share: how far its life is, what waits for the app, what can be looked at.

use crate::dials::DialId;
use crate::events::EventQueue;
use crate::guard::{Guard, Rescue, Watched};
use crate::host::HostQueue;
use crate::pending::{Past, Pending};
use crate::views::Views;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tandem_machine::Event;
use tandem_machine::view::{CallState, CallView, Fault, Notice};
use tandem_media::{AudioPort, MediaStats};
use tandem_model::{CallEnd, CallId, Ticket};
use tokio::sync::watch;
use tracing::error;

/// How far an engine's life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// The machine answers.
    Running,
    /// It was asked to end.
    Ended,
    /// The machine panicked or hung: only the carrier is left.
    Broken,
}

pub(crate) struct Shared {
    pub(crate) events: EventQueue,
    pub(crate) pending: Pending,
    pub(crate) guard: Arc<Guard>,
    pub(crate) host: Arc<HostQueue>,
    pub(crate) progress: Progress,
    life: AtomicU8,
    stop: watch::Sender<bool>,
    views: Mutex<Views>,
    calls: Mutex<BTreeMap<CallId, Sound>>,
}

/// The sound of one call.
struct Sound {
    audio: AudioPort,
    stats: Option<MediaStats>,
}

/// What the guard reads of the machine.
#[derive(Default)]
pub(crate) struct Progress {
    /// Inputs of app and OS that were queued and not yet taken in.
    pub(crate) outstanding: AtomicUsize,
    /// Steps begun and ended.
    pub(crate) steps: AtomicU64,
    /// A step is under way.
    pub(crate) busy: AtomicBool,
}

impl Shared {
    pub(crate) fn new(events_max: usize, guard: Arc<Guard>) -> Shared {
        Shared {
            events: EventQueue::new(events_max),
            pending: Pending::default(),
            guard,
            host: Arc::default(),
            progress: Progress::default(),
            life: AtomicU8::new(Life::Running as u8),
            stop: watch::Sender::new(false),
            views: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    pub(crate) fn life(&self) -> Life {
        match self.life.load(Ordering::Acquire) {
            running if running == Life::Running as u8 => Life::Running,
            ended if ended == Life::Ended as u8 => Life::Ended,
            _ => Life::Broken,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.life() != Life::Running
    }

    /// Turns true when the runner must end.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// The end that was asked for. Calls nobody decided are dropped with the rest: the app knows that it ends.
    pub(crate) fn end(&self) {
        if !self.leave(Life::Ended) {
            return;
        }
        self.pending.end().send();
        // Nothing is asked any more either: no answer would be heard.
        self.views().prompts.clear();
        self.end_calls(|_| false);
        self.go_offline();
        self.events.close();
    }

    /// The end nobody asked for. Whoever wanted to call and was not served gets the carrier, unasked.
    pub(crate) fn break_down(&self, fault: Fault) {
        if !self.leave(Life::Broken) {
            return;
        }
        error!(?fault, "the machine is gone; the carrier is left");
        let (past, to_carrier) = self.pending.break_down();
        self.act_past(past);
        self.end_calls(|call| to_carrier.contains(&call));
        self.go_offline();
        self.events.push(Event::Notice(Notice::Stopped { fault }));
        self.events.close();
    }

    /// Shows every call as over that was with the machine. One the user is being asked about stays, for its answer.
    fn end_calls(&self, was_dialed: impl Fn(CallId) -> bool) {
        let (asked, over): (Vec<CallView>, Vec<CallView>) = {
            let mut views = self.views();
            let calls = std::mem::take(&mut views.calls);
            calls.into_iter().partition(|view| views.prompts.iter().any(|prompt| prompt.is_about(view.call)))
        };
        self.views().calls = asked;
        for mut view in over {
            let carrier = view.state == CallState::Carrier || was_dialed(view.call);
            view.state = CallState::Ended(if carrier { CallEnd::Carrier } else { CallEnd::MediaLost });
            self.events.push(Event::Call(view));
        }
    }

    /// No session outlives the machine.
    fn go_offline(&self) {
        for line in std::mem::take(&mut self.views().online) {
            self.events.push(Event::Online { line, online: false });
        }
    }

    /// Dials past the machine, and answers.
    pub(crate) fn act_past(&self, past: Past) {
        past.told.send();
        for (id, dial) in past.dials {
            if !self.guard.rescue(Rescue { ticket: Ticket(0), id, dial }) {
                self.dialed(id, false);
            }
        }
    }

    /// A carrier call was taken by the host, or was not.
    pub(crate) fn dialed(&self, id: DialId, ok: bool) {
        self.pending.dialed(id, ok).send();
    }

    /// True for whoever is first.
    fn leave(&self, to: Life) -> bool {
        let first =
            self.life.compare_exchange(Life::Running as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if first {
            self.stop.send_replace(true);
        }
        first
    }

    pub(crate) fn views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remember_call(&self, call: CallId, audio: AudioPort) {
        self.calls().insert(call, Sound { audio, stats: None });
    }

    pub(crate) fn forget_call(&self, call: CallId) {
        self.calls().remove(&call);
    }

    pub(crate) fn note_stats(&self, call: CallId, stats: MediaStats) {
        if let Some(sound) = self.calls().get_mut(&call) {
            sound.stats = Some(stats);
        }
    }

    pub(crate) fn audio(&self, call: CallId) -> Option<AudioPort> {
        self.calls().get(&call).map(|sound| sound.audio.clone())
    }

    pub(crate) fn stats(&self, call: CallId) -> Option<MediaStats> {
        self.calls().get(&call).and_then(|sound| sound.stats)
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<CallId, Sound>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched for Shared {
    fn machine(&self) -> (u64, bool) {
        let due = self.progress.outstanding.load(Ordering::Acquire) > 0 || self.progress.busy.load(Ordering::Acquire);
        (self.progress.steps.load(Ordering::Acquire), due && !self.is_over())
    }

    fn host(&self) -> (u64, bool) {
        self.host.progress()
    }

    fn is_needed(&self) -> bool {
        self.machine().1 || self.host().1
    }

    fn machine_hangs(&self) {
        self.break_down(Fault::Hang);
    }

    fn take_dials(&self) -> Vec<Rescue> {
        let (dials, stuck_in) = self.host.take_dials();
        if let Some(id) = stuck_in {
            Shared::dialed(self, id, false);
        }
        dials
    }

    fn dialed(&self, id: DialId, ok: bool) {
        Shared::dialed(self, id, ok);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tandem_machine::view::{Prompt, PromptAbout};
    use tandem_model::{Bearer, Line, Msisdn, PromptId, WhyNotData};

    fn call(id: u8, state: CallState) -> CallView {
        CallView {
            call: CallId([id; 16]),
            line: Line(0),
            peer: Msisdn::try_from(4_915_100_000_001).unwrap(),
            outgoing: true,
            state,
            bearer: Bearer::Data,
            held: false,
            held_by_peer: false,
        }
    }

    fn with_calls(calls: Vec<CallView>) -> Shared {
        let shared = Shared::new(100, Arc::new(Guard::new(None, Duration::from_secs(1))));
        shared.views().calls = calls;
        shared
    }

    fn told(shared: &Shared) -> Vec<Event> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut all = Vec::new();
            while let Some(event) = shared.events.next().await {
                all.push(event);
            }
            all
        })
    }

    #[test]
    fn a_conversation_whose_machine_dies_is_shown_as_over_before_the_notice() {
        let shared = with_calls(vec![call(1, CallState::Active), call(2, CallState::Carrier)]);
        shared.break_down(Fault::Panic);
        let ended = |id, end| Event::Call(call(id, CallState::Ended(end)));
        let stopped = Event::Notice(Notice::Stopped { fault: Fault::Panic });
        assert_eq!(told(&shared), [ended(1, CallEnd::MediaLost), ended(2, CallEnd::Carrier), stopped]);
        assert!(shared.views().calls.is_empty());
    }

    #[test]
    fn a_call_the_user_is_asked_about_stays_for_the_answer() {
        let shared = with_calls(vec![call(1, CallState::Asking), call(2, CallState::Active)]);
        let about = PromptAbout::Call {
            call: CallId([1; 16]),
            to: call(1, CallState::Asking).peer,
            why: WhyNotData::OwnTooSlow,
        };
        shared.views().prompts = vec![Prompt { id: PromptId(1), about, choices: vec![] }];
        shared.break_down(Fault::Hang);
        assert_eq!(shared.views().calls, [call(1, CallState::Asking)]);
        assert_eq!(told(&shared).len(), 2);
    }
}
