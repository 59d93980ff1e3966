//! What a call's media has done, in numbers.

/// Counters since the call was opened, and gauges of the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MediaStats {
    /// RTP packets handed to the network.
    pub sent_packets: u64,
    /// Their bytes as the IPv6 wire would carry them: payload, RTP 12, SRTP tag 10, UDP 8, IP 40.
    pub sent_wire_bytes: u64,
    /// RTP packets that arrived and were authentic.
    pub received_packets: u64,
    /// 20 ms frames played from a packet that arrived in time.
    pub frames_played: u64,
    /// 20 ms frames recovered from the redundancy of a later packet.
    pub frames_recovered: u64,
    /// 20 ms frames concealed, because nothing was there.
    pub frames_concealed: u64,
    /// Packets that came after their time to be played.
    pub packets_late: u64,
    /// Packets that came twice.
    pub packets_duplicate: u64,
    /// Sound waiting to be played, in milliseconds.
    pub buffer_ms: u32,
    /// Delay the buffer wants to hold for the jitter it sees, in milliseconds.
    pub target_ms: u32,
    /// Interarrival jitter (RFC 3550 section 6.4.1), in milliseconds.
    pub jitter_ms: f32,
    /// Share of packets lost on the way here over the last 5 s, in percent.
    pub loss_percent: f32,
    /// Share of our packets the peer lost, as its RTCP told last, in percent.
    pub remote_loss_percent: f32,
    /// Round trip by RTCP or ICE, in milliseconds; `None` until measured.
    pub round_trip_ms: Option<f32>,
}
