//! The policy sections as [`tandem_logic::Config`]. Every field is named, so that a new one there stops the build here.

use super::Config;
use super::policy::MarkPolicy;
use super::values::Budget;
use tandem_logic::config as logic;
use tandem_model::DataRate;

impl From<Budget> for logic::Allowance {
    fn from(budget: Budget) -> logic::Allowance {
        logic::Allowance { limit: budget.limit, window: budget.window.0 }
    }
}

pub(super) fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl Config {
    /// What the server decides by.
    #[must_use]
    pub fn logic(&self) -> logic::Config {
        logic::Config {
            registration: self.logic_registration(),
            session: self.logic_session(),
            marks: self.logic_marks(),
            measure: self.logic_measure(),
            gate: self.logic_gate(),
            call: self.logic_call(),
            text: self.logic_text(),
            house: self.logic_house(),
            lookup: self.logic_lookup(),
        }
    }

    fn logic_registration(&self) -> logic::RegistrationConfig {
        let own = &self.registration;
        logic::RegistrationConfig {
            attempt_life: own.attempt_life.0,
            tries: own.tries,
            resend_after: own.resend_after.0,
            per_number: own.per_number.into(),
            per_prefix: own.per_prefix.into(),
            prefix_digits: size(own.prefix_digits),
            per_source: own.per_source.into(),
            sms_wait: own.sms_wait.0,
            open_requests_max: size(own.open_requests_max),
            silent_end: own.silent_end.0,
        }
    }

    fn logic_session(&self) -> logic::SessionConfig {
        let own = &self.session;
        logic::SessionConfig {
            hello_wait: own.hello_wait.0,
            keepalive: own.keepalive.0,
            silence_max: own.silence_max.0,
            sessions_max: size(own.sessions_max),
            requests_max: size(own.requests_max),
            retry_after: own.retry_after.0,
        }
    }

    fn logic_marks(&self) -> logic::MarksConfig {
        let own = &self.marks;
        logic::MarksConfig {
            policy: match own.policy {
                MarkPolicy::Reciprocal => logic::MarkPolicy::Reciprocal,
                MarkPolicy::Registered => logic::MarkPolicy::Registered,
            },
            lease: own.lease.0,
            lease_step: own.lease_step.0,
            lease_flush: own.lease_flush.0,
            sync_interval: own.sync_interval.0,
            opening: own.opening,
            contacts_max: own.contacts_max,
            blocked_max: own.blocked_max,
            key_wait: own.key_wait.0,
            key_retry: own.key_retry.0,
            key_open_max: crate::key_link::QUESTIONS,
            evaluate_open_max: 2,
            new_numbers: own.new_numbers.into(),
        }
    }

    fn logic_measure(&self) -> logic::MeasureConfig {
        let own = &self.measure;
        logic::MeasureConfig {
            train_frames: own.train_frames,
            train_fill: own.train_fill_bytes,
            burst_frames: own.burst_frames,
            burst_rate: DataRate::kbps(own.burst_kbps.into()),
            spread_floor: own.spread_floor.0,
            probe_wait: own.probe_wait.0,
            train_wait: own.train_wait.0,
            pass_age: own.pass_age.0,
            fail_age: own.fail_age.0,
            probes_max: size(own.probes_max),
        }
    }

    fn logic_gate(&self) -> logic::GateConfig {
        let own = &self.gate;
        logic::GateConfig {
            full_from: DataRate::kbps(own.full_from_kbps.into()),
            low_from: DataRate::kbps(own.low_from_kbps.into()),
            per_pair: own.per_pair.into(),
            per_caller: own.per_caller.into(),
            stranger_delay: own.stranger_delay.0,
            verdict_life: own.verdict_life.0,
            open_max: size(own.open_max),
        }
    }

    fn logic_call(&self) -> logic::CallConfig {
        let own = &self.call;
        logic::CallConfig {
            ring: own.ring.0,
            ringing_grace: own.ringing_grace.0,
            answered_grace: own.answered_grace.0,
            calls_max: size(own.calls_max),
            calls_per_number: size(own.calls_per_number),
            held_max: size(own.held_max),
            turn_grants_max: own.turn_grants_max,
            turn_life: own.turn_life.0,
            turn_wait: own.turn_wait.0,
        }
    }

    fn logic_text(&self) -> logic::TextConfig {
        let own = &self.text;
        logic::TextConfig {
            life: own.life.0,
            remember: own.remember.0,
            mailbox_texts: own.mailbox_texts,
            mailbox_bytes: u64::from(own.mailbox_kib) * 1024,
            per_sender: own.per_sender.into(),
            unseen_swaps: own.unseen_swaps.into(),
            window: size(own.window),
            window_bytes: size(own.window_kib) * 1024,
            resend_after: own.resend_after.0,
        }
    }

    fn logic_house(&self) -> logic::HouseConfig {
        let own = &self.house;
        logic::HouseConfig {
            sweep_interval: own.sweep_interval.0,
            sweep_max: own.sweep_max,
            store_open_max: size(own.store_open_max),
            store_wait: own.store_wait.0,
            storage_retry: own.storage_retry.0,
            drain_wait: own.drain_wait.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_file_are_the_defaults_of_the_decisions() {
        assert_eq!(Config::default().logic(), logic::Config::default());
    }
}
