//! What is owed to a phone on its way out: texts, ends of its own texts, read receipts; each until it is taken.

use crate::effect::Metric;
use crate::input::ConnId;
use crate::io::Io;
use crate::question::Question;
use crate::sessions::Sessions;
use crate::store_answer::{EndOwed, ReadOwed, StoreAnswer, WaitingText};
use crate::store_op::{Owner, StoreOp};
use crate::timers::Timer;
use std::collections::BTreeMap;
use tandem_model::{Mono, Msisdn, TextId, Ticket};
use tandem_wire::ServerFrame;
use tandem_wire::frame::DeliverText;
use tandem_wire::limits::IDS_MAX;

/// The way out. It has no state of its own: each session holds its outboxes.
pub(crate) struct Delivery;

impl Delivery {
    /// Reads from the store whatever this session may be sent now.
    pub(crate) fn read(io: &mut Io, sessions: &mut Sessions, conn: ConnId) {
        let window = io.config.text.window;
        let bytes = io.config.text.window_bytes;
        let Some(line) = sessions.line_mut(conn) else { return };
        let owner = line.owner;
        if let Some((after, limit)) = line.texts.read(window) {
            let op = StoreOp::TextsWaiting { owner, after, limit, bytes };
            if !io.ask(Question::Texts { conn }, op) {
                line.texts.read_failed();
            }
        }
        if let Some((after, limit)) = line.ends.read(window)
            && !io.ask(Question::Ends { conn }, StoreOp::EndsOwed { owner, after, limit })
        {
            line.ends.read_failed();
        }
        if let Some((after, limit)) = line.reads.read(window)
            && !io.ask(Question::Reads { conn }, StoreOp::ReadsOwed { owner, after, limit })
        {
            line.reads.read_failed();
        }
        Self::arm(io, sessions, conn);
    }

    /// Sends again later what is not taken, and tries a store again that could not be read.
    fn arm(io: &mut Io, sessions: &Sessions, conn: ConnId) {
        let Some(line) = sessions.line(conn) else { return };
        if line.texts.waits() || line.ends.waits() || line.reads.waits() {
            let at = io.now.mono.after(io.config.text.resend_after);
            io.timers.set_if_idle(Timer::Resend(conn), at);
        }
    }

    /// What nobody took is sent again.
    pub(crate) fn resend(io: &mut Io, sessions: &mut Sessions, conn: ConnId) {
        let wait = io.config.text.resend_after;
        let Some(line) = sessions.line_mut(conn) else { return };
        // At least `wait` ago; on a clock younger than that, nothing is stale.
        let Ok(wait) = u64::try_from(wait.as_millis()) else { return };
        let before = Mono(io.now.mono.0.saturating_sub(wait));
        let stale =
            [line.texts.rewind_if_stale(before), line.ends.rewind_if_stale(before), line.reads.rewind_if_stale(before)];
        if stale.contains(&true) {
            io.count(Metric::Resent);
        }
        Self::read(io, sessions, conn);
    }

    /// A text became durable: its recipient gets it at once if connected and nothing lies between.
    pub(crate) fn text_came(io: &mut Io, sessions: &mut Sessions, recipient: Owner, text: WaitingText) {
        let Some(conn) = sessions.conn_of_owner(recipient) else { return };
        let Some(line) = sessions.line_mut(conn) else { return };
        if line.texts.push(text.order, (text.from.number, text.id), io.config.text.window, io.now.mono) {
            io.send(conn, deliver(text));
        }
        Self::read(io, sessions, conn);
    }

    /// The store gave waiting texts.
    pub(crate) fn texts_read(io: &mut Io, sessions: &mut Sessions, conn: ConnId, answer: StoreAnswer) {
        let now = io.now.mono;
        let Some(line) = sessions.line_mut(conn) else { return };
        if let StoreAnswer::Texts { texts, complete } = answer {
            let keys = texts.iter().map(|text| (text.order, (text.from.number, text.id)));
            line.texts.was_read(keys, complete, now);
            for text in texts {
                io.send(conn, deliver(text));
            }
            Self::read(io, sessions, conn);
        } else {
            line.texts.read_failed();
            Self::arm(io, sessions, conn);
        }
    }

    /// The store gave owed ends.
    pub(crate) fn ends_read(io: &mut Io, sessions: &mut Sessions, conn: ConnId, answer: StoreAnswer) {
        let now = io.now.mono;
        let Some(line) = sessions.line_mut(conn) else { return };
        if let StoreAnswer::Ends { ends, complete } = answer {
            line.ends.was_read(ends.iter().map(|end| (end.order, end.id)), complete, now);
            for end in ends {
                io.send(conn, end_frame(&end));
            }
            Self::read(io, sessions, conn);
        } else {
            line.ends.read_failed();
            Self::arm(io, sessions, conn);
        }
    }

    /// The store gave owed read receipts.
    pub(crate) fn reads_read(io: &mut Io, sessions: &mut Sessions, conn: ConnId, answer: StoreAnswer) {
        let now = io.now.mono;
        let Some(line) = sessions.line_mut(conn) else { return };
        if let StoreAnswer::Reads { reads, complete } = answer {
            line.reads.was_read(reads.iter().map(|read| (read.order, (read.by, read.id))), complete, now);
            send_reads(io, conn, &reads);
            Self::read(io, sessions, conn);
        } else {
            line.reads.read_failed();
            Self::arm(io, sessions, conn);
        }
    }

