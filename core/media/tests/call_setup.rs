//! Offer, answer, ringing, answering, holding and closing, on real sockets.

mod common;

use std::time::Duration;

use common::{connect, loopback, over_the_wire, pair, speech};
use tandem_media::{
    AudioPort, CallMediaConfig, IceServer, MediaEngine, MediaError, MediaResources, MockDevice, Role, RtcMedia, Sdp,
    VoiceMode,
};

/// Loud sound for as long as a test lasts.
fn tone() -> Vec<i16> {
    (0..48_000 * 30).map(|n| ((n as f32 * 0.05).sin() * 9000.0) as i16).collect()
}

/// Whether the device is hearing sound now.
async fn hears_now(device: &MockDevice) -> bool {
    let before = device.heard().samples.len();
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let heard = device.heard().samples;
        if heard.len() >= before + 48_000 / 2 {
            return heard.iter().skip(before).any(|sample| sample.abs() > 1000);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_path_stands_while_ringing_and_only_the_answer_lets_sound_through() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    let caller_device = MockDevice::attach(caller.call.audio(), tone());
    let callee_device = MockDevice::attach(callee.call.audio(), tone());
    connect(&caller, &callee).await;

    assert!(!hears_now(&caller_device).await && !hears_now(&callee_device).await, "ringing");
    assert_eq!((caller_device.heard().spoken, callee_device.heard().spoken), (0, 0), "nothing was captured");
    assert_eq!(caller.call.stats().await.sent_packets, 0);

    callee.call.set_sending(true).await.unwrap();
    caller.call.set_sending(true).await.unwrap();
    caller.until("sound from the callee", |seen| seen.remote_sound == 1).await;
    callee.until("sound from the caller", |seen| seen.remote_sound == 1).await;
    assert!(hears_now(&caller_device).await && hears_now(&callee_device).await);
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_call_is_silent_both_ways_and_comes_back() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    connect(&caller, &callee).await;
    let caller_device = MockDevice::attach(caller.call.audio(), tone());
    let callee_device = MockDevice::attach(callee.call.audio(), tone());
    for end in [&caller, &callee] {
        end.call.set_sending(true).await.unwrap();
    }
    assert!(hears_now(&caller_device).await && hears_now(&callee_device).await);

    caller.call.set_hold(true).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!hears_now(&caller_device).await, "the holder plays nothing");
    assert!(!hears_now(&callee_device).await, "the holder sends nothing");

    caller.call.set_hold(false).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(hears_now(&caller_device).await && hears_now(&callee_device).await);
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provisional_answer_connects_and_the_same_answer_may_come_again_as_final() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    let offer = caller.call.create_offer().await.unwrap();
    let answer = callee.call.create_answer(&over_the_wire(&offer)).await.unwrap();
    caller.call.apply_answer(&answer, true).await.unwrap();
    caller.until("connected by the provisional answer", |seen| seen.connected == 1).await;
    caller.call.apply_answer(&answer, false).await.unwrap();

    let (_, stranger) = pair(&media, &media).await;
    let other = stranger.call.create_answer(&over_the_wire(&offer)).await.unwrap();
    assert_eq!(caller.call.apply_answer(&other, false).await, Err(MediaError::WrongState), "another leg");
    for end in [&caller, &callee, &stranger] {
        end.call.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_glare_the_loser_rolls_back_and_answers() {
    let media = RtcMedia::new();
    let (winner, loser) = pair(&media, &media).await;
    let winning = winner.call.create_offer().await.unwrap();
    let _losing = loser.call.create_offer().await.unwrap();
    assert_eq!(
        loser.call.create_answer(&winning).await.unwrap_err(),
        MediaError::WrongState,
        "not before the rollback"
    );
    loser.call.rollback().await.unwrap();
    let answer = loser.call.create_answer(&over_the_wire(&winning)).await.unwrap();
    winner.call.apply_answer(&answer, false).await.unwrap();
    winner.until("winner connected", |seen| seen.connected == 1).await;
    loser.until("loser connected", |seen| seen.connected == 1).await;

    let device = MockDevice::attach(winner.call.audio(), Vec::new());
    let speaker = MockDevice::attach(loser.call.audio(), tone());
    loser.call.set_sending(true).await.unwrap();
    winner.until("sound after the glare", |seen| seen.remote_sound == 1).await;
    assert!(hears_now(&device).await);
    drop(speaker);
    winner.call.close().await;
    loser.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_in_the_wrong_state_is_refused_and_harms_nothing() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    assert_eq!(caller.call.rollback().await, Err(MediaError::WrongState), "nothing to roll back");
    let offer = caller.call.create_offer().await.unwrap();
    assert_eq!(caller.call.create_offer().await.unwrap_err(), MediaError::WrongState, "one offer at a time");
    let answer = callee.call.create_answer(&offer).await.unwrap();
    assert_eq!(callee.call.apply_answer(&answer, false).await, Err(MediaError::WrongState), "an answer to no offer");
    caller.call.apply_answer(&answer, false).await.unwrap();
    caller.until("connected all the same", |seen| seen.connected == 1).await;
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_descriptions_and_candidates_are_refused() {
    let media = RtcMedia::new();
    let call = media.open(loopback(Role::Callee)).await.unwrap();
    assert_eq!(Sdp::new("").unwrap_err(), MediaError::BadDescription);
    assert_eq!(Sdp::new("x".repeat(Sdp::MAX_BYTES + 1)).unwrap_err(), MediaError::BadDescription);
    let fingerprint = vec!["AB"; 32].join(":");
    for text in [
        "nonsense".to_owned(),
        "v=0\r\n".to_owned(),
        format!("v=0\r\na=fingerprint:sha-256 {fingerprint}\r\n"),
        format!("v=0\r\na=fingerprint:sha-256 {fingerprint}\r\na=rtpmap:111 opus/48000/2\r\n"),
        format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 {fingerprint}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
        ),
    ] {
        assert_eq!(
            call.create_answer(&Sdp::new(text.clone()).unwrap()).await.unwrap_err(),
            MediaError::BadDescription,
            "{text}"
        );
        let fresh = media.open(loopback(Role::Caller)).await.unwrap();
        fresh.create_offer().await.unwrap();
        assert_eq!(
            fresh.apply_answer(&Sdp::new(text.clone()).unwrap(), false).await,
            Err(MediaError::BadDescription),
            "{text}"
        );
        fresh.close().await;
    }
    assert_eq!(call.add_remote_candidate("garbage").await, Err(MediaError::BadCandidate));
    assert_eq!(
        call.add_remote_candidate(&format!("candidate:{}", "x".repeat(2000))).await,
        Err(MediaError::BadCandidate)
    );
    assert_eq!(call.add_remote_candidate("").await, Ok(()), "end of candidates");
    for _ in 0..64 {
        call.add_remote_candidate("candidate:1 1 udp 1 127.0.0.1 9 typ host").await.unwrap();
    }
    assert_eq!(call.add_remote_candidate("candidate:1 1 udp 1 127.0.0.1 9 typ host").await, Err(MediaError::TooMany));
    call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_gives_back_every_socket_and_task() {
    let media = RtcMedia::new();
    for _ in 0..3 {
        let (caller, callee) = pair(&media, &media).await;
        connect(&caller, &callee).await;
        let alive = media.resources();
        assert!(alive.sockets == 2 && alive.tasks >= 6, "{alive:?}");
        caller.call.close().await;
        caller.call.close().await;
        callee.call.close().await;
        assert!(caller.until("the caller's events end", |seen| seen.ended).await.ended);
        assert_eq!(caller.call.next_event().await, None);
        drop((caller, callee));
        let mut left = media.resources();
        for _ in 0..100 {
            if left == MediaResources::default() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            left = media.resources();
        }
        assert_eq!(left, MediaResources::default());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_call_takes_no_sound_and_no_requests() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    connect(&caller, &callee).await;
    caller.call.set_sending(true).await.unwrap();
    caller.call.close().await;
    let port: AudioPort = caller.call.audio();
    assert_eq!(port.push_capture(&[1; 960]), 0);
    assert!(caller.call.create_offer().await.is_err());
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fingerprint_signed_is_the_one_in_the_description() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    let offer = caller.call.create_offer().await.unwrap();
    assert_eq!(offer.fingerprint(), Some(caller.call.local_fingerprint()));
    let answer = callee.call.create_answer(&offer).await.unwrap();
    assert_eq!(answer.fingerprint(), Some(callee.call.local_fingerprint()));
    assert_ne!(caller.call.local_fingerprint(), callee.call.local_fingerprint());
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_fingerprint_swapped_on_the_way_nothing_connects() {
    let media = RtcMedia::new();
    let (caller, callee) = pair(&media, &media).await;
    let offer = caller.call.create_offer().await.unwrap();
    let answer = callee.call.create_answer(&offer).await.unwrap();
    let forged = answer.as_str().replace(&callee_print(&answer), &vec!["AB"; 32].join(":"));
    caller.call.apply_answer(&Sdp::new(forged).unwrap(), false).await.unwrap();
    let seen = caller.until("failed", |seen| seen.failed > 0).await;
    assert_eq!(seen.connected, 0);
    caller.call.close().await;
    callee.call.close().await;
}

/// The fingerprint as it is spelt in the description.
fn callee_print(sdp: &Sdp) -> String {
    let line = sdp.as_str().lines().find_map(|line| line.trim_end().strip_prefix("a=fingerprint:sha-256 "));
    line.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_rate_mode_fits_a_slow_link_and_may_change_during_the_call() {
    let media = RtcMedia::new();
    let low = CallMediaConfig { mode: VoiceMode::LowRate, ..loopback(Role::Caller) };
    let (caller, callee) = common::pair_with(&media, &media, low, loopback(Role::Callee)).await;
    connect(&caller, &callee).await;
    let said = speech("caller");
    let device = MockDevice::attach(caller.call.audio(), said.clone());
    let listener = MockDevice::attach(callee.call.audio(), Vec::new());
    caller.call.set_sending(true).await.unwrap();
    while !device.has_spoken(48_000 * 4) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let low = caller.call.stats().await;
    let bits_per_packet = low.sent_wire_bytes as f64 * 8.0 / low.sent_packets as f64;
    assert!(bits_per_packet / 60.0 < 30.4, "{bits_per_packet} bits in 60 ms are over 30.4 kbit/s");
    caller.call.set_mode(VoiceMode::Full).await.unwrap();
    while !device.has_spoken(48_000 * 8) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let full = caller.call.stats().await;
    let packets = full.sent_packets - low.sent_packets;
    assert!(packets > 180, "{packets}: 20 ms each by now");
    assert_eq!(callee.call.stats().await.frames_concealed, 0, "no gap at the change");
    drop(listener);
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_that_cannot_work_is_refused_at_once() {
    let media = RtcMedia::new();
    let nowhere = CallMediaConfig { bind: vec!["192.0.2.1".parse().unwrap()], ..CallMediaConfig::new(Role::Caller) };
    assert_eq!(media.open(nowhere).await.err(), Some(MediaError::BadConfig));
    let server = IceServer { urls: vec!["nonsense".to_owned()], ..IceServer::default() };
    let malformed = CallMediaConfig { ice_servers: vec![server], ..loopback(Role::Caller) };
    assert_eq!(media.open(malformed).await.err(), Some(MediaError::BadConfig));
}
