//! Who is connected: one connection for each number, and what is known of it while it lasts.

use crate::input::ConnId;
use crate::measured::Measured;
use crate::outbox::Outbox;
use crate::store_op::Owner;
use std::collections::BTreeMap;
use tandem_model::{MarkGeneration, Mono, Msisdn, Nonce, SenderSeq, ServerMillis, TextId};
use tandem_wire::RefuseReason;

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    conns: BTreeMap<ConnId, Session>,
    by_number: BTreeMap<Msisdn, ConnId>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) heard_at: Mono,
    pub(crate) phase: Phase,
}

/// How far a connection is.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Challenged, not yet answered.
    Challenged { nonce: Nonce },
    /// It said who it is and the store is being asked.
    Proving { nonce: Nonce },
    /// The session stands.
    Welcome(Box<Line>),
}

/// What is known of a standing session.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whose.
    pub(crate) owner: Owner,
    /// Signs for the owner.
    pub(crate) device_key: tandem_model::DeviceKey,
    /// The lease that is written, or being written.
    pub(crate) lease_written: ServerMillis,
    /// Marks: the newest generation told.
    pub(crate) marks_told: MarkGeneration,
    /// Marks changed since they were last read.
    pub(crate) marks_stale: bool,
    /// Marks are being read, unasked.
    pub(crate) marks_reading: bool,
    /// Texts for this phone.
    pub(crate) texts: Outbox<(Msisdn, TextId)>,
    /// Ends of its own texts.
    pub(crate) ends: Outbox<TextId>,
    /// Read receipts of its own texts.
    pub(crate) reads: Outbox<(Msisdn, TextId)>,
    /// Texts of its own being stored: the last one for each recipient, and how many.
    pub(crate) sending: BTreeMap<Msisdn, (TextId, u32)>,
    /// Recipients to whom a text was put off: nothing after it goes first.
    pub(crate) held: BTreeMap<Msisdn, (SenderSeq, RefuseReason)>,
    /// What its path carries.
    pub(crate) measured: Measured,
}

impl Line {
    pub(crate) fn new(owner: Owner, device_key: tandem_model::DeviceKey, lease_written: ServerMillis) -> Line {
        Line {
            owner,
            device_key,
            lease_written,
            marks_told: MarkGeneration(0),
            marks_stale: false,
            marks_reading: false,
            texts: Outbox::default(),
            ends: Outbox::default(),
            reads: Outbox::default(),
            sending: BTreeMap::new(),
            held: BTreeMap::new(),
            measured: Measured::default(),
        }
    }
}

impl Sessions {
    pub(crate) fn insert(&mut self, conn: ConnId, session: Session) {
        self.conns.insert(conn, session);
    }

    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        self.conns.get_mut(&conn)
    }

    pub(crate) fn contains(&self, conn: ConnId) -> bool {
        self.conns.contains_key(&conn)
    }

    /// Connections, proven or not.
    pub(crate) fn len(&self) -> usize {
        self.conns.len()
    }

    /// Sessions that stand.
    pub(crate) fn standing(&self) -> usize {
        self.by_number.len()
    }

    pub(crate) fn conns(&self) -> Vec<ConnId> {
        self.conns.keys().copied().collect()
    }

    /// The standing session on a connection.
    pub(crate) fn line(&self, conn: ConnId) -> Option<&Line> {
        match &self.conns.get(&conn)?.phase {
            Phase::Welcome(line) => Some(line),
            Phase::Challenged { .. } | Phase::Proving { .. } => None,
        }
    }

    /// The standing session on a connection.
    pub(crate) fn line_mut(&mut self, conn: ConnId) -> Option<&mut Line> {
        match &mut self.conns.get_mut(&conn)?.phase {
            Phase::Welcome(line) => Some(line),
            Phase::Challenged { .. } | Phase::Proving { .. } => None,
        }
    }

    /// Where a number is connected, whichever owner it is.
    pub(crate) fn conn_of(&self, number: Msisdn) -> Option<ConnId> {
        self.by_number.get(&number).copied()
    }

    /// Where this very owner is connected.
    pub(crate) fn conn_of_owner(&self, owner: Owner) -> Option<ConnId> {
        let conn = self.conn_of(owner.number)?;
        (self.line(conn)?.owner == owner).then_some(conn)
    }

    /// Makes a session stand; gives back the connection it displaces.
    pub(crate) fn welcome(&mut self, conn: ConnId, line: Line) -> Option<ConnId> {
        let number = line.owner.number;
        let session = self.conns.get_mut(&conn)?;
        session.phase = Phase::Welcome(Box::new(line));
        self.by_number.insert(number, conn).filter(|old| *old != conn)
    }

    /// Forgets a connection. The owner is given back when this was where it was connected.
    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<(Session, Option<Owner>)> {
        let session = self.conns.remove(&conn)?;
        let owner = match &session.phase {
            Phase::Welcome(line) => Some(line.owner),
            Phase::Challenged { .. } | Phase::Proving { .. } => None,
        };
        let gone = owner.filter(|owner| self.by_number.get(&owner.number) == Some(&conn));
        if let Some(owner) = gone {
            self.by_number.remove(&owner.number);
        }
        Some((session, gone))
    }
}
