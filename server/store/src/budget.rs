//! Budgets as one stored number each: the instant at which the budget would be whole again.
//!
//! Units refill evenly. Spending moves the instant forward; a budget is spent when that would put it further ahead than
//! its window. A clock that was set back can only make it stricter, and by one window at most (it fails closed).

use std::time::Duration;
use tandem_logic::store_op::Charge;
use tandem_model::ServerMillis;

/// In microseconds of server time.
pub(crate) type WholeAt = i64;

/// The stored number after a charge, or how long to wait when it is spent.
pub(crate) fn charge(whole_at: Option<WholeAt>, at: ServerMillis, charge: &Charge) -> Result<WholeAt, Duration> {
    let window = i64::try_from(charge.allowance.window.as_micros()).unwrap_or(i64::MAX);
    let Some(each) = window.checked_div(i64::from(charge.allowance.limit)) else {
        return Err(charge.allowance.window);
    };
    let now = micros(at);
    let full = now.saturating_add(window);
    let from = whole_at.unwrap_or(now).clamp(now, full);
    let next = from.saturating_add(each.saturating_mul(i64::from(charge.units)));
    if next > full {
        let wait = u64::try_from(next.saturating_sub(full)).unwrap_or(0);
        return Err(Duration::from_micros(wait).min(charge.allowance.window));
    }
    Ok(next)
}

/// The stored number when it lies further ahead than any spending puts it: the clock was set back.
pub(crate) fn healed(whole_at: WholeAt, at: ServerMillis, charge: &Charge) -> Option<WholeAt> {
    let window = i64::try_from(charge.allowance.window.as_micros()).unwrap_or(i64::MAX);
    let full = micros(at).saturating_add(window);
    (whole_at > full).then_some(full)
}

/// The stored number after a charge is given back. `None` when the charge may have refilled by itself since, or the clock
/// was set back: giving it back then could give more than was taken.
pub(crate) fn give_back(
    whole_at: WholeAt,
    charged_at: ServerMillis,
    at: ServerMillis,
    charge: &Charge,
) -> Option<WholeAt> {
    let window = i64::try_from(charge.allowance.window.as_micros()).unwrap_or(i64::MAX);
    let each = window.checked_div(i64::from(charge.allowance.limit))?;
    let taken = each.saturating_mul(i64::from(charge.units));
    let since = micros(at).saturating_sub(micros(charged_at));
    (0..taken).contains(&since).then(|| whole_at.saturating_sub(taken))
}

/// A budget whole by now needs no row.
pub(crate) const fn micros(at: ServerMillis) -> i64 {
    at.0.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_logic::config::Allowance;
    use tandem_logic::store_op::BudgetKind;

    fn five_a_minute() -> Charge {
        Charge {
            kind: BudgetKind::SmsNumber,
            about: (1, 0),
            units: 1,
            allowance: Allowance { limit: 5, window: Duration::from_secs(60) },
        }
    }

    #[test]
    fn five_go_at_once_and_the_sixth_waits_for_a_fifth_of_the_window() {
        let at = ServerMillis(1_000_000);
        let mut whole_at = None;
        for _ in 0..5 {
            whole_at = Some(charge(whole_at, at, &five_a_minute()).unwrap());
        }
        assert_eq!(charge(whole_at, at, &five_a_minute()), Err(Duration::from_secs(12)));
        let almost = ServerMillis(at.0 + 11_999);
        assert_eq!(charge(whole_at, almost, &five_a_minute()), Err(Duration::from_millis(1)));
        assert!(charge(whole_at, ServerMillis(at.0 + 12_000), &five_a_minute()).is_ok());
    }

    #[test]
    fn a_clock_set_back_ten_years_keeps_it_spent_for_a_window_and_no_longer() {
        let at = ServerMillis(1_000_000_000_000);
        let mut whole_at = None;
        for _ in 0..5 {
            whole_at = Some(charge(whole_at, at, &five_a_minute()).unwrap());
        }
        let back = ServerMillis(at.0 - 315_360_000_000);
        assert_eq!(charge(whole_at, back, &five_a_minute()), Err(Duration::from_secs(12)));
        let whole_at = healed(whole_at.unwrap(), back, &five_a_minute());
        assert!(whole_at.is_some(), "kept, so that time goes on from here");
        assert!(charge(whole_at, ServerMillis(back.0 + 12_000), &five_a_minute()).is_ok());
        assert_eq!(healed(whole_at.unwrap(), back, &five_a_minute()), None);
    }

    #[test]
    fn a_charge_is_given_back_whole_until_it_would_have_refilled_and_not_at_all_after() {
        let at = ServerMillis(1_000_000);
        let one = charge(None, at, &five_a_minute()).unwrap();
        let two = charge(Some(one), at, &five_a_minute()).unwrap();
        assert_eq!(give_back(two, at, at, &five_a_minute()), Some(one));
        assert_eq!(give_back(two, at, ServerMillis(at.0 + 11_999), &five_a_minute()), Some(one));
        assert_eq!(give_back(two, at, ServerMillis(at.0 + 12_000), &five_a_minute()), None);
        assert_eq!(give_back(two, at, ServerMillis(at.0 - 1), &five_a_minute()), None);
    }

    #[test]
    fn a_limit_of_zero_refuses_everything() {
        let none = Charge { allowance: Allowance { limit: 0, window: Duration::from_secs(9) }, ..five_a_minute() };
        assert_eq!(charge(None, ServerMillis(0), &none), Err(Duration::from_secs(9)));
    }

    #[test]
    fn more_units_than_the_limit_never_go() {
        let many = Charge { units: 6, ..five_a_minute() };
        assert!(charge(None, ServerMillis(0), &many).is_err());
        assert!(charge(None, ServerMillis(0), &Charge { units: 5, ..many }).is_ok());
    }
}
