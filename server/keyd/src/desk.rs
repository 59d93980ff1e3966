//! What is answered: counted first, computed after.

use crate::account::{Account, Salt};
use crate::ledger::{Charge, Ledger, Spending};
use crate::limits::Limits;
use crate::oprf::Oprf;
use crate::protocol::{Answer, LiveKey, Question};
use std::collections::BTreeMap;
use std::sync::Arc;
use tandem_model::{MarkKeyId, MarkToken, Msisdn, Random, ServerMillis};

/// The keys that live, at work.
#[derive(Clone)]
pub struct Keyring {
    salt: Salt,
    keys: BTreeMap<MarkKeyId, Arc<dyn Oprf>>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({})", self.keys.len())
    }
}

/// What is to be done with a question.
#[derive(Debug)]
pub enum Admitted {
    /// It is answered once this is counted.
    Costs(Charge),
    /// It is answered as it is.
    Free(Answer),
}

impl Keyring {
    /// Of these keys.
    #[must_use]
    pub fn new(salt: Salt, keys: BTreeMap<MarkKeyId, Arc<dyn Oprf>>) -> Keyring {
        Keyring { salt, keys }
    }

    /// What the server is told of them.
    #[must_use]
    pub fn live(&self) -> Vec<LiveKey> {
        self.keys.iter().map(|(id, key)| LiveKey { id: *id, public: key.public() }).collect()
    }

    /// What a question costs.
    #[must_use]
    pub fn admit(&self, question: &Question) -> Admitted {
        let account = |number| Account::of(&self.salt, number);
        match question {
            Question::Keys => Admitted::Free(Answer::Keys(self.live())),
            Question::Evaluate { key, .. } if !self.keys.contains_key(key) => Admitted::Free(Answer::UnknownKey),
            Question::Evaluate { account: who, key, blinded } => Admitted::Costs(Charge::Evaluations {
                account: account(*who),
                key: *key,
                units: u64::try_from(blinded.len()).unwrap_or(u64::MAX),
            }),
            Question::Check { account: who, .. } => Admitted::Costs(Charge::Check { account: account(*who) }),
            Question::OpenTokens { .. } => Admitted::Costs(Charge::Open),
        }
    }

    /// Answers a question whose cost is counted.
    #[must_use]
    pub fn answer(&self, question: &Question, random: &mut dyn Random) -> Answer {
        match question {
            Question::Keys => Answer::Keys(self.live()),
            Question::Evaluate { key, blinded, .. } => {
                let Some(key) = self.keys.get(key) else { return Answer::UnknownKey };
                match key.evaluate(blinded, random) {
                    Ok((evaluated, proof)) => Answer::Evaluated { evaluated, proof },
                    Err(_) => Answer::Malformed,
                }
            }
            Question::Check { a, b, tokens, .. } => self.check(*a, *b, tokens),
            Question::OpenTokens { number } => self.open_tokens(*number),
        }
    }

    fn check(&self, a: Msisdn, b: Msisdn, tokens: &[MarkToken]) -> Answer {
        for key in self.keys.values() {
            let (Ok(a), Ok(b)) = (key.pseudonym(a), key.pseudonym(b)) else { return Answer::Failed };
            let pair = key.pair(&a, &b);
            if let Some(index) = tokens.iter().position(|token| *token == pair) {
                return Answer::Checked(u32::try_from(index).ok());
            }
        }
        Answer::Checked(None)
    }

    fn open_tokens(&self, number: Msisdn) -> Answer {
        let token = |(id, key): (&MarkKeyId, &Arc<dyn Oprf>)| Some((*id, key.own(&key.pseudonym(number).ok()?)));
        match self.keys.iter().map(token).collect() {
            Some(tokens) => Answer::OpenTokens(tokens),
            None => Answer::Failed,
        }
    }
}

