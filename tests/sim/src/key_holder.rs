//! The holder of the keys that contacts are matched under: the real desk over budgets in memory, a moment away from the server.

use crate::world::{EPOCH_MS, What, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use tandem_crypto::SeededRandom;
use tandem_crypto::fake::FakeEvaluator;
use tandem_crypto::oprf::{Evaluator, EvaluatorFault};
use tandem_keyd::{Answer, Desk, Keyring, Limits, MemoryLedger, Oprf, Question, Salt};
use tandem_logic::{Input, KeyAnswer, KeyQuestion, LiveKey};
use tandem_model::{MarkKeyId, Random as _, Secret, ServerMillis, Ticket};

/// How long the holder takes at most.
const ANSWER_MS: u64 = 20;

/// After the server started the holder is found this much later.
const FOUND_MS: u64 = 50;

/// The key holder. It outlives the server, and so do its budgets.
pub struct KeyHolder {
    desk: Desk<MemoryLedger>,
    random: SeededRandom,
}

impl KeyHolder {
    /// With one key, and what stands in for the mathematics; phones must blind alike.
    #[must_use]
    pub fn fake(seed: u64) -> KeyHolder {
        KeyHolder::of(seed, Arc::new(FakeEvaluator::from_secret(&secret(seed))))
    }

    /// With one key as it is at work.
    ///
    /// # Errors
    /// When no key comes of the seed.
    pub fn real(seed: u64) -> Result<KeyHolder, EvaluatorFault> {
        Ok(KeyHolder::of(seed, Arc::new(Evaluator::from_secret(&secret(seed))?)))
    }

    fn of(seed: u64, key: Arc<dyn Oprf>) -> KeyHolder {
        let keyring = Keyring::new(Salt([5; 32]), BTreeMap::from([(MarkKeyId(1), key)]));
        let desk = Desk { keyring, ledger: MemoryLedger::default(), limits: Limits::default() };
        KeyHolder { desk, random: SeededRandom::from_seed(*secret(!seed).expose()) }
    }

    fn live(&self) -> Vec<LiveKey> {
        self.desk.keyring.live().into_iter().map(|key| LiveKey { id: key.id, public: key.public }).collect()
    }
}

fn secret(seed: u64) -> Secret<[u8; 32]> {
    let mut bytes = [9; 32];
    for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    Secret::new(bytes)
}

impl World {
    /// The server that just started looks for the holder.
    pub(crate) fn find_key_holder(&mut self) {
        let boot = self.server.boot;
        self.later(FOUND_MS, What::KeyHolder(boot));
    }

    pub(crate) fn key_holder_found(&mut self, boot: u64) {
        if self.server.boot == boot && self.server.is_up() {
            let keys = Some(self.key_holder.live());
            self.server_input(Input::KeyHolder { keys });
        }
    }

    pub(crate) fn key_asked(&mut self, ticket: Ticket, question: KeyQuestion) {
        let at = ServerMillis(EPOCH_MS + i64::try_from(self.now).unwrap_or(0));
        let holder = &mut self.key_holder;
        let answer = said(holder.desk.ask(&worded(question), at, &mut holder.random));
        let (boot, wait) = (self.server.boot, 1 + self.chance.below(ANSWER_MS));
        self.later(wait, What::KeyAnswer(boot, ticket, answer));
    }

    pub(crate) fn key_answered(&mut self, boot: u64, ticket: Ticket, answer: KeyAnswer) {
        if self.server.boot == boot && self.server.is_up() {
            self.server_input(Input::KeyAnswer { ticket, answer });
        }
    }
}

pub(crate) fn worded(question: KeyQuestion) -> Question {
    match question {
        KeyQuestion::Evaluate { account, key, blinded } => Question::Evaluate { account, key, blinded },
        KeyQuestion::Check { account, a, b, tokens } => Question::Check { account, a, b, tokens },
        KeyQuestion::OpenTokens { number } => Question::OpenTokens { number },
    }
}

pub(crate) fn said(answer: Answer) -> KeyAnswer {
    match answer {
        Answer::Evaluated { evaluated, proof } => KeyAnswer::Evaluated { evaluated, proof },
        Answer::Checked(found) => KeyAnswer::Checked(found),
        Answer::OpenTokens(tokens) => KeyAnswer::OpenTokens(tokens),
        Answer::Spent { retry_after } => KeyAnswer::Spent { retry_after },
        Answer::Malformed => KeyAnswer::Malformed,
        Answer::UnknownKey => KeyAnswer::UnknownKey,
        Answer::Keys(_) | Answer::Failed => KeyAnswer::Failed,
    }
}
