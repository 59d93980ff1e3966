//! All machines of one phone side by side, and who hears what.

mod calling;
mod commands;
mod directly;
mod restore;
mod texting;
mod words;

use crate::call::Calls;
use crate::choosing::Choosing;
use crate::ctx::{Ctx, World};
use crate::effect::Event;
use crate::files::Files;
use crate::inbox::Inbox;
use crate::input::{Input, LinkInput, NetworkSnapshot, StoreFailure, StoreInput};
use crate::lines::Lines;
use crate::outbox::Outbox;
use crate::receipts::Receipts;
use crate::view::{CallView, MarkShown, Notice, Prompt};
use std::collections::BTreeMap;
use tandem_model::rows::SettingsRow;
use tandem_model::{Mono, Ticket};

/// All machines of one phone.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) lines: Lines,
    outbox: Outbox,
    inbox: Inbox,
    receipts: Receipts,
    choosing: Choosing,
    calls: Calls,
    files: Files,
    /// Settings that are being made durable: by commit, the command's ticket and the row.
    settings: BTreeMap<Ticket, (Ticket, SettingsRow)>,
    /// The path as the OS last told it; `None` before it did.
    network: Option<NetworkSnapshot>,
    /// The OS's own list of emergency numbers.
    emergency: Vec<String>,
    /// The user was told that storage is full; told again once something could be stored in between.
    /// What keeps the store from its work, as far as the user was told.
    store_trouble: Option<StoreFailure>,
    pub(crate) late: u64,
}

impl Phone {
    pub(crate) fn new(settings: Option<SettingsRow>, fresh: bool) -> Self {
        Self {
            lines: Lines::new(settings, fresh),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            receipts: Receipts::default(),
            choosing: Choosing::default(),
            calls: Calls::default(),
            files: Files::default(),
            settings: BTreeMap::new(),
            network: None,
            emergency: Vec::new(),
            store_trouble: None,
            late: 0,
        }
    }

    pub(crate) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Command { ticket, command } => self.command(ticket, command, ctx),
            Input::Host(host) => self.host(host, ctx),
            Input::Link(link) => self.link(link, ctx),
            Input::Store(store) => self.store(&store, ctx),
            Input::Oprf(oprf) => {
                let taken = self.lines.oprf(oprf, ctx);
                self.count_late(taken);
            }
            Input::Direct(direct) => self.direct(direct, ctx),
            Input::File(file) => {
                let taken = self.files.on(file, &mut self.lines, ctx);
                self.count_late(taken);
            }
            Input::Media { call, event } => {
                let taken = self.calls.on_media(call, event, &self.lines, ctx);
                self.count_late(taken);
            }
        }
        self.settle(ctx);
    }

    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        self.lines.handle_timeout(ctx);
        self.settle(ctx);
        self.direct_due(ctx);
        self.outbox.handle_timeout(&mut self.lines, ctx);
        self.receipts.handle_timeout(&self.lines, ctx);
        self.calls.handle_timeout(&self.lines, ctx);
        self.settle(ctx);
    }

    pub(crate) fn poll_timeout(&self, config: &crate::Config) -> Option<(Mono, &'static str)> {
        [
            self.lines.poll_timeout(config),
            self.lines.direct().poll_timeout(),
            self.files.poll_timeout(),
            self.outbox.poll_timeout(),
            self.receipts.poll_timeout(),
            self.calls.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Lets everyone follow what the input changed about the lines.
    fn settle(&mut self, ctx: &mut Ctx<'_>) {
        for (line, turn) in self.lines.settle(ctx) {
            if turn.down {
                self.outbox.session_down(line, ctx);
                self.receipts.session_down(line);
                self.calls.on_session_down(line, &self.lines, ctx);
            }
            if turn.over {
                self.direct_line_over(line, ctx);
                self.outbox.line_over(line, ctx);
            }
            if turn.up && self.lines.session(line).is_some() {
                self.lines.with_direct(ctx, |direct, lines, ctx| direct.session_up(line, lines, ctx));
                self.outbox.session_up(line, &mut self.lines, ctx);
                self.receipts.session_up(ctx);
                self.calls.on_session_up(line, &self.lines, ctx);
            }
        }
        self.marks_turned(ctx);
    }

    /// Marks show differently: texts that wait for whoever is not seen any more may go as SMS.
    fn marks_turned(&mut self, ctx: &mut Ctx<'_>) {
        let (unseen, other): (Vec<_>, Vec<_>) =
            self.lines.take_turned().into_iter().partition(|mark| mark.shown == MarkShown::NotSeenLately);
        for mark in other {
            self.outbox.seen_again(mark.number, ctx);
        }
        if !unseen.is_empty() {
            for line in self.outbox.lines_in_use() {
                self.outbox.offer_sms_for_unseen(line, &mut self.lines, ctx);
            }
        }
    }

    fn link(&mut self, link: LinkInput, ctx: &mut Ctx<'_>) {
        match link {
            LinkInput::Opened { line, link } => {
                if let Some(unit) = self.lines.get_mut(line) {
                    unit.session.opened(link, ctx);
                }
            }
            LinkInput::Closed { line, link } => {
                if let Some(unit) = self.lines.get_mut(line) {
                    unit.session.closed(link, ctx);
                }
            }
            LinkInput::Frame { line, link, frame, at, wire_bytes } => {
                self.frame(line, link, frame, at, wire_bytes, ctx)
            }
            LinkInput::Registered { ticket, reply } => {
                let taken = self.lines.iter_mut().any(|unit| unit.registration.answered(ticket, reply.as_ref(), ctx));
                self.count_late(taken);
            }
        }
    }

    fn store(&mut self, store: &StoreInput, ctx: &mut Ctx<'_>) {
        let (ticket, duplicates, failure) = match store {
            StoreInput::Committed { ticket, duplicates } => (*ticket, Some(duplicates), None),
            StoreInput::Failed { ticket, why } => (*ticket, None, Some(*why)),
        };
        match failure {
            None => self.store_trouble = None,
            Some(why) if self.store_trouble != failure => {
                self.store_trouble = failure;
                ctx.emit(Event::Notice(match why {
                    StoreFailure::Full => Notice::StorageFull,
                    StoreFailure::Broken => Notice::StoreUnavailable,
                }));
            }
            Some(_) => {}
        }
        let durable = duplicates.is_some();
        let taken = self.settings_kept(ticket, durable, ctx)
            || self.lines.iter_mut().any(|unit| unit.committed(ticket, durable, ctx))
            || self.lines.matching_committed(ticket, durable, ctx)
            || self.outbox.committed(ticket, duplicates.map(Vec::as_slice), &mut self.lines, ctx)
            || self.inbox.committed(ticket, duplicates.map(Vec::as_slice), &self.lines, ctx)
            || self.receipts.committed(ticket, durable, ctx)
            || self.calls.on_store(ticket);
        self.count_late(taken);
    }

    fn count_late(&mut self, taken: bool) {
        if !taken {
            self.late += 1;
        }
    }

    pub(crate) fn call_views(&self) -> Vec<CallView> {
        self.calls.views()
    }

    pub(crate) fn prompt_views(&self) -> Vec<Prompt> {
        let mut prompts: Vec<Prompt> =
            self.choosing.views().chain(self.outbox.prompt_views()).chain(self.calls.prompts()).cloned().collect();
        prompts.sort_by_key(|prompt| prompt.id);
        prompts
    }
}
