//! Three network namespaces, a server and two phones in them.

use crate::child::Process;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The two phones.
pub const A: usize = 0;
pub const B: usize = 1;

const SERVER: &str = "203.0.113.1";
const NUMBERS: [&str; 2] = ["+4915112345601", "+4915112345602"];
const ADDRESSES: [&str; 2] = ["203.0.113.2", "203.0.113.3"];

/// Namespaces have one name each on a machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// All of it, for as long as it lives.
pub struct World {
    phones: BTreeMap<usize, Process>,
    server: Process,
    addresses: [String; 2],
    sessions: u64,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split_whitespace()).status().expect("iproute2 is needed");
    assert!(status.success(), "ip {arguments}");
}

fn namespace(place: &str) -> String {
    format!("tandem-direct-{}-{place}", std::process::id())
}

fn remove_namespaces() {
    for place in ["s", "0", "1"] {
        let _not_there = Command::new("ip").args(["netns", "del", &namespace(place)]).output();
    }
}

impl World {
    /// A server that stores no text when its text path is cut, and two phones that know each other's number.
    pub fn open(cut: bool) -> World {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        remove_namespaces();
        let server_ns = namespace("s");
        ip(&format!("netns add {server_ns}"));
        ip(&format!("-n {server_ns} link set lo up"));
        ip(&format!("-n {server_ns} link add br0 type bridge"));
        ip(&format!("-n {server_ns} addr add {SERVER}/24 dev br0"));
        ip(&format!("-n {server_ns} link set br0 up"));
        for (n, address) in ADDRESSES.iter().enumerate() {
            let ns = namespace(&n.to_string());
            ip(&format!("netns add {ns}"));
            ip(&format!("-n {ns} link set lo up"));
            ip(&format!("-n {ns} link add eth0 type veth peer name port{n} netns {server_ns}"));
            ip(&format!("-n {server_ns} link set port{n} master br0 up"));
            ip(&format!("-n {ns} addr add {address}/24 dev eth0"));
            ip(&format!("-n {ns} link set eth0 up"));
        }
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({ "folder": folder.path().join("server"), "address": SERVER, "cut": cut });
        let server = Process::start("server", &server_ns, "server", &settings);
        server.wait("up", |_| true);
        let mut world = World {
            phones: BTreeMap::new(),
            server,
            addresses: ADDRESSES.map(str::to_owned),
            sessions: 0,
            folder,
            _turn: turn,
        };
        for phone in [A, B] {
            world.start_phone(phone);
            world.attach(phone);
        }
        world
    }

    /// Starts a phone on what its folder holds.
    pub fn start_phone(&mut self, phone: usize) {
        let folder = self.folder.path().join(format!("phone-{phone}"));
        let settings = phone_settings(&folder, phone);
        let process = Process::start(&format!("phone {phone}"), &namespace(&phone.to_string()), "phone", &settings);
        self.phones.insert(phone, process);
    }

    /// The process dies where it stands.
    pub fn kill(&mut self, phone: usize) {
        self.phone(phone).kill();
    }

    pub fn phone(&mut self, phone: usize) -> &mut Process {
        self.phones.get_mut(&phone).unwrap()
    }

    pub fn server(&mut self) -> &mut Process {
        &mut self.server
    }

    pub fn number(&self, phone: usize) -> String {
        NUMBERS[phone].to_owned()
    }

    /// The access network reports where a phone is.
    fn attach(&mut self, phone: usize) {
        self.sessions += 1;
        let order = json!({
            "do": "attach", "number": NUMBERS[phone], "address": self.addresses[phone],
            "session": format!("session-{}", self.sessions),
        });
        self.server.say(&order);
        self.server.wait("attached", |_| true);
    }

    /// A phone gets another address, as when it moves to another gateway, and the access network says so.
    pub fn readdress(&mut self, phone: usize, to: &str) {
        let ns = namespace(&phone.to_string());
        ip(&format!("-n {ns} addr add {to}/24 dev eth0"));
        ip(&format!("-n {ns} addr del {}/24 dev eth0", self.addresses[phone]));
        // The address that was second goes with the first of its network, unless it is kept.
        let _there_already =
            Command::new("ip").args(["-n", &ns, "addr", "add", &format!("{to}/24"), "dev", "eth0"]).output();
        self.addresses[phone] = to.to_owned();
        self.attach(phone);
        self.phone(phone).say(&json!({ "do": "path-changed" }));
    }

    /// Where this world's files lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a phone sends leaves no faster than this (tc's words).
    pub fn slow(&self, phone: usize, rate: &str) {
        let ns = namespace(&phone.to_string());
        let shape = format!("-n {ns} qdisc add dev eth0 root tbf rate {rate} burst 64kb latency 200ms");
        let status = Command::new("tc").args(shape.split_whitespace()).status().expect("iproute2 is needed");
        assert!(status.success(), "tc {shape}");
    }

    /// Both register and see each other's mark.
    pub fn friends_without_consent(&mut self) {
        for phone in [A, B] {
            self.phone(phone).say(&json!({ "do": "register" }));
            let sms = self.server.wait("sms", |seen| NUMBERS[phone].ends_with(seen["to"].as_str().unwrap()));
            self.phone(phone).say(&json!({ "do": "sms", "body": sms["body"] }));
            self.phone(phone).wait("registered", |_| true);
        }
        for phone in [A, B] {
            self.phone(phone).say(&json!({ "do": "until-marked" }));
            self.phone(phone).wait("marked", |_| true);
        }
    }

    /// The same, and each lets the other learn where it is.
    pub fn friends(&mut self) {
        self.friends_without_consent();
        self.consent(A, B);
        self.consent(B, A);
    }

    pub fn consent(&mut self, by: usize, to: usize) {
        let number = self.number(to);
        self.phone(by).say(&json!({ "do": "consent", "to": number }));
        self.phone(by).wait("consented", |_| true);
    }
}

fn phone_settings(folder: &Path, phone: usize) -> Value {
    json!({
        "folder": folder, "server": format!("ws://{SERVER}:8080"), "number": NUMBERS[phone],
        "contact": NUMBERS[1 - phone],
    })
}

impl Drop for World {
    fn drop(&mut self) {
        self.phones.clear();
        self.server.kill();
        remove_namespaces();
    }
}
