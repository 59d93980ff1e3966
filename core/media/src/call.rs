//! What the tasks of one call share.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use crate::arrival::Arrivals;
use crate::codec::Encoder;
use crate::events::EventQueue;
use crate::media::{MediaEvent, VoiceMode};
use crate::playout::Playout;
use crate::port::{AudioPort, FRAME_SAMPLES};
use crate::stats::MediaStats;

/// RTP 12, SRTP tag 10, UDP 8, IPv6 40.
const PACKET_OVERHEAD_BYTES: u64 = 70;

pub(crate) struct CallShared {
    pub(crate) events: EventQueue,
    port: AudioPort,
    epoch: Instant,
    switches: Switches,
    low_rate: AtomicBool,
    /// What the peer's description lets this end send in.
    peer_low_rate: AtomicBool,
    payload_type: AtomicU8,
    remote_loss: AtomicU32,
    round_trip_us: AtomicU32,
    sent_packets: AtomicU64,
    sent_wire_bytes: AtomicU64,
    heard: AtomicBool,
    failed: AtomicBool,
    receiving: Mutex<Receiving>,
}

/// What decides whether the microphone is heard.
#[derive(Default)]
struct Switches {
    sending: AtomicBool,
    hold: AtomicBool,
    connected: AtomicBool,
}

struct Receiving {
    playout: Playout,
    arrivals: Arrivals,
}

impl CallShared {
    pub(crate) fn new(port: AudioPort, playout: Playout, mode: VoiceMode) -> Self {
        Self {
            events: EventQueue::default(),
            port,
            epoch: Instant::now(),
            switches: Switches::default(),
            low_rate: AtomicBool::new(mode == VoiceMode::LowRate),
            peer_low_rate: AtomicBool::new(false),
            payload_type: AtomicU8::new(crate::rtc_setup::OPUS_PAYLOAD_TYPE),
            remote_loss: AtomicU32::new(0.0_f32.to_bits()),
            round_trip_us: AtomicU32::new(0),
            sent_packets: AtomicU64::new(0),
            sent_wire_bytes: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            receiving: Mutex::new(Receiving { playout, arrivals: Arrivals::default() }),
        }
    }

    pub(crate) fn set_sending(&self, on: bool) {
        self.switches.sending.store(on, Ordering::Release);
        self.switch_capture();
    }

    pub(crate) fn set_hold(&self, on: bool) {
        self.switches.hold.store(on, Ordering::Release);
        if on {
            self.port.clear_playout();
        }
        self.switch_capture();
    }

    /// The path is up.
    pub(crate) fn connected(&self) {
        self.failed.store(false, Ordering::Release);
        self.switch_connected(true);
        self.events.push(MediaEvent::Connected);
    }

    /// The path has gone quiet.
    pub(crate) fn disconnected(&self) {
        self.switch_connected(false);
        self.events.push(MediaEvent::Disconnected);
    }

    /// The path is lost, or the media cannot go on. Told once, until the path is up again.
    pub(crate) fn fail(&self) {
        self.switch_connected(false);
        if !self.failed.swap(true, Ordering::AcqRel) {
            self.events.push(MediaEvent::Failed);
        }
    }

    fn switch_connected(&self, on: bool) {
        self.switches.connected.store(on, Ordering::Release);
        self.switch_capture();
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.switches.connected.load(Ordering::Acquire)
    }

    pub(crate) fn on_hold(&self) -> bool {
        self.switches.hold.load(Ordering::Acquire)
    }

    pub(crate) fn set_mode(&self, mode: VoiceMode) {
        self.low_rate.store(mode == VoiceMode::LowRate, Ordering::Release);
    }

    /// The mode of this end, whatever the peer can take.
    pub(crate) fn own_mode(&self) -> VoiceMode {
        if self.low_rate.load(Ordering::Acquire) { VoiceMode::LowRate } else { VoiceMode::Full }
    }

    pub(crate) fn set_peer_mode(&self, mode: VoiceMode) {
        self.peer_low_rate.store(mode == VoiceMode::LowRate, Ordering::Release);
    }

