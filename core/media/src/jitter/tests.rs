use proptest::prelude::*;

use super::*;

const FRAME_US: i64 = 20_000;

fn payload(sequence: u16) -> Bytes {
    Bytes::copy_from_slice(&sequence.to_be_bytes())
}

/// A buffer and a clock; packet n is sent at n frames.
#[derive(Default)]
struct Stream {
    buffer: JitterBuffer,
}

impl Stream {
    fn arrive(&mut self, sequence: u16, delay_us: i64) -> Inserted {
        let sent_us = i64::from(sequence) * FRAME_US;
        self.buffer.insert(sequence, u32::from(sequence) * 960, 960, payload(sequence), sent_us + delay_us)
    }

    fn played(&mut self, now_us: i64) -> Option<u16> {
        match self.buffer.pull(now_us) {
            Pull::Packet(bytes) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
            Pull::Recover { .. } | Pull::Conceal | Pull::Silence => None,
        }
    }

    /// Plays a whole trace of (sequence, arrival) on a 20 ms device; what came out at each pull.
    fn play_trace(mut trace: Vec<(u16, i64)>, until_us: i64) -> (Vec<Pull>, JitterBuffer) {
        trace.sort_by_key(|&(_, at)| at);
        let mut buffer = JitterBuffer::default();
        let mut pulls = Vec::new();
        let mut waiting = trace.into_iter().peekable();
        for now in (0..until_us).step_by(FRAME_US as usize) {
            while let Some((sequence, at)) = waiting.next_if(|&(_, at)| at <= now) {
                buffer.insert(sequence, u32::from(sequence) * 960, 960, payload(sequence), at);
            }
            pulls.push(buffer.pull(now));
        }
        (pulls, buffer)
    }
}

fn sequences(pulls: &[Pull]) -> Vec<u16> {
    let played = pulls.iter().filter_map(|pull| match pull {
        Pull::Packet(bytes) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
        Pull::Recover { .. } | Pull::Conceal | Pull::Silence => None,
    });
    played.collect()
}

#[test]
fn the_first_packet_waits_for_the_target_and_then_all_play_in_order() {
    let mut stream = Stream::default();
    assert_eq!(stream.played(0), None);
    stream.arrive(0, 0);
    assert_eq!(stream.played(39_999), None, "one microsecond too young");
    stream.arrive(1, 0);
    assert_eq!(stream.played(40_000), Some(0));
    assert_eq!(stream.played(60_000), Some(1));
}

#[test]
fn packets_out_of_order_play_in_order() {
    let mut stream = Stream::default();
    for (sequence, delay) in [(0, 0), (2, -20_000), (1, 5_000), (3, 0)] {
        assert_eq!(stream.arrive(sequence, delay), Inserted::Kept);
    }
    let heard: Vec<_> = (3..7).map(|n| stream.played(n * FRAME_US)).collect();
    assert_eq!(heard, [Some(0), Some(1), Some(2), Some(3)]);
}

#[test]
fn a_packet_that_came_twice_plays_once() {
    let mut stream = Stream::default();
    stream.arrive(0, 0);
    assert_eq!(stream.arrive(0, 1_000), Inserted::Duplicate, "while it waits");
    assert_eq!(stream.played(50_000), Some(0));
    assert_eq!(stream.arrive(0, 60_000), Inserted::Duplicate, "after it played");
}

#[test]
fn a_lost_packet_is_recovered_from_the_next_one() {
    let mut stream = Stream::default();
    for sequence in [0, 1, 3, 4] {
        stream.arrive(sequence, 0);
    }
    assert_eq!((stream.played(80_000), stream.played(100_000)), (Some(0), Some(1)));
    assert_eq!(stream.buffer.pull(120_000), Pull::Recover { next: payload(3) });
    assert_eq!(stream.played(140_000), Some(3));
}

#[test]
fn of_a_burst_of_losses_all_but_the_last_are_concealed() {
    let mut stream = Stream::default();
    for sequence in [0, 4] {
        stream.arrive(sequence, 0);
    }
    assert_eq!(stream.played(80_000), Some(0));
    assert_eq!(stream.buffer.pull(100_000), Pull::Conceal);
    assert_eq!(stream.buffer.pull(120_000), Pull::Conceal);
    assert_eq!(stream.buffer.pull(140_000), Pull::Recover { next: payload(4) });
    assert_eq!(stream.played(160_000), Some(4));
}

