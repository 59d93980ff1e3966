//! Two phones in one process, on loopback.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails the test")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tandem_media::{CallMedia, CallMediaConfig, MediaEngine, MediaEvent, Role, RtcMedia, Sdp, to_48k};
use tokio::sync::watch;

/// Longer than any of the media's own bounds: reaching it is a failure of the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a call has told so far.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    pub connected: u32,
    pub disconnected: u32,
    pub failed: u32,
    pub remote_sound: u32,
    pub gathering_done: u32,
    pub candidates: u32,
    pub ended: bool,
}

/// One end of a call, its events pumped: candidates go to the other end as they come.
pub struct End {
    pub call: Arc<dyn CallMedia>,
    seen: watch::Receiver<Seen>,
}

impl End {
    /// Waits until the events so far satisfy `condition`.
    pub async fn until(&self, what: &str, condition: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.clone();
        let reached = tokio::time::timeout(PATIENCE, seen.wait_for(condition)).await;
        reached.unwrap_or_else(|_| panic!("never: {what}; saw {:?}", self.seen.borrow())).unwrap().clone()
    }
}

pub fn loopback(role: Role) -> CallMediaConfig {
    CallMediaConfig { bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)], ..CallMediaConfig::new(role) }
}

/// Opens both ends and lets candidates trickle between them.
pub async fn pair(caller: &RtcMedia, callee: &RtcMedia) -> (End, End) {
    pair_with(caller, callee, loopback(Role::Caller), loopback(Role::Callee)).await
}

pub async fn pair_with(caller: &RtcMedia, callee: &RtcMedia, from: CallMediaConfig, to: CallMediaConfig) -> (End, End) {
    let caller: Arc<dyn CallMedia> = caller.open(from).await.unwrap().into();
    let callee: Arc<dyn CallMedia> = callee.open(to).await.unwrap().into();
    (pump(caller.clone(), callee.clone()), pump(callee, caller))
}

fn pump(call: Arc<dyn CallMedia>, peer: Arc<dyn CallMedia>) -> End {
    let (tell, seen) = watch::channel(Seen::default());
    let taken = call.clone();
    tokio::spawn(async move {
        while let Some(event) = taken.next_event().await {
            if let MediaEvent::Candidate(candidate) = &event {
                let _ = peer.add_remote_candidate(candidate).await;
            }
            tell.send_modify(|seen| match event {
                MediaEvent::Candidate(_) => seen.candidates += 1,
                MediaEvent::GatheringDone => seen.gathering_done += 1,
                MediaEvent::Connected => seen.connected += 1,
                MediaEvent::Disconnected => seen.disconnected += 1,
                MediaEvent::Failed => seen.failed += 1,
                MediaEvent::RemoteSound => seen.remote_sound += 1,
                MediaEvent::Stats(_) => {}
            });
        }
        tell.send_modify(|seen| seen.ended = true);
    });
    End { call, seen }
}

/// Offer, answer at once (as while ringing), both connected.
pub async fn connect(caller: &End, callee: &End) {
    let offer = caller.call.create_offer().await.unwrap();
    let answer = callee.call.create_answer(&over_the_wire(&offer)).await.unwrap();
    caller.call.apply_answer(&over_the_wire(&answer), true).await.unwrap();
    caller.until("caller connected", |seen| seen.connected > 0).await;
    callee.until("callee connected", |seen| seen.connected > 0).await;
}

pub fn over_the_wire(sdp: &Sdp) -> Sdp {
    Sdp::new(sdp.as_str().to_owned()).unwrap()
}

/// A recording of the lab at 48 kHz.
pub fn speech(name: &str) -> Vec<i16> {
    let path = format!("{}/../../mobile-demo/lab/speech/{name}.wav", env!("CARGO_MANIFEST_DIR"));
    let samples: Result<Vec<i16>, _> = hound::WavReader::open(path).unwrap().into_samples().collect();
    to_48k(&samples.unwrap())
}
