//! FreeRADIUS' client and server, which Tandem's authors did not write. `tests/run` installs them.

use super::{PATIENCE, within};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What radclient said, and whether it got an answer whose authenticator is right.
pub struct Said {
    pub answered: bool,
    pub text: String,
}

/// Sends one request. `code` is `acct` or `auth`; no answer within two seconds, sent once, is none.
pub async fn radclient(directory: &Path, to: SocketAddr, code: &str, secret: &str, request: &str) -> Said {
    radclient_with(directory, to, code, secret, request, &["-r", "1", "-t", "2"]).await
}

pub async fn radclient_with(
    directory: &Path,
    to: SocketAddr,
    code: &str,
    secret: &str,
    request: &str,
    options: &[&str],
) -> Said {
    let file = directory.join("request.txt");
    std::fs::write(&file, request).unwrap();
    let run = Command::new("radclient")
        .args(["-x", "-f"])
        .arg(&file)
        .args(options)
        .args([&to.to_string(), code, secret])
        .kill_on_drop(true)
        .output();
    let output = within("radclient", run).await.expect("radclient is missing: run tests/run");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Said { answered: output.status.success() && text.contains("Received Acc"), text }
}

/// A request about one session, as a packet gateway makes it.
pub fn report(status: &str, session: &str, number: &str, address: &str, at: i64) -> String {
    format!(
        "Acct-Status-Type = {status}, Acct-Session-Id = \"{session}\", User-Name = \"{number}\", \
         Calling-Station-Id = \"{number}\", NAS-IP-Address = 127.0.0.1, Framed-IP-Address = {address}, \
         Framed-IPv6-Prefix = 2001:db8:{}::/64, 3GPP-IMSI = \"001010123456789\", 3GPP-RAT-Type = EUTRAN, \
         Called-Station-Id = \"internet\", Event-Timestamp = {at}, Acct-Delay-Time = 0\n",
        address.rsplit('.').next().unwrap()
    )
}

/// FreeRADIUS as the AAA: it gives an address to whoever asks, and proxies accounting to us.
pub struct FreeRadius {
    _process: Child,
    pub auth: SocketAddr,
    pub acct: SocketAddr,
}

/// What its NASes share with it.
pub const NAS_SECRET: &str = "nas-secret";

impl FreeRadius {
    pub async fn start(directory: &Path, us: SocketAddr, secret: &str, address: &str) -> FreeRadius {
        let home = format!(" ipaddr = {}\n port = {}\n secret = {secret}\n", us.ip(), us.port());
        FreeRadius::start_with(directory, &home, address).await
    }

    /// Its proxy speaks RadSec, with `client.pem` and `client.key` of its directory, and trusts `server.pem` there.
    pub async fn start_over_tls(directory: &Path, us: SocketAddr, address: &str) -> FreeRadius {
        let place = directory.display();
        let home = format!(
            " ipaddr = {}\n port = {}\n proto = tcp\n secret = radsec\n tls {{\n  certificate_file = {place}/client.pem\n  \
             private_key_file = {place}/client.key\n  ca_file = {place}/server.pem\n  fragment_size = 8192\n  \
             tls_min_version = \"1.2\"\n  tls_max_version = \"1.2\"\n }}\n",
            us.ip(),
            us.port()
        );
        FreeRadius::start_with(directory, &home, address).await
    }

    async fn start_with(directory: &Path, home: &str, address: &str) -> FreeRadius {
        let (auth, acct) = (free_port(), free_port());
        let place = directory.display();
        let config = format!(
            "name = radiusd\nraddbdir = {place}\nlogdir = {place}\nrun_dir = {place}\npidfile = {place}/pid\n\
             proxy_requests = yes\nmax_request_time = 30\ncleanup_delay = 5\n\
             thread pool {{\n start_servers = 1\n max_servers = 2\n min_spare_servers = 1\n max_spare_servers = 1\n}}\n\
             client nas {{\n ipaddr = 127.0.0.1\n secret = {NAS_SECRET}\n}}\n\
             home_server tandem {{\n type = acct\n{home} status_check = none\n\
             response_window = 20\n}}\n\
             home_server_pool tandem {{\n type = fail-over\n home_server = tandem\n}}\n\
             realm tandem {{\n acct_pool = tandem\n}}\n\
             modules {{\n always ok {{\n  rcode = ok\n }}\n}}\n\
             server aaa {{\n listen {{\n  type = auth\n  ipaddr = 127.0.0.1\n  port = {}\n }}\n\
             listen {{\n  type = acct\n  ipaddr = 127.0.0.1\n  port = {}\n }}\n\
             authorize {{\n  update control {{\n   Auth-Type := Accept\n  }}\n\
             update reply {{\n   Framed-IP-Address := {address}\n  }}\n }}\n\
             preacct {{\n  update control {{\n   Proxy-To-Realm := \"tandem\"\n  }}\n }}\n\
             accounting {{\n  ok\n }}\n}}\n",
            auth.port(),
            acct.port(),
        );
        std::fs::write(directory.join("radiusd.conf"), config).unwrap();
        let mut process = Command::new("freeradius")
            .args(["-f", "-X", "-d"])
            .arg(directory)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("freeradius is missing: run tests/run");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let up = line.contains("Ready to process requests");
                said.push(line);
                if up {
                    return true;
                }
            }
            false
        };
        let up = tokio::time::timeout(PATIENCE, ready).await.unwrap_or(false);
        assert!(up, "FreeRADIUS did not start:\n{}", said.join("\n"));
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        FreeRadius { _process: process, auth, acct }
    }
}

/// A UDP port nobody used a moment ago.
fn free_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
