//! Crawlers: accounts that want to know which numbers are registered, for a month, with everything a phone may ask (P7).
//!
//! The server, its store and the key holder's desk are the real ones; phones are as short as a crawler needs. Every number that is
//! tried is registered, so that every answer an account gets out of anybody teaches it something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tandem_crypto::SeededRandom;
use tandem_crypto::fake::{self, FakeEvaluator};
use tandem_keyd::{Desk, Keyring, Limits, MemoryLedger, Oprf, Salt};
use tandem_logic::config::{Allowance, MarkPolicy};
use tandem_logic::store_answer::{ConfirmOutcome, StoreAnswer};
use tandem_logic::store_op::{ConfirmRegistration, Owner, StartRegistration, StoreOp};
use tandem_logic::{Config, ConnId, Effect, Input, LiveKey, Server, ServerNow, Source};
use tandem_model::{
    DeviceKey, MarkGeneration, MarkKeyId, MarkState, MarkToken, Mono, MonoMicros, Msisdn, Notary, RegistrationId,
    SealingKey, SealingKeyId, Secret, ServerMillis, Signature, Ticket,
};
use tandem_server_store::{MemoryStore, serve};
use tandem_wire::frame::{Evaluate, Evaluated, Hello, TokensSync};
use tandem_wire::limits::{EVALUATE_MAX, TOKENS_PAGE_MAX};
use tandem_wire::{ClientFrame, ServerFrame};

const DAY: Duration = Duration::from_secs(86_400);
const KEY: MarkKeyId = MarkKeyId(1);
const START: ServerNow = ServerNow { mono: Mono(1_000_000), server: ServerMillis(1_800_000_000_000) };

/// First number that is tried; accounts have those before it.
const TRIED_FROM: u64 = 491_520_000_000;
const ACCOUNTS_FROM: u64 = 491_510_000_000;

/// What a crawl is like.
#[derive(Clone, Copy, Debug)]
pub struct Crawl {
    /// Accounts that crawl.
    pub accounts: u64,
    /// For how many days.
    pub days: u64,
    /// What each may evaluate in a day.
    pub a_day: u64,
    /// What each may evaluate in a year.
    pub a_year: u64,
    /// Who sees a mark.
    pub policy: MarkPolicy,
    /// The key holder cannot count.
    pub dead_ledger: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crawled {
    /// Numbers tried: evaluated or not, each asked about once.
    pub probes: u64,
    /// Evaluations the key holder made.
    pub evaluated: u64,
    /// What all accounts may have together.
    pub budget: u64,
    /// Registered numbers that some account learned.
    pub learned: u64,
}

/// Believes every signature: the crawl is about honest clients of somebody dishonest.
struct Believes;

impl Notary for Believes {
    fn verify(&self, _: &DeviceKey, _: &[u8], _: &Signature) -> bool {
        true
    }

    fn digest(&self, _: &str, _: &[&[u8]]) -> [u8; 32] {
        [0; 32]
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        a == b
    }
}

/// One account.
struct Account {
    number: Msisdn,
    owner: Option<Owner>,
    registrations: u8,
    next: u64,
    learned: BTreeSet<Msisdn>,
}

/// The world of a crawl.
struct Field {
    server: Server,
    store: MemoryStore,
    desk: Desk<MemoryLedger>,
    key: FakeEvaluator,
    random: SeededRandom,
    now: ServerNow,
    inbox: BTreeMap<ConnId, Vec<ServerFrame>>,
    next: u64,
}

fn number(raw: u64) -> Option<Msisdn> {
    Msisdn::try_from(raw).ok()
}

impl Crawl {
    /// Runs it.
    ///
    /// # Errors
    /// What the world of it could not do.
    pub fn run(&self) -> Result<Crawled, &'static str> {
        let mut field = Field::new(self);
        let budget = self.accounts * self.a_year.min(self.a_day * self.days);
        // Each account tries what no other does, and one day's worth more than its budget.
        let share = self.a_year + self.a_day;
        for n in 0..self.accounts * share {
            field.register(number(TRIED_FROM + n).ok_or("a number")?, 1).ok_or("a victim is registered")?;
        }
        let live = LiveKey { id: KEY, public: field.key.public_key() };
        field.feed(Input::KeyHolder { keys: Some(vec![live]) });
        let mut accounts = Vec::new();
        for n in 0..self.accounts {
            let number = number(ACCOUNTS_FROM + n).ok_or("a number")?;
            let next = TRIED_FROM + n * share;
            accounts.push(Account { number, owner: None, registrations: 0, next, learned: BTreeSet::new() });
        }
        let mut crawled = Crawled { budget, ..Crawled::default() };
        for day in 0..self.days {
            for account in &mut accounts {
                // A new registration each week: perhaps it brings a new budget.
                if day % 7 == 0 {
                    account.registrations += 1;
                    account.owner = field.register(account.number, account.registrations);
                }
                field.one_day(account, share * account_place(account.number) + TRIED_FROM + share, &mut crawled)?;
            }
            field.pass(DAY);
        }
        let learned: BTreeSet<Msisdn> = accounts.iter().flat_map(|account| account.learned.iter().copied()).collect();
        crawled.learned = learned.iter().filter(|number| number.as_u64() >= TRIED_FROM).count() as u64;
        Ok(crawled)
    }
}

