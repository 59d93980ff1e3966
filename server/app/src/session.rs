//! `GET /v1/session`: one WebSocket per registered line, binary frames only.
//!
//! Two tasks serve a connection: one reads, stamps and decodes, one writes what the shell queued. Neither decides anything.

use crate::event::Event;
use crate::gateway::Gateway;
use crate::outbox::{Pending, outbox};
use crate::source::source_of;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use tandem_logic::{ConnId, Input, Source};
use tandem_wire::limits::FRAME_MAX;
use tokio::time::timeout;
use tracing::{debug, info};

/// Longest WebSocket message read whole. Above a frame's cap, so that a phone that breaks it hears why; twice above, the
/// connection is cut.
const MESSAGE_MAX: usize = 2 * FRAME_MAX;

/// Bytes read from the socket at once, kept small because every idle phone holds such a buffer.
const READ_BUFFER: usize = 4 * 1024;

/// Upgrades to a session.
pub async fn open(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let source = source_of(gateway.proxies.phone_address(peer, &headers));
    upgrade
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
        .read_buffer_size(READ_BUFFER)
        // Each frame leaves by itself: a train is timed frame by frame.
        .write_buffer_size(0)
        .on_upgrade(move |socket| serve(gateway, source, socket))
}

async fn serve(gateway: Arc<Gateway>, source: Source, socket: WebSocket) {
    let conn = gateway.name_connection();
    let (sink, stream) = socket.split();
    let (sending, pending) = outbox(gateway.send_queue_frames, gateway.send_queue_bytes);
    let writer = tokio::spawn(write(pending, sink));
    let outbox = sending.written_by(writer.abort_handle());
    gateway.metrics.sessions.increment(1.0);
    debug!(conn = conn.0, "connection opened");
    if gateway.events.send(Event::Opened { conn, source, outbox }).await.is_ok() {
        let reader = tokio::spawn(read(Arc::clone(&gateway), conn, stream));
        let abort_reader = reader.abort_handle();
        // The writer ends when the shell has closed the outbox; the reader then only waits for the phone's goodbye.
        let _ended = writer.await;
        if timeout(gateway.close_wait, reader).await.is_err() {
            abort_reader.abort();
        }
    }
    gateway.metrics.sessions.decrement(1.0);
    debug!(conn = conn.0, "connection closed");
}

async fn write(mut pending: Pending, mut sink: SplitSink<WebSocket, Message>) {
    while let Some(frame) = pending.next().await {
        if sink.send(Message::Binary(frame)).await.is_err() {
            return;
        }
    }
    if let Some(farewell) = pending.take_farewell() {
        let _unheard = sink.send(Message::Binary(farewell)).await;
    }
    let _unheard = sink.close().await;
}

async fn read(gateway: Arc<Gateway>, conn: ConnId, mut stream: SplitStream<WebSocket>) {
    let mut malformed = Malformed { gateway: &gateway, conn, told: false };
    while let Ok(Some(message)) = timeout(gateway.idle_max, stream.next()).await {
        let input = match message {
            Ok(Message::Binary(bytes)) => {
                let at = gateway.clock.micros();
                gateway.metrics.frames_in.increment(1);
                match tandem_wire::decode_client(&bytes) {
                    Ok(frame) => Input::Frame { conn, frame, at, wire_bytes: wire_size(bytes.len()) },
                    Err(error) if error.may_be_later_version() => {
                        gateway.metrics.frames_unknown.increment(1);
                        continue;
                    }
                    Err(error) => malformed.input(&error),
                }
            }
            Ok(Message::Text(_)) => malformed.input(&"a message of text, where all are binary"),
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(Message::Close(_)) => break,
            Err(error) => {
                if let Some(reason) = broken_protocol(error) {
                    let input = malformed.input(&reason);
                    let _stopping = gateway.events.send(Event::Logic(input)).await;
                }
                break;
            }
        };
        if gateway.events.send(Event::Logic(input)).await.is_err() {
            return;
        }
    }
    let _stopping = gateway.events.send(Event::Logic(Input::SessionClosed { conn })).await;
}

/// What is no frame: counted each time, and told once a connection, so that a client that sends nothing else writes no more
/// lines than it opens connections.
struct Malformed<'a> {
    gateway: &'a Gateway,
    conn: ConnId,
    told: bool,
}

impl Malformed<'_> {
    fn input(&mut self, reason: &dyn Display) -> Input {
        let conn = self.conn;
        self.gateway.metrics.frames_bad.increment(1);
        if !self.told && self.gateway.malformed_lines.may_write() {
            info!(conn = conn.0, %reason, "malformed frame");
        }
        self.told = true;
        Input::BadFrame { conn }
    }
}

/// How the phone broke the WebSocket protocol or its caps; `None` when the network broke the connection. A phone that
/// loses its network says no goodbye: that is no fault of its protocol.
fn broken_protocol(error: axum::Error) -> Option<&'static str> {
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    let error = error.into_inner();
    let error = error.downcast_ref::<Error>()?;
    if matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) {
        None
    } else if matches!(error, Error::Protocol(_)) {
        Some("not the WebSocket protocol")
    } else if matches!(error, Error::Capacity(_)) {
        Some("larger than any frame")
    } else {
        matches!(error, Error::Utf8(_)).then_some("text that is not UTF-8")
    }
}

/// A frame as it stood on the socket: its payload behind a masked header (RFC 6455, 5.2).
fn wire_size(payload: usize) -> u32 {
    let header = match payload {
        0..126 => 6,
        126..65_536 => 8,
        _ => 14,
    };
    u32::try_from(payload.saturating_add(header)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_size_counts_its_header_at_each_length_form() {
        assert_eq!(wire_size(0), 6);
        assert_eq!(wire_size(125), 131);
        assert_eq!(wire_size(126), 134);
        assert_eq!(wire_size(65_535), 65_543);
        assert_eq!(wire_size(65_536), 65_550);
    }
}
