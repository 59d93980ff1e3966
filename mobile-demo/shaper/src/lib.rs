//! A seeded link in user space: the mock phones' sockets are put on it, without root and without a kernel module.
//!
//! One [`LinkControl`] is one phone's link. Its [`gate`](LinkControl::gate) goes under the media engine's UDP sockets,
//! its [`connect_tcp`](LinkControl::connect_tcp) makes the stream the WebSocket runs on, and its knobs may be turned
//! while both run. What decides is [`Lane`], which has no clock and no sockets.

mod control;
mod lane;
mod model;
mod stream;
mod udp;

pub use control::{LinkControl, LinkCounters};
pub use lane::{DropReason, Lane, Verdict};
pub use model::{LinkModel, WayModel};
pub use stream::ShapedStream;
pub use udp::ShapedUdp;
