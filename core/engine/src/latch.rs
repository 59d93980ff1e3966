//! Counts threads and tasks that have not ended yet, for a shutdown that waits, but not for ever.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Shared by everyone who must end.
#[derive(Clone, Default)]
pub(crate) struct Latch(Arc<(Mutex<usize>, Condvar)>);

/// Held by one thread or task until it ends, however it ends.
pub(crate) struct Running(Latch);

impl Latch {
    pub(crate) fn enter(&self) -> Running {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Running(self.clone())
    }

    /// Waits until everyone ended; false when some did not in time.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        let (count, changed) = &*self.0;
        let count = count.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, _) =
            changed.wait_timeout_while(count, at_most, |count| *count > 0).unwrap_or_else(PoisonError::into_inner);
        *count == 0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (count, changed) = &*self.0.0;
        *count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_when_the_last_one_ended() {
        let latch = Latch::default();
        let running = (latch.enter(), latch.enter());
        assert!(!latch.wait(Duration::ZERO));
        drop(running.0);
        assert!(!latch.wait(Duration::ZERO));
        drop(running.1);
        assert!(latch.wait(Duration::ZERO));
    }
}
