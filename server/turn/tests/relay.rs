//! The relay on real sockets, used by the TURN client of webrtc-rs, which is the one the phones use.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "the helpers of a test fail like the test itself"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_shared::{TransportContext, TransportMessage, TransportProtocol};
use rtc_turn::client::{Client, ClientConfig, Event};
use sansio::Protocol;
use tandem_model::{CallId, Secret};
use tandem_turn::{CallSide, Credentials, PeerGuard, TurnConfig, TurnServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// No step takes longer unless something hangs. It bounds the test and measures nothing.
const HANG: Duration = Duration::from_secs(30);

const CALL: CallId = CallId([7; 16]);
const OTHER_CALL: CallId = CallId([8; 16]);
const TTL: Duration = Duration::from_secs(600);

fn config() -> TurnConfig {
    TurnConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        relay_bind: "127.0.0.1".parse().unwrap(),
        relay_ports: 20_000..=29_999,
        secret: Secret::new(b"a secret of this test".to_vec()),
        peers: PeerGuard::with_exceptions(vec!["127.0.0.0/8".parse().unwrap()]),
        ..TurnConfig::default()
    }
}

async fn server(change: impl FnOnce(&mut TurnConfig)) -> TurnServer {
    let mut config = config();
    change(&mut config);
    TurnServer::start(config).await.unwrap()
}

/// How a client's messages travel.
enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// A phone's TURN client with its socket.
struct Phone {
    client: Client,
    wire: Wire,
    local: SocketAddr,
    server: SocketAddr,
}

impl Phone {
    async fn new(server: &TurnServer, credentials: &Credentials) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let local = socket.local_addr().unwrap();
        Self::on(Wire::Udp(socket), local, server.address(), credentials)
    }

    async fn by_tcp(server: &TurnServer, credentials: &Credentials) -> Self {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let local = stream.local_addr().unwrap();
        Self::on(Wire::Tcp(stream, Vec::new()), local, server.address(), credentials)
    }

    fn on(wire: Wire, local: SocketAddr, server: SocketAddr, credentials: &Credentials) -> Self {
        let config = ClientConfig {
            stun_serv_addr: server.to_string(),
            turn_serv_addr: server.to_string(),
            local_addr: local,
            transport_protocol: TransportProtocol::UDP,
            username: credentials.username.clone(),
            password: credentials.password.expose().clone(),
            realm: credentials.realm.clone(),
            ..ClientConfig::default()
        };
        let crypto = rtc_crypto::default_provider().unwrap();
        Self { client: Client::new(config, Arc::clone(&crypto)).unwrap(), wire, local, server }
    }

    async fn flush(&mut self) {
        while let Some(out) = self.client.poll_write() {
            match &mut self.wire {
                Wire::Udp(socket) => {
                    socket.send_to(&out.message, self.server).await.unwrap();
                }
                Wire::Tcp(stream, _) => {
                    let mut message = out.message.to_vec();
                    message.resize(message.len().next_multiple_of(4), 0);
                    stream.write_all(&message).await.unwrap();
                }
            }
        }
    }

    async fn receive(&mut self) -> BytesMut {
        match &mut self.wire {
            Wire::Udp(socket) => {
                let mut octets = vec![0; 65_536];
                let (length, _) = socket.recv_from(&mut octets).await.unwrap();
                BytesMut::from(&octets[..length])
            }
            Wire::Tcp(stream, buffer) => loop {
                if buffer.len() >= 4 {
                    let length = usize::from(u16::from_be_bytes([buffer[2], buffer[3]]));
                    let (whole, used) = if buffer[0] < 0x40 {
                        (20 + length, 20 + length)
                    } else {
                        ((4 + length).next_multiple_of(4), 4 + length)
                    };
                    if buffer.len() >= whole {
                        let rest = buffer.split_off(whole);
                        let message = std::mem::replace(buffer, rest);
                        return BytesMut::from(&message[..used]);
                    }
                }
                assert!(stream.read_buf(buffer).await.unwrap() > 0, "the relay closed the connection");
            },
        }
    }

    /// Runs the client until it has something to tell.
    async fn event(&mut self) -> Event {
        let run = async {
            loop {
                self.flush().await;
                if let Some(event) = self.client.poll_event() {
                    return event;
                }
                let message = self.receive().await;
                let transport = TransportContext {
                    local_addr: self.local,
                    peer_addr: self.server,
                    transport_protocol: TransportProtocol::UDP,
                    ecn: None,
                };
                self.client.handle_read(TransportMessage { now: Instant::now(), transport, message }).unwrap();
            }
        };
        timeout(HANG, run).await.expect("the TURN client hears nothing")
    }

    async fn allocate(&mut self) -> Result<SocketAddr, String> {
        self.client.allocate(Instant::now()).unwrap();
        match self.event().await {
            Event::AllocateResponse(_, relay) => Ok(relay),
            Event::AllocateError(_, error) => Err(error.to_string()),
            other => panic!("{other:?}"),
        }
    }

    async fn permit(&mut self, relay: SocketAddr, peer: SocketAddr) -> Result<(), String> {
        let asked = self.client.relay(relay).unwrap().create_permission(Instant::now(), peer);
        asked.unwrap();
        match self.event().await {
            Event::CreatePermissionResponse(..) => Ok(()),
            Event::CreatePermissionError(_, error) => Err(error.to_string()),
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, relay: SocketAddr, peer: SocketAddr, data: &[u8]) {
        self.client.relay(relay).unwrap().send_to(Instant::now(), data, peer).unwrap();
        self.flush().await;
    }

    /// The next data from a peer.
    async fn data(&mut self) -> (SocketAddr, Vec<u8>) {
        loop {
            if let Event::DataIndicationOrChannelData(_, peer, data) = self.event().await {
                return (peer, data.to_vec());
            }
        }
    }
}

