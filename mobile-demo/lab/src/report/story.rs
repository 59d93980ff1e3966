//! The story in words, line by line as it happens.

use crate::scenario::{Reach, Verb};
use crate::seen::Seen;
use serde_json::Value;

pub(super) fn act(who: &str, verb: &Verb) -> Option<String> {
    let line = match verb {
        Verb::Register { .. } => format!("{who} picks the SIM and registers its number"),
        Verb::Confirm { .. } => format!("{who} confirms the verification SMS"),
        Verb::EnterCode { .. } => format!("{who} types the code from the SMS"),
        Verb::ResendSms { .. } => format!("{who} asks for the SMS again"),
        Verb::CancelRegistration { .. } => format!("{who} gives the registration up"),
        Verb::Unregister { .. } => format!("{who} unregisters"),
        Verb::Call { to, over: Reach::Data, .. } => format!("{who} calls {to} over data"),
        Verb::Call { to, over: Reach::Carrier, .. } => format!("{who} calls {to} through the carrier"),
        Verb::Accept {} => format!("{who} picks up"),
        Verb::Refuse {} => format!("{who} refuses the call"),
        Verb::HangUp {} => format!("{who} hangs up"),
        Verb::Hold { on } => format!("{who} {} the call", if *on { "holds" } else { "takes back" }),
        Verb::Text { to, over: Reach::Data, .. } => format!("{who} texts {to}"),
        Verb::Text { to, over: Reach::Carrier, .. } => format!("{who} sends {to} an SMS"),
        Verb::Choose { choice } => format!("{who} chooses: {choice}"),
        Verb::TextToSms {} => format!("{who} turns the waiting text into an SMS"),
        Verb::CancelText {} => format!("{who} takes the waiting text back"),
        Verb::Talk { .. } => format!("{who} speaks"),
        Verb::Link(link) => format!("{who}'s link changes: {}", link_words(link)),
        Verb::Break { fault, .. } => format!("{who}'s core is to break: {}", fault.word()),
        Verb::Kill {} => format!("{who}'s phone is killed"),
        Verb::Start {} => format!("{who}'s phone starts again"),
        Verb::ServerKill {} => "the server is killed".to_owned(),
        Verb::ServerStart {} => "the server starts again".to_owned(),
        Verb::ServerRestart {} => "the server restarts".to_owned(),
        Verb::ReadAll { from } => format!("{who} reads what {from} wrote"),
        Verb::Attach { .. } => format!("{who} attaches to the access network"),
        Verb::Detach { .. } => format!("{who} detaches"),
        Verb::Resolve { of } => format!("{who} asks where {of} is"),
        Verb::Sims { .. } => format!("{who}'s SIM is swapped"),
        Verb::CarrierCall { state } => format!("a carrier call at {who} is {state}"),
        Verb::Smsc { .. } | Verb::SmsAgain {} => "the SMSC misbehaves".to_owned(),
        Verb::Contacts { .. }
        | Verb::SyncMarks {}
        | Verb::History { .. }
        | Verb::Standing { .. }
        | Verb::PathChange {}
        | Verb::CarrierFails { .. }
        | Verb::Pass { .. } => return None,
    };
    Some(line)
}

fn link_words(link: &crate::scenario::Link) -> String {
    if link.down {
        return "no network".to_owned();
    }
    if link.drop_all {
        return "everything is dropped".to_owned();
    }
    let rate = |kbps: Option<u64>| kbps.map_or("unlimited".to_owned(), |kbps| format!("{kbps} kbit/s"));
    let (up, down) = (link.up_kbps.or(link.rate_kbps), link.down_kbps.or(link.rate_kbps));
    format!("{} up, {} down, {} ms", rate(up), rate(down), link.delay_ms)
}

/// What is seen, and the words the user is told with it.
pub(super) fn sighting(who: &str, seen: &Seen) -> Vec<String> {
    let text = |key: &str| seen.get(key).and_then(Value::as_str);
    let is_told = match text("see") {
        Some("registration") => text("state") == Some("failed"),
        Some("prompt" | "notice") => true,
        Some("call") => text("state") == Some("ended"),
        _ => false,
    };
    let says = text("says").filter(|_| is_told).map(|says| format!("{who} is told: \"{says}\""));
    what(who, seen).into_iter().chain(says).collect()
}

fn what(who: &str, seen: &Seen) -> Option<String> {
    let text = |key: &str| seen.get(key).and_then(Value::as_str).unwrap_or("");
    let line = match text("see") {
        "registration" => format!("{who}: registration {} {}", text("state"), text("why")),
        "mark" => format!("{who} sees {} {}", text("peer"), text("shown")),
        "prompt" => format!(
            "{who} is asked: the {} will not go over data ({}, {} side): {}?",
            text("about"),
            text("why"),
            text("side"),
            seen.get("choices").and_then(Value::as_array).map_or_else(String::new, |choices| {
                choices.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
            })
        ),
        "call" => format!("{who}: call with {} {} {}", text("peer"), text("state"), text("end")),
        "text" => format!("{who}: text to {} is {}", text("to"), text("status")),
        "arrived" => format!("{who} reads from {} ({}): \"{}\"", text("from"), text("bearer"), text("body")),
        "heard" => format!(
            "{who} heard {} s of speech, similarity {}",
            seen.get("seconds").map(Value::to_string).unwrap_or_default(),
            seen.get("similarity").map(Value::to_string).unwrap_or_default()
        ),
        "carrier-dialed" => format!("{who}'s modem dials {} through the carrier", text("to")),
        "carrier-sms" => format!("{who}'s modem sends {} an SMS", text("to")),
        "carrier-ring" => format!("{who}'s phone rings: a carrier call from {}", text("from")),
        "verification-sms" => format!("{who}'s phone receives the verification SMS"),
        "refused" => format!("{who}'s command is refused: {}", text("says")),
        "notice" => format!("{who}: {}", text("notice")),
        "log" if seen.get("open") == Some(&Value::Bool(false)) => {
            format!("{who}'s call log: {} over {} ({})", text("peer"), text("legs"), text("end"))
        }
        _ => return None,
    };
    Some(line.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::object;
    use serde_json::json;

    #[test]
    fn what_the_user_is_told_is_told_where_something_failed_is_asked_or_ended() {
        let lines = |seen| sighting("alice", &object(seen));
        let failed = json!({"see": "registration", "state": "failed", "why": "offline", "says": "No network."});
        assert_eq!(lines(failed), ["alice: registration failed offline", "alice is told: \"No network.\""]);
        let asking = json!({"see": "registration", "state": "asking", "says": "Asking."});
        assert_eq!(lines(asking), ["alice: registration asking"]);
        let refused = json!({"see": "refused", "why": "busy", "says": "this is already under way"});
        assert_eq!(lines(refused), ["alice's command is refused: this is already under way"]);
    }
}
