//! Recorded speech goes through the whole pipeline, on real sockets, and arrives.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of tests fails the test")]

mod common;

use std::time::Duration;

use common::{connect, pair, speech};
use tandem_media::{MockDevice, RtcMedia, from_48k};

/// How `heard` compares with `said`, both 16 kHz, at the best alignment within two seconds.
struct Likeness {
    delay_ms: f64,
    /// Of the waveforms. A codec for speech keeps the sound and not every phase, so this stays below 1.
    correlation: f64,
    /// Of the loudness in decibels, 20 ms at a time: a gap or a slip of one frame shows.
    envelope: f64,
}

fn compare(said: &[i16], heard: &[i16]) -> Likeness {
    let at = best_alignment(said, heard);
    let heard: Vec<f64> = heard.iter().skip(at).take(said.len()).map(|&s| f64::from(s)).collect();
    let said: Vec<f64> = said.iter().take(heard.len()).map(|&s| f64::from(s)).collect();
    let loudness = |samples: &[f64]| -> Vec<f64> {
        samples.chunks(320).map(|frame| 10.0 * (dot(frame, frame) / frame.len() as f64 + 1000.0).log10()).collect()
    };
    Likeness {
        delay_ms: at as f64 / 16.0,
        correlation: correlation(&said, &heard),
        envelope: correlation(&loudness(&said), &loudness(&heard)),
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let centred = |values: &[f64]| -> Vec<f64> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect()
    };
    let (a, b) = (centred(a), centred(b));
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

/// Where in `heard` the recording begins, by the middle second of the speech.
fn best_alignment(said: &[i16], heard: &[i16]) -> usize {
    let middle = said.len() / 2;
    let probe = &said[middle..middle + 16_000];
    let score = |at: usize| -> f64 {
        heard[at + middle..].iter().zip(probe).map(|(&h, &p)| f64::from(h) * f64::from(p)).sum::<f64>()
    };
    let last = heard.len().saturating_sub(middle + 16_000).min(32_000);
    (0..last).max_by(|a, b| score(*a).total_cmp(&score(*b))).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_at_once_and_whole() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    connect(&caller, &callee).await;
    let (from_caller, from_callee) = (speech("caller"), speech("callee"));
    let caller_device = MockDevice::attach(caller.call.audio(), from_caller.clone());
    let callee_device = MockDevice::attach(callee.call.audio(), from_callee.clone());
    // Answered.
    caller.call.set_sending(true).await.unwrap();
    callee.call.set_sending(true).await.unwrap();
    while !(caller_device.has_spoken(from_caller.len()) && callee_device.has_spoken(from_callee.len())) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What is under way arrives.
    tokio::time::sleep(Duration::from_secs(1)).await;

    for (direction, said, not_said, device, end) in [
        ("to callee", &from_caller, &from_callee, &callee_device, &callee),
        ("to caller", &from_callee, &from_caller, &caller_device, &caller),
    ] {
        let heard = device.heard().samples;
        if let Ok(folder) = std::env::var("TANDEM_HEARD_DIR") {
            write_wav(&format!("{folder}/{}.wav", direction.replace(' ', "_")), &heard);
        }
        let likeness = compare(&from_48k(said), &from_48k(&heard));
        let stats = end.call.stats().await;
        println!(
            "{direction}: delay {:.0} ms, correlation {:.3}, envelope {:.3}; {stats:?}; {:?}",
            likeness.delay_ms,
            likeness.correlation,
            likeness.envelope,
            end.call.audio().counters(),
        );
        assert!(likeness.correlation > 0.6, "{direction}: {}", likeness.correlation);
        assert!(likeness.envelope > 0.95, "{direction}: {}", likeness.envelope);
        let other = compare(&from_48k(not_said), &from_48k(&heard));
        assert!(other.correlation < 0.3 && other.envelope < 0.8, "{direction}: the other recording fits too");
        assert_eq!(stats.packets_late + stats.packets_duplicate, 0, "{direction}");
    }
    for end in [&caller, &callee] {
        assert_eq!(end.until("sound", |seen| seen.remote_sound > 0).await.remote_sound, 1);
    }
    caller.call.close().await;
    callee.call.close().await;
}

fn write_wav(path: &str, samples_48k: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for sample in from_48k(samples_48k) {
        wav.write_sample(sample).unwrap();
    }
    wav.finalize().unwrap();
}
