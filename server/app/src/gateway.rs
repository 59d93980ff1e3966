//! What every HTTP handler needs: where events go, the limits, the clock.

use crate::clock::Clock;
use crate::event::Event;
use crate::line_budget::LineBudget;
use crate::metrics::Metrics;
use crate::resolve::Resolving;
use crate::source::TrustedProxies;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tandem_logic::ConnId;
use tokio::sync::{Semaphore, mpsc};

/// Shared by all handlers.
#[derive(Debug)]
pub struct Gateway {
    /// To the shell's task.
    pub events: mpsc::Sender<Event>,
    /// Stamps frames.
    pub clock: Clock,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Whose word about addresses is believed.
    pub proxies: TrustedProxies,
    /// Lookups of addresses, when there is a resolver.
    pub resolving: Option<Resolving>,
    /// Registration requests being answered.
    pub register_slots: Semaphore,
    /// How long a request's body may take.
    pub body_wait: Duration,
    /// How long an answer may take before the client is told to come back.
    pub answer_wait: Duration,
    /// Frames that may wait for one phone.
    pub send_queue_frames: usize,
    /// Bytes that may wait for one phone.
    pub send_queue_bytes: usize,
    /// A socket that says nothing at all for this long is dropped.
    pub idle_max: Duration,
    /// How long a closing connection may take.
    pub close_wait: Duration,
    /// Log lines about input that is none.
    pub malformed_lines: LineBudget,
    /// The next connection's name.
    pub next_conn: AtomicU64,
    /// Held as long as any handler or session may run: its receiver ends when the last is gone.
    pub _alive: mpsc::Sender<()>,
}

impl Gateway {
    /// A name no other connection of this process has.
    pub fn name_connection(&self) -> ConnId {
        ConnId(self.next_conn.fetch_add(1, Ordering::Relaxed))
    }
}
