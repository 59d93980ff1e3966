//! The real binary: its command line, its exit codes, and what survives `kill -9`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers stop it as it stops itself, and a script looks for one frame among many"
)]

mod common;

use common::gateway::Gateway;
use common::phone::{MARK, Phone, ask};
use common::process::{BINARY, Process, config_text};
use std::path::Path;
use std::process::{Command, Output};
use tandem_model::Ticket;
use tandem_wire::frame::{ConfirmProof, RegisterRefusal};
use tandem_wire::{ClientFrame, RegisterReply, ServerFrame};

const ANNA: &str = "+4915112345601";
const BERT: &str = "+4915112345602";

fn server(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

fn with_config(directory: &Path, config: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = directory.join("tandem.toml");
    std::fs::write(&file, config).unwrap();
    let mut arguments = vec!["--config", file.to_str().unwrap()];
    arguments.extend(more);
    let output = server(&arguments);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A configuration that holds, on free ports.
fn sound(directory: &Path) -> String {
    let gateway = "127.0.0.1:9".parse().unwrap();
    config_text(directory, gateway, "")
}

#[test]
fn the_defaults_are_printed_as_a_file_that_holds() {
    let printed = server(&["--print-config"]);
    assert_eq!(printed.status.code(), Some(0));
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), tandem_server::Config::commented_defaults());
}

