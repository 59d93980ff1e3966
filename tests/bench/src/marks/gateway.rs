//! An HTTP SMS gateway that keeps what it is asked to send.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The newest text to each number.
#[derive(Clone, Debug)]
pub struct Gateway {
    texts: Arc<Mutex<BTreeMap<String, String>>>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Gateway {
    /// Serves for as long as this process lives.
    ///
    /// # Errors
    /// There is no port.
    pub fn start() -> Result<Gateway, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let gateway = Gateway { texts: Arc::default(), address };
        let own = gateway.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || while own.take(&stream).is_some() {});
            }
        });
        Ok(gateway)
    }

    /// One request; `None` at the connection's end.
    fn take(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let field = |name: &str| said.get(name).and_then(Value::as_str);
        if let (Some(to), Some(text)) = (field("to"), field("text")) {
            self.texts.lock().unwrap_or_else(PoisonError::into_inner).insert(to.to_owned(), text.to_owned());
        }
        let mut answer = stream;
        answer
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{\"id\":\"1\"}")
            .ok()
    }

    /// The text to a number, once it is there.
    ///
    /// # Errors
    /// None came.
    pub fn text_for(&self, number: &str, patience: Duration) -> Result<String, String> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Some(text) = self.texts.lock().unwrap_or_else(PoisonError::into_inner).remove(number) {
                return Ok(text);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err("no verification text came".to_owned())
    }
}
