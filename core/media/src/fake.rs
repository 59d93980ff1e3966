//! Media without sockets, clocks or chance, for tests of everything above it.
//!
//! All calls opened by clones of one [`FakeMedia`] can reach each other: a pair that has exchanged offer and answer is
//! connected at once. Sound moves when the test says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::events::EventQueue;
use crate::media::{CallMedia, CallMediaConfig, MediaEngine, MediaError, MediaEvent, Sdp, VoiceMode};
use crate::port::{AudioPort, FRAME_SAMPLES};
use crate::stats::MediaStats;

/// Candidates kept until the peer's description has come, as the real engine does.
const MOST_CANDIDATES: usize = 64;

/// An engine whose calls meet in memory.
#[derive(Debug, Clone, Default)]
pub struct FakeMedia {
    hub: Arc<Mutex<Hub>>,
}

#[derive(Debug, Default)]
struct Hub {
    calls: BTreeMap<u64, Entry>,
    opened: u64,
    refuse: Option<MediaError>,
    path_is_down: bool,
}

#[derive(Debug)]
struct Entry {
    port: AudioPort,
    events: Arc<EventQueue>,
    negotiation: Negotiation,
    connected: bool,
    sending: bool,
    hold: bool,
    heard: bool,
    candidates: usize,
    mode: VoiceMode,
    stats: MediaStats,
}

/// Offer and answer (RFC 3264), as one call sees it. Peers are named by the number of their call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Negotiation {
    Idle,
    OfferOut { before: Option<u64> },
    Stable { peer: u64 },
}

impl FakeMedia {
    /// An engine without calls.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves up to `frames` frames of 20 ms each way between all connected calls.
    pub fn step(&self, frames: usize) {
        let mut hub = self.hub();
        for _ in 0..frames {
            hub.move_frame();
        }
    }

    /// Takes every path away (`Disconnected`) or gives it back (`Connected`).
    pub fn set_path_down(&self, down: bool) {
        let mut hub = self.hub();
        if hub.path_is_down != down {
            hub.path_is_down = down;
            hub.settle();
        }
    }

    /// Ends every path for good (`Failed`).
    pub fn fail_paths(&self) {
        let mut hub = self.hub();
        for entry in hub.calls.values_mut() {
            entry.set_connected(false);
            entry.negotiation = Negotiation::Idle;
            entry.events.push(MediaEvent::Failed);
        }
    }

    /// The next `open` is refused with this.
    pub fn refuse_next_open(&self, error: MediaError) {
        self.hub().refuse = Some(error);
    }

    /// Calls opened and not closed.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.hub().calls.len()
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MediaEngine for FakeMedia {
    async fn open(&self, config: CallMediaConfig) -> Result<Box<dyn CallMedia>, MediaError> {
        let (port, events) = (AudioPort::new(), Arc::new(EventQueue::default()));
        let mut hub = self.hub();
        if let Some(refusal) = hub.refuse.take() {
            return Err(refusal);
        }
        hub.opened += 1;
        let id = hub.opened;
        let entry = Entry {
            port: port.clone(),
            events: events.clone(),
            negotiation: Negotiation::Idle,
            connected: false,
            sending: false,
            hold: false,
            heard: false,
            candidates: 0,
            mode: config.mode,
            stats: MediaStats::default(),
        };
        hub.calls.insert(id, entry);
        drop(hub);
        Ok(Box::new(FakeCall { id, media: self.clone(), port, events }))
    }
}

impl Hub {
    /// Connects and disconnects what offer, answer and path say.
    fn settle(&mut self) {
        let peers: BTreeMap<u64, u64> =
            self.calls.iter().filter_map(|(id, entry)| Some((*id, entry.peer()?))).collect();
        let path_is_down = self.path_is_down;
        for (id, entry) in &mut self.calls {
            let is_mutual = peers.get(id).is_some_and(|peer| peers.get(peer) == Some(id));
            let connected = is_mutual && !path_is_down;
            if connected != entry.connected {
                entry.set_connected(connected);
                entry.events.push(if connected { MediaEvent::Connected } else { MediaEvent::Disconnected });
            }
        }
    }

    fn move_frame(&mut self) {
        let mut frame = [0; FRAME_SAMPLES];
        let mut moved = Vec::new();
        for entry in self.calls.values_mut().filter(|entry| entry.connected) {
            if let (Some(peer), true) = (entry.peer(), entry.port.take_capture(&mut frame)) {
                entry.stats.sent_packets += 1;
                moved.push((peer, frame));
            }
        }
        for (peer, frame) in moved {
            if let Some(entry) = self.calls.get_mut(&peer) {
                entry.hear(&frame);
            }
        }
    }
}

impl Entry {
    fn peer(&self) -> Option<u64> {
        match self.negotiation {
            Negotiation::Stable { peer } | Negotiation::OfferOut { before: Some(peer) } => Some(peer),
            Negotiation::Idle | Negotiation::OfferOut { before: None } => None,
        }
    }

