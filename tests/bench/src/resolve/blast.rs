//! The client of both servers: so many sockets, each with so many datagrams under way, as fast as they are answered.
//!
//! Everything that is sent is written before the clock starts and everything that is heard is read after it has stopped,
//! so that what is measured is the server. Datagrams of one socket leave and come many at a time.

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Sockets.
pub const SOCKETS: usize = 8;

/// Datagrams under way on each.
pub const WINDOW: usize = 32;

/// Datagrams that leave by one call at most, and so how much of a window is filled again at once.
const TOGETHER: usize = 16;

/// What was under way on a socket that heard nothing for this long counts as lost.
const LOST_AFTER: Duration = Duration::from_millis(50);

/// Bytes of one receive buffer.
const BUFFER: usize = 64 * 1024;

/// What one socket has to send: datagrams of one length.
#[derive(Debug)]
pub struct Load {
    /// Bytes of each.
    pub each: usize,
    /// All of them.
    pub bytes: Vec<u8>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What each socket heard: lengths, and the bytes one after the other.
    pub heard: Vec<(Vec<u16>, Vec<u8>)>,
    /// Datagrams without an answer.
    pub lost: usize,
}

struct Line {
    socket: UdpSocket,
    state: UdpSocketState,
    load: Load,
    sent: usize,
    under_way: usize,
    last_heard: Instant,
    lengths: Vec<u16>,
    bytes: Vec<u8>,
    lost: usize,
}

/// Sends everything, and waits until it is answered or lost.
///
/// # Errors
/// What the system says.
pub fn blast(to: SocketAddr, loads: Vec<Load>, answer_max: usize, alone: bool) -> io::Result<Outcome> {
    let mut lines = loads.into_iter().map(|load| Line::open(load, answer_max)).collect::<io::Result<Vec<_>>>()?;
    let mut buffers = vec![vec![0; BUFFER]; BATCH_SIZE];
    let mut metas = vec![RecvMeta::default(); BATCH_SIZE];
    let mut open = true;
    while open {
        open = false;
        for line in &mut lines {
            line.hear(&mut buffers, &mut metas)?;
            line.send(to, alone)?;
            open |= line.goes_on();
        }
    }
    let lost = lines.iter().map(|line| line.lost).sum();
    Ok(Outcome { heard: lines.into_iter().map(|line| (line.lengths, line.bytes)).collect(), lost })
}

impl Line {
    fn open(load: Load, answer_max: usize) -> io::Result<Line> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let state = UdpSocketState::new((&socket).into())?;
        let count = load.bytes.len() / load.each.max(1);
        Ok(Line {
            socket,
            state,
            load,
            sent: 0,
            under_way: 0,
            last_heard: Instant::now(),
            lengths: Vec::with_capacity(count),
            bytes: Vec::with_capacity(count.saturating_mul(answer_max)),
            lost: 0,
        })
    }

    fn goes_on(&self) -> bool {
        self.under_way > 0 || self.sent < self.load.bytes.len() / self.load.each
    }

    fn hear(&mut self, buffers: &mut [Vec<u8>], metas: &mut [RecvMeta]) -> io::Result<()> {
        if self.under_way == 0 {
            return Ok(());
        }
        let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let came = match self.state.recv((&self.socket).into(), &mut slices, metas) {
            Ok(came) => came,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.last_heard.elapsed() > LOST_AFTER {
                    self.lost += std::mem::take(&mut self.under_way);
                }
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.last_heard = Instant::now();
        for (meta, buffer) in metas.iter().zip(buffers).take(came) {
            for answer in buffer.get(..meta.len).unwrap_or_default().chunks(meta.stride.max(1)) {
                self.lengths.push(u16::try_from(answer.len()).unwrap_or(u16::MAX));
                self.bytes.extend_from_slice(answer);
                // An answer that comes after it was given up for lost is one of the window all the same.
                self.under_way = self.under_way.saturating_sub(1);
            }
        }
        Ok(())
    }

    fn send(&mut self, to: SocketAddr, alone: bool) -> io::Result<()> {
        let each = self.load.each;
        let left = (self.load.bytes.len() / each).saturating_sub(self.sent);
        while self.under_way + TOGETHER <= WINDOW && self.sent < self.load.bytes.len() / each {
            let count = TOGETHER.min(left.max(1)).min(self.load.bytes.len() / each - self.sent);
            let contents = self.load.bytes.get(self.sent * each..(self.sent + count) * each).unwrap_or_default();
            let calls = if alone { contents.chunks(each) } else { contents.chunks(contents.len().max(1)) };
            for contents in calls {
                let transmit =
                    Transmit { destination: to, ecn: None, contents, segment_size: Some(each), src_ip: None };
                match self.state.try_send((&self.socket).into(), &transmit) {
                    Ok(()) => {
                        self.sent += contents.len() / each;
                        self.under_way += contents.len() / each;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            if self.under_way == count {
                self.last_heard = Instant::now();
            }
        }
        Ok(())
    }
}
