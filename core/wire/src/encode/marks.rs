//! Marks.

use tandem_model::{Mark, MarkState};

use crate::frame::Marks;
use crate::schema;

pub(super) fn marks(page: &Marks) -> schema::Marks {
    schema::Marks {
        ticket: page.ticket.0,
        generation: page.generation.0,
        marks: page.marks.iter().map(mark).collect(),
        more: page.more,
        lease_until_ms: page.lease_until.0,
    }
}

fn mark(mark: &Mark) -> schema::Mark {
    use schema::mark::State;
    let state = match &mark.state {
        MarkState::Unmarked => State::Unmarked(schema::Unmarked {}),
        MarkState::Marked { epoch, device_key, sealing_key, lease_until } => State::Marked(schema::Marked {
            epoch: epoch.0,
            device_key: device_key.0.to_vec(),
            sealing_key: Some(super::sealing_key(sealing_key)),
            lease_until_ms: lease_until.0,
        }),
    };
    schema::Mark { number: mark.number.as_u64(), generation: mark.generation.0, state: Some(state) }
}
