//! Tokens from phones, and marks on their way to them: asked for, and unasked when something changed.

use crate::input::ConnId;
use crate::io::{Io, millis};
use crate::key_question::LiveKey;
use crate::matching::{MatchOp, SyncTokens, ToldTokens};
use crate::question::Question;
use crate::sessions::Sessions;
use crate::store_answer::{Settled, StoreAnswer, TokensOutcome};
use crate::store_op::{BudgetKind, Charge, Owner, StoreOp};
use std::time::Duration;
use tandem_model::vault::signed;
use tandem_model::{Mark, MarkGeneration, Msisdn, SealingKey, ServerMillis, Ticket};
use tandem_wire::frame::{MarkKey, MarkKeys, Marks as MarksFrame, TokensSync, Welcome};
use tandem_wire::limits::MARKS_PAGE_MAX;
use tandem_wire::{RefuseReason, ServerFrame};

/// A phone tells tokens.
pub(crate) fn tokens(io: &mut Io, sessions: &Sessions, conn: ConnId, sync: TokensSync) {
    let Some(line) = sessions.line(conn) else { return };
    let TokensSync { ticket, key, replace, last, added, removed, blocked, unblocked } = sync;
    let op = SyncTokens {
        owner: line.owner,
        key,
        replace,
        last,
        added,
        removed,
        blocked,
        unblocked,
        contacts_max: io.config.marks.contacts_max,
        blocked_max: io.config.marks.blocked_max,
        new_tokens: Charge::about_number(BudgetKind::NewContacts, line.owner.number, io.config.marks.new_numbers),
    };
    io.ask_or_refuse(conn, ticket, Question::Tokens { conn, ticket }, StoreOp::Match(MatchOp::SyncTokens(op)));
}

/// The tokens are changed. The answer says nothing else, and is the same at the same time whomever they are about; what shows by
/// it travels unasked. Gives what is left to be done.
#[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
pub(crate) fn tokens_synced(io: &mut Io, conn: ConnId, ticket: Ticket, answer: StoreAnswer) -> Settled {
    match answer {
        StoreAnswer::Tokens(TokensOutcome::Synced { viewers, pending }) => {
            io.send(conn, ServerFrame::Done { ticket });
            return Settled { viewers, pending, ..Settled::default() };
        }
        StoreAnswer::Tokens(TokensOutcome::UnknownKey) => {
            io.refuse(conn, ticket, RefuseReason::NotAvailable, io.config.marks.key_retry);
        }
        StoreAnswer::Tokens(TokensOutcome::TooMany) => io.refuse(conn, ticket, RefuseReason::Budget, Duration::ZERO),
        StoreAnswer::Tokens(TokensOutcome::Spent(spent)) => {
            io.refuse(conn, ticket, RefuseReason::Budget, spent.retry_after);
        }
        _ => io.refuse_storage(conn, ticket),
    }
    Settled::default()
}

/// A phone opens its mark to whoever holds its number, or closes it.
pub(crate) fn set_open(io: &mut Io, sessions: &Sessions, conn: ConnId, ticket: Ticket, open: bool) {
    let Some(line) = sessions.line(conn) else { return };
    let op = MatchOp::SetOpen { owner: line.owner, open };
    io.ask_or_refuse(conn, ticket, Question::SetOpen { conn, ticket }, StoreOp::Match(op));
}

/// It is durable. Gives what is left to be done.
pub(crate) fn opened(io: &mut Io, conn: ConnId, ticket: Ticket, answer: StoreAnswer) -> Settled {
    let StoreAnswer::Settled(settled) = answer else {
        io.refuse_storage(conn, ticket);
        return Settled::default();
    };
    io.send(conn, ServerFrame::Done { ticket });
    settled
}

/// The store says what it holds of a session's owner: the phone is told with the keys.
pub(crate) fn tell_keys(io: &mut Io, conn: ConnId, live: &[LiveKey], open: bool, told: &[ToldTokens]) {
    if live.is_empty() {
        return;
    }
    let keys = live
        .iter()
        .map(|key| {
            let held = told.iter().find(|told| told.key == key.id);
            MarkKey {
                id: key.id,
                public: key.public,
                count: held.map_or(0, |held| held.count),
                digest: held.map(|held| held.digest).unwrap_or_default(),
            }
        })
        .collect();
    let wants_open = io.config.marks.showing().wants_open();
    io.send(conn, ServerFrame::MarkKeys(MarkKeys { keys, wants_open, open }));
}

/// A phone asks for what changed after a generation.
pub(crate) fn ask(io: &mut Io, sessions: &mut Sessions, conn: ConnId, ticket: Ticket, since: MarkGeneration) {
    let Some(line) = sessions.line(conn) else { return };
    read(io, conn, line.owner, Some(ticket), since);
}

