//! Reads steps and rules, each judged by who and what there is in its scenario.

use super::party::People;
use super::{Flow, Never, ScenarioError, Step, Verb, Want, check};
use crate::sights;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A flow as it stands in the file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileFlow {
    pub(super) name: String,
    #[serde(default)]
    pub(super) about: String,
    #[serde(default)]
    pub(super) steps: Vec<Map<String, Value>>,
}

/// How long something may take to be seen when the step does not say.
pub(super) const DEFAULT_WITHIN: Duration = Duration::from_secs(10);

/// What must be known to judge a step.
pub(super) struct Reader {
    /// The most SIMs each device has at any time.
    pub(super) slots: BTreeMap<String, usize>,
    pub(super) people: People,
}

impl Reader {
    /// Reads and judges a flow.
    pub(super) fn flow(&mut self, flow: FileFlow) -> Result<Flow, ScenarioError> {
        if flow.steps.is_empty() {
            return Err(ScenarioError::EmptyFlow(flow.name));
        }
        let mut steps = Vec::new();
        for (index, raw) in flow.steps.into_iter().enumerate() {
            let wrong = |what| ScenarioError::Step { flow: flow.name.clone(), step: index + 1, what };
            steps.push(self.step(raw).map_err(wrong)?);
        }
        Ok(Flow { name: flow.name, about: flow.about, steps })
    }

    fn step(&mut self, mut raw: Map<String, Value>) -> Result<Step, String> {
        if raw.contains_key("wait_ms") {
            return wait(raw);
        }
        let device = self.device(&mut raw)?;
        if raw.contains_key("do") {
            let mut verb: Verb = serde_json::from_value(Value::Object(raw)).map_err(|e| e.to_string())?;
            check::verb(device.as_deref(), &mut verb, &mut self.people)?;
            return Ok(Step::Do { device, verb });
        }
        let quiet = take_millis(&mut raw, "quiet_ms")?;
        let within = take_millis(&mut raw, "within_ms")?;
        if !raw.contains_key("see") {
            return Err("a step needs `do`, `see` or `wait_ms`".to_owned());
        }
        let device = device.ok_or("`see` needs a device")?;
        let want = self.want(Some(&device), raw)?;
        match (quiet, within) {
            (Some(_), Some(_)) => Err("`within_ms` and `quiet_ms`: a thing is awaited or must not be".to_owned()),
            (Some(Duration::ZERO), None) => Err("`quiet_ms`: 0 would pass whatever happens".to_owned()),
            (Some(during), None) => Ok(Step::Quiet { device, want, during }),
            (None, within) => Ok(Step::Expect { device, want, within: within.unwrap_or(DEFAULT_WITHIN) }),
        }
    }

    /// Reads and judges what must never be seen.
    pub(super) fn never(&mut self, mut raw: Map<String, Value>) -> Result<Never, String> {
        let device = self.device(&mut raw)?;
        let want = self.want(device.as_deref(), raw)?;
        Ok(Never { device, want })
    }

    /// Takes the device of a step or rule out of it, and judges what is said of its SIM.
    fn device(&self, raw: &mut Map<String, Value>) -> Result<Option<String>, String> {
        let device = take_text(raw, "device")?;
        if let Some(name) = device.as_deref().filter(|name| !self.people.has_phone(name)) {
            return Err(format!("`device`: no device is called \"{name}\""));
        }
        let slots = match &device {
            Some(name) => self.slots.get(name).copied(),
            None => self.slots.values().max().copied(),
        };
        raw.get("line").map_or(Ok(()), |line| check::line(line, slots.unwrap_or_default()))?;
        Ok(device)
    }

    fn want(&mut self, device: Option<&str>, mut raw: Map<String, Value>) -> Result<Want, String> {
        sights::can_be_seen(&raw)?;
        let parties = sights::parties(raw.get("see").and_then(Value::as_str).unwrap_or_default());
        for key in parties {
            if let Some(Value::String(word)) = raw.get_mut(key) {
                self.people.settle_seen(device, key, word)?;
            }
        }
        Ok(Want(raw))
    }
}

fn wait(mut raw: Map<String, Value>) -> Result<Step, String> {
    let time = take_millis(&mut raw, "wait_ms")?.unwrap_or_default();
    let why = take_text(&mut raw, "why")?;
    match raw.keys().next() {
        None => Ok(Step::Wait { time, why }),
        Some(key) => Err(format!("`{key}`: beside wait_ms there can only be `why`")),
    }
}

fn take_text(raw: &mut Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match raw.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("`{key}`: {other} is no text")),
    }
}

fn take_millis(raw: &mut Map<String, Value>, key: &str) -> Result<Option<Duration>, String> {
    match raw.remove(key) {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .map(|ms| Some(Duration::from_millis(ms)))
            .ok_or(format!("`{key}`: {value} is no number of milliseconds")),
    }
}
