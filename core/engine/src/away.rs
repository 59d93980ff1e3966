//! Waking whoever waits, on a thread of its own.
//!
//! A host's executor runs code of its language when it is woken: it may wait for an interpreter's lock or a collector. The
//! machine's thread must not wait with it, or a healthy machine would count as hung.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Context, Poll, Wake, Waker};

/// Where wakers go to be woken.
#[derive(Clone)]
pub(crate) struct Away(Sender<Word>);

/// The other end, for the thread. At most one waker waits for each future that is awaited.
pub(crate) struct Woken(Receiver<Word>);

enum Word {
    Wake(Waker),
    End,
}

/// Both ends.
pub(crate) fn away() -> (Away, Woken) {
    let (to, from) = mpsc::channel();
    (Away(to), Woken(from))
}

impl Woken {
    /// Runs the thread until [`Away::close`].
    pub(crate) fn run(self) {
        while let Ok(Word::Wake(waker)) = self.0.recv() {
            waker.wake();
        }
    }
}

impl Away {
    /// Ends the thread once it has woken whoever was to be woken before.
    pub(crate) fn close(&self) {
        // It has ended already.
        let _ended = self.0.send(Word::End);
    }

    /// The same future, whose executor is woken by that thread.
    pub(crate) fn waking<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let (away, mut future) = (self.clone(), Box::pin(future));
        std::future::poll_fn(move |context| poll(&away, future.as_mut(), context))
    }
}

fn poll<F: Future>(away: &Away, future: Pin<&mut F>, context: &Context<'_>) -> Poll<F::Output> {
    let far = Waker::from(Arc::new(Far { away: away.clone(), waker: context.waker().clone() }));
    future.poll(&mut Context::from_waker(&far))
}

struct Far {
    away: Away,
    waker: Waker,
}

impl Wake for Far {
    fn wake(self: Arc<Self>) {
        // Where that thread is gone there is no machine left to hold up.
        if let Err(mpsc::SendError(Word::Wake(waker))) = self.away.0.send(Word::Wake(self.waker.clone())) {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::thread::{self, ThreadId};
    use tokio::sync::oneshot;

    /// An executor that notes which thread woke it.
    #[derive(Default)]
    struct Sleeper(Mutex<Option<ThreadId>>);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = Some(thread::current().id());
        }
    }

    #[test]
    fn whoever_answers_does_not_run_what_waits() {
        let (away, woken) = away();
        let waking = thread::spawn(move || woken.run());
        let (answer, answered) = oneshot::channel();
        let sleeper = Arc::new(Sleeper::default());
        let waker = Waker::from(sleeper.clone());
        let mut future = Box::pin(away.waking(answered));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        answer.send(7).unwrap();
        let its = waking.thread().id();
        assert_eq!(future.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(7)));
        away.close();
        waking.join().unwrap();
        assert_eq!(sleeper.0.lock().unwrap().take(), Some(its));
        away.close();
    }

    #[test]
    fn after_the_end_whoever_answers_wakes_by_itself() {
        let (away, woken) = away();
        drop(woken);
        let (answer, answered) = oneshot::channel();
        let sleeper = Arc::new(Sleeper::default());
        let waker = Waker::from(sleeper.clone());
        let mut future = Box::pin(away.waking(answered));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        answer.send(7).unwrap();
        assert_eq!(*sleeper.0.lock().unwrap(), Some(thread::current().id()));
    }
}
