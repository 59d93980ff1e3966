//! One direct connection's life, from its handshake to its end: frames behind their length, and datagrams.

use super::{keying, tell};
use crate::runner::Word;
use quinn::{Connection, RecvStream, SendStream};
use std::time::Duration;
use tandem_machine::{DirectConn, DirectInput};
use tandem_wire::limits::FRAME_MAX;
use tandem_wire::{decode_datagram, decode_direct};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Frames that may wait for a slow connection; one more closes it.
pub(super) const FRAMES_MAX: usize = 512;

/// Datagrams that may wait; more are dropped.
pub(super) const DATAGRAMS_MAX: usize = 64;

/// A connection that takes no frame for this long is dead.
const WRITE_STALL: Duration = Duration::from_secs(20);

/// How long who connected may take to open its stream.
const STREAM_WAIT: Duration = Duration::from_secs(5);

/// What is to be sent.
pub(super) struct Queued {
    pub(super) frames: mpsc::Receiver<Vec<u8>>,
    pub(super) datagrams: mpsc::Receiver<Vec<u8>>,
}

/// Serves a connection until either end closes it. `ordered`: we connected.
pub(super) async fn serve(
    connection: Connection,
    conn: DirectConn,
    ordered: bool,
    queued: Queued,
    words: &mpsc::Sender<Word>,
) {
    let Some(keying) = keying(&connection) else {
        return;
    };
    let opened = if ordered {
        tell(words, DirectInput::Opened { conn, keying }).await;
        connection.open_bi().await.ok()
    } else {
        tell(words, DirectInput::Came { conn, keying }).await;
        timeout(STREAM_WAIT, connection.accept_bi()).await.ok().and_then(Result::ok)
    };
    if let Some((sending, receiving)) = opened {
        let Queued { frames, datagrams } = queued;
        // Whichever ends first ends all: the runner let go, the other end closed, or it makes no sense.
        tokio::select! {
            () = write(sending, frames) => {}
            () = read(receiving, conn, words) => {}
            () = write_datagrams(&connection, datagrams) => {}
            () = read_datagrams(&connection, conn, words) => {}
        }
    }
    connection.close(0_u32.into(), b"");
}

async fn write(mut sending: SendStream, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        let Ok(length) = u32::try_from(frame.len()) else {
            return;
        };
        let written = async {
            sending.write_all(&length.to_be_bytes()).await?;
            sending.write_all(&frame).await
        };
        match timeout(WRITE_STALL, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

async fn read(mut receiving: RecvStream, conn: DirectConn, words: &mpsc::Sender<Word>) {
    loop {
        let mut length = [0; 4];
        if receiving.read_exact(&mut length).await.is_err() {
            return;
        }
        let Some(length) = usize::try_from(u32::from_be_bytes(length)).ok().filter(|length| *length <= FRAME_MAX)
        else {
            return;
        };
        let mut bytes = vec![0; length];
        if receiving.read_exact(&mut bytes).await.is_err() {
            return;
        }
        match decode_direct(&bytes) {
            Ok(frame) => tell(words, DirectInput::Frame { conn, frame }).await,
            // A later phone says more than this one understands.
            Err(error) if error.may_be_later_version() => {}
            Err(_) => return,
        }
    }
}

async fn write_datagrams(connection: &Connection, mut datagrams: mpsc::Receiver<Vec<u8>>) {
    while let Some(datagram) = datagrams.recv().await {
        // One that does not fit in is lost, as datagrams are.
        let _lost = connection.send_datagram(datagram.into());
    }
    // Frames end the connection when the runner lets go.
    std::future::pending().await
}

async fn read_datagrams(connection: &Connection, conn: DirectConn, words: &mpsc::Sender<Word>) {
    while let Ok(bytes) = connection.read_datagram().await {
        if let Ok(datagram) = decode_datagram(&bytes) {
            tell(words, DirectInput::Datagram { conn, datagram }).await;
        }
    }
}
