//! `kill -9` of the real server and of real phones, again and again, while both phones text each other. Afterwards the
//! phones' own databases are read: every text that was shown as sent must be there once, in the order it was written.

use crate::real::RealStage;
use crate::report::{Report, Teller};
use crate::scenario::{Reach, Scenario, Verb, read};
use crate::stage::{Sighting, Stage, StageError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tandem_model::Random;
use tandem_model::random::SplitMix64;

const WORLD: &str = r#"
name = "kill-loop"
[[device]]
name = "alice"
numbers = ["+4915112345601"]
contacts = ["bob"]
registered = true
[[device]]
name = "bob"
numbers = ["+4915112345602"]
contacts = ["alice"]
registered = true
[[flow]]
name = "load"
steps = [{ wait_ms = 1 }]
"#;
const PHONES: [&str; 2] = ["alice", "bob"];
/// How long everything may take to come to rest after the last kill.
const REST: Duration = Duration::from_secs(60);

struct Loop {
    stage: RealStage,
    random: SplitMix64,
    written: BTreeMap<&'static str, u64>,
    /// The texts each phone showed as taken, in order.
    taken: BTreeMap<String, Vec<String>>,
    histories: BTreeMap<String, Vec<Value>>,
    kills: u32,
    server_kills: u32,
}

/// Runs the loop. True when nothing was lost, doubled or out of order.
///
/// # Errors
/// When the lab itself cannot work.
pub fn kill_loop(kills: u32, seed: u64, json: bool, out: &Path) -> Result<bool, String> {
    let scenario = read(WORLD).map_err(|e| e.to_string())?;
    let _from_an_earlier_run = std::fs::remove_dir_all(out);
    std::fs::create_dir_all(out).map_err(|e| e.to_string())?;
    let mut stage = RealStage::open(&scenario, seed, out)?;
    register(&scenario, &mut stage)?;
    let mut run = Loop {
        stage,
        random: SplitMix64(seed),
        written: BTreeMap::new(),
        taken: BTreeMap::new(),
        histories: BTreeMap::new(),
        kills: 0,
        server_kills: 0,
    };
    run.kill_under_load(kills).map_err(|e| e.to_string())?;
    run.come_to_rest().map_err(|e| e.to_string())?;
    let verdict = run.verdict();
    run.stage.close();
    Teller::beside(json).say(&verdict.words());
    if json {
        println!("{}", verdict.json());
    }
    Ok(verdict.is_good())
}

/// The flow that registers both phones, played like any other.
fn register(scenario: &Scenario, stage: &mut RealStage) -> Result<(), String> {
    let outcome = crate::runner::play_flows(scenario, stage, &mut Report::new(None, Teller::Silent));
    match outcome.iter().find(|flow| !flow.ok) {
        None => Ok(()),
        Some(flow) => Err(format!("{}: {}", flow.name, flow.why.clone().unwrap_or_default())),
    }
}

impl Loop {
    fn kill_under_load(&mut self, kills: u32) -> Result<(), StageError> {
        while self.kills < kills {
            for _ in 0..1 + self.random.below(6) {
                self.write_texts();
                let pause = Duration::from_millis(self.random.below(60));
                self.watch(pause)?;
            }
            self.kill_somebody()?;
        }
        Ok(())
    }

    fn write_texts(&mut self) {
        for (from, to) in [("alice", "bob"), ("bob", "alice")] {
            for _ in 0..1 + self.random.below(4) {
                let number = self.written.entry(from).or_default();
                *number += 1;
                let body = format!("{from} {number}");
                let verb = Verb::Text { to: to.to_owned(), body, over: Reach::Data, line: None };
                // A phone that is down writes nothing: its texts are judged by what its database says was written.
                let _phone_is_down = self.stage.act(Some(from), &verb);
            }
        }
    }

    fn kill_somebody(&mut self) -> Result<(), StageError> {
        self.kills += 1;
        let whom = match self.random.below(3) {
            0 => "alice",
            1 => "bob",
            _ => {
                self.server_kills += 1;
                self.stage.act(None, &Verb::ServerKill {})?;
                let pause = Duration::from_millis(self.random.below(300));
                self.watch(pause)?;
                return self.stage.act(None, &Verb::ServerStart {});
            }
        };
        self.stage.act(Some(whom), &Verb::Kill {})?;
        let pause = Duration::from_millis(self.random.below(300));
        self.watch(pause)?;
        self.stage.act(Some(whom), &Verb::Start {})
    }

    /// Waits until every text written on either phone has ended, or the time is up.
    fn come_to_rest(&mut self) -> Result<(), StageError> {
        let until = self.stage.elapsed() + REST;
        loop {
            self.histories.clear();
            for (phone, peer) in [("alice", "bob"), ("bob", "alice")] {
                self.stage.act(Some(phone), &Verb::History { with: peer.to_owned() })?;
            }
            let asked = self.stage.elapsed();
            while self.histories.len() < PHONES.len() && self.stage.elapsed() < asked + Duration::from_secs(5) {
                self.watch(Duration::from_millis(50))?;
            }
            let open = self.histories.values().flatten().filter(|text| is_open(text)).count();
            if (open == 0 && self.histories.len() == PHONES.len()) || self.stage.elapsed() > until {
                return Ok(());
            }
            self.watch(Duration::from_millis(500))?;
        }
    }

    fn watch(&mut self, time: Duration) -> Result<(), StageError> {
        let until = self.stage.elapsed() + time;
        loop {
            for Sighting { device, seen, .. } in self.stage.watch(until.saturating_sub(self.stage.elapsed()))? {
                let word = |key: &str| seen.get(key).and_then(Value::as_str);
                if let (Some("written"), Some(id)) = (word("see"), word("id")) {
                    self.taken.entry(device).or_default().push(id.to_owned());
                } else if let Some(texts) = seen.get("texts").and_then(Value::as_array) {
                    self.histories.insert(device, texts.clone());
                }
            }
            if self.stage.elapsed() >= until {
                return Ok(());
            }
        }
    }

    fn verdict(&self) -> Verdict {
        let mut verdict = Verdict { kills: self.kills, server_kills: self.server_kills, ..Verdict::default() };
        for (from, to) in [("alice", "bob"), ("bob", "alice")] {
            let ids = |phone: &str, mine: bool| -> Vec<String> {
                let texts = self.histories.get(phone).into_iter().flatten();
                let wanted = texts.filter(|text| text.get("mine").and_then(Value::as_bool) == Some(mine));
                wanted.filter_map(|text| text.get("id").and_then(Value::as_str).map(str::to_owned)).collect()
            };
            // What was shown as taken counts even where the database has forgotten it, and what the database holds even
            // where a kill swallowed the word.
            let mut written = self.taken.get(from).cloned().unwrap_or_default();
            verdict.taken += written.len();
            written.extend(ids(from, true));
            let kept = ids(from, true);
            let received = ids(to, false);
            written.sort_unstable();
            written.dedup();
            verdict.texts += written.len();
            verdict.lost += written.iter().filter(|id| !received.contains(id) || !kept.contains(id)).count();
            let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
            received.iter().for_each(|id| *counts.entry(id).or_default() += 1);
            verdict.doubled += counts.values().map(|count| count - 1).sum::<usize>();
            let order: Vec<Option<usize>> = received.iter().map(|id| kept.iter().position(|k| k == id)).collect();
            verdict.out_of_order += order.windows(2).filter(|pair| matches!(pair, [a, b] if a > b)).count();
            let mine = self.histories.get(from).into_iter().flatten();
            verdict.without_end += mine.filter(|text| is_open(text)).count();
        }
        verdict.histories = self.histories.len();
        verdict
    }
}

/// A text of mine without an end.
fn is_open(text: &Value) -> bool {
    matches!(text.get("status").and_then(Value::as_str), Some("pending" | "stored"))
}

#[derive(Debug, Default)]
struct Verdict {
    kills: u32,
    server_kills: u32,
    taken: usize,
    texts: usize,
    lost: usize,
    doubled: usize,
    out_of_order: usize,
    without_end: usize,
    histories: usize,
}

impl Verdict {
    fn is_good(&self) -> bool {
        self.histories == PHONES.len()
            && self.taken > 0
            && self.lost + self.doubled + self.out_of_order + self.without_end == 0
    }

    fn words(&self) -> String {
        format!(
            "{} kills ({} of the server), {} texts, {} of them shown as taken: {} lost, {} doubled, {} out of order, {} without an end",
            self.kills,
            self.server_kills,
            self.texts,
            self.taken,
            self.lost,
            self.doubled,
            self.out_of_order,
            self.without_end
        )
    }

    fn json(&self) -> Value {
        json!({
            "kills": self.kills, "server_kills": self.server_kills, "texts": self.texts, "taken": self.taken, "lost": self.lost,
            "doubled": self.doubled, "out_of_order": self.out_of_order, "without_end": self.without_end,
        })
    }
}
