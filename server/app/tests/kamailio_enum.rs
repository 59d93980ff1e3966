//! ENUM against Kamailio's enum module, which Tandem's authors did not write. `tests/run` installs it.
//!
//! The module asks the system's resolver on port 53, so all of it runs in a network namespace with an `/etc/resolv.conf` of
//! its own, which end with the test.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers stop it as it stops itself")]

mod common;

use common::{TestServer, config_in, http, within};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tandem_server::Config;
use tandem_server::config::dns::{DnsClient, Record};
use tandem_server::config::resolver::{LookupPolicy, Reporter};
use tandem_server::config::values::{AddressOrOff, ConfigSecret, Networks};
use tokio::net::UdpSocket;
use tokio::process::Child;

const REPORTER: &str = "a-reporters-key-of-thirty-two-letters";

/// Set inside the namespace, to its directory.
const INSIDE: &str = "TANDEM_KAMAILIO_INSIDE";

fn networks(texts: &[&str]) -> Networks {
    Networks(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn config(directory: &Path) -> Config {
    let mut config = config_in(directory);
    config.resolver.policy = LookupPolicy::Open;
    config.resolver.reporters = vec![Reporter {
        name: "aaa".to_owned(),
        key: ConfigSecret::new(REPORTER),
        pools: networks(&["10.64.0.0/16"]),
        ..Reporter::default()
    }];
    config.dns.listen = AddressOrOff::At(SocketAddr::from(([127, 0, 0, 1], 53)));
    config.dns.apex = "e164.ims.test".to_owned();
    config.dns.records = vec![Record { uri: "sip:{number}@ims.test;user=phone".to_owned(), ..Record::default() }];
    config.dns.clients =
        vec![DnsClient { name: "proxy".to_owned(), sources: networks(&["127.0.0.1/32"]), ..DnsClient::default() }];
    config
}

/// Kamailio says where it would send a request: the new Request-URI as the reason of its reply.
const PROXY: &str = r#"
children=1
disable_tcp=yes
log_stderror=yes
debug=1
auto_aliases=no
listen=udp:127.0.0.1:5060
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "enum.so"
modparam("enum", "domain_suffix", "e164.ims.test.")
request_route {
    if (enum_query()) {
        sl_send_reply("200", "$ru");
    } else {
        sl_send_reply("404", "nowhere");
    }
    exit;
}
"#;

fn kamailio(directory: &Path) -> Child {
    let file = directory.join("kamailio.cfg");
    std::fs::write(&file, PROXY).unwrap();
    let log = std::fs::File::create(directory.join("kamailio.log")).unwrap();
    tokio::process::Command::new("kamailio")
        .args(["-DD", "-E", "-m", "32", "-M", "8", "-f"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("kamailio is missing: run tests/run")
}

/// The first line of what it says to an OPTIONS for a number.
async fn routed(number: &str) -> String {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let from = socket.local_addr().unwrap();
    let request = format!(
        "OPTIONS sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK-{number}\r\nMax-Forwards: 70\r\n\
         From: <sip:test@ims.test>;tag=1\r\nTo: <sip:{number}@ims.test>\r\nCall-ID: {number}@{from}\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    let mut buffer = vec![0; 4_096];
    let asked = async {
        // Until it listens, and where a datagram is lost.
        loop {
            socket.send_to(request.as_bytes(), (Ipv4Addr::LOCALHOST, 5_060)).await.unwrap();
            let heard = tokio::time::timeout(Duration::from_millis(500), socket.recv(&mut buffer)).await;
            if let Ok(Ok(length)) = heard {
                return String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned();
            }
        }
    };
    let said = within("Kamailio's answer", asked).await;
    said.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn kamailio_routes_a_number_that_is_attached_to_its_uri_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let resolver = directory.path().join("resolv.conf");
    std::fs::write(&resolver, "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n").unwrap();
    let inside = "ip link set lo up && mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
    let done = Command::new("unshare")
        // Its workers outlive a Kamailio that is killed; with the namespace of processes they end too.
        .args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"])
        .args(["sh", "-c", inside, "sh"])
        .arg(&resolver)
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "inside_the_namespace", "--nocapture"])
        .env(INSIDE, directory.path())
        .output()
        .unwrap();
    let log = std::fs::read_to_string(directory.path().join("kamailio.log")).unwrap_or_default();
    let said = format!("{}{}{log}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "run by the test above, in a namespace that it makes"]
async fn inside_the_namespace() {
    let Some(directory) = std::env::var_os(INSIDE) else { return };
    let directory = Path::new(&directory);
    let server = TestServer::start(config(directory)).await;
    let report = json!({"reports": [{"event": "start", "nas": "pgw-1", "session": "a", "number": "+15551230001", "ipv4": "10.64.0.7"}]});
    let headers = format!("authorization: Bearer {REPORTER}\r\n");
    let taken = http::post(server.at.addr, "/v1/attachments", &headers, report.to_string().as_bytes()).await;
    assert_eq!(taken.status, 200);
    let proxy = kamailio(directory);
    assert_eq!(routed("+15551230001").await, "SIP/2.0 200 sip:+15551230001@ims.test;user=phone");
    assert_eq!(routed("+15551230002").await, "SIP/2.0 404 nowhere");
    drop(proxy);
    server.stop().await;
}
