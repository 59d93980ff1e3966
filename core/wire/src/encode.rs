//! From model types to bytes.
//!
//! Encoding does not check: what this build makes is within [`crate::limits`] by construction, and whoever receives it checks.

mod call;
mod direct;
mod lookup;
mod marks;
mod probe;
mod register;
mod session;
mod text;

use prost::Message as _;
use tandem_model::{SealingKey, TerminalState, TextId};

use crate::frame::{ClientFrame, ServerFrame};
use crate::schema;
use crate::schema::client_frame::Kind as ClientKind;
use crate::schema::server_frame::Kind as ServerKind;

pub use direct::{encode_datagram, encode_direct};
pub use register::{encode_register_reply, encode_register_request};

/// One frame of the phone, as one binary WebSocket message.
#[must_use]
pub fn encode_client(frame: &ClientFrame) -> Vec<u8> {
    schema::ClientFrame { kind: Some(client_kind(frame)) }.encode_to_vec()
}

/// One frame of the server, as one binary WebSocket message.
#[must_use]
pub fn encode_server(frame: &ServerFrame) -> Vec<u8> {
    schema::ServerFrame { kind: Some(server_kind(frame)) }.encode_to_vec()
}

fn client_kind(frame: &ClientFrame) -> ClientKind {
    match frame {
        ClientFrame::Hello(hello) => ClientKind::Hello(session::hello(hello)),
        ClientFrame::TimeAsk { ticket } => ClientKind::TimeAsk(schema::TimeAsk { ticket: ticket.0 }),
        ClientFrame::PublishSealingKey { ticket, key } => {
            ClientKind::PublishSealingKey(schema::PublishSealingKey { ticket: ticket.0, key: Some(sealing_key(key)) })
        }
        ClientFrame::Unregister { ticket, signature } => {
            ClientKind::Unregister(schema::Unregister { ticket: ticket.0, signature: signature.0.to_vec() })
        }
        ClientFrame::ContactsSync(sync) => ClientKind::ContactsSync(marks::contacts_sync(sync)),
        ClientFrame::MarksAsk { ticket, since } => {
            ClientKind::MarksAsk(schema::MarksAsk { ticket: ticket.0, since: since.0 })
        }
        ClientFrame::ProbeAsk { ticket } => ClientKind::ProbeAsk(schema::ProbeAsk { ticket: ticket.0 }),
        ClientFrame::Train(train) => ClientKind::Train(probe::train(train)),
        ClientFrame::TrainReport(report) => ClientKind::TrainReport(probe::train_report(report)),
        ClientFrame::GateAsk { ticket, call, to } => {
            ClientKind::GateAsk(schema::GateAsk { ticket: ticket.0, call: call.0.to_vec(), to: to.as_u64() })
        }
        ClientFrame::Call(envelope) => ClientKind::Call(call::call(envelope)),
        ClientFrame::IceAsk { ticket, call } => {
            ClientKind::IceAsk(schema::IceAsk { ticket: ticket.0, call: call.0.to_vec() })
        }
        ClientFrame::SendText(send) => ClientKind::SendText(text::send_text(send)),
        ClientFrame::TextTaken { texts } => ClientKind::TextTaken(text::text_taken(texts)),
        ClientFrame::TextStateTaken { ids } => {
            ClientKind::TextStateTaken(schema::TextStateTaken { ids: text_ids(ids) })
        }
        ClientFrame::TextSwap { ticket, id, to, end } => ClientKind::TextSwap(schema::TextSwap {
            ticket: ticket.0,
            id: Some(text_id(*id)),
            to: to.as_u64(),
            end: terminal_state(*end),
        }),
        ClientFrame::ReadReceipt { ticket, from, ids } => {
            ClientKind::ReadReceipt(schema::ReadReceipt { ticket: ticket.0, from: from.as_u64(), ids: text_ids(ids) })
        }
        ClientFrame::ReadTaken { by, ids } => {
            ClientKind::ReadTaken(schema::ReadTaken { by: by.as_u64(), ids: text_ids(ids) })
        }
        ClientFrame::ConsentPut { ticket, number, allow } => {
            ClientKind::ConsentPut(schema::ConsentPut { ticket: ticket.0, number: number.as_u64(), allow: *allow })
        }
        ClientFrame::ResolveAsk { ticket, to } => {
            ClientKind::ResolveAsk(schema::ResolveAsk { ticket: ticket.0, to: to.as_u64() })
        }
        ClientFrame::Resolve { ticket, capability } => {
            ClientKind::Resolve(schema::Resolve { ticket: ticket.0, capability: capability.0.to_vec() })
        }
        ClientFrame::DirectPort { ticket, port } => {
            ClientKind::DirectPort(schema::DirectPort { ticket: ticket.0, port: u32::from(port.unwrap_or_default()) })
        }
    }
}

