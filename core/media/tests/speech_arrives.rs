//! Recorded speech goes through the whole pipeline, on real sockets, and arrives.

mod common;

use std::time::Duration;

use common::{connect, pair, speech};
use tandem_media::{MockDevice, RtcMedia, from_48k};

/// How `heard` compares with `said`, both 16 kHz, at the best alignment within two seconds.
struct Likeness {
    delay_ms: f64,
    correlation: f64,
    /// Mean over speech frames of 20 ms of the ratio of signal to difference, each within -10 to 35 dB.
    segmental_snr_db: f64,
}

fn compare(said: &[i16], heard: &[i16]) -> Likeness {
    let at = best_alignment(said, heard);
    let heard: Vec<f64> = heard.iter().skip(at).take(said.len()).map(|&s| f64::from(s)).collect();
    let said: Vec<f64> = said.iter().take(heard.len()).map(|&s| f64::from(s)).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let correlation = dot(&said, &heard) / (dot(&said, &said) * dot(&heard, &heard)).sqrt();
    let loud = dot(&said, &said) / said.len() as f64 / 10.0;
    let frames: Vec<f64> = said
        .chunks(320)
        .zip(heard.chunks(320))
        .filter(|(s, _)| dot(s, s) / s.len() as f64 > loud)
        .map(|(s, h)| {
            let difference: f64 = s.iter().zip(h).map(|(x, y)| (x - y).powi(2)).sum();
            (10.0 * (dot(s, s) / difference.max(1.0)).log10()).clamp(-10.0, 35.0)
        })
        .collect();
    Likeness {
        delay_ms: at as f64 / 16.0,
        correlation,
        segmental_snr_db: frames.iter().sum::<f64>() / frames.len() as f64,
    }
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

    for (direction, said, device, end) in
        [("to callee", &from_caller, &callee_device, &callee), ("to caller", &from_callee, &caller_device, &caller)]
    {
        let heard = device.heard().samples;
        if let Ok(folder) = std::env::var("TANDEM_HEARD_DIR") {
            write_wav(&format!("{folder}/{}.wav", direction.replace(' ', "_")), &heard);
        }
        let likeness = compare(&from_48k(said), &from_48k(&heard));
        let stats = end.call.stats().await;
        println!(
            "{direction}: delay {:.0} ms, correlation {:.3}, segmental SNR {:.1} dB; {stats:?}; {:?}",
            likeness.delay_ms,
            likeness.correlation,
            likeness.segmental_snr_db,
            end.call.audio().counters(),
        );
        assert!(likeness.correlation > 0.9, "{direction}: {}", likeness.correlation);
        assert!(likeness.segmental_snr_db > 5.0, "{direction}: {}", likeness.segmental_snr_db);
        assert_eq!(stats.packets_late + stats.packets_duplicate, 0, "{direction}");
    }
    assert_eq!((caller.seen().remote_sound, callee.seen().remote_sound), (1, 1));
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
