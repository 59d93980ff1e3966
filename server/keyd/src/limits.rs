//! How much is answered, and to whom.

/// The budgets. Each is counted in days or hours of UTC that never give a unit back before they have passed whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Evaluations of one account under one key within 365 days. Default 50,000: as many contacts as a phone may hold.
    pub evaluations_a_year: u64,
    /// Evaluations of one account under one key in a day. Default 10,000: a very large book fills in five days.
    pub evaluations_a_day: u64,
    /// Pairs that one account has checked in a day. Default 20,000.
    pub checks_a_day: u64,
    /// Evaluations, checks and tokens of registered numbers for all accounts in an hour: a brake on a server that lies about
    /// who asks. Default 5,000,000.
    pub all_an_hour: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { evaluations_a_year: 50_000, evaluations_a_day: 10_000, checks_a_day: 20_000, all_an_hour: 5_000_000 }
    }
}
