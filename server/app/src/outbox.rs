//! What waits to be sent to one phone: bounded in frames and in bytes, and always with room for the last word.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The phone reads too slowly: nothing more is queued for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    /// What is queued is of no use any more.
    given_up: AtomicBool,
    farewell: Mutex<Option<Bytes>>,
}

/// The sending end, owned by the shell.
#[derive(Debug)]
pub struct Outbox {
    queue: mpsc::Sender<Bytes>,
    shared: Arc<Shared>,
    bytes_max: usize,
    full: bool,
    writer: Option<AbortHandle>,
}

/// The receiving end, owned by the task that writes to the socket.
#[derive(Debug)]
pub struct Pending {
    queue: mpsc::Receiver<Bytes>,
    shared: Arc<Shared>,
}

/// An outbox of so many frames and bytes; one frame is always allowed.
#[must_use]
pub fn outbox(frames_max: usize, bytes_max: usize) -> (Outbox, Pending) {
    let (sender, receiver) = mpsc::channel(frames_max.max(1));
    let shared = Arc::new(Shared::default());
    let sending = Outbox { queue: sender, shared: Arc::clone(&shared), bytes_max, full: false, writer: None };
    (sending, Pending { queue: receiver, shared })
}

impl Outbox {
    /// Names the task that writes, to be ended when it cannot finish in time.
    #[must_use]
    pub fn written_by(mut self, writer: AbortHandle) -> Outbox {
        self.writer = Some(writer);
        self
    }

    /// Queues a frame behind those queued before it.
    ///
    /// # Errors
    /// [`Full`], once; whatever comes later is dropped, because a gap must not be followed by more.
    pub fn push(&mut self, frame: Bytes) -> Result<(), Full> {
        if self.full {
            return Ok(());
        }
        let waiting = self.shared.bytes.load(Ordering::Acquire);
        let fits = waiting == 0 || waiting.saturating_add(frame.len()) <= self.bytes_max;
        let size = frame.len();
        self.shared.bytes.fetch_add(size, Ordering::AcqRel);
        match if fits { self.queue.try_send(frame) } else { Err(mpsc::error::TrySendError::Full(frame)) } {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.full = true;
                self.shared.given_up.store(true, Ordering::Release);
                Err(Full)
            }
            // The writer is gone, and its connection's end is on its way here.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Says what is sent last, after everything queued, or instead of it when the phone reads too slowly.
    pub fn farewell(&self, frame: Bytes) {
        *self.shared.farewell.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame);
    }

    /// Nothing more comes. The writer gets `wait` to send what is queued.
    pub fn close(self, wait: Duration) {
        if let Some(writer) = self.writer {
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                writer.abort();
            });
        }
    }
}

impl Pending {
    /// The next frame; `None` when nothing more comes.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            let frame = self.queue.recv().await?;
            self.shared.bytes.fetch_sub(frame.len(), Ordering::AcqRel);
            if !self.shared.given_up.load(Ordering::Acquire) {
                return Some(frame);
            }
        }
    }

    /// The last word, when there is one.
    pub fn take_farewell(&self) -> Option<Bytes> {
        self.shared.farewell.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(size: usize) -> Bytes {
        Bytes::from(vec![7; size])
    }

    #[tokio::test]
    async fn frames_come_out_in_order_and_then_the_last_word() {
        let (mut sending, mut pending) = outbox(4, 100);
        sending.push(frame(1)).unwrap();
        sending.push(frame(2)).unwrap();
        sending.farewell(frame(3));
        drop(sending);
        assert_eq!(pending.next().await.unwrap().len(), 1);
        assert_eq!(pending.next().await.unwrap().len(), 2);
        assert!(pending.next().await.is_none());
        assert_eq!(pending.take_farewell().unwrap().len(), 3);
    }

    #[tokio::test]
    async fn the_frame_past_the_cap_is_refused_once_and_only_the_last_word_remains() {
        let (mut sending, mut pending) = outbox(2, 100);
        sending.push(frame(1)).unwrap();
        sending.push(frame(1)).unwrap();
        assert_eq!(sending.push(frame(1)), Err(Full));
        assert_eq!(sending.push(frame(1)), Ok(()), "dropped, and not told again");
        sending.farewell(frame(9));
        drop(sending);
        assert!(pending.next().await.is_none());
        assert_eq!(pending.take_farewell().unwrap().len(), 9);
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_one_frame_is_always_allowed() {
        let (mut sending, mut pending) = outbox(10, 100);
        sending.push(frame(500)).unwrap();
        assert_eq!(pending.next().await.unwrap().len(), 500);
        sending.push(frame(60)).unwrap();
        sending.push(frame(40)).unwrap();
        assert_eq!(sending.push(frame(1)), Err(Full));
    }
}
