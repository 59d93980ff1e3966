//! A text's way in: stored once, acknowledged when durable, in the order its sender wrote it, and ended by its sender
//! only as long as it waits.

use crate::delivery::{Delivery, deliver_ends};
use crate::effect::Metric;
use crate::input::ConnId;
use crate::io::Io;
use crate::question::Question;
use crate::sessions::{Line, Sessions};
use crate::store_answer::{StoreAnswer, SwapOutcome, TextOutcome, WaitingText};
use crate::store_op::{BudgetKind, Charge, Owner, StoreOp, StoreText, SwapText};
use std::time::Duration;
use tandem_model::{Msisdn, SenderSeq, ServerMillis, TerminalState, TextId, Ticket};
use tandem_wire::frame::SendText;
use tandem_wire::{RefuseReason, ServerFrame};

/// A phone hands a text over.
pub(crate) fn send_text(io: &mut Io, sessions: &mut Sessions, conn: ConnId, text: SendText) {
    let Some(line) = sessions.line_mut(conn) else { return };
    let SendText { ticket, id, to, to_epoch, seq, sealed } = text;
    if to == line.owner.number || id.counter == 0 {
        return io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO);
    }
    if let Some((before, reason)) = line.held.get(&to).copied()
        && seq > before
    {
        // The text before it was put off: this one must not overtake it.
        return io.refuse(conn, ticket, reason, io.config.house.storage_retry);
    }
    let behind = line.sending.get(&to).map(|(last, _)| *last).filter(|last| *last != id);
    let config = &io.config.text;
    let op = StoreText {
        sender: line.owner,
        id,
        to: Owner { number: to, epoch: to_epoch },
        seq,
        sealed,
        expires_at: io.now.server.after(config.life),
        behind,
        mailbox_texts: config.mailbox_texts,
        mailbox_bytes: config.mailbox_bytes,
        charges: vec![Charge::about_number(BudgetKind::Texts, line.owner.number, config.per_sender)],
    };
    let question = Question::Text { conn, ticket, to, seq, id };
    if io.ask_for(conn, question, StoreOp::StoreText(op)) {
        let sending = line.sending.entry(to).or_insert((id, 0));
        *sending = (id, sending.1.saturating_add(1));
    } else {
        put_off(io, line, conn, ticket, to, seq, RefuseReason::Budget, io.config.session.retry_after);
    }
}

/// The store took the text in, or did not.
#[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
pub(crate) fn text_answered(
    io: &mut Io,
    sessions: &mut Sessions,
    (conn, ticket, to, seq, id): (ConnId, Ticket, Msisdn, SenderSeq, TextId),
    answer: StoreAnswer,
) {
    let retry = io.config.house.storage_retry;
    let mut waiting = None;
    let outcome = match answer {
        StoreAnswer::Text { outcome, text } => {
            if let TextOutcome::Stored { order } = outcome {
                waiting = Some((text.to, waiting_text(*text, order, io.now.server)));
            }
            Some(outcome)
        }
        _ => None,
    };
    if let Some(line) = sessions.line_mut(conn) {
        forget_sending(line, to);
        match outcome {
            Some(TextOutcome::Stored { .. }) => {
                line.held.remove(&to);
                io.count(Metric::TextStored);
                let stored_at = waiting.as_ref().map_or(io.now.server, |(_, text)| text.stored_at);
                io.send(conn, ServerFrame::TextStored { ticket, id, stored_at });
            }
            Some(TextOutcome::Known { stored_at, end }) => known(io, line, conn, ticket, to, id, stored_at, end),
            Some(TextOutcome::NotAvailable) => refuse(io, line, conn, ticket, to, seq, RefuseReason::NotAvailable),
            Some(TextOutcome::RecipientChanged) => {
                refuse(io, line, conn, ticket, to, seq, RefuseReason::RecipientChanged);
            }
            Some(TextOutcome::MailboxFull) => {
                put_off(io, line, conn, ticket, to, seq, RefuseReason::MailboxFull, retry);
            }
            Some(TextOutcome::Spent(spent)) => {
                put_off(io, line, conn, ticket, to, seq, RefuseReason::Budget, spent.retry_after);
            }
            Some(TextOutcome::Behind) | None => {
                put_off(io, line, conn, ticket, to, seq, RefuseReason::Storage, retry);
            }
        }
    } else if matches!(outcome, Some(TextOutcome::Stored { .. })) {
        io.count(Metric::TextStored);
    }
    if let Some((recipient, text)) = waiting {
        Delivery::text_came(io, sessions, recipient, text);
    }
}

