//! Knot DNS as the peer: the same numbers as names of ENUM (RFC 6116), each with its address.
//!
//! An A record rather than a NAPTR, because an address is what is asked for; it is also the least that Knot can answer.

use super::blast::{Load, Outcome, SOCKETS};
use super::numbers::{Places, address, digits};
use crate::ports;
use crate::program::{Program, need};
use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

const APEX: &str = "e164.test";

/// Loading ten million names takes minutes.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// The longest answer: a question of a number's name and one address by a pointer, with room to spare.
pub const ANSWER_MAX: usize = 96;

/// Knot, with its zone loaded.
#[derive(Debug)]
pub struct Knot {
    /// Its process.
    pub program: Program,
    at: SocketAddr,
}

impl Knot {
    /// Whether it is installed.
    ///
    /// # Errors
    /// What to install.
    pub fn need() -> Result<(), String> {
        need("knotd", "knot")
    }

    /// Writes its zone, starts it, and waits until it answers.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub fn start(directory: &Path, cpu: usize, numbers: u32) -> Result<Knot, String> {
        let at = ports::free(1)?.first().copied().ok_or("no port")?;
        let written = |error: io::Error| format!("the zone cannot be written: {error}");
        zone(&directory.join("zone"), numbers).map_err(written)?;
        let config = directory.join("knot.conf");
        fs::write(&config, configuration(directory, at)).map_err(written)?;
        let mut program = Program::start(Some(cpu), directory, "knotd", &["-c", &config.to_string_lossy()])?;
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        socket.set_read_timeout(Some(Duration::from_millis(200))).map_err(|error| error.to_string())?;
        let last = numbers.saturating_sub(1);
        program.until(PATIENCE, || {
            let mut buffer = [0; 512];
            socket.send_to(&question(1, last), at).ok()?;
            let length = socket.recv(&mut buffer).ok()?;
            (read(buffer.get(..length)?).ok()? == last).then_some(())
        })?;
        Ok(Knot { program, at })
    }

    /// Where it is asked.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.at
    }

    /// Writes so many questions.
    #[must_use]
    pub fn prepare(places: &mut Places, asks: usize) -> Vec<Load> {
        let load = |_| {
            let mut bytes = Vec::new();
            let mut each = 0;
            for (id, place) in places.take(asks / SOCKETS).enumerate() {
                let question = question(u16::try_from(id % 65_536).unwrap_or(0), place);
                each = question.len();
                bytes.extend(question);
            }
            Load { each, bytes }
        };
        (0..SOCKETS).map(load).collect()
    }

    /// How many numbers were told, each where it is.
    ///
    /// # Errors
    /// Anything else was heard.
    pub fn verify(outcome: &Outcome) -> Result<usize, String> {
        let mut told = 0;
        for (lengths, bytes) in &outcome.heard {
            let mut rest = bytes.as_slice();
            for length in lengths {
                let (answer, behind) = rest.split_at_checked(usize::from(*length)).ok_or("an answer is cut")?;
                rest = behind;
                read(answer)?;
                told += 1;
            }
        }
        Ok(told)
    }
}

fn zone(path: &Path, numbers: u32) -> io::Result<()> {
    let mut out = io::BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    writeln!(out, "$ORIGIN {APEX}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1")?;
    for place in 0..numbers {
        writeln!(out, "{} A {}", name(place), address(place))?;
    }
    out.flush()
}

fn name(place: u32) -> String {
    let mut name = String::with_capacity(22);
    for digit in digits(place).chars().rev() {
        if !name.is_empty() {
            name.push('.');
        }
        name.push(digit);
    }
    name
}

fn configuration(directory: &Path, at: SocketAddr) -> String {
    let place = directory.display();
    format!(
        "server:\n  rundir: {place}\n  listen: {}@{}\n  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n\
         database:\n  storage: {place}/db\n\
         log:\n  - target: stderr\n    any: warning\n\
         zone:\n  - domain: {APEX}\n    file: {place}/zone\n    zonefile-sync: -1\n    journal-content: none\n    \
         semantic-checks: off\n",
        at.ip(),
        at.port()
    )
}

/// A question for the address of a number (RFC 1035, 4.1).
fn question(id: u16, place: u32) -> Vec<u8> {
    let mut question = id.to_be_bytes().to_vec();
    question.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name(place).split('.').chain(APEX.split('.')) {
        question.push(u8::try_from(label.len()).unwrap_or(0));
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    question
}

/// Which number an answer is about, when it is its address.
fn read(answer: &[u8]) -> Result<u32, String> {
    let (head, rest) = answer.split_first_chunk::<12>().ok_or("an answer is cut")?;
    let &[_, _, flags, code, _, _, _, count, ..] = head;
    if flags & 0x80 == 0 || code & 0x0F != 0 || count != 1 {
        return Err(format!("Knot answered with code {} and {count} records", code & 0x0F));
    }
    let mut digits = Vec::new();
    let mut rest = rest;
    while let Some((length, behind)) = rest.split_first() {
        let (label, behind) = behind.split_at_checked(usize::from(*length)).ok_or("a name is cut")?;
        rest = behind;
        match label {
            [] => break,
            [digit] if digit.is_ascii_digit() => digits.push(*digit),
            _ => {}
        }
    }
    digits.reverse();
    let number: u64 = String::from_utf8_lossy(&digits).parse().map_err(|_| "a name is no number")?;
    let first: u64 = super::numbers::digits(0).parse().map_err(|_| "no first number")?;
    let place = u32::try_from(number.saturating_sub(first)).map_err(|_| "a number of nobody")?;
    // Type and class of the question; pointer, type, class, time to live and length of the answer; the address.
    let told = rest.get(4 + 12..4 + 16).ok_or("no address")?;
    if told == address(place).octets() { Ok(place) } else { Err("Knot told a number wrong".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_under_the_apex_with_its_last_digit_first() {
        assert_eq!(name(1), "1.0.0.0.0.0.0.0.5.5.1");
        assert_eq!(question(7, 1).len(), 12 + 22 + 11 + 4);
    }

    #[test]
    fn an_answer_is_held_against_what_is_known_of_its_number() {
        let mut answer = question(7, 66_000);
        answer.splice(2..8, [0x84, 0, 0, 1, 0, 1]);
        answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        let wrong = [answer.clone(), vec![10, 0, 0, 1]].concat();
        answer.extend(address(66_000).octets());
        assert_eq!(read(&answer), Ok(66_000));
        assert!(read(&wrong).is_err() && read(&answer[..40]).is_err());
    }
}
