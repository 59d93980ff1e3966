//! Packet trains.

use tandem_model::Ticket;

use crate::error::WireError;
use crate::frame::{Train, TrainReport};
use crate::limits::{TRAIN_BYTES_MAX, TRAIN_COUNT_MAX, TRAIN_FILL_MAX, TRAIN_SPREAD_MAX};
use crate::schema;

pub(super) fn train(train: &schema::Train) -> Result<Train, WireError> {
    match train.count {
        0 => return Err(WireError::Missing { field: "count" }),
        1..=TRAIN_COUNT_MAX => {}
        _ => return Err(WireError::OutOfRange { field: "count" }),
    }
    if train.index >= train.count {
        return Err(WireError::OutOfRange { field: "index" });
    }
    let fill = u32::try_from(train.filling.len())
        .ok()
        .filter(|_| train.filling.len() <= TRAIN_FILL_MAX)
        .ok_or(WireError::OutOfRange { field: "filling" })?;
    Ok(Train { probe: Ticket(train.probe), round: train.round, index: train.index, count: train.count, fill })
}

pub(super) fn train_report(report: &schema::TrainReport) -> Result<TrainReport, WireError> {
    if report.frames > TRAIN_COUNT_MAX {
        return Err(WireError::OutOfRange { field: "frames" });
    }
    if report.bytes_after_first > TRAIN_BYTES_MAX {
        return Err(WireError::OutOfRange { field: "bytes_after_first" });
    }
    if u128::from(report.spread_us) > TRAIN_SPREAD_MAX.as_micros() {
        return Err(WireError::OutOfRange { field: "spread_us" });
    }
    Ok(TrainReport {
        probe: Ticket(report.probe),
        round: report.round,
        frames: report.frames,
        bytes_after_first: report.bytes_after_first,
        spread_us: report.spread_us,
    })
}
