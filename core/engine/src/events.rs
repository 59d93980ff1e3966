//! What waits for the app. State is latest-wins by its key; occurrences are kept in order up to a bound.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tandem_machine::Event;
use tandem_machine::files::FileState;
use tandem_machine::view::{CallState, MarkView, Notice};
use tandem_model::{CallId, Line, TextId};
use tandem_wire::frame::FileId;
use tokio::sync::Notify;

/// Events on their way to the app.
pub(crate) struct EventQueue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max: usize,
}

#[derive(Default)]
struct Waiting {
    /// The number of the newest event; the first has 1.
    newest: u64,
    events: BTreeMap<u64, Event>,
    state: BTreeMap<Key, u64>,
    closed: bool,
}

/// What a newer state replaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Registration(Line),
    Online(Line),
    Call(CallId),
    Text(TextId),
    File(FileId),
    Marks,
}

impl EventQueue {
    pub(crate) fn new(max: usize) -> EventQueue {
        EventQueue { waiting: Mutex::default(), changed: Notify::new(), max: max.max(16) }
    }

    /// Adds an event; dropped after the end.
    pub(crate) fn push(&self, event: Event) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if waiting.events.len() >= self.max {
            waiting.make_room(self.max);
        }
        waiting.add(event);
        drop(waiting);
        self.changed.notify_one();
    }

    /// Nothing comes after what is there now.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// Waits until there is an event after number `seen`; false once there will be none any more. What was seen goes.
    pub(crate) async fn wait(&self, seen: u64) -> bool {
        loop {
            let changed = self.changed.notified();
            {
                let mut waiting = self.lock();
                waiting.forget(seen);
                if !waiting.events.is_empty() {
                    return true;
                }
                if waiting.closed {
                    // Whoever waits beside us learns it too.
                    self.changed.notify_one();
                    return false;
                }
            }
            changed.await;
        }
    }

    /// Events after number `seen`, oldest first, at most `max`, each with its number, as of now. What was given out stays
    /// until a later call names it as seen: whoever loses an answer asks again.
    pub(crate) fn after(&self, seen: u64, max: usize) -> Vec<(u64, Event)> {
        let mut waiting = self.lock();
        waiting.forget(seen);
        waiting.first(max.max(1))
    }

    /// The next event; `None` after the last.
    pub(crate) async fn next(&self) -> Option<Event> {
        loop {
            let changed = self.changed.notified();
            {
                let mut waiting = self.lock();
                if let Some(event) = waiting.take() {
                    let more = !waiting.events.is_empty() || waiting.closed;
                    drop(waiting);
                    if more {
                        self.changed.notify_one();
                    }
                    return Some(event);
                }
                if waiting.closed {
                    // Whoever waits beside us learns it too.
                    self.changed.notify_one();
                    return None;
                }
            }
            changed.await;
        }
    }

    /// A panic while this was held leaves events, which are always valid.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, event: Event) {
        let key = key_of(&event);
        let older = key.and_then(|key| self.state.remove(&key)).and_then(|at| self.events.remove(&at));
        let event = match (older, event) {
            (Some(Event::Marks(older)), Event::Marks(newer)) => Event::Marks(merge(older, newer)),
            (_, event) => event,
        };
        self.newest += 1;
        let at = self.newest;
        if let Some(key) = key {
            self.state.insert(key, at);
        }
        self.events.insert(at, event);
    }

    fn take(&mut self) -> Option<Event> {
        let (_, event) = self.events.pop_first()?;
        if let Some(key) = key_of(&event) {
            self.state.remove(&key);
        }
        Some(event)
    }

    fn first(&self, max: usize) -> Vec<(u64, Event)> {
        self.events.iter().take(max).map(|(at, event)| (*at, event.clone())).collect()
    }

    /// What was seen goes.
    fn forget(&mut self, seen: u64) {
        while let Some(entry) = self.events.first_entry()
            && *entry.key() <= seen
        {
            if let Some(key) = key_of(entry.get()) {
                self.state.remove(&key);
            }
            entry.remove();
        }
    }

    /// Drops what can be read again from rows and views, and says so. What is asked of the user stays.
    fn make_room(&mut self, max: usize) {
        self.events.retain(|_, event| match event {
            Event::Registration(_) | Event::Online { .. } | Event::Prompt(_) | Event::PromptGone(_) => true,
            Event::Call(view) => !matches!(view.state, CallState::Ended(_)),
            Event::Marks(_)
            | Event::Text(_)
            | Event::TextArrived(_)
            | Event::DatagramArrived { .. }
            | Event::Log(_) => false,
            // A file that came is told nowhere else.
            Event::FileArrived(_) => true,
            Event::File(view) => !matches!(view.state, FileState::Waiting | FileState::Sending { .. }),
            Event::Notice(notice) => *notice != Notice::Resync,
        });
        while self.events.len() + 2 > max {
            self.events.pop_first();
        }
        let events = &self.events;
        self.state.retain(|_, at| events.contains_key(at));
        self.add(Event::Notice(Notice::Resync));
    }
}

