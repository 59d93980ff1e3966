//! What the network says of a transaction: delivery reports, results, problems (RFC 9457).

use reqwest::Url;
use serde::Deserialize;

use crate::activation::{ActivationFailure, ActivationId, ActivationState};

/// A delivery report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct T8Report {
    /// Which request.
    pub id: ActivationId,
    /// How far it has come.
    pub state: ActivationState,
}

/// Why a body is no report of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReport {
    /// Not a `DeviceTriggeringDeliveryReportNotification`.
    #[error("not a delivery report")]
    Malformed,
    /// It names a transaction somewhere else.
    #[error("a report of a transaction that is not ours")]
    Foreign,
}

#[derive(Deserialize)]
struct Notification {
    transaction: String,
    result: String,
}

pub(super) fn read(body: &[u8], transactions: &Url) -> Result<T8Report, BadReport> {
    let note: Notification = serde_json::from_slice(body).map_err(|_| BadReport::Malformed)?;
    let id = within(transactions, &note.transaction).map(ActivationId).ok_or(BadReport::Foreign)?;
    Ok(T8Report { id, state: state_of(&note.result) })
}

/// `DeliveryResult`; the enumeration is open, and a word of a later release is no failure.
pub(super) fn state_of(result: &str) -> ActivationState {
    match result {
        "SUCCESS" => ActivationState::Succeeded,
        "TRIGGERED" => ActivationState::Underway,
        "FAILURE" => ActivationState::Failed(ActivationFailure::NotReachable),
        "EXPIRED" => ActivationState::Failed(ActivationFailure::Expired),
        "REPLACED" | "TERMINATE" => ActivationState::Failed(ActivationFailure::Withdrawn),
        // UNKNOWN, UNCONFIRMED, and what comes later.
        _ => ActivationState::Unknown,
    }
}

/// The last segment of a transaction's address, when it lies directly below this server's own.
pub(super) fn within(transactions: &Url, place: &str) -> Option<String> {
    let mut folder = transactions.clone();
    folder.path_segments_mut().ok()?.push("");
    let place = folder.join(place).ok()?;
    let same = place.origin() == folder.origin() && place.query().is_none() && place.fragment().is_none();
    let id = place.path().strip_prefix(folder.path())?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte));
    (same && plain && (1..=128).contains(&id.len())).then(|| id.to_owned())
}

/// `ProblemDetails`.
#[derive(Deserialize, Default)]
pub(super) struct Problem {
    #[serde(default)]
    cause: String,
}

impl Problem {
    pub(super) fn read(octets: &[u8]) -> Problem {
        serde_json::from_slice(octets).unwrap_or_default()
    }

    /// The causes networks give for a number that is not theirs (TS 29.122, 5.2.6; TS 29.500, 5.2.7.2).
    pub(super) fn is_unknown_subscriber(&self) -> bool {
        matches!(self.cause.as_str(), "USER_NOT_FOUND" | "USER_UNKNOWN" | "UE_ID_NOT_FOUND" | "SUBSCRIBER_NOT_FOUND")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn transactions() -> Url {
        Url::parse("https://scef.example/api/3gpp-device-triggering/v1/tandem/transactions").unwrap()
    }

    #[test]
    fn a_transaction_is_ours_wherever_it_is_written_from_and_nothing_else_is() {
        let ours = "https://scef.example/api/3gpp-device-triggering/v1/tandem/transactions/t-1";
        for place in [ours, "/api/3gpp-device-triggering/v1/tandem/transactions/t-1", "t-1"] {
            assert_eq!(within(&transactions(), place).as_deref(), Some("t-1"), "{place}");
        }
        for place in [
            "https://evil.example/api/3gpp-device-triggering/v1/tandem/transactions/t-1",
            "http://scef.example/api/3gpp-device-triggering/v1/tandem/transactions/t-1",
            "https://scef.example/api/3gpp-device-triggering/v1/other/transactions/t-1",
            "../other/transactions/t-1",
            "t-1/more",
            "t-1?x",
            "..",
            "",
            "%2e%2e",
            "a%2Fb",
        ] {
            assert_eq!(within(&transactions(), place), None, "{place}");
        }
    }

    #[test]
    fn every_result_has_its_meaning_and_an_unknown_one_is_no_failure() {
        use ActivationFailure as Why;
        for (word, state) in [
            ("SUCCESS", ActivationState::Succeeded),
            ("UNKNOWN", ActivationState::Unknown),
            ("FAILURE", ActivationState::Failed(Why::NotReachable)),
            ("TRIGGERED", ActivationState::Underway),
            ("EXPIRED", ActivationState::Failed(Why::Expired)),
            ("UNCONFIRMED", ActivationState::Unknown),
            ("REPLACED", ActivationState::Failed(Why::Withdrawn)),
            ("TERMINATE", ActivationState::Failed(Why::Withdrawn)),
            ("A_LATER_RELEASE", ActivationState::Unknown),
        ] {
            assert_eq!(state_of(word), state, "{word}");
        }
    }

    proptest! {
        #[test]
        fn no_report_crashes_the_reader(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&body, &transactions()).is_err());
        }
    }
}
