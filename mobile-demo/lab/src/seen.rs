//! What a phone shows, as one flat JSON object: the vocabulary of `see` in scenarios, of the JSON lines and of the diagram.

use crate::names::Names;
use crate::words::{
    bearer, call_state, choice_word, end_says, end_word, kebab, notice_word, registration, resend, shown, status_word,
    text_status,
};
use serde_json::{Map, Value, json};
use tandem_engine::{CommandError, NotifyError, ReadError};
use tandem_machine::Refusal;
use tandem_machine::effect::Event;
use tandem_machine::view::{Prompt, PromptAbout};
use tandem_model::TextId;
use tandem_model::rows::{IncomingRow, LogPeer, LogRow, OutgoingRow};

/// One thing seen.
pub type Seen = Map<String, Value>;

/// What the app was told, one object for each thing.
#[must_use]
pub fn seen(event: &Event, names: &Names) -> Vec<Seen> {
    match event {
        Event::Registration(view) => {
            let (state, failure) = registration(view.state);
            let says = view.state.user_text();
            vec![object(json!({
                "see": "registration", "line": view.line.0, "state": state, "why": failure,
                "resend": view.resend.and_then(resend), "says": says,
            }))]
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
                "says": end_says(call.state),
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
        Event::File(view) => {
            let state = format!("{:?}", view.state);
            vec![object(json!({"see": "file", "to": names.of(view.to), "state": state}))]
        }
        Event::FileArrived(file) => {
            vec![object(json!({"see": "file-arrived", "from": names.of(file.from.number), "size": file.size}))]
        }
        Event::DatagramArrived { from, application, .. } => {
            vec![object(json!({"see": "datagram", "from": names.of(*from), "application": application}))]
        }
        Event::Log(row) => vec![object(log(row, names))],
        Event::Notice(notice) => {
            let says = notice.user_text();
            vec![object(json!({"see": "notice", "notice": notice_word(*notice), "says": says}))]
        }
    }
}

/// A command is refused.
#[must_use]
pub fn refused(error: CommandError) -> Seen {
    let why = match error {
        CommandError::Refused(Refusal::TooEarly { .. }) => "too-early".to_owned(),
        CommandError::Refused(refusal) => kebab(&format!("{refusal:?}")),
        CommandError::Full => "full".to_owned(),
        CommandError::Stopped => "stopped".to_owned(),
        CommandError::CarrierFailed => "carrier-failed".to_owned(),
        CommandError::NoAnswer => "no-answer".to_owned(),
    };
    let says = match error {
        CommandError::Refused(refusal) => refusal.to_string(),
        CommandError::Full | CommandError::Stopped | CommandError::CarrierFailed | CommandError::NoAnswer => {
            error.to_string()
        }
    };
    object(json!({"see": "refused", "why": why, "says": says}))
}

/// The database of a phone cannot be read.
#[must_use]
pub fn history_unavailable(error: ReadError) -> Seen {
    object(json!({"see": "refused", "why": "history-unavailable", "says": error.to_string()}))
}

/// The core did not take what the phone's OS told it.
#[must_use]
pub fn not_taken(error: NotifyError) -> Seen {
    let why = match error {
        NotifyError::Full => "full",
        NotifyError::Stopped => "stopped",
    };
    object(json!({"see": "not-taken", "why": why}))
}

/// The core took a text to be sent: from here on it must not be lost.
#[must_use]
pub fn written(id: TextId) -> Seen {
    object(json!({"see": "written", "id": text_id(id)}))
}

/// Where a number is, as the resolver says: what the address is good for, and the address.
#[must_use]
pub fn whereabouts(of: &str, found: Option<(String, String)>) -> Seen {
    let (kind, address) = found.clone().unzip();
    object(json!({"see": "whereabouts", "of": of, "attached": found.is_some(), "kind": kind, "address": address}))
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
    let says = prompt.about.user_text();
    match &prompt.about {
        PromptAbout::Call { to, why, .. } => json!({
            "see": "prompt", "about": "call", "to": names.of(*to), "why": kebab(&format!("{why:?}")), "side": side,
            "choices": choices, "says": says,
        }),
        PromptAbout::Text { to, why, may_double } => json!({
            "see": "prompt", "about": "text", "to": names.of(*to), "why": kebab(&format!("{why:?}")), "side": side,
            "may-double": may_double, "choices": choices, "says": says,
        }),
        PromptAbout::WhichNumber { contact } => {
            json!({"see": "prompt", "about": "which-number", "contact": contact, "choices": choices, "says": says})
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sights::fits;
    use tandem_machine::end_text;
    use tandem_machine::view::{
        Budget, CallState, CallView, Choice, MarkShown, MarkView, Notice, RegistrationFailure, RegistrationState,
        RegistrationView,
    };
    use tandem_model::{Bearer, CallEnd, CallId, Line, Msisdn, PromptId, WhyNotData};

    fn fitting(event: Event) -> Seen {
        let seen = seen(&event, &Names::default()).remove(0);
        assert_eq!(fits(&seen), Ok(()), "{seen:?}");
        seen
    }

    #[test]
    fn names_stand_for_numbers_and_absent_things_are_left_out() {
        let event = Event::Online { line: Line(1), online: true };
        assert_eq!(Value::Object(fitting(event)), json!({"see": "online", "line": 1, "online": true}));
        assert_eq!(kebab("PeerNotSeenLately"), "peer-not-seen-lately");
    }

    #[test]
    fn every_failure_of_a_registration_fits_the_table_and_says_what_the_user_is_told() {
        use RegistrationFailure::*;
        for why in [
            NoSim,
            BadNumber,
            Offline,
            SmsNeverCame,
            SmsToOtherSim,
            WrongCode { tries_left: 2 },
            TriesUsedUp,
            Expired,
            TooMany { wait_ms: 1, of: Budget::Number },
            TooMany { wait_ms: 1, of: Budget::Prefix },
            TooMany { wait_ms: 1, of: Budget::Source },
            SmsUnavailable,
            NumberUnreachable,
            NotServed,
            RegisteredElsewhere,
            SimChanged,
            KeyLost,
            StoreFailed,
            Refused,
        ] {
            let state = RegistrationState::Failed(why);
            let seen =
                fitting(Event::Registration(RegistrationView { line: Line(0), number: None, state, resend: None }));
            assert_eq!(seen["says"], why.user_text());
        }
    }

    #[test]
    fn whether_another_sms_comes_fits_the_table() {
        use tandem_machine::view::{Budget, Resend, ResendRefusal};
        let shown = |asking, refused| {
            let resend = Some(Resend { from: tandem_model::WallMillis(0), asking, refused });
            let state = RegistrationState::AwaitingUserConfirm;
            fitting(Event::Registration(RegistrationView { line: Line(0), number: None, state, resend }))
        };
        assert_eq!(shown(true, None)["resend"], "asking");
        assert!(!shown(false, None).contains_key("resend"));
        for of in [Budget::Number, Budget::Prefix, Budget::Source] {
            shown(false, Some(ResendRefusal::TooMany { of }));
        }
        for why in [
            ResendRefusal::SmsUnavailable,
            ResendRefusal::NumberUnreachable,
            ResendRefusal::NotServed,
            ResendRefusal::Offline,
            ResendRefusal::Refused,
        ] {
            assert_eq!(shown(false, Some(why))["resend"], kebab(&format!("{why:?}")));
        }
    }

    #[test]
    fn every_reason_end_mark_notice_and_refusal_fits_the_table() {
        use WhyNotData::*;
        let to = Msisdn::from_e164("+4915112345601").unwrap();
        for why in [
            OwnOffline,
            OwnTooSlow,
            OwnUnmeasured,
            PeerTooSlow,
            PeerOffline,
            PeerNotSeenLately,
            PeerNotAvailable,
            NoAnswerInTime,
            MediaFailed,
            NotRegistered,
            StoreFailed,
        ] {
            let about = PromptAbout::Text { to, why, may_double: true };
            let choices = vec![Choice::Carrier, Choice::Quit, Choice::Wait, Choice::Number(to)];
            let seen = fitting(Event::Prompt(Prompt { id: PromptId(1), about, choices }));
            assert!(seen["says"].as_str().unwrap().contains("SMS"));
        }
        for end in [
            CallEnd::HungUp,
            CallEnd::PeerHungUp,
            CallEnd::Cancelled,
            CallEnd::Refused,
            CallEnd::Busy,
            CallEnd::NoAnswer,
            CallEnd::Missed,
            CallEnd::Superseded,
            CallEnd::Quit,
            CallEnd::Carrier,
            CallEnd::MediaLost,
            CallEnd::PeerLost,
            CallEnd::Rejected,
            CallEnd::CarrierFailed,
        ] {
            let (call, line, bearer) = (CallId::default(), Line(0), Bearer::Data);
            let state = CallState::Ended(end);
            let view =
                CallView { call, line, peer: to, outgoing: true, state, bearer, held: false, held_by_peer: false };
            assert_eq!(fitting(Event::Call(view))["says"], end_text(end));
        }
        for shown_mark in [MarkShown::Marked, MarkShown::NotSeenLately, MarkShown::Unmarked] {
            fitting(Event::Marks(vec![MarkView { number: to, shown: shown_mark }]));
        }
        let stopped = Notice::Stopped { fault: tandem_machine::view::Fault::Panic };
        let notices = [
            Notice::StoreRecovered,
            Notice::MarkKeyChanged,
            Notice::StorageFull,
            Notice::StoreUnavailable,
            Notice::Resync,
            stopped,
        ];
        for notice in notices {
            fitting(Event::Notice(notice));
        }
        let refusals = [
            Refusal::Stale,
            Refusal::NotRegistered,
            Refusal::NoSuchLine,
            Refusal::BadNumber,
            Refusal::BadBody,
            Refusal::CarrierOnly,
            Refusal::Full,
            Refusal::TooEarly { wait_ms: 1 },
            Refusal::StoreFailed,
            Refusal::Offline,
            Refusal::Busy,
            Refusal::NoSuchChoice,
        ];
        let errors = [CommandError::Full, CommandError::Stopped, CommandError::CarrierFailed, CommandError::NoAnswer];
        for error in refusals.into_iter().map(CommandError::Refused).chain(errors) {
            let seen = refused(error);
            assert_eq!(fits(&seen), Ok(()));
            assert!(!seen["says"].as_str().unwrap().contains("refused"), "said once, by whoever tells it");
        }
        assert_eq!(fits(&not_taken(NotifyError::Full)), Ok(()));
        assert_eq!(fits(&not_taken(NotifyError::Stopped)), Ok(()));
        assert_eq!(fits(&history_unavailable(ReadError::Unavailable)), Ok(()));
    }
}
