//! The core as an app holds it: its events, its state, its end.

use crate::errors::TandemError;
use crate::events::{CoreState, NumberedEvent};
use crate::port_adapters::HeldPorts;
use std::sync::Arc;
use std::time::Duration;
use tandem_engine::{Command, Engine, Reply};
use tandem_model::{Line, Msisdn};

/// Events given out by one call at most, whatever is asked for.
const EVENTS_AT_ONCE_MAX: u32 = 1024;

/// One phone's core. Every method may be called from any thread, also from within a port.
///
/// Every command may throw `Full` (too much is under way), `NoAnswer` (none within 10 s) and `Stopped`; what it throws beside
/// them stands with it.
#[derive(uniffi::Object)]
pub struct Core {
    pub(crate) engine: Engine,
    pub(crate) ports: Arc<HeldPorts>,
}

#[uniffi::export]
impl Core {
    /// Waits until there are events after number `seen`, which [`next_events`](Core::next_events) then gives; false once the core
    /// has stopped and everything was told. The first call says 0, each later one the number of the last event that was dealt
    /// with. One consumer.
    pub async fn wait_for_events(&self, seen: u64) -> bool {
        self.engine.wait_for_events(seen).await
    }

    /// The events after number `seen`, oldest first, at most `at_most`, as of now; returns at once. What was given out is given
    /// again until it is named as seen, so that whoever is interrupted loses nothing. At most 1,024 at once; 0 counts as 1.
    /// Numbers begin anew with each core, and one beyond the newest counts all as seen.
    ///
    /// Waiting and taking are two calls, because an answer of a future that is cancelled just as it is ready is lost with all
    /// it holds.
    pub fn next_events(&self, seen: u64, at_most: u32) -> Vec<NumberedEvent> {
        let at_most = at_most.clamp(1, EVENTS_AT_ONCE_MAX) as usize;
        self.engine.events_after(seen, at_most).into_iter().map(NumberedEvent::from).collect()
    }

    /// The state as of now, as one snapshot.
    pub fn state(&self) -> CoreState {
        self.engine.views().into()
    }

    /// A number as a contact holds it or a person typed it, in the form marks, calls and texts name it by; read in the country
    /// of a SIM (absent: the first), which is known soon after the start. Throws `BadNumber` for what is no telephone number.
    pub fn read_number(&self, line: Option<Line>, raw: String) -> Result<Msisdn, TandemError> {
        self.engine.number(line, &raw).ok_or(TandemError::BadNumber)
    }

    /// Whether texts and the log are kept: false when the database could not be opened at the start. One that breaks or fills
    /// up later tells so by `Event::Notice` and by `StoreFailed`.
    pub fn keeps_history(&self) -> bool {
        self.engine.store_error().is_none()
    }

    /// Ends the core: what was handed to the database is written, connections say goodbye, `wait_for_events` ends. Returns when
    /// all of it is done or the deadline has come, whichever is first. No port is called afterwards, and none is held. Again
    /// is fine.
    pub async fn shutdown(&self, deadline_ms: u32) {
        let ports = Arc::clone(&self.ports);
        // Also when nobody waits any more: a host and a core that hold each other are freed by neither.
        self.engine.shutdown_then(Duration::from_millis(u64::from(deadline_ms)), move || ports.let_go()).await;
    }
}

impl Core {
    /// A command whose answer is only that it was taken.
    pub(crate) async fn done(&self, command: Command) -> Result<(), TandemError> {
        self.engine.command(command).await.map(|_| ()).map_err(TandemError::from)
    }

    /// A command with an answer of its own.
    pub(crate) async fn engine_command(&self, command: Command) -> Result<Reply, TandemError> {
        self.engine.command(command).await.map_err(TandemError::from)
    }

    /// A command whose answer says what came of it.
    pub(crate) async fn outcome(&self, command: Command) -> Result<Outcome, TandemError> {
        self.engine.command(command).await.map(Outcome::from).map_err(TandemError::from)
    }

    /// The engine itself, for the test kit.
    #[cfg(feature = "testkit")]
    #[doc(hidden)]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// What came of a command.
#[derive(Clone, uniffi::Enum)]
pub enum Outcome {
    /// Taken; what follows comes as events.
    Done,
    /// A call attempt began under this id.
    Call {
        /// Which.
        call: tandem_model::CallId,
    },
    /// It was handed to the carrier without entering the data path. Should the host's port refuse it, the call log's entry
    /// says so (`Event::Log` that ends with `CarrierFailed`).
    CarrierDialed,
    /// The text is durable on this phone under this id.
    Text {
        /// Which.
        id: crate::texts::TextId,
    },
    /// A prompt asks the user first.
    Asking {
        /// Which.
        prompt: tandem_model::PromptId,
    },
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Outcome {
        match reply {
            Reply::Done => Outcome::Done,
            Reply::Call(call) => Outcome::Call { call },
            Reply::CarrierDialed => Outcome::CarrierDialed,
            Reply::Text(id) => Outcome::Text { id: id.into() },
            // `send_file` has an answer of its own.
            Reply::File(_) => Outcome::Done,
            Reply::Asking(prompt) => Outcome::Asking { prompt },
        }
    }
}
