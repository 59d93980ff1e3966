//! Reads a scenario from TOML, strictly.

use super::{Clock, Device, Flow, Never, Policy, Scenario, Step, Verb, Want, World};
use serde_json::{Map, Value};
use std::time::Duration;

/// What is wrong with a scenario file.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is no TOML, or a table holds what it may not.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A step says nothing that can be done.
    #[error("flow {flow}, step {step}: {what}")]
    Step {
        /// The flow.
        flow: String,
        /// The step, from 1.
        step: usize,
        /// What is wrong.
        what: String,
    },
    /// A device is named that is not in the scenario.
    #[error("no device is called {0}")]
    UnknownDevice(String),
    /// A fault of the engine's shell in a scenario that allows the virtual clock.
    #[error("{device} has the fault `{fault}`, which the virtual clock cannot play: say clocks = [\"real\"]")]
    FaultOnVirtual {
        /// Whose.
        device: String,
        /// Which.
        fault: &'static str,
    },
    /// The scenario allows no clock.
    #[error("`clocks` names none")]
    NoClock,
    /// The scenario has no flow.
    #[error("a scenario needs at least one [[flow]]")]
    Empty,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default = "Clock::both")]
    clocks: Vec<Clock>,
    #[serde(default)]
    world: World,
    #[serde(default, rename = "device")]
    devices: Vec<Device>,
    #[serde(default, rename = "flow")]
    flows: Vec<FileFlow>,
    #[serde(default)]
    never: Vec<Map<String, Value>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFlow {
    name: String,
    #[serde(default)]
    about: String,
    #[serde(default)]
    steps: Vec<Map<String, Value>>,
}

const DEFAULT_WITHIN: Duration = Duration::from_secs(10);

/// Reads a scenario.
///
/// # Errors
/// [`ScenarioError`] names the flow, the step and what is wrong with it.
pub fn read(text: &str) -> Result<Scenario, ScenarioError> {
    let mut file: File = toml::from_str(text)?;
    if file.flows.is_empty() {
        return Err(ScenarioError::Empty);
    }
    check_clocks(&file)?;
    let known = |name: &str| file.devices.iter().any(|device| device.name == name);
    let mut flows: Vec<Flow> = setup(&file.devices, &file.world).into_iter().collect();
    for flow in &file.flows {
        let mut steps = Vec::new();
        for (index, raw) in flow.steps.iter().enumerate() {
            let step = step(raw.clone()).map_err(|what| ScenarioError::Step {
                flow: flow.name.clone(),
                step: index + 1,
                what,
            })?;
            if let Some(device) = step.device().filter(|name| !known(name)) {
                return Err(ScenarioError::UnknownDevice(device.to_owned()));
            }
            steps.push(step);
        }
        flows.push(Flow { name: flow.name.clone(), about: flow.about.clone(), steps });
    }
    let mut never = Vec::new();
    for mut raw in std::mem::take(&mut file.never) {
        let device = take_text(&mut raw, "device");
        if let Some(device) = device.as_deref().filter(|name| !known(name)) {
            return Err(ScenarioError::UnknownDevice(device.to_owned()));
        }
        never.push(Never { device, want: Want(raw) });
    }
    let File { name, about, clocks, world, devices, .. } = file;
    Ok(Scenario { name, about, clocks, world, devices, flows, never })
}

fn check_clocks(file: &File) -> Result<(), ScenarioError> {
    if file.clocks.is_empty() {
        return Err(ScenarioError::NoClock);
    }
    let fault = file.devices.iter().find_map(|device| Some((device.name.clone(), device.fault?)));
    match fault {
        Some((device, fault)) if file.clocks.contains(&Clock::Virtual) => {
            Err(ScenarioError::FaultOnVirtual { device, fault: fault.word() })
        }
        Some(_) | None => Ok(()),
    }
}

/// The flow that registers every device that begins registered, and waits for the marks this brings.
fn setup(devices: &[Device], world: &World) -> Option<Flow> {
    let registered: Vec<&Device> = devices.iter().filter(|device| device.registered).collect();
    let mut steps = Vec::new();
    let expect = |device: &Device, keys: &[(&str, &str)]| Step::Expect {
        device: device.name.clone(),
        want: Want(keys.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()),
        within: DEFAULT_WITHIN,
    };
    for device in &registered {
        let act = |verb| Step::Do { device: Some(device.name.clone()), verb };
        steps.push(act(Verb::Register { line: 0, typed: None }));
        steps.push(expect(device, &[("see", "registration"), ("state", "awaiting-user-confirm")]));
        steps.push(act(Verb::Confirm { line: 0 }));
        steps.push(expect(device, &[("see", "registration"), ("state", "registered")]));
    }
    for device in &registered {
        for other in registered.iter().filter(|other| device.contacts.contains(&other.name)) {
            if world.policy == Policy::Registered || other.contacts.contains(&device.name) {
                steps.push(expect(device, &[("see", "mark"), ("peer", &other.name), ("shown", "marked")]));
            }
        }
    }
    (!steps.is_empty()).then(|| Flow { name: "setup".to_owned(), about: String::new(), steps })
}

