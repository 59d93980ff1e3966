//! How much somebody may ask: so much at once, and as much more spread over the budget's time.

use crate::config::values::Budget;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A budget and what is used of it.
#[derive(Debug)]
pub struct Allowance {
    budget: Budget,
    /// When nothing of the budget is used any more.
    whole_at: Mutex<Option<Instant>>,
}

impl Allowance {
    /// Nothing used yet.
    #[must_use]
    pub const fn new(budget: Budget) -> Allowance {
        Allowance { budget, whole_at: Mutex::new(None) }
    }

    /// Takes so many, or none and says when it is worth asking again.
    ///
    /// # Errors
    /// How long to wait.
    pub fn charge(&self, count: usize, now: Instant) -> Result<(), Duration> {
        let Some(each) = self.budget.window.0.checked_div(self.budget.limit) else {
            return Err(self.budget.window.0);
        };
        let cost = each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let used_until = whole_at.filter(|at| *at > now).unwrap_or(now);
        let Some(after) = used_until.checked_add(cost) else { return Err(self.budget.window.0) };
        let over = after.duration_since(now).saturating_sub(self.budget.window.0);
        if !over.is_zero() {
            return Err(over);
        }
        *whole_at = Some(after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Span;

    #[test]
    fn a_budget_is_spent_by_numbers_and_comes_back_with_time() {
        let (allowance, now) = (Allowance::new(Budget::new(10, Span::secs(10))), Instant::now());
        assert_eq!(allowance.charge(10, now), Ok(()));
        assert_eq!(allowance.charge(1, now), Err(Duration::from_secs(1)));
        assert_eq!(allowance.charge(1, now + Duration::from_millis(999)), Err(Duration::from_millis(1)));
        assert_eq!(allowance.charge(1, now + Duration::from_secs(1)), Ok(()));
        assert!(allowance.charge(11, now + Duration::from_secs(60)).is_err(), "more at once than there ever is");
        assert_eq!(allowance.charge(10, now + Duration::from_secs(60)), Ok(()), "and that cost nothing");
    }

    #[test]
    fn a_budget_of_none_is_never() {
        assert!(Allowance::new(Budget::new(0, Span::secs(10))).charge(1, Instant::now()).is_err());
    }
}