#[test]
fn a_check_says_whether_the_configuration_holds() {
    let directory = tempfile::tempdir().unwrap();
    let (code, told) = with_config(directory.path(), &sound(directory.path()), &["--check"]);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    let (code, told) = with_config(directory.path(), "[listen]\nadress = \"x\"\n", &["--check"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("did you mean `listen.address`?"), "{told}");
    let two = format!(
        "{}[sms_template]\ngeneric = \"{} {{code}} t:{{token}}\"\n[tls]\ncertificate = \"/nowhere.pem\"\nkey = \"/nowhere.key\"\n",
        sound(directory.path()),
        "x".repeat(130)
    );
    let (code, told) = with_config(directory.path(), &two, &["--check"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("one segment holds 160") && told.contains("/nowhere.pem"), "both are told: {told}");
}

#[test]
fn what_cannot_hold_stops_the_start_with_a_name_and_a_code_of_its_kind() {
    let directory = tempfile::tempdir().unwrap();
    let base = sound(directory.path());
    let refused = |change: &dyn Fn(String) -> String| with_config(directory.path(), &change(base.clone()), &[]);

    let (code, told) = refused(&|config| config + "[call]\nring = \"9h\"\n");
    assert_eq!(code, Some(78));
    assert!(told.contains("`call.ring` is 9h; it must be from 1s to 2m"), "{told}");

    let template = format!("[sms_template]\ngeneric = \"{} {{code}} t:{{token}}\"\n", "x".repeat(130));
    let (code, told) = refused(&|config| config + &template);
    assert_eq!(code, Some(78));
    assert!(told.contains("`sms_template.generic` takes"), "{told}");

    let dsn = |dsn: &str| format!("[store]\ndsn = \"{dsn}\"\n");
    let (code, told) = refused(&|config| config.replace("[store]\n", &dsn("postgres://u:hunter2@h/d")));
    assert_eq!(code, Some(73));
    assert!(told.contains("no store of kind `postgres`") && !told.contains("hunter2"), "{told}");

    std::fs::create_dir_all(directory.path().join("data")).unwrap();
    std::fs::write(directory.path().join("data/foreign.db"), vec![7; 8_192]).unwrap();
    let (code, told) = refused(&|config| config.replace("[store]\n", &dsn("sqlite:foreign.db")));
    assert_eq!(code, Some(73));
    assert!(told.contains("foreign.db") && told.contains("not an SQLite database"), "{told}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("address = \"{}\"", taken.local_addr().unwrap());
    let (code, told) = refused(&|config| config.replace("address = \"127.0.0.1:0\"", &address));
    assert_eq!(code, Some(69));
    assert!(told.contains("listen.address: cannot listen on"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_and_budgets_survive_kill_dash_nine() {
    let directory = tempfile::tempdir().unwrap();
    let (_gateway, address) = Gateway::start().await;
    let config = config_text(directory.path(), address, "[registration]\nper_number = \"1 per 24h\"\n");
    let mut anna = Phone::new(ANNA, 1);
    let wrong = ConfirmProof::Code("00000000".to_owned());

    let running = Process::start(directory.path(), &config);
    let RegisterReply::Started { id, .. } = ask(running.addr, &anna.start_request()).await else {
        panic!("not started")
    };
    let mut expected = 4;
    for _ in 0..2 {
        let request = anna.confirm_request(id, wrong.clone());
        assert_refused(&ask(running.addr, &request).await, RegisterRefusal::WrongProof { tries_left: expected });
        expected -= 1;
    }
    running.kill_dash_nine();

    let running = Process::start(directory.path(), &config);
    let request = anna.confirm_request(id, wrong.clone());
    assert_refused(&ask(running.addr, &request).await, RegisterRefusal::WrongProof { tries_left: 2 });
    let other_key = Phone::new(ANNA, 2);
    assert_refused(&ask(running.addr, &other_key.start_request()).await, RegisterRefusal::NumberBudget);
    running.kill_dash_nine();

    let running = Process::start(directory.path(), &config);
    for tries_left in [1, 0] {
        let reply = ask(running.addr, &anna.confirm_request(id, wrong.clone())).await;
        let RegisterReply::Refused { reason, .. } = reply else { panic!("not refused: {reply:?}") };
        let used_up = tries_left == 0 && reason == RegisterRefusal::TriesUsedUp;
        assert!(used_up || reason == RegisterRefusal::WrongProof { tries_left }, "{reason:?}");
    }
    let (status, _) = running.terminate();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_text_survives_kill_dash_nine() {
    let directory = tempfile::tempdir().unwrap();
    let (gateway, address) = Gateway::start().await;
    let config = config_text(directory.path(), address, "");
    let running = Process::start(directory.path(), &config);
    let (anna, bert) = two_registered(&running, &gateway).await;
    let mut at_anna = anna.connect(running.addr).await;
    let mut stored = 0;
    for counter in 1..=50 {
        at_anna.send(&anna.text_to(&bert, counter)).await;
    }
    while stored < 20 {
        at_anna.wait_for(|frame| matches!(frame, ServerFrame::TextStored { .. }).then_some(())).await;
        stored += 1;
    }
    running.kill_dash_nine();

    let running = Process::start(directory.path(), &config);
    let mut at_bert = bert.connect(running.addr).await;
    for expected in 1..=stored {
        let id = at_bert
            .wait_for(|frame| match frame {
                ServerFrame::DeliverText(text) => Some(text.id),
                _ => None,
            })
            .await;
        assert_eq!(id.counter, expected);
    }
    let (status, _) = running.terminate();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_carries_a_number_a_token_a_code_a_text_or_a_password() {
    let directory = tempfile::tempdir().unwrap();
    let (gateway, address) = Gateway::start().await;
    let config = config_text(directory.path(), address, "authorization = \"Bearer hunter2secret\"\n");
    let running = Process::start(directory.path(), &config);
    let (anna, bert) = two_registered(&running, &gateway).await;
    let mut at_anna = anna.connect(running.addr).await;
    let mut at_bert = bert.connect(running.addr).await;
    at_anna.send(&anna.text_to(&bert, 1)).await;
    at_bert.wait_for(|frame| matches!(frame, ServerFrame::DeliverText(_)).then_some(())).await;
    at_anna.send(&ClientFrame::TimeAsk { ticket: Ticket(2) }).await;
    at_anna.wait_for(|frame| matches!(frame, ServerFrame::Time { .. }).then_some(())).await;
    at_anna.send_raw(tokio_tungstenite::tungstenite::Message::Binary(vec![0xFF; 9].into())).await;
    at_anna.goodbye().await;
    let texts = [gateway.text_for(ANNA).await, gateway.text_for(BERT).await];
    let (status, log) = running.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(log.contains("malformed frame") && log.contains("stopped"), "the log is on:\n{log}");

    let mut marked = vec!["15112345601".to_owned(), "15112345602".to_owned(), "hunter2".to_owned()];
    for text in texts {
        let found = tandem_wire::sms::parse(&text).unwrap();
        marked.push(found.code);
        marked.push(text.split("t:").nth(1).unwrap().to_owned());
    }
    // The body of a text and the token of an IMSI, in every form bytes are written in.
    let text = String::from_utf8(MARK.to_vec()).unwrap();
    let hex: String = MARK.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{MARK:?}").trim_matches(['[', ']']).to_owned();
    marked.extend([text, hex.to_uppercase(), hex, list, "bWFya2Vk".to_owned()]);
    for line in log.lines() {
        for mark in &marked {
            assert!(!line.contains(mark.as_str()), "{line}");
        }
    }
}

async fn two_registered(running: &Process, gateway: &Gateway) -> (Phone, Phone) {
    let (mut anna, mut bert) = (Phone::new(ANNA, 1), Phone::new(BERT, 2));
    for phone in [&mut anna, &mut bert] {
        let RegisterReply::Started { id, .. } = ask(running.addr, &phone.start_request()).await else {
            panic!("not started")
        };
        let text = gateway.text_for(&phone.number.e164()).await;
        let found = tandem_wire::sms::parse(&text).unwrap();
        let request = phone.confirm_request(id, ConfirmProof::Token(found.token));
        let RegisterReply::Confirmed { epoch, .. } = ask(running.addr, &request).await else { panic!("not confirmed") };
        phone.epoch = epoch;
    }
    let (mut at_anna, mut at_bert) = (anna.connect(running.addr).await, bert.connect(running.addr).await);
    at_anna.add_contacts(vec![bert.number]).await;
    at_bert.add_contacts(vec![anna.number]).await;
    at_anna.until_marked(bert.number).await;
    (anna, bert)
}

fn assert_refused(reply: &RegisterReply, expected: RegisterRefusal) {
    assert!(
        matches!(reply, RegisterReply::Refused { reason, .. } if *reason == expected),
        "{reply:?} is not {expected:?}"
    );
}
