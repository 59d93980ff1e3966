//! The one thread that writes the database: takes what waits, up to a group, and never waits to fill one.

use crate::latch::Running;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tandem_machine::StoreInput;
use tandem_machine::input::StoreFailure;
use tandem_model::Ticket;
use tandem_model::rows::Change;
use tandem_store::{Failure, GROUP_MAX, Outcome, RowStore};

/// Transactions that may wait for the disk; more are refused as full.
pub(crate) const COMMITS_MAX: usize = 1024;

/// One transaction on its way to the disk.
pub(crate) struct Commit {
    pub(crate) ticket: Ticket,
    pub(crate) changes: Vec<Change>,
}

/// The queue of the thread; closing it ends the thread after what waits is written.
pub(crate) fn queue() -> (SyncSender<Commit>, Receiver<Commit>) {
    sync_channel(COMMITS_MAX)
}

/// Runs the thread.
pub(crate) fn run(mut store: impl RowStore, commits: &Receiver<Commit>, answer: impl Fn(StoreInput), running: Running) {
    while let Ok(first) = commits.recv() {
        let mut tickets = vec![first.ticket];
        let mut batch = vec![first.changes];
        while batch.len() < GROUP_MAX
            && let Ok(next) = commits.try_recv()
        {
            tickets.push(next.ticket);
            batch.push(next.changes);
        }
        for (ticket, outcome) in tickets.into_iter().zip(store.apply(&batch)) {
            answer(told(ticket, outcome));
        }
    }
    // Whoever waits for the end of this thread waits for the file to be closed.
    drop(store);
    drop(running);
}

fn told(ticket: Ticket, outcome: Outcome) -> StoreInput {
    match outcome {
        Outcome::Committed { duplicates } => StoreInput::Committed { ticket, duplicates },
        Outcome::Failed(Failure::Full) => StoreInput::Failed { ticket, why: StoreFailure::Full },
        Outcome::Failed(Failure::Broken) => StoreInput::Failed { ticket, why: StoreFailure::Broken },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latch::Latch;
    use std::sync::Mutex;
    use tandem_model::rows::Restored;
    use tandem_store::{MemoryRows, StoreError};

    /// Notes how many transactions came under one sync.
    struct Counted<'a>(MemoryRows, &'a Mutex<Vec<usize>>);

    impl RowStore for Counted<'_> {
        fn apply(&mut self, batch: &[Vec<Change>]) -> Vec<Outcome> {
            self.1.lock().unwrap().push(batch.len());
            self.0.apply(batch)
        }
        fn restore(&self) -> Result<Restored, StoreError> {
            self.0.restore()
        }
    }

    #[test]
    fn what_waits_goes_under_one_sync_and_is_answered_in_order() {
        let (queue, commits) = queue();
        for ticket in 0..100 {
            queue.send(Commit { ticket: Ticket(ticket), changes: vec![] }).unwrap();
        }
        drop(queue);
        let syncs = Mutex::default();
        let answers = Mutex::new(Vec::new());
        run(
            Counted(MemoryRows::new(), &syncs),
            &commits,
            |answer| answers.lock().unwrap().push(answer),
            Latch::default().enter(),
        );
        assert_eq!(*syncs.lock().unwrap(), [64, 36]);
        let expected: Vec<_> =
            (0..100).map(|n| StoreInput::Committed { ticket: Ticket(n), duplicates: vec![] }).collect();
        assert_eq!(*answers.lock().unwrap(), expected);
    }

    #[test]
    fn a_failure_keeps_its_name() {
        let (queue, commits) = queue();
        queue.send(Commit { ticket: Ticket(1), changes: vec![] }).unwrap();
        drop(queue);
        let mut rows = MemoryRows::new();
        rows.fail(Some(Failure::Full));
        let answers = Mutex::new(Vec::new());
        run(rows, &commits, |answer| answers.lock().unwrap().push(answer), Latch::default().enter());
        assert_eq!(*answers.lock().unwrap(), [StoreInput::Failed { ticket: Ticket(1), why: StoreFailure::Full }]);
    }
}