    pub(crate) fn set_payload_type(&self, payload_type: u8) {
        self.payload_type.store(payload_type, Ordering::Release);
    }

    pub(crate) fn payload_type(&self) -> u8 {
        self.payload_type.load(Ordering::Acquire)
    }

    /// The peer reported this loss over the last second, in percent. Smoothed over a few reports: at 50 packets a
    /// second one report is a coarse measure.
    pub(crate) fn reported_loss(&self, percent: f32) {
        let smoothed = self.remote_loss_percent() * 0.6 + percent * 0.4;
        let settled = if smoothed < 0.1 { 0.0 } else { smoothed };
        self.remote_loss.store(settled.to_bits(), Ordering::Release);
    }

    pub(crate) fn measured_round_trip(&self, ms: f32) {
        self.round_trip_us.store((ms * 1000.0) as u32, Ordering::Release);
    }

    /// Brings the encoder to the mode and loss of now.
    pub(crate) fn tune(&self, encoder: &mut dyn Encoder) {
        let low_rate = self.low_rate.load(Ordering::Acquire) || self.peer_low_rate.load(Ordering::Acquire);
        encoder.set_mode(if low_rate { VoiceMode::LowRate } else { VoiceMode::Full });
        encoder.set_expected_loss(self.remote_loss_percent());
    }

    pub(crate) fn count_sent(&self, payload_bytes: usize) {
        self.sent_packets.fetch_add(1, Ordering::Relaxed);
        self.sent_wire_bytes.fetch_add(payload_bytes as u64 + PACKET_OVERHEAD_BYTES, Ordering::Relaxed);
    }

    /// An authentic RTP packet came.
    pub(crate) fn received(&self, sequence: u16, timestamp: u32, payload: Bytes) {
        let now_us = self.now_us();
        let is_sound = {
            let mut receiving = self.receiving();
            receiving.arrivals.packet(sequence, timestamp, now_us);
            receiving.playout.insert(sequence, timestamp, payload, now_us)
        };
        if is_sound && !self.heard.swap(true, Ordering::AcqRel) {
            self.events.push(MediaEvent::RemoteSound);
        }
    }

    /// The next 20 ms to play; `false` when there is nothing.
    pub(crate) fn next_frame(&self, frame: &mut [i16; FRAME_SAMPLES]) -> bool {
        let now_us = self.now_us();
        self.receiving().playout.next_frame(now_us, frame)
    }

    /// A second has passed.
    pub(crate) fn second(&self) {
        self.receiving().arrivals.second();
    }

    pub(crate) fn stats(&self) -> MediaStats {
        let receiving = self.receiving();
        let counts = receiving.playout.counts();
        let round_trip_us = self.round_trip_us.load(Ordering::Acquire);
        MediaStats {
            sent_packets: self.sent_packets.load(Ordering::Relaxed),
            sent_wire_bytes: self.sent_wire_bytes.load(Ordering::Relaxed),
            received_packets: receiving.arrivals.received(),
            frames_played: counts.played,
            frames_recovered: counts.recovered,
            frames_concealed: counts.concealed,
            packets_late: counts.late,
            packets_duplicate: counts.duplicate,
            buffer_ms: (receiving.playout.level_us() / 1000) as u32,
            target_ms: (receiving.playout.target_us() / 1000) as u32,
            jitter_ms: receiving.arrivals.jitter_ms(),
            loss_percent: receiving.arrivals.loss_percent(),
            remote_loss_percent: self.remote_loss_percent(),
            round_trip_ms: (round_trip_us > 0).then_some(round_trip_us as f32 / 1000.0),
        }
    }

    fn remote_loss_percent(&self) -> f32 {
        f32::from_bits(self.remote_loss.load(Ordering::Acquire))
    }

    fn switch_capture(&self) {
        let Switches { sending, hold, connected } = &self.switches;
        let on = sending.load(Ordering::Acquire) && !hold.load(Ordering::Acquire) && connected.load(Ordering::Acquire);
        self.port.listen(on);
    }

    fn now_us(&self) -> i64 {
        i64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn receiving(&self) -> MutexGuard<'_, Receiving> {
        self.receiving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
