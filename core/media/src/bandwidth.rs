//! What a description says of the rate its sender can take: `b=AS` of the audio (RFC 8866 section 5.8), in kbit/s with all
//! headers. A phone on a slow link asks for it; whoever sends to such a phone keeps to it.

use crate::media::{MediaError, Sdp, VoiceMode};

/// What a phone in low-rate mode can take. Its stream of the other mode needs some 60.
const LOW_RATE_KBPS: u64 = 32;
/// Below this the full mode does not fit.
const FULL_KBPS: u64 = 64;

/// The description with what `mode` can take.
pub(crate) fn ask(sdp: Sdp, mode: VoiceMode) -> Result<Sdp, MediaError> {
    if mode == VoiceMode::Full {
        return Ok(sdp);
    }
    let mut out = String::with_capacity(sdp.as_str().len() + 16);
    let mut in_audio = false;
    for line in sdp.as_str().split_inclusive('\n') {
        let ends_head = in_audio && !matches!(line.as_bytes().first(), Some(b'i' | b'c'));
        if ends_head {
            out.push_str(&format!("b=AS:{LOW_RATE_KBPS}\r\n"));
            in_audio = false;
        }
        out.push_str(line);
        in_audio |= line.starts_with("m=audio");
    }
    Sdp::new(out)
}

/// The mode a description lets its receiver send in.
pub(crate) fn asked(sdp: &Sdp) -> VoiceMode {
    let audio = sdp.as_str().lines().skip_while(|line| !line.starts_with("m=audio")).skip(1);
    let limit = audio
        .take_while(|line| !line.starts_with("m="))
        .find_map(|line| line.trim_end().strip_prefix("b=AS:")?.parse::<u64>().ok());
    if limit.is_some_and(|kbps| kbps < FULL_KBPS) { VoiceMode::LowRate } else { VoiceMode::Full }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str =
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n";

    fn sdp(text: &str) -> Sdp {
        Sdp::new(text).unwrap()
    }

    #[test]
    fn low_rate_is_asked_for_after_the_connection_line_and_read_back() {
        let asks = ask(sdp(SDP), VoiceMode::LowRate).unwrap();
        assert!(asks.as_str().contains("c=IN IP4 0.0.0.0\r\nb=AS:32\r\na=mid:0\r\n"), "{}", asks.as_str());
        assert_eq!(asked(&asks), VoiceMode::LowRate);
    }

    #[test]
    fn the_full_mode_asks_for_nothing() {
        assert_eq!(ask(sdp(SDP), VoiceMode::Full).unwrap().as_str(), SDP);
        assert_eq!(asked(&sdp(SDP)), VoiceMode::Full);
    }

    #[test]
    fn a_limit_counts_from_where_the_full_mode_no_longer_fits() {
        let limited = |kbps: &str| asked(&sdp(&SDP.replace("a=mid", &format!("b=AS:{kbps}\r\na=mid"))));
        assert_eq!(limited("63"), VoiceMode::LowRate);
        assert_eq!(limited("64"), VoiceMode::Full);
        assert_eq!(limited("0"), VoiceMode::LowRate);
        assert_eq!(limited("much"), VoiceMode::Full);
        assert_eq!(limited("-1"), VoiceMode::Full);
    }

    #[test]
    fn a_limit_of_the_session_or_of_another_medium_is_not_the_audios() {
        assert_eq!(asked(&sdp(&SDP.replace("m=audio", "b=AS:10\r\nm=audio"))), VoiceMode::Full);
        assert_eq!(asked(&sdp(&format!("{SDP}m=video 9 UDP/TLS/RTP/SAVPF 96\r\nb=AS:10\r\n"))), VoiceMode::Full);
    }
}
