//! The server's child: the real server, and the access network that reports to it.

use crate::child::{orders, tell};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_server::config::resolver::{LookupPolicy, Reporter};
use tandem_server::config::values::{AddressOrOff, Budget, ConfigSecret, Networks, Span};
use tandem_server::{Config, Launch};
use tandem_sms::{SmsDriver, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

const REPORTER: &str = "a-reporters-key-of-thirty-two-letters";

/// The SMS network is the parent.
struct ToParent;

#[async_trait::async_trait]
impl SmsDriver for ToParent {
    async fn submit(&self, sms: SmsSubmit) -> Result<SubmitOutcome, SubmitRefused> {
        tell(&json!({ "see": "sms", "to": sms.to.as_str(), "body": sms.body }));
        Ok(SubmitOutcome::Accepted { smsc_id: "1".to_owned() })
    }

    fn take_events(&self) -> Option<mpsc::Receiver<SmsEvent>> {
        None
    }

    async fn shutdown(&self) {}
}

fn config(settings: &Value) -> Config {
    let address: std::net::IpAddr = settings["address"].as_str().unwrap().parse().unwrap();
    let folder = PathBuf::from(settings["folder"].as_str().unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let mut config = Config::default();
    config.listen.address = SocketAddr::new(address, 8_080);
    config.metrics.listen = AddressOrOff::At(SocketAddr::new(address, 9_090));
    config.store.data_dir = folder;
    config.text.per_sender = Budget::new(if settings["cut"] == true { 0 } else { 1_000_000 }, Span::hours(1));
    config.resolver.policy = LookupPolicy::Consent;
    config.resolver.reporters = vec![Reporter {
        name: "aaa".to_owned(),
        key: ConfigSecret::new(REPORTER),
        pools: Networks(vec!["203.0.113.0/24".parse().unwrap()]),
        ..Reporter::default()
    }];
    config
}

/// Runs until the parent is gone.
pub fn run(settings: &Value) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (started, up) = oneshot::channel();
    let launch = Launch::new(config(settings)).sms_driver(Arc::new(ToParent)).on_started(started);
    runtime.spawn(async move { launch.run(std::future::pending()).await.unwrap() });
    let at = runtime.block_on(up).unwrap();
    tell(&json!({ "see": "up" }));
    for order in orders() {
        match order["do"].as_str().unwrap() {
            "attach" => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
                let report = json!({
                    "event": "start", "nas": "pgw-1", "session": order["session"], "number": order["number"],
                    "ipv4": order["address"], "at_ms": u64::try_from(now).unwrap(),
                });
                let body = json!({ "reports": [report] }).to_string();
                let head = format!(
                    "POST /v1/attachments HTTP/1.1\r\nhost: server\r\nconnection: close\r\nauthorization: Bearer \
                     {REPORTER}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let answer = runtime.block_on(http(at.addr, head + &body));
                assert!(answer.contains("\"taken\""), "{answer}");
                tell(&json!({ "see": "attached" }));
            }
            "metric" => {
                let head = "GET /metrics HTTP/1.1\r\nhost: server\r\nconnection: close\r\n\r\n".to_owned();
                let answer = runtime.block_on(http(at.metrics_addr.unwrap(), head));
                let name = order["name"].as_str().unwrap();
                let value = answer
                    .lines()
                    .filter_map(|line| line.strip_prefix(name)?.split_whitespace().last()?.parse::<f64>().ok())
                    .sum::<f64>();
                tell(&json!({ "see": "metric", "name": name, "value": value as u64 }));
            }
            _ => {}
        }
    }
}

async fn http(to: SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
