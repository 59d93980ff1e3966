//! Calls between the phones' media engine and the server's own STUN and TURN, on real sockets.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail like the test itself")]

#[path = "../../../core/media/tests/common/mod.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod common;

use std::time::Duration;

use common::{End, connect, loopback, pair_with, speech};
use tandem_media::{CallMediaConfig, IceServer, MediaStats, MockDevice, Role, RtcMedia, VoiceMode};
use tandem_model::{CallId, Secret};
use tandem_shaper::{LinkControl, LinkModel, WayModel};
use tandem_turn::{CallSide, PeerGuard, TurnConfig, TurnServer};

const CALL: CallId = CallId([7; 16]);

async fn turn() -> TurnServer {
    let config = TurnConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        relay_bind: "127.0.0.1".parse().unwrap(),
        relay_ports: 30_000..=39_999,
        secret: Secret::new(b"a secret of this test".to_vec()),
        peers: PeerGuard::with_exceptions(vec!["127.0.0.0/8".parse().unwrap()]),
        ..TurnConfig::default()
    };
    TurnServer::start(config).await.unwrap()
}

/// The way a phone opens a call: with what the server granted it.
fn granted(turn: &TurnServer, role: Role, side: CallSide) -> CallMediaConfig {
    let grant = turn.handle().grant(CALL, side, Duration::from_secs(600)).unwrap();
    let server = IceServer {
        urls: vec![format!("stun:{}", turn.address()), format!("turn:{}?transport=udp", turn.address())],
        username: grant.username,
        credential: grant.password.into_inner(),
    };
    CallMediaConfig { ice_servers: vec![server], ..loopback(role) }
}

async fn called(turn: &TurnServer, phones: [&RtcMedia; 2], change: impl Fn(&mut CallMediaConfig)) -> (End, End) {
    let mut caller = granted(turn, Role::Caller, CallSide::Caller);
    let mut callee = granted(turn, Role::Callee, CallSide::Callee);
    change(&mut caller);
    change(&mut callee);
    let [from, to] = phones;
    let (caller, callee) = pair_with(from, to, caller, callee).await;
    connect(&caller, &callee).await;
    (caller, callee)
}

/// Both speak for a while; what each end received.
async fn converse(caller: &End, callee: &End) -> [MediaStats; 2] {
    let said = [speech("caller"), speech("callee")];
    let devices = [caller, callee].map(|end| end.call.audio());
    let [from_caller, from_callee] = said;
    let [caller_port, callee_port] = devices;
    let (a, b) = (MockDevice::attach(caller_port, from_caller), MockDevice::attach(callee_port, from_callee));
    caller.call.set_sending(true).await.unwrap();
    callee.call.set_sending(true).await.unwrap();
    while !(a.has_spoken(6 * 48_000) && b.has_spoken(6 * 48_000)) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    [caller.call.stats().await, callee.call.stats().await]
}

async fn close(caller: End, callee: End) {
    caller.call.close().await;
    callee.call.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_may_live_on_the_servers_relay_alone() {
    let turn = turn().await;
    let media = RtcMedia::new();
    let (caller, callee) = called(&turn, [&media, &media], |config| config.relay_only = true).await;
    let heard = converse(&caller, &callee).await;
    assert!(heard.iter().all(|stats| stats.frames_played > 200), "{heard:?}");
    assert_eq!(turn.handle().open_relays(), 2);
    assert_eq!(turn.handle().counters().forbidden_peers, 0);
    close(caller, callee).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_made_and_heard_over_the_slowest_link_that_may_carry_one() {
    for rate_bps in [40_000, 48_000, 56_000] {
        let turn = turn().await;
        let way = WayModel { delay_ms: 30, rate_bps: Some(rate_bps), ..WayModel::default() };
        let link = LinkControl::new(1, LinkModel::symmetric(way));
        let slow = RtcMedia::new().with_gate(link.gate());
        // Only the caller knows how slow its link is.
        let mut from = granted(&turn, Role::Caller, CallSide::Caller);
        from.mode = VoiceMode::LowRate;
        let to = granted(&turn, Role::Callee, CallSide::Callee);
        let (caller, callee) = pair_with(&slow, &RtcMedia::new(), from, to).await;
        connect(&caller, &callee).await;
        let set_up = link.counters();
        assert!(set_up.up_bytes + set_up.down_bytes < 40_000, "set-up crowds no slow link: {set_up:?}");
        let heard = converse(&caller, &callee).await;
        for stats in &heard {
            assert!(stats.frames_played > 200 && stats.frames_concealed < 30, "{rate_bps}: {stats:?}");
        }
        assert_eq!(link.counters().dropped_queue, 0);
        close(caller, callee).await;
    }
}