async fn heard(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut octets = vec![0; 65_536];
    let (length, from) = timeout(HANG, socket.recv_from(&mut octets)).await.expect("the peer hears nothing").unwrap();
    octets.truncate(length);
    (octets, from)
}

fn grant(server: &TurnServer, call: CallId, side: CallSide) -> Credentials {
    server.handle().grant(call, side, TTL).unwrap()
}

#[tokio::test]
async fn a_phone_learns_its_own_address_without_credentials() {
    let server = server(|_| {}).await;
    let mut phone = Phone::new(&server, &grant(&server, CALL, CallSide::Caller)).await;
    phone.client.send_binding_request(Instant::now()).unwrap();
    match phone.event().await {
        Event::BindingResponse(_, address) => assert_eq!(address, phone.local),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn data_goes_both_ways_and_only_with_the_permitted_peer() {
    let server = server(|_| {}).await;
    let mut phone = Phone::new(&server, &grant(&server, CALL, CallSide::Caller)).await;
    let relay = phone.allocate().await.unwrap();
    assert!((20_000..=29_999).contains(&relay.port()));

    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let peer_address = peer.local_addr().unwrap();
    phone.permit(relay, peer_address).await.unwrap();
    for length in [1, 100, 1_200] {
        let sent = vec![u8::try_from(length % 251).unwrap(); length];
        phone.send(relay, peer_address, &sent).await;
        assert_eq!(heard(&peer).await, (sent.clone(), relay));
        stranger.send_to(b"from a stranger", relay).await.unwrap();
        peer.send_to(&sent, relay).await.unwrap();
        assert_eq!(phone.data().await, (peer_address, sent));
    }
}

#[tokio::test]
async fn the_two_phones_of_a_call_talk_through_their_relays() {
    let server = server(|_| {}).await;
    let mut caller = Phone::new(&server, &grant(&server, CALL, CallSide::Caller)).await;
    let mut callee = Phone::new(&server, &grant(&server, CALL, CallSide::Callee)).await;
    let (here, there) = (caller.allocate().await.unwrap(), callee.allocate().await.unwrap());
    caller.permit(here, there).await.unwrap();
    callee.permit(there, here).await.unwrap();
    caller.send(here, there, b"hello").await;
    assert_eq!(callee.data().await, (here, b"hello".to_vec()));
    callee.send(there, here, b"hello yourself").await;
    assert_eq!(caller.data().await, (there, b"hello yourself".to_vec()));
}

#[tokio::test]
async fn a_phone_without_udp_reaches_its_relay_by_tcp() {
    let server = server(|_| {}).await;
    let mut phone = Phone::by_tcp(&server, &grant(&server, CALL, CallSide::Caller)).await;
    let relay = phone.allocate().await.unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let peer_address = peer.local_addr().unwrap();
    phone.permit(relay, peer_address).await.unwrap();
    for length in [3, 997] {
        phone.send(relay, peer_address, &vec![9; length]).await;
        assert_eq!(heard(&peer).await.0.len(), length);
        peer.send_to(&vec![5; length], relay).await.unwrap();
        assert_eq!(phone.data().await.1, vec![5; length]);
    }
    drop(phone);
    let closed = async {
        while server.handle().open_relays() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, closed).await.expect("a relay outlives its connection");
}

#[tokio::test]
async fn wrong_credentials_open_nothing() {
    let server = server(|_| {}).await;
    let right = grant(&server, CALL, CallSide::Caller);
    let other = grant(&server, OTHER_CALL, CallSide::Caller);
    let with = |username: &str, password: &Secret<String>| Credentials {
        username: username.to_owned(),
        password: password.clone(),
        realm: right.realm.clone(),
    };
    let wrong = [
        with(&right.username, &Secret::new("guessed".to_owned())),
        with(&right.username, &other.password),
        with("9999999999:07070707070707070707070707070707:caller", &right.password),
        with(&right.username.replace(":caller", ":callee"), &right.password),
        with("", &right.password),
    ];
    for credentials in &wrong {
        let mut phone = Phone::new(&server, credentials).await;
        let refused = phone.allocate().await.unwrap_err();
        assert!(refused.contains("401"), "{refused}");
    }
    assert_eq!(server.handle().counters().relays_opened, 0);
}

#[tokio::test]
async fn an_expired_credential_opens_nothing() {
    let server = server(|_| {}).await;
    let expired = server.handle().grant(CALL, CallSide::Caller, Duration::ZERO).unwrap();
    let refused = Phone::new(&server, &expired).await.allocate().await.unwrap_err();
    assert!(refused.contains("401"), "{refused}");
}

#[tokio::test]
async fn the_end_of_a_call_closes_its_relays_and_ends_its_credentials_and_no_others() {
    let server = server(|_| {}).await;
    let credentials = grant(&server, CALL, CallSide::Caller);
    let mut phone = Phone::new(&server, &credentials).await;
    let mut other = Phone::new(&server, &grant(&server, OTHER_CALL, CallSide::Caller)).await;
    let relay = phone.allocate().await.unwrap();
    let other_relay = other.allocate().await.unwrap();
    assert_eq!(server.handle().open_relays(), 2);

    server.handle().revoke(CALL);
    assert_eq!(server.handle().open_relays(), 1);
    let asked = phone.permit(relay, "127.0.0.1:9".parse().unwrap()).await;
    assert!(asked.is_err(), "{asked:?}");
    let refused = Phone::new(&server, &credentials).await.allocate().await.unwrap_err();
    assert!(refused.contains("401"), "{refused}");
    other.permit(other_relay, "127.0.0.1:9".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_peer_the_guard_denies_is_forbidden() {
    let server = server(|_| {}).await;
    let mut phone = Phone::new(&server, &grant(&server, CALL, CallSide::Caller)).await;
    let relay = phone.allocate().await.unwrap();
    for peer in
        ["10.0.0.1:80", "0.0.0.0:80", "169.254.169.254:80", "224.0.0.1:80", "192.168.1.1:80", "255.255.255.255:80"]
    {
        let refused = phone.permit(relay, peer.parse().unwrap()).await.unwrap_err();
        assert!(refused.contains("403"), "{peer}: {refused}");
    }
    for peer in
        ["[::ffff:127.0.0.1]:80", "[::ffff:10.0.0.1]:80", "[::1]:80", "[::]:80", "[64:ff9b::7f00:1]:80", "[fe80::1]:80"]
    {
        let refused = phone.permit(relay, peer.parse().unwrap()).await.unwrap_err();
        assert!(refused.contains("403") || refused.contains("443"), "{peer}: {refused}");
    }
    assert!(server.handle().counters().forbidden_peers >= 6);
}

#[tokio::test]
async fn loopback_is_denied_without_its_exception() {
    let server = server(|config| config.peers = PeerGuard::default()).await;
    let mut phone = Phone::new(&server, &grant(&server, CALL, CallSide::Caller)).await;
    let relay = phone.allocate().await.unwrap();
    let refused = phone.permit(relay, "127.0.0.1:9".parse().unwrap()).await.unwrap_err();
    assert!(refused.contains("403"), "{refused}");
}

#[tokio::test]
async fn a_call_holds_as_many_relays_as_it_may_and_no_more() {
    let server = server(|config| config.relays_per_call = 3).await;
    let caller = grant(&server, CALL, CallSide::Caller);
    let callee = grant(&server, CALL, CallSide::Callee);
    let mut held = Vec::new();
    for credentials in [&caller, &callee, &caller] {
        let mut phone = Phone::new(&server, credentials).await;
        phone.allocate().await.unwrap();
        held.push(phone);
    }
    let refused = Phone::new(&server, &callee).await.allocate().await.unwrap_err();
    assert!(refused.contains("486"), "{refused}");
    Phone::new(&server, &grant(&server, OTHER_CALL, CallSide::Caller)).await.allocate().await.unwrap();
}

#[tokio::test]
async fn a_relay_carries_no_more_than_its_rate() {
    let server = server(|config| {
        config.bytes_per_second = 1;
        config.burst_bytes = 5_000;
    })
    .await;
    let mut phone = Phone::new(&server, &grant(&server, CALL, CallSide::Caller)).await;
    let relay = phone.allocate().await.unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let peer_address = peer.local_addr().unwrap();
    phone.permit(relay, peer_address).await.unwrap();
    for _ in 0..10 {
        phone.send(relay, peer_address, &[1; 1_000]).await;
    }
    for _ in 0..5 {
        assert_eq!(heard(&peer).await.0.len(), 1_000);
    }
    let rest_dropped = async {
        while server.handle().counters().over_rate < 5 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, rest_dropped).await.expect("the rest was not dropped");
    assert!(peer.try_recv_from(&mut [0; 2_000]).is_err());
}

#[tokio::test]
async fn garbage_on_either_transport_harms_nobody() {
    let server = server(|_| {}).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for octets in [
        &[][..],
        &[0],
        &[0; 20],
        &[0xFF; 1_500],
        &[0, 3, 0, 4, 0x21, 0x12, 0xA4, 0x42],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x40, 0, 0, 1, 9],
    ] {
        socket.send_to(octets, server.address()).await.unwrap();
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(octets).await.unwrap();
    }
    Phone::new(&server, &grant(&server, CALL, CallSide::Caller)).await.allocate().await.unwrap();
    assert_eq!(server.handle().counters().broken_clients, 0);
}
