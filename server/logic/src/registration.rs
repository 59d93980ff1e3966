//! Proving a number: an SMS with a token bound to the asking key, then its confirmation.
//!
//! Start --budgets, attempt durable--> SMS ordered --driver answers, or its wait is over--> Started
//! Confirm --attempt found--> proof checked here --try counted in the store--> Confirmed | WrongProof | TriesUsedUp
//! Withdraw --what the key has of the number ended--> Withdrawn
//!
//! Nothing said here depends on whether the number is registered (P7). The token and the code are made from the attempt's id
//! under the server's secret, so an SMS sent again for the same attempt says the same, and one that comes late or twice
//! still works; the store holds only their digests.

use crate::config::RegistrationConfig;
use crate::effect::{Effect, Metric, VerificationSms};
use crate::input::{SmsOutcome, Source};
use crate::io::{Io, millis};
use crate::question::Question;
use crate::store_answer::{Aftermath, Attempt, ConfirmOutcome, Spent, StartOutcome, StoreAnswer};
use crate::store_op::{BudgetKind, Charge, ConfirmRegistration, Owner, StartRegistration, StoreOp, TakeBackSms};
use crate::timers::Timer;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::vault::signed;
use tandem_model::{DeviceKey, KeyedImsiKey, Msisdn, Notary, RegistrationId, Secret, ServerMillis, SmsToken, Ticket};
use tandem_wire::frame::{ConfirmProof, RegisterRefusal, SmsPlatform};
use tandem_wire::{RegisterReply, RegisterRequest};

/// Requests being answered.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// Replies that wait for the SMS driver.
    sms: BTreeMap<u64, Waiting>,
    /// What SMS cost whose reply went out before the driver answered.
    slow: BTreeMap<u64, TakeBackSms>,
    /// Requests whose question is with the store.
    asking: usize,
}

#[derive(Debug)]
struct Waiting {
    reply: Ticket,
    started: RegisterReply,
    cost: TakeBackSms,
}

/// A request whose attempt is being opened.
#[derive(Debug)]
pub(crate) struct Starting {
    reply: Ticket,
    to: Msisdn,
    device_key: DeviceKey,
    platform: SmsPlatform,
    asked_at: ServerMillis,
    charges: Vec<Charge>,
}

impl Registration {
    /// A phone asks.
    pub(crate) fn request(&mut self, io: &mut Io, reply: Ticket, source: Source, request: RegisterRequest) {
        if self.asking + self.sms.len() >= io.config.registration.open_requests_max {
            return refuse(io, reply, RegisterRefusal::SourceBudget, io.config.session.retry_after);
        }
        match request {
            RegisterRequest::Start { number, device_key, signature, platform } => {
                if !io.notary.verify(&device_key, &signed::register_start(number, &device_key), &signature) {
                    return refuse(io, reply, RegisterRefusal::BadSignature, Duration::ZERO);
                }
                self.start(io, reply, source, number, device_key, platform);
            }
            RegisterRequest::Confirm { id, .. } => {
                let question = Question::FindAttempt { reply, request: Box::new(request) };
                self.ask(io, reply, question, StoreOp::FindAttempt { id });
            }
            RegisterRequest::Withdraw { number, device_key, signature } => {
                if !io.notary.verify(&device_key, &signed::register_withdraw(number, &device_key), &signature) {
                    return refuse(io, reply, RegisterRefusal::BadSignature, Duration::ZERO);
                }
                self.ask(io, reply, Question::Withdraw { reply }, StoreOp::WithdrawRegistration { number, device_key });
            }
        }
    }

    fn start(
        &mut self,
        io: &mut Io,
        reply: Ticket,
        source: Source,
        number: Msisdn,
        device_key: DeviceKey,
        platform: SmsPlatform,
    ) {
        let mut id = RegistrationId::default();
        io.random.fill(&mut id.0);
        let (token, code) = words(&*io.notary, id, &device_key);
        let config = &io.config.registration;
        let op = StartRegistration {
            id,
            number,
            device_key,
            token_digest: token_digest(&*io.notary, id, &device_key, &token),
            code_digest: code_digest(&*io.notary, id, &device_key, &code),
            expires_at: io.now.server.after(config.attempt_life),
            tries: config.tries,
            resend_after: config.resend_after,
            charges: charges(config, &*io.notary, number, source),
        };
        let (asked_at, charges) = (io.now.server, op.charges.clone());
        let starting = Starting { reply, to: number, device_key, platform, asked_at, charges };
        self.ask(io, reply, Question::Start(Box::new(starting)), StoreOp::StartRegistration(op));
    }

