//! The access network and whoever resolves, over real sockets.

use crate::access::{AccessNetwork, KEY, SECRET};
use crate::seen::{Seen, whereabouts};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;
use tandem_model::Msisdn;
use tandem_resolver::radius::{PACKET_MAX, Packet};

/// How long one try waits for its answer, and how often a NAS sends again.
const ANSWER_WAIT: Duration = Duration::from_secs(1);
const TRIES: usize = 5;

/// The network, and where the server listens to it.
#[derive(Debug)]
pub struct RealAccess {
    network: AccessNetwork,
    socket: UdpSocket,
    server: SocketAddr,
}

impl RealAccess {
    /// With a socket of its own.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(server: SocketAddr) -> Result<RealAccess, String> {
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        socket.set_read_timeout(Some(ANSWER_WAIT)).map_err(|e| e.to_string())?;
        Ok(RealAccess { network: AccessNetwork::default(), socket, server })
    }

    /// A SIM attaches, and the server has heard of it.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn attach(&mut self, number: Msisdn, address: Option<Ipv4Addr>) -> Result<(), String> {
        let report = self.network.attach(number, address);
        self.tell(&report)
    }

    /// It detaches, and the server has heard of it.
    ///
    /// # Errors
    /// When it is not attached, or the server does not answer.
    pub fn detach(&mut self, number: Msisdn) -> Result<(), String> {
        let report = self.network.detach(number).ok_or("is not attached")?;
        self.tell(&report)
    }

    fn tell(&self, report: &[u8]) -> Result<(), String> {
        let request = Packet::decode(report).map_err(|e| e.to_string())?;
        let mut buffer = [0; PACKET_MAX];
        for _ in 0..TRIES {
            self.socket.send_to(report, self.server).map_err(|e| e.to_string())?;
            let Ok((length, _)) = self.socket.recv_from(&mut buffer) else { continue };
            let answer = buffer.get(..length).and_then(|bytes| Packet::decode(bytes).ok());
            if answer.is_some_and(|answer| answer.is_genuine_response_to(&request, SECRET.as_bytes())) {
                return Ok(());
            }
        }
        Err("the server does not answer the access network".to_owned())
    }
}

/// Asks the server where a number is, and gives what it says.
///
/// # Errors
/// When the server cannot be asked or says nonsense.
pub fn resolve(server: SocketAddr, of: &str, number: Msisdn) -> Result<Seen, String> {
    let reply = post(server, &json!({ "number": number.e164() }).to_string()).map_err(|e| e.to_string())?;
    let found: Value = reply
        .split_once("\r\n\r\n")
        .filter(|(head, _)| head.starts_with("HTTP/1.1 200"))
        .and_then(|(_, body)| serde_json::from_str(body).ok())
        .ok_or("the server does not say where numbers are")?;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let address = text(found.get("addresses").and_then(|all| all.get(0)).and_then(|one| one.get("address")));
    let kind = text(found.get("kind")).map(|kind| kind.replace('_', "-"));
    Ok(whereabouts(of, kind.zip(address)))
}

fn post(server: SocketAddr, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, ANSWER_WAIT)?;
    stream.set_read_timeout(Some(ANSWER_WAIT * 5))?;
    write!(
        stream,
        "POST /v1/resolve HTTP/1.1\r\nhost: lab\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}
