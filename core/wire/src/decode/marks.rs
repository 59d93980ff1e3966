//! Marks.

use tandem_model::{DeviceKey, Mark, MarkGeneration, MarkState, Ticket};

use super::check;
use crate::error::WireError;
use crate::frame::Marks;
use crate::schema;

pub(super) fn marks(page: &schema::Marks) -> Result<Marks, WireError> {
    Ok(Marks {
        ticket: Ticket(page.ticket),
        generation: MarkGeneration(page.generation),
        marks: page.marks.iter().map(mark).collect::<Result<_, _>>()?,
        more: page.more,
        lease_until: check::stamp(page.lease_until_ms, "lease_until_ms")?,
    })
}

fn mark(mark: &schema::Mark) -> Result<Mark, WireError> {
    use schema::mark::State;
    let state = match &mark.state {
        Some(State::Marked(marked)) => MarkState::Marked {
            epoch: check::epoch(marked.epoch, "marked.epoch")?,
            device_key: DeviceKey(check::array(&marked.device_key, "marked.device_key")?),
            sealing_key: check::sealing_key(marked.sealing_key.as_ref(), "marked.sealing_key")?,
            lease_until: check::stamp(marked.lease_until_ms, "marked.lease_until_ms")?,
        },
        Some(State::Unmarked(_)) | None => MarkState::Unmarked,
    };
    Ok(Mark { number: check::number(mark.number, "marks.number")?, generation: MarkGeneration(mark.generation), state })
}
