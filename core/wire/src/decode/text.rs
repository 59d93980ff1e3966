//! Texts.

use tandem_model::{Msisdn, TerminalState, TextId};

use super::check;
use crate::error::WireError;
use crate::frame::{ClientFrame, DeliverText, SendText};
use crate::schema;

pub(super) fn send_text(send: schema::SendText) -> Result<SendText, WireError> {
    Ok(SendText {
        ticket: check::ticket(send.ticket)?,
        id: check::text_id(send.id.as_ref())?,
        to: check::number(send.to, "to")?,
        to_epoch: check::epoch(send.to_epoch, "to_epoch")?,
        seq: check::seq(send.seq)?,
        sealed: check::sealed(send.sealed)?,
    })
}

pub(super) fn deliver_text(deliver: schema::DeliverText) -> Result<DeliverText, WireError> {
    Ok(DeliverText {
        from: check::number(deliver.from, "from")?,
        from_epoch: check::epoch(deliver.from_epoch, "from_epoch")?,
        id: check::text_id(deliver.id.as_ref())?,
        seq: check::seq(deliver.seq)?,
        sealed: check::sealed(deliver.sealed)?,
        stored_at: check::stamp(deliver.stored_at_ms, "stored_at_ms")?,
    })
}

pub(super) fn text_refs(texts: &[schema::TextRef]) -> Result<Vec<(Msisdn, TextId)>, WireError> {
    texts.iter().map(|text| Ok((check::number(text.from, "texts.from")?, check::text_id(text.id.as_ref())?))).collect()
}

/// A sender may end a text in two ways only; the others are the server's to say.
pub(super) fn text_swap(swap: schema::TextSwap) -> Result<ClientFrame, WireError> {
    let end = check::terminal_state(swap.end, "end")?;
    match end {
        TerminalState::Cancelled | TerminalState::HandedToSms => {}
        TerminalState::Delivered | TerminalState::Expired | TerminalState::RecipientChanged => {
            return Err(WireError::OutOfRange { field: "end" });
        }
    }
    Ok(ClientFrame::TextSwap {
        ticket: check::ticket(swap.ticket)?,
        id: check::text_id(swap.id.as_ref())?,
        to: check::number(swap.to, "to")?,
        end,
    })
}
