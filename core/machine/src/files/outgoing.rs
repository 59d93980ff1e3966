//! Files of mine.

use super::{CHUNK, FileFailure, FileOrder, FileState, FileView, Files, NAME_MAX, chunk_context, offer_context, order};
use crate::ctx::{Ctx, World};
use crate::direct::{DirectConn, DirectOrder, Pair, Way, order as direct};
use crate::effect::{Event, Refusal, Reply};
use crate::lines::Lines;
use std::time::Duration;
use tandem_model::{MarkState, Mono, SealedBody, SealingKey, Secret};
use tandem_wire::frame::{DirectFrame, FileChunk, FileEnd, FileId};

/// Files of mine at once.
const SENDING_MAX: usize = 16;

/// Bytes sent ahead of what the receiver holds durably.
const AHEAD_MAX: u64 = 1024 * 1024;

/// A receiver that says nothing for this long is not there.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a way is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// One file.
#[derive(Debug)]
pub(super) struct Sending {
    pair: Pair,
    path: Secret<String>,
    name: String,
    size: u64,
    sha256: [u8; 32],
    state: State,
    give_up: Mono,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Measuring,
    /// For a way.
    Waiting {
        again: Mono,
    },
    /// For its receiver to say from where.
    Offered {
        conn: DirectConn,
        until: Mono,
    },
    Flowing {
        conn: DirectConn,
        held: u64,
        next: u64,
        until: Mono,
    },
}

impl Sending {
    pub(super) fn due(&self) -> Option<Mono> {
        match self.state {
            State::Measuring => None,
            State::Waiting { again } => Some(again.min(self.give_up)),
            State::Offered { until, .. } | State::Flowing { until, .. } => Some(until),
        }
    }
}

