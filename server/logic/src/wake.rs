//! Waking a phone that is offline: judging, activation, sending, and the ladder they are rungs of (S3, N7).
//!
//! A machine of its own with its own [`Input`] and [`Effect`], which the server will own; it is not wired to anything yet.
//! Everything here is about a *number*: one ladder for each, whoever and whatever waits for it. A ladder starts only for
//! what the store holds, the first return of the phone ends it, and what was accepted by a push service or a network is
//! never taken for a phone that is awake.
//!
//! ```text
//! Stored ──judging──> online: Deliver
//!             └─────> offline: push ─> activation ─> SMS wake ─> carrier ring ─> (spent) hint SMS
//!                              └──── Returned, Acknowledged ────> Deliver
//! ```

mod activation;
mod judging;
mod ladder;
mod learned;
mod machine;
mod sending;
mod terms;
#[cfg(test)]
mod tests;

pub use judging::{Relation, Standing, What};
pub use learned::{DeviceKind, Past};
pub use machine::Wake;
pub use terms::{
    ActivationFault, Allowances, Budgets, Effect, Held, Input, Means, Rung, RungOutcome, TokenId, Unreachable, View,
    WakeConfig, WakeId,
};
