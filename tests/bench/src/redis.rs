//! Redis as a peer, and its protocol (RESP) as far as it is needed.

use crate::exchange::Talk;
use crate::program::{Program, need};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// It starts at once when it has nothing to read.
const PATIENCE: Duration = Duration::from_secs(30);

/// Commands that are sent together while it is filled.
const TOGETHER: usize = 1_000;

/// A Redis of our own.
#[derive(Debug)]
pub struct Redis {
    _program: Program,
    at: SocketAddr,
}

impl Redis {
    /// Whether it is installed.
    ///
    /// # Errors
    /// What to install.
    pub fn need() -> Result<(), String> {
        need("redis-server", "redis-server")
    }

    /// Starts one. With `durable`, every command is on the disk before it is answered.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn start(directory: &Path, cpu: Option<usize>, at: Option<SocketAddr>, durable: bool) -> Result<Redis, String> {
        let at = at.ok_or("no port")?;
        fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let (port, place) = (at.port().to_string(), directory.to_string_lossy().into_owned());
        let mut arguments = vec!["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir", &place];
        if durable {
            arguments.extend(["--appendonly", "yes", "--appendfsync", "always"]);
        }
        let mut program = Program::start(cpu, directory, "redis-server", &arguments)?;
        program.until(PATIENCE, || TcpStream::connect(at).ok())?;
        Ok(Redis { _program: program, at })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.at
    }

    /// Sets a key after the other.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn fill(&self, pairs: impl Iterator<Item = (String, String)>) -> Result<(), String> {
        let words = |error: std::io::Error| format!("Redis cannot be filled: {error}");
        let mut stream = TcpStream::connect(self.at).map_err(words)?;
        let mut pairs = pairs.peekable();
        while pairs.peek().is_some() {
            let commands: Vec<Vec<u8>> =
                pairs.by_ref().take(TOGETHER).map(|(key, value)| command(&["SET", &key, &value])).collect();
            stream.write_all(&commands.concat()).map_err(words)?;
            let mut answers = vec![0; commands.len() * b"+OK\r\n".len()];
            stream.read_exact(&mut answers).map_err(words)?;
        }
        Ok(())
    }
}

/// A command as it is sent.
#[must_use]
pub fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

/// `GET` of one key after the other; every one of them must be there.
#[derive(Clone)]
pub struct Get<K> {
    /// The keys.
    pub keys: K,
}

impl<K: Iterator<Item = String> + Clone + 'static> Talk for Get<K> {
    fn request(&mut self, out: &mut Vec<u8>) {
        let key = self.keys.next().unwrap_or_default();
        out.extend(command(&["GET", &key]));
    }

    fn is_whole(&self, answer: &[u8]) -> Result<bool, String> {
        match answer.first() {
            None => Ok(false),
            Some(b'$') if answer.starts_with(b"$-1") => Err("Redis has no such key".to_owned()),
            // The length's line and the value's.
            Some(b'$') => Ok(answer.ends_with(b"\r\n") && answer.iter().filter(|byte| **byte == b'\n').count() == 2),
            Some(_) => Err("Redis answered something else".to_owned()),
        }
    }
}

/// `SET` of one key after the other to 16 bytes.
#[derive(Clone)]
pub struct Set<K> {
    /// The keys.
    pub keys: K,
}

impl<K: Iterator<Item = String> + Clone + 'static> Talk for Set<K> {
    fn request(&mut self, out: &mut Vec<u8>) {
        let key = self.keys.next().unwrap_or_default();
        out.extend(command(&["SET", &key, "0123456789abcdef"]));
    }

    fn is_whole(&self, answer: &[u8]) -> Result<bool, String> {
        if b"+OK\r\n".starts_with(answer) { Ok(answer.len() == 5) } else { Err("Redis refused a SET".to_owned()) }
    }
}
