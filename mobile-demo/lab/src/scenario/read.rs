//! Reads a scenario from TOML, strictly.

use super::party::People;
use super::reader::{DEFAULT_WITHIN, FileFlow, Reader};
use super::{Clock, Device, Flow, Policy, Scenario, Step, Verb, Want, World, check};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is wrong with a scenario file.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is no TOML, or a table holds what it may not.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// The world or a device is one that cannot be.
    #[error("{0}")]
    World(String),
    /// A step says nothing that can be done or seen.
    #[error("flow {flow}, step {step}: {what}")]
    Step {
        /// The flow.
        flow: String,
        /// The step, from 1.
        step: usize,
        /// Its key and value that are wrong.
        what: String,
    },
    /// What must never be seen can never be seen.
    #[error("[[never]] {rule}: {what}")]
    Never {
        /// The rule, from 1.
        rule: usize,
        /// Its key and value that are wrong.
        what: String,
    },
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
    /// A flow has no step: it would pass whatever happens.
    #[error("flow {0}: `steps` is empty")]
    EmptyFlow(String),
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

/// Reads a scenario.
///
/// # Errors
/// [`ScenarioError`] names the flow, the step and what is wrong with it.
pub fn read(text: &str) -> Result<Scenario, ScenarioError> {
    let mut file: File = toml::from_str(text)?;
    if file.flows.is_empty() {
        return Err(ScenarioError::Empty);
    }
    if file.clocks.is_empty() {
        return Err(ScenarioError::NoClock);
    }
    check::world(&file.world).and_then(|()| check::devices(&file.devices)).map_err(ScenarioError::World)?;
    let people = People::meet(&mut file.devices).map_err(ScenarioError::World)?;
    let mut reader = Reader { slots: slots(&file), people };
    let mut flows: Vec<Flow> = setup(&file.devices, &file.world).into_iter().collect();
    for flow in file.flows {
        flows.push(reader.flow(flow)?);
    }
    let mut never = Vec::new();
    for (index, raw) in file.never.into_iter().enumerate() {
        never.push(reader.never(raw).map_err(|what| ScenarioError::Never { rule: index + 1, what })?);
    }
    let File { name, about, clocks, world, devices, .. } = file;
    let scenario = Scenario { name, about, clocks, world, devices, flows, never, names: reader.people.names };
    match scenario.shell_fault() {
        Some((device, fault)) if scenario.clocks.contains(&Clock::Virtual) => {
            Err(ScenarioError::FaultOnVirtual { device: device.to_owned(), fault: fault.word() })
        }
        Some(_) | None => Ok(scenario),
    }
}

/// The most SIMs each device has at any time.
fn slots(file: &File) -> BTreeMap<String, usize> {
    let mut slots: BTreeMap<String, usize> =
        file.devices.iter().map(|device| (device.name.clone(), device.numbers.len())).collect();
    for step in file.flows.iter().flat_map(|flow| &flow.steps) {
        let device = step.get("device").and_then(Value::as_str).and_then(|name| slots.get_mut(name));
        if let (Some(slots), Some(numbers)) = (device, step.get("numbers").and_then(Value::as_array)) {
            *slots = numbers.len().max(*slots);
        }
    }
    slots
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
    fn a_core_that_breaks_on_the_way_needs_the_real_clock_as_one_that_is_broken_from_the_beginning() {
        let begins = GOOD.replace("[[flow]]", "fault = \"panic\"\n[[flow]]");
        let breaks = GOOD.replace("do = \"register\"", "do = \"break\", fault = \"panic\", at = \"media\"");
        for text in [begins, breaks] {
            let refused = read(&text).unwrap_err();
            assert!(matches!(refused, ScenarioError::FaultOnVirtual { fault: "panic", .. }), "{refused}");
            let real = format!("clocks = [\"real\"]\n{text}");
            assert!(read(&real).unwrap().plays_on(Clock::Virtual).is_err());
        }
    }

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
    fn a_misspelt_sight_is_named_in_steps_and_in_what_must_never_be_seen() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        let misspelt = error(&GOOD.replace("see = \"registration\"", "see = \"regstration\""));
        assert!(misspelt.contains("flow f, step 2") && misspelt.contains("regstration"), "{misspelt}");
        let never = |rule: &str| error(&format!("{GOOD}[[never]]\nsee = \"notice\"\n[[never]]\n{rule}"));
        assert!(never("see = \"notise\"").contains("[[never]] 2"));
        assert!(never("see = \"notice\"\nnotice = \"stoped\"").contains("stoped"));
        assert!(never("see = \"mark\"\npeer = \"alicia\"").contains("alicia"));
        assert!(never("see = \"mark\"\ndevice = \"alicia\"").contains("alicia"));
        assert!(never("see = \"mark\"\npeer = \"number-1\"").contains("number-1"), "no number is nobody's here");
    }

    #[test]
    fn a_wait_may_say_why_and_nothing_else() {
        let why = read(&GOOD.replace("wait_ms = 5", "wait_ms = 5, why = \"it must age\"")).unwrap();
        assert!(matches!(&why.flows[0].steps[2], Step::Wait { why: Some(why), .. } if why == "it must age"));
        let error = read(&GOOD.replace("wait_ms = 5", "wait_ms = 5, whi = \"x\"")).unwrap_err().to_string();
        assert!(error.contains("`whi`"), "{error}");
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