    /// These texts are durable at the phone.
    pub(crate) fn texts_taken(io: &mut Io, sessions: &mut Sessions, conn: ConnId, texts: Vec<(Msisdn, TextId)>) {
        let Some(line) = sessions.line(conn) else { return };
        let op = StoreOp::TakeTexts { owner: line.owner, texts: texts.clone() };
        if !io.ask(Question::Taken { conn }, op) {
            // Not taken: they are sent again, and taken then.
            return;
        }
        let Some(line) = sessions.line_mut(conn) else { return };
        for text in &texts {
            line.texts.taken(text, io.now.mono);
        }
        Self::read(io, sessions, conn);
    }

    /// These ends are durable at the phone.
    pub(crate) fn ends_taken(io: &mut Io, sessions: &mut Sessions, conn: ConnId, ids: Vec<TextId>) {
        let Some(line) = sessions.line(conn) else { return };
        let op = StoreOp::TakeEnds { owner: line.owner, ids: ids.clone() };
        if !io.ask(Question::Taken { conn }, op) {
            return;
        }
        let Some(line) = sessions.line_mut(conn) else { return };
        for id in &ids {
            line.ends.taken(id, io.now.mono);
        }
        Self::read(io, sessions, conn);
    }

    /// These read receipts are durable at the phone.
    pub(crate) fn reads_taken(io: &mut Io, sessions: &mut Sessions, conn: ConnId, by: Msisdn, ids: Vec<TextId>) {
        let Some(line) = sessions.line(conn) else { return };
        let op = StoreOp::TakeReads { owner: line.owner, by, ids: ids.clone() };
        if !io.ask(Question::Taken { conn }, op) {
            return;
        }
        let Some(line) = sessions.line_mut(conn) else { return };
        for id in &ids {
            line.reads.taken(&(by, *id), io.now.mono);
        }
        Self::read(io, sessions, conn);
    }

    /// What a phone took could not be written: it counts as not taken, and is sent again later.
    pub(crate) fn take_failed(io: &mut Io, sessions: &mut Sessions, conn: ConnId) {
        let Some(line) = sessions.line_mut(conn) else { return };
        line.texts.rewind();
        line.ends.rewind();
        line.reads.rewind();
        Self::arm(io, sessions, conn);
    }

    /// The user of a phone read these texts.
    pub(crate) fn read_receipt(
        io: &mut Io,
        sessions: &Sessions,
        conn: ConnId,
        ticket: Ticket,
        sender: Msisdn,
        ids: Vec<TextId>,
    ) {
        let Some(line) = sessions.line(conn) else { return };
        let op = StoreOp::StoreReads { owner: line.owner, sender, ids };
        io.ask_or_refuse(conn, ticket, Question::StoreReads { conn, ticket }, op);
    }

    /// The read receipts are durable.
    pub(crate) fn reads_stored(
        io: &mut Io,
        sessions: &mut Sessions,
        conn: ConnId,
        ticket: Ticket,
        answer: StoreAnswer,
    ) {
        let StoreAnswer::Reads { reads, .. } = answer else {
            return io.refuse_storage(conn, ticket);
        };
        io.send(conn, ServerFrame::Done { ticket });
        let mut by_sender: BTreeMap<Owner, Vec<ReadOwed>> = BTreeMap::new();
        for read in reads {
            by_sender.entry(read.sender).or_default().push(read);
        }
        for (sender, reads) in by_sender {
            let Some(conn) = sessions.conn_of_owner(sender) else { continue };
            let Some(line) = sessions.line_mut(conn) else { continue };
            let (window, now) = (io.config.text.window, io.now.mono);
            let fresh: Vec<ReadOwed> =
                reads.into_iter().filter(|read| line.reads.push(read.order, (read.by, read.id), window, now)).collect();
            send_reads(io, conn, &fresh);
            Self::read(io, sessions, conn);
        }
    }

    /// Something ended that this sender does not know yet.
    pub(crate) fn ends_changed(io: &mut Io, sessions: &mut Sessions, sender: Msisdn) {
        let Some(conn) = sessions.conn_of(sender) else { return };
        let Some(line) = sessions.line_mut(conn) else { return };
        line.ends.more_is_owed();
        Self::read(io, sessions, conn);
    }
}

/// Texts ended: those of their senders who are connected get the ends at once.
pub(crate) fn deliver_ends(io: &mut Io, sessions: &mut Sessions, ends: &[EndOwed]) {
    for end in ends {
        io.count(Metric::TextEnded(end.state));
        let Some(conn) = sessions.conn_of_owner(end.sender) else { continue };
        let Some(line) = sessions.line_mut(conn) else { continue };
        if line.ends.push(end.order, end.id, io.config.text.window, io.now.mono) {
            io.send(conn, end_frame(end));
        }
        Delivery::read(io, sessions, conn);
    }
}

fn deliver(text: WaitingText) -> ServerFrame {
    ServerFrame::DeliverText(DeliverText {
        from: text.from.number,
        from_epoch: text.from.epoch,
        id: text.id,
        seq: text.seq,
        sealed: text.sealed,
        stored_at: text.stored_at,
    })
}

fn end_frame(end: &EndOwed) -> ServerFrame {
    ServerFrame::TextState { id: end.id, to: end.to, state: end.state, at: end.at }
}

/// One frame for each reader, in the order they read.
fn send_reads(io: &mut Io, conn: ConnId, reads: &[ReadOwed]) {
    for run in reads.chunk_by(|a, b| a.by == b.by) {
        for page in run.chunks(IDS_MAX) {
            let Some(by) = page.first().map(|read| read.by) else { continue };
            let ids = page.iter().map(|read| read.id).collect();
            io.send(conn, ServerFrame::ReadReceipt { by, ids });
        }
    }
}
