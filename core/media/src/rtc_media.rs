//! Media over WebRTC: ICE, DTLS-SRTP and RTP by the `webrtc` crate, Opus and the jitter buffer by this one.

use std::sync::Arc;

use async_trait::async_trait;
use webrtc::media_stream::track_local::TrackLocal;

use crate::call::CallShared;
use crate::codec::{Codec, OpusCodec};
use crate::gate::LinkGate;
use crate::media::{CallMedia, CallMediaConfig, MediaEngine, MediaError};
use crate::playout::Playout;
use crate::port::AudioPort;
use crate::receiver::fill_playout;
use crate::rtc_call::{RtcCall, watch};
use crate::rtc_setup::{certificate, connect, local_track};
use crate::runtime::{Census, GatedRuntime, MediaResources, TaskList};
use crate::sender::{RtpStart, send_capture};

/// The engine: what all calls of a phone share.
#[derive(Clone)]
pub struct RtcMedia {
    codec: Arc<dyn Codec>,
    gate: Option<Arc<dyn LinkGate>>,
    census: Census,
}

impl Default for RtcMedia {
    fn default() -> Self {
        Self::new()
    }
}

impl RtcMedia {
    /// Opus, and no gate under the sockets.
    #[must_use]
    pub fn new() -> Self {
        Self { codec: Arc::new(OpusCodec), gate: None, census: Census::default() }
    }

    /// Puts every UDP socket behind `gate`. TURN over TCP is then refused, because it would slip past.
    #[must_use]
    pub fn with_gate(mut self, gate: Arc<dyn LinkGate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Uses another codec than Opus; the peer must use it too.
    #[must_use]
    pub fn with_codec(mut self, codec: Arc<dyn Codec>) -> Self {
        self.codec = codec;
        self
    }

    /// Sockets and tasks of all calls of this engine that are alive.
    #[must_use]
    pub fn resources(&self) -> MediaResources {
        self.census.resources()
    }
}

#[async_trait]
impl MediaEngine for RtcMedia {
    async fn open(&self, config: CallMediaConfig) -> Result<Box<dyn CallMedia>, MediaError> {
        let port = AudioPort::new();
        let playout = Playout::new(self.codec.decoder()?);
        let encoder = self.codec.encoder(config.mode)?;
        let shared = Arc::new(CallShared::new(port.clone(), playout, config.mode));
        let numbers = random_start()?;
        let track = Arc::new(local_track(numbers.ssrc));
        let (certificate, fingerprint) = certificate()?;

        let tasks = TaskList::new(self.census.clone());
        let connection =
            connect(&config, certificate, numbers.ssrc, self.runtime(), shared.clone(), tasks.clone()).await?;
        connection.add_track(track.clone() as Arc<dyn TrackLocal>).await.map_err(|_| MediaError::Broken)?;

        tasks.spawn(send_capture(shared.clone(), port.clone(), encoder, track, numbers));
        tasks.spawn(fill_playout(shared.clone(), port.clone()));
        tasks.spawn(watch(shared.clone(), Arc::downgrade(&connection)));
        Ok(Box::new(RtcCall::new(connection, shared, port, fingerprint, tasks)))
    }
}

impl RtcMedia {
    fn runtime(&self) -> Arc<GatedRuntime> {
        Arc::new(GatedRuntime::new(self.gate.clone(), self.census.clone()))
    }
}

fn random_start() -> Result<RtpStart, MediaError> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|_| MediaError::Broken)?;
    let [a, b, c, d, e, f, g, h, i, j] = bytes;
    Ok(RtpStart {
        ssrc: u32::from_be_bytes([a, b, c, d]),
        timestamp: u32::from_be_bytes([e, f, g, h]),
        sequence: u16::from_be_bytes([i, j]),
    })
}