/// The same text again: the same answer, and its end when it has one.
#[expect(clippy::too_many_arguments, reason = "the parts of one answer")]
fn known(
    io: &mut Io,
    line: &mut Line,
    conn: ConnId,
    ticket: Ticket,
    to: Msisdn,
    id: TextId,
    stored_at: Option<ServerMillis>,
    end: Option<(TerminalState, ServerMillis)>,
) {
    line.held.remove(&to);
    io.count(Metric::TextDuplicate);
    if let Some((state, at)) = end {
        io.send(conn, ServerFrame::TextState { id, to, state, at });
    }
    match stored_at {
        Some(stored_at) => io.send(conn, ServerFrame::TextStored { ticket, id, stored_at }),
        // Its sender ended it before it came: refused, with the end just said.
        None => io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO),
    }
}

/// Refused for good: what comes after it may go.
fn refuse(
    io: &mut Io,
    line: &mut Line,
    conn: ConnId,
    ticket: Ticket,
    to: Msisdn,
    seq: SenderSeq,
    reason: RefuseReason,
) {
    if line.held.get(&to).is_some_and(|(before, _)| *before >= seq) {
        line.held.remove(&to);
    }
    io.count(Metric::TextRefused);
    io.refuse(conn, ticket, reason, Duration::ZERO);
}

/// Refused for now: nothing after it goes first.
#[expect(clippy::too_many_arguments, reason = "the parts of one refusal")]
fn put_off(
    io: &mut Io,
    line: &mut Line,
    conn: ConnId,
    ticket: Ticket,
    to: Msisdn,
    seq: SenderSeq,
    reason: RefuseReason,
    retry_after: Duration,
) {
    let held = line.held.entry(to).or_insert((seq, reason));
    if seq <= held.0 {
        *held = (seq, reason);
    }
    io.count(Metric::TextRefused);
    io.refuse(conn, ticket, reason, retry_after);
}

fn forget_sending(line: &mut Line, to: Msisdn) {
    if let Some((_, count)) = line.sending.get_mut(&to) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            line.sending.remove(&to);
        }
    }
}

fn waiting_text(text: StoreText, order: u64, stored_at: ServerMillis) -> WaitingText {
    WaitingText { order, from: text.sender, id: text.id, seq: text.seq, sealed: text.sealed, stored_at }
}

/// A phone wants to end a text that waits.
pub(crate) fn swap(
    io: &mut Io,
    sessions: &Sessions,
    conn: ConnId,
    (ticket, id, to, end): (Ticket, TextId, Msisdn, TerminalState),
) {
    let Some(line) = sessions.line(conn) else { return };
    if !matches!(end, TerminalState::Cancelled | TerminalState::HandedToSms) || id.counter == 0 {
        return io.refuse(conn, ticket, RefuseReason::Invalid, Duration::ZERO);
    }
    let unseen = Charge::about_number(BudgetKind::UnseenSwaps, line.owner.number, io.config.text.unseen_swaps);
    let op = SwapText { sender: line.owner, id, to, end, charges: vec![unseen] };
    io.ask_or_refuse(conn, ticket, Question::Swap { conn, ticket, id }, StoreOp::SwapText(op));
}

/// The store says which end the text has.
#[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
pub(crate) fn swapped(io: &mut Io, conn: ConnId, ticket: Ticket, id: TextId, answer: &StoreAnswer) {
    match answer {
        StoreAnswer::Swapped(SwapOutcome::End { end, .. }) => {
            io.count(Metric::TextEnded(*end));
            io.send(conn, ServerFrame::TextSwapAnswer { ticket, id, end: *end });
        }
        StoreAnswer::Swapped(SwapOutcome::Spent(spent)) => {
            io.refuse(conn, ticket, RefuseReason::Budget, spent.retry_after);
        }
        _ => io.refuse_storage(conn, ticket),
    }
}

/// Texts became durable at their recipient: their senders learn it.
pub(crate) fn taken(io: &mut Io, sessions: &mut Sessions, answer: StoreAnswer) {
    if let StoreAnswer::Ends { ends, .. } = answer {
        deliver_ends(io, sessions, &ends);
    }
}