    fn ask(&mut self, io: &mut Io, reply: Ticket, question: Question, op: StoreOp) {
        if io.ask(question, op) {
            self.asking += 1;
        } else {
            refuse(io, reply, RegisterRefusal::Storage, io.config.house.storage_retry);
        }
    }

    /// The attempt is durable, or refused.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
    pub(crate) fn started(&mut self, io: &mut Io, starting: Starting, answer: &StoreAnswer) {
        self.asking = self.asking.saturating_sub(1);
        let reply = starting.reply;
        match answer {
            StoreAnswer::Started(StartOutcome::Open { id, expires_at }) => {
                self.order_sms(io, starting, *id, *expires_at);
            }
            StoreAnswer::Started(StartOutcome::TooSoon { retry_after }) => {
                refuse(io, reply, RegisterRefusal::NumberBudget, *retry_after);
            }
            StoreAnswer::Started(StartOutcome::Spent(spent)) => {
                refuse(io, reply, spent_refusal(*spent), spent.retry_after);
            }
            _ => refuse(io, reply, RegisterRefusal::Storage, io.config.house.storage_retry),
        }
    }

    fn order_sms(&mut self, io: &mut Io, starting: Starting, id: RegistrationId, expires_at: ServerMillis) {
        let Starting { reply, to, device_key, platform, asked_at, mut charges } = starting;
        let (token, code) = words(&*io.notary, id, &device_key);
        let imsi_key = KeyedImsiKey(Secret::new(
            io.notary.digest("tandem/imsi-key", &[&to.as_u64().to_be_bytes(), &device_key.0]),
        ));
        let started = RegisterReply::Started {
            id,
            expires_at,
            now: io.now.server,
            resend_after_ms: millis(io.config.registration.resend_after),
            imsi_key,
        };
        let message_ref = io.ticket().0;
        // What bounds the SMS bill is given back when nothing was sent; what bounds a source's asking stays spent.
        charges.retain(|charge| charge.kind != BudgetKind::SmsSource);
        let cost = TakeBackSms { id, ordered_at: asked_at, charges };
        self.sms.insert(message_ref, Waiting { reply, started, cost });
        io.wait(Timer::Sms(message_ref), io.config.registration.sms_wait);
        let validity = expires_at.since(io.now.server);
        let code = Secret::new(code);
        io.effect(Effect::SendSms(VerificationSms { message_ref, to, token, code, platform, validity }));
    }

    /// What became of an SMS.
    pub(crate) fn sms_outcome(&mut self, io: &mut Io, message_ref: u64, outcome: SmsOutcome) {
        let (metric, refusal) = match outcome {
            SmsOutcome::Accepted => (Metric::SmsAccepted, None),
            // It may come: the phone waits for it, and can ask for another.
            SmsOutcome::Unknown => (Metric::SmsRefused, None),
            SmsOutcome::Unavailable { retry_after } => {
                (Metric::SmsRefused, Some((RegisterRefusal::SmsUnavailable, retry_after)))
            }
            SmsOutcome::Unreachable => (Metric::SmsRefused, Some((RegisterRefusal::NumberUnreachable, Duration::ZERO))),
            SmsOutcome::NotServed => (Metric::SmsRefused, Some((RegisterRefusal::NumberNotServed, Duration::ZERO))),
        };
        io.count(metric);
        let never_left = match outcome {
            SmsOutcome::Unavailable { .. } | SmsOutcome::NotServed => true,
            // An SMSC was asked about the number: asking again and again is what the budget is for.
            SmsOutcome::Unreachable => false,
            SmsOutcome::Accepted | SmsOutcome::Unknown => false,
        };
        let Some(waiting) = self.sms.remove(&message_ref) else {
            // Answered when its wait was over.
            let cost = self.slow.remove(&message_ref);
            take_back(io, cost.filter(|_| never_left));
            return io.count(Metric::LateResult);
        };
        io.timers.clear(Timer::Sms(message_ref));
        take_back(io, never_left.then(|| waiting.cost.clone()));
        match refusal {
            None => tell_started(io, waiting),
            Some((reason, retry_after)) => refuse(io, waiting.reply, reason, retry_after),
        }
    }

