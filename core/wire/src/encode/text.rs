//! Texts.

use tandem_model::{Msisdn, TextId};

use crate::frame::{DeliverText, SendText};
use crate::schema;

pub(super) fn send_text(send: &SendText) -> schema::SendText {
    schema::SendText {
        ticket: send.ticket.0,
        id: Some(super::text_id(send.id)),
        to: send.to.as_u64(),
        to_epoch: send.to_epoch.0,
        seq: send.seq.0,
        sealed: send.sealed.0.clone(),
    }
}

pub(super) fn deliver_text(deliver: &DeliverText) -> schema::DeliverText {
    schema::DeliverText {
        from: deliver.from.as_u64(),
        from_epoch: deliver.from_epoch.0,
        id: Some(super::text_id(deliver.id)),
        seq: deliver.seq.0,
        sealed: deliver.sealed.0.clone(),
        stored_at_ms: deliver.stored_at.0,
    }
}

pub(super) fn text_taken(texts: &[(Msisdn, TextId)]) -> schema::TextTaken {
    let texts =
        texts.iter().map(|(from, id)| schema::TextRef { from: from.as_u64(), id: Some(super::text_id(*id)) }).collect();
    schema::TextTaken { texts }
}
