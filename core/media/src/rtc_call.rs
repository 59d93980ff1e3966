//! One call over one peer connection: offer and answer, candidates, switches, and the watch over it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use webrtc::peer_connection::{
    PeerConnection, RTCIceCandidateInit, RTCSdpType, RTCSessionDescription, RTCSignalingState, StatsSelector,
};

use crate::bandwidth;
use crate::call::CallShared;
use crate::media::{CallMedia, MediaError, MediaEvent, Sdp, VoiceMode};
use crate::port::AudioPort;
use crate::rtc_setup::timing;
use crate::runtime::TaskList;
use crate::stats::MediaStats;

/// Candidates kept until the peer's description has come.
const MOST_EARLY_CANDIDATES: usize = 64;

/// One call over one peer connection.
pub(crate) struct RtcCall {
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
        let (Some(ufrag), Some(fingerprint)) = (ufrag, answer.fingerprint()) else {
            return Err(MediaError::BadDescription);
        };
        Ok(Self { ufrag: ufrag.to_owned(), fingerprint })
    }
}

impl RtcCall {
    pub(crate) fn new(
        connection: Arc<dyn PeerConnection>,
        shared: Arc<CallShared>,
        port: AudioPort,
        fingerprint: String,
        tasks: TaskList,
    ) -> Self {
        let (early, answer) = (Mutex::new(Some(Vec::new())), Mutex::new(None));
        Self { connection, shared, port, fingerprint, tasks, early, answer }
    }

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
        bandwidth::ask(Sdp::new(local.sdp)?, self.shared.own_mode())
    }

    async fn apply_remote(&self, description: RTCSessionDescription, sdp: &Sdp) -> Result<(), MediaError> {
        if let Some(payload_type) = opus_payload_type(sdp.as_str()) {
            self.shared.set_payload_type(payload_type);
        } else {
            return Err(MediaError::BadDescription);
        }
        self.shared.set_peer_mode(bandwidth::asked(sdp));
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

/// Once a second: the round trip, statistics, and the bound on setting up.
pub(crate) async fn watch(shared: Arc<CallShared>, connection: Weak<dyn PeerConnection>) {
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
                shared.fail();
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
