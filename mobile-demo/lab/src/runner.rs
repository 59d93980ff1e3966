//! Plays a scenario on a stage and judges it.

use crate::names::Names;
use crate::progress::{Slow, Talks};
use crate::report::Report;
use crate::scenario::{Flow, Scenario, Step, Verb, Want};
use crate::sights;
use crate::stage::{Sighting, Stage, StageError};
use std::time::Duration;

/// How one flow went.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FlowResult {
    /// The flow.
    pub name: String,
    /// Whether everything expected was seen.
    pub ok: bool,
    /// How long it took on the stage's clock, in milliseconds.
    pub ms: u64,
    /// What fell short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a scenario went.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Outcome {
    /// Flows that passed.
    pub passed: usize,
    /// Flows that did not, broken `never` rules among them.
    pub failed: usize,
    /// All of them, in order.
    pub flows: Vec<FlowResult>,
}

impl Outcome {
    /// What was played next counts too.
    pub fn and(&mut self, next: Outcome) {
        self.passed += next.passed;
        self.failed += next.failed;
        self.flows.extend(next.flows);
    }
}

struct Runner<'a> {
    stage: &'a mut dyn Stage,
    report: &'a mut Report,
    names: &'a Names,
    log: Vec<(Sighting, bool)>,
    flow_start: usize,
    talks: Talks,
    /// What was seen and is not in the table of what can be: no scenario could have asked for it.
    unheard_of: Vec<String>,
}

/// Plays a scenario's flows and leaves the stage open.
pub fn play_flows(scenario: &Scenario, stage: &mut dyn Stage, report: &mut Report) -> Vec<FlowResult> {
    let mut runner = Runner::new(scenario, stage, report);
    scenario.flows.iter().map(|flow| runner.flow(flow)).collect()
}

/// Plays `scenario`. A failed flow does not stop the following ones.
pub fn run(scenario: &Scenario, stage: &mut dyn Stage, report: &mut Report) -> Outcome {
    let mut runner = Runner::new(scenario, stage, report);
    let mut flows = Vec::new();
    for flow in &scenario.flows {
        flows.push(runner.flow(flow));
    }
    let tail = runner.collect(Duration::ZERO);
    if let Err(error) = tail {
        flows.push(FlowResult { name: "end".to_owned(), ok: false, ms: 0, why: Some(error.to_string()) });
    }
    for never in &scenario.never {
        let broken = runner.log.iter().find(|(sighting, _)| {
            never.device.as_ref().is_none_or(|device| *device == sighting.device) && never.want.matches(&sighting.seen)
        });
        if let Some((sighting, _)) = broken {
            let why = format!("seen at {} after {} ms: {}", sighting.device, sighting.at.as_millis(), never.want);
            runner.report.failure(&why);
            flows.push(FlowResult { name: format!("never {}", never.want), ok: false, ms: 0, why: Some(why) });
        }
    }
    if let Some(why) = runner.unheard_of.first().cloned() {
        runner.report.failure(&why);
        flows.push(FlowResult { name: "what can be seen".to_owned(), ok: false, ms: 0, why: Some(why) });
    }
    runner.stage.close();
    let passed = flows.iter().filter(|flow| flow.ok).count();
    Outcome { passed, failed: flows.len() - passed, flows }
}

impl<'a> Runner<'a> {
    fn new(scenario: &'a Scenario, stage: &'a mut dyn Stage, report: &'a mut Report) -> Self {
        let (log, talks, unheard_of) = (Vec::new(), Talks::default(), Vec::new());
        Runner { stage, report, names: &scenario.names, log, flow_start: 0, talks, unheard_of }
    }

    fn flow(&mut self, flow: &Flow) -> FlowResult {
        self.report.flow(&flow.name, &flow.about);
        self.flow_start = self.log.len();
        let began = self.stage.elapsed();
        let mut why = None;
        for (index, step) in flow.steps.iter().enumerate() {
            if let Err(error) = self.step(step) {
                why = Some(format!("step {}: {error}", index + 1));
                break;
            }
        }
        let ms = u64::try_from((self.stage.elapsed().saturating_sub(began)).as_millis()).unwrap_or(u64::MAX);
        self.report.flow_end(&flow.name, why.as_deref(), ms);
        FlowResult { name: flow.name.clone(), ok: why.is_none(), ms, why }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Do { device, verb } => self.act(device.as_deref(), verb),
            Step::Wait { time, why } => {
                let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                self.pass(*time, format!("waiting, {{}}{why}")).map_err(|e| e.to_string())
            }
            Step::Expect { device, want, within } => self.expect(device, want, *within),
            Step::Quiet { device, want, during } => {
                let from = self.log.len();
                let what = format!("watching, {{}}, that {device} sees no {}", want.words());
                self.pass(*during, what).map_err(|e| e.to_string())?;
                let heard = self.log.iter().skip(from).find(|(s, _)| s.device == *device && want.matches(&s.seen));
                match heard {
                    None => Ok(()),
                    Some(_) => Err(format!("{device} saw {want}, which must not be")),
                }
            }
        }
    }

    fn act(&mut self, device: Option<&str>, verb: &Verb) -> Result<(), String> {
        self.collect(Duration::ZERO).map_err(|e| e.to_string())?;
        let now = self.stage.elapsed();
        self.report.act(now, device, &verb.told(self.names));
        if let (Some(device), Verb::Talk { ms }) = (device, verb) {
            self.talks.begin(device, now, Duration::from_millis(*ms));
        }
        self.stage.act(device, verb).map_err(|e| e.to_string())
    }

    fn pass(&mut self, time: Duration, what: String) -> Result<(), StageError> {
        let now = self.stage.elapsed();
        let (until, mut slow) = (now + time, Slow::new(now, time, what));
        loop {
            let left = until.saturating_sub(self.stage.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            self.collect_slowly(left, &mut slow)?;
        }
    }

    fn expect(&mut self, device: &str, want: &Want, within: Duration) -> Result<(), String> {
        let now = self.stage.elapsed();
        let (until, what) = (now + within, format!("waiting, {{}} at most, until {device} sees {}", want.words()));
        let mut slow = Slow::new(now, within, what);
        loop {
            let start = self.flow_start;
            let found = self
                .log
                .iter_mut()
                .skip(start)
                .find(|(sighting, used)| !used && sighting.device == device && want.matches(&sighting.seen));
            if let Some((_, used)) = found {
                *used = true;
                return Ok(());
            }
            let left = until.saturating_sub(self.stage.elapsed());
            if left.is_zero() {
                return Err(format!("{device} did not see {want} within {} ms", within.as_millis()));
            }
            self.collect_slowly(left, &mut slow).map_err(|e| e.to_string())?;
        }
    }

    /// Watches, and says how far it is where somebody has to wait.
    fn collect_slowly(&mut self, at_most: Duration, slow: &mut Slow) -> Result<(), StageError> {
        if !self.stage.takes_real_time() {
            return self.collect(at_most);
        }
        self.collect(at_most.min(slow.pause(self.stage.elapsed())))?;
        let now = self.stage.elapsed();
        if let Some(word) = slow.word(now, &self.talks) {
            self.report.progress(now, &word);
        }
        Ok(())
    }

    fn collect(&mut self, at_most: Duration) -> Result<(), StageError> {
        for sighting in self.stage.watch(at_most)? {
            self.report.sighting(&sighting);
            if let Err(what) = sights::fits(&sighting.seen) {
                self.unheard_of.push(format!("{} shows what is not in the table: {what}", sighting.device));
            }
            self.log.push((sighting, false));
        }
        Ok(())
    }
}