const fn account_place(number: Msisdn) -> u64 {
    number.as_u64() - ACCOUNTS_FROM
}

impl Field {
    fn new(crawl: &Crawl) -> Field {
        let mut config = Config::default();
        config.marks.policy = crawl.policy;
        // The key holder's budget is what is looked at, so that the server's own does not help.
        config.marks.new_numbers = Allowance { limit: 1_000_000, window: DAY };
        // The store in memory looks at every row for what ran out.
        config.house.sweep_interval = DAY;
        let key = FakeEvaluator::from_secret(&Secret::new([7; 32]));
        let mut ledger = MemoryLedger::default();
        ledger.dead = crawl.dead_ledger;
        let at_work = Arc::new(key.clone()) as Arc<dyn Oprf>;
        let mut field = Field {
            server: Server::new(config, Box::new(SeededRandom::from_seed([1; 32])), Box::new(Believes), START),
            store: MemoryStore::new(),
            desk: Desk {
                keyring: Keyring::new(Salt([5; 32]), BTreeMap::from([(KEY, at_work)])),
                ledger,
                limits: Limits {
                    evaluations_a_year: crawl.a_year,
                    evaluations_a_day: crawl.a_day,
                    all_an_hour: u64::MAX,
                    ..Limits::default()
                },
            },
            key,
            random: SeededRandom::from_seed([2; 32]),
            now: START,
            inbox: BTreeMap::new(),
            next: 1,
        };
        field.drain();
        field
    }

    fn feed(&mut self, input: Input) {
        self.server.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.server.poll_effect() {
            match effect {
                Effect::Send { conn, frame } => self.inbox.entry(conn).or_default().push(frame),
                Effect::Store { ticket, at, op } => {
                    let answer = serve(&mut self.store, at, op);
                    self.server.handle(Input::StoreAnswer { ticket, answer }, self.now);
                }
                Effect::KeyAsk { ticket, at, question } => {
                    let answer = self.desk.ask(&crate::key_holder::worded(question), at, &mut self.random);
                    let answer = crate::key_holder::said(answer);
                    self.server.handle(Input::KeyAnswer { ticket, answer }, self.now);
                }
                Effect::Close { .. }
                | Effect::RegisterReply { .. }
                | Effect::SendSms(_)
                | Effect::GrantTurn { .. }
                | Effect::RevokeTurn { .. }
                | Effect::Locate { .. }
                | Effect::Redeemed { .. }
                | Effect::Count(_)
                | Effect::Stopped => {}
            }
        }
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, wait: Duration) {
        let end = self.now.mono.after(wait);
        while let Some((at, _)) = self.server.poll_timeout().filter(|(at, _)| *at <= end) {
            self.move_to(at.max(self.now.mono));
            self.server.handle_timeout(self.now);
            self.drain();
        }
        self.move_to(end);
    }

    fn move_to(&mut self, to: Mono) {
        let passed = to.since(self.now.mono);
        self.now = ServerNow { mono: to, server: self.now.server.after(passed) };
    }

    /// Makes a key the number's owner, as a registration that went through does.
    fn register(&mut self, number: Msisdn, seed: u8) -> Option<Owner> {
        self.next += 1;
        let mut id = RegistrationId([0; 16]);
        id.0.iter_mut().zip(self.next.to_be_bytes()).for_each(|(to, from)| *to = from);
        let start = StartRegistration {
            id,
            number,
            device_key: DeviceKey([seed; 32]),
            token_digest: [0; 32],
            code_digest: [0; 32],
            expires_at: self.now.server.after(DAY),
            tries: 5,
            resend_after: Duration::ZERO,
            charges: Vec::new(),
        };
        serve(&mut self.store, self.now.server, StoreOp::StartRegistration(start));
        let confirm = ConfirmRegistration {
            id,
            proven: true,
            imsi: None,
            sealing_key: SealingKey { id: SealingKeyId(1), public: [seed; 32], signature: Signature([0; 64]) },
            lease_until: self.now.server.after(90 * DAY),
        };
        match serve(&mut self.store, self.now.server, StoreOp::ConfirmRegistration(confirm)) {
            StoreAnswer::Confirmed(ConfirmOutcome::Registered { owner, .. }) => Some(owner),
            _ => None,
        }
    }

    fn send(&mut self, conn: ConnId, frame: ClientFrame) {
        let at = MonoMicros(self.now.mono.0 * 1_000);
        self.feed(Input::Frame { conn, frame, at, wire_bytes: 100 });
    }

