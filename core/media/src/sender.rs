//! The sending half of a call's sound: captured samples to paced RTP packets.

use std::sync::Arc;
use std::time::Duration;

use rtc::rtp;
use tokio::time::Instant;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use crate::call::CallShared;
use crate::codec::Encoder;
use crate::media::MediaError;
use crate::port::{AudioPort, FRAME_SAMPLES};

/// Capture that ran dry for longer than this is a pause: the RTP clock jumps by it (RFC 3550 section 5.1) and the next
/// packet begins a talkspurt. Less is the device's own unevenness.
const PAUSE: Duration = Duration::from_millis(200);
/// More captured sound than this in the ring is sent faster, so that a fast device clock adds no delay.
const BACKLOG_SAMPLES: usize = 3 * FRAME_SAMPLES;

/// When to send the next packet. Pure.
#[derive(Debug)]
struct Pace {
    due: Option<Instant>,
}

impl Pace {
    /// How long to wait at `now` before the next packet.
    fn wait(&self, now: Instant) -> Duration {
        self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
    }

    /// A packet of `samples` was sent at `now`, and `backlog` samples wait. Keeps the beat while it can; starts a new
    /// one after a delay of more than a packet.
    fn sent(&mut self, now: Instant, samples: usize, backlog: usize) {
        let length = duration_of(samples);
        let beat = match self.due {
            Some(due) if due + length > now => due,
            Some(_) | None => now,
        };
        let step = if backlog > BACKLOG_SAMPLES { length * 3 / 4 } else { length };
        self.due = Some(beat + step);
    }
}

fn duration_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1000 / 48)
}

/// Numbers the packets of one stream.
struct RtpClock {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    last_end: Option<Instant>,
}

impl RtpClock {
    /// The header of a packet of `samples` sent at `now`.
    fn header(&mut self, payload_type: u8, samples: usize, now: Instant) -> rtp::header::Header {
        let paused = self.last_end.map(|end| now.saturating_duration_since(end)).filter(|gap| *gap > PAUSE);
        if let Some(gap) = paused {
            let frames = gap.as_millis() as u32 / 20;
            self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(FRAME_SAMPLES as u32));
        }
        let header = rtp::header::Header {
            version: 2,
            marker: paused.is_some() || self.last_end.is_none(),
            payload_type,
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
        self.last_end = Some(now + duration_of(samples));
        header
    }
}

/// Sends what is captured until the task is aborted.
pub(crate) async fn send_capture(
    shared: Arc<CallShared>,
    port: AudioPort,
    mut encoder: Box<dyn Encoder>,
    track: Arc<TrackLocalStaticRTP>,
    numbers: RtpStart,
) {
    let mut clock =
        RtpClock { ssrc: numbers.ssrc, sequence: numbers.sequence, timestamp: numbers.timestamp, last_end: None };
    let mut pace = Pace { due: None };
    let mut pcm = Vec::new();
    loop {
        shared.tune(encoder.as_mut());
        pcm.resize(encoder.packet_samples(), 0);
        tokio::time::sleep(pace.wait(Instant::now())).await;
        if !port.take_capture(&mut pcm) {
            port.captured().await;
            continue;
        }
        let now = Instant::now();
        pace.sent(now, pcm.len(), port.capture_waiting());
        match encode_and_send(&shared, encoder.as_mut(), &track, &mut clock, &pcm, now).await {
            Ok(()) => {}
            Err(MediaError::Closed) => return,
            // A codec that refuses its own frames will not recover.
            Err(_) => return shared.fail(),
        }
    }
}

/// Where the numbers of a stream begin (RFC 3550 section 5.1: at random).
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtpStart {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

async fn encode_and_send(
    shared: &CallShared,
    encoder: &mut dyn Encoder,
    track: &TrackLocalStaticRTP,
    clock: &mut RtpClock,
    pcm: &[i16],
    now: Instant,
) -> Result<(), MediaError> {
    let payload = encoder.encode(pcm)?;
    let length = payload.len();
    let header = clock.header(shared.payload_type(), pcm.len(), now);
    let packet = rtp::packet::Packet { header, payload: payload.into() };
    track.write_rtp(packet).await.map_err(|_| MediaError::Closed)?;
    shared.count_sent(length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn an_uneven_device_is_sent_on_an_even_beat() {
        let start = Instant::now();
        let mut pace = Pace { due: None };
        pace.sent(start, 960, 0);
        assert_eq!(pace.wait(start + 15 * MS), 5 * MS, "early");
        pace.sent(start + 26 * MS, 960, 0);
        assert_eq!(pace.wait(start + 26 * MS), 14 * MS, "late once, back on the beat");
    }

    #[test]
    fn after_a_longer_delay_a_new_beat_begins() {
        let start = Instant::now();
        let mut pace = Pace { due: None };
        pace.sent(start, 960, 0);
        pace.sent(start + 100 * MS, 960, 0);
        assert_eq!(pace.wait(start + 100 * MS), 20 * MS);
    }

    #[test]
    fn a_backlog_is_worked_off_faster() {
        let start = Instant::now();
        let mut pace = Pace { due: None };
        pace.sent(start, 960, BACKLOG_SAMPLES);
        assert_eq!(pace.wait(start), 20 * MS);
        pace.sent(start + 20 * MS, 960, BACKLOG_SAMPLES + 1);
        assert_eq!(pace.wait(start + 20 * MS), 15 * MS);
    }

    #[test]
    fn the_rtp_clock_counts_samples_and_jumps_only_over_pauses() {
        let start = Instant::now();
        let mut clock = RtpClock { ssrc: 1, sequence: u16::MAX, timestamp: 0, last_end: None };
        let first = clock.header(111, 960, start);
        assert!(first.marker, "the first packet begins a talkspurt");
        let second = clock.header(111, 960, start + 50 * MS);
        assert_eq!((second.sequence_number, second.timestamp, second.marker), (0, 960, false));
        let third = clock.header(111, 960, start + 1_070 * MS);
        assert_eq!((third.sequence_number, third.marker), (1, true));
        assert_eq!(third.timestamp, 1_920 + 50 * 960, "a second later");
    }
}