    fn set_connected(&mut self, connected: bool) {
        self.connected = connected;
        self.switch_capture();
    }

    fn switch_capture(&self) {
        self.port.listen(self.connected && self.sending && !self.hold);
    }

    fn hear(&mut self, frame: &[i16]) {
        self.stats.received_packets += 1;
        if !std::mem::replace(&mut self.heard, true) {
            self.events.push(MediaEvent::RemoteSound);
        }
        if !self.hold {
            self.stats.frames_played += 1;
            self.port.push_playout(frame);
        }
    }
}

struct FakeCall {
    id: u64,
    media: FakeMedia,
    port: AudioPort,
    events: Arc<EventQueue>,
}

impl FakeCall {
    /// Works on this call's entry, then settles who is connected.
    fn with<T>(&self, work: impl FnOnce(&mut Entry) -> Result<T, MediaError>) -> Result<T, MediaError> {
        let mut hub = self.media.hub();
        let done = work(hub.calls.get_mut(&self.id).ok_or(MediaError::Closed)?)?;
        hub.settle();
        Ok(done)
    }

    fn describe(&self) -> Result<Sdp, MediaError> {
        self.events.push(MediaEvent::Candidate(format!("candidate:{} 1 udp 1 127.0.0.1 9 typ host", self.id)));
        self.events.push(MediaEvent::GatheringDone);
        Sdp::new(format!(
            "v=0\r\ns=fake\r\na=ice-ufrag:fake{}\r\na=fingerprint:sha-256 {}\r\n",
            self.id,
            self.local_fingerprint()
        ))
    }

    fn offer(&self) -> Result<Sdp, MediaError> {
        self.with(|entry| {
            let before = match entry.negotiation {
                Negotiation::Idle => None,
                Negotiation::Stable { peer } => Some(peer),
                Negotiation::OfferOut { .. } => return Err(MediaError::WrongState),
            };
            entry.negotiation = Negotiation::OfferOut { before };
            Ok(())
        })?;
        self.describe()
    }
}

/// The call a fake description belongs to.
fn peer_of(sdp: &Sdp) -> Result<u64, MediaError> {
    let id = sdp.as_str().lines().find_map(|line| line.strip_prefix("a=ice-ufrag:fake"));
    sdp.fingerprint().and(id).and_then(|id| id.parse().ok()).ok_or(MediaError::BadDescription)
}

#[async_trait]
impl CallMedia for FakeCall {
    async fn create_offer(&self) -> Result<Sdp, MediaError> {
        self.offer()
    }

    async fn create_restart_offer(&self) -> Result<Sdp, MediaError> {
        self.offer()
    }

    async fn create_answer(&self, offer: &Sdp) -> Result<Sdp, MediaError> {
        let peer = peer_of(offer)?;
        self.with(|entry| match entry.negotiation {
            Negotiation::OfferOut { .. } => Err(MediaError::WrongState),
            Negotiation::Idle | Negotiation::Stable { .. } => {
                entry.negotiation = Negotiation::Stable { peer };
                Ok(())
            }
        })?;
        self.describe()
    }

    async fn apply_answer(&self, answer: &Sdp, _provisional: bool) -> Result<(), MediaError> {
        let peer = peer_of(answer)?;
        self.with(|entry| match entry.negotiation {
            Negotiation::OfferOut { .. } => {
                entry.negotiation = Negotiation::Stable { peer };
                Ok(())
            }
            Negotiation::Stable { peer: applied } if applied == peer => Ok(()),
            Negotiation::Stable { .. } | Negotiation::Idle => Err(MediaError::WrongState),
        })
    }

    async fn rollback(&self) -> Result<(), MediaError> {
        self.with(|entry| {
            let Negotiation::OfferOut { before } = entry.negotiation else { return Err(MediaError::WrongState) };
            entry.negotiation = before.map_or(Negotiation::Idle, |peer| Negotiation::Stable { peer });
            Ok(())
        })
    }

    async fn add_remote_candidate(&self, candidate: &str) -> Result<(), MediaError> {
        if !candidate.is_empty() && !candidate.starts_with("candidate:") {
            return Err(MediaError::BadCandidate);
        }
        self.with(|entry| {
            entry.candidates += 1;
            if entry.peer().is_none() && entry.candidates > MOST_CANDIDATES { Err(MediaError::TooMany) } else { Ok(()) }
        })
    }

    async fn set_sending(&self, on: bool) -> Result<(), MediaError> {
        self.with(|entry| {
            entry.sending = on;
            entry.switch_capture();
            Ok(())
        })
    }

    async fn set_hold(&self, on: bool) -> Result<(), MediaError> {
        self.with(|entry| {
            entry.hold = on;
            entry.switch_capture();
            Ok(())
        })
    }

    async fn set_mode(&self, mode: VoiceMode) -> Result<(), MediaError> {
        self.with(|entry| {
            entry.mode = mode;
            Ok(())
        })
    }

    async fn next_event(&self) -> Option<MediaEvent> {
        self.events.next().await
    }

