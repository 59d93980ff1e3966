//! From bytes of the outside to model types: the one place where everything is checked.
//!
//! Sizes are checked before anything is parsed, counts before anything is allocated for them, and every field before it
//! becomes a model type. Unknown fields are skipped. A value a later version may add reads as the safe default where there
//! is one, so that an old phone does less and never something wrong:
//!
//! | value | reads as | because |
//! |---|---|---|
//! | gate verdict | not available | the caller is offered the carrier |
//! | reason of a refusal | budget, or invalid without a time to retry | wait as told, or do not try again |
//! | reason of a goodbye | shutting down | come back as told |
//! | reason of a call's end | peer lost | the call ends in any case |
//! | state of a mark | unmarked | what cannot be understood is not offered |
//! | kind of an address | behind NAT | what cannot be understood is not tried |
//! | platform of an SMS | dialer | a person can read the plain text |
//! | reason of a refused registration | storage, or invalid without a time to retry | wait as told, or do not try again |
//!
//! Anything else unknown, the end of a text above all, is [`WireError::UnknownValue`]: to guess it would be to lie.

mod call;
mod check;
mod direct;
mod lookup;
mod marks;
mod probe;
mod register;
mod session;
mod text;

use tandem_model::{MarkGeneration, Ticket};

use crate::error::WireError;
use crate::frame::{ClientFrame, ServerFrame};
use crate::guard::{self, Bound};
use crate::limits::{ADDRESSES_MAX, CONTACTS_PAGE_MAX, FRAME_MAX, ICE_URLS_MAX, IDS_MAX, MARKS_PAGE_MAX};
use crate::schema;
use crate::schema::client_frame::Kind as ClientKind;
use crate::schema::server_frame::Kind as ServerKind;

pub use direct::{decode_datagram, decode_direct};
pub use register::{decode_register_reply, decode_register_request};

const CLIENT_BOUNDS: [Bound; 5] = [
    Bound { kind: 10, fields: &[3, 4], max: CONTACTS_PAGE_MAX, packed: 8 },
    Bound { kind: 41, fields: &[1], max: IDS_MAX, packed: 0 },
    Bound { kind: 42, fields: &[1], max: IDS_MAX, packed: 0 },
    Bound { kind: 44, fields: &[3], max: IDS_MAX, packed: 0 },
    Bound { kind: 45, fields: &[2], max: IDS_MAX, packed: 0 },
];

const SERVER_BOUNDS: [Bound; 4] = [
    Bound { kind: 10, fields: &[3], max: MARKS_PAGE_MAX, packed: 0 },
    Bound { kind: 32, fields: &[3], max: ICE_URLS_MAX, packed: 0 },
    Bound { kind: 44, fields: &[2], max: IDS_MAX, packed: 0 },
    Bound { kind: 62, fields: &[4], max: ADDRESSES_MAX, packed: 0 },
];

/// Reads one frame of a phone.
///
/// # Errors
/// [`WireError`] names what is wrong; see [`WireError::may_be_later_version`] for what to do about it.
pub fn decode_client(bytes: &[u8]) -> Result<ClientFrame, WireError> {
    let frame: schema::ClientFrame = parse(bytes, FRAME_MAX, &CLIENT_BOUNDS)?;
    client_frame(frame.kind.ok_or(WireError::UnknownKind)?)
}

/// Reads one frame of the server.
///
/// # Errors
/// [`WireError`] names what is wrong; see [`WireError::may_be_later_version`] for what to do about it.
pub fn decode_server(bytes: &[u8]) -> Result<ServerFrame, WireError> {
    let frame: schema::ServerFrame = parse(bytes, FRAME_MAX, &SERVER_BOUNDS)?;
    server_frame(frame.kind.ok_or(WireError::UnknownKind)?)
}

fn parse<M: prost::Message + Default>(bytes: &[u8], max: usize, bounds: &[Bound]) -> Result<M, WireError> {
    if bytes.len() > max {
        return Err(WireError::TooLarge);
    }
    guard::check(bytes, bounds)?;
    M::decode(bytes).map_err(|_| WireError::Malformed)
}

