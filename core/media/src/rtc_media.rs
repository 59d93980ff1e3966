//! Media over WebRTC: ICE, DTLS-SRTP and RTP by the `webrtc` crate, Opus and the jitter buffer by this one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rtc::crypto::{self, SignatureScheme};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{Registry, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine as CodecTable};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder, RTCIceCandidateInit,
    RTCIceGatheringState, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
    RTCSdpType, RTCSessionDescription, RTCSignalingState, SettingEngine, SettingEngineBuilder, StatsSelector,
};

use crate::call::CallShared;
use crate::codec::{Codec, OpusCodec};
use crate::gate::LinkGate;
use crate::media::{CallMedia, CallMediaConfig, MediaEngine, MediaError, MediaEvent, Sdp, VoiceMode};
use crate::playout::Playout;
use crate::port::AudioPort;
use crate::receiver::{fill_playout, receive_track};
use crate::reports::ReportReader;
use crate::runtime::{Census, GatedRuntime, MediaResources};
use crate::sender::{RtpStart, send_capture};
use crate::stats::MediaStats;

/// The payload type offered for Opus; what everybody uses.
pub(crate) const OPUS_PAYLOAD_TYPE: u8 = 111;
/// Behind the interceptors that make and take reports.
const REPORT_READER_SLOT: usize = 14_000;
/// Candidates kept until the peer's description has come.
const MOST_EARLY_CANDIDATES: usize = 64;

/// ICE timing. The crate's defaults nominate relayed pairs after 2 s and check every 200 ms, which a caller hears.
mod timing {
    use std::time::Duration;

    /// Ta of RFC 8445 section 14.2.
    pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(50);
    /// Checks of one pair before it is given up: as long as [`SET_UP`].
    pub(super) const CHECKS: u16 = 200;
    /// How long a direct pair is given before a reflexive or relayed one that works is taken.
    pub(super) const REFLEXIVE_WAIT: Duration = Duration::from_millis(50);
    pub(super) const RELAY_WAIT: Duration = Duration::from_millis(200);
    /// Silence after which the path is `Disconnected`, and how much more makes it `Failed`.
    pub(super) const DISCONNECTED: Duration = Duration::from_secs(2);
    pub(super) const FAILED: Duration = Duration::from_secs(8);
    pub(super) const KEEP_ALIVE: Duration = Duration::from_millis(500);
    /// From both descriptions to `Connected`, else `Failed`.
    pub(super) const SET_UP: Duration = Duration::from_secs(10);
}

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
        let connection = connect(&config, certificate, numbers.ssrc, self.runtime(), shared.clone(), tasks.clone()).await?;
        connection.add_track(track.clone() as Arc<dyn TrackLocal>).await.map_err(|_| MediaError::Broken)?;

        tasks.spawn(send_capture(shared.clone(), port.clone(), encoder, track, numbers));
        tasks.spawn(fill_playout(shared.clone(), port.clone()));
        tasks.spawn(watch(shared.clone(), Arc::downgrade(&connection)));
        let early = Mutex::new(Some(Vec::new()));
        Ok(Box::new(RtcCall { connection, shared, port, fingerprint, tasks, early, answer: Mutex::new(None) }))
    }
}

impl RtcMedia {
    fn runtime(&self) -> Arc<GatedRuntime> {
        Arc::new(GatedRuntime::new(self.gate.clone(), self.census.clone()))
    }
}

/// Tasks of one call; aborted together.
#[derive(Clone)]
struct TaskList {
    census: Census,
    running: Arc<Mutex<Option<Vec<tokio::task::JoinHandle<()>>>>>,
}

impl TaskList {
    fn new(census: Census) -> Self {
        Self { census, running: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    /// Starts a task, unless the call is closed.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = running.as_mut() {
            tasks.retain(|task| !task.is_finished());
            tasks.push(self.census.spawn(future));
        }
    }

    /// Ends all tasks and waits for their end. No more can be started.
    async fn end(&self) {
        let tasks = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        for task in tasks.into_iter().flatten() {
            task.abort();
            // An aborted task ends in an error, which is what is wanted.
            let _ = task.await;
        }
    }
}

struct RtcCall {
    connection: Arc<dyn PeerConnection>,
    shared: Arc<CallShared>,
    port: AudioPort,
    fingerprint: String,
    tasks: TaskList,
    /// Candidates that came before the peer's description; `None` once it is there.
    early: Mutex<Option<Vec<String>>>,
    /// The answer that was applied to the offer that is out.
    answer: Mutex<Option<AnswerId>>,
}

