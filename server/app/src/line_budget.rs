//! A bound on log lines that a stranger can cause: who sends garbage must not be able to fill the disk with lines about it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Lines a minute.
const LINES: u32 = 60;

const MINUTE: Duration = Duration::from_secs(60);

/// So many lines a minute, counted from the first of them; what is more is only counted in metrics.
#[derive(Debug, Default)]
pub struct LineBudget(Mutex<Option<(Instant, u32)>>);

impl LineBudget {
    /// Whether one more line may be written now.
    pub fn may_write(&self) -> bool {
        self.may_write_at(Instant::now())
    }

    fn may_write_at(&self, now: Instant) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (began, written) = minute.filter(|(began, _)| now.duration_since(*began) < MINUTE).unwrap_or((now, 0));
        *minute = Some((began, written.saturating_add(1)));
        written < LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_lines_are_written_in_a_minute_and_the_next_ones_in_the_next() {
        let (budget, began) = (LineBudget::default(), Instant::now());
        assert_eq!((0..100).filter(|_| budget.may_write_at(began)).count(), 60);
        assert!(!budget.may_write_at(began + MINUTE - Duration::from_millis(1)));
        assert!(budget.may_write_at(began + MINUTE));
    }
}
