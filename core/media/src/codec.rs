//! The codec behind its own seam, and the one that ships: Opus (RFC 6716) in pure Rust.

use rusty_opus::{Application, Bandwidth, OpusDecoder, OpusEncoder, SignalType};

use crate::media::{MediaError, VoiceMode};
use crate::port::{FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// Longest packet Opus can make: 120 ms.
pub(crate) const LONGEST_PACKET_SAMPLES: usize = 6 * FRAME_SAMPLES;
/// Room for one packet of any mode used here.
const PACKET_BYTES: usize = 1275;
/// Loss from which the sender spends bits on redundancy, in percent. Below it, concealment is good enough.
const PROTECT_FROM_PERCENT: f32 = 2.0;

/// Makes a matching encoder and decoder.
pub trait Codec: Send + Sync {
    /// An encoder in `mode`.
    ///
    /// # Errors
    /// [`MediaError::Broken`] when the codec cannot start.
    fn encoder(&self, mode: VoiceMode) -> Result<Box<dyn Encoder>, MediaError>;

    /// A decoder.
    ///
    /// # Errors
    /// [`MediaError::Broken`] when the codec cannot start.
    fn decoder(&self) -> Result<Box<dyn Decoder>, MediaError>;
}

/// Sound in, packets out. One for each sent stream.
pub trait Encoder: Send {
    /// Samples at 48 kHz that one packet carries in the present mode.
    fn packet_samples(&self) -> usize;

    /// Changes the mode from the next packet on.
    fn set_mode(&mut self, mode: VoiceMode);

    /// Tells what share of packets the peer loses, in percent; decides how much redundancy is sent.
    fn set_expected_loss(&mut self, percent: f32);

    /// Encodes exactly [`packet_samples`](Self::packet_samples).
    ///
    /// # Errors
    /// [`MediaError::Broken`] when the codec refuses.
    fn encode(&mut self, pcm: &[i16]) -> Result<Vec<u8>, MediaError>;
}

/// Packets in, sound out. One for each received stream; calls are made in the order of play.
pub trait Decoder: Send {
    /// Samples at 48 kHz that `packet` carries; `None` when it is malformed.
    fn packet_samples(&self, packet: &[u8]) -> Option<usize>;

    /// Decodes `packet` onto the end of `pcm`.
    ///
    /// # Errors
    /// [`MediaError::Broken`] when the packet is malformed; nothing is appended.
    fn decode(&mut self, packet: &[u8], pcm: &mut Vec<i16>) -> Result<(), MediaError>;

    /// Restores the packet lost just before `next` from the redundancy in `next`, or conceals it where there is none.
    fn recover(&mut self, next: &[u8], pcm: &mut Vec<i16>);

    /// Conceals `samples` of lost sound.
    fn conceal(&mut self, samples: usize, pcm: &mut Vec<i16>);
}

/// Opus for voice: wideband, at the bit rates of [`VoiceMode`].
#[derive(Debug, Clone, Copy, Default)]
pub struct OpusCodec;

impl Codec for OpusCodec {
    fn encoder(&self, mode: VoiceMode) -> Result<Box<dyn Encoder>, MediaError> {
        OpusVoiceEncoder::new(mode).map(|encoder| Box::new(encoder) as Box<dyn Encoder>)
    }

    fn decoder(&self) -> Result<Box<dyn Decoder>, MediaError> {
        let opus = OpusDecoder::new(SAMPLE_RATE_HZ.cast_signed(), 1).map_err(|_| MediaError::Broken)?;
        Ok(Box::new(OpusVoiceDecoder { opus, scratch: vec![0.0; LONGEST_PACKET_SAMPLES] }))
    }
}

struct OpusVoiceEncoder {
    opus: OpusEncoder,
    mode: VoiceMode,
    loss_percent: f32,
    input: Vec<f32>,
}

impl OpusVoiceEncoder {
    fn new(mode: VoiceMode) -> Result<Self, MediaError> {
        let mut opus =
            OpusEncoder::new(SAMPLE_RATE_HZ.cast_signed(), 1, Application::Voip).map_err(|_| MediaError::Broken)?;
        opus.complexity = 9;
        opus.signal_type = Some(SignalType::Voice);
        // Telephony is judged on wideband; above it the bits of these rates are better spent below 8 kHz.
        opus.max_bandwidth = Bandwidth::Wideband;
        opus.lsb_depth = 16;
        let mut encoder = Self { opus, mode, loss_percent: 0.0, input: Vec::with_capacity(LONGEST_PACKET_SAMPLES) };
        encoder.tune();
        Ok(encoder)
    }

    /// Sets rate and redundancy from mode and loss. In-band FEC takes its bits out of the given rate, and below 20
    /// kbit/s it buys nothing, so the low-rate mode goes without and the full mode is given more bits for it.
    fn tune(&mut self) {
        let protect = self.loss_percent >= PROTECT_FROM_PERCENT;
        let (bitrate, fec) = match self.mode {
            VoiceMode::Full if protect => (32_000, true),
            VoiceMode::Full => (24_000, false),
            VoiceMode::LowRate => (16_000, false),
        };
        self.opus.bitrate_bps = bitrate;
        self.opus.use_inband_fec = fec;
        self.opus.packet_loss_perc = if fec { self.loss_percent.clamp(0.0, 40.0).round() as i32 } else { 0 };
    }
}

impl Encoder for OpusVoiceEncoder {
    fn packet_samples(&self) -> usize {
        match self.mode {
            VoiceMode::Full => FRAME_SAMPLES,
            VoiceMode::LowRate => 3 * FRAME_SAMPLES,
        }
    }

    fn set_mode(&mut self, mode: VoiceMode) {
        self.mode = mode;
        self.tune();
    }

    fn set_expected_loss(&mut self, percent: f32) {
        self.loss_percent = percent;
        self.tune();
    }

    fn encode(&mut self, pcm: &[i16]) -> Result<Vec<u8>, MediaError> {
        let samples = self.packet_samples();
        if pcm.len() != samples {
            return Err(MediaError::Broken);
        }
        self.input.clear();
        self.input.extend(pcm.iter().map(|&sample| f32::from(sample) / 32768.0));
        let mut packet = vec![0; PACKET_BYTES];
        let length = self.opus.encode(&self.input, samples, &mut packet).map_err(|_| MediaError::Broken)?;
        packet.truncate(length);
        Ok(packet)
    }
}

struct OpusVoiceDecoder {
    opus: OpusDecoder,
    scratch: Vec<f32>,
}

impl OpusVoiceDecoder {
    fn append(&self, samples: usize, pcm: &mut Vec<i16>) {
        let decoded = self.scratch.iter().take(samples);
        pcm.extend(decoded.map(|&value| (value * 32768.0).round().clamp(-32768.0, 32767.0) as i16));
    }
}

impl Decoder for OpusVoiceDecoder {
    fn packet_samples(&self, packet: &[u8]) -> Option<usize> {
        opus_packet_samples(packet)
    }

    fn decode(&mut self, packet: &[u8], pcm: &mut Vec<i16>) -> Result<(), MediaError> {
        let samples = opus_packet_samples(packet).ok_or(MediaError::Broken)?;
        self.opus.decode(packet, samples, &mut self.scratch).map_err(|_| MediaError::Broken)?;
        self.append(samples, pcm);
        Ok(())
    }

    fn recover(&mut self, next: &[u8], pcm: &mut Vec<i16>) {
        let samples = opus_packet_samples(next).unwrap_or(FRAME_SAMPLES);
        if self.opus.decode_fec(next, samples, &mut self.scratch).is_ok() {
            self.append(samples, pcm);
        } else {
            self.conceal(samples, pcm);
        }
    }

    fn conceal(&mut self, samples: usize, pcm: &mut Vec<i16>) {
        let samples = samples.min(LONGEST_PACKET_SAMPLES);
        if self.opus.decode(&[], samples, &mut self.scratch).is_err() {
            self.scratch.fill(0.0);
        }
        self.append(samples, pcm);
    }
}

/// Samples at 48 kHz an Opus packet carries, from its first bytes (RFC 6716 section 3.1); `None` when malformed.
fn opus_packet_samples(packet: &[u8]) -> Option<usize> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880].get(usize::from(config & 3)).copied()?,
        config @ 12..=15 => 480 << (config & 1),
        config => 120 << (config & 3),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => usize::from(packet.get(1)? & 0x3f),
    };
    let samples = frame * frames;
    (1..=LONGEST_PACKET_SAMPLES).contains(&samples).then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(samples: usize) -> Vec<i16> {
        (0..samples).map(|n| ((n as f32 * 0.05).sin() * 8000.0) as i16).collect()
    }

    #[test]
    fn a_packet_says_how_long_it_is() {
        assert_eq!(opus_packet_samples(&[9 << 3]), Some(960), "SILK wideband 20 ms");
        assert_eq!(opus_packet_samples(&[11 << 3]), Some(2880), "SILK wideband 60 ms");
        assert_eq!(opus_packet_samples(&[15 << 3]), Some(960), "hybrid 20 ms");
        assert_eq!(opus_packet_samples(&[28 << 3]), Some(120), "CELT 2.5 ms");
        assert_eq!(opus_packet_samples(&[(31 << 3) | 1, 0]), Some(1920), "two of 20 ms");
        assert_eq!(opus_packet_samples(&[(31 << 3) | 3, 6]), Some(5760), "six of 20 ms");
    }

    #[test]
    fn malformed_packets_have_no_length() {
        assert_eq!(opus_packet_samples(&[]), None);
        assert_eq!(opus_packet_samples(&[(31 << 3) | 3]), None, "count missing");
        assert_eq!(opus_packet_samples(&[(31 << 3) | 3, 0]), None, "no frames");
        assert_eq!(opus_packet_samples(&[(31 << 3) | 3, 7]), None, "more than 120 ms");
    }

    #[test]
    fn each_mode_makes_packets_of_its_length_that_decode_to_it() {
        for (mode, samples) in [(VoiceMode::Full, 960), (VoiceMode::LowRate, 2880)] {
            let mut encoder = OpusCodec.encoder(mode).unwrap();
            let mut decoder = OpusCodec.decoder().unwrap();
            assert_eq!(encoder.packet_samples(), samples);
            let packet = encoder.encode(&tone(samples)).unwrap();
            assert_eq!(decoder.packet_samples(&packet), Some(samples));
            let mut pcm = Vec::new();
            decoder.decode(&packet, &mut pcm).unwrap();
            assert_eq!(pcm.len(), samples);
        }
    }

    #[test]
    fn a_frame_of_the_wrong_length_is_refused() {
        let mut encoder = OpusCodec.encoder(VoiceMode::Full).unwrap();
        assert_eq!(encoder.encode(&tone(959)).unwrap_err(), MediaError::Broken);
    }

    #[test]
    fn hostile_packets_leave_the_decoder_usable() {
        let mut decoder = OpusCodec.decoder().unwrap();
        let mut encoder = OpusCodec.encoder(VoiceMode::Full).unwrap();
        let mut pcm = Vec::new();
        let mut seed = 1u32;
        for length in 0..300 {
            let garbage: Vec<u8> = (0..length)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            let _ = decoder.decode(&garbage, &mut pcm);
            decoder.recover(&garbage, &mut pcm);
        }
        pcm.clear();
        decoder.decode(&encoder.encode(&tone(960)).unwrap(), &mut pcm).unwrap();
        assert_eq!(pcm.len(), 960);
    }

    #[test]
    fn redundancy_restores_a_lost_packet_better_than_concealment() {
        let mut encoder = OpusCodec.encoder(VoiceMode::Full).unwrap();
        encoder.set_expected_loss(20.0);
        // A tone that changes every frame: what concealment cannot guess.
        let source: Vec<i16> = (0..960 * 40)
            .map(|n| ((n as f32 * (0.02 + 0.01 * ((n / 960) % 5) as f32)).sin() * 9000.0) as i16)
            .collect();
        let packets: Vec<Vec<u8>> = source.chunks(960).map(|frame| encoder.encode(frame).unwrap()).collect();
        let error_with = |recover: bool| {
            let (mut whole, mut holed) = (OpusCodec.decoder().unwrap(), OpusCodec.decoder().unwrap());
            let (mut clean, mut heard) = (Vec::new(), Vec::new());
            for (index, packet) in packets.iter().enumerate() {
                whole.decode(packet, &mut clean).unwrap();
                match packets.get(index + 1) {
                    Some(next) if index % 4 == 3 && recover => holed.recover(next, &mut heard),
                    Some(_) if index % 4 == 3 => holed.conceal(960, &mut heard),
                    Some(_) | None => holed.decode(packet, &mut heard).unwrap(),
                }
            }
            clean.iter().zip(&heard).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
        };
        assert!(error_with(true) < 0.6 * error_with(false));
    }
}
