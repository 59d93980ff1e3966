//! Texts on their way out, and what their answers mean.

use rusmpp::{CommandStatus, Pdu};
use tandem_model::Mono;

use super::{Effect, Session, State};
use crate::driver::SubmitOutcome;
use crate::smpp::outstanding::{Job, Sent};
use crate::smpp::pdu::{self, Refusal};

impl Session {
    pub(super) fn submit_answer(&mut self, sequence: u32, status: CommandStatus, smsc_id: String, now: Mono) {
        let Some(sent) = self.jobs.sent.remove(&sequence) else {
            self.late_answer(sequence, status, &smsc_id);
            return;
        };
        if status == CommandStatus::EsmeRok {
            self.throttle.reset();
            self.paused_until = None;
            // The outcome first: an owner hears of a text's end only after it knows that the text was taken.
            self.outcome(&sent.job, SubmitOutcome::Accepted { smsc_id: smsc_id.clone() });
            self.remember(&sent.job, &smsc_id);
            return;
        }
        match pdu::refusal(status) {
            Refusal::Throttled => self.throttled(sent.job, now),
            Refusal::Temporary => self.outcome(&sent.job, SubmitOutcome::Temporary),
            Refusal::Permanent(reason) => self.outcome(&sent.job, SubmitOutcome::Permanent { reason }),
        }
    }

    /// The text was given back as unknown already; its receipt is still welcome.
    pub(super) fn late_answer(&mut self, sequence: u32, status: CommandStatus, smsc_id: &str) {
        let Some(job) = self.jobs.take_given_up(sequence) else {
            self.counters.stray_answers += 1;
            return;
        };
        self.counters.late_answers += 1;
        if status == CommandStatus::EsmeRok {
            self.remember(&job, smsc_id);
        }
    }

    pub(super) fn remember(&mut self, job: &Job, smsc_id: &str) {
        for reading in self.book.accepted(job.message_ref, smsc_id, &job.to) {
            self.tell(reading);
        }
    }

    pub(super) fn throttled(&mut self, mut job: Job, now: Mono) {
        self.counters.throttled += 1;
        job.tries += 1;
        // Answers to a whole window of submits arrive together; only the first of them lengthens the pause.
        let pause_end = match self.paused_until.filter(|until| *until > now) {
            Some(until) => until,
            None => now.after(self.throttle.fail()),
        };
        self.paused_until = Some(pause_end);
        if job.tries >= self.config.throttle_tries {
            let retry_after = pause_end.since(now).max(self.config.throttle_wait.0);
            self.outcome(&job, SubmitOutcome::Throttled { retry_after });
        } else {
            self.jobs.waiting.push_front(job);
        }
    }

    pub(super) fn send_waiting(&mut self, now: Mono) {
        if self.state != State::Bound || self.paused_until.is_some_and(|until| until > now) {
            return;
        }
        self.paused_until = None;
        while self.jobs.sent.len() < self.config.window
            && let Some(job) = self.jobs.waiting.pop_front()
        {
            let sequence = self.next_sequence();
            self.counters.submits_sent += 1;
            self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::SubmitSm(job.pdu.clone()))));
            self.jobs.sent.insert(sequence, Sent { job, answer_by: now.after(self.config.answer_timeout) });
        }
    }

    pub(super) fn give_back_waiting(&mut self, job: &Job, now: Mono) {
        let outcome = match self.paused_until.filter(|until| job.tries > 0 && *until > now) {
            Some(until) => SubmitOutcome::Throttled { retry_after: until.since(now) },
            None => SubmitOutcome::Temporary,
        };
        self.outcome(job, outcome);
    }

    pub(super) fn lose_outstanding(&mut self) {
        for job in self.jobs.connection_lost() {
            self.counters.unknown_outcomes += 1;
            self.outcome(&job, SubmitOutcome::Unknown);
        }
    }

    pub(super) fn outcome(&mut self, job: &Job, outcome: SubmitOutcome) {
        self.effects.push_back(Effect::Outcome(job.ticket, outcome));
    }
}
