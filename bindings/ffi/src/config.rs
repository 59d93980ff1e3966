//! What a core is started with.

use crate::errors::TandemError;
use std::net::IpAddr;
use std::time::Duration;
use tandem_engine::{EngineConfig, Roots};
use tandem_model::DataRate;

/// Everything a core is started with. Only the server and the database have no default.
#[derive(Clone, uniffi::Record)]
pub struct CoreConfig {
    /// The server: `wss://host[:port]`, or `ws://host[:port]` on a loopback. No path.
    pub server: String,
    /// The database file. Its directory must exist and be the app's own; `-wal`, `-shm`, `.ballast` and `.lock` stand beside it.
    pub database: String,
    /// Where registrations are posted to, in full (`https://..`). Absent: the server's own address.
    #[uniffi(default = None)]
    pub register_url: Option<String>,
    /// Certificates to trust, in DER, and no others; those that cannot be read are passed over. Absent: the OS's own
    /// verifier, which on Android needs a Java context this core is not given: there, pass what `AndroidCAStore` holds.
    #[uniffi(default = None)]
    pub roots: Option<Vec<Vec<u8>>>,
    /// Calls go through a relay only: the peer learns no address.
    #[uniffi(default = false)]
    pub relay_only: bool,
    /// Addresses, and no names, that calls are gathered on. Empty: every interface but loopback.
    #[uniffi(default = [])]
    pub gather_on: Vec<String>,
    /// Threshold 1 in bit/s each direction, on the wire: full voice from here on. Absent: 64,000.
    #[uniffi(default = None)]
    pub full_voice_bps: Option<u64>,
    /// Low-rate voice from here on; the user is asked below. Absent: 32,000.
    #[uniffi(default = None)]
    pub low_rate_voice_bps: Option<u64>,
    /// How often marks are asked for, in milliseconds, 1,000 to 604,800,000 (a week), unless the server says otherwise.
    /// Absent: 6 hours.
    #[uniffi(default = None)]
    pub marks_interval_ms: Option<u64>,
    /// Events that may wait for the app, 16 or more. Beyond them those that can be read again from the database or the state
    /// give way to `Notice::Resync`, and only then the oldest of the others. Absent: 4096.
    #[uniffi(default = None)]
    pub events_max: Option<u32>,
    /// A core that makes no progress for this many milliseconds counts as hung, 100 to 60,000. Absent: 2,000.
    #[uniffi(default = None)]
    pub hang_after_ms: Option<u32>,
    /// UDP port to listen at for data that comes straight from other phones; 0 for any. Absent: none comes, and nobody is told
    /// where this phone is.
    #[uniffi(default = None)]
    pub direct_port: Option<u16>,
}

/// Fewer events than this could not hold what is asked of a person.
const EVENTS_MIN: u32 = 16;

impl TryFrom<CoreConfig> for EngineConfig {
    type Error = TandemError;

    fn try_from(from: CoreConfig) -> Result<EngineConfig, TandemError> {
        let mut config = EngineConfig::new(from.server, from.database);
        config.register_url = from.register_url;
        config.roots = from.roots.map_or(Roots::System, Roots::Explicit);
        config.media.relay_only = from.relay_only;
        // Who is reached through relays only is told to nobody.
        config.direct_port = from.direct_port.filter(|_| !from.relay_only);
        config.media.bind = addresses(&from.gather_on)?;
        let full_voice = from.full_voice_bps.map_or(config.machine.full_voice, DataRate::bps);
        let low_rate_voice = from.low_rate_voice_bps.map_or(config.machine.low_rate_voice, DataRate::bps);
        config.machine = config.machine.with_voice_rates(full_voice, low_rate_voice).ok_or(TandemError::BadSetting)?;
        let machine = &mut config.machine;
        machine.marks_interval = within(from.marks_interval_ms, machine.marks_interval, 1_000..=7 * 86_400_000)?;
        config.hang_after = within(from.hang_after_ms.map(u64::from), config.hang_after, 100..=60_000)?;
        config.events_max = match from.events_max {
            Some(too_few) if too_few < EVENTS_MIN => return Err(TandemError::BadSetting),
            given => given.map_or(config.events_max, |max| max as usize),
        };
        Ok(config)
    }
}

fn addresses(raw: &[String]) -> Result<Vec<IpAddr>, TandemError> {
    raw.iter().map(|raw| raw.parse().map_err(|_| TandemError::BadSetting)).collect()
}

fn within(
    given_ms: Option<u64>,
    default: Duration,
    range_ms: std::ops::RangeInclusive<u64>,
) -> Result<Duration, TandemError> {
    match given_ms {
        None => Ok(default),
        Some(given) if range_ms.contains(&given) => Ok(Duration::from_millis(given)),
        Some(_) => Err(TandemError::BadSetting),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> CoreConfig {
        CoreConfig {
            server: "wss://tandem.example".into(),
            database: "/nowhere/db".into(),
            register_url: None,
            roots: None,
            relay_only: false,
            gather_on: Vec::new(),
            full_voice_bps: None,
            low_rate_voice_bps: None,
            marks_interval_ms: None,
            events_max: None,
            hang_after_ms: None,
            direct_port: None,
        }
    }

    fn refused(change: impl FnOnce(&mut CoreConfig)) -> bool {
        let mut config = config();
        change(&mut config);
        EngineConfig::try_from(config).err() == Some(TandemError::BadSetting)
    }

    #[test]
    fn what_is_absent_is_the_engines_default() {
        let (mine, default) = (EngineConfig::try_from(config()).unwrap(), EngineConfig::new("", ""));
        assert_eq!(mine.machine, default.machine);
        assert_eq!(
            (mine.hang_after, mine.events_max, mine.roots),
            (default.hang_after, default.events_max, Roots::System)
        );
    }

    #[test]
    fn who_is_reached_through_relays_only_listens_nowhere() {
        let with = |relay_only| CoreConfig { direct_port: Some(4_433), relay_only, ..config() };
        let port = |config| EngineConfig::try_from(config).unwrap().direct_port;
        assert_eq!((port(with(false)), port(with(true)), port(config())), (Some(4_433), None, None));
    }

    #[test]
    fn a_setting_out_of_its_range_is_refused() {
        assert!(refused(|config| config.gather_on = vec!["localhost".into()]));
        assert!(refused(|config| config.hang_after_ms = Some(99)));
        assert!(refused(|config| config.hang_after_ms = Some(60_001)));
        assert!(refused(|config| config.marks_interval_ms = Some(999)));
        assert!(refused(|config| (config.full_voice_bps, config.low_rate_voice_bps) = (Some(1), Some(2))));
        assert!(refused(|config| config.events_max = Some(15)));
        assert!(!refused(|config| config.events_max = Some(16)));
        assert!(!refused(|config| config.hang_after_ms = Some(100)));
        assert!(!refused(|config| config.gather_on = vec!["127.0.0.1".into(), "::1".into()]));
    }
}