    /// The driver is slow: the SMS is on its way as far as anybody knows.
    pub(crate) fn sms_is_slow(&mut self, io: &mut Io, message_ref: u64) {
        if let Some(waiting) = self.sms.remove(&message_ref) {
            if self.slow.len() >= io.config.registration.open_requests_max {
                self.slow.pop_first();
            }
            self.slow.insert(message_ref, waiting.cost.clone());
            tell_started(io, waiting);
        }
    }

    /// The server stops: whoever waits for the driver is told what is known.
    pub(crate) fn stop(&mut self, io: &mut Io) {
        for (message_ref, waiting) in std::mem::take(&mut self.sms) {
            io.timers.clear(Timer::Sms(message_ref));
            tell_started(io, waiting);
        }
    }

    /// The attempt to be confirmed is found, or not. Its proof is checked, and the try counted either way.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an answer of another kind is refused, never acted on")]
    pub(crate) fn attempt_found(&mut self, io: &mut Io, reply: Ticket, request: RegisterRequest, answer: StoreAnswer) {
        self.asking = self.asking.saturating_sub(1);
        let RegisterRequest::Confirm { id, proof, imsi, sealing_key, signature } = request else {
            return refuse(io, reply, RegisterRefusal::Invalid, Duration::ZERO);
        };
        let attempt = match answer {
            StoreAnswer::Attempt(Some(attempt)) => attempt,
            StoreAnswer::Attempt(None) => return refuse(io, reply, RegisterRefusal::Expired, Duration::ZERO),
            _ => return refuse(io, reply, RegisterRefusal::Storage, io.config.house.storage_retry),
        };
        let key = &attempt.device_key;
        let shown = match &proof {
            ConfirmProof::Token(token) => signed::RegisterProof::Token(token),
            ConfirmProof::Code(code) => signed::RegisterProof::Code(code),
        };
        let confirm = signed::register_confirm(id, shown, imsi.as_ref());
        let sealing = signed::sealing_key(sealing_key.id, &sealing_key.public);
        if !io.notary.verify(key, &confirm, &signature) || !io.notary.verify(key, &sealing, &sealing_key.signature) {
            // Not a guess of the code's: whoever sends it does not hold the key, and costs its owner no try.
            return refuse(io, reply, RegisterRefusal::BadSignature, Duration::ZERO);
        }
        let proven = is_proven(&*io.notary, id, &attempt, &proof);
        let lease_until = io.now.server.after(io.config.marks.lease);
        let op = ConfirmRegistration { id, proven, imsi, sealing_key, lease_until };
        self.ask(io, reply, Question::Confirm { reply }, StoreOp::ConfirmRegistration(op));
    }

    /// The try is counted. The outcome is given on when an owner came of it.
    pub(crate) fn confirmed(&mut self, io: &mut Io, reply: Ticket, answer: StoreAnswer) -> Option<ConfirmOutcome> {
        self.asking = self.asking.saturating_sub(1);
        let StoreAnswer::Confirmed(outcome) = answer else {
            refuse(io, reply, RegisterRefusal::Storage, io.config.house.storage_retry);
            return None;
        };
        match &outcome {
            ConfirmOutcome::Registered { owner, .. } => {
                io.count(Metric::RegistrationConfirmed);
                let now = io.now.server;
                let lease_until = now.after(io.config.marks.lease);
                let confirmed = RegisterReply::Confirmed { epoch: owner.epoch, lease_until, now };
                io.effect(Effect::RegisterReply { ticket: reply, reply: confirmed });
                return Some(outcome);
            }
            ConfirmOutcome::Wrong { tries_left } => {
                refuse(io, reply, RegisterRefusal::WrongProof { tries_left: *tries_left }, Duration::ZERO);
            }
            ConfirmOutcome::UsedUp => refuse(io, reply, RegisterRefusal::TriesUsedUp, Duration::ZERO),
            ConfirmOutcome::Gone => refuse(io, reply, RegisterRefusal::Expired, Duration::ZERO),
        }
        None
    }

