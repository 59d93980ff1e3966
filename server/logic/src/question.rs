//! What the server was doing when it asked the store: a question keeps what is needed to go on.

use crate::input::ConnId;
use crate::registration::Starting;
use tandem_model::{CallId, Msisdn, SenderSeq, TextId, Ticket};
use tandem_wire::RegisterRequest;
use tandem_wire::frame::Hello;

/// One open question.
#[derive(Debug)]
pub(crate) enum Question {
    /// Nobody waits for the answer.
    Nothing,
    /// An attempt is being opened.
    Start(Box<Starting>),
    /// An attempt is looked up to check a proof.
    FindAttempt { reply: Ticket, request: Box<RegisterRequest> },
    /// A try is being counted.
    Confirm { reply: Ticket },
    /// What a key may have registered is being ended.
    Withdraw { reply: Ticket },
    /// A connection said who it is.
    Hello { conn: ConnId, hello: Box<Hello> },
    /// A sealing key is being published.
    PublishKey { conn: ConnId, ticket: Ticket },
    /// A registration is being ended.
    Unregister { conn: ConnId, ticket: Ticket },
    /// Keys that live are being taken.
    SetKeys,
    /// What is held of a session's owner is being read.
    Told { conn: ConnId },
    /// Tokens are being changed.
    Tokens { conn: ConnId, ticket: Ticket },
    /// A mark is being opened or closed.
    SetOpen { conn: ConnId, ticket: Ticket },
    /// Links that wait are being read.
    Links,
    /// Links are being settled.
    SettleLinks,
    /// Something of own tokens is being done.
    Opens,
    /// A lease is being ended.
    EndLease,
    /// Leases are being renewed.
    RenewLeases,
    /// Marks are being read, for a request or, without a ticket, unasked.
    Marks { conn: ConnId, ticket: Option<Ticket> },
    /// A gate question is being admitted.
    Gate { gate: u64 },
    /// A text is being stored.
    Text { conn: ConnId, ticket: Ticket, to: Msisdn, seq: SenderSeq, id: TextId },
    /// A text is being swapped.
    Swap { conn: ConnId, ticket: Ticket, id: TextId },
    /// Texts, ends or read receipts are being taken by the phone on this connection.
    Taken { conn: ConnId },
    /// Waiting texts are being read.
    Texts { conn: ConnId },
    /// Owed ends are being read.
    Ends { conn: ConnId },
    /// Owed read receipts are being read.
    Reads { conn: ConnId },
    /// Read receipts are being stored.
    StoreReads { conn: ConnId, ticket: Ticket },
    /// A consent is being kept.
    Consent { conn: ConnId, ticket: Ticket },
    /// A lookup is being admitted.
    Lookup { lookup: u64 },
    /// What ran out is being ended.
    Sweep,
}

impl Question {
    /// The session a fenced answer ends.
    pub(crate) const fn conn(&self) -> Option<ConnId> {
        match self {
            Question::PublishKey { conn, .. }
            | Question::Unregister { conn, .. }
            | Question::Told { conn }
            | Question::Tokens { conn, .. }
            | Question::SetOpen { conn, .. }
            | Question::Marks { conn, .. }
            | Question::Text { conn, .. }
            | Question::Swap { conn, .. }
            | Question::Texts { conn }
            | Question::Ends { conn }
            | Question::Reads { conn }
            | Question::StoreReads { conn, .. }
            | Question::Consent { conn, .. } => Some(*conn),
            Question::Nothing
            | Question::SetKeys
            | Question::Links
            | Question::SettleLinks
            | Question::Opens
            | Question::EndLease
            | Question::RenewLeases
            | Question::Start(_)
            | Question::FindAttempt { .. }
            | Question::Confirm { .. }
            | Question::Withdraw { .. }
            | Question::Hello { .. }
            | Question::Gate { .. }
            | Question::Taken { .. }
            | Question::Lookup { .. }
            | Question::Sweep => None,
        }
    }
}

/// A call and one party's number: names a verdict.
pub(crate) type VerdictKey = (CallId, Msisdn);