    /// An account connects, evaluates and tells for as long as anything is answered, and reads what shows.
    fn one_day(&mut self, account: &mut Account, end: u64, crawled: &mut Crawled) -> Result<(), &'static str> {
        let Some(owner) = account.owner else { return Err("an account is registered") };
        self.next += 1;
        let conn = ConnId(self.next);
        self.feed(Input::SessionOpened { conn, source: Source(1) });
        self.inbox.remove(&conn);
        let hello = Hello {
            version: 1,
            number: owner.number,
            epoch: owner.epoch,
            signature: Signature([0; 64]),
            marks_since: MarkGeneration(0),
            fresh: true,
        };
        self.send(conn, ClientFrame::Hello(hello));
        let own = self.key.pseudonym(owner.number).map_err(|_| "a pseudonym")?;
        loop {
            let page: Vec<Msisdn> =
                (account.next..end.min(account.next + EVALUATE_MAX as u64)).filter_map(number).collect();
            if page.is_empty() {
                break;
            }
            crawled.probes += page.len() as u64;
            let (job, blinded) = fake::blind(&page, &mut self.random).map_err(|_| "a page is blinded")?;
            let ticket = self.ticket();
            self.send(conn, ClientFrame::Evaluate(Evaluate { ticket, key: KEY, blinded }));
            let Some((evaluated, proof)) = self.evaluated(conn, account) else { break };
            let known = job.finish(&self.key.public_key(), &evaluated, &proof).map_err(|_| "a page is proven")?;
            crawled.evaluated += known.len() as u64;
            account.next += known.len() as u64;
            let mut tokens: Vec<MarkToken> = known.iter().map(fake::open_token).collect();
            tokens.extend(known.iter().map(|other| fake::pair_token(&own, other)));
            for page in tokens.chunks(TOKENS_PAGE_MAX) {
                self.tell(conn, page.to_vec());
            }
        }
        self.pass(Duration::from_secs(60));
        self.evaluated(conn, account);
        self.feed(Input::SessionClosed { conn });
        Ok(())
    }

    fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    fn tell(&mut self, conn: ConnId, added: Vec<MarkToken>) {
        let ticket = self.ticket();
        let sync = TokensSync {
            ticket,
            key: KEY,
            replace: false,
            last: false,
            added,
            removed: Vec::new(),
            blocked: Vec::new(),
            unblocked: Vec::new(),
        };
        self.send(conn, ClientFrame::TokensSync(sync));
    }

    /// Reads what came: an evaluation if one did, and every mark that shows.
    fn evaluated(
        &mut self,
        conn: ConnId,
        account: &mut Account,
    ) -> Option<(Vec<tandem_model::OprfElement>, tandem_model::OprfProof)> {
        let mut found = None;
        for frame in self.inbox.remove(&conn).unwrap_or_default() {
            match frame {
                ServerFrame::Evaluated(Evaluated { evaluated, proof, .. }) => found = Some((evaluated, proof)),
                ServerFrame::Marks(marks) => {
                    let marked = |mark: &&tandem_model::Mark| matches!(mark.state, MarkState::Marked { .. });
                    account.learned.extend(marks.marks.iter().filter(marked).map(|mark| mark.number));
                }
                _ => {}
            }
        }
        found
    }
}

/// What an issue asks of a crawl, as checks: `(name, value, op, target, ok)`, and the crawls behind them.
///
/// # Errors
/// What the world of one could not do.
pub fn checks(accounts: u64, days: u64, a_year: u64) -> Result<(Vec<serde_json::Value>, Vec<Crawled>), &'static str> {
    let a_day = (a_year / 10).max(EVALUATE_MAX as u64);
    let crawl = Crawl { accounts, days, a_day, a_year, policy: MarkPolicy::Reciprocal, dead_ledger: false };
    let reciprocal = crawl.run()?;
    let open =
        Crawl { policy: MarkPolicy::Registered, a_year: a_year / 5, a_day: (a_day / 5).max(500), ..crawl }.run()?;
    let dead = Crawl { dead_ledger: true, days: 1, ..crawl }.run()?;
    let ratio = open.learned as f64 / open.budget as f64;
    let answers = dead.evaluated + dead.learned;
    let checks = vec![
        serde_json::json!({"name": "learned_reciprocal", "value": reciprocal.learned, "op": "==", "target": 0,
            "ok": reciprocal.learned == 0}),
        serde_json::json!({"name": "learned_over_budget", "value": ratio, "op": "<=", "target": 1.0, "ok": ratio <= 1.0}),
        serde_json::json!({"name": "answers_of_a_dead_limiter", "value": answers, "op": "==", "target": 0,
            "ok": answers == 0}),
    ];
    Ok((checks, vec![reciprocal, open, dead]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_of_crawling_teaches_nothing_by_pairs_and_no_more_than_the_budget_by_numbers() {
        let (checks, crawls) = checks(5, 30, 5_000).unwrap();
        assert!(checks.iter().all(|check| check["ok"] == true), "{checks:?}");
        let [reciprocal, open, dead] = crawls[..] else { panic!("three crawls") };
        assert_eq!(reciprocal.evaluated, reciprocal.budget, "it had all it may have");
        assert_eq!(open.learned, open.budget, "and learns of every number, as the policy says");
        assert!(dead.probes > 0);
    }
}
