//! JUnit XML: one test case a flow.

use crate::runner::Outcome;
use std::fmt::Write;

/// The outcome of one scenario as a JUnit test suite.
#[must_use]
pub fn junit(scenario: &str, outcome: &Outcome) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let total = outcome.passed + outcome.failed;
    let _infallible =
        writeln!(out, "<testsuite name=\"{}\" tests=\"{total}\" failures=\"{}\">", escape(scenario), outcome.failed);
    for flow in &outcome.flows {
        let seconds = std::time::Duration::from_millis(flow.ms).as_secs_f64();
        let _infallible = write!(
            out,
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.3}\"",
            escape(scenario),
            escape(&flow.name)
        );
        let _infallible = match &flow.why {
            None => writeln!(out, "/>"),
            Some(why) => writeln!(out, "><failure message=\"{}\"/></testcase>", escape(why)),
        };
    }
    out.push_str("</testsuite>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::FlowResult;

    #[test]
    fn a_failure_is_a_failure_and_its_reason_is_escaped() {
        let flow = FlowResult { name: "f".into(), ok: false, ms: 1500, why: Some("a<b & \"c\"".into()) };
        let xml = junit("s", &Outcome { passed: 0, failed: 1, flows: vec![flow] });
        assert!(xml.contains("failures=\"1\""));
        assert!(xml.contains("time=\"1.500\""));
        assert!(xml.contains("a&lt;b &amp; &quot;c&quot;"));
    }
}
