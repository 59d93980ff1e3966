//! The phone's sound device: plays a recording into the call in real time and records what comes out.

use std::path::Path;
use std::time::{Duration, Instant};
use tandem_media::AudioPort;

/// Samples a second at the port.
const RATE: usize = 48_000;
/// Samples of 20 ms.
const FRAME: usize = RATE / 50;

/// Reads a mono 16-bit WAV of 16 or 48 kHz as 48 kHz samples.
///
/// # Errors
/// When the file is missing or of another kind.
pub fn read_speech(path: &Path) -> Result<Vec<i16>, String> {
    let mut reader = hound::WavReader::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let spec = reader.spec();
    let samples: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    match (spec.channels, spec.sample_rate) {
        (1, 48_000) => Ok(samples),
        (1, 16_000) => Ok(tandem_media::to_48k(&samples)),
        _ => Err(format!("{}: need mono WAV of 16 or 48 kHz", path.display())),
    }
}

/// Speaks and listens for a while, in real time, and returns what was heard.
#[must_use]
pub fn talk(port: &AudioPort, speech: &[i16], time: Duration) -> Vec<i16> {
    let mut heard = Vec::new();
    let mut frames = speech.chunks(FRAME);
    let began = Instant::now();
    let mut out = [0_i16; FRAME];
    let mut tick = 0_u32;
    while began.elapsed() < time {
        port.push_capture(frames.next().unwrap_or(&[0; FRAME]));
        port.pop_playout(&mut out);
        heard.extend_from_slice(&out);
        tick += 1;
        let next = began + Duration::from_millis(20) * tick;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    heard
}

/// Writes 48 kHz mono samples.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, samples: &[i16]) -> Result<(), hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()
}

/// How like what was heard is to what was said, 0 to 1: the best normalised correlation of their 10 ms energy envelopes
/// over all shifts up to three seconds. Silence is like nothing.
#[must_use]
pub fn similarity(said: &[i16], heard: &[i16]) -> f64 {
    let envelope = |samples: &[i16]| -> Vec<f64> {
        samples
            .chunks(RATE / 100)
            .map(|chunk| (chunk.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / chunk.len() as f64).sqrt())
            .collect()
    };
    let (said, heard) = (envelope(said), envelope(heard));
    (0..300).map(|shift| correlation(&said, heard.get(shift..).unwrap_or(&[]))).fold(0.0, f64::max)
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    if n < 100 {
        return 0.0;
    }
    let mean = |x: &[f64]| x.iter().take(n).sum::<f64>() / n as f64;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b).take(n) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma).powi(2);
        bb += (y - mb).powi(2);
    }
    if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bursts(period: usize) -> Vec<i16> {
        (0..RATE * 3).map(|i| if (i / period).is_multiple_of(2) { ((i % 97) as i16 - 48) * 200 } else { 0 }).collect()
    }

    #[test]
    fn a_delayed_copy_is_alike_and_something_else_is_not() {
        let said = bursts(7_000);
        let mut late = vec![0; 9_600];
        late.extend_from_slice(&said);
        assert!(similarity(&said, &late) > 0.95);
        assert!(similarity(&said, &bursts(3_100)) < 0.6);
        assert!(similarity(&said, &vec![0; RATE * 3]) < 0.01);
    }
}
