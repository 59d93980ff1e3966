//! Two phones in one process call each other on loopback; what each heard is written as 16 kHz WAV files.
//!
//! `one_call SPEECH_FOLDER OUT_FOLDER [RUNS]` reads `caller.wav` and `callee.wav` and writes `callee-heard-N.wav` (what
//! the caller said) and `caller-heard-N.wav`, for `tests/pesq/score.py`.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tandem_media::{CallMedia, CallMediaConfig, MediaEngine, MediaEvent, MockDevice, Role, RtcMedia, from_48k, to_48k};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [speech, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: one_call SPEECH_FOLDER OUT_FOLDER [RUNS]".into());
    };
    let runs: usize = rest.first().map_or(Ok(1), |runs| runs.parse())?;
    let said = [read(&Path::new(speech).join("caller.wav"))?, read(&Path::new(speech).join("callee.wav"))?];
    for run in 1..=runs {
        let [caller_heard, callee_heard] = call(&said).await?;
        write(&Path::new(out).join(format!("caller-heard-{run}.wav")), &caller_heard)?;
        write(&Path::new(out).join(format!("callee-heard-{run}.wav")), &callee_heard)?;
    }
    Ok(())
}

/// One call in which both speak; what caller and callee heard.
async fn call(said: &[Vec<i16>; 2]) -> Result<[Vec<i16>; 2], Box<dyn Error>> {
    let media = RtcMedia::new();
    let open = |role| {
        let bind = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
        media.open(CallMediaConfig { bind, ..CallMediaConfig::new(role) })
    };
    let caller: Arc<dyn CallMedia> = open(Role::Caller).await?.into();
    let callee: Arc<dyn CallMedia> = open(Role::Callee).await?.into();
    let offer = caller.create_offer().await?;
    let answer = callee.create_answer(&offer).await?;
    caller.apply_answer(&answer, false).await?;
    tokio::try_join!(connected(&caller, &callee), connected(&callee, &caller))?;

    let [from_caller, from_callee] = said;
    let caller_device = MockDevice::attach(caller.audio(), from_caller.clone());
    let callee_device = MockDevice::attach(callee.audio(), from_callee.clone());
    caller.set_sending(true).await?;
    callee.set_sending(true).await?;
    while !(caller_device.has_spoken(from_caller.len()) && callee_device.has_spoken(from_callee.len())) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let heard = [caller_device.heard().samples, callee_device.heard().samples];
    caller.close().await;
    callee.close().await;
    Ok(heard)
}

/// Trickles candidates to `peer` until `call` is connected.
async fn connected(call: &Arc<dyn CallMedia>, peer: &Arc<dyn CallMedia>) -> Result<(), Box<dyn Error>> {
    while let Some(event) = call.next_event().await {
        match event {
            MediaEvent::Candidate(candidate) => peer.add_remote_candidate(&candidate).await?,
            MediaEvent::Connected => return Ok(()),
            MediaEvent::Failed => break,
            MediaEvent::GatheringDone | MediaEvent::Disconnected | MediaEvent::RemoteSound | MediaEvent::Stats(_) => {}
        }
    }
    Err("the call did not connect".into())
}

fn read(path: &Path) -> Result<Vec<i16>, Box<dyn Error>> {
    let samples: Result<Vec<i16>, _> = hound::WavReader::open(path)?.into_samples().collect();
    Ok(to_48k(&samples?))
}

fn write(path: &Path, samples_48k: &[i16]) -> Result<(), Box<dyn Error>> {
    let (bits_per_sample, sample_format) = (16, hound::SampleFormat::Int);
    let spec = hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample, sample_format };
    let mut wav = hound::WavWriter::create(path, spec)?;
    for sample in from_48k(samples_48k) {
        wav.write_sample(sample)?;
    }
    Ok(wav.finalize()?)
}