fn server_kind(frame: &ServerFrame) -> ServerKind {
    match frame {
        ServerFrame::Challenge { nonce, version_min, version_max } => ServerKind::Challenge(schema::Challenge {
            nonce: nonce.0.to_vec(),
            version_min: *version_min,
            version_max: *version_max,
        }),
        ServerFrame::Welcome(welcome) => ServerKind::Welcome(session::welcome(welcome)),
        ServerFrame::Goodbye(goodbye) => ServerKind::Goodbye(session::goodbye(goodbye)),
        ServerFrame::Time { ticket, now } => ServerKind::Time(schema::Time { ticket: ticket.0, now_ms: now.0 }),
        ServerFrame::Done { ticket } => ServerKind::Done(schema::Done { ticket: ticket.0 }),
        ServerFrame::Refused { ticket, reason, retry_after_ms } => ServerKind::Refused(schema::Refused {
            ticket: ticket.0,
            reason: session::refuse_reason(*reason),
            retry_after_ms: *retry_after_ms,
        }),
        ServerFrame::Marks(page) => ServerKind::Marks(marks::marks(page)),
        ServerFrame::Train(train) => ServerKind::Train(probe::train(train)),
        ServerFrame::TrainReport(report) => ServerKind::TrainReport(probe::train_report(report)),
        ServerFrame::GateAnswer { ticket, call, verdict } => ServerKind::GateAnswer(schema::GateAnswer {
            ticket: ticket.0,
            call: call.0.to_vec(),
            verdict: call::gate_verdict(*verdict),
        }),
        ServerFrame::Call(envelope) => ServerKind::Call(call::call(envelope)),
        ServerFrame::Ice(ice) => ServerKind::Ice(call::ice(ice)),
        ServerFrame::TextStored { ticket, id, stored_at } => ServerKind::TextStored(schema::TextStored {
            ticket: ticket.0,
            id: Some(text_id(*id)),
            stored_at_ms: stored_at.0,
        }),
        ServerFrame::DeliverText(deliver) => ServerKind::DeliverText(text::deliver_text(deliver)),
        ServerFrame::TextState { id, to, state, at } => ServerKind::TextState(schema::TextState {
            id: Some(text_id(*id)),
            to: to.as_u64(),
            state: terminal_state(*state),
            at_ms: at.0,
        }),
        ServerFrame::TextSwapAnswer { ticket, id, end } => ServerKind::TextSwapAnswer(schema::TextSwapAnswer {
            ticket: ticket.0,
            id: Some(text_id(*id)),
            end: terminal_state(*end),
        }),
        ServerFrame::ReadReceipt { by, ids } => {
            ServerKind::ReadNotice(schema::ReadNotice { by: by.as_u64(), ids: text_ids(ids) })
        }
        ServerFrame::Capability(granted) => ServerKind::Capability(lookup::granted(granted)),
        ServerFrame::Resolved(resolved) => ServerKind::Resolved(lookup::resolved(resolved)),
    }
}

fn sealing_key(key: &SealingKey) -> schema::SealingKey {
    schema::SealingKey { id: key.id.0, public: key.public.to_vec(), signature: key.signature.0.to_vec() }
}

const fn text_id(id: TextId) -> schema::TextId {
    schema::TextId { device_epoch: id.device_epoch.0, counter: id.counter }
}

fn text_ids(ids: &[TextId]) -> Vec<schema::TextId> {
    ids.iter().copied().map(text_id).collect()
}

fn terminal_state(state: TerminalState) -> i32 {
    use schema::TerminalState as Wire;
    let wire = match state {
        TerminalState::Delivered => Wire::Delivered,
        TerminalState::Expired => Wire::Expired,
        TerminalState::Cancelled => Wire::Cancelled,
        TerminalState::HandedToSms => Wire::HandedToSms,
        TerminalState::RecipientChanged => Wire::RecipientChanged,
    };
    wire.into()
}