fn client_frame(kind: ClientKind) -> Result<ClientFrame, WireError> {
    Ok(match kind {
        ClientKind::Hello(hello) => ClientFrame::Hello(session::hello(&hello)?),
        ClientKind::TimeAsk(ask) => ClientFrame::TimeAsk { ticket: check::ticket(ask.ticket)? },
        ClientKind::PublishSealingKey(publish) => ClientFrame::PublishSealingKey {
            ticket: check::ticket(publish.ticket)?,
            key: check::sealing_key(publish.key.as_ref(), "key")?,
        },
        ClientKind::Unregister(unregister) => ClientFrame::Unregister {
            ticket: check::ticket(unregister.ticket)?,
            signature: check::signature(&unregister.signature, "signature")?,
        },
        ClientKind::ContactsSync(sync) => ClientFrame::ContactsSync(marks::contacts_sync(sync)?),
        ClientKind::MarksAsk(ask) => {
            ClientFrame::MarksAsk { ticket: check::ticket(ask.ticket)?, since: MarkGeneration(ask.since) }
        }
        ClientKind::ProbeAsk(ask) => ClientFrame::ProbeAsk { ticket: check::ticket(ask.ticket)? },
        ClientKind::Train(train) => ClientFrame::Train(probe::train(&train)?),
        ClientKind::TrainReport(report) => ClientFrame::TrainReport(probe::train_report(&report)?),
        ClientKind::GateAsk(ask) => ClientFrame::GateAsk {
            ticket: check::ticket(ask.ticket)?,
            call: check::call_id(&ask.call)?,
            to: check::number(ask.to, "to")?,
        },
        ClientKind::Call(call) => ClientFrame::Call(call::call(call)?),
        ClientKind::IceAsk(ask) => {
            ClientFrame::IceAsk { ticket: check::ticket(ask.ticket)?, call: check::call_id(&ask.call)? }
        }
        ClientKind::SendText(send) => ClientFrame::SendText(text::send_text(send)?),
        ClientKind::TextTaken(taken) => ClientFrame::TextTaken { texts: text::text_refs(&taken.texts)? },
        ClientKind::TextStateTaken(taken) => ClientFrame::TextStateTaken { ids: check::text_ids(&taken.ids)? },
        ClientKind::TextSwap(swap) => text::text_swap(swap)?,
        ClientKind::ReadReceipt(receipt) => ClientFrame::ReadReceipt {
            ticket: check::ticket(receipt.ticket)?,
            from: check::number(receipt.from, "from")?,
            ids: check::text_ids(&receipt.ids)?,
        },
        ClientKind::ReadTaken(taken) => {
            ClientFrame::ReadTaken { by: check::number(taken.by, "by")?, ids: check::text_ids(&taken.ids)? }
        }
        ClientKind::ConsentPut(put) => ClientFrame::ConsentPut {
            ticket: check::ticket(put.ticket)?,
            number: check::number(put.number, "number")?,
            allow: put.allow,
        },
        ClientKind::ResolveAsk(ask) => {
            ClientFrame::ResolveAsk { ticket: check::ticket(ask.ticket)?, to: check::number(ask.to, "to")? }
        }
        ClientKind::Resolve(resolve) => ClientFrame::Resolve {
            ticket: check::ticket(resolve.ticket)?,
            capability: lookup::capability(&resolve.capability)?,
        },
        ClientKind::DirectPort(told) => {
            ClientFrame::DirectPort { ticket: check::ticket(told.ticket)?, port: lookup::port_or_none(told.port)? }
        }
    })
}

fn server_frame(kind: ServerKind) -> Result<ServerFrame, WireError> {
    Ok(match kind {
        ServerKind::Challenge(challenge) => session::challenge(&challenge)?,
        ServerKind::Welcome(welcome) => ServerFrame::Welcome(session::welcome(&welcome)?),
        ServerKind::Goodbye(goodbye) => ServerFrame::Goodbye(session::goodbye(goodbye)),
        ServerKind::Time(time) => {
            ServerFrame::Time { ticket: Ticket(time.ticket), now: check::stamp(time.now_ms, "now_ms")? }
        }
        ServerKind::Done(done) => ServerFrame::Done { ticket: Ticket(done.ticket) },
        ServerKind::Refused(refused) => ServerFrame::Refused {
            ticket: Ticket(refused.ticket),
            reason: session::refuse_reason(refused.reason, refused.retry_after_ms),
            retry_after_ms: refused.retry_after_ms,
        },
        ServerKind::Marks(page) => ServerFrame::Marks(marks::marks(&page)?),
        ServerKind::Train(train) => ServerFrame::Train(probe::train(&train)?),
        ServerKind::TrainReport(report) => ServerFrame::TrainReport(probe::train_report(&report)?),
        ServerKind::GateAnswer(answer) => ServerFrame::GateAnswer {
            ticket: Ticket(answer.ticket),
            call: check::call_id(&answer.call)?,
            verdict: call::gate_verdict(answer.verdict),
        },
        ServerKind::Call(call) => ServerFrame::Call(call::call(call)?),
        ServerKind::Ice(ice) => ServerFrame::Ice(call::ice(ice)?),
        ServerKind::TextStored(stored) => ServerFrame::TextStored {
            ticket: Ticket(stored.ticket),
            id: check::text_id(stored.id.as_ref())?,
            stored_at: check::stamp(stored.stored_at_ms, "stored_at_ms")?,
        },
        ServerKind::DeliverText(deliver) => ServerFrame::DeliverText(text::deliver_text(deliver)?),
        ServerKind::TextState(state) => ServerFrame::TextState {
            id: check::text_id(state.id.as_ref())?,
            to: check::number(state.to, "to")?,
            state: check::terminal_state(state.state, "state")?,
            at: check::stamp(state.at_ms, "at_ms")?,
        },
        ServerKind::TextSwapAnswer(answer) => ServerFrame::TextSwapAnswer {
            ticket: Ticket(answer.ticket),
            id: check::text_id(answer.id.as_ref())?,
            end: check::terminal_state(answer.end, "end")?,
        },
        ServerKind::ReadNotice(notice) => {
            ServerFrame::ReadReceipt { by: check::number(notice.by, "by")?, ids: check::text_ids(&notice.ids)? }
        }
        ServerKind::Capability(granted) => ServerFrame::Capability(lookup::granted(&granted)?),
        ServerKind::Resolved(resolved) => ServerFrame::Resolved(lookup::resolved(&resolved)?),
    })
}
