//! Blinded numbers and tokens.

use tandem_model::MarkToken;

use crate::frame::{Evaluate, Evaluated, MarkKey, MarkKeys, TokensSync};
use crate::schema;

pub(super) fn tokens_sync(sync: &TokensSync) -> schema::TokensSync {
    schema::TokensSync {
        ticket: sync.ticket.0,
        key: sync.key.0,
        replace: sync.replace,
        last: sync.last,
        added: tokens(&sync.added),
        removed: tokens(&sync.removed),
        blocked: tokens(&sync.blocked),
        unblocked: tokens(&sync.unblocked),
    }
}

fn tokens(list: &[MarkToken]) -> Vec<u8> {
    list.iter().flat_map(|token| token.0).collect()
}

pub(super) fn evaluate(ask: &Evaluate) -> schema::Evaluate {
    let blinded = ask.blinded.iter().flat_map(|element| element.0).collect();
    schema::Evaluate { ticket: ask.ticket.0, key: ask.key.0, blinded }
}

pub(super) fn evaluated(answer: &Evaluated) -> schema::Evaluated {
    schema::Evaluated {
        ticket: answer.ticket.0,
        key: answer.key.0,
        evaluated: answer.evaluated.iter().flat_map(|element| element.0).collect(),
        proof: answer.proof.0.to_vec(),
    }
}

pub(super) fn mark_keys(live: &MarkKeys) -> schema::MarkKeys {
    schema::MarkKeys { keys: live.keys.iter().map(mark_key).collect(), wants_open: live.wants_open, open: live.open }
}

fn mark_key(live: &MarkKey) -> schema::MarkKey {
    schema::MarkKey { id: live.id.0, public: live.public.0.to_vec(), count: live.count, digest: live.digest.0.to_vec() }
}
