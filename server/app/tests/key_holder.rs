//! The key holder as a process of its own: killed, forged to, with broken budgets, with other keys, on another host.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test's helpers stop it as it stops itself, and a script looks for one frame among many"
)]

mod common;

use common::gateway::Gateway;
use common::phone::{Phone, Session, ask};
use common::process::{BINARY, Process, config_text};
use common::{TestServer, config_in, within};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tandem_model::{MarkGeneration, Msisdn};
use tandem_resolver::Fingerprint;
use tandem_wire::frame::ConfirmProof;
use tandem_wire::{ClientFrame, RefuseReason, RegisterReply, ServerFrame};

const ANNA: &str = "+4915112345601";
const BERT: &str = "+4915112345602";
const CARL: &str = "+4915112345603";

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").arg(name).arg(pid.to_string()).status().unwrap().success());
}

fn keyd(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).arg("keyd").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Two registered phones that hold each other, connected and marked, at a server in a process of its own.
struct Two {
    directory: tempfile::TempDir,
    server: Process,
    gateway: Gateway,
    anna: Phone,
    at_anna: Session,
    bert: Phone,
    at_bert: Session,
}

async fn register(server: SocketAddr, gateway: &Gateway, number: &str, seed: u8) -> Phone {
    let mut phone = Phone::new(number, seed);
    let RegisterReply::Started { id, .. } = ask(server, &phone.start_request()).await else { panic!("not started") };
    let text = gateway.text_for(&phone.number.e164()).await;
    let found = tandem_wire::sms::parse(&text).unwrap();
    let confirm = phone.confirm_request(id, ConfirmProof::Token(found.token));
    let RegisterReply::Confirmed { epoch, .. } = ask(server, &confirm).await else { panic!("not confirmed") };
    phone.epoch = epoch;
    phone
}

async fn two(more: &str) -> Two {
    let directory = tempfile::tempdir().unwrap();
    let (gateway, address) = Gateway::start().await;
    let server = Process::start(directory.path(), &config_text(directory.path(), address, more));
    let anna = register(server.addr, &gateway, ANNA, 1).await;
    let bert = register(server.addr, &gateway, BERT, 2).await;
    let mut at_anna = anna.connect(server.addr).await;
    let mut at_bert = bert.connect(server.addr).await;
    at_anna.add_contacts(vec![bert.number]).await;
    at_bert.add_contacts(vec![anna.number]).await;
    at_anna.until_marked(bert.number).await;
    at_bert.until_marked(anna.number).await;
    Two { directory, server, gateway, anna, at_anna, bert, at_bert }
}

async fn marks_of(session: &mut Session) -> Vec<Msisdn> {
    let ticket = session.ticket();
    session.send(&ClientFrame::MarksAsk { ticket, since: MarkGeneration(0) }).await;
    session
        .wait_for(|frame| match frame {
            ServerFrame::Marks(marks) if marks.ticket == ticket => {
                Some(marks.marks.iter().map(|mark| mark.number).collect())
            }
            _ => None,
        })
        .await
}

