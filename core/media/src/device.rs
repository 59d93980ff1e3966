//! A sound device made of two buffers, for mock phones: it speaks a recording and keeps what it heard, in real time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::port::{AudioPort, FRAME_SAMPLES};

/// The most a mock device keeps of what it heard: 10 minutes.
const MOST_HEARD_SAMPLES: usize = 600 * 48_000;

/// A device attached to a call's [`AudioPort`]. Dropping it detaches it.
#[derive(Debug)]
pub struct MockDevice {
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

/// What a device has heard and said.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Everything played since the device was attached, silence included: 48 kHz mono.
    pub samples: Vec<i16>,
    /// Samples of the recording that have been spoken into the call.
    pub spoken: usize,
    /// Samples at which the first sound of the call was played.
    pub first_sound_at: Option<usize>,
}

impl MockDevice {
    /// Attaches a device that speaks `speech` (48 kHz mono) once, from the moment the call takes it, then is silent.
    /// Must be called in a tokio runtime.
    #[must_use]
    pub fn attach(port: AudioPort, speech: Vec<i16>) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let task = tokio::spawn(run(port, speech, heard.clone()));
        Self { heard, task }
    }

    /// What it has heard so far.
    #[must_use]
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the whole recording has been spoken.
    #[must_use]
    pub fn has_spoken(&self, speech_samples: usize) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).spoken >= speech_samples
    }
}

impl Drop for MockDevice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(port: AudioPort, speech: Vec<i16>, heard: Arc<Mutex<Heard>>) {
    // A starved machine catches up frame by frame, as a device's own buffer would; nothing is skipped.
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut captured = [0; FRAME_SAMPLES];
    let mut played = [0; FRAME_SAMPLES];
    let mut spoken = 0;
    loop {
        ticks.tick().await;
        captured.fill(0);
        let rest = speech.get(spoken..).unwrap_or_default();
        captured.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        if port.push_capture(&captured) > 0 {
            spoken = (spoken + FRAME_SAMPLES).min(speech.len());
        }
        let real = port.pop_playout(&mut played);
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.spoken = spoken;
        if heard.samples.len() < MOST_HEARD_SAMPLES {
            if real > 0 && heard.first_sound_at.is_none() {
                heard.first_sound_at = Some(heard.samples.len());
            }
            heard.samples.extend_from_slice(&played);
        }
    }
}

/// Taps of the low-pass on either side of its middle, in samples at 48 kHz.
const HALF_TAPS: i32 = 48;

/// 16 kHz to 48 kHz, band-limited. Aligned: no delay is added.
#[must_use]
pub fn to_48k(samples_16k: &[i16]) -> Vec<i16> {
    let taps = low_pass();
    let length = samples_16k.len() * 3;
    (0..length).map(|at| clip(3.0 * convolve(&taps, at, |index| spread(samples_16k, index)))).collect()
}

/// 48 kHz to 16 kHz, band-limited. Aligned: no delay is added.
#[must_use]
pub fn from_48k(samples_48k: &[i16]) -> Vec<i16> {
    let taps = low_pass();
    let sample =
        |index: i64| usize::try_from(index).ok().and_then(|at| samples_48k.get(at)).map_or(0.0, |&s| f32::from(s));
    (0..samples_48k.len() / 3).map(|at| clip(convolve(&taps, at * 3, sample))).collect()
}

/// The sample at `index` of the 48 kHz signal that has two zeros between the samples of the 16 kHz one.
fn spread(samples_16k: &[i16], index: i64) -> f32 {
    if index % 3 != 0 {
        return 0.0;
    }
    usize::try_from(index / 3).ok().and_then(|at| samples_16k.get(at)).map_or(0.0, |&sample| f32::from(sample))
}

fn convolve(taps: &[f32], at: usize, sample: impl Fn(i64) -> f32) -> f32 {
    let first = at as i64 - i64::from(HALF_TAPS);
    taps.iter().zip(first..).map(|(tap, index)| if index < 0 { 0.0 } else { tap * sample(index) }).sum()
}

/// A windowed sinc (Blackman) that cuts at 7.6 kHz.
fn low_pass() -> Vec<f32> {
    use std::f32::consts::PI;
    let cutoff = 7_600.0 / 48_000.0;
    let tap = |n: i32| {
        let x = n as f32;
        let sinc = if n == 0 { 2.0 * cutoff } else { (2.0 * PI * cutoff * x).sin() / (PI * x) };
        let phase = PI * (x / HALF_TAPS as f32 + 1.0);
        sinc * (0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos())
    };
    (-HALF_TAPS..=HALF_TAPS).map(tap).collect()
}

fn clip(value: f32) -> i16 {
    value.round().clamp(-32768.0, 32767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone_16k(hertz: f32) -> Vec<i16> {
        (0..3200).map(|n| ((n as f32 * hertz * std::f32::consts::TAU / 16_000.0).sin() * 10_000.0) as i16).collect()
    }

    #[test]
    fn speech_band_tones_survive_both_ways_in_place() {
        for hertz in [200.0, 1_000.0, 4_000.0, 6_500.0] {
            let tone = tone_16k(hertz);
            let back = from_48k(&to_48k(&tone));
            assert_eq!(back.len(), tone.len());
            let worst = tone.iter().zip(&back).skip(100).take(3000).map(|(a, b)| (a - b).unsigned_abs()).max();
            assert!(worst < Some(120), "{hertz} Hz: {worst:?}");
        }
    }

    #[test]
    fn what_16_khz_cannot_carry_is_cut() {
        let high: Vec<i16> = (0..9600)
            .map(|n| ((n as f32 * 11_000.0 * std::f32::consts::TAU / 48_000.0).sin() * 10_000.0) as i16)
            .collect();
        assert!(from_48k(&high).iter().skip(100).take(3000).all(|sample| sample.abs() < 60));
    }

    #[tokio::test]
    async fn a_device_speaks_only_while_the_call_listens_and_loses_no_word() {
        let port = AudioPort::new();
        let speech: Vec<i16> = (0..4 * FRAME_SAMPLES).map(|n| n as i16).collect();
        let device = MockDevice::attach(port.clone(), speech.clone());
        tokio::time::sleep(Duration::from_millis(205)).await;
        assert_eq!(device.heard().spoken, 0);
        port.listen(true);
        while !device.has_spoken(speech.len()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut said = vec![0; 4 * FRAME_SAMPLES];
        assert!(port.take_capture(&mut said));
        assert_eq!(said, speech);
    }
}