#[test]
fn a_late_packet_is_waited_for_and_nothing_of_it_is_thrown_away() {
    let mut stream = Stream::default();
    stream.arrive(0, 0);
    assert_eq!(stream.played(40_000), Some(0));
    assert_eq!(stream.buffer.pull(60_000), Pull::Conceal);
    assert_eq!(stream.arrive(1, 45_000), Inserted::Kept);
    assert_eq!(stream.played(80_000), Some(1));
}

#[test]
fn what_was_concealed_while_waiting_counts_for_what_was_lost() {
    let mut stream = Stream::default();
    stream.arrive(0, 0);
    assert_eq!(stream.played(40_000), Some(0));
    assert_eq!(stream.buffer.pull(60_000), Pull::Conceal, "stands for packet 1, which never comes");
    stream.arrive(2, 30_000);
    assert_eq!(stream.played(80_000), Some(2), "no second concealment");
    assert_eq!(stream.arrive(1, 70_000), Inserted::Late);
}

#[test]
fn a_pause_of_the_peer_is_silence_and_not_loss() {
    let mut stream = Stream::default();
    stream.arrive(0, 0);
    assert_eq!(stream.played(40_000), Some(0));
    // The sequence goes on, the clock has jumped by a second.
    stream.buffer.insert(1, 960 + 48_000, 960, payload(1), 1_060_000);
    assert_eq!(stream.buffer.pull(1_061_000), Pull::Silence);
    assert_eq!(stream.played(1_100_000), Some(1));
}

#[test]
fn nothing_for_longer_than_200_ms_ends_in_silence() {
    let mut stream = Stream::default();
    stream.arrive(0, 0);
    assert_eq!(stream.played(40_000), Some(0));
    for n in 0..10 {
        assert_eq!(stream.buffer.pull(60_000 + n * FRAME_US), Pull::Conceal, "frame {n}");
    }
    assert_eq!(stream.buffer.pull(260_000), Pull::Silence);
    assert_eq!(stream.buffer.pull(280_000), Pull::Silence);
}

#[test]
fn the_rtp_clock_may_wrap() {
    let mut buffer = JitterBuffer::default();
    let start = u32::MAX - 1_000;
    for n in 0u16..4 {
        let sequence = (u16::MAX - 1).wrapping_add(n);
        buffer.insert(sequence, start.wrapping_add(u32::from(n) * 960), 960, payload(n), i64::from(n) * FRAME_US);
    }
    let pulls: Vec<Pull> = (0..4).map(|n| buffer.pull(60_000 + n * FRAME_US)).collect();
    assert_eq!(sequences(&pulls), [0, 1, 2, 3]);
}

#[test]
fn a_stream_that_jumps_by_seconds_starts_anew() {
    let mut stream = Stream::default();
    stream.arrive(0, 0);
    assert_eq!(stream.played(40_000), Some(0));
    assert_eq!(stream.buffer.insert(900, 3_000_000_000, 960, payload(900), 70_000), Inserted::Kept);
    assert_eq!(stream.buffer.pull(80_000), Pull::Silence);
    assert_eq!(stream.played(110_000), Some(900));
}

#[test]
fn a_flood_is_bounded() {
    let mut stream = Stream::default();
    let kept = (0..500).filter(|&n| stream.arrive(n, 0) == Inserted::Kept).count();
    assert_eq!(kept, MOST_PACKETS);
    assert_eq!(stream.buffer.packets.len(), MOST_PACKETS);
}

#[test]
fn packets_of_60_ms_play_and_are_recovered_whole() {
    let mut buffer = JitterBuffer::default();
    for n in [0u16, 1, 3] {
        buffer.insert(n, u32::from(n) * 2880, 2880, payload(n), i64::from(n) * 60_000);
    }
    let at = |n: i64| 200_000 + n * 60_000;
    assert_eq!(buffer.pull(at(0)), Pull::Packet(payload(0)));
    assert_eq!(buffer.pull(at(1)), Pull::Packet(payload(1)));
    assert_eq!(buffer.pull(at(2)), Pull::Recover { next: payload(3) });
    assert_eq!(buffer.pull(at(3)), Pull::Packet(payload(3)));
}

