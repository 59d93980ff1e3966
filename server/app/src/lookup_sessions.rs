//! Sessions of lookups by datagram that stand: entered by the HTTP API, used by the threads that answer.

use crate::clock::Clock;
use crate::keyring::Holder;
use crate::metrics::Metrics;
use crate::server_key;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tandem_model::Secret;
use tandem_resolver::Asker;
use tandem_resolver::datagram::{Book, KEY, Keys, Session, SessionId};

/// One session, and whose it is.
#[derive(Debug)]
pub struct Standing {
    /// Who asks by it: the same rights and the same budget as over HTTP.
    pub holder: Arc<Holder<Asker>>,
    session: Mutex<Session>,
}

impl Standing {
    /// The session, for one datagram's time.
    pub fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every session.
#[derive(Debug)]
pub struct Sessions(RwLock<Book<Arc<Standing>>>);

impl Sessions {
    /// Which session, if it stands.
    pub fn find(&self, id: SessionId) -> Option<Arc<Standing>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).find(id).map(Arc::clone)
    }
}

/// What agreeing on sessions needs.
#[derive(Debug)]
pub struct Agreeing {
    sessions: Arc<Sessions>,
    life: Duration,
    port: u16,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// A session as its asker is told it.
#[derive(Debug)]
pub struct Agreed {
    /// Which.
    pub id: SessionId,
    /// Seals asks.
    pub ask_key: Secret<[u8; KEY]>,
    /// Seals answers.
    pub answer_key: Secret<[u8; KEY]>,
    /// It is over so long from now.
    pub life: Duration,
    /// Where asks are sent to.
    pub port: u16,
}

impl Agreeing {
    /// On sessions of this life, of one key at most so many, that are answered at this port.
    pub fn new(life: Duration, each_max: usize, port: u16, clock: Clock, metrics: Arc<Metrics>) -> Agreeing {
        let sessions = Arc::new(Sessions(RwLock::new(Book::new(each_max))));
        Agreeing { sessions, life, port, clock, metrics }
    }

    /// The sessions that stand.
    pub fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.sessions)
    }

    /// A new session of a holder's; `None` when the system gives no randomness.
    pub fn agree(&self, holder: &Arc<Holder<Asker>>) -> Option<Agreed> {
        let (bytes, more) = (server_key::random_bytes().ok()?, server_key::random_bytes().ok()?);
        let (ask_key, rest) = bytes.split_first_chunk::<KEY>()?;
        let answer_key = rest.first_chunk::<KEY>()?;
        let id = SessionId(u64::from_be_bytes(*more.first_chunk::<8>()?));
        let now = self.clock.now().mono;
        let over_at = now.after(self.life);
        let session = Mutex::new(Session::new(Keys::new(ask_key, answer_key)?, over_at));
        let standing = Arc::new(Standing { holder: Arc::clone(holder), session });
        let mut book = self.sessions.0.write().unwrap_or_else(PoisonError::into_inner);
        if book.enter(id, holder.place, standing, over_at, now).is_some() {
            return None;
        }
        self.metrics.lookup.agreed.increment(1);
        self.metrics.lookup.sessions.set(book.len() as f64);
        drop(book);
        let (ask_key, answer_key) = (Secret::new(*ask_key), Secret::new(*answer_key));
        Some(Agreed { id, ask_key, answer_key, life: self.life, port: self.port })
    }
}
