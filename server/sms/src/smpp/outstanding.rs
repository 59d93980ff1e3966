//! Submits that wait: those not sent yet, those sent and unanswered, those given up before their answer.

use std::collections::{BTreeMap, VecDeque};

use rusmpp::pdus::SubmitSm;
use tandem_model::Mono;

use crate::number::E164Digits;

/// Given-up submits whose answer is still awaited, for the sake of their receipts. One more pushes out the oldest.
const MAX_GIVEN_UP: usize = 256;

/// One text on its way through the session.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) ticket: u64,
    pub(super) message_ref: u64,
    pub(super) to: E164Digits,
    pub(super) pdu: SubmitSm,
    pub(super) tries: u32,
    pub(super) give_back_at: Mono,
}

/// A text on the wire.
pub(super) struct Sent {
    pub(super) job: Job,
    pub(super) answer_by: Mono,
}

/// All texts of a session.
#[derive(Default)]
pub(super) struct Jobs {
    pub(super) waiting: VecDeque<Job>,
    pub(super) sent: BTreeMap<u32, Sent>,
    given_up: VecDeque<(u32, Job)>,
}

impl Jobs {
    /// The earliest time any of them needs attention.
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let answers = self.sent.values().map(|sent| sent.answer_by);
        let waits = self.waiting.iter().map(|job| job.give_back_at);
        answers.chain(waits).min()
    }

    /// Takes out what waited in the queue for its whole validity.
    pub(super) fn expired_waiting(&mut self, now: Mono) -> Vec<Job> {
        let (expired, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|job| job.give_back_at <= now);
        self.waiting = waiting;
        Vec::from_iter::<VecDeque<Job>>(expired)
    }

    /// Takes out what was not answered in time, and remembers it in case the answer is only late.
    pub(super) fn unanswered(&mut self, now: Mono) -> Vec<Job> {
        let late: Vec<u32> =
            self.sent.iter().filter(|(_, sent)| sent.answer_by <= now).map(|(sequence, _)| *sequence).collect();
        let mut jobs = Vec::new();
        for sequence in late {
            let Some(sent) = self.sent.remove(&sequence) else { continue };
            if self.given_up.len() >= MAX_GIVEN_UP {
                self.given_up.pop_front();
            }
            self.given_up.push_back((sequence, sent.job.clone()));
            jobs.push(sent.job);
        }
        jobs
    }

    /// A text given up earlier whose answer came after all.
    pub(super) fn take_given_up(&mut self, sequence: u32) -> Option<Job> {
        let index = self.given_up.iter().position(|(given_up, _)| *given_up == sequence)?;
        self.given_up.remove(index).map(|(_, job)| job)
    }

    /// The connection is gone: what was on the wire will never be answered.
    pub(super) fn connection_lost(&mut self) -> Vec<Job> {
        self.given_up.clear();
        std::mem::take(&mut self.sent).into_values().map(|sent| sent.job).collect()
    }
}
