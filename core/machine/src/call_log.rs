//! The one log (N12): one entry for a conversation, with a leg for each thing that carried it, for how long, and why.
//!
//! Entries are made durable when a conversation begins, when its carrying changes and when it ends. No call ever waits for
//! that: what could not be kept is kept with the next change of the same entry.

use crate::ctx::Ctx;
use crate::effect::Event;
use std::collections::BTreeSet;
use tandem_model::rows::{Change, LogLeg, LogPeer, LogRow};
use tandem_model::{Bearer, CallEnd, CallId, Line, Mono, Ticket, WhyNotData};

/// Commits under way that are remembered; the answer to an older one counts as late, which harms nothing.
const COMMITS_MAX: usize = 256;

/// Commits of log entries under way.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    commits: BTreeSet<Ticket>,
}

impl CallLog {
    /// The store answered. True when it was about a log entry.
    pub(crate) fn on_store(&mut self, ticket: Ticket) -> bool {
        self.commits.remove(&ticket)
    }

    fn keep(&mut self, row: &LogRow, mut changes: Vec<Change>, ctx: &mut Ctx<'_>) {
        changes.push(Change::PutLog(row.clone()));
        let ticket = ctx.commit(changes);
        if self.commits.len() >= COMMITS_MAX {
            self.commits.pop_first();
        }
        self.commits.insert(ticket);
        ctx.emit(Event::Log(row.clone()));
    }

    /// Ends what was going on when the process ended. What was talked until then is not known beyond what was kept.
    pub(crate) fn restore(&mut self, open: Vec<LogRow>, ctx: &mut Ctx<'_>) {
        for mut row in open {
            let on_carrier = row.legs.last().is_some_and(|leg| leg.bearer == Bearer::Carrier);
            row.end = Some(if on_carrier { CallEnd::Carrier } else { CallEnd::PeerLost });
            self.keep(&row, Vec::new(), ctx);
        }
    }
}

/// The entry of one conversation.
#[derive(Debug)]
pub(crate) struct LogEntry {
    row: LogRow,
    /// Both can talk on the last leg since then.
    talking_since: Option<Mono>,
}

impl LogEntry {
    /// A conversation begins.
    pub(crate) fn begin(
        call: Option<CallId>,
        line: Line,
        peer: LogPeer,
        outgoing: bool,
        bearer: Bearer,
        log: &mut CallLog,
        ctx: &mut Ctx<'_>,
    ) -> LogEntry {
        let row = LogRow {
            id: ctx.next_log_id(),
            call,
            line,
            peer,
            outgoing,
            started_at: ctx.now.wall,
            legs: vec![LogLeg { bearer, talked_ms: 0, why: None }],
            end: None,
        };
        let meta = Change::PutMeta(ctx.out.meta());
        log.keep(&row, vec![meta], ctx);
        LogEntry { row, talking_since: None }
    }

    /// Another bearer takes over; `why` says why it is not data any more.
    pub(crate) fn leg(&mut self, bearer: Bearer, why: Option<WhyNotData>, log: &mut CallLog, ctx: &mut Ctx<'_>) {
        self.pause(ctx.now.mono);
        self.row.legs.push(LogLeg { bearer, talked_ms: 0, why });
        log.keep(&self.row, Vec::new(), ctx);
    }

    /// Why the leg did not, or does no longer, carry.
    pub(crate) fn because(&mut self, why: WhyNotData) {
        if let Some(leg) = self.row.legs.last_mut() {
            leg.why = Some(why);
        }
    }

    /// Why the newest leg did not, or does no longer, carry.
    pub(crate) fn why(&self) -> Option<WhyNotData> {
        self.row.legs.last().and_then(|leg| leg.why)
    }

    /// Both can talk from now on.
    pub(crate) fn talk(&mut self, now: Mono) {
        self.talking_since.get_or_insert(now);
    }

    /// They cannot, for now.
    pub(crate) fn pause(&mut self, now: Mono) {
        let Some(since) = self.talking_since.take() else { return };
        if let Some(leg) = self.row.legs.last_mut() {
            let talked = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
            leg.talked_ms = leg.talked_ms.saturating_add(talked);
        }
    }