/// Asks until an evaluation goes through; what was refused before has its name.
async fn until_evaluated(session: &mut Session, numbers: &[Msisdn]) -> usize {
    let key = session.until_keys(1).await;
    let mut refused = 0;
    within("the key holder", async {
        loop {
            match session.evaluate(key.id, numbers).await.1 {
                ServerFrame::Evaluated(_) => return refused,
                ServerFrame::Refused { reason: RefuseReason::NotAvailable, retry_after_ms, .. } => {
                    assert!(retry_after_ms > 0);
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                other => panic!("neither answered nor not available: {other:?}"),
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_key_holder_is_a_refusal_by_name_marks_stay_and_it_comes_back() {
    let mut two = two("[key_holder]\nretry_least = \"1s\"\n").await;
    let before = two.server.key_holder();
    signal(before, "-9");
    let refused = until_evaluated(&mut two.at_anna, &[two.anna.number]).await;
    assert!(refused > 0, "it was away for a second");
    assert_ne!(two.server.key_holder(), before);
    assert_eq!(marks_of(&mut two.at_anna).await, vec![two.bert.number]);
    // What was told before is known: nothing is to be told anew.
    let mut again = two.anna.connect(two.server.addr).await;
    assert_eq!(again.until_keys(1).await.count, 1);
    let holder = two.server.key_holder();
    let log = two.server.kill_dash_nine();
    assert!(log.contains("the key holder is gone"));
    within("its end with the server", async {
        while Path::new(&format!("/proc/{holder}")).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let own = std::fs::read_to_string(two.directory.path().join("data/keyd/keyd.log")).unwrap();
    assert!(own.contains("the key holder is up") && !own.contains("4915112345"), "{own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_pair_is_refused_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(config_in(directory.path())).await;
    let mut phones = Vec::new();
    for (number, seed) in [(ANNA, 1), (BERT, 2), (CARL, 3)] {
        let mut phone = Phone::new(number, seed);
        phone.register(server.at.addr, &server.sms).await;
        phones.push(phone);
    }
    let [anna, bert, carl] = &phones[..] else { panic!() };
    let mut at_anna = anna.connect(server.at.addr).await;
    at_anna.add_contacts(vec![bert.number]).await;
    let mut at_carl = carl.connect(server.at.addr).await;
    let key = at_carl.until_keys(1).await;
    // Carl knows both numbers and can make what Anna told; he is not Bert.
    let mut at_bert = bert.connect(server.at.addr).await;
    let (pairs, _) = at_bert.tokens(key, &[anna.number]).await;
    assert!(matches!(at_carl.tell(key.id, pairs.clone()).await, ServerFrame::Done { .. }));
    server.until_metric("tandem_pairs_forged_total", 1.0).await;
    assert_eq!(marks_of(&mut at_carl).await, vec![]);
    assert_eq!(marks_of(&mut at_anna).await, vec![]);
    at_bert.tell(key.id, pairs).await;
    at_anna.until_marked(bert.number).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_budgets_answer_nothing_while_it_runs_and_when_it_starts() {
    let mut two = two("").await;
    let key = two.at_anna.until_keys(1).await;
    let budgets = two.directory.path().join("data/keyd/budgets.db");
    let files: Vec<&str> = ["budgets.db", "budgets.db-wal", "budgets.db-shm"]
        .into_iter()
        .filter(|file| std::fs::rename(budgets.with_file_name(file), two.directory.path().join(file)).is_ok())
        .collect();
    for _ in 0..5 {
        let (_, answer) = two.at_anna.evaluate(key.id, &[two.anna.number]).await;
        assert!(matches!(answer, ServerFrame::Refused { reason: RefuseReason::NotAvailable, .. }), "{answer:?}");
    }
    std::fs::write(&budgets, b"Dear diary, this is no database at all.").unwrap();
    signal(two.server.key_holder(), "-9");
    for _ in 0..20 {
        let (_, answer) = two.at_anna.evaluate(key.id, &[two.anna.number]).await;
        assert!(matches!(answer, ServerFrame::Refused { reason: RefuseReason::NotAvailable, .. }), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(marks_of(&mut two.at_anna).await, vec![two.bert.number], "what shows goes on showing");
    for file in files {
        let _none = std::fs::remove_file(budgets.with_file_name(file));
        std::fs::rename(two.directory.path().join(file), budgets.with_file_name(file)).unwrap();
    }
    until_evaluated(&mut two.at_anna, &[two.anna.number]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_is_refused_with_its_wait_also_after_a_restart() {
    let more = "[key_holder]\nevaluations_a_day = 4\n";
    let mut two = two(more).await;
    let key = two.at_anna.until_keys(1).await;
    let (_, answer) = two.at_anna.evaluate(key.id, &[two.anna.number, two.bert.number, two.anna.number]).await;
    assert!(
        matches!(answer, ServerFrame::Refused { reason: RefuseReason::Budget, retry_after_ms: 1.., .. }),
        "{answer:?}"
    );
    two.server.kill_dash_nine();
    let (_gateway, address) = Gateway::start().await;
    let server = Process::start(two.directory.path(), &config_text(two.directory.path(), address, more));
    let mut at_anna = two.anna.connect(server.addr).await;
    let key = at_anna.until_keys(1).await;
    let numbers = [two.anna.number, two.bert.number, two.anna.number];
    let (_, answer) = at_anna.evaluate(key.id, &numbers).await;
    assert!(matches!(answer, ServerFrame::Refused { reason: RefuseReason::Budget, .. }), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_phones_that_move_to_another_key_at_different_times_keep_their_mark() {
    let mut two = two("[house]\nsweep_interval = \"100ms\"\n").await;
    let old = two.at_anna.until_keys(1).await;
    let dir = two.directory.path().join("data/keyd");
    let dir = dir.to_str().unwrap();
    assert!(keyd(&["--dir", dir, "--new-key"]).starts_with("key "));
    signal(two.server.key_holder(), "-HUP");
    let new = two.at_anna.until_keys(2).await;
    assert!(new.id > old.id);
    let (pairs, _) = two.at_anna.tokens(new, &[two.bert.number]).await;
    two.at_anna.tell(new.id, pairs).await;
    assert_eq!(marks_of(&mut two.at_anna).await, vec![two.bert.number], "one has moved");
    two.at_bert.until_keys(2).await;
    let (pairs, _) = two.at_bert.tokens(new, &[two.anna.number]).await;
    two.at_bert.tell(new.id, pairs).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    keyd(&["--dir", dir, "--retire", &old.id.0.to_string()]);
    signal(two.server.key_holder(), "-HUP");
    assert_eq!(two.at_bert.until_keys(1).await.id, new.id);
    // The old key's tokens are swept meanwhile.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(marks_of(&mut two.at_anna).await, vec![two.bert.number]);
    assert_eq!(marks_of(&mut two.at_bert).await, vec![two.anna.number]);
    let answer = two.at_anna.tell(old.id, vec![]).await;
    assert!(matches!(answer, ServerFrame::Refused { reason: RefuseReason::NotAvailable, .. }));
    drop(two.gateway);
}

/// A certificate of its own, its files and its fingerprint.
fn certificate(directory: &Path, name: &str) -> (String, String, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (pem, key) = (directory.join(format!("{name}.pem")), directory.join(format!("{name}.key")));
    std::fs::write(&pem, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let Fingerprint(bytes) = Fingerprint::of(made.cert.der());
    let print = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    (pem.to_str().unwrap().to_owned(), key.to_str().unwrap().to_owned(), print)
}

struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _ended_before = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_another_host_each_side_knows_the_others_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (server_pem, server_key, server_print) = certificate(at, "server");
    let (holder_pem, holder_key, holder_print) = certificate(at, "holder");
    let (other_pem, other_key, _) = certificate(at, "other");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let home = at.join("home");
    let _holder = Ended(
        Command::new(BINARY)
            .args(["keyd", "--dir", home.to_str().unwrap(), "--listen", &free])
            .args(["--certificate", &holder_pem, "--key", &holder_key, "--client", &server_print])
            .stdin(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let config = |certificate: &str, key: &str, peer: &str| {
        let mut config = config_in(&at.join(format!("data-{}", peer.len() + certificate.len())));
        config.key_holder.place = tandem_server::config::key_holder::KeyHolderPlace::Remote;
        config.key_holder.address = free.clone();
        config.key_holder.certificate = certificate.into();
        config.key_holder.key = key.into();
        config.key_holder.peer = peer.to_owned();
        config
    };
    let server = TestServer::start(config(&server_pem, &server_key, &holder_print)).await;
    server.until_metric("tandem_key_holder_up", 1.0).await;
    server.stop().await;
    for wrong in [config(&other_pem, &other_key, &holder_print), config(&server_pem, &server_key, &server_print)] {
        let server = TestServer::start(wrong).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(server.metric("tandem_key_holder_up").await < 0.5, "somebody else is not worked with");
        server.stop().await;
    }
}
