//! ROAP objects as clients in the field write them.

#![expect(clippy::unwrap_used, reason = "a helper of tests stops at the first surprise")]

use tandem_wire::RoapFault;
use tandem_wire::limits::{ROAP_ID_MAX, ROAP_MAX};
use tandem_wire::roap::{Roap, RoapError, RoapType};

fn offer(change: &str, to: &str) -> Result<Roap, RoapFault> {
    let plain = r#"{"messageType":"OFFER","offererSessionId":"a","seq":1,"sdp":"v=0","tieBreaker":7}"#;
    assert!(plain.contains(change));
    Roap::parse(&plain.replacen(change, to, 1))
}

fn plain() -> Roap {
    offer("", "").unwrap()
}

#[test]
fn every_form_seen_in_the_field_reads_the_same() {
    for (change, to) in [
        (r#""tieBreaker":7"#, r#""tieBreaker":"7""#),
        (r#""tieBreaker":7"#, r#""tiebreaker":7"#),
        (r#""seq":1"#, r#""seq":"1""#),
        (r#""seq":1"#, r#""seq":1,"answererSessionId":null"#),
        (r#""seq":1"#, r#""seq":1,"answererSessionId":"""#),
        (r#""seq":1"#, r#""seq":1,"sessionToken":{"a":[1,{}]},"moreComing":null"#),
        ("{", "SDP\n{"),
        ("{", " \r\n{"),
    ] {
        assert_eq!(offer(change, to), Ok(plain()), "{to}");
    }
    let numbered = offer(r#""offererSessionId":"a""#, r#""offererSessionId":12"#).unwrap();
    assert_eq!(numbered.offerer_session_id, "12");
    let lines = offer(r#""sdp":"v=0""#, r#""sdp":"v=0\ns=-\r\n""#).unwrap();
    assert_eq!(lines.sdp.as_deref(), Some("v=0\ns=-\r\n"));
}

#[test]
fn more_coming_is_a_flag_or_its_name() {
    let answer = |flag: &str| {
        Roap::parse(&format!(
            r#"{{"messageType":"ANSWER","offererSessionId":"a","answererSessionId":"b","seq":1,"sdp":"v=0","moreComing":{flag}}}"#
        ))
    };
    for flag in ["true", r#""true""#, r#""TRUE""#] {
        assert!(answer(flag).unwrap().more_coming);
    }
    for flag in ["false", r#""false""#, "null"] {
        assert!(!answer(flag).unwrap().more_coming);
    }
    for flag in ["1", r#""yes""#, "-1"] {
        assert_eq!(answer(flag), Err(RoapFault::OutOfRange { key: "moreComing" }));
    }
}

#[test]
fn what_the_state_machine_needs_is_required() {
    for (key, part) in [
        ("messageType", r#""messageType":"OFFER""#),
        ("offererSessionId", r#""offererSessionId":"a""#),
        ("seq", r#""seq":1"#),
        ("sdp", r#""sdp":"v=0""#),
        ("tieBreaker", r#""tieBreaker":7"#),
    ] {
        assert_eq!(offer(part, r#""x":0"#), Err(RoapFault::Missing { key }));
        assert_eq!(offer(part, &format!(r#""{key}":null"#)), Err(RoapFault::Missing { key }));
    }
    assert_eq!(offer(r#""sdp":"v=0""#, r#""sdp":"""#), Err(RoapFault::Missing { key: "sdp" }));
    assert_eq!(offer(r#""seq":1"#, r#""seq":0"#), Err(RoapFault::Missing { key: "seq" }));
}

#[test]
fn numbers_are_within_32_bits() {
    for (text, number) in [("0", 0), ("4294967294", 4_294_967_294), ("4294967295", u32::MAX)] {
        assert_eq!(offer("7", text).unwrap().tie_breaker, Some(number));
    }
    for text in ["4294967296", "-1", "1.5", "true", r#""x""#, "18446744073709551616"] {
        assert_eq!(offer("7", text), Err(RoapFault::OutOfRange { key: "tieBreaker" }), "{text}");
        assert_eq!(offer(r#""seq":1"#, &format!(r#""seq":{text}"#)), Err(RoapFault::OutOfRange { key: "seq" }));
    }
}

#[test]
fn only_an_error_may_lack_the_offerers_id() {
    let error = |rest: &str| Roap::parse(&format!(r#"{{"messageType":"ERROR","seq":3{rest}}}"#)).unwrap();
    assert_eq!(error("").offerer_session_id, "");
    assert_eq!(error("").error_type, Some(RoapError::Failed));
    assert_eq!(error(r#","errorType":"NOMATCH""#).error_type, Some(RoapError::NoMatch));
    assert_eq!(error(r#","errorType":"INVALID_STATE""#).error_type, Some(RoapError::Failed));
    for name in ["OK", "SHUTDOWN"] {
        let text = format!(r#"{{"messageType":"{name}","seq":3}}"#);
        assert_eq!(Roap::parse(&text), Err(RoapFault::Missing { key: "offererSessionId" }));
    }
}

#[test]
fn keys_of_other_messages_are_dropped() {
    let ok = Roap::parse(
        r#"{"messageType":"OK","offererSessionId":"a","seq":1,"sdp":"v=0","tieBreaker":1,"errorType":"FAILED","moreComing":true}"#,
    )
    .unwrap();
    assert_eq!(ok.message_type, RoapType::Ok);
    assert_eq!((ok.sdp, ok.tie_breaker, ok.error_type, ok.more_coming), (None, None, None, false));
}

#[test]
fn what_is_no_object_or_too_large_is_refused_by_name() {
    for text in ["", "null", "[]", "\"x\"", "{", r#"{"seq":[1]}"#, r#"{"sdp":{}}"#, "{} {}"] {
        assert_eq!(Roap::parse(text), Err(RoapFault::Malformed), "{text}");
    }
    assert_eq!(Roap::parse("{}"), Err(RoapFault::Missing { key: "messageType" }));
    assert_eq!(offer("OFFER", "OFFER_REQUEST"), Err(RoapFault::UnknownType));
    let padded = |size: usize| {
        let text = plain().to_json();
        Roap::parse(&format!("{text}{}", " ".repeat(size - text.len())))
    };
    assert!(padded(ROAP_MAX).is_ok());
    assert_eq!(padded(ROAP_MAX + 1), Err(RoapFault::TooLarge));
    let id =
        |length: usize| offer(r#""offererSessionId":"a""#, &format!(r#""offererSessionId":"{}""#, "i".repeat(length)));
    assert!(id(ROAP_ID_MAX).is_ok());
    assert_eq!(id(ROAP_ID_MAX + 1), Err(RoapFault::OutOfRange { key: "offererSessionId" }));
}

#[test]
fn an_object_is_written_without_keys_that_say_nothing() {
    assert_eq!(
        plain().to_json(),
        r#"{"messageType":"OFFER","offererSessionId":"a","seq":1,"sdp":"v=0","tieBreaker":7}"#
    );
}
