//! How a peer connection is made: codecs, ICE timing, addresses, certificate, and what it tells the call.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
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
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder, RTCIceGatheringState,
    RTCIceServer, RTCIceTransportPolicy, RTCPeerConnectionIceEvent, RTCPeerConnectionState, SettingEngine,
    SettingEngineBuilder,
};

use crate::call::CallShared;
use crate::media::{CallMediaConfig, MediaError, MediaEvent};
use crate::receiver::receive_track;
use crate::reports::ReportReader;
use crate::runtime::{GatedRuntime, TaskList};

/// The payload type offered for Opus; what everybody uses.
pub(crate) const OPUS_PAYLOAD_TYPE: u8 = 111;
/// Behind the interceptors that make and take reports.
const REPORT_READER_SLOT: usize = 14_000;

/// ICE timing. The crate's defaults nominate relayed pairs after 2 s and check every 200 ms, which a caller hears.
pub(crate) mod timing {
    use std::time::Duration;

    /// Ta of RFC 8445 section 14.2.
    pub(crate) const CHECK_INTERVAL: Duration = Duration::from_millis(50);
    /// Checks of one pair before it is given up: as long as [`SET_UP`].
    pub(crate) const CHECKS: u16 = 200;
    /// How long a direct pair is given before a reflexive or relayed one that works is taken.
    pub(crate) const REFLEXIVE_WAIT: Duration = Duration::from_millis(50);
    pub(crate) const RELAY_WAIT: Duration = Duration::from_millis(200);
    /// Silence after which the path is `Disconnected`, and how much more makes it `Failed`.
    pub(crate) const DISCONNECTED: Duration = Duration::from_secs(2);
    pub(crate) const FAILED: Duration = Duration::from_secs(8);
    pub(crate) const KEEP_ALIVE: Duration = Duration::from_millis(500);
    /// From both descriptions to `Connected`, else `Failed`.
    pub(crate) const SET_UP: Duration = Duration::from_secs(10);
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
        if state == RTCPeerConnectionState::Connected {
            self.shared.connected();
        } else if state == RTCPeerConnectionState::Disconnected {
            self.shared.disconnected();
        } else if state == RTCPeerConnectionState::Failed {
            self.shared.fail();
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.tasks.spawn(receive_track(self.shared.clone(), track));
    }
}

pub(crate) async fn connect(
    config: &CallMediaConfig,
    certificate: RTCCertificate,
    ssrc: u32,
    runtime: Arc<GatedRuntime>,
    shared: Arc<CallShared>,
    tasks: TaskList,
) -> Result<Arc<dyn PeerConnection>, MediaError> {
    let mut codecs = CodecTable::default();
    codecs
        .register_codec(
            RTCRtpCodecParameters { rtp_codec: opus(), payload_type: OPUS_PAYLOAD_TYPE },
            RtpCodecKind::Audio,
        )
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
        .with_include_loopback_candidate(config.bind.iter().any(IpAddr::is_loopback))
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

pub(crate) fn local_track(ssrc: u32) -> TrackLocalStaticRTP {
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
pub(crate) fn certificate() -> Result<(RTCCertificate, String), MediaError> {
    let provider = crypto::default_provider().map_err(|_| MediaError::Broken)?;
    let names = CertificateParams::new(vec!["tandem".to_owned()]).map_err(|_| MediaError::Broken)?;
    let certificate = RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, names)
        .map_err(|_| MediaError::Broken)?;
    let fingerprints = certificate.get_fingerprints(provider.crypto()).map_err(|_| MediaError::Broken)?;
    let fingerprint = fingerprints.first().map(|print| print.value.to_ascii_uppercase()).ok_or(MediaError::Broken)?;
    Ok((certificate, fingerprint))
}