    fn audio(&self) -> AudioPort {
        self.port.clone()
    }

    async fn stats(&self) -> MediaStats {
        self.with(|entry| Ok(entry.stats)).unwrap_or_default()
    }

    fn local_fingerprint(&self) -> String {
        let bytes = self.id.to_be_bytes();
        let pairs: Vec<String> = bytes.iter().cycle().take(32).map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    async fn close(&self) {
        let mut hub = self.media.hub();
        if hub.calls.remove(&self.id).is_some() {
            self.port.listen(false);
            self.events.close();
            hub.settle();
        }
    }
}

impl Drop for FakeCall {
    fn drop(&mut self) {
        let mut hub = self.media.hub();
        hub.calls.remove(&self.id);
        hub.settle();
        drop(hub);
        self.port.listen(false);
        self.events.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Role;

    async fn pair(media: &FakeMedia) -> (Box<dyn CallMedia>, Box<dyn CallMedia>) {
        let caller = media.open(CallMediaConfig::new(Role::Caller)).await.unwrap();
        let callee = media.open(CallMediaConfig::new(Role::Callee)).await.unwrap();
        (caller, callee)
    }

    async fn connect(caller: &dyn CallMedia, callee: &dyn CallMedia) {
        let offer = caller.create_offer().await.unwrap();
        let answer = callee.create_answer(&offer).await.unwrap();
        caller.apply_answer(&answer, true).await.unwrap();
    }

    async fn events(call: &dyn CallMedia) -> Vec<MediaEvent> {
        call.close().await;
        let mut events = Vec::new();
        while let Some(event) = call.next_event().await {
            events.push(event);
        }
        events.retain(|event| !matches!(event, MediaEvent::Candidate(_) | MediaEvent::GatheringDone));
        events
    }

    #[tokio::test]
    async fn a_pair_connects_and_sound_waits_for_the_answer() {
        let media = FakeMedia::new();
        let (caller, callee) = pair(&media).await;
        connect(caller.as_ref(), callee.as_ref()).await;
        assert_eq!(caller.audio().push_capture(&[5; FRAME_SAMPLES]), 0, "ringing");
        caller.set_sending(true).await.unwrap();
        caller.audio().push_capture(&[6; FRAME_SAMPLES]);
        media.step(1);
        let mut heard = [0; FRAME_SAMPLES];
        assert_eq!(callee.audio().pop_playout(&mut heard), FRAME_SAMPLES);
        assert_eq!(heard, [6; FRAME_SAMPLES]);
        assert_eq!(events(callee.as_ref()).await, [MediaEvent::Connected, MediaEvent::RemoteSound]);
    }

    #[tokio::test]
    async fn a_path_goes_comes_back_and_fails() {
        let media = FakeMedia::new();
        let (caller, callee) = pair(&media).await;
        connect(caller.as_ref(), callee.as_ref()).await;
        media.set_path_down(true);
        media.set_path_down(false);
        media.fail_paths();
        let told = [MediaEvent::Connected, MediaEvent::Disconnected, MediaEvent::Connected, MediaEvent::Failed];
        assert_eq!(events(caller.as_ref()).await, told);
    }

    #[tokio::test]
    async fn the_wrong_order_is_refused_as_by_the_real_engine() {
        let media = FakeMedia::new();
        let (caller, callee) = pair(&media).await;
        assert_eq!(caller.rollback().await, Err(MediaError::WrongState));
        let offer = caller.create_offer().await.unwrap();
        assert_eq!(caller.create_offer().await, Err(MediaError::WrongState));
        assert_eq!(caller.create_answer(&offer).await, Err(MediaError::WrongState));
        caller.rollback().await.unwrap();
        let other = callee.create_offer().await.unwrap();
        caller.create_answer(&other).await.unwrap();
        assert_eq!(caller.create_answer(&Sdp::new("nonsense").unwrap()).await, Err(MediaError::BadDescription));
        assert_eq!(callee.add_remote_candidate("garbage").await, Err(MediaError::BadCandidate));
    }

    #[tokio::test]
    async fn a_closed_call_is_gone_and_its_peer_is_told() {
        let media = FakeMedia::new();
        let (caller, callee) = pair(&media).await;
        connect(caller.as_ref(), callee.as_ref()).await;
        caller.close().await;
        assert_eq!(media.open_calls(), 1);
        assert_eq!(caller.create_offer().await, Err(MediaError::Closed));
        assert_eq!(events(callee.as_ref()).await, [MediaEvent::Connected, MediaEvent::Disconnected]);
        drop((caller, callee));
        assert_eq!(media.open_calls(), 0);
    }

    #[tokio::test]
    async fn opening_can_be_made_to_fail_once() {
        let media = FakeMedia::new();
        media.refuse_next_open(MediaError::BadConfig);
        assert_eq!(media.open(CallMediaConfig::new(Role::Caller)).await.err(), Some(MediaError::BadConfig));
        assert!(media.open(CallMediaConfig::new(Role::Caller)).await.is_ok());
    }
}
