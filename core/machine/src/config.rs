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
    /// Whether data goes straight to peers that can be reached, where they let us. Default no.
    pub direct: bool,
    /// How long each step towards a direct connection may take; texts wait for it. Default 3 s.
    pub direct_wait: Duration,
    /// A direct way that came to nothing is looked for again after this. Default 60 s.
    pub direct_again: Duration,
    /// A text that was sent directly and is not acknowledged by then goes through the server. Default 10 s.
    pub direct_ack: Duration,
    /// Texts on their direct way to one number and not yet acknowledged. Default 64.
    pub direct_window: usize,
    /// Longest file that is sent or taken, in bytes. Default 64 MiB.
    pub file_max: u64,
    /// A file whose receiver cannot be reached directly is given up after this. Default 10 min.
    pub file_patience: Duration,
    /// How this phone recognises its verification SMS. Default: the dialer reads SMS itself.
    pub sms_platform: SmsPlatform,
}

impl Config {
    /// With other thresholds for voice, and a withdrawal between the two, for hysteresis (DESIGN 7). `None` when low-rate voice
    /// would need more than full voice.
    #[must_use]
    pub fn with_voice_rates(self, full_voice: DataRate, low_rate_voice: DataRate) -> Option<Config> {
        let withdrawn_below = self.withdrawn_below.max(low_rate_voice).min(full_voice);
        (low_rate_voice <= full_voice).then_some(Config { full_voice, low_rate_voice, withdrawn_below, ..self })
    }
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
            direct: false,
            direct_wait: Duration::from_secs(3),
            direct_again: Duration::from_secs(60),
            direct_ack: Duration::from_secs(10),
            direct_window: 64,
            file_max: 64 * 1024 * 1024,
            file_patience: Duration::from_secs(600),
            sms_platform: SmsPlatform::Dialer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawal_lies_between_the_two_rates_of_voice() {
        let rates = |full, low| {
            let config = Config::default().with_voice_rates(DataRate::kbps(full), DataRate::kbps(low));
            config.map(|config| config.withdrawn_below)
        };
        assert_eq!(rates(64, 32), Some(DataRate::kbps(48)));
        assert_eq!(rates(128, 60), Some(DataRate::kbps(60)));
        assert_eq!(rates(40, 20), Some(DataRate::kbps(40)));
        assert_eq!(rates(40, 40), Some(DataRate::kbps(40)));
        assert_eq!(rates(40, 41), None);
    }
}
