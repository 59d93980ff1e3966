//! Calls over links that lose, delay, swallow and change.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{End, connect, pair, speech};
use tandem_media::{LinkGate, MediaStats, MockDevice, Passage, RtcMedia, SocketGate, Way};
use tandem_shaper::{LinkControl, LinkModel, WayModel};

fn link(seed: u64, way: WayModel) -> LinkControl {
    LinkControl::new(seed, LinkModel::symmetric(way))
}

/// Speaks the caller's recording to the callee; what the callee's media counted.
async fn speak(caller: &End, callee: &End) -> MediaStats {
    let said = speech("caller");
    let device = MockDevice::attach(caller.call.audio(), said.clone());
    let listener = MockDevice::attach(callee.call.audio(), Vec::new());
    caller.call.set_sending(true).await.unwrap();
    while !device.has_spoken(said.len()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(listener);
    callee.call.stats().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_every_packet_is_swallowed_no_sound_arrives_and_the_call_is_told() {
    let phone = link(1, WayModel::default());
    let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
    connect(&caller, &callee).await;
    let device = MockDevice::attach(caller.call.audio(), vec![9000; 48_000 * 30]);
    let listener = MockDevice::attach(callee.call.audio(), Vec::new());
    phone.set_drop_all(true);
    caller.call.set_sending(true).await.unwrap();
    for end in [&caller, &callee] {
        end.until("disconnected", |seen| seen.disconnected > 0).await;
        let seen = end.until("failed", |seen| seen.failed > 0).await;
        assert_eq!(seen.remote_sound, 0);
    }
    assert_eq!(listener.heard().first_sound_at, None);
    assert!(phone.counters().dropped_down > 0);
    drop(device);
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_gets_a_path_fails_within_its_bound() {
    let phone = link(2, WayModel::default());
    phone.set_drop_all(true);
    let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
    let offer = caller.call.create_offer().await.unwrap();
    let answer = callee.call.create_answer(&offer).await.unwrap();
    caller.call.apply_answer(&answer, false).await.unwrap();
    let seen = caller.until("failed", |seen| seen.failed > 0).await;
    assert_eq!(seen.connected, 0);
    callee.until("failed", |seen| seen.failed > 0).await;
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_comes_back_in_time_carries_the_call_on() {
    let phone = link(3, WayModel::default());
    let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
    connect(&caller, &callee).await;
    phone.set_drop_all(true);
    caller.until("disconnected", |seen| seen.disconnected > 0).await;
    phone.set_drop_all(false);
    caller.until("connected again", |seen| seen.connected > 1).await;
    let stats = speak(&caller, &callee).await;
    assert!(stats.frames_played > 350, "{stats:?}");
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_packets_are_recovered_once_the_sender_knows_of_the_loss() {
    let phone = link(4, WayModel { delay_ms: 30, loss: 0.1, ..WayModel::default() });
    let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
    connect(&caller, &callee).await;
    let stats = speak(&caller, &callee).await;
    assert!(stats.frames_recovered > 10, "{stats:?}");
    assert!((3.0..=20.0).contains(&stats.loss_percent), "{stats:?}");
    let told = caller.call.stats().await;
    assert!(told.remote_loss_percent > 0.0, "the sender was told: {told:?}");
    assert!(told.round_trip_ms.is_some_and(|ms| (55.0..400.0).contains(&ms)), "{told:?}");
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jitter_is_absorbed_and_nothing_that_came_is_thrown_away() {
    let phone = link(5, WayModel { delay_ms: 40, jitter_ms: 25, ..WayModel::default() });
    let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
    connect(&caller, &callee).await;
    let stats = speak(&caller, &callee).await;
    assert_eq!(stats.packets_late, 0, "{stats:?}");
    assert!(stats.frames_played > 380, "{stats:?}");
    assert!(stats.target_ms > 40, "{stats:?}");
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_mode_fits_a_64_kbit_link_and_nothing_queues() {
    let way = WayModel { rate_bps: Some(64_000), delay_ms: 40, queue_bytes: 8_000, ..WayModel::default() };
    let phone = link(6, way);
    let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
    connect(&caller, &callee).await;
    let before = phone.counters();
    let stats = speak(&caller, &callee).await;
    let after = phone.counters();
    assert_eq!(after.dropped_queue, before.dropped_queue, "{after:?}");
    assert!(stats.frames_concealed < 15, "{stats:?}");
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_address_is_survived_by_a_restart_of_ice() {
    let phone = link(7, WayModel::default());
    let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
    connect(&caller, &callee).await;
    phone.change_address();
    callee.until("the old path is dead", |seen| seen.disconnected > 0).await;

    let offer = caller.call.create_restart_offer().await.unwrap();
    let answer = callee.call.create_answer(&offer).await.unwrap();
    caller.call.apply_answer(&answer, false).await.unwrap();
    caller.until("caller connected again", |seen| seen.connected > 1).await;
    callee.until("callee connected again", |seen| seen.connected > 1).await;
    let stats = speak(&caller, &callee).await;
    assert!(stats.frames_played > 350, "{stats:?}");
    caller.call.close().await;
    callee.call.close().await;
}

/// Loses the first datagrams sent that are larger than any ICE check: the flights of the DTLS handshake.
#[derive(Debug, Clone, Default)]
struct LosesLarge {
    seen: Arc<AtomicUsize>,
    lost: usize,
}

impl LinkGate for LosesLarge {
    fn admit_socket(&self) -> Arc<dyn SocketGate> {
        Arc::new(self.clone())
    }
}

impl SocketGate for LosesLarge {
    fn pass(&self, way: Way, payload_bytes: usize) -> Passage {
        let is_flight = way == Way::Up && payload_bytes > 300;
        if is_flight && self.seen.fetch_add(1, Ordering::SeqCst) < self.lost {
            return Passage::Lost;
        }
        Passage::After(Duration::ZERO)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_flight_of_the_handshake_does_not_cost_the_call() {
    for lost in 1..=3 {
        for gate_the_caller in [true, false] {
            let gate = LosesLarge { lost, ..LosesLarge::default() };
            let gated = RtcMedia::new().with_gate(Arc::new(gate.clone()));
            let open = RtcMedia::new();
            let (caller, callee) = if gate_the_caller { pair(&gated, &open).await } else { pair(&open, &gated).await };
            connect(&caller, &callee).await;
            assert!(gate.seen.load(Ordering::SeqCst) > lost, "the flight was lost {lost} times and sent again");
            caller.call.close().await;
            callee.call.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_up_over_the_slowest_link_that_may_carry_one() {
    for rate_bps in [36_000, 48_000] {
        let phone = link(200, WayModel { delay_ms: 30, rate_bps: Some(rate_bps), ..WayModel::default() });
        let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
        connect(&caller, &callee).await;
        let set_up = phone.counters();
        assert!(set_up.up_bytes + set_up.down_bytes < 20_000, "{set_up:?}");
        caller.call.close().await;
        callee.call.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_come_up_over_links_that_lose_a_tenth() {
    for seed in 0..10 {
        let phone = link(100 + seed, WayModel { delay_ms: 30, loss: 0.1, ..WayModel::default() });
        let (caller, callee) = pair(&RtcMedia::new().with_gate(phone.gate()), &RtcMedia::new()).await;
        connect(&caller, &callee).await;
        caller.call.close().await;
        callee.call.close().await;
    }
}
