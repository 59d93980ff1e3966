//! Going on after the process ended, anywhere (law 4).

use super::Phone;
use crate::ctx::{Ctx, World};
use tandem_model::rows::{Change, Restored};

impl Phone {
    /// Takes up what the store holds and orders what is still owed.
    pub(crate) fn restore(&mut self, restored: Restored, ctx: &mut Ctx<'_>) {
        if restored.meta.is_none() {
            let meta = ctx.out.meta();
            ctx.commit(vec![Change::PutMeta(meta)]);
        }
        self.lines.book.restore(restored.contacts);
        for row in restored.registrations {
            if let Some(unit) = self.lines.make(row.line) {
                unit.registration.restore(row, ctx);
            }
        }
        for (line, generation, marks) in restored.marks {
            if let Some(unit) = self.lines.make(line) {
                unit.marks.restore(generation, marks);
            }
        }
        self.lines.restore_matching(restored.matching);
        for unit in self.lines.iter_mut() {
            unit.restored(ctx);
        }
        let marked: Vec<_> = self.lines.iter().flat_map(|unit| unit.marks.numbers().collect::<Vec<_>>()).collect();
        self.lines.refresh_shown(marked.into_iter(), ctx);
        self.calls.restore(restored.open_logs, ctx);
        self.choosing.restore(restored.preferences);
        self.inbox.restore(restored.received);
        self.receipts.restore(restored.receipts_owed, ctx);
        self.outbox.restore(restored.open_texts, restored.sequences, ctx);
        for line in self.outbox.lines_in_use() {
            if self.lines.registered(line).is_none() {
                self.outbox.line_over(line, ctx);
            }
        }
        self.settle(ctx);
    }
}