fn step(mut raw: Map<String, Value>) -> Result<Step, String> {
    let device = take_text(&mut raw, "device");
    if raw.contains_key("do") {
        let verb: Verb = serde_json::from_value(Value::Object(raw)).map_err(|e| e.to_string())?;
        return Ok(Step::Do { device, verb });
    }
    if let Some(wait) = take_millis(&mut raw, "wait_ms")? {
        return if raw.is_empty() { Ok(Step::Wait(wait)) } else { Err("wait_ms stands alone".to_owned()) };
    }
    let quiet = take_millis(&mut raw, "quiet_ms")?;
    let within = take_millis(&mut raw, "within_ms")?;
    if !raw.contains_key("see") {
        return Err("a step needs `do`, `see` or `wait_ms`".to_owned());
    }
    let device = device.ok_or("`see` needs a device")?;
    Ok(match quiet {
        Some(during) => Step::Quiet { device, want: Want(raw), during },
        None => Step::Expect { device, want: Want(raw), within: within.unwrap_or(DEFAULT_WITHIN) },
    })
}

fn take_text(raw: &mut Map<String, Value>, key: &str) -> Option<String> {
    raw.remove(key).and_then(|value| value.as_str().map(str::to_owned))
}

fn take_millis(raw: &mut Map<String, Value>, key: &str) -> Result<Option<Duration>, String> {
    match raw.remove(key) {
        None => Ok(None),
        Some(value) => value
            .as_u64()
            .map(|ms| Some(Duration::from_millis(ms)))
            .ok_or(format!("{key} is no number of milliseconds")),
    }
}

impl Step {
    fn device(&self) -> Option<&str> {
        match self {
            Step::Do { device, .. } => device.as_deref(),
            Step::Expect { device, .. } | Step::Quiet { device, .. } => Some(device),
            Step::Wait(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
name = "one"
[[device]]
name = "alice"
numbers = ["+4915100000001"]
[[flow]]
name = "f"
steps = [
  { device = "alice", do = "register" },
  { device = "alice", see = "registration", state = "registered", within_ms = 100 },
  { wait_ms = 5 },
]
"#;

    #[test]
    fn a_good_scenario_is_read() {
        let scenario = read(GOOD).unwrap();
        assert_eq!(scenario.flows[0].steps.len(), 3);
        assert!(matches!(scenario.flows[0].steps[0], Step::Do { verb: Verb::Register { line: 0, .. }, .. }));
    }

    #[test]
    fn a_typo_is_named() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert!(error(&GOOD.replace("\"register\"", "\"regster\"")).contains("regster"));
        assert!(error(&GOOD.replace("device = \"alice\", see", "device = \"alicia\", see")).contains("alicia"));
        assert!(error(&GOOD.replace("numbers", "nmbers")).contains("nmbers"));
        assert!(error(&GOOD.replace("wait_ms = 5", "wat = 5")).contains("wait_ms"));
        assert!(error("name = \"empty\"").contains("[[flow]]"));
    }

    #[test]
    fn a_fault_of_the_shell_must_be_declared_for_the_real_clock_alone() {
        let faulty = GOOD.replace("[[flow]]", "fault = \"hang\"\n[[flow]]");
        let error = read(&faulty).unwrap_err().to_string();
        assert!(error.contains("alice") && error.contains("`hang`") && error.contains("virtual"), "{error}");
        let declared = read(&format!("clocks = [\"real\"]\n{faulty}")).unwrap();
        assert_eq!(declared.plays_on(Clock::Real), Ok(()));
        let refused = declared.plays_on(Clock::Virtual).unwrap_err().to_string();
        assert!(refused.contains("`hang`") && refused.contains("virtual clock"), "{refused}");
    }

    #[test]
    fn a_scenario_plays_on_both_clocks_unless_it_says_otherwise() {
        let both = read(GOOD).unwrap();
        assert_eq!((both.plays_on(Clock::Real), both.plays_on(Clock::Virtual)), (Ok(()), Ok(())));
        let one = read(&format!("clocks = [\"virtual\"]\n{GOOD}")).unwrap();
        assert_eq!(one.plays_on(Clock::Real), Err(crate::scenario::CannotPlay::NotDeclared("real")));
        assert!(read(&format!("clocks = []\n{GOOD}")).is_err());
    }
}
