//! What was spent, and whether more may be.

use crate::account::Account;
use crate::limits::Limits;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::{MarkKeyId, ServerMillis};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Days a year's budget looks back over, today among them.
pub(crate) const YEAR_DAYS: i64 = 365;

/// What something costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// So many evaluations under a key.
    Evaluations {
        /// Whose.
        account: Account,
        /// Under which key.
        key: MarkKeyId,
        /// How many.
        units: u64,
    },
    /// One check of a pair.
    Check {
        /// Whose.
        account: Account,
    },
    /// Tokens of a registered number, asked for by the server itself.
    Open,
}

/// What became of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spending {
    /// It is counted, and durable once the group is.
    Counted,
    /// It does not fit any more; nothing was counted.
    Spent {
        /// Worth another try after this.
        retry_after: Duration,
    },
}

/// The ledger cannot be read or written: nothing may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the budgets cannot be counted")]
pub struct LedgerFault;

/// What is spent, kept durably.
pub trait Ledger: Send {
    /// Counts all of these that fit, in order, and makes them durable together.
    ///
    /// # Errors
    /// [`LedgerFault`]: none of them counts as admitted.
    fn spend(&mut self, charges: &[Charge], limits: &Limits, at: ServerMillis) -> Result<Vec<Spending>, LedgerFault>;
}

/// The rows of a charge, each of one account, kind and key; the kinds are stored, so never renumber them.
pub(crate) struct Row {
    pub(crate) account: Account,
    pub(crate) kind: u8,
    pub(crate) key: u32,
    pub(crate) units: u64,
    pub(crate) a_day: u64,
    pub(crate) a_year: u64,
}

impl Charge {
    /// What every hour's budget takes of it.
    pub(crate) const fn weight(&self) -> u64 {
        match self {
            Charge::Evaluations { units, .. } => *units,
            Charge::Check { .. } | Charge::Open => 1,
        }
    }

    pub(crate) const fn row(&self, limits: &Limits) -> Option<Row> {
        match *self {
            Charge::Evaluations { account, key, units } => Some(Row {
                account,
                kind: 1,
                key: key.0,
                units,
                a_day: limits.evaluations_a_day,
                a_year: limits.evaluations_a_year,
            }),
            Charge::Check { account } => {
                Some(Row { account, kind: 2, key: 0, units: 1, a_day: limits.checks_a_day, a_year: u64::MAX })
            }
            Charge::Open => None,
        }
    }
}

/// Where an instant lies.
#[derive(Clone, Copy)]
pub(crate) struct When {
    pub(crate) day: i64,
    pub(crate) hour: i64,
    at: i64,
}

impl When {
    pub(crate) const fn of(at: ServerMillis) -> When {
        When { day: at.0.div_euclid(DAY), hour: at.0.div_euclid(HOUR), at: at.0 }
    }

    const fn until(self, millis: i64) -> Duration {
        let wait = millis.saturating_sub(self.at);
        Duration::from_millis(if wait > 0 { wait.unsigned_abs() } else { 1 })
    }

    /// What was spent on a day is given back when the day has left the year.
    const fn until_forgotten(self, day: i64) -> Duration {
        self.until(day.saturating_add(YEAR_DAYS).saturating_mul(DAY))
    }

    const fn until_tomorrow(self) -> Duration {
        self.until(self.day.saturating_add(1).saturating_mul(DAY))
    }

    const fn until_next_hour(self) -> Duration {
        self.until(self.hour.saturating_add(1).saturating_mul(HOUR))
    }
}

/// What of an account is spent, as days of the year that have any. Days that lie ahead count as today: a clock that was set
/// back makes it stricter.
pub(crate) fn judge(days: &[(i64, u64)], row: &Row, when: When) -> Spending {
    let this_year = days.iter().filter(|(day, _)| *day > when.day.saturating_sub(YEAR_DAYS));
    let today: u64 = days.iter().filter(|(day, _)| *day >= when.day).map(|(_, units)| *units).sum();
    let year: u64 = this_year.clone().map(|(_, units)| *units).sum();
    if year.saturating_add(row.units) > row.a_year {
        let oldest = this_year.map(|(day, _)| *day).min().unwrap_or(when.day);
        return Spending::Spent { retry_after: when.until_forgotten(oldest) };
    }
    if today.saturating_add(row.units) > row.a_day {
        return Spending::Spent { retry_after: when.until_tomorrow() };
    }
    Spending::Counted
}

/// Whether the hour takes this as well.
pub(crate) fn judge_hour(spent: u64, weight: u64, limits: &Limits, when: When) -> Spending {
    if spent.saturating_add(weight) > limits.all_an_hour {
        return Spending::Spent { retry_after: when.until_next_hour() };
    }
    Spending::Counted
}

/// A ledger in memory, for tests and the simulation.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger {
    spent: BTreeMap<(Account, u8, u32), BTreeMap<i64, u64>>,
    hours: BTreeMap<i64, u64>,
    /// Nothing can be counted while it is set.
    pub dead: bool,
}

impl MemoryLedger {
    fn one(&mut self, charge: &Charge, limits: &Limits, when: When) -> Spending {
        let hour: u64 = self.hours.range(when.hour..).map(|(_, units)| *units).sum();
        if let spent @ Spending::Spent { .. } = judge_hour(hour, charge.weight(), limits, when) {
            return spent;
        }
        if let Some(row) = charge.row(limits) {
            let days = self.spent.entry((row.account, row.kind, row.key)).or_default();
            let list: Vec<(i64, u64)> = days.iter().map(|(day, units)| (*day, *units)).collect();
            if let spent @ Spending::Spent { .. } = judge(&list, &row, when) {
                return spent;
            }
            *days.entry(when.day).or_default() += row.units;
        }
        *self.hours.entry(when.hour).or_default() += charge.weight();
        Spending::Counted
    }
}

impl Ledger for MemoryLedger {
    fn spend(&mut self, charges: &[Charge], limits: &Limits, at: ServerMillis) -> Result<Vec<Spending>, LedgerFault> {
        if self.dead {
            return Err(LedgerFault);
        }
        let when = When::of(at);
        Ok(charges.iter().map(|charge| self.one(charge, limits, when)).collect())
    }
}
