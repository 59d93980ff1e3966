//! All machines of one phone side by side, and who hears what.

mod commands;
mod restore;
mod words;

use crate::ctx::Ctx;
use crate::effect::Event;
use crate::input::{Input, LinkInput, NetworkSnapshot, StoreFailure, StoreInput};
use crate::lines::Lines;
use crate::view::{CallView, Notice, Prompt};
use std::collections::BTreeMap;
use tandem_model::rows::SettingsRow;
use tandem_model::{Mono, Ticket};

/// All machines of one phone.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) lines: Lines,
    /// Settings that are being made durable: by commit, the command's ticket and the row.
    settings: BTreeMap<Ticket, (Ticket, SettingsRow)>,
    /// The path as the OS last told it; `None` before it did.
    network: Option<NetworkSnapshot>,
    /// The OS's own list of emergency numbers.
    emergency: Vec<String>,
    /// The user was told that storage is full; told again once something could be stored in between.
    storage_full: bool,
    pub(crate) late: u64,
}

impl Phone {
    pub(crate) fn new(settings: Option<SettingsRow>, fresh: bool) -> Self {
        Self {
            lines: Lines::new(settings, fresh),
            settings: BTreeMap::new(),
            network: None,
            emergency: Vec::new(),
            storage_full: false,
            late: 0,
        }
    }

    pub(crate) fn handle(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Command { ticket, command } => self.command(ticket, command, ctx),
            Input::Host(host) => self.host(host, ctx),
            Input::Link(link) => self.link(link, ctx),
            Input::Store(store) => self.store(&store, ctx),
            Input::Media { call: _, event: _ } => self.late += 1,
        }
        self.settle(ctx);
    }

    pub(crate) fn handle_timeout(&mut self, ctx: &mut Ctx<'_>) {
        self.lines.handle_timeout(ctx);
        self.settle(ctx);
    }

    pub(crate) fn poll_timeout(&self, config: &crate::Config) -> Option<(Mono, &'static str)> {
        self.lines.poll_timeout(config)
    }

    /// Lets everyone follow what the input changed about the lines.
    fn settle(&mut self, ctx: &mut Ctx<'_>) {
        for (_line, _turn) in self.lines.settle(ctx) {}
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
            None => self.storage_full = false,
            Some(StoreFailure::Full | StoreFailure::Broken) if !self.storage_full => {
                self.storage_full = true;
                ctx.emit(Event::Notice(Notice::StorageFull));
            }
            Some(StoreFailure::Full | StoreFailure::Broken) => {}
        }
        let durable = duplicates.is_some();
        let taken = self.settings_kept(ticket, durable, ctx)
            || self.lines.iter_mut().any(|unit| unit.committed(ticket, durable, ctx));
        self.count_late(taken);
    }

    fn count_late(&mut self, taken: bool) {
        if !taken {
            self.late += 1;
        }
    }

    pub(crate) fn call_views(&self) -> Vec<CallView> {
        Vec::new()
    }

    pub(crate) fn prompt_views(&self) -> Vec<Prompt> {
        Vec::new()
    }
}