    /// Nothing of the key is registered any more. The outcome is given on when an owner ended by it.
    pub(crate) fn withdrawn(&mut self, io: &mut Io, reply: Ticket, answer: StoreAnswer) -> Option<(Owner, Aftermath)> {
        self.asking = self.asking.saturating_sub(1);
        let StoreAnswer::Withdrawn(ended) = answer else {
            refuse(io, reply, RegisterRefusal::Storage, io.config.house.storage_retry);
            return None;
        };
        io.effect(Effect::RegisterReply { ticket: reply, reply: RegisterReply::Withdrawn });
        ended
    }
}

/// A text may come: the phone is told to wait for it.
fn tell_started(io: &mut Io, waiting: Waiting) {
    io.count(Metric::RegistrationStarted);
    io.effect(Effect::RegisterReply { ticket: waiting.reply, reply: waiting.started });
}

/// Nobody waits for this: a cost that is not given back is only the stricter.
fn take_back(io: &mut Io, cost: Option<TakeBackSms>) {
    if let Some(cost) = cost {
        let _asked = io.ask(Question::Nothing, StoreOp::TakeBackSms(cost));
    }
}

/// Refuses a request.
pub(crate) fn refuse(io: &mut Io, reply: Ticket, reason: RegisterRefusal, retry_after: Duration) {
    io.count(Metric::RegistrationRefused);
    let refused = RegisterReply::Refused { reason, retry_after_ms: millis(retry_after) };
    io.effect(Effect::RegisterReply { ticket: reply, reply: refused });
}

/// Token and code of an attempt: 128 bits and eight digits, known only to whoever holds the server's secret.
fn words(notary: &dyn Notary, id: RegistrationId, key: &DeviceKey) -> (SmsToken, String) {
    let mut token = SmsToken([0; 16]);
    let drawn = notary.digest("tandem/sms-token", &[&id.0, &key.0]);
    for (to, from) in token.0.iter_mut().zip(drawn) {
        *to = from;
    }
    let drawn = notary.digest("tandem/sms-code", &[&id.0, &key.0]);
    let number = drawn.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    (token, format!("{:08}", number % 100_000_000))
}

fn token_digest(notary: &dyn Notary, id: RegistrationId, key: &DeviceKey, token: &SmsToken) -> [u8; 32] {
    notary.digest("tandem/sms-token-digest", &[&id.0, &key.0, &token.0])
}

fn code_digest(notary: &dyn Notary, id: RegistrationId, key: &DeviceKey, code: &str) -> [u8; 32] {
    notary.digest("tandem/sms-code-digest", &[&id.0, &key.0, code.as_bytes()])
}

fn is_proven(notary: &dyn Notary, id: RegistrationId, attempt: &Attempt, proof: &ConfirmProof) -> bool {
    match proof {
        ConfirmProof::Token(token) => {
            notary.equal(&attempt.token_digest, &token_digest(notary, id, &attempt.device_key, token))
        }
        ConfirmProof::Code(code) => {
            notary.equal(&attempt.code_digest, &code_digest(notary, id, &attempt.device_key, code))
        }
    }
}

fn charges(config: &RegistrationConfig, notary: &dyn Notary, number: Msisdn, source: Source) -> Vec<Charge> {
    let prefix = number.prefix(config.prefix_digits);
    vec![
        Charge::about_number(BudgetKind::SmsNumber, number, config.per_number),
        Charge { kind: BudgetKind::SmsPrefix, about: (prefix, 0), units: 1, allowance: config.per_prefix },
        Charge {
            kind: BudgetKind::SmsSource,
            about: pseudonym(notary, source),
            units: 1,
            allowance: config.per_source,
        },
    ]
}

/// The store never learns an address.
fn pseudonym(notary: &dyn Notary, source: Source) -> (u64, u64) {
    let digest = notary.digest("tandem/source", &[&source.0.to_be_bytes()]);
    let number = |skip| digest.iter().skip(skip).take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    (number(0), number(8))
}

const fn spent_refusal(spent: Spent) -> RegisterRefusal {
    match spent.kind {
        BudgetKind::SmsNumber => RegisterRefusal::NumberBudget,
        BudgetKind::SmsPrefix => RegisterRefusal::PrefixBudget,
        BudgetKind::SmsSource => RegisterRefusal::SourceBudget,
        BudgetKind::GatePair
        | BudgetKind::GateCaller
        | BudgetKind::NewContacts
        | BudgetKind::Texts
        | BudgetKind::UnseenSwaps
        | BudgetKind::LookupPair
        | BudgetKind::LookupAsker => RegisterRefusal::Storage,
    }
}
