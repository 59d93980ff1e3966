//! Files for me.

use super::{ArrivedFile, FileFrom, FileOrder, Files, NAME_MAX, chunk_context, offer_context, order};
use crate::ctx::{Ctx, World};
use crate::direct::{DirectConn, DirectOrder, Pair, order as direct};
use crate::effect::Event;
use crate::lines::Lines;
use tandem_model::{SealedBody, Secret};
use tandem_wire::frame::{DirectFrame, FileChunk, FileEnd, FileId};

/// Files that come at once.
const TAKING_MAX: usize = 8;

/// One file.
#[derive(Debug)]
pub(super) struct Taking {
    conn: DirectConn,
    name: String,
    size: u64,
    /// Where the next chunk belongs; `None` until the disk says what it holds.
    next: Option<u64>,
}

impl Files {
    /// A file is offered; once again, after a break.
    pub(super) fn offered(
        &mut self,
        (line, number): Pair,
        conn: DirectConn,
        id: FileId,
        sealed: &SealedBody,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let from = FileFrom { line, number, id };
        let offer = lines.registered(line).and_then(|(own, _, key)| {
            let plain = ctx.vault.open(key, &offer_context(number, own, id), sealed).ok()?;
            read_offer(&plain)
        });
        let full = self.taking.len() >= TAKING_MAX && !self.taking.contains_key(&from);
        let Some((size, sha256, name)) = offer.filter(|(size, _, _)| *size <= ctx.config.file_max && !full) else {
            return say(conn, DirectFrame::FileOver { id, end: FileEnd::Refused }, ctx);
        };
        self.taking.insert(from, Taking { conn, name: name.clone(), size, next: None });
        order(ctx, FileOrder::Begin { from, name: Secret::new(name), size, sha256 });
    }

    pub(super) fn begun(&mut self, from: FileFrom, held: Option<u64>, ctx: &mut Ctx<'_>) -> bool {
        let Some(taking) = self.taking.get_mut(&from) else {
            return false;
        };
        let (conn, id) = (taking.conn, from.id);
        match held {
            Some(held) => {
                taking.next = Some(held);
                say(conn, DirectFrame::FileWanted { id, from: held }, ctx);
            }
            None => {
                self.taking.remove(&from);
                say(conn, DirectFrame::FileOver { id, end: FileEnd::Refused }, ctx);
            }
        }
        true
    }

    /// Bytes came. Only those that belong next are written.
    pub(super) fn chunk(
        &mut self,
        (line, number): Pair,
        conn: DirectConn,
        chunk: &FileChunk,
        lines: &Lines,
        ctx: &mut Ctx<'_>,
    ) {
        let from = FileFrom { line, number, id: chunk.id };
        let Some(taking) = self.taking.get_mut(&from).filter(|taking| taking.conn == conn) else {
            return;
        };
        let Some((own, _, key)) = lines.registered(line).filter(|_| taking.next == Some(chunk.offset)) else {
            return;
        };
        let context = chunk_context(number, own, chunk.id, chunk.offset);
        let Ok(bytes) = ctx.vault.open(key, &context, &chunk.sealed) else {
            return;
        };
        let next = chunk.offset.saturating_add(bytes.len() as u64);
        if bytes.is_empty() || next > taking.size {
            return;
        }
        taking.next = Some(next);
        order(ctx, FileOrder::Write { from, offset: chunk.offset, bytes: Secret::new(bytes) });
    }

    pub(super) fn written(&mut self, from: FileFrom, held: u64, ctx: &mut Ctx<'_>) -> bool {
        let Some(taking) = self.taking.get(&from) else {
            return false;
        };
        say(taking.conn, DirectFrame::FileWanted { id: from.id, from: held }, ctx);
        true
    }

    /// It is told to the app once, and to its sender as often as it asks.
    pub(super) fn arrived(&mut self, from: FileFrom, path: Secret<String>, fresh: bool, ctx: &mut Ctx<'_>) -> bool {
        let Some(Taking { conn, name, size, .. }) = self.taking.remove(&from) else {
            return false;
        };
        if fresh {
            ctx.emit(Event::FileArrived(ArrivedFile { from, name: Secret::new(name), path, size }));
        }
        say(conn, DirectFrame::FileOver { id: from.id, end: FileEnd::Arrived }, ctx);
        true
    }

    pub(super) fn broken(&mut self, from: FileFrom, ctx: &mut Ctx<'_>) -> bool {
        let Some(taking) = self.taking.remove(&from) else {
            return false;
        };
        say(taking.conn, DirectFrame::FileOver { id: from.id, end: FileEnd::Broken }, ctx);
        true
    }

    pub(super) fn given_up(&mut self, (line, number): Pair, id: FileId, ctx: &mut Ctx<'_>) {
        let from = FileFrom { line, number, id };
        if self.taking.remove(&from).is_some() {
            order(ctx, FileOrder::LetGo { from });
        }
    }

    /// The connection is gone: what is durable stays for the next offer.
    pub(super) fn let_go(&mut self, (line, number): Pair, ctx: &mut Ctx<'_>) {
        let theirs: Vec<FileFrom> =
            self.taking.keys().filter(|from| (from.line, from.number) == (line, number)).copied().collect();
        for from in theirs {
            self.taking.remove(&from);
            order(ctx, FileOrder::LetGo { from });
        }
    }
}

fn say(conn: DirectConn, frame: DirectFrame, ctx: &mut Ctx<'_>) {
    direct(ctx, DirectOrder::Send { conn, frame });
}

/// Size, hash and name.
fn read_offer(plain: &[u8]) -> Option<(u64, [u8; 32], String)> {
    let (size, rest) = plain.split_first_chunk::<8>()?;
    let (sha256, name) = rest.split_first_chunk::<32>()?;
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.len() <= NAME_MAX)?;
    Some((u64::from_be_bytes(*size), *sha256, name.to_owned()))
}
