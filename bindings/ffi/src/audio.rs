//! The sound of a call: when it may be touched. The sound itself crosses by the C ABI in `audio_abi`.

use crate::audio_abi;
use crate::core::Core;
use crate::errors::TandemError;
use tandem_model::CallId;

#[uniffi::export]
impl Core {
    /// The OS has opened microphone and earpiece for a call: from now on its sound may be read and written, by
    /// `tandem_audio_read` and `tandem_audio_write` with the handle this gives. The handle ends with the call, and is never
    /// used again; a dead one is safe to use. `Stale` when the call has no media (any more).
    pub fn audio_ready(&self, call: CallId) -> Result<u64, TandemError> {
        let port = self.engine.call_audio(call).ok_or(TandemError::Stale)?;
        Ok(audio_abi::open(&port))
    }

    /// What the call's media has done, as of the last second; absent before its first second and after its end. Throws
    /// `Stale` for what is no call id.
    pub fn call_quality(&self, call: CallId) -> Result<Option<CallQuality>, TandemError> {
        Ok(self.engine.call_stats(call).map(CallQuality::from))
    }
}

/// What a call's media has done since it was opened.
#[derive(Clone, Copy, uniffi::Record)]
pub struct CallQuality {
    /// RTP packets handed to the network.
    pub sent_packets: u64,
    /// Their bytes as the IPv6 wire would carry them, headers included.
    pub sent_wire_bytes: u64,
    /// RTP packets that arrived and were authentic.
    pub received_packets: u64,
    /// 20 ms frames played, recovered from redundancy, or concealed because nothing was there.
    pub frames_played: u64,
    /// See above.
    pub frames_recovered: u64,
    /// See above.
    pub frames_concealed: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1), in milliseconds.
    pub jitter_ms: f32,
    /// Share of packets lost on the way here over the last 5 s, in percent.
    pub loss_percent: f32,
    /// Share of our packets the peer lost, as it told last, in percent.
    pub remote_loss_percent: f32,
    /// Round trip, in milliseconds; absent until measured.
    pub round_trip_ms: Option<f32>,
}

impl From<tandem_engine::MediaStats> for CallQuality {
    fn from(stats: tandem_engine::MediaStats) -> CallQuality {
        CallQuality {
            sent_packets: stats.sent_packets,
            sent_wire_bytes: stats.sent_wire_bytes,
            received_packets: stats.received_packets,
            frames_played: stats.frames_played,
            frames_recovered: stats.frames_recovered,
            frames_concealed: stats.frames_concealed,
            jitter_ms: stats.jitter_ms,
            loss_percent: stats.loss_percent,
            remote_loss_percent: stats.remote_loss_percent,
            round_trip_ms: stats.round_trip_ms,
        }
    }
}