fn key_of(event: &Event) -> Option<Key> {
    match event {
        Event::Registration(view) => Some(Key::Registration(view.line)),
        Event::Online { line, .. } => Some(Key::Online(*line)),
        Event::Call(view) => Some(Key::Call(view.call)),
        Event::Text(view) => Some(Key::Text(view.id)),
        Event::File(view) => Some(Key::File(view.id)),
        Event::Marks(_) => Some(Key::Marks),
        Event::Prompt(_)
        | Event::PromptGone(_)
        | Event::TextArrived(_)
        | Event::FileArrived(_)
        | Event::DatagramArrived { .. }
        | Event::Log(_)
        | Event::Notice(_) => None,
    }
}

fn merge(older: Vec<MarkView>, newer: Vec<MarkView>) -> Vec<MarkView> {
    let merged: BTreeMap<_, _> = older.into_iter().chain(newer).map(|mark| (mark.number, mark)).collect();
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use tandem_machine::view::{CallView, MarkShown};
    use tandem_model::{Bearer, CallEnd, Msisdn, PromptId};

    fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn gone(n: u64) -> Event {
        Event::PromptGone(PromptId(n))
    }

    fn online(line: u8, online: bool) -> Event {
        Event::Online { line: Line(line), online }
    }

    fn call(state: CallState) -> Event {
        Event::Call(CallView {
            call: CallId([1; 16]),
            line: Line(0),
            peer: Msisdn::try_from(4_915_100_000_001).unwrap(),
            outgoing: true,
            state,
            bearer: Bearer::Data,
            held: false,
            held_by_peer: false,
        })
    }

    #[test]
    fn occurrences_come_in_order_and_state_is_the_latest() {
        let queue = EventQueue::new(100);
        queue.push(online(0, true));
        queue.push(gone(1));
        queue.push(online(1, true));
        queue.push(online(0, false));
        queue.push(gone(2));
        let all: Vec<_> = std::iter::from_fn(|| ready(queue.next()).flatten()).collect();
        assert_eq!(all, [gone(1), online(1, true), online(0, false), gone(2)]);
        assert_eq!(ready(queue.next()), None, "waits for more");
    }

    #[test]
    fn what_is_given_out_stays_until_it_is_said_to_be_seen() {
        let queue = EventQueue::new(100);
        queue.push(gone(1));
        queue.push(gone(2));
        queue.push(gone(3));
        assert_eq!(ready(queue.wait(0)), Some(true));
        let lost = queue.after(0, 2);
        assert_eq!(queue.after(0, 2), lost, "an answer that was lost is given again");
        assert_eq!(lost, [(1, gone(1)), (2, gone(2))]);
        assert_eq!(queue.after(1, 9), [(2, gone(2)), (3, gone(3))]);
        assert_eq!((ready(queue.wait(3)), queue.after(3, 9)), (None, vec![]), "waits for more");
        queue.push(gone(4));
        queue.close();
        assert_eq!((ready(queue.wait(3)), queue.after(3, 0)), (Some(true), vec![(4, gone(4))]));
        assert_eq!((ready(queue.wait(4)), queue.after(4, 9)), (Some(false), vec![]));
        assert_eq!((ready(queue.wait(0)), queue.after(0, 9)), (Some(false), vec![]), "for ever");
    }

    #[test]
    fn a_newer_state_replaces_one_that_was_given_out_and_may_be_lost() {
        let queue = EventQueue::new(100);
        queue.push(online(0, true));
        assert_eq!(queue.after(0, 9), [(1, online(0, true))]);
        queue.push(online(0, false));
        assert_eq!(queue.after(0, 9), [(2, online(0, false))]);
        queue.push(online(0, true));
        assert_eq!(queue.after(2, 9), [(3, online(0, true))]);
    }

    #[test]
    fn marks_that_wait_are_merged_by_number() {
        let mark = |n: u64, shown| MarkView { number: Msisdn::try_from(4_915_100_000_000 + n).unwrap(), shown };
        let queue = EventQueue::new(100);
        queue.push(Event::Marks(vec![mark(1, MarkShown::Marked), mark(2, MarkShown::Marked)]));
        queue.push(Event::Marks(vec![mark(2, MarkShown::Unmarked), mark(3, MarkShown::Marked)]));
        let merged = vec![mark(1, MarkShown::Marked), mark(2, MarkShown::Unmarked), mark(3, MarkShown::Marked)];
        assert_eq!(ready(queue.next()), Some(Some(Event::Marks(merged))));
    }

    #[test]
    fn too_many_give_way_to_a_resync_and_live_calls_stay() {
        let queue = EventQueue::new(16);
        queue.push(call(CallState::Active));
        for _ in 0..40 {
            queue.push(Event::Notice(Notice::StorageFull));
        }
        let all: Vec<_> = std::iter::from_fn(|| ready(queue.next()).flatten()).collect();
        assert!(all.len() <= 16);
        assert!(all.contains(&Event::Notice(Notice::Resync)));
    }

    #[test]
    fn rows_give_way_before_questions_and_live_calls() {
        let queue = EventQueue::new(16);
        queue.push(call(CallState::Active));
        queue.push(gone(1));
        for number in 0..14 {
            queue.push(Event::Text(tandem_machine::view::TextView {
                id: TextId { counter: number, ..TextId::default() },
                to: Msisdn::try_from(4_915_100_000_001).unwrap(),
                status: tandem_model::TextStatus::Stored,
            }));
        }
        queue.push(gone(2));
        let all: Vec<_> = std::iter::from_fn(|| ready(queue.next()).flatten()).collect();
        assert_eq!(all, [call(CallState::Active), gone(1), Event::Notice(Notice::Resync), gone(2)]);
    }

    #[test]
    fn an_ended_call_replaces_the_live_one_that_was_not_seen() {
        let queue = EventQueue::new(16);
        queue.push(call(CallState::Ringing));
        queue.push(call(CallState::Ended(CallEnd::NoAnswer)));
        assert_eq!(ready(queue.next()), Some(Some(call(CallState::Ended(CallEnd::NoAnswer)))));
        assert_eq!(ready(queue.next()), None);
    }

    #[test]
    fn what_waits_is_still_given_out_after_the_end_and_then_nothing_for_ever() {
        let queue = EventQueue::new(16);
        queue.push(gone(1));
        queue.close();
        queue.push(gone(2));
        assert_eq!(ready(queue.next()), Some(Some(gone(1))));
        assert_eq!(ready(queue.next()), Some(None));
        assert_eq!(ready(queue.next()), Some(None));
    }
}
