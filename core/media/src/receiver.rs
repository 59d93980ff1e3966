//! The receiving half of a call's sound: RTP packets to the playout ring.

use std::sync::Arc;

use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use crate::call::CallShared;
use crate::port::{AudioPort, FRAME_SAMPLES};

/// Takes the packets of the peer's track until it ends.
pub(crate) async fn receive_track(shared: Arc<CallShared>, track: Arc<dyn TrackRemote>) {
    while let Some(event) = track.poll().await {
        if let TrackRemoteEvent::OnRtpPacket(packet) = event {
            shared.received(packet.header.sequence_number, packet.header.timestamp, packet.payload);
        }
    }
}

/// Keeps the playout ring as full as the device asks, in step with the device's own clock, until aborted.
pub(crate) async fn fill_playout(shared: Arc<CallShared>, port: AudioPort) {
    let mut frame = [0; FRAME_SAMPLES];
    loop {
        while port.wants_playout() && shared.next_frame(&mut frame) {
            if shared.on_hold() {
                // What comes on hold is let go at the pace it would have been played.
                break;
            }
            port.push_playout(&frame);
        }
        port.played().await;
    }
}
