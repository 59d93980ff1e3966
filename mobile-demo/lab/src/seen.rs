//! What a phone shows, as one flat JSON object: the vocabulary of `see` in scenarios, of the JSON lines and of the diagram.

use crate::names::Names;
use serde_json::{Map, Value, json};
use tandem_machine::effect::Event;
use tandem_machine::view::{
    CallState, Choice, MarkShown, Notice, Prompt, PromptAbout, RegistrationFailure, RegistrationState,
};
use tandem_model::rows::{IncomingRow, LogPeer, LogRow, OutgoingRow};
use tandem_model::{Bearer, CallEnd, TerminalState, TextId, TextStatus};

/// One thing seen.
pub type Seen = Map<String, Value>;

/// What the app was told, one object for each thing.
#[must_use]
pub fn seen(event: &Event, names: &Names) -> Vec<Seen> {
    match event {
        Event::Registration(view) => {
            let (state, failure) = registration(view.state);
            vec![object(json!({"see": "registration", "line": view.line.0, "state": state, "why": failure}))]
        }
        Event::Online { line, online } => vec![object(json!({"see": "online", "line": line.0, "online": online}))],
        Event::Marks(marks) => marks
            .iter()
            .map(|mark| object(json!({"see": "mark", "peer": names.of(mark.number), "shown": shown(mark.shown)})))
            .collect(),
        Event::Prompt(prompt) => vec![object(prompt_seen(prompt, names))],
        Event::PromptGone(_) => vec![object(json!({"see": "prompt-gone"}))],
        Event::Call(call) => {
            let (state, end) = call_state(call.state);
            vec![object(json!({
                "see": "call", "peer": names.of(call.peer), "outgoing": call.outgoing, "state": state, "end": end,
                "bearer": bearer(call.bearer), "held": call.held, "held-by-peer": call.held_by_peer,
            }))]
        }
        Event::Text(text) => {
            let (status, read) = text_status(text.status);
            vec![object(json!({"see": "text", "to": names.of(text.to), "status": status, "read": read}))]
        }
        Event::TextArrived(text) => vec![object(json!({
            "see": "arrived", "from": names.of(text.from), "bearer": bearer(text.bearer), "gap": text.gap_before,
            "body": text.body.as_ref().map(tandem_model::TextBody::as_str),
        }))],
        Event::Log(row) => vec![object(log(row, names))],
        Event::Notice(notice) => vec![object(json!({"see": "notice", "notice": notice_word(*notice)}))],
    }
}

/// The core took a text to be sent: from here on it must not be lost.
#[must_use]
pub fn written(id: TextId) -> Seen {
    object(json!({"see": "written", "id": text_id(id)}))
}

/// A text of one's own in a `history`.
#[must_use]
pub fn mine(row: &OutgoingRow) -> Value {
    json!({"mine": true, "id": text_id(row.id), "body": row.body.as_str(), "status": status_word(row.status)})
}

/// A text of the other's in a `history`.
#[must_use]
pub fn theirs(row: &IncomingRow) -> Value {
    let body = row.body.as_ref().map(tandem_model::TextBody::as_str);
    json!({"mine": false, "id": text_id(row.id), "body": body})
}

/// One word for a text of one sender, the same on both phones.
fn text_id(id: TextId) -> String {
    format!("{:x}-{}", id.device_epoch.0, id.counter)
}

