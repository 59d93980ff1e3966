//! The engine's own log lines, handed to the host's port from the engine's own threads.

use crate::host::{HostCall, HostQueue};
use crate::ports::LogLevel;
use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use tracing::dispatcher::{DefaultGuard, Dispatch};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Longest line handed to a host, in bytes.
const LINE_MAX: usize = 1024;

/// A subscriber for the engine's threads that gives each line to the host.
pub(crate) fn dispatch(host: Arc<HostQueue>) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(ToHost(host)))
}

/// Makes a dispatch this thread's own, until the thread ends.
pub(crate) fn adopt(dispatch: Option<&Dispatch>) {
    thread_local! {
        static ADOPTED: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
    }
    if let Some(dispatch) = dispatch {
        let guard = tracing::dispatcher::set_default(dispatch);
        ADOPTED.with(|adopted| adopted.replace(Some(guard)));
    }
}

struct ToHost(Arc<HostQueue>);

impl<S: Subscriber> Layer<S> for ToHost {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _ctx: Context<'_, S>) -> bool {
        // Libraries do not redact: only our own lines leave.
        metadata.target().starts_with("tandem") && *metadata.level() <= Level::DEBUG
    }

    fn on_event(&self, event: &Event<'_>, _ctx: Context<'_, S>) {
        let mut text = Line(String::new());
        event.record(&mut text);
        let call = HostCall::Line {
            level: level_of(event.metadata().level()),
            target: event.metadata().target(),
            text: text.0,
        };
        // A line that does not fit is dropped: nothing waits for a log.
        let _dropped = self.0.push(call);
    }
}

fn level_of(level: &Level) -> LogLevel {
    match *level {
        Level::TRACE => LogLevel::Trace,
        Level::DEBUG => LogLevel::Debug,
        Level::INFO => LogLevel::Info,
        Level::WARN => LogLevel::Warn,
        Level::ERROR => LogLevel::Error,
    }
}

/// The message first, then `name=value` for each field.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.0.len() >= LINE_MAX {
            return;
        }
        let written = if field.name() == "message" {
            let rest = std::mem::take(&mut self.0);
            write!(self.0, "{value:?}{rest}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
        debug_assert!(written.is_ok(), "a string takes everything");
    }
}
