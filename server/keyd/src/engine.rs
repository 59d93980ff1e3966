//! The desk with threads: one counts, a group at a time, and a few compute.

use crate::desk::{Admitted, Keyring};
use crate::ledger::{Charge, Ledger, Spending};
use crate::limits::Limits;
use crate::protocol::{Answer, LiveKey, Question};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as blocking};
use std::thread;
use tandem_model::{Random, ServerMillis};
use tokio::sync::{mpsc, oneshot, watch};

/// Questions that may wait to be counted.
const WAITING: usize = 1_024;

/// Questions counted by one sync at most.
const GROUP_MAX: usize = 64;

/// A question and where its answer goes.
struct Job {
    question: Question,
    charge: Charge,
    answer: oneshot::Sender<Answer>,
}

/// What was done since the start, in sums. No more than these ever reaches a log.
#[derive(Debug, Default)]
pub struct Counts {
    /// Numbers evaluated.
    pub evaluated: AtomicU64,
    /// Pairs checked.
    pub checked: AtomicU64,
    /// Tokens of registered numbers made.
    pub opened: AtomicU64,
    /// Questions over a budget.
    pub spent: AtomicU64,
    /// Questions that could not be counted.
    pub failed: AtomicU64,
}

/// A key holder at work.
pub struct Engine {
    keyring: RwLock<Arc<Keyring>>,
    jobs: mpsc::Sender<Job>,
    changed: watch::Sender<Vec<LiveKey>>,
    counts: Counts,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine(..)")
    }
}

impl Engine {
    /// Starts the threads. `clock` says the time budgets are counted by; `random` makes one for each worker. They end when
    /// the last handle is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        keyring: Keyring,
        ledger: Box<dyn Ledger>,
        limits: Limits,
        workers: usize,
        clock: fn() -> ServerMillis,
        mut random: impl FnMut() -> Box<dyn Random + Send>,
    ) -> io::Result<Arc<Engine>> {
        let (jobs, queue) = mpsc::channel(WAITING);
        let (changed, _) = watch::channel(keyring.live());
        let engine =
            Arc::new(Engine { keyring: RwLock::new(Arc::new(keyring)), jobs, changed, counts: Counts::default() });
        let (counted, to_do) = blocking::sync_channel::<Job>(GROUP_MAX);
        let to_do = Arc::new(Mutex::new(to_do));
        for _ in 0..workers.max(1) {
            let (engine, to_do, random) = (Arc::downgrade(&engine), Arc::clone(&to_do), random());
            thread::Builder::new().name("keyd-worker".to_owned()).spawn(move || work(&engine, &to_do, random))?;
        }
        let weak = Arc::downgrade(&engine);
        thread::Builder::new()
            .name("keyd-ledger".to_owned())
            .spawn(move || count(&weak, ledger, &limits, clock, queue, &counted))?;
        Ok(engine)
    }

    /// Other keys live from now on.
    pub fn set_keyring(&self, keyring: Keyring) {
        let live = keyring.live();
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
        self.changed.send_replace(live);
    }

    /// Told whenever other keys live.
    #[must_use]
    pub fn keys(&self) -> watch::Receiver<Vec<LiveKey>> {
        self.changed.subscribe()
    }

    /// What was done.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a question and answers it. With too many waiting it fails at once.
    pub async fn ask(&self, question: Question) -> Answer {
        let charge = match self.keyring().admit(&question) {
            Admitted::Costs(charge) => charge,
            Admitted::Free(answer) => return answer,
        };
        let (answer, answered) = oneshot::channel();
        if self.jobs.try_send(Job { question, charge, answer }).is_err() {
            return Answer::Failed;
        }
        let answer = answered.await.unwrap_or(Answer::Failed);
        self.note(&answer);
        answer
    }

    fn note(&self, answer: &Answer) {
        let (counter, units) = match answer {
            Answer::Evaluated { evaluated, .. } => (&self.counts.evaluated, evaluated.len()),
            Answer::Checked(_) => (&self.counts.checked, 1),
            Answer::OpenTokens(_) => (&self.counts.opened, 1),
            Answer::Spent { .. } => (&self.counts.spent, 1),
            Answer::Failed => (&self.counts.failed, 1),
            Answer::Keys(_) | Answer::Malformed | Answer::UnknownKey => return,
        };
        counter.fetch_add(u64::try_from(units).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Counts what waits, a group at a time; what is counted goes to the workers.
fn count(
    engine: &std::sync::Weak<Engine>,
    mut ledger: Box<dyn Ledger>,
    limits: &Limits,
    clock: fn() -> ServerMillis,
    mut queue: mpsc::Receiver<Job>,
    counted: &blocking::SyncSender<Job>,
) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let charges: Vec<Charge> = group.iter().map(|job| job.charge).collect();
        let spendings = ledger.spend(&charges, limits, clock()).unwrap_or_default();
        for (place, job) in group.into_iter().enumerate() {
            match spendings.get(place) {
                Some(Spending::Counted) => {
                    if counted.send(job).is_err() {
                        return;
                    }
                }
                Some(Spending::Spent { retry_after }) => {
                    let _asker_left = job.answer.send(Answer::Spent { retry_after: *retry_after });
                }
                None => drop(job.answer.send(Answer::Failed)),
            }
        }
        if engine.strong_count() == 0 {
            return;
        }
    }
}

fn work(engine: &std::sync::Weak<Engine>, to_do: &Mutex<blocking::Receiver<Job>>, mut random: Box<dyn Random + Send>) {
    loop {
        let next = to_do.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let (Ok(job), Some(engine)) = (next, engine.upgrade()) else { return };
        let answer = engine.keyring().answer(&job.question, &mut *random);
        let _asker_left = job.answer.send(answer);
    }
}