    /// It is over. The first end stays.
    pub(crate) fn end(&mut self, end: CallEnd, log: &mut CallLog, ctx: &mut Ctx<'_>) {
        if self.row.end.is_some() {
            return;
        }
        self.pause(ctx.now.mono);
        self.row.end = Some(end);
        log.keep(&self.row, Vec::new(), ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Bench, toy_number};
    use crate::effect::Effect;

    fn rows(bench: &mut Bench) -> Vec<LogRow> {
        bench
            .effects()
            .into_iter()
            .filter_map(|effect| if let Effect::Emit(Event::Log(row)) = effect { Some(row) } else { None })
            .collect()
    }

    fn begin(bench: &mut Bench, log: &mut CallLog) -> LogEntry {
        let peer = LogPeer::Number(toy_number(2));
        LogEntry::begin(Some(CallId([1; 16])), Line(0), peer, true, Bearer::Data, log, &mut bench.ctx())
    }

    #[test]
    fn a_conversation_across_legs_is_one_entry_with_the_time_of_each_and_why() {
        let (mut bench, mut log) = (Bench::new(1), CallLog::default());
        let mut entry = begin(&mut bench, &mut log);
        entry.talk(bench.now);
        bench.advance(192_000);
        entry.pause(bench.now);
        bench.advance(5_000);
        entry.because(WhyNotData::MediaFailed);
        entry.leg(Bearer::Carrier, Some(WhyNotData::MediaFailed), &mut log, &mut bench.ctx());
        entry.talk(bench.now);
        entry.talk(bench.now);
        bench.advance(65_000);
        entry.end(CallEnd::Carrier, &mut log, &mut bench.ctx());
        entry.end(CallEnd::HungUp, &mut log, &mut bench.ctx());
        let rows = rows(&mut bench);
        assert_eq!(rows.len(), 3, "at the start, at the change and at the end");
        assert!(rows.iter().all(|row| row.id == 1));
        let last = rows.last().unwrap();
        assert_eq!(last.end, Some(CallEnd::Carrier));
        let legs: Vec<_> = last.legs.iter().map(|leg| (leg.bearer, leg.talked_ms, leg.why)).collect();
        assert_eq!(
            legs,
            [
                (Bearer::Data, 192_000, Some(WhyNotData::MediaFailed)),
                (Bearer::Carrier, 65_000, Some(WhyNotData::MediaFailed)),
            ]
        );
    }

    #[test]
    fn the_first_commit_carries_the_counter_so_that_no_id_is_used_twice() {
        let (mut bench, mut log) = (Bench::new(1), CallLog::default());
        begin(&mut bench, &mut log);
        let Some(Effect::Commit { ticket, changes }) = bench.effects().into_iter().next() else { panic!() };
        assert!(matches!(changes.as_slice(), [Change::PutMeta(meta), Change::PutLog(row)]
            if meta.next_log == 2 && row.id == 1));
        assert!(log.on_store(ticket));
        assert!(!log.on_store(ticket), "answered once");
    }

    #[test]
    fn what_was_open_when_the_process_ended_is_closed_and_keeps_its_legs() {
        let (mut bench, mut log) = (Bench::new(1), CallLog::default());
        let entry = begin(&mut bench, &mut log);
        rows(&mut bench);
        let mut on_carrier = entry.row.clone();
        on_carrier.id = 2;
        on_carrier.legs.push(LogLeg { bearer: Bearer::Carrier, talked_ms: 0, why: None });
        log.restore(vec![entry.row.clone(), on_carrier], &mut bench.ctx());
        let ends: Vec<_> = rows(&mut bench).into_iter().map(|row| (row.end, row.legs.len())).collect();
        assert_eq!(ends, [(Some(CallEnd::PeerLost), 1), (Some(CallEnd::Carrier), 2)]);
    }

    #[test]
    fn a_store_that_never_answers_costs_a_bounded_memory() {
        let (mut bench, mut log) = (Bench::new(1), CallLog::default());
        for _ in 0..1_000 {
            begin(&mut bench, &mut log);
        }
        assert_eq!(log.commits.len(), COMMITS_MAX);
    }
}
