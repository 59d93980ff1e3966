//! The thread that owns the store: takes what waits, makes it durable by one sync, and only then answers.
//!
//! A batch never waits to fill. Nothing of a batch is answered before its sync, and batches are answered in order: that is
//! where "acknowledged means durable" (P1) is kept.

use crate::metrics::Metrics;
use crate::store_open::Keeper;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;
use tandem_logic::{StoreAnswer, StoreFault, StoreOp};
use tandem_model::{ServerMillis, Ticket};
use tandem_resolver::Changes;
use tokio::sync::{mpsc, oneshot};

/// Batches of answers that may wait for the shell; then the store waits.
const ANSWERS: usize = 16;

/// One question with its ticket and time.
#[derive(Debug)]
pub struct Question {
    /// Echoed with the answer.
    pub ticket: Ticket,
    /// When, in server time.
    pub at: ServerMillis,
    /// What.
    pub op: StoreOp,
}

#[derive(Debug)]
enum Job {
    Question(Question),
    /// What the resolver keeps, and where to say whether it is kept.
    Keep(Changes, oneshot::Sender<Result<(), StoreFault>>),
    /// Answered when the store has come this far: it is alive.
    Probe(oneshot::Sender<()>),
}

/// Answers of one batch, in the order of their questions, all durable.
pub type Answers = Vec<(Ticket, StoreAnswer)>;

/// A way to the store's thread. Dropping the last of them ends the thread once everything asked is done.
#[derive(Clone, Debug)]
pub struct StoreLink {
    jobs: mpsc::Sender<Job>,
    metrics: Arc<Metrics>,
}

/// The store's queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

impl StoreLink {
    /// Queues a question behind those queued before it.
    ///
    /// # Errors
    /// [`QueueFull`]: nothing was done and nothing will be.
    pub fn ask(&self, question: Question) -> Result<(), QueueFull> {
        match self.jobs.try_send(Job::Question(question)) {
            Ok(()) => {
                self.metrics.store_queue.increment(1.0);
                Ok(())
            }
            Err(_) => {
                self.metrics.store_refused.increment(1);
                Err(QueueFull)
            }
        }
    }

    /// Queues what the resolver keeps. Resolves when it is durable, or is not; an error when the store is gone or its queue
    /// is full, and nothing was done.
    #[must_use]
    pub fn keep(&self, changes: Changes) -> oneshot::Receiver<Result<(), StoreFault>> {
        let (kept, outcome) = oneshot::channel();
        if self.jobs.try_send(Job::Keep(changes, kept)).is_err() {
            self.metrics.store_refused.increment(1);
        }
        outcome
    }

    /// Resolves once the store has done everything asked before; an error when it is gone or its queue is full.
    #[must_use]
    pub fn probe(&self) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        // A full queue drops the sender, which shows as an error at the receiver.
        let _full = self.jobs.try_send(Job::Probe(answer));
        answered
    }
}

/// The running thread.
#[derive(Debug)]
pub struct StoreThread {
    /// The way to it.
    pub link: StoreLink,
    /// What it answers.
    pub answers: mpsc::Receiver<Answers>,
    /// Resolves when it has ended; an error when it panicked.
    pub ended: oneshot::Receiver<()>,
}

/// Gives a store a thread of its own.
///
/// # Errors
/// When the system gives no thread.
pub fn start(mut store: Keeper, batch_max: usize, queue_max: usize, metrics: Arc<Metrics>) -> io::Result<StoreThread> {
    let (jobs, queue) = mpsc::channel(queue_max.max(1));
    let (answers, answered) = mpsc::channel(ANSWERS);
    let (ending, ended) = oneshot::channel();
    let link = StoreLink { jobs, metrics: Arc::clone(&metrics) };
    thread::Builder::new().name("tandem-store".to_owned()).spawn(move || {
        run(&mut store, queue, &answers, batch_max, &metrics);
        drop(store);
        let _nobody_waits = ending.send(());
    })?;
    Ok(StoreThread { link, answers: answered, ended })
}

fn run(
    store: &mut Keeper,
    mut queue: mpsc::Receiver<Job>,
    answers: &mpsc::Sender<Answers>,
    batch_max: usize,
    metrics: &Metrics,
) {
    while let Some(first) = queue.blocking_recv() {
        let (mut questions, mut keeps, mut probes) = (Vec::with_capacity(batch_max), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Question(question) => questions.push(question),
                Job::Keep(changes, kept) => keeps.push((changes, kept)),
                Job::Probe(answer) => probes.push(answer),
            }
            next = if questions.len() < batch_max { queue.try_recv().ok() } else { None };
        }
        if !questions.is_empty() {
            let batch = serve(store, questions, metrics);
            if answers.blocking_send(batch).is_err() {
                return;
            }
        }
        for (changes, kept) in keeps {
            let _nobody_waits = kept.send(store.keep_attached(&changes));
        }
        for probe in probes {
            let _nobody_waits = probe.send(());
        }
    }
}

fn serve(store: &mut Keeper, questions: Vec<Question>, metrics: &Metrics) -> Answers {
    let count = questions.len();
    let started = Instant::now();
    let tickets: Vec<Ticket> = questions.iter().map(|question| question.ticket).collect();
    let asked: Vec<(ServerMillis, StoreOp)> =
        questions.into_iter().map(|question| (question.at, question.op)).collect();
    let answers = store.serve(asked);
    metrics.store_batch.record(count as f64);
    metrics.store_seconds.record(started.elapsed().as_secs_f64());
    metrics.store_queue.decrement(count as f64);
    tickets.into_iter().zip(answers).collect()
}
