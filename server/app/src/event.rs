//! What reaches the one task that owns the decisions.

use crate::outbox::Outbox;
use tandem_logic::{ConnId, Input, Source};
use tandem_model::Msisdn;
use tandem_wire::frame::{Capability, Resolved};
use tandem_wire::{RegisterReply, RegisterRequest};
use tokio::sync::oneshot;

/// One thing for the shell's task. The queue of them is bounded: who sends waits, and its socket waits with it.
#[derive(Debug)]
pub enum Event {
    /// A phone connected.
    Opened {
        /// The new connection.
        conn: ConnId,
        /// Where from.
        source: Source,
        /// Where its frames go.
        outbox: Outbox,
    },
    /// A registration request over HTTPS.
    Register {
        /// Where from.
        source: Source,
        /// What is asked.
        request: RegisterRequest,
        /// Where the reply goes.
        reply: oneshot::Sender<RegisterReply>,
    },
    /// A node shows a capability that a phone handed it.
    Redeem {
        /// What is shown.
        capability: Capability,
        /// Whose address, and where; nothing when it opens nothing.
        reply: oneshot::Sender<Option<(Msisdn, Resolved)>>,
    },
    /// Whatever is an input as it stands.
    Logic(Input),
    /// Whether this server can serve.
    Readiness(oneshot::Sender<Readiness>),
}

/// Whether this server can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The store answers.
    pub store: bool,
    /// Verification texts can be sent; `None` when no driver is configured.
    pub sms: Option<bool>,
    /// The server is going down.
    pub stopping: bool,
}

impl Readiness {
    /// All of it.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self.store && self.sms.unwrap_or(true) && !self.stopping
    }
}
