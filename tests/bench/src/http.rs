//! Just enough HTTP/1.1 to talk to a server of our own, one request after the other on one connection.

use serde_json::Value;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// A request's bytes.
#[must_use]
pub fn request(method: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(to: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::new(stream) })
    }

    /// One request, and the body of its answer.
    ///
    /// # Errors
    /// A sentence on what came instead of a 200.
    pub fn ask(&mut self, method: &str, path: &str, key: &str, body: &str) -> Result<Vec<u8>, String> {
        self.exchange(&request(method, path, key, body)).map_err(|error| format!("{path}: {error}"))
    }

    /// The same, read as JSON.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub fn ask_json(&mut self, path: &str, key: &str, body: &str) -> Result<Value, String> {
        let body = self.ask("POST", path, key, body)?;
        serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.stream.get_mut().write_all(request)?;
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if status.is_empty() {
                line.clone_into(&mut status);
            } else if line.is_empty() {
                break;
            } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if status.contains(" 200 ") { Ok(body) } else { Err(io::Error::other(status)) }
    }
}

/// A series of a scrape; 0 when it is not there.
///
/// # Errors
/// There is no scrape.
pub fn series(metrics: SocketAddr, name: &str) -> Result<f64, String> {
    let mut connection = Connection::open(metrics).map_err(|error| format!("metrics: {error}"))?;
    let body = connection.ask("GET", "/metrics", "", "")?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.and_then(|value| value.parse().ok()).unwrap_or(0.0))
}