/// Makes an object of a JSON value; anything else becomes an empty one.
#[must_use]
pub fn object(value: Value) -> Seen {
    match value {
        Value::Object(map) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn prompt_seen(prompt: &Prompt, names: &Names) -> Value {
    let choices: Vec<&str> = prompt.choices.iter().map(|choice| choice_word(*choice)).collect();
    let side = prompt.about.side().map(|side| format!("{side:?}").to_lowercase());
    match &prompt.about {
        PromptAbout::Call { to, why, .. } => json!({
            "see": "prompt", "about": "call", "to": names.of(*to), "why": kebab(&format!("{why:?}")), "side": side,
            "choices": choices,
        }),
        PromptAbout::Text { to, why, may_double } => json!({
            "see": "prompt", "about": "text", "to": names.of(*to), "why": kebab(&format!("{why:?}")), "side": side,
            "may-double": may_double, "choices": choices,
        }),
        PromptAbout::WhichNumber { contact } => {
            json!({"see": "prompt", "about": "which-number", "contact": contact, "choices": choices})
        }
    }
}

/// The word of a choice; numbers are all called `number`.
#[must_use]
pub fn choice_word(choice: Choice) -> &'static str {
    match choice {
        Choice::Carrier => "carrier",
        Choice::Quit => "quit",
        Choice::Wait => "wait",
        Choice::Number(_) => "number",
    }
}

fn registration(state: RegistrationState) -> (&'static str, Option<String>) {
    match state {
        RegistrationState::Unregistered => ("unregistered", None),
        RegistrationState::NumberNeeded => ("number-needed", None),
        RegistrationState::Asking => ("asking", None),
        RegistrationState::AwaitingSms { .. } => ("awaiting-sms", None),
        RegistrationState::AwaitingUserConfirm => ("awaiting-user-confirm", None),
        RegistrationState::Confirming => ("confirming", None),
        RegistrationState::Registered => ("registered", None),
        RegistrationState::Unregistering => ("unregistering", None),
        RegistrationState::Failed(why) => ("failed", Some(failure(why))),
    }
}

fn failure(why: RegistrationFailure) -> String {
    match why {
        RegistrationFailure::WrongCode { .. } => "wrong-code".to_owned(),
        RegistrationFailure::TooMany { .. } => "too-many".to_owned(),
        RegistrationFailure::NoSim
        | RegistrationFailure::BadNumber
        | RegistrationFailure::Offline
        | RegistrationFailure::SmsNeverCame
        | RegistrationFailure::SmsToOtherSim
        | RegistrationFailure::TriesUsedUp
        | RegistrationFailure::Expired
        | RegistrationFailure::SmsUnavailable
        | RegistrationFailure::NumberUnreachable
        | RegistrationFailure::NotServed
        | RegistrationFailure::RegisteredElsewhere
        | RegistrationFailure::SimChanged
        | RegistrationFailure::KeyLost
        | RegistrationFailure::StoreFailed
        | RegistrationFailure::Refused => kebab(&format!("{why:?}")),
    }
}

fn shown(mark: MarkShown) -> &'static str {
    match mark {
        MarkShown::Marked => "marked",
        MarkShown::NotSeenLately => "not-seen-lately",
        MarkShown::None => "none",
    }
}

fn bearer(bearer: Bearer) -> &'static str {
    match bearer {
        Bearer::Data => "data",
        Bearer::Carrier => "carrier",
    }
}

fn call_state(state: CallState) -> (&'static str, Option<String>) {
    match state {
        CallState::Checking => ("checking", None),
        CallState::Asking => ("asking", None),
        CallState::Calling => ("calling", None),
        CallState::Ringing => ("ringing", None),
        CallState::Connecting => ("connecting", None),
        CallState::Active => ("active", None),
        CallState::Reconnecting => ("reconnecting", None),
        CallState::Carrier => ("carrier", None),
        CallState::Ended(end) => ("ended", Some(end_word(end))),
    }
}

fn end_word(end: CallEnd) -> String {
    kebab(&format!("{end:?}"))
}

fn text_status(status: TextStatus) -> (&'static str, Option<bool>) {
    match status {
        TextStatus::Pending => ("pending", None),
        TextStatus::Stored => ("stored", None),
        TextStatus::Ended { state, read } => (terminal(state), Some(read)),
        TextStatus::CarrierSms => ("carrier-sms", None),
        TextStatus::SmsFailed => ("sms-failed", None),
        TextStatus::Refused => ("refused", None),
        TextStatus::LeftBehind => ("left-behind", None),
    }
}

/// The word of a text's status.
fn status_word(status: TextStatus) -> &'static str {
    text_status(status).0
}

fn terminal(state: TerminalState) -> &'static str {
    match state {
        TerminalState::Delivered => "delivered",
        TerminalState::Expired => "expired",
        TerminalState::Cancelled => "cancelled",
        TerminalState::HandedToSms => "handed-to-sms",
        TerminalState::RecipientChanged => "recipient-changed",
    }
}

fn log(row: &LogRow, names: &Names) -> Value {
    let peer = match &row.peer {
        LogPeer::Number(number) => names.of(*number).to_owned(),
        LogPeer::Dialed(_) => "dialed".to_owned(),
    };
    let legs: Vec<&str> = row.legs.iter().map(|leg| bearer(leg.bearer)).collect();
    json!({
        "see": "log", "peer": peer, "outgoing": row.outgoing, "legs": legs.join("+"), "end": row.end.map(end_word),
        "open": row.end.is_none(),
    })
}

fn notice_word(notice: Notice) -> &'static str {
    match notice {
        Notice::StoreRecovered => "store-recovered",
        Notice::StorageFull => "storage-full",
        Notice::Resync => "resync",
        Notice::Stopped => "stopped",
    }
}

/// `PeerTooSlow` becomes `peer-too-slow`.
fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::Line;

    #[test]
    fn names_stand_for_numbers_and_absent_things_are_left_out() {
        let event = Event::Online { line: Line(1), online: true };
        assert_eq!(
            Value::Object(seen(&event, &Names::default()).remove(0)),
            json!({"see": "online", "line": 1, "online": true})
        );
        assert_eq!(kebab("PeerNotSeenLately"), "peer-not-seen-lately");
        assert_eq!(
            registration(RegistrationState::Failed(RegistrationFailure::WrongCode { tries_left: 2 })).1.unwrap(),
            "wrong-code"
        );
    }
}
