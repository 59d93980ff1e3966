#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the effects it is about")]

mod anything;
mod callee;
mod caller;
mod carrier;
mod crossing;
mod pair;
mod talk;
