//! When a port that tells one thing is asked, and asked again: one question at a time, the newest change always answered.

use crate::ports::HostError;
use std::time::Duration;
use tandem_model::Mono;

/// First wait after a host could not tell; doubles up to [`AGAIN_MAX`].
const AGAIN_FIRST: Duration = Duration::from_secs(2);

/// Longest wait after a host could not tell.
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// One port's question.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    state: State,
    failures: u32,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Everything is known.
    #[default]
    Known,
    /// The host is being asked; whether the answer will be old when it comes.
    Asked { outdated: bool },
    /// The host could not tell: asked again then.
    Waiting(Mono),
    /// The host said that it never can.
    Never,
}

impl Asking {
    /// Whether the host is being asked.
    pub(crate) const fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked { .. })
    }

    /// The host says that it changed. True when it must be asked now.
    pub(crate) fn changed(&mut self) -> bool {
        match self.state {
            State::Asked { .. } => {
                self.state = State::Asked { outdated: true };
                false
            }
            State::Known | State::Waiting(_) => {
                self.state = State::Asked { outdated: false };
                true
            }
            State::Never => false,
        }
    }

    /// The host answered. True when it must be asked again at once.
    pub(crate) fn answered(&mut self, failed: Option<HostError>, now: Mono) -> bool {
        let State::Asked { outdated } = self.state else {
            return false;
        };
        self.state = match failed {
            None => State::Known,
            Some(HostError::Unsupported) => State::Never,
            Some(HostError::Locked | HostError::Failed) => {
                let wait = AGAIN_FIRST.saturating_mul(1 << self.failures.min(5)).min(AGAIN_MAX);
                self.failures = self.failures.saturating_add(1);
                State::Waiting(now.after(wait))
            }
        };
        if failed.is_none() {
            self.failures = 0;
            return outdated && self.changed();
        }
        false
    }

    /// When [`Asking::is_due`] turns true by itself.
    pub(crate) const fn due_at(&self) -> Option<Mono> {
        match self.state {
            State::Waiting(at) => Some(at),
            State::Known | State::Asked { .. } | State::Never => None,
        }
    }

    /// True when it must be asked now.
    pub(crate) fn is_due(&mut self, now: Mono) -> bool {
        self.due_at().is_some_and(|at| at <= now) && self.changed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Mono = Mono(1_000);

    #[test]
    fn a_change_during_the_question_is_asked_about_once_more() {
        let mut asking = Asking::default();
        assert!(asking.changed());
        assert!(!asking.changed() && !asking.changed());
        assert!(asking.answered(None, NOW), "what was told may be old");
        assert!(!asking.answered(None, NOW));
        assert!(!asking.answered(None, NOW), "nobody asked");
    }

    #[test]
    fn a_host_that_cannot_tell_now_is_asked_again_ever_later() {
        let mut asking = Asking::default();
        assert!(asking.changed());
        let mut waits = Vec::new();
        for _ in 0..7 {
            assert!(!asking.answered(Some(HostError::Locked), NOW));
            let due = asking.due_at().unwrap();
            assert!(!asking.is_due(Mono(due.0 - 1)));
            assert!(asking.is_due(due));
            waits.push(due.since(NOW).as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60]);
        assert!(!asking.answered(None, NOW));
        assert!(asking.changed() && !asking.answered(Some(HostError::Failed), NOW));
        assert_eq!(asking.due_at().unwrap().since(NOW).as_secs(), 2, "an answer starts the waits anew");
    }

    #[test]
    fn a_change_is_asked_about_at_once_even_while_waiting() {
        let mut asking = Asking::default();
        assert!(asking.changed() && !asking.answered(Some(HostError::Failed), NOW));
        assert!(asking.changed());
        assert_eq!(asking.due_at(), None);
    }

    #[test]
    fn a_host_that_never_can_is_left_alone() {
        let mut asking = Asking::default();
        assert!(asking.changed() && !asking.answered(Some(HostError::Unsupported), NOW));
        assert!(!asking.changed() && !asking.is_due(Mono(u64::MAX)));
    }
}
