//! A link in numbers.

use serde::{Deserialize, Serialize};

/// One direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WayModel {
    /// Bits a second the link carries, IP headers included; `None` is without limit.
    pub rate_bps: Option<u64>,
    /// One-way delay in milliseconds, on top of queueing and serialisation.
    pub delay_ms: u32,
    /// Scale of the random extra delay in milliseconds: the sd of a normal deviate whose absolute value is added.
    /// Packets keep their order.
    pub jitter_ms: u32,
    /// Share of packets lost at random, 0.0 to 1.0. A byte stream turns each loss into delay.
    pub loss: f64,
    /// Bytes that may pass at once before the rate applies (a token bucket's depth). Zero: every packet is serialised.
    pub burst_bytes: u32,
    /// Bytes that may wait for the rate; a packet that finds no room is dropped.
    pub queue_bytes: u32,
}

impl Default for WayModel {
    fn default() -> Self {
        Self { rate_bps: None, delay_ms: 0, jitter_ms: 0, loss: 0.0, burst_bytes: 0, queue_bytes: 64 * 1024 }
    }
}

/// Both directions of a phone's link, seen from the phone.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkModel {
    /// From the phone to the network.
    pub up: WayModel,
    /// From the network to the phone.
    pub down: WayModel,
    /// No bearer at all: datagrams are lost, streams are cut and cannot be made.
    pub is_down: bool,
    /// The bearer is there and swallows everything: datagrams are lost, streams stall.
    pub drop_all: bool,
}

impl LinkModel {
    /// The same numbers both ways.
    #[must_use]
    pub fn symmetric(way: WayModel) -> Self {
        Self { up: way, down: way, ..Self::default() }
    }
}