impl Files {
    /// The user wants a file sent.
    pub(crate) fn send(
        &mut self,
        pair: Pair,
        path: Secret<String>,
        name: String,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) -> Result<Reply, Refusal> {
        if lines.registered(pair.0).is_none() {
            return Err(Refusal::NotRegistered);
        }
        if !ctx.config.direct || sealing_key(lines, pair).is_none() {
            return Err(Refusal::NotReachable);
        }
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(Refusal::BadBody);
        }
        if self.sending.len() >= SENDING_MAX {
            return Err(Refusal::Full);
        }
        let mut id = FileId([0; 16]);
        ctx.random.fill(&mut id.0);
        order(ctx, FileOrder::Measure { id, path: path.clone(), size_max: ctx.config.file_max });
        let give_up = ctx.now.mono.after(ctx.config.file_patience);
        let state = State::Measuring;
        self.sending.insert(id, Sending { pair, path, name, size: 0, sha256: [0; 32], state, give_up });
        Ok(Reply::File(id))
    }

    pub(super) fn measured(
        &mut self,
        id: FileId,
        found: Option<(u64, [u8; 32])>,
        lines: &mut Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let Some(sending) = self.sending.get_mut(&id) else {
            return false;
        };
        let Some((size, sha256)) = found.filter(|(size, _)| *size > 0) else {
            self.fail(id, FileFailure::Unreadable, ctx);
            return true;
        };
        (sending.size, sending.sha256) = (size, sha256);
        sending.state = State::Waiting { again: ctx.now.mono };
        let pair = sending.pair;
        self.show(id, FileState::Waiting, ctx);
        self.offer_waiting(pair, lines, ctx);
        true
    }

    /// Offers what waits for this way, if it stands.
    pub(super) fn offer_waiting(&mut self, pair: Pair, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let waits = |sending: &Sending| sending.pair == pair && matches!(sending.state, State::Waiting { .. });
        let waiting: Vec<FileId> =
            self.sending.iter().filter(|(_, sending)| waits(sending)).map(|(id, _)| *id).collect();
        if waiting.is_empty() {
            return;
        }
        let way = lines.way(pair, ctx);
        for id in waiting {
            let Some(sending) = self.sending.get_mut(&id) else {
                continue;
            };
            sending.state = State::Waiting { again: ctx.now.mono.after(LOOK) };
            let Way::Direct(conn) = way else {
                continue;
            };
            if let Some(sealed) = offer(id, sending, lines, ctx) {
                sending.state = State::Offered { conn, until: ctx.now.mono.after(SILENCE) };
                direct(ctx, DirectOrder::Send { conn, frame: DirectFrame::FileOffer { id, sealed } });
            }
        }
    }

    /// The receiver holds everything before this place.
    pub(super) fn wanted(&mut self, pair: Pair, id: FileId, from: u64, ctx: &mut Ctx<'_>) {
        let Some(sending) = self.sending.get_mut(&id).filter(|sending| sending.pair == pair) else {
            return;
        };
        let until = ctx.now.mono.after(SILENCE);
        let size = sending.size;
        match sending.state {
            State::Offered { conn, .. } if from <= size => {
                sending.state = State::Flowing { conn, held: from, next: from, until };
            }
            State::Flowing { conn, held, next, .. } if (held..=next).contains(&from) => {
                sending.state = State::Flowing { conn, held: from, next, until };
            }
            State::Measuring | State::Waiting { .. } | State::Offered { .. } | State::Flowing { .. } => return,
        }
        self.show(id, FileState::Sending { sent: from, size }, ctx);
        self.read_on(id, ctx);
    }

    fn read_on(&mut self, id: FileId, ctx: &mut Ctx<'_>) {
        let Some(Sending { path, size, state: State::Flowing { held, next, .. }, .. }) = self.sending.get_mut(&id)
        else {
            return;
        };
        let end = (*size).min(held.saturating_add(AHEAD_MAX));
        while *next < end {
            let length = (CHUNK as u64).min(size.saturating_sub(*next));
            let (offset, path) = (*next, path.clone());
            order(ctx, FileOrder::Read { id, path, offset, length: u32::try_from(length).unwrap_or(u32::MAX) });
            *next = next.saturating_add(length);
        }
    }

    pub(super) fn was_read(
        &mut self,
        id: FileId,
        offset: u64,
        bytes: Option<Secret<Vec<u8>>>,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) -> bool {
        let Some(Sending { pair, state: State::Flowing { conn, .. }, .. }) = self.sending.get(&id) else {
            return false;
        };
        let (pair, conn) = (*pair, *conn);
        let Some(bytes) = bytes else {
            direct(ctx, DirectOrder::Send { conn, frame: DirectFrame::FileOver { id, end: FileEnd::GivenUp } });
            self.fail(id, FileFailure::Unreadable, ctx);
            return true;
        };
        let (Some((number, _, _)), Some(key)) = (lines.registered(pair.0), sealing_key(lines, pair)) else {
            return true;
        };
        // Of one that cannot be sealed now nothing is acknowledged, and silence ends the attempt.
        if let Ok(sealed) = ctx.vault.seal(&key, &chunk_context(number, pair.1, id, offset), bytes.expose()) {
            let frame = DirectFrame::FileChunk(FileChunk { id, offset, sealed });
            direct(ctx, DirectOrder::Send { conn, frame });
        }
        true
    }

    /// It is over, says the other end: of mine, how it ended; of theirs, that they gave it up.
    pub(super) fn over(&mut self, pair: Pair, id: FileId, end: FileEnd, ctx: &mut Ctx<'_>) {
        if end == FileEnd::GivenUp {
            return self.given_up(pair, id, ctx);
        }
        if self.sending.get(&id).is_none_or(|sending| sending.pair != pair) {
            return;
        }
        match end {
            FileEnd::Arrived => {
                self.show(id, FileState::Arrived, ctx);
                self.sending.remove(&id);
            }
            FileEnd::Refused => self.fail(id, FileFailure::Refused, ctx),
            FileEnd::Broken | FileEnd::GivenUp => self.fail(id, FileFailure::Broken, ctx),
        }
    }

    /// What was on its way to a number waits for the next way.
    pub(super) fn wait_again(&mut self, pair: Pair, ctx: &mut Ctx<'_>) {
        let mut waiting = Vec::new();
        for (id, sending) in self.sending.iter_mut().filter(|(_, sending)| sending.pair == pair) {
            match sending.state {
                State::Offered { .. } | State::Flowing { .. } => {
                    sending.state = State::Waiting { again: ctx.now.mono.after(LOOK) };
                    sending.give_up = ctx.now.mono.after(ctx.config.file_patience);
                    waiting.push(*id);
                }
                State::Measuring | State::Waiting { .. } => {}
            }
        }
        for id in waiting {
            self.show(id, FileState::Waiting, ctx);
        }
    }

    /// Acts on every deadline that has come.
    pub(crate) fn handle_timeout(&mut self, lines: &mut Lines, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        let due = self.sending.iter().filter(|(_, sending)| sending.due().is_some_and(|at| at <= now));
        let due: Vec<FileId> = due.map(|(id, _)| *id).collect();
        for id in due {
            let Some(sending) = self.sending.get(&id) else {
                continue;
            };
            let pair = sending.pair;
            match sending.state {
                State::Waiting { .. } if sending.give_up <= now => self.fail(id, FileFailure::NoWay, ctx),
                State::Waiting { .. } => self.offer_waiting(pair, lines, ctx),
                State::Offered { .. } | State::Flowing { .. } => {
                    lines.with_direct(ctx, |direct, _, ctx| direct.give_up(pair, ctx));
                    self.wait_again(pair, ctx);
                }
                State::Measuring => {}
            }
        }
    }

    fn fail(&mut self, id: FileId, why: FileFailure, ctx: &mut Ctx<'_>) {
        self.show(id, FileState::Failed(why), ctx);
        self.sending.remove(&id);
    }

    fn show(&self, id: FileId, state: FileState, ctx: &mut Ctx<'_>) {
        if let Some(sending) = self.sending.get(&id) {
            ctx.emit(Event::File(FileView { id, to: sending.pair.1, state }));
        }
    }
}

fn offer(id: FileId, sending: &Sending, lines: &Lines, ctx: &mut Ctx<'_>) -> Option<SealedBody> {
    let (number, _, _) = lines.registered(sending.pair.0)?;
    let key = sealing_key(lines, sending.pair)?;
    let mut plain = sending.size.to_be_bytes().to_vec();
    plain.extend_from_slice(&sending.sha256);
    plain.extend_from_slice(sending.name.as_bytes());
    ctx.vault.seal(&key, &offer_context(number, sending.pair.1, id), &plain).ok()
}

fn sealing_key(lines: &Lines, (line, to): Pair) -> Option<SealingKey> {
    match &lines.mark(line, to)?.state {
        MarkState::Marked { sealing_key, .. } => Some(*sealing_key),
        MarkState::Unmarked => None,
    }
}
