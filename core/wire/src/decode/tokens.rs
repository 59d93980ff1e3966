//! Blinded numbers and tokens: lists of equal pieces, each list one field of bytes.

use tandem_model::{MarkKeyId, MarkPublicKey, MarkToken, OprfElement, OprfProof, Ticket, TokenDigest};

use super::check;
use crate::error::WireError;
use crate::frame::{Evaluate, Evaluated, MarkKey, MarkKeys, TokensSync};
use crate::limits::{EVALUATE_MAX, MARK_KEYS_MAX, TOKENS_PAGE_MAX};
use crate::schema;

pub(super) fn tokens_sync(sync: &schema::TokensSync) -> Result<TokensSync, WireError> {
    let lists = [&sync.added, &sync.removed, &sync.blocked, &sync.unblocked];
    if lists.iter().map(|list| list.len()).sum::<usize>() > TOKENS_PAGE_MAX * size_of::<MarkToken>() {
        return Err(WireError::TooLarge);
    }
    Ok(TokensSync {
        ticket: check::ticket(sync.ticket)?,
        key: key(sync.key)?,
        replace: sync.replace,
        last: sync.last,
        added: pieces(&sync.added, "added", MarkToken)?,
        removed: pieces(&sync.removed, "removed", MarkToken)?,
        blocked: pieces(&sync.blocked, "blocked", MarkToken)?,
        unblocked: pieces(&sync.unblocked, "unblocked", MarkToken)?,
    })
}

pub(super) fn evaluate(ask: &schema::Evaluate) -> Result<Evaluate, WireError> {
    Ok(Evaluate { ticket: check::ticket(ask.ticket)?, key: key(ask.key)?, blinded: elements(&ask.blinded, "blinded")? })
}

pub(super) fn evaluated(answer: &schema::Evaluated) -> Result<Evaluated, WireError> {
    Ok(Evaluated {
        ticket: Ticket(answer.ticket),
        key: key(answer.key)?,
        evaluated: elements(&answer.evaluated, "evaluated")?,
        proof: OprfProof(check::array(&answer.proof, "proof")?),
    })
}

pub(super) fn mark_keys(live: &schema::MarkKeys) -> Result<MarkKeys, WireError> {
    let keys: Vec<MarkKey> = live.keys.iter().map(mark_key).collect::<Result<_, _>>()?;
    match keys.len() {
        0 => return Err(WireError::Missing { field: "keys" }),
        1..=MARK_KEYS_MAX => {}
        _ => return Err(WireError::TooLarge),
    }
    if !keys.is_sorted_by(|a, b| a.id < b.id) {
        return Err(WireError::OutOfRange { field: "keys.id" });
    }
    Ok(MarkKeys { keys, wants_open: live.wants_open, open: live.open })
}

fn mark_key(live: &schema::MarkKey) -> Result<MarkKey, WireError> {
    Ok(MarkKey {
        id: match live.id {
            0 => return Err(WireError::Missing { field: "keys.id" }),
            id => MarkKeyId(id),
        },
        public: MarkPublicKey(check::array(&live.public, "keys.public")?),
        count: live.count,
        digest: TokenDigest(check::array(&live.digest, "keys.digest")?),
    })
}

const fn key(id: u32) -> Result<MarkKeyId, WireError> {
    if id == 0 { Err(WireError::Missing { field: "key" }) } else { Ok(MarkKeyId(id)) }
}

fn elements(bytes: &[u8], field: &'static str) -> Result<Vec<OprfElement>, WireError> {
    if bytes.is_empty() {
        return Err(WireError::Missing { field });
    }
    if bytes.len() > EVALUATE_MAX * size_of::<OprfElement>() {
        return Err(WireError::TooLarge);
    }
    pieces(bytes, field, OprfElement)
}

/// Cuts a list into its pieces. One that does not come out even is refused.
fn pieces<const N: usize, T>(bytes: &[u8], field: &'static str, piece: fn([u8; N]) -> T) -> Result<Vec<T>, WireError> {
    let (whole, rest) = bytes.as_chunks::<N>();
    if rest.is_empty() { Ok(whole.iter().copied().map(piece).collect()) } else { Err(WireError::OutOfRange { field }) }
}