/// What makes two answers the same leg: ICE user fragment and certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AnswerId {
    ufrag: String,
    fingerprint: String,
}

impl AnswerId {
    fn of(answer: &Sdp) -> Result<Self, MediaError> {
        let ufrag = answer.as_str().lines().find_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:"));
        let (Some(ufrag), Some(fingerprint)) = (ufrag, answer.fingerprint()) else { return Err(MediaError::BadDescription) };
        Ok(Self { ufrag: ufrag.to_owned(), fingerprint })
    }
}

impl RtcCall {
    async fn offer(&self) -> Result<Sdp, MediaError> {
        if self.connection_state().await != RTCSignalingState::Stable {
            return Err(MediaError::WrongState);
        }
        let offer = self.connection.create_offer(None).await.map_err(|_| MediaError::WrongState)?;
        *lock(&self.answer) = None;
        self.apply_local(offer).await
    }

    async fn apply_local(&self, description: RTCSessionDescription) -> Result<Sdp, MediaError> {
        self.connection.set_local_description(description).await.map_err(|_| MediaError::WrongState)?;
        let local = self.connection.local_description().await.ok_or(MediaError::Broken)?;
        Sdp::new(local.sdp)
    }

    async fn apply_remote(&self, description: RTCSessionDescription, sdp: &Sdp) -> Result<(), MediaError> {
        if let Some(payload_type) = opus_payload_type(sdp.as_str()) {
            self.shared.set_payload_type(payload_type);
        } else {
            return Err(MediaError::BadDescription);
        }
        self.connection.set_remote_description(description).await.map_err(|_| MediaError::BadDescription)?;
        let early = lock(&self.early).take();
        for candidate in early.into_iter().flatten() {
            // One bad candidate among early ones is as harmless as one that comes late.
            let _ = self.add_candidate(candidate).await;
        }
        Ok(())
    }

    async fn add_candidate(&self, candidate: String) -> Result<(), MediaError> {
        let init = RTCIceCandidateInit { candidate, sdp_mline_index: Some(0), ..Default::default() };
        self.connection.add_ice_candidate(init).await.map_err(|_| MediaError::BadCandidate)
    }

    /// JSEP's signalling state, from what is pending (RFC 8829 section 3.2).
    async fn connection_state(&self) -> RTCSignalingState {
        if self.connection.pending_local_description().await.is_some() {
            RTCSignalingState::HaveLocalOffer
        } else if self.connection.pending_remote_description().await.is_some() {
            RTCSignalingState::HaveRemoteOffer
        } else {
            RTCSignalingState::Stable
        }
    }
}

#[async_trait]
impl CallMedia for RtcCall {
    async fn create_offer(&self) -> Result<Sdp, MediaError> {
        self.offer().await
    }

    async fn create_restart_offer(&self) -> Result<Sdp, MediaError> {
        self.connection.restart_ice().await.map_err(|_| MediaError::WrongState)?;
        self.offer().await
    }

    async fn create_answer(&self, offer: &Sdp) -> Result<Sdp, MediaError> {
        if self.connection_state().await != RTCSignalingState::Stable {
            return Err(MediaError::WrongState);
        }
        if offer.fingerprint().is_none() {
            return Err(MediaError::BadDescription);
        }
        let description =
            RTCSessionDescription::offer(offer.as_str().to_owned()).map_err(|_| MediaError::BadDescription)?;
        self.apply_remote(description, offer).await?;
        let answer = self.connection.create_answer(None).await.map_err(|_| MediaError::BadDescription)?;
        let local = self.apply_local(answer).await?;
        Ok(local)
    }

    /// The `webrtc` crate starts transports twice when a `pranswer` is followed by an answer, so the first answer, provisional or
    /// not, is applied as the answer. What follows must be of the same leg: then there is nothing left to apply.
    async fn apply_answer(&self, answer: &Sdp, _provisional: bool) -> Result<(), MediaError> {
        let id = AnswerId::of(answer)?;
        if let Some(applied) = lock(&self.answer).clone() {
            return if applied == id { Ok(()) } else { Err(MediaError::WrongState) };
        }
        if self.connection_state().await != RTCSignalingState::HaveLocalOffer {
            return Err(MediaError::WrongState);
        }
        let description =
            RTCSessionDescription::answer(answer.as_str().to_owned()).map_err(|_| MediaError::BadDescription)?;
        self.apply_remote(description, answer).await?;
        *lock(&self.answer) = Some(id);
        Ok(())
    }