/// Keys and budgets in one hand, one question at a time: for tests and the simulation.
#[derive(Debug)]
pub struct Desk<L> {
    /// The keys.
    pub keyring: Keyring,
    /// The budgets.
    pub ledger: L,
    /// What they hold.
    pub limits: Limits,
}

impl<L: Ledger> Desk<L> {
    /// Counts a question and answers it.
    pub fn ask(&mut self, question: &Question, at: ServerMillis, random: &mut dyn Random) -> Answer {
        let charge = match self.keyring.admit(question) {
            Admitted::Costs(charge) => charge,
            Admitted::Free(answer) => return answer,
        };
        match self.ledger.spend(&[charge], &self.limits, at).map(|spendings| spendings.first().copied()) {
            Ok(Some(Spending::Counted)) => self.keyring.answer(question, random),
            Ok(Some(Spending::Spent { retry_after })) => Answer::Spent { retry_after },
            Ok(None) | Err(_) => Answer::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::MemoryLedger;
    use std::time::Duration;
    use tandem_crypto::fake::{self, FakeEvaluator};
    use tandem_model::random::SplitMix64;
    use tandem_model::{OprfElement, Secret};

    const DAY: i64 = 86_400_000;

    /// Noon, so that no day begins by chance.
    const NOON: ServerMillis = ServerMillis(20_000 * DAY + DAY / 2);

    fn number(n: u64) -> Msisdn {
        Msisdn::try_from(491_510_000_000 + n).unwrap()
    }

    fn evaluator(id: u32) -> FakeEvaluator {
        FakeEvaluator::from_secret(&Secret::new([u8::try_from(id).unwrap(); 32]))
    }

    fn desk(ids: &[u32]) -> Desk<MemoryLedger> {
        let keys = ids.iter().map(|id| (MarkKeyId(*id), Arc::new(evaluator(*id)) as Arc<dyn Oprf>)).collect();
        Desk {
            keyring: Keyring::new(Salt([9; 32]), keys),
            ledger: MemoryLedger::default(),
            limits: Limits { evaluations_a_year: 10, evaluations_a_day: 4, checks_a_day: 2, all_an_hour: 100 },
        }
    }

    fn evaluate(desk: &mut Desk<MemoryLedger>, at: ServerMillis, who: u64, key: u32, count: usize) -> Answer {
        let numbers: Vec<Msisdn> = (0..count as u64).map(number).collect();
        let (_, blinded) = fake::blind(&numbers, &mut SplitMix64(1)).unwrap();
        let question = Question::Evaluate { account: number(who), key: MarkKeyId(key), blinded };
        desk.ask(&question, at, &mut SplitMix64(2))
    }

    fn spent(wait: i64) -> Answer {
        Answer::Spent { retry_after: Duration::from_millis(wait.unsigned_abs()) }
    }

    #[test]
    fn a_days_and_a_years_budget_are_each_told_with_their_wait_and_no_accounts_touches_anothers() {
        let mut desk = desk(&[1, 2]);
        let day = |n: i64| ServerMillis(NOON.0 + n * DAY);
        assert!(matches!(evaluate(&mut desk, day(0), 1, 1, 4), Answer::Evaluated { .. }));
        assert_eq!(evaluate(&mut desk, day(0), 1, 1, 1), spent(DAY / 2));
        assert!(matches!(evaluate(&mut desk, day(0), 2, 1, 4), Answer::Evaluated { .. }));
        assert!(matches!(evaluate(&mut desk, day(0), 1, 2, 4), Answer::Evaluated { .. }), "each key has its own");
        assert!(matches!(evaluate(&mut desk, day(1), 1, 1, 4), Answer::Evaluated { .. }));
        assert!(matches!(evaluate(&mut desk, day(2), 1, 1, 2), Answer::Evaluated { .. }));
        assert_eq!(evaluate(&mut desk, day(2), 1, 1, 1), spent(365 * DAY - 2 * DAY - DAY / 2));
        assert_eq!(evaluate(&mut desk, day(364), 1, 1, 1), spent(DAY / 2));
        assert!(
            matches!(evaluate(&mut desk, day(365), 1, 1, 4), Answer::Evaluated { .. }),
            "the first day left the year"
        );
    }

    #[test]
    fn a_clock_that_is_set_back_gives_nothing_back() {
        let mut desk = desk(&[1]);
        assert!(matches!(evaluate(&mut desk, NOON, 1, 1, 4), Answer::Evaluated { .. }));
        let back = ServerMillis(NOON.0 - 3 * DAY);
        assert!(matches!(evaluate(&mut desk, back, 1, 1, 1), Answer::Spent { .. }));
    }

    #[test]
    fn all_accounts_together_have_an_hours_brake() {
        let mut desk = desk(&[1]);
        desk.limits.all_an_hour = 9;
        assert!(matches!(evaluate(&mut desk, NOON, 1, 1, 4), Answer::Evaluated { .. }));
        assert!(matches!(evaluate(&mut desk, NOON, 2, 1, 4), Answer::Evaluated { .. }));
        assert_eq!(evaluate(&mut desk, NOON, 3, 1, 4), spent(3_600_000));
        let open = Question::OpenTokens { number: number(1) };
        assert!(matches!(desk.ask(&open, NOON, &mut SplitMix64(1)), Answer::OpenTokens(_)));
        assert_eq!(desk.ask(&open, NOON, &mut SplitMix64(1)), spent(3_600_000));
        assert!(matches!(evaluate(&mut desk, ServerMillis(NOON.0 + 3_600_000), 3, 1, 4), Answer::Evaluated { .. }));
    }

    #[test]
    fn a_dead_ledger_answers_nothing_at_all() {
        let mut desk = desk(&[1]);
        desk.ledger.dead = true;
        assert_eq!(evaluate(&mut desk, NOON, 1, 1, 1), Answer::Failed);
        let check =
            Question::Check { account: number(1), a: number(1), b: number(2), tokens: vec![MarkToken([0; 16])] };
        assert_eq!(desk.ask(&check, NOON, &mut SplitMix64(1)), Answer::Failed);
        let open = Question::OpenTokens { number: number(1) };
        assert_eq!(desk.ask(&open, NOON, &mut SplitMix64(1)), Answer::Failed);
    }

    #[test]
    fn a_check_finds_the_pairs_token_under_any_key_and_nothing_else() {
        let mut desk = desk(&[1, 2]);
        desk.limits.checks_a_day = 3;
        let pair = |key: u32, a, b| {
            let key = evaluator(key);
            fake::pair_token(&key.pseudonym(number(a)).unwrap(), &key.pseudonym(number(b)).unwrap())
        };
        let mut check = |tokens: Vec<MarkToken>| {
            let question = Question::Check { account: number(1), a: number(1), b: number(2), tokens };
            desk.ask(&question, NOON, &mut SplitMix64(1))
        };
        assert_eq!(check(vec![pair(1, 1, 3), pair(2, 2, 1)]), Answer::Checked(Some(1)));
        assert_eq!(check(vec![pair(1, 1, 3), pair(3, 1, 2)]), Answer::Checked(None));
        assert_eq!(check(vec![pair(1, 1, 2)]), Answer::Checked(Some(0)));
        assert!(matches!(check(vec![pair(1, 1, 2)]), Answer::Spent { .. }));
    }

    #[test]
    fn a_key_that_does_not_live_and_what_is_no_element_have_their_names() {
        let mut desk = desk(&[1]);
        assert_eq!(evaluate(&mut desk, NOON, 1, 7, 1), Answer::UnknownKey);
        let question =
            Question::Evaluate { account: number(1), key: MarkKeyId(1), blinded: vec![OprfElement([0xFF; 32])] };
        assert_eq!(desk.ask(&question, NOON, &mut SplitMix64(2)), Answer::Malformed);
    }
}
