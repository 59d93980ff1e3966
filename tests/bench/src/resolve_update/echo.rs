//! The bare ping-pong's other side.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// A thread that sends every datagram back.
#[derive(Debug)]
pub struct Echo {
    at: SocketAddr,
}

impl Echo {
    /// Starts it. It ends with the process.
    ///
    /// # Errors
    /// What the system says.
    pub fn start() -> io::Result<Echo> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let at = socket.local_addr()?;
        std::thread::Builder::new().name("echo".to_owned()).spawn(move || {
            let mut buffer = [0; 2_048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _left = socket.send_to(buffer.get(..length).unwrap_or_default(), from);
            }
        })?;
        Ok(Echo { at })
    }

    /// Where.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.at
    }
}