    async fn rollback(&self) -> Result<(), MediaError> {
        if self.connection_state().await != RTCSignalingState::HaveLocalOffer {
            return Err(MediaError::WrongState);
        }
        let mut nothing = RTCSessionDescription::default();
        nothing.sdp_type = RTCSdpType::Rollback;
        self.connection.set_local_description(nothing).await.map_err(|_| MediaError::WrongState)
    }

    async fn add_remote_candidate(&self, candidate: &str) -> Result<(), MediaError> {
        if candidate.is_empty() {
            // End of candidates (RFC 8838 section 13): nothing to wait for was expected.
            return Ok(());
        }
        if candidate.len() > 1024 || !candidate.starts_with("candidate:") {
            return Err(MediaError::BadCandidate);
        }
        if let Some(early) = lock(&self.early).as_mut() {
            if early.len() >= MOST_EARLY_CANDIDATES {
                return Err(MediaError::TooMany);
            }
            early.push(candidate.to_owned());
            return Ok(());
        }
        self.add_candidate(candidate.to_owned()).await
    }

    async fn set_sending(&self, on: bool) -> Result<(), MediaError> {
        self.shared.set_sending(on);
        Ok(())
    }

    async fn set_hold(&self, on: bool) -> Result<(), MediaError> {
        self.shared.set_hold(on);
        Ok(())
    }

    async fn set_mode(&self, mode: VoiceMode) -> Result<(), MediaError> {
        self.shared.set_mode(mode);
        Ok(())
    }

    async fn next_event(&self) -> Option<MediaEvent> {
        self.shared.events.next().await
    }

    fn audio(&self) -> AudioPort {
        self.port.clone()
    }

    async fn stats(&self) -> MediaStats {
        self.shared.stats()
    }

    fn local_fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    async fn close(&self) {
        self.shared.set_sending(false);
        self.shared.events.close();
        // Already closed is closed.
        let _ = self.connection.close().await;
        self.tasks.end().await;
    }
}

/// Turns what happens to the connection into events.
struct Handler {
    shared: Arc<CallShared>,
    tasks: TaskList,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(init) = event.candidate.to_json() {
            self.shared.events.push(MediaEvent::Candidate(init.candidate));
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.shared.events.push(MediaEvent::GatheringDone);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let event = match state {
            RTCPeerConnectionState::Connected => MediaEvent::Connected,
            RTCPeerConnectionState::Disconnected => MediaEvent::Disconnected,
            RTCPeerConnectionState::Failed => MediaEvent::Failed,
            // New, connecting, closed, and what a later version may add: nothing the call must be told.
            _ => return,
        };
        self.shared.set_connected(event == MediaEvent::Connected);
        self.shared.events.push(event);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tasks.spawn(receive_track(self.shared.clone(), track));
    }
}

/// Once a second: the round trip, statistics, and the bound on setting up.
async fn watch(shared: Arc<CallShared>, connection: std::sync::Weak<dyn PeerConnection>) {
    let mut waiting = Duration::ZERO;
    let mut was_connected = false;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(connection) = connection.upgrade() else { return };
        shared.second();
        if shared.is_connected() {
            was_connected = true;
            if let Some(ms) = round_trip_ms(connection.as_ref()).await {
                shared.measured_round_trip(ms);
            }
            shared.events.push(MediaEvent::Stats(shared.stats()));
        } else if !was_connected && negotiated(connection.as_ref()).await {
            waiting += Duration::from_secs(1);
            if waiting == timing::SET_UP {
                shared.broken();
            }
        }
    }
}

async fn negotiated(connection: &dyn PeerConnection) -> bool {
    connection.local_description().await.is_some() && connection.remote_description().await.is_some()
}

/// The round trip that ICE measured on the pair in use, in milliseconds.
async fn round_trip_ms(connection: &dyn PeerConnection) -> Option<f32> {
    let report = connection.get_stats(std::time::Instant::now(), StatsSelector::None).await;
    let used = report.candidate_pairs().find(|pair| pair.nominated)?;
    (used.current_round_trip_time > 0.0).then_some((used.current_round_trip_time * 1000.0) as f32)
}

