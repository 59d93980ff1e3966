//! Whether texts can be sent through the gateway, as far as anybody can tell without sending one.
//!
//! Nothing is known at first. A text that is taken, or any answer to a request without a text, shows the gateway there; a
//! connection that fails shows it away; 401 and 403 show it closed to this account.

use crate::driver::{LinkDownReason, SmsEvent};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A refused account is doubted for this long: without texts, nothing else could show that it is served again.
const REFUSED_FOR: Duration = Duration::from_secs(300);

/// Changes that may wait for their reader. One that finds no room is told with the next news.
const EVENTS: usize = 16;

#[derive(Debug)]
pub(super) struct Link {
    events: mpsc::Sender<SmsEvent>,
    reader: Mutex<Option<mpsc::Receiver<SmsEvent>>>,
    told: Mutex<Option<Told>>,
}

#[derive(Debug, Clone, Copy)]
enum Told {
    Up,
    Down(LinkDownReason, Instant),
}

/// What was seen of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It took a text.
    TookText,
    /// It answers.
    Answers,
    /// No connection.
    Away,
    /// It refuses this account.
    RefusesUs,
}

impl Link {
    pub(super) fn new() -> Self {
        let (events, reader) = mpsc::channel(EVENTS);
        Self { events, reader: Mutex::new(Some(reader)), told: Mutex::new(None) }
    }

    pub(super) fn take_events(&self) -> Option<mpsc::Receiver<SmsEvent>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(*self.told.lock().unwrap_or_else(PoisonError::into_inner), Some(Told::Up))
    }

    /// Tells a change once.
    pub(super) fn saw(&self, seen: Seen, now: Instant) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match (seen, *told) {
            (Seen::Answers, Some(Told::Down(LinkDownReason::AccountRefused, since)))
                if now.duration_since(since) < REFUSED_FOR =>
            {
                return;
            }
            (Seen::TookText | Seen::Answers, _) => Told::Up,
            (Seen::Away, _) => Told::Down(LinkDownReason::ConnectFailed, now),
            (Seen::RefusesUs, _) => Told::Down(LinkDownReason::AccountRefused, now),
        };
        let event = match (next, *told) {
            (Told::Up, Some(Told::Up)) => None,
            (Told::Up, _) => Some(SmsEvent::LinkUp),
            (Told::Down(reason, _), Some(Told::Down(before, _))) if reason == before => None,
            (Told::Down(reason, _), _) => Some(SmsEvent::LinkDown { reason }),
        };
        if event.is_none_or(|event| self.events.try_send(event).is_ok()) {
            *told = Some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(link: &Link, events: &mut mpsc::Receiver<SmsEvent>, seen: Seen, now: Instant) -> Option<SmsEvent> {
        link.saw(seen, now);
        events.try_recv().ok()
    }

    #[test]
    fn each_change_is_told_once_and_a_refused_account_is_not_up_by_an_answer_alone() {
        let (link, now) = (Link::new(), Instant::now());
        let mut events = link.take_events().unwrap();
        let down = |reason| Some(SmsEvent::LinkDown { reason });
        assert_eq!(told(&link, &mut events, Seen::Away, now), down(LinkDownReason::ConnectFailed));
        assert_eq!(told(&link, &mut events, Seen::Away, now), None);
        assert_eq!(told(&link, &mut events, Seen::Answers, now), Some(SmsEvent::LinkUp));
        assert_eq!(told(&link, &mut events, Seen::RefusesUs, now), down(LinkDownReason::AccountRefused));
        assert_eq!(told(&link, &mut events, Seen::Answers, now), None);
        assert_eq!(told(&link, &mut events, Seen::TookText, now), Some(SmsEvent::LinkUp));
        assert_eq!(told(&link, &mut events, Seen::RefusesUs, now), down(LinkDownReason::AccountRefused));
        assert_eq!(told(&link, &mut events, Seen::Answers, now + REFUSED_FOR), Some(SmsEvent::LinkUp));
    }
}
