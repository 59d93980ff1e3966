//! The server's side of private matching without mathematics: a pseudonym is the number and the key side by side, and what the
//! server holds of the one line is remembered.

use super::{Rig, frames};
use crate::bench::{toy_number, toy_open, toy_pair};
use crate::effect::Effect;
use crate::input::{Input, OprfInput};
use std::collections::{BTreeMap, BTreeSet};
use tandem_model::matching::ToldKind;
use tandem_model::{
    MarkKeyId, MarkPublicKey, MarkToken, Msisdn, OprfElement, OprfFault, OprfProof, Pseudonym, TokenDigest,
};
use tandem_wire::frame::{Evaluated, MarkKey, MarkKeys, RefuseReason, TokensSync};
use tandem_wire::{ClientFrame, ServerFrame};

/// The pseudonym of a number under a key.
pub fn rig_pseudonym(key: MarkKeyId, number: Msisdn) -> Pseudonym {
    let mut pseudonym = [0; 32];
    pseudonym[..8].copy_from_slice(&number.as_u64().to_be_bytes());
    pseudonym[8..12].copy_from_slice(&key.0.to_be_bytes());
    Pseudonym(pseudonym)
}

pub fn rig_public(key: MarkKeyId) -> MarkPublicKey {
    MarkPublicKey([u8::try_from(key.0).unwrap(); 32])
}

/// A token of toy phone 1 and toy number `n`.
pub fn rig_token(key: u32, kind: ToldKind, n: u64) -> MarkToken {
    let of = |n| rig_pseudonym(MarkKeyId(key), toy_number(n));
    match kind {
        ToldKind::Pair | ToldKind::Blocked => toy_pair(&of(1), &of(n)),
        ToldKind::Open => toy_open(&of(n)),
    }
}

/// What the server has under one key of the one line.
#[derive(Clone, Default)]
pub struct Held {
    pub tokens: BTreeSet<MarkToken>,
    pub blocked: BTreeSet<MarkToken>,
    stale: BTreeSet<MarkToken>,
}

/// The key holder and the server in front of it.
#[derive(Default)]
pub struct RigKeys {
    pub held: BTreeMap<u32, Held>,
    pub wants_open: bool,
    pub open: bool,
    /// Evaluations left, then they are refused with this wait.
    pub budget: Option<(usize, u32)>,
    /// Pages of tokens are not answered.
    pub deaf: bool,
    /// The shell finds that no proof verifies.
    pub unproven: bool,
    /// Numbers blinded, in order.
    pub blinded: Vec<Vec<Msisdn>>,
    /// Pages heard.
    pub pages: Vec<TokensSync>,
    jobs: BTreeMap<u64, Vec<Msisdn>>,
}

impl RigKeys {
    pub fn with_keys(keys: &[u32]) -> Self {
        Self { held: keys.iter().map(|key| (*key, Held::default())).collect(), ..Self::default() }
    }

    pub fn list(&self) -> MarkKeys {
        let keys = self.held.iter().map(|(id, held)| {
            let mut digest = TokenDigest::default();
            held.tokens.iter().chain(&held.stale).for_each(|token| digest.toggle(token));
            let id = MarkKeyId(*id);
            let count = u32::try_from(held.tokens.len() + held.stale.len()).unwrap();
            MarkKey { id, public: rig_public(id), count, digest }
        });
        MarkKeys { keys: keys.collect(), wants_open: self.wants_open, open: self.open }
    }

    fn hear(&mut self, page: &TokensSync) {
        self.pages.push(page.clone());
        let held = self.held.get_mut(&page.key.0).expect("a live key");
        if page.replace {
            held.stale = std::mem::take(&mut held.tokens);
            held.blocked.clear();
        }
        for token in page.added.iter().chain(&page.removed) {
            held.stale.remove(token);
        }
        held.tokens.extend(&page.added);
        page.removed.iter().for_each(|token| assert!(held.tokens.remove(token), "only what was told is removed"));
        held.blocked.extend(&page.blocked);
        page.unblocked.iter().for_each(|token| assert!(held.blocked.remove(token)));
        if page.last {
            held.stale.clear();
        }
    }

