//! What services say beside their status: waits, and why a request failed before it got there.

use std::error::Error;
use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::RETRY_AFTER;

use crate::driver::{PermanentReason, PushOutcome};
use crate::guard::NotReachable;

/// The wait when a throttling service does not say how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The longest wait a service may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The wait a service asks for, if it does.
pub(crate) fn asked_wait(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    parse_wait(value, SystemTime::now())
}

pub(crate) fn throttled(asked: Option<Duration>) -> PushOutcome {
    PushOutcome::Throttled { retry_after: throttled_wait(asked) }
}

pub(crate) fn throttled_wait(asked: Option<Duration>) -> Duration {
    asked.unwrap_or(DEFAULT_RETRY_AFTER)
}

/// Seconds or an HTTP-date (RFC 9110, 10.2.3). A date that has passed is no wait.
fn parse_wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        value.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs)
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// A request that brought no answer.
pub(crate) fn no_answer(error: &reqwest::Error) -> PushOutcome {
    if is_refused(error) { PushOutcome::Permanent(PermanentReason::EndpointRefused) } else { PushOutcome::Temporary }
}

/// Whether the guard stopped it.
pub(crate) fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<NotReachable>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date_within_an_hour() {
        let now = httpdate::parse_http_date("Tue, 15 Nov 1994 08:12:31 GMT").unwrap();
        let wait = |text| parse_wait(text, now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait(" 0 "), Some(Duration::ZERO));
        assert_eq!(wait("Tue, 15 Nov 1994 08:12:41 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(wait("Tue, 15 Nov 1994 08:12:21 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("99999999999999999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("Fri, 31 Dec 1999 23:59:59 GMT"), Some(RETRY_AFTER_MAX));
        for nonsense in ["", "-1", "soon", "1.5", "12 s"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }
}
