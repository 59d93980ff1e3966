//! One session's WebSocket: bytes in both directions, stamped and counted, deciding nothing.

use crate::address::ServerAddress;
use crate::latch::Running;
use crate::ports::{ByteStream, Clock, Connector};
use crate::runner::Word;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tandem_machine::{Input, LinkId, LinkInput};
use tandem_model::Line;
use tandem_wire::decode_server;
use tandem_wire::limits::FRAME_MAX;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tracing::debug;

/// Frames that may wait for a slow socket; one more closes the connection.
pub(crate) const FRAMES_MAX: usize = 256;

/// A socket that takes no frame for this long is dead.
const WRITE_STALL: Duration = Duration::from_secs(20);

/// How long a closing connection may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// Frames that make no sense before the connection is given up: a newer server may say a thing or two we do not know.
const MALFORMED_MAX: u32 = 16;

type Socket = WebSocketStream<Box<dyn ByteStream>>;

/// Everything a connection is made of.
pub(crate) struct Wiring {
    pub(crate) address: ServerAddress,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Until the connection must stand.
    pub(crate) give_up: Duration,
}

/// The runner's end of a connection. Dropping it closes the connection after what was queued is written.
pub(crate) struct Link {
    pub(crate) frames: mpsc::Sender<Vec<u8>>,
    _closing: oneshot::Sender<()>,
}

/// Opens a connection; its life is told as words.
pub(crate) fn open(wiring: Arc<Wiring>, line: Line, link: LinkId, words: mpsc::Sender<Word>, running: Running) -> Link {
    let (frames, queued) = mpsc::channel(FRAMES_MAX);
    let (closing, closed) = oneshot::channel();
    tokio::spawn(async move {
        let told = words.clone();
        tokio::select! {
            opened = timeout(wiring.give_up, connect(&wiring, line)) => match opened {
                Ok(Ok(socket)) => serve(&wiring, socket, (line, link), queued, words).await,
                Ok(Err(error)) => debug!(line = line.0, kind = ?error.kind(), "no connection"),
                Err(_) => debug!(line = line.0, "no connection in time"),
            },
            _ = closed => {}
        }
        debug!(line = line.0, link = link.0, "connection closed");
        drop(told.send(Word::Input(Input::Link(LinkInput::Closed { line, link }))).await);
        drop(running);
    });
    Link { frames, _closing: closing }
}

async fn connect(wiring: &Wiring, line: Line) -> io::Result<Socket> {
    let address = &wiring.address;
    let plain = wiring.connector.connect(line, &address.host, address.port).await?;
    let stream: Box<dyn ByteStream> = if address.tls {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&wiring.tls));
        Box::new(connector.connect(name, plain).await?)
    } else {
        plain
    };
    let limits = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        // Each frame leaves by itself: a train is timed frame by frame.
        .write_buffer_size(0)
        .max_write_buffer_size(4 * FRAME_MAX)
        .max_message_size(Some(FRAME_MAX))
        .max_frame_size(Some(FRAME_MAX));
    let upgraded = tokio_tungstenite::client_async_with_config(&address.session_url, stream, Some(limits)).await;
    // The server's words in a refusal are nobody's to show.
    let (socket, _response) = upgraded.map_err(|_| io::ErrorKind::ConnectionRefused)?;
    Ok(socket)
}

async fn serve(
    wiring: &Wiring,
    socket: Socket,
    of: (Line, LinkId),
    queued: mpsc::Receiver<Vec<u8>>,
    words: mpsc::Sender<Word>,
) {
    let (line, link) = of;
    let opened = Word::Input(Input::Link(LinkInput::Opened { line, link }));
    if words.send(opened).await.is_err() {
        return;
    }
    let (sink, stream) = socket.split();
    let mut reading = std::pin::pin!(read(stream, of, &*wiring.clock, words));
    tokio::select! {
        () = &mut reading => {}
        () = write(sink, queued) => drop(timeout(FAREWELL, reading).await),
    }
}

/// Writes what is queued until the runner lets go, then says goodbye.
async fn write(mut sink: SplitSink<Socket, Message>, mut queued: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = queued.recv().await {
        match timeout(WRITE_STALL, sink.send(Message::Binary(frame.into()))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    drop(timeout(FAREWELL, sink.close()).await);
}

async fn read(
    mut stream: SplitStream<Socket>,
    (line, link): (Line, LinkId),
    clock: &dyn Clock,
    words: mpsc::Sender<Word>,
) {
    let mut malformed = 0;
    while let Some(Ok(message)) = stream.next().await {
        let at = clock.mono();
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            // The library answers pings by itself.
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Text(_) | Message::Frame(_) | Message::Close(_) => return,
        };
        let frame = match decode_server(&bytes) {
            Ok(frame) => frame,
            // A later server says more than this phone understands.
            Err(error) if error.may_be_later_version() => continue,
            Err(error) => {
                malformed += 1;
                debug!(line = line.0, bytes = bytes.len(), malformed, %error, "a frame that makes no sense");
                if malformed >= MALFORMED_MAX {
                    return;
                }
                continue;
            }
        };
        let input = LinkInput::Frame { line, link, frame, at, wire_bytes: on_the_socket(bytes.len()) };
        if words.send(Word::Input(Input::Link(input))).await.is_err() {
            return;
        }
    }
}

/// A server's frame with its header (RFC 6455 section 5.2), unmasked.
fn on_the_socket(payload: usize) -> u32 {
    let header = match payload {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    u32::try_from(payload.saturating_add(header)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::on_the_socket;

    #[test]
    fn a_frame_is_counted_with_its_header() {
        assert_eq!(on_the_socket(0), 2);
        assert_eq!(on_the_socket(125), 127);
        assert_eq!(on_the_socket(126), 130);
        assert_eq!(on_the_socket(65_535), 65_539);
        assert_eq!(on_the_socket(65_536), 65_546);
    }
}