    /// Answers one order; `None` for those that are no matching.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]
    fn answer(&mut self, effect: &Effect) -> Option<Answer> {
        match effect {
            Effect::Blind { ticket, numbers } => {
                self.blinded.push(numbers.clone());
                self.jobs.insert(ticket.0, numbers.clone());
                let blinded = numbers.iter().map(|number| OprfElement(rig_pseudonym(MarkKeyId(0), *number).0));
                Some(Answer::Shell(OprfInput::Blinded { ticket: *ticket, blinded: Ok(blinded.collect()) }))
            }
            Effect::Finish { ticket, job, key, .. } => {
                let numbers = self.jobs.remove(&job.0);
                let outcome = match numbers {
                    _ if self.unproven => Err(OprfFault::Unproven),
                    None => Err(OprfFault::Forgotten),
                    Some(numbers) => {
                        let key = MarkKeyId(u32::from(key.0[0]));
                        Ok(numbers.iter().map(|number| rig_pseudonym(key, *number)).collect())
                    }
                };
                Some(Answer::Shell(OprfInput::Finished { ticket: *ticket, outcome }))
            }
            Effect::ForgetBlind { job } => {
                self.jobs.remove(&job.0);
                None
            }
            Effect::Send { frame: ClientFrame::Evaluate(ask), .. } => Some(Answer::Server(match &mut self.budget {
                Some((left, wait)) if *left < ask.blinded.len() => {
                    let (ticket, retry_after_ms) = (ask.ticket, *wait);
                    ServerFrame::Refused { ticket, reason: RefuseReason::Budget, retry_after_ms }
                }
                budget => {
                    budget.iter_mut().for_each(|(left, _)| *left -= ask.blinded.len());
                    let (ticket, key, evaluated) = (ask.ticket, ask.key, ask.blinded.clone());
                    ServerFrame::Evaluated(Evaluated { ticket, key, evaluated, proof: OprfProof([0; 64]) })
                }
            })),
            Effect::Send { frame: ClientFrame::TokensSync(_), .. } if self.deaf => None,
            Effect::Send { frame: ClientFrame::TokensSync(page), .. } => {
                self.hear(page);
                Some(Answer::Server(ServerFrame::Done { ticket: page.ticket }))
            }
            Effect::Send { frame: ClientFrame::OpenMark { ticket, open }, .. } => {
                self.open = *open;
                Some(Answer::Server(ServerFrame::Done { ticket: *ticket }))
            }
            _ => None,
        }
    }
}

enum Answer {
    Shell(OprfInput),
    Server(ServerFrame),
}

impl Rig {
    /// Opens the session and lets the server list its keys; everything about matching is answered until it is quiet.
    pub fn connect_with(&mut self, keys: &mut RigKeys) -> Vec<Effect> {
        let mut effects = self.connect();
        effects.extend(self.list(keys));
        effects
    }

    /// The server lists its keys.
    pub fn list(&mut self, keys: &mut RigKeys) -> Vec<Effect> {
        let effects = self.frame(ServerFrame::MarkKeys(keys.list()));
        self.matched(keys, effects)
    }

    /// Answers what these orders ask of key holder, server and shell, and what follows from it.
    pub fn matched(&mut self, keys: &mut RigKeys, effects: Vec<Effect>) -> Vec<Effect> {
        let mut all = Vec::new();
        let mut open = effects;
        while !open.is_empty() {
            let next: Vec<Effect> = open
                .iter()
                .filter_map(|effect| keys.answer(effect))
                .collect::<Vec<_>>()
                .into_iter()
                .flat_map(|answer| match answer {
                    Answer::Shell(input) => self.feed(Input::Oprf(input)),
                    Answer::Server(frame) => self.frame(frame),
                })
                .collect();
            all.append(&mut open);
            open = next;
        }
        all
    }

    /// Time passes, everything about matching and the session is answered.
    pub fn pass_with(&mut self, keys: &mut RigKeys, ms: u64) -> Vec<Effect> {
        let end = self.now + ms;
        let mut all = Vec::new();
        while self.now < end {
            let effects = self.pass_online((end - self.now).min(1_000));
            all.extend(self.matched(keys, effects));
        }
        all
    }
}

/// Whether anything about matching was sent.
pub fn is_silent(effects: &[Effect]) -> bool {
    !frames(effects).iter().any(|frame| matches!(frame, ClientFrame::TokensSync(_) | ClientFrame::Evaluate(_)))
}
