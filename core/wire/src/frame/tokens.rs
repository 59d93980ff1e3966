//! Private matching of contacts: blinded numbers one way, tokens the other, never a number (N10).

use tandem_model::{MarkKeyId, MarkPublicKey, MarkToken, OprfElement, OprfProof, Ticket, TokenDigest};

/// Asks the holder of a key to evaluate blinded numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluate {
    /// Echoed in [`crate::ServerFrame::Evaluated`].
    pub ticket: Ticket,
    /// Under this key.
    pub key: MarkKeyId,
    /// From 1 to [`crate::limits::EVALUATE_MAX`].
    pub blinded: Vec<OprfElement>,
}

/// Blinded numbers, evaluated, in the order they were asked in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// From the request.
    pub ticket: Ticket,
    /// The key.
    pub key: MarkKeyId,
    /// From 1 to [`crate::limits::EVALUATE_MAX`].
    pub evaluated: Vec<OprfElement>,
    /// That all of them were evaluated under the one key.
    pub proof: OprfProof,
}

/// Changes the tokens the server holds of this registration under one key. Answered by [`crate::ServerFrame::Done`] or
/// [`crate::ServerFrame::Refused`] and nothing else: a mark that follows travels unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokensSync {
    /// Echoed in the answer.
    pub ticket: Ticket,
    /// The key whose tokens these are.
    pub key: MarkKeyId,
    /// First page of a full sync: tokens told before and not told again until the last page are forgotten.
    pub replace: bool,
    /// Last page of a sync.
    pub last: bool,
    /// Tokens of contacts, added. All four lists together hold at most [`crate::limits::TOKENS_PAGE_MAX`].
    pub added: Vec<MarkToken>,
    /// Tokens of contacts, removed.
    pub removed: Vec<MarkToken>,
    /// Pair tokens of numbers my mark is never shown to.
    pub blocked: Vec<MarkToken>,
    /// Pair tokens of numbers blocked no more.
    pub unblocked: Vec<MarkToken>,
}

/// The live keys, and what the server holds under each of this registration. Sent right behind
/// [`crate::ServerFrame::Welcome`] and whenever a key comes or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkKeys {
    /// From 1 to [`crate::limits::MARK_KEYS_MAX`], by ascending id.
    pub keys: Vec<MarkKey>,
    /// Phones tell open tokens beside pair tokens.
    pub wants_open: bool,
    /// Whether whoever has my number may see my mark, as last set by [`crate::ClientFrame::OpenMark`].
    pub open: bool,
}

/// One live key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkKey {
    /// Its name, from 1.
    pub id: MarkKeyId,
    /// Evaluations are verified by it.
    pub public: MarkPublicKey,
    /// Tokens of contacts the server holds of this registration, without blocked ones.
    pub count: u32,
    /// Of the same tokens.
    pub digest: TokenDigest,
}