/// Delays of a walk through a building over Wi-Fi, in milliseconds above the fastest packet: quiet, then a scan of
/// the neighbourhood that holds everything back for 140 ms, then quiet.
const WIFI_SCAN_MS: [i64; 60] = [
    0, 1, 0, 2, 1, 0, 3, 1, 0, 0, 2, 1, 4, 0, 1, 2, 0, 0, 1, 3, 140, 120, 100, 81, 60, 41, 20, 2, 1, 0, 0, 1, 2, 0, 1,
    0, 5, 1, 0, 0, 2, 1, 0, 1, 0, 0, 3, 0, 1, 0, 0, 2, 0, 1, 0, 1, 0, 0, 1, 0,
];

#[test]
fn a_wifi_scan_loses_no_sound() {
    let trace = (0u16..60).zip(WIFI_SCAN_MS).map(|(n, ms)| (n, i64::from(n) * FRAME_US + ms * 1000)).collect();
    let (pulls, _) = Stream::play_trace(trace, 70 * FRAME_US);
    assert_eq!(sequences(&pulls), (0..60).collect::<Vec<_>>());
    let concealed = pulls.iter().filter(|pull| **pull == Pull::Conceal).count();
    assert!(concealed <= 7 + 6, "{concealed}: no more than the scan held back, and the end");
}

#[test]
fn the_target_follows_the_jitter_up_and_down() {
    let jittery = |n: u16| if n.is_multiple_of(7) { 90_000 } else { i64::from(n % 5) * 3_000 };
    let trace: Vec<_> = (0u16..600).map(|n| (n, i64::from(n) * FRAME_US + jittery(n))).collect();
    let (_, mut buffer) = Stream::play_trace(trace, 600 * FRAME_US);
    assert!((100_000..=120_000).contains(&buffer.target_us()), "{}", buffer.target_us());
    for n in 600u16..1_200 {
        buffer.insert(n, u32::from(n) * 960, 960, payload(n), i64::from(n) * FRAME_US);
    }
    assert_eq!(buffer.target_us(), TARGET_RANGE_US.0);
}

#[test]
fn a_steady_link_asks_for_no_stretching() {
    let mut buffer = JitterBuffer::default();
    for n in 0u16..2_000 {
        let now = i64::from(n) * FRAME_US;
        buffer.insert(n, u32::from(n) * 960, 960, payload(n), now);
        assert_ne!(buffer.pull(now + 7_000), Pull::Conceal, "at {n}");
        assert!(!buffer.may_shrink() && !buffer.may_grow(), "at {n}");
    }
}

#[test]
fn after_a_hold_up_the_delay_is_given_back_one_quiet_frame_at_a_time() {
    let mut buffer = JitterBuffer::default();
    let mut given_back = 0;
    for n in 0u16..3_000 {
        let now = i64::from(n) * FRAME_US;
        let held_up = if (100..107).contains(&n) { 140_000 - i64::from(n - 100) * FRAME_US } else { 0 };
        buffer.insert(n, u32::from(n) * 960, 960, payload(n), now + held_up);
        if held_up == 0 || n == 106 {
            if n == 106 {
                for late in 0..7 {
                    buffer.pull(now - 120_000 + late * FRAME_US);
                }
            } else {
                buffer.pull(now + 7_000);
            }
        }
        if buffer.may_shrink() {
            buffer.pull(now + 7_000);
            buffer.stretched();
            given_back += 1;
        }
    }
    assert!(buffer.level_us() <= 60_000, "{}", buffer.level_us());
    assert!(given_back < 20, "{given_back}");
}

proptest! {
    #[test]
    fn whatever_comes_nothing_plays_twice_or_out_of_order(
        arrivals in proptest::collection::vec((0u16..200, -50_000i64..300_000), 0..400),
    ) {
        let trace: Vec<_> = arrivals.into_iter().map(|(n, late)| (n, i64::from(n) * FRAME_US + late.max(0))).collect();
        let (pulls, buffer) = Stream::play_trace(trace, 250 * FRAME_US);
        let heard = sequences(&pulls);
        prop_assert!(heard.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(buffer.packets.len() <= MOST_PACKETS);
    }
}
