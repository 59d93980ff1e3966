//! The shaped sockets on loopback. Nothing here asserts how long the machine took, only what the link decided.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_media::{Passage, Way};
use tandem_shaper::{LinkControl, LinkModel, ShapedUdp, WayModel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

const LOOPBACK: &str = "127.0.0.1:0";

fn link(way: WayModel) -> LinkControl {
    LinkControl::new(7, LinkModel::symmetric(way))
}

/// Echoes every byte of every connection.
async fn echo_server() -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn every_byte_of_a_stream_arrives_in_order_whatever_the_link_loses() {
    let server = echo_server().await;
    let phone =
        link(WayModel { delay_ms: 5, jitter_ms: 3, loss: 0.02, rate_bps: Some(20_000_000), ..WayModel::default() });
    let stream = phone.connect_tcp(server).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let sent = pattern(200_000);
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write
    });
    let mut echoed = vec![0; expected.len()];
    read.read_exact(&mut echoed).await.unwrap();
    assert_eq!(echoed, expected);
    assert!(phone.counters().dropped_loss > 0);
    assert!(phone.counters().up_bytes > 200_000 && phone.counters().down_bytes > 200_000, "headers count");
    drop(writer.await.unwrap());
}

#[tokio::test]
async fn each_write_leaves_in_a_segment_of_its_own_and_a_long_one_in_several() {
    let server = echo_server().await;
    let phone = link(WayModel { rate_bps: Some(200_000), ..WayModel::default() });
    let mut stream = phone.connect_tcp(server).await.unwrap();
    let before = phone.counters().up_packets;
    for length in [40, 300, 300, 3_000] {
        assert!(stream.write_all(&pattern(length)).await.is_ok());
    }
    let mut echoed = vec![0; 3_640];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(phone.counters().up_packets - before, 3 + 3);
}

#[tokio::test]
async fn the_end_of_a_stream_arrives_after_its_bytes() {
    let server = echo_server().await;
    let mut stream = link(WayModel { delay_ms: 3, ..WayModel::default() }).connect_tcp(server).await.unwrap();
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut echoed = Vec::new();
    stream.read_to_end(&mut echoed).await.unwrap();
    assert_eq!(echoed, b"last words");
}

#[tokio::test]
async fn a_link_that_goes_down_cuts_streams_and_lets_no_new_ones_be_made() {
    let server = echo_server().await;
    let phone = link(WayModel::default());
    let mut stream = phone.connect_tcp(server).await.unwrap();
    phone.set_down(true);
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(stream.write(&byte).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(phone.counters().streams_cut, 1);
    assert_eq!(phone.connect_tcp(server).await.unwrap_err().kind(), ErrorKind::NetworkUnreachable);
    phone.set_down(false);
    let mut again = phone.connect_tcp(server).await.unwrap();
    again.write_all(b"x").await.unwrap();
    again.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"x");
}

#[tokio::test]
async fn a_new_address_ends_old_streams_and_datagram_sockets_but_not_new_ones() {
    let server = echo_server().await;
    let phone = link(WayModel::default());
    let mut stream = phone.connect_tcp(server).await.unwrap();
    let old = phone.gate().admit_socket();
    assert_eq!(old.pass(Way::Up, 100), Passage::After(Duration::ZERO));
    phone.change_address();
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(old.pass(Way::Up, 100), Passage::Lost);
    assert_eq!(phone.gate().admit_socket().pass(Way::Up, 100), Passage::After(Duration::ZERO));
    phone.connect_tcp(server).await.unwrap();
}

#[tokio::test]
async fn a_swallowing_link_stalls_a_stream_and_gives_it_back() {
    let server = echo_server().await;
    let phone = link(WayModel::default());
    let mut stream = phone.connect_tcp(server).await.unwrap();
    phone.set_drop_all(true);
    stream.write_all(b"patience").await.unwrap();
    let mut echoed = [0; 8];
    let stalled = tokio::time::timeout(Duration::from_millis(200), stream.read_exact(&mut echoed)).await;
    assert!(stalled.is_err(), "nothing comes");
    phone.set_drop_all(false);
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"patience");
    assert_eq!(phone.counters().streams_cut, 0);
}

#[tokio::test]
async fn datagrams_are_counted_lost_and_carried() {
    let far = UdpSocket::bind(LOOPBACK).await.unwrap();
    let phone = link(WayModel { delay_ms: 2, ..WayModel::default() });
    let near: ShapedUdp = phone.bind_udp(LOOPBACK.parse().unwrap()).await.unwrap();
    near.send_to(b"one", far.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 64];
    let (length, from) = far.recv_from(&mut buffer).await.unwrap();
    assert_eq!((&buffer[..length], from), (&b"one"[..], near.local_addr()));
    far.send_to(b"two", from).await.unwrap();
    assert_eq!(near.recv_from().await.unwrap(), (b"two".to_vec(), far.local_addr().unwrap()));
    let counters = phone.counters();
    assert_eq!((counters.up_packets, counters.up_bytes, counters.down_packets, counters.down_bytes), (1, 31, 1, 31));

    phone.set_drop_all(true);
    near.send_to(b"gone", far.local_addr().unwrap()).unwrap();
    phone.set_drop_all(false);
    near.send_to(b"three", far.local_addr().unwrap()).unwrap();
    let (length, _) = far.recv_from(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..length], b"three");
    assert_eq!(phone.counters().dropped_down, 1);
    assert_eq!(near.send_to(&[0; 2049], from).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn one_seed_gives_all_sockets_of_a_phone_one_fate() {
    let lossy = LinkModel::symmetric(WayModel { loss: 0.5, ..WayModel::default() });
    let fates =
        |seed| -> Vec<Passage> {
            let gate = LinkControl::new(seed, lossy).gate().admit_socket();
            (0..64)
                .map(|_| {
                    if gate.pass(Way::Up, 100) == Passage::Lost {
                        Passage::Lost
                    } else {
                        Passage::After(Duration::ZERO)
                    }
                })
                .collect()
        };
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
}
