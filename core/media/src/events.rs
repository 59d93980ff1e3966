//! The bounded queue between the media and whoever takes its events.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::media::MediaEvent;

/// Events that may wait. Candidates of one gathering are far fewer.
const MOST_EVENTS: usize = 256;

/// Events of one call, first in, first out.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    inner: Mutex<Inner>,
    pushed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<MediaEvent>,
    closed: bool,
}

impl EventQueue {
    /// Adds an event. Statistics give way to anything else when the queue is full; otherwise the newest is refused.
    pub(crate) fn push(&self, event: MediaEvent) {
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        if inner.events.len() >= MOST_EVENTS {
            inner.events.retain(|waiting| !matches!(waiting, MediaEvent::Stats(_)));
        }
        if inner.events.len() < MOST_EVENTS {
            inner.events.push_back(event);
        }
        drop(inner);
        self.pushed.notify_one();
    }

    /// No more events will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.pushed.notify_one();
    }

    /// The next event; `None` when closed and empty.
    pub(crate) async fn next(&self) -> Option<MediaEvent> {
        loop {
            {
                let mut inner = self.lock();
                if let Some(event) = inner.events.pop_front() {
                    return Some(event);
                }
                if inner.closed {
                    // Another waiter must see the end too.
                    self.pushed.notify_one();
                    return None;
                }
            }
            self.pushed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::MediaStats;

    #[tokio::test]
    async fn events_come_in_order_and_then_the_end() {
        let queue = EventQueue::default();
        queue.push(MediaEvent::Connected);
        queue.push(MediaEvent::Failed);
        queue.close();
        queue.push(MediaEvent::Disconnected);
        assert_eq!(queue.next().await, Some(MediaEvent::Connected));
        assert_eq!(queue.next().await, Some(MediaEvent::Failed));
        assert_eq!(queue.next().await, None);
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn statistics_nobody_takes_never_push_out_a_state_change() {
        let queue = EventQueue::default();
        for _ in 0..10 * MOST_EVENTS {
            queue.push(MediaEvent::Stats(MediaStats::default()));
        }
        queue.push(MediaEvent::Failed);
        queue.close();
        let mut last = None;
        while let Some(event) = queue.next().await {
            last = Some(event);
        }
        assert_eq!(last, Some(MediaEvent::Failed));
    }
}