/// These numbers' marks changed: those connected get them now.
pub(crate) fn tell(io: &mut Io, sessions: &mut Sessions, viewers: &[Msisdn]) {
    for viewer in viewers {
        let Some(conn) = sessions.conn_of(*viewer) else { continue };
        let Some(line) = sessions.line_mut(conn) else { continue };
        line.marks_stale = true;
        read_unasked(io, sessions, conn);
    }
}

/// Reads unasked, one reading at a time.
pub(crate) fn read_unasked(io: &mut Io, sessions: &mut Sessions, conn: ConnId) {
    let Some(line) = sessions.line_mut(conn) else { return };
    if !line.marks_stale || line.marks_reading {
        return;
    }
    let op = MatchOp::MarksSince { viewer: line.owner, since: line.marks_told };
    if io.ask(Question::Marks { conn, ticket: None }, StoreOp::Match(op)) {
        line.marks_stale = false;
        line.marks_reading = true;
    }
}

fn read(io: &mut Io, conn: ConnId, viewer: Owner, ticket: Option<Ticket>, since: MarkGeneration) {
    let op = StoreOp::Match(MatchOp::MarksSince { viewer, since });
    let question = Question::Marks { conn, ticket };
    match ticket {
        Some(ticket) => io.ask_or_refuse(conn, ticket, question, op),
        None => drop(io.ask(question, op)),
    }
}

/// The store says what changed.
pub(crate) fn marks_read(
    io: &mut Io,
    sessions: &mut Sessions,
    conn: ConnId,
    ticket: Option<Ticket>,
    answer: StoreAnswer,
) {
    let lease_until = io.now.server.after(io.config.marks.lease);
    let Some(line) = sessions.line_mut(conn) else { return };
    if ticket.is_none() {
        line.marks_reading = false;
    }
    match (answer, ticket) {
        (StoreAnswer::Marks { generation, marks }, _) => {
            line.marks_told = line.marks_told.max(generation);
            if ticket.is_some() || !marks.is_empty() {
                send_pages(io, conn, ticket.unwrap_or_default(), generation, marks, lease_until);
            }
        }
        (_, Some(ticket)) => io.refuse_storage(conn, ticket),
        // The phone asks again at its interval.
        (_, None) => {}
    }
    read_unasked(io, sessions, conn);
}

/// Only the last page carries the generation: a phone that loses the rest asks from where it was.
fn send_pages(
    io: &mut Io,
    conn: ConnId,
    ticket: Ticket,
    generation: MarkGeneration,
    mut marks: Vec<Mark>,
    lease_until: ServerMillis,
) {
    while marks.len() > MARKS_PAGE_MAX {
        let rest = marks.split_off(MARKS_PAGE_MAX);
        let page = MarksFrame { ticket, generation: MarkGeneration(0), marks, more: true, lease_until };
        io.send(conn, ServerFrame::Marks(page));
        marks = rest;
    }
    io.send(conn, ServerFrame::Marks(MarksFrame { ticket, generation, marks, more: false, lease_until }));
}

/// A phone publishes its next sealing key.
pub(crate) fn publish_key(io: &mut Io, sessions: &Sessions, conn: ConnId, ticket: Ticket, key: SealingKey) {
    let Some(line) = sessions.line(conn) else { return };
    if !io.notary.verify(&line.device_key, &signed::sealing_key(key.id, &key.public), &key.signature) {
        return io.refuse(conn, ticket, RefuseReason::BadSignature, Duration::ZERO);
    }
    let op = StoreOp::PublishSealingKey { owner: line.owner, key };
    io.ask_or_refuse(conn, ticket, Question::PublishKey { conn, ticket }, op);
}

/// The sealing key is durable: everybody who seals to it learns it.
pub(crate) fn key_published(io: &mut Io, sessions: &mut Sessions, conn: ConnId, ticket: Ticket, answer: &StoreAnswer) {
    let StoreAnswer::Viewers(viewers) = answer else {
        return io.refuse_storage(conn, ticket);
    };
    io.send(conn, ServerFrame::Done { ticket });
    tell(io, sessions, viewers);
}

/// What a phone is told when its session stands.
pub(crate) fn welcome(io: &Io) -> Welcome {
    Welcome {
        now: io.now.server,
        lease_until: io.now.server.after(io.config.marks.lease),
        marks_interval_ms: millis(io.config.marks.sync_interval),
        keepalive_ms: millis(io.config.session.keepalive),
        ring_ms: millis(io.config.call.ring),
    }
}
