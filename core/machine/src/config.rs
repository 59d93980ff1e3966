//! What can be set, with the defaults of DESIGN 7.

use std::time::Duration;
use tandem_model::DataRate;
use tandem_wire::frame::SmsPlatform;

/// Everything the phone's decisions can be tuned with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Threshold 1: at and above it the own path carries full voice. Default 64 kbit/s, each direction, bytes on the wire.
    pub full_voice: DataRate,
    /// At and above it, below [`Config::full_voice`]: low-rate voice. Below: the user is asked. Default 32 kbit/s.
    pub low_rate_voice: DataRate,
    /// A pass is withdrawn below this. Default 48 kbit/s.
    pub withdrawn_below: DataRate,
    /// Round trips above this fail the own check. Default 600 ms.
    pub round_trip_max: Duration,
    /// Age of a usable measurement on a moving phone. Default 30 s.
    pub measurement_age_moving: Duration,
    /// Age of a usable measurement on Wi-Fi. Default 120 s.
    pub measurement_age_wifi: Duration,
    /// Age of a failed measurement. Default 10 s.
    pub measurement_age_failed: Duration,
    /// From tap to ringing or a prompt. Default 1 s.
    pub decision_budget: Duration,
    /// One acknowledged round trip within this is "connected", for texts. Default 5 s.
    pub text_connected: Duration,
    /// Until media must be connected after the callee answered. Default 8 s.
    pub media_connect: Duration,
    /// How long a connected call may be without media before it ends. Default 12 s.
    pub media_lost: Duration,
    /// How long a commit may take before the carrier is offered. Default 2 s.
    pub commit_budget: Duration,
    /// Reconnect back-off: first wait. Default 500 ms; doubles with full jitter.
    pub reconnect_first: Duration,
    /// Reconnect back-off: longest wait. Default 60 s.
    pub reconnect_max: Duration,
    /// Until a session handshake must be done. Default 10 s.
    pub handshake: Duration,
    /// Until a request to the server must be answered. Default 10 s.
    pub request: Duration,
    /// Marks are synced this often unless the server says otherwise. Default 6 h; ±10 % jitter.
    pub marks_interval: Duration,
    /// A new sealing key is published this often. Default 7 days.
    pub sealing_rotation: Duration,
    /// Texts waiting on this phone at most. Default 10,000.
    pub outbox_max: usize,
    /// Texts handed to the server and not yet acknowledged, per line. Default 32.
    pub text_window: usize,
    /// How this phone recognises its verification SMS. Default: the dialer reads SMS itself.
    pub sms_platform: SmsPlatform,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            full_voice: DataRate::kbps(64),
            low_rate_voice: DataRate::kbps(32),
            withdrawn_below: DataRate::kbps(48),
            round_trip_max: Duration::from_millis(600),
            measurement_age_moving: Duration::from_secs(30),
            measurement_age_wifi: Duration::from_secs(120),
            measurement_age_failed: Duration::from_secs(10),
            decision_budget: Duration::from_secs(1),
            text_connected: Duration::from_secs(5),
            media_connect: Duration::from_secs(8),
            media_lost: Duration::from_secs(12),
            commit_budget: Duration::from_secs(2),
            reconnect_first: Duration::from_millis(500),
            reconnect_max: Duration::from_secs(60),
            handshake: Duration::from_secs(10),
            request: Duration::from_secs(10),
            marks_interval: Duration::from_secs(6 * 3600),
            sealing_rotation: Duration::from_secs(7 * 24 * 3600),
            outbox_max: 10_000,
            text_window: 32,
            sms_platform: SmsPlatform::Dialer,
        }
    }
}
