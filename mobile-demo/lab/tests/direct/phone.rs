//! A phone's child: the real engine, with the parent as its person and its OS.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use crate::child::{orders, tell};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tandem_engine::files::FileState;
use tandem_engine::input::{Mode, NetworkSnapshot, Target};
use tandem_engine::view::{MarkShown, RegistrationState};
use tandem_engine::{Command, Engine, EngineConfig, Event, HostInput, Ports, Reply, ThreadText};
use tandem_lab::real::FileKeys;
use tandem_model::{Country, Imsi, Line, Msisdn, Secret, SimSlot, TerminalState, TextStatus};

/// Arrivals are told in steps of this many.
const STEP: u64 = 50;

/// What text `n` says.
pub fn words(n: u64) -> String {
    format!("text {n}")
}

fn number(text: &Value) -> Msisdn {
    Msisdn::from_e164(text.as_str().unwrap()).unwrap()
}

/// Runs until the parent is gone.
pub fn run(settings: &Value) {
    let folder = PathBuf::from(settings["folder"].as_str().unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let mut config = EngineConfig::new(settings["server"].as_str().unwrap(), folder.join("phone.sqlite"));
    config.direct_port = Some(4_433);
    config.hang_after = Duration::from_secs(30);
    config.machine.reconnect_max = Duration::from_secs(1);
    config.machine.direct_again = Duration::from_secs(1);
    config.machine.direct_ack = Duration::from_secs(3);
    let ports = Ports { keys: Some(Arc::new(FileKeys { folder })), ..Ports::default() };
    let engine = Arc::new(Engine::start_with_defaults(config, ports).unwrap());
    let own = number(&settings["number"]);
    let imsi = Imsi::parse("262011234567890");
    let sim = SimSlot { line: Line(0), number: Some(own), imsi, country: Country::parse("DE").unwrap() };
    engine.notify(HostInput::Sims(vec![sim])).unwrap();
    let added = vec![Secret::new(settings["contact"].as_str().unwrap().to_owned())];
    engine.notify(HostInput::Contacts { replace: true, added, removed: Vec::new() }).unwrap();
    path(&engine, 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.spawn(show(Arc::clone(&engine)));
    let mut paths = 1;
    for order in orders() {
        match order["do"].as_str().unwrap() {
            "register" => {
                runtime.block_on(engine.command(Command::Register { line: Line(0), typed: None })).unwrap();
            }
            "sms" => {
                let (from, body) = (Secret::new("TANDEM".to_owned()), order["body"].as_str().unwrap().to_owned());
                engine.notify(HostInput::SmsReceived { line: Line(0), from, body: Secret::new(body) }).unwrap();
            }
            "until-marked" => {
                while !engine.views().marks.values().any(|shown| *shown == MarkShown::Marked) {
                    runtime.block_on(engine.command(Command::SyncMarks)).unwrap();
                    std::thread::sleep(Duration::from_millis(200));
                }
                tell(&json!({ "see": "marked" }));
            }
            "consent" => {
                let command = Command::SetConsent { number: number(&order["to"]), line: None, allow: true };
                runtime.block_on(engine.command(command)).unwrap();
                tell(&json!({ "see": "consented" }));
            }
            "path-changed" => {
                paths += 1;
                path(&engine, paths);
            }
            "texts" => drop(runtime.spawn(write(Arc::clone(&engine), order))),
            "file" => {
                let path = order["path"].as_str().unwrap().to_owned();
                let (path, name) = (Secret::new(path), "photo.jpg".to_owned());
                let command = Command::SendFile { to: number(&order["to"]), line: None, path, name };
                runtime.block_on(engine.command(command)).unwrap();
            }
            "datagram" => {
                let body = Secret::new(order["body"].as_str().unwrap().as_bytes().to_vec());
                let command = Command::SendDatagram { to: number(&order["to"]), line: None, application: 7, body };
                if runtime.block_on(engine.command(command)).is_err() {
                    tell(&json!({ "see": "refused" }));
                }
            }
            "history" => {
                let bodies = runtime.block_on(history(&engine, number(&order["with"])));
                tell(&json!({ "see": "history", "bodies": bodies }));
            }
            other => panic!("no such order: {other}"),
        }
    }
}

fn path(engine: &Engine, path: u64) {
    let snapshot = NetworkSnapshot { path, connected: true, wifi: true, hint_bps: None };
    engine.notify(HostInput::Network(snapshot)).unwrap();
}

/// Writes texts one after the other: each is durable before the next is written.
async fn write(engine: Arc<Engine>, order: Value) {
    let to = order["to"].as_str().unwrap().to_owned();
    let (from, count) = (order["from"].as_u64().unwrap(), order["count"].as_u64().unwrap());
    for n in from..from + count {
        let command = Command::SendText {
            target: Target::Number(Secret::new(to.clone())),
            line: None,
            body: Secret::new(words(n)),
            mode: Mode::Data,
        };
        let reply = engine.command(command).await;
        if !matches!(reply, Ok(Reply::Text(_))) {
            tell(&json!({ "see": "not-taken", "n": n, "reply": format!("{reply:?}") }));
        }
    }
}

async fn show(engine: Arc<Engine>) {
    let (mut arrived, mut delivered, mut other) = (0_u64, 0_u64, 0_u64);
    while let Some(event) = engine.next_event().await {
        match event {
            Event::Registration(view) if matches!(view.state, RegistrationState::AwaitingUserConfirm) => {
                let engine = Arc::clone(&engine);
                tokio::spawn(async move {
                    engine.command(Command::ConfirmRegistration { line: Line(0) }).await.unwrap();
                });
            }
            Event::Registration(view) if matches!(view.state, RegistrationState::Registered) => {
                tell(&json!({ "see": "registered" }));
            }
            Event::TextArrived(_) => {
                arrived += 1;
                if arrived % STEP == 0 {
                    tell(&json!({ "see": "arrived", "count": arrived }));
                }
            }
            Event::Text(view) => {
                match view.status {
                    TextStatus::Ended { state: TerminalState::Delivered, .. } => delivered += 1,
                    TextStatus::Pending | TextStatus::Stored => continue,
                    _ => other += 1,
                }
                tell(&json!({ "see": "ended", "delivered": delivered, "other": other }));
            }
            Event::Prompt(prompt) => tell(&json!({ "see": "prompt", "about": format!("{:?}", prompt.about.side()) })),
            Event::File(view) => {
                let (state, sent) = match view.state {
                    FileState::Waiting => ("waiting", 0),
                    FileState::Sending { sent, .. } => ("sending", sent),
                    FileState::Arrived => ("arrived", 0),
                    FileState::Failed(_) => ("failed", 0),
                };
                tell(&json!({ "see": "file", "state": state, "sent": sent }));
            }
            Event::FileArrived(file) => {
                tell(&json!({ "see": "file-arrived", "size": file.size, "path": file.path.expose() }));
            }
            Event::DatagramArrived { application, body, .. } => {
                let body = String::from_utf8(body.into_inner()).unwrap();
                tell(&json!({ "see": "datagram", "application": application, "body": body }));
            }
            _ => {}
        }
    }
}

/// Every text from a peer, oldest first.
async fn history(engine: &Engine, with: Msisdn) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut before = None;
    loop {
        let page = engine.thread(with, before, 200).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.position);
        bodies.extend(page.iter().filter_map(|item| match &item.text {
            ThreadText::Received(row) => Some(row.body.as_ref().unwrap().as_str().to_owned()),
            ThreadText::Written(_) => None,
        }));
    }
    bodies.reverse();
    bodies
}
