//! Packet trains.

use crate::frame::{Train, TrainReport};
use crate::limits::TRAIN_FILL_MAX;
use crate::schema;

/// The filling is zeros: it is never compressed, because the WebSocket negotiates no compression.
pub(super) fn train(train: &Train) -> schema::Train {
    let fill = usize::try_from(train.fill).unwrap_or(usize::MAX).min(TRAIN_FILL_MAX);
    schema::Train {
        probe: train.probe.0,
        round: train.round,
        index: train.index,
        count: train.count,
        filling: vec![0; fill],
    }
}

pub(super) const fn train_report(report: &TrainReport) -> schema::TrainReport {
    schema::TrainReport {
        probe: report.probe.0,
        round: report.round,
        frames: report.frames,
        bytes_after_first: report.bytes_after_first,
        spread_us: report.spread_us,
    }
}
