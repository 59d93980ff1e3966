//! A UDP socket on a shaped link, for what is not media: measuring trains and direct data.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem_media::{LinkGate, Passage, SocketGate, Way};
use tokio::net::UdpSocket;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::control::LinkControl;

/// Datagrams that may be on their way in either direction; more are lost.
const IN_FLIGHT: usize = 1024;
/// The largest datagram carried.
const DATAGRAM_BYTES: usize = 2048;

type Datagram = (Instant, Vec<u8>, SocketAddr);

/// A UDP socket whose datagrams are delayed and lost as the link says. Dropping it ends its tasks.
#[derive(Debug)]
pub struct ShapedUdp {
    local: SocketAddr,
    gate: Arc<dyn SocketGate>,
    outgoing: mpsc::Sender<Datagram>,
    incoming: Mutex<mpsc::Receiver<Datagram>>,
    tasks: [JoinHandle<()>; 2],
}

impl ShapedUdp {
    pub(crate) async fn bind(link: &LinkControl, local: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(local).await?);
        let gate = link.admit_socket();
        let (outgoing, to_send) = mpsc::channel(IN_FLIGHT);
        let (received, incoming) = mpsc::channel(IN_FLIGHT);
        let local = socket.local_addr()?;
        let tasks = [
            tokio::spawn(send_when_due(socket.clone(), to_send)),
            tokio::spawn(receive_through(socket, gate.clone(), received)),
        ];
        Ok(Self { local, gate, outgoing, incoming: Mutex::new(incoming), tasks })
    }

    /// Where the socket is bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Sends a datagram. That it was lost on the link is no error.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when it is larger than 2048 bytes.
    pub fn send_to(&self, payload: &[u8], remote: SocketAddr) -> io::Result<()> {
        if payload.len() > DATAGRAM_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if let Passage::After(delay) = self.gate.pass(Way::Up, payload.len()) {
            // A full channel is a full link: the datagram is lost like any other.
            drop(self.outgoing.try_send((Instant::now() + delay, payload.to_vec(), remote)));
        }
        Ok(())
    }

    /// The next datagram that came through the link, and who sent it.
    ///
    /// # Errors
    /// [`io::ErrorKind::BrokenPipe`] when the socket failed.
    pub async fn recv_from(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let (due, payload, from) = self.incoming.lock().await.recv().await.ok_or(io::ErrorKind::BrokenPipe)?;
        tokio::time::sleep_until(due).await;
        Ok((payload, from))
    }
}

impl Drop for ShapedUdp {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn send_when_due(socket: Arc<UdpSocket>, mut to_send: mpsc::Receiver<Datagram>) {
    while let Some((due, payload, remote)) = to_send.recv().await {
        tokio::time::sleep_until(due).await;
        // An unreachable peer is a lost datagram.
        drop(socket.send_to(&payload, remote).await);
    }
}

async fn receive_through(socket: Arc<UdpSocket>, gate: Arc<dyn SocketGate>, received: mpsc::Sender<Datagram>) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            // An ICMP refusal of an earlier send surfaces here and says nothing about this socket.
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let Passage::After(delay) = gate.pass(Way::Down, length) else {
            continue;
        };
        let payload = buffer.get(..length).unwrap_or_default().to_vec();
        drop(received.try_send((Instant::now() + delay, payload, from)));
    }
}
