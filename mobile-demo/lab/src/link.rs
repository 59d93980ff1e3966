//! A scenario's link as the shaper's model: the same on both clocks.

use crate::scenario::Link;
use tandem_shaper::{LinkModel, WayModel};

/// A scenario's link as the shaper's model.
#[must_use]
pub fn link_model(link: &Link) -> LinkModel {
    let way = |kbps: Option<u64>| WayModel {
        rate_bps: kbps.or(link.rate_kbps).map(|kbps| kbps * 1000),
        delay_ms: link.delay_ms,
        jitter_ms: link.jitter_ms,
        loss: link.loss,
        ..WayModel::default()
    };
    LinkModel { up: way(link.up_kbps), down: way(link.down_kbps), is_down: link.down, drop_all: link.drop_all }
}