async fn connect(
    config: &CallMediaConfig,
    certificate: RTCCertificate,
    ssrc: u32,
    runtime: Arc<GatedRuntime>,
    shared: Arc<CallShared>,
    tasks: TaskList,
) -> Result<Arc<dyn PeerConnection>, MediaError> {
    let mut codecs = CodecTable::default();
    codecs
        .register_codec(RTCRtpCodecParameters { rtp_codec: opus(), payload_type: OPUS_PAYLOAD_TYPE }, RtpCodecKind::Audio)
        .map_err(|_| MediaError::Broken)?;
    let policy = if config.relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
    let servers = config.ice_servers.iter().map(|server| RTCIceServer {
        urls: server.urls.clone(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    let configuration = RTCConfigurationBuilder::new()
        .with_ice_servers(servers.collect())
        .with_ice_transport_policy(policy)
        .with_certificates(vec![certificate])
        .build();
    let reader = ReportReader::new(shared.clone(), ssrc);
    let interceptors = configure_rtcp_reports(Registry::new()).with(Slot::Custom(REPORT_READER_SLOT), reader);
    let connection = PeerConnectionBuilder::new()
        .with_configuration(configuration)
        .with_media_engine(codecs)
        .with_interceptor_registry(interceptors)
        .with_setting_engine(settings(config))
        .with_runtime(runtime)
        .with_handler(Arc::new(Handler { shared, tasks }))
        .with_udp_addrs(bind_addresses(config))
        .build()
        .await
        .map_err(|_| MediaError::BadConfig)?;
    Ok(Arc::new(connection))
}

fn settings(config: &CallMediaConfig) -> SettingEngine {
    let relay_wait = if config.relay_only { Duration::ZERO } else { timing::RELAY_WAIT };
    SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_connection_attempts(Some(timing::CHECK_INTERVAL), Some(timing::CHECKS))
        .with_ice_timeouts(Some(timing::DISCONNECTED), Some(timing::FAILED), Some(timing::KEEP_ALIVE))
        .with_host_acceptance_min_wait(Some(Duration::ZERO))
        .with_srflx_acceptance_min_wait(Some(timing::REFLEXIVE_WAIT))
        .with_prflx_acceptance_min_wait(Some(timing::REFLEXIVE_WAIT))
        .with_relay_acceptance_min_wait(Some(relay_wait))
        .with_include_loopback_candidate(config.bind.iter().any(std::net::IpAddr::is_loopback))
        .with_discard_local_candidates_during_ice_restart(true)
        .build()
}

fn bind_addresses(config: &CallMediaConfig) -> Vec<SocketAddr> {
    if config.bind.is_empty() {
        return vec![SocketAddr::from(([0; 4], 0)), SocketAddr::from(([0; 16], 0))];
    }
    config.bind.iter().map(|address| SocketAddr::new(*address, 0)).collect()
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn local_track(ssrc: u32) -> TrackLocalStaticRTP {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: opus(),
        ..Default::default()
    };
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "call".to_owned(),
        "voice".to_owned(),
        "voice".to_owned(),
        RtpCodecKind::Audio,
        vec![encoding],
    ))
}

/// A fresh certificate for each call, and its fingerprint.
fn certificate() -> Result<(RTCCertificate, String), MediaError> {
    let provider = crypto::default_provider().map_err(|_| MediaError::Broken)?;
    let names = CertificateParams::new(vec!["tandem".to_owned()]).map_err(|_| MediaError::Broken)?;
    let certificate = RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, names)
        .map_err(|_| MediaError::Broken)?;
    let fingerprints = certificate.get_fingerprints(provider.crypto()).map_err(|_| MediaError::Broken)?;
    let fingerprint = fingerprints.first().map(|print| print.value.to_ascii_uppercase()).ok_or(MediaError::Broken)?;
    Ok((certificate, fingerprint))
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

/// The payload type a description gives to Opus (RFC 7587 section 7).
fn opus_payload_type(sdp: &str) -> Option<u8> {
    sdp.lines().find_map(|line| {
        let (payload_type, codec) = line.trim_end().strip_prefix("a=rtpmap:")?.split_once(' ')?;
        let is_opus = codec.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("opus/"));
        is_opus.then(|| payload_type.parse().ok()).flatten()
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_type_of_opus_is_read_from_a_description() {
        let browser = "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0\r\na=rtpmap:9 G722/8000\r\na=rtpmap:109 opus/48000/2\r\n";
        assert_eq!(opus_payload_type(browser), Some(109));
        assert_eq!(opus_payload_type("a=rtpmap:0 PCMU/8000\r\n"), None);
        assert_eq!(opus_payload_type("a=rtpmap:999 opus/48000/2\r\n"), None, "not a payload type");
        assert_eq!(opus_payload_type("a=rtpmap:111 Ö\r\n"), None);
    }
}
