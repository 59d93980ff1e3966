//! What a person saw happen, as log lines: INFO for what they see, without a number, a name or a word of theirs.

use tandem_machine::Event;
use tandem_model::CallId;
use tracing::{debug, info};

/// Writes one line for an event.
pub(crate) fn write(event: &Event) {
    match event {
        Event::Registration(view) => info!(line = view.line.0, state = ?view.state, "registration"),
        Event::Online { line, online } => info!(line = line.0, online, "session"),
        Event::Marks(marks) => debug!(changed = marks.len(), "marks"),
        // Who is asked about stays with the app; the choices may name numbers.
        Event::Prompt(prompt) => info!(prompt = prompt.id.0, side = ?prompt.about.side(), "the user is asked"),
        Event::PromptGone(prompt) => debug!(prompt = prompt.0, "the question is gone"),
        Event::Call(view) => {
            let call = short(view.call);
            info!(call, line = view.line.0, state = ?view.state, bearer = ?view.bearer, "call");
        }
        Event::Text(view) => info!(counter = view.id.counter, status = ?view.status, "text"),
        Event::TextArrived(text) => {
            info!(line = text.line.0, bearer = ?text.bearer, gap = text.gap_before, "text came")
        }
        Event::File(view) => info!(state = ?view.state, "file"),
        Event::FileArrived(file) => info!(line = file.from.line.0, bytes = file.size, "file came"),
        Event::DatagramArrived { line, application, .. } => debug!(line = line.0, application, "datagram came"),
        Event::Log(row) => debug!(entry = row.id, end = ?row.end, "log entry"),
        Event::Notice(notice) => info!(?notice, "notice"),
    }
}

/// Enough of a call's random id to follow it through the lines of both phones.
fn short(call: CallId) -> String {
    call.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
